"""Physical memory frames for MicroPython: contiguous, aligned, at an address, in a named kind of memory.

    import physmem
    ring = physmem.dma_ring(4096)                                    # aligned to its size, reachable by DMA
    pixels = physmem.allocate_frames_by_bytes(320 * 240 * 2, require=physmem.EXTERNAL)
    pixels.view[0:4] = b"\\x00\\xf8\\x00\\xf8"                            # the garbage collector does not scan this
    with physmem.allocate_frames(3) as frames:                       # given back at the end of the block
        print(frames.region.name, hex(frames.addr), frames.nbytes)

Frames are counted in frames, addresses and sizes of memory in bytes; each name says which. Exhaustion raises
MemoryError, a mistake of the caller's PhysMemError; neither changes any state. The raw calls of `Region` raise neither:
they answer negative codes, need no heap and may be used in a hard interrupt handler, if the region is SHARED.

Sources: Theseus' frame_allocator (ranges, regions, states, deferred bookkeeping, an early phase) and RuVix'
physical memory allocator (orders, statistics, error names; see physmem_buddy).
"""

import gc
import sys

import micropython
import physmem_engine as _engine
from micropython import const
from physmem_engine import (  # what the raw calls answer
    ADDRESS_NOT_FREE,
    ADDRESS_OUT_OF_RANGE,
    ALLOCATION_TOO_LARGE,
    NOT_ALLOCATED,
    OUT_OF_MEMORY,
    UNALIGNED_ADDRESS,
    ZERO_ALLOCATION,
)
from physmem_errors import PhysMemError, code_name, exhausted, integer, mistake, power_of_two
from physmem_frames import (
    ALLOCATED,
    FREED,
    MAPPED,
    MOVED,
    UNMAPPED,
    AllocatedFrame,
    AllocatedFrames,
    DeferredAllocAction,
    fill_spares,
    new_owner,
    take_spare,
)
from physmem_region import (
    ATTRIBUTES,
    CACHE_LINE,
    CACHED,
    DMA,
    EXTERNAL,
    FAST,
    RESERVED,
    RETAINED,
    SHARED,
    Region,
    check_cache_line,
)
from uctypes import addressof

_MERITS = (DMA, FAST, RETAINED, SHARED)
_FRAME_SIZE = const(4096)
_SMALLEST_FRAME = const(32)
ADDRESS_BITS = 32 if sys.maxsize < 1 << 32 else 52
_ADDRESS_LIMIT = 1 << ADDRESS_BITS
_NO_ATTRIBUTE = -(RESERVED << 1)  # the bits that no attribute has
_PLAIN = const(1 << 29)  # addresses and sizes below it, and alignments, are small integers that the raw calls take

# What a chooser of `inspect_then_allocate` answers to end the inspection; None asks for the next run.
STOP = False

# The rarely used parts: name, and the module that has it until it is loaded, then itself. Loading adds no name to any
# table: MicroPython moves all names of a table that grows, and a handler would not find those of this module meanwhile.
_LAZY = {
    "BuddyAllocator": "physmem_buddy",
    "PageFrame": "physmem_pages",
    "PageOrder": "physmem_pages",
    "PhysAddr": "physmem_pages",
    "AllocatorStats": "physmem_buddy",
    "OrderStats": "physmem_buddy",
    "KernelError": "physmem_buddy",
    "PAGE_SIZE": "physmem_pages",
    "PAGE_SHIFT": "physmem_pages",
    "MIN_ORDER": "physmem_pages",
    "MAX_ORDER": "physmem_pages",
    "MAX_BLOCK_PAGES": "physmem_pages",
    "MAX_BLOCK_SIZE": "physmem_pages",
    "pages_to_order": "physmem_pages",
    "order_to_pages": "physmem_pages",
    "order_to_bytes": "physmem_pages",
    "is_page_aligned": "physmem_pages",
    "align_down": "physmem_pages",
    "align_up": "physmem_pages",
    "FrameRange": "physmem_range",
    "PhysicalMemoryRegion": "physmem_range",
    "MemoryRegionType": "physmem_range",
    "map": "physmem_map",
    "dump": "physmem_map",
    "retain": "physmem_retained",
    "release": "physmem_retained",
    "retained": "physmem_retained",
    "quarantined": "physmem_retained",
    "dropped": "physmem_retained",
    "mark": "physmem_debug",
    "leaks": "physmem_debug",
    "debug": "physmem_debug",
    "on_low": "physmem_watch",
}


