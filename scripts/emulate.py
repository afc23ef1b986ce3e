"""emulate.py BOARD: runs the board's .uf2 file in the emulator of the RP2040, under mpremote's REPL; Ctrl-] leaves."""

import sys

from emulator import RP2040_BOARDS, emulator_of
from repl import mpremote


def main(board):
    if board not in RP2040_BOARDS:
        return f"physmem: {board} is no board of the RP2040: give one of {' '.join(RP2040_BOARDS)} as BOARD=."
    print(f"boards/{board} on an emulator of the RP2040; this is no real board.")
    try:
        with emulator_of(board, interactive=True) as emulator:
            return mpremote(emulator.url)
    except RuntimeError as problem:
        return f"physmem: {problem}."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
