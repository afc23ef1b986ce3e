"""The records of frames that survive resets: their format, how to write, find and end them, and who has their frames.

They lie in memory that the board sets aside and that keeps its content (RETAINED_RECORDS of its memory plan). Nothing
else survives: after every reset all frames are free, and those that a sound record names are then allocated again. A
record is 16 words:

====  ==========  ==================================================================================
word  fields      meaning
====  ==========  ==================================================================================
0     magic       "PMR1", whose 1 is the version; 0: there is no record here
1     generation  the number of the reset after which it was written
2, 3  number      frame number of the first frame; its lower 30 bits, and those above
4     count       frames
5     slack       bytes of the last frame that were not asked for
6     kind        bits 0-3; bits 4-11: log2 of the frame size in bytes; bits 12-17: length of the name
7     name        32 bytes of ASCII, zeros behind
15    checksum    CRC-32 of the words 1 to 14
====  ==========  ==================================================================================

Kinds: a *head* counts the resets. There are two, written alternately, so that one is sound at all times and either may
be lost. A *named* record belongs to one `retain`, a *mapped* one to frames that hardware owns. Frames may have one of
each.

Invariants:

1. A record starts with the store of its magic, when the rest of it is there, and ends with the store of a 0 there. If
   the power fails between any two stores, the records are those of before or of after.
2. Frames are allocated before their record starts and freed after it has ended: no record names another's frames.
3. A record is believed if its magic, checksum, kind and generation agree, and the frames exist and are free.
4. If no head is sound, the power was off: nothing is believed, and all records start over.

physmem_recover applies 3 and 4 after a reset; physmem_retained and the owners of frames call the rest. This module is
what physmem_frames has for `keep_records`. It has the state of the records of one memory: a board has no more. If no
record is left of before the reset, it leaves at the end of the early phase, because it takes heap, and attaches itself
again when it is loaded for the first frames that are mapped or retained.

On a chip with two cores `take_turn` keeps the other core out until `give_turn`. A function that the scheduler runs on
the core that has the turn does not wait, because finding, writing and ending a record are one piece each. An interrupt
handler must not wait, because the core that it interrupts may hold the heap that the other one waits for.
"""

from array import array

import physmem_errors
import physmem_frames
import uctypes
from physmem_engine import count as count_allocated
from physmem_engine import enter, frame_of, in_handler, leave
from physmem_system import add_check, each_region, remove_check

try:  # CPython: the casts that viper has built in, and what MicroPython's compiler knows by itself
    from micropython import ptr8, ptr32, uint, const
    import micropython
except ImportError:
    pass

_MAGIC = const(0x31524D50)
_MAGIC_WORD = const(0)
_GENERATION = const(1)
_NUMBER = const(2)
_NUMBER_HIGH = const(3)
_COUNT = const(4)
_SLACK = const(5)
_KIND = const(6)
_NAME = const(7)
_CHECKSUM = const(15)
_NAME_BYTES = const(32)

_NUMBER_BITS = const(30)
_LOW_NUMBER = const(0x3FFFFFFF)
_NAMED = const(2)
_MAPPED = const(3)
_KIND_BITS = const(4)
_SHIFT_MASK = const(0xFF)
_NAME_SHIFT = const(12)
_NAME_MASK = const(63)
_LOG_SIZE = const(6)  # of a record in bytes

# The CRC-32 of each four bits, lowest bit first, and the two words of `enter`; each four bytes are a word.
_words = array(
    "I",
    b"\x00\x00\x00\x00\x64\x10\xb7\x1d\xc8\x20\x6e\x3b\xac\x30\xd9\x26"
    b"\x90\x41\xdc\x76\xf4\x51\x6b\x6b\x58\x61\xb2\x4d\x3c\x71\x05\x50"
    b"\x20\x83\xb8\xed\x44\x93\x0f\xf0\xe8\xa3\xd6\xd6\x8c\xb3\x61\xcb"
    b"\xb0\xc2\x64\x9b\xd4\xd2\xd3\x86\x78\xe2\x0a\xa0\x1c\xf2\xbd\xbd"
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
)
CRC_TABLE = uctypes.addressof(_words)
_TURN = const(64)  # the bytes of the table
_modules = __import__("sys").modules


