"""A place of labgrid, acquired for as long as the tests need its board.

labgrid is in an environment of its own, as it brings another pyserial: tests_host/programs/labgrid_place.py runs there.
"""

import contextlib
import json
import select
import subprocess
import sys
import tempfile

from emulated_board import ROOT

ENVIRONMENT = ROOT / "build" / "farm" / "venv" / "bin"
PROGRAM = ROOT / "tests_host" / "programs" / "labgrid_place.py"
SECONDS = 60


class PlaceError(Exception):
    """The place cannot be used; the message says why, and what to do."""


class Place:
    """The place of that name at labgrid's coordinator, which is the one that LG_COORDINATOR names.

    It is acquired at once, and released by `release`, or when this process ends, for whatever reason. `address` is what
    mpremote connects to. Raise PlaceError.
    """

    def __init__(self, name):
        self.name = name
        if not (ENVIRONMENT / "python").exists():
            raise PlaceError(f"labgrid is not installed here: make test-board TARGETS=labgrid:{name} installs it")
        # A pipe would fill, as nobody reads it.
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115, it is closed in _end
        self._process = subprocess.Popen(
            [ENVIRONMENT / "python", PROGRAM, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,  # Ctrl-C is for pytest, which releases the place then
        )
        told = self._told()
        if "error" in told:
            self._end()
            raise PlaceError(told["error"])
        self.address, self.speed = told["address"], told["speed"]

    def _told(self):
        """Return what the program prints of the place."""
        readable, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        if not readable:
            self._process.terminate()  # it releases what it may have acquired
            return {"error": f"labgrid did not acquire the place within {SECONDS} s: look at its coordinator's output"}
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": f"labgrid failed: {self._last_words()}"}

    def _last_words(self):
        self._said.seek(0)
        return self._said.read()[-1000:].strip()

    def _end(self):
        """Have the program release the place and end. Return None if it has, otherwise its last words."""
        with self._said, self._process:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            try:
                self._process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
            return self._last_words() if self._process.wait() else None

    def release(self):
        """Give the place back. Say on standard error if labgrid does not take it: what runs at the end goes on."""
        why = self._end()
        if why is not None:
            print(
                f"physmem: the place {self.name} was not released: run labgrid-client --place {self.name} release. "
                f"labgrid's last words: {why}",
                file=sys.stderr,
            )
