"""What the proofs of the code rely on: tables, other ways to say what the specification says, and that a call that does
what the specification says keeps what the next one assumes."""

from functools import partial

from proof.any_size.class_theorems import known_of_groups
from proof.contract import specification
from proof.contract.any_region import AnyRegion, aligned_frames, place_starts, run_starts
from proof.contract.regions import assumptions, small_region
from proof.contract.specification import CLASSES
from proof.logic.solver import Solver
from proof.logic.terms import bits, some, some_truth
from proof.logic.theorems import Counterexample, Proof, Theorem
from proof.machine.exploration import PRODUCT, position_of

_TABLES = 8  # bytes from FEW to its tables
_POSITIONS = _TABLES + 32
_WORDS = range(1, 5)  # of the regions for which the invariants are shown to be kept


def _proven(solver, truths, example=None):
    """Return the Proof of the truths, by name. Raise Counterexample if one may be false; `example`: Bits by name."""
    for name, truth in truths.items():
        if not solver.holds(truth):
            raise Counterexample(name, {key: solver.value(value) for key, value in (example or {}).items()})
    return Proof(questions=solver.questions)


# Tables.


def _positions(function):
    """`position_by_table` finds the position of each bit, and 0 if there is none: so does `position_of`, which the
    interpreter puts in its place."""
    start = function.labels["FEW"] + _POSITIONS
    table, product = function.code[start : start + 32], int.from_bytes(function.code[start + 32 : start + 36], "little")
    for position in range(-1, 32):
        bit = 1 << position if position >= 0 else 0
        found = table[(product * bit & 0xFFFFFFFF) >> 27], position_of(bits(bit)).number
        if product != PRODUCT or found != (max(position, 0),) * 2:
            raise Counterexample("the position", {"bit": bit, "table": found[0], "position_of": found[1]})
    return Proof()


def _classes_of_numbers(function):
    """The table at FEW: 16 times the logarithm of n, and what n has above that power of two."""
    for n in range(1, 33):
        logarithm = max(c for c in range(CLASSES) if 1 << c <= n)
        found = function.code[function.labels["FEW"] + _TABLES + n - 1]
        if found != 16 * logarithm + n - (1 << logarithm):
            raise Counterexample("the class of a number", {"n": n, "found": found})
    return Proof()


# Runs.


def _ladder():
    """By doubling one finds whether a run of 2 ** c frames starts in a word, as the specification says it."""
    _, map, _ = small_region(2)
    truths = {}
    for c in range(CLASSES):
        wanted = specification.longest_run_is_at_least(map, 0, 1 << c)
        truths[f"any_region.run_starts, {1 << c} frames"] = run_starts(*map.row[:2], c).same_as(wanted)
        truths[f"SmallMap.run_starts, {1 << c} frames"] = map.run_starts(0, c).same_as(wanted)
    return _proven(Solver(), truths, {"word": map.row[0], "next word": map.row[1]})


def _runs_of_any_number(width):
    """Where n frames are free: runs of 2 ** c frames, found by doubling, and again n - 2 ** c frames further on."""
    row, truths = some("row", width), {}
    for n in range(1, 33):
        wanted = all_free = row
        for distance in range(1, n):
            wanted = wanted & (row >> distance)
        length = 1
        while 2 * length <= n:
            all_free = all_free & (all_free >> length)
            length += length
        truths[f"{n} frames"] = (all_free & (all_free >> (n - length))) == wanted
    return _proven(Solver(), truths, {"row": row})


def _needs_of_places(c):
    """Where a place of n frames starts, 2 ** c <= n < 2 ** (c + 1) and n <= 32, whatever the alignment, a run of 2 ** c
    frames starts."""
    solver, pair, n = Solver(), (some("word"), some("next word")), some("n")
    solver.assume((n >= 1 << c) & (n < 2 << c) & (n <= 32))
    truth = place_starts(*pair, n, some("aligned frames")).implies(run_starts(*pair, c))
    return _proven(solver, {"a run starts": truth}, {"word": pair[0], "next word": pair[1], "n": n})


def _places():
    """A place of up to 32 frames starts in the first of two words, as the specification says it: n frames are free, and
    in the region, and begin at a multiple of the alignment."""
    solver, (_, map, _) = Solver(), small_region(2)
    for each in assumptions(map):
        solver.assume(each)
    n, logarithm, truths = some("n"), some("logarithm"), {}
    solver.assume((n >= 1) & (n <= 32) & (logarithm <= 5))
    align = bits(1) << logarithm
    aligned = aligned_frames(align, map.phase)
    for place in range(32):
        frames = ((bits(1, 64) << n.widened(64)) - 1) << place
        fits = aligned.bit(place) & (frames & ~map.is_free.piece(0, 64) == 0)
        truths[f"from frame {place} on"] = fits.same_as(specification.fits(map, bits(place), n, align))
    return _proven(solver, truths, {"frames": map.frames, "n": n, "align": align, "phase": map.phase})


