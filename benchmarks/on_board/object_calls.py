"""What allocate_frames and AllocatedFrames.free cost in a system of one region.

The collector is off and the heap has no holes.
"""

import gc

import support

physmem = support.fresh_physmem()  # before anything imports a part of it: the system here is another than the board's

import instructions  # noqa: E402
import maps  # noqa: E402
from instructions import of_call, of_free, second, summary  # noqa: E402
from micropython import const  # noqa: E402

FRAMES = const(2048)
_SAMPLES = const(12)
_CHURN = const(4)
_WARM_UP = const(8)  # calls after a collection
_BLOCK = const(16)  # bytes, the unit of the heap
_RUN = const(1024)  # blocks that follow one another only where the unused part of the heap begins

_filler = [None]


def _prepare_heap():
    """Collect, switch the collector off, and fill the holes that objects have left in the heap: how long MicroPython
    looks for room depends on them, not on what is counted here."""
    _filler[0] = None
    gc.enable()
    gc.collect()
    gc.disable()
    chain = None
    run = before = 0
    while run < _RUN:
        chain = (chain, None)  # one block
        run = run + 1 if id(chain) == before + _BLOCK else 0
        before = id(chain)
    _filler[0] = chain
    for _ in range(_WARM_UP):
        physmem.allocate_frames(1).free()


def by_size(sizes, percent, is_aged):
    """For each n of `sizes`, on a map of that occupancy in percent: how many requests were granted, how many refused,
    and the summaries of ``allocate_frames(n)`` and of ``frames.free()``. A fresh map is the same for each sample: of
    two the second counts."""
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
    """{statement: instructions}, in an empty system, of one call together with its free."""
    physmem.init([physmem.Region("bench", 0x20100000, 0x300000, 4096, physmem.DMA | physmem.FAST)])
    _prepare_heap()
    counts = {
        "allocate_frames(1).free()": second(instructions.of_allocation_and_free, physmem.allocate_frames, 1),
        "dma_ring(4096).free()": second(instructions.of_allocation_and_free, physmem.dma_ring, 4096),
    }
    gc.enable()
    return counts
