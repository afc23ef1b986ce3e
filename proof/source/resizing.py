"""`resize_allocation`, for every state of a region of one to three words and all small integers as arguments.

The state when the call has the lock may be another one than before. Wherever the power fails from then on, `recover`
finds the rows of that state or those of after.
"""

from functools import partial

from proof.contract import specification
from proof.logic.terms import any_of, bits, joined, some
from proof.logic.theorems import Theorem
from proof.source.source_calls import SMALL, Lock, whole_region


class _Part:
    """A part of all arguments. `grows` is True, False (it shrinks) or None (neither). The frames that change are in the
    words `begin` to `last`, or, if these are None, not all in the region."""

    def __init__(self, grows, begin=None, last=None):
        self.grows, self.begin, self.last = grows, begin, last

    def __str__(self):
        what = {True: "longer", False: "shorter", None: "as long"}[self.grows]
        if self.grows is None:
            return what
        return f"{what}, words {self.begin} to {self.last}" if self.begin is not None else f"{what}, outside"

    def has(self, map, first, old, n):
        """Return whether these arguments belong to it."""
        if self.grows is None:
            return old == n
        start, end = (first + old, first + n) if self.grows else (first + n, first + old)
        order = old.less_with_sign(n) if self.grows else n.less_with_sign(old)
        is_inside = (first < map.frames) & (end <= map.frames) & ~old.less_with_sign(1) & ~n.less_with_sign(1)
        if self.begin is None:
            return order & ~is_inside
        return order & is_inside & (start >> 5 == self.begin) & ((end - 1) >> 5 == self.last)

    def arguments(self, region):
        """Return any arguments that belong to it: first, old and n."""
        first = region.small_integer("first")
        if self.begin is None:
            old, n = region.small_integer("old"), region.small_integer("n")
        else:
            # The words that change are known at first sight this way.
            start, last = (joined([some("position", 5), bits(word, 27)]) for word in (self.begin, self.last))
            ends = start - first, last + 1 - first
            old, n = ends if self.grows else ends[::-1]
            region.assume(*(each + SMALL < 2 * SMALL for each in ends))
        region.assume(self.has(region.before, first, old, n))
        return first, old, n


def parts(words):
    """Return the _Parts of all arguments for a region of so many words."""
    found = [_Part(None), _Part(True), _Part(False)]
    pairs = [(begin, last) for last in range(words) for begin in range(last + 1)]
    return found + [_Part(grows, *pair) for grows in (True, False) for pair in pairs]


def all_arguments(words):
    """Any arguments belong to one of the parts."""
    region = whole_region(words)
    arguments = [region.small_integer(name) for name in ("first", "old", "n")]
    has_part = any_of(part.has(region.before, *arguments) for part in parts(words))
    return region.expect((), {"they belong to a part": has_part})


def resize(words, part, **options):
    region = whole_region(words, **options)
    before, lock = region.before, Lock(region)
    first, old, n = arguments = part.arguments(region)

    def wanted(after, result):
        new_frames = specification.fits(lock.held, first + old, n - old)
        # By invariant 4, and the lemma `changes.place_is_counted`:
        region.assume(~new_frames | (n - old <= lock.held.free))
        return specification.resize(before, lock.held, after, result, *arguments, lock.is_refused)

    contracts = lock.contracts()
    changes = part.grows is not None and part.begin is not None
    return region.prove(
        "physmem_engine",
        "resize_allocation",
        arguments,
        wanted,
        lock=lock,
        contracts=contracts,
        survives_cuts=changes,
    )


def theorems(words):
    """Return the theorems on regions of so many words."""
    found = [Theorem("resize, all arguments", partial(all_arguments, words))]
    return found + [Theorem(f"resize, {part}", partial(resize, words, part)) for part in parts(words)]
