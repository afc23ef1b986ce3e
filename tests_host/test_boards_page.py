"""docs/boards.md has a part for each board that you can flash, with the figures of its memory plan and its image.

The images of the stm32 boards are only built from a checkout with lib/stm32lib (MICROPYTHON_DIR). Without one,
test_the_heaps_are_those_of_the_image does not run for them; the other tests do.
"""

import re

import boards_page
import pytest
from board_list import port_of
from emulated_board import memory_map
from harness.stm32_port import has_chip_headers

PARTS = {found["board"]: found["text"] for found in boards_page.PART.finditer(boards_page.DOCUMENT.read_text())}
TOLERANCE = 0.02  # of the heap's size: the size of .bss depends on the compiler and on the version of the port

BOARDS = boards_page.flashable_boards()
BUILT = [board for board in BOARDS if port_of(board) == "rp2" or has_chip_headers()]

each_board = pytest.mark.parametrize("board", BOARDS)
each_built_board = pytest.mark.parametrize("board", BUILT)


def test_each_board_has_one_part_and_each_part_a_board():
    assert sorted(PARTS) == sorted(BOARDS)


@each_board
def test_the_heap_starts_behind_bss_and_ends_where_the_map_says(board):
    """The rows of .bss and of the heap in SRAM fill the memory from the block micropython to the end of the heap."""
    row = r"^\| {} \| `(0x\w+)` \| ([\d,]+) \|$"
    bss, heap = (
        [(int(base, 16), int(size.replace(",", ""))) for base, size in re.findall(row.format(what), PARTS[board], re.M)]
        for what in (r"code that runs from RAM, `\.data`, `\.bss`", "heap of the garbage collector")
    )
    base = next(base for name, base, *_ in memory_map(board)["OCCUPIED"] if name == "micropython")
    assert [start for start, _ in bss] == [base]
    assert (base + bss[0][1], memory_map(board)["GC_HEAP_END"]) in [(start, start + size) for start, size in heap]


@each_board
def test_the_map_is_on_the_page(board):
    """The page has everything in physmem_board.py. The build decides where .bss ends and the heap starts."""
    constants = memory_map(board)
    for name, base, size, frame_size, attributes in constants["REGIONS"]:
        row = rf"region `{name}`: {size // frame_size:,} frames of {frame_size:,} bytes; {attributes}"
        assert f"| {row} | `{base:#010x}` | {size:,} |" in PARTS[board]
    blocks = [("records", *constants["RETAINED_RECORDS"]), *constants["OCCUPIED"]]
    for name, base, size, *_ in blocks:
        assert f"`{base:#010x}` |" in PARTS[board], name
        assert name == "micropython" or f"`{base:#010x}` | {size:,} |" in PARTS[board], name


@each_built_board
def test_the_heaps_are_those_of_the_image(board):
    """The page has the heaps of the stock port and of physmem's image, in SRAM and in PSRAM."""
    before, after = boards_page.heap_bytes(board, memory_map(board), boards_page.symbols(board))
    sentence = re.search(r"^Heap of the garbage collector: .*", PARTS[board], re.MULTILINE)[0]
    said = [int(figure.replace(",", "")) for figure in re.findall(r"[\d,]*\d", sentence)]
    expected = [*before, *after] if before[1] else [before[0], after[0]]
    assert said == pytest.approx(expected, rel=TOLERANCE)
    # A board of ports/stm32 may leave all of that RAM to the garbage collector: its regions are in other memory.
    assert after[0] < before[0] or (port_of(board) == "stm32" and after[0] == before[0])
