"""Requests for frames: the ``allocate_frames`` family, how a request finds its region, and what happens when no memory
is left."""

import gc

import micropython
import physmem_system
from micropython import const
from physmem_engine import ADDRESS_NOT_FREE, NOT_PERMITTED, frame_of, in_handler, offset_in_frame
from physmem_errors import (
    boolean,
    exhausted,
    expect_heap,
    integer,
    mistake,
    needs_heap,
    not_permitted_in_handler,
    power_of_two,
    wrong_type,
)
from physmem_frames import AllocatedFrames, fill_frames, new_frames, take_spare
from physmem_region import (
    DMA,
    FAST,
    RESERVED,
    SHARED,
    Region,
    attribute_names,
    attributes,
    end_frame_before,
    first_frame_from,
)
from physmem_system import by_merit, expect_initialized, region_at, regions, reserved_region, suits

_STATE_BITS = const(4)  # as physmem_frames has it: a constant of another file would be looked up at each call
_PLAIN = const(1 << 29)  # addresses, sizes and alignments below it are small integers, which the raw calls take

# What a chooser of `inspect_then_allocate` returns to stop it; None asks for the next run.
STOP = False


@micropython.native
def request(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, zero, relief=True):
    """Allocate `n` frames, or enough for `nbytes` if `n` is None, and return ``own(region, first, count, owner, slack,
    zero)``, where `slack` is in bytes what is more than `nbytes`.

    Tries the regions in the order of `by_merit`, so that what could live anywhere does not take special memory.
    Regions with all preferred attributes come first. With `relief` the hook of `on_exhausted` may free something before
    the request fails.

    Each signature from here on lists the constraints one by one: a tuple of them would need heap.
    """
    size = nbytes if n is None else n
    if zero is not False and zero is not True:
        wrong_type("zero", "a bool", zero)
    if _note_frames is not None and not in_handler():
        expect_heap("an allocation in a scope()")
    try:
        attrs = require | prefer | forbid
        # One expression recognises a plainly valid request; any other is checked argument by argument.
        plain = size > 0 <= (align | boundary | low | attrs | size) < _PLAIN and high is region is None
        plain = plain and not ((align & (align - 1)) | (boundary & (boundary - 1)) | ((require | prefer) & forbid))
        plain = plain and by_merit and attrs < (RESERVED << 1)
    except TypeError:
        plain = False
    except MemoryError:  # there is no heap for numbers that are not small
        plain = False
    if not plain:
        require = attributes(require, "require")
        prefer = attributes(prefer, "prefer")
        forbid = attributes(forbid, "forbid")
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
                return own(
                    candidate, frame, count, owner, (count << candidate.shift) - nbytes if n is None else 0, zero
                )
        if wanted == require:
            break
        # Now try the regions that were passed over because they lack a preferred attribute.
        wanted, passed = require, prefer
    if not suitable:
        _no_region_suits(require, forbid, region)
    if not tried:
        mistake(
            "SizeMismatch",
            "{} {} do not fit within a boundary of {} bytes: give a larger boundary",
            size,
            "bytes" if n is None else "frames",
            boundary,
        )
    if relief:
        return _relieve(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, zero)
    _exhausted(n, nbytes, align, boundary, low, high, require, forbid, region)


# A function whose comprehension uses its arguments needs heap as soon as it is called, so these sentences are made by
# functions of their own.


def _no_region_suits(require, forbid, region):
    """Raise InvalidArgument because no region has these attributes and is `region`."""
    try:
        sentence = _why_no_region_suits(require, forbid, region)
    except MemoryError:
        sentence = "no region suits; physmem.map() shows what there is"
    mistake("InvalidArgument", "{}", sentence)


def _why_no_region_suits(require, forbid, region):
    names = ", ".join([found.name for found in by_merit])
    if isinstance(region, str) and not [found for found in by_merit if suits(found, region)]:
        return "there is no region {} to allocate from; there are {}".format(region, names)
    if isinstance(region, Region) and region not in by_merit:
        sentence = (
            "region {} is not one that the system allocates from: use its raw calls, or add_region(); there are {}"
        )
        return sentence.format(region.name, names)
    return "no region suits: require {}, forbid {}, region {}; physmem.map() shows what there is".format(
        attribute_names(require) or "nothing",
        attribute_names(forbid) or "nothing",
        getattr(region, "name", region) or "any",
    )


