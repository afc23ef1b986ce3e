"""A first region in memory of the heap, on any board: `physmem.boot_in_heap`. Loaded when you call it.

It takes the memory before it loads what makes regions, which would leave holes in the heap.
"""

import gc

import physmem_system
from micropython import const
from physmem_errors import exhausted, expect_heap, given_by_position, integer, mistake, power_of_two
from uctypes import addressof

_NAME = "heap"
_SMALLEST_FRAME = const(32)  # bytes
_SPARE_OWNERS = const(8)  # each takes about 120 bytes of heap


def boot_in_heap(nbytes, _by_name, frame_size, align, attrs):
    """Do what `physmem.boot_in_heap` does."""
    if _by_name is not ...:
        given_by_position()
    expect_heap("boot_in_heap()")
    if physmem_system._initialized:
        text = "there are {} regions already: add_region({!r}, None, nbytes) adds memory of the heap to them"
        mistake("NotPermitted", text, len(physmem_system.regions()), _NAME)
    if integer(frame_size, "frame_size") < _SMALLEST_FRAME or not power_of_two(frame_size):
        mistake(
            "InvalidArgument", "frame_size {} is not a power of two: give one from {} up", frame_size, _SMALLEST_FRAME
        )
    if integer(nbytes, "nbytes") <= 0:
        mistake("ZeroAllocation", "cannot make a region of nbytes = {}: give 1 or more", nbytes)
    if integer(align, "align") <= 0 or not power_of_two(align):
        mistake("UnalignedAddress", "align {} is not a power of two: give one, in bytes", align)
    size = nbytes + -nbytes % frame_size
    while align > size:
        align >>= 1
    held = physmem_system._held
    try:
        memory = _take(size, max(align, frame_size))
        physmem_system._held += (memory,)
        base = addressof(memory)
        base += -base % max(align, frame_size)
        _start(base, size, frame_size, attrs)
    except BaseException:
        if not physmem_system._initialized:  # KeyboardInterrupt may come after the region is there
            physmem_system._held = held
        raise
    physmem_system.boot_complete()
    return physmem_system.region(_NAME)


def _take(size, alignment):
    """Return as much memory of the heap as `size` bytes at a multiple of `alignment` need."""
    gc.collect()
    try:
        return bytearray(size + alignment)
    except (MemoryError, OverflowError):
        free = gc.mem_free() if hasattr(gc, "mem_free") else 0
    text = (
        "a region of {} bytes aligned to {} needs {} bytes of heap in one piece: ask for less or earlier; {} are free"
    )
    exhausted(text, size, alignment, size + alignment, free)


def _start(base, size, frame_size, attrs):
    import physmem_setup
    import physmem_chip
    import physmem_state

    if attrs is None:
        attrs = physmem_chip.attributes_of_heap(base, base + size)
    lock = 0 if physmem_state.has_spin_lock() else physmem_chip.spin_lock()
    physmem_setup.init([(_NAME, base, size, frame_size, attrs)], (), ..., lock, _SPARE_OWNERS)
