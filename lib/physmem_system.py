"""The system: its regions, how they come into being, and what is in them.

physmem_allocate asks the regions for frames. The other modules use these names of this one: `by_merit`, `each_region`,
`region_at`, `reserved_region`, `suits`, `expect_initialized`, `add_check`, `remove_check`, `retain_by`, `ADDRESS_BITS`,
and the flags `early` and `booted`.
"""

import gc
import sys

import micropython
import physmem_state
from micropython import const
from physmem_errors import integer, mistake
from physmem_frames import fill_spares, make_spares
from physmem_plan import plan
from physmem_region import (
    CACHE_LINE,
    FRAME_SIZE,
    RESERVED,
    Region,
    attributes_named,
    check_cache_line,
    check_frame_size,
    empty_region,
    extend_region,
    merit,
)
from uctypes import addressof

ADDRESS_BITS = 32 if sys.maxsize < 1 << 32 else 52
_ADDRESS_LIMIT = 1 << ADDRESS_BITS
_LONGEST_ENTRY = const(5)

_regions = []  # by address; replaced, never changed, as a handler may be reading it
by_merit = []  # the regions that are not reserved, in the order that requests try them; always the same list
_initialized = False
booted = False
early = False  # the heap is locked by boot()

_checks = []  # functions of the extras; each returns sentences for `check`
_early_heap = [0, 0]
_backing = []  # memory that stands for regions on hosts whose addresses are not known
_retention = None  # set by `retain_by`


def expect_initialized():
    """Raise NotInitialized before `init`."""
    if not _initialized:
        mistake("NotInitialized", "there are no regions yet: call boot() or init() first")


def _below_limit(base, size):
    if base < 0 or size < 0 or base + size > _ADDRESS_LIMIT:
        mistake("AddressOutOfRange", "{} bytes at {:#x} are not all below 2**{}", size, base, ADDRESS_BITS)


def _range_of(entry):
    """Return the range, as `plan` takes it, of a Region, ``(base, size)`` or ``(name, base, size[, frame_size[,
    attrs]])``."""
    if isinstance(entry, Region):
        _below_limit(entry.base, entry.end - entry.base)
        return [entry.base, entry.end, entry.frame_size, entry.attrs, entry.name, entry]
    if not isinstance(entry, (tuple, list)) or not 2 <= len(entry) <= _LONGEST_ENTRY:
        raise TypeError("a region must be a Region, (base, size) or (name, base, size[, frame_size[, attrs]])")
    name = entry[0] if len(entry) > 2 else None
    base, size = entry[:2] if len(entry) == 2 else entry[1:3]
    frame_size = entry[3] if len(entry) > 3 else FRAME_SIZE
    attrs = entry[4] if len(entry) > 4 else 0
    if isinstance(attrs, str):
        attrs = attributes_named(attrs)
    if name is not None and not isinstance(name, str):
        raise TypeError("the name of a region must be a str, not %s" % type(name).__name__)
    for value in (base, size, frame_size, attrs):
        integer(value, "base, size, frame_size and attrs")
    check_frame_size(frame_size)
    _below_limit(base, size)
    return [base, base + size, frame_size, attrs, name, None]


def _not_initialized_yet(call):
    if _initialized:
        mistake("NotPermitted", "already initialised with {} regions; {} can only be called once", len(_regions), call)


def init(free, reserved=()):
    """Make the regions of `free` the system's, without what `reserved` carves out of them.

    Call it once: a second call is NotPermitted. After an error the system has no regions. Each entry is a Region,
    ``(base, size)`` or ``(name, base, size[, frame_size[, attrs]])``, sizes in bytes, in any order and number; empty
    ones are dropped.

    Free entries that overlap are merged if they have the same frame size and attributes; otherwise they are an
    InvalidArgument. Entries that touch are merged too if they have no names and do not differ. Reserved entries that
    overlap are merged; they become regions of their own, handed out only by `allocate_frames_at`. The pieces of a
    carved range, and ranges of the same name, are named ``sram``, ``sram.1``, ``sram.2`` by address; two Regions of one
    name are an InvalidArgument. A Region that is carved or merged has nothing left of its own; NotPermitted if it has
    frames in use.

    Theseus panics on unsorted, overlapping and empty ranges and on more than 32.
    """
    global _initialized
    _not_initialized_yet("init()")
    free = list(free)
    reserved = list(reserved)
    pieces, holes = plan([_range_of(entry) for entry in free], [_range_of(entry) for entry in reserved], mistake)
    for hole in holes:
        hole[3] |= RESERVED
    found = _regions_of(pieces + holes)
    for entry in free + reserved:
        if isinstance(entry, Region) and entry.used_frames and entry not in found:
            mistake("NotPermitted", "{} frames of {} are in use: it cannot be carved", entry.used_frames, entry.name)
    make_spares()
    enter(found)
    _initialized = True
    for entry in free + reserved:
        if isinstance(entry, Region) and entry not in found:
            empty_region(entry)


