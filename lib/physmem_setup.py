"""Make regions the system's, and take them out again: `init`, `boot`, `add_region`, `remove_region` and what they need.

This module is loaded when one of them is called, and they drop it when they are done. What must stay is in
physmem_system, of which this is a part.
"""

import sys

import physmem_chip
import physmem_collector
import physmem_frames
import physmem_state
import physmem_system
import physmem_upkeep
import physmem_errors as errors
import physmem_region
from micropython import const
from physmem_errors import integer, mistake
from physmem_region import ADDRESS_BITS, RESERVED, Region
from uctypes import addressof

_ADDRESS_LIMIT = 1 << ADDRESS_BITS
_LONGEST_ENTRY = const(5)
_LONGEST_BLOCK = const(4)  # of OCCUPIED; what stands behind it in an entry is ignored
_ROOM = const(2)  # for regions that are added, beside what MicroPython leaves: `by_merit` then stays where it is
_SPARE_OWNERS = const(32)  # after Theseus' arrays of 32


_SELDOM = (
    "physmem_board",
    "physmem_chip",
    "physmem_heap",
    "physmem_plan",
    "physmem_collector",
    "physmem_state",
    "physmem_recover",
    "physmem_upkeep",
    "physmem_setup",
)


def _forget():
    """Drop the modules that are needed only to make regions, which saves heap. On CPython they stay."""
    if sys.implementation.name == "micropython":
        for name in _SELDOM:
            sys.modules.pop(name, None)


def _below_limit(base, size):
    if base < 0 or size < 0 or base + size > _ADDRESS_LIMIT:
        mistake(
            "AddressOutOfRange",
            "{} bytes at {:#x} are not all below 2**{}: give less or another base",
            size,
            base,
            ADDRESS_BITS,
        )


def _range_of(entry):
    """Return the range, as `plan` takes it, of a Region, ``(base, size)`` or ``(name, base, size[, frame_size[,
    attrs]])``."""
    if isinstance(entry, Region):
        _below_limit(entry.base, entry.end - entry.base)
        return [entry.base, entry.end, entry.frame_size, entry.attrs, entry.name, entry]
    if not isinstance(entry, (tuple, list)) or not 2 <= len(entry) <= _LONGEST_ENTRY:
        errors.wrong_type("a region", "a Region, (base, size) or (name, base, size[, frame_size[, attrs]])", entry)
    if len(entry) == 2:
        entry = (None,) + tuple(entry)
    if len(entry) < _LONGEST_ENTRY:
        entry = tuple(entry) + (physmem_region.FRAME_SIZE, 0)[len(entry) - 3 :]
    name, base, size, frame_size, attrs = entry
    attrs = physmem_region.attributes(attrs, "attrs")
    if name is not None and not isinstance(name, str):
        raise TypeError("the name of a region must be a str, not %s" % type(name).__name__)
    if base is not None:
        integer(base, "base")
    integer(size, "size")
    physmem_upkeep.check_frame_size(integer(frame_size, "frame_size"))
    physmem_upkeep.check_cache_line(name, frame_size, attrs, physmem_system._cache_line)
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
    if physmem_system._initialized:
        count = len(physmem_system._regions) + len(physmem_system._blocks)
        mistake(
            "NotPermitted", "there are {} regions already, and {} is for once: call add_region() for more", count, call
        )


def init(free, reserved, _by_name, spin_lock, owners=_SPARE_OWNERS):
    """Do what `physmem.init` does, with so many spare `owners`."""
    if _by_name is not ...:
        errors.given_by_position()
    errors.expect_heap("init()")
    _not_initialized_yet("init()")
    if integer(spin_lock, "spin_lock") < 0 or spin_lock & 3:
        mistake("UnalignedAddress", "spin_lock {:#x} is not the address of a register: give a multiple of 4", spin_lock)
    before, held = physmem_state.spin_lock(), physmem_system._held
    try:
        if spin_lock:
            physmem_state.use_spin_lock(spin_lock)
        _start(_entries(free, "free"), _entries(reserved, "reserved"), owners)
    except BaseException:
        physmem_system._held = held
        if spin_lock:
            physmem_state.use_spin_lock(before)
        raise
    _forget()


