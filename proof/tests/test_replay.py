"""What the proof finds is a test that fails on the faulty machine code, as predicted, and passes on the other."""

import random
import re

import pytest

from proof.any_size.locking import SPIN_LOCK
from proof.faults import (
    beside_calls,
    executed,
    hunt,
    mutations,
    pasted,
    planted,
    replay,
    replay_board,
    replay_host,
    simplified,
)
from proof.faults.beside_calls import BesideCall
from proof.faults.example import Call, Example, Map
from proof.faults.replay_host import FAILS, PASSES
from proof.machine import machine_code
from proof.machine.running import Machine
from proof.machine.thumb import Fault
from proof.source import reference

# docs/engine.md draws this map: 1 frame, 3 that have been freed, and 2.
DRAWN = """\
frame 0 1 2 3 4 5 6 7 8 9 a b c d e f
free  0 1 1 1 0 0 1 1 1 1 1 1 1 1 1 1
start 1 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0"""
OF_ENGINE_MD = Map(16, 0b1111111111001110, 0b10001, fewest=10)
PLAIN = Example(OF_ENGINE_MD, Call("alloc", (4,), is_direct=True))


def faulty(serve, room):
    return planted.mutant(serve, room).applied(serve)


# The whole way, with what the solver finds.


@pytest.mark.parametrize("room", ["release", "lock", "failure", "in_interrupt"])
def test_the_planted_fault_of_a_room_is_found_and_fails_on_qemu_as_predicted(functions, room):
    found = replay.OfRoom(functions, room)
    outcomes = found.replay
    assert found.source == "the theorem"
    assert outcomes.right.kind == outcomes.right_on_board.kind == PASSES
    assert outcomes.predicted.kind == outcomes.on_board.kind == FAILS
    assert outcomes.predicted.message == outcomes.on_board.message != ""
    assert outcomes.is_as_predicted()


def test_a_fault_that_the_theorem_cannot_see_is_no_counterexample(functions, serve):
    with pytest.raises(replay.NoExample, match="is proven, in spite of the fault"):
        replay.found_by(functions, faulty(serve, "take"), "1 word: free, behind the region")


def test_each_theorem_that_finds_a_planted_fault_is_there(functions, serve):
    parts = executed.parts(functions, serve, replay.DEPTH)  # of regions with as many words as the faults need
    names = {f"{part.name}: {each.name}" for part in parts for each in part.theorems}
    assert {fault.theorem for fault in planted.FAULTS.values()} <= names


def test_a_theorem_that_is_not_there_any_more_says_so(functions, serve):
    with pytest.raises(SystemExit, match='no theorem "1 word: fre, of word 0"; .*: 1 word: free, of word 0 or '):
        replay.found_by(functions, serve, "1 word: fre, of word 0")


# Maps, calls and tests.


def test_a_map_is_drawn_as_docs_engine_md_draws_it():
    assert "\n".join(OF_ENGINE_MD.drawn()) == DRAWN
    page = (machine_code.ROOT / "docs" / "engine.md").read_text()
    assert DRAWN in page.replace("# -> ", "")
    assert OF_ENGINE_MD.allocations() == [(0, 1), (4, 2)]


def test_a_map_and_its_state_are_the_same():
    state = OF_ENGINE_MD.state()
    assert reference.check(state) == [] and Map.of_state(state) == OF_ENGINE_MD
    beyond = Map(70, (1 << 70) - 1 ^ 0b111 << 31, 1 << 31, phase=7, fewest=3, failed=2, version=9, lock=1)
    assert reference.check(beyond.state()) == [] and Map.of_state(beyond.state()) == beyond
    assert beyond.drawn()[0] == "frames 0 to 31" and beyond.drawn()[-1] == "start 0 0 0 0 0 0"


def test_what_a_theorem_finds_becomes_a_map_and_a_call():
    words = {"frames": 40, "free": 39, "fewest": 2, "failed": 0, "phase": 5, "version": 0, "planes": 21, "lock": 0}
    words |= {"row 0": 0xFFFFFFFE, "row 1": 0xFF, "row 2": 0, "starts 0": 1, "starts 1": 0x100, "starts 2": 0}
    for call, text in [
        ((5, -1 & 0xFFFFFFFF), "alloc(5)"),
        ((4, -8 & 0xFFFFFFFF), "alloc_aligned(4, 8)"),
        ((33, 2), "alloc_at(33, 2)"),
        ((7, 0), "free(7)"),
    ]:
        numbers = {"state": words, "call": list(call), "result": 0, "masked": False, "exception": 17}
        example = Example.of_counterexample(numbers)
        assert str(example.call) == text
        assert example.map == Map(40, (1 << 40) - 2, 1, phase=5, fewest=2)
        assert example.call.exception == 17 and not example.call.is_masked
        assert example.call.operands() == (call[0], call[1] - (call[1] >> 31 << 32))


