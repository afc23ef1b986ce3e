"""Build and test with each MicroPython checkout of a folder, and write docs/micropython_versions.md.

A cell is one board, or the unix port, with one checkout. A checkout has its Pico SDK in lib/pico-sdk, or the folder has
one, `pico-sdk`, for those without. What a cell makes, its logs and its result stay in build/matrix/CHECKOUT, so that a
run that was cut short goes on where it was. A cell runs again when it has not passed, or when this project has changed.

A checkout that scripts/check_checkout.sh refuses is not built, and the page says why. That does not count as a failure.
"""

import argparse
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from dataclasses import asdict, dataclass
from pathlib import Path

from board_list import boards_of, port_of, runs_in_qemu
from emulated_board import ROOT
from emulators import EMULATED_BOARDS
from markdown_table import markdown
from campaigns import matrix_page

RESULTS = ROOT / "build" / "matrix"
HAL = ROOT / "build" / "stm32f4_hal" / "node_modules" / "@micro-os-plus" / "platform-stm32f4discovery"
UNIX = "UNIX"
PRODUCTS = (UNIX, *boards_of("qemu"), *filter(runs_in_qemu, boards_of("stm32")), *boards_of("rp2"))
READ = ("boards", "emulators", "examples", "firmware", "lib", "scripts", "tests_host/harness", "tests_target")
"""Folders of this project that decide what a cell gives."""


@dataclass
class Result:
    """What became of a cell: `refused`, `failed` or `passed`, and why; `tests` passed out of `of`; bytes of heap."""

    identity: str
    state: str
    why: str = ""
    tests: int = 0
    of: int = 0
    heap_used: int = 0
    heap_free: int = 0


@functools.cache
def state_of_the_project():
    """Return a hash of the content of all files that decide what a cell gives."""
    content = hashlib.sha256()
    for folder in READ:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content.update(str(path).encode() + path.read_bytes())
    return content.hexdigest()


def checkouts(folder):
    """Return the MicroPython checkouts in *folder*."""
    return sorted(path for path in folder.iterdir() if (path / "py" / "mpconfig.h").exists())


def version_of(tree):
    """Return the version of the checkout *tree*, such as "1.29.0-preview"."""
    header = (tree / "py" / "mpconfig.h").read_text()
    numbers = dict(re.findall(r"^#define MICROPY_VERSION_(\w+) (\d+)", header, re.MULTILINE))
    preview = "-preview" if numbers.get("PRERELEASE") == "1" else ""
    return f"{numbers['MAJOR']}.{numbers['MINOR']}.{numbers['MICRO']}{preview}"


