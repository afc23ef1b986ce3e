"""Count allocate_frames and AllocatedFrames.free in a system with one region.

The collector is off and the heap has no holes.
"""

import gc

import support

physmem = support.fresh_physmem()  # before any import of it: this program makes its own system

import instructions  # noqa: E402
import maps  # noqa: E402
import tidy_heap  # noqa: E402
from instructions import of_call, of_free, second, summary  # noqa: E402
from micropython import const  # noqa: E402

FRAMES = const(2048)
_SAMPLES = const(12)
_CHURN = const(4)
_WARM_UP = const(8)  # calls after a collection


def _prepare_heap():
    """Leave the heap without holes and the collector off, and warm up."""
    tidy_heap.prepare()
    for _ in range(_WARM_UP):
        physmem.allocate_frames(1).free()


def by_size(sizes, percent, is_aged):
    """Return a row for each n of `sizes`, on a bitmap with that occupancy in percent.

    A row is the number of granted requests, the number of refused ones, and the summaries of ``allocate_frames(n)`` and
    of ``frames.free()``. A fresh bitmap is the same for each sample, so there are two samples and the second counts.
    """
    load = (maps.aged if is_aged else maps.fresh)(FRAMES, percent)
    physmem.init([load.region])
    moves = is_aged and percent > 0
    rows = []
    for n in sizes:
        _prepare_heap()
        granted, freed, refused = [], [], 0
        for i in range(_SAMPLES if moves else 2):
            if moves:
                load.churn(_CHURN)
            try:
                count = of_call(physmem.allocate_frames, n)
            except MemoryError:
                refused += 1
                continue
            frames = instructions.answer[0]
            instructions.answer[0] = None
            count_of_free = of_free(frames)
            if moves or i:
                granted.append(count)
                freed.append(count_of_free)
        rows.append((len(granted), refused, summary(granted), summary(freed)))
    gc.enable()
    return rows


def pairs():
    """Return {statement: instructions} of one call together with its free, in an empty system."""
    physmem.init([physmem.Region("bench", 0x20100000, 0x300000, 4096, physmem.DMA | physmem.FAST)])
    _prepare_heap()
    counts = {
        "allocate_frames(1).free()": second(instructions.of_allocation_and_free, physmem.allocate_frames, 1),
        "dma_ring(4096).free()": second(instructions.of_allocation_and_free, physmem.dma_ring, 4096),
    }
    gc.enable()
    return counts
