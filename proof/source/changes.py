"""What measures allocations, and what makes and ends them in viper: `count`, `next_used` and `_flip` of physmem_engine.

For every state of a region of one to three words, and every argument that their docstrings allow. Wherever the power
fails in `_flip`, `recover` finds the rows of before or those of after.
"""

from proof.contract import specification
from proof.logic.terms import bits, some
from proof.source.source_calls import Region, named, whole_region

_ENGINE = "physmem_engine"


def place_is_counted(words):
    """What fits anywhere is no more than the free frames."""
    region = Region(words)
    n = some("n")
    region.assume(specification.fits(region.before, some("place"), n))
    return region.expect((), {"counted": n <= specification.counted(region.before)})


def count(words, **options):
    region = whole_region(words, **options)
    before = region.before
    frame = some("frame")
    region.assume(frame < before.frames)
    starts = before.is_start.bit(frame.widened(before.is_free.width))

    def wanted(after, result):
        return {
            "none": starts | (result == 0),
            "length": ~starts | specification.is_allocation(before, frame, result),
            **specification.unchanged(before, after),
        }

    return region.prove(_ENGINE, "count", [frame], wanted)


def next_used(words, **options):
    region = whole_region(words, **options)
    before = region.before
    frame, place = some("frame"), some("place")
    region.assume(frame <= before.frames)

    def is_free(frame):
        return before.is_free.bit(frame.widened(before.is_free.width))

    def wanted(after, result):
        return {
            "in use": (result >= frame) & (result <= before.frames) & ~is_free(result),
            "the first": (place < frame) | (place >= result) | is_free(place),
            **specification.unchanged(before, after),
        }

    return region.prove(_ENGINE, "next_used", [frame], wanted)


def flip_takes(words, **options):
    """`_flip` of free frames makes an allocation of them."""
    region = whole_region(words, **options)
    before = region.before
    frame, n = some("frame"), some("n")
    region.assume(n >= 1, specification.fits(before, frame, n))
    region.assume(n <= before.free)  # by invariant 4, and the lemma `place_is_counted`

    def wanted(after, _):
        return {**specification.allocated(before, after, frame, n), "version": after.version == before.version}

    return region.prove(_ENGINE, "_flip", [frame, n], wanted, survives_cuts=True)


def flip_releases(words, **options):
    """`_flip` of an allocation releases it."""
    region = whole_region(words, **options)
    before = region.before
    frame, n = some("frame"), some("n")
    region.assume(frame < before.frames, specification.is_allocation(before, frame, n))

    def wanted(after, _):
        return {**specification.released(before, after, frame, n), "version": after.version == before.version}

    return region.prove(_ENGINE, "_flip", [frame, n], wanted, survives_cuts=True)


def flip_nothing(words, **options):
    """`_flip` of no frames changes nothing."""
    region = whole_region(words, **options)
    unchanged = specification.unchanged
    return region.prove(_ENGINE, "_flip", [bits(0), bits(0)], lambda after, _: unchanged(region.before, after))


def theorems(words):
    """Return the theorems on regions of so many words."""
    return named(words, (place_is_counted, count, next_used, flip_takes, flip_releases, flip_nothing))
