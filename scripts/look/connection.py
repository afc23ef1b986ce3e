"""Talk to a board through mpremote's transport: reach its raw REPL without disturbing a program, and leave it again."""

import contextlib
import io
import pathlib
import signal
import struct
import time

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from emulated_board import SECONDS_OF_SILENCE, EmulatorTransport
from serial_port import why_not

SECONDS_TO_ANSWER = 10
"""How long a real board may take to show its raw REPL: as long as mpremote waits for it."""
POLL_SECONDS = 0.2  # after which a line is taken for silent
RAW_REPL = b"raw REPL; CTRL-B to exit\r\n"
CTRL_A, CTRL_B, CTRL_C = b"\x01", b"\x02", b"\x03"


class BoardError(RuntimeError):
    """A board cannot be reached, or does not do what it is asked to. The text says what to do."""


class GarbledError(BoardError):
    """Something came over the line that does not belong to a raw REPL, such as what a handler prints. Try again."""


class ProgramError(BoardError):
    """A program has failed on the board; the text is the last line of its traceback."""


class _CountedPort:
    """A serial port that counts what goes over it."""

    def __init__(self, port):
        self._port = port
        self.sent = self.received = 0

    def wait_at_most(self, seconds):
        """Have `read` return what there is after that time."""
        self._port.timeout = seconds

    def write(self, data):
        self.sent += len(data)
        return self._port.write(data)

    def read(self, size=1):
        data = self._port.read(size)
        self.received += len(data)
        return data

    def __getattr__(self, name):
        return getattr(self._port, name)