def check_request(size, in_bytes, align, boundary, low, high, require, prefer, forbid, region):
    """Raise an error if the request is not valid; `size` is in bytes if `in_bytes`, else in frames.

    NotPermitted if there is no heap to compute with sizes or alignments of 2**29 or more.
    """
    expect_initialized()
    _check_size(size, in_bytes)
    integer(align, "align")
    integer(boundary, "boundary")
    integer(low, "low")
    if high is not None:
        integer(high, "high")
    if ((in_bytes or boundary) and size >= _PLAIN) or align >= _PLAIN or boundary >= _PLAIN:
        expect_heap("a request with numbers of 2**29 or more")
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
    if (require | prefer) & forbid:
        try:
            names = attribute_names((require | prefer) & forbid)
        except MemoryError:
            names = ""  # without heap there is no message either
        mistake("InvalidArgument", "{} is in forbid and in require or prefer: drop one", names)
    if region is not None and not isinstance(region, str) and not isinstance(region, Region):
        wrong_type("region", "a Region or the name of one", region)


def _check_size(size, in_bytes):
    integer(size, "nbytes, the number of bytes," if in_bytes else "n, the number of frames,")
    if size == 0:
        mistake("ZeroAllocation", "cannot allocate {} = 0: ask for at least one", "nbytes" if in_bytes else "n")
    if size < 0:
        mistake(
            "InvalidArgument", "cannot allocate {} = {}: give a positive number", "nbytes" if in_bytes else "n", size
        )


def _exhausted(n, nbytes, align, boundary, low, high, require, forbid, region):
    """Raise MemoryError with what was asked for and what each region that suits has."""
    try:
        sentence = _what_is_free(n, nbytes, align, boundary, low, high, require, forbid, region)
    except MemoryError:
        exhausted(None)
    exhausted("{}", sentence)


def _what_is_free(n, nbytes, align, boundary, low, high, require, forbid, region):
    asked = "%d bytes" % nbytes if n is None else "%d frames" % n
    for name, value in (("align", align), ("boundary", boundary), ("low", low), ("high", high)):
        if value:
            asked += ", %s %#x" % (name, value)
    found = [
        "%s has %d bytes free in %d run%s, at most %d in one" % ((candidate.name,) + _free_runs(candidate))
        for candidate in by_merit
        if candidate.attrs & (require | forbid) == require and suits(candidate, region)
    ]
    return "no place for %s: %s" % (asked, "; ".join(found))


def _free_runs(region):
    """Return the free bytes of `region`, its number of runs, the "s" of their plural, and the bytes of the longest."""
    frames = runs = longest = 0
    for _, count, free in region.runs():
        if free:
            frames += count
            runs += 1
            longest = max(longest, count)
    return frames << region.shift, runs, "" if runs == 1 else "s", longest << region.shift


class Request:
    """What could not be met: the argument of a hook of `on_exhausted`.

    `frames` is the number of frames asked for, or None; `nbytes` the number of bytes, or None. `align`, `boundary`,
    `low`, `high` (in bytes), `require`, `prefer`, `forbid` (bits), `region` and `owner` are the constraints, as in
    `allocate_frames`.
    """

    def __init__(self, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner):
        self.frames = n
        self.nbytes = nbytes
        self.align = align
        self.boundary = boundary
        self.low = low
        self.high = high
        self.require = require
        self.prefer = prefer
        self.forbid = forbid
        self.region = region
        self.owner = owner

    def suits(self, region):
        """Return whether frames that you free in `region`, a Region, can help: whether it could meet the request if all
        of it were free."""
        if not isinstance(region, Region):
            wrong_type("region", "a Region", region)
        if region not in by_merit or region.attrs & (self.require | self.forbid) != self.require:
            return False
        if not suits(region, self.region):
            return False
        count = self.frames or (self.nbytes + region.frame_size - 1) >> region.shift
        size = count << region.shift
        first = first_frame_from(region, self.low)
        if first >= region.frames:
            return False
        addr = region.base + (first << region.shift)
        addr += -addr % (self.align or 1)
        if self.boundary and (addr % self.boundary) + size > self.boundary:
            addr += -addr % self.boundary
            if size > self.boundary:
                return False
        end = region.base + (end_frame_before(region, self.high) << region.shift)
        return addr + size <= end

    def may_be_met(self):
        """Return whether a region suits."""
        return bool([region for region in by_merit if self.suits(region)])

    def free_bytes(self):
        """Return the bytes that are free in the regions that suit."""
        return sum([region.free_frames << region.shift for region in by_merit if self.suits(region)])


