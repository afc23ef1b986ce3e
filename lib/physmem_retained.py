"""Frames that survive resets: named ones with their content, and those that hardware still owns.

    log = physmem.retain("crash log", 4096)
    if not log.fresh:
        print(bytes(log.view[:80]))      # what was written before the reset

physmem_records keeps the records that remember them.
"""

from collections import namedtuple

import physmem_state
from physmem_allocate import check_request, own_frames, request
from physmem_engine import in_handler
from physmem_errors import boolean, expect_heap, mistake, not_permitted_in_handler
from physmem_frames import hold_mapped, hold_retained, keep_records, new_frames, slack_of
from physmem_records import NAMED, RECORD_SIZE, Records, SharedRecords
from physmem_region import RESERVED, RETAINED, SHARED, attributes, end_frame_before, first_frame_from, first_number
from physmem_system import add_check, expect_initialized, retain_by, suits

Retained = namedtuple("Retained", ("name", "addr", "nbytes", "resets", "mapped"))
"""A retained name: the address of its memory, the bytes asked for, the number of resets it has been kept over, and
whether hardware owns it."""

_records = None


def attach(base, size):
    """Keep records in the `size` bytes at `base`, which may hold those of before a reset. `physmem.boot` calls it."""
    global _records
    _records = (SharedRecords if physmem_state.has_spin_lock() else Records)(base, size)
    keep_records(_records)
    add_check(_records.check)


def _attached():
    expect_initialized()
    if _records is None:
        mistake("NotPermitted", "nothing can be retained: the board's memory plan has no RETAINED_RECORDS")
    return _records


def retain(
    name,
    nbytes,
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
    zero=False,
):
    """Return the AllocatedFrames named `name`: those from before the reset with their content, or new ones.

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

    Needs no heap. Not for interrupt handlers: NotPermitted for a new name, and on a chip with two cores for any name,
    as for `release`.
    """
    records = _attached()
    try:
        are_bits = 0 <= require | prefer | forbid < RESERVED << 1
    except TypeError:
        are_bits = False
    if not are_bits:
        require = attributes(require, "require")
        prefer = attributes(prefer, "prefer")
        forbid = attributes(forbid, "forbid")
    require |= RETAINED
    with records:
        slot = records.named(name)
        if slot >= 0:
            check_request(nbytes, True, align, boundary, low, high, require, prefer, forbid, region)
            boolean(zero, "zero")
            if nbytes != records.nbytes(slot):
                text = "{!r} is kept with {} bytes, not {}: release it first"
                mistake("SizeMismatch", text, name, records.nbytes(slot), nbytes)
            place = records.region(slot)
            first = records.first(slot, place)
            _check_place(name, place, first, records.count(slot), align, boundary, low, high, require, forbid, region)
            return _owner_of(records, slot, place, first, owner)
        records.expect_room()  # before there is anything to undo
    frames = request(own_frames, None, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner, zero)
    # The hook of an exhausted request, a function that the scheduler ran, or the other core may have retained a name
    # since.
    try:
        with records:
            if records.named(name) >= 0:
                mistake(
                    "NotPermitted",
                    "{!r} was retained meanwhile by other code: retain() it again",
                    name,
                )
            slot = records.add(NAMED, frames, slack_of(frames), name)
            records.fresh[slot] = 1
            hold_retained(frames)
    except BaseException:  # a tuple of errors would need heap
        frames.free()
        raise
    return frames


def _owner_of(records, slot, place, first, owner):
    """Return the AllocatedFrames of the record in the slot, the same object each time."""
    if records.owners[slot] is None:
        records.expect_allocation(place, first, records.count(slot))
        frames = new_frames(place, first, records.count(slot), owner, records.slack(slot))
        hold_retained(frames)
        records.owners[slot] = frames
        mapped = records.mapped_at(slot)
        if mapped >= 0:
            hold_mapped(frames)
            records.owners[mapped] = frames
    return records.owners[slot]


def _check_place(name, place, first, count, align, boundary, low, high, require, forbid, region):
    """Raise InvalidArgument if the place of the retained frames does not meet the constraints."""
    # In frames, because an address may be an integer that takes heap.
    shift = place.shift
    number = first_number(place) + first
    align >>= shift
    if (
        (align and number % align)
        or (boundary and not _within(number, count, boundary >> shift))
        or not first_frame_from(place, low) <= first <= end_frame_before(place, high) - count
        or place.attrs & (require | forbid) != require
        or not suits(place, region)
    ):
        try:
            addr = place.addr(first)
        except MemoryError:
            addr = 0  # without heap there is no message either
        mistake(
            "InvalidArgument", "{!r} is kept at {:#x} in {}, not as asked for: release it first", name, addr, place.name
        )


def _within(number, count, boundary):
    """Return whether the frames cross no multiple of `boundary` frames. 0 is less than a frame."""
    return boundary > 0 and number // boundary == (number + count - 1) // boundary


def release(name):
    """Stop retaining `name` and free its frames, even if this run never asked for them. Return the number of frames.

    NotAllocated if there are none. NotPermitted if hardware owns them: `retain` and ``unmap()`` them first.
    InternalCorruption as for `retain`. Needs no heap.
    """
    records = _attached()
    with records:
        slot = records.named(name)
        if slot < 0:
            try:
                names = ", ".join([kept.name for kept in retained()])
            except MemoryError:
                names = ""  # without heap there is no message either
            mistake("NotAllocated", "nothing is retained as {!r}; retained: {}", name, names or "none")
        if records.mapped_at(slot) >= 0:
            text = "hardware owns {!r}: retain() it, stop the hardware, unmap() it, then release() it"
            mistake("NotPermitted", text, name)
        if records.owners[slot] is not None:
            return records.owners[slot].free()
        place = records.region(slot)
        if in_handler() and not place.attrs & SHARED:
            not_permitted_in_handler()
        first = records.first(slot, place)
        records.end(slot, place, first, records.count(slot))
        return place.free(first)


def retained():
    """Return what is retained, even if this run never asked for it: a list of ``Retained(name, addr, nbytes, resets,
    mapped)`` by address.

    `addr` is the address of the first byte, `nbytes` the number of bytes asked for, `resets` how many resets it has
    been kept over, `mapped` whether hardware owns it. Needs heap.
    """
    expect_heap("retained()")
    records = _attached()
    found = []
    for slot in range(records.slots):
        if records.kinds[slot] == NAMED and records.is_sound(slot):
            addr = records.number(slot) << records.shift(slot)
            is_mapped = records.mapped_at(slot) >= 0
            found.append(Retained(records.name(slot), addr, records.nbytes(slot), records.resets(slot), is_mapped))
    return sorted(found, key=lambda kept: kept.addr)


def quarantined():
    """Return the frames without a name that were mapped when a reset came, and still are: a list of AllocatedFrames.

    They are MAPPED, in any region or outside all of them. No request gets them, and after each reset they are here
    again, until you free them: stop the hardware that owns them, then call ``frames.unmap().free()``. Needs heap.
    """
    expect_heap("quarantined()")
    return _still_held(_attached())


def _still_held(records):
    return [frames for frames in records.quarantined if records.is_held(frames)]


def dropped():
    """Return which records were dropped at the last reset, and why: a list of sentences, one for each.

    The frames of a dropped record are free. The list is empty after the power was off: all records then start over.
    Needs heap.
    """
    expect_heap("dropped()")
    return list(_attached().dropped)


retain_by(attach, Records.check_memory, RECORD_SIZE)
