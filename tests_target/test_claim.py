"""physmem_claim on images of the collector's structure: what it refuses, and what it changes.

tests_host/test_stock_claim.py claims the memory of stock firmware. Here the structures are arrays, laid out as py/gc.c
lays out the tables of an area (gc_setup_area), so each thing that `claim` relies on can be wrong by itself. Words have
32 bits.
"""

import sys
from array import array

from support import fresh_physmem, raises
from uctypes import addressof, bytearray_at

NEEDS = ("machine code",)

BLOCKS = 4096
NBYTES = BLOCKS // 4  # of the allocation table
SIZE_OF_MARK = 64
CUT = 2500 & -4  # blocks that are left
BASE, SIZE, BEFORE = 1, 2, 3  # words of the mark
NOT_IN_LINE, IN_USE, FINALISER, NOTED = 1, 2, 3, 4
CUT_ANEW = -1


def claim_module(name="physmem_cut"):
    fresh_physmem()
    return __import__(name)


class Image:
    """An area with `tables` tables behind the allocation table, and a little of its pool, from the new end on."""

    def __init__(self, tables, gap=0):
        self.tables = tables
        self.memory = bytearray(NBYTES + 1 + tables * NBYTES // 2 + 64)
        start = addressof(self.memory)
        self.of_table = [0] + [NBYTES + 1 + i * NBYTES // 2 for i in range(tables)]
        self.top = bytearray(4 * SIZE_OF_MARK)  # what is at the new end: the area's pool is not there otherwise
        self.cut_at = addressof(self.top) + -addressof(self.top) % 4
        pool = self.cut_at - 16 * CUT
        # The pool lies where the new end is in `top`; behind the tables only as far as `what_forbids` can tell by
        # numbers.
        self.words = array("I", [start, NBYTES] + [start + offset for offset in self.of_table[1:]])
        self.words.extend(array("I", [pool, pool + 16 * BLOCKS, 0, 0]))
        self.area = addressof(self.words)
        if gap:
            self.words[2 + tables] += gap

    def mark(self):
        return array("I", bytes(bytearray_at(self.cut_at, 20)))

    def block(self, number, kind=1):
        self.memory[number >> 2] |= kind << 2 * (number & 3)

    def bit(self, table, number):
        self.memory[self.of_table[table] + (number >> 3)] |= 1 << (number & 7)


class Adjacent(Image):
    """An area whose pool is right behind its tables, as `what_forbids` expects it. Its end is only a number."""

    def __init__(self, tables, gap=0):
        super().__init__(tables)
        pool = self.words[0] + NBYTES + 1 + tables * NBYTES // 2 + gap
        self.words[2 + tables], self.words[3 + tables] = pool, pool + 16 * BLOCKS


def test_a_sound_area_may_be_cut():
    module = claim_module()
    for tables in (0, 1, 2):
        for gap in (0, 15, 250):
            image = Adjacent(tables, gap)
            for number in (0, 1, CUT - 1):
                image.block(number)
            for table in range(1, tables + 1):
                image.bit(table, CUT - 1)
            image.words[4 + tables], image.words[5 + tables] = CUT >> 2, CUT - 1
            before = bytes(image.memory), image.words[:]
            assert module.what_forbids(image.area, tables, CUT) == 0, (tables, gap)
            assert (bytes(image.memory), image.words[:]) == before


def test_each_fault_is_found():
    """One thing is wrong at a time: the tables' places, the blocks in use, the bits, the notes."""
    module = claim_module()
    for tables in (0, 1, 2):

        def fault(change, blocks=CUT):
            image = Adjacent(tables)  # noqa: B023
            change(image)
            before = bytes(image.memory), image.words[:]
            found = module.what_forbids(image.area, tables, blocks)  # noqa: B023
            assert module.cut(image.area, tables, blocks, 0, 0) == found if found else True  # noqa: B023
            assert (bytes(image.memory), image.words[:]) == before
            return found

        def nothing(image):
            pass

        def word(i, value):
            def change(image):
                image.words[i] += value

            return change

        for number in (CUT, CUT + 1, CUT + 3, CUT + 77, BLOCKS - 1):
            for kind in (1, 2, 3):
                assert fault(lambda image: image.block(number, kind)) == IN_USE, number  # noqa: B023
            for table in range(1, tables + 1):
                assert fault(lambda image: image.bit(table, number)) == FINALISER, (table, number)  # noqa: B023
        assert fault(word(4 + tables, (CUT >> 2) + 1)) == NOTED
        assert fault(word(5 + tables, CUT)) == NOTED
        for blocks in (0, -4, 2, CUT + 1, BLOCKS, BLOCKS + 4):
            assert fault(nothing, blocks) == NOT_IN_LINE, blocks
        for i in range(2, 2 + tables):
            for value in (1, -1, 16):
                assert fault(word(i, value)) == NOT_IN_LINE, i
        assert fault(word(2 + tables, -16)) == NOT_IN_LINE  # the pool begins in the tables
        assert fault(word(2 + tables, 16)) == NOT_IN_LINE  # the pool is shorter than its table
        assert fault(word(3 + tables, 16)) == NOT_IN_LINE
        assert fault(word(1, 4)) == NOT_IN_LINE

        def byte_behind_the_table(image):
            image.memory[NBYTES] = 1

        assert fault(byte_behind_the_table) == NOT_IN_LINE


def test_cut_and_undone():
    """Two words of the area change and the mark is written; `uncut` restores all of it."""
    module = claim_module()
    module.what_forbids = lambda area, tables, blocks: 0  # the image's pool is not where its tables end
    for tables in (0, 1, 2):
        image = Image(tables)
        before = image.words[:]
        base, size = image.cut_at + SIZE_OF_MARK, 0x10000
        assert module.cut(image.area, tables, CUT, base, size) == CUT_ANEW
        wanted = before[:]
        wanted[1], wanted[3 + tables] = CUT >> 2, image.cut_at
        assert image.words == wanted
        assert list(image.mark())[1:4] == [base, size, before[3 + tables]]
        assert module.marked(image.cut_at) == (1 if base + size <= before[3 + tables] else 0)
        module.uncut(image.area, tables)
        assert image.words == before and module.marked(image.cut_at) == 0


def test_content_is_believed_under_the_same_mark_only():
    """After a hard reset the words are as before the cut. The mark must be that of the same claim, in each word."""
    module = claim_module()
    module.what_forbids = lambda area, tables, blocks: 0
    for tables in (0, 1, 2):
        image = Image(tables)
        before = image.words[:]
        base = image.cut_at + SIZE_OF_MARK
        size = before[3 + tables] - base

        def cut(size, image=image, before=before, tables=tables, base=base):
            for i in range(len(before)):
                image.words[i] = before[i]
            return module.cut(image.area, tables, CUT, base, size)

        assert cut(size) == CUT_ANEW
        assert cut(size) == 0
        assert cut(size - 4096) == CUT_ANEW
        assert cut(size) == CUT_ANEW
        for i in range(20):
            image.top[image.cut_at - addressof(image.top) + i] ^= 1
            assert cut(size) == CUT_ANEW, i
            assert cut(size) == 0


def test_a_mark_is_believed_only_whole():
    module = claim_module()
    memory = array("I", [0] * 32)
    end = addressof(memory)
    good = [0x314C4350, end + SIZE_OF_MARK, 4096, end + SIZE_OF_MARK + 4096]

    def marked(words, checksum=None):
        for i in range(4):
            memory[i] = words[i]
        memory[4] = words[0] ^ words[1] ^ words[2] ^ words[3] if checksum is None else checksum
        return module.marked(end)

    assert marked(good) == 1
    assert marked(good, 0) == 0
    for i in range(4):
        for bit in (0, 5, 17):
            wrong = good[:]
            wrong[i] ^= 1 << bit
            assert marked(wrong, good[0] ^ good[1] ^ good[2] ^ good[3]) == 0, (i, bit)
    assert marked([good[0], end + 128, 4096, end + 65536]) == 0  # another base
    assert marked([good[0], good[1], 4097 + 4096, good[3]]) == 0  # more than there was
    for i in range(5):
        memory[i] = 0
    assert module.marked(end) == 0


def test_boards_that_are_not_known():
    """Another port, chip or version is refused with its name, before anything is looked at."""
    module = claim_module("physmem_claim")
    if sys.platform != "rp2":
        for call, arguments in ((module.claim, (4096,)), (module.boot, (4096,)), (module.plan, (0x20010000, 4096))):
            error = raises(module.ClaimError, call, *arguments)
            assert sys.platform in str(error) and "boot_in_heap" in str(error), error
        assert "physmem_cut" not in sys.modules
        return
    module._OLDEST = module._NEWEST = (1, 24)
    assert "1.24" in str(raises(module.ClaimError, module.claim, 4096))
    module._CHIPS = {"RP2041": 0x20042000}
    assert "must be an RP2040" in str(raises(module.ClaimError, module.claim, 4096))
    assert "physmem_cut" not in sys.modules


def test_firmware_that_has_regions():
    """`boot` does not claim memory if physmem has been booted by somebody else."""
    physmem = fresh_physmem()
    module = __import__("physmem_claim")
    module.claim = None  # it is not called
    physmem.init([("sdram", 0x60000000, 4096)])
    error = raises(module.ClaimError, module.boot, 4096)
    assert "sdram" in str(error), error


def test_regions_that_are_not_of_a_claim():
    """Firmware that has booted its own memory plan keeps its heap, also if a region of it has the same name."""
    physmem = fresh_physmem()
    physmem.init([("sram", None, 4096, 64)])
    claim = __import__("physmem_claim")
    error = raises(claim.ClaimError, claim.boot, 65536)
    assert "regions already, sram" in str(error), error
    assert [region.frames for region in physmem.regions()] == [64]
