"""How much PSRAM a board has, and how much an emulated one is to have."""

from board_list import boards_of, chip
from emulated_board import memory_map

WINDOW = range(0x11000000, 0x12000000)
"""Where the RP2350 reads and writes the chip at its second chip select: RP2350 datasheet, 4.4.1."""
SIZES = {"0": 0, "2M": 2 << 20, "4M": 4 << 20, "8M": 8 << 20}
"""What PSRAM= may be -> bytes."""
PSRAM_BOARDS = tuple(board for board in boards_of("rp2") if "PSRAM_GC_END" in memory_map(board))


def psram_of(board):
    """Return the bytes of PSRAM that the memory plan of *board* has; 0 if it has none."""
    plan = memory_map(board)
    areas = [(base, size) for _, base, size, *_ in (*plan["REGIONS"], *plan["OCCUPIED"]) if base in WINDOW]
    return max((base + size for base, size in areas), default=WINDOW.start) - WINDOW.start


def objection(board, psram):
    """Return why *board* cannot be emulated with *psram*, one of SIZES, and what to do; None if it can."""
    if psram is None:
        return None
    known = " ".join(PSRAM_BOARDS)
    if board not in boards_of("rp2"):
        return f"PSRAM= is for an emulated RP2350, and {board} has none: omit PSRAM=, or set BOARD= to one of {known}"
    if board not in PSRAM_BOARDS:
        what = f"the memory plan of {board}, an {chip(board).upper()}, has no PSRAM"
        return f"{what}: omit PSRAM=, or set BOARD= to one of {known}"
    if psram not in SIZES:
        return f"there is no emulated PSRAM chip of {psram!r} bytes: set PSRAM= to one of {' '.join(SIZES)}"
    return None
