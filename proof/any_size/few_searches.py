"""From the entries of `serve` to the searches; and the searches for up to 32 frames at a multiple of at most 32, in a
region of any size."""

from functools import partial

from proof.any_size.allocation import Allocation, FewFrames
from proof.any_size.locking import LockedCall
from proof.any_size.points import Assumed, point
from proof.contract.any_region import LARGEST_FRAMES
from proof.contract.regions import BASE
from proof.contract.specification import ALLOCATION_TOO_LARGE, CLASSES, ZERO_ALLOCATION
from proof.logic.terms import bits, some

FEW = ("FEW_FOUND", "FEW_OTHERS")
ENDS = ("LOWEST", "NONE")
NATURAL = ("NATURAL_GROUP", "NATURAL_WORD")
SHORT = ("SHORT_GROUP", "SHORT_SKIP", "NEAR_1", "SHORT_CANDIDATE")
HALF = ("HALF_GROUP", "HALF_SKIP", "NEAR_2", "HALF_CANDIDATE")


class Entry(LockedCall):
    """`serve` with any number that an entry lets through: to the search for a few frames, or to the others."""

    def __init__(self, code):
        super().__init__(code, ("FEW", "POSSIBLE"))
        self.n, logarithm = some("n"), some("logarithm")
        self.align = bits(1) << logarithm
        self.solver.assume((self.n <= LARGEST_FRAMES) & (logarithm < 30))
        self.solver.assume((self.align == 1) | (self.n >= 1))

    def at_the_end(self, end):
        """The call has been refused."""
        is_zero = self.n == 0
        is_due = is_zero | (self.n > self.region.frames)
        result = is_zero.choose(bits(ZERO_ALLOCATION), bits(ALLOCATION_TOO_LARGE))
        return {"it is to be refused": is_due, **self.ends(end, result, False)}


def entry(code):
    call = Entry(code)
    return call.stretch("SERVE", call.start("SERVE", r0=bits(BASE), r1=call.n, r2=-call.align))


def begins(code):
    """A search for any number of frames at a multiple of any alignment begins."""
    call = Allocation(code, ("POSSIBLE", "SEARCH_BEGINS"))
    call.n, call.align = some("n"), some("align")
    return call.stretch("POSSIBLE")


def few(code, c, label):
    """A stretch of the search that `alloc` begins with."""
    loops = SHORT if c < 4 else HALF
    call = FewFrames(code, (*FEW, "FEW_PLACE", "NO_FEW", *loops, *ENDS), c)
    begin = None
    if label == "FEW":
        at = Assumed(call, label)
        point(label)(at)
        begin = at.finished()
        if call.counting:
            call.know_class_of_next()
    call.spare = call.region.version
    return call.stretch(label, begin)


def searched(code, c, label):
    """A stretch of the searches with any alignment of at most 32 frames. The version may be any word."""
    call = FewFrames(code, ("SEARCH_BEGINS", *NATURAL, *(SHORT if c < 4 else HALF), *ENDS), c, None)
    call.version = some("the version that the search began with")
    return call.stretch(label)


def stretches(code):
    """Yield (name, function that returns a Result)."""
    yield "serve to its searches", partial(entry, code)
    yield "POSSIBLE to SEARCH_BEGINS", partial(begins, code)
    for c in range(CLASSES):
        numbers = f"{1 << c} to {min(32, (2 << c) - 1)} frames"
        for label in ("FEW", *FEW):
            yield f"{label}, {numbers}", partial(few, code, c, label)
        for label in ("SEARCH_BEGINS", *NATURAL, *(SHORT if c < 4 else HALF)):
            yield f"{label}, {numbers}", partial(searched, code, c, label)
