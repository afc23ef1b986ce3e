"""Read the keys that somebody presses, one at a time and without waiting for Enter."""

import os
import select
import termios
import time
import tty

ESCAPES = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down", b"\t": "tab"}
GONE = "gone"
"""Returned in place of a key when the terminal was closed."""


class Keys:
    """The keys of the terminal `stream`; a context manager that gives the terminal back. None has no keys."""

    def __init__(self, stream):
        self._descriptor = None if stream is None else stream.fileno()
        self._former = None

    def __enter__(self):
        if self._descriptor is not None:
            self._former = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
            modes = termios.tcgetattr(self._descriptor)
            modes[3] &= ~termios.ISIG  # Ctrl-C is a key as well, so that it cannot cut a look short
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, modes)
        return self

    def __exit__(self, *exception):
        if self._former is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._former)

    def read(self, seconds):
        """Return the next key, such as "q", "up" or "tab".

        None if none is pressed within `seconds`, GONE if the terminal was closed.
        """
        if self._descriptor is None:
            time.sleep(max(0, seconds))
            return None
        timeout = None if seconds == float("inf") else max(0, seconds)
        if not select.select([self._descriptor], [], [], timeout)[0]:
            return None
        try:
            pressed = os.read(self._descriptor, 1)
        except OSError:
            return GONE
        if not pressed:
            return GONE
        if pressed == b"\x1b" and select.select([self._descriptor], [], [], 0.05)[0]:
            pressed += os.read(self._descriptor, 2)
        return ESCAPES.get(pressed, pressed.decode(errors="replace"))
