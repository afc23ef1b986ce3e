"""Count what you would do without physmem, memory from the garbage-collected heap, and allocate_frames beside it."""

import gc

import physmem
from instructions import of_allocation_and_free, of_call_0, of_dropping, summary
from machine import mem32
from micropython import const
from uctypes import addressof

_CALLS = const(64)
_CALLS_OF_PHYSMEM = const(5000)  # enough calls to include the collections that they cause
_BLOCK = const(16)  # bytes
_WORDS_OF_AREA = const(7)  # mp_state_mem_area_t of MicroPython: table, its bytes, finalisers, pool, its end, hints


def cut(state, state_size, heap, heap_size, nbytes):
    """Make the heap `nbytes` bytes large, as if the firmware had been built that way. Return its bytes for objects.

    `state` is the address of mp_state_ctx, which has `state_size` bytes and holds the bounds of MicroPython's heap.
    `heap` is the address of the heap, an array of `heap_size` bytes. The part that is cut off must be free, as it is
    soon after a reset.
    """
    gc.collect()
    end = (heap + heap_size) & -_BLOCK
    for area in range(state, state + state_size - 4 * _WORDS_OF_AREA, 4):
        if mem32[area] == heap and heap < mem32[area + 12] < end and mem32[area + 16] == end:
            break
    else:
        raise RuntimeError("the bounds of the heap were not found in mp_state_ctx")
    # A byte of the table describes four blocks, for which the finalisers' table has half a byte.
    table = nbytes * 2 // (3 + 2 * 4 * _BLOCK)
    if mem32[area + 24] >= 4 * table:
        raise RuntimeError("the heap cannot be cut to %d bytes: memory beyond that is in use" % nbytes)
    mem32[area + 4] = table
    mem32[area + 16] = mem32[area + 12] + 4 * table * _BLOCK
    return gc.mem_alloc() + gc.mem_free()


def fill(percent):
    """Return live objects that fill the heap to `percent` percent.

    They are tuples of three small integers, one block each, in lists of 64.
    """
    gc.collect()
    whole = gc.mem_alloc() + gc.mem_free()
    live = []
    while gc.mem_alloc() * 100 < whole * percent:
        live.append([(i, i + 1, i + 2) for i in range(64)])
    gc.collect()
    while gc.mem_alloc() * 100 < whole * percent:
        live.append([(i, i + 1, i + 2) for i in range(64)])
    return live


def aligned_buffer(nbytes):
    """Return a view of `nbytes` bytes, a power of two, at a multiple of `nbytes`, in a bytearray of twice the size."""
    whole = bytearray(2 * nbytes)
    offset = -addressof(whole) % nbytes
    return memoryview(whole)[offset : offset + nbytes]


def _times(count, call, argument, calls):
    """Return the `summary` of `count` over that many calls, or None if the heap has no room for what is called.

    Only the highest counts are kept, down to the 99th percentile: all of them would take too much of the heap.
    """
    highest = [0] * (calls - (99 * calls + 99) // 100 + 1)
    total = 0
    try:
        for _ in range(calls):
            n = count(call, argument)
            total += n
            if n > highest[0]:
                highest[0] = n
                highest.sort()
    except MemoryError:
        return None
    return calls, (total * 10 + calls // 2) // calls, highest[0], highest[-1]


def run(percent):
    """Return {statement: summary}, including collections, with the heap filled to `percent` % with live objects."""
    live = fill(percent)
    counts = {"gc.collect()": summary([of_call_0(gc.collect) for _ in range(4)])}
    for nbytes in (4096, 65536):
        gc.collect()
        counts["bytearray(%d)" % nbytes] = _times(of_dropping, bytearray, nbytes, _CALLS)
    gc.collect()
    counts["aligned_buffer(4096)"] = _times(of_dropping, aligned_buffer, 4096, _CALLS)
    for name, call, argument in (
        ("dma_ring(4096).free()", physmem.dma_ring, 4096),
        ("allocate_frames(1).free()", physmem.allocate_frames, 1),
    ):
        gc.collect()
        counts[name] = _times(of_allocation_and_free, call, argument, _CALLS_OF_PHYSMEM)
    assert len(live) > 0 or percent == 0
    return counts
