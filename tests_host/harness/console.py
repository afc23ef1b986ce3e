"""A board's serial line as bytes, and the raw REPL on it: for tests to which mpremote's transport is too slow or that
reset the board under it."""

import select
import socket
import time
from urllib.parse import urlparse

SECONDS = 60
"""How long to wait for what must come."""

BANNER = b"MicroPython "
PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
INTERRUPT = b"\x03"
END = b"\x04"  # of a program that is sent, of each part of what it prints; at the prompt: soft reset


class Console:
    """The serial line of the board that *emulator* runs; a context manager."""

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

    def read_until(self, ending, seconds=SECONDS):
        """What the board sends up to the first *ending*, without that. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        begin = 0
        while (at := self._received.find(ending, begin)) < 0:
            begin = max(0, len(self._received) - len(ending) + 1)
            readable, _, _ = select.select([self._socket], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise TimeoutError(f"no {ending!r} within {seconds} s, but at last {self._received[-2000:]!r}")
            self._received += self._socket.recv(65536)
        data, self._received = self._received[:at], self._received[at + len(ending) :]
        return data

    def enter_raw_repl(self):
        """From the prompt of a board that has just been reset, or that is about to show it."""
        self.send(b"\x01")
        self._emulator.attend()
        self.read_until(PROMPT)

    def begin(self, source):
        """Have the board execute *source*; returns when it has been taken."""
        self.send(source.encode() + END)
        self.read_until(b"OK")

    def end(self, seconds=SECONDS):
        """Wait until what `begin` began has ended: what it printed, and its traceback or "". Raises TimeoutError."""
        output, error = self.read_until(END, seconds), self.read_until(END, seconds)
        self.read_until(b">")
        return tuple(text.decode(errors="replace").replace("\r\n", "\n") for text in (output, error))

    def execute(self, source, seconds=SECONDS):
        """Have the board execute *source*: what it printed. Raises RuntimeError with the traceback, TimeoutError."""
        self.begin(source)
        output, error = self.end(seconds)
        if error:
            raise RuntimeError(output + error)
        return output

    def soft_reset(self):
        """Reset by Ctrl-D at the prompt of the raw REPL: what the board printed meanwhile."""
        self.send(END)
        return self.read_until(PROMPT).decode(errors="replace")
