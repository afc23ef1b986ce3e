"""The system: its regions, how they come into being, and what is in them.

physmem_allocate asks the regions for frames. The other modules use these names of this one: `by_merit`, `each_region`,
`region_at`, `reserved_region`, `suits`, `is_occupied`, `expect_initialized`, `add_check`, `remove_check`, `retain_by`,
`ADDRESS_BITS`, and the flags `early` and `booted`.
"""

import gc
import sys

import micropython
import physmem_state
from micropython import const
from physmem_collector import memory_of_the_collector
from physmem_engine import in_handler
from physmem_errors import exhausted, expect_heap, integer, mistake, not_permitted_in_handler, wrong_type
from physmem_frames import fill_spares, make_spares
from physmem_plan import plan, unused
from physmem_region import (
    CACHE_LINE,
    FRAME_SIZE,
    RESERVED,
    SHARED,
    Region,
    attributes,
    check_cache_line,
    check_frame_size,
    empty_region,
    extend_region,
    is_emptied,
    is_watched,
    merit,
    refill_region,
)
from uctypes import addressof

ADDRESS_BITS = 32 if sys.maxsize < 1 << 32 else 52
_ADDRESS_LIMIT = 1 << ADDRESS_BITS
_LONGEST_ENTRY = const(5)
_ROOM = const(4)  # for regions that are added: `by_merit` then stays where it is

_regions = []  # by address; replaced, never changed, as a handler may be reading it
by_merit = []  # the regions that are not reserved, in the order that requests try them; always the same list
_initialized = False
booted = False
early = False  # the heap is locked by boot()

_checks = []  # functions of the extras; each returns sentences for `check`
_STATISTICS = (
    "frames",
    "free",
    "used",
    "peak",
    "failed",
    "total_bytes",
    "free_bytes",
    "used_bytes",
    "largest",
    "largest_bytes",
)
_early_heap = [0, 0]
_held = []  # memory of the heap that regions have
_occupied = []  # the regions that `boot` has set aside because the firmware uses their memory
_cache_line = CACHE_LINE
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
        wrong_type("a region", "a Region, (base, size) or (name, base, size[, frame_size[, attrs]])", entry)
    name = entry[0] if len(entry) > 2 else None
    base, size = entry[:2] if len(entry) == 2 else entry[1:3]
    frame_size = entry[3] if len(entry) > 3 else FRAME_SIZE
    attrs = attributes(entry[4] if len(entry) > 4 else 0, "attrs")
    if name is not None and not isinstance(name, str):
        raise TypeError("the name of a region must be a str, not %s" % type(name).__name__)
    if base is not None:
        integer(base, "base")
    integer(size, "size")
    check_frame_size(integer(frame_size, "frame_size"))
    check_cache_line(name, frame_size, attrs, _cache_line)
    _below_limit(base or 0, size)
    if base is None:
        base = memory_of_the_heap(size, frame_size)
    return [base, base + size, frame_size, attrs, name, None]


def _ranges_of(entries, turn):
    """Return the ranges of entries, the first of which is the one at `turn` of all that `init` was given."""
    ranges = []
    for entry in entries:
        found = _range_of(entry)
        ranges.append(found + [turn, [found[4]] if found[4] is not None and found[1] > found[0] else []])
        turn += 1
    return ranges


def _not_initialized_yet(call):
    if _initialized:
        mistake("NotPermitted", "already initialised with {} regions; {} can only be called once", len(_regions), call)


