"""The searches for more than 32 frames, and for an alignment of more than 32 frames, in a region of any size.

A place is n free frames of the region that start at an aligned frame. The observed place is any place: it starts at any
frame. `is_place` may be true only if it is one: so what is proven of it holds of each place. The observed frame is any
frame of all: so what is proven of it holds of each frame of the place that a search has found.
"""

from functools import partial

from proof.any_size.allocation import Allocation
from proof.any_size.classes import MOST
from proof.any_size.costs import Place
from proof.any_size.points import Assumed
from proof.contract.any_region import LARGEST_FRAMES, aligned_frames
from proof.contract.specification import is_aligned
from proof.logic.terms import any_of, bits, some, some_truth
from proof.machine.thumb import Fault

ALIGNMENTS_OF_WORDS = (1, 2, 4, 8, 16, 32)


class ManyFrames(Allocation):
    """An allocation of any number of frames, with any alignment."""

    def __init__(self, code, points):
        super().__init__(code, ("SEARCH_BEGINS", *points, "LOWEST", "NONE"))
        region, solver = self.region, self.solver
        self.n, self.frame = some("n"), some("observed frame")
        self.version = some("the version that the search began with")
        solver.assume((self.n >= 1) & (self.n <= LARGEST_FRAMES))
        self.is_place = some_truth("the observed place is one")
        self.first, self.end = some("first frame of the observed place"), some("end of the observed place")
        solver.assume((self.first < region.words << 5) & (self.end == self.first + self.n))
        self.observed, self.place = self.first >> 5, self.first & 31
        region.watchers.append(self._is_not_in_use)

    def _is_not_in_use(self, word, frames):
        """The lowest frame in use of a word of the region is not one of the observed place."""
        used, position = ~frames, some("position of the lowest frame in use")
        lowest = (word << 5) | position
        self.solver.assume((position < 32) & ((used == 0) | (used & -used == bits(1) << position)))
        is_among = (self.first <= lowest) & (lowest < self.end)
        is_used = (used != 0) & (word < self.region.words)
        self.solver.assume((self.is_place & is_used).implies(~is_among))

    def _know_place(self):
        """Assume what holds if the observed place is one: it is in the region, and aligned. Its frames in its first
        word are free."""
        in_region = (self.n <= self.region.frames) & (self.end <= self.region.frames)
        ends_there = self.place + self.n < 32
        of_word = ends_there.choose((bits(1) << self.n) - 1, bits(-1)) << self.place
        are_free = of_word & ~self.region.row0.read(self.observed) == 0
        self.solver.assume(self.is_place.implies(in_region & self.is_aligned(self.first) & are_free))

    def _follows(self, name, condition):
        """Prove a condition, and assume it from now on. The solver need not find it out again with each question."""
        if not self.solver.holds(condition):
            raise Fault(f"it does not follow that {name}")
        self.solver.assume(condition)

    def is_aligned(self, frame):
        return is_aligned(self.region, frame, self.align)

    def no_place_before(self, word):
        return (self.observed < word).implies(~self.is_place)

    def none_lower_in_word(self, word, place):
        return ((self.observed == word) & (self.place < place)).implies(~self.is_place)

    def none_ends_before(self, end):
        """Every place ends at that frame or behind it."""
        return self.is_place.implies(self.end >= end)

    def fits(self, word, place):
        """The first frame is aligned, and the observed frame is free if it is one of the n. That may be the last, which
        is in the region if it is free."""
        first = (word << 5) + place
        is_among = (first <= self.frame) & (self.frame < first + self.n)
        is_free = self.region.row0.read(self.frame >> 5).bit(self.frame & 31)
        return self.is_aligned(first) & is_among.implies(is_free)

    def is_free_between(self, first, current):
        """The word of the observed frame is all free if it lies between these two."""
        word = self.frame >> 5
        return ((first < word) & (word < current)).implies(self.region.row0.read(word) == -1)


