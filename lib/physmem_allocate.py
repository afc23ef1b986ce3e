"""Requests for frames: the ``allocate_frames`` family, how a request finds its region, and what happens when no memory
is left."""

import gc

import micropython
import physmem_system
from micropython import const
from physmem_engine import ADDRESS_NOT_FREE, frame_of, in_handler, offset_in_frame
from physmem_errors import exhausted, integer, mistake, power_of_two
from physmem_frames import AllocatedFrames, new_frames, take_spare
from physmem_region import DMA, FAST, RESERVED, SHARED, Region
from physmem_system import by_merit, each_region, expect_initialized, region_at, regions, reserved_region, suits

_STATE_BITS = const(4)  # as physmem_frames has it: a constant of another file would be looked up at each call
_NO_ATTRIBUTE = -(RESERVED << 1)  # the bits that no attribute has
_PLAIN = const(1 << 29)  # addresses, sizes and alignments below it are small integers, which the raw calls take

# What a chooser of `inspect_then_allocate` returns to stop it; None asks for the next run.
STOP = False


@micropython.native
def request(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, relief=True):
    """Allocate `n` frames, or enough for `nbytes` if `n` is None, and return ``own(region, first, count, owner)``.

    Tries the regions in the order of `by_merit`, so that what could live anywhere does not take special memory.
    Regions with all preferred attributes come first. With `relief` the hook of `on_exhausted` may free something before
    the request fails.

    Each signature from here on lists the constraints one by one: a tuple of them would need heap.
    """
    size = nbytes if n is None else n
    attrs = require | prefer | forbid
    try:
        # One expression recognises a plainly valid request; any other is checked argument by argument.
        plain = size > 0 <= (align | boundary | low | attrs | size) < _PLAIN and high is region is None
        plain = plain and not ((align & (align - 1)) | (boundary & (boundary - 1)) | ((require | prefer) & forbid))
    except TypeError:
        plain = False
    if not (plain and by_merit and attrs < (RESERVED << 1)):
        check_request(size, n is None, align, boundary, low, high, require, prefer, forbid, region)
    anywhere = plain and not (boundary | low)
    suitable = False
    tried = False
    wanted = require | prefer
    passed = 0
    while True:
        for candidate in by_merit:
            attrs = candidate.attrs
            if attrs & (wanted | forbid) != wanted or (passed and attrs & passed == passed):
                continue
            if region is not None and not suits(candidate, region):
                continue
            suitable = True
            count = (nbytes + candidate.frame_size - 1) >> candidate.shift if n is None else n
            if boundary and boundary < (count << candidate.shift):
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
        # Now try the regions that were passed over because they lack a preferred attribute.
        wanted, passed = require, prefer
    if not suitable:
        mistake(
            "InvalidArgument",
            "no region suits: require {:#x}, forbid {:#x}, region {}; physmem.map() shows what there is",
            require,
            forbid,
            region if region is None or isinstance(region, str) else region.name,
        )
    if not tried:
        mistake(
            "SizeMismatch",
            "{} frames or bytes do not fit within a boundary of {} bytes: give a larger boundary",
            size,
            boundary,
        )
    if relief:
        return _relieve(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner)
    _exhausted(n, nbytes)


