"""run.py BOARD: boot the board's firmware in an emulator and run the examples on it through mpremote.

First runs examples/demonstration.py, then examples/crash_log.py, which resets the board, then crash_log.py again.
"""

import signal
import sys

from mpremote.transport import TransportError

from emulated_board import ROOT
from emulators import emulator_of
from qemu import QEMU_MACHINES

DEMONSTRATION = ROOT / "examples" / "demonstration.py"
CRASH_LOG = ROOT / "examples" / "crash_log.py"
PROMPT = b"\r\n>>> "
SECONDS_OF_SILENCE = 60


def show(data):
    """Print what the board prints."""
    sys.stdout.write(data.replace(b"\r", b"").replace(b"\x04", b"").decode(errors="replace"))
    sys.stdout.flush()


def main(board):
    where = (
        "qemu-system-arm, machine " + QEMU_MACHINES[board]
        if board in QEMU_MACHINES
        else "this project's RP2040 emulator, emulators/rp2040"
    )
    print(f"Booting boards/{board} under {where}\n")
    try:
        with emulator_of(board) as emulator:
            transport = emulator.connect()
            _, error = transport.exec_raw(DEMONSTRATION.read_bytes(), SECONDS_OF_SILENCE, show)
            if not error:
                print("\n--- A crash log that survives a system reset " + "-" * 60)
                transport.exec_raw_no_follow(CRASH_LOG.read_bytes())
                show(transport.read_until(1, PROMPT, SECONDS_OF_SILENCE).removesuffix(PROMPT) + b"\n\n")
                transport.enter_raw_repl(soft_reset=False)
                _, error = transport.exec_raw(CRASH_LOG.read_bytes(), SECONDS_OF_SILENCE, show)
            transport.close()
    except (OSError, RuntimeError, TransportError) as problem:
        return f"physmem: the demonstration on {board} was interrupted: {problem}."
    if error:
        return f"physmem: the demonstration on {board} failed:\n{error.decode(errors='replace')}"
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that closing the reader of a pipe ends this program quietly
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
