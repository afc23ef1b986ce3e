"""What the files of tests_target hold, read without importing them.

A test file is a plain module of functions `test_*` without arguments. It may set three constants:

ONLY     tuple of the machines it is for; without it, all of them
TIMEOUT  seconds that one of its tests may take
QEMU     tuple of more options for the QEMU of a board
"""

import ast
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "tests_target"
HARNESS = ("conftest", "runner", "uploaded_files")
"""Files of tests_target that are neither tests nor modules for tests."""

CPYTHON = "CPYTHON"
DEFAULT_TIMEOUT = 120


@dataclass(frozen=True)
class TargetFile:
    """A test file: its path, the names of its tests in order, its machines (None: all), seconds for one test, QEMU's
    options."""

    path: Path
    tests: tuple
    only: tuple | None
    timeout: int
    options: tuple

    def is_for(self, machine):
        return self.only is None or machine in self.only


def read(path):
    """The TargetFile at *path*. Raises ValueError when ONLY, TIMEOUT or QEMU is no constant."""
    tests = []
    constants = {}
    for node in ast.parse(path.read_text(), str(path)).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            tests.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("ONLY", "TIMEOUT", "QEMU"):
                constants[name] = ast.literal_eval(node.value)
    timeout = constants.get("TIMEOUT", DEFAULT_TIMEOUT)
    return TargetFile(path, tuple(tests), constants.get("ONLY"), timeout, constants.get("QEMU", ()))


def test_files():
    """The TargetFile of every test file, by name."""
    return [read(path) for path in sorted(FOLDER.glob("test_*.py"))]


def helper_modules():
    """Paths of the modules that test files may import."""
    return [
        path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("test_") and path.stem not in HARNESS
    ]
