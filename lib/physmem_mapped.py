"""Which frames are mapped where nothing is kept over a reset: on a board without records, and in a system that `init`
made. physmem_frames has this module for its `keep_records` there.

The owners of mapped frames stand in places made in advance, eight at a time, so that interrupt handlers can map frames
too. The owners must not form a list themselves: a handler that interrupts the garbage collector would move the only
reference to one of them to where the collector has been already.
"""

import micropython
from micropython import const
from physmem_engine import give_lock, hold_lock
from physmem_errors import exhausted

_PLACES = const(8)

_address = 0  # of a state with the lock that regions have
_groups = ()  # replaced, never changed


def keep(address):
    """Have places for owners. `address` is that of a state with the lock that regions have. Needs heap."""
    global _address, _groups
    _address = address
    _groups = ([None] * _PLACES,)


def note_mapped(frames, place, first, n, unused):
    """Remember that the frames are mapped. MemoryError if there is no place, and no heap for more."""
    while True:
        groups = _groups
        for group in groups:
            for i in range(_PLACES):
                if group[i] is None and _claim(group, i, frames):
                    return
        try:
            _add_group(groups, groups + ([None] * _PLACES,))
        except MemoryError:
            text = "all {} places for mapped frames are in use: unmap() some, or map() from the program"
            exhausted(text, len(groups) * _PLACES)


# Native code checks for no KeyboardInterrupt, so none can come between the lock and its release.


@micropython.native
def _claim(group, i, frames):
    """Put `frames` into the place, unless a handler or the other core took it; return whether it is in."""
    lock = hold_lock(_address)
    is_free = group[i] is None
    if is_free:
        group[i] = frames
    give_lock(_address, lock)
    return is_free


@micropython.native
def _add_group(groups, more):
    """Replace `groups` by `more`, unless somebody else has replaced them."""
    global _groups
    lock = hold_lock(_address)
    if _groups is groups:
        _groups = more
    give_lock(_address, lock)


def note_unmapped(frames, place, first, n):
    """Forget the frames, which hardware has given back."""
    for group in _groups:
        for i in range(_PLACES):
            if group[i] is frames:
                group[i] = None
                return


def is_fresh(frames):
    """Return True: nothing is kept over a reset."""
    return True


def held_at(region, first):
    """Return whether the allocation of `region` at `first` is mapped, and None: it has no name."""
    for group in _groups:
        for frames in group:
            if frames is not None and frames.region is region and frames.first == first and frames.count:
                return True, None
    return False, None


def make_way():
    """Return None: this module stays."""
    return None