def _collect(request):
    """Run the garbage collector and return whether more frames are free: the hook until you set another."""
    free = request.free_bytes()
    gc.collect()
    return request.free_bytes() > free


_on_exhausted = _collect
relieving = False  # the hook is being called


def on_exhausted(hook):
    """Have ``hook(request)`` called when an allocation would raise MemoryError. Return the previous hook; the first one
    runs the garbage collector.

    The request tells what was asked for: `frames` or `nbytes` (the other is None), the constraints by their names, and
    ``suits(region)``, whether frames freed in that Region can help. The hook frees what it can spare and returns True
    to retry the request. It is called again as long as each call frees more in regions that suit. None switches it off.

    It is not called for what no region could meet even if it were empty, for raw calls, for deferred allocations, for
    `resize` and `allocate_scattered`, in an interrupt handler, in the early phase, without heap, or for what the hook
    itself allocates. An exception of the hook goes to the caller, whose request then has changed nothing. Each search
    that finds nothing counts in `failed`, before and after the hook. On a chip with two cores it is called on the core
    that made the request; meanwhile it is not called for the other core. MicroPython's collector must not run while the
    other core runs a program (docs/two_cores.md): set your own hook there, or None.
    """
    global _on_exhausted
    if hook is not None and not callable(hook):
        wrong_type("hook", "callable or None", hook)
    before = _on_exhausted
    _on_exhausted = hook
    return before


def _relieve(own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, zero):
    """Call the hook and retry the request as long as the hook frees something that helps; MemoryError after that."""
    global relieving
    if in_handler():
        for found in by_merit:
            if found.attrs & (require | forbid | SHARED) == require | SHARED and suits(found, region):
                exhausted(None)
        not_permitted_in_handler()
    wanted = None
    while own is own_frames and _on_exhausted is not None and not (physmem_system.early or relieving):
        try:
            if wanted is None:
                wanted = Request(n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner)
                if not wanted.may_be_met():
                    break
            free = wanted.free_bytes()
        except MemoryError:
            break  # there is no heap
        relieving = True
        try:
            again = _on_exhausted(wanted)
        finally:
            relieving = False
        if not again:
            break
        try:
            return request(
                own, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, zero, relief=False
            )
        except MemoryError:
            pass
        try:
            if wanted.free_bytes() <= free:
                break
        except MemoryError:
            break  # the hook has used up the heap
    _exhausted(n, nbytes, align, boundary, low, high, require, forbid, region)


