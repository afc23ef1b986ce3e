"""The raw REPL of a board at a serial line, through mpremote's transport.

An address is what mpremote connects to: a serial port of this PC, such as /dev/ttyACM0, or one in the network as
pyserial writes it, such as socket://192.168.1.2:4000 or rfc2217://192.168.1.2:4000.
"""

import contextlib
import io
import select
import struct
import time
import warnings

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialIntercept, SerialTransport

from serial_port import why_not
from harness.console import END, SECONDS

ATTEMPTS = 10
SECONDS_TO_ANSWER = 6
"""How long a board may take to show its raw REPL, each time that it is asked for it."""
SECONDS_TO_ACCEPT = SECONDS
"""How long the board may take to accept the next piece of a program. mpremote has no limit there."""
POLL = 0.05
NETWORK = ("socket", "rfc2217")
"""What an address in the network starts with, before ://."""


class LineError(OSError):
    """The board cannot be reached; the message says why, and what to do."""


def is_address(text):
    """Return whether *text* is written as an address."""
    return text.startswith("/") or text.partition("://")[0] in NETWORK


class _Intercept(SerialIntercept):
    """What mpremote puts between itself and the line while a folder is mounted, with a time limit."""

    def read(self, n):
        deadline = time.monotonic() + SECONDS_TO_ACCEPT
        while len(self.buf) < n:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the board sent nothing within {SECONDS_TO_ACCEPT} s")
            self._check_input(True)
        data, self.buf = self.buf[:n], self.buf[n:]
        return data


class _Transport(SerialTransport):
    """mpremote's transport that waits for bytes, where mpremote looks every 10 ms, and that keeps its time limits on
    pseudo-terminals and while a folder is mounted."""

    def __init__(self, address, speed):
        super().__init__(address, speed, timeout=SECONDS_TO_ACCEPT)
        self.is_pty = False  # there mpremote waits without a limit

    @property
    def line(self):
        """Return pyserial's object."""
        return self.serial.orig_serial if self.mounted else self.serial

    def mount_local(self, path, unsafe_links=False):
        super().mount_local(path, unsafe_links)
        self.serial = _Intercept(self.serial.orig_serial, self.cmd)

    def forget_mount(self):
        """Note that a soft reset has ended the mount, or will."""
        self.serial = self.line
        self.mounted = False

    def read_until(self, min_num_bytes, ending, timeout=10, data_consumer=None, timeout_overall=None):
        data = b""
        start = heard = time.monotonic()
        while not data.endswith(ending):
            # While a folder is mounted, inWaiting serves what the board asks of it.
            if (self.mounted and self.serial.buf) or self._waits_for_us():
                if self.serial.inWaiting() or not self.mounted:
                    data += self.serial.read(1)
                heard = time.monotonic()
            elif timeout is not None and time.monotonic() > heard + timeout:
                break
            if timeout_overall is not None and time.monotonic() > start + timeout_overall:
                break
        return data

    def _waits_for_us(self):
        """Wait for a moment until there is something to read. Return whether there is; OSError if the line is gone."""
        try:
            readable, _, _ = select.select([self.line.fileno()], [], [], POLL)
            return bool(readable)
        except io.UnsupportedOperation:  # rfc2217, which a thread reads
            deadline = time.monotonic() + POLL
            while not self.line.in_waiting:
                if not self.line._thread.is_alive():
                    raise LineError("the connection was closed") from None
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.001)
            return True


@contextlib.contextmanager
def _translated():
    """Turn mpremote's errors into those of console.Console, and keep quiet what it prints besides."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except TransportError as error:
        raise TimeoutError(str(error)) from error
    except struct.error as error:
        raise TimeoutError("the board did not accept the program") from error


class SerialLine:
    """The raw REPL of the board at *address*, with the methods of console.Console that a runner uses. A context manager
    that closes the line.

    Opening it raises LineError, also if no MicroPython shows its raw REPL. Call `soft_reset` before anything else.
    """

    def __init__(self, address, speed=115200):
        self.address = address
        try:
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # pyserial's rfc2217 gives some
                self._transport = _Transport(address, speed)
        except (OSError, ValueError, TransportError) as error:
            raise LineError(why_not(address)) from error
        for attempt in range(ATTEMPTS):
            try:
                with _translated():
                    self._transport.enter_raw_repl(soft_reset=False, timeout_overall=SECONDS_TO_ANSWER)
                break
            except TimeoutError as error:  # a board that starts may drop what it is sent
                if attempt < ATTEMPTS - 1:
                    continue
                self._close_quietly()
                raise LineError(self._silence()) from error
            except OSError as error:
                self._close_quietly()
                raise LineError(f"{address} was closed: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _silence(self):
        return (
            f"nothing at {self.address} shows MicroPython's raw REPL within {ATTEMPTS * SECONDS_TO_ANSWER} s: see "
            "whether it is the port of a board that runs MicroPython, and press the board's reset button"
        )

    def execute(self, source, seconds=SECONDS, fault=None):
        """Execute *source* on the board. Return what it printed.

        Raise RuntimeError with the traceback if it fails or with what the board prints from *fault* on, and
        TimeoutError if it does not end.
        """
        with _translated():
            self._transport.exec_raw_no_follow(source)
            output = self._part(seconds, fault)
            error = self._part(SECONDS)
        if error:
            raise RuntimeError(output + error)
        return output

    def _part(self, seconds, fault=None):
        """Return what the board sends up to the next END."""
        data = b""
        deadline = time.monotonic() + seconds
        while not data.endswith(END):
            if fault and fault in data:
                raise RuntimeError(f"processor fault:\n{data.decode(errors='replace')}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no result within {seconds} s; received last: {data[-2000:]!r}")
            data += self._transport.read_until(1, END, timeout=1, timeout_overall=1)
        return data[:-1].decode(errors="replace").replace("\r\n", "\n")

    def soft_reset(self):
        """Reset by Ctrl-D, which ends the mount. The board is in its raw REPL again."""
        self._transport.forget_mount()
        with _translated():
            self._transport.enter_raw_repl(soft_reset=True, timeout_overall=SECONDS)

    def mount(self, folder):
        """Let the board read the files of that *folder* of the PC as /remote, and nothing change at its other paths."""
        with _translated():
            self._transport.mount_local(str(folder))
        self.execute("import os\nos.chdir('/')")

    def close(self):
        """Start the board's own program by a soft reset at its prompt, as far as it listens, and close the line."""
        with contextlib.suppress(OSError):
            self._transport.forget_mount()
            self._transport.serial.write(b"\r\x03\x02\x04")
        self._close_quietly()

    def _close_quietly(self):
        with contextlib.suppress(OSError):
            self._transport.close()