def _regions_of(ranges):
    """Return a Region for each range of `plan`: the caller's own if it is whole, otherwise a new one with an unused
    name."""
    found = []
    names = []
    for base, end, frame_size, attrs, whole, region in ranges:
        whole = whole or ("reserved.%x" if attrs & RESERVED else "memory.%x") % base
        name = whole
        if region is None or (region.base, region.end, region.attrs) != (base, end, attrs):
            while name in names:
                name = "%s.%d" % (whole, len([region for region in found if region.whole == whole]))
            region = Region(name, base, end - base, frame_size, attrs)
            region.whole = whole
        if name in names:
            mistake("InvalidArgument", "two regions are named {}: rename one", name)
        found.append(region)
        names.append(name)
    return found


def enter(found):
    """Make `found` the system's regions."""
    global _regions
    merits = [region for region in found if not region.attrs & RESERVED]
    merits.sort(key=merit)
    by_address = sorted(found, key=lambda region: region.base)
    if by_merit != merits:  # a handler may be reading the list; a new reserved region leaves it alone
        by_merit[:] = merits
    _regions = by_address


def retain_by(attach, check_memory, record_size):
    """Have `boot` call ``attach(base, size)`` for the memory that the board sets aside for records, after
    ``check_memory(base, size)``; `record_size` is in bytes.

    physmem_retained attaches itself here when it is imported, because this module does not know the extras.
    """
    global _retention
    _retention = attach, check_memory, record_size


def boot(board=None):
    """Start the early phase: make the regions of the memory plan `board` (by default the module ``physmem_board``) and
    all pools, then lock the heap.

    From here until `boot_complete` nothing is allocated on the heap: raw calls work without limit, owners come from a
    pool of 32. The plan has:

    - REGIONS, a tuple of ``(name, base, size, frame size, attributes)``.
    - OCCUPIED, a tuple of ``(name, base, size)``: memory that the firmware itself uses, shown by `map`, never handed
      out.
    - CACHE_LINE, the data cache's line in bytes, if it is not 32.
    - SPIN_LOCK, on chips with two cores: the address of the hardware spin lock that keeps the other core out of SHARED
      regions.
    - RETAINED_RECORDS, ``(base, size)`` of memory that keeps its content over a reset and that start-up code leaves
      alone. It holds the records of retained and mapped frames, 64 bytes each, and two more. With it you can use
      `retain`, and what was retained or mapped before the reset is so again. It is carved out of the regions if it lies
      in one.

    On hosts whose addresses are not known in advance, a base of None takes the memory from the heap. A plan that is
    refused leaves nothing behind.
    """
    global early
    _not_initialized_yet("boot()")
    if board is None:
        import physmem_board as board
    physmem_state.use_spin_lock(getattr(board, "SPIN_LOCK", 0))
    try:
        records = _enter_plan(board)
    except BaseException:
        physmem_state.use_spin_lock(0)
        raise
    if records:
        _retention[0](*records)
    gc.collect()
    early = True
    micropython.heap_lock()
    _early_heap[0] = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def _enter_plan(board):
    """Make the regions of the memory plan; return ``(base, size)`` of the memory for records, or None."""
    entries = []
    for name, base, size, frame_size, attrs in board.REGIONS:
        if base is None:
            base = memory_of_the_heap(size, frame_size)
        entry = (name, base, size, frame_size, attrs)
        check_cache_line(name, frame_size, _range_of(entry)[3], getattr(board, "CACHE_LINE", CACHE_LINE))
        entries.append(entry)
    occupied_blocks = list(board.OCCUPIED)
    records = getattr(board, "RETAINED_RECORDS", None)
    if records:
        _, check_memory, record_size = _retention
        base, size = records
        check_memory(base or 0, size)
        if base is None:
            base = memory_of_the_heap(size, record_size)
        occupied_blocks.append(("records", base, size, record_size))
        records = base, size
    init(entries, occupied_blocks)
    for occupied in occupied_blocks:
        found = region_at(occupied[1]) if occupied[2] else None
        if found is not None and found.attrs & RESERVED and found.free_frames == found.frames:
            found.alloc_at(0, found.frames)
    return records


