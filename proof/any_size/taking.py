"""`alloc_at`, and what allocations do when the place is known: take frames that are named, in a region of any size."""

from functools import partial

from proof.any_size import locking
from proof.any_size.allocation import FewFrames, range_in_word
from proof.any_size.classes import contracts
from proof.any_size.locking import ADMITTED, LOCKS, LockedCall, of_locks
from proof.any_size.points import Assumed, Result
from proof.any_size.ranges import RangeCall, after_section, section
from proof.contract.any_region import frames_mask, run_starts
from proof.contract.regions import BASE
from proof.contract.specification import ADDRESS_NOT_FREE, ALLOCATION_TOO_LARGE, CLASSES, NOT_PERMITTED, OUT_OF_MEMORY
from proof.logic.arrays import KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import TRUE, bits, joined, some, some_truth

GOES_ON = {
    "TAKE_HELD": ["LOOK", "SURE", "REFUSE"],
    "FOUND": ["SURE"],
    "LOOK": ["LOOK", "SURE", "REFUSE"],
    "SURE": ["NONE_BEFORE_3", "CLEAR"],
    "NONE_BEFORE_3": ["ANSWER"],
    "CLEAR": ["CLEAR", "NONE_BEFORE_4"],
    "NONE_BEFORE_4": ["BETWEEN_2"],
    "BETWEEN_2": ["BETWEEN_2", "ANSWER"],
}
"""Where the code goes on from each point of the critical section."""
POINTS = (*GOES_ON, "REFUSE", "ANSWER")


class Taking(RangeCall):
    """Take the frames, which are the region's, unless one of them is in use: then `used` is such a frame, any one."""

    is_raised = False
    error = -ADDRESS_NOT_FREE

    def __init__(self, code, points=POINTS, lock=None):
        super().__init__(code, points, lock)
        region, solver = self.region, self.solver
        solver.assume((self.n >= 1) & (self.frame <= region.frames) & (self.n <= region.frames - self.frame))
        self.know_words(TRUE)
        self.all_free, self.used = some_truth("all of the frames are free"), some("a frame in use")
        region.watchers.append(self._is_free_in)
        is_used = ~region.row0.read(self.used >> 5).bit(self.used & 31)
        is_of_range = (self.frame <= self.used) & (self.used < self.frame + self.n)
        solver.assume(self.all_free | is_of_range & is_used)

    def _is_free_in(self, index, word):
        """If all of the frames are free, so are those in the word."""
        self.solver.assume(self.all_free.implies(self.in_range(index) & ~word == 0))

    def free_before(self, word):
        """The frames before a word are free."""
        return self.all_free | (word <= self.used >> 5)

    @property
    def answer(self):
        return self.frame

    def is_done(self):
        return self.all_free

    def is_refused(self):
        return ~self.all_free

    def taking(self, frame):
        """Return the RangeCosts of the frames from the one that has been found on: those of the call."""
        return self

    def counted(self):
        free = self.region.free - self.n
        return {"free": free, "fewest": (free < self.region.fewest).choose(free, self.region.fewest)}


class Found(Taking):
    """LOWEST, the end of a search: the frames are a place, and free. `is_repeated`: the search was repeated with the
    lock held. What else is known of the place is known of the same frames afterwards, and so left out."""

    def __init__(self, code, lock, is_repeated):
        super().__init__(code, ("LOWEST", "FOUND", "SEARCH_LOCKED"), lock)
        self.align, self.version = some("align"), _version(self.region, lock, is_repeated)
        self.solver.assume(self.all_free)

    # What a search says of a place.

    def fits(self, word, place):
        return (word << 5) + place == self.frame

    def no_place_before(self, word):
        return TRUE

    def none_lower_in_word(self, word, place):
        return TRUE


class FewFound(Taking):
    """FEW_PLACE: up to 32 frames have been found anywhere, without a lock. FEW_HELD: they may be taken. As they are the
    lowest ones, the frame before them is in use: `_few_lowest`."""

    def __init__(self, code, lock=None):
        super().__init__(code, ("FEW_PLACE", "FEW_HELD", "SEARCH_LOCKED", "ANSWER"), lock)
        self.align = bits(1)
        self.contracts.update(contracts(self.region, lambda: self.first))
        if lock is not None:
            self.spare = self.region.version
        before = self.frame - 1
        is_used_before = ~self.region.row0.read(before >> 5).bit(before & 31)
        self.solver.assume(self.all_free & (self.n <= 32) & ((self.frame == 0) | is_used_before))

    fits, no_place_before, none_lower_in_word = Found.fits, Found.no_place_before, Found.none_lower_in_word


