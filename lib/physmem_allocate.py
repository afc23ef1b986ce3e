"""Requests for frames: the ``allocate_frames`` family, how a request finds its region, and what happens when no memory
is left.

The arguments behind `_by_name` are to be given by name: see `physmem_errors.given_by_position`.
"""

import gc

import micropython
import physmem_engine as engine
import physmem_errors as errors
import physmem_region
import physmem_system
from micropython import const
from physmem_engine import in_handler
from physmem_frames import AllocatedFrames, fill_frames, new_instance, set_attribute, take_spare
from physmem_system import by_merit, suits

# Constants of another file would be looked up at each call: as physmem_frames, physmem_region and physmem_engine have
# them.
_DMA = const(1)
_FAST = const(2)
_DMA_FAST = const(3)
_CACHED = const(4)
_DMA_CACHED = const(5)
_DMA_FAST_CACHED = const(7)
_SHARED = const(32)
_RESERVED = const(64)
_MASTERS = const(-127)  # DMA and the bus masters of the memory plan, all bits from 128 upwards
_ADDRESS_NOT_FREE = const(-7)
_NOT_PERMITTED = const(-8)

UNTRIED = const(-99)  # less than what a raw call returns: no region was asked
_PLAIN = const(1 << 29)  # addresses, sizes and alignments below it are small integers, which the raw calls take


@micropython.native
def own_frames(found, first, count, owner, slack, zero):
    """Return an owner of the frames just allocated, filled with zeros if `zero`. After any error they are free."""
    try:
        if zero:
            fill_frames(found, first, count, 0)
        if owner is not None and _note_tag is not None:
            _note_tag(found, first, count, owner)
        try:
            frames = new_instance(AllocatedFrames)
            set_attribute(frames, "_held", [found, first, count, owner, slack, None, 0])
        except MemoryError:
            frames = take_spare(found, first, count, owner, slack)[0]
        if _note_frames is not None and not in_handler():
            _note_frames(frames)
        return frames
    except BaseException as error:  # a tuple of some errors would need heap
        found.free(first)
        raise error


