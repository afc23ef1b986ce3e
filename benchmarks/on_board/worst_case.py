"""Find the most expensive raw call on bitmaps that are made to be expensive."""

import instructions
import maps
from instructions import of_call
from micropython import const

FRAMES = const(2048)
_POWERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)


def _comb(hole, tooth, last):
    """Return allocations (first, count) that leave holes of `hole` frames between teeth of `tooth` frames.

    The last `last` frames are free; all frames between the last tooth and them are in use.
    """
    used = []
    frame = hole
    while frame + tooth <= FRAMES - last:
        used.append((frame, tooth))
        frame += tooth + hole
    if frame - hole < FRAMES - last:
        used.append((frame - hole, FRAMES - last - frame + hole))
    return used


def _candidates():
    """Yield (name, allocations) of the bitmaps to try.

    They are: nothing used; holes one frame too short for a power of two, with a long enough one at the very end,
    between teeth of one frame and of a word; one hole at the very end.
    """
    yield "empty", []
    for n in _POWERS[:-1]:
        for tooth in (1, 32):
            yield "holes of %d, teeth of %d, then %d" % (n - 1, tooth, n), _comb(n - 1, tooth, n)
        yield "one allocation, then %d" % n, [(0, FRAMES - n)]


def _region(frames, used):
    region = maps.new_region(frames)
    for first, count in used:
        assert region.alloc_at(first, count) == first
    return region


def tried(least, most):
    """Return ``(instructions, name of the bitmap, call)`` of the most expensive alloc(n) or free on the bitmaps tried.

    n runs over the powers of two of `least` .. `most`.
    """
    worst = (0, "", "")
    for name, used in _candidates():
        region = _region(FRAMES, used)
        for n in _POWERS:
            if not least <= n <= most:
                continue
            count = of_call(region.alloc, n)
            worst = max(worst, (count, name, "alloc(%d)" % n))
            frame = instructions.answer[0]
            if frame >= 0:
                count = of_call(region.free, frame)
                worst = max(worst, (count, name, "free of %d" % n))
    return worst
