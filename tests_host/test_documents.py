"""The code of README.md and docs/: each sample runs, on CPython and on the unix port, and prints what it says.

tests_host/harness/pages.py says what a sample is, and how a page says where else it runs. After each sample
`physmem.check` must find nothing wrong. test_typed_pages.py has what a reader types at a board, and
test_examples.py the programs in examples/.
"""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import physmem_state
import pytest

from emulators import EMULATED_BOARDS, emulator_of
from harness.console import ConnectedBoard
from harness.pages import HOSTS, PAGES, ROOT, SAMPLES, SESSIONS, Sample, agrees, samples_of

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


def run(sample, runner, folder):
    """Run *sample* in a new process, or on a board that has just started. Return (its status, what it printed)."""
    program = BEFORE + sample.source + AFTER
    if runner not in HOSTS:
        return run_on_board(program, runner)
    (folder / "machine.py").write_text(MACHINE)
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


def run_on_board(program, board):
    """Run *program* on *board* in its emulator. Return (1 if it failed, what it printed)."""
    with ConnectedBoard(emulator_of(board)) as connected:
        try:
            return 0, connected.console.execute(program, SECONDS)
        except RuntimeError as error:
            return 1, str(error)


def differences(sample, output):
    """Return what *sample* says it prints and does not, and the other way round, as a sentence; "" if nothing."""
    lines = output.splitlines()
    if not sample.printed or (len(lines) == len(sample.printed) and all(map(agrees, lines, sample.printed))):
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
        steps = [step.kind for session in SESSIONS if session.page == page for step in session.steps]
        samples = [sample for sample in SAMPLES if sample.page == page]
        assert blocks == len(samples) + steps.count("paste") + steps.count("save"), page
    assert set(HOSTS) < {runner for sample in SAMPLES for runner in sample.runners} <= {*HOSTS, *EMULATED_BOARDS}


def test_every_sample_runs_or_is_in_a_file():
    assert [str(sample) for sample in SAMPLES if not sample.runners and not sample.is_in] == []


def not_in_file(sample):
    """Return the names that *sample* assigns and its file does not, or not so. Of a tuple it may leave out parts."""
    there, here = runpy.run_path(str(ROOT / sample.is_in)), {}
    exec(sample.source, here)
    del here["__builtins__"]
    wrong = []
    for name, value in here.items():
        other = there.get(name)
        is_part = isinstance(value, tuple) and isinstance(other, tuple) and set(value) <= set(other)
        if value != other and not is_part:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.is_in], ids=str)
def test_sample_is_in_its_file(sample):
    assert not_in_file(sample) == []


def test_metadata_is_what_the_page_computes():
    page = ROOT / "docs" / "frame_sizes_and_regions.md"
    functions = re.findall(r"^def metadata.*?(?=^\S)", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert functions
    for function in functions:
        there = {}
        exec(function, there)
        for frames in (1, 31, 32, 33, 64, 95, 1024, 1025, 2048, 8192, 32767, 32768):
            assert there["metadata"](frames) == 4 * len(physmem_state.new_state(frames, 0)), frames


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


def test_the_readme_lists_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = {link.partition("#")[0] for link in LINK.findall(readme[readme.index("## Pages") :])}
    assert [page.name for page in PAGES[1:] if f"docs/{page.name}" not in linked] == []


def test_dead_links_are_found():
    page = ROOT / "docs" / "engine.md"
    text = "# A b, c\n[1](#a-b-c) [2](lifecycle.md#phases) [3](#b) [4](lifecycle.md#phase) [5](no.md) [6](https://a.b)"
    text += "\n```python\n# no heading\n```\n[7](#no-heading)\n"
    assert anchors(text) == {"a-b-c"}
    assert dead_links(page, text) == ["#b", "lifecycle.md#phase", "no.md", "#no-heading"]


PAGE = Path("page.md")
TEXT = """text
<!-- is in: boards/UNIX/physmem_board.py -->
```python
NAME = "UNIX"
RETAINED_RECORDS = (None,)
OCCUPIED = (1,)
OTHER = ()
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
    assert [(sample.line, sample.runners) for sample in found] == [(4, ()), (11, ("CPYTHON",)), (15, HOSTS)]
    assert [sample.printed for sample in found] == [[], ["1, [2]"], ["1...4"]]


def test_what_is_not_in_the_file_is_noticed():
    assert not_in_file(samples_of(PAGE, TEXT)[0]) == ["OCCUPIED", "OTHER"]


def test_a_sample_within_a_session_is_not_one():
    assert samples_of(PAGE, "<!-- session at: UNIX -->\n```python\na\n```\n<!-- end of session -->\n") == []


@pytest.mark.parametrize("output", ["1, [2]", "1, [2]\n"])
def test_what_a_sample_prints_is_accepted(output):
    assert not differences(samples_of(PAGE, TEXT)[1], output)
    assert not differences(samples_of(PAGE, TEXT)[2], "1234")


@pytest.mark.parametrize("output", ["", "1, 2", "1, [2]\n1, [2]", "1, [3]"])
def test_another_output_is_refused(output):
    assert "it prints" in differences(samples_of(PAGE, TEXT)[1], output)


@pytest.mark.parametrize("runner", [*HOSTS, "MPS2_AN385"])
@pytest.mark.parametrize(
    "source", ["raise ValueError", "assert False", "physmem.region('sram').alloc(1); physmem.check = lambda: ['wrong']"]
)
def test_a_sample_that_fails_is_noticed(source, runner, tmp_path):
    status, output = run(Sample(PAGE, 1, source, HOSTS), runner, tmp_path)
    assert status != 0, output