@pytest.mark.parametrize("by_calls", [False, True])
@pytest.mark.parametrize(
    ("lock", "is_direct", "is_masked"),
    [(0, True, False), (0, False, True), (1, True, True), (SPIN_LOCK | 1, False, False), (SPIN_LOCK | 3, True, True)],
)
def test_a_test_passes_with_the_engine_and_with_the_machine_code(serve, lock, is_masked, is_direct, by_calls):
    call = Call("alloc_aligned", (2, 4), is_direct, is_masked)
    text = pasted.text(Example(OF_ENGINE_MD, call).with_map(lock=lock, phase=6, fewest=4), "None.", by_calls)
    assert str(replay_host.outcome(text)) == str(replay_host.outcome(text, serve)) == PASSES
    assert "must return 2." in text  # frame 2 has the number 8
    assert text.count("for first, n in [(0, 1), (4, 2)]:") == by_calls


def test_a_test_passes_on_the_board():
    text = pasted.text(PLAIN.with_map(lock=SPIN_LOCK | 1, phase=1 << 29), "None.")
    assert str(replay_board.outcome(text)) == PASSES


@pytest.mark.parametrize(("lock", "result"), [(0, "-8"), (1, "6"), (SPIN_LOCK | 3, "-8")])
def test_a_test_makes_the_call_in_a_handler(serve, lock, result):
    text = pasted.text(PLAIN.with_map(lock=lock).with_call(exception=17), "None.")
    assert f"assert result == {result}," in text
    assert str(replay_host.outcome(text)) == str(replay_host.outcome(text, serve)) == PASSES
    assert str(replay_board.outcome(text)) == PASSES
    wrong = text.replace(f"result == {result}", "result == 7")
    assert str(replay_board.outcome(wrong)) == str(replay_host.outcome(wrong, serve))
    assert replay_host.outcome(wrong).message == f"alloc(4) has returned {result}"


def test_each_assertion_of_a_test_can_fail(serve):
    """What is expected is changed in the text, and the right machine code runs it."""
    shared = PLAIN.with_map(lock=SPIN_LOCK | 1, version=pasted.calls_to_make(OF_ENGINE_MD))
    text = pasted.text(shared, "None.")
    for right, wrong, message in [
        ("result == 6", "result == 5", "alloc(4) has returned 6"),
        ("[(0, 1), (4, 2), (6, 4)]", "[(0, 1), (4, 2)]", "the allocations are [(0, 1), (4, 2), (6, 4)]"),
        ("counts == (9, 7, 0)", "counts == (9, 7, 1)", "free frames, most in use, failures are (9, 7, 0)"),
        ("region._state[5] == 5", "region._state[5] == 4", "the version is 5"),
        ("assert not interrupts_are_masked()", "assert interrupts_are_masked()", "interrupts are not as they were"),
        ("spin_lock[0] != 1", "spin_lock[0] == 1", "the spin lock has not been given back"),
        (
            "assert not wrong,",
            "region._state[1] += 1\n    wrong = region.check()\n    assert not wrong,",
            "invariant 4",
        ),
        ("made == first", "made != first", "alloc_at(0, 1) has returned 0 while the map was made"),
    ]:
        assert text.count(right) == 1, right
        outcome = replay_host.outcome(text.replace(right, wrong), serve)
        assert outcome.kind == FAILS and message in outcome.message


# Machine code on numbers.


@pytest.mark.parametrize("is_direct", [False, True])
def test_the_machine_code_does_what_the_engine_does(serve, is_direct):
    tried = hunt.Hunt(serve, 5, is_direct, most_frames=400, has_handlers=True)
    assert tried.find(3) is None
    assert tried.calls > 50


@pytest.mark.parametrize("room", ["direct_alloc_at", "conversions", "few", "no_few", "settle", "units"])
def test_random_calls_find_a_planted_fault(serve, room):
    found = hunt.Hunt(faulty(serve, room), 1).find(20)
    assert found and not found.is_crash and str(found).startswith(str(found.example.call))


def test_a_spin_lock_that_is_not_given_back_is_noticed(serve):
    address = next(mutant for mutant in mutations.mutants(serve)["leave"] if mutant.before == "str r3, [r3, 0]").address
    other = serve.with_code(serve.code[:address] + mutations.nothing(2) + serve.code[address + 2 :])
    state = OF_ENGINE_MD.state()
    state[reference.LOCK] = SPIN_LOCK | 1
    text, is_crash = hunt.difference(state, Call("alloc", (1,)), other)
    assert text == "does not give the spin lock back" and not is_crash


def test_code_that_does_not_end_is_noticed(serve):
    loop = serve.with_code(serve.code[:2] + b"\xfe\xe7" + serve.code[4:])  # b to itself
    with pytest.raises(Fault, match="does not end within"):
        Machine(loop).serve(OF_ENGINE_MD.state(), 1, -1)


