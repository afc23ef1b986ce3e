"""repl.py BOARD [PORT] [--emulate]: open mpremote's REPL on a board. Press Ctrl-] to leave.

With PORT, such as /dev/ttyACM0, open the REPL on the board at that serial port. Without PORT, boot the board's firmware
under QEMU and open the REPL there; with --emulate, run its .uf2 file in the RP2040 emulator instead.
"""

import argparse
import signal
import subprocess
import sys

from board_list import chip, port_of, runs_in_qemu
from emulators import RP2040_BOARDS, emulator_of


def mpremote(address):
    """Run mpremote's REPL on the board at *address*. Return its exit status.

    From here on Ctrl-C goes to the board: mpremote sends it there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call([sys.executable, "-m", "mpremote", "connect", address, "resume", "repl"])


def objection(board, port, emulate):
    """Return why that REPL cannot be opened on *board*, and what to do; None if it can."""
    if emulate:
        known = " ".join(RP2040_BOARDS)
        return (
            None if board in RP2040_BOARDS else f"the RP2040 emulator cannot run {board}: set BOARD= to one of {known}"
        )
    is_real = not runs_in_qemu(board)
    if is_real and not port:
        has_emulator = port_of(board) == "rp2" and chip(board) == "rp2040"
        emulated = f", or run make emulate BOARD={board}" if has_emulator else ""
        return f"{board} does not run under QEMU: set PORT= to the serial port of a real one{emulated}"
    if port and not is_real:
        return f"{board} runs under QEMU and has no serial port: omit PORT="
    return None


def main(board, port=None, emulate=False):
    problem = objection(board, port, emulate)
    if problem:
        return f"physmem: {problem}."
    if port:
        return mpremote(port)
    if emulate:
        print(f"boards/{board} in the RP2040 emulator; this is not a real board.")
    try:
        with emulator_of(board, interactive=True) as emulator:
            return mpremote(emulator.url)
    except RuntimeError as error:
        return f"physmem: {error}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board")
    parser.add_argument("port", nargs="?")
    parser.add_argument("--emulate", action="store_true")
    sys.exit(main(**vars(parser.parse_args())))
