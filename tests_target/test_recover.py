"""Recovery of a region's metadata, and the operations on words that records are made of, in every board's machine code.

A call that was cut has made only its first stores. An allocation stores the start first and its first word last; a
release does the reverse. Here these stores are made by hand, as the table in physmem_state describes them.
test_cut_calls.py and tests_host/test_power_cuts.py cut the calls themselves.
"""

import binascii
import sys
from array import array

import micropython
import physmem
import physmem_engine as engine
import physmem_records as records
import physmem_recover as recover
import physmem_state
from random_numbers import RandomNumbers
from support import sample, scaled
from uctypes import addressof, bytearray_at

LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"

FRAMES = 170
BASE = 7 * 4096


class Rows:
    """The two rows of a region, changed word by word, without the engine."""

    def __init__(self, region):
        self.state = region._state
        self.starts = physmem_state.starts_of(region._state)

    def content(self):
        return bytes(self.state)[4 * physmem_state.STATE_ROW : 4 * self.state[physmem_state.STATE_PLANES]]

    def stores(self, frame, n):
        """Return the stores into the row of free frames that start or end the allocation of `n` frames at `frame`.

        Each is a word and the bits that change: first those of the words after the first, then that of the first.
        """
        words = []
        while n:
            here = min(n, 32 - frame % 32)
            words.append((physmem_state.STATE_ROW + frame // 32, ((1 << here) - 1) << frame % 32))
            frame += here
            n -= here
        return words[1:], words[0]

    def change(self, store):
        word, bits = store
        self.state[word] ^= bits

    def flip_start(self, frame):
        self.state[self.starts + frame // 32] ^= 1 << frame % 32


def region_with(allocations, attrs=0):
    region = physmem.Region("cut", BASE, FRAMES * 4096, attrs=attrs)
    for first, n in allocations:
        assert region.alloc_at(first, n) == first
    return region


PLACES = sample(
    ((0, 1), (0, 40), (3, 5), (30, 2), (30, 3), (32, 32), (31, 34), (31, 66), (64, 96), (165, 5), (5, 165)), 5
)


def neighbours(first, n, case):
    """Allocate before and behind, with no free frame between, as far as the case says so."""
    found = []
    if case & 1 and first:
        found.append((max(0, first - 40), min(first, 40)))
    if case & 2 and first + n < FRAMES:
        found.append((first + n, min(40, FRAMES - first - n)))
    return found


def test_cut_allocations():
    """A cut allocation is undone, whatever words after the first were stored.

    It is complete once the first word was stored, which is the last store.
    """
    cuts = 0
    for first, n in PLACES:
        for case in range(4):
            for attrs in (0, physmem.SHARED) if case == 3 else (0,):
                region = region_with(neighbours(first, n, case), attrs)
                rows = Rows(region)
                before = rows.content()
                free = region.free_frames
                behind, begin = rows.stores(first, n)
                for done in range(1 << len(behind)):
                    rows.flip_start(first)
                    taken = 0
                    for i in range(len(behind)):
                        if done >> i & 1:
                            rows.change(behind[i])
                            taken += min(32, n - (32 - first % 32) - 32 * i)
                    assert region.recover() == taken
                    assert rows.content() == before and region.check() == [] and region.free_frames == free
                    assert region.recover() == 0 and rows.content() == before
                    cuts += 1
                rows.flip_start(first)
                for store in behind + [begin]:
                    rows.change(store)
                complete = rows.content()
                assert region.recover() == 0 and rows.content() == complete
                assert region.check() == [] and region.count(first) == n and region.free_frames == free - n
                assert region.free(first) == n and rows.content() == before
    print("%d cut allocations" % cuts)


def test_cut_releases():
    """A cut release is completed once the first word was stored, whatever words after it were."""
    cuts = 0
    for first, n in PLACES:
        for case in range(4):
            around = neighbours(first, n, case)
            region = region_with(around)
            rows = Rows(region)
            after = rows.content()
            free = region.free_frames
            for done in range(1 << len(rows.stores(first, n)[0])):
                assert region.alloc_at(first, n) == first
                behind, begin = rows.stores(first, n)
                rows.change(begin)
                left = n - min(n, 32 - first % 32)
                for i in range(len(behind)):
                    if done >> i & 1:
                        rows.change(behind[i])
                        left -= min(32, n - (32 - first % 32) - 32 * i)
                assert region.recover() == left
                assert rows.content() == after and region.check() == [] and region.free_frames == free
                for other, count in around:
                    assert region.count(other) == count
                cuts += 1
    print("%d cut releases" % cuts)


def test_derived_words():
    """Everything but the rows may be lost: it is rebuilt, and the region works on."""
    region = region_with(((30, 2), (40, 33), (100, 7)))
    state = region._state
    expected = array("I", state)
    for rubbish in (0, 0xFFFFFFFF, 0x5555AAAA):
        tops = range(physmem_state.STATE_TOPS, physmem_state.STATE_TOPS + physmem_state.CLASSES)
        planes = range(state[physmem_state.STATE_PLANES], len(state))
        for word in [physmem_state.STATE_FREE] + list(tops) + list(planes):
            state[word] = rubbish
        assert region.recover() == 0
        assert state == expected
    assert region.check() == []


def test_many_maps():
    """Random bitmaps, each with an allocation and a release that were cut at random."""
    numbers = RandomNumbers(4)
    below = numbers.below
    for _ in range(scaled(300, 20)):
        region = region_with(())
        for _ in range(below(12)):
            region.alloc_at(below(FRAMES), 1 + below(40))
        assert region.check() == []
        rows = Rows(region)
        runs = list(region.runs())
        first, n, free = runs[below(len(runs))]
        before = rows.content()
        behind, begin = rows.stores(first, n)
        stored = behind[: below(len(behind) + 1)]
        if free:
            rows.flip_start(first)
        else:
            rows.change(begin)
        for store in stored:
            rows.change(store)
        region.recover()
        assert region.check() == []
        if free:
            assert rows.content() == before
        else:
            assert region.is_free(first, n) and region.alloc_at(first, n) == first and rows.content() == before


def test_recovery_of_the_carved():
    """A Region that `init` carved up completely stays without frames."""
    region = region_with(PLACES[:1])
    physmem_state.empty(region._state)
    assert region.recover() == 0
    assert region.free_frames == 0 and region.alloc(1) == physmem.OUT_OF_MEMORY
    assert region.free(0) == physmem.NOT_ALLOCATED


class Memory:
    """Words of any content, including values that are not small integers."""

    def __init__(self, n):
        self.words = array("I", range(n))
        self.address = addressof(self.words)
        self.bytes = bytearray_at(self.address, 4 * n)

    def fill(self, numbers):
        for i in range(len(self.bytes)):
            self.bytes[i] = numbers.below(256)


def crc_as_bytes(memory, n):
    """Return the CRC-32 of n words, as they stand in memory."""
    crc = binascii.crc32(bytes(memory.bytes)[: 4 * n])
    return bytes([crc >> shift & 0xFF for shift in (0, 8, 16, 24)])


def checksum(address, n, store):
    return records.checksum(0, records.CRC_TABLE, address, n, store)


def test_checksum():
    """The checksum is that of binascii, for any number of words. One wrong bit of it or of the words is detected."""
    numbers = RandomNumbers(5)
    for turn in range(scaled(200, 20)):
        n = turn % 17
        memory = Memory(n + 2)
        memory.fill(numbers)
        if turn in (14, 15):
            memory.bytes[:] = b"\x00\xff"[turn & 1 : (turn & 1) + 1] * len(memory.bytes)
        guard = bytes(memory.bytes)[4 * n + 4 :]
        expected = crc_as_bytes(memory, n)
        stored = bytes(memory.bytes)[4 * n : 4 * n + 4]
        assert checksum(memory.address, n, 0) == (stored == expected)
        assert bytes(memory.bytes)[4 * n : 4 * n + 4] == stored
        assert checksum(memory.address, n, 1) == 1
        assert bytes(memory.bytes)[4 * n :] == expected + guard
        assert checksum(memory.address, n, 0) == 1
        for _ in range(20):
            bit = numbers.below(32 * n + 32)
            memory.bytes[bit // 8] ^= 1 << bit % 8
            assert checksum(memory.address, n, 0) == 0
            memory.bytes[bit // 8] ^= 1 << bit % 8


def test_words():
    """Loads, and the end of a record: one word becomes 0, and one kind."""
    memory = Memory(16 * 3)
    words = (0, 1, 0x3FFFFFFF, 0x40000000, 0x80000001, 0xC0000000, 0xFFFFFFFF, 0x12345678)
    for record in range(3):
        for i in range(16):
            memory.words[16 * record + i] = words[(i + record) % 8]
    for record in range(3):
        for i in range(16):
            assert records.load_word(memory.address, record, i) == words[(i + record) % 8] & 0x3FFFFFFF
    for record in (0, 2):
        before = list(memory.words)
        kinds = bytearray(b"\2\3\2")
        records.end_record(memory.address, record, kinds)
        before[16 * record] = 0
        assert list(memory.words) == before
        assert list(kinds) == [0 if i == record else (2, 3, 2)[i] for i in range(3)]


NAMES = ("name", "names", "n", "thirty-two characters, all ASCII", "nine char", "nine chat")
FIELDS = (3, 0x3FFFFFFF, 5, 7, 0x4062)  # generation, number, count, slack, kind


def test_add_and_find_by_name():
    """Add a record of all its fields in the first place that starts with 0. Find it by its name and no other."""
    memory = Memory(16 * 8)
    for i in range(len(memory.words)):
        memory.words[i] = 0xFFFFFFFF
    for place in range(1, 7):
        memory.words[16 * place] = 0
    for i in range(6):
        name = NAMES[i]
        assert records.add_record(memory.address, 7, *FIELDS, name, len(name)) == i + 1
        record = list(memory.words)[16 * i + 16 : 16 * i + 31]
        assert record[:7] == [0x31524D50, 3, 0x3FFFFFFF, 0, 5, 7, 0x4062 | len(name) << 12]
        assert bytes(memory.bytes)[64 * i + 92 : 64 * i + 124] == name.encode() + bytes(32 - len(name))
        assert checksum(memory.address + 64 * i + 68, 14, 0) == 1
        assert records.is_sound(memory.address + 64 * i + 64) == 1
    assert records.add_record(memory.address, 7, *FIELDS, "none", 4) == -1
    assert list(memory.words)[:16] + list(memory.words)[112:] == [0xFFFFFFFF] * 32
    kinds = bytearray(b"\0\2\2\2\2\2\2\0")
    for i in range(6):
        assert records.find_name(memory.address, 8, kinds, NAMES[i], len(NAMES[i])) == i + 1
        assert records.find_name(memory.address, i + 1, kinds, NAMES[i], len(NAMES[i])) == -1
    for name, found in (("nam", -1), ("nine cha", -1), ("", -2), ("n" * 33, -2), ("nam\xe9", -2), ("na\0me", -2)):
        assert records.find_name(memory.address, 8, kinds, name, len(name)) == found
    # A record that has ended does not count, and one that is not sound is reported.
    kinds[2] = 0
    memory.words[16 + 4] ^= 1
    assert records.find_name(memory.address, 8, kinds, "names", 5) == -1
    assert records.find_name(memory.address, 8, kinds, "name", 4) == -3
    assert records.is_sound(memory.address + 64) == 0


def test_find_frames():
    """The first record of that kind, of exactly these frames."""
    memory = Memory(16 * 6)
    recover.end_all(memory.address, 6)
    kinds = bytearray(6)
    for i in range(6):
        kind, number, count, shift = (
            (3, 9, 2, 6),
            (2, 9, 2, 6),
            (2, 9, 3, 6),
            (2, 8, 2, 6),
            (2, 9, 2, 7),
            (2, 9, 2, 6),
        )[i]
        kinds[i] = kind
        assert records.add_record(memory.address, 6, 1, number, count, 0, kind | shift << 4, "", 0) == i

    def found(*fields):
        return records.find_frames(memory.address, 6, kinds, *fields)

    assert [found(3, 9, 2, 6), found(2, 9, 2, 6), found(2, 9, 3, 6), found(2, 8, 2, 6), found(2, 9, 2, 7)] == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert [found(3, 9, 3, 6), found(2, 7, 2, 6), found(2, 9, 4, 6), found(2, 9, 2, 5)] == [-1] * 4
    kinds[1] = 0
    assert found(2, 9, 2, 6) == 5
    assert records.find_frames(memory.address, 5, kinds, 2, 9, 2, 6) == -1


def test_judge():
    """Records that are skipped at a start because they begin with 0, and the kinds of the others."""
    memory = Memory(16 * 5)
    for i in range(16 * 5):
        memory.words[i] = 0
    assert records.add_record(memory.address, 1, 3, 9, 2, 0, 0x62, "name", 4) == 0
    assert records.add_record(memory.address + 192, 1, 3, 9, 2, 0, 0x63, "", 0) == 0
    assert [recover.next_start(memory.address, i, 5) for i in range(6)] == [0, 3, 3, 3, 5, 5]
    assert recover.next_start(memory.address, 1, 3) == 3
    assert recover.judge(memory.address, 3) == 2 and recover.judge(memory.address + 192, 9) == 3
    unsound, never_written = recover.judge(memory.address + 64, 3), recover.judge(memory.address, 2)
    assert len({2, 3, unsound, never_written}) == 4
    memory.words[1] = 5
    recover.end_all(memory.address, 3)
    assert [memory.words[16 * i] for i in range(4)] == [0, 0, 0, 0x31524D50] and memory.words[1] == 5


def test_no_heap():
    """None of them uses heap, whatever the words: those of a record are not small integers."""
    if not LOCKS:
        return
    memory = Memory(16)
    memory.fill(RandomNumbers(7))
    address = memory.address
    kinds = bytearray(b"\2")
    micropython.heap_lock()
    try:
        a = records.find_name(address, 1, kinds, "name", 4)
        b = records.find_frames(address, 1, kinds, 2, 1, 1, 6)
        c = records.is_sound(address)
        d = records.checksum(0, records.CRC_TABLE, address, 15, 1)
        records.end_record(address, 0, kinds)
        e = records.add_record(address, 1, 3, 0x3FFFFFFF, 5, 7, 0x4062, "name", 4)
        f = records.load_word(address, 0, 15)
        kinds[0] = 2
        g = records.find_name(address, 1, kinds, "name", 4)
    finally:
        micropython.heap_unlock()
    assert (a, b, c, d, e, g) == (-1, -1, 0, 1, 0, 0) and f == memory.words[15] & 0x3FFFFFFF


def test_no_handler():
    """A program is not an interrupt handler."""
    assert engine.in_handler() == 0