class Cell:
    """One board, or the unix port, with one checkout."""

    def __init__(self, tree, board, selection):
        self.tree = tree
        self.board = board
        self.selection = selection
        self.folder = RESULTS / tree.name
        self.path = self.folder / f"{board}.json"
        self.port = "unix" if board == UNIX else port_of(board)
        own_sdk = tree / "lib" / "pico-sdk"
        self.sdk = own_sdk if (own_sdk / "pico_sdk_init.cmake").exists() else tree.parent / "pico-sdk"

    def identity(self):
        parts = [state_of_the_project(), str(self.tree), version_of(self.tree), self.selection, str(self.accepts())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def accepts(self):
        return self.port != "unix" and os.environ.get("ACCEPT_WRONG_VIPER") == "1"

    def earlier(self):
        """Return the Result of an earlier run if it still holds, else None."""
        if self.path.exists():
            result = Result(**json.loads(self.path.read_text()))
            if result.identity == self.identity() and result.state != "failed":
                return result
        return None

    def run(self):
        """Build and test. Write the Result and return it."""
        result = self._result()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(asdict(result), indent=1) + "\n")
        return result

    def _result(self):
        why = self._refusal()
        if why:
            return Result(self.identity(), "refused", why)
        sdk = {"rp2": self.sdk, "stm32": HAL}.get(self.port)
        for product, needs in (("mpy-cross", []), (self.board, [sdk] if sdk else [])):
            if subprocess.run([ROOT / "scripts" / "build.sh", product, self.tree, self.folder, *needs]).returncode:
                return Result(self.identity(), "failed", f"the build: {self.folder / product}.log")
        return self._tested()

    def _refusal(self):
        checks = [("micropython", self.tree)]
        if self.port != "unix":
            checks.append(("thumb", self.tree))
        if self.port == "rp2":
            checks.append(("pico-sdk", self.sdk, self.tree))
        for check in checks:
            done = subprocess.run([ROOT / "scripts" / "check_checkout.sh", *check], capture_output=True, text=True)
            if done.returncode:
                why = done.stderr.strip().removeprefix("physmem: ")
                return why.replace(f"{self.tree}/", "").replace(f" in {self.tree}", "")  # the page names the checkout
        return ""

    def _tested(self):
        report = self.folder / f"{self.board}.xml"
        report.unlink(missing_ok=True)
        environment = dict(os.environ, PHYSMEM_BUILD=str(self.folder))
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"]
        names = f"[{self.board}-" + (f" and ({self.selection})" if self.selection else "")
        command += ["--tier", "test", f"--junitxml={report}", "tests_host/test_on_targets.py"]
        if self.board in EMULATED_BOARDS:
            command.append(f"tests_host/test_examples.py::test_make_run[{self.board}]")  # what `make run` does
            names += " or test_make_run"
        command += ["-k", names]
        log = self.folder / f"{self.board}.tests.log"
        with log.open("w") as file:
            status = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
            ).returncode
        if not report.exists():
            return Result(self.identity(), "failed", f"the tests: {log}")
        suite = xml.etree.ElementTree.parse(report).getroot().find("testsuite")
        of = int(suite.get("tests"))
        passed = of - sum(int(suite.get(word)) for word in ("failures", "errors", "skipped"))
        heap = subprocess.run(
            [sys.executable, "-m", "campaigns.heap_at_prompt", self.board],
            env=environment,
            capture_output=True,
            text=True,
        )
        if status or heap.returncode:
            why = f"the tests: {log}" if status else f"the heap at the prompt: {heap.stderr}"
            return Result(self.identity(), "failed", why, passed, of)
        return Result(self.identity(), "passed", "", passed, of, *map(int, heap.stdout.split()))


def main():
    parser = argparse.ArgumentParser(description="Build and test with each MicroPython checkout of a folder.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--boards", nargs="+", default=PRODUCTS)
    parser.add_argument(
        "--tests", default="", help="of the target tests of make test, those with these names (pytest -k)"
    )
    arguments = parser.parse_args()
    if arguments.folder is None or not arguments.folder.is_dir():
        parser.exit(2, "physmem: set TREES= to a folder of MicroPython checkouts.\n")
    trees = checkouts(arguments.folder.resolve())
    if not trees:
        parser.exit(
            2, f"physmem: there is no MicroPython checkout in {arguments.folder}: set TREES= to their folder.\n"
        )
    unknown = [board for board in arguments.boards if board not in PRODUCTS]
    if unknown:
        parser.exit(
            2, f"physmem: {unknown[0]} cannot be run here: set MATRIX_BOARDS= to some of {' '.join(PRODUCTS)}.\n"
        )
    results = {}
    for board in arguments.boards:
        for tree in trees:
            cell = Cell(tree, board, arguments.tests)
            print(f"{tree.name}, {board}:", flush=True)
            result = cell.earlier() or cell.run()
            print(f"  {result.state}, {result.tests} of {result.of} tests {result.why}", flush=True)
            results[tree.name, version_of(tree), board] = result
    header, rows = matrix_page.table(results, arguments.boards)
    print("\n" + markdown(header, rows))
    matrix_page.write(results, arguments.boards, arguments.tests)
    return any(result.state == "failed" for result in results.values())


if __name__ == "__main__":
    sys.exit(main())
