"""Read the test files of tests_target without importing them.

A test file is a plain module of functions `test_*` without arguments. It can set four constants:

NEEDS    tuple of what it needs of its runner, words of needs.py; without it, it is for all runners
TIMEOUT  seconds that one of its tests may take
QEMU     tuple of extra options for QEMU
PACED    True: time that an emulated rp2 board sleeps through passes as on the host, not at once
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from harness import memory_plans, needs

FOLDER = Path(__file__).resolve().parents[2] / "tests_target"
VIPER_ENGINE = FOLDER.parent / "build" / "thumb" / "viper_engine.py"
CONSTANTS = ("NEEDS", "TIMEOUT", "QEMU", "PACED")
HARNESS = ("conftest", "host_files", "runner", "uploaded_files")
"""Files of tests_target that are neither tests nor modules that tests import."""

CPYTHON = needs.CPYTHON
DEFAULT_TIMEOUT = 120

FEW_FILES = {"SPARKFUN_PROMICRO_RP2350": ("test_boot", "test_psram")}
"""Runner -> the only files that it runs: its chip and its memory plan are those of PIMORONI_PICO_PLUS2, so it shows
that its own image boots, finds the PSRAM behind its own pin and uses it."""

AS_ON_ANOTHER = {
    "PIMORONI_PICO_PLUS2": (
        "test_allocated_frames",
        "test_bad_input",
        "test_call_places",
        "test_constraint_tuples",
        "test_constraints",
        "test_cut_calls",
        "test_debug",
        "test_debug_resize",
        "test_deferred",
        "test_deferred_in_handlers",
        "test_ended_owners",
        "test_fill",
        "test_frame_range",
        "test_heap_free_errors",
        "test_init",
        "test_interrupted_calls",
        "test_largest_free",
        "test_low",
        "test_machine_code",
        "test_memory_plans",
        "test_merits",
        "test_names",
        "test_phases",
        "test_quarantine",
        "test_record_flips",
        "test_recover",
        "test_resize",
        "test_ruvix_defects",
        "test_ruvix_large",
        "test_ruvix_scenarios",
        "test_ruvix_types",
        "test_scope",
        "test_seed_example",
        "test_statistics",
        "test_theseus_defects",
        "test_theseus_functions",
        "test_theseus_scenarios",
        "test_wrong_arguments",
    )
}
"""Runner -> files that it does not run: what they show does not depend on the memory of the board, and RPI_PICO2, which
runs them, has the same chip and the same machine code."""


@dataclass(frozen=True)
class TargetFile:
    """A test file: its path, the names of its tests in order, what it needs of a runner, seconds for one test, options
    for QEMU, and whether sleeping takes its time."""

    path: Path
    tests: tuple
    needed: tuple
    timeout: int
    options: tuple
    is_paced: bool

    def is_for(self, runner, machine=None):
        """Return whether the runner of that name runs the file on a host with that *machine*; None is this one."""
        name = self.path.stem
        if name in AS_ON_ANOTHER.get(runner, ()) or name not in FEW_FILES.get(runner, (name,)):
            return False
        return needs.has(runner, self.needed, machine)


def read(path):
    """Return the TargetFile at *path*. Raise ValueError if one of its four constants is not a literal."""
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
            if name in CONSTANTS:
                constants[name] = ast.literal_eval(node.value)
    timeout = constants.get("TIMEOUT", DEFAULT_TIMEOUT)
    options, is_paced = constants.get("QEMU", ()), constants.get("PACED", False)
    return TargetFile(path, tuple(tests), constants.get("NEEDS", ()), timeout, options, is_paced)


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
