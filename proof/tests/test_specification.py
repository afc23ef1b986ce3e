"""What the specification asks for is what the engine of hosts does, and nothing else."""

import random

import pytest

from proof.contract import specification
from proof.contract.regions import ROW, SPAN, TOPS, SmallMap, assumptions
from proof.faults.example import Call, Map
from proof.logic.arrays import KnownArray
from proof.logic.terms import bits

SEED = 18
MAPS = 36


def map_of(state, words):
    """Return the SmallMap of a state, an array of numbers."""
    starts = ROW + words + 1
    planes = starts + words + 1
    parts = {"header": (0, TOPS), "tops": (TOPS, SPAN), "span": (SPAN, ROW), "row": (ROW, starts)}
    parts |= {"starts": (starts, planes), "planes": (planes, planes + specification.CLASSES)}
    return SmallMap(
        words, {name: KnownArray([bits(word) for word in state[first:end]]) for name, (first, end) in parts.items()}
    )


def random_map(choose, words):
    """Return a Map whose allocations are short or long, with a few or many free frames."""
    frames = choose.randint(32 * words - 31, 32 * words)
    is_free = is_start = frame = 0
    longest, share = choose.choice((2, 9, 40)), choose.random()
    while frame < frames:
        n = min(choose.randint(1, longest), frames - frame)
        if choose.random() < share:
            is_free |= ((1 << n) - 1) << frame
        else:
            is_start |= 1 << frame
        frame += n
    lock, free = choose.choice((0, 1)), is_free.bit_count()
    version = choose.choice((0, 7, (1 << 30) - 1)) if lock else 0
    return Map(frames, is_free, is_start, choose.randrange(1 << 30), choose.randint(0, free), 3, version, lock)


def random_calls(choose, map):
    """Yield a Call of each kind, and the function of the specification that says what it must do."""
    frames, starts = map.frames, [first for first, _ in map.allocations()] or [0]
    n, log, frame = choose.randint(1, choose.choice((4, 40, 100))), choose.randrange(9), choose.randrange(frames)
    yield Call("alloc", (n,)), specification.alloc
    yield Call("alloc", (choose.choice((0, frames)),)), specification.alloc
    yield Call("alloc_aligned", (n, 1 << log)), specification.alloc
    yield Call("alloc_at", (frame, min(n, frames - frame))), specification.alloc_at
    yield Call("free", (choose.choice((frame, frames)),)), specification.free
    yield Call("free", (choose.choice(starts),)), specification.free


def are_true(say, call, before, after, result, frames):
    """Return whether all Truths of the specification are: for each frame, if they are about any one of them."""
    arguments = [bits(number) for number in call.arguments]
    if say is not specification.alloc:
        return all(map(bool, say(before, after, bits(result), *arguments).values()))
    n, align = (*arguments, None)[:2]
    places = [frame for frame in range(frames + 1) if frame != result]
    return all(
        all(map(bool, say(before, after, bits(result), n, align, bits(place)).values())) for place in places or [0]
    )


@pytest.mark.parametrize("words", [1, 2, 3])
def test_the_engine_fulfils_it_and_any_other_outcome_does_not(words):
    choose, tried = random.Random(SEED + words), set()
    for _ in range(MAPS // words):
        map = random_map(choose, words)
        before = map_of(map.state(), words)
        assert all(bool(each) for each in assumptions(before))
        for call, say in random_calls(choose, map):
            state = map.state()
            result = call.made_by_engine(state)
            tried.add((call.name, min(result, 0)))
            assert are_true(say, call, before, map_of(state, words), result, map.frames), (call, map)
            for other in {result + 1, result - 1, -1, 0} - {result}:
                assert not are_true(say, call, before, map_of(state, words), other, map.frames), (call, map, other)
            number = choose.randrange(len(state))
            state[number] ^= 1 << choose.randrange(32)
            assert not are_true(say, call, before, map_of(state, words), result, map.frames), (call, map, number)
    assert {error for name, error in tried if name == "free"} == {0, -5, -6}
    assert {error for name, error in tried if name == "alloc_at"} == {0, -7}
    assert {error for name, error in tried if name == "alloc"} >= {0, -1, -2}