@micropython.native
def allocate_frames(
    n, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None, zero=False
):
    """Allocate `n` contiguous frames and return AllocatedFrames. MemoryError if no place for them is free.

    The constraints are in bytes. The address is a multiple of `align`; the frames do not cross a multiple of
    `boundary`; they lie at `low` or above and end at `high` or below. The region has the attributes `require`, if
    possible also `prefer`, and none of `forbid`: bits, such as ``DMA | FAST``, or their names, such as "DMA FAST". It
    is `region`, a Region or a name, if you give one. `owner` is kept with the frames. With `zero` the content is zeros;
    otherwise it is what was there before. Works in interrupt handlers on SHARED regions, with numbers for attributes.
    Sources: Theseus' allocate_frames; FreeBSD's vm_page_alloc_contig for the constraints.
    """
    special = True
    frame = -1
    try:
        special = align or not (
            align is boundary is low is require is prefer is forbid
            and high is region is owner is None
            and zero is False
        )
        if not special:
            for found in _unwatched:
                frame = found.alloc(n)
                if frame >= 0:
                    frames = AllocatedFrames()
                    frames._held = [found, frame << _STATE_BITS, n, None, 0, None]
                    return frames
    except TypeError:
        pass  # reported more clearly below
    except MemoryError:
        if frame >= 0:
            return own_frames(found, frame, n, None, 0, False)
    if special or not _unwatched:
        return request(own_frames, n, None, align, boundary, low, high, require, prefer, forbid, region, owner, zero)
    check_request(n, False, 0, 0, 0, None, 0, 0, 0, None)
    return _relieve(own_frames, n, None, 0, 0, 0, None, 0, 0, 0, None, None, False)


@micropython.native
def allocate_frames_by_bytes(
    nbytes, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None, zero=False
):
    """Allocate as many contiguous frames as `nbytes` bytes need; otherwise as `allocate_frames`."""
    return request(own_frames, None, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, zero)


_note_tag = None  # set by the debug tiers with `tell_tags_to`
_note_frames = None  # set by physmem_scope with `tell_frames_to`
_unwatched = by_merit  # the regions that the shortest way may use: none while somebody wants to be told


def tell_tags_to(note):
    """Have ``note(region, first, count, owner)`` called for each allocation by object with an `owner`; None stops that.
    It tells the debug tiers who owns what."""
    global _note_tag
    _note_tag = note


def tell_frames_to(note):
    """Have ``note(frames)`` called for each AllocatedFrames that is not of an interrupt handler; None stops that. It
    tells the scopes what to free."""
    global _note_frames, _unwatched
    _note_frames = note
    _unwatched = by_merit if note is None else ()


def own_frames(found, first, count, owner, slack, zero):
    """Return an owner of the frames just allocated, filled with zeros if `zero`. After any error they are free."""
    try:
        if zero:
            fill_frames(found, first, count, 0)
        if owner is not None and _note_tag is not None:
            _note_tag(found, first, count, owner)
        frames = new_frames(found, first, count, owner, slack)
        if _note_frames is not None and not in_handler():
            _note_frames(frames)
        return frames
    except BaseException:  # a tuple of some errors would need heap
        found.free(first)
        raise


def own_deferred(found, first, count, owner, slack, zero):
    """Return a spare owner of the frames just allocated, and its action; otherwise as `own_frames`."""
    try:
        if zero:
            fill_frames(found, first, count, 0)
        if owner is not None and _note_tag is not None:
            _note_tag(found, first, count, owner)
        pair = take_spare(found, first, count, owner, slack)
        if _note_frames is not None and not in_handler():
            _note_frames(pair[0])
        return pair
    except BaseException:
        found.free(first)
        raise


def allocate_frames_at(addr, n, *, owner=None, unknown=False, zero=False):
    """Allocate `n` frames, the first of which contains the address `addr`, and return AllocatedFrames.

    This is the only way to get frames of a reserved region. AddressNotFree if any of the frames is in use or in another
    region; AddressOutOfRange if no region has them all. `owner` and `zero` as in `allocate_frames`.

    With `unknown` an address that no region has is taken for memory or registers that are there, as in Theseus: it gets
    a reserved region of its own, and frames that run past the end of a reserved region extend it, unless they meet
    another region. Source: Theseus' allocate_frames_at.
    """
    _check_size(n, False)
    return request_at(addr, n, None, owner, unknown, zero, own_frames)


def allocate_frames_by_bytes_at(addr, nbytes, *, owner=None, unknown=False, zero=False):
    """Allocate the frames that contain the `nbytes` bytes from the address `addr` on; otherwise as
    `allocate_frames_at`. `nbytes` and `view` of the result start at the first frame, not at `addr`, and end with the
    last byte that you asked for."""
    _check_size(nbytes, True)
    return request_at(addr, None, nbytes, owner, unknown, zero, own_frames)


