"""The firmware of each board stays out of the memory that physmem allocates: checked in the ELF file.

Firmware for the chips of ports/stm32 is built, and tested here, only if MicroPython's source tree is a checkout with
lib/stm32lib (MICROPYTHON_DIR). The port's firmware for QEMU is always tested.
"""

import re

import pytest

from board_list import boards_of, chip, mpy_cross_option, port_of, runs_in_qemu
from emulated_board import ROOT, memory_map
from harness.firmware_image import Uf2, faults, image_of, is_armv6m, overlap, wide_instructions
from harness.stm32_port import has_chip_headers, port

REGION = ("sram", 0x2000, 0x1000, 256, "DMA")
BLOCK = ("micropython", 0x1000, 0x1000)

FLASH = 0x10000000
FAMILIES = {"rp2040": 0xE48BFF56, "rp2350": 0xE48BFF59}
"""Chip -> family ID of its .uf2 files. Source: Microsoft's list of UF2 families."""
ARCHITECTURES = {"-march=armv6m": 4, "-march=armv7m": 5, "-march=armv7emsp": 7, "-march=armv7emdp": 8}
"""mpy-cross option -> number of the architecture in .mpy files. Source: MicroPython, py/persistentcode.h."""


@pytest.fixture(scope="module")
def board_map(board):
    return memory_map(board)


@pytest.fixture(scope="module")
def image(board):
    return image_of(board)


def each_of(*ports):
    """Parametrize a test by the boards of *ports* that have firmware: one worker runs all tests of a board, and reads
    its image once."""
    built = [
        board for board in boards_of(*ports) if port_of(board) != "stm32" or runs_in_qemu(board) or has_chip_headers()
    ]
    boards = [pytest.param(board, marks=pytest.mark.xdist_group(f"image-{board}")) for board in built]
    return pytest.mark.parametrize("board", boards, scope="module")


all_boards = each_of("qemu", "rp2", "stm32")
qemu_boards = each_of("qemu")
rp2_boards = each_of("rp2")
stm32_boards = each_of("stm32")


@all_boards
def test_image_data_heap_and_stack_lie_in_occupied_blocks_outside_every_region(image, board_map):
    names = {name for name, _, _ in image.parts}
    assert any(name.startswith("load image") for name in names)
    assert {".text", ".bss", "gc_heap", "stack"} <= names
    assert faults(image.parts, board_map["REGIONS"], board_map["OCCUPIED"]) == []


@all_boards
def test_records_lie_in_memory_that_nothing_else_uses(image, board_map):
    """Neither start-up code (.data, .bss with the heap, the stack) nor a region uses it."""
    records = ("records", *board_map["RETAINED_RECORDS"])
    assert records[2] > 0
    assert faults(image.parts, [*board_map["REGIONS"], records], board_map["OCCUPIED"]) == []


@all_boards
@pytest.mark.parametrize("place", [".data", ".bss", "gc_heap", "stack", "sram"])
def test_records_in_memory_that_is_used_are_found(image, board_map, place):
    place = board_map["REGIONS"][0][0] if place == "sram" else place
    name, base, size = next(part[:3] for part in [*image.parts, *board_map["REGIONS"]] if part[0] == place)
    records = ("records", base + size - 64, 192)
    found = faults(image.parts, [*board_map["REGIONS"], records], board_map["OCCUPIED"])
    assert any(name in fault and "records" in fault for fault in found)


@qemu_boards
def test_stack_and_static_memory_do_not_meet(image, board_map):
    assert image.value("_ebss") <= image.value("_estack") - board_map["STACK_SIZE"]


@qemu_boards
def test_linker_uses_the_numbers_of_the_board(image, board_map):
    blocks = {name: (base, size) for name, base, size, *_ in board_map["OCCUPIED"]}
    base, size = blocks["micropython"]
    assert image.value("_estack") == base + size
    assert (image.initial_stack, image.text[0]) == (base + size, blocks["firmware"][0])
    assert image.value("_sdata") == base
    assert image.size("gc_heap") == board_map["GC_HEAP_SIZE"]
    assert image.value("physmem_stack_size") == board_map["STACK_SIZE"]


@all_boards
def test_library_board_and_boot_stage_are_frozen_in(image):
    library = [path.name for path in (ROOT / "lib").glob("*.py")]
    assert "physmem.py" in library
    names = [*library, "physmem_board.py", "physmem_boot.py"]
    assert [name for name in names if not image.has_string(name)] == []
    assert not image.has_string("physmem_absent.py")


@rp2_boards
def test_heap_ends_where_the_map_says_and_nobody_else_makes_one(image, board_map):
    assert image.gc_heap_end == board_map["GC_HEAP_END"] < image.value("__GcHeapEnd")
    assert image.callers["__wrap_gc_init"] == {"main"}
    assert image.callers["gc_init"] == {"__wrap_gc_init"}