def __getattr__(name):
    """Load the rarely used parts when they are first named. Needs heap: NotPermitted if it is locked."""
    if name not in _LAZY:
        raise AttributeError("module 'physmem' has no attribute '%s'" % name)
    value = _LAZY[name]
    if isinstance(value, str):
        try:
            bytearray(1)  # an import that meets the locked heap leaves a module that MicroPython crashes on later
        except MemoryError:
            mistake("NotPermitted", "{} must be loaded, which needs heap: boot_complete() first", name)
        value = _LAZY[name] = getattr(__import__(value), name)
    return value


# The system: its regions by address, and in the order in which requests try them.
_regions = []
_by_merit = []
_initialized = False
booted = False

_checks = []  # functions of the rarely used parts, each returning sentences for `check`
_early = False  # the heap is locked by boot()
_early_heap = [0, 0]
_backing = []  # on hosts without memory at known addresses, what stands for it


def _below_limit(base, size):
    if base < 0 or size < 0 or base + size > _ADDRESS_LIMIT:
        mistake("AddressOutOfRange", "{} bytes at {:#x} are not all below 2**{}", size, base, ADDRESS_BITS)


def _range_of(entry, frame_size):
    """The range that `plan` takes, of a Region, ``(base, size)`` or ``(name, base, size[, frame_size[, attrs]])``."""
    if isinstance(entry, Region):
        _below_limit(entry.base, entry.end - entry.base)
        return [entry.base, entry.end, entry.frame_size, entry.attrs, entry.name, entry]
    if not isinstance(entry, (tuple, list)) or not 2 <= len(entry) <= 5:
        raise TypeError("a region is a Region, (base, size) or (name, base, size[, frame_size[, attrs]])")
    name = entry[0] if len(entry) > 2 else None
    base, size = entry[:2] if len(entry) == 2 else entry[1:3]
    if len(entry) > 3:
        frame_size = entry[3]
    attrs = entry[4] if len(entry) > 4 else 0
    if isinstance(attrs, str):
        names, attrs = attrs.split(), 0
        for attribute in names:
            if attribute not in ATTRIBUTES:
                mistake("InvalidArgument", "{} is no attribute of a region", attribute)
            attrs |= 1 << ATTRIBUTES.index(attribute)
    if name is not None and not isinstance(name, str):
        raise TypeError("the name of a region must be a str")
    for value in (base, size, frame_size, attrs):
        integer(value, "base, size, frame_size and attrs")
    if frame_size < _SMALLEST_FRAME or not power_of_two(frame_size):
        mistake("InvalidArgument", "frame_size {} is not a power of two from 32", frame_size)
    _below_limit(base, size)
    return [base, base + size, frame_size, attrs, name, None]


def init(free, reserved=()):
    """Make the regions of `free` the system's, without what `reserved` carves out of them. Once; a second call is
    NotPermitted. Either all is done or nothing.

    Each entry is a Region, ``(base, size)`` or ``(name, base, size[, frame_size[, attrs]])``, sizes in bytes, in any
    order and number; empty ones are dropped. Free ones that overlap are merged if they are of the same frame size and
    attributes and are an InvalidArgument if not; so are ones that touch, if they have no names. Reserved ones that
    overlap are merged; they become regions of their own, handed out only by `allocate_frames_at`. The pieces of what is
    carved, and ranges of the same name, are named ``sram``, ``sram.1``, ``sram.2`` by address; two Regions of one name
    are an InvalidArgument. A Region that is carved or merged has nothing left of its own; if it has frames in use, that
    is NotPermitted.

    Theseus panics on unsorted, overlapping and empty ranges and on more than 32.
    """
    global _initialized, _regions, _by_merit
    if _initialized:
        mistake("NotPermitted", "the system has its {} regions already: init() is for once", len(_regions))
    from physmem_plan import plan

    free = list(free)
    reserved = list(reserved)
    pieces, holes = plan(
        [_range_of(entry, _FRAME_SIZE) for entry in free],
        [_range_of(entry, _FRAME_SIZE) for entry in reserved],
        mistake,
    )
    for hole in holes:
        hole[3] |= RESERVED
    found = []
    names = []
    for base, end, frame_size, attrs, whole, region in pieces + holes:
        whole = whole or ("reserved.%x" if attrs & RESERVED else "memory.%x") % base
        name = whole
        if region is None or (region.base, region.end, region.attrs) != (base, end, attrs):
            while name in names:
                name = "%s.%d" % (whole, len([region for region in found if region.whole == whole]))
            region = Region(name, base, end - base, frame_size, attrs)
            region.whole = whole
        if name in names:
            mistake("InvalidArgument", "two regions are named {}", name)
        found.append(region)
        names.append(name)
    for entry in free + reserved:
        if isinstance(entry, Region) and entry.used_frames and entry not in found:
            mistake("NotPermitted", "{} frames of {} are in use: it cannot be carved", entry.used_frames, entry.name)
    fill_spares()
    _enter(found)
    _initialized = True
    for entry in free + reserved:
        if isinstance(entry, Region) and entry not in found:
            _engine.empty(entry._state)