@micropython.native
def request(
    n,
    align,
    boundary,
    low,
    high,
    require,
    prefer,
    forbid,
    region,
    owner,
    zero,
    nbytes=None,
    own=own_frames,
    relief=True,
):
    """Allocate `n` frames, or enough for `nbytes` if `n` is None, and return ``own(region, first, count, owner, slack,
    zero)``, where `slack` is in bytes what is more than `nbytes`.

    Tries the regions in the order of `by_merit`, so that what could live anywhere does not take special memory.
    Regions with all preferred attributes come first. If DMA or another bus master must reach the frames, all of this is
    tried without CACHED regions before it is tried with them, unless the request itself speaks of CACHED. With `relief`
    the hook of `on_exhausted` may free something before the request fails.

    Each signature from here on lists the constraints one by one: a tuple of them would need heap.
    """
    size = nbytes if n is None else n
    if zero is not False and zero is not True:
        errors.wrong_type("zero", "a bool", zero)
    if _note_frames is not None and not in_handler():
        errors.expect_heap("an allocation in a scope()")
    try:
        attrs = require | prefer | forbid
        # One expression recognises a plainly valid request; any other is checked argument by argument.
        plain = size > 0 <= (align | boundary | low | attrs | size) < _PLAIN and high is region is None
        plain = plain and not ((align & (align - 1)) | (boundary & (boundary - 1)) | ((require | prefer) & forbid))
        plain = plain and by_merit and attrs < (_RESERVED << 1)
    except TypeError:
        plain = False
    except MemoryError:  # there is no heap for numbers that are not small
        plain = False
    if not plain:
        require = physmem_region.attributes(require, "require")
        prefer = physmem_region.attributes(prefer, "prefer")
        forbid = physmem_region.attributes(forbid, "forbid")
        check_request(size, n is None, align, boundary, low, high, require, prefer, forbid, region)
    anywhere = plain and not (boundary | low)
    suitable = False
    tried = False
    wanted = require | prefer
    refused = forbid
    if require & _MASTERS and not (wanted | forbid) & _CACHED:
        refused |= _CACHED
    passed = 0
    while True:
        for candidate in by_merit:
            attrs = candidate.attrs
            if attrs & (wanted | refused) != wanted or (passed and attrs & passed == passed):
                continue
            if region is not None and not suits(candidate, region):
                continue
            suitable = True
            count = -(-nbytes >> candidate.shift) if n is None else n
            if boundary and boundary < (count << candidate.shift):
                continue
            tried = True
            if not anywhere:
                if count > candidate.frames:
                    continue
                frame = candidate.allocate_within(count, align, boundary, low, high)
            elif align <= 1 << candidate.shift:
                frame = candidate.alloc(count)
            else:
                frame = candidate.alloc_aligned(count, align >> candidate.shift)
            if frame >= 0:
                return own(
                    candidate, frame, count, owner, (count << candidate.shift) - nbytes if n is None else 0, zero
                )
        if wanted & prefer & ~require:
            # Now try the regions that were passed over because they lack a preferred attribute.
            wanted &= require | ~prefer
            passed = prefer
        elif refused != forbid:
            refused = forbid  # and now the CACHED regions
            wanted = require | prefer | _CACHED
            passed = 0
        else:
            break
    if not suitable:
        no_region_suits(require, forbid, region)
    if not tried:
        errors.mistake(
            "SizeMismatch",
            "{} {} do not fit within a boundary of {} bytes: give a larger boundary",
            size,
            "bytes" if n is None else "frames",
            boundary,
        )
    if relief:
        return relieve(n, align, boundary, low, high, require, prefer, forbid, region, owner, zero, nbytes, own)
    nothing_is_free(n, nbytes, align, boundary, low, high, require, forbid, region)


def _requests():
    """Load and return physmem_requests, which only requests that fail need. MemoryError without heap for it."""
    try:
        return errors.load("physmem_requests", "the message of a request")
    except errors.PhysMemError:
        raise MemoryError  # noqa: B904 - MicroPython warns of "from"


def no_region_suits(require, forbid, region):
    """Raise InvalidArgument because no region has these attributes and is `region`."""
    try:
        sentence = _requests().why_no_region_suits(require, forbid, region)
    except MemoryError:
        sentence = "no region suits: see physmem.map() for what there is"
    errors.mistake("InvalidArgument", "{}", sentence)


def nothing_is_free(n, nbytes, align, boundary, low, high, require, forbid, region):
    """Raise MemoryError with what was asked for and what each region that suits has."""
    try:
        sentence = _requests().what_is_free(n, nbytes, align, boundary, low, high, require, forbid, region)
    except MemoryError:
        sentence = None
    errors.exhausted(sentence and "{}", sentence)


def check_request(size, in_bytes, align, boundary, low, high, require, prefer, forbid, region):
    """Raise an error if the request is not valid; `size` is in bytes if `in_bytes`, else in frames.

    NotPermitted if there is no heap to compute with sizes or alignments of 2**29 or more.
    """
    physmem_system.expect_initialized()
    _check_size(size, in_bytes)
    errors.integer(align, "align")
    errors.integer(boundary, "boundary")
    errors.integer(low, "low")
    if high is not None:
        errors.integer(high, "high")
    if ((in_bytes or boundary) and size >= _PLAIN) or align >= _PLAIN or boundary >= _PLAIN:
        errors.expect_heap("a request with numbers of 2**29 or more")
    if align and not errors.power_of_two(align):
        errors.mistake("UnalignedAddress", "align {} is not a power of two: give one, in bytes", align)
    if boundary and not errors.power_of_two(boundary):
        errors.mistake("UnalignedAddress", "boundary {} is not a power of two: give one, in bytes", boundary)
    if low < 0 or (high is not None and high <= low):
        errors.mistake(
            "AddressOutOfRange",
            "there is no address from low {} to high {}: give a low of 0 or more, and a high above it",
            low,
            high,
        )
    if (require | prefer) & forbid:
        try:
            names = _requests().attribute_names((require | prefer) & forbid)
        except MemoryError:
            names = ""  # without heap there is no message either
        errors.mistake("InvalidArgument", "{} is in forbid and in require or prefer: drop one", names)
    if region is not None and not isinstance(region, str) and not isinstance(region, physmem_region.Region):
        errors.wrong_type("region", "a Region or the name of one", region)