def _entries(given, name):
    """Return what `init` was given as `name` as a list."""
    if isinstance(given, (str, bytes)):
        errors.wrong_type(name, "a list of regions", given)
    try:
        return list(given)
    except TypeError:
        errors.wrong_type(name, "a list of regions", given)


def _start(free, reserved, owners, occupied=None, records=None):
    """Make the system's regions of these entries, and so many spare `owners`.

    If `occupied` is a tuple, the reserved ones become regions later. They may lie in memory that is in use, except for
    `records`: name, base and end of the memory for records. `occupied` is the first of them as the memory plan has
    them.
    """
    ranges = _ranges_of(free, 0), _ranges_of(reserved, len(free))
    given = [name for part in ranges[0] + ranges[1] for name in part[7]]
    is_planned = _is_planned(ranges[0] + ranges[1])
    pieces, holes = ranges if is_planned else _plan(ranges)
    for hole in holes:
        hole[3] |= RESERVED
    parts = _named(pieces + holes, given)
    blocks = [] if occupied is None else parts[len(pieces) :]
    for block in blocks:
        if block[4] & physmem_region.SHARED:
            _region_of(block)  # which refuses it if the chip has two cores and no spin lock
    found = [_region_of(part) for part in parts if part not in blocks]
    for entry in free + reserved:
        if isinstance(entry, Region) and entry.used_frames and entry not in found:
            text = "{} frames of {} are in use, so it cannot be carved or merged: free them first"
            mistake("NotPermitted", text, entry.used_frames, entry.name)
    collected = _memory_in_use(found[0]) if found else ()
    if records:
        _expect_apart(records[0], records[1], records[2], collected)
    for made in found:
        _expect_apart(made.name, made.base, made.end, collected)
    physmem_frames.make_spares(owners)
    if not records:
        mapped = errors.load("physmem_mapped", "a system without records")
        mapped.keep(physmem_frames.lock_address())
        physmem_frames.keep_records(mapped)
    enter(found)
    kept = ()
    if occupied and is_planned and max([len(block) for block in occupied]) <= _LONGEST_BLOCK:
        kept = occupied
    physmem_system._blocks = kept + tuple([block[:6] for block in blocks[len(kept) :]])
    physmem_system._initialized = True
    for entry in free + reserved:
        if isinstance(entry, Region) and entry not in found:
            physmem_upkeep.empty_region(entry)


def _plan(ranges):
    return errors.load("physmem_plan", "a memory plan").plan(ranges[0], ranges[1], mistake)


def _is_planned(ranges):
    """Return whether `plan` would change nothing, so that its module need not be loaded: all ranges are whole frames,
    have different names, and do not overlap. The memory plans of boards are like that."""
    names = []
    end = -1
    for base, stop, frame_size, _, name, _, _, _ in sorted(ranges, key=lambda part: part[0]):
        if base < end or stop <= base or (base | stop) & (frame_size - 1) or name is None or name in names:
            return False
        names.append(name)
        end = stop
    return True


def _named(ranges, given):
    """Return ``(name, base, size, frame size, attributes, whole, region)`` for each range of `plan`. `region` is the
    caller's own if it is whole, otherwise None; `whole` is the name of what it was carved from.

    The first piece of an entry has the name it was given; the others get names that are not among those `given`.
    """
    parts = []
    names = []
    for base, end, frame_size, attrs, whole, region, _, _ in ranges:
        name = whole
        if region is not None and (region.name, region.base, region.end, region.attrs) != (whole, base, end, attrs):
            region = None
        if region is None:
            if whole is None:
                whole = name = unused(("reserved.%x" if attrs & RESERVED else "memory.%x") % base, given + names)
            elif name in names:
                name = unused(name, given + names)
        parts.append((name, base, end - base, frame_size, attrs, whole, region))
        names.append(name)
    return parts


