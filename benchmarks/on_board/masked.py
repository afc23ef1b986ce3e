"""Make one raw call at a time, so that the host can follow it instruction by instruction."""

import maps
from physmem_region import SHARED

_region = [None]
_call = [None, ()]


def set_up(frames, used, attrs=SHARED):
    """Make the region, with each (first, count) of `used` allocated."""
    region = _region[0] = maps.new_region(frames, attrs)
    for first, count in used:
        assert region.alloc_at(first, count) == first


def prepare(call, *arguments):
    """Prepare the call that `once` makes. Return whether it can be granted.

    For `free` the argument is the number of frames to allocate for it. For `alloc_at` it is the number of frames that
    are allocated and freed to find the place.
    """
    region = _region[0]
    _call[:] = [getattr(region, call), arguments]
    if call in ("free", "alloc_at"):
        frame = region.alloc(*arguments)
        if frame < 0:
            return False
        if call == "free":
            _call[1] = (frame,)
        else:
            region.free(frame)
            _call[1] = (frame,) + arguments
    return True


def once():
    """Make the call."""
    _call.append(_call[0](*_call[1]))


def undo():
    """Restore the bitmap to what it was before the call."""
    answer = _call.pop()
    if _call[0] != _region[0].free and answer >= 0:
        _region[0].free(answer)