def init(free, reserved=(), *, spin_lock=0):
    """Make the regions of `free` the system's, without what `reserved` carves out of them.

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
    expect_heap("init()")
    _not_initialized_yet("init()")
    if integer(spin_lock, "spin_lock") < 0 or spin_lock & 3:
        mistake("UnalignedAddress", "spin_lock {:#x} is not the address of a register: a multiple of 4", spin_lock)
    before, held = physmem_state.spin_lock(), len(_held)
    try:
        if spin_lock:
            physmem_state.use_spin_lock(spin_lock)
        _start(_entries(free, "free"), _entries(reserved, "reserved"))
    except BaseException:
        del _held[held:]
        if spin_lock:
            physmem_state.use_spin_lock(before)
        raise


def _entries(given, name):
    """Return what `init` was given as `name` as a list."""
    if isinstance(given, (str, bytes)):
        wrong_type(name, "a list of regions", given)
    try:
        return list(given)
    except TypeError:
        wrong_type(name, "a list of regions", given)


def _start(free, reserved, are_occupied=False, records=None):
    """Make the system's regions of these entries. If the reserved ones `are_occupied`, they may lie in the collector's
    memory, except for `records`: name, base and end of the memory for records."""
    global _initialized
    ranges = _ranges_of(free, 0), _ranges_of(reserved, len(free))
    given = [name for part in ranges[0] + ranges[1] for name in part[7]]
    pieces, holes = plan(ranges[0], ranges[1], mistake)
    for hole in holes:
        hole[3] |= RESERVED
    found = _regions_of(pieces + holes, given)
    for entry in free + reserved:
        if isinstance(entry, Region) and entry.used_frames and entry not in found:
            text = "{} frames of {} are in use: it cannot be carved or merged"
            mistake("NotPermitted", text, entry.used_frames, entry.name)
    collected = memory_of_the_collector(found[0].address) if found else ()
    if records:
        _expect_apart(records[0], records[1], records[2], collected)
    for made in found:
        if not (made.attrs & RESERVED and are_occupied):
            _expect_apart(made.name, made.base, made.end, collected)
    make_spares()
    enter(found)
    _initialized = True
    for entry in free + reserved:
        if isinstance(entry, Region) and entry not in found:
            empty_region(entry)


def _regions_of(ranges, given):
    """Return a Region for each range of `plan`: the caller's own if it is whole, otherwise a new one.

    The first piece of an entry has the name it was given; the others get names that are not among those `given`.
    """
    found = []
    names = []
    for base, end, frame_size, attrs, whole, region, _, _ in ranges:
        if region is None or (region.name, region.base, region.end, region.attrs) != (whole, base, end, attrs):
            name = whole
            if whole is None:
                whole = name = unused(("reserved.%x" if attrs & RESERVED else "memory.%x") % base, given + names)
            elif name in names:
                name = unused(name, given + names)
            region = Region(name, base, end - base, frame_size, attrs)
            region.whole = whole
        found.append(region)
        names.append(region.name)
    return found


def _is_held(base, end):
    """Return whether physmem holds the memory from `base` to `end`, having taken it from the heap."""
    for memory in _held:
        start = addressof(memory)
        if start <= base and end <= start + len(memory):
            return True
    return False


def _expect_apart(name, base, end, collected):
    """Refuse a region in the memory `collected` that the collector has, unless physmem holds it."""
    if _is_held(base, end):
        return
    for start, stop in collected:
        if base < stop and start < end:
            mistake(
                "AddressNotFree",
                "{} at {:#x} lies in the garbage collector's memory, {:#x}..{:#x}: give other memory, less heap or "
                "a base of None for memory of the heap",
                name,
                base,
                start,
                stop,
            )


def enter(found):
    """Make `found` the system's regions.

    A handler may be reading `by_merit`. It then finds every region that stays: some of them twice, but none is missed.
    """
    global _regions
    merits = [region for region in found if not region.attrs & RESERVED]
    merits.sort(key=merit)
    by_address = sorted(found, key=lambda region: region.base)
    if not by_merit:
        by_merit.extend(merits + [None] * _ROOM)
        del by_merit[len(merits) :]
    for i in range(len(by_merit) - 1, -1, -1):
        if by_merit[i] not in merits:
            for j in range(i, len(by_merit) - 1):
                by_merit[j] = by_merit[j + 1]
            by_merit.pop()
    for i in range(len(merits)):
        if i == len(by_merit) or by_merit[i] is not merits[i]:
            by_merit.append(merits[i])
            for j in range(len(by_merit) - 1, i, -1):
                by_merit[j] = by_merit[j - 1]
            by_merit[i] = merits[i]
    _regions = by_address


def add_region(name, base=None, size=None, frame_size=FRAME_SIZE, attrs=0):
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
    expect_heap("add_region()")
    expect_initialized()
    held = len(_held)
    try:
        if isinstance(name, Region):
            found = name
            if base is not None or size is not None:
                raise TypeError("add_region() takes a Region alone, or name, base and size")
            _below_limit(found.base, found.end - found.base)
        else:
            if not isinstance(name, str):
                raise TypeError("name must be a str or a Region, not %s" % type(name).__name__)
            integer(size, "size")
            check_frame_size(integer(frame_size, "frame_size"))
            if base is None:
                _expect_whole(size, frame_size)
            base, _, frame_size, attrs, _, _ = _range_of((name, base, size, frame_size, attrs))
            found = Region(name, base, size, frame_size, attrs, _cache_line)
        _expect_room(found)
        _expect_apart(found.name, found.base, found.end, memory_of_the_collector(found.address))
        was_removed = is_emptied(found)
        if was_removed:
            refill_region(found)
        try:
            enter(_regions + [found])
        except BaseException:
            if was_removed:
                empty_region(found)
            raise
    except BaseException:
        del _held[held:]
        raise
    return found


def _expect_whole(size, frame_size):
    """Refuse a size that `Region` would refuse, before memory is taken for it."""
    if size <= 0 or size % frame_size:
        text = "size {:#x} is not a positive multiple of {}, the frame size"
        mistake("UnalignedAddress" if size else "ZeroAllocation", text, size, frame_size)


def _expect_room(found):
    """Refuse a region whose name or memory another has. Memory of the heap may lie in what the firmware occupies."""
    held = _is_held(found.base, found.end)
    for other in _regions:
        if other.name == found.name:
            text = "there is a region {} already, at {:#x}: give another name"
            mistake("InvalidArgument", text, other.name, other.base)
        if other.base < found.end and found.base < other.end and not (held and is_occupied(other)):
            text = "{} at {:#x} overlaps {} at {:#x}: give other memory or remove that one"
            mistake("AddressNotFree", text, found.name, found.base, other.name, other.base)


def remove_region(region):
    """Remove a region from the system; `region` is a Region or the name of one.

    From then on its raw calls find nothing and its memory is yours. You can add it again. NotPermitted, and nothing has
    changed, if any of its frames is allocated, mapped or retained; if `on_low` or `debug` watches it; if the firmware
    occupies its memory (OCCUPIED). InvalidArgument if the system has no such region.

    Handlers may allocate meanwhile: all frames are taken at once before the region goes. On a chip with two cores do
    not call this while the other core allocates by object: its request may miss another region. Needs heap. Memory that
    physmem took from the heap stays taken.
    """
    expect_heap("remove_region()")
    expect_initialized()
    _remove(_one_of_the_system(region))


def _remove(found):
    name = found.name
    if is_occupied(found):
        mistake("NotPermitted", "{} cannot be removed: the firmware occupies its memory", name)
    if is_watched(found):
        text = "{} cannot be removed while it is watched: call on_low({!r}, 0, None) and debug() first"
        mistake("NotPermitted", text, name, name)
    left = list(_regions)  # a comprehension would make `found` a cell, for which the call itself needs heap
    left.remove(found)
    if found.alloc_at(0, found.frames) != 0:
        text = "{} cannot be removed: {} of its {} frames are in use"
        mistake("NotPermitted", text, name, found.used_frames, found.frames)
    try:
        enter(left)
    except BaseException:
        found.free(0)
        raise
    empty_region(found)


def _one_of_the_system(wanted):
    """Return the region of the system that is `wanted` or has that name."""
    if isinstance(wanted, str):
        return region(wanted)
    if not isinstance(wanted, Region):
        raise TypeError("region must be a Region or the name of one, not %s" % type(wanted).__name__)
    if wanted not in _regions:
        mistake("InvalidArgument", "region {} is not one of the system's: physmem.regions() has those", wanted.name)
    return wanted


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
    - OCCUPIED, a tuple of ``(name, base, size[, attributes])``: memory that the firmware itself uses, shown by `map`,
      never handed out. The attributes tell `find` what that memory can do.
    - CACHE_LINE, the data cache's line in bytes, if it is not 32.
    - SPIN_LOCK, on chips with two cores: the address of the hardware spin lock that keeps the other core out of SHARED
      regions.
    - RETAINED_RECORDS, ``(base, size)`` of memory that keeps its content over a reset and that start-up code leaves
      alone. It holds the records of retained and mapped frames, 64 bytes each, and two more. With it you can use
      `retain`, and what was retained or mapped before the reset is so again. It is carved out of the regions if it lies
      in one.

    On hosts whose addresses are not known in advance, a base of None takes the memory from the heap. A plan that is not
    true of this board is refused: a region or records in memory that the garbage collector has, SHARED regions without
    SPIN_LOCK on a chip with two cores. A plan that is refused leaves nothing behind.
    """
    global early, _cache_line
    expect_heap("boot()")
    _not_initialized_yet("boot()")
    if board is None:
        import physmem_board as board
    physmem_state.use_spin_lock(getattr(board, "SPIN_LOCK", 0))
    _cache_line = getattr(board, "CACHE_LINE", CACHE_LINE)
    held = len(_held)
    try:
        records = _enter_plan(board)
    except BaseException:
        del _held[held:]
        _cache_line = CACHE_LINE
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
    if not hasattr(board, "REGIONS") or not hasattr(board, "OCCUPIED"):
        wrong_type("board", "a memory plan with REGIONS and OCCUPIED", board)
    for entry in board.REGIONS:
        if len(entry) != _LONGEST_ENTRY:
            raise TypeError("an entry of REGIONS must be (name, base, size, frame size, attributes)")
    blocks = []
    for block in board.OCCUPIED:
        integer(block[1], "base of an entry of OCCUPIED")
        blocks.append(tuple(block[:3]) + (FRAME_SIZE, block[3] if len(block) > 3 else 0))
    records = getattr(board, "RETAINED_RECORDS", None)
    if records:
        _, check_memory, record_size = _retention
        base, size = records
        if base is not None:
            integer(base, "base of RETAINED_RECORDS")
        check_memory(base or 0, size)
        if base is None:
            base = memory_of_the_heap(size, record_size)
        name = unused("records", [block[0] for block in list(board.REGIONS) + blocks])
        blocks.append((name, base, size, record_size))
        records = base, size
    _start(list(board.REGIONS), blocks, True, records and (name, base, base + size))
    for block in blocks:
        found = region_at(block[1]) if block[2] else None
        if found is not None and found.attrs & RESERVED and found not in _occupied:
            found.alloc_at(0, found.frames)
            _occupied.append(found)
    return records


