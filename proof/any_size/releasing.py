"""`free`: release the allocation that starts at a frame, of any length, in a region of any size."""

from functools import partial

from proof.any_size.allocation import range_in_word
from proof.any_size.locking import ADMITTED, LOCKS, of_locks
from proof.any_size.ranges import RangeCall, after_section, section
from proof.contract.regions import BASE
from proof.contract.specification import ADDRESS_OUT_OF_RANGE, NOT_ALLOCATED, NOT_PERMITTED
from proof.logic.terms import bits

GOES_ON = {
    "RELEASE_HELD": ["NONE_BEFORE_1", "SEEK", "REFUSE"],
    "NONE_BEFORE_1": ["ANSWER"],
    "SEEK": ["SEEK", "FILL"],
    "FILL": ["FILL", "NONE_BEFORE_2"],
    "NONE_BEFORE_2": ["BETWEEN_1"],
    "BETWEEN_1": ["BETWEEN_1", "ANSWER"],
}
"""Where the code goes on from each point of the critical section."""
POINTS = (*GOES_ON, "REFUSE", "ANSWER")


class Releasing(RangeCall):
    """Release the allocation at `frame`, any word. `n` is the number of its frames if there is one, else any number.

    Each start has such a number: behind it there is a free frame, or another start, or at last the start at `frames`
    (invariant 3). The first of them ends the allocation: no frame before is free or a start. That is what is known of
    the words that are read.
    """

    is_raised = True
    error = -NOT_ALLOCATED

    def __init__(self, code, points=POINTS, lock=None):
        super().__init__(code, points, lock)
        region, solver, n = self.region, self.solver, self.n
        is_inside = self.frame < region.frames
        self.is_start = is_inside & region.starts0.read(self.first).bit(self.position)
        solver.assume(self.is_start.implies((n >= 1) & (n <= region.frames - self.frame)))
        self.know_words(self.is_start)
        region.watchers.append(self._ends_not_in)
        self._ends_not_in(self.first, region.row0.read(self.first))
        ends = region.row0.read(self.last) | region.starts0.read(self.last)
        solver.assume(self.is_start.implies(ends.bit(self.end)))

    def _ends_not_in(self, index, word):
        """The frames of the allocation that are in the word are in use, and none of them but the first is a start."""
        ends = word | self.region.starts0.read(index)
        behind_first = range_in_word(self.frame + 1, self.n - 1, index)
        self.solver.assume(self.is_start.implies((behind_first & ends) == 0))

    @property
    def answer(self):
        return self.n

    def is_done(self):
        return self.is_start

    def is_refused(self):
        return ~self.is_start

    def counted(self):
        return {"free": self.region.free + self.n}

    def of_held(self):
        """What the instructions from RELEASE_HELD on depend on: terms of `At.at_most`."""
        goes_on = (self.first == self.last).choose(bits(0), bits(1))
        in_last = self.change + 2, self.ends_in_last
        between = self.of_words_between(self.first + 1)
        return (2, self.change), (28, goes_on), (11, self.last - self.first), in_last, *between

    @property
    def early(self):
        return (self.frame < self.region.frames).choose(bits(NOT_PERMITTED), bits(ADDRESS_OUT_OF_RANGE))

    @property
    def may_end_early(self):
        return (self.frame >= self.region.frames) | super().may_end_early


def _begin(code):
    """`serve` with 0 goes on at RELEASE, with any lock."""
    call = Releasing(code, ("RELEASE",))
    return call.prove("SERVE", ["RELEASE"], call.start("SERVE", r0=bits(BASE), r1=call.frame, r2=bits(0)))


def _release(code, label, lock):
    """To the critical section, as `taking` does it. RELEASE ends the call if the frame is not in the region."""
    if label == "RELEASE_LOCK":
        labels = ["end"] if lock.is_refused else ["RELEASE_LOCK", "RELEASE_HELD"]
    else:
        labels = ["end", "RELEASE_LOCK"] if lock.word else ["end", "RELEASE_HELD"]
        labels = ["end"] if not lock.word and lock.is_refused else labels
    return Releasing(code, ("RELEASE", "RELEASE_LOCK", "RELEASE_HELD"), lock).prove(label, labels)


def stretches(code):
    """Yield (name, function that returns the Result) for each stretch. `code`: (Function, Flow)."""
    yield "serve to RELEASE", partial(_begin, code)
    yield "RELEASE, each lock", partial(of_locks, partial(_release, code, "RELEASE"))
    locked = [lock for lock in LOCKS if lock.word]
    yield "RELEASE_LOCK, each lock", partial(of_locks, partial(_release, code, "RELEASE_LOCK"), locked)
    yield from section(partial(Releasing, code), GOES_ON)
    for label in "ANSWER", "REFUSE":
        prove = partial(after_section, label, partial(Releasing, code))
        yield f"{label} of a release, each lock", partial(of_locks, prove, ADMITTED)
