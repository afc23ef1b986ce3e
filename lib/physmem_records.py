"""The records of frames that survive resets: their format, how to write and find them, and which are believed.

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
"""

from array import array

import micropython
import physmem_state
from micropython import const
from physmem_allocate import allocate_frames_by_bytes_at
from physmem_engine import enter, in_handler, leave
from physmem_errors import exhausted, integer, mistake, wrong_type
from physmem_frames import hold_mapped, new_frames, slack_of
from physmem_region import RESERVED, RETAINED, first_number
from physmem_system import ADDRESS_BITS, each_region
from uctypes import addressof, bytearray_at

try:  # CPython: the casts that viper has built in
    from micropython import ptr8, ptr32, uint
except ImportError:
    pass

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
NAMED = const(2)
MAPPED = const(3)
_KIND_BITS = const(4)
_KIND_MASK = const(15)
_SHIFT_MASK = const(0xFF)
_NAME_SHIFT = const(12)
_NAME_MASK = const(63)

# The CRC-32 of each four bits, lowest bit first; each four bytes are a word.
_CRC_OF_FOUR_BITS = array(
    "I",
    b"\x00\x00\x00\x00\x64\x10\xb7\x1d\xc8\x20\x6e\x3b\xac\x30\xd9\x26"
    b"\x90\x41\xdc\x76\xf4\x51\x6b\x6b\x58\x61\xb2\x4d\x3c\x71\x05\x50"
    b"\x20\x83\xb8\xed\x44\x93\x0f\xf0\xe8\xa3\xd6\xd6\x8c\xb3\x61\xcb"
    b"\xb0\xc2\x64\x9b\xd4\xd2\xd3\x86\x78\xe2\x0a\xa0\x1c\xf2\xbd\xbd",
)


# Functions on the words of records. None of them uses heap. All words that they take or return have at most 30 bits.
# Addresses are in bytes, multiples of 4.


@micropython.viper
def load_word(address, i: int) -> int:
    """Return the lower 30 bits of the word `i` at `address`."""
    return ptr32(address)[i] & 0x3FFFFFFF


@micropython.viper
def store_word(address, i: int, value: int):
    """Store `value` in the word `i` at `address`, in a single store."""
    s = ptr32(address)
    s[i] = value


@micropython.viper
def find_record(address, first: int, end: int, i: int, other, n: int) -> int:
    """Return the first of the records `first` to `end` - 1 at `address`, of 16 words each, whose `n` words from the
    word `i` on are those at `other`; -1 if there is none."""
    s = ptr32(address)
    t = ptr32(other)
    while first < end:
        start = (first << 4) + i
        k = 0
        while k < n and s[start + k] == t[k]:
            k += 1
        if k == n:
            return first
        first += 1
    return 0 - 1


@micropython.viper
def put_text(address, n: int, text, length: int) -> int:
    """Put the `length` bytes of `text` into the `n` words at `address`, with zeros behind, and return 1.

    Return 0 and leave the words as they are if one of the bytes is not ASCII.
    """
    s = ptr32(address)
    t = ptr8(text)
    i = 0
    while i < length:
        if t[i] & 0x80:
            return 0
        i += 1
    i = 0
    word = 0
    while i < n << 2:
        if i < length:
            word |= t[i] << ((i & 3) << 3)
        i += 1
        if i & 3 == 0:
            s[(i >> 2) - 1] = word
            word = 0
    return 1


@micropython.viper
def checksum(address, n: int, store: int) -> int:
    """Return 1 if the word behind the `n` words at `address` is their CRC-32, else 0. If `store` is 1, store it first.

    The CRC is that of IEEE 802.3, of the bytes by address. For 14 words it detects any one to four flipped bits.
    """
    s = ptr32(address)
    t = ptr32(_CRC_OF_FOUR_BITS)
    one = 1
    x = uint((one << 32) - 1)
    i = 0
    while i < n:
        x ^= uint(s[i])
        bits = 32
        while bits:
            x = (x >> 4) ^ uint(t[int(x & uint(15))])
            bits -= 4
        i += 1
    x ^= uint((one << 32) - 1)
    if store:
        s[n] = int(x)
    if uint(s[n]) == x:
        return 1
    return 0


