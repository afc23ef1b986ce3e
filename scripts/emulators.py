"""Choose the emulator of a board: QEMU, or this project's emulator of an RP2040 or RP2350."""

from board_list import chip
from qemu import QEMU_MACHINES, Qemu
from rp2_emulator import RP2_BOARDS, Rp2Emulator

EMULATED_BOARDS = (*QEMU_MACHINES, *RP2_BOARDS)

LIMITS = {
    "rp2040": "no BOOTSEL drive, no timing of flash, nothing at its pins; docs/boards.md lists its limits",
    "rp2350": "no PIO, no SysTick, no MPU, nothing at its pins; emulators/rp2350/README.md lists its limits",
}


def emulator_of(board, interactive=False, options=(), psram=None):
    """Return an EmulatedBoard for *board*, not yet started.

    *psram* is the number of bytes of PSRAM that the board is to have, if not what its memory plan says. Only the
    emulator of the RP2350 has PSRAM: ValueError on other boards.
    """
    if board in RP2_BOARDS:
        return Rp2Emulator(board, interactive, options, psram)
    if psram is not None:
        raise ValueError(f"{board} runs under QEMU, which emulates no PSRAM: omit psram")
    return Qemu(board, interactive, options)


def notice(board):
    """Return a line that tells the user of an emulated *board* what runs it, and that this is not a real board."""
    if board in RP2_BOARDS:
        return f"An emulated {chip(board).upper()}, not a real board: {LIMITS[chip(board)]}"
    return f"QEMU's machine {QEMU_MACHINES[board]}, not a real board"
