"""Frames that survive resets: named ones with what is in them, and those that hardware still has.

    log = physmem.retain("crash log", 4096)
    if not log.fresh:
        print(bytes(log.view[:80]))      # what was written before the reset

What survives is said by *records* in memory that the board sets aside and that keeps its content (RETAINED_RECORDS of
its memory map), and by nothing else: every reset begins with all frames free, and then takes those that a sound record
names. A record is 16 words:

====  ==========  ==================================================================================
word  fields      meaning
====  ==========  ==================================================================================
0     magic       "PMR1", whose 1 is the version; 0: there is no record here
1     generation  the number of the reset that it was written after
2, 3  number      of the first frame, counted from address 0; its lower 30 bits, and those above
4     count       frames
5     slack       bytes of the last frame that were not asked for
6     kind        bits 0-3; bits 4-11: log2 of the frame size in bytes; bits 12-17: length of the name
7     name        32 bytes of ASCII, zeros behind
15    checksum    CRC-32 of the words 1 to 14
====  ==========  ==================================================================================

Kinds: a *head* counts the resets; there are two, written by turns, so that one is sound at all times and either may be
lost. A *named* record is of one `retain`, a *mapped* one of frames that are in the hands of hardware; frames may have
one of each.

Invariants:

1. A record comes into being by the store of its magic, when all else of it is there, and ends by the store of a 0
   there: power that fails between any two stores leaves the records of before or of after.
2. Frames are allocated before their record begins and freed after it has ended: no record names frames of another.
3. A record is believed if its magic, checksum, kind and generation agree, the frames are there and nobody has them.
4. If no head is sound, the power was off: nothing is believed and all is begun anew.
"""

from array import array
from collections import namedtuple

import physmem
import physmem_engine as engine
from micropython import const
from physmem_errors import exhausted, integer, mistake
from physmem_frames import hold_mapped, hold_retained, keep_records, new_owner
from physmem_region import RESERVED, RETAINED
from uctypes import addressof, bytearray_at

RECORD_SIZE = const(64)
_WORDS = const(16)
_MAGIC = const(0x31524D50)
_MAGIC_WORD = const(0)
_GENERATION = const(1)
_NUMBER = const(2)
_NUMBER_HIGH = const(3)
_COUNT = const(4)
_SLACK = const(5)
_KIND = const(6)
_NAME = const(7)
_NAME_WORDS = const(8)
_NAME_BYTES = const(32)
_HEADS = const(2)
_LEAST_SIZE = const(192)  # two heads and a record

_NUMBER_BITS = const(30)
_LOW_NUMBER = const(0x3FFFFFFF)

_NONE = const(0)
_HEAD = const(1)
_NAMED = const(2)
_MAPPED = const(3)
_KIND_BITS = const(4)
_KIND_MASK = const(15)
_SHIFT_MASK = const(0xFF)
_NAME_SHIFT = const(12)
_NAME_MASK = const(63)

Retained = namedtuple("Retained", ("name", "addr", "nbytes", "resets", "mapped"))
"""What `retained` says of a name: the address of its memory, the bytes that were asked for, how many resets it has been
kept over, and whether hardware has it."""


