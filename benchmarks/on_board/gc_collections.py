"""What a full garbage collection costs, with what lives in the heap now: see gc_loads.

Answers are in ticks of `time.ticks_cpu`, (around the statement, around nothing): the host makes instructions of them.
"""

import gc
import time
from uctypes import addressof

from micropython import const

_PIECES = (65536, 1024)  # bytes
_MASK = const((1 << 30) - 1)  # ticks_cpu wraps there


def _ticks(call, now=time.ticks_cpu):
    """Of ``call()``."""
    start = now()
    middle = now()
    call()
    end = now()
    return (end - middle) & _MASK, (middle - start) & _MASK


def _fill():
    """Fill the heap to its end with what nobody keeps, and return the piece at the highest address."""
    gc.disable()
    last = bytearray(1)
    for nbytes in _PIECES:
        try:
            while True:
                piece = bytearray(nbytes)
                if addressof(piece) > addressof(last):
                    last = piece
        except MemoryError:
            pass
    gc.enable()
    return last


def give(address, nbytes):
    """Give the heap more memory, as the port of the RP2350 gives it the PSRAM. Of the firmware with gc_share only."""
    import gc_share

    gc_share.add(address, nbytes)


def counts():
    """``(ticks, bytes)``: `ticks` of a collection after another, of one of a heap that was full, of one with a live
    object at the end of the heap, of gc.mem_free(); `bytes` of the heap for objects and of those that live."""
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