def check_request(size, in_bytes, align, boundary, low, high, require, prefer, forbid, region):
    """Raise an error if the request is not valid; `size` is in bytes if `in_bytes`, else in frames."""
    expect_initialized()
    integer(size, "the number of bytes" if in_bytes else "the number of frames")
    integer(align, "align")
    integer(boundary, "boundary")
    integer(low, "low")
    if high is not None:
        integer(high, "high")
    if size == 0:
        mistake("ZeroAllocation", "cannot allocate zero frames: ask for at least one")
    if size < 0:
        mistake("InvalidArgument", "cannot allocate {} frames or bytes: give a positive number", size)
    if align and not power_of_two(align):
        mistake("UnalignedAddress", "align {} is not a power of two (in bytes)", align)
    if boundary and not power_of_two(boundary):
        mistake("UnalignedAddress", "boundary {} is not a power of two (in bytes)", boundary)
    if low < 0 or (high is not None and high <= low):
        mistake(
            "AddressOutOfRange",
            "there is no address from low {} to high {}: low must be at least 0 and below high",
            low,
            high,
        )
    if (require | prefer | forbid) & _NO_ATTRIBUTE:
        mistake(
            "InvalidArgument",
            "attributes {:#x} do not exist: combine DMA, FAST and so on",
            (require | prefer | forbid) & _NO_ATTRIBUTE,
        )
    if (require | prefer) & forbid:
        mistake("InvalidArgument", "attributes {:#x} are wanted and forbidden: drop one", (require | prefer) & forbid)
    if region is not None and not isinstance(region, str) and not isinstance(region, Region):
        raise TypeError("region must be a Region or the name of one, not %s" % type(region).__name__)


def _exhausted(n, nbytes):
    size, unit = (nbytes, "bytes") if n is None else (n, "frames")
    exhausted(
        "no {} contiguous {} free in any region that suits; {} frames are free in all", size, unit, _free_in_all()
    )


def _collect(n, nbytes):
    """Run the garbage collector and return whether more frames are free: the hook until you set another."""
    free = _free_in_all()
    gc.collect()
    return _free_in_all() > free


_on_exhausted = _collect
relieving = False  # the hook is being called


def on_exhausted(hook):
    """Have ``hook(n, nbytes)`` called when an allocation of `n` frames or of `nbytes` bytes (the other is None) would
    raise MemoryError. Return the previous hook; the first one runs the garbage collector.

    The hook frees what it can spare and returns True to retry the request. It is called again as long as each call
    frees more frames. None switches it off.

    It is not called for raw calls, for deferred allocations, in an interrupt handler, in the early phase, or for what
    the hook itself allocates. An exception of the hook goes to the caller, whose request then has changed nothing. Each
    search that finds nothing counts in `failed`, before and after the hook. On a chip with two cores it is called on
    the core that made the request; meanwhile it is not called for the other core. MicroPython's collector must not run
    while the other core runs a program (docs/two_cores.md): set your own hook there, or None.
    """
    global _on_exhausted
    if hook is not None and not callable(hook):
        raise TypeError("hook must be callable or None, not %s" % type(hook).__name__)
    before = _on_exhausted
    _on_exhausted = hook
    return before


def _relieve(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner):
    """Call the hook and retry the request as long as the hook frees something; MemoryError after that."""
    global relieving
    while own is own_frames and _on_exhausted is not None and not (physmem_system.early or relieving or in_handler()):
        free = _free_in_all()
        relieving = True
        try:
            again = _on_exhausted(n, nbytes)
        finally:
            relieving = False
        if not again:
            break
        try:
            return request(
                own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, relief=False
            )
        except MemoryError:
            if _free_in_all() <= free:
                break
    _exhausted(n, nbytes)


def _free_in_all():
    free = 0
    for found in by_merit:
        free += found.free_frames
    return free


