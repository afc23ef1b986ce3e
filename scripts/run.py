"""run.py BOARD [--psram=SIZE] [--example=FILE]: boot the board's firmware in an emulator and run the examples on it.

First runs examples/demonstration.py, and examples/dma_ring.py if the board has an RP2040 or RP2350. Then runs
examples/crash_log.py, which resets the board, and crash_log.py again. With FILE it runs that program alone. All of them
go through mpremote.
"""

import argparse
import pathlib
import signal
import sys

from mpremote.transport import TransportError

import psram_chips
from emulated_board import ROOT, SECONDS_OF_SILENCE
from emulators import EMULATED_BOARDS, emulator_of, notice
from rp2_emulator import RP2_BOARDS

DEMONSTRATION = ROOT / "examples" / "demonstration.py"
DMA_RING = ROOT / "examples" / "dma_ring.py"
CRASH_LOG = ROOT / "examples" / "crash_log.py"
PROMPT = b"\r\n>>> "


def show(data):
    """Print what the board prints."""
    sys.stdout.write(data.replace(b"\r", b"").replace(b"\x04", b"").decode(errors="replace"))
    sys.stdout.flush()


def objection(board, psram, example):
    """Return why *board* cannot be emulated or *example* not be run, and what to do; None if it can."""
    if board not in EMULATED_BOARDS:
        return f"there is no emulator for {board}: set BOARD= to one of {' '.join(EMULATED_BOARDS)}"
    if example and not pathlib.Path(example).is_file():
        return f"there is no file {example}: set EXAMPLE= to a Python program, such as examples/dma_ring.py"
    return psram_chips.objection(board, psram)


def demonstrate(board, transport):
    """Run the demonstration. Return the traceback of what failed, or b""."""
    _, error = transport.exec_raw(DEMONSTRATION.read_bytes(), data_consumer=show)
    if not error and board in RP2_BOARDS:
        print("\n--- A DMA channel writes to a ring " + "-" * 70, flush=True)
        _, error = transport.exec_raw(DMA_RING.read_bytes(), data_consumer=show)
    if not error:
        print("\n--- A crash log that survives a system reset " + "-" * 60)
        transport.exec_raw_no_follow(CRASH_LOG.read_bytes())
        show(transport.read_until(1, PROMPT, SECONDS_OF_SILENCE).removesuffix(PROMPT) + b"\n\n")
        transport.enter_raw_repl(soft_reset=False)
        _, error = transport.exec_raw(CRASH_LOG.read_bytes(), data_consumer=show)
    return error


def main(board, psram=None, example=None):
    problem = objection(board, psram, example)
    if problem:
        return f"physmem: {problem}."
    print(f"Booting boards/{board}. {notice(board)}.\n")
    try:
        with emulator_of(board, psram=psram_chips.SIZES.get(psram)) as emulator:
            transport = emulator.connect()
            if example:
                _, error = transport.exec_raw(pathlib.Path(example).read_bytes(), data_consumer=show)
            else:
                error = demonstrate(board, transport)
            transport.close()
    except (OSError, RuntimeError, TransportError) as problem:
        return f"physmem: {example or 'the demonstration'} on {board} was interrupted: {problem}."
    if error:
        return f"physmem: {example or 'the demonstration'} on {board} failed:\n{error.decode(errors='replace')}"
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that closing the reader of a pipe ends this program quietly
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board")
    parser.add_argument("--psram")
    parser.add_argument("--example")
    try:
        sys.exit(main(**vars(parser.parse_args())))
    except KeyboardInterrupt:
        sys.exit(130)
