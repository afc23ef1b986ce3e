"""Physical memory frames for MicroPython: contiguous, aligned, at an address, in a named kind of memory.

    import physmem
    ring = physmem.dma_ring(4096)                                    # aligned to its size, reachable by DMA
    pixels = physmem.allocate_frames_by_bytes(320 * 240 * 2, require=physmem.EXTERNAL)
    pixels.view[0:4] = b"\\x00\\xf8\\x00\\xf8"                            # the garbage collector does not scan this
    with physmem.allocate_frames(3) as frames:                       # freed at the end of the block
        print(frames.region.name, hex(frames.addr), frames.nbytes)

Numbers of frames are in frames, addresses and sizes in bytes; each name says which. If no memory is left you get a
MemoryError, for a mistake in a call a PhysMemError. A call that raises one has changed nothing, except that the end of
a scope frees what it can. The raw calls of `Region` return negative codes instead, which `code_name` names. They need
no heap, and you may use them in a hard interrupt handler if the region is SHARED.

This module collects the names; docs/architecture.md shows the modules behind them. What takes heap to keep is loaded
when you first use it, which needs heap: the functions below, and RuVix' and Theseus' vocabulary (BuddyAllocator,
PhysAddr, FrameRange and so on).

Sources: Theseus' frame_allocator (ranges, regions, states, deferred bookkeeping, an early phase) and RuVix' physical
memory allocator (orders, statistics, error names; see physmem_buddy).
"""

try:
    __import__("physmem_allocate")  # which needs all modules that are imported below
except (ImportError, MemoryError, ValueError) as error:
    modules = __import__("sys").modules
    for name in list(modules):
        if name.startswith("physmem"):
            modules.pop(name, None)  # the next import would return it half loaded
    __import__("physmem_install").tell(error, __file__)

from physmem_allocate import (
    allocate_frames,
    allocate_frames_at,
    allocate_frames_by_bytes,
    allocate_frames_by_bytes_at,
    allocate_frames_by_bytes_deferred,
    allocate_frames_deferred,
    dma_ring,
    on_exhausted,
)
from physmem_engine import (  # what the raw calls return
    ADDRESS_NOT_FREE,
    ADDRESS_OUT_OF_RANGE,
    ALLOCATION_TOO_LARGE,
    NOT_ALLOCATED,
    NOT_PERMITTED,
    OUT_OF_MEMORY,
    UNALIGNED_ADDRESS,
    ZERO_ALLOCATION,
)
from physmem_engine import calls_are_direct as direct_calls  # whether the raw calls jump straight to machine code
from physmem_errors import PhysMemError, code_name
from physmem_errors import load as __load__  # a name that is not public: TAB and a star leave it out
from physmem_frames import (
    ALLOCATED,
    FREED,
    MAPPED,
    MOVED,
    UNMAPPED,
    AllocatedFrames,
    DeferredAllocAction,
)
from physmem_region import (
    CACHE_LINE,
    CACHED,
    DMA,
    EXTERNAL,
    FAST,
    FRAME_SIZE,
    RESERVED,
    RETAINED,
    SHARED,
    Region,
)
from physmem_system import boot, boot_complete, region, regions, reset_peak

__version__ = "0.2.0"
__doc__ = "docs/reference/physmem.html of the release explains each name; make docs makes it"  # help(physmem) shows it

STOP = False  # what a chooser of `inspect_then_allocate` returns to stop it; None asks for the next run