class LongRun(ManyFrames):
    """More than 32 frames at a multiple of `align`, a power of two up to 32."""

    c = 5
    POINTS = (
        "LONG",
        "LONG_FROM",
        "LONG_NEXT_GROUP",
        "LONG_SKIP",
        "NEAR_3",
        "LONG_WORD",
        "LONG_CANDIDATE",
        "LONG_FREE_WORD",
        "PLACE",
    )

    def __init__(self, code, points=POINTS):
        super().__init__(code, points)
        region, word = self.region, self.observed
        self.align, self.aligned = some("align"), aligned_frames(1, region.phase)
        for align in ALIGNMENTS_OF_WORDS[1:]:
            self.aligned = (self.align == align).choose(aligned_frames(align, region.phase), self.aligned)
        self.solver.assume(any_of(self.align == align for align in ALIGNMENTS_OF_WORDS))
        self.solver.assume(self.n > 32)
        self._know_place()
        of_next = (bits(1) << self.place) - 1
        self.solver.assume(self.is_place.implies(of_next & ~region.row0.read(word + 1) == 0))
        region.know_classes(word, [self.c])
        is_of_class = region.planes0.read(region.plane_index(word, self.c)).bit(word & 31)
        self._follows("the word of a place is of the class", self.is_place.implies(is_of_class))

    def of_loop(self, word):
        """What the instructions depend on where LONG looks at a word: terms of `At.at_most`. A word costs 17, and 2
        more if a free word behind it may make a run that is nearly long enough. The words of a place cost less, which
        pays for much of what it takes to take it."""
        left, more = self.left(word), bits(133)
        for most, number in ((2112, 20), (2047, 194), (1088, 81), (1023, 177), (511, 249), (64, 124)):
            more = (self.n <= most).choose(bits(number), more)
        words = (17, left), (2, self.may_be_nearly.choose(left, bits(0)))
        return *words, (27, self.groups_from(word >> 5)), (3, self.change), (1, more)

    def of_run(self, first, current):
        """The same where the run of the word `first` goes on to the word before the current one."""
        words, _, *others = self.of_loop(first + 2)
        left = self.left(first + 2)
        nearly = self.may_be_nearly.choose(left + 2, bits(0))
        return (11, left), (2, nearly), (6, self.left(current)), (27, self.groups_from(first >> 5)), *others[1:]

    @property
    def may_be_nearly(self):
        """Whether a run that ends in the word behind the next may be nearly long enough."""
        return self.n < 128

    def of_search(self):
        doublings = sum(((self.align <= 1 << k).choose(bits(1), bits(0)) for k in range(5)), bits(0))
        return [(1, bits(229)), (7, doublings), *self.of_loop(bits(0))]


class FarApart(ManyFrames):
    """Any number of frames at a multiple of `align`, a power of two above 32; None is any of these."""

    POINTS = ("STEP", "STEP_PLACE", "STEP_WORD", "STEP_MISSED", "STEP_OVER", "STEP_FOUND")

    def __init__(self, code, points=POINTS, align=None):
        super().__init__(code, points)
        self.align = some("align") if align is None else bits(align)
        is_power = self.align & (self.align - 1) == 0
        self.solver.assume((self.align > 32) & (self.align <= LARGEST_FRAMES) & is_power)
        self._know_place()
        has_position = self.place == -self.region.phase & 31
        self._follows("all places are at one position of their words", self.is_place.implies(has_position))

    def places_from(self, word):
        """The places from the word on, at most, in words of the region."""
        step, left = self.align >> 5, self.left(word)
        places = (left != 0).choose(bits(1), bits(0))
        for log in range(1, 10):
            places = (step == 1 << log).choose((left + ((1 << log) - 1)) >> log, places)
        return places

    def of_loop(self, word, place):
        """What the instructions depend on if words from this one on are to be looked at, and places from that in the
        word `place`: terms of `At.at_most`. All places lie in their words in the same way, but words between the first
        and the last may be in one group more."""
        first = Place(-self.region.phase & 31, self.n)
        more = (25 + MOST["LOWER_SEVERAL"], (first.last > 2).choose(bits(1), bits(0)))
        return (5, self.left(word)), (16, self.places_from(place)), *first.of_taking(26, 5), more

    def of_search(self):
        return [(1, bits(127)), *self.of_loop(bits(0), bits(0))]


def stretches(code):
    """Yield (name, function that returns the Result) for each stretch of these searches. `code`: (Function, Flow)."""
    for search in (LongRun, FarApart):
        for label in ("SEARCH_BEGINS", *search.POINTS):
            name = f"SEARCH_BEGINS to {search.POINTS[0]}" if label == "SEARCH_BEGINS" else label
            yield name, partial(stretch, search, code, label)


def stretch(search, code, label):
    """Prove what a search does from a label on. `search(code)` returns the ManyFrames."""
    call = search(code)
    at = Assumed(call, label)
    call.points[label](at)
    state = at.finished()
    if not call.counting and not call.solver.can_be(*state.path, call.is_place):
        raise Fault(f"{label}: what is said there excludes every place: nothing would be proven of one")
    return call.stretch(label, state)