class NoFew(LockedCall):
    """NO_FEW: there is no place for up to 32 frames. The failure is counted."""

    def __init__(self, code, lock):
        super().__init__(code, ("NO_FEW", "SEARCH_LOCKED"), lock)
        self.n, self.align, self.spare = some("n"), bits(1), self.region.version

    def no_place_before(self, word):
        return TRUE

    def at_the_end(self, end):
        is_too_large = self.n > self.region.frames
        if self.lock.is_refused:
            result = is_too_large.choose(bits(ALLOCATION_TOO_LARGE), bits(NOT_PERMITTED))
            return self.ends(end, result, False)
        failed = self.region.failed + 1
        self.given["header"] = KnownArray(self.region.header(failed=is_too_large.choose(self.region.failed, failed)))
        return self.ends(end, is_too_large.choose(bits(ALLOCATION_TOO_LARGE), bits(OUT_OF_MEMORY)), ~is_too_large)


class NotFound(LockedCall):
    """NONE, the end of a search that has found nothing. The failure is counted."""

    def __init__(self, code, lock, is_repeated):
        super().__init__(code, ("NONE", "SEARCH_LOCKED"), lock)
        self.n, self.align, self.version = some("n"), some("align"), _version(self.region, lock, is_repeated)

    def no_place_before(self, word):
        return TRUE

    def at_the_end(self, end):
        if self.lock.is_refused:
            return self.ends(end, bits(NOT_PERMITTED), False)
        self.given["header"] = KnownArray(self.region.header(failed=self.region.failed + 1))
        return self.ends(end, bits(OUT_OF_MEMORY), True)


def _version(region, lock, is_repeated):
    """Return what is in the place of the version after a search: if it was repeated with the lock held, bit 30, and bit
    31 if interrupts must be enabled at the end."""
    return bits(1 << 30 | (not lock.masked) << 31) if is_repeated else region.version


def _after_search(code, call, label, is_repeated, lock):
    """Prove what follows a search."""
    call = call(code, lock, is_repeated)
    at = Assumed(call, label)
    call.points[label](at)
    if is_repeated:
        at.holds_lock()
    labels = ["end"] if label == "NONE" or lock.is_refused else ["FOUND"]
    may_have_changed = lock.word and not lock.is_refused and not is_repeated
    return call.prove(label, [*labels, "SEARCH_LOCKED"] if may_have_changed else labels, at.finished())


class SearchedAgain(LockedCall):
    """SEARCH_LOCKED: the search begins again, with the lock held."""

    def __init__(self, code, lock):
        super().__init__(code, ("SEARCH_LOCKED", "SEARCH_BEGINS"), lock)
        self.n, self.align, self.version = some("n"), some("align"), _version(self.region, lock, True)
        begins = self.points["SEARCH_BEGINS"]

        def begins_with_lock(at):
            begins(at)
            at.holds_lock()

        self.points["SEARCH_BEGINS"] = begins_with_lock


def _searched_again(code, lock):
    return SearchedAgain(code, lock).prove("SEARCH_LOCKED", ["SEARCH_LOCKED", "SEARCH_BEGINS"])


class FewFit(LockedCall):
    """What FewFrames calls a place, and FOUND: n frames, up to 32, that are free in the words of a pair."""

    def __init__(self, code):
        super().__init__(code, ())
        region, solver = self.region, self.solver
        self.n, self.word, self.place = some("n"), some("word"), some("place")
        solver.assume((self.n >= 1) & (self.n <= 32) & (self.word < region.words) & (self.place < 32))
        pair = joined([region.row0.read(self.word), region.row0.read(self.word + 1)])
        solver.assume((frames_mask(self.n) << self.place.widened(64)) & ~pair == 0)

    def lemma(self):
        region, frame = self.region, (self.word << 5) + self.place
        used = range_in_word(frame, self.n, self.any_index) & ~region.row0.read(self.any_index)
        truths = {
            "the frames are in the region": (frame <= region.frames) & (self.n <= region.frames - frame),
            "they are free in each word": used == 0,
        }
        return _result(self.solver, truths)


