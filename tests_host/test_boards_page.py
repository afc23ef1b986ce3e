"""docs/boards.md has a part for each board that one can flash, with the figures of its map and of its image."""

import re

import board_memory
import pytest
from boards import boards_of
from emulator import memory_map

PARTS = {found["board"]: found["text"] for found in board_memory.PART.finditer(board_memory.DOCUMENT.read_text())}
TOLERANCE = 0.02  # of the heap's size: other compilers and other versions of the port have another .bss

each_board = pytest.mark.parametrize("board", boards_of("rp2"))


@each_board
def test_the_map_is_on_the_page(board):
    """All that stands in physmem_board.py: the rest, .bss and the heap behind it, ends where the build has it end."""
    constants = memory_map(board)
    for name, base, size, frame_size, attributes in constants["REGIONS"]:
        row = rf"region `{name}`: {size // frame_size:,} frames of {frame_size:,} bytes; {attributes}"
        assert f"| {row} | `{base:#010x}` | {size:,} |" in PARTS[board]
    blocks = [("records", *constants["RETAINED_RECORDS"]), *constants["OCCUPIED"]]
    for name, base, size in blocks:
        assert f"`{base:#010x}` |" in PARTS[board], name
        assert name == "micropython" or f"`{base:#010x}` | {size:,} |" in PARTS[board], name


@each_board
def test_the_heaps_are_those_of_the_image(board):
    """As the port has them and as they are, in SRAM and in PSRAM."""
    before, after = board_memory.heap_bytes(memory_map(board), board_memory.symbols(board))
    sentence = re.search(r"^Heap of the garbage collector: .*", PARTS[board], re.MULTILINE)[0]
    said = [int(figure.replace(",", "")) for figure in re.findall(r"[\d,]*\d", sentence)]
    expected = [*before, *after] if before[1] else [before[0], after[0]]
    assert said == pytest.approx(expected, rel=TOLERANCE)
    assert after[0] < before[0]
