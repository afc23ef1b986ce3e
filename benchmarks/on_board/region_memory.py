"""Bytes of RAM that a region takes."""

import gc

import maps
import physmem_engine as engine


def metadata(frames):
    """Bytes of the state of a region of that many frames."""
    return 4 * len(engine.new_state(frames, 0))


def heap(frames):
    """Bytes of the heap that a Region takes with all that belongs to it. The board must have been reset before: what
    was there before and is not used any more could be counted as used, as collections are conservative."""
    gc.collect()
    before = gc.mem_alloc()
    region = maps.new_region(frames)
    gc.collect()
    used = gc.mem_alloc() - before
    assert used > metadata(frames)
    assert region.frames == frames
    return used