def _aligned_frames():
    """The aligned frames of any word."""
    _, map, _ = small_region(1)
    solver, word, logarithm, truths = Solver(), some("word"), some("logarithm"), {}
    solver.assume(logarithm <= 5)
    align = bits(1) << logarithm
    for place in range(32):
        is_aligned = specification.is_aligned(map, (word << 5) + place, align)
        truths[f"frame {place}"] = aligned_frames(align, map.phase).bit(place).same_as(is_aligned)
    return _proven(solver, truths, {"word": word, "align": align, "phase": map.phase})


# Regions.


def _groups():
    """What `class_theorems` knows of the number of groups is true in a region of any size."""
    solver = Solver()
    region = AnyRegion(solver)
    used = (region.words + 31) >> 5
    truths = {f"{number}": each for number, each in enumerate(known_of_groups(region.groups, used, region.span))}
    return _proven(solver, truths, {"frames": region.frames, "span": region.span, "groups": region.groups})


def _kept(words, what):
    """`specification.allocated` or `released` keeps invariants 1 to 4 of a region of so many words. The count of free
    frames is that of the lemma "counts"."""
    solver, (_, before, _), (_, after, _) = Solver(), small_region(words), small_region(words)
    frame, n = some("frame"), some("n")
    changed = specification.frames_of(before, frame, n)
    if what == "allocated":
        may_be = specification.fits(before, frame, n) & (n >= 1) & (n <= before.free)
        truths = {"the frames were free": (changed & ~before.is_free) == 0}
    else:
        may_be = (frame < before.frames) & specification.is_allocation(before, frame, n)
        truths = {"the frames were in use": (changed & before.is_free) == 0}
        solver.assume(before.free + n <= before.frames)
    for each in (*assumptions(before), may_be, *getattr(specification, what)(before, after, frame, n).values()):
        solver.assume(each)
    if not solver.can_be():
        raise Counterexample("nothing can be " + what, {})
    truths["the frames are in the region"] = (frame < before.frames) & (n <= before.frames - frame)
    truths.update({f"invariant {name}": each for name, each in specification.invariants_of_rows(after).items()})
    return _proven(solver, truths, {"frames": before.frames, "frame": frame, "n": n})


def _counts(what):
    """Of a region of any size: n frames that are allocated or released change the number of free frames by n, and it is
    never more than the frames. By induction: it is true of the frames before frame i, and so of those before i + 1."""
    solver, frames, first, end = Solver(), some("frames"), some("first"), some("end")
    solver.assume((frames < 1 << 30) & (first <= end) & (end <= frames))
    i, is_free = some("i"), some_truth("frame i is free before the call")

    def is_true(more, less, i):
        """`more` and `less`: free frames before i, before and after an allocation, or after and before a release."""
        changed = (i <= first).choose(bits(0), (i < end).choose(i - first, end - first))
        return (more == less + changed) & (more <= i) & (less <= i)

    more, less, is_changed = some("more"), some("less"), (first <= i) & (i < end)
    if what == "allocated":
        solver.assume(is_changed.implies(is_free))
        free_in = is_free, is_free & ~is_changed
    else:
        solver.assume(is_changed.implies(~is_free))
        free_in = is_free | is_changed, is_free
    following = [count + each.as_bit().widened(32) for count, each in zip((more, less), free_in)]
    truths = {
        "at frame 0": is_true(bits(0), bits(0), bits(0)),
        "at the next frame": (is_true(more, less, i) & (i < frames)).implies(is_true(*following, i + 1)),
        "behind the last": is_true(more, less, frames).implies(
            (more == less + (end - first)) & (end - first <= more) & (more <= frames)
        ),
    }
    return _proven(solver, truths, {"frames": frames, "first": first, "end": end, "i": i})


def theorems(code):
    """Yield the lemmas as Theorems. `code`: (Function, Flow) of `serve`."""
    function, _ = code
    yield Theorem("the table of positions", partial(_positions, function))
    yield Theorem("the table of numbers of frames", partial(_classes_of_numbers, function))
    yield Theorem("ladder", _ladder)
    for width in (32, 64):
        yield Theorem(f"runs of 1 to 32 frames in {width} bits", partial(_runs_of_any_number, width))
    for c in range(CLASSES):
        yield Theorem(f"what a place of {1 << c} frames or more needs", partial(_needs_of_places, c))
    yield Theorem("places", _places)
    yield Theorem("aligned frames", _aligned_frames)
    yield Theorem("groups", _groups)
    for what in ("allocated", "released"):
        yield Theorem(f"counts, {what}", partial(_counts, what))
        for words in _WORDS:
            yield Theorem(f"invariants 1 to 4, {what}, {words} words", partial(_kept, words, what))