@contextlib.contextmanager
def _ctrl_c_waits():
    """Raise KeyboardInterrupt at the end of this context, not in the middle of what is said to a board."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


class Connection:
    """A board at the address `url`, which mpremote's transport connects to; a context manager that leaves it as it was.

    BoardError if there is none, or if a program runs there. With `interrupt`, Ctrl-C stops the program. Nothing resets
    the board. An emulated board may take longer to answer, as the PC may have other work.
    """

    def __init__(self, url, interrupt=False, is_emulated=False):
        self.url = url
        self.interrupt = interrupt
        self._transport_class = EmulatorTransport if is_emulated else SerialTransport
        self._seconds_to_answer = SECONDS_OF_SILENCE if is_emulated else SECONDS_TO_ANSWER
        self._transport = None
        self._is_half_sent = False  # a program, so that the board waits for the rest of it

    def __enter__(self):
        try:
            self._transport = self._transport_class(self.url)
        except (OSError, ValueError, TransportError) as error:
            raise BoardError(why_not(self.url)) from error
        self._transport.serial = _CountedPort(self._transport.serial)
        self._transport.is_pty = True  # mpremote then waits for each byte, where it otherwise looks every 10 ms
        try:
            self._expect(self._enter)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *exception):
        self._leave()

    def _enter(self):
        """Reach the raw REPL. Ctrl-A alone does, at a prompt; a program that runs does not notice it."""
        if self.interrupt:
            port = self._transport.serial
            port.wait_at_most(POLL_SECONDS)
            port.write(CTRL_C)
            self._read_until(None)  # the prompt may first read what was sent while the program ran
            self._transport.enter_raw_repl(soft_reset=False)
        self._show_raw_repl()

    def _show_raw_repl(self):
        """Have the board show the start of its raw REPL, as it does at any of its prompts; BoardError if it does not.

        What it has printed before, such as a handler's text or that it has restarted, is passed over.
        """
        port = self._transport.serial
        port.wait_at_most(POLL_SECONDS)
        port.write(self._end_of_sending() + CTRL_A)
        self._is_half_sent = False
        if not self._read_until(RAW_REPL):
            raise BoardError(
                f"no prompt answers at {self.url}: a program is running there, or a line is half typed. End it, or "
                "give --interrupt, which stops the program by Ctrl-C. To look while a program works, let timers or "
                "the other core do its work and the main program end, so that the prompt is free"
            )

    def _read_until(self, ending):
        """Read until `ending`, or until the line is silent if that is None; return whether that was so in time.

        Unlike mpremote's, this ends while a program prints without a pause.
        """
        port, data = self._transport.serial, b""
        deadline = time.monotonic() + self._seconds_to_answer
        while time.monotonic() < deadline:
            new = port.read(1)
            data = (data + new)[-len(RAW_REPL) :]
            if data.endswith(ending) if ending else not new:
                return True
        return False

    def _expect(self, call, *arguments):
        """Return what `call` does. BoardError if the transport fails."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it did not expect
                return call(*arguments)
        except (OSError, TransportError) as error:
            raise BoardError(
                f"the board at {self.url} does not answer any more ({error}): if it was reset, start this again"
            ) from error

    def _end_of_sending(self):
        """Return what ends a program that is sent, so that the board runs nothing of it."""
        return CTRL_C if self._is_half_sent else b""

    def _leave(self):
        """Show the friendly prompt again as far as the board listens, and close the line."""
        port = self._transport.serial
        try:
            with _ctrl_c_waits():
                self._forget()
        except (OSError, BoardError):
            pass  # the board has gone: there is nothing left to clean up
        finally:
            with contextlib.suppress(OSError):
                port.write(self._end_of_sending() + CTRL_B)  # undoes Ctrl-A as well, if a prompt reads both later
            with contextlib.suppress(OSError):
                self._transport.close()

    def _forget(self):
        """Remove from the board what subclasses keep there."""

    def _send(self, program):
        """Have the board start `program`. GarbledError if it says something else than that it does."""
        with _ctrl_c_waits():
            self._expect(self._show_raw_repl)
            self._is_half_sent = True
            self._transport.serial.wait_at_most(self._seconds_to_answer)
            self._expect(self._start, program)
            self._is_half_sent = False

    def _start(self, program):
        try:
            self._transport.exec_raw_no_follow(program)
        except (struct.error, TransportError) as error:  # struct.error: the board says less than mpremote reads
            raise GarbledError(
                f"the board at {self.url} has sent what does not belong to its raw REPL ({error}): have handlers "
                "print nothing, or reset the board"
            ) from error

    def _output(self, seconds):
        """Return what the program prints until it ends. BoardError if that is nothing for `seconds`."""
        output = bytearray()
        self._transport.serial.wait_at_most(POLL_SECONDS)
        _, error = self._expect(self._transport.follow, seconds, output.extend)
        if error:
            lines = error.decode(errors="replace").strip().splitlines()
            raise ProgramError(lines[-1] if lines else "no reason is given")
        return output.rstrip(b"\x04").decode(errors="replace").replace("\r\n", "\n")

    def run(self, program, seconds=SECONDS_OF_SILENCE):
        """Run `program`, a text, as the board's main program, which leaves its names there. Return what it prints.

        ProgramError if it fails, BoardError if it prints nothing for `seconds` and has not ended.
        """
        self._send(program)
        return self._output(seconds)

    def ask(self, source, names="{}"):
        """Return what `source` prints, which the board executes in the namespace `names`, an expression.

        In one of its own it neither sees nor changes the names of the program. So their table stays where it is, too,
        in which a handler may be looking names up. Ctrl-C waits for the end. ProgramError if it fails.
        """
        with _ctrl_c_waits():
            return self.run(f"exec({source!r},{names})")

    def run_program(self, path, seconds):
        """Run the program in the file `path`, which must end within `seconds` of silence; its timers may go on."""
        try:
            source = pathlib.Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BoardError(f"cannot read {path}, to run it on the board ({error}): give another file") from error
        self._send(source)
        try:
            return self._output(seconds)
        except ProgramError as error:
            raise BoardError(f"{path} has failed on the board: {error}") from error
        except BoardError as error:
            sentence = f"{path} was silent for {seconds} s and has not ended, or the board has gone"
            raise BoardError(f"{sentence}: let its main program end, and timers do its work") from error