@micropython.viper
def write_record(address, source, n: int):
    """Write the record at `address` from the `n` words at `source`.

    The first word is not 0. The word that it replaces becomes 0 first, and it is stored last. The last word becomes the
    checksum of those between.
    """
    s = ptr32(address)
    t = ptr32(source)
    s[0] = 0
    i = 1
    while i < n - 1:
        s[i] = t[i]
        i += 1
    checksum(int(address) + 4, n - 2, 1)
    s[0] = t[0]


@micropython.viper
def find_name(address, first: int, end: int, scratch, text, length: int) -> int:
    """Return the first of the records `first` to `end` - 1 at `address` whose name is the `length` bytes of `text`.

    Return -1 if there is none, -2 if the text is not ASCII. The 8 words at `scratch` are overwritten.
    """
    if int(put_text(scratch, 8, text, length)) == 0:
        return 0 - 2
    return int(find_record(address, first, end, _NAME, scratch, 8))


@micropython.viper
def add_record(
    address,
    end: int,
    draft,
    generation: int,
    number: int,
    number_high: int,
    count: int,
    slack: int,
    kind: int,
    text,
    length: int,
) -> int:
    """Write a record over the first of the `end` records at `address` that starts with 0, and return its index; -1 if
    there is none.

    The 17 words at `draft` start with the magic and end with 0; those between are overwritten. This is one call, so
    that the scheduler runs nothing between the search and the end of the writing.
    """
    d = ptr32(draft)
    place = int(find_record(address, 0, end, 0, int(draft) + 64, 1))
    if place < 0:
        return place
    d[1] = generation
    d[2] = number
    d[3] = number_high
    d[4] = count
    d[5] = slack
    d[6] = kind
    put_text(int(draft) + 4 * _NAME, 8, text, length)
    write_record(int(address) + (place << 6), draft, 16)
    return place


def _expect_no_handler():
    if in_handler():
        mistake("NotPermitted", "records cannot be written in an interrupt handler: leave it to the program")


