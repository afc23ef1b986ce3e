"""Leave the heap without holes, so that counts do not depend on where MicroPython finds room."""

import gc

from micropython import const

_BLOCK = const(16)  # bytes, the unit of the heap
_RUN = const(1024)  # consecutive blocks; so many in a row exist only in the unused part of the heap

_filler = [None]


def prepare():
    """Collect, switch the collector off, and fill the holes in the heap.

    How long MicroPython looks for room depends on the holes, not on what is counted.
    """
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
