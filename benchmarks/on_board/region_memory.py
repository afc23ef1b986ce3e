"""Measure the bytes of RAM that a region takes."""

import gc

import maps
import physmem_state


def metadata(frames):
    """Return the bytes of the state of a region of that many frames."""
    return 4 * len(physmem_state.new_state(frames, 0))


def taken(frames):
    """Return the bytes of heap that a Region takes, with everything that belongs to it and the modules that it loads.

    Reset the board first: collections are conservative, so older garbage could count as used.
    """
    gc.collect()
    before = gc.mem_alloc()
    region = maps.new_region(frames)
    gc.collect()
    used = gc.mem_alloc() - before
    assert used > 0
    assert region.frames == frames
    return used


def heap(frames):
    """Return the bytes of heap that a Region takes where another one has been made: without the modules."""
    taken(frames)
    used = taken(frames)
    assert used > metadata(frames)
    return used


def modules():
    """Return the bytes of heap of the modules that the first Region loads. They stay, unless `init`, `boot` or
    `add_region` makes the regions: those drop them at their end."""
    return taken(32) - taken(32)