def _check_size(size, in_bytes):
    errors.integer(size, "nbytes, the number of bytes," if in_bytes else "n, the number of frames,")
    if size == 0:
        errors.mistake("ZeroAllocation", "cannot allocate {} = 0: ask for at least one", "nbytes" if in_bytes else "n")
    if size < 0:
        errors.mistake(
            "InvalidArgument", "cannot allocate {} = {}: give a positive number", "nbytes" if in_bytes else "n", size
        )


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
        errors.wrong_type("hook", "callable or None", hook)
    before = _on_exhausted
    _on_exhausted = hook
    return before


def relieve(n, align, boundary, low, high, require, prefer, forbid, region, owner, zero, nbytes, own=own_frames):
    """Call the hook and retry the request as long as the hook frees something that helps; MemoryError after that."""
    global relieving
    if in_handler():
        for found in by_merit:
            if found.attrs & (require | forbid | _SHARED) == require | _SHARED and suits(found, region):
                errors.exhausted(None, None)
        errors.not_permitted_in_handler()
    wanted = None
    while own is own_frames and _on_exhausted is not None and not (physmem_system.early or relieving):
        try:
            if wanted is None:
                wanted = _requests().Request(
                    n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner
                )
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
                n, align, boundary, low, high, require, prefer, forbid, region, owner, zero, nbytes, own, False
            )
        except MemoryError:
            pass
        try:
            if wanted.free_bytes() <= free:
                break
        except MemoryError:
            break  # the hook has used up the heap
    nothing_is_free(n, nbytes, align, boundary, low, high, require, forbid, region)


def relieve_plain(n, own):
    """Do what `relieve` does for `n` frames without constraints, which no region has; raise an error if `n` is not
    valid."""
    check_request(n, False, 0, 0, 0, None, 0, 0, 0, None)
    return relieve(n, 0, 0, 0, None, 0, 0, 0, None, None, False, None, own)


# Each variable, and each value that an expression holds meanwhile, is a word of stack for as long as the heap is at
# work. So the frame is stored in one place, and `request` is called with as few arguments as it needs.


