"""Run the target tests on a rack of emulated boards that labgrid serves on this PC: harness/farm.py."""

import argparse
import subprocess
import sys

from emulated_board import ROOT
from emulators import EMULATED_BOARDS, notice
from harness.farm import Farm, place_of

BOARDS = ("MPS2_AN385", "RPI_PICO")


def main(boards, arguments):
    unknown = [board for board in boards if board not in EMULATED_BOARDS]
    if unknown:
        return f"physmem: there is no emulator for {unknown[0]}: set FARM= to some of {' '.join(EMULATED_BOARDS)}."
    try:
        with Farm(boards) as farm:
            for board in boards:
                print(f"place {place_of(board)}: {board}. {notice(board)}.", flush=True)
            command = [sys.executable, "-m", "pytest", "-n", str(len(boards)), *arguments]
            command += [f"--target={board}@labgrid:{place_of(board)}" for board in boards]
            return subprocess.call(command, cwd=ROOT, env=farm.environment)
    except RuntimeError as error:
        return f"physmem: {error}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", action="append", help=f"several times for several; {' '.join(BOARDS)} without it")
    options, rest = parser.parse_known_args()
    sys.exit(main(options.board or BOARDS, rest))
