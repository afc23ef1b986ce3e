"""The code in README.md and docs/: samples, which run by themselves, and sessions, which a reader types at one board.

**A sample** is a block of ```python. ``import physmem`` goes without saying. A comment ``# -> text`` is a line that the
sample prints. A comment before the block says otherwise than that it runs on CPython and on the unix port:

- ``<!-- runs on: CPYTHON RPI_PICO2 -->``: on these runners, of which a board is one in its emulator;
- ``<!-- is in: boards/NAME/physmem_board.py -->``: it is not run, but all that it assigns stands in that file, too.

**A session** goes from ``<!-- session at: BOARD -->`` to ``<!-- end of session -->`` or to the end of the page. BOARD
is a board in its emulator, with this project's firmware, or ``stock/BOARD`` with MicroPython's own. With ``, after
PAGE`` it goes on at the board on which that page's session at it ended. In it

- an indented line is a command of the shell: one of mpremote, one of MADE_BEFORE, which has been done already,
  MAKE_REPL, which opens the prompt, or MAKE_RUN with a file. A comment ``# -> text`` is text that it prints;
- a block of ```python behind a comment ``<!-- file: NAME -->`` is saved as that file, for ``make run``;
- a block of ```pycon is what you see at the prompt: a line that starts with ``>>> `` is typed, what follows is printed,
  and ``>>> # press Ctrl-D`` is that key;
- a block of ```python is pasted: Ctrl-E, the block, Ctrl-D. Its comments ``# -> text`` are the lines that it prints.

In what is printed ``...`` stands for any characters, but not the more or fewer dots of `physmem.map`.
"""

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from emulated_board import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
HOSTS = ("CPYTHON", "UNIX")
MADE_BEFORE = ("make mip",)
MAKE_REPL, MAKE_RUN = "make repl", "make run EXAMPLE="

_SESSION = re.compile(
    r"^<!-- session at: (\S+?)(?:, after (\S+))? -->$(.*?)(?:^<!-- end of session -->$|\Z)", re.MULTILINE | re.DOTALL
)
_SAMPLE = re.compile(r"(?:<!-- (runs on|is in): ([^\n]*) -->\n)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^(?:<!-- file: (\S+) -->\n)?```(\w*)\n(.*?)^```$|^    (\S[^\n]*)$", re.MULTILINE | re.DOTALL)
_PRINTED = re.compile(r"# -> (.*)$", re.MULTILINE)
_ANYTHING = re.compile(r"(?<!\.)\.\.\.(?!\.)")
_PROMPT = ">>> "


class WrongPage(ValueError):
    """A page has a block that nothing runs; the message says which and why."""


@dataclass(frozen=True)
class Sample:
    page: Path
    line: int  # of the page
    source: str
    runners: tuple
    is_in: str | None = None

    def __str__(self):
        return f"{self.page.name}:{self.line}"

    @property
    def printed(self):
        """What it says it prints, line by line; empty if it does not say."""
        return _PRINTED.findall(self.source)


@dataclass(frozen=True)
class Step:
    """What the reader does next: `kind` is "shell", "type", "paste" or "save". `printed` is None if the page does not
    say. `file` is the name of what is saved."""

    line: int  # of the page
    kind: str
    text: str
    printed: str | None
    file: str | None = None


@dataclass(frozen=True)
class Session:
    page: Path
    board: str
    after: str | None  # the page whose session it goes on from, by its path in the project
    steps: tuple

    def __str__(self):
        return f"{self.name_of_page} at {self.board}"

    @property
    def name_of_page(self):
        """Its path in the project."""
        return self.page.relative_to(ROOT).as_posix()


def samples_of(page, text):
    """Return the samples of *text*, the content of *page*."""
    found = []
    outside = _SESSION.sub(lambda session: re.sub(r"[^\n]", " ", session[0]), text)
    for match in _SAMPLE.finditer(outside):
        what, value, source = match.groups()
        line = text.count("\n", 0, match.start(3)) + 1
        runners = {"is in": (), "runs on": tuple((value or "").split()), None: HOSTS}[what]
        found.append(Sample(page, line, source, runners, value if what == "is in" else None))
    return found


def sessions_of(page, text):
    """Return the sessions of *text*, the content of *page*."""
    found = []
    for match in _SESSION.finditer(text):
        board, after, content = match.groups()
        before = text.count("\n", 0, match.start(3)) + 1
        steps = [
            step
            for block in _STEP.finditer(content)
            for step in _steps_of(block, page, before + content.count("\n", 0, block.start()))
        ]
        found.append(Session(page, board, after, tuple(steps)))
    return found


def _steps_of(block, page, line):
    """Yield the steps of a block of a session, which starts at that *line* of *page*."""
    file, language, source, command = block.groups()
    if command:
        words, _, printed = command.partition("# -> ")
        yield Step(line, "shell", words.partition("#")[0].strip(), f"...{printed}..." if printed else None)
    elif file:
        if language != "python":
            raise WrongPage(f"{page.name}:{line}: {file} is a block of {language!r}, not of python")
        yield Step(line + 2, "save", source, None, file)  # behind the comment
    elif language == "python":
        printed = _PRINTED.findall(source)
        yield Step(line + 1, "paste", source.rstrip("\n"), "\n".join(printed) if printed else None)
    elif language == "pycon":
        for part in re.split(r"^(?=>>> )", source, flags=re.MULTILINE):
            typed, _, printed = part.partition("\n")
            if typed.startswith(_PROMPT):
                yield Step(line + 1, "type", typed.removeprefix(_PROMPT), printed.rstrip("\n"))
            elif part:
                raise WrongPage(f"{page.name}:{line}: a block of pycon starts with {_PROMPT!r}, not {typed!r}")
            line += part.count("\n")
    else:
        raise WrongPage(f"{page.name}:{line}: a session has no blocks of {language!r}, only python and pycon")


def agrees(text, expected):
    """Return whether *text*, without space at its ends, is *expected*, in which ``...`` stands for any characters."""
    pattern = _ANYTHING.sub("*", re.sub(r"([*?[])", r"[\1]", expected.strip()))
    return fnmatch.fnmatchcase(text.strip(), pattern)


SAMPLES = [sample for page in PAGES for sample in samples_of(page, page.read_text(encoding="utf-8"))]
SESSIONS = [session for page in PAGES for session in sessions_of(page, page.read_text(encoding="utf-8"))]
