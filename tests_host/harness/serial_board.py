"""A board at a serial line as a runner: which board it is, whether tests can run there, and the tests themselves.

Its connection is mpremote's transport, and so is the way of its files: the board reads them from a folder of this PC
that is mounted there. Nothing is written to the board.
"""

import ast
import shutil
import tempfile
from pathlib import Path

from board_list import BOARDS
from emulated_board import BUILD, ROOT
from packages.modules import sources_for_arm
from packages.version import version
from harness import needs, target_files
from harness.packaged_board import renamed_copy
from harness.runners import Board, NotRun, RunnerDown
from harness.serial_line import LineError, SerialLine

FACTS = ROOT / "tests_host" / "programs" / "board_facts.py"
BOOT = (ROOT / "firmware" / "physmem_boot.py").read_text()
THUMB = ROOT / "build" / "thumb"
MPY_VERSION = 6
OPTIONS = (
    *("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin"),
    "rv32imc",
)
"""Number of a machine in sys.implementation._mpy -> what mpy-cross calls it. Source: py/persistentcode.h."""
PATH = """
import sys
own = [folder for folder in {first} if folder in sys.path]
sys.path[:] = own + ["/remote"] + [folder for folder in sys.path if folder not in own]
del own
"""
"""What is asked of the PC takes time, so its folder comes after those that the library is in. It comes before the
board's own files, which may have the names of tests."""


def facts_of(address, speed=115200):
    """Return what board_facts.py prints on the board at *address*. Raise LineError if that is impossible."""
    with SerialLine(address, speed) as line:
        try:
            line.soft_reset()
            return ast.literal_eval(line.execute(FACTS.read_text()))
        except (OSError, RuntimeError, SyntaxError, ValueError) as error:
            raise LineError(f"the board at {address} does not tell what it is: {error}") from error


def boards():
    """Return the names of the boards that this project has a memory plan of."""
    return sorted(path.parent.name for path in BOARDS.glob("*/physmem_board.py"))


def _what_to_flash(facts, address):
    board = facts["build"] if (BOARDS / facts["build"]).is_dir() and facts["build"] else "..."
    return f"flash a firmware that has it, `make flash BOARD={board} PORT={address}`, or install a package"


def objection(facts, address, board=None):
    """Return why the tests cannot run on the board with those *facts*, and what to do; None if they can.

    *board* is the name that it must have; None is any.
    """
    here = f"the board at {address}, {facts['machine'] or 'of an unknown kind'} with MicroPython {written(facts)},"
    if facts["physmem"] is None:
        return f"{here} has no physmem ({facts['reason']}): {_what_to_flash(facts, address)}"
    if facts["physmem"] != version():
        other = f"has physmem {facts['physmem']}, and these are the tests of {version()}"
        return f"{here} {other}: {_what_to_flash(facts, address)}"
    if not facts["is_whole"]:
        return f"{here} has a raw package, which lacks most of what is tested: install the package without -raw"
    if not facts["board"]:
        return (
            f"{here} has no memory plan: write a physmem_board.py (docs/add_a_board.md), or on a Pico or Pico 2 call "
            "physmem_claim.boot in boot.py"
        )
    if board and facts["board"] != board:
        return f"{here} has the memory plan of {facts['board']}, and you asked for {board}: name its port or that board"
    if facts["kept"]:
        kept = ", ".join(f"{name!r} of {nbytes} bytes at {addr:#x}" for name, addr, nbytes in facts["kept"][:3])
        return f"{here} keeps memory over resets, and the tests take all of it: release {kept}, or cut the power"
    if facts["mpy"] & 0xFF != MPY_VERSION:
        other = f"takes .mpy files of version {facts['mpy'] & 0xFF}, and mpy-cross makes {MPY_VERSION}"
        return f"{here} {other}: {_what_to_flash(facts, address)}"
    if machine_number(facts) >= len(OPTIONS):
        return (
            f"{here} takes machine code number {machine_number(facts)} in .mpy files, and the tests know those below "
            f"{len(OPTIONS)}: add it to OPTIONS of tests_host/harness/serial_board.py, or "
            f"{_what_to_flash(facts, address)}"
        )
    if not facts["mounts"]:
        return f"{here} cannot mount a folder of this PC: it lacks os.mount or select; build its firmware with both"
    return None


def machine_number(facts):
    """Return the number of the machine whose code the board takes in .mpy files; 0 is none."""
    return facts["mpy"] >> 10 & 0xF


def written(facts):
    """Return the version of MicroPython, such as 1.25.0."""
    return ".".join(map(str, facts["version"]))


def described(facts):
    """Return a sentence on the board, for people."""
    regions = ", ".join(f"{name} {frames:,} x {size:,}" for name, frames, size in facts["regions"])
    place = f"installed in {facts['package']}" if facts["package"] else "in the firmware"
    return (
        f"{facts['board']}, {facts['machine']}, MicroPython {written(facts)}, physmem {facts['physmem']} {place}; "
        f"{facts['heap']:,} bytes of heap free; frames: {regions}"
    )


def lacking(facts, file):
    """Return what the TargetFile *file* needs and the board with those *facts* has not got, as a list of words."""
    words = needs.words_of(facts)
    lacks = [word for word in file.needed if word not in words]
    if file.options and ("QEMU" in facts["machine"] or facts["platform"] == "qemu"):
        lacks.append(f"QEMU started with {' '.join(file.options)}")
    return lacks


class SerialBoard(Board):
    """The board at *address*, whose *facts* are known. Once it can no longer be reached, it runs no more tests."""

    def __init__(self, name, address, facts, speed=115200):
        super().__init__(name)
        self._address, self._speed = address, speed
        self._facts = facts
        self._machine = OPTIONS[machine_number(facts)]
        self.firmware = f"serial/{self._machine or 'any'}"  # the folder of what is compiled for it
        self._names = sources_for_arm(THUMB).names if facts["short_names"] else None
        self._folder = None
        self._gone = None

    def run(self, file, function):
        try:
            if not self._gone:
                return super().run(file, function)
        except RunnerDown:
            if not self._gone:
                raise
        raise NotRun(f"not run: {self._gone}")

    def explain(self, error):
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            return f"its line was closed ({error})"
        return error

    def _bring_up(self, file):
        try:
            if self._console is None:
                self._console = SerialLine(self._address, self._speed)
            self._console.soft_reset()
        except OSError as error:
            self._gone = f"{self.name} can no longer be reached: {error}"
            raise

    def _upload(self, paths):
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="physmem_"))
        for path in [target_files.FOLDER / "runner.py", *paths]:
            shutil.copyfile(self._compile(self._named(path)), self._folder / f"{path.stem}.mpy")
        if self._facts["claimed"]:
            plan = "".join(f"{name} = {value!r}\n" for name, value in self._facts["claimed"].items())
            (self._folder / "physmem_board.py").write_text(plan)
        if not self._facts["is_booted"]:
            self._execute(BOOT)
        self._console.mount(self._folder)
        self._execute(PATH.format(first=[".frozen", self._facts["package"] or ".frozen"]))
        self._execute("from runner import run")

    def _named(self, path):
        """Return the path of the source at *path* with the names that the board's physmem has."""
        return renamed_copy(path, self._names, BUILD / self.firmware) if self._names else path

    def _compiler_option(self):
        return f"-march={self._machine}" if self._machine else "-O0"  # which changes nothing: no machine code there

    def stop(self):
        super().stop()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
