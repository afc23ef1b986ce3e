"""An emulated board as you use it: mpremote's commands, and lines at its prompt."""

import contextlib
import os
import shlex
import sys

from emulated_board import FRIENDLY_PROMPT, ROOT
from harness.console import BANNER, Console
from harness.host_programs import printed_by

MPREMOTE = ROOT / "tests_host" / "programs" / "patient_mpremote.py"
SECONDS = 300
SECONDS_OF_AN_ATTEMPT = 5  # a reset may swallow what is typed meanwhile
ATTEMPTS = 12
CTRL_D = "# press Ctrl-D"
FRIENDLY = b"\r\x02"  # mpremote may have left the raw REPL
PASTE, END_OF_PASTE, SOFT_RESET = b"\x05", b"\x04", b"\x04"
PASTED_LINE = b"\r\n=== "


def mpremote(url, *arguments):
    """Run mpremote with *arguments*, connected to the board at *url*. Return what it printed; RuntimeError if it
    fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    return printed_by([sys.executable, MPREMOTE, "connect", url, *arguments], SECONDS, cwd=ROOT, env=environment)


class TypedBoard:
    """A board that runs in *emulator*, which has started."""

    def __init__(self, emulator):
        self.emulator = emulator

    def mpremote(self, *arguments):
        """Run mpremote with *arguments*, connected to the board, as the function of this name does."""
        return mpremote(self.emulator.url, *arguments)

    def shell(self, line):
        """Run the command *line*, which starts with mpremote, as a shell does, comment included.

        ``mpremote repl`` needs a terminal, so it is not run: `prompt` connects to the board as it does.
        """
        program, *arguments = shlex.split(line, comments=True)
        if program != "mpremote":
            raise ValueError(f"{line} is not a command of mpremote")
        return "" if arguments == ["repl"] else self.mpremote(*arguments).replace("\r\n", "\n")

    def execute(self, source):
        """Execute *source* after a soft reset, which runs boot.py. Return what it printed."""
        return self.mpremote("exec", source).replace("\r\n", "\n")

    def failure_of(self, source):
        """Execute *source* after a soft reset. Return the last line of the traceback with which it must fail."""
        try:
            printed = self.execute(source)
        except RuntimeError as error:
            return str(error).strip().splitlines()[-1]
        raise AssertionError(f"no error; it printed {printed}")

    def press_reset(self):
        """Reset the board by its RUN pin, and wait until it has started MicroPython."""
        with Console(self.emulator) as console:
            self.emulator.reset()
            console.read_until(BANNER)
            console.read_until(FRIENDLY_PROMPT)

    @contextlib.contextmanager
    def prompt(self):
        """Yield a Prompt of the board, which may just have been reset."""
        with Console(self.emulator) as console:
            yield Prompt(console)


class Prompt:
    """The prompt of a board at the other end of *console*."""

    def __init__(self, console):
        self._console = console
        for attempt in range(ATTEMPTS):
            word = f"# attempt {attempt}"
            console.send(FRIENDLY + word.encode() + b"\r")
            with contextlib.suppress(TimeoutError):
                console.read_until(word.encode() + b"\r\n" + FRIENDLY_PROMPT, SECONDS_OF_AN_ATTEMPT)
                return
        raise TimeoutError(f"no prompt within {ATTEMPTS * SECONDS_OF_AN_ATTEMPT} s")

    def type(self, line):
        """Type *line*, which starts no block of lines. Return what it prints. CTRL_D stands for that key."""
        if line == CTRL_D:
            self._console.send(SOFT_RESET)
            self._console.read_until(b"\r\n")
            return self._printed()
        self._console.send(line.encode() + b"\r")
        echo = self._console.read_until(b"\r\n").decode()
        if echo != line:
            raise AssertionError(f"typed {line!r}, the board shows {echo!r}")
        return self._printed()

    def paste(self, source):
        """Paste *source*. Return what it prints."""
        self._console.send(PASTE)
        self._console.read_until(PASTED_LINE)
        for line in source.split("\n"):
            self._console.send(line.encode() + b"\r")
            self._console.read_until(line.encode() + PASTED_LINE)
        self._console.send(END_OF_PASTE)
        self._console.read_until(b"\r\n")
        return self._printed()

    def _printed(self):
        return self._console.read_until(FRIENDLY_PROMPT).decode().replace("\r\n", "\n")
