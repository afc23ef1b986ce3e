"""Every line and every branch of lib/physmem_engine.py is run by test_engine.py, on CPython."""

import json
import subprocess
import sys

from emulator import ROOT

ENGINE = ROOT / "lib" / "physmem_engine.py"
SECONDS_OF_A_TEST = 20  # measuring takes several times as long


def test_every_line_and_branch_of_the_engine(tmp_path):
    data, report = f"--data-file={tmp_path / 'data'}", tmp_path / "report.json"
    command = [sys.executable, "-m", "coverage", "run", "--branch", f"--include={ENGINE}", "--rcfile=/dev/null", data]
    command += [ROOT / "tests_host" / "run_engine_tests.py", ENGINE.parent, str(SECONDS_OF_A_TEST)]
    tests = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    command = [sys.executable, "-m", "coverage", "json", "--rcfile=/dev/null", data, "-o", report]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    [measured] = json.loads(report.read_text())["files"].values()
    print({name: number for name, number in measured["summary"].items() if isinstance(number, int)})
    assert measured["missing_lines"] == [], "lines that no test runs"
    assert measured["missing_branches"] == [], "branches, from line to line, that no test takes"
    assert measured["excluded_lines"] == [], "lines that are left out of the measurement"
    # The file is measured, not an empty one of the same name.
    functions = ENGINE.read_text().count("def ")
    assert measured["summary"]["num_statements"] > 5 * functions and measured["summary"]["num_branches"] > functions
