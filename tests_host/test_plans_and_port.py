"""The memory plan of each board is consistent, and each board of ports/stm32 agrees with its chip and with the port.

What the port uses is read from the source tree that `make` builds with. ST's headers are in that tree only if it is a
checkout with lib/stm32lib (MICROPYTHON_DIR); test_memories_of_the_chip_are_those_of_its_header is there only then.
"""

import chip_facts
import pytest

from board_list import boards_of
from emulated_board import memory_map
from harness.plan_faults import differences, inconsistencies, unlike_header, wrong_reach
from harness.stm32_port import evaluate, has_chip_headers, port

K, M = 1 << 10, 1 << 20

F405 = {
    "CCM": (0x10000000, 64 * K, ""),
    "SRAM1, SRAM2": (0x20000000, 128 * K, "DMA"),
}
"""Memories of a chip: name -> (base, size, which masters reach it). Source: RM0090, 2.1 and 2.3.1."""
F429 = {
    "CCM": (0x10000000, 64 * K, ""),
    "SRAM1, SRAM2, SRAM3": (0x20000000, 192 * K, "DMA"),
    "SDRAM bank 2": (0xD0000000, 256 * M, "DMA"),
}
"""The same; the FMC's banks: RM0090, 37.4."""
F76X = {
    "DTCM": (0x20000000, 128 * K, "DMA"),
    "SRAM1, SRAM2": (0x20020000, 384 * K, "DMA DMA2D LTDC"),
    "SDRAM bank 1": (0xC0000000, 256 * M, "DMA DMA2D LTDC"),
}
"""The same. Source: RM0410, 2.1 and 2.3; the FMC's banks: 13.4."""
H743 = {
    "DTCM": (0x20000000, 128 * K, "MDMA"),
    "AXI SRAM": (0x24000000, 512 * K, "DMA MDMA DMA2D LTDC SDMMC1 ETH"),
    "SRAM1, SRAM2, SRAM3": (0x30000000, 288 * K, "DMA MDMA DMA2D ETH"),
    "SRAM4": (0x38000000, 64 * K, "DMA BDMA MDMA"),
}
"""The same. Source: RM0433, 2.1.6 and 2.4; AN4891, 2.4.3 and table 4."""

MEMORIES = {
    "STM32F405xx": F405,
    "STM32F407xx": F405,
    "STM32F429xx": F429,
    "STM32F767xx": F76X,
    "STM32F769xx": F76X,
    "STM32H743xx": H743,
}

each_board = pytest.mark.parametrize("board", boards_of("qemu", "rp2", "stm32"))
each_stm32_board = pytest.mark.parametrize("board", boards_of("stm32"))


def memories(board):
    return MEMORIES[port(board).settings["CMSIS_MCU"]]


@each_board
def test_plan_is_consistent(board):
    """Names, sizes, alignments and attributes are legal; nothing overlaps; records lie beside RETAINED memory."""
    assert inconsistencies(memory_map(board)) == []


@each_stm32_board
def test_each_region_and_block_is_in_one_memory_that_its_masters_reach(board):
    assert wrong_reach(memory_map(board), memories(board)) == []


@each_stm32_board
def test_plan_agrees_with_the_files_of_the_port(board):
    """Flash, RAM, stack, heap, the file system's cache, Ethernet, SDRAM and what is cached are as the port has them."""
    assert differences(memory_map(board), port(board)) == []


@pytest.mark.parametrize("chip", sorted(MEMORIES))
def test_both_tables_of_what_reaches_a_memory_agree(chip):
    """MEMORIES is for tests against the port's files, chip_facts.py for tests on boards. Each was made from documents
    on its own, so that a slip in one of them shows here."""
    facts = chip_facts.REACH[chip.removesuffix("xx").replace("STM32F407", "STM32F405")]
    for name, (base, size, words) in MEMORIES[chip].items():
        assert {word for word in facts if chip_facts.covers(facts[word], base, base + size)} == set(words.split()), name
        for word in facts.keys() - set(words.split()):
            assert not chip_facts.touches(facts[word], base, base + size), (name, word)


if has_chip_headers():

    @each_stm32_board
    def test_memories_of_the_chip_are_those_of_its_header(board):
        assert unlike_header(memories(board), port(board).chip_memories) == []


def changed(board, **constants):
    """Return the board's memory plan with other values for some constants."""
    return memory_map(board) | constants


def moved(board, constant, name, **changes):
    """Return the plan of the board, with another base, size, frame size or words for the entry *name* of *constant*."""
    places = {"base": 1, "size": 2, "frame_size": 3, "words": 4 if constant == "REGIONS" else 3}
    rows = []
    for row in memory_map(board)[constant]:
        row = list(row)
        for what, value in changes.items() if row[0] == name else ():
            row[places[what]] = value
        rows.append(tuple(row))
    return changed(board, **{constant: tuple(rows)})


def without(board, constant, name):
    """Return the plan of the board without the entry *name* of *constant*."""
    return changed(board, **{constant: tuple(row for row in memory_map(board)[constant] if row[0] != name)})


