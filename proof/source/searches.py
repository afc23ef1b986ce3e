"""`search_within`, for every state of a region of one to three words and all arguments that its docstring allows.

Nothing is assumed of the state but its layout, the number of frames and the 30 bits of the phase: the rows may be any.
No alignment or boundary is longer than 1 << 29 frames, as `Region.allocate_within` sees to it.

A search goes from word to word. `words_passed` and `candidates` say what is true before each turn of its two loops, for
any one frame, `place`, and any one frame of the run that is being measured, `inside`. As both may be any, what is
proven of them holds for all. If a turn does not keep that, the loops are unrolled to find a state and a call that go
wrong.
"""

from functools import partial

from proof.contract import specification
from proof.contract.specification import OUT_OF_MEMORY
from proof.logic.terms import all_of, bits, some
from proof.logic.theorems import Counterexample, Theorem
from proof.source.evaluator import Fault, Invariant
from proof.source.source_calls import SMALL, Region, named

LARGEST_POWER = 1 << 29  # of an alignment or boundary, in frames
_WORDS, _CANDIDATES = ("search_within", 1), ("search_within", 3)  # the loops
_ONES = 0xFFFFFFFF


def _is_free(map, frame):
    return map.is_free.bit(frame.widened(map.is_free.width))


def _suits(map, frame, n, align, boundary, low, high):
    """As `specification.suits`, but word by word, which costs the solver half: the lemma `suiting_by_words`."""
    end = frame + n
    is_within = (frame <= map.frames) & (n <= map.frames - frame)
    all_free = []
    for word in range(map.words):
        start = 32 * word
        behind_first = (frame <= start).choose(bits(_ONES), bits(_ONES) << (frame - start))
        behind_last = (end <= start).choose(bits(_ONES), bits(_ONES) << (end - start))
        behind_last = (end >= start + 32).choose(bits(0), behind_last)
        all_free.append((behind_first & ~behind_last & ~map.row[word]) == 0)
    is_right = specification.is_aligned(map, frame, align) & ~specification.crosses(map, frame, n, boundary)
    return specification.lies_between(frame, n, low, high) & is_within & all_of(all_free) & is_right


def suiting_by_words(words, **options):
    """`_suits` is what the specification says."""
    call = _Search(words, 1, SMALL - 1, **options)
    map, place, limits = call.region.before, call.place, call.limits
    wanted = specification.suits(map, place, *limits)
    return call.region.expect((), {"suits": _suits(map, place, *limits).same_as(wanted)})


def free_frame_by_frame(words, **options):
    """A place is free if any one frame inside is: `frames_of` has a bit for each of these, and no other."""
    call = _Search(words, 1, SMALL - 1, **options)
    map, place, inside, n = call.region.before, call.place, call.inside, call.limits[0]
    call.region.assume(place <= map.frames, n <= map.frames - place)
    frames = specification.frames_of(map, place, n)
    is_inside = (inside >= place) & (inside - place < n)
    return call.region.expect((), {"inside": frames.bit(inside.widened(frames.width)).same_as(is_inside)})


class _Search:
    """A call of `search_within` for numbers of frames from `least` to `most`."""

    def __init__(self, words, least, most, **options):
        self.region = region = Region(words, **options)
        self.is_few = most <= 32
        n = region.number("n", least, most)
        align, boundary = region.power("align", 1, LARGEST_POWER), region.power("boundary", 0, LARGEST_POWER)
        low, high = region.number("low", 0, SMALL - 1), some("high")
        region.assume((boundary == 0) | (boundary >= n), high <= region.before.frames, region.before.phase < SMALL)
        self.limits = n, align, boundary, low, high
        self.place, self.inside = some("place"), some("inside")
        self.place_suits = _suits(region.before, self.place, *self.limits)

    def wanted(self, after, result):
        """As `specification.search_within`, in the terms of the two lemmas."""
        map = self.region.before
        n, align, boundary, low, high = self.limits
        found = ~(result == OUT_OF_MEMORY)
        is_inside = (self.inside >= result) & (self.inside - result < n)
        place = {
            "the place lies between": specification.lies_between(result, n, low, high),
            "it is aligned": specification.is_aligned(map, result, align),
            "it crosses no boundary": ~specification.crosses(map, result, n, boundary),
            "it is free": ~is_inside | _is_free(map, self.inside),
        }
        if self.is_few:
            place = {"the place suits": _suits(map, result, *self.limits)}
        return {
            **specification.when(found, "found", place),
            "it is the lowest": ~found | (self.place >= result) | ~self.place_suits,
            "no place suits": found | ~self.place_suits,
            **specification.unchanged(map, after),
        }

    def words_passed(self, entry, now):
        """Before the turn for the word w."""
        map, place = self.region.before, self.place
        n, _, _, low, _ = self.limits
        w = now["w"].bits
        is_first = w == low >> 5
        in_order = is_first | (w > low >> 5) & (w <= self.region.words)
        if self.is_few:
            return {"order": in_order, "no place suits before": (place >> 5 >= w) | ~self.place_suits}
        here, start = is_first.choose(low, w << 5), now["start"].bits
        in_run = (self.inside >= start) & (self.inside < here)
        return {
            "order": in_order & (low <= start) & (start <= here),
            "the run is free": ~in_run | _is_free(map, self.inside),
            "no place suits before the run": (place >= start) | ~self.place_suits,
            "no place that suits ends before": (place + n > here) | ~self.place_suits,
        }

    def candidates(self, entry, now):
        """Before each turn for a candidate, a bit of x: those that are gone cross a boundary."""
        n, _, boundary, _, _ = self.limits
        place, left, all_bits = self.place, now["x"].bits, entry["x"].bits
        is_gone = (place >> 5 == now["w"].bits) & all_bits.bit(place & 31) & ~left.bit(place & 31)
        crosses = specification.crosses(self.region.before, place, n, boundary)
        return {"no new ones": (left & ~all_bits) == 0, "those that are gone": ~is_gone | crosses}

    def prove(self, invariants):
        return self.region.prove("physmem_engine", "search_within", self.limits, self.wanted, invariants=invariants)


def search(words, least, most, **options):
    """Prove `search_within` for numbers of frames from `least` to `most`: all of them 32 at most, or none."""
    call = _Search(words, least, most, **options)
    invariants = {
        _WORDS: Invariant(call.words_passed, lambda now: now["last"].bits - now["w"].bits + 1),
        _CANDIDATES: Invariant(call.candidates, lambda now: now["x"].bits),
    }
    try:
        return call.prove(invariants)
    except Counterexample as error:
        if "arguments" not in error.example:
            raise
        # It may be of a turn that never comes. With one alignment and one boundary, the loops can be unrolled.
        n, align, boundary, _, _ = error.example["arguments"]
        numbers = (n, n) if n <= 32 else (33, 96)
        for each in (1, 2, 3):
            unrolled = _Search(each, *numbers, **options)
            unrolled.region.assume(*(one == number for one, number in zip(unrolled.limits[1:], (align, boundary))))
            unrolled.prove({})
        limits = f"{numbers[0]} to {numbers[1]} frames, align {align}, boundary {boundary}"
        raise Fault(f"{error}: but no call goes wrong for {limits}") from error


def theorems(words):
    """Return the theorems on regions of so many words."""
    found = named(words, (suiting_by_words, free_frame_by_frame))
    for least, most in ((1, 32), (33, SMALL - 1)):
        found.append(Theorem(f"search_within, {least} to {most} frames", partial(search, words, least, most)))
    return found