@micropython.native
def allocate_frames(
    n, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """Allocate `n` contiguous frames and return AllocatedFrames. MemoryError if no place for them is free.

    The constraints are in bytes. The address is a multiple of `align`; the frames do not cross a multiple of
    `boundary`; they lie at `low` or above and end at `high` or below. The region has the attributes `require`, if
    possible also `prefer`, and none of `forbid`. It is `region`, a Region or a name, if you give one. `owner` is kept
    with the frames. Sources: Theseus' allocate_frames; FreeBSD's vm_page_alloc_contig for the constraints.
    """
    special = True
    frame = -1
    try:
        special = align or not (
            align is boundary is low is require is prefer is forbid and high is region is owner is None
        )
        if not special:
            for found in by_merit:
                frame = found.alloc(n)
                if frame >= 0:
                    frames = AllocatedFrames()
                    frames.region = found
                    frames.first_and_bits = frame << _STATE_BITS
                    if n != 1:
                        frames.count = n
                    return frames
    except TypeError:
        pass  # reported more clearly below
    except MemoryError:
        if frame >= 0:
            return own_frames(found, frame, n, None)
    if special or not by_merit:
        return request(own_frames, n, None, align, boundary, low, high, require, prefer, forbid, region, owner)
    check_request(n, False, 0, 0, 0, None, 0, 0, 0, None)
    return _relieve(own_frames, n, None, 0, 0, 0, None, 0, 0, 0, None, None)


@micropython.native
def allocate_frames_by_bytes(
    nbytes, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """Allocate as many contiguous frames as `nbytes` bytes need; otherwise as `allocate_frames`."""
    return request(own_frames, None, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner)


_note_tag = None  # set by the debug tiers with `tell_tags_to`


def tell_tags_to(note):
    """Have ``note(region, first, count, owner)`` called for each allocation by object with an `owner`; None stops that.
    It tells the debug tiers who owns what."""
    global _note_tag
    _note_tag = note


def own_frames(found, first, count, owner):
    """Return an owner of the frames just allocated. If none can be had, free them and raise MemoryError."""
    if owner is not None and _note_tag is not None:
        _note_tag(found, first, count, owner)
    try:
        return new_frames(found, first, count, owner)
    except MemoryError:
        found.free(first)
        raise


def own_deferred(found, first, count, owner):
    """Return a spare owner of the frames just allocated, and its action. If there is none, free them and raise
    MemoryError."""
    if owner is not None and _note_tag is not None:
        _note_tag(found, first, count, owner)
    try:
        return take_spare(found, first, count, owner)
    except MemoryError:
        found.free(first)
        raise


def allocate_frames_at(addr, n, *, owner=None):
    """Allocate `n` frames, the first of which contains the address `addr`, and return AllocatedFrames.

    This is the only way to get frames of a reserved region. An address that no region contains gets a reserved region
    of its own (registers of a peripheral, say). Frames that run past the end of a reserved region extend it, unless
    they meet another region. AddressNotFree if any of the frames is in use or in another region; AddressOutOfRange if
    they run past the end of a region that is not reserved, or past the last physical address. Source: Theseus'
    allocate_frames_at.
    """
    return request_at(addr, n, None, owner, own_frames)


def allocate_frames_by_bytes_at(addr, nbytes, *, owner=None):
    """Allocate the frames that contain the `nbytes` bytes from the address `addr` on; otherwise as
    `allocate_frames_at`."""
    return request_at(addr, None, nbytes, owner, own_frames)


def request_at(addr, n, nbytes, owner, own):
    """Allocate `n` frames from the one at `addr` on, or as many as `nbytes` bytes touch if `n` is None, and return
    ``own(region, first, count, owner)``. Needs no heap for addresses inside a region, even large ones."""
    expect_initialized()
    size = nbytes if n is None else n
    integer(addr, "addr")
    integer(size, "the number of bytes" if n is None else "the number of frames")
    if size == 0:
        mistake("ZeroAllocation", "cannot allocate zero frames: ask for at least one")
    if size < 0:
        mistake("InvalidArgument", "cannot allocate {} frames or bytes: give a positive number", size)
    if addr < 0:
        mistake("AddressOutOfRange", "there is no address {}: addresses start at 0", addr)
    found = region_at(addr)
    if found is not None:
        first, count = frame_of(addr, found.base, found.shift), n
        if n is None:
            count = (offset_in_frame(addr, found.frame_size) + nbytes + found.frame_size - 1) >> found.shift
    if found is None or (found.attrs & RESERVED and first + count > found.frames):
        try:
            found = reserved_region(found, addr, n, nbytes)
        except MemoryError:
            mistake("NotPermitted", "a region for unknown addresses needs the heap; call boot_complete() first")
        first = found.frame(addr)
        count = found.frames - first
    return own(found, _placed(found, first, count), count, owner)


def _placed(found, first, n):
    """Allocate the `n` frames of `found` from `first` on, and return `first`."""
    frame = found.alloc_at(first, n)
    if frame == ADDRESS_NOT_FREE:
        mistake("AddressNotFree", "not all of the {} frames from frame {} of {} on are free", n, first, found.name)
    if frame < 0:
        mistake("AddressOutOfRange", "{} frames from frame {} on are not all in {}", n, first, found.name)
    return frame


def allocate_frames_deferred(
    n, at=None, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """Allocate `n` frames, at the address `at` or anywhere, without heap, and return ``(frames, action)``.

    You can use the frames at once. The bookkeeping that needs heap waits in the DeferredAllocAction, for a commit or
    for the scheduler. Works with the heap locked and in a hard interrupt handler. A handler searches only SHARED
    regions; naming another region, or an address in one, is NotPermitted. MemoryError also if the 32 spare owners are
    used up: that many allocations fit between two commits. Source: Theseus' allocate_frames_deferred, on which its
    other routines rest.
    """
    return _deferred(n, None, at, align, boundary, low, high, require, prefer, forbid, region, owner)


def allocate_frames_by_bytes_deferred(
    nbytes, at=None, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """Allocate as `allocate_frames_deferred` does, with the size in bytes."""
    return _deferred(None, nbytes, at, align, boundary, low, high, require, prefer, forbid, region, owner)


def _deferred(n, nbytes, at, align, boundary, low, high, require, prefer, forbid, region, owner):
    if in_handler():
        require |= SHARED
        for found in each_region():
            wanted = region is not None and suits(found, region) if at is None else found.base <= at < found.end
            if wanted and not found.attrs & SHARED:
                mistake("NotPermitted", "{} is not SHARED: interrupt handlers cannot allocate there", found.name)
    if at is None:
        return request(own_deferred, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner)
    return request_at(at, n, nbytes, owner, own_deferred)


@micropython.native
def dma_ring(nbytes, *, owner=None):
    """Allocate `nbytes` bytes that DMA reaches, at a multiple of `nbytes`, a power of two; return AllocatedFrames.

    They are in FAST memory if possible, and whole frames: a ring smaller than a frame is at the start of one.
    UnalignedAddress if `nbytes` is not a power of two; other errors as `allocate_frames`.
    """
    if integer(nbytes, "nbytes") > 0 and nbytes & (nbytes - 1):
        mistake("UnalignedAddress", "a ring of {} bytes cannot be aligned to its size: give a power of two", nbytes)
    return request(own_frames, None, nbytes, nbytes, 0, 0, None, DMA, FAST, 0, None, owner)


def inspect_then_allocate(chooser, *, owner=None):
    """Call ``chooser(region, first, count)`` for each run of free frames, by address, until it picks some.

    The chooser returns None for the next run, STOP to stop, or ``(first, n)``: `n` frames within that run. Return
    AllocatedFrames, or None if nothing was picked. The chooser may allocate and free; a pick that is no longer free is
    AddressNotFree. Reserved regions are left out. Source: Theseus' inspect_then_allocate_free_frames, which deadlocks
    if its chooser allocates or frees.
    """
    expect_initialized()
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
                raise TypeError("a chooser must return None, STOP or (first, n)")
            frame, n = choice
            integer(frame, "the first frame")
            integer(n, "the number of frames")
            if n == 0:
                mistake("ZeroAllocation", "cannot allocate zero frames: ask for at least one")
            if not first <= frame <= frame + n <= first + count:
                run = "the {} frames from {} on are not in the run of {} from {} on"
                mistake("AddressOutOfRange", run, n, frame, count, first)
            return own_frames(found, _placed(found, frame, n), n, owner)
    return None
