"""The system: its regions, and what is in them.

physmem_allocate asks the regions for frames. The other modules use these names of this one: `by_merit`, `each_region`,
`region_at`, `reserved_region`, `suits`, `expect_initialized`, `add_check`, `remove_check`, `what_is_missing`,
and the flags `early` and `booted`.

How regions come into being stands in physmem_setup, which `boot` and the others load and which they drop when they are
done. What is asked seldom stands in physmem_overview.
"""

import micropython
import physmem_engine as engine
import physmem_errors as errors
import physmem_frames
import physmem_region

by_merit = []  # the regions that are not reserved, in the order that requests try them; always the same list
booted = False
early = False  # the heap is locked by boot()

# What physmem_setup keeps here.
_regions = ()  # by address; replaced, never changed, as a handler may be reading it
_initialized = False
_occupied = ()  # regions that `boot` has set aside because the firmware uses their memory
# Such memory that is not a region yet: the memory plan's own entries, (name, base, size[, attributes]), which take no
# heap; and (name, base, size, frame size, attributes, whole name) where they are not what becomes of them.
_blocks = ()
_held = ()  # memory of the heap that regions have
_cache_line = physmem_region.CACHE_LINE
_are_carved = False  # regions have the attribute `whole`, the name of what they were carved from
_bytes_in_use = None  # counts the heap in use; in the early phase only

_checks = ()  # functions of the extras; each returns sentences for `physmem.check`
_early_heap = (0, 0)
_at_start = 0  # bytes of heap in use


def expect_initialized():
    """Raise NotInitialized before `init`."""
    if not _initialized:
        errors.mistake("NotInitialized", "there are no regions yet: call boot(), boot_in_heap() or init() first")


def _setup(call):
    """Return physmem_setup, for `call`, which needs heap."""
    errors.expect_heap(call)
    return errors.load("physmem_setup", call)


def boot(board=None):
    """Start the early phase: make the regions of the memory plan `board` (by default the module ``physmem_board``) and
    all pools, then lock the heap.

    From here until `boot_complete` nothing is allocated on the heap: raw calls work without limit, owners come from a
    pool. The plan has:

    - REGIONS, a tuple of ``(name, base, size, frame size, attributes)``.
    - OCCUPIED, a tuple of ``(name, base, size[, attributes])``: memory that the firmware itself uses, shown by `map`,
      never handed out. The attributes tell `find` what that memory can do.
    - BUS_MASTERS, a tuple of words such as ``("BDMA", "DMA2D")``, where masters of the bus reach other memory than the
      general-purpose DMA controllers, for which the attribute DMA stands. Each word is then an attribute as well: in
      this plan, in `require`, `prefer` and `forbid`, and as ``physmem.BDMA``, a bit from 128 upwards in that order.
      Name those first that reach least: where all else is equal, requests leave the memory that these reach alone.
    - CACHE_LINE, the data cache's line in bytes, if it is not 32.
    - SPIN_LOCK, on chips with two cores: the address of the hardware spin lock that keeps the other core out while
      this one changes a region.
    - SPARE_OWNERS, the number of owners in the pool for allocations without heap, if it is not 32.
    - RETAINED_RECORDS, ``(base, size)`` of memory that keeps its content over a reset and that start-up code leaves
      alone. It holds the records of retained and mapped frames, 64 bytes each, and two more. With it you can use
      `retain`, and what was retained or mapped before the reset is so again. It is carved out of the regions if it lies
      in one.

    On hosts whose addresses are not known in advance, a base of None takes the memory from the heap. A plan that is not
    true of this board is refused: a region or records in memory that the garbage collector or the firmware is known to
    have, SHARED regions without SPIN_LOCK on a chip with two cores. A plan that is refused leaves nothing behind.
    """
    global early, _at_start
    _setup("boot()").boot(board)
    early = True
    micropython.heap_lock()
    if _bytes_in_use:
        _at_start = _bytes_in_use()


