"""test_engine.py runs every line and every branch of the engine, on CPython.

The engine is physmem_engine, physmem_state, and the words of records in physmem_records and physmem_recover.
"""

import ast
import json
import pathlib
import subprocess
import sys

from emulated_board import ROOT
from programs import run_engine_tests

LIBRARY = ROOT / "lib"
ENGINE = run_engine_tests.engine_files(LIBRARY)
SECONDS_OF_A_TEST = 20  # measuring takes several times as long


def test_every_line_and_branch_of_the_engine(tmp_path):
    data, report = f"--data-file={tmp_path / 'data'}", tmp_path / "report.json"
    included = f"--include={','.join(map(str, ENGINE))}"
    command = [sys.executable, "-m", "coverage", "run", "--branch", included, "--rcfile=/dev/null", data]
    command += [run_engine_tests.__file__, LIBRARY, str(SECONDS_OF_A_TEST)]
    tests = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    command = [sys.executable, "-m", "coverage", "json", "--rcfile=/dev/null", data, "-o", report]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    measured = {pathlib.Path(name).name: file for name, file in json.loads(report.read_text())["files"].items()}
    assert sorted(measured) == sorted(path.name for path in ENGINE)
    executed = branches = functions = 0
    for path in ENGINE:
        rows, file = run_engine_tests.tested_rows(path), measured[path.name]
        assert rows.isdisjoint(file["missing_lines"]), "lines that no test runs"
        missing = [branch for branch in file["missing_branches"] if branch[0] in rows]
        assert missing == [], "branches, from line to line, that no test takes"
        assert rows.isdisjoint(file["excluded_lines"]), "lines that are left out of the measurement"
        executed += len(rows.intersection(file["executed_lines"]))
        branches += sum(branch[0] in rows for branch in file["executed_branches"])
        functions += sum(isinstance(node, ast.FunctionDef) for node in run_engine_tests.tested_statements(path))
    print(f"{executed} lines, {branches} branches")
    # The files are measured, not empty ones of the same names.
    assert executed > 5 * functions and branches > functions > 30
