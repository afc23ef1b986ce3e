"""What a reset has left: which records are believed, and taking back the frames that they name.

The memory plan's RETAINED_RECORDS makes `boot` load this module, which it drops afterwards. Of a record that is not
believed `physmem.dropped` has a sentence.
"""

import micropython
import physmem_records as records
import physmem_retained  # noqa: F401  (the early phase has no heap to load it)
import physmem_state
from micropython import const
from physmem_allocate import allocate_frames_by_bytes_at
from physmem_errors import integer, mistake
from physmem_frames import hold_mapped, keep_records, lock_address, new_frames
from physmem_records import is_sound, load_word
from physmem_region import ADDRESS_BITS, RESERVED, RETAINED, first_number
from physmem_system import add_check
from uctypes import bytearray_at

try:  # CPython: the cast that viper has built in
    from micropython import ptr32
except ImportError:
    pass

RECORD_SIZE = const(64)
_LEAST_SIZE = const(192)  # two heads and a record
_HEADS = const(2)
_HEAD = const(1)
_NAMED = const(2)  # as physmem_records has them: viper needs constants of this file
_MAPPED = const(3)
_GENERATION = const(1)
_COUNT = const(4)
_SLACK = const(5)
_KIND = const(6)
_NAME = const(7)
_CHECKSUM = const(15)
_KIND_MASK = const(15)
_KIND_BITS = const(4)
_SHIFT_MASK = const(0xFF)
_NAME_SHIFT = const(12)
_NAME_MASK = const(63)
_NAME_BYTES = const(32)
_WORD = const(0x3FFFFFFF)

# What `judge` returns of a record that is not believed.
_UNSOUND = const(16)
_UNKNOWN_KIND = const(17)
_NEVER_WRITTEN = const(18)
_IMPLAUSIBLE = const(19)


@micropython.viper
def next_start(address: int, slot: int, end: int) -> int:
    """Return the first of the records `slot` to `end` - 1 at `address` that does not start with 0; `end` if all do."""
    address += slot << 6
    while slot < end and ptr32(address)[0] == 0:
        address += 64
        slot += 1
    return slot


@micropython.viper
def judge(address: int, generation: int) -> int:
    """Return the kind of the record at `address` if it can have been written before the reset `generation`, otherwise
    _UNSOUND, _UNKNOWN_KIND, _NEVER_WRITTEN or _IMPLAUSIBLE.

    It is plausible if count, slack and name can have been written for its kind.
    """
    if not int(is_sound(address)):
        return _UNSOUND
    s = ptr32(address)
    kind = s[_KIND] & _KIND_MASK
    if kind != _NAMED and kind != _MAPPED:
        return _UNKNOWN_KIND
    written = s[_GENERATION] & _WORD
    if written == 0 or written > generation:
        return _NEVER_WRITTEN
    length = (s[_KIND] >> _NAME_SHIFT) & _NAME_MASK
    if length > _NAME_BYTES or (kind == _NAMED and length == 0) or (kind == _MAPPED and length > 0):
        return _IMPLAUSIBLE
    shift = (s[_KIND] >> _KIND_BITS) & _SHIFT_MASK
    if s[_COUNT] & _WORD == 0 or (shift < 30 and (s[_SLACK] & _WORD) >> shift):
        return _IMPLAUSIBLE
    i = 0
    while i < _NAME_BYTES:
        byte = (s[_NAME + (i >> 2)] >> ((i & 3) << 3)) & 255
        if i < length:
            if byte == 0 or byte & 0x80:
                return _IMPLAUSIBLE
        elif byte:
            return _IMPLAUSIBLE
        i += 1
    return kind


@micropython.viper
def end_all(address: int, slots: int):
    """End all of the `slots` records at `address`, whatever is there."""
    while slots:
        ptr32(address)[0] = 0
        address += 64
        slots -= 1


def check_memory(base, size):
    """Raise if the `size` bytes at the address `base` cannot hold records."""
    if integer(base, "RETAINED_RECORDS") % 4 or integer(size, "RETAINED_RECORDS") < _LEAST_SIZE:
        text = "RETAINED_RECORDS needs at least 192 bytes at a multiple of 4, not {} at {:#x}"
        mistake("InvalidArgument", text, size, base)
    if ADDRESS_BITS == 32 and base + size > 1 << 30:
        mistake("AddressOutOfRange", "RETAINED_RECORDS must lie below 0x40000000, not at {:#x}", base)


def attach(base, size, may_leave):
    """Keep records in the `size` bytes at `base` from now on, for the whole system. `boot` calls it. Needs heap.

    If `may_leave`, nobody but this module has loaded physmem_records.
    """
    take_back(base, size, may_leave)
    keep_records(records)
    add_check(records.check)