def boot_complete():
    """End the early phase: from here on you may use the heap. Does nothing the second time."""
    global booted, early, _bytes_in_use, _early_heap
    if not booted:
        expect_initialized()
        end = _bytes_in_use() if _bytes_in_use else 0
        booted = True
        if early:
            early = False
            micropython.heap_unlock()
            _early_heap = _at_start, end
            _bytes_in_use = None
        physmem_frames.fill_spares()
        physmem_frames.leave_records()


def early_heap():
    """Return the bytes of heap in use at the start and at the end of the early phase: equal, as nothing allocates in
    between. Needs heap."""
    errors.expect_heap("early_heap()")
    return _early_heap


def regions():
    """Return all regions of the system, by address. Needs heap."""
    errors.expect_heap("regions()")
    if _blocks:
        _setup("regions()").make_occupied()
    return list(_regions)


def each_region():
    """Return the system's own tuple of its regions, by address. Needs no heap. Memory that the firmware occupies is
    missing until somebody has asked for it."""
    return _regions


def region(name):
    """Return the region with that name; InvalidArgument if there is none."""
    expect_initialized()
    if not isinstance(name, str):
        errors.wrong_type("name", "a str", name)
    for found in _regions:
        if found.name == name:
            return found
    for block in _blocks:
        if block[0] == name:
            _setup("the region of memory that the firmware occupies").make_occupied()
            return region(name)
    try:
        names = ", ".join([found.name for found in _regions] + [block[0] for block in _blocks]) + what_is_missing
    except MemoryError:
        names = ""  # without heap there is no message either
    errors.mistake("InvalidArgument", "there is no region of the name {!r}: give one of {}", name, names)


def region_at(addr):
    """Return the region that contains the address `addr`, or None.

    A region in memory of the heap may lie in an OCCUPIED one; then it is that region. Needs heap only the first time
    that somebody asks for memory that the firmware occupies; AddressNotFree without it.
    """
    innermost = None
    for found in _regions:
        if found.base <= addr < found.end:
            innermost = found
    if innermost is None:
        for block in _blocks:
            # Without heap. Sizes are multiples of 32 bytes.
            if block[1] <= addr and engine.frame_of(addr, block[1], 5) < engine.frame_of(block[2], 0, 5):
                try:
                    _setup("this").make_occupied()
                except errors.PhysMemError:
                    if engine.in_handler():
                        errors.not_permitted_in_handler()
                    text = "the memory at {:#x} is {}, which the firmware occupies: give another address"
                    errors.mistake("AddressNotFree", text, addr, block[0])
                return region_at(addr)
    return innermost


def reserved_region(found, addr, n, nbytes):
    """Return a reserved region that ends with the frames asked for at `addr`: `found`, extended, or else a new one."""
    return _setup("a region for unknown addresses").reserved_region(found, addr, n, nbytes)


def suits(candidate, only):
    """Return whether `candidate` is the Region `only`, or has that name, or was carved from what had that name."""
    if only is None or candidate is only or candidate.name == only:
        return True
    return _are_carved and getattr(candidate, "whole", None) == only


def add_check(find):
    """Have `physmem.check` include the sentences that ``find()`` returns. Needs heap."""
    global _checks
    _checks += (find,)


def remove_check(find):
    """Have `physmem.check` no longer call `find`. Needs heap."""
    global _checks
    left = ()
    for other in _checks:
        if other is not find:
            left += (other,)
    _checks = left


# What the memory plan has and the board lacks: behind "; ", for the end of an error about a region that is not there.
# Set by firmware that compares the two, such as firmware/rp2/physmem_boot_psram.py.
what_is_missing = ""


def reset_peak():
    """Start a new measurement of the peaks in `stats`: make each region's the number of frames allocated now.

    Needs no heap. NotPermitted in an interrupt handler, unless all regions are SHARED.
    """
    expect_initialized()
    if engine.in_handler():
        for found in _regions:
            if _blocks or not found.attrs & physmem_region.SHARED:
                errors.not_permitted_in_handler()
    for found in _regions:
        found.reset_peak()