def with_words(board, words):
    """Return the plan of the board in which each entry that DMA reaches has *words*, too, and no other has them."""
    plan = memory_map(board)
    for constant in ("REGIONS", "OCCUPIED"):
        rows = []
        for *row, old in plan[constant]:
            kept = [word for word in old.split() if word not in words.split()]
            rows.append((*row, " ".join([*kept, words] if "DMA" in kept else kept)))
        plan[constant] = tuple(rows)
    return plan


@pytest.mark.parametrize(
    ("plan", "fault"),
    [
        (moved("PYBV11", "REGIONS", "sram", frame_size=1000), "the frame size of sram, 1000, is not a power of two"),
        (moved("PYBV11", "REGIONS", "sram", frame_size=16), "the frame size of sram, 16, is not a power of two"),
        (moved("PYBV11", "REGIONS", "sram", base=0x20014200), "sram is not whole frames of 1024 bytes"),
        (moved("PYBV11", "REGIONS", "sram", size=0), "sram is not whole frames of 1024 bytes"),
        (moved("PYBV11", "REGIONS", "sram", base=0x20013C00), "sram overlaps micropython"),
        (moved("PYBV11", "REGIONS", "sram", size=0x8000), "sram overlaps records"),
        (moved("PYBV11", "REGIONS", "sram", words="DMA FST"), "sram has attributes that the board lacks: ['FST']"),
        (moved("PYBV11", "REGIONS", "sram", words="MDMA"), "sram has attributes that the board lacks: ['MDMA']"),
        (moved("PYBV11", "REGIONS", "sram", words="DMA"), "the records at 0x2001bc00 are not beside a RETAINED region"),
        (moved("PYBV11", "REGIONS", "sram", words="CACHED RETAINED"), "sram is CACHED and RETAINED"),
        (moved("PYBV11", "OCCUPIED", "stack", base=0x2001BFF8), "stack is not whole frames of 4096 bytes"),
        (changed("PYBV11", RETAINED_RECORDS=(0x2001BC00, 0x3C1)), "are not whole places of 64 bytes"),
        (changed("PYBV11", GC_HEAP_END=0x20014010), "the heap ends at 0x20014010, outside micropython"),
        (changed("NUCLEO_H743ZI", BUS_MASTERS=("BDMA", "MDMA", "DMA2D", "LTDC", "SDMMC1", "DMA")), "BUS_MASTERS has"),
        (with_words("STM32F769DISC", "DMA2D LTDC"), "DMA2D reaches what DMA reaches, so it needs no word of its own"),
    ],
)
def test_inconsistency_is_found(plan, fault):
    assert any(fault in found for found in inconsistencies(plan))


@pytest.mark.parametrize(
    ("board", "plan", "fault"),
    [
        ("PYBV11", moved("PYBV11", "OCCUPIED", "filesystem_cache", words="DMA FAST"), "which [] reach, not ['DMA']"),
        ("PYBV11", moved("PYBV11", "REGIONS", "sram", base=0x20020000), "is not in one memory of the chip"),
        ("STM32F429DISC", moved("STM32F429DISC", "REGIONS", "sdram", base=0xC0000000), "is not in one memory"),
        ("STM32F429DISC", moved("STM32F429DISC", "REGIONS", "sdram", words="DMA"), "should be EXTERNAL"),
        ("NUCLEO_H743ZI", moved("NUCLEO_H743ZI", "REGIONS", "d3", words="DMA BDMA MDMA DMA2D"), "d3 is in SRAM4"),
        ("NUCLEO_H743ZI", moved("NUCLEO_H743ZI", "REGIONS", "d2", words="DMA MDMA DMA2D ETH SDMMC1"), "d2 is in SRAM1"),
        ("NUCLEO_H743ZI", moved("NUCLEO_H743ZI", "OCCUPIED", "filesystem_cache", words="DMA MDMA"), "is in DTCM"),
        ("NUCLEO_H743ZI", moved("NUCLEO_H743ZI", "REGIONS", "d2", size=0x50000), "d2 at 0x30000000 is not in one"),
    ],
)
def test_wrong_reach_is_found(board, plan, fault):
    assert any(fault in found for found in wrong_reach(plan, memories(board)))


WRONG_BANK = "EXTERNAL regions are at [0xc0000000, 0x800000], but the SDRAM that the port switches on at [0xd0000000"