def _enter(found):
    """Make `found` the system's regions."""
    global _regions, _by_merit
    by_merit = [region for region in found if not region.attrs & RESERVED]
    by_merit.sort(
        key=lambda region: (
            sum([bool(region.attrs & merit) for merit in _MERITS]),
            region.end - region.base,
            region.base,
        )
    )
    _regions = sorted(found, key=lambda region: region.base)
    _by_merit = by_merit


def boot(board=None):
    """Begin the early phase: make the regions that the memory map `board` names (by default the module
    ``physmem_board``), and all pools; then lock the heap. From here until `boot_complete` nothing is allocated on it:
    raw calls go without limit, owners come from a pool of 32.

    The map has REGIONS, a tuple of ``(name, base, size, frame size, attributes)``, and OCCUPIED, a tuple of
    ``(name, base, size)``: memory that the firmware itself uses, shown in the map, never handed out. A base of None
    takes memory from the heap to stand for the region's, on hosts whose own addresses cannot be known. CACHE_LINE is
    the data cache's line in bytes, if it is not 32. SPIN_LOCK is the address of the hardware spin lock that keeps the
    other core out of SHARED regions, on chips with two; the engine takes it from the module ``physmem_board``.
    RETAINED_RECORDS is ``(base, size)`` of memory that keeps its content over a reset and that start-up code leaves
    alone, for the records of what else does, 64 bytes each and two more: with it there is `retain`, and what was
    retained or mapped before the reset is so again. It is carved out of the regions if it lies in one. A map that is
    refused leaves nothing behind.
    """
    global _early
    if _initialized:
        mistake("NotPermitted", "the system has its {} regions already: boot() is for once", len(_regions))
    if board is None:
        import physmem_board as board
    entries = []
    for name, base, size, frame_size, attrs in board.REGIONS:
        if base is None:
            base = _memory_of_the_heap(size, frame_size)
        entry = (name, base, size, frame_size, attrs)
        check_cache_line(name, frame_size, _range_of(entry, frame_size)[3], getattr(board, "CACHE_LINE", CACHE_LINE))
        entries.append(entry)
    occupied_blocks = list(board.OCCUPIED)
    records = getattr(board, "RETAINED_RECORDS", None)
    if records:
        import physmem_retained

        base, size = records
        physmem_retained.check_memory(base or 0, size)
        if base is None:
            base = _memory_of_the_heap(size, physmem_retained.RECORD_SIZE)
        occupied_blocks.append(("records", base, size, physmem_retained.RECORD_SIZE))
    init(entries, occupied_blocks)
    for occupied in occupied_blocks:
        found = _find(occupied[1]) if occupied[2] else None
        if found is not None and found.attrs & RESERVED and found.free_frames == found.frames:
            found.alloc_at(0, found.frames)
    if records:
        physmem_retained.attach(base, size)
        for name in _LAZY:
            if _LAZY[name] == "physmem_retained":
                __getattr__(name)  # which takes heap the first time
    gc.collect()
    _early = True
    micropython.heap_lock()
    _early_heap[0] = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def _memory_of_the_heap(size, alignment):
    """Address of `size` bytes that nobody else has, a multiple of `alignment`."""
    memory = bytearray(size + alignment)
    _backing.append(memory)
    base = addressof(memory)
    return base + -base % alignment


