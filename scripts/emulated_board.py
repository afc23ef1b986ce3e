"""The common part of the emulators: a process that ends with this one, and mpremote's transport to it."""

import ctypes
import pathlib
import runpy
import signal

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOOT_SECONDS = 20
FRIENDLY_PROMPT = b">>> "


def firmware(board):
    """Return the path of the firmware that `make` builds for *board*."""
    return ROOT / "build" / board / "firmware.elf"


def memory_map(board):
    """Return the constants of the board's physmem_board.py, as a dict."""
    return runpy.run_path(str(ROOT / "boards" / board / "physmem_board.py"))


def die_with_parent():
    """Kill this process when its parent ends, for whatever reason. Pass it to subprocess.Popen as preexec_fn."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of prctl(2)


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
        transport = SerialTransport(self.url)
        try:
            if self.drops_early_input:
                transport.read_until(1, FRIENDLY_PROMPT, timeout=BOOT_SECONDS)
            transport.enter_raw_repl(timeout_overall=BOOT_SECONDS)
        except (OSError, TransportError) as error:
            transport.close()
            reason = self.failure() or error
            raise RuntimeError(f"the firmware of {self.board} did not start its REPL: {reason}") from error
        return transport

    def failure(self):
        """Return why the board has stopped until its next reset, if the emulator knows; else None."""
        return None