def request_at(addr, n, nbytes, owner, unknown, zero, own):
    """Allocate `n` frames from the one at `addr` on, or as many as `nbytes` bytes touch if `n` is None, and return
    ``own(region, first, count, owner, slack, zero)``. Needs no heap for addresses inside a region, even large ones."""
    expect_initialized()
    integer(addr, "addr")
    boolean(unknown, "unknown")
    boolean(zero, "zero")
    if _note_frames is not None and not in_handler():
        expect_heap("an allocation in a scope()")
    if addr < 0:
        mistake("AddressOutOfRange", "there is no addr {}: addresses start at 0", addr)
    if nbytes is not None and nbytes >= _PLAIN:
        expect_heap("a request for 2**29 bytes or more")
    found = region_at(addr)
    slack = 0
    if found is not None:
        first, count = frame_of(addr, found.base, found.shift), n
        if n is None:
            end = offset_in_frame(addr, found.frame_size) + nbytes
            count = (end + found.frame_size - 1) >> found.shift
            slack = (count << found.shift) - end
    if found is None or count > found.frames - first:
        if not unknown or (found is not None and not found.attrs & RESERVED):
            mistake(
                "AddressOutOfRange",
                "no region has all of {} = {} from addr {:#x} on: use unknown=True where none or a reserved one is",
                "nbytes" if n is None else "n",
                nbytes if n is None else n,
                addr,
            )
        try:
            found = reserved_region(found, addr, n, nbytes)
            first = found.frame(addr)
            count = found.frames - first
            if n is None:
                slack = found.end - addr - nbytes
        except MemoryError:
            needs_heap("a region for unknown addresses")
    return own(found, _placed(found, first, count), count, owner, slack, zero)


def _placed(found, first, n):
    """Allocate the `n` frames of `found` from `first` on, and return `first`."""
    frame = found.alloc_at(first, n)
    if frame == NOT_PERMITTED:
        not_permitted_in_handler()
    if frame == ADDRESS_NOT_FREE:
        mistake("AddressNotFree", "not all of the {} frames from frame {} of {} on are free", n, first, found.name)
    if frame < 0:
        mistake("AddressOutOfRange", "{} frames from frame {} on are not all in {}", n, first, found.name)
    return frame


def allocate_frames_deferred(
    n,
    at=None,
    *,
    align=0,
    boundary=0,
    low=0,
    high=None,
    require=0,
    prefer=0,
    forbid=0,
    region=None,
    owner=None,
    unknown=False,
    zero=False,
):
    """Allocate `n` frames, at the address `at` or anywhere, without heap, and return ``(frames, action)``.

    You can use the frames at once. The bookkeeping that needs heap waits in the DeferredAllocAction, for a commit or
    for the scheduler. Works with the heap locked and, on SHARED regions, in a hard interrupt handler. MemoryError also
    if the 32 spare owners are used up: that many allocations fit between two commits. `unknown` as in
    `allocate_frames_at`, with heap; the others as in `allocate_frames`. Source: Theseus' allocate_frames_deferred, on
    which its other routines rest.
    """
    if n is None:
        _check_size(n, False)
    if at is None:
        boolean(unknown, "unknown")
        return request(own_deferred, n, None, align, boundary, low, high, require, prefer, forbid, region, owner, zero)
    _check_size(n, False)
    return request_at(integer(at, "at"), n, None, owner, unknown, zero, own_deferred)


def allocate_frames_by_bytes_deferred(
    nbytes,
    at=None,
    *,
    align=0,
    boundary=0,
    low=0,
    high=None,
    require=0,
    prefer=0,
    forbid=0,
    region=None,
    owner=None,
    unknown=False,
    zero=False,
):
    """Allocate as `allocate_frames_deferred` does, with the size in bytes."""
    if nbytes is None:
        _check_size(nbytes, True)
    if at is None:
        boolean(unknown, "unknown")
        return request(
            own_deferred, None, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, zero
        )
    _check_size(nbytes, True)
    return request_at(integer(at, "at"), None, nbytes, owner, unknown, zero, own_deferred)