class Records:
    """The `size` bytes at `base`, in which the records stand. To make it is to begin after a reset: what the records
    name is taken from the system's regions, what is not believed is dropped. Needs heap, the methods that `retain`,
    `map`, `unmap` and `free` need do not. As a context manager it does nothing: see `SharedRecords`."""

    def __init__(self, base, size):
        check_memory(base, size)
        self.base = base + _HEADS * RECORD_SIZE
        self.slots = size // RECORD_SIZE - _HEADS
        self.kinds = bytearray(self.slots)  # of the record in each slot
        self.fresh = bytearray(self.slots)  # 1: named after the reset
        self.owners = [None] * self.slots  # AllocatedFrames of each record, if there is one since the reset
        self.quarantined = []
        self.dropped = []
        # What is written to a slot, a word of zeros, and room for a name to look for.
        self._draft = array("I", range(_WORDS + 1 + _NAME_WORDS))
        self._draft[0] = _MAGIC
        self._draft[_WORDS] = 0
        self._draft_address = addressof(self._draft)
        self._begin(base)

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, traceback):
        pass

    # After a reset.

    def _begin(self, heads):
        generations = [self._generation_of(heads + i * RECORD_SIZE) for i in range(_HEADS)]
        newest = generations.index(max(generations))
        self.generation = generations[newest]
        if self.generation and not min(generations):
            self.generation += 1  # the other head may have been the newer one
        for slot in range(self.slots):
            if not self.generation:
                self._erase(slot)
            elif self._find(slot, slot + 1, _MAGIC_WORD, self._draft_address + _WORDS * 4, 1) < 0:
                self._judge(slot)
        for slot in range(self.slots):
            if self.kinds[slot] == _NAMED:
                self._take_named(slot)
        for slot in range(self.slots):
            if self.kinds[slot] == _MAPPED:
                self._take_mapped(slot)
        # Both of them at the first time, so that a missing one always is a damaged one.
        for i in (1 - newest,) if self.generation else range(_HEADS):
            self.generation += 1
            engine.store_word(heads + i * RECORD_SIZE, 0, 0)
            self._add(heads + i * RECORD_SIZE, 1, _HEAD, 0, 0, 0, "")

    def _generation_of(self, head):
        """The number of the reset that the head was written after, 0 if it is not sound."""
        if self._is_sound(head) and engine.load_word(head, _KIND) == _HEAD:
            return engine.load_word(head, _GENERATION)
        return 0

    def _address(self, slot):
        return self.base + slot * RECORD_SIZE

    def _find(self, slot, end, word, other, n):
        """The first slot from `slot` to before `end` whose `n` words from `word` on are those at `other`, or -1."""
        return engine.find_record(self.base, slot, end, word, other, n)

    def _is_sound(self, address):
        """Whether magic and checksum are right."""
        same = engine.find_record(address, 0, 1, _MAGIC_WORD, self._draft_address, 1) == 0
        return same and engine.checksum(address + 4, _WORDS - 2, 0) == 1

    def is_sound(self, slot):
        """Whether nobody has written to the record in the slot."""
        return self._is_sound(self._address(slot))

    def _judge(self, slot):
        address = self._address(slot)
        kind = engine.load_word(address, _KIND) & _KIND_MASK
        if not self.is_sound(slot):
            self._drop(slot, "its magic or checksum is wrong")
        elif kind not in (_NAMED, _MAPPED):
            self._drop(slot, "it is of kind %d, which is unknown" % kind)
        elif not 0 < engine.load_word(address, _GENERATION) <= self.generation:
            numbers = (engine.load_word(address, _GENERATION), self.generation)
            self._drop(slot, "it is of reset %d, %d was the last" % numbers)
        elif not self._is_plausible(slot, kind):
            self._drop(slot, "it has no frames, more bytes than they have, or a name that is none")
        else:
            self.kinds[slot] = kind

    def _is_plausible(self, slot, kind):
        """Whether count, slack and name are such as are written for that kind."""
        address = self._address(slot)
        length = self._name_length(slot)
        if (length > 0) != (kind == _NAMED) or length > _NAME_BYTES:
            return False
        name = bytearray_at(address + 4 * _NAME, length) if length else ""
        scratch = self._draft_address + 4 * (_WORDS + 1)
        return (
            engine.find_name(self.base, slot, slot + 1, scratch, name, length) == slot
            and self.count(slot) > 0
            and engine.load_word(address, _SLACK) >> self.shift(slot) == 0
        )

    def _drop(self, slot, reason):
        self.dropped.append("record %d was dropped: %s" % (slot, reason))
        self._erase(slot)

    def _take_named(self, slot):
        name = self.name(slot)
        region = self.region(slot)
        if [other for other in range(slot) if self.kinds[other] == _NAMED and self.name(other) == name]:
            self._drop(slot, "there is another %r" % name)
        elif region is None or region.attrs & (RETAINED | RESERVED) != RETAINED:
            self._drop(slot, "no region that is retained has the frames of %r" % name)
        elif region.alloc_at(self.number(slot) - region.number, self.count(slot)) < 0:
            self._drop(slot, "the frames of %r are not all free" % name)

    def _take_mapped(self, slot):
        if self.named_at(slot) >= 0:
            return  # `retain` makes its owner a mapped one
        try:
            region = self.region(slot)
            count = self.count(slot)
            if region is None:
                shift = self.shift(slot)  # which may be another than that of the region there now
                frames = physmem.allocate_frames_by_bytes_at(self.number(slot) << shift, count << shift)
            else:
                frames = new_owner(region, self.number(slot) - region.number, count, None)
                if region.alloc_at(frames.first, count) < 0:
                    frames = None
        except (physmem.PhysMemError, MemoryError):
            frames = None
        if frames is None:
            self._drop(slot, "the frames that were mapped are not all free")
            return
        hold_mapped(frames)
        self.owners[slot] = frames
        self.quarantined.append(frames)

    # What the record in a slot says.

    def number(self, slot):
        """Number of the first frame, counted from address 0."""
        address = self._address(slot)
        return engine.load_word(address, _NUMBER_HIGH) << _NUMBER_BITS | engine.load_word(address, _NUMBER)

    def count(self, slot):
        """How many frames."""
        return engine.load_word(self._address(slot), _COUNT)

    def shift(self, slot):
        """log2 of the frame size in bytes."""
        return engine.load_word(self._address(slot), _KIND) >> _KIND_BITS & _SHIFT_MASK

    def nbytes(self, slot):
        """Bytes that were asked for."""
        return (self.count(slot) << self.shift(slot)) - engine.load_word(self._address(slot), _SLACK)

    def name(self, slot):
        """The name. Needs heap."""
        return str(bytes(bytearray_at(self._address(slot) + 4 * _NAME, self._name_length(slot))), "utf8")

    def _name_length(self, slot):
        return engine.load_word(self._address(slot), _KIND) >> _NAME_SHIFT & _NAME_MASK

    def region(self, slot):
        """The region that the frames lie in, or None."""
        number, count, shift = self.number(slot), self.count(slot), self.shift(slot)
        for region in physmem._regions:
            if region.shift == shift and region.number <= number and number + count <= region.number + region.frames:
                return region
        return None

    def resets(self, slot):
        """How many resets there were since it was written."""
        return self.generation - engine.load_word(self._address(slot), _GENERATION)

    # Find a record.

    def named(self, name):
        """The slot of that name, or -1. InternalCorruption if its record is damaged."""
        scratch = self._draft_address + 4 * (_WORDS + 1)
        length = len(name)
        slot = -2
        if 0 < length <= _NAME_BYTES and "\0" not in name:
            slot = engine.find_name(self.base, 0, self.slots, scratch, name, length)
        if slot < -1:
            mistake("InvalidArgument", "a name has 1 to 32 characters, all of them ASCII and no NUL: not {!r}", name)
        while slot >= 0 and self.kinds[slot] != _NAMED:
            slot = engine.find_name(self.base, slot + 1, self.slots, scratch, name, length)
        if slot >= 0 and not self.is_sound(slot):
            mistake("InternalCorruption", "the record of {!r} is damaged: free what it owns, or reset", name)
        return slot

    def _find_of_kind(self, kind, word, other, n, begin=0):
        """The first slot from `begin` on with a record of that kind whose `n` words from `word` on are those at
        `other`, or -1. What has ended is no record, whatever its words say."""
        slot = self._find(begin, self.slots, word, other, n)
        while slot >= 0 and self.kinds[slot] != kind:
            slot = self._find(slot + 1, self.slots, word, other, n)
        return slot

    def _of_place(self, kind, other):
        """The slot of the record of that kind with the frames of the record in the slot `other`, or -1."""
        number = self._address(other) + 4 * _NUMBER
        slot = self._find_of_kind(kind, _NUMBER, number, _SLACK - _NUMBER)
        while slot >= 0 and self.shift(slot) != self.shift(other):
            slot = self._find_of_kind(kind, _NUMBER, number, _SLACK - _NUMBER, slot + 1)
        return slot

    def named_at(self, slot):
        """The slot of the named record of the frames of the mapped one in `slot`, or -1."""
        return self._of_place(_NAMED, slot)

    def mapped_at(self, slot):
        """The slot of the mapped record of the frames of the named one in `slot`, or -1."""
        return self._of_place(_MAPPED, slot)

    def _owned(self, kind, frames):
        """The slot of the record of that kind of the AllocatedFrames, or -1."""
        slot = -1
        try:
            while True:
                slot = self.owners.index(frames, slot + 1)
                if self.kinds[slot] == kind:
                    return slot
        except ValueError:
            return -1

    # Begin and end a record.

    def expect_room(self):
        """MemoryError if there is no slot without a record, NotPermitted in an interrupt handler."""
        _not_in_a_handler()
        if self._find(0, self.slots, _MAGIC_WORD, self._draft_address + 4 * _WORDS, 1) < 0:
            self._exhausted()

    def _exhausted(self):
        exhausted("all {} records are in use: release() a name, or unmap() frames", self.slots)

    def add(self, kind, frames, slack, name):
        """Write the record of the AllocatedFrames and return its slot; errors as `expect_room`."""
        self.expect_room()
        region = frames.region
        info = kind | region.shift << _KIND_BITS
        slot = self._add(self.base, self.slots, info, region.number + frames.first, frames.count, slack, name)
        if slot < 0:  # what the scheduler ran since has taken the last one
            self._exhausted()
        self.kinds[slot] = kind
        self.owners[slot] = frames
        return slot

    def _add(self, address, end, info, number, count, slack, name):
        low, high = number & _LOW_NUMBER, number >> _NUMBER_BITS
        info |= len(name) << _NAME_SHIFT
        draft = self._draft_address
        return engine.add_record(address, end, draft, self.generation, low, high, count, slack, info, name, len(name))

    def _erase(self, slot):
        # The slot is nobody's with the last of these: what the scheduler runs meanwhile does not take it before.
        self.kinds[slot] = _NONE
        self.owners[slot] = None
        engine.store_word(self._address(slot), 0, 0)

    # What AllocatedFrames tell and ask.

    def note_mapped(self, frames):
        """The frames are about to be given to hardware."""
        if not frames.count:
            return  # of no frames there is nothing to say
        self.add(_MAPPED, frames, 0, "")

    def note_unmapped(self, frames):
        """Hardware has given the frames back."""
        slot = self._owned(_MAPPED, frames)
        if slot >= 0:
            self._erase(slot)

    def forget(self, frames):
        """The retained frames are about to be freed."""
        slot = self._owned(_NAMED, frames)
        if slot >= 0:  # or somebody has written over the record, and another has taken its place
            self.end(slot, frames.region, frames.first, frames.count)

    def end(self, slot, region, first, count):
        """End the record of a name, whose frames are freed next."""
        check_allocation(region, first, count)
        self._erase(slot)

    def is_held(self, frames):
        """Whether hardware has had the frames since before the reset."""
        slot = self._owned(_MAPPED, frames)
        return slot >= 0 and self.resets(slot) > 0

    def name_of(self, frames):
        """The name of retained frames. Needs heap."""
        slot = self._owned(_NAMED, frames)
        return None if slot < 0 else self.name(slot)

    def is_fresh(self, frames):
        """Whether the content of the frames is new."""
        slot = self._owned(_NAMED, frames)
        return frames not in self.quarantined if slot < 0 else bool(self.fresh[slot])

    def check(self):
        """What is wrong: a list of sentences."""
        wrong = []
        for slot in range(self.slots):
            if self.kinds[slot]:
                if not self.is_sound(slot):
                    wrong.append("record %d: its magic or checksum is wrong" % slot)
                    continue
                frames = self.owners[slot]
                if frames is not None:
                    region, first, count = frames.region, frames.first, frames.count
                else:
                    region, count = self.region(slot), self.count(slot)
                    first = self.number(slot) - region.number
                if region.count(first) != count:
                    wrong.append("record %d: its %d frames are not an allocation" % (slot, count))
        return wrong