# Functions on the words of records. None of them uses heap. All words that they take or return have at most 30 bits.
# Addresses are in bytes, multiples of 4. A viper function keeps its first three names in registers.


@micropython.viper
def load_word(address, record: int, i: int) -> int:
    """Return the lower 30 bits of the word `i` of that one of the records at `address`."""
    return ptr32(address)[(record << 4) + i] & 0x3FFFFFFF


@micropython.viper
def end_record(address: int, slot: int, kinds):
    """End that one of the records at `address`, with a single store into it. It has no kind from then on."""
    ptr8(kinds)[slot] = 0
    ptr32(address)[slot << 4] = 0


@micropython.viper
def checksum(x: uint, table: int, address: int, n: int, store: int) -> int:
    """Return 1 if the word behind the `n` words at `address` is their CRC-32, else 0. If `store` is 1, store it first.

    The CRC is that of IEEE 802.3, of the bytes by address. For 14 words it detects any one to four flipped bits. `x` is
    0, `table` is `CRC_TABLE`.
    """
    one = 1
    x = uint((one << 32) - 1)
    while n:
        x ^= uint(ptr32(address)[0])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        x = (x >> uint(4)) ^ uint(ptr32(table)[int(x & uint(15))])
        address += 4
        n -= 1
    x ^= uint((one << 32) - 1)
    if store:
        ptr32(address)[0] = int(x)
    if uint(ptr32(address)[0]) == x:
        return 1
    return 0


@micropython.viper
def is_sound(address: int) -> int:
    """Return 1 if magic and checksum of the record at `address` are right, else 0."""
    if ptr32(address)[0] != _MAGIC:
        return 0
    return int(checksum(0, CRC_TABLE, address + 4 * _GENERATION, _CHECKSUM - _GENERATION, 0))


@micropython.viper
def find_name(address: int, end: int, kinds, text, length: int) -> int:
    """Return which of the `end` records at `address` is the first named one whose name is the `length` bytes of `text`.
    `kinds` has the kind of each.

    Return -1 if there is none, -2 if the text is not 1 to 32 bytes of ASCII without NUL, -3 if the record is not sound.
    """
    if length < 1 or length > _NAME_BYTES:
        return 0 - 2
    k = ptr8(kinds)
    t = ptr8(text)
    if t[length - 1] == 0:  # it would find the name without it
        return 0 - 2
    i = (length - 1) & 0x3C
    place = _NAME + (i >> 2)
    last = 0  # the last word of the name, because names often start alike
    while i < length:
        last |= t[i] << ((i & 3) << 3)
        i += 1
    slot = 0
    while slot < end:
        if k[slot] == _NAMED and ptr32(address)[place] == last:
            n = _NAME
            i = 0
            while n < place and ptr32(address)[n] == t[i] | t[i + 1] << 8 | t[i + 2] << 16 | t[i + 3] << 24:
                n += 1
                i += 4
            if n == place:
                n += 1
                while n < _CHECKSUM and ptr32(address)[n] == 0:
                    n += 1
                if n == _CHECKSUM:
                    return slot if int(is_sound(address)) else 0 - 3
        address += 1 << _LOG_SIZE
        slot += 1
    i = 0
    while i < length:
        byte = int(t[i])
        if byte == 0 or byte & 0x80:
            return 0 - 2
        i += 1
    return 0 - 1


@micropython.viper
def find_frames(address: int, end: int, kinds, kind: int, number: int, count: int, shift: int) -> int:
    """Return which of the `end` records at `address` is the first of that kind that names the `count` frames of
    ``1 << shift`` bytes from the frame `number` on; -1 if there is none.

    `kinds` has the kinds of the records: one that has ended does not count, whatever its words say.
    """
    k = ptr8(kinds)
    slot = 0
    while slot < end:
        if (
            k[slot] == kind
            and ptr32(address)[_NUMBER] == number & _LOW_NUMBER
            and ptr32(address)[_NUMBER_HIGH] == number >> _NUMBER_BITS
            and ptr32(address)[_COUNT] == count
            and (ptr32(address)[_KIND] >> _KIND_BITS) & _SHIFT_MASK == shift
        ):
            return slot
        address += 1 << _LOG_SIZE
        slot += 1
    return 0 - 1


