"""A simpler example that shows the same fault, and the test that shows it."""

from proof.faults import pasted, replay_host
from proof.faults.hunt import of_example
from proof.faults.replay_host import FAILS, GOES_DOWN

_WHILE_MADE = "while the map was made"


def smallest(example, function):
    """Return an Example of the same call, with fewer frames and allocations and a plain history, that shows a
    difference of the same kind: no crash, if the given one is none."""
    found = of_example(example, function)
    as_raw_call = of_example(example.with_call(is_direct=True), function)
    if as_raw_call and as_raw_call.is_crash <= found.is_crash:
        found = as_raw_call
    for simpler in _histories(found.example):
        other = of_example(simpler, function)
        if other and other.is_crash <= found.is_crash:
            found = other
            break
    for simplify in (_fewer_frames, _without_first_words, _smaller_numbers, _fewer_allocations, _fewer_frames):
        is_changed = True
        while is_changed:
            is_changed = False
            for simpler in simplify(found.example):
                is_allowed = simpler.call.is_direct or simpler.call.is_for_serve(simpler.map.frames)
                other = of_example(simpler, function) if is_allowed else None
                if other and other.is_crash <= found.is_crash:
                    found, is_changed = other, True
                    break
    return found


def _histories(example):
    """Yield the Example with other histories, the plainest first."""
    map, few_bits = example.map, example.map.phase & 127
    plain = {"failed": 0, "fewest": map.free_frames()}
    for phase in (0, few_bits, map.phase):
        yield _by_calls(example.with_map(phase=phase, **plain))
    for phase in (few_bits, map.phase):
        yield _by_calls(example.with_map(phase=phase, failed=0))


def _by_calls(example):
    """Return the Example with the version of a region that has been brought to the map by calls."""
    return example.with_map(version=_version(example))


def _version(example):
    return pasted.calls_to_make(example.map) if example.map.lock else 0


def _fewer_frames(example):
    """Yield the Example with regions that end sooner."""
    map = example.map
    for frames in sorted({map.frames // 2, *range(32, map.frames, 32), map.frames - 1}):
        if 0 < frames < map.frames:
            inside = (1 << frames) - 1
            yield _with_rows(example, frames, map.is_free & inside, map.is_start & inside)


def _without_first_words(example):
    """Yield the Example without the first words of the region: its other frames are aligned as they were."""
    map, call = example.map, example.call
    for frames in range(map.frames - 1 & ~31, 0, -32):
        is_free, is_start = map.is_free >> frames, map.is_start >> frames
        is_start |= ~is_free & ~is_start & 1  # where an allocation is cut, its other part starts
        if call.name in ("free", "alloc_at"):
            first, *others = call.arguments
            if first < frames:
                continue
            example = example.with_call(arguments=(first - frames, *others))
        other = example.with_map(phase=map.phase + frames & 0x3FFFFFFF)
        yield _with_rows(other, map.frames - frames, is_free, is_start)


def _smaller_numbers(example):
    """Yield the Example for fewer frames, or with an alignment of fewer."""
    call = example.call
    first, *others = call.arguments
    if call.name.startswith("alloc") and call.name != "alloc_at":
        for n in sorted({1, 2, 33, 64, first // 2, first - 32, first - 1}):
            if 0 < n < first:
                yield example.with_call(arguments=(n, *others))
        if others:
            for log in range(max(0, others[0]).bit_length() - 1):
                yield example.with_call(arguments=(first, 1 << log))


def _fewer_allocations(example):
    """Yield the Example without one of its allocations."""
    for first, n in example.map.allocations():
        frames = ((1 << n) - 1) << first
        yield _with_rows(
            example, example.map.frames, example.map.is_free | frames, example.map.is_start & ~(1 << first)
        )


def _with_rows(example, frames, is_free, is_start):
    """Return the Example on another map; the fewest free frames stay as far below the free ones as they were."""
    map = example.map
    fewest = max(0, is_free.bit_count() - (map.free_frames() - map.fewest))
    other = example.with_map(frames=frames, is_free=is_free, is_start=is_start, fewest=fewest)
    is_by_calls = map.version == _version(example)
    return other.with_map(version=_version(other)) if is_by_calls else other


def test(example, function, why):
    """Return (text, Outcome): the test that shows the fault best on CPython, and what comes of it with the machine code
    of a Function. A result of the call itself is better than one of the calls that make the map, and any result better
    than a processor that goes down; a region that is brought to the map by calls is better than one whose rows are
    written; a raw call is better than one of `serve`. Raise ValueError if no test shows the fault."""
    found = []
    for is_direct, by_calls, must_be_direct in _FORMS:
        if not is_direct and not example.call.is_for_serve(example.map.frames):
            continue
        text = pasted.text(example.with_call(is_direct=is_direct), why, by_calls, must_be_direct)
        outcome = replay_host.outcome(text, function)
        found.append((_rank(outcome), text, outcome))
        if found[-1][0] == 0:
            break
    rank, text, outcome = min(found, key=lambda each: each[0])
    if rank == _INVISIBLE:
        raise ValueError("no test shows the fault")
    return text, outcome


_FORMS = [(is_direct, by_calls, False) for is_direct in (True, False) for by_calls in (True, False)] + [
    (True, True, True)
]
_INVISIBLE = 4


def _rank(outcome):
    if outcome.kind == FAILS:
        return 1 if _WHILE_MADE in outcome.message else 0
    return 2 if outcome.kind == GOES_DOWN else _INVISIBLE