def memory_of_the_heap(size, alignment):
    """Take `size` bytes from the heap for good and return their address, a multiple of `alignment` bytes."""
    memory = bytearray(size + alignment)
    _backing.append(memory)
    base = addressof(memory)
    return base + -base % alignment


def boot_complete():
    """End the early phase: from here on you may use the heap. Does nothing the second time."""
    global booted, early
    if not booted:
        expect_initialized()
        _early_heap[1] = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
        booted = True
        if early:
            early = False
            micropython.heap_unlock()
        fill_spares()


def early_heap():
    """Return the bytes of heap in use at the start and at the end of the early phase: equal, as nothing allocates in
    between."""
    return tuple(_early_heap)


def regions():
    """Return all regions of the system, by address."""
    return list(_regions)


def each_region():
    """Return the system's own list of its regions, by address: do not change it. Needs no heap."""
    return _regions


def region(name):
    """Return the region with that name; InvalidArgument if there is none."""
    expect_initialized()
    for found in _regions:
        if found.name == name:
            return found
    names = ", ".join([found.name for found in _regions])
    mistake("InvalidArgument", "there is no region {}; there are {}", name, names)


def region_at(addr):
    """Return the region that contains the address `addr`, or None. Needs no heap."""
    for found in _regions:
        if found.base <= addr < found.end:
            return found
    return None


def reserved_region(found, addr, n, nbytes):
    """Return a reserved region that ends with the frames asked for at `addr`: `found`, extended, or else a new one."""
    frame_size = FRAME_SIZE if found is None else found.frame_size
    first = addr & -frame_size
    end = first + n * frame_size if nbytes is None else addr + nbytes + (-(addr + nbytes) % frame_size)
    if end > _ADDRESS_LIMIT:
        mistake("AddressOutOfRange", "the frames from {:#x} on run past the last address, 2**{}", addr, ADDRESS_BITS)
    for other in _regions:
        if other is not found and other.base < end and first < other.end:
            mistake(
                "AddressNotFree", "the frames at {:#x}..{:#x} run into {} at {:#x}", first, end, other.name, other.base
            )
    if found is None:
        found = Region("unknown.%x" % first, first, end - first, frame_size, RESERVED)
        enter(_regions + [found])
    else:
        if not found.is_free(found.frame(addr), found.frames - found.frame(addr)):
            mistake("AddressNotFree", "not all frames from {:#x} to {:#x} are free", addr, found.end)
        extend_region(found, end)
    return found


def suits(candidate, only):
    """Return whether `candidate` is the Region `only`, or has that name, or was carved from what had that name."""
    return only is None or candidate is only or candidate.name == only or candidate.whole == only


def add_check(find):
    """Have `check` include the sentences that ``find()`` returns."""
    _checks.append(find)


def remove_check(find):
    """Have `check` no longer call `find`."""
    _checks.remove(find)


def stats():
    """Return what there is and what is used now: a dict for each region by its name, and under None one for all regions
    except the reserved ones.

    Each has ``frames, free, used, peak, failed, largest`` in frames and ``total_bytes, free_bytes, used_bytes``.
    `failed` counts searches of the region that found nothing. Under None, `peak` is the sum of the regions' peaks,
    which may not have occurred at once, and `largest` is in bytes: the largest free run of any one region.
    """
    table = {}
    keys = ("frames", "free", "used", "peak", "failed", "largest", "total_bytes", "free_bytes", "used_bytes")
    total = dict.fromkeys(keys, 0)
    for found in _regions:
        used, shift = found.used_frames, found.shift
        largest = found.largest_free()
        row = dict(
            zip(
                keys,
                (
                    found.frames,
                    found.frames - used,
                    used,
                    found.peak_used,
                    found.failed,
                    largest,
                    found.frames << shift,
                    (found.frames - used) << shift,
                    used << shift,
                ),
            )
        )
        table[found.name] = row
        if not found.attrs & RESERVED:
            for key in keys:
                total[key] = max(total[key], largest << shift) if key == "largest" else total[key] + row[key]
    table[None] = total
    return table


def check():
    """Return what is wrong: a list of sentences, empty if all is well.

    Covers the metadata of all regions, the records of what is retained, and what `debug` looks at.
    """
    wrong = []
    for found in _regions:
        wrong.extend(found.check())
    for find in _checks:
        wrong.extend(find())
    return wrong