def test_registers_that_are_not_given_back_are_noticed(serve):
    """Two instructions that push and pop all registers but r4, and one more word."""
    assert serve.code.count(b"\xf2\xbd") == 2  # pop {r1, r4 to r7, pc}: in `leave`, and the assembler's own
    code = serve.code.replace(b"\xf2\xbd", b"\xea\xbd")  # pop {r1, r3, r5 to r7, pc}
    with pytest.raises(Fault, match="does not give back r4"):
        Machine(serve.with_code(code)).serve(OF_ENGINE_MD.state(), 1, -1)


def test_an_example_becomes_simpler_and_shows_the_same(serve):
    other = faulty(serve, "take")
    frames = 300
    rows = random.Random(3).getrandbits(frames)
    is_start = sum(1 << i for i in range(frames) if not rows >> i & 1 and (i == 0 or rows >> (i - 1) & 1))
    map = Map(frames, rows, is_start, phase=12345, fewest=3, failed=8)
    frame = next(i for i in range(frames) if not rows >> i & 1)
    found = simplified.smallest(Example(map, Call("alloc_at", (frame, 40))), other)
    assert found.text == "returns -6, not -7"
    simple = found.example
    assert simple.map.frames < 50 and simple.map.phase == simple.map.failed == 0 and simple.call.is_direct


# Faults.


def test_each_room_has_a_planted_fault_of_one_instruction(functions):
    assert list(planted.FAULTS) == [room for name in functions for room in mutations.rooms(name)]
    for room in planted.FAULTS:
        mutant = planted.of_room(functions, room)
        right = functions[mutant.function].code
        other = mutant.applied(functions[mutant.function]).code
        changed = [at for at in range(0, len(right), 2) if other[at : at + 2] != right[at : at + 2]]
        assert 1 <= len(changed) <= 2 and len(other) == len(right)


def test_a_fault_that_is_not_there_any_more_says_so(serve):
    code = bytearray(serve.code)
    mutant = planted.mutant(serve, "take")
    code[mutant.address : mutant.address + 2] = b"\x05\x20"
    with pytest.raises(SystemExit, match="the room take has no instruction movs r0, 7 any more"):
        planted.mutant(serve.with_code(code), "take")


def test_a_firmware_has_other_bytes_in_serve_alone(serve, tmp_path):
    path = tmp_path / "firmware.elf"
    replay_board.write_firmware(path, faulty(serve, "take"))
    before, after = machine_code.FIRMWARE.read_bytes(), path.read_bytes()
    assert len(before) == len(after) and sum(one != other for one, other in zip(before, after)) == 1
    replay_board.write_firmware(path, None)
    assert path.read_bytes() == before


def test_every_kind_of_mutant_occurs_and_each_changes_one_instruction(serve):
    every = [mutant for of_room in mutations.mutants(serve).values() for mutant in of_room]
    assert {mutant.kind for mutant in every} == set(mutations.KINDS)
    for mutant in random.Random(1).sample(every, 500):
        code = mutant.applied(serve).code
        end = mutant.address + len(mutant.code)
        assert code != serve.code and code[: mutant.address] == serve.code[: mutant.address]
        assert code[end:] == serve.code[end:] and len(mutant.code) in (1, 2, 4)
        assert re.match(r"0x[0-9a-f]{4} \(\w+\.py:\d+\): .* becomes .*", str(mutant))


# The functions beside `serve`.


@pytest.mark.parametrize(
    ("call", "right"),
    [
        (BesideCall("count_failure", (4,), 40, version=4, failed=2), "(-1, {3: 3}, False)"),
        (BesideCall("count_failure", (5,), 40, version=4, lock=SPIN_LOCK | 1, masked=True), "(-7, {}, True)"),
        (BesideCall("flip_start", (33,), 40, lock=1, exception=17), "(0, {19: 258}, False)"),
        (BesideCall("flip_start", (33,), 40, lock=SPIN_LOCK | 3, exception=17), "(-8, {}, False)"),
        (BesideCall("hold", (), 40, lock=SPIN_LOCK | 1), "(1, {}, True)"),
        (BesideCall("hold", (), 40), "(0, {}, False)"),
        (BesideCall("let_go", (1,), 40, lock=SPIN_LOCK | 3), "(0, {}, False)"),
        (BesideCall("let_go", (0,), 40, lock=1, masked=True), "(0, {}, True)"),
    ],
)
def test_a_test_of_a_function_beside_serve_passes(functions, call, right):
    assert str(call.right()) == right
    text = beside_calls.text(call, "None.")
    assert str(replay_host.outcome(text)) == str(replay_host.outcome(text, functions[call.function])) == PASSES
    assert str(replay_board.outcome(text)) == PASSES


@pytest.mark.parametrize(
    "example",
    [
        {"function": "synchronize", "arguments": [], "exception": 0},
        {"function": "fill", "arguments": [1 << 20, 64, 3], "turn": 0},
        {"function": "flip_start", "arguments": [5], "frames": 1 << 20},
        {"function": "hold", "arguments": [], "masked": True, "exception": 17},
    ],
)
def test_a_call_that_no_test_can_make_says_so(example):
    with pytest.raises(ValueError, match=rf"no test can make {example['function']}\("):
        BesideCall.of_counterexample(example)