@micropython.viper
def add_record(
    address: int, end: int, generation: int, number: int, count: int, slack: int, kind: int, text, length: int
) -> int:
    """Write a record over the first of the `end` records at `address` that starts with 0, and return which that is; -1
    if there is none. `kind` is the word of that name without the length.

    This is one call, so that the scheduler runs nothing between the search and the end of the writing. The magic is
    stored last.
    """
    t = ptr8(text)
    slot = 0
    while slot < end and ptr32(address)[_MAGIC_WORD] != 0:
        address += 1 << _LOG_SIZE
        slot += 1
    if slot >= end:
        return 0 - 1
    s = ptr32(address)
    s[_MAGIC_WORD] = 0
    s[_GENERATION] = generation
    s[_NUMBER] = number & _LOW_NUMBER
    s[_NUMBER_HIGH] = number >> _NUMBER_BITS
    s[_COUNT] = count
    s[_SLACK] = slack
    s[_KIND] = kind | length << _NAME_SHIFT
    n = _NAME
    i = 0
    while n < _CHECKSUM:
        word = 0
        while i < length and i >> 2 == n - _NAME:
            word |= t[i] << ((i & 3) << 3)
            i += 1
        s[n] = word
        n += 1
    checksum(0, CRC_TABLE, address + 4 * _GENERATION, _CHECKSUM - _GENERATION, 1)
    s[_MAGIC_WORD] = _MAGIC
    return slot


# The records of this board.

base = 0  # address of the first record that is not a head
slots = 0  # how many records there is room for; 0: the board keeps none
used = 0  # no slot from this one on has had a record since the reset
generation = 0  # the number of this reset
written = 0  # how many records were written since the reset
kinds = b""  # of the record in each slot
owners = ()  # the AllocatedFrames of each record, once it has one after the reset
quarantined = ()  # what hardware owned at the reset without a name: AllocatedFrames
dropped = ()  # sentences
_may_leave = False  # only what `boot` has loaded, so that nobody else uses this module
_core = None  # on a chip with two cores: the function that returns which core calls
_lock = 0  # there: the address of a state with the lock


def keep(at, count, core=None, lock=0):
    """Keep the `count` records at the address `at`. On a chip with two cores ``core()`` is not 0 and says which core
    calls, and `lock` is the address of a state with the spin lock."""
    global base, slots, used, kinds, owners, _core, _lock
    base, slots, used = at, count, count
    kinds, owners = bytearray(count), [None] * count
    _core, _lock = core, lock


def tell(number, end, frames=(), sentences=(), may_leave=False):
    """Set the number of this reset, before which slot all records are, what is quarantined, what was dropped, and
    whether this module may leave if there is none of that."""
    global generation, used, quarantined, dropped, _may_leave
    generation, used, quarantined, dropped, _may_leave = number, end, frames, sentences, may_leave


def make_way():
    """If nothing is kept, and `tell` has allowed it, drop this module and physmem_retained from those that are loaded,
    and return what it needs to attach itself again. Otherwise return None."""
    if not _may_leave or used or dropped:
        return None
    remove_check(check)
    for module in ("physmem_records", "physmem_retained"):
        _modules.pop(module, None)
    return base, slots, _core, _lock, generation


def _attach_again(left):
    """Keep the records again that this module kept when it left.

    A KeyboardInterrupt can come only where bytecode jumps, so not between the last two lines: either both are done and
    the module is loaded, or neither.
    """
    at, count, core, lock, number = left
    keep(at, count, core, lock)
    tell(number, 0)
    add_check(check)
    physmem_frames.keep_records(_modules[__name__])


# Machine code checks for no KeyboardInterrupt, so none can come before the turn is given back.