@micropython.native
def dma_ring(nbytes, *, owner=None, zero=False):
    """Allocate `nbytes` bytes that DMA reaches, at a multiple of `nbytes`, a power of two; return AllocatedFrames.

    They are in FAST memory if possible. A ring smaller than a frame is at the start of one; its `nbytes` is the ring's.
    UnalignedAddress if `nbytes` is not a power of two; other errors, `owner` and `zero` as `allocate_frames`.
    """
    if integer(nbytes, "nbytes") >= _PLAIN:
        expect_heap("dma_ring() of 2**29 bytes or more")
    if nbytes > 0 and nbytes & (nbytes - 1):
        mistake("UnalignedAddress", "a ring of {} bytes cannot be aligned to its size: give a power of two", nbytes)
    return request(own_frames, None, nbytes, nbytes, 0, 0, None, DMA, FAST, 0, None, owner, zero)


def allocate_scattered(n, *, require=0, prefer=0, forbid=0, region=None, owner=None, zero=False):
    """Allocate `n` frames of one region in as few runs as there are; return a list of AllocatedFrames, longest first.

    All of them or none: MemoryError if no region that suits has `n` free frames, and no hook of `on_exhausted` is
    called. The regions are tried in the order of `allocate_frames`; the other arguments are as there. Use it where the
    pieces need not be adjacent, as for a chain of DMA descriptors. Needs heap.
    """
    expect_heap("allocate_scattered()")
    require = attributes(require, "require")
    prefer = attributes(prefer, "prefer")
    forbid = attributes(forbid, "forbid")
    check_request(n, False, 0, 0, 0, None, require, prefer, forbid, region)
    boolean(zero, "zero")
    return _scatter(n, require, prefer, forbid, region, owner, zero)


def _scatter(n, require, prefer, forbid, region, owner, zero):
    suitable = [found for found in by_merit if found.attrs & (require | forbid) == require and suits(found, region)]
    if not suitable:
        _no_region_suits(require, forbid, region)
    for preferred in (True, False):
        for found in suitable:
            if (found.attrs & prefer == prefer) == preferred:
                pieces = _pieces(found, n, owner, zero)
                if pieces:
                    return pieces
    _exhausted(n, None, 0, 0, 0, None, require, forbid, region)


def _pieces(found, n, owner, zero):
    """Return owners of `n` frames of `found` in as few runs as possible; an empty list if it has not so many free."""
    pieces = [None]  # room for the next, so that no owner is lost for want of heap
    left = n
    try:
        while left and found.free_frames >= left:
            run = min(left, found.largest_free())
            frame = found.alloc(run) if run else -1
            if frame == NOT_PERMITTED:
                not_permitted_in_handler()
            if frame >= 0:  # otherwise a handler or the other core took the run: look again
                left -= run
                pieces[-1] = own_frames(found, frame, run, owner, 0, zero)
                pieces.append(None)
        if not left:
            pieces.pop()
            return pieces
    except BaseException:
        _free_all(pieces)
        raise
    _free_all(pieces)
    return []


def _free_all(pieces):
    for frames in pieces:
        if frames is not None:
            frames.free()


def inspect_then_allocate(chooser, *, owner=None, zero=False):
    """Call ``chooser(region, first, count)`` for each run of free frames, by address, until it picks some.

    The chooser returns None for the next run, STOP to stop, or ``(first, n)``: `n` frames within that run. Return
    AllocatedFrames, or None if nothing was picked. The chooser may allocate and free; a pick that is no longer free is
    AddressNotFree. Reserved regions are left out. `owner` and `zero` as in `allocate_frames`. Needs heap. Source:
    Theseus' inspect_then_allocate_free_frames, which deadlocks if its chooser allocates or frees.
    """
    expect_initialized()
    if not callable(chooser):
        wrong_type("chooser", "callable", chooser)
    boolean(zero, "zero")
    expect_heap("inspect_then_allocate()")
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
            return own_frames(found, _placed(found, frame, n), n, owner, 0, zero)
    return None
