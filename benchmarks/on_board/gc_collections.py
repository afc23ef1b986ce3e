"""Count what a full garbage collection costs with what now lives in the heap: see gc_loads.

Results are in ticks of `time.ticks_cpu`, as (around the statement, around nothing); the host converts them to
instructions.
"""

import gc
import time
from uctypes import addressof

from micropython import const

_PIECES = (65536, 1024)  # bytes
_MASK = const((1 << 30) - 1)  # ticks_cpu wraps there


def _ticks(call, now=time.ticks_cpu):
    """Return the ticks of ``call()``."""
    start = now()
    middle = now()
    call()
    end = now()
    return (end - middle) & _MASK, (middle - start) & _MASK


_place = addressof  # of a piece: the larger, the nearer it is to the end of the heap


def _fill():
    """Fill the heap to its end with garbage. Return the piece nearest to the end."""
    gc.disable()
    last = bytearray(1)
    for nbytes in _PIECES:
        try:
            while True:
                piece = bytearray(nbytes)
                if _place(piece) > _place(last):
                    last = piece
        except MemoryError:
            pass
    gc.enable()
    return last


def give(address, nbytes):
    """Give the heap more memory, as the rp2 port gives it the RP2350's PSRAM. Only in the firmware with gc_share."""
    import gc_share

    gc_share.add(address, nbytes)


def counts():
    """Return ``(ticks, bytes)``.

    `ticks` are those of a collection that follows another, of one of a full heap, of one with a live object at the end
    of the heap, and of gc.mem_free(). `bytes` are those of the heap for objects, and of the live objects.
    """
    gc.collect()
    nbytes = gc.mem_alloc() + gc.mem_free(), gc.mem_alloc()
    again = _ticks(gc.collect)
    _fill()
    full = _ticks(gc.collect)
    last = _fill()
    gc.collect()
    end = _ticks(gc.collect)
    free = _ticks(gc.mem_free)
    assert len(last) > 1
    return (again, full, end, free), nbytes