@micropython.viper
def take_turn():
    """On a chip with two cores, keep the other core out until `give_turn`, or wait for it. NotPermitted there in an
    interrupt handler."""
    if _core:
        if in_handler():
            _refuse_handler()
        enter(_lock, int(CRC_TABLE) + _TURN, _core())


@micropython.viper
def give_turn():
    """Let the other core in again. Call this once for each `take_turn`."""
    if _core:
        leave(_lock, int(CRC_TABLE) + _TURN)


def _refuse_handler():
    text = "records cannot be written in an interrupt handler: leave it to the program"
    physmem_errors.mistake("NotPermitted", text)


# What the record in a slot says.


def number(slot):
    """Return the frame number of the first frame, counted from address 0."""
    return (load_word(base, slot, _NUMBER_HIGH) << _NUMBER_BITS) | load_word(base, slot, _NUMBER)


def shift(slot):
    """Return log2 of the frame size in bytes."""
    return (load_word(base, slot, _KIND) >> _KIND_BITS) & _SHIFT_MASK


def name(slot):
    """Return the name. Needs heap."""
    length = (load_word(base, slot, _KIND) >> _NAME_SHIFT) & _NAME_MASK
    return str(bytes(uctypes.bytearray_at(base + (slot << _LOG_SIZE) + 4 * _NAME, length)), "utf8")


def region(slot):
    """Return the region that the frames lie in, or None."""
    frame, n, log_size = number(slot), load_word(base, slot, _COUNT), shift(slot)
    for found in each_region():
        if found.shift == log_size and 0 <= frame - frame_of(found.base, 0, log_size) <= found.frames - n:
            return found
    return None


# Find a record.


# A name of the interpreter is looked up in all of the module first: as a default it is found at once.


def named(text, _isinstance=isinstance, _str=str, _len=len):
    """Return the slot of the name `text`, or -1. InternalCorruption if its record is damaged."""
    if not _isinstance(text, _str):
        physmem_errors.wrong_type("a name", "a str", text)
    slot = find_name(base, used, kinds, text, _len(text))
    if slot < -1:
        _refuse_name(slot, text)
    return slot


def _refuse_name(slot, text):
    """Raise an error because of what `find_name` returned."""
    if slot == -2:
        sentence = "a name must have 1 to 32 ASCII characters and no NUL, not {!r}"
        physmem_errors.mistake("InvalidArgument", sentence, text)
    sentence = "the record of {!r} was overwritten: free its frames, or reset"
    physmem_errors.mistake("InternalCorruption", sentence, text)


def mapped_at(slot):
    """Return the slot of the mapped record of the frames that the record in `slot` has, or -1."""
    n = load_word(base, slot, _COUNT)
    return find_frames(base, used, kinds, _MAPPED, number(slot), n, shift(slot))


def _slot_of(kind, frames, place, frame, n):
    """Return the slot of the record of that kind of `frames`, the `n` frames of `place` from `frame` on; or -1."""
    log_size = place.shift
    slot = find_frames(base, used, kinds, kind, frame_of(place.base, 0, log_size) + frame, n, log_size)
    if slot < 0 or owners[slot] is not frames:  # the record was overwritten
        for slot in range(slots):
            if owners[slot] is frames and kinds[slot] == kind:
                return slot
        return -1
    return slot


# Start and end a record.


def expect_room():
    """Raise MemoryError if all slots are in use, NotPermitted in an interrupt handler."""
    if in_handler():
        _refuse_handler()
    if used == slots and kinds.find(b"\0") < 0:
        physmem_errors.exhausted("all {} records are in use: release() a name, or unmap() frames", slots)


def erase(slot):
    """End the record in the slot."""
    # The last of these frees the slot: until then no function that the scheduler runs can take it.
    owners[slot] = None
    end_record(base, slot, kinds)


def expect_allocation(place, frame, n):
    """Raise InternalCorruption if a raw free has ended the allocation of the `n` retained frames."""
    found = count_allocated(place.address, frame)
    if found != n:
        text = "{} retained frames from frame {} on are an allocation of {}: release() the name, free nothing raw"
        physmem_errors.mistake("InternalCorruption", text, n, frame, found)


