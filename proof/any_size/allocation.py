"""Calls that allocate, in a region of any size: what their searches are to find."""

from proof.any_size.classes import MOST, contracts
from proof.any_size.costs import Place
from proof.any_size.points import Call
from proof.contract.any_region import AnyRegion, aligned_frames, frames_mask, place_starts
from proof.logic.solver import Solver
from proof.logic.terms import FALSE, bits, joined, some, some_truth


def range_in_word(first, n, word):
    """Return the bits of a word that are among the `n` frames from the frame `first` on."""
    start, end = first - (word << 5), first + n - (word << 5)
    starts_before, ends_behind = first <= word << 5, (word << 5) + 32 <= first + n
    lower = starts_before.choose(bits(-1), bits(-1) << start)
    upper = ends_behind.choose(bits(-1), (first + n > word << 5).choose((bits(1) << end) - 1, bits(0)))
    return lower & upper


class Allocation(Call):
    """An allocation of n frames at a multiple of `align`, of any size. The observed place is `place` of the word
    `observed`: any place of any word."""

    def __init__(self, code, points):
        solver = Solver()
        region = AnyRegion(solver, some("lock"))
        self.observed, self.place = some("observed"), some("place")
        solver.assume((self.observed < region.words) & (self.place < 32))
        self.word = None
        super().__init__(code, solver, region, points, contracts(region, lambda: self.word))

    # Terms of `At.at_most`.

    change = MOST["LOWER"]

    def taking(self, frame):
        """Return the RangeCosts of the frames from the one that has been found on."""
        return Place(frame, self.n)

    def left(self, word):
        """The words from this one on."""
        return (word < self.region.words).choose(self.region.words - word, bits(0))

    def groups_from(self, group):
        """The groups from this one on."""
        groups = (self.region.words + 31) >> 5
        return (group < groups).choose(groups - group, bits(0))

    def at_the_end(self, end):
        return {"the call does not end before it has found a place, or none": FALSE}


class FewFrames(Allocation):
    """Up to 32 frames, of the class `c` + 1, at a multiple of `align` frames, at most 32; None is any of these."""

    def __init__(self, code, points, c, align=1):
        super().__init__(code, points)
        solver, region = self.solver, self.region
        self.c = c
        self.align = some("align") if align is None else bits(align)
        solver.assume((self.align >= 1) & (self.align <= 32) & (self.align & (self.align - 1) == 0))
        self.aligned = aligned_frames(self.align, region.phase)
        self.n = some("n") if 0 < c < 5 else bits(1 << c)
        solver.assume((self.n >= 1 << c) & (self.n < 2 << c))
        pair = region.row0.read(self.observed), region.row0.read(self.observed + 1)
        self.starts_in_observed = some_truth("a place starts in the observed word")
        solver.assume(self.starts_in_observed.same_as(place_starts(*pair, self.n, self.aligned)))
        region.know_classes(self.observed, [c])

    def know_class_of_next(self):
        """Know invariant 5 of the word of the row that is read next."""
        region, seen = self.region, []

        def watch(index, word):
            if not seen:
                seen.append(index)
                region.know_classes(index, [self.c])

        region.watchers.append(watch)

    def of_few(self):
        """What the instructions of `alloc` depend on: terms of `At.at_most`. For a power of two it takes a place in the
        first word of the class, or one that continues in the next word. For others it goes on as `of_others` says."""
        is_power = self.n == 1 << self.c
        costs = self.costs_of_lock
        more = 53 if self.c == 0 else 256
        others = self.of_others(bits(0), bits(0))
        of_others = [(factor, is_power.choose(bits(0), bits(each))) for factor, each in others]
        return (2, bits(self.c)), (1, is_power.choose(costs["lock"] + more, bits(0))), *of_others

    def of_others(self, word, group):
        """What the instructions depend on if words from this one on are looked at, and groups from this one on."""
        words, groups = (23 + 2 * self.c if self.c < 4 else 27, self.left(word)), (21, self.groups_from(group))
        return words, groups, (3, self.change), (1, self.costs_of_lock["settle"])

    def of_search(self):
        """That of NATURAL, or else that of SHORT or HALF. `units` doubles the pattern of small alignments up to five
        times."""
        is_natural = self.aligned >> (33 - self.n) == 0
        words, groups = self.region.words, self.groups_from(bits(0))
        natural = [is_natural.choose(each, bits(0)) for each in (words, groups, bits(1))]
        other = [is_natural.choose(bits(0), each) for each in (words, groups, bits(1))]
        each, begin = (23 + 2 * self.c, 192 - 2 * self.c) if self.c < 4 else (27, 185)
        doublings = sum(((self.align <= 1 << k).choose(bits(1), bits(0)) for k in range(5)), bits(0))
        of_natural = (9 + 2 * self.c, natural[0]), (16, natural[1]), (155 + 3 * self.c + 2 * self.change, natural[2])
        of_other = (each, other[0]), (21, other[1]), (begin + 3 * self.c + 3 * self.change, other[2])
        return [(7, doublings), *of_natural, *of_other]

    def no_place_before(self, word):
        return (self.observed < word).implies(~self.starts_in_observed)

    def fits(self, word, place):
        row = self.region.row0
        pair = joined([row.read(word), row.read(word + 1)])
        is_free = (frames_mask(self.n) << place.widened(64)) & ~pair == 0
        return self.aligned.bit(place) & is_free

    def none_lower_in_word(self, word, place):
        return (self.place < place).implies(~self.fits(word, self.place))
