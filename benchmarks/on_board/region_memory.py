"""Measure the bytes of RAM that a region takes."""

import gc

import maps
import physmem_state


def metadata(frames):
    """Return the bytes of the state of a region of that many frames."""
    return 4 * len(physmem_state.new_state(frames, 0))


def heap(frames):
    """Return the bytes of heap that a Region takes, with everything that belongs to it.

    Reset the board first: collections are conservative, so older garbage could count as used.
    """
    gc.collect()
    before = gc.mem_alloc()
    region = maps.new_region(frames)
    gc.collect()
    used = gc.mem_alloc() - before
    assert used > metadata(frames)
    assert region.frames == frames
    return used
