"""repl.py BOARD: boots the board's firmware under QEMU and opens mpremote's REPL on it; Ctrl-] leaves."""

import signal
import subprocess
import sys

from emulator import Emulator


def main(board):
    # Ctrl-C belongs to the board: mpremote sends it there.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Emulator(board, interactive=True) as emulator:
            return subprocess.call([sys.executable, "-m", "mpremote", "connect", emulator.url, "resume", "repl"])
    except RuntimeError as problem:
        return f"physmem: {problem}."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
