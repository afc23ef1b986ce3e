"""Stock firmware in the emulator of its chip: MicroPython's own board, with what is installed in its file system.

`build/dist/mip` has the packages, `build/stock` the firmware.
"""

import time

from emulated_board import ROOT
from harness.console import END, SECONDS, ConnectedBoard
from harness.runners import RECEIVE, send_file
from rp2_emulator import Rp2Emulator

PACKAGES = ROOT / "build" / "dist" / "mip"
BOARDS = ("RPI_PICO", "RPI_PICO2")  # one of each chip


def files_of(package):
    """Return the paths of the files that installing *package* puts into lib/."""
    files = [path for path in (PACKAGES / package).glob("*") if path.name != "package.json"]
    if not files:
        raise RuntimeError(f"{PACKAGES / package} has no files: run make build")
    return files


class StockBoard(ConnectedBoard):
    """The firmware of *board* in that folder of build/; a context manager. Time that it sleeps through passes at
    once."""

    def __init__(self, board, folder="stock/"):
        super().__init__(Rp2Emulator(f"{folder}{board}", options=("--unpaced",)))
        self.name = board

    def run(self, source, seconds=SECONDS):
        """Execute *source*. Return what it printed, without space at its ends. Raise RuntimeError if it fails."""
        return self.console.execute(source, seconds).strip()

    def write(self, files):
        """Write *files*, {name in the root folder: bytes}, to the file system."""
        self.run(RECEIVE)
        for name, content in files.items():
            send_file(self.console, name, content)

    def install(self, package="arm"):
        """Write the files of the *package* into lib/, where MicroPython looks for modules."""
        files = {path.name: path.read_bytes() for path in files_of(package)}
        self.run("import os\nif 'lib' not in os.listdir('/'):\n    os.mkdir('lib')")
        self.write({f"lib/{name}": content for name, content in files.items()})

    def soft_reset(self):
        """Reset by Ctrl-D, which runs boot.py. Return what the board printed."""
        return self.console.soft_reset()

    def reset_by(self, source):
        """Execute *source*, which resets the chip, and connect again once it has done so."""
        before = self._instructions()
        self.console.send(source.encode() + END)
        deadline = time.monotonic() + SECONDS
        while self._instructions() >= before:
            assert time.monotonic() < deadline, f"there was no reset by {source!r}"
            time.sleep(0.01)
        self.connect()

    def reset_by_run(self):
        """Reset by the RUN pin."""
        self.emulator.reset()
        self.connect()

    def _instructions(self):
        """Return what core 0 has executed since the last reset."""
        return self.emulator.statistics()["cores"][0]["instructions"]
