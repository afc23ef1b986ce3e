"""Calls that take, or release, a range of frames of any length in a region of any size, behind the search.

The `n` frames from `frame` on begin at the position `position` of the word `first`, and end at the position `end` of
the word `last`, where the next frame is: `end` is 0 if that is the first frame of `last`.

The same code runs with each kind of lock. So its proof is in three parts: from the entry to the critical section, and
from its end to the end of the call, with each kind of lock (`LOCKS`); and the section itself once, with any lock word
and with whatever LOCK returned.
"""

from functools import partial

from proof.any_size.allocation import range_in_word
from proof.any_size.costs import RangeCosts
from proof.any_size.locking import LockedCall
from proof.contract.any_region import run_starts
from proof.contract.specification import CLASSES, NOT_PERMITTED
from proof.logic.terms import TRUE, bits, some, truth
from proof.machine.thumb import Fault

ALL = bits(-1)


class RangeCall(RangeCosts, LockedCall):
    """A call that changes the `n` frames from `frame` on. A subclass has `is_raised`: whether they become free;
    `answer` and `error`: what the call returns when it has done that, or else; `is_done()` and `is_refused()`: whether
    it has to; and `counted()`: the words of the header that change then."""

    def __init__(self, code, points, lock=None):
        super().__init__(code, points, lock)
        self.frame, self.n = some("frame"), some("n")
        self.first, self.position = self.frame >> 5, self.frame & 31
        end = self.position + self.n
        self.last, self.end = self.first + (end >> 5), end & 31
        self.observed = some("observed")
        self.solver.assume(self.observed < self.region.words)

    def know_words(self, condition):
        """Tell the solver what follows for the words if the range is in the region, as the condition says. It is proven
        first. The proofs of the critical section, for any lock, need it, and are much faster with it."""
        if self.lock is not None:
            return
        words = self.region.words
        for fact in (
            (self.last << 5) + self.end == self.frame + self.n,
            (self.first < words) & (self.first <= self.last) & (self.last <= words),
            (self.end == 0) | (self.last < words),
        ):
            if not self.solver.holds(fact, condition):
                raise Fault("the words of the range are not in the region")
            self.solver.assume(condition.implies(fact))

    # Sets of frames, as words of the row: functions of the index.

    def in_range(self, index):
        return range_in_word(self.frame, self.n, index)

    def words_between(self, index, word):
        """All frames of the words that lie between the first and this one."""
        return ((self.first < index) & (index < word)).choose(ALL, bits(0))

    def in_first_word(self, index):
        """The frames of the first word, if the range ends in another."""
        return (index == self.first).choose(ALL << self.position, bits(0))

    # What the arrays are, as functions of the index.

    def row_with(self, changed):
        """The row in which `changed`, a set of frames, has changed."""
        row0 = self.region.row0
        if self.is_raised:
            return lambda index: row0.read(index) | changed(index)
        return lambda index: row0.read(index) & ~changed(index)

    def changed_row(self, index):
        return self.row_with(self.in_range)(index)

    def changed_starts(self, index):
        word = self.region.starts0.read(index)
        start = bits(1) << self.position
        return (index == self.first).choose(word & ~start if self.is_raised else word | start, word)

    # What must hold of the words of the arrays.

    def has_row(self, index, word):
        return [word == self.changed_row(index)]

    def has_starts(self, index, word):
        return [word == self.changed_starts(index)]

    def has_no_word_behind(self, index, plane):
        """The plane has no words behind the last of the region."""
        group, _ = self.region.group_and_class(index)
        words = self.region.words - (group << 5)
        return (group << 5 < self.region.words).choose(plane >> words, plane) == 0

    def has_planes(self, at, first, end):
        """The words from `first` on and before `end` are in the planes as at the call, and all others as their class
        says: the observed word, if it is one of them. No plane has a word behind the last."""
        region, word = self.region, self.observed

        def stays(index, plane):
            group, _ = region.group_and_class(index)
            return (plane ^ region.planes0.read(index)) & range_in_word(first, end - first, group) == 0

        at.known("planes", lambda index, plane: [self.has_no_word_behind(index, plane), stays(index, plane)])
        region.know_classes(word)
        for c in range(CLASSES):
            is_of = run_starts(self.changed_row(word), self.changed_row(word + 1), c)
            has = at.state.arrays["planes"].read(region.plane_index(word, c)).bit(word & 31)
            at.that(f"class {c + 1}", (first <= word) & (word < end) | has.same_as(is_of))

    def has_changed(self, at):
        """The range and the start have changed, and the counts; the planes may not be what they must be."""
        at.that("the call is to do its work", self.is_done())
        at.holds_state()
        at.in_section()
        at.header(**self.counted())
        at.changed("starts", self.changed_starts)
        at.changed("row", self.changed_row)

    # The stretches.

    early = bits(NOT_PERMITTED)  # what the call returns without taking the lock

    @property
    def may_end_early(self):
        return truth(self.lock is not None and self.lock.is_refused)

    def at_the_end(self, end):
        results = {"ANSWER": self.answer, "REFUSE": -bits(self.error)}
        is_due = TRUE if self.label in results else self.may_end_early
        ended = self.ends(end, results.get(self.label, self.early), self.label in results)
        return {"the call is to end here": is_due, **ended}


def after_section(label, call, lock):
    """Prove ANSWER or REFUSE with a lock: the last instructions of a call."""
    return call(("ANSWER", "REFUSE"), lock).prove(label, ["end"])


def section(call, goes_on):
    """Yield (name, function that returns the Result) for each point of the critical section. `call()` returns the call,
    of any lock; `goes_on`: {label: labels where the code goes on from there}."""

    def proven(label, *conditions):
        own = call()
        for condition in conditions:
            own.solver.assume(condition(own))
        return own.prove(label, goes_on[label])

    for label in goes_on:
        if label in ("NONE_BEFORE_2", "NONE_BEFORE_4"):
            yield f"{label}, no frames in the last word", partial(proven, label, lambda own: own.end == 0)
            yield f"{label}, frames in the last word", partial(proven, label, lambda own: own.end != 0)
        else:
            yield label, partial(proven, label)
