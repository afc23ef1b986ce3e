"""Count the plain calls before the debug tiers are loaded, after that, while tiers are on, and after they were on."""

import sys

import object_calls  # first of all the modules that import physmem: it makes its own system

import instructions
from micropython import const
from object_calls import physmem

_CALLS = const(16)  # the cost of a call depends a little on where its objects happen to lie in the heap


def _measure(region):
    """Return the fewest instructions of ``free(alloc(1))`` by raw calls and of ``allocate_frames(1).free()``."""
    object_calls._prepare_heap()
    return [
        min([count(*arguments) for _ in range(_CALLS)])
        for count, arguments in (
            (instructions.of_pair, (region.alloc, region.free, 1)),
            (instructions.of_allocation_and_free, (physmem.allocate_frames, 1)),
        )
    ]


def counts():
    """Measure before loading, after loading, with statistics on, with all tiers on, and with all off again."""
    region = physmem.Region("bench", 0x20100000, 0x300000, 4096, physmem.DMA | physmem.FAST)
    physmem.init([region])
    rows = [_measure(region)]
    assert "physmem_tiers" not in sys.modules
    physmem.debug()
    assert "physmem_tiers" not in sys.modules
    __import__("physmem_tiers")
    rows.append(_measure(region))
    physmem.debug(statistics=True)
    rows.append(_measure(region))
    physmem.debug(owners=True, poison=True, guard_frames=1, assertions=True, statistics=True)
    rows.append(_measure(region))
    physmem.debug()
    rows.append(_measure(region))
    return rows