def is_occupied(found):
    """Return whether the Region `found` is memory that the firmware occupies, which `boot` has set aside."""
    return found in _occupied


def memory_of_the_heap(size, alignment):
    """Take `size` bytes from the heap for good and return their address, a multiple of `alignment` bytes."""
    try:
        memory = bytearray(size + alignment)
    except OverflowError:
        exhausted("there are no size = {} bytes of heap", size)
    hold_memory(memory)
    base = addressof(memory)
    return base + -base % alignment


def hold_memory(memory):
    """Keep the bytearray `memory` for good, and allow regions in it."""
    _held.append(memory)


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
    between. Needs heap."""
    expect_heap("early_heap()")
    return tuple(_early_heap)


def regions():
    """Return all regions of the system, by address. Needs heap."""
    expect_heap("regions()")
    return list(_regions)


def each_region():
    """Return the system's own list of its regions, by address: do not change it. Needs no heap."""
    return _regions


def region(name):
    """Return the region with that name; InvalidArgument if there is none."""
    expect_initialized()
    if not isinstance(name, str):
        wrong_type("name", "a str", name)
    for found in _regions:
        if found.name == name:
            return found
    try:
        names = ", ".join([found.name for found in _regions])
    except MemoryError:
        names = ""  # without heap there is no message either
    mistake("InvalidArgument", "there is no region of the name {!r}; there are {}", name, names)


