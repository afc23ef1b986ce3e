"""repl.py BOARD [PORT]: opens mpremote's REPL on the board at the serial port PORT, such as /dev/ttyACM0, or boots the
board's firmware under QEMU and opens it there; Ctrl-] leaves."""

import signal
import subprocess
import sys

from boards import chip
from boards import port as port_of
from emulator import Emulator


def mpremote(address):
    """Run mpremote's REPL on the board at *address*; its exit status. Ctrl-C belongs to the board from here on:
    mpremote sends it there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call([sys.executable, "-m", "mpremote", "connect", address, "resume", "repl"])


def main(board, port=None):
    real = port_of(board) == "rp2"
    if real and not port:
        emulated = f", or run make emulate BOARD={board}" if chip(board) == "rp2040" else ""
        return f"physmem: {board} does not run under QEMU: give the serial port of a real one as PORT={emulated}."
    if port and not real:
        return f"physmem: {board} runs under QEMU and has no serial port: leave PORT= out."
    try:
        if port:
            return mpremote(port)
        with Emulator(board, interactive=True) as emulator:
            return mpremote(emulator.url)
    except RuntimeError as problem:
        return f"physmem: {problem}."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
