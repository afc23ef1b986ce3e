"""The common part of the emulators: a process that ends with this one, and mpremote's transport to it."""

import ctypes
import os
import pathlib
import runpy
import signal

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("PHYSMEM_BUILD", ROOT / "build"))
"""Where firmware, the unix port and mpy-cross are; `make matrix` names a folder for each version of MicroPython."""
BOOT_SECONDS = 20
SECONDS_OF_SILENCE = 60
"""How long a program may print nothing. A PC that has other work to do emulates a board slowly."""
FRIENDLY_PROMPT = b">>> "


def firmware(board):
    """Return the path of the firmware that `make` builds for *board*."""
    return BUILD / board / "firmware.elf"


def memory_map(board):
    """Return the constants of the board's physmem_board.py, as a dict."""
    return runpy.run_path(str(ROOT / "boards" / board / "physmem_board.py"))


def die_with_parent():
    """Kill this process when its parent ends, for whatever reason. Pass it to subprocess.Popen as preexec_fn."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of prctl(2)


class EmulatorTransport(SerialTransport):
    """mpremote's transport, which does not give up while the PC is busy. Its own limits of 10 s are for real boards."""

    def read_until(self, min_num_bytes, ending, timeout=SECONDS_OF_SILENCE, data_consumer=None, timeout_overall=None):
        return super().read_until(min_num_bytes, ending, timeout, data_consumer, timeout_overall)

    def enter_raw_repl(self, soft_reset=True, timeout_overall=SECONDS_OF_SILENCE):
        super().enter_raw_repl(soft_reset, timeout_overall)

    def exec_raw(self, command, timeout=SECONDS_OF_SILENCE, data_consumer=None):
        return super().exec_raw(command, timeout, data_consumer)


class EmulatedBoard:
    """A process that runs a board's firmware; a context manager that stops it at the end.

    `url` is what mpremote connects to: a TCP socket, or, if *interactive*, a pseudo-terminal, which mpremote's own REPL
    needs. *options* are extra arguments for the emulator. Subclasses define `start`, which raises RuntimeError if the
    emulator does not come up, and `reset`, `attend`, `failure` and `stop`. With `drops_early_input` nothing may be sent
    to a board that was reset until its prompt is there.
    """

    drops_early_input = False

    def __init__(self, board, interactive=False, options=()):
        self.board = board
        self.interactive = interactive
        self.options = options
        self.url = None
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def connect(self):
        """Return mpremote's transport to a freshly reset board, in its raw REPL. Raise RuntimeError if that fails."""
        transport = EmulatorTransport(self.url)
        try:
            if self.drops_early_input:
                transport.read_until(1, FRIENDLY_PROMPT, timeout=BOOT_SECONDS)
            transport.enter_raw_repl(timeout_overall=BOOT_SECONDS)
        except (OSError, TransportError) as error:
            transport.close()
            reason = self.failure() or error
            raise RuntimeError(f"the firmware of {self.board} did not start its REPL: {reason}") from error
        return transport

    def pause(self):
        """Have an idle board take no time of the processor until `resume`, if that does not change what it does."""

    def resume(self):
        """End `pause`."""

    def failure(self):
        """Return why the board has stopped until its next reset, if the emulator knows; else None."""
        return None
