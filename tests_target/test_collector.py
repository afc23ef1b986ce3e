"""A region in memory that the garbage collector has is refused, unless physmem took that memory from the heap itself.

The regions are laid over the heap of the runner: over live objects, over its free part, over its ends. CPython's memory
is not of this kind, and nothing is refused there.
"""

import gc
import sys

import physmem_board
from support import IS_BOARD, fresh_physmem, raises, without_a_system
from uctypes import addressof, bytearray_at

IS_COLLECTED = sys.implementation.name == "micropython"
GROWS = sys.platform == "webassembly"  # the heap gets more areas when it is full; a word before the first says where
IS_32_BITS = sys.maxsize < 1 << 32
FRAME = 32


def collector():
    """Return the module that finds the collector's memory, the areas, and the address of a live object."""
    import physmem_collector as module

    live = bytearray(1000)
    return module, module.memory_of_the_collector(addressof(live)), live


def places():
    """Return bases of regions of two frames that lie in the collector's memory, each with what lies there."""
    _, areas, live = collector()
    found = [("a live object", addressof(live) & -FRAME)]
    for start, end in areas:
        found.append(("the start", (start & -FRAME) - FRAME if start % FRAME else start - FRAME))
        found.append(("the end", (end - 1) & -FRAME))
        found.append(("the middle", ((start + end) // 2) & -FRAME))
        free = end - (end - start) // 64
        found.append(("the last part, which is free", free & -FRAME))
    return found


def test_the_areas_are_all_that_the_collector_has():
    """They are as large as the memory that the collector counts and its tables, and have every object in them."""
    fresh_physmem()
    _, areas, live = collector()
    if not IS_COLLECTED:
        assert areas == []
        return
    counted = gc.mem_alloc() + gc.mem_free()
    size = sum([end - start for start, end in areas])
    # Tables: two bits and one bit a block of four words.
    words = 4 if IS_32_BITS else 8
    tables = counted // (4 * words) * 3 // 8
    if GROWS:  # what is free counts what may still come
        assert gc.mem_alloc() <= size <= counted + tables, (counted, tables, size)
    else:
        assert counted + tables <= size <= counted + tables + 1024 * len(areas), (counted, tables, size)
    objects = [live] + [bytearray(size) for size in (1, 10, 100, 1000, 10000)]
    for address in [addressof(thing) for thing in objects] + [id(thing) for thing in objects + [[], {}]]:
        assert [start for start, end in areas if start <= address < end], hex(address)


def test_what_live_objects_tell():
    """Without the collector's structure it is at most what the collector has, and the live objects lie in it."""
    fresh_physmem()
    module, areas, live = collector()
    if not IS_COLLECTED or GROWS:  # what it allocates to find out makes areas
        return
    known = module._around_objects(addressof(live))
    assert [start for start, end in known if start <= addressof(live) < end]
    for start, end in known:
        assert [low for low, high in areas if low <= start < end <= high]


def test_another_structure_is_not_taken_for_it():
    """What is not behind sys.modules, or does not know the live object, is not the collector's."""
    fresh_physmem()
    module, areas, live = collector()
    if not IS_COLLECTED:
        return
    address = id(sys.modules)
    assert module._areas(address, addressof(live)) == areas
    assert module._areas(address, addressof(live) + 64) == []  # inside an allocation
    assert module._areas(address, address) == []
    assert module._areas(addressof(live), addressof(live)) == []


def refused(physmem, base, call, *arguments, **keywords):
    """Check that the call is refused and says why; on CPython that it is not."""
    if not IS_COLLECTED:
        call(*arguments, **keywords)
        return
    error = raises(physmem.PhysMemError, call, *arguments, code="AddressNotFree", **keywords)
    for text in ("garbage collector", "%x" % base):
        assert text in str(error), error


def test_regions_over_the_heap():
    """init() refuses a region over any part of the heap, free, reserved or a Region, and has no regions then."""
    physmem = fresh_physmem()
    for what, base in places():
        for way in range(3):
            entry = ("wrong", base, 2 * FRAME, FRAME)
            arguments = ([entry],) if way == 0 else ([], [entry]) if way == 1 else ([physmem.Region(*entry)],)
            refused(physmem, base, physmem.init, *arguments)
            assert (physmem.regions() == []) == IS_COLLECTED, what
            without_a_system()


def known_to_be_the_firmwares():
    """Return what is known to be MicroPython's own state and the stack."""
    return __import__("physmem_chip").memory_of_the_firmware()


def test_regions_beside_the_heap():
    """Memory that ends where the collector's starts, or starts where that ends, is not the collector's: it is accepted,
    unless it is known to be MicroPython's own state or the stack."""
    physmem = fresh_physmem()
    _, areas, _ = collector()
    of_the_firmware = known_to_be_the_firmwares()
    accepted = 0
    for start, end in areas:
        for name, base in (("before", (start & -FRAME) - FRAME), ("behind", end + -end % FRAME)):
            entry = (name, base, FRAME, FRAME)
            if [low for low, high, _ in of_the_firmware if low < base + FRAME and base < high]:
                error = raises(physmem.PhysMemError, physmem.init, [entry], code="AddressNotFree")
                assert "MicroPython's own state" in str(error) or "the stack" in str(error), error
                continue
            physmem.init([entry])
            assert len(physmem.regions()) == 1
            accepted += 1
            without_a_system()
    assert accepted or not areas or of_the_firmware


def test_regions_over_the_state_and_the_stack():
    """Where the chip tells them, they are refused: MicroPython's own state and the top of the stack. Nothing of them is
    in the board's own memory plan."""
    physmem = fresh_physmem()
    found = known_to_be_the_firmwares()
    if not IS_BOARD:
        assert found == []
        return
    assert {what for _, _, what in found} == {"MicroPython's own state", "the stack"}
    for low, high, what in found:
        assert low < high, what
        for base in (low & -FRAME, (high - 1) & -FRAME):
            error = raises(physmem.PhysMemError, physmem.init, [("wrong", base, FRAME, FRAME)], code="AddressNotFree")
            assert "wrong at %#x lies in" % base in str(error), error
        for name, base, size, _, _ in physmem_board.REGIONS:
            assert base is None or high <= base or base + size <= low, (name, what)
    state = id(sys.modules)
    assert [low for low, high, what in found if low <= state < high and what == "MicroPython's own state"]


def test_a_plan_with_a_region_over_the_heap():
    """boot() refuses it, and locks nothing. Occupied memory may be the heap, also within a region."""
    for what, base in places():

        class Wrong:
            REGIONS = (("other", 0x60000000, 4096, 4096, ""), ("wrong", base, 2 * FRAME, FRAME, "DMA"))
            OCCUPIED = ()

        class Occupied(Wrong):
            OCCUPIED = (("heap", base, 2 * FRAME),)

        if IS_COLLECTED:
            physmem = fresh_physmem()
            refused(physmem, base, physmem.boot, Wrong)
            assert physmem.regions() == [] and len(bytearray(100)) == 100, what
        physmem = fresh_physmem()
        physmem.boot(Occupied)
        physmem.boot_complete()
        assert physmem.region("heap").free_frames == 0


def test_records_over_the_heap():
    """boot() refuses a plan whose records lie in the collector's memory."""
    if not IS_COLLECTED:
        return
    _, _, live = collector()

    class Wrong:
        REGIONS = (("sram", 0x60000000, 4096, 4096, ""),)
        OCCUPIED = ()
        RETAINED_RECORDS = (addressof(live) + 64 - addressof(live) % 64, 256)

    before = bytes(live)
    physmem = fresh_physmem()
    refused(physmem, Wrong.RETAINED_RECORDS[0], physmem.boot, Wrong)
    assert physmem.regions() == [] and bytes(live) == before


def test_regions_and_addresses_over_the_heap_after_init():
    """add_region() and an unknown address are refused in the same way, and change nothing."""
    physmem = fresh_physmem()
    physmem.init([("sram", 0x60000000, 4096)])
    if IS_COLLECTED:
        for _, base in places():
            refused(physmem, base, physmem.add_region, "wrong", base, 2 * FRAME, FRAME)
            refused(physmem, base, physmem.add_region, physmem.Region("wrong", base, 2 * FRAME, FRAME))
        for start, end in collector()[1]:
            base = (start + end) // 2 & -4096
            refused(physmem, base, physmem.allocate_frames_at, base + 5, 1, unknown=True)
    assert [region.name for region in physmem.regions()] == ["sram"]


def test_without_the_structure():
    """Where the structure is not found, a region over a module of the library is refused all the same."""
    physmem = fresh_physmem()
    module, _, _ = collector()
    module._areas = lambda address, live: []
    base = id(physmem) & -FRAME
    refused(physmem, base, physmem.init, [("wrong", base, 1024, FRAME)])


def test_memory_that_physmem_holds():
    """A base of None is memory of the heap that physmem holds: a part of it may be a region, what is beyond may not."""
    physmem = fresh_physmem()
    import physmem_setup

    base = physmem_setup.memory_of_the_heap(4096, 4096)
    physmem.init([("sram", base, 1024, 512), ("more", None, 512, 512)])
    assert physmem.add_region("rest", base + 1024, 3072, 1024).frames == 3
    assert physmem.check() == []
    without_a_system()
    refused(physmem, base, physmem.init, [("sram", base, 16384, 512)])


class Structure:
    """What MicroPython has in memory: `areas` areas, each described with `tables` tables behind the allocation table.

    In ports that can have several areas, a word before each description is the address of the next one. The pools are
    not there: nobody reads them. In the allocation table of the last area block 5 is the start of an allocation.
    """

    BLOCKS = 256

    def __init__(self, areas, tables, is_split, stacks=128):
        self.size = 4 if IS_32_BITS else 8  # bytes of a word
        self.tables = tables
        self.is_split = is_split
        self.state = bytearray((stacks + 128) * self.size)
        self.stacks = stacks  # words
        self.address = addressof(self.state)
        self.memories = [bytearray(1024) for _ in range(areas)]
        self.areas = []
        self.pools = []
        description = 64 * self.size
        for i in range(areas):
            start = addressof(self.memories[i])
            self.areas.append([start, 0])
            table = start
            if i:
                description, table = start + self.size, start + 9 * self.size
            self._describe(i, description + (0 if i else self.address), table)
        first = self.address + 64 * self.size
        if is_split:
            self._chain([first - self.size] + [area[0] for area in self.areas[1:]])
            self.note(self.areas[1][0] if areas > 1 else first - self.size)

    def _store(self, address, word):
        for i in range(self.size):
            bytearray_at(address + i, 1)[0] = (word >> (8 * i)) & 255

    def _describe(self, i, at, table):
        nbytes = self.BLOCKS // 4
        pool = table + nbytes + 1 + self.tables * nbytes // 2
        pool += -pool % (4 * self.size)
        end = pool + self.BLOCKS * 4 * self.size
        words = [table, nbytes] + [table + nbytes + 1 + 8 * j for j in range(self.tables)] + [pool, end, 3, 200]
        for j in range(len(words)):
            self._store(at + j * self.size, words[j])
        self.areas[i][1] = end
        self.pools.append(pool)
        self.table = table

    def _chain(self, nodes):
        for node, following in zip(nodes, nodes[1:] + [0]):
            self._store(node, following)

    def note(self, address):
        """Note the area that had a free block last, behind both stacks."""
        self._store(self.address + 64 * self.size + (12 + self.stacks) * self.size, address)

    def block(self, number, kind):
        """Make a block of the last area of this kind, and return its address."""
        bytearray_at(self.table + number // 4, 1)[0] = kind << 2 * (number % 4)
        return self.pools[-1] + number * 4 * self.size


def test_every_layout():
    """One to three areas, with and without tables behind the first, in ports that can have several areas and others.

    An area is believed only if an allocation starts at the block that is known to be one.
    """
    fresh_physmem()
    module, _, _ = collector()
    if not IS_COLLECTED:
        return
    for areas, tables, is_split in (
        (1, 0, False),
        (1, 1, False),
        (1, 2, False),
        (1, 0, True),
        (1, 1, True),
        (2, 1, True),
        (3, 0, True),
        (3, 1, True),
        (3, 2, True),
    ):
        structure = Structure(areas, tables, is_split)
        wanted = [tuple(area) for area in structure.areas]
        for number in (0, 5, 255):
            for kind in (0, 1, 2, 3):
                live = structure.block(number, kind)
                found = module._areas(structure.address, live)
                assert found == (wanted if kind == 1 else []), (areas, tables, is_split, number, kind)
                if IS_32_BITS and is_split and kind == 1:
                    structure = Structure(areas, tables, is_split, 2048)
                    live = structure.block(number, kind)
                    wanted = [tuple(area) for area in structure.areas]
                    assert module._areas(structure.address, live) == wanted
            assert module._areas(structure.address, structure.pools[-1] - 1) == []
            assert module._areas(structure.address, structure.areas[-1][1]) == []


def test_an_area_across_a_multiple_of_four_gibibytes():
    """On hosts, where the system may put the heap there. Words of 64 bits, on boards as well: no area is read."""
    fresh_physmem()
    module, _, _ = collector()
    if not IS_COLLECTED:
        return
    for boundary in (0x7FF400000000, 0x7FF480000000, 0x7FF3C0000000):
        for before in range(-64, 1024 * 1024 + 8192, 4096):  # the boundary lies so many bytes behind the table's start
            table = boundary - before
            pool = table + 8192
            words = [0, 3, table, 8192, pool, pool + 8192 * 128, 3, 200, 0, 0, 0, 0]
            memory = bytearray(b"".join([word.to_bytes(8, "little") for word in words]))
            address = addressof(memory)
            assert module._find_area(address, address + 48, 2, 0xFFFFFFFF) == address + 16, hex(table)


def test_what_stands_before_the_only_area():
    """In a port with one area the word before its description is something else, whatever it is."""
    fresh_physmem()
    module, _, _ = collector()
    if not IS_COLLECTED or GROWS:
        return
    structure = Structure(1, 1, False)
    live = structure.block(9, 1)
    before = structure.address + 63 * structure.size
    for word in (0, 1, 4, 0x15DF8, 0x0A020104, structure.address, before, (1 << 8 * structure.size) - 8):
        structure._store(before, word)
        assert module._areas(structure.address, live) == [tuple(structure.areas[0])], hex(word)
