"""repl.py BOARD [PORT] [--psram=SIZE]: open mpremote's REPL on a board. Press Ctrl-] to leave.

With PORT, such as /dev/ttyACM0, open the REPL on the board at that serial port. Without PORT, boot the board's firmware
in its emulator, QEMU or this project's, and open the REPL there. SIZE of an emulated board's PSRAM: 0, 2M, 4M or 8M.
"""

import argparse
import signal
import subprocess
import sys

import psram_chips
from board_list import runs_in_qemu
from emulators import EMULATED_BOARDS, emulator_of, notice
from rp2_emulator import RP2_BOARDS


def mpremote(address):
    """Run mpremote's REPL on the board at *address*. Return its exit status.

    From here on Ctrl-C goes to the board: mpremote sends it there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call([sys.executable, "-m", "mpremote", "connect", address, "resume", "repl"])


def objection(board, port, psram):
    """Return why that REPL cannot be opened on *board*, and what to do; None if it can."""
    if port and psram is not None:
        return f"PSRAM= is for an emulated board, and PORT={port} for a real one: omit one of them"
    if port and runs_in_qemu(board):
        return f"{board} runs under QEMU and has no serial port: omit PORT="
    if not port and board not in EMULATED_BOARDS:
        return f"there is no emulator for {board}: set PORT= to the serial port of a real one"
    return psram_chips.objection(board, psram)


def main(board, port=None, psram=None):
    problem = objection(board, port, psram)
    if problem:
        return f"physmem: {problem}."
    if port:
        return mpremote(port)
    if board in RP2_BOARDS:
        print(notice(board))
    try:
        with emulator_of(board, interactive=True, psram=psram_chips.SIZES.get(psram)) as emulator:
            return mpremote(emulator.url)
    except RuntimeError as error:
        return f"physmem: {error}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board")
    parser.add_argument("port", nargs="?")
    parser.add_argument("--psram")
    sys.exit(main(**vars(parser.parse_args())))