def add(frames, place, frame, n, unused, text, before, kind=_NAMED, _len=len):
    """Record that the `n` frames from `frame` of `place` on are retained as `text`, or mapped if that is the kind;
    `unused` of their bytes were not asked for. MemoryError if all slots are in use.

    NotPermitted if the name was retained since there were `before` of `written`. This calls `add_record` itself,
    because each bytecode function between takes 0.2 KB of stack.
    """
    global used, written
    take_turn()
    try:
        length = _len(text)
        if written != before and find_name(base, used, kinds, text, length) != -1:
            sentence = "{!r} was retained meanwhile by other code: retain() it again"
            physmem_errors.mistake("NotPermitted", sentence, text)
        if in_handler():
            _refuse_handler()
        log_size = place.shift
        frame += frame_of(place.base, 0, log_size)
        slot = add_record(base, slots, generation, frame, n, unused, kind | log_size << _KIND_BITS, text, length)
        if slot < 0:  # also if a function that the scheduler ran meanwhile took the last one
            physmem_errors.exhausted("all {} records are in use: release() a name, or unmap() frames", slots)
        written += 1
        kinds[slot] = kind
        owners[slot] = frames
        if slot >= used:
            used = slot + 1
    finally:
        give_turn()


# What owners call: physmem_frames has this module for its `keep_records`.


def note_mapped(frames, place, frame, n, unused):
    """Record that the `n` frames from `frame` of `place` on are about to be given to hardware; `unused` of
    their bytes were not asked for."""
    if n:  # no frames need no record
        add(frames, place, frame, n, unused, "", written, _MAPPED)


def note_unmapped(frames, place, frame, n):
    """End the record of these frames, which hardware has given back."""
    if n:
        take_turn()
        try:
            slot = _slot_of(_MAPPED, frames, place, frame, n)
            if slot >= 0:
                erase(slot)
        finally:
            give_turn()


def forget(frames, place, frame, n):
    """End the record of these retained frames, which are about to be freed."""
    take_turn()
    try:
        slot = _slot_of(_NAMED, frames, place, frame, n)
        if slot >= 0:  # otherwise the record was overwritten and its slot was taken by another
            expect_allocation(place, frame, n)
            erase(slot)
    finally:
        give_turn()


def held_at(place, frame):
    """Return whether the allocation of `place` at `frame` is mapped, and the name that it is retained as or
    None. Needs heap."""
    log_size, n = place.shift, place.count(frame)
    at = frame_of(place.base, 0, log_size) + frame
    slot = find_frames(base, used, kinds, _NAMED, at, n, log_size)
    text = name(slot) if slot >= 0 else None
    return find_frames(base, used, kinds, _MAPPED, at, n, log_size) >= 0, text


def name_of(frames):
    """Return the name of retained frames. Needs heap."""
    slot = _slot_of(_NAMED, frames, frames.region, frames.first, frames.count)
    return None if slot < 0 else name(slot)


def is_fresh(frames):
    """Return whether the content of the frames is new rather than kept over the reset."""
    slot = _slot_of(_NAMED, frames, frames.region, frames.first, frames.count)
    return frames not in quarantined if slot < 0 else load_word(base, slot, _GENERATION) == generation


def check():
    """Return what is wrong with the records: a list of sentences."""
    wrong = []
    for slot in range(slots):
        if kinds[slot]:
            if not is_sound(base + (slot << _LOG_SIZE)):
                wrong.append("record %d: its magic or checksum is wrong" % slot)
                continue
            frames = owners[slot]
            if frames is not None:
                place, start, n = frames.region, frames.first, frames.count
            else:
                place, n = region(slot), load_word(base, slot, _COUNT)
                start = number(slot) - frame_of(place.base, 0, place.shift)
            if place.count(start) != n:
                wrong.append("record %d: its %d frames are not an allocation" % (slot, n))
    return wrong


if physmem_frames._records is None and physmem_frames._records_left:
    _attach_again(physmem_frames._records_left)
