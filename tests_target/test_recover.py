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
import physmem_state
from random_numbers import RandomNumbers
from support import sample, scaled
from uctypes import addressof, bytearray_at

LOCKS = sys.implementation.name == "micropython"

FRAMES = 170
BASE = 7 * 4096


class Rows:
    """The two rows of a region, changed word by word, without the engine."""

    def __init__(self, region):
        self.state = region._state
        self.starts = physmem_state.starts_of(region._state)

    def content(self):
        return bytes(self.state)[4 * engine.STATE_ROW : 4 * self.state[engine.STATE_PLANES]]

    def stores(self, frame, n):
        """Return the stores into the row of free frames that start or end the allocation of `n` frames at `frame`.

        Each is a word and the bits that change: first those of the words after the first, then that of the first.
        """
        words = []
        while n:
            here = min(n, 32 - frame % 32)
            words.append((engine.STATE_ROW + frame // 32, ((1 << here) - 1) << frame % 32))
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
        tops = range(engine.STATE_TOPS, engine.STATE_TOPS + engine.CLASSES)
        planes = range(state[engine.STATE_PLANES], len(state))
        for word in [engine.STATE_FREE] + list(tops) + list(planes):
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
        assert records.checksum(memory.address, n, 0) == (stored == expected)
        assert bytes(memory.bytes)[4 * n : 4 * n + 4] == stored
        assert records.checksum(memory.address, n, 1) == 1
        assert bytes(memory.bytes)[4 * n :] == expected + guard
        assert records.checksum(memory.address, n, 0) == 1
        for _ in range(20):
            bit = numbers.below(32 * n + 32)
            memory.bytes[bit // 8] ^= 1 << bit % 8
            assert records.checksum(memory.address, n, 0) == 0
            memory.bytes[bit // 8] ^= 1 << bit % 8


def test_words():
    """Loads, stores, text, and a record of them."""
    memory, other = Memory(18), Memory(18)
    words = (0, 1, 0x3FFFFFFF, 0x40000000, 0x80000001, 0xC0000000, 0xFFFFFFFF, 0x12345678)
    for i in range(len(words)):
        memory.words[i] = words[i]
        assert records.load_word(memory.address, i) == words[i] & 0x3FFFFFFF
    for value in (0, 1, 0x12345678, 0x3FFFFFFF):
        records.store_word(memory.address, 3, value)
        assert list(memory.words)[:8] == list(words[:3]) + [value] + list(words[4:])
    for text in ("", "a", "four", "fifth", "thirty-two characters, all ASCII"):
        for i in range(18 * 4):
            memory.bytes[i] = 0xA5
        assert records.put_text(memory.address + 4, 8, text, len(text)) == 1
        expected = b"\xa5" * 4 + text.encode() + bytes(32 - len(text)) + b"\xa5" * 36
        assert bytes(memory.bytes) == expected
        assert records.put_text(memory.address + 4, 8, "ascii, and \xe4", 12) == 0
        assert bytes(memory.bytes) == expected
    other.fill(RandomNumbers(6))
    other.words[0] = 0x80000001
    source = bytes(other.bytes)
    records.write_record(memory.address + 4, other.address, 16)
    assert bytes(other.bytes) == source
    crc = binascii.crc32(source[4:60])
    crc = bytes([crc >> shift & 0xFF for shift in (0, 8, 16, 24)])
    assert bytes(memory.bytes) == b"\xa5" * 4 + source[:60] + crc + b"\xa5" * 4


def test_find_a_record():
    """The first record from one place to before another whose words are the same, to the last bit; none if there is
    none."""
    memory, wanted = Memory(16 * 5), Memory(8)
    numbers = RandomNumbers(8)
    for word in (0, 2, 7, 15):
        for n in range(1, min(8, 16 - word) + 1):
            memory.fill(numbers)
            wanted.fill(numbers)
            for record in (1, 3):
                memory.words[16 * record + word : 16 * record + word + n] = wanted.words[:n]
            for first in range(6):
                for end in range(first, 6):
                    found = 1 if first <= 1 < end else 3 if first <= 3 < end else -1
                    assert records.find_record(memory.address, first, end, word, wanted.address, n) == found
            for _ in range(20):
                bit = numbers.below(32 * n)
                wanted.bytes[bit // 8] ^= 1 << bit % 8
                assert records.find_record(memory.address, 0, 5, word, wanted.address, n) == -1
                wanted.bytes[bit // 8] ^= 1 << bit % 8


def test_add_and_find_by_name():
    """Add a record of all its fields in the first place that starts with 0. Find it by its name and no other."""
    memory, draft, scratch = Memory(16 * 4), Memory(17), Memory(8)
    for i in range(len(memory.words)):
        memory.words[i] = 0xFFFFFFFF
    memory.words[16] = memory.words[32] = 0
    draft.words[0], draft.words[16] = 0x31524D50, 0
    fields = (3, 0x3FFFFFFF, 5, 7, 9, 0x4062)
    for place, name in ((1, "name"), (2, "names")):
        assert records.add_record(memory.address, 4, draft.address, *fields, name, len(name)) == place
        record = list(memory.words)[16 * place : 16 * place + 15]
        assert record[:7] == [0x31524D50] + list(fields)
        assert bytes(memory.bytes)[64 * place + 28 : 64 * place + 60] == name.encode() + bytes(32 - len(name))
        assert records.checksum(memory.address + 64 * place + 4, 14, 0) == 1
    assert records.add_record(memory.address, 4, draft.address, *fields, "none", 4) == -1
    for name, found in (("name", 1), ("names", 2), ("nam", -1), ("none", -1), ("nam\xe9", -2)):
        assert records.find_name(memory.address, 0, 4, scratch.address, name, len(name)) == found
    assert list(memory.words)[:16] + list(memory.words)[48:] == [0xFFFFFFFF] * 32


def test_no_heap():
    """None of them uses heap, whatever the words: those of a record are not small integers."""
    if not LOCKS:
        return
    memory, other = Memory(18), Memory(18)
    memory.fill(RandomNumbers(7))
    other.fill(RandomNumbers(7))
    address, second = memory.address + 4, other.address + 4
    found = wrong = right = text = -1
    micropython.heap_lock()
    try:
        found = records.find_record(address, 0, 1, 0, second, 16)
        wrong = records.checksum(address, 14, 0)
        records.write_record(address, second, 16)
        right = records.checksum(address + 4, 14, 0)
        text = records.put_text(address, 8, "name", 4)
        records.store_word(address, 1, records.load_word(address, 2))
    finally:
        micropython.heap_unlock()
    assert (found, wrong, right, text) == (0, 0, 1, 1)


def test_no_handler():
    """A program is not an interrupt handler."""
    assert engine.in_handler() == 0
