"""Frames that survive resets: named ones with their content.

    log = physmem.retain("crash log", 4096)
    if not log.fresh:
        print(bytes(log.view[:80]))      # what was written before the reset

physmem_records keeps the records that remember them, physmem_recover takes back what they name after a reset, and
physmem_kept lists it.
"""

import physmem_errors
import physmem_frames
import physmem_records as records
import physmem_region
import physmem_system
from micropython import const
from physmem_allocate import check_request, own_frames, relieve, request
from physmem_engine import in_handler
from physmem_records import expect_room, give_turn, load_word, named, take_turn

_NAMED = const(2)  # this and the next two as physmem_records has them
_COUNT = const(4)
_SLACK = const(5)
_RETAINED = const(16)  # as physmem_region has it
_SHARED = const(32)
_PLAIN = const(1 << 29)  # bytes: below it numbers are small integers


def expect_records():
    """Raise NotPermitted if the board keeps no records, NotInitialized before `boot`."""
    if not records.slots:
        physmem_system.expect_initialized()
        text = (
            "nothing can be retained: the memory plan has no RETAINED_RECORDS. Memory of the heap is not kept over a "
            "reset: add RETAINED_RECORDS, or claim memory with physmem_claim"
        )
        physmem_errors.mistake("NotPermitted", text)


def retain(
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
    region=None,
    owner=None,
    zero=False,
):
    """Serve `physmem.retain`, which says what this does."""
    if _by_name is not ...:
        physmem_errors.given_by_position()
    if not records.slots:
        expect_records()
    special = align or not (
        align is boundary is low is require is prefer is forbid and high is region is None and zero is False
    )
    if special:
        require = physmem_region.attributes(require, "require")
        prefer = physmem_region.attributes(prefer, "prefer")
        forbid = physmem_region.attributes(forbid, "forbid")
    require |= _RETAINED
    take_turn()
    try:
        slot = named(name)
        if slot >= 0:
            frames = records.owners[slot]
            # The same small integer is the same object.
            if special or frames is None or nbytes is not frames.nbytes:
                physmem_errors.boolean(zero, "zero")
                check_request(nbytes, True, align, boundary, low, high, require, prefer, forbid, region)
                frames = _kept(slot, name, nbytes, align, boundary, low, high, require, forbid, region, owner)
            return frames
        expect_room()  # before there is anything to undo
        before = records.written
    finally:
        give_turn()
    frames = None
    number = 0
    if not special and isinstance(nbytes, int) and 0 < nbytes < _PLAIN:
        # What `request` does, which takes more stack.
        for place in physmem_system.by_merit:
            if place.attrs & _RETAINED:
                shift = place.shift
                count = -(-nbytes >> shift)
                number = place.alloc(count)
                if number >= 0:
                    frames = own_frames(place, number, count, owner, (count << shift) - nbytes, False)
                    break
    if frames is None:
        ask = relieve if number < 0 else request
        frames = ask(None, align, boundary, low, high, require, prefer, forbid, region, owner, zero, nbytes)
    # The hook of an exhausted request, a function that the scheduler ran, or the other core may have retained a name
    # since, which is then refused.
    try:
        place, number, count, _, slack, _, _ = physmem_frames.hold_retained(frames)
        records.add(frames, place, number, count, slack, name, before)
    except BaseException:  # a tuple of errors would need heap
        frames.free()
        raise
    return frames


def _kept(slot, name, nbytes, align, boundary, low, high, require, forbid, region, owner):
    """Return the AllocatedFrames of the record in the slot, the same object each time, if the frames are as asked for.
    `require` includes RETAINED. Needs no heap."""
    place = records.region(slot)
    shift = place.shift
    count, slack = load_word(records.base, slot, _COUNT), load_word(records.base, slot, _SLACK)
    if nbytes != (count << shift) - slack:
        text = "{!r} is kept with {} bytes, not {}: release it first"
        physmem_errors.mistake("SizeMismatch", text, name, (count << shift) - slack, nbytes)
    # In frames, because an address may be an integer that takes heap.
    number = records.number(slot)
    first = number - physmem_region.first_number(place)
    align >>= shift
    across = boundary >> shift  # 0 is less than a frame
    if (
        (align and number % align)
        or (boundary and not (across and number // across == (number + count - 1) // across))
        or first < physmem_region.first_frame_from(place, low)
        or first > physmem_region.end_frame_before(place, high) - count
        or place.attrs & (require | forbid) != require
        or not physmem_system.suits(place, region)
    ):
        try:
            addr = place.addr(first)
        except MemoryError:
            addr = 0  # without heap there is no message either
        text = "{!r} is kept at {:#x} in {}, not as asked for: release it first"
        physmem_errors.mistake("InvalidArgument", text, name, addr, place.name)
    frames = records.owners[slot]
    if frames is None:
        records.expect_allocation(place, first, count)
        frames = physmem_frames.new_frames(place, first, count, owner, slack)
        physmem_frames.hold_retained(frames)
        records.owners[slot] = frames
        mapped = records.mapped_at(slot)
        if mapped >= 0:
            physmem_frames.hold_mapped(frames)
            records.owners[mapped] = frames
    return frames


def release(name):
    """Serve `physmem.release`, which says what this does."""
    if not records.slots:
        expect_records()
    take_turn()
    try:
        slot = named(name)
        if slot < 0:
            _not_retained(name)
        frames = records.owners[slot]
        if frames is not None:
            try:
                return frames.free()
            except physmem_errors.PhysMemError:
                if frames.state != physmem_frames.MAPPED:
                    raise
        elif records.mapped_at(slot) < 0:
            place = records.region(slot)
            if in_handler() and not place.attrs & _SHARED:
                physmem_errors.not_permitted_in_handler()
            first = records.number(slot) - physmem_region.first_number(place)
            records.expect_allocation(place, first, load_word(records.base, slot, _COUNT))
            records.erase(slot)
            return place.free(first)
        text = "hardware owns {!r}: retain() it, stop the hardware, unmap() it, then release() it"
        physmem_errors.mistake("NotPermitted", text, name)
    finally:
        give_turn()


def _not_retained(name):
    try:
        names = ", ".join(
            [
                records.name(slot)
                for slot in range(records.slots)
                if records.kinds[slot] == _NAMED and records.is_sound(records.base + (slot << 6))
            ]
        )
    except MemoryError:
        names = ""  # without heap there is no message either
    physmem_errors.mistake(
        "NotAllocated", "nothing is retained as {!r}: retain() it first; retained: {}", name, names or "none"
    )
