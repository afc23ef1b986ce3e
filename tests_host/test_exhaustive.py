"""On all 2**16 bitmaps of 16 frames the engine gives the same answer as brute force, and a refusal changes no byte.

The cases are in exhaustive_cases.py. The unix port, where the engine is machine code, runs all of them. CPython, where
a shift that is too far or a store that is too wide is an error instead of a wrong bit, runs those that change a state.
In `make test` both try a sample of the maps: `amount` is its step.
"""

import os
import subprocess

from emulated_board import BUILD
from programs import exhaustive_cases
import pytest
from harness import target_files

ON_CPYTHON = ("derived", "alloc", "alloc_across", "aligned_calls", "at", "constraints_across", "frees", "frees_across")
ON_CPYTHON += ("resizes_across",)
SECONDS = 300

# The number of cases of each part, so that no part can shrink unnoticed.
MAPS = 1 << 16
LEAST_CASES = {
    "derived": MAPS,
    "alloc": MAPS * 17,
    "alloc_across": MAPS * 17,
    "alloc_at_end": MAPS * 17,
    "alloc_uneven": MAPS * 17,
    "aligned": MAPS * 17 * (1 + 2 + 3 + 4 + 5 + 5),  # phases of 0, 1, 5, 8, 31 that differ modulo 1, 2, ... 32
    "aligned_across": MAPS * 17 * (1 + 2 + 4 + 8 + 16 + 32),
    "aligned_calls": MAPS * 6,
    "at": MAPS * 16,
    "constraints": MAPS * 24,
    "constraints_across": MAPS * 24,
    # n = 1, 2, 3, 5 with the boundaries 0, 8, 16, n = 9, 16 with 0, 16; 3 alignments, 2 lows, 2 highs, 2 phases.
    "tuples": MAPS * (4 * 3 + 2 * 2) * 3 * 2 * 2 * 2,
    "tuples_across": MAPS * (4 * 3 + 2 * 2) * 3 * 2 * 2 * 2,
    "whole_words": MAPS * 8,
    "frees": MAPS * 3 * (16 + 3),
    "frees_across": MAPS * 3 * (16 + 3),
    "resizes": MAPS * 3 * 16,
    "resizes_across": MAPS * 3 * 16,
    "resizes_at_end": MAPS * 3 * 16,
}


def test_every_part_is_run():
    assert set(LEAST_CASES) == set(exhaustive_cases.PARTS)


@pytest.mark.parametrize("part", ON_CPYTHON)
def test_on_cpython(part, amount):
    report = exhaustive_cases.Report(part, amount)
    exhaustive_cases.PARTS[part](report)
    assert report.end() == 0
    assert report.cases >= LEAST_CASES[part] // amount > 0


@pytest.mark.parametrize("place", [exhaustive_cases.IN_ONE_WORD, exhaustive_cases.ACROSS_WORDS])
def test_sample_of_the_constraint_tuples_on_cpython(place, amount):
    report = exhaustive_cases.Report(f"tuples at {place}", amount)
    exhaustive_cases.every_constraint_tuple(report, exhaustive_cases.Place(*place))
    assert report.end() == 0
    assert report.cases >= LEAST_CASES["tuples"] // amount > 0


@pytest.mark.parametrize("part", LEAST_CASES)
def test_on_the_unix_port(part, amount):
    # Little more heap than the regions that it boots with need: MicroPython is slow with a large heap.
    command = [BUILD / "UNIX" / "micropython", "-X", "heapsize=12M", exhaustive_cases.__file__, str(amount), part]
    environment = dict(os.environ, MICROPYPATH=f".frozen:{target_files.FOLDER}")
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
    print(process.stdout, process.stderr)
    assert process.returncode == 0, process.stdout + process.stderr
    _, cases, mismatches = process.stdout.replace(":", ",").split(",")
    assert int(cases.split()[0]) >= LEAST_CASES[part] // amount > 0
    assert mismatches.split() == ["0", "mismatches"]
