"""README.md and docs/ word by word: what a page has a reader type at a board is typed at that board in its emulator.

tests_host/harness/pages.py says how a page tells that. Sessions that go on from each other have one board.
"""

import subprocess
import sys
from dataclasses import replace

import pytest

from emulators import emulator_of
from harness.pages import MADE_BEFORE, MAKE_REPL, MAKE_RUN, ROOT, SESSIONS, WrongPage, agrees, sessions_of
from harness.typed_board import CTRL_D, TypedBoard
from rp2_emulator import RP2_BOARDS, Rp2Emulator

BY_NAME = {str(session): session for session in SESSIONS}
SECONDS = 300


class Wrong(AssertionError):
    """A page says that something is printed which is not."""


def started(board):
    """Return the emulator of *board*, not yet started. Time that a board of ports/rp2 sleeps through passes at once."""
    name = board.rpartition("/")[2]
    if name in RP2_BOARDS:
        return Rp2Emulator(board, options=("--unpaced",))
    return emulator_of(board)


def play(session, board, folder):
    """Do the steps of *session* at the TypedBoard *board*. Raise Wrong at the first that prints something else.

    Files of the session are saved in *folder*, where its `make run` finds them.
    """
    steps = list(session.steps)
    while steps:
        if steps[0].kind == "save":
            step = steps.pop(0)
            (folder / step.file).write_text(step.text, encoding="utf-8")
            continue
        if steps[0].kind == "shell":
            step = steps.pop(0)
            compare(session, step, shell(step.text, session, board, folder))
            continue
        with board.prompt() as prompt:
            while steps and steps[0].kind in ("type", "paste"):
                step = steps.pop(0)
                compare(session, step, prompt.type(step.text) if step.kind == "type" else prompt.paste(step.text))


def shell(command, session, board, folder):
    """Run a *command* of a session. Return what it prints."""
    if command == MAKE_REPL or command in MADE_BEFORE:
        return ""
    if command.startswith(MAKE_RUN):
        return make_run(session.board, command.removeprefix(MAKE_RUN), folder)
    return board.shell(command)