def _few_lowest(code, c):
    """The frame before a place that FEW has found is in use: the observed place is the one that would start there."""
    call = FewFrames(code, ("FEW_PLACE",), c)
    at = Assumed(call, "FEW_PLACE")
    call.points["FEW_PLACE"](at)
    frame = (call.word << 5) + at.value(4)
    for each in (*at.finished().path, frame != 0, (call.observed << 5) + call.place == frame - 1):
        call.solver.assume(each)
    is_free = call.region.row0.read(call.observed).bit(call.place)
    return _result(call.solver, {"the frame before is in use": ~is_free})


def _few_found(code, lock):
    """To the critical section, or the end."""
    labels = ["end"] if lock.is_refused else ["FEW_HELD", "SEARCH_LOCKED"] if lock.word else ["FEW_HELD"]
    return FewFound(code, lock).prove("FEW_PLACE", labels)


def _no_few(code, lock):
    labels = ["end", "SEARCH_LOCKED"] if lock.word and not lock.is_refused else ["end"]
    return NoFew(code, lock).prove("NO_FEW", labels)


def _order_of_classes():
    """A word of a class is of each class below."""
    pair = some("word"), some("next word")
    return _result(
        Solver(), {f"class {c + 2}": run_starts(*pair, c + 1).implies(run_starts(*pair, c)) for c in range(CLASSES - 1)}
    )


def _result(solver, truths):
    """Return the Result of a lemma."""
    failures = [("lemma", name, {}) for name, truth in truths.items() if not solver.holds(truth)]
    if not solver.can_be():
        failures.append(("lemma", "what is assumed contradicts itself", {}))
    return Result(failures, [], 0, set(), solver.seconds, solver.questions)


def _begin(code):
    """`serve` with a number of frames goes on at TAKE, with any lock."""
    call = Taking(code, ("TAKE",))
    return call.prove("SERVE", ["TAKE"], call.start("SERVE", r0=bits(BASE), r1=call.frame, r2=call.n))


def _take(code, label, lock):
    """To the critical section: TAKE goes on at TAKE_LOCK if there is a lock, and that again if others have changed the
    bitmap meanwhile."""
    if lock.is_refused:
        labels = ["TAKE_LOCK"] if lock.word and label == "TAKE" else ["end"]
    else:
        labels = ["TAKE_HELD"] if not lock.word else ["TAKE_LOCK"] if label == "TAKE" else ["TAKE_LOCK", "TAKE_HELD"]
    return Taking(code, ("TAKE", "TAKE_LOCK", "TAKE_HELD"), lock).prove(label, labels)


def stretches(code):
    """Yield (name, function that returns the Result) for each stretch. `code`: (Function, Flow)."""
    yield from locking.stretches(code)
    yield "a class and those below", _order_of_classes
    yield "a place of up to 32 frames", lambda: FewFit(code).lemma()
    for c in range(CLASSES):
        yield f"the frame before a place, {1 << c} to {min(32, (2 << c) - 1)} frames", partial(_few_lowest, code, c)
    yield "serve to TAKE", partial(_begin, code)
    locked, held = ([lock for lock in locks if lock.word] for locks in (LOCKS, ADMITTED))
    yield "TAKE, each lock", partial(of_locks, partial(_take, code, "TAKE"))
    yield "TAKE_LOCK, each lock", partial(of_locks, partial(_take, code, "TAKE_LOCK"), locked)
    yield "SEARCH_LOCKED, each lock", partial(of_locks, partial(_searched_again, code), held)
    for label, call in ("LOWEST", Found), ("NONE", NotFound):
        prove = partial(_after_search, code, call, label)
        yield f"{label}, each lock", partial(of_locks, partial(prove, False))
        yield f"{label}, with the lock, each lock", partial(of_locks, partial(prove, True), held)
    yield "FEW_PLACE, each lock", partial(of_locks, partial(_few_found, code))
    yield "NO_FEW, each lock", partial(of_locks, partial(_no_few, code))
    yield "FEW_HELD", lambda: FewFound(code).prove("FEW_HELD", ["ANSWER"])
    yield from section(partial(Taking, code), GOES_ON)
    for label in "ANSWER", "REFUSE":
        prove = partial(after_section, label, partial(Taking, code))
        yield f"{label} of a taking, each lock", partial(of_locks, prove, ADMITTED)