class Records:
    """The records in the `size` bytes at `base`.

    Making it does the work after a reset: it allocates the frames that the records name in the system's regions, and
    drops the records that it does not believe. That needs heap; the methods that `retain`, `map`, `unmap` and `free`
    call do not. As a context manager it does nothing: see `SharedRecords`.
    """

    def __init__(self, base, size):
        self.check_memory(base, size)
        self.base = base + _HEADS * RECORD_SIZE
        self.slots = size // RECORD_SIZE - _HEADS
        self.kinds = bytearray(self.slots)  # of the record in each slot
        self.fresh = bytearray(self.slots)  # 1: named after the reset
        self.owners = [None] * self.slots  # the AllocatedFrames of each record, once it has one after the reset
        self.quarantined = []
        self.dropped = []
        # What to write to a slot, a word of 0, and room for a name to look for.
        self._draft = array("I", range(_WORDS + 1 + _NAME_WORDS))
        self._draft[0] = _MAGIC
        self._draft[_WORDS] = 0
        self._draft_address = addressof(self._draft)
        self._start(base)

    @staticmethod
    def check_memory(base, size):
        """Raise if the `size` bytes at the address `base` cannot hold records."""
        if integer(base, "RETAINED_RECORDS") % 4 or integer(size, "RETAINED_RECORDS") < _LEAST_SIZE:
            text = "RETAINED_RECORDS needs at least 192 bytes at a multiple of 4, not {} at {:#x}"
            mistake("InvalidArgument", text, size, base)
        if ADDRESS_BITS == 32 and base + size > 1 << 30:
            mistake("AddressOutOfRange", "RETAINED_RECORDS must lie below 0x40000000, not at {:#x}", base)

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, traceback):
        pass

    # After a reset.

    def _start(self, heads):
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
            if self.kinds[slot] == NAMED:
                self._take_named(slot)
        for slot in range(self.slots):
            if self.kinds[slot] == MAPPED:
                self._take_mapped(slot)
        # Write both the first time, so that a missing one is always a damaged one.
        for i in (1 - newest,) if self.generation else range(_HEADS):
            self.generation += 1
            store_word(heads + i * RECORD_SIZE, 0, 0)
            self._add(heads + i * RECORD_SIZE, 1, _HEAD, 0, 0, 0, "")

    def _generation_of(self, head):
        """Return the number of the reset after which the head was written; 0 if it is not sound."""
        if self._is_sound(head) and load_word(head, _KIND) == _HEAD:
            return load_word(head, _GENERATION)
        return 0

    def _address(self, slot):
        return self.base + slot * RECORD_SIZE

    def _find(self, slot, end, word, other, n):
        """Return the first slot from `slot` to before `end` whose `n` words from `word` on are those at `other`, or
        -1."""
        return find_record(self.base, slot, end, word, other, n)

    def _is_sound(self, address):
        """Return whether magic and checksum are right."""
        same = find_record(address, 0, 1, _MAGIC_WORD, self._draft_address, 1) == 0
        return same and checksum(address + 4, _WORDS - 2, 0) == 1

    def is_sound(self, slot):
        """Return whether nothing has overwritten the record in the slot."""
        return self._is_sound(self._address(slot))

    def _judge(self, slot):
        address = self._address(slot)
        kind = load_word(address, _KIND) & _KIND_MASK
        if not self.is_sound(slot):
            self._drop(slot, "its magic or checksum is wrong")
        elif kind not in (NAMED, MAPPED):
            self._drop(slot, "it is of kind %d, which is unknown" % kind)
        elif not 0 < load_word(address, _GENERATION) <= self.generation:
            numbers = (load_word(address, _GENERATION), self.generation)
            self._drop(slot, "it is of reset %d, %d was the last" % numbers)
        elif not self._is_plausible(slot, kind):
            self._drop(slot, "it has no frames, more bytes than they have, or a name that is not one")
        else:
            self.kinds[slot] = kind

    def _is_plausible(self, slot, kind):
        """Return whether count, slack and name can have been written for that kind."""
        address = self._address(slot)
        length = self._name_length(slot)
        if (length > 0) != (kind == NAMED) or length > _NAME_BYTES:
            return False
        name = bytearray_at(address + 4 * _NAME, length) if length else ""
        scratch = self._draft_address + 4 * (_WORDS + 1)
        return (
            find_name(self.base, slot, slot + 1, scratch, name, length) == slot
            and self.count(slot) > 0
            and self.slack(slot) >> self.shift(slot) == 0
        )

    def _drop(self, slot, reason):
        self.dropped.append("record %d was dropped: %s" % (slot, reason))
        self._erase(slot)

    def _take_named(self, slot):
        name = self.name(slot)
        region = self.region(slot)
        if [other for other in range(slot) if self.kinds[other] == NAMED and self.name(other) == name]:
            self._drop(slot, "there is another %r" % name)
        elif region is None or region.attrs & (RETAINED | RESERVED) != RETAINED:
            self._drop(slot, "no RETAINED region has the frames of %r" % name)
        elif region.alloc_at(self.first(slot, region), self.count(slot)) < 0:
            self._drop(slot, "the frames of %r are not all free" % name)

    def _take_mapped(self, slot):
        if self.named_at(slot) >= 0:
            return  # `retain` will mark its owner as mapped
        try:
            region = self.region(slot)
            count = self.count(slot)
            if region is None:
                shift = self.shift(slot)  # which may differ from that of the region there now
                frames = allocate_frames_by_bytes_at(self.number(slot) << shift, self.nbytes(slot), unknown=True)
            else:
                frames = new_frames(region, self.first(slot, region), count, None, self.slack(slot))
                if region.alloc_at(frames.first, count) < 0:
                    frames = None
        except Exception:  # PhysMemError or MemoryError; a tuple of them would need heap
            frames = None
        if frames is None:
            self._drop(slot, "the frames that were mapped are not all free")
            return
        hold_mapped(frames)
        self.owners[slot] = frames
        self.quarantined.append(frames)

    # What the record in a slot says.

    def number(self, slot):
        """Return the frame number of the first frame, counted from address 0."""
        address = self._address(slot)
        return (load_word(address, _NUMBER_HIGH) << _NUMBER_BITS) | load_word(address, _NUMBER)

    def first(self, slot, region):
        """Return the first frame, counted from the base of `region`."""
        return self.number(slot) - first_number(region)

    def count(self, slot):
        """Return the number of frames."""
        return load_word(self._address(slot), _COUNT)

    def shift(self, slot):
        """Return log2 of the frame size in bytes."""
        return (load_word(self._address(slot), _KIND) >> _KIND_BITS) & _SHIFT_MASK

    def nbytes(self, slot):
        """Return the number of bytes that were asked for."""
        return (self.count(slot) << self.shift(slot)) - self.slack(slot)

    def slack(self, slot):
        """Return the bytes of the last frame that were not asked for."""
        return load_word(self._address(slot), _SLACK)

    def name(self, slot):
        """Return the name. Needs heap."""
        return str(bytes(bytearray_at(self._address(slot) + 4 * _NAME, self._name_length(slot))), "utf8")

    def _name_length(self, slot):
        return (load_word(self._address(slot), _KIND) >> _NAME_SHIFT) & _NAME_MASK

    def region(self, slot):
        """Return the region that the frames lie in, or None."""
        number, count, shift = self.number(slot), self.count(slot), self.shift(slot)
        for region in each_region():
            if region.shift == shift:
                first = first_number(region)
                if first <= number and number + count <= first + region.frames:
                    return region
        return None

    def resets(self, slot):
        """Return the number of resets since it was written."""
        return self.generation - load_word(self._address(slot), _GENERATION)

    # Find a record.

    def named(self, name):
        """Return the slot of that name, or -1. InternalCorruption if its record is damaged."""
        if not isinstance(name, str):
            wrong_type("a name", "a str", name)
        scratch = self._draft_address + 4 * (_WORDS + 1)
        length = len(name)
        slot = -2
        if 0 < length <= _NAME_BYTES and "\0" not in name:
            slot = find_name(self.base, 0, self.slots, scratch, name, length)
        if slot < -1:
            mistake("InvalidArgument", "a name must have 1 to 32 ASCII characters and no NUL, not {!r}", name)
        while slot >= 0 and self.kinds[slot] != NAMED:
            slot = find_name(self.base, slot + 1, self.slots, scratch, name, length)
        if slot >= 0 and not self.is_sound(slot):
            mistake("InternalCorruption", "the record of {!r} was overwritten: free its frames, or reset", name)
        return slot

    def _find_of_kind(self, kind, word, other, n, start=0):
        """Return the first slot from `start` on with a record of that kind whose `n` words from `word` on are those at
        `other`, or -1. A record that has ended does not count, whatever its words say."""
        slot = self._find(start, self.slots, word, other, n)
        while slot >= 0 and self.kinds[slot] != kind:
            slot = self._find(slot + 1, self.slots, word, other, n)
        return slot

    def _of_place(self, kind, other):
        """Return the slot of the record of that kind with the frames of the record in the slot `other`, or -1."""
        number = self._address(other) + 4 * _NUMBER
        slot = self._find_of_kind(kind, _NUMBER, number, _SLACK - _NUMBER)
        while slot >= 0 and self.shift(slot) != self.shift(other):
            slot = self._find_of_kind(kind, _NUMBER, number, _SLACK - _NUMBER, slot + 1)
        return slot

    def named_at(self, slot):
        """Return the slot of the named record of the frames that the mapped record in `slot` has, or -1."""
        return self._of_place(NAMED, slot)

    def mapped_at(self, slot):
        """Return the slot of the mapped record of the frames that the named record in `slot` has, or -1."""
        return self._of_place(MAPPED, slot)

    def _owned(self, kind, frames):
        """Return the slot of the record of that kind of the AllocatedFrames, or -1."""
        slot = -1
        try:
            while True:
                slot = self.owners.index(frames, slot + 1)
                if self.kinds[slot] == kind:
                    return slot
        except ValueError:
            return -1

    # Start and end a record.

    def expect_room(self):
        """Raise MemoryError if all slots are in use, NotPermitted in an interrupt handler."""
        _expect_no_handler()
        if self._find(0, self.slots, _MAGIC_WORD, self._draft_address + 4 * _WORDS, 1) < 0:
            self._exhausted()

    def _exhausted(self):
        exhausted("all {} records are in use: release() a name, or unmap() frames", self.slots)

    def add(self, kind, frames, slack, name):
        """Write a record of the AllocatedFrames and return its slot. Errors as for `expect_room`."""
        self.expect_room()
        region = frames.region
        info = kind | (region.shift << _KIND_BITS)
        slot = self._add(self.base, self.slots, info, first_number(region) + frames.first, frames.count, slack, name)
        if slot < 0:  # a function that the scheduler ran meanwhile took the last one
            self._exhausted()
        self.kinds[slot] = kind
        self.owners[slot] = frames
        return slot

    def _add(self, address, end, info, number, count, slack, name):
        low, high = number & _LOW_NUMBER, number >> _NUMBER_BITS
        info |= len(name) << _NAME_SHIFT
        draft = self._draft_address
        return add_record(address, end, draft, self.generation, low, high, count, slack, info, name, len(name))

    def _erase(self, slot):
        # The last of these frees the slot: until then no function that the scheduler runs can take it.
        self.kinds[slot] = _NONE
        self.owners[slot] = None
        store_word(self._address(slot), 0, 0)

    # What AllocatedFrames calls.

    def note_mapped(self, frames):
        """Record that the frames are about to be given to hardware."""
        if not frames.count:
            return  # no frames need no record
        self.add(MAPPED, frames, slack_of(frames), "")

    def note_unmapped(self, frames):
        """End the record of mapped frames that hardware has given back."""
        slot = self._owned(MAPPED, frames)
        if slot >= 0:
            self._erase(slot)

    def forget(self, frames):
        """End the record of retained frames that are about to be freed."""
        slot = self._owned(NAMED, frames)
        if slot >= 0:  # otherwise the record was overwritten and its slot was taken by another
            self.end(slot, frames.region, frames.first, frames.count)

    def end(self, slot, region, first, count):
        """End the record in the slot, whose frames the caller frees next."""
        self.expect_allocation(region, first, count)
        self._erase(slot)

    def expect_allocation(self, region, first, count):
        """Raise InternalCorruption if a raw free has ended the allocation of the retained frames."""
        found = region.count(first)
        if found != count:
            text = "{} retained frames from frame {} on are an allocation of {}: something freed them raw"
            mistake("InternalCorruption", text, count, first, found)

    def is_held(self, frames):
        """Return whether hardware has owned the frames since before the reset."""
        slot = self._owned(MAPPED, frames)
        return slot >= 0 and self.resets(slot) > 0

    def held_at(self, region, first):
        """Return whether the allocation of `region` at the frame `first` is mapped, and the name that it is retained
        as or None. Needs heap."""
        mapped, name = False, None
        for slot in range(self.slots):
            if self.kinds[slot] and self.region(slot) is region and self.first(slot, region) == first:
                if self.kinds[slot] == MAPPED:
                    mapped = True
                else:
                    name = self.name(slot)
        return mapped, name

    def name_of(self, frames):
        """Return the name of retained frames. Needs heap."""
        slot = self._owned(NAMED, frames)
        return None if slot < 0 else self.name(slot)

    def is_fresh(self, frames):
        """Return whether the content of the frames is new rather than kept over the reset."""
        slot = self._owned(NAMED, frames)
        return frames not in self.quarantined if slot < 0 else bool(self.fresh[slot])

    def check(self):
        """Return what is wrong with the records: a list of sentences."""
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
                    first = self.first(slot, region)
                if region.count(first) != count:
                    wrong.append("record %d: its %d frames are not an allocation" % (slot, count))
        return wrong


