"""A board's serial line as bytes, and the raw REPL on it.

For tests that mpremote's transport is too slow for, or that reset the board while it is connected.
"""

import select
import socket
import time
from urllib.parse import urlparse

from emulated_board import FRIENDLY_PROMPT

SECONDS = 60
"""How long to wait for expected output."""

BANNER = b"MicroPython "
PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
INTERRUPT = b"\x03"
END = b"\x04"  # ends a program that is sent and each part of its output; at the prompt: soft reset


class Console:
    """The serial line of the board that runs in *emulator*; a context manager."""

    def __init__(self, emulator):
        self._emulator = emulator
        address = urlparse(emulator.url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def read_until(self, ending, seconds=SECONDS, fault=None):
        """Return what the board sends up to the first *ending*, without it.

        Raise TimeoutError if it does not come, ConnectionError if the emulator closes the line, and RuntimeError if
        *fault* comes instead.
        """
        deadline = time.monotonic() + seconds
        begin = 0
        while (at := self._received.find(ending, begin)) < 0:
            begin = max(0, len(self._received) - len(ending) + 1)
            if fault and fault in self._received and self._received.endswith(b"\n"):
                text = self._received[-2000:].replace(b"\r", b"").replace(END, b"").decode(errors="replace")
                raise RuntimeError(f"processor fault:\n{text}")
            readable, _, _ = select.select([self._socket], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise TimeoutError(f"no {ending!r} within {seconds} s; received last: {self._received[-2000:]!r}")
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError(f"the serial line was closed; received last: {self._received[-2000:]!r}")
            self._received += data
        data, self._received = self._received[:at], self._received[at + len(ending) :]
        return data

    def enter_raw_repl(self, seconds=SECONDS):
        """Enter the raw REPL from the prompt of a freshly reset board, which need not have printed it yet."""
        if self._emulator.drops_early_input:
            self.read_until(FRIENDLY_PROMPT, seconds)
        self.send(b"\x01")
        self._emulator.attend()
        self.read_until(PROMPT, seconds)

    def begin(self, source):
        """Start *source* on the board. Return when the board has accepted it."""
        self.send(source.encode() + END)
        self.read_until(b"OK")

    def end(self, seconds=SECONDS, fault=None):
        """Wait until the program that `begin` started has ended. Return what it printed, and its traceback or "".

        Raise TimeoutError if it does not end, and RuntimeError if the board prints *fault*.
        """
        output, error = self.read_until(END, seconds, fault), self.read_until(END, seconds)
        self.read_until(b">")
        return tuple(text.decode(errors="replace").replace("\r\n", "\n") for text in (output, error))

    def execute(self, source, seconds=SECONDS, fault=None):
        """Execute *source* on the board. Return what it printed.

        Raise RuntimeError with the traceback if it fails or with what the board prints from *fault* on, and
        TimeoutError if it does not end.
        """
        self.begin(source)
        output, error = self.end(seconds, fault)
        if error:
            raise RuntimeError(output + error)
        return output

    def soft_reset(self):
        """Reset by Ctrl-D at the prompt of the raw REPL. Return what the board printed meanwhile."""
        self.send(END)
        return self.read_until(PROMPT).decode(errors="replace")


class ConnectedBoard:
    """The board that runs in *emulator*, started and with its `console` in the raw REPL; a context manager."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.console = None

    def __enter__(self):
        self.emulator.start()
        self.connect()
        return self

    def __exit__(self, *exception):
        self.console.close()
        self.emulator.stop()

    def connect(self):
        """Connect to the board, which has just been started or reset."""
        if self.console:
            self.console.close()
        self.console = Console(self.emulator)
        self.console.enter_raw_repl()