@rp2_boards
def test_all_that_the_port_leaves_is_handed_out_or_used(image, board_map):
    """From the heap's end in the memory plan to its end in the stock port lie regions and records without a gap."""
    records = ("records", *board_map["RETAINED_RECORDS"])
    blocks = sorted((base, base + size) for _, base, size, *_ in [*board_map["REGIONS"], records] if base >= 0x20000000)
    ends = [image.gc_heap_end, *(end for _, end in blocks)]
    assert [begin for begin, _ in blocks] + [image.value("__GcHeapEnd")] == ends


@rp2_boards
def test_scratch_banks_are_the_stack_and_hold_nothing_else(image, board_map):
    bank_x = image.value("__scratch_x_start__")
    assert image.value("__StackBottom") <= bank_x
    assert image.initial_stack == image.value("__StackTop") == bank_x + 0x2000
    for bank in ("x", "y"):
        assert image.value(f"__scratch_{bank}_start__") == image.value(f"__scratch_{bank}_end__")


@rp2_boards
def test_image_ends_below_the_file_system(image, board_map):
    _, offset, size = image.words(image.value("rp2_flash_obj"), 3)
    _, base, length, *_ = next(block for block in board_map["OCCUPIED"] if block[0] == "firmware")
    assert (base, base + length) == (FLASH, FLASH + offset)
    assert size > 0


@rp2_boards
def test_boot_stage_and_spin_lock_are_linked_in(image):
    assert image.callers["physmem_boot_stage"] == {"mp_init"}
    assert image.callers["physmem_claim_spin_lock"] == {"main"}
    assert image.callers["spin_lock_claim"] == {"physmem_claim_spin_lock"}


@rp2_boards
def test_spin_lock_is_one_that_the_sdk_lets_claim(board_map):
    number = (board_map["SPIN_LOCK"] - 0xD0000100) / 4  # SIO_BASE + SPINLOCK0; RP2040 datasheet, 2.3.1.7
    assert number in range(24, 32)  # PICO_SPINLOCK_ID_CLAIM_FREE_FIRST and _LAST; erratum RP2350-E2 affects none


@stm32_boards
def test_heap_of_the_stm32_port_lies_between_bss_and_the_end_in_the_map(image, board_map):
    start = next(base for name, base, _ in image.parts if name == "gc_heap")
    assert image.value("_ebss") == start < image.gc_heap_end
    assert image.gc_heap_end == board_map["GC_HEAP_END"] <= image.value("_heap_end")
    assert image.callers["gc_init"] == {"stm32_main"}


@stm32_boards
def test_nothing_uses_the_lowest_bytes_of_the_stack(image, board_map):
    """The port's stack ends a few bytes below a page, and an occupied block consists of whole pages."""
    records = ("records", *board_map["RETAINED_RECORDS"])
    heap = next(part for part in image.parts if part[0] == "gc_heap")
    used = [*board_map["REGIONS"], records, heap]
    assert image.lowest_of_stack[2] == 8
    assert [part[0] for part in used if overlap(image.lowest_of_stack, part)] == []
    assert image.initial_stack == image.value("_estack")


@stm32_boards
def test_boot_stage_of_the_stm32_port_is_called_once(board, image):
    """At the end of mp_init(): from there, or from this project's board.c, which is called there."""
    has_board_file = (ROOT / "boards" / board / "board.c").exists()
    assert image.callers["physmem_boot_stage"] == ({"physmem_board_start"} if has_board_file else {"mp_init"})
    assert image.callers["physmem_board_start"] == ({"mp_init"} if has_board_file else set())


@stm32_boards
def test_stm32_image_and_its_files_do_not_overlap(board, image, board_map):
    """The image starts with the vectors at the start of the flash, and leaves out the file system between its parts."""
    _, base, *_ = next(block for block in board_map["OCCUPIED"] if block[0] == "firmware")
    assert image.flash_start == base
    if port(board).has_internal_files():
        start = image.value("_micropy_hw_internal_flash_storage_start")
        files = ("files", start, image.value("_micropy_hw_internal_flash_storage_end") - start)
        loaded = [(f"load image {i}", at, len(data)) for i, (at, _, data) in enumerate(image.segments)]
        assert files[2] > 0
        assert [part[0] for part in loaded if overlap(part, files)] == []


@stm32_boards
def test_sdram_is_switched_on_if_the_map_has_some(image, board_map):
    """And not tested at each start, which would write to it."""
    has_sdram = any("EXTERNAL" in words.split() for *_, words in board_map["REGIONS"])
    assert image.callers["sdram_init"] == ({"stm32_main"} if has_sdram else set())
    assert image.callers["sdram_test"] == set()


@stm32_boards
def test_memory_that_is_to_be_uncached_is_made_so(board, image):
    """board.c gives the MPU the constants for: execute never, full access, TEX 1, C 0, B 0, 2 ** (SIZE + 1) bytes, on.

    Source: Armv7-M manual, B3.5.8 and B3.5.9.
    """
    for _, base, size in port(board).uncached():
        attributes = 1 << 28 | 3 << 24 | 1 << 19 | (size.bit_length() - 2) << 1 | 1
        code = image.disassembly("physmem_board_start")
        numbers = {int(found, 0) for line in code for found in re.findall(r"(?:#|\.word\s+)(0x[0-9a-f]+|\d+)", line)}
        assert {base, attributes} <= numbers