@micropython.native
def allocate_frames(
    n,
    _by_name=...,
    align=0,
    boundary=0,
    low=0,
    high=None,
    require=0,
    prefer=0,
    forbid=0,
    region=None,
    owner=None,
    zero=False,
):
    """``allocate_frames(n, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None,
    owner=None, zero=False)``: allocate `n` contiguous frames and return AllocatedFrames. MemoryError if no place for
    them is free.

    The constraints are in bytes. The address is a multiple of `align`; the frames do not cross a multiple of
    `boundary`; they lie at `low` or above and end at `high` or below. The region has the attributes `require`, if
    possible also `prefer`, and none of `forbid`: bits, such as ``DMA | FAST``, or their names, such as "DMA FAST". With
    DMA or a bus master of the board in `require` and CACHED in none of the three, CACHED regions are tried last. It is
    `region`, a Region or a name, if you give one. `owner` is kept with the frames. With `zero` the content is zeros;
    otherwise it is what was there before. Works in interrupt handlers on SHARED regions, with numbers for attributes.
    ZeroAllocation for no frames, UnalignedAddress for an `align` or a `boundary` that is not a power of two,
    SizeMismatch for a `boundary` of fewer bytes than you ask for, AddressOutOfRange where `low` is not below `high`,
    InvalidArgument if no region suits.
    Sources: Theseus' allocate_frames; FreeBSD's vm_page_alloc_contig for the constraints.
    """
    frame = UNTRIED
    try:
        if (
            not (align or low or prefer or high)
            and (align is boundary and low is require and prefer is forbid and high is region)
            and owner is None
            and zero is False
            and _by_name is ...
        ):
            _by_name = new_instance(AllocatedFrames)
            region = _unwatched[0]
            frame = region.alloc(n)
            if frame < 0:
                owner = region
                for region in _unwatched:
                    if region is not owner:
                        frame = region.alloc(n)
                        if frame >= 0:
                            break
            if frame >= 0:
                set_attribute(_by_name, "_held", [region, frame, n, None, 0, None, 0])
                return _by_name
            _by_name = ...
            region = owner = None
    except TypeError:
        frame = UNTRIED  # reported more clearly below
        _by_name = ...
        region = owner = None
    except IndexError:
        _by_name = ...  # there is no region
    except MemoryError:
        if frame >= 0:
            return own_frames(region, frame, n, None, 0, False)
        if frame == UNTRIED:
            return allocate_frames_deferred(n)[0]  # with a spare owner
    if _by_name is not ...:
        errors.given_by_position()
    if n is None:  # request() would take it for bytes
        _check_size(n, False)
    if frame == UNTRIED:
        return request(n, align, boundary, low, high, require, prefer, forbid, region, owner, zero)
    return relieve_plain(n, own_frames)


@micropython.native
def allocate_frames_by_bytes(
    nbytes,
    _by_name=...,
    align=0,
    boundary=0,
    low=0,
    high=None,
    require=0,
    prefer=0,
    forbid=0,
    region=None,
    owner=None,
    zero=False,
):
    """Allocate as many contiguous frames as `nbytes` bytes need; otherwise as `allocate_frames`."""
    if _by_name is not ...:
        errors.given_by_position()
    return request(None, align, boundary, low, high, require, prefer, forbid, region, owner, zero, nbytes)


_note_tag = None  # set by the debug tiers with `tell_tags_to`
_note_frames = None  # set by physmem_scope with `tell_frames_to`
_unwatched = by_merit  # the regions that the shortest ways may use: see `tell_frames_to`


def tell_tags_to(note):
    """Have ``note(region, first, count, owner)`` called for each allocation by object with an `owner`; None stops that.
    It tells the debug tiers who owns what."""
    global _note_tag
    _note_tag = note


def tell_frames_to(note, instead):
    """Have ``note(frames)`` called for each AllocatedFrames that is not of an interrupt handler; None stops that. It
    tells the scopes what to free.

    Meanwhile the shortest ways ask `instead`, not the regions: a tuple of one object whose `attrs` is 0 and whose
    ``alloc(n)`` returns UNTRIED, which sends them the long way.
    """
    global _note_frames, _unwatched
    _note_frames = note
    _unwatched = by_merit if note is None else instead


@micropython.native
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
    except BaseException as error:
        found.free(first)
        raise error


def allocate_frames_at(addr, n, _by_name=..., owner=None, unknown=False, zero=False):
    """``allocate_frames_at(addr, n, *, owner=None, unknown=False, zero=False)``: allocate `n` frames, the first of
    which contains the address `addr`, and return AllocatedFrames.

    This is the only way to get frames of a reserved region. AddressNotFree if any of the frames is in use or in another
    region; AddressOutOfRange if no region has them all. `owner` and `zero` as in `allocate_frames`.

    With `unknown` an address that no region has is taken for memory or registers that are there, as in Theseus: it gets
    a reserved region of its own, and frames that run past the end of a reserved region extend it, unless they meet
    another region. Source: Theseus' allocate_frames_at.
    """
    if _by_name is not ...:
        errors.given_by_position()
    _check_size(n, False)
    return request_at(addr, n, None, owner, unknown, zero, own_frames)