def _not_in_a_handler():
    if engine.in_handler():
        mistake("NotPermitted", "records are not written in an interrupt handler")


class SharedRecords(Records):
    """Records for two cores: within ``with``, and in what AllocatedFrames tell, the other core waits. A scheduled
    function that interrupts the core that is at it does not: a record is found, written and ended in one piece each. An
    interrupt handler must not wait, as the core that it interrupts may have the heap that the other one waits for."""

    def __init__(self, base, size):
        import _thread

        self._core = _thread.get_ident
        self._turn = array("I", [0, 0])
        self._turn_address = addressof(self._turn)
        self._lock = engine.new_state(1, 0, True)
        self._lock_address = addressof(self._lock)
        super().__init__(base, size)

    def __enter__(self):
        _not_in_a_handler()
        engine.enter(self._lock_address, self._turn_address, self._core())
        return self

    def __exit__(self, exception_type, exception, traceback):
        engine.leave(self._lock_address, self._turn_address)

    def note_mapped(self, frames):
        """As `Records.note_mapped`, when the other core is not at it."""
        with self:
            Records.note_mapped(self, frames)

    def note_unmapped(self, frames):
        """As `Records.note_unmapped`, when the other core is not at it."""
        with self:
            Records.note_unmapped(self, frames)

    def forget(self, frames):
        """As `Records.forget`, when the other core is not at it."""
        with self:
            Records.forget(self, frames)


