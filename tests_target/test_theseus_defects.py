"""The thirteen defects of Theseus' frame allocator: each is tried on ours, which must not have it.

A frame's number is its address divided by 4,096. The addresses are made up, and nothing here reads or writes them.
Every refusal leaves the system unchanged: `refused` compares each region's runs before and after.
"""

import sys

import micropython
from refusals import refused, seen
from support import fresh_physmem, raises, scaled

NEEDS = ("no heap below 32 MiB",)
FRAME = 4096
ADDRESSES = 1 << 32 if sys.maxsize < 1 << 32 else 1 << 52  # one past the last physical address
MICROPYTHON = sys.implementation.name == "micropython"  # CPython's heap cannot be locked


def area(start, end, name=None):
    """Return the entry of `init` for the frames with the numbers `start` to `end`, both included."""
    base, size = start * FRAME, (end - start + 1) * FRAME
    return (base, size) if name is None else (name, base, size)


def system(free, reserved=()):
    """Return a new physmem with these regions."""
    physmem = fresh_physmem()
    physmem.init(free, reserved)
    return physmem


def layout(physmem):
    """Return ``(first number, frames, reserved)`` of each region."""
    return [
        (region.base // FRAME, region.frames, bool(region.attrs & physmem.RESERVED)) for region in physmem.regions()
    ]


# What is there, and the request, from below the region into the frames in use:
# |
# |   frame     0xf0                    0x100                   0x110                           0x201
# |                                     +-----------------------+-------------------------------+
# |   region                            |         in use        |              free             |
# |             +-----------------------+-----------------------+-------------------------------+
# |   request   |              0x20 frames at 0xF0              |
# |             +-----------------------------------------------+
def test_defect_01_request_from_below_every_region_into_frames_in_use():
    """Theseus grants the frames 0xF0..0x10F when 0x100..0x10F are in use, and so hands out 16 frames twice. Ours
    refuses."""
    physmem = system([area(0x100, 0x200, "general")])
    held = physmem.allocate_frames_at(0x100 * FRAME, 0x10)
    addr = 0xF0 * FRAME
    for unknown, code in ((True, "AddressNotFree"), (False, "AddressOutOfRange")):
        refused(physmem, code, physmem.allocate_frames_at, addr, 0x20, unknown=unknown)
        refused(physmem, code, physmem.allocate_frames_by_bytes_at, addr, 0x20 * FRAME, unknown=unknown)
        refused(physmem, code, physmem.allocate_frames_deferred, 0x20, addr, unknown=unknown)
        refused(physmem, code, physmem.allocate_frames_by_bytes_deferred, 0x20 * FRAME, addr, unknown=unknown)
    assert held.free() == 0x10


def test_defect_01_at_every_length_and_every_distance_below():
    """The same from 1 to 4 frames below, at lengths from 1 to 12, into a region of 4 frames and past it.

    A request is granted if and only if none of its frames is the region's.
    """
    physmem = system([area(0x100, 0x103, "general")])
    held = physmem.allocate_frames_at(0x101 * FRAME, 1)
    for start in range(0xFC, 0x100):
        for n in range(1, 13):
            if start + n <= 0x100:
                continue
            refused(physmem, "AddressNotFree", physmem.allocate_frames_at, start * FRAME, n, unknown=True)
    below = physmem.allocate_frames_at(0xFC * FRAME, 4, unknown=True)
    assert (below.addr, below.count) == (0xFC * FRAME, 4)
    assert below.region is not held.region
    assert held.free() == 1


# |   frame     0x100         0x110         0x120           0x140         0x150           0x200     0x300         0x310
# |             +-------------------------------------------------------------------------+
# |   free      |                                   free                                  |
# |             +-------------+-------------+---------------+-------------+---------------+         +-------------+
# |   reserved                |      a      |               |      b      |                         |      c      |
# |             +-------------+-------------+---------------+-------------+---------------+         +-------------+
# |   regions   |     free    |   reserved  |      free     |   reserved  |      free     |         |   reserved  |
# |             +-------------+-------------+---------------+-------------+---------------+         +-------------+
def test_defect_02_unsorted_reserved_regions():
    """Theseus' init panics unless the reserved regions are sorted. Ours takes them in any order, with one result."""
    free = area(0x100, 0x1FF)
    a, b, c = area(0x110, 0x11F), area(0x140, 0x14F), area(0x300, 0x30F)
    expected = [
        (0x100, 0x10, False),
        (0x110, 0x10, True),
        (0x120, 0x20, False),
        (0x140, 0x10, True),
        (0x150, 0xB0, False),
        (0x300, 0x10, True),
    ]
    for reserved in ((a, b, c), (a, c, b), (b, a, c), (b, c, a), (c, a, b), (c, b, a)):
        assert layout(system([free], reserved)) == expected
    for entries in ((area(5, 6), area(1, 2)), (area(1, 2), area(5, 6))):
        assert layout(system(entries)) == [(1, 2, False), (5, 2, False)]


def test_defect_02_overlapping_reserved_regions_are_merged():
    """Theseus merges overlapping reserved regions. So does ours, whichever comes first."""
    a, b = area(0x110, 0x11F), area(0x118, 0x127)
    for reserved in ((a, b), (b, a)):
        assert layout(system([area(0x100, 0x1FF)], reserved)) == [
            (0x100, 0x10, False),
            (0x110, 0x18, True),
            (0x128, 0xD8, False),
        ]


# |   frame     0x100           0x120         0x130         0x140         0x150           0x180
# |             +---------------------------------------------------------+
# |   a         |                                                         |
# |             +-------------------------------------------+-------------+---------------+
# |   b                                                     |                             |
# |                             +-------------+             +-----------------------------+
# |   c                         |             |
# |             +---------------+-------------+-------------------------------------------+
# |   region    |                        one region of 0x80 frames                        |
# |             +-------------------------------------------------------------------------+
def test_defect_03_overlapping_free_regions():
    """Theseus panics. Ours makes one region of them, and no frame is in two."""
    a, b, c = area(0x100, 0x14F), area(0x140, 0x17F), area(0x120, 0x12F)
    for free in ((a, b, c), (c, b, a), (b, a, c), (a, a, b, c, c)):
        physmem = system(free)
        assert layout(physmem) == [(0x100, 0x80, False)]
        assert physmem.stats()[None]["free"] == 0x80


def test_defect_03_overlapping_free_regions_that_differ_are_refused():
    """Memory of two kinds at once is a mistake, not a panic: init changes nothing and you can call it again."""
    physmem = fresh_physmem()
    different = ("dma", 0x140 * FRAME, 0x40 * FRAME, FRAME, physmem.DMA)
    raises(physmem.PhysMemError, physmem.init, [area(0x100, 0x14F, "general"), different], code="InvalidArgument")
    assert physmem.regions() == []
    physmem.init([area(0x100, 0x14F, "general")])
    assert layout(physmem) == [(0x100, 0x50, False)]


def test_defect_04_empty_reserved_range():
    """Theseus recurses on an empty reserved range until its stack overflows. Ours drops it, wherever it lies."""
    free = area(0x100, 0x1FF)
    for first in (0, 0xFF, 0x100, 0x150, 0x1FF, 0x200, 0x300):
        empty = (first * FRAME, 0)
        assert layout(system([free], [empty])) == [(0x100, 0x100, False)], first
        assert layout(system([free, empty], [empty, empty])) == [(0x100, 0x100, False)], first


def test_defect_04_nothing_but_empty_ranges():
    """Then the system has no frames, and says so."""
    physmem = system([(0x100 * FRAME, 0)], [(0, 0), (0x100 * FRAME, 0)])
    assert physmem.regions() == []
    raises(physmem.PhysMemError, physmem.allocate_frames, 1, code="InvalidArgument")


def test_defect_05_more_than_32_regions():
    """Theseus indexes past the end of an array of 32. Ours takes 100 free regions and 100 reserved ones.

    A board with little heap takes 34 of each. Every frame of them can be allocated.
    """
    count = scaled(100, 100, 34)
    free = [area(0x1000 + 16 * i, 0x1000 + 16 * i + 3) for i in range(count)]
    reserved = [area(0x1000 + 16 * i + 8, 0x1000 + 16 * i + 9) for i in range(count)]
    physmem = system(free, reserved)
    assert len(physmem.regions()) == 2 * count
    firsts = set()
    for _ in range(count):
        frames = physmem.allocate_frames(4)
        firsts.add(frames.addr // FRAME)
    assert firsts == {0x1000 + 16 * i for i in range(count)}
    raises(MemoryError, physmem.allocate_frames, 1)
    for i in range(count):
        assert physmem.allocate_frames_at(reserved[i][0], 2).count == 2
    assert physmem.check() == []


def test_defect_05_one_region_carved_into_more_than_32():
    """The same with one free region and 50 reserved ranges inside it: 51 pieces are left; 34 of 33 with little heap."""
    count = scaled(50, 50, 33)
    reserved = [area(0x1000 + 4 * i + 2, 0x1000 + 4 * i + 3) for i in range(count)]
    physmem = system([area(0x1000, 0x1000 + 4 * count + 1)], reserved)
    assert [region[:2] for region in layout(physmem) if not region[2]] == [
        (0x1000 + 4 * i, 2) for i in range(count + 1)
    ]
    assert [region[:2] for region in layout(physmem) if region[2]] == [(0x1000 + 4 * i + 2, 2) for i in range(count)]


class Board:
    """A memory plan with 256 frames."""

    REGIONS = (("sram", 0x20100000, 256 * FRAME, FRAME, 0),)
    OCCUPIED = ()


def test_defect_06_more_than_32_free_chunks_in_the_early_phase():
    """Theseus keeps 32 chunks before there is a heap.

    Freeing into a full array deadlocks in its later form and loses the frames in its earlier one. Ours, with the heap
    locked, frees 128 frames, no two of them adjacent, and can allocate them all again.
    """
    physmem = fresh_physmem()
    physmem.boot(Board)
    try:
        region = physmem.region("sram")
        for _ in range(256):
            assert region.alloc(1) >= 0
        assert region.alloc(1) == physmem.OUT_OF_MEMORY
        for frame in range(0, 256, 2):
            assert region.free(frame) == 1
        assert region.free_frames == 128
        assert region.alloc(2) == physmem.OUT_OF_MEMORY
        for _ in range(128):
            assert region.alloc(1) & 1 == 0
        for frame in range(256):
            assert region.free(frame) == 1
        assert region.alloc(256) == 0
        assert region.free(0) == 256
    finally:
        physmem.boot_complete()
    assert region.free_frames == 256
    assert physmem.check() == []


def test_defect_06_more_owners_than_there_are_spares_in_the_early_phase():
    """With the heap locked, owners come from a pool of 32. The next is a MemoryError that loses no frame.

    The existing owners can be freed. After the early phase there are as many owners as you like.
    """
    physmem = fresh_physmem()
    owners = [None] * 33
    error = None
    physmem.boot(Board)
    try:
        region = physmem.region("sram")
        try:
            for i in range(33):
                owners[i] = physmem.allocate_frames(1)
        except MemoryError as caught:
            error = caught
        made = 33 if error is None else 32
        assert region.used_frames == made
        for i in range(made):
            assert owners[i].free() == 1
        assert region.used_frames == 0
    finally:
        physmem.boot_complete()
    assert (error is not None) is MICROPYTHON
    frames = [physmem.allocate_frames(1) for _ in range(64)]
    assert sum([one.free() for one in frames]) == 64
    assert physmem.check() == []


def test_defect_06_deferred_action_that_is_dropped():
    """In Theseus, dropping an action while the early array is full panics. You may drop ours at any time.

    Here 32 of them are never committed. After the early phase all frames are still there.
    """
    physmem = fresh_physmem()
    owners = [None] * 32
    physmem.boot(Board)
    try:
        region = physmem.region("sram")
        for i in range(32):
            frames, action = physmem.allocate_frames_deferred(2)
            owners[i] = frames
            action = None
        assert region.used_frames == 64
        for i in range(0, 32, 2):
            assert owners[i].free() == 2
        assert region.used_frames == 32
    finally:
        physmem.boot_complete()
    for i in range(1, 32, 2):
        assert owners[i].free() == 2
    assert region.free_frames == 256
    frames, action = physmem.allocate_frames_deferred(256)
    action.commit()  # if the scheduler has not done it
    assert not action.pending and frames.free() == 256
    assert physmem.check() == []


# Eight allocations are freed in the order below. One request then spans what would be up to eight chunks:
# |
# |   frame     0x100     0x102     0x104     0x106     0x108     0x10a     0x10c     0x10e     0x110
# |             +---------+---------+---------+---------+---------+---------+---------+---------+
# |   freed     |   2nd   |   4th   |   6th   |   1st   |   8th   |   7th   |   3rd   |   5th   |
# |             +---------+---------+---------+---------+---------+---------+---------+---------+
# |   request   |                               16 frames at 0x100                              |
# |             +-------------------------------------------------------------------------------+
def test_defect_07_at_an_address_over_three_and_more_adjacent_free_chunks():
    """Theseus' chunks stay apart once they were split, and a request at an address that spans three of them panics.

    Ours has no chunks: frames freed one by one, in any order, are one run.
    """
    physmem = system([area(0x100, 0x10F, "general")])
    parts = [physmem.allocate_frames_at((0x100 + 2 * i) * FRAME, 2) for i in range(8)]
    for i in (3, 0, 6, 1, 7, 2, 5, 4):
        assert parts[i].free() == 2
    for start, n in ((0x100, 16), (0x101, 14), (0x103, 5), (0x102, 6)):
        frames = physmem.allocate_frames_at(start * FRAME, n)
        assert (frames.addr, frames.count) == (start * FRAME, n)
        assert frames.free() == n
    assert physmem.check() == []


def test_defect_07_over_three_adjacent_ranges_of_init():
    """The same with chunks given to init: those that touch and have no names are one region, free or reserved."""
    chunks = [area(0x100 + 4 * i, 0x103 + 4 * i) for i in (2, 0, 3, 1)]
    for free, reserved in ((chunks, ()), ((), chunks)):
        physmem = system(free, reserved)
        frames = physmem.allocate_frames_at(0x101 * FRAME, 14)
        assert (frames.addr, frames.count) == (0x101 * FRAME, 14)
        assert frames.free() == 14


def test_defect_07_over_regions_with_names_is_refused():
    """Regions with names stay apart. Frames across two of them would belong to neither."""
    physmem = system([area(0x100, 0x103, "a"), area(0x104, 0x107, "b"), area(0x108, 0x10B, "c")])
    refused(physmem, "AddressOutOfRange", physmem.allocate_frames_at, 0x103 * FRAME, 6)


def test_defect_08_three_frames_freed_one_by_one_are_three_contiguous_frames():
    """Theseus does not merge freed chunks: alloc(3) fails although three contiguous frames are free."""
    physmem = system([area(0x100, 0x107, "general")])
    for order in ((2, 3, 4), (4, 3, 2), (3, 2, 4), (2, 4, 3), (0, 1, 2), (7, 6, 5)):
        singles = [physmem.allocate_frames_at((0x100 + i) * FRAME, 1) for i in range(8)]
        raises(MemoryError, physmem.allocate_frames, 1)
        for i in order:
            singles[i].free()
        frames = physmem.allocate_frames(3)
        assert frames.addr == (0x100 + min(order)) * FRAME
        frames.free()
        for i in range(8):
            if i not in order:
                singles[i].free()
    assert physmem.stats()[None]["free"] == 8


def test_defect_09_merge_of_a_free_and_a_reserved_range():
    """In Theseus, you can merge general frames with adjacent reserved ones. Dropping the result makes all of them
    general.

    Ours refuses to merge frames of two regions, either way around. Each goes back where it was.
    """
    physmem = system([area(0x100, 0x10F, "general")], [area(0x110, 0x113, "reserved")])
    general = physmem.allocate_frames_at(0x10F * FRAME, 1)
    reserved = physmem.allocate_frames_at(0x110 * FRAME, 4)
    refused(physmem, "InvalidArgument", general.merge, reserved)
    refused(physmem, "InvalidArgument", reserved.merge, general)
    assert (general.state, general.count, reserved.state, reserved.count) == ("allocated", 1, "allocated", 4)
    assert (general.free(), reserved.free()) == (1, 4)
    for _ in range(16):
        assert 0x100 <= physmem.allocate_frames(1).addr // FRAME <= 0x10F
    raises(MemoryError, physmem.allocate_frames, 1)
    assert physmem.allocate_frames_at(0x110 * FRAME, 4).count == 4


# Each of three reserved regions is extended by 4 frames. The first of them:
# |
# |   frame     0x100                       0x10e     0x110         0x114
# |             +-------------------------------------+
# |   region    |               reserved              |
# |             +---------------------------+---------+-------------+
# |   request                               |        6 frames       |
# |             +---------------------------+-----------------------+
# |   region    |               reserved, 0x14 frames               |
# |             +---------------------------------------------------+
def test_defect_10_extending_past_any_reserved_region():
    """Theseus grants frames from a reserved region into unknown addresses only in the highest free region.

    Ours does so in every reserved region.
    """
    for order in ((0x100, 0x200, 0x300), (0x300, 0x200, 0x100), (0x200, 0x100, 0x300)):
        physmem = system(
            [area(0x1000, 0x100F, "general")],
            [area(0x100, 0x10F), area(0x200, 0x20F), area(0x300, 0x30F)],
        )
        for start in order:
            frames = physmem.allocate_frames_at((start + 0xE) * FRAME, 6, unknown=True)
            assert (frames.addr, frames.count) == ((start + 0xE) * FRAME, 6)
            assert frames.region.base == start * FRAME
        assert layout(physmem) == [
            (0x100, 0x14, True),
            (0x200, 0x14, True),
            (0x300, 0x14, True),
            (0x1000, 0x10, False),
        ]
        assert physmem.check() == []


def test_defect_10_extending_a_region_that_is_partly_in_use():
    """The part before the requested frames may be in use, and is freed as before. The requested frames may not."""
    physmem = system([], [area(0x100, 0x10F), area(0x200, 0x20F)])
    first = physmem.allocate_frames_at(0x100 * FRAME, 4)
    last = physmem.allocate_frames_at(0x10C * FRAME, 6, unknown=True)
    refused(physmem, "AddressNotFree", physmem.allocate_frames_at, 0x102 * FRAME, 0x40, unknown=True)
    refused(physmem, "AddressNotFree", physmem.allocate_frames_at, 0x110 * FRAME, 4, unknown=True)
    assert (first.free(), last.free()) == (4, 6)
    assert physmem.allocate_frames_at(0x100 * FRAME, 0x12).count == 0x12
    assert physmem.check() == []


def test_defect_10_raw_calls_bound_before_the_extension_have_nothing_left():
    """An extended region gets a new bitmap. Calls bound to the old one neither allocate nor free.

    So no frame is handed out by both.
    """
    physmem = system([], [area(0x100, 0x10F)])
    region = physmem.regions()[0]
    held = physmem.allocate_frames_at(0x100 * FRAME, 4)
    alloc, alloc_at, free = region.alloc, region.alloc_at, region.free
    tail = physmem.allocate_frames_at(0x108 * FRAME, 0x10, unknown=True)
    assert tail.region is region and region.frames == 0x18
    assert alloc(1) == physmem.OUT_OF_MEMORY and alloc_at(6, 1) == physmem.ADDRESS_NOT_FREE
    assert free(0) == free(8) == physmem.NOT_ALLOCATED
    assert (held.free(), tail.free()) == (4, 0x10)
    assert region.free_frames == 0x18 and physmem.check() == []


def test_defect_10_extending_into_another_region_is_refused():
    """The unknown addresses after a region end where the next region starts, reserved or free."""
    physmem = system([area(0x120, 0x12F, "general")], [area(0x100, 0x10F), area(0x110, 0x117, "next")])
    refused(physmem, "AddressNotFree", physmem.allocate_frames_at, 0x10F * FRAME, 2, unknown=True)
    refused(physmem, "AddressNotFree", physmem.allocate_frames_at, 0x117 * FRAME, 10, unknown=True)
    assert physmem.allocate_frames_at(0x117 * FRAME, 9, unknown=True).count == 9


def test_defect_11_frames_beyond_the_physical_maximum():
    """Theseus grants them. Ours grants the very last frame, and nothing that reaches past it."""
    physmem = system([area(0x100, 0x10F, "general")])
    last = ADDRESSES - FRAME
    for addr, n in ((last, 2), (last - FRAME, 3), (ADDRESSES, 1), (ADDRESSES + FRAME, 1), (1 << 64, 1), (0, 1 << 60)):
        for unknown in (False, True):
            refused(physmem, "AddressOutOfRange", physmem.allocate_frames_at, addr, n, unknown=unknown)
            refused(physmem, "AddressOutOfRange", physmem.allocate_frames_deferred, n, addr, unknown=unknown)
    for addr, nbytes in ((last, FRAME + 1), (ADDRESSES - 1, 2), (ADDRESSES, 1), (0, ADDRESSES + 1)):
        for unknown in (False, True):
            refused(physmem, "AddressOutOfRange", physmem.allocate_frames_by_bytes_at, addr, nbytes, unknown=unknown)
            refused(
                physmem, "AddressOutOfRange", physmem.allocate_frames_by_bytes_deferred, nbytes, addr, unknown=unknown
            )
    refused(physmem, "AddressOutOfRange", physmem.allocate_frames_at, -FRAME, 1)
    frames = physmem.allocate_frames_by_bytes_at(ADDRESSES - 1, 1, unknown=True)
    assert (frames.addr, frames.count) == (last, 1)


def test_defect_11_extending_beyond_the_physical_maximum():
    """A reserved region at the top of memory cannot be extended."""
    top = ADDRESSES // FRAME - 1
    physmem = system([area(0x100, 0x10F, "general")], [area(top - 3, top)])
    refused(physmem, "AddressOutOfRange", physmem.allocate_frames_at, (top - 1) * FRAME, 3, unknown=True)
    assert physmem.allocate_frames_at((top - 1) * FRAME, 2).count == 2


def test_defect_11_regions_beyond_the_physical_maximum():
    """init takes regions up to the last address and none beyond, neither as numbers nor as a Region."""
    physmem = fresh_physmem()
    for base, size in ((ADDRESSES, FRAME), (ADDRESSES - FRAME, 2 * FRAME), (0, ADDRESSES + FRAME)):
        raises(physmem.PhysMemError, physmem.init, [(base, size)], code="AddressOutOfRange")
        raises(physmem.PhysMemError, physmem.init, [], [(base, size)], code="AddressOutOfRange")
    for base, size in ((ADDRESSES, FRAME), (ADDRESSES - FRAME, 2 * FRAME)):
        region = physmem.Region("beyond", base, size)
        raises(physmem.PhysMemError, physmem.init, [region], code="AddressOutOfRange")
    physmem.init([(ADDRESSES - 2 * FRAME, 2 * FRAME)])
    frames = physmem.allocate_frames(2)
    assert (frames.addr, frames.nbytes) == (ADDRESSES - 2 * FRAME, 2 * FRAME)


def test_defect_12_by_bytes_of_the_largest_integers():
    """Theseus' by_bytes rounds up by adding, which overflows to a small number of frames for the largest integer."""
    physmem = system([area(0x100, 0x10F, "general")])
    before = seen(physmem)
    for bits in (30, 31, 32, 52, 63, 64, 128):
        for nbytes in ((1 << bits) - 1, 1 << bits, (1 << bits) - FRAME + 1):
            raises(MemoryError, physmem.allocate_frames_by_bytes, nbytes)
            raises(MemoryError, physmem.allocate_frames_by_bytes_deferred, nbytes)
            raises(MemoryError, physmem.allocate_frames, nbytes)
            raises(MemoryError, physmem.allocate_frames_deferred, nbytes)
            for function in (physmem.allocate_frames_by_bytes_at, physmem.allocate_frames_at):
                raises(physmem.PhysMemError, function, 0x10F * FRAME + 1, nbytes, code="AddressOutOfRange")
    assert seen(physmem) == before


def test_defect_13_calling_the_allocator_from_inside_inspect():
    """Theseus holds its lock while the closure runs, so a closure that allocates waits for itself.

    Ours may allocate, free, inspect and read statistics. What it then picks is granted if it is still free.
    """
    physmem = system([area(0x100, 0x10F, "general")])
    held = physmem.allocate_frames_at(0x104 * FRAME, 4)
    inside = []

    def chooser(region, first, count):
        frames = physmem.allocate_frames(1)
        inside.append(frames.free())
        inside.append(physmem.inspect_then_allocate(lambda region, first, count: (first, 1)).free())
        inside.append(physmem.stats()[None]["used"])
        return (first, 2) if first == 8 else None

    frames = physmem.inspect_then_allocate(chooser)
    assert inside == [1, 1, 4] * 2
    assert (frames.addr, frames.count) == (0x108 * FRAME, 2)
    assert (frames.free(), held.free()) == (2, 4)
    assert physmem.check() == []


def test_defect_13_a_pick_that_the_chooser_itself_has_taken():
    """What the chooser allocated from the run that it was shown is not granted again."""
    physmem = system([area(0x100, 0x10F, "general")])
    taken = []

    def chooser(region, first, count):
        taken.append(physmem.allocate_frames_at(region.addr(first + 3), 1))
        return first, count

    raises(physmem.PhysMemError, physmem.inspect_then_allocate, chooser, code="AddressNotFree")
    assert physmem.stats()[None]["used"] == 1
    assert taken[0].free() == 1


# The frames while the walk stands at frame 2. It then goes on behind the frames in use:
# |
# |   frame     0       1       2               4       5                       8
# |             +---------------+---------------+-------------------------------+
# |   first     |      free     |     in use    |              free             |    the walk has returned (0, 2, True)
# |             +-------+-------+---------------+-------+-----------------------+
# |   then      |  free |             in use            |          free         |    it ends with (5, 3, True)
# |             +-------+-------------------------------+-----------------------+
def test_defect_13_runs_end_while_frames_come_and_go():
    """The inspection ends even if an allocation is made that starts before the place reached and ends after it.

    There is no run after the frames in use.
    """
    physmem = fresh_physmem()
    region = physmem.Region("memory", 0x100 * FRAME, 8 * FRAME)
    assert region.alloc_at(2, 2) == 2
    runs = region.runs()
    assert next(runs) == (0, 2, True)
    assert region.free(2) == 2
    assert region.alloc_at(1, 4) == 1
    rest = []
    for run in runs:
        rest.append(run)
        assert len(rest) <= 8
    assert rest[-1] == (5, 3, True)


def test_defect_13_no_heap_is_needed_to_allocate():
    """Theseus allocates heap while it holds its lock. Ours allocates, merges and frees with the heap locked.

    It also says what is wrong.
    """
    physmem = system([area(0x100, 0x10F, "general")])
    refusal = None
    micropython.heap_lock()
    try:
        first = physmem.allocate_frames_at(0x103 * FRAME, 5)
        second = physmem.allocate_frames_at(0x100 * FRAME, 3)
        assert first.merge(second).count == 8
        assert first.free() == 8
        frames, action = physmem.allocate_frames_deferred(4)
        assert frames.free() == 4
        try:
            frames.free()
        except physmem.PhysMemError as error:
            refusal = error
    finally:
        micropython.heap_unlock()
    assert refusal is not None and refusal.code == "NotAllocated"
    assert physmem.stats()[None]["free"] == 16
    assert physmem.check() == []