@pytest.mark.parametrize(
    ("board", "plan", "fault"),
    [
        (
            "PYBV11",
            moved("PYBV11", "OCCUPIED", "firmware", size=0xE0000),
            "firmware is at [0x08000000, 0xe0000], but for the port at [0x08000000, 0x100000]",
        ),
        (
            "PYBV11",
            without("PYBV11", "OCCUPIED", "filesystem_cache"),
            "filesystem_cache is at nothing, but for the port at [0x10000000, 0x10000]",
        ),
        ("PYBV11", moved("PYBV11", "OCCUPIED", "filesystem_cache", size=0x4000), "filesystem_cache is at"),
        ("PYBV11", moved("PYBV11", "REGIONS", "sram", size=0x8000), "sram overlaps the stack at 0x2001bff8"),
        ("PYBV11", moved("PYBV11", "REGIONS", "sram", size=0x7800), "nothing uses the memory from 0x2001b800"),
        ("PYBV11", moved("PYBV11", "OCCUPIED", "stack", base=0x2001D000), "but its block at 0x2001d000"),
        ("PYBV11", moved("PYBV11", "OCCUPIED", "micropython", base=0x20001000), "micropython does not start where"),
        ("PYBV11", moved("PYBV11", "REGIONS", "sram", words="DMA FAST CACHED"), "sram should not be CACHED"),
        ("PYBV11", changed("PYBV11", RETAINED_RECORDS=(0x2001BC00, 0x400)), "records overlaps the stack"),
        ("PYBV11", changed("PYBV11", GC_HEAP_END=0x2001C000), "above 0x2001bff8, in the stack"),
        ("STM32F429DISC", moved("STM32F429DISC", "REGIONS", "sdram", base=0xC0000000), WRONG_BANK),
        (
            "STM32F429DISC",
            moved("STM32F429DISC", "REGIONS", "sdram", size=16 * M),
            "EXTERNAL regions are at [0xd0000000, 0x1000000]",
        ),
        ("STM32F429DISC", without("STM32F429DISC", "REGIONS", "sdram"), "EXTERNAL regions are at nothing, but"),
        ("STM32F769DISC", moved("STM32F769DISC", "REGIONS", "sdram", words="DMA EXTERNAL"), "sdram should be CACHED"),
        ("STM32F769DISC", moved("STM32F769DISC", "REGIONS", "dtcm", words="DMA CACHED"), "dtcm should not be CACHED"),
        (
            "STM32F769DISC",
            changed("STM32F769DISC", RETAINED_RECORDS=(0x20070000, 0x400)),
            "records at 0x20070000 are cached",
        ),
        ("NUCLEO_H743ZI", moved("NUCLEO_H743ZI", "REGIONS", "sram", words="DMA"), "sram should be CACHED"),
        ("NUCLEO_H743ZI", moved("NUCLEO_H743ZI", "REGIONS", "d3", words="DMA CACHED"), "d3 should not be CACHED"),
        (
            "NUCLEO_H743ZI",
            moved("NUCLEO_H743ZI", "REGIONS", "d2", size=0x48000),
            "the port's .eth_buffers at 0x30040000",
        ),
        ("NUCLEO_H743ZI", moved("NUCLEO_H743ZI", "OCCUPIED", "ethernet", size=0x4000), "the port's .eth_buffers"),
        ("NUCLEO_F767ZI", moved("NUCLEO_F767ZI", "REGIONS", "cached", words="DMA"), "cached should be CACHED"),
    ],
)
def test_difference_from_the_port_is_found(board, plan, fault):
    assert any(fault in found for found in differences(plan, port(board)))


@pytest.mark.parametrize(
    ("memory", "fault"),
    [
        ((0x24000000, 512 * K, ""), None),
        ((0x24000000, 320 * K, ""), "AXI SRAM is at [0x24000000, 0x80000] in the header of the chip"),
        ((0x20000000, 512 * K, ""), "AXI SRAM is at [0x24000000, 0x80000] in the header of the chip"),
    ],
)
def test_memory_unlike_the_header_is_found(memory, fault):
    header = {"D1_AXISRAM_BASE": (0x24000000, 0x80000), "FLASH_BASE": (0x08000000, 0x200000)}
    assert unlike_header({"AXI SRAM": memory}, header) == ([fault] if fault else [])


def test_memory_in_parts_is_as_long_as_the_parts_together():
    header = {"SRAM1_BASE": (0x20000000, 112 * K), "SRAM2_BASE": (0x2001C000, 16 * K)}
    assert unlike_header({"SRAM1, SRAM2": (0x20000000, 128 * K, "")}, header) == []
    gap = header | {"SRAM2_BASE": (0x20020000, 16 * K)}
    assert unlike_header({"SRAM1, SRAM2": (0x20000000, 128 * K, "")}, gap) == [
        "SRAM1, SRAM2 is at [0x20000000, 0x1c000] [0x20020000, 0x4000] in the header of the chip"
    ]
    assert unlike_header({"SRAM1, SRAM2": (0x20000000, 128 * K, "")}, {}) == [
        "SRAM1, SRAM2 is at nothing in the header of the chip"
    ]


def test_expressions_are_evaluated_as_make_and_the_linker_do():
    """Units, suffixes, comments, names; values by arithmetic."""
    assert evaluate("128K") == 131072
    assert evaluate("2M /* all */ - 16K") == 2080768
    assert evaluate("(64 / 8 * 1024 * 1024)") == 8388608
    assert evaluate("0x20000000UL + top", {"top": 16}) == 0x20000010
    assert evaluate("(1 << 4) | 3U") == 19