def region_at(addr):
    """Return the region that contains the address `addr`, or None. Needs no heap.

    A region in memory of the heap may lie in an OCCUPIED one; then it is that region.
    """
    innermost = None
    for found in _regions:
        if found.base <= addr < found.end:
            innermost = found
    return innermost


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
        name = unused("unknown.%x" % first, [other.name for other in _regions])
        found = Region(name, first, end - first, frame_size, RESERVED)
        _expect_apart(name, first, end, memory_of_the_collector(found.address))
        enter(_regions + [found])
    else:
        if not found.is_free(found.frame(addr), found.frames - found.frame(addr)):
            mistake("AddressNotFree", "not all frames from {:#x} to {:#x} are free", addr, found.end)
        _expect_apart(found.name, first, end, memory_of_the_collector(found.address))
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

    Each has ``frames, free, used, peak, failed, largest`` in frames and ``total_bytes, free_bytes, used_bytes,
    largest_bytes``. `failed` counts searches of the region that found nothing. Under None, `peak` is the sum of the
    regions' peaks, which may not have occurred at once; `largest_bytes` is the largest free run of any one region, and
    `largest` is that run in frames of its region. Needs heap.
    """
    expect_heap("stats()")
    table = {}
    total = dict.fromkeys(_STATISTICS, 0)
    for found in _regions:
        used, shift = found.used_frames, found.shift
        free = found.frames - used
        largest = found.largest_free()
        values = (found.frames, free, used, found.peak_used, found.failed, found.frames << shift, free << shift)
        values += (used << shift, largest, largest << shift)
        table[found.name] = row = dict(zip(_STATISTICS, values))
        if not found.attrs & RESERVED:
            for key in _STATISTICS[:-2]:
                total[key] += row[key]
            if row["largest_bytes"] > total["largest_bytes"]:
                total["largest"], total["largest_bytes"] = largest, row["largest_bytes"]
    table[None] = total
    return table


def reset_peak():
    """Start a new measurement of the peaks in `stats`: make each region's the number of frames allocated now.

    Needs no heap. NotPermitted in an interrupt handler, unless all regions are SHARED.
    """
    expect_initialized()
    if in_handler():
        for found in _regions:
            if not found.attrs & SHARED:
                not_permitted_in_handler()
    for found in _regions:
        found.reset_peak()


def check():
    """Return what is wrong: a list of sentences, empty if all is well.

    Covers the metadata of all regions, the records of what is retained, and what `debug` looks at. Needs heap.
    """
    expect_heap("check()")
    wrong = []
    for found in _regions:
        wrong.extend(found.check())
    for find in _checks:
        wrong.extend(find())
    return wrong


_owner_of = None  # set by the debug tiers with `tell_owners_with`


def tell_owners_with(function):
    """Have `owner_at` ask ``function(region, first)``; None stops that. The debug tiers attach themselves here."""
    global _owner_of
    _owner_of = function


def owner_at(region, first):
    """Return ``(owner, is a guard)`` of the allocation that starts at the frame `first` of `region`; None if no debug
    tier records it."""
    return None if _owner_of is None else _owner_of(region, first)