def unused(name, names):
    """Return `name`, or the first of ``name.1``, ``name.2`` and so on that is not in `names`."""
    chosen = name
    number = 0
    while chosen in names:
        number += 1
        chosen = "%s.%d" % (name, number)
    return chosen


def _region_of(part):
    """Return the Region of a part that `_named` has made."""
    name, base, size, frame_size, attrs, whole = part[:6]
    if len(part) > 6 and part[6] is not None:
        return part[6]
    region = Region(name, base, size, frame_size, attrs)
    if whole != name:
        region.whole = whole
        physmem_system._are_carved = True
    return region


def make_occupied():
    """Make regions of the memory that the firmware occupies, all of it in use."""
    _occupy()
    _forget()


def _occupy():
    made = []
    for block in physmem_system._blocks:
        if len(block) <= _LONGEST_BLOCK:
            name, base, size, frame_size, attrs = _entry_of(block)
            block = name, base, size, frame_size, physmem_region.attributes(attrs, "attrs") | RESERVED, name
        made.append(_region_of(block))
    enter(list(physmem_system._regions) + made)
    for found in made:
        found.alloc_at(0, found.frames)
    physmem_system._occupied += tuple(made)
    physmem_system._blocks = ()


def _is_held(base, end):
    """Return whether physmem holds the memory from `base` to `end`, having taken it from the heap."""
    for memory in physmem_system._held:
        start = addressof(memory)
        if start <= base and end <= start + len(memory):
            return True
    return False


def _memory_in_use(found):
    """Return the memory that the collector and the firmware are known to have: a list of ``(start, end, what)``. The
    Region `found` is in the heap."""
    collected = physmem_collector.memory_of_the_collector(found.address)
    of_the_firmware = physmem_chip.memory_of_the_firmware()
    return [(start, end, "the garbage collector's memory") for start, end in collected] + of_the_firmware


def _expect_apart(name, base, end, used_memory):
    """Refuse a region in the memory `used_memory`, unless physmem holds it."""
    if _is_held(base, end):
        return
    for start, stop, what in used_memory:
        if base < stop and start < end:
            place = "%s, %#x..%#x" % (what, start, stop)
            text = "{} at {:#x} lies in {}: give other memory, less heap or a base of None for memory of the heap"
            mistake("AddressNotFree", text, name, base, place)


def enter(found):
    """Make `found` the system's regions.

    A handler may be reading `by_merit`. It then finds every region that stays: some of them twice, but none is missed.
    """
    by_merit = physmem_system.by_merit
    merits = [region for region in found if not region.attrs & RESERVED]
    merits.sort(key=physmem_upkeep.merit)
    by_address = tuple(sorted(found, key=lambda region: region.base))
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
    physmem_system._regions = by_address


def add_region(name, base, size, frame_size, attrs):
    """Do what `physmem.add_region` does."""
    errors.expect_heap("add_region()")
    physmem_system.expect_initialized()
    _all_regions()
    held = physmem_system._held
    try:
        if isinstance(name, Region):
            found = name
            if base is not None or size is not None:
                raise TypeError("add_region() takes a Region alone: omit base and size, or give a name")
            _below_limit(found.base, found.end - found.base)
        else:
            if not isinstance(name, str):
                raise TypeError("name must be a str or a Region, not %s" % type(name).__name__)
            integer(size, "size")
            physmem_upkeep.check_frame_size(integer(frame_size, "frame_size"))
            if base is None:
                _expect_whole(size, frame_size)
            base, _, frame_size, attrs, _, _ = _range_of((name, base, size, frame_size, attrs))
            found = Region(name, base, size, frame_size, attrs, physmem_system._cache_line)
        _expect_room(found)
        _expect_apart(found.name, found.base, found.end, _memory_in_use(found))
        was_removed = physmem_upkeep.is_emptied(found)
        if was_removed:
            physmem_upkeep.refill_region(found)
        try:
            enter(list(physmem_system._regions) + [found])
        except BaseException:
            if was_removed:
                physmem_upkeep.empty_region(found)
            raise
    except BaseException:
        physmem_system._held = held
        raise
    _forget()
    return found