_records = None


def check_allocation(region, first, count):
    """InternalCorruption if the retained frames are not what is allocated there: a raw free has ended it."""
    found = region.count(first)
    if found != count:
        mistake("InternalCorruption", "{} retained frames from {} on are an allocation of {}", count, first, found)


def check_memory(base, size):
    """Refuse memory that has no room for records, or that they cannot lie in."""
    if integer(base, "RETAINED_RECORDS") % 4 or integer(size, "RETAINED_RECORDS") < _LEAST_SIZE:
        mistake("InvalidArgument", "{} bytes at {:#x} have no room for records: 192 at a multiple of 4", size, base)
    if physmem.ADDRESS_BITS == 32 and base + size > 1 << 30:
        mistake("AddressOutOfRange", "records at {:#x} are not below 0x40000000", base)


def attach(base, size):
    """Keep records in the `size` bytes at `base`, as they are after a reset: `physmem.boot` does it."""
    global _records
    _records = (SharedRecords if engine.SPIN_LOCK else Records)(base, size)
    keep_records(_records)
    physmem._checks.append(_records.check)


def _attached():
    if not physmem._initialized:
        mistake("NotInitialized", "boot() comes first")
    if _records is None:
        mistake("NotPermitted", "nothing is retained here: the board's memory map has no RETAINED_RECORDS")
    return _records