class SharedRecords(Records):
    """Records for two cores: within ``with``, and while AllocatedFrames reports something, the other core waits.

    A function that the scheduler runs on the core that has the turn does not wait, because finding, writing and ending
    a record are one piece each. An interrupt handler must not wait, because the core that it interrupts may hold the
    heap that the other one waits for.
    """

    def __init__(self, base, size):
        import _thread

        self._core = _thread.get_ident
        self._turn = array("I", [0, 0])
        self._turn_address = addressof(self._turn)
        self._lock = physmem_state.new_state(1, 0, True)
        self._lock_address = addressof(self._lock)
        super().__init__(base, size)

    def __enter__(self):
        _expect_no_handler()
        enter(self._lock_address, self._turn_address, self._core())
        return self

    def __exit__(self, exception_type, exception, traceback):
        leave(self._lock_address, self._turn_address)

    def note_mapped(self, frames):
        """Do as `Records.note_mapped` does, with the other core kept out."""
        with self:
            Records.note_mapped(self, frames)

    def note_unmapped(self, frames):
        """Do as `Records.note_unmapped` does, with the other core kept out."""
        with self:
            Records.note_unmapped(self, frames)

    def forget(self, frames):
        """Do as `Records.forget` does, with the other core kept out."""
        with self:
            Records.forget(self, frames)