@rp2_boards
def test_psram_is_looked_after_if_the_map_has_some(image, board_map):
    """The port sets up PSRAM again after writing to flash and after a change of the clock."""
    callers = image.callers["psram_init"]
    if any(name == "psram" for name, *_ in board_map["REGIONS"]):
        assert "main" in callers
        assert callers & {"end_critical_flash_section", "rp2_flash_writeblocks"}  # the compiler may inline the first
        assert callers & {"mp_machine_set_freq", "machine_freq"}
        assert image.psram_gc_end == board_map["PSRAM_GC_END"]
        has_share = any(name == "gc_heap in PSRAM" for name, _, _ in image.parts)
        assert image.callers["gc_add"] == ({"__wrap_gc_add"} if has_share else set())
        assert image.has_string("physmem_boot_psram.py")
    else:
        assert not callers and not image.callers["gc_add"]


@rp2_boards
def test_machine_code_is_for_the_core(board, image):
    code = [name for name in image.symbols if re.match(r"fun_data_physmem_(engine|records|thumb)\w*_dot_py\d*$", name)]
    assert len(code) > 20
    assert any("_thumb_" in name for name in code)
    wide = [instruction for name in code for instruction in wide_instructions(image.code(name)[1])]
    assert wide
    assert all(map(is_armv6m, wide)) == (chip(board) == "rp2040")


@rp2_boards
def test_machine_code_is_aligned_to_words(image):
    """Armv6-M reads words only at multiples of 4, and machine code starts with a word or loads constants beside it."""
    code = [name for name in image.symbols if re.match(r"fun_data_physmem_\w+", name)]
    native = [name for name in code if image.value(name) in image.text]
    assert native
    assert [name for name in native if image.value(name) % 4] == []


@all_boards
def test_frozen_modules_were_compiled_for_the_core(board):
    for name in ("physmem_direct", "physmem_engine", "physmem_records", "physmem_thumb"):
        header = (ROOT / "build" / board / "frozen_mpy" / f"{name}.mpy").read_bytes()[:4]
        assert header[:2] == b"M\x06"
        assert header[2] >> 2 == ARCHITECTURES[mpy_cross_option(board)]


def test_instructions_are_told_apart():
    bl, dmb, movw, ldr_w = 0xF800F000, 0x8F5FF3BF, 0x1234F241, 0x2178F8D3
    code = b"".join(
        [
            b"\x00\xbf",  # nop
            bl.to_bytes(4, "little"),
            dmb.to_bytes(4, "little"),
            bytes.fromhex("004a 01e0 ffff ff3f"),  # ldr r2, [pc]; b over 0x3fffffff
            movw.to_bytes(4, "little"),
            ldr_w.to_bytes(4, "little"),
        ]
    )
    found = wide_instructions(code)
    assert [is_armv6m(instruction) for instruction in found] == [True, True, False, False]


@rp2_boards
def test_uf2_file_is_the_image_for_the_chip(board, image):
    uf2 = Uf2(board)
    assert uf2.family == FAMILIES[chip(board)]
    assert uf2.base == FLASH
    expected = bytearray(len(uf2.data))
    for base, _, data in image.segments:
        expected[base - FLASH : base - FLASH + len(data)] = data
    assert uf2.data == expected


@pytest.mark.parametrize(
    ("parts", "regions", "occupied", "fault"),
    [
        ([(".bss", 0x1F00, 0x100)], [REGION], [BLOCK], None),
        ([(".bss", 0x1F00, 0x101)], [], [BLOCK], ".bss at 0x00001f00, 0x101 bytes, is outside every occupied block"),
        ([(".bss", 0x2FFF, 1)], [REGION], [("all", 0, 0x8000)], ".bss at 0x00002fff overlaps region sram"),
        ([], [REGION], [("micropython", 0x1001, 0x1000)], "sram overlaps micropython"),
        ([], [REGION, ("psram", 0x2FFF, 1)], [], "sram overlaps psram"),
    ],
)
def test_faults_are_found(parts, regions, occupied, fault):
    found = faults(parts, regions, occupied)
    assert fault in found if fault else found == []


@all_boards
def test_wrong_map_is_found(image, board_map):
    occupied = [(name, base, size // 64) for name, base, size, *_ in board_map["OCCUPIED"]]
    assert any("gc_heap" in fault for fault in faults(image.parts, board_map["REGIONS"], occupied))
    heap = next(part for part in image.parts if part[0] == "gc_heap")
    regions = [("heap", heap[1], 4096, 4096, "DMA")]
    assert any("overlaps region heap" in fault for fault in faults(image.parts, regions, board_map["OCCUPIED"]))