def _slot_of(records, name):
    if not isinstance(name, str):
        raise TypeError("a name must be a str, not %s" % type(name).__name__)
    return records.named(name)


def retain(
    name, nbytes, *, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0, region=None, owner=None
):
    """The AllocatedFrames of that name: those of before the reset, with what is in them, or new ones.

    `name` has 1 to 32 ASCII characters, none of them NUL, `nbytes` is the size in bytes; the rest as
    `allocate_frames_by_bytes`, but that only RETAINED regions are looked at. ``.fresh`` is True if the frames are new;
    their content is then whatever lies there. Until it is released the name stands for the same frames, over any number
    of resets, and within a run for the same object; `owner` counts when that is made. Frames that hardware had when the
    reset came are MAPPED still. `release`, ``free()`` or the end of ``with`` give them back; they cannot be split or
    merged.

    MemoryError if there are no such frames, or no record for one more name. SizeMismatch if the name is kept with
    another number of bytes, InvalidArgument if it does not lie where the constraints want it: `release` it first.
    InternalCorruption if its record or its frames have been overwritten or freed behind its back: `check` says which.
    After an error nothing has changed.

    Needs no heap. Not for interrupt handlers: NotPermitted for a new name, and on a chip with two cores for any, as for
    `release`.
    """
    records = _attached()
    require |= RETAINED
    with records:
        slot = _slot_of(records, name)
        if slot >= 0:
            physmem._check_request(nbytes, True, align, boundary, low, high, require, prefer, forbid, region)
            _check_size(records, slot, name, nbytes)
            place = records.region(slot)
            first = records.number(slot) - place.number
            _check_place(name, place, first, records.count(slot), align, boundary, low, high, require, forbid, region)
            return _owner_of(records, slot, place, first, owner)
        records.expect_room()  # or an error before there is anything to undo
    frames = physmem.allocate_frames_by_bytes(
        nbytes,
        align=align,
        boundary=boundary,
        low=low,
        high=high,
        require=require,
        prefer=prefer,
        forbid=forbid,
        region=region,
        owner=owner,
    )
    # The hook of an exhausted request, what the scheduler ran, or the other core may have retained something since.
    try:
        with records:
            if records.named(name) >= 0:
                mistake("NotPermitted", "{!r} was retained while memory for it was sought", name)
            slot = records.add(_NAMED, frames, frames.nbytes - nbytes, name)
            records.fresh[slot] = 1
            hold_retained(frames)
    except (MemoryError, physmem.PhysMemError):
        frames.free()
        raise
    return frames


