"""Mutants are killed, or the same as the code, or gaps; the theorems of the functions beside `serve` notice faults."""

from functools import partial

import pytest

from proof.catalogue import Part
from proof.faults import executed, mutations, planted
from proof.faults.executed import Execution
from proof.faults.mutants import GAP, KILLED, SAME, Trial, page_of, seeded
from proof.faults.twins import Differs, same_ends
from proof.logic.theorems import Counterexample, Proof, Theorem
from proof.machine.exploration import SUBROUTINES
from proof.machine.thumb import Fault
from proof.whole import beside

THEOREM = "beside serve: count_failure, each lock"


@pytest.fixture(scope="module")
def trial(functions):
    """A Trial that knows one theorem, which executes all of count_failure."""
    return Trial(functions, {THEOREM: Execution(1, frozenset(functions["count_failure"].lines))})


def mutant(functions, name, before, after, number=0):
    every = [each for of_room in mutations.mutants(functions[name]).values() for each in of_room]
    return [each for each in every if (each.before, each.after) == (before, after)][number]


def test_a_fault_that_a_theorem_finds_is_killed(functions, trial):
    result = trial.of(mutant(functions, "count_failure", "cmp r1, r2", "tst r1, r2"))
    assert (result["verdict"], result["by"]) == (KILLED, THEOREM)
    assert result["what"] == "lock: result"


@pytest.mark.parametrize(("hint", "first"), [(None, "cheap"), ("dear", "dear"), ("of an older proof", "cheap")])
def test_the_theorem_that_has_killed_it_is_tried_first(functions, hint, first):
    class TwoTheorems(Trial):
        def _relevant(self, mutant):
            return [(name, Theorem(name, partial(_fails, name)), 10) for name in ("cheap", "dear")]

    result = TwoTheorems(functions, {}).of(mutant(functions, "count_failure", "cmp r1, r2", "tst r1, r2"), hint)
    assert (result["verdict"], result["by"], result["what"]) == (KILLED, first, f"{first} fails")


def _fails(name):
    raise Counterexample(f"{name} fails", {})


def test_an_instruction_that_does_the_same_is_proven_to_do_so(functions, trial):
    """The flag C is set behind a comparison with 0, so "lower or the same" is "equal"."""
    result = trial.of(mutant(functions, "count_failure", "beq +28 bytes", "bls +28 bytes"))
    assert (result["verdict"], result["by"]) == (SAME, "twins in 1 theorems")


def test_what_no_theorem_sees_is_a_gap(functions):
    changed = mutant(functions, "count_failure", "cmp r1, r2", "tst r1, r2")
    result = Trial(functions, {}).of(changed)
    assert (result["verdict"], result["what"]) == (GAP, "no theorem executes it")
    lines = page_of([changed], [result], "12ab")
    assert lines[0] == "**1 mutants in 1 rooms: 0 killed, 0 the same as the code, 1 gaps of the proof.**"
    assert lines[-1].startswith(f"| failure | {changed.place} | `cmp r1, r2` | `tst r1, r2` | GAP | nothing: no ")


def test_each_room_has_mutants_that_are_tried(functions):
    tried = seeded(functions)
    assert len(tried) >= 60 and tried == seeded(functions)
    rooms = {room for function in functions for room in mutations.rooms(function)}
    assert {each.room for each in tried} == rooms


def test_a_result_counts_for_the_code_and_the_proof_only(functions):
    text = 'def f():\n    """Return 1."""\n    return 1  # why\n'
    assert executed._without_docstrings(text) == executed._without_docstrings("def f():\n    return 1\n")
    assert executed._without_docstrings(text) != executed._without_docstrings("def f():\n    return 2\n")
    other = {**functions, "hold": functions["hold"].with_code(b"\0" * len(functions["hold"].code))}
    assert executed.version(other) != executed.version(functions)


# The theorems of the functions beside `serve`.


@pytest.mark.parametrize(
    ("name", "before", "after", "what"),
    [
        ("count_failure", "cpsid i", "cpsie i", "accesses the header without the lock"),
        ("count_failure", "dmb", "nothing", "no barrier is behind the loop"),
        ("count_failure", "str r2, [r0, 12]", "nothing", "header 3"),
        ("flip_start", "eors r4, r3", "orrs r4, r3", "starts"),
        ("flip_start", "beq +4 bytes", "nothing", "result"),
        ("hold", "cpsid i", "cpsie i", "interrupts"),
        ("let_go", "dmb", "nothing", "gives the spin lock back without a barrier"),
        ("let_go", "cmp r1, 0", "cmp r1, 1", "interrupts"),
        ("fill", "subs r2, 32", "subs r2, 33", "r2"),
        ("fill", "beq +6 bytes", "nothing", "bytes are left"),
        ("in_interrupt", "mrs r0, ipsr", "mrs r1, ipsr", "result"),
        ("synchronize", "dsb", "nothing", "the last two instructions are not DSB and ISB"),
        ("synchronize", "isb", "nothing", "the last two instructions are not DSB and ISB"),
    ],
)
def test_a_fault_in_a_function_beside_serve_is_noticed(functions, name, before, after, what):
    changed = mutant(functions, name, before, after).applied(functions[name])
    theorems = {each.name.partition(",")[0]: each for each in beside.theorems({**functions, name: changed})}
    with pytest.raises((Counterexample, Fault), match=what):
        theorems[name].prove()


def test_the_ends_of_whole_calls_are_compared(functions):
    serve = functions["serve"]
    parts = {part.name: part for part in executed.parts(functions, serve, 1)}
    (free,) = (each for each in parts["1 word"].theorems if each.name == "free, of word 0")
    assert same_ends(free.prove, serve, SUBROUTINES) > 0
    with pytest.raises(Differs, match="an end: starts 0 differs"):
        same_ends(free.prove, planted.mutant(serve, "release").applied(serve), SUBROUTINES)


def test_a_proof_that_does_not_hold_has_no_mutants(functions, monkeypatch, tmp_path):
    def wrong():
        raise Counterexample("it is wrong", {})

    theorems = [Theorem("hold, right", lambda: Proof(1, {2, 4})), Theorem("hold, wrong", wrong)]
    monkeypatch.setattr(executed, "PATH", tmp_path / "executed.json")
    monkeypatch.setattr(executed, "parts", lambda *_: [Part(executed.BESIDE, "", theorems, True)])
    with pytest.raises(SystemExit, match="not proven of the code as it is: beside serve: hold, wrong: see make proof"):
        executed.table(functions, 1)
    table = executed.table(functions, 1, is_draft=True)
    assert {name: each.addresses for name, each in table.items()} == {"beside serve: hold, right": {2, 4}}
