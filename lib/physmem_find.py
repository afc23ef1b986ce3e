"""What is allocated and where something lies: look it up by address, and free what has lost its owner.

for found in physmem.allocations():
    print(hex(found.addr), found.nbytes, found.owner)
physmem.free_at(0x20100000)                       # an exception has taken the owner with it
physmem.find(buffer).region.attrs & physmem.DMA   # may DMA read this bytearray?
"""

from collections import namedtuple

from physmem_engine import NOT_PERMITTED
from physmem_errors import expect_heap, integer, mistake, not_permitted_in_handler
from physmem_frames import ALLOCATED, MAPPED, AllocatedFrames, held_at
from physmem_system import each_region, expect_initialized, is_occupied, owner_at, region_at
from uctypes import addressof

FREE = "free"

Allocation = namedtuple("Allocation", ("region", "first", "count", "addr", "nbytes", "owner", "state", "name"))
Place = namedtuple("Place", ("region", "frame", "first", "count", "owner", "state", "name"))


def allocations():
    """Return what is allocated now, by address: a list of tuples ``(region, first, count, addr, nbytes, owner, state,
    name)``.

    `first` and `count` are in frames of `region`, `nbytes` is all of them. `owner` is the tag of ``owner=`` if the
    debug tier `owners` is on, else None. `state` is ALLOCATED or MAPPED; without records (see `physmem.boot`) MAPPED is
    known of this run only. `name` is what it is retained as, or None. Raw allocations are listed, what `boot` has set
    aside (OCCUPIED) and guard frames are not. Needs heap.
    """
    expect_initialized()
    expect_heap("allocations()")
    found = []
    for region in each_region():
        if not is_occupied(region):
            for first, count, free in region.runs():
                if not free:
                    owner, is_guard = owner_at(region, first) or (None, False)
                    if not is_guard:
                        mapped, name = held_at(region, first)
                        found.append(
                            Allocation(
                                region,
                                first,
                                count,
                                region.addr(first),
                                count << region.shift,
                                owner,
                                MAPPED if mapped else ALLOCATED,
                                name,
                            )
                        )
    return found


def free_at(addr):
    """Free the allocation that starts at the address `addr` and return its number of frames.

    For frames whose owner was lost: by an exception, or with a name that was assigned again. If an AllocatedFrames
    still owns them, use its ``free()``: after this its own frees another's frames or is refused. NotAllocated if no
    allocation starts there. NotPermitted if it is mapped, retained, or memory that the firmware occupies. Needs heap.
    """
    expect_initialized()
    integer(addr, "addr")
    expect_heap("free_at()")
    region = region_at(addr)
    if region is not None and is_occupied(region):
        mistake("NotPermitted", "the memory at addr {:#x} is {}, which the firmware occupies", addr, region.name)
    first = 0
    if region is not None:
        first = region.frame(addr)
        if region.addr(first) != addr or not region.count(first) or (owner_at(region, first) or (None, False))[1]:
            region = None
    if region is None:
        mistake("NotAllocated", "no allocation starts at addr {:#x}: allocations() lists them", addr)
    mapped, name = held_at(region, first)
    if name is not None:
        mistake("NotPermitted", "the frames at addr {:#x} are retained as {!r}: release() the name", addr, name)
    if mapped:
        mistake("NotPermitted", "hardware owns the frames at addr {:#x}: unmap() them, see quarantined()", addr)
    freed = region.free(first)
    if freed == NOT_PERMITTED:
        not_permitted_in_handler()
    if freed < 0:
        mistake("NotAllocated", "the allocation at addr {:#x} was freed meanwhile", addr)
    return freed


def find(thing):
    """Return where `thing` lies, a tuple ``(region, frame, first, count, owner, state, name)``, or None if no region
    has it.

    `thing` is an address, a buffer such as a bytearray, or AllocatedFrames. `frame` is the frame of its first byte,
    `first` and `count` are the allocation that has the frame, all in frames of `region`. `owner`, `state` and `name`
    are as in `allocations`; in a free frame `state` is "free", `count` 0 and `first` the frame. The firmware's own
    memory (OCCUPIED) is a region with attributes, too. Needs heap.
    """
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
    frame = region.frame(addr)
    for first, count, free in region.runs():
        if first <= frame < first + count:
            if free:
                return Place(region, frame, frame, 0, None, FREE, None)
            mapped, name = held_at(region, first)
            owner = owner_at(region, first)
            return Place(
                region, frame, first, count, owner[0] if owner else None, MAPPED if mapped else ALLOCATED, name
            )