def _expect_whole(size, frame_size):
    """Refuse a size that `Region` would refuse, before memory is taken for it."""
    if size <= 0 or size % frame_size:
        text = "size {:#x} is not a positive multiple of {}, the frame size: give one"
        mistake("UnalignedAddress" if size else "ZeroAllocation", text, size, frame_size)


def _expect_room(found):
    """Refuse a region whose name or memory another has. Memory of the heap may lie in what the firmware occupies."""
    held = _is_held(found.base, found.end)
    for other in physmem_system._regions:
        if other.name == found.name:
            text = "there is a region {} already, at {:#x}: give another name"
            mistake("InvalidArgument", text, other.name, other.base)
        if other.base < found.end and found.base < other.end and not (held and other in physmem_system._occupied):
            text = "{} at {:#x} overlaps {} at {:#x}: give other memory or remove that one"
            mistake("AddressNotFree", text, found.name, found.base, other.name, other.base)


def _all_regions():
    """Return the system's regions with those of the memory that the firmware occupies."""
    if physmem_system._blocks:
        _occupy()
    return physmem_system._regions


def remove_region(region):
    """Do what `physmem.remove_region` does."""
    errors.expect_heap("remove_region()")
    physmem_system.expect_initialized()
    _remove(_one_of_the_system(region))
    _forget()


def _remove(found):
    name = found.name
    if found in physmem_system._occupied:
        mistake(
            "NotPermitted", "{} cannot be removed, as the firmware occupies its memory: remove another region", name
        )
    if physmem_upkeep.is_watched(found):
        text = "{} cannot be removed while it is watched: call on_low({!r}, 0, None) and debug() first"
        mistake("NotPermitted", text, name, name)
    left = list(physmem_system._regions)
    left.remove(found)
    if found.alloc_at(0, found.frames) != 0:
        text = "{} cannot be removed while {} of its {} frames are in use: free them first"
        mistake("NotPermitted", text, name, found.used_frames, found.frames)
    try:
        enter(left)
    except BaseException:
        found.free(0)
        raise
    physmem_upkeep.empty_region(found)


def _one_of_the_system(wanted):
    """Return the region of the system that is `wanted` or has that name."""
    if isinstance(wanted, str):
        return physmem_system.region(wanted)
    if not isinstance(wanted, Region):
        raise TypeError("region must be a Region or the name of one, not %s" % type(wanted).__name__)
    if wanted not in _all_regions():
        mistake("InvalidArgument", "region {} is not one of the system's: physmem.regions() has those", wanted.name)
    return wanted


def boot(board):
    """Do what `physmem.boot` does, except for locking the heap."""
    _not_initialized_yet("boot()")
    if board is None:
        try:
            import physmem_board as board
        except ImportError as error:
            errors.load("physmem_install", "boot()").no_plan(error)
    owners = integer(getattr(board, "SPARE_OWNERS", _SPARE_OWNERS), "SPARE_OWNERS")
    if owners < 1:
        mistake("InvalidArgument", "SPARE_OWNERS = {} in the memory plan: give at least 1", owners)
    before = physmem_region.ATTRIBUTES
    names = physmem_upkeep.attributes_of_board(getattr(board, "BUS_MASTERS", ()))
    physmem_state.use_spin_lock(getattr(board, "SPIN_LOCK", 0))
    physmem_system._cache_line = getattr(board, "CACHE_LINE", physmem_region.CACHE_LINE)
    physmem_upkeep.use_attributes(names)
    held = physmem_system._held
    may_leave = "physmem_records" not in sys.modules  # otherwise somebody uses it already
    try:
        records = _enter_plan(board, owners)
    except BaseException:
        physmem_system._held = held
        physmem_system._cache_line = physmem_region.CACHE_LINE
        physmem_state.use_spin_lock(0)
        physmem_upkeep.use_attributes(before)
        raise
    if records:
        _recovery().attach(records[0], records[1], may_leave)
    physmem_system._bytes_in_use = physmem_collector.bytes_in_use
    _forget()