def allocate_frames_by_bytes_at(addr, nbytes, _by_name=..., owner=None, unknown=False, zero=False):
    """Allocate the frames that contain the `nbytes` bytes from the address `addr` on; otherwise as
    `allocate_frames_at`. `nbytes` and `view` of the result start at the first frame, not at `addr`, and end with the
    last byte that you asked for."""
    if _by_name is not ...:
        errors.given_by_position()
    _check_size(nbytes, True)
    return request_at(addr, None, nbytes, owner, unknown, zero, own_frames)


def request_at(addr, n, nbytes, owner, unknown, zero, own):
    """Allocate `n` frames from the one at `addr` on, or as many as `nbytes` bytes touch if `n` is None, and return
    ``own(region, first, count, owner, slack, zero)``. Needs no heap for addresses inside a region, even large ones."""
    physmem_system.expect_initialized()
    errors.integer(addr, "addr")
    errors.boolean(unknown, "unknown")
    errors.boolean(zero, "zero")
    if _note_frames is not None and not in_handler():
        errors.expect_heap("an allocation in a scope()")
    if addr < 0:
        errors.mistake("AddressOutOfRange", "there is no address {}: give 0 or more", addr)
    if nbytes is not None and nbytes >= _PLAIN:
        errors.expect_heap("a request for 2**29 bytes or more")
    found = physmem_system.region_at(addr)
    slack = 0
    if found is not None:
        first, count = engine.frame_of(addr, found.base, found.shift), n
        if n is None:
            end = engine.offset_in_frame(addr, found.frame_size) + nbytes
            count = (end + found.frame_size - 1) >> found.shift
            slack = (count << found.shift) - end
    if found is None or count > found.frames - first:
        if not unknown or (found is not None and not found.attrs & _RESERVED):
            errors.mistake(
                "AddressOutOfRange",
                "no region has all of {} = {} from addr {:#x} on: use unknown=True where none or a reserved one is",
                "nbytes" if n is None else "n",
                nbytes if n is None else n,
                addr,
            )
        try:
            found = physmem_system.reserved_region(found, addr, n, nbytes)
            first = found.frame(addr)
            count = found.frames - first
            if n is None:
                slack = found.end - addr - nbytes
        except MemoryError:
            errors.needs_heap("a region for unknown addresses")
    return own(found, place(found, first, count), count, owner, slack, zero)


def place(found, first, n):
    """Allocate the `n` frames of `found` from `first` on, and return `first`."""
    frame = found.alloc_at(first, n)
    if frame == _NOT_PERMITTED:
        errors.not_permitted_in_handler()
    if frame == _ADDRESS_NOT_FREE:
        text = "not all of the {} frames from frame {} of {} on are free: see allocations() for what is in use"
        errors.mistake("AddressNotFree", text, n, first, found.name)
    if frame < 0:
        text = "{} frames from frame {} on are not all in {}: see regions() for what there is"
        errors.mistake("AddressOutOfRange", text, n, first, found.name)
    return frame


