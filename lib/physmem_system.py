"""The system: its regions, and what is in them.

physmem_allocate asks the regions for frames. The other modules use these names of this one: `by_merit`, `each_region`,
`region_at`, `reserved_region`, `suits`, `is_occupied`, `expect_initialized`, `add_check`, `remove_check`, `retain_by`,
`ADDRESS_BITS`, and the flags `early` and `booted`.

How regions come into being stands in physmem_setup, which `boot`, `init` and the others load and which they drop when
they are done.
"""

import micropython
import physmem_engine as engine
import physmem_errors as errors
import physmem_frames
import physmem_region

# `import sys` would be one name more, and so make the table of this module larger.
ADDRESS_BITS = 32 if __import__("sys").maxsize < 1 << 32 else 52

by_merit = []  # the regions that are not reserved, in the order that requests try them; always the same list
booted = False
early = False  # the heap is locked by boot()

# What physmem_setup keeps here.
_regions = []  # by address; replaced, never changed, as a handler may be reading it
_initialized = False
_occupied = ()  # regions that `boot` has set aside because the firmware uses their memory
_blocks = ()  # such memory that is not a region yet: (name, base, end, frame size, attributes, whole name)
_held = ()  # memory of the heap that regions have
_cache_line = physmem_region.CACHE_LINE
_are_carved = False  # regions have the attribute `whole`, the name of what they were carved from
_recovery = None  # set by `retain_by`
_bytes_in_use = None  # counts the heap in use; in the early phase only

_checks = []  # functions of the extras; each returns sentences for `check`
_early_heap = (0, 0)
_at_start = 0  # bytes of heap in use


def expect_initialized():
    """Raise NotInitialized before `init`."""
    if not _initialized:
        errors.mistake("NotInitialized", "there are no regions yet: call boot() or init() first")


def _setup(call):
    """Return physmem_setup, for `call`, which needs heap."""
    errors.expect_heap(call)
    return errors.load("physmem_setup", call)


def init(free, reserved=(), _by_name=..., spin_lock=0):
    """``init(free, reserved=(), *, spin_lock=0)``: make the regions of `free` the system's, without
    what `reserved` carves out of them.

    Call it once: a second call is NotPermitted. After an error the system has no regions. Each entry is a Region,
    ``(base, size)`` or ``(name, base, size[, frame_size[, attrs]])``, sizes in bytes, in any order and number; empty
    ones are dropped. A base of None takes the memory from the heap for good.

    Free entries that overlap are merged if they have the same frame size and attributes; otherwise they are an
    InvalidArgument. Entries that touch are merged too if they have no names and do not differ. Reserved entries that
    overlap are merged; they become regions of their own, handed out only by `allocate_frames_at`. A Region that is
    carved or merged has nothing left of its own; NotPermitted if it has frames in use.

    Merged entries have the name that was given first. The pieces of a carved entry are named ``sram``, ``sram.1``,
    ``sram.2`` by address, without the names that others were given. A name that is given to two regions is an
    InvalidArgument.

    AddressNotFree if a region would lie in memory that the garbage collector has, except where physmem took it from the
    heap itself. On a chip with two cores SHARED regions need `spin_lock`, the address of a hardware spin lock
    (docs/two_cores.md); 0 leaves the one that there is.

    Theseus panics on unsorted, overlapping and empty ranges and on more than 32.
    """
    if _by_name is not ...:
        errors.given_by_position()
    _setup("init()").init(free, reserved, spin_lock)