def _recovery():
    return errors.load("physmem_recover", "boot()")


def _enter_plan(board, owners):
    """Make the regions of the memory plan; return ``(base, size)`` of the memory for records, or None."""
    if not hasattr(board, "REGIONS") or not hasattr(board, "OCCUPIED"):
        errors.wrong_type("board", "a memory plan with REGIONS and OCCUPIED", board)
    for entry in board.REGIONS:
        if len(entry) != _LONGEST_ENTRY:
            raise TypeError("an entry of REGIONS must be (name, base, size, frame size, attributes), not %r" % (entry,))
    blocks = []
    for block in board.OCCUPIED:
        integer(block[1], "base of an entry of OCCUPIED")
        blocks.append(_entry_of(block))
    records = getattr(board, "RETAINED_RECORDS", None)
    if records:
        recovery = _recovery()
        base, size = records
        if base is not None:
            integer(base, "base of RETAINED_RECORDS")
        recovery.check_memory(base or 0, size)
        if base is None:
            base = memory_of_the_heap(size, recovery.RECORD_SIZE)
        name = unused("records", [block[0] for block in list(board.REGIONS) + blocks])
        blocks.append((name, base, size, recovery.RECORD_SIZE))
        records = base, size
    records_of = records and (name, base, base + size)
    _start(list(board.REGIONS), blocks, owners, tuple(board.OCCUPIED), records_of)
    return records


def _entry_of(block):
    """Return what a memory plan has in OCCUPIED as an entry of `init`."""
    return tuple(block[:3]) + (physmem_region.FRAME_SIZE, block[3] if len(block) > 3 else 0)


def memory_of_the_heap(size, alignment):
    """Take `size` bytes from the heap for good and return their address, a multiple of `alignment` bytes."""
    try:
        memory = bytearray(size + alignment)
    except OverflowError:
        errors.exhausted("there are no size = {} bytes of heap: ask for less", size)
    physmem_system._held += (memory,)
    base = addressof(memory)
    return base + -base % alignment


def reserved_region(found, addr, n, nbytes):
    """Return a reserved region that ends with the frames asked for at `addr`: `found`, extended, or else a new one."""
    frame_size = physmem_region.FRAME_SIZE if found is None else found.frame_size
    first = addr & -frame_size
    end = first + n * frame_size if nbytes is None else addr + nbytes + (-(addr + nbytes) % frame_size)
    if end > _ADDRESS_LIMIT:
        mistake(
            "AddressOutOfRange",
            "the frames from {:#x} on run past the last address, 2**{}: ask for fewer",
            addr,
            ADDRESS_BITS,
        )
    for other in _all_regions():
        if other is not found and other.base < end and first < other.end:
            mistake(
                "AddressNotFree",
                "the frames at {:#x}..{:#x} run into {} at {:#x}: ask for fewer",
                first,
                end,
                other.name,
                other.base,
            )
    if found is None:
        name = unused("unknown.%x" % first, [other.name for other in physmem_system._regions])
        found = Region(name, first, end - first, frame_size, RESERVED)
        _expect_apart(name, first, end, _memory_in_use(found))
        enter(list(physmem_system._regions) + [found])
    else:
        if not found.is_free(found.frame(addr), found.frames - found.frame(addr)):
            mistake("AddressNotFree", "not all frames from {:#x} to {:#x} are free: free them first", addr, found.end)
        _expect_apart(found.name, first, end, _memory_in_use(found))
        physmem_upkeep.extend_region(found, end)
    _forget()
    return found
