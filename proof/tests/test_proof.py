"""`make proof` says what is proven, and nothing that is not."""

import os
import re
import time

import pytest

from proof import __main__ as program
from proof import catalogue, completeness
from proof.faults import planted
from proof.logic.solver import Undecided
from proof.logic.theorems import Counterexample, Proof, Theorem
from proof.machine import machine_code
from proof.machine.exploration import SUBROUTINES
from proof.machine.flow import Flow
from proof.machine.thumb import Fault

PAGE = (machine_code.ROOT / "docs" / "proof.md").read_text()


@pytest.fixture(scope="module")
def parts(functions, serve):
    return catalogue.parts(functions, (serve, Flow(serve, SUBROUTINES)), 3)


def raising(error):
    def prove():
        raise error

    return prove


def ended(monkeypatch, *theorems, arguments=()):
    """Run `make proof` with these theorems alone. Return its exit status."""
    part = catalogue.Part("a part", "what is tried here", list(theorems), True)
    monkeypatch.setattr(catalogue, "parts", lambda functions, code, depth: [part])
    monkeypatch.setattr(completeness, "gaps", lambda function, outcomes: [])
    monkeypatch.setattr("sys.argv", ["proof", *arguments])
    with pytest.raises(SystemExit) as exit_status:
        program.main()
    return exit_status.value.code


RIGHT = Theorem("a right one", Proof)


def test_all_proven_is_success(monkeypatch, capsys):
    assert ended(monkeypatch, RIGHT, Theorem("another", Proof)) == 0
    assert "2 of 2 theorems are proven" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prove", "says"),
    [
        (raising(Counterexample("the result", {"n": 5})), "WRONG: a part: other"),
        (raising(Fault("accesses 0x0")), "accesses 0x0"),
        (raising(Undecided("the solver does not know")), "NOT FINISHED: a part: other"),
        (raising(ZeroDivisionError("a mistake in the proof")), "ZeroDivisionError: a mistake in the proof"),
        (lambda: os._exit(3), "the process has ended with 3"),
    ],
)
def test_what_is_not_proven_is_a_failure(monkeypatch, capsys, prove, says):
    assert ended(monkeypatch, RIGHT, Theorem("other", prove)) == 1
    said = capsys.readouterr().out
    assert says in said and "1 of 2 theorems are proven" in said


def test_a_theorem_that_takes_too_long_is_not_finished(monkeypatch, capsys):
    monkeypatch.setattr(program, "SECONDS", 0.5)
    assert ended(monkeypatch, Theorem("other", lambda: time.sleep(60)), RIGHT) == 1
    assert "not finished in 0.5 s" in capsys.readouterr().out


def test_a_name_that_no_theorem_has_is_an_error(monkeypatch):
    assert "no theorem has a wrong one in its name" in ended(monkeypatch, RIGHT, arguments=["--only", "a wrong one"])


@pytest.mark.parametrize("arguments", [("--depth", "0"), ("--processes", "0"), ("--depth", "many")])
def test_a_number_that_is_not_one_is_an_error(monkeypatch, arguments):
    assert ended(monkeypatch, RIGHT, arguments=arguments) == 2


def test_a_gap_is_a_failure(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["proof"])
    part = catalogue.Part("a part", "what is tried here", [RIGHT], True)
    monkeypatch.setattr(catalogue, "parts", lambda functions, code, depth: [part])
    with pytest.raises(SystemExit) as exit_status:
        program.main()
    assert exit_status.value.code == 1 and "GAP: no theorem executes serve 0x" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["proof", "--quick"])  # not all theorems: whether there are gaps is not asked
    with pytest.raises(SystemExit) as exit_status:
        program.main()
    assert exit_status.value.code == 0 and "GAP" not in capsys.readouterr().out


def test_a_point_where_no_stretch_begins_is_a_gap(serve):
    outcome = program.Outcome(
        "taking", "a stretch", program.PROVEN, 0, "", Proof(begins="TAKE", reached=("LOOK", "end"))
    )
    assert "GAP: the code comes to LOOK, where no stretch begins" in completeness.gaps(serve, [outcome])
    outcome.proof.reached = ("TAKE", "end")
    assert not any("no stretch begins" in gap for gap in completeness.gaps(serve, [outcome]))


def test_a_counterexample_is_printed_as_a_test(functions, serve):
    faulty = planted.mutant(serve, "release").applied(serve)
    parts = catalogue.parts(functions, (faulty, Flow(faulty, SUBROUTINES)), 1)
    (part,) = [part for part in parts if part.name == "1 word"]
    theorem = next(each for each in part.theorems if each.name == "free, of word 0")
    outcome = program.decide(part, theorem)
    assert outcome.verdict == program.WRONG
    text = outcome.text.partition("\n\n")[2]
    compile(text, "the test", "exec")
    assert "def test_counterexample():" in text and re.search(r"free\(\d+\) in a region of \d+ frames", text)


def test_no_two_theorems_have_one_name(parts):
    names = [f"{part.name}: {theorem.name}" for part in parts for theorem in part.theorems]
    assert len(names) == len(set(names)) > 250


def test_the_page_has_the_parts_of_the_catalogue(parts):
    rows = re.findall(r"^\| ([^|]+?) +\| +(\d+) +\|", PAGE, re.M)
    assert rows == [(part.name, str(len(part.theorems))) for part in parts]