def _check_size(records, slot, name, nbytes):
    """Refuse what is kept if it is not as large as is wanted now."""
    if nbytes != records.nbytes(slot):
        mistake(
            "SizeMismatch", "{!r} is kept with {} bytes, not {}: release it first", name, records.nbytes(slot), nbytes
        )


def _owner_of(records, slot, place, first, owner):
    """The one AllocatedFrames of what is kept in the slot."""
    if records.owners[slot] is None:
        check_allocation(place, first, records.count(slot))
        frames = new_owner(place, first, records.count(slot), owner)
        hold_retained(frames)
        records.owners[slot] = frames
        mapped = records.mapped_at(slot)
        if mapped >= 0:
            hold_mapped(frames)
            records.owners[mapped] = frames
    return records.owners[slot]


def _check_place(name, place, first, count, align, boundary, low, high, require, forbid, region):
    """Refuse what is kept if it does not lie where it is wanted now."""
    # In frames: an address may be an integer that takes heap.
    shift = place.shift
    number = place.number + first
    align >>= shift
    if (
        (align and number % align)
        or (boundary and not _within(number, count, boundary >> shift))
        or not place.first_from(low) <= first <= place.end_before(high) - count
        or place.attrs & (require | forbid) != require
        or not physmem._suits(place, region)
    ):
        try:
            addr = place.addr(first)
        except MemoryError:
            addr = 0  # no sentence can be made then either
        mistake(
            "InvalidArgument", "{!r} is kept at {:#x} in {}, not as wanted: release it first", name, addr, place.name
        )


def _within(number, count, boundary):
    """Whether frames cross no multiple of `boundary` frames; 0: of less than a frame."""
    return boundary > 0 and number // boundary == (number + count - 1) // boundary


def release(name):
    """Retain the frames of that name no longer and free them, whether this run has asked for them or not; returns how
    many. NotAllocated if there are none, NotPermitted if hardware has them: `retain` and ``unmap()`` them first.
    InternalCorruption as by `retain`. Needs no heap."""
    records = _attached()
    with records:
        return _release(records, name)


def _release(records, name):
    slot = _slot_of(records, name)
    if slot < 0:
        try:
            names = ", ".join([kept.name for kept in retained()])
        except MemoryError:
            names = ""  # no sentence can be made then either
        mistake("NotAllocated", "nothing is retained as {!r}; there are: {}", name, names or "none")
    if records.mapped_at(slot) >= 0:
        mistake("NotPermitted", "hardware has {!r}: retain() it, stop the hardware, unmap() it", name)
    if records.owners[slot] is not None:
        return records.owners[slot].free()
    place = records.region(slot)
    first = records.number(slot) - place.number
    records.end(slot, place, first, records.count(slot))
    return place.free(first)


def retained():
    """What is retained, whether this run has asked for it or not: a list of ``Retained(name, addr, nbytes, resets,
    mapped)`` by address: the address in bytes of the first byte, the number of bytes asked for, how many resets it has
    been kept over, whether hardware has it. Needs heap."""
    records = _attached()
    found = []
    for slot in range(records.slots):
        if records.kinds[slot] == _NAMED and records.is_sound(slot):
            addr = records.number(slot) << records.shift(slot)
            is_mapped = records.mapped_at(slot) >= 0
            found.append(Retained(records.name(slot), addr, records.nbytes(slot), records.resets(slot), is_mapped))
    return sorted(found, key=lambda kept: kept.addr)


def quarantined():
    """The frames without a name that were mapped when a reset came, and have been since: a list of AllocatedFrames,
    MAPPED, of any region, or at addresses of none. Nobody gets them, and each reset finds them here again, before they
    are unmapped and freed: stop the hardware that has them, then ``frames.unmap().free()``. Needs heap."""
    records = _attached()
    return [frames for frames in records.quarantined if records.is_held(frames)]


def dropped():
    """What was not believed at the last reset: a list of sentences, one for each record that was dropped, whose frames
    are free. Empty also after the power was off, when there is nothing to believe. Needs heap."""
    return list(_attached().dropped)
