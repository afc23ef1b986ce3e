"""What is allocated and where something lies: look it up by address, and free what has lost its owner.

for found in physmem.allocations():
    print(hex(found.addr), found.nbytes, found.owner)
physmem.free_at(0x20100000)                       # an exception has taken the owner with it
physmem.find(buffer).region.attrs & physmem.DMA   # may DMA read this bytearray?
"""

from collections import namedtuple

import micropython
import physmem_engine as engine
from micropython import const
from physmem_errors import expect_heap, integer, mistake, not_permitted_in_handler
from physmem_frames import ALLOCATED, MAPPED, AllocatedFrames, held_at
from physmem_overview import is_occupied, owner_at
from physmem_system import each_region, expect_initialized, region_at
from uctypes import addressof

try:  # CPython: the casts that viper has built in
    from micropython import ptr32, uint
except ImportError:
    pass

_STATE_PLANES = const(6)  # words of a state, as physmem_engine has them
_STATE_ROW = const(15)

FREE = "free"

Allocation = namedtuple("Allocation", ("region", "first", "count", "addr", "nbytes", "owner", "state", "name"))
Place = namedtuple("Place", ("region", "frame", "first", "count", "owner", "state", "name"))


@micropython.viper
def start_before(address, frame: int) -> int:
    """Return the last frame up to `frame` where an allocation starts; the first frame of its word of the row if none
    does. `address` is that of a state."""
    s = ptr32(address)
    starts = (_STATE_ROW + s[_STATE_PLANES]) >> 1
    w = frame >> 5
    x = uint(s[starts + w] & ((2 << (frame & 31)) - 1))
    while not x and w:
        w -= 1
        x = uint(s[starts + w])
    bit = 31
    while bit and not (x >> bit) & uint(1):
        bit -= 1
    return (w << 5) + bit


def _held(region, first):
    """Return ``(owner, state, name)`` of the allocation that starts there, as `allocations` has them."""
    mapped, name = held_at(region, first)
    owner = owner_at(region, first)
    return owner and owner[0], MAPPED if mapped else ALLOCATED, name


def allocations():
    """Serve `physmem.allocations`, which says what this does."""
    expect_initialized()
    expect_heap("allocations()")
    found = []
    for region in each_region():
        if not is_occupied(region):
            base, shift = region.base, region.shift
            for first, count, free in region.runs():
                if not free:
                    owner = owner_at(region, first)
                    if not (owner and owner[1]):  # a guard
                        owner, state, name = _held(region, first)
                        addr = base + (first << shift)
                        found.append(Allocation(region, first, count, addr, count << shift, owner, state, name))
    return found


def free_at(addr):
    """Serve `physmem.free_at`, which says what this does."""
    expect_initialized()
    integer(addr, "addr")
    expect_heap("free_at()")
    region = region_at(addr)
    if region is not None and is_occupied(region):
        mistake(
            "NotPermitted",
            "the memory at addr {:#x} is {}, which the firmware occupies: free none of it",
            addr,
            region.name,
        )
    first = 0
    if region is not None:
        first = engine.frame_of(addr, region.base, region.shift)
        owner = owner_at(region, first)
        is_guard = owner and owner[1]
        if is_guard or region.base + (first << region.shift) != addr or not engine.count(region.address, first):
            region = None
    if region is None:
        mistake("NotAllocated", "no allocation starts at addr {:#x}: allocations() lists them", addr)
    mapped, name = held_at(region, first)
    if name is not None:
        mistake("NotPermitted", "the frames at addr {:#x} are retained as {!r}: release() the name", addr, name)
    if mapped:
        mistake("NotPermitted", "hardware owns the frames at addr {:#x}: unmap() them, see quarantined()", addr)
    freed = region.free(first)
    if freed == engine.NOT_PERMITTED:
        not_permitted_in_handler()
    if freed < 0:
        mistake(
            "NotAllocated", "the allocation at addr {:#x} was freed meanwhile: allocations() lists what there is", addr
        )
    return freed


def find(thing):
    """Serve `physmem.find`, which says what this does."""
    expect_initialized()
    expect_heap("find()")
    if isinstance(thing, AllocatedFrames):
        addr = thing.addr
    elif isinstance(thing, (int, bool)):
        addr = integer(thing, "thing")
    else:
        try:
            addr = addressof(thing)
        except Exception:  # TypeError, or CPython's others for a thing that is not a writable buffer
            raise TypeError(
                "thing must be an address, a buffer or AllocatedFrames, not %s" % type(thing).__name__
            ) from None
    region = region_at(addr)
    if region is None:
        return None
    address = region.address
    frame = engine.frame_of(addr, region.base, region.shift)
    first = start_before(address, frame)
    count = engine.count(address, first)
    if frame >= first + count:
        return Place(region, frame, frame, 0, None, FREE, None)
    owner, state, name = _held(region, first)
    return Place(region, frame, first, count, owner, state, name)