def boot_complete():
    """End the early phase: the heap may be used. Does nothing when there is no early phase to end."""
    global booted, _early
    if not booted:
        if not _initialized:
            mistake("NotInitialized", "boot() or init() comes first")
        _early_heap[1] = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
        booted = True
        if _early:
            _early = False
            micropython.heap_unlock()
        fill_spares()


def early_heap():
    """Bytes of heap in use at the begin and at the end of the early phase: the same, as nothing allocates in it."""
    return tuple(_early_heap)


def regions():
    """All regions of the system, by address."""
    return list(_regions)


def region(name):
    """The region of that name."""
    if not _initialized:
        mistake("NotInitialized", "boot() or init() comes first")
    for found in _regions:
        if found.name == name:
            return found
    names = ", ".join([found.name for found in _regions])
    mistake("InvalidArgument", "there is no region {}; there are {}", name, names)


def _find(addr):
    """The region that contains the address, or None."""
    for found in _regions:
        if found.base <= addr < found.end:
            return found
    return None


def _suits(candidate, only):
    """Whether a candidate is the Region `only`, or of that name or carved of what had that name."""
    return only is None or candidate is only or candidate.name == only or candidate.whole == only


@micropython.native
def _allocate(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, relief=True):
    """Allocate `n` frames, or enough for `nbytes` if `n` is None, and return ``own(region, first, count, owner)``. With
    `relief` the hook of `on_exhausted` may free something before that fails.

    Tries the regions in the order of their merits, so that what could live anywhere does not take the memory that only
    some have; those with all that is preferred first.
    """
    size = nbytes if n is None else n
    attrs = require | prefer | forbid
    try:
        # One expression for a request that is plainly good; all others are looked at one by one.
        plain = size > 0 <= align | boundary | low | attrs | size < _PLAIN and high is region is None
        plain = plain and not (align & (align - 1) | boundary & (boundary - 1) | (require | prefer) & forbid)
    except TypeError:
        plain = False
    if not (plain and _initialized and attrs < RESERVED << 1):
        _check_request(size, n is None, align, boundary, low, high, require, prefer, forbid, region)
    anywhere = plain and not boundary | low
    suitable = False
    tried = False
    wanted = require | prefer
    passed = 0
    while True:
        for candidate in _by_merit:
            attrs = candidate.attrs
            if attrs & (wanted | forbid) != wanted or (passed and attrs & passed == passed):
                continue
            if region is not None and not _suits(candidate, region):
                continue
            suitable = True
            count = (nbytes + candidate.frame_size - 1) >> candidate.shift if n is None else n
            if boundary and boundary < count << candidate.shift:
                continue
            tried = True
            if not anywhere:
                if count > candidate.frames:
                    continue
                frame = candidate.allocate_within(count, align, boundary, low, high)
            elif align <= candidate.frame_size:
                frame = candidate.alloc(count)
            else:
                frame = candidate.alloc_aligned(count, align >> candidate.shift)
            if frame >= 0:
                return own(candidate, frame, count, owner)
        if wanted == require:
            break
        # Those that were passed over, for they have not all that is preferred.
        wanted, passed = require, prefer
    if not suitable:
        mistake(
            "InvalidArgument",
            "no region suits: require {:#x}, forbid {:#x}, region {}; see physmem.map()",
            require,
            forbid,
            region if region is None or isinstance(region, str) else region.name,
        )
    if not tried:
        mistake("SizeMismatch", "{} frames or bytes do not fit within a boundary of {} bytes", size, boundary)
    if relief:
        return _relieve(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner)
    _exhausted(n, nbytes)


def _check_request(size, in_bytes, align, boundary, low, high, require, prefer, forbid, region):
    """Say what is wrong with a request, if anything is."""
    if not _initialized:
        mistake("NotInitialized", "boot() or init() comes first")
    integer(size, "the number of bytes" if in_bytes else "the number of frames")
    integer(align, "align")
    integer(boundary, "boundary")
    integer(low, "low")
    if high is not None:
        integer(high, "high")
    if size == 0:
        mistake("ZeroAllocation", "cannot allocate zero frames")
    if size < 0:
        mistake("InvalidArgument", "cannot allocate {} frames or bytes", size)
    if align and not power_of_two(align):
        mistake("UnalignedAddress", "align {} is not a power of two (in bytes)", align)
    if boundary and not power_of_two(boundary):
        mistake("UnalignedAddress", "boundary {} is not a power of two (in bytes)", boundary)
    if low < 0 or (high is not None and high <= low):
        mistake("AddressOutOfRange", "there is no address from low {} to high {}", low, high)
    if (require | prefer | forbid) & _NO_ATTRIBUTE:
        mistake("InvalidArgument", "attributes {:#x} do not exist", (require | prefer | forbid) & _NO_ATTRIBUTE)
    if (require | prefer) & forbid:
        mistake("InvalidArgument", "attributes {:#x} are asked for and forbidden", (require | prefer) & forbid)
    if region is not None and not isinstance(region, str) and not isinstance(region, Region):
        raise TypeError("region must be a Region or the name of one")