def boot(board=None):
    """Start the early phase: make the regions of the memory plan `board` (by default the module ``physmem_board``) and
    all pools, then lock the heap.

    From here until `boot_complete` nothing is allocated on the heap: raw calls work without limit, owners come from a
    pool. The plan has:

    - REGIONS, a tuple of ``(name, base, size, frame size, attributes)``.
    - OCCUPIED, a tuple of ``(name, base, size[, attributes])``: memory that the firmware itself uses, shown by `map`,
      never handed out. The attributes tell `find` what that memory can do.
    - CACHE_LINE, the data cache's line in bytes, if it is not 32.
    - SPIN_LOCK, on chips with two cores: the address of the hardware spin lock that keeps the other core out of SHARED
      regions.
    - SPARE_OWNERS, the number of owners in the pool for allocations without heap, if it is not 32.
    - RETAINED_RECORDS, ``(base, size)`` of memory that keeps its content over a reset and that start-up code leaves
      alone. It holds the records of retained and mapped frames, 64 bytes each, and two more. With it you can use
      `retain`, and what was retained or mapped before the reset is so again. It is carved out of the regions if it lies
      in one.

    On hosts whose addresses are not known in advance, a base of None takes the memory from the heap. A plan that is not
    true of this board is refused: a region or records in memory that the garbage collector has, SHARED regions without
    SPIN_LOCK on a chip with two cores. A plan that is refused leaves nothing behind.
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


def early_heap():
    """Return the bytes of heap in use at the start and at the end of the early phase: equal, as nothing allocates in
    between. Needs heap."""
    errors.expect_heap("early_heap()")
    return _early_heap


def add_region(name, base=None, size=None, frame_size=physmem_region.FRAME_SIZE, attrs=0):
    """Add a region to the system, after `init` or `boot`, and return it. Sizes in bytes; `attrs` as bits or words.

    Give a Region as the only argument, or what makes one. A base of None takes the memory from the heap for good. A
    Region that was removed before starts with all frames free; bind its raw calls again.

    InvalidArgument if there is a region of that name, AddressNotFree if the memory is part of a region or the garbage
    collector has it; otherwise as for `Region`. After an error nothing has changed. Needs heap, for the metadata as
    well. Handlers may allocate meanwhile. `debug` watches the region once you call it again.

    The memory plan does not know the region: `boot` keeps nothing in it over a reset. What is retained in it is dropped
    then, and what is mapped in it is quarantined outside of all regions, so that the region cannot be added until that
    is freed.
    """
    return _setup("add_region()").add_region(name, base, size, frame_size, attrs)


def remove_region(region):
    """Remove a region from the system; `region` is a Region or the name of one.

    From then on its raw calls find nothing and its memory is yours. You can add it again. NotPermitted, and nothing has
    changed, if any of its frames is allocated, mapped or retained; if `on_low` or `debug` watches it; if the firmware
    occupies its memory (OCCUPIED). InvalidArgument if the system has no such region.

    Handlers may allocate meanwhile: all frames are taken at once before the region goes. On a chip with two cores do
    not call this while the other core allocates by object: its request may miss another region. Needs heap. Memory that
    physmem took from the heap stays taken.
    """
    _setup("remove_region()").remove_region(region)


def retain_by(recovery):
    """Have `boot` attach the memory that the board sets aside for records with the module that ``recovery()`` returns,
    which it drops afterwards.

    physmem_retained attaches itself here when it is imported, because this module does not know the extras.
    """
    global _recovery
    _recovery = recovery


def regions():
    """Return all regions of the system, by address. Needs heap."""
    errors.expect_heap("regions()")
    if _blocks:
        _setup("regions()").make_occupied()
    return list(_regions)


def each_region():
    """Return the system's own list of its regions, by address: do not change it. Needs no heap. Memory that the
    firmware occupies is missing until somebody has asked for it."""
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
        names = ", ".join([found.name for found in _regions] + [block[0] for block in _blocks])
    except MemoryError:
        names = ""  # without heap there is no message either
    errors.mistake("InvalidArgument", "there is no region of the name {!r}; there are {}", name, names)


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
            if block[1] <= addr < block[2]:
                try:
                    _setup("this").make_occupied()
                except errors.PhysMemError:
                    if engine.in_handler():
                        errors.not_permitted_in_handler()
                    text = "the memory at {:#x} is {}, which the firmware occupies"
                    errors.mistake("AddressNotFree", text, addr, block[0])
                return region_at(addr)
    return innermost


def is_occupied(found):
    """Return whether the Region `found` is memory that the firmware occupies, which `boot` has set aside."""
    return found in _occupied


def reserved_region(found, addr, n, nbytes):
    """Return a reserved region that ends with the frames asked for at `addr`: `found`, extended, or else a new one."""
    return _setup("a region for unknown addresses").reserved_region(found, addr, n, nbytes)


def suits(candidate, only):
    """Return whether `candidate` is the Region `only`, or has that name, or was carved from what had that name."""
    if only is None or candidate is only or candidate.name == only:
        return True
    return _are_carved and getattr(candidate, "whole", None) == only


def add_check(find):
    """Have `check` include the sentences that ``find()`` returns."""
    _checks.append(find)


def remove_check(find):
    """Have `check` no longer call `find`."""
    _checks.remove(find)


def stats():
    """Return what there is and what is used now: a dict for each region by its name, and under None one for all regions
    except the reserved ones.

    Each has ``frames, free, used, peak, failed, largest`` in frames and ``total_bytes, free_bytes, used_bytes,
    largest_bytes``. `failed` counts searches of the region that found nothing. Under None, `peak` is the sum of the
    regions' peaks, which may not have occurred at once; `largest_bytes` is the largest free run of any one region, and
    `largest` is that run in frames of its region. Needs heap.
    """
    errors.expect_heap("stats()")
    return errors.load("physmem_overview", "stats()").stats()


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


def check():
    """Return what is wrong: a list of sentences, empty if all is well.

    Covers the metadata of all regions, the records of what is retained, and what `debug` looks at. Needs heap.
    """
    errors.expect_heap("check()")
    return errors.load("physmem_overview", "check()").check()


_owner_of = None  # set by the debug tiers with `tell_owners_with`


def tell_owners_with(function):
    """Have `owner_at` ask ``function(region, first)``; None stops that. The debug tiers attach themselves here."""
    global _owner_of
    _owner_of = function


def owner_at(region, first):
    """Return ``(owner, is a guard)`` of the allocation that starts at the frame `first` of `region`; None if no debug
    tier records it."""
    return None if _owner_of is None else _owner_of(region, first)