@micropython.native
def allocate_frames_deferred(
    n,
    at=None,
    _by_name=...,
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
    """``allocate_frames_deferred(n, at=None, *, unknown=False, ...)``: allocate `n` frames, at the address `at` or
    anywhere, without heap, and return ``(frames, action)``.

    You can use the frames at once. The bookkeeping that needs heap waits in the DeferredAllocAction, for a commit or
    for the scheduler. Works with the heap locked and, on SHARED regions, in a hard interrupt handler. MemoryError also
    if the spare owners are used up: 32, `SPARE_OWNERS` of the memory plan, or 8 without a plan fit between two
    commits. `unknown` as in `allocate_frames_at`, with heap; the others as in `allocate_frames`. Source: Theseus'
    allocate_frames_deferred, on which its other routines rest.
    """
    frame = UNTRIED
    try:
        if (
            not (align or low or prefer or high)
            and (align is boundary and low is require and prefer is forbid and high is region)
            and at is owner is None
            and unknown is zero is False
            and _by_name is ...
        ):
            for found in _unwatched:
                frame = found.alloc(n)
                if frame >= 0:
                    return take_spare(found, frame, n, None, 0)
    except TypeError:
        frame = UNTRIED  # reported more clearly below
    except BaseException as error:  # a tuple of some errors would need heap
        if frame >= 0:
            found.free(frame)
        raise error
    if _by_name is not ...:
        errors.given_by_position()
    if frame != UNTRIED:
        return relieve_plain(n, own_deferred)
    if n is None:
        _check_size(n, False)
    if at is None:
        errors.boolean(unknown, "unknown")
        return request(n, align, boundary, low, high, require, prefer, forbid, region, owner, zero, None, own_deferred)
    _check_size(n, False)
    return request_at(errors.integer(at, "at"), n, None, owner, unknown, zero, own_deferred)


def allocate_frames_by_bytes_deferred(
    nbytes,
    at=None,
    _by_name=...,
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
    if _by_name is not ...:
        errors.given_by_position()
    if nbytes is None:
        _check_size(nbytes, True)
    if at is None:
        errors.boolean(unknown, "unknown")
        return request(
            None, align, boundary, low, high, require, prefer, forbid, region, owner, zero, nbytes, own_deferred
        )
    _check_size(nbytes, True)
    return request_at(errors.integer(at, "at"), None, nbytes, owner, unknown, zero, own_deferred)


@micropython.native
def dma_ring(nbytes, _by_name=..., owner=None, zero=False):
    """``dma_ring(nbytes, *, owner=None, zero=False)``: allocate `nbytes` bytes that DMA reaches, at a multiple of
    `nbytes`, a power of two; return AllocatedFrames.

    They are in memory that is not CACHED if possible, and of that in FAST memory. A ring smaller than a frame is at the
    start of one; its `nbytes` is the ring's. UnalignedAddress if `nbytes` is not a power of two; other errors, `owner`
    and `zero` as `allocate_frames`. Source: RING_SIZE of the DMA of RP2040 and RP2350, in CH0_CTRL_TRIG.
    """
    tried = False
    frame = -1
    try:
        if owner is None and zero is False and _by_name is ... and 0 < nbytes < _PLAIN and not nbytes & (nbytes - 1):
            wanted = _DMA_FAST
            while wanted:
                for found in _unwatched:
                    if found.attrs & _DMA_FAST_CACHED == wanted:
                        tried = True
                        shift = found.shift
                        count = nbytes >> shift
                        if count > 1:
                            slack = 0
                            frame = found.alloc_aligned(count, count)
                        else:
                            count = 1
                            slack = (1 << shift) - nbytes
                            frame = found.alloc(1)
                        if frame >= 0:
                            frames = new_instance(AllocatedFrames)
                            set_attribute(frames, "_held", [found, frame, count, None, slack, None, 0])
                            return frames
                if wanted & _FAST:
                    wanted &= _DMA_CACHED
                else:
                    wanted = _DMA_FAST_CACHED if wanted == _DMA else 0
    except TypeError:
        pass  # reported more clearly below
    except MemoryError:
        if frame >= 0:
            return own_frames(found, frame, count, None, slack, False)
    if _by_name is not ...:
        errors.given_by_position()
    if tried:
        return relieve(None, nbytes, 0, 0, None, _DMA, _FAST, 0, None, None, False, nbytes)
    if errors.integer(nbytes, "nbytes") >= _PLAIN:
        errors.expect_heap("dma_ring() of 2**29 bytes or more")
    if nbytes > 0 and nbytes & (nbytes - 1):
        errors.mistake(
            "UnalignedAddress", "a ring of {} bytes cannot be aligned to its size: give a power of two", nbytes
        )
    return request(None, nbytes, 0, 0, None, _DMA, _FAST, 0, None, owner, zero, nbytes)
