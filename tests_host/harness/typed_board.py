"""An emulated board with MicroPython's own firmware: mpremote's commands as you type them, and lines at its prompt."""

import os
import shlex
import subprocess
import sys

from emulated_board import FRIENDLY_PROMPT, ROOT
from harness.console import BANNER, Console

MPREMOTE = ROOT / "tests_host" / "programs" / "patient_mpremote.py"
SECONDS = 300


def mpremote(url, *arguments):
    """Run mpremote with *arguments*, connected to the board at *url*. Return what it printed; RuntimeError if it
    fails."""
    done = subprocess.run(
        [sys.executable, MPREMOTE, "connect", url, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    return done.stdout


class TypedBoard:
    """A board that runs in *emulator*, which has started."""

    def __init__(self, emulator):
        self.emulator = emulator

    def mpremote(self, *arguments):
        """Run mpremote with *arguments*, connected to the board, as the function of this name does."""
        return mpremote(self.emulator.url, *arguments)

    def shell(self, line):
        """Run the command *line*, which starts with mpremote, as a shell does, comment included."""
        program, *arguments = shlex.split(line, comments=True)
        if program != "mpremote":
            raise ValueError(f"{line} is not a command of mpremote")
        return self.mpremote(*arguments)

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

    def type(self, lines):
        """Type *lines* at the prompt. Return what each printed, a list of texts."""
        printed = []
        with Console(self.emulator) as console:
            console.send(b"\r")
            console.read_until(FRIENDLY_PROMPT)
            for line in lines:
                console.send(line.encode() + b"\r")
                echo, _, answer = console.read_until(FRIENDLY_PROMPT).decode().partition("\r\n")
                assert echo == line, echo
                printed.append(answer.replace("\r\n", "\n").rstrip("\n"))
        return printed
