"""The code of README.md and docs/: each sample runs, on CPython and on the unix port, and prints what it says.

A sample is a block of ```python. ``import physmem`` goes without saying. A comment ``# -> text`` is a line that the
sample prints; ``...`` in it stands for any characters. A comment before the block says where else or why not it runs:
``<!-- runs on: CPYTHON -->``, ``<!-- not run: why -->``. After each sample `physmem.check` must find nothing wrong. The
programs in examples/ run on the boards.
"""

import fnmatch
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulators import EMULATED_BOARDS
from psram_chips import PSRAM_BOARDS
from rp2_emulator import RP2_BOARDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FENCE = re.compile(r"(?:<!-- (runs on|not run): ([^\n]*) -->\n)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"# -> (.*)$", re.MULTILINE)
RUNNERS = ("CPYTHON", "UNIX")
SECONDS = 60
UNIX_PORT = ROOT / "build" / "UNIX" / "micropython"

BEFORE = "import physmem\n"
AFTER = "\nimport physmem\nwrong = physmem.check()\nassert not wrong, wrong\n"
BOOT = "import physmem_boot\n"  # what the firmware of the unix port does before it starts a program

# A board's pins, for hosts: the handler runs once, with the heap locked as in a hard interrupt.
MACHINE = """
import micropython
class Pin:
    IN, IRQ_RISING = 0, 4
    def __init__(self, number, mode=0):
        pass
    def irq(self, handler, trigger=0, hard=False):
        micropython.heap_lock()
        try:
            handler(self)
        finally:
            micropython.heap_unlock()
"""


@dataclass(frozen=True)
class Sample:
    page: Path
    line: int  # of the page
    source: str
    runners: tuple

    def __str__(self):
        return f"{self.page.name}:{self.line}"

    @property
    def printed(self):
        """What it says it prints, line by line; empty if it does not say."""
        return PRINTED.findall(self.source)


def samples_of(page, text):
    """Return the samples of *text*, the content of *page*."""
    found = []
    for match in FENCE.finditer(text):
        what, value, source = match.groups()
        runners = {"not run": (), "runs on": (value or "").split(), None: RUNNERS}[what]
        found.append(Sample(page, text.count("\n", 0, match.start(3)) + 1, source, tuple(runners)))
    return found


SAMPLES = [sample for page in PAGES for sample in samples_of(page, page.read_text(encoding="utf-8"))]


def run(sample, runner, folder):
    """Run *sample* in a new process. Return (its status, what it printed)."""
    (folder / "machine.py").write_text(MACHINE)
    program = BEFORE + sample.source + AFTER
    if runner == "UNIX":
        command = [UNIX_PORT, "-c", program]
        path = {"MICROPYPATH": f".frozen:{folder}"}
    else:
        command = [sys.executable, "-c", BOOT + program]
        folders = ("tests_host/stubs", "lib", "boards/UNIX", "firmware")
        path = {"PYTHONPATH": os.pathsep.join([str(folder), *(str(ROOT / name) for name in folders)])}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout


def differences(sample, output):
    """Return what *sample* says it prints and does not, and the other way round, as a sentence; "" if nothing."""
    if not sample.printed:
        return ""
    lines = output.splitlines()
    expected = [re.sub(r"([*?[])", r"[\1]", line).replace("...", "*") for line in sample.printed]
    if len(lines) == len(expected) and all(map(fnmatch.fnmatchcase, lines, expected)):
        return ""
    return "it says:\n{}\nit prints:\n{}".format("\n".join(sample.printed), output)


@pytest.mark.parametrize(
    "sample, runner",
    [pytest.param(sample, runner, id=f"{runner}-{sample}") for sample in SAMPLES for runner in sample.runners],
)
def test_sample(sample, runner, tmp_path):
    status, output = run(sample, runner, tmp_path)
    assert status == 0, output
    assert not differences(sample, output), differences(sample, output)


def test_samples_are_found():
    assert {page.name for page in PAGES} >= {"README.md", "pitfalls.md", "lifecycle.md"}
    for page in PAGES:
        blocks = page.read_text(encoding="utf-8").count("```python")
        assert blocks == len([sample for sample in SAMPLES if sample.page == page]), page
    assert {runner for sample in SAMPLES for runner in sample.runners} == set(RUNNERS)


def demonstrated(*arguments):
    """Return what scripts/run.py prints, having checked that nothing failed."""
    command = [sys.executable, ROOT / "scripts" / "run.py", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=4 * SECONDS)
    assert done.returncode == 0, done.stdout
    assert "check: nothing is wrong" in done.stdout
    assert done.stdout.rstrip().endswith("used besides the log and the records: 0 frames")
    return done.stdout


@pytest.mark.parametrize("board", EMULATED_BOARDS)
def test_examples(board):
    """What `make run` does: examples/demonstration.py, dma_ring.py, and crash_log.py before and after a reset."""
    output = demonstrated(board)
    assert "not a real board" in output.splitlines()[0]
    assert ("it holds the last 4096 bytes" in output) == (board in RP2_BOARDS)


def test_examples_without_psram():
    """What `make run PSRAM=0` does. Lines of the tables of statistics start with the name of a region."""
    assert "\npsram " in demonstrated(PSRAM_BOARDS[0])
    assert "\npsram " not in demonstrated(PSRAM_BOARDS[0], "--psram=0")


LINK = re.compile(r"\]\(([^):]*)\)")


def anchors(text):
    """Return the anchors of the headings of *text*, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page, text):
    """Return the relative links of *text*, the content of *page*, that lead nowhere."""
    dead = []
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        target = page.parent / path
        is_there = not path or target.exists()
        if is_there and anchor:
            is_there = anchor in anchors(target.read_text(encoding="utf-8") if path else text)
        if not is_there:
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert dead_links(page, page.read_text(encoding="utf-8")) == []


def test_dead_links_are_found():
    page = ROOT / "docs" / "engine.md"
    text = "# A b, c\n[1](#a-b-c) [2](lifecycle.md#phases) [3](#b) [4](lifecycle.md#phase) [5](no.md) [6](https://a.b)"
    text += "\n```python\n# no heading\n```\n[7](#no-heading)\n"
    assert anchors(text) == {"a-b-c"}
    assert dead_links(page, text) == ["#b", "lifecycle.md#phase", "no.md", "#no-heading"]


PAGE = Path("page.md")
TEXT = """text
<!-- not run: why -->
```python
a
```
<!-- runs on: CPYTHON -->
```python
print(1, [2])  # -> 1, [2]
```

```python
print(1234)    # -> 1...4
```
"""


def test_marks_of_samples():
    found = samples_of(PAGE, TEXT)
    assert [(sample.line, sample.runners) for sample in found] == [(4, ()), (8, ("CPYTHON",)), (12, RUNNERS)]
    assert [sample.printed for sample in found] == [[], ["1, [2]"], ["1...4"]]


@pytest.mark.parametrize("output", ["1, [2]", "1, [2]\n"])
def test_what_a_sample_prints_is_accepted(output):
    assert not differences(samples_of(PAGE, TEXT)[1], output)
    assert not differences(samples_of(PAGE, TEXT)[2], "1234")


@pytest.mark.parametrize("output", ["", "1, 2", "1, [2]\n1, [2]", "1, [3]"])
def test_another_output_is_refused(output):
    assert "it prints" in differences(samples_of(PAGE, TEXT)[1], output)


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    "source", ["raise ValueError", "assert False", "physmem.region('sram').alloc(1); physmem.check = lambda: ['wrong']"]
)
def test_a_sample_that_fails_is_noticed(source, runner, tmp_path):
    status, output = run(Sample(PAGE, 1, source, RUNNERS), runner, tmp_path)
    assert status != 0, output
