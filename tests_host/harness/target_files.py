"""Read the test files of tests_target without importing them.

A test file is a plain module of functions `test_*` without arguments. It can set four constants:

ONLY     tuple of the runners it is for; without it, all of them
TIMEOUT  seconds that one of its tests may take
QEMU     tuple of extra options for QEMU
PACED    True: time that the emulated RP2040 sleeps through passes as on the host, not at once
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from harness import memory_plans

FOLDER = Path(__file__).resolve().parents[2] / "tests_target"
VIPER_ENGINE = FOLDER.parent / "build" / "thumb" / "viper_engine.py"
HARNESS = ("conftest", "host_files", "runner", "uploaded_files")
"""Files of tests_target that are neither tests nor modules that tests import."""

CPYTHON = "CPYTHON"
DEFAULT_TIMEOUT = 120


@dataclass(frozen=True)
class TargetFile:
    """A test file: its path, the names of its tests in order, its runners (None: all), seconds for one test, options
    for QEMU, and whether sleeping takes its time."""

    path: Path
    tests: tuple
    only: tuple | None
    timeout: int
    options: tuple
    is_paced: bool

    def is_for(self, runner):
        return self.only is None or runner in self.only


def read(path):
    """Return the TargetFile at *path*. Raise ValueError if ONLY, TIMEOUT, QEMU or PACED is not a constant."""
    return _read(path, path.stat().st_mtime_ns)


@functools.cache
def _read(path, changed):
    tests = []
    constants = {}
    for node in ast.parse(path.read_text(), str(path)).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            tests.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("ONLY", "TIMEOUT", "QEMU", "PACED"):
                constants[name] = ast.literal_eval(node.value)
    timeout = constants.get("TIMEOUT", DEFAULT_TIMEOUT)
    options, is_paced = constants.get("QEMU", ()), constants.get("PACED", False)
    return TargetFile(path, tuple(tests), constants.get("ONLY"), timeout, options, is_paced)


def test_files():
    """Return the TargetFile of every test file, sorted by name."""
    return [read(path) for path in sorted(FOLDER.glob("test_*.py"))]


def helper_modules():
    """Return the paths of the modules that test files may import.

    Two of them are made. One is the whole engine under another name, as the firmware of boards leaves out the viper
    code that the assembler replaces: scripts/expand_thumb.py makes it. The other has the memory plans of all boards.
    """
    modules = [path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("test_")]
    return [path for path in modules if path.stem not in HARNESS] + [VIPER_ENGINE, memory_plans.write()]
