"""docs/boards.md has a part for each board that you can flash, with the figures of its memory plan and its image."""

import re

import boards_page
import pytest
from board_list import boards_of
from emulated_board import memory_map

PARTS = {found["board"]: found["text"] for found in boards_page.PART.finditer(boards_page.DOCUMENT.read_text())}
TOLERANCE = 0.02  # of the heap's size: the size of .bss depends on the compiler and on the version of the port

each_board = pytest.mark.parametrize("board", boards_of("rp2"))


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


@each_board
def test_the_heaps_are_those_of_the_image(board):
    """The page has the heaps of the stock port and of physmem's image, in SRAM and in PSRAM."""
    before, after = boards_page.heap_bytes(memory_map(board), boards_page.symbols(board))
    sentence = re.search(r"^Heap of the garbage collector: .*", PARTS[board], re.MULTILINE)[0]
    said = [int(figure.replace(",", "")) for figure in re.findall(r"[\d,]*\d", sentence)]
    expected = [*before, *after] if before[1] else [before[0], after[0]]
    assert said == pytest.approx(expected, rel=TOLERANCE)
    assert after[0] < before[0]