def _exhausted(n, nbytes):
    size, unit = (nbytes, "bytes") if n is None else (n, "frames")
    exhausted(
        "no {} contiguous {} free in any region that suits; {} frames are free in all", size, unit, _free_in_all()
    )


def _collect(n, nbytes):
    """What `on_exhausted` begins with: the collector runs, and with it whatever frees frames when it is collected."""
    free = _free_in_all()
    gc.collect()
    return _free_in_all() > free


_on_exhausted = _collect
_is_relieving = False  # the hook is being called


def on_exhausted(hook):
    """Have ``hook(n, nbytes)`` called when an allocation of `n` frames or of `nbytes` bytes (the other is None) would
    raise MemoryError. It frees what can be done without, and answers True to have the request tried again. If that
    fails, and more frames are free than before, it is called again. None: nothing is called. Returns the hook there was
    before; the first is one that runs the garbage collector.

    Not called for raw calls, for deferred allocations, in an interrupt handler, in the early phase, and for what the
    hook itself allocates. What the hook raises goes to the caller, whose request then has changed nothing. Each search
    that finds nothing counts in `failed`, before and after the hook. On a chip with two cores it is called on the core
    that asked; meanwhile it is not called for the other. MicroPython's collector must not run while the other core runs
    a program (docs/two_cores.md): such a program gives a hook of its own, or None.
    """
    global _on_exhausted
    if hook is not None and not callable(hook):
        raise TypeError("hook must be callable or None")
    before = _on_exhausted
    _on_exhausted = hook
    return before


def _relieve(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner):
    """Ask the hook to free something and try the request again, as long as it does."""
    global _is_relieving
    while own is _own and _on_exhausted is not None and not (_early or _is_relieving or _engine.in_handler()):
        free = _free_in_all()
        _is_relieving = True
        try:
            again = _on_exhausted(n, nbytes)
        finally:
            _is_relieving = False
        if not again:
            break
        try:
            return _allocate(
                own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, relief=False
            )
        except MemoryError:
            if _free_in_all() <= free:
                break
    _exhausted(n, nbytes)


def _free_in_all():
    free = 0
    for found in _by_merit:
        free += found.free_frames
    return free


