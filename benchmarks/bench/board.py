"""Run the benchmarks of benchmarks/on_board under QEMU, with exact instruction counts: on MPS2_AN385, and a few of them
on NETDUINO_PLUS_2, which runs the same machine code."""

import ast
import base64
import re
import subprocess

from emulated_board import ROOT
from qemu import Qemu

BOARD = "MPS2_AN385"
COUNTING = ("-icount", "shift=10,sleep=off")
"""QEMU options that make each instruction take 1,024 ns of emulated time, and waiting none."""
STM32_BOARD = "NETDUINO_PLUS_2"
COUNTING_STM32 = ("-icount", "shift=0,sleep=off")
"""The same with 1 ns an instruction: its millisecond timer then interrupts once in a million instructions."""

TESTS = ROOT / "tests_target"
SOURCES = {
    path.stem: path
    for path in (
        *sorted((ROOT / "benchmarks" / "on_board").glob("*.py")),
        TESTS / "random_numbers.py",
        TESTS / "scheduled.py",
        TESTS / "support.py",
    )
}
FILE_SYSTEM = TESTS / "uploaded_files.py"
COMPILED = ROOT / "build" / "bench" / "modules"
SECONDS = 120


def compile_modules():
    """Compile the modules that run on the board to .mpy files, the same way that frozen modules are compiled."""
    COMPILED.mkdir(parents=True, exist_ok=True)
    machine_code = re.search(r"-march=\S+", (ROOT / "boards" / BOARD / "mpconfigboard.mk").read_text()).group()
    for name, path in SOURCES.items():
        output = COMPILED / f"{name}.mpy"
        command = [ROOT / "build" / "mpy-cross" / "mpy-cross", machine_code, "-s", path.name, "-o", output, path]
        subprocess.run(command, check=True)


def needed_by(name):
    """Return the names of the modules in SOURCES that *name* imports, directly or indirectly, in order, *name* last."""
    found = {}
    for node in ast.walk(ast.parse(SOURCES[name].read_text())):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module] if isinstance(node, ast.ImportFrom) else []
        for module in imported:
            if module in SOURCES:
                found.update(dict.fromkeys(needed_by(module)))
    return [*found, name]


class BenchBoard(Qemu):
    """A freshly reset board; a context manager."""

    def __init__(self, options=COUNTING, name=BOARD):
        super().__init__(name, options=options)
        self.transport = None
        self._uploaded = set()

    def __enter__(self):
        self.start()
        self.transport = self.connect()
        self.transport.exec(FILE_SYSTEM.read_text())
        self.transport.exec("import binascii")
        return self

    def __exit__(self, *exception):
        self.transport.serial.close()
        self.stop()

    def _upload(self, name):
        """Upload the module *name* and what it needs to the board, and import it. The files do not stay in the heap."""
        for module in needed_by(name):
            if module not in self._uploaded:
                text = base64.b64encode((COMPILED / f"{module}.mpy").read_bytes())
                self.transport.exec(f"uploaded_files.add('{module}.mpy', binascii.a2b_base64({text!r}))")
                self._uploaded.add(module)
        self.transport.exec(f"import {name}\nuploaded_files.contents.clear()")

    def run(self, function, *arguments):
        """Call *function*, "module.name", with literals. Return its literal result. Raise RuntimeError on failure."""
        self._upload(function.partition(".")[0])
        output, error = self.transport.exec_raw(f"print(repr({function}(*{arguments!r})))", SECONDS)
        if error:
            raise RuntimeError(f"{function}{arguments!r} failed on the board:\n{error.decode(errors='replace')}")
        return ast.literal_eval(output.decode().strip())


def run(function, *arguments):
    """Call *function* on a freshly reset board, for counts that depend on the contents of the heap."""
    with BenchBoard() as board:
        return board.run(function, *arguments)
