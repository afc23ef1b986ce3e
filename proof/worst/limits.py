"""What is proven of a row: the most instructions of any call that it stands for, on any map of the region.

An entry takes some instructions to its room, and the room has a limit: what the point there says at `at_most`. Of all
calls of the row the solver looks for the greatest limit. `theorems` are the proofs of all limits.
"""

from functools import partial

from proof.any_size import class_theorems, few_searches, long_searches, releasing, taking
from proof.any_size.allocation import FewFrames
from proof.any_size.points import Assumed
from proof.contract.specification import CLASSES
from proof.logic.terms import bits
from proof.logic.theorems import from_stretches
from proof.machine.thumb import COST
from proof.whole import entries
from proof.worst.counting import Counting, counting, theorem
from proof.worst.rows import ANY, FIRST_NUMBER


class Limits:
    """The limits of calls. `code`: (Function, Flow) of `serve`."""

    def __init__(self, code):
        self._code = code
        self._to_rooms = {call.name: entries.steps_to_rooms(*code, call) for call in entries.CALLS}

    def of(self, row):
        """Return the most instructions of the machine code for the calls of a row."""
        with counting(Counting()):
            begins = {"free": self._releases, "alloc_at": self._takes}.get(row.call, self._searches)
            return max(self._most(row, label, call, *more) for label, call, *more in begins(row))

    def _releases(self, row):
        label = "RELEASE_LOCK" if row.is_shared else "RELEASE_HELD"
        call = releasing.Releasing(self._code, (label,), row.lock)
        yield label, call, call.is_start

    def _takes(self, row):
        yield "TAKE", taking.Taking(self._code, ("TAKE",), row.lock)

    def _searches(self, row):
        n, alignment = row.frames, row.frames if row.is_natural else ANY
        if row.call == "alloc":
            alignment = 1
        for c in range(CLASSES):
            if n in (ANY, *range(1 << c, min(33, 2 << c))):
                if alignment in (1, ANY):
                    yield "FEW", FewFrames(self._code, ("FEW",), c)
                if row.call == "alloc_aligned" and alignment <= 32:
                    call = FewFrames(self._code, ("POSSIBLE",), c, None)
                    yield "POSSIBLE", call, call.align == alignment if alignment else call.align > 1
        if (n == ANY or n > 32) and alignment <= 32:
            call = long_searches.LongRun(self._code, ("POSSIBLE",))
            yield "POSSIBLE", call, *([call.align == alignment] if alignment else [])
        if row.call == "alloc_aligned" and (alignment == ANY or alignment > 32):
            call = long_searches.FarApart(self._code, ("POSSIBLE",))
            yield "POSSIBLE", call, *([call.align == alignment] if alignment else [])

    def _most(self, row, label, call, *conditions):
        """Return the greatest limit of a Call from the label on, with the instructions of the entry."""
        call.costs_of_lock = {name: bits(number) for name, number in row.lock.costs().items()}
        at = Assumed(call, label)
        call.points[label](at)
        path = at.finished().path
        region = call.region
        known = [region.frames == row.size, region.phase == FIRST_NUMBER, *conditions]
        known += [call.n == row.frames] if row.frames != ANY else []
        return self._to_rooms[row.call][label] + greatest(call.solver, call.limit, *path, *known)


def greatest(solver, number, *conditions):
    """Return the greatest value of the Bits if all of the conditions are true."""
    if not solver.can_be(*conditions):
        raise ValueError("no call is of this kind")
    most, ceiling = solver.value(number), (1 << COST - 1) - 1
    while most < ceiling:
        middle = (most + ceiling + 1) >> 1
        if solver.can_be(*conditions, number >= middle):
            most = solver.value(number)
        else:
            ceiling = middle - 1
    return most


# What is proven of the instructions. Left out are lemmas, stretches that are proven of `serve` only, and those of calls
# that begin again because others have interfered.
_LEFT_OUT = (
    "serve to",
    "a class and those below",
    "a place of up to 32",
    "the frame before a place",
    "SEARCH_LOCKED",
    "LOWEST, with the lock",
    "NONE, with the lock",
)
_ALIGNMENTS = [32 << log for log in range(1, 10)]
_OF_CLASSES = ("LAST_TOP", "RAISE", "LOWER", "LOWER_WORD", "RAISE_SEVERAL", "LOWER_SEVERAL")


class _OnePlace(long_searches.FarApart):
    """At most one place is in a region of 32,768 frames: frames at a multiple of as many, or more."""

    def __init__(self, code, points=long_searches.FarApart.POINTS):
        super().__init__(code, points)
        self.solver.assume(self.align >= 32768)


def stretches(code):
    """Yield (name, function that returns the Result) for each stretch. `code`: (Function, Flow)."""
    for name, prove in _all_stretches(code):
        yield name, theorem(prove)


def _all_stretches(code):
    subroutines = {f"{each}, plane 0": each for each in _OF_CLASSES}
    for name, prove in class_theorems.stretches(code):
        if name in subroutines:
            yield subroutines[name], prove
    for module in releasing, taking, few_searches, long_searches:
        for name, prove in module.stretches(code):
            if not name.startswith(_LEFT_OUT) and "STEP" not in name:
                yield name, prove
    for label in "SEARCH_BEGINS", *long_searches.FarApart.POINTS:
        for align in _ALIGNMENTS:
            search = partial(long_searches.FarApart, align=align)
            yield f"{label}, at multiples of {align}", partial(long_searches.stretch, search, code, label)
        yield f"{label}, at multiples of more", partial(long_searches.stretch, _OnePlace, code, label)


def theorems(code):
    """Return the Theorems: that no limit is too low."""
    return list(from_stretches(stretches(code)))
