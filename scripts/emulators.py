"""Choose the emulator of a board: QEMU, or this project's RP2040 emulator."""

from board_list import boards_of, chip
from pico import Pico
from qemu import Qemu

RP2040_BOARDS = tuple(board for board in boards_of("rp2") if chip(board) == "rp2040")


def emulator_of(board, interactive=False, options=()):
    """Return an EmulatedBoard for *board*, not yet started."""
    kind = Pico if board in RP2040_BOARDS else Qemu
    return kind(board, interactive, options)
