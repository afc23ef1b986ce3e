"""What the emulators of boards have in common: a process that ends with this one, and mpremote's transport to it."""

import ctypes
import pathlib
import runpy
import signal

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOOT_SECONDS = 20


def firmware(board):
    """Path of the firmware that `make` builds for *board*."""
    return ROOT / "build" / board / "firmware.elf"


def memory_map(board):
    """The constants of the board's physmem_board.py, as a dict."""
    return runpy.run_path(str(ROOT / "boards" / board / "physmem_board.py"))


def die_with_parent():
    """For subprocess.Popen's preexec_fn: the process is killed when its parent ends, however that comes about."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of prctl(2)


class EmulatedBoard:
    """A process that runs a board's firmware; a context manager that leaves none behind.

    `url` is what mpremote connects to: a TCP socket, or for *interactive* use a pseudo-terminal, which is what
    mpremote's own REPL needs. *options* are more arguments for the emulator. Subclasses have `start`, which raises
    RuntimeError when the emulator does not come up, `reset`, `attend`, `failure` and `stop`.
    """

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
        """mpremote's transport to the board, in the raw REPL of a board that has just been reset."""
        transport = SerialTransport(self.url)
        try:
            transport.enter_raw_repl(timeout_overall=BOOT_SECONDS)
        except (OSError, TransportError) as error:
            transport.close()
            reason = self.failure() or error
            raise RuntimeError(f"the firmware of {self.board} brings up no REPL: {reason}") from error
        return transport

    def failure(self):
        """Why the board will run no more until it is reset, as far as the emulator knows; else None."""
        return None
