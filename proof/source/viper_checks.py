"""Compare the words of `evaluator.Evaluator` with those of MicroPython: each operation of viper, compiled by mpy-cross
and executed on MPS2_AN385 under QEMU, on pairs of numbers where a sign, a carry or a shift goes wrong first.
"""

import random
import struct
import sys
import tempfile
from pathlib import Path

from proof.logic.solver import Solver
from proof.logic.theorems import Counterexample, Proof, Theorem
from proof.machine import machine_code
from proof.machine.machine_code import ROOT
from proof.source import integers
from proof.source.evaluator import Evaluator
from proof.source.library import Library

sys.path.append(str(ROOT / "tests_host"))

from harness import target_files
from harness.runners import QemuBoard, RunnerDown

BOARD = "MPS2_AN385"
FILE = "test_viper_operations"
_PER_FILE = 8  # operations: the board has little heap
_LOW = (0, 1, 2, 3, 31, 32, 33, 63, 64, 255, 256, 257, (1 << 30) - 1, 1 << 30, (1 << 31) - 1)
EDGES = (*_LOW, *(-number for number in _LOW if number), -(1 << 31))
OPERATIONS = (  # statements; a and b are ints
    "return a + b",
    "return a - b",
    "return a * b",
    "return -a",
    "return a & b",
    "return a | b",
    "return a ^ b",
    "return a << b",
    "return a >> b",
    "return int(uint(a) << b)",
    "return int(uint(a) >> b)",
    "return int(uint(a) + uint(b)) >> 1",
    "return int((uint(a) - uint(b)) >> 1)",
    "return int(uint(a) * b >> 27)",
    "return (a * b >> 27) & 31",
    "return (0 - 1) << (a & 31)",
    "return int((uint(a) >> b) | a)",
    "a &= (uint(a) >> (b & 31)) | (a << (32 - (b & 31)))\nreturn a",
    "x = uint(a ^ b) >> (b & 31)\nx = (x | uint(a)) >> 1\nreturn int(x & (0 - x))",
    "return 1 if a < b else 0",
    "return 1 if a <= b else 0",
    "return 1 if a > b else 0",
    "return 1 if a >= b else 0",
    "return 1 if a == b else 0",
    "return 1 if a != b else 0",
    "return 1 if uint(a) < uint(b) else 0",
    "return 1 if uint(a) <= uint(b) else 0",
    "return 1 if uint(a) > uint(b) else 0",
    "return 1 if uint(a) >= uint(b) else 0",
    "return 1 if a and b else 0",
    "return 1 if not a & uint(b) or a & 3 != 1 else 0",
    "n = 0\nwhile a:\n    a &= a - 1\n    n += 1\nreturn n + b",
)


def source_of(operations):
    """Return the text of a file with a viper function for each of the operations, `operation_0` and so on."""
    lines = ["import micropython"]
    for number, statements in enumerate(operations):
        lines += ["@micropython.viper", f"def operation_{number}(a: int, b: int) -> int:"]
        lines += [f"    {line}" for line in statements.split("\n")]
    return "\n".join(lines) + "\n"


def test_of(operations, pairs):
    """Return the text of a test that fails where the board computes otherwise than the Evaluator."""
    source = source_of(operations)
    library = Library({"operations": source})
    lines = [source, "from array import array", f"PAIRS = array('i', {_bytes([n for pair in pairs for n in pair])})"]
    lines += [f"def {FILE}():"]
    for number, statements in enumerate(operations):
        found = []
        for pair in pairs:
            evaluator = Evaluator(library, Solver())
            value, _ = evaluator.call("operations", f"operation_{number}", [integers.known(each) for each in pair], {})
            found.append(value.number)
        lines += [f"    check(operation_{number}, {statements!r}, array('i', {_bytes(found)}))"]
    lines += ["def check(operation, statements, found):", "    for i in range(len(found)):"]
    lines += ["        a, b = PAIRS[2 * i], PAIRS[2 * i + 1]", "        result = operation(a, b)"]
    lines += ["        assert result == found[i], (statements, a, b, result, found[i])"]
    return "\n".join(lines) + "\n"


def _bytes(numbers):
    return repr(struct.pack(f"<{len(numbers)}i", *numbers))


def compare(pairs, seed):
    """Compare each operation on so many pairs of numbers, or on all pairs of edges if that is more.

    Return how many results were compared. Raise AssertionError with what differs.
    """
    generator = random.Random(seed)
    chosen = [(a, b) for a in EDGES for b in (0, 1, 5, 31, 32, 33, 255, 256, 1 << 30, -1, -32, -(1 << 31))]
    while len(chosen) < pairs:
        chosen.append((generator.getrandbits(32) - (1 << 31), generator.choice(EDGES)))
    for start in range(0, len(OPERATIONS), _PER_FILE):
        _run(test_of(OPERATIONS[start : start + _PER_FILE], chosen))
    return len(OPERATIONS) * len(chosen)


def _run(text):
    with tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / BOARD
        board.mkdir()
        (board / "firmware.elf").symlink_to(machine_code.FIRMWARE)
        path = board / f"{FILE}.py"
        path.write_text(text)
        runner = QemuBoard(str(board))  # an absolute path stands for itself where the runner looks for a board
        try:
            has_passed, said = runner.run(target_files.read(path), FILE)
        except RunnerDown as down:
            raise AssertionError(f"the board went down: {down}") from None
        finally:
            runner.stop()
    assert has_passed, said.strip().splitlines()[-1]


def theorem(pairs=500, seed=1):
    """Return the Theorem that the Evaluator gives what the board gives: not proven, but tried."""

    def prove():
        try:
            compare(pairs, seed)
        except AssertionError as error:
            raise Counterexample(f"the evaluator is not viper: {error}", {}) from error
        return Proof()

    return Theorem("operations of viper, as QEMU executes them", prove)


if __name__ == "__main__":
    print(compare(*map(int, sys.argv[1:])))