def take_back(base, size, may_leave=False):
    """Keep records in the `size` bytes at `base`, and take back what those of before the reset name."""
    check_memory(base, size)
    heads, slots = base, size // RECORD_SIZE - _HEADS
    base += _HEADS * RECORD_SIZE
    if physmem_state.has_spin_lock():
        from _thread import get_ident

        records.keep(base, slots, get_ident, lock_address())
    else:
        records.keep(base, slots)
    numbers = [_number_of(heads), _number_of(heads + RECORD_SIZE)]
    newest = 1 if numbers[1] > numbers[0] else 0
    number = numbers[newest]
    quarantined, dropped = [], []
    if number:
        if not numbers[1 - newest]:
            number += 1  # the other head may have been the newer one
        used = _judge_all(base, slots, number, dropped)
        records.tell(number, used)
        _take_all(quarantined, dropped)
    else:
        used = 0
        end_all(base, slots)
    # Write both the first time, so that a missing one is always a damaged one.
    for i in (1 - newest,) if number else range(_HEADS):
        number += 1
        head = heads + i * RECORD_SIZE
        end_all(head, 1)
        records.add_record(head, 1, number, 0, 0, 0, _HEAD, "", 0)
    records.tell(number, used, tuple(quarantined), tuple(dropped), may_leave)


def _number_of(head):
    """Return the number of the reset after which the head was written; 0 if it is not sound."""
    if is_sound(head) and load_word(head, 0, _KIND) == _HEAD:
        return load_word(head, 0, _GENERATION)
    return 0


def _drop(slot, reason, dropped):
    dropped.append("record %d was dropped: %s" % (slot, reason))
    records.erase(slot)


def _judge_all(base, slots, number, dropped):
    """Note the kinds of the records that can have been written before the reset `number`, and drop the others. Return
    the number of the slot behind the last."""
    used = 0
    slot = next_start(base, 0, slots)
    while slot < slots:
        kind = judge(base + slot * RECORD_SIZE, number)
        if kind == _UNSOUND:
            _drop(slot, "its magic or checksum is wrong", dropped)
        elif kind == _UNKNOWN_KIND:
            kind = load_word(base, slot, _KIND) & _KIND_MASK
            _drop(slot, "it is of kind %d, which is unknown" % kind, dropped)
        elif kind == _NEVER_WRITTEN:
            written = load_word(base, slot, _GENERATION)
            _drop(slot, "it is of reset %d, %d was the last" % (written, number), dropped)
        elif kind == _IMPLAUSIBLE:
            _drop(slot, "it has no frames, more bytes than they have, or a name that is not one", dropped)
        else:
            records.kinds[slot] = kind
            used = slot + 1
        slot = next_start(base, slot + 1, slots)
    return used


def _take_all(quarantined, dropped):
    """Allocate the frames that the records name, those with names first; drop the records whose frames are not there
    to take."""
    for kind, take in ((_NAMED, _take_named), (_MAPPED, _take_mapped)):
        kind = bytes((kind,))
        slot = records.kinds.find(kind)
        while slot >= 0:
            take(slot, quarantined, dropped)
            slot = records.kinds.find(kind, slot + 1)


def _take_named(slot, _, dropped):
    base = records.base
    length = (load_word(base, slot, _KIND) >> _NAME_SHIFT) & _NAME_MASK
    name = bytearray_at(base + slot * RECORD_SIZE + 4 * _NAME, length)
    if records.find_name(base, slot, records.kinds, name, length) >= 0:
        _drop(slot, "there is another %r" % records.name(slot), dropped)
        return
    region = records.region(slot)
    if region is None or region.attrs & (RETAINED | RESERVED) != RETAINED:
        _drop(slot, "no RETAINED region has the frames of %r" % records.name(slot), dropped)
    elif region.alloc_at(records.number(slot) - first_number(region), load_word(base, slot, _COUNT)) < 0:
        _drop(slot, "the frames of %r are not all free" % records.name(slot), dropped)


def _take_mapped(slot, quarantined, dropped):
    number, shift = records.number(slot), records.shift(slot)
    count, slack = load_word(records.base, slot, _COUNT), load_word(records.base, slot, _SLACK)
    if records.find_frames(records.base, records.used, records.kinds, _NAMED, number, count, shift) >= 0:
        return  # `retain` will mark its owner as mapped
    try:
        region = records.region(slot)
        if region is None:  # `shift` may differ from that of the region there now
            address, size = number << shift, (count << shift) - slack
            frames = allocate_frames_by_bytes_at(address, size, unknown=True)
        else:
            frames = new_frames(region, number - first_number(region), count, None, slack)
            if region.alloc_at(frames.first, count) < 0:
                frames = None
    except Exception:  # PhysMemError or MemoryError; a tuple of them would need heap
        frames = None
    if frames is None:
        _drop(slot, "the frames that were mapped are not all free", dropped)
        return
    hold_mapped(frames)
    records.owners[slot] = frames
    quarantined.append(frames)
