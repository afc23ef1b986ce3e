"""What `init` makes of the memory it is given.

Brute force over sets of frame numbers gives the expected frames. A frame is free if all of it lies within free entries
that overlap, and no byte of it in a reserved one. A frame is reserved if any byte of it is. None of physmem's own
arithmetic takes part.
"""

import sys

from name_maps import NAMES, PAGES, check_map
from random_numbers import RandomNumbers
from snapshot import of_system
from support import fresh_physmem, raises, scaled, without_a_system

PAGE = 4096
BASE = 0x10000000


def lies_within(base, end, entries):
    """Return whether the bytes from `base` to before `end` lie in `entries`.

    Where an entry starts or ends among these bytes, another one must cover that edge: entries that only touch are two.
    """
    edges = [base] + [edge for entry in entries for edge in (entry[0], entry[0] + entry[1]) if base < edge < end]
    for edge in edges:
        before = edge if edge == base else edge - 1
        if not [entry for entry in entries if entry[0] <= before and edge < entry[0] + entry[1]]:
            return False
    return True


def frames_touched(base, size, frame_size):
    """Return the numbers of the frames that hold any of these bytes."""
    return set(range(base // frame_size, (base + size - 1) // frame_size + 1)) if size else set()


def expected(free, reserved, frame_size=PAGE):
    """Return the numbers of the free and of the reserved frames, for entries ``(base, size)`` of one frame size."""
    frames = set()
    for base, size in free:
        for frame in frames_touched(base, size, frame_size):
            if lies_within(frame * frame_size, (frame + 1) * frame_size, free):
                frames.add(frame)
    holes = set()
    for base, size in reserved:
        holes |= frames_touched(base, size, frame_size)
    return frames - holes, holes


def found(physmem):
    """Return the numbers of the system's free and reserved frames. No frame may be in two regions."""
    frames, holes = set(), set()
    for region in physmem.regions():
        own = set(range(region.base // region.frame_size, region.end // region.frame_size))
        assert len(own) == region.frames and region.base % region.frame_size == 0
        assert not own & frames and not own & holes, "frames of %s are in two regions" % region.name
        if region.attrs & physmem.RESERVED:
            holes |= own
        else:
            frames |= own
    bases = [region.base for region in physmem.regions()]
    assert bases == sorted(bases)
    return frames, holes


def compare(physmem, free, reserved=(), frame_size=PAGE):
    """Check that init() gives exactly the frames that brute force gives, all of them free, and none elsewhere."""
    physmem.init(
        [("f%d" % i, base, size, frame_size) for i, (base, size) in enumerate(free)],
        [(None, base, size, frame_size) for base, size in reserved],
    )
    frames, holes = found(physmem)
    wanted = expected(free, reserved, frame_size)
    assert (frames, holes) == wanted, "init(%r, %r)" % (free, reserved)
    assert physmem.check() == []
    assert sum([region.free_frames for region in physmem.regions()]) == len(frames) + len(holes)


def test_named_cases():
    """Named cases one by one: (free, reserved) in pages from BASE."""
    physmem = fresh_physmem()
    for free, reserved in (
        ([], []),
        ([(0, 0)], []),  # empty
        ([(0, 0), (0, 4), (9, 0)], [(2, 0)]),
        ([(0, 4)], [(0, 0), (4, 0), (9, 0)]),  # empty reserved ones (Theseus overflows its stack)
        ([(8, 4), (0, 4), (4, 2)], []),  # unsorted
        ([(0, 4), (4, 4)], []),  # touching
        ([(0, 6), (4, 4)], []),  # overlapping
        ([(0, 16), (4, 4)], []),  # one within the other
        ([(4, 4), (0, 16)], []),
        ([(0, 4), (0, 4), (0, 4)], []),  # duplicates
        ([(0, 4)], [(9, 2)]),  # reserved, outside everything
        ([(0, 4)], [(0, 4)]),  # reserved covers everything
        ([(4, 4), (12, 2)], [(0, 100)]),
        ([(0, 4), (8, 4), (16, 4)], [(2, 16)]),  # spans several
        ([(0, 32)], [(4, 16), (8, 2)]),  # nested
        ([(0, 32)], [(8, 2), (4, 16), (6, 8)]),
        ([(0, 32)], [(20, 4), (4, 4), (12, 4)]),  # unsorted (Theseus panics)
        ([(0, 32)], [(4, 8), (8, 8)]),  # overlapping
        ([(0, 32)], [(4, 4), (8, 4)]),  # touching
        ([(0, 32)], [(0, 1), (31, 1)]),  # at the ends
        ([(1, 31)], [(0, 2)]),  # over an end
        ([(0, 31)], [(30, 2)]),
    ):
        without_a_system()
        compare(
            physmem,
            [(BASE + base * PAGE, size * PAGE) for base, size in free],
            [(BASE + base * PAGE, size * PAGE) for base, size in reserved],
        )


# The sixth case. Bytes that are given as free (#) and as reserved (r), and the frames that are made of them:
# |
# |   frame     0       1       2       3       4       5       6       7       8
# |             +-------+-------+-------+-------+-------+-------+-------+-------+-------+
# |   given     | ######|#######|#######|rr#####|#######|#######|######r|#######|#      |
# |             +-------+-------+-------+-------+-------+-------+-------+-------+-------+
# |   made              |  free |  free |  res. |  free |  free |  res. |  free |
# |                     +-------+-------+-------+-------+-------+-------+-------+
def test_misaligned_sizes():
    """Free memory shrinks to whole frames, reserved memory grows to whole frames."""
    physmem = fresh_physmem()
    for free, reserved in (
        ([(1, PAGE)], []),  # not a whole frame
        ([(1, 2 * PAGE)], []),
        ([(PAGE - 1, PAGE + 2)], []),
        ([(0, 8 * PAGE)], [(5 * PAGE + 1, 1)]),
        ([(0, 8 * PAGE)], [(5 * PAGE - 1, 2)]),
        ([(100, 8 * PAGE)], [(3 * PAGE, 1), (3 * PAGE + 7, 1), (6 * PAGE + 4095, 1)]),
        ([(0, 1), (PAGE - 1, 1)], []),
        ([(0, 4 * PAGE)], [(0, 1), (4 * PAGE - 1, 1)]),
    ):
        without_a_system()
        compare(physmem, [(BASE + base, size) for base, size in free], [(BASE + base, size) for base, size in reserved])


def test_random_cases():
    """Seeded sets of entries at byte granularity, in frames of 32 to 4096 bytes, compared with brute force."""
    physmem = fresh_physmem()
    numbers = RandomNumbers(20)
    for _ in range(scaled(2000, 40)):
        frame_size = numbers.choice((32, 64, 512, PAGE))
        unit = numbers.choice((frame_size, frame_size, frame_size // 4))

        def entries(most):
            return [
                (BASE + numbers.below(60) * unit, numbers.below(20) * unit)  # noqa: B023
                for _ in range(numbers.below(most))
            ]

        without_a_system()
        compare(physmem, entries(7), entries(7), frame_size)


def test_a_hundred_of_each():
    """100 free regions (Theseus' index panics from 33 on) and 100 reserved ranges, in no order; 34 each with little
    heap."""
    physmem = fresh_physmem()
    count = scaled(100, 100, 34)
    order = [(37 * i) % count for i in range(count)]
    free = [(BASE + 8 * PAGE * i, 4 * PAGE) for i in order]
    reserved = [(BASE + 8 * PAGE * i, PAGE) for i in order]
    compare(physmem, free, reserved)
    assert len(physmem.regions()) == 2 * count
    frames = [physmem.allocate_frames(3) for _ in range(count)]
    assert len({owner.addr for owner in frames}) == count
    raises(MemoryError, physmem.allocate_frames, 1)


# Entries in pages from BASE. fw is the firmware, - has no name, r.18 is reserved.ADDRESS, m.32 memory.ADDRESS:
# |
# |   page      0         4         8       12     14   15      18   19      22       32   33
# |             +---------+---------+-------+--------------------------------+        +----+
# |   free      |    -    |    -    |   a   |               b                |        | -  |
# |             +---------+---------+-------+------+----+-------+----+-------+        +----+
# |   reserved                                     | fw |       | -  |
# |             +-------------------+-------+------+----+-------+----+-------+        +----+
# |   regions   |    memory.BASE    |   a   |  b   | fw |  b.1  |r.18|  b.2  |        |m.32|
# |             +-------------------+-------+------+----+-------+----+-------+        +----+
def test_anonymous_and_named():
    """Regions without names merge where they touch and are named after their address. Named ones stay separate.

    The pieces of a carved one are NAME, NAME.1, ...
    """
    physmem = fresh_physmem()
    physmem.init(
        [
            (BASE, 4 * PAGE),
            (BASE + 4 * PAGE, 4 * PAGE),
            ("a", BASE + 8 * PAGE, 4 * PAGE),
            ("b", BASE + 12 * PAGE, 10 * PAGE),
            (None, BASE + 32 * PAGE, PAGE),
        ],
        [("firmware", BASE + 14 * PAGE, PAGE), (BASE + 18 * PAGE, PAGE)],
    )
    assert [(region.name, region.frames) for region in physmem.regions()] == [
        ("memory.%x" % BASE, 8),
        ("a", 4),
        ("b", 2),
        ("firmware", 1),
        ("b.1", 3),
        ("reserved.%x" % (BASE + 18 * PAGE), 1),
        ("b.2", 3),
        ("memory.%x" % (BASE + 32 * PAGE), 1),
    ]
    pieces = [physmem.allocate_frames(2, region="b").region.name for _ in range(3)]
    assert sorted(pieces) == ["b", "b.1", "b.2"]  # `region=` means all pieces of it


def test_the_names_of_random_maps():
    """With names that `init` makes up itself: it ends, names are unique, given ones stay where they were given.

    Two runs of one map have the same result. tests_host/test_name_maps.py searches further.
    """
    physmem = fresh_physmem()
    numbers = RandomNumbers(22)

    def entries():
        return [(numbers.choice(NAMES), numbers.below(PAGES), numbers.below(5)) for _ in range(numbers.below(5))]

    for _ in range(scaled(3000, 60, 20)):
        check_map(physmem, without_a_system, entries(), entries())


def test_a_piece_does_not_take_a_name_that_was_given():
    """Pieces take the lowest number that is left, above and below the memory of the given name."""
    for other in (BASE - PAGE, BASE + 16 * PAGE):
        physmem = fresh_physmem()
        entries = [("sram.1", other, PAGE), ("sram", BASE, 16 * PAGE)]
        physmem.init(entries, [(BASE + 4 * PAGE, PAGE), ("sram.3", BASE + 8 * PAGE, PAGE)])
        names = {region.name: (region.base - BASE) // PAGE for region in physmem.regions()}
        assert names.pop("sram.1") == (other - BASE) // PAGE
        assert names == {"sram": 0, "reserved.%x" % (BASE + 4 * PAGE): 4, "sram.2": 5, "sram.3": 8, "sram.4": 9}
        assert sorted([physmem.allocate_frames(3, region="sram").region.name for _ in range(3)])[0] == "sram"


def test_a_name_for_an_unknown_address_that_was_given():
    """The reserved region of an unknown address gets a name that no region has."""
    physmem = fresh_physmem()
    physmem.init([("unknown.40004000", BASE, PAGE), ("unknown.40004000.1", BASE + PAGE, PAGE)])
    physmem.allocate_frames_at(0x40004000, 1, unknown=True)
    assert [region.name for region in physmem.regions()][2] == "unknown.40004000.2"


def test_one_name_for_two_regions():
    """It is refused, in both orders, and says where both are. Entries that become one region may share it."""
    for first, second, reserved in (
        (("a", BASE, PAGE), ("a", BASE + 4 * PAGE, PAGE), False),
        (("a", BASE, PAGE), ("a", BASE + PAGE, PAGE), False),  # they touch, but have names
        (("a", BASE, PAGE), ("a", BASE + 4 * PAGE, PAGE), True),
    ):
        for order in ((first, second), (second, first)):
            physmem = fresh_physmem()
            entries = order[:1], order[1:]
            arguments = entries if reserved else (order,)
            error = raises(physmem.PhysMemError, physmem.init, *arguments, code="InvalidArgument")
            for text in ("named a,", "%x" % first[1], "%x" % second[1], "rename one"):
                assert text in str(error), error
            assert physmem.regions() == []
    physmem = fresh_physmem()
    a = physmem.Region("a", BASE, 4 * PAGE)
    others = [("b", BASE, 4 * PAGE), a, ("a", BASE + 256 * PAGE, 4 * PAGE)]
    raises(physmem.PhysMemError, physmem.init, others, code="InvalidArgument")
    physmem.init([("a", BASE, 4 * PAGE), ("a", BASE + 2 * PAGE, 4 * PAGE)])
    assert [(region.name, region.frames) for region in physmem.regions()] == [("a", 6)]


def test_the_first_name_given_stays():
    """Of the names of merged entries the first one given stays, wherever it lies."""
    a, b, low, wide = ("a", BASE, 4), ("b", BASE, 4), ("low", BASE - 2 * PAGE, 4), ("wide", BASE - PAGE, 16)
    for entries in ((a, b), (b, a), (a, b, low), (low, b), (b, low), (wide, a), (a, wide), (low, wide, a)):
        physmem = fresh_physmem()
        physmem.init([(name, base, pages * PAGE) for name, base, pages in entries])
        assert [region.name for region in physmem.regions()] == [entries[0][0]], entries


def test_two_regions_of_one_memory():
    """The first one given stays; the other must have nothing in use. A name that was given before replaces both."""
    for used, code in ((0, None), (1, "NotPermitted")):
        physmem = fresh_physmem()
        pair = [physmem.Region(name, BASE, 4 * PAGE) for name in "ab"]
        pair[used].alloc(2)
        if code is None:
            physmem.init(pair)
            assert physmem.regions() == pair[:1] and pair[0].used_frames == 2
            assert pair[1].alloc(1) == physmem.OUT_OF_MEMORY
        else:
            raises(physmem.PhysMemError, physmem.init, pair, code=code)
            assert pair[1].used_frames == 2
    physmem = fresh_physmem()
    region = physmem.Region("b", BASE, 4 * PAGE)
    physmem.init([("a", BASE, 4 * PAGE), region])
    assert [found.name for found in physmem.regions()] == ["a"] and region not in physmem.regions()


def test_memory_of_the_heap():
    """A base of None takes memory of the heap, at a multiple of the frame size; a call that fails gives it back."""
    physmem = fresh_physmem()
    system = sys.modules["physmem_system"]
    wrong = [("a", None, 8 * 512, 512, "DMA"), ("bad", BASE, PAGE, 48)]
    raises(physmem.PhysMemError, physmem.init, wrong, code="InvalidArgument")
    assert system._held == ()
    physmem.init([("a", None, 8 * 512, 512, "DMA")], [("r", None, 512, 256)])
    a, r = physmem.region("a"), physmem.region("r")
    assert (a.frames, a.base % 512, r.frames, r.base % 256) == (8, 0, 2, 0)
    frames = physmem.allocate_frames(8)
    frames.view[:] = b"x" * (8 * 512)
    assert bytes(frames.view[-2:]) == b"xx"


def test_attributes_as_words_and_bits():
    """The attributes of an entry are a string of names, or the bits."""
    physmem = fresh_physmem()
    physmem.init([("a", BASE, PAGE, PAGE, "DMA FAST"), ("b", BASE + PAGE, PAGE, PAGE, physmem.DMA | physmem.FAST)])
    assert [region.attrs for region in physmem.regions()] == [physmem.DMA | physmem.FAST] * 2


def test_region_objects():
    """A Region becomes the system's unchanged, with its frames in use. A carved one is replaced by its pieces."""
    physmem = fresh_physmem()
    used = physmem.Region("used", BASE, 8 * PAGE)
    carved = physmem.Region("carved", BASE + 8 * PAGE, 8 * PAGE)
    first = used.alloc(3)
    physmem.init([carved, used, ("third", BASE + 16 * PAGE, PAGE)], [(BASE + 10 * PAGE, PAGE)])
    assert physmem.region("used") is used
    assert used.used_frames == 3 and used.free(first) == 3
    assert carved not in physmem.regions()
    assert [(region.name, region.frames) for region in physmem.regions()[1:4]] == [
        ("carved", 2),
        ("reserved.%x" % (BASE + 10 * PAGE), 1),
        ("carved.1", 5),
    ]


def test_a_region_given_twice():
    """The same Region twice, and the same memory as an entry, is one region."""
    physmem = fresh_physmem()
    region = physmem.Region("r", BASE, 4 * PAGE)
    physmem.init([region, region, (BASE, 4 * PAGE)])
    assert physmem.regions() == [region]


def test_regions_in_use_that_would_be_lost():
    """Carving or merging a Region that has frames in use is refused before anything is done."""
    for other, reserved in (
        ([], [(BASE + 2 * PAGE, PAGE)]),  # carved
        ([], [(BASE, 8 * PAGE)]),  # covered
        ([(BASE + 4 * PAGE, 8 * PAGE)], []),  # merged into a larger one
        ([(BASE - PAGE, 16 * PAGE)], []),  # within a larger one
    ):
        physmem = fresh_physmem()
        region = physmem.Region("r", BASE, 8 * PAGE)
        first = region.alloc(3)
        error = raises(physmem.PhysMemError, physmem.init, [region] + other, reserved, code="NotPermitted")
        assert "3" in str(error)
        assert physmem.regions() == []
        assert region.used_frames == 3 and region.free(first) == 3
        physmem.init([region] + other, reserved)
        assert physmem.check() == []


def test_free_ones_that_overlap_and_differ():
    """Two entries that describe the same memory differently are refused."""
    for second in (
        ("b", BASE + PAGE, 4 * PAGE, PAGE, "DMA"),
        ("b", BASE + PAGE, 4 * PAGE, 2048),
        ("b", BASE, 4 * PAGE, PAGE, "DMA"),
        ("b", BASE + PAGE, PAGE, PAGE, "FAST"),
    ):
        physmem = fresh_physmem()
        first = ("a", BASE, 4 * PAGE, PAGE)
        error = raises(physmem.PhysMemError, physmem.init, [first, second], code="InvalidArgument")
        assert "%x" % BASE in str(error) and "%x" % (BASE + 4 * PAGE) in str(error)
        raises(physmem.PhysMemError, physmem.init, [second, first], code="InvalidArgument")
        assert physmem.regions() == []
        touching = ("b", BASE + 4 * PAGE) + second[2:]
        physmem.init([touching, first])
        assert [region.name for region in physmem.regions()] == ["a", "b"]


# Offsets from BASE. The frames of "small" have 32 bytes, those of "large" 0x10000:
# |
# |             0x8000        0x10000             0x20000           0x30000           0x60000
# |             +---------------------------------+-----------------------------------+
# |   free      |              small              |               large               |
# |             +---------------------------+-----+-----+-----------------------------+
# |   reserved                              |    both   |
# |             +-------------+-------------+-----------+-----------+-----------------+
# |   regions   |    small    |                 both                |      large      |
# |             +-------------+-------------------------------------+-----------------+
def test_frame_sizes_side_by_side():
    """A reserved range across the border of 32-byte and 64 KiB frames grows to whole frames of both.

    By hand: 0x1F010..0x21010 in units of 0x10000 is 0x10000..0x30000.
    """
    physmem = fresh_physmem()
    physmem.init(
        [
            ("small", BASE + 0x8000, 0x18000, 32),
            ("large", BASE + 0x20000, 0x40000, 0x10000),
        ],
        [("both", BASE + 0x1F010, 0x2000)],
    )
    rows = [(region.name, region.base - BASE, region.end - BASE) for region in physmem.regions()]
    assert rows == [("small", 0x8000, 0x10000), ("both", 0x10000, 0x30000), ("large", 0x30000, 0x60000)]


def test_random_frame_sizes():
    """Entries of different frame sizes, checked in units of 32 bytes.

    No unit is in two regions, every reserved byte is reserved, every whole frame of a free entry is in some region, and
    nothing is free that was not given as free.
    """
    physmem = fresh_physmem()
    numbers = RandomNumbers(21)
    for _ in range(scaled(1000, 15)):
        free, place = [], 0
        for i in range(1 + numbers.below(4)):
            frame_size = numbers.choice((32, 128, 512))
            size = numbers.below(64) * 32
            free.append(("f%d" % i, BASE + place, size, frame_size))
            place += size + numbers.choice((0, 0, 32, 160))
        reserved = [
            (None, BASE + 32 * numbers.below(place // 32 + 8), 32 * numbers.below(20), numbers.choice((32, 128)))
            for _ in range(numbers.below(5))
        ]
        without_a_system()
        physmem.init(free, reserved)
        frames, holes, units = set(), set(), 0
        for region in physmem.regions():
            own = set(range(region.base // 32, region.end // 32))
            units += len(own)
            if region.attrs & physmem.RESERVED:
                holes |= own
            else:
                frames |= own
        assert len(frames | holes) == units, "a byte in two regions: %r %r" % (free, reserved)
        for _, base, size, _ in reserved:
            assert not set(range(base // 32, (base + size) // 32)) - holes, "not reserved: %r %r" % (free, reserved)
        given = set()
        for _, base, size, frame_size in free:
            whole = set()
            for frame in frames_touched(base, size, frame_size):
                if lies_within(frame * frame_size, (frame + 1) * frame_size, [(base, size)]):
                    whole |= set(range(frame * frame_size // 32, (frame + 1) * frame_size // 32))
            assert not whole - frames - holes, "lost: %r %r" % (free, reserved)
            given |= whole
        assert not frames - given, "not given: %r %r" % (free, reserved)
        if not reserved:
            assert frames == given
        assert physmem.check() == []


def test_a_reserved_region_object_that_must_grow():
    """A reserved Region has smaller frames than the memory it lies in, so the whole frame around it is reserved.

    None of that frame is unknown memory and none is free.
    """
    physmem = fresh_physmem()
    inner = physmem.Region("inner", BASE + 64, 32, 32, physmem.RESERVED)
    physmem.init([("outer", BASE, 8 * PAGE)], [inner])
    rows = [(region.base - BASE, region.end - BASE, bool(region.attrs & 64)) for region in physmem.regions()]
    assert rows == [(0, PAGE, True), (PAGE, 8 * PAGE, False)]


def test_second_init():
    """A second call is refused and changes nothing."""
    physmem = fresh_physmem()
    physmem.init([(BASE, 4 * PAGE)])
    frames = physmem.allocate_frames(2)
    before = of_system(physmem)
    error = raises(physmem.PhysMemError, physmem.init, [(BASE, 4 * PAGE)], code="NotPermitted")
    assert "1" in str(error)  # the number of regions
    raises(physmem.PhysMemError, physmem.init, [], code="NotPermitted")
    raises(physmem.PhysMemError, physmem.boot, code="NotPermitted")
    assert of_system(physmem) == before
    assert frames.free() == 2


def test_init_after_a_failed_init():
    """A call that fails, at any entry, leaves no system, and leaves the entries unchanged for the next call."""
    physmem = fresh_physmem()
    used = physmem.Region("used", BASE, 4 * PAGE)
    used.alloc(1)
    good = [used, (BASE + 8 * PAGE, 4 * PAGE), ["list", BASE + 16 * PAGE, PAGE]]
    for bad, reserved in (
        ([("x", BASE + 32 * PAGE, PAGE, 48)], []),
        ([("x", BASE + 8 * PAGE, PAGE, PAGE, "DMA")], []),
        ([None], []),
        ([], [(BASE + 32 * PAGE, -1)]),
        ([], [(BASE, PAGE)]),  # carves what is in use
        ([], [("x", BASE + 32 * PAGE, PAGE, PAGE, 1 << 20)]),
    ):
        raises((TypeError, physmem.PhysMemError), physmem.init, good + bad, reserved)
        raises((TypeError, physmem.PhysMemError), physmem.init, bad + good, reserved)
        assert physmem.regions() == [] and physmem.stats()[None]["frames"] == 0
        raises(physmem.PhysMemError, physmem.allocate_frames, 1, code="NotInitialized")
        assert used.used_frames == 1
    physmem.init(good, ())
    assert [(region.base - BASE) // PAGE for region in physmem.regions()] == [0, 8, 16]
    assert physmem.stats()[None]["used"] == 1


def test_any_iterable():
    """Entries may come from a generator."""
    physmem = fresh_physmem()
    physmem.init(((BASE + 16 * PAGE * i, PAGE) for i in range(3)), ((BASE + 16 * PAGE * i, PAGE) for i in range(1)))
    assert [bool(region.attrs & physmem.RESERVED) for region in physmem.regions()] == [True, False, False]


def test_the_last_page_of_the_addresses():
    """Memory may end with the last physical address, and not one byte beyond it."""
    physmem = fresh_physmem()
    limit = 1 << sys.modules["physmem_region"].ADDRESS_BITS
    raises(physmem.PhysMemError, physmem.init, [(limit - PAGE, PAGE + 1)], code="AddressOutOfRange")
    raises(physmem.PhysMemError, physmem.init, [(limit, PAGE)], code="AddressOutOfRange")
    physmem.init([(limit - PAGE, PAGE), (0, PAGE)])
    assert physmem.allocate_frames(1, low=1).addr == limit - PAGE
    assert physmem.allocate_frames(1).addr == 0