def make_run(board, file, folder):
    """Return what `make run EXAMPLE=file` prints, once there is firmware, on another emulator of *board*.

    The file is in *folder*.
    """
    command = [sys.executable, ROOT / "scripts" / "run.py", board, f"--example={folder / file}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
    return done.stdout


def compare(session, step, printed):
    """Raise Wrong if *printed* is not what the page says. Where it says nothing, an error is wrong."""
    expected = step.printed
    if "Traceback" in printed if expected is None else not agrees(printed, expected):
        said = "it says:\n{}\n".format(expected) if expected else ""
        raise Wrong(f"{session}:{step.line}: {step.text}\n{said}it prints:\n{printed}")


def chain(session):
    """Return the sessions that *session* goes on from, the first first, and itself."""
    return [*(chain(BY_NAME[f"{session.after} at {session.board}"]) if session.after else []), session]


@pytest.fixture(scope="module")
def boards():
    """Yield {name of the first session of a chain: (its board, {name of a session of it: whether it went well})}."""
    running = {}
    yield running
    for board, _ in running.values():
        board.emulator.stop()


def group(session):
    return pytest.param(
        session, marks=pytest.mark.xdist_group(f"typed {chain(session)[0].name_of_page}"), id=str(session)
    )


@pytest.mark.parametrize("session", [group(session) for session in SESSIONS])
def test_session(session, boards, tmp_path):
    """It prints what the page says, after the sessions that it goes on from."""
    sessions = chain(session)
    if str(sessions[0]) not in boards:
        emulator = started(session.board)
        emulator.start()
        boards[str(sessions[0])] = TypedBoard(emulator), {}
    board, played = boards[str(sessions[0])]
    for part in sessions:
        if str(part) not in played:
            played[str(part)] = False
            play(part, board, tmp_path)
            played[str(part)] = True
        assert played[str(part)], f"{part} went wrong before"


def test_sessions_are_found():
    assert {session.name_of_page for session in SESSIONS} >= {"README.md", "docs/tutorial.md"}
    assert len(BY_NAME) == len(SESSIONS)
    for session in SESSIONS:
        assert session.steps
        assert all(part.board == session.board for part in chain(session))
        if any(step.text.startswith((MAKE_REPL, MAKE_RUN)) for step in session.steps):
            assert session.board == "MPS2_AN385", "the board of make repl and make run without BOARD="


PAGE = ROOT / "docs" / "page.md"
TEXT = """<!-- session at: MPS2_AN385 -->
    mpremote exec "print(6 * 7)"   # -> 42

Type:

```pycon
>>> a = 6
>>> print(a * 7)
42
>>> a / 0
Traceback (most recent call last):
  File "<stdin>", line 1, in <module>
ZeroDivisionError: ...
```

Paste:

```python
if a:
    print("[%d]" % a)  # -> [6]
```

    mpremote repl

```pycon
>>> # press Ctrl-D
...soft reboot
...
>>> 'a' in globals()
False
```

<!-- file: own.py -->
```python
print(6 * 7)
```
    make run EXAMPLE=own.py    # -> 42
<!-- end of session -->
    make something
"""


def test_steps_of_a_session():
    (session,) = sessions_of(PAGE, TEXT)
    assert (session.board, session.after) == ("MPS2_AN385", None)
    assert [(step.line, step.kind, step.text, step.printed) for step in session.steps] == [
        (2, "shell", 'mpremote exec "print(6 * 7)"', "...42..."),
        (7, "type", "a = 6", ""),
        (8, "type", "print(a * 7)", "42"),
        (
            10,
            "type",
            "a / 0",
            'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\nZeroDivisionError: ...',
        ),
        (19, "paste", 'if a:\n    print("[%d]" % a)  # -> [6]', "[6]"),
        (23, "shell", "mpremote repl", None),
        (26, "type", CTRL_D, "...soft reboot\n..."),
        (29, "type", "'a' in globals()", "False"),
        (35, "save", "print(6 * 7)\n", None),
        (37, "shell", "make run EXAMPLE=own.py", "...42..."),
    ]
    assert [step.file for step in session.steps if step.file] == ["own.py"]


@pytest.mark.parametrize(
    "content, why",
    [
        ("```\ntext\n```", "no blocks of ''"),
        ("```pycon\n1\n>>> 2\n```", "starts with"),
        ("<!-- file: a.c -->\n```c\n```", "a.c is a block of 'c'"),
    ],
)
def test_what_cannot_be_typed_is_refused(content, why):
    with pytest.raises(WrongPage, match=why):
        sessions_of(PAGE, f"<!-- session at: UNIX -->\n{content}\n")


def test_a_session_goes_on_from_another():
    (session,) = sessions_of(PAGE, "<!-- session at: stock/RPI_PICO, after README.md -->\n\n    mpremote reset\n")
    assert [part.name_of_page for part in chain(session)] == ["README.md", "docs/page.md"]


WRONG = {
    "another result": ("print(a * 7)\n42", "print(a * 7)\n41", "it says:\n41\nit prints:\n42"),
    "nothing": ("print(a * 7)\n42", "print(a * 7)", "it prints:\n42"),
    "an error": ("a = 6\n", "a = b\n", "NameError"),
    "another error": ("ZeroDivisionError: ...", "ValueError: ...", "ZeroDivisionError"),
    "in a pasted block": ("[6]", "[7]", "it prints:\n[6]"),
    "of the shell": ("# -> 42", "# -> 43", "it prints:\n42"),
    "after a reset": ("False", "True", "it prints:\nFalse"),
}


@pytest.fixture(scope="module")
def mps2():
    with started("MPS2_AN385") as emulator:
        yield TypedBoard(emulator)


@pytest.mark.xdist_group("typed MPS2")
def test_a_session_is_typed(mps2, tmp_path):
    play(*sessions_of(PAGE, TEXT), mps2, tmp_path)


@pytest.mark.xdist_group("typed MPS2")
@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_page_is_noticed(fault, mps2, tmp_path):
    before, after, said = WRONG[fault]
    assert before in TEXT
    (session,) = sessions_of(PAGE, TEXT.replace(before, after, 1))
    if fault != "of the shell":
        session = replace(session, steps=session.steps[1:])  # a command of mpremote takes longer than all others
    with pytest.raises(Wrong) as error:
        play(session, mps2, tmp_path)
    assert said in str(error.value)