@micropython.native
def allocate_frames(
    n, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """Allocate `n` contiguous frames; returns AllocatedFrames. MemoryError if there are none.

    The constraints, all in bytes of address: the address is a multiple of `align`; the frames cross no multiple of
    `boundary`; they lie from `low` to before `high`. The region has the attributes `require`, if possible `prefer`, and
    none of `forbid`; and it is `region`, a Region or a name, if that is given. `owner` is kept with the frames. Source:
    Theseus' allocate_frames; FreeBSD's vm_page_alloc_contig for the constraints.
    """
    special = True
    frame = -1
    try:
        special = align | boundary | low | require | prefer | forbid or not high is region is owner is None
        if not special:
            for found in _by_merit:
                frame = found.alloc(n)
                if frame >= 0:
                    frames = AllocatedFrames()
                    frames.region = found
                    frames._first_and_state = frame << 4
                    if n != 1:
                        frames.count = n
                    return frames
    except TypeError:
        pass  # said more clearly below
    except MemoryError:
        if frame >= 0:
            return _own(found, frame, n, None)
    if special or not _by_merit:
        return _allocate(_own, n, None, align, boundary, low, high, require, prefer, forbid, region, owner)
    _check_request(n, False, 0, 0, 0, None, 0, 0, 0, None)
    return _relieve(_own, n, None, 0, 0, 0, None, 0, 0, 0, None, None)


@micropython.native
def allocate_frames_by_bytes(
    nbytes, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """Allocate as many contiguous frames as hold `nbytes` bytes; the rest as `allocate_frames`."""
    return _allocate(_own, None, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner)


def _own(found, first, count, owner):
    """Make an owner of the frames just allocated, or give them back when there is no room for one."""
    try:
        return new_owner(found, first, count, owner)
    except MemoryError:
        found.free(first)
        raise


def _own_deferred(found, first, count, owner):
    """Make an owner with an action of the frames just allocated, without heap, or give them back."""
    try:
        pair = take_spare()
    except MemoryError:
        found.free(first)
        raise
    pair[0]._hold(found, first, count, owner)
    return pair


def allocate_frames_at(addr, n, *, owner=None):
    """Allocate `n` frames, the first the one that contains the address `addr`; returns AllocatedFrames.

    Reserved regions are handed out this way only. An address that no region contains becomes a reserved region of its
    own (registers of a peripheral, say), and frames that run past the end of a reserved region extend it, as long as
    they meet no other region. AddressNotFree if any of the frames is in use, AddressOutOfRange if they run past the end
    of a free region or of the physical addresses. Source: Theseus' allocate_frames_at.
    """
    return _allocate_at(addr, n, None, owner, _own)


def allocate_frames_by_bytes_at(addr, nbytes, *, owner=None):
    """Allocate the frames that contain the `nbytes` bytes from the address `addr` on; the rest as
    `allocate_frames_at`."""
    return _allocate_at(addr, None, nbytes, owner, _own)


def _allocate_at(addr, n, nbytes, owner, own):
    """Allocate `n` frames from the one at `addr` on, or those of `nbytes` if `n` is None, and return
    ``own(region, first, count, owner)``. Needs no heap for the addresses of a region, whatever their size."""
    if not _initialized:
        mistake("NotInitialized", "boot() or init() comes first")
    size = nbytes if n is None else n
    integer(addr, "addr")
    integer(size, "the number of bytes" if n is None else "the number of frames")
    if size == 0:
        mistake("ZeroAllocation", "cannot allocate zero frames")
    if size < 0:
        mistake("InvalidArgument", "cannot allocate {} frames or bytes", size)
    if addr < 0:
        mistake("AddressOutOfRange", "there is no address {}", addr)
    found = _find(addr)
    if found is not None:
        first, count = _engine.frame_of(addr, found.base, found.shift), n
        if n is None:
            count = (_engine.offset_in_frame(addr, found.frame_size) + nbytes + found.frame_size - 1) >> found.shift
    if found is None or (found.attrs & RESERVED and first + count > found.frames):
        try:
            found = _region_for(found, addr, n, nbytes)
        except MemoryError:
            mistake("NotPermitted", "a region for unknown addresses needs heap: boot_complete() first")
        first = found.frame(addr)
        count = found.frames - first
    return own(found, _placed(found, first, count), count, owner)


def _placed(found, first, n):
    """Allocate `n` frames from `first` on and return `first`."""
    frame = found.alloc_at(first, n)
    if frame == ADDRESS_NOT_FREE:
        mistake("AddressNotFree", "not all of {} frames from frame {} of {} on are free", n, first, found.name)
    if frame < 0:
        mistake("AddressOutOfRange", "{} frames from frame {} on are not all in {}", n, first, found.name)
    return frame


def _region_for(found, addr, n, nbytes):
    """A reserved region that ends with the frames asked for at `addr`: `found` extended, or a new one."""
    frame_size = _FRAME_SIZE if found is None else found.frame_size
    first = addr & -frame_size
    end = first + n * frame_size if nbytes is None else addr + nbytes + (-(addr + nbytes) % frame_size)
    if end > _ADDRESS_LIMIT:
        mistake("AddressOutOfRange", "the frames from {:#x} on run past 2**{}", addr, ADDRESS_BITS)
    for other in _regions:
        if other is not found and other.base < end and first < other.end:
            mistake("AddressNotFree", "frames {:#x}..{:#x} run into {} at {:#x}", first, end, other.name, other.base)
    if found is None:
        found = Region("unknown.%x" % first, first, end - first, frame_size, RESERVED)
        _enter(_regions + [found])
    else:
        if not found.is_free(found.frame(addr), found.frames - found.frame(addr)):
            mistake("AddressNotFree", "not all frames from {:#x} to {:#x} are free", addr, found.end)
        found.extend(end)
    return found


def allocate_frames_deferred(
    n, at=None, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """Allocate `n` frames, at the address `at` or anywhere, with no use of heap; returns ``(frames, action)``.

    The frames are usable at once; the bookkeeping that needs heap waits in the DeferredAllocAction, for a commit or for
    the scheduler. Works with the heap locked and in a hard interrupt handler; there only SHARED regions are looked at,
    and another one by name or address is NotPermitted. MemoryError when the spare owners are used up as well, 32
    between two commits. Source: Theseus' allocate_frames_deferred, the routine the others rest on.
    """
    return _deferred(n, None, at, align, boundary, low, high, require, prefer, forbid, region, owner)


def allocate_frames_by_bytes_deferred(
    nbytes, at=None, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """`allocate_frames_deferred` with the size in bytes."""
    return _deferred(None, nbytes, at, align, boundary, low, high, require, prefer, forbid, region, owner)


def _deferred(n, nbytes, at, align, boundary, low, high, require, prefer, forbid, region, owner):
    if _engine.in_handler():
        require |= SHARED
        for found in _regions:
            wanted = region is not None and _suits(found, region) if at is None else found.base <= at < found.end
            if wanted and not found.attrs & SHARED:
                mistake("NotPermitted", "{} is not SHARED: not for interrupt handlers", found.name)
    if at is None:
        return _allocate(_own_deferred, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner)
    return _allocate_at(at, n, nbytes, owner, _own_deferred)


@micropython.native
def dma_ring(nbytes, *, owner=None):
    """Allocate `nbytes` bytes, a power of two, at a multiple of `nbytes`, that DMA reaches; in FAST memory if there is
    any. Whole frames: a ring smaller than a frame is at the begin of one. UnalignedAddress if `nbytes` is no power of
    two; the other errors as `allocate_frames`."""
    if integer(nbytes, "nbytes") > 0 and nbytes & (nbytes - 1):
        mistake("UnalignedAddress", "a ring of {} bytes is not a power of two", nbytes)
    return _allocate(_own, None, nbytes, nbytes, 0, 0, None, DMA, FAST, 0, None, owner)


def inspect_then_allocate(chooser, *, owner=None):
    """Call ``chooser(region, first, count)`` for each run of free frames, by address, until it picks.

    It answers None for the next run, STOP for none at all, or ``(first, n)``, frames within that run. Returns
    AllocatedFrames, or None if nothing was picked. The chooser may allocate and free meanwhile: a pick that is no
    longer free is AddressNotFree. Source: Theseus' inspect_then_allocate_free_frames, which deadlocks on that.
    """
    if not _initialized:
        mistake("NotInitialized", "boot() or init() comes first")
    for found in regions():
        if found.attrs & RESERVED:
            continue
        for first, count, free in found.runs():
            if not free:
                continue
            choice = chooser(found, first, count)
            if choice is STOP:
                return None
            if choice is None:
                continue
            if not isinstance(choice, (tuple, list)) or len(choice) != 2:
                raise TypeError("a chooser answers None, STOP or (first, n)")
            frame, n = choice
            integer(frame, "the first frame")
            integer(n, "the number of frames")
            if n == 0:
                mistake("ZeroAllocation", "cannot allocate zero frames")
            if not first <= frame <= frame + n <= first + count:
                run = "{} frames from {} on are not in the run of {} from {} on"
                mistake("AddressOutOfRange", run, n, frame, count, first)
            return _own(found, _placed(found, frame, n), n, owner)
    return None


def stats():
    """What there is and what is used, now: a dict for each region by its name, and under None for all but the reserved
    ones, of ``frames, free, used, peak, failed, largest`` and ``total_bytes, free_bytes, used_bytes``.

    `failed` counts searches of the region that found nothing, the others of the first six frames. Under None `peak` is
    the sum of the regions' peaks, which may not have been at once, and `largest` the largest free run of any one region
    in bytes."""
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
    """What is wrong with the metadata of any region, with the records of what is retained, and with what `debug` looks
    at: a list of sentences, empty if all is well."""
    wrong = []
    for found in _regions:
        wrong.extend(found.check())
    for find in _checks:
        wrong.extend(find())
    return wrong