# The functions below load what serves them. They are functions, not names that `__getattr__` looks up: dir() and TAB
# ask that for every name there is, and so would load everything.


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

    AddressNotFree if a region would lie in memory that the garbage collector or the firmware is known to have, except
    where physmem took it from the heap itself. On a chip with two cores SHARED regions need `spin_lock`, the address of
    a hardware spin lock (docs/two_cores.md); 0 leaves the one that there is.

    Theseus panics on unsorted, overlapping and empty ranges and on more than 32.
    """
    __load__("physmem_setup", "init()").init(free, reserved, _by_name, spin_lock)


def boot_in_heap(nbytes, _by_name=..., frame_size=1024, align=4096, attrs=None):
    """``boot_in_heap(nbytes, *, frame_size=1024, align=4096, attrs=None)``: make a first region, "heap", of `nbytes`
    bytes of the heap, and return it. One call on any board, without a memory plan; call neither `boot` nor `init`.

    Sizes in bytes; `nbytes` is rounded up to whole frames. The region starts at a multiple of `align`, or of the
    largest power of two that is not above `nbytes`, for which so much more heap is taken. So a `dma_ring` of up to that
    size fits as often as there is room. `attrs` is what the chip is known to do there; name what your port's memory can
    do if that is less than you need: ``attrs="DMA"``.

    physmem holds the memory for good. It is the collector's all the same: each collection scans it, and an address of
    an object that stands in it keeps the object. After a soft reset the collector gives it to others, so nothing can be
    retained there, and hardware that still owns frames of it must be stopped before. physmem_claim gives memory without
    these limits where it can.

    NotPermitted if there are regions already, MemoryError if the heap has no such memory; nothing has changed then.
    """
    return __load__("physmem_heap", "boot_in_heap()").boot_in_heap(nbytes, _by_name, frame_size, align, attrs)


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
    return __load__("physmem_setup", "add_region()").add_region(name, base, size, frame_size, attrs)


del FRAME_SIZE  # not public


def remove_region(region):  # noqa: F811
    """Remove a region from the system; `region` is a Region or the name of one.

    From then on its raw calls find nothing and its memory is yours. You can add it again. NotPermitted, and nothing has
    changed, if any of its frames is allocated, mapped or retained; if `on_low` or `debug` watches it; if the firmware
    occupies its memory (OCCUPIED). InvalidArgument if the system has no such region.

    Handlers may allocate meanwhile: all frames are taken at once before the region goes. On a chip with two cores do
    not call this while the other core allocates by object: its request may miss another region. Needs heap. Memory that
    physmem took from the heap stays taken.
    """
    __load__("physmem_setup", "remove_region()").remove_region(region)


def stats():
    """Return what there is and what is used now: a dict for each region by its name, and under None one for all regions
    except the reserved ones.

    Each has ``frames, free, used, peak, failed, largest`` in frames and ``total_bytes, free_bytes, used_bytes,
    largest_bytes``. `failed` counts searches of the region that found nothing. Under None, `peak` is the sum of the
    regions' peaks, which may not have occurred at once; `largest_bytes` is the largest free run of any one region, and
    `largest` is that run in frames of its region. NotPermitted without heap.
    """
    return __load__("physmem_overview", "stats()").stats()


def check():
    """Return what is wrong: a list of sentences, empty if all is well.

    Covers the metadata of all regions, the records of what is retained, and what `debug` looks at. NotPermitted
    without heap.
    """
    return __load__("physmem_overview", "check()").check()


def allocate_scattered(
    n,
    _by_name=...,
    require=0,
    prefer=0,
    forbid=0,
    region=None,  # noqa: F811
    owner=None,
    zero=False,
):
    """``allocate_scattered(n, *, require=0, prefer=0, forbid=0, region=None, owner=None, zero=False)``: allocate `n`
    frames of one region in as few runs as there are; return a list of AllocatedFrames, longest first.

    All of them or none: MemoryError if no region that suits has `n` free frames, and no hook of `on_exhausted` is
    called. The regions are tried in the order of `allocate_frames`; the other arguments are as there. Use it where the
    pieces need not be adjacent, as for a chain of DMA descriptors. NotPermitted without heap.
    """
    return __load__("physmem_runs", "allocate_scattered()").allocate_scattered(
        n, _by_name, require, prefer, forbid, region, owner, zero
    )


def inspect_then_allocate(chooser, _by_name=..., owner=None, zero=False):
    """``inspect_then_allocate(chooser, *, owner=None, zero=False)``: call ``chooser(region, first, count)`` for each
    run of free frames, by address, until it picks some.

    The chooser returns None for the next run, STOP to stop, or ``(first, n)``: `n` frames within that run. Return
    AllocatedFrames, or None if nothing was picked. The chooser may allocate and free; a pick that is no longer free is
    AddressNotFree, one outside of the run AddressOutOfRange, one of no frames ZeroAllocation. Reserved regions are left
    out. `owner` and `zero` as in `allocate_frames`. NotPermitted without heap. Source: Theseus'
    inspect_then_allocate_free_frames, which deadlocks if its chooser allocates or frees.
    """
    return __load__("physmem_runs", "inspect_then_allocate()").inspect_then_allocate(chooser, _by_name, owner, zero)


def scope():
    """Return a scope: ``with`` it, all frames allocated by object in the block are freed at its end, also after an
    exception, except those that it was told to keep.

    It does not see frames that were freed before, retained (`physmem.retain`) or merged into others; parts of a split
    it does see. Scopes nest: what an inner one keeps belongs to the one around it. MAPPED frames stay with their
    owners: NotPermitted at the end, when all others are free, unless an exception is under way. A scope ends with its
    block, so ``keep`` is then NotPermitted.

    A scope sees what its own thread and its own asyncio task allocate; interrupt handlers and raw calls it does not
    see. A function that the scheduler runs meanwhile belongs to the code that it interrupts: let it allocate before.
    In a generator, close the scope before you ``yield``. NotPermitted without heap.
    """
    return __load__("physmem_scope", "scope()").scope()


def allocations():
    """Return what is allocated now, by address: a list of tuples ``(region, first, count, addr, nbytes, owner, state,
    name)``.

    `first` and `count` are in frames of `region`, `nbytes` is all of them. `owner` is the tag of ``owner=`` if the
    debug tier `owners` is on, else None. `state` is ALLOCATED or MAPPED; without records (see `physmem.boot`) MAPPED is
    known of this run only. `name` is what it is retained as, or None. Raw allocations are listed, what `boot` has set
    aside (OCCUPIED) and guard frames are not. NotPermitted without heap.
    """
    return __load__("physmem_find", "allocations()").allocations()


def find(thing):
    """Return where `thing` lies, a tuple ``(region, frame, first, count, owner, state, name)``, or None if no region
    has it.

    `thing` is an address, a buffer such as a bytearray, or AllocatedFrames. `frame` is the frame of its first byte,
    `first` and `count` are the allocation that has the frame, all in frames of `region`. `owner`, `state` and `name`
    are as in `allocations`; in a free frame `state` is "free", `count` 0 and `first` the frame. The firmware's own
    memory (OCCUPIED) is a region with attributes, too. TypeError if `thing` is none of these, NotPermitted without
    heap.
    """
    return __load__("physmem_find", "find()").find(thing)


def free_at(addr):
    """Free the allocation that starts at the address `addr` and return its number of frames.

    For frames whose owner was lost: by an exception, or with a name that was assigned again. If an AllocatedFrames
    still owns them, use its ``free()``: after this its own frees another's frames or is refused. NotAllocated if no
    allocation starts there. NotPermitted if it is mapped, retained, or memory that the firmware occupies.
    NotPermitted without heap.
    """
    return __load__("physmem_find", "free_at()").free_at(addr)


def __retained__(module, call):
    """Return a module that uses physmem_records, which must be whole before: what fails to load is dropped, and all
    that it has loaded."""
    __load__("physmem_records", call)
    return __load__(module, call)


def retain(  # noqa: F811
    name,
    nbytes,
    _by_name=...,
    align=0,
    boundary=0,
    low=0,
    high=None,
    require=0,
    prefer=0,
    forbid=0,
    region=None,  # noqa: F811
    owner=None,
    zero=False,
):
    """``retain(name, nbytes, *, align=0, ...)``: return the AllocatedFrames named `name`: those from before the reset
    with their content, or new ones.

    `name` has 1 to 32 ASCII characters, none of them NUL. `nbytes` is the size in bytes. The constraints are those of
    `allocate_frames_by_bytes`; only RETAINED regions are searched. ``.fresh`` is True if the frames are new; their
    content is then zeros with `zero`, otherwise what was in memory. Until you release it the name stands for the same
    frames, over any number of resets, and within a run for the same object; `owner` matters only when that object is
    made. Frames that hardware owned when the reset came are still MAPPED. `release` and ``free()`` free them; the end
    of ``with`` does not. You cannot split, merge or resize them.

    MemoryError if there are no such frames, or no record for one more name. SizeMismatch if the name is kept with
    another number of bytes, InvalidArgument if its place does not meet the constraints: `release` it first.
    InternalCorruption if its record was overwritten, or its frames were freed raw: `check` says which. After an error
    nothing has changed.

    Needs heap only the first time, unless something was retained or mapped before the reset: its modules are loaded
    then. Not for interrupt handlers: NotPermitted for a new name, and on a chip with two cores for any name, as for
    `release`.
    """
    global retain
    served = __retained__("physmem_retained", "retain()").retain
    if __getattr__("booted"):
        retain = served  # from now on without this function between, which takes stack
    return served(name, nbytes, _by_name, align, boundary, low, high, require, prefer, forbid, region, owner, zero)


def release(name):  # noqa: F811
    """Stop retaining `name` and free its frames, even if this run never asked for them. Return the number of frames.

    NotAllocated if there are none. NotPermitted if hardware owns them: `retain` and ``unmap()`` them first.
    InternalCorruption as for `retain`. Needs heap when `retain` does.
    """
    global release
    served = __retained__("physmem_retained", "release()").release
    if __getattr__("booted"):
        release = served
    return served(name)


def retained():
    """Return what is retained, even if this run never asked for it: a list of ``Retained(name, addr, nbytes, resets,
    mapped)`` by address.

    `addr` is the address of the first byte, `nbytes` the number of bytes asked for, `resets` how many resets it has
    been kept over, `mapped` whether hardware owns it. NotPermitted without heap.
    """
    return __retained__("physmem_kept", "retained()").retained()


def quarantined():
    """Return the frames without a name that were mapped when a reset came, and still are: a list of AllocatedFrames.

    They are MAPPED, in any region or outside all of them. No request gets them, and after each reset they are here
    again, until you free them: stop the hardware that owns them, then call ``frames.unmap().free()``. NotPermitted
    without heap.
    """
    return __retained__("physmem_kept", "quarantined()").quarantined()


def dropped():
    """Return which records were dropped at the last reset, and why: a list of sentences, one for each.

    The frames of a dropped record are free. The list is empty after the power was off: all records then start over.
    NotPermitted without heap.
    """
    return __retained__("physmem_kept", "dropped()").dropped()


def on_low(region, frames, hook):  # noqa: F811
    """Have ``hook(region)`` called when an allocation, raw or by object, leaves fewer than `frames` frames of `region`
    free.

    `region` is a Region or the name of one. With None as the hook, or 0 frames, the region is no longer watched. A
    second call for the same region replaces the first.

    micropython.schedule calls the hook: soon, with the heap unlocked unless the program has locked it, and never in an
    interrupt handler, so the hook may allocate and free. It is called at least once for each crossing, and exactly once
    if no handler allocates or frees at that moment. The next crossing needs `frames` or more to have been free again,
    however they were freed. If the scheduler's queue is full, or the program is so deep in calls that the stack has no
    room for the hook, the next call tries again. If fewer are free already, the next allocation counts as a crossing.
    What the hook raises, the scheduler prints.

    Guaranteed: while too few frames are free after an allocation, the hook has been scheduled since the crossing, or
    the queue was full, or the program too deep. Not guaranteed: a shortage may go unnoticed if an interrupt handler
    ends it before the call it interrupted returns. Raw calls that were bound before the first `on_low` of a region are
    not watched.

    Do not call this while a handler uses the region. InvalidArgument if there is no such region, AddressOutOfRange if
    `frames` is below 0 or above the number of its frames, MemoryError if the heap is too small, NotPermitted if it is
    locked; nothing has changed then.
    """
    return __load__("physmem_low", "on_low()").on_low(region, frames, hook)


def debug(_by_name=..., owners=False, poison=False, guard_frames=0, assertions=False, statistics=False):
    """``debug(*, owners=False, poison=False, guard_frames=0, assertions=False, statistics=False)``: switch these tiers
    on, for all regions but the reserved ones, and all others off. Without arguments all tiers are off, and the calls of
    the regions are the engine's own again.

    A region that `physmem.add_region` adds later is watched from the next call on. A region that is watched cannot be
    removed: switch all tiers off first.

    - `owners`: `leaks` tells what is allocated and by whom.
    - `poison`: freed frames are filled with 0xDB. `check` says which of them were written to afterwards, by the program
      or by hardware that was not stopped, even if they have been handed out again meanwhile.
    - `guard_frames`: that many frames before and behind each new allocation are filled with 0xFD and stay out of use
      until it is freed. `check` says which were written to. They count as used. A request that fits nowhere with both
      guards gets one guard or none. Frames asked for by address get the guards whose frames are free, and other guards
      make room for them. Placing the guards can increment `failed` even in a region that grants the request.
    - `assertions`: each allocation and each free is compared with the shadow. Where they differ, InternalCorruption is
      raised and nothing has changed; in interrupt handlers `check` reports the count. A call that bypasses the tiers
      (see above) causes a difference too, as soon as a watched call meets its frames.
    - `statistics`: `statistics` tells how often each call was made, with which outcome and for how many frames.

    A tier that was on and stays on keeps what it knows. Another number of guard frames, or 0, frees the present guards;
    what they guarded stays allocated. `check` forgets its earlier findings when none of the first four tiers is on.

    TypeError and InvalidArgument for bad values, NotInitialized before `init`, MemoryError if the heap is too small,
    NotPermitted if it is locked or has no room for the modules; nothing has changed then.
    """
    __load__("physmem_debug", "debug()").debug(_by_name, owners, poison, guard_frames, assertions, statistics)


def mark():
    """Return the serial number of the last allocation, for `leaks`. Switch the tier `owners` on if it is off."""
    return __load__("physmem_debug", "mark()").mark()


def leaks(since=0):
    """Return what was allocated after the mark `since` and has not been freed: a list of Leak tuples, the oldest first.

    Each has `region`, `first` and `count` in frames, `addr` and `nbytes` in bytes, `owner` and `serial`. It is a run of
    frames that were handed out together and still belong to one allocation. After a split there is one for each part;
    after a merge there is one for each of the merged allocations, with its owner and serial number. It leaves out what
    was allocated before the tier was on or by raw calls bound before, and reserved regions. NotPermitted if `owners` is
    off, InvalidArgument if `since` is not a mark. NotPermitted without heap.
    """
    return __load__("physmem_debug", "leaks()").leaks(since)


def dump(write=print):
    """Print every run of free frames and every allocation, by address; `write` takes a line.

    While a debug tier records owners, each allocation has its owner behind it, or that it is a guard. NotPermitted
    without heap. Source: Theseus' dump_frame_allocator_state.
    """
    return __load__("physmem_map", "dump()").dump(write)


def map(write=print, region=None, columns=80):  # noqa: F811
    """Print a picture of the memory and what is used of it; `write` takes a line of at most `columns` characters.

    All regions, or `region`, a Region or the name of one. A line has the address of its first character in front. Each
    character of a region stands for the same number of frames: ``.`` free, ``#`` in use, ``m`` mapped to hardware,
    ``r`` retained, ``g`` a guard, ``x`` reserved and in use, ``+`` several of these. Where a debug tier records owners,
    each owner has a letter from A on. What occurs is explained at the end.

    Takes no more heap at a time than a line and some words do, so you can call it when memory is short. If it is not
    frozen into the firmware, call it once before: the first call loads it. InvalidArgument unless there are 32 to 256
    columns, and for a name that no region has. Source: MicroPython's micropython.mem_info(1).
    """
    return __load__("physmem_map", "map()").map(write, region, columns)


__map__ = map
del map  # a star would take it in place of the builtin; `__getattr__` finds it


def __getattr__(name):
    """Return what is looked up on each use: `map`, `booted`, `early_heap`, `ATTRIBUTES`, the bits of the board's bus
    masters by their names, and the vocabulary, loaded on first use.

    It adds no name to this module: MicroPython moves all names of a table that grows, and an interrupt handler would
    not find them meanwhile. AttributeError if there is no such name.
    """
    if name == "map":
        return __map__
    if name in ("booted", "early_heap"):
        return getattr(__import__("physmem_system"), name)
    attributes = __import__("physmem_region").ATTRIBUTES
    if name == "ATTRIBUTES":
        return attributes
    if name in attributes:
        return 1 << attributes.index(name)
    for module, names in (  # a tuple of names would take the heap of each where the module is not frozen
        ("physmem_buddy", " BuddyAllocator AllocatorStats OrderStats KernelError "),
        (
            "physmem_pages",
            " PhysAddr PageFrame PageOrder PAGE_SIZE PAGE_SHIFT MIN_ORDER MAX_ORDER MAX_BLOCK_PAGES MAX_BLOCK_SIZE"
            " pages_to_order order_to_pages order_to_bytes is_page_aligned align_down align_up ",
        ),
        ("physmem_range", " FrameRange PhysicalMemoryRegion MemoryRegionType AllocatedFrame "),
    ):
        place = names.find(name)
        if place > 0 and names[place - 1] == names[place + len(name)] == " ":
            return getattr(__load__(module, name), name)
    if (
        name == "__all__"
    ):  # which MicroPython from 1.28 on asks for in ``from physmem import *``, and takes no error for
        return [public for public in globals() if public[0] != "_"]
    raise AttributeError("module 'physmem' has no attribute '%s': dir(physmem) lists them" % name)
