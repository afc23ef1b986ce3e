"""Where allocations land: alignment, boundaries, windows, attributes, regions, rings, addresses.

For each request brute force lists every place that the free frames allow, using a plain list of booleans. The result
must be one of them, and there must be a result if there is a place.
"""

import sys

from places import places
from random_numbers import RandomNumbers
from support import fresh_physmem, raises, scaled

PAGE = 4096
SRAM = 0x20100000
PSRAM = 0x60000000  # a big integer on 32-bit boards
MEGABYTE = 1 << 20


def board(physmem):
    """Make a system like a board's: fast SRAM, large PSRAM, core-coupled memory without DMA, a reserved range."""
    physmem.init(
        [
            ("psram", PSRAM, 4 * MEGABYTE, PAGE, "DMA EXTERNAL CACHED"),
            ("sram", SRAM, 2 * MEGABYTE, PAGE, "DMA FAST"),
            ("core", 0x10000000, 16 * PAGE, PAGE, "FAST"),
        ],
        [("registers", 0x40000000, 4 * PAGE)],
    )
    return physmem


class Map:
    """A region with some of its frames in use, and a list of booleans that says which are free."""

    def __init__(self, physmem, region, numbers, most):
        self.region = region
        self.free = [True] * region.frames
        while numbers.below(8):
            n = 1 + numbers.below(most)
            first = numbers.below(region.frames)
            if first + n <= region.frames and all(self.free[first : first + n]):
                physmem.allocate_frames_at(region.addr(first), n)
                self.free[first : first + n] = [False] * n

    def places(self, n, align, boundary, low, high):
        """Return every first frame where `n` frames are free and the address meets the constraints, all in bytes."""
        region = self.region
        return list(places(self.free, region.base, region.frame_size, n, align, boundary, low, high))


def test_every_constraint_at_once():
    """Seeded maps and requests with every mixture of align, boundary, low and high, by frames and by bytes.

    A request is granted exactly when brute force finds a place, and at one of its places.
    """
    numbers = RandomNumbers(5)
    granted = refused = 0
    for _ in range(scaled(60, 3)):
        physmem = fresh_physmem()
        frame_size = numbers.choice((32, 256, PAGE))
        base = numbers.choice((0, SRAM, PSRAM)) + frame_size * numbers.below(40)
        frames = 1 + numbers.below(100)
        physmem.init([("r", base, frames * frame_size, frame_size)])
        region = physmem.region("r")
        sketch = Map(physmem, region, numbers, 12)
        size = frames * frame_size
        for _ in range(30):
            n = 1 + numbers.below(numbers.choice((4, 40)))
            align = numbers.choice((0, 1, 32, frame_size, frame_size << numbers.below(7)))
            boundary = numbers.choice((0, frame_size << numbers.below(8), frame_size << numbers.below(8), 1 << 31))
            low = numbers.choice((0, max(0, base - 100), base + numbers.below(size)))
            high = numbers.choice((None, base + size + 100, base + 1 + numbers.below(size)))
            if high is not None and high <= low:
                continue
            places = sketch.places(n, align, boundary, low, high)
            keywords = {"align": align, "boundary": boundary, "low": low, "high": high}
            nbytes = n * frame_size - numbers.below(frame_size)
            for call, amount in ((physmem.allocate_frames, n), (physmem.allocate_frames_by_bytes, nbytes)):
                try:
                    owner = call(amount, **keywords)
                except MemoryError:
                    assert not places, "%d frames, %r: refused, could be at %r" % (n, keywords, places)
                    refused += 1
                except physmem.PhysMemError as error:
                    assert error.code == "SizeMismatch" and not places and 0 < boundary < n * frame_size
                    refused += 1
                else:
                    assert owner.first in places, "%d frames, %r: at %d, not at one of %r" % (
                        n,
                        keywords,
                        owner.first,
                        places,
                    )
                    assert owner.count == n and owner.addr == base + owner.first * frame_size
                    assert owner.free() == n
                    granted += 1
        assert region.check() == []
    assert granted > 20 and refused > 20  # the mixture tries both


def test_alignment_is_of_the_address():
    """In a region whose base is not aligned, frame 0 is not aligned either: the address counts, not the index."""
    physmem = fresh_physmem()
    physmem.init([("r", SRAM + 3 * PAGE, 64 * PAGE)])
    for k in range(6):
        align = PAGE << k
        first = physmem.allocate_frames(1, align=align)
        assert first.addr % align == 0
        assert first.addr >= SRAM + 3 * PAGE
        first.free()
    assert physmem.allocate_frames(1, align=1).nbytes == PAGE
    assert physmem.allocate_frames(1, align=32).addr % PAGE == 0


def test_alignment_beyond_the_region():
    """With an alignment larger than any region, only an address that is a multiple of it will do. 0 is one."""
    physmem = fresh_physmem()
    physmem.init([("r", 0x40000000 - PAGE, 2 * PAGE)])
    assert physmem.allocate_frames(1, align=1 << 30).addr == 0x40000000
    raises(MemoryError, physmem.allocate_frames, 1, align=1 << 30)
    physmem = fresh_physmem()
    physmem.init([("r", 0, 4 * PAGE)])
    assert physmem.allocate_frames(1, align=1 << 40).addr == 0


def test_alignment_of_any_size_at_address_zero():
    """0 is a multiple of every power of two, even of those with more frames than the engine counts (2**29)."""
    physmem = fresh_physmem()
    physmem.init([("r", 0, 4 * PAGE)])
    for bits in (41, 42, 51, 70):
        owner = physmem.allocate_frames(1, align=1 << bits)
        assert owner.addr == 0
        owner.free()


# The boundary is 2 * middle. The four frames cross `middle`, but no multiple of the boundary:
# |
# |   0                middle - 64        middle       middle + 64            2 * middle
# |   :                     +---------+---------+---------+---------+              :
# |   :                     | frame 0 | frame 1 | frame 2 | frame 3 |              :
# |   :                     +---------+---------+---------+---------+              :
# |   ^                                                                            ^
def test_boundaries_larger_than_the_engine_counts():
    """A boundary of 2**30 frames or more is crossed only at its own multiples, not at those of 2**29 frames."""
    physmem = fresh_physmem()
    if sys.modules["physmem_region"].ADDRESS_BITS == 32:
        return  # 2**29 frames of 32 bytes exceed the address space
    middle = 32 << 29
    physmem.init([("r", middle - 64, 128, 32)])
    assert physmem.allocate_frames(4, boundary=middle << 1).count == 4


# The region has the pages 1 to 62. ^ marks multiples of the boundary. Three pages fit twice into each piece:
# |
# |   page  0  1                    8                      16    56                      64
# |         :  +--------+--------+--+--------+--------+-----+     +--------+--------+--+  :
# |         :  |   3    |   3    |  |   3    |   3    |     | ... |   3    |   3    |  |  :
# |         :  +--------+--------+--+--------+--------+-----+     +--------+--------+--+  :
# |         ^                       ^                       ^     ^                       ^
def test_boundary_keeps_within():
    """Frames with a boundary never cross a multiple of it, and use up all that fits."""
    physmem = fresh_physmem()
    physmem.init([("r", SRAM + PAGE, 62 * PAGE)])
    owners = []
    while True:
        try:
            owners.append(physmem.allocate_frames(3, boundary=8 * PAGE))
        except MemoryError:
            break
    for owner in owners:
        assert owner.addr // (8 * PAGE) == (owner.addr + owner.nbytes - 1) // (8 * PAGE)
    # By hand: the boundary cuts frames 1 to 62 into eight pieces, 1 to 7, then six of 8, then 56 to 62. Two threes fit
    # into each.
    assert len(owners) == 16


# Two frames fit between the first `low` and `high`. A byte less at either end is too little:
# |
# |   frame   3         4         5         6
# |           +---------+---------+---------+- - -
# |           |         |    granted: 2     |
# |           +---------+---------+---------+- - -
# |                     low                 high      2 frames fit
# |                      low                high      1 frame fits
# |                     low                high       1 frame fits
def test_windows_from_low_to_before_high():
    """`low` is the first address you may use, `high` the first you may not. Partial frames do not count."""
    physmem = fresh_physmem()
    physmem.init([("r", SRAM, 16 * PAGE)])
    for low, high, first in (
        (SRAM + 4 * PAGE, SRAM + 6 * PAGE, 4),
        (SRAM + 3 * PAGE + 1, SRAM + 6 * PAGE, 4),
        (SRAM + 4 * PAGE, SRAM + 7 * PAGE - 1, 4),
        (SRAM - PAGE, SRAM + 2 * PAGE, 0),
        (SRAM + 14 * PAGE, None, 14),
        (SRAM + 14 * PAGE, SRAM + 100 * PAGE, 14),
        (0, SRAM + 2 * PAGE, 0),
    ):
        owner = physmem.allocate_frames(2, low=low, high=high)
        assert owner.first == first
        raises(MemoryError, physmem.allocate_frames, 2, low=low, high=high)
        owner.free()
    raises(MemoryError, physmem.allocate_frames, 2, low=SRAM + 4 * PAGE, high=SRAM + 6 * PAGE - 1)
    raises(MemoryError, physmem.allocate_frames, 2, low=SRAM + 4 * PAGE + 1, high=SRAM + 6 * PAGE)


def test_attributes():
    """`require` is always met, `forbid` never violated, and `prefer` is met if possible."""
    physmem = board(fresh_physmem())
    for keywords, names in (
        ({"require": physmem.EXTERNAL}, ("psram",)),
        ({"require": physmem.DMA | physmem.FAST}, ("sram",)),
        ({"require": physmem.FAST, "forbid": physmem.DMA}, ("core",)),
        ({"forbid": physmem.FAST}, ("psram",)),
        ({"prefer": physmem.EXTERNAL}, ("psram",)),
        ({"prefer": physmem.FAST, "require": physmem.DMA}, ("sram",)),
        ({"prefer": physmem.DMA | physmem.FAST}, ("sram",)),
        ({"prefer": physmem.RETAINED}, ("psram", "sram", "core")),
        ({"prefer": physmem.FAST, "require": physmem.EXTERNAL}, ("psram",)),
        ({"forbid": physmem.DMA | physmem.EXTERNAL}, ("core",)),
    ):
        assert physmem.allocate_frames(1, **keywords).region.name in names, keywords
        assert physmem.allocate_frames_by_bytes(1, **keywords).region.name in names, keywords
        frames, action = physmem.allocate_frames_deferred(1, **keywords)
        action.commit()
        assert frames.region.name in names, keywords


def test_what_is_preferred_and_full_gives_way():
    """`prefer` falls back to other suitable memory when the preferred memory is used up. `require` does not."""
    physmem = board(fresh_physmem())
    physmem.allocate_frames(512, region="sram")
    assert physmem.allocate_frames(1, prefer=physmem.FAST, require=physmem.DMA).region.name == "psram"
    raises(MemoryError, physmem.allocate_frames, 1, require=physmem.FAST | physmem.DMA)


def test_the_order_of_regions():
    """A request that could go anywhere takes the memory with the fewest merits (DMA, FAST, RETAINED, SHARED).

    Of equals it takes the smaller, and the next one when that is full.
    """
    physmem = fresh_physmem()
    physmem.init(
        [
            ("three", SRAM, 2 * PAGE, PAGE, "DMA FAST SHARED"),
            ("plain", SRAM + 16 * PAGE, 3 * PAGE, PAGE, "CACHED EXTERNAL"),
            ("one of four", SRAM + 32 * PAGE, 4 * PAGE, PAGE, "FAST"),
            ("one of two", SRAM + 48 * PAGE, 2 * PAGE, PAGE, "DMA"),
            ("two", SRAM + 64 * PAGE, 2 * PAGE, PAGE, "DMA RETAINED"),
        ]
    )
    order = []
    for _ in range(13):
        name = physmem.allocate_frames(1).region.name
        if name not in order[-1:]:
            order.append(name)
    assert order == ["plain", "one of two", "one of four", "two", "three"]
    raises(MemoryError, physmem.allocate_frames, 1)


def test_a_region_by_name_or_itself():
    """`region=` is a Region or a name. The request goes to that region or fails."""
    physmem = board(fresh_physmem())
    for name in ("sram", "psram", "core"):
        assert physmem.allocate_frames(1, region=name).region.name == name
        assert physmem.allocate_frames(1, region=physmem.region(name)).region.name == name
    physmem.allocate_frames(14, region="core")
    raises(MemoryError, physmem.allocate_frames, 1, region="core")
    raises(physmem.PhysMemError, physmem.allocate_frames, 1, region="core", require=physmem.DMA, code="InvalidArgument")


def test_by_bytes():
    """Allocating by bytes gives the fewest frames that hold them: ceil(nbytes / frame size)."""
    physmem = fresh_physmem()
    physmem.init([("pages", SRAM, 64 * PAGE, PAGE, "DMA"), ("lines", PSRAM, 64 * 32, 32)])
    for name, size in (("pages", PAGE), ("lines", 32)):
        for nbytes in (1, size - 1, size, size + 1, 2 * size, 3 * size - 1, 64 * size):
            with physmem.allocate_frames_by_bytes(nbytes, region=name) as frames:
                assert frames.count == (nbytes + size - 1) // size
                assert frames.nbytes == nbytes and frames.capacity >= nbytes > frames.capacity - size
    # Each region counts in its own frames.
    with physmem.allocate_frames_by_bytes(2048) as frames:
        assert (frames.region.name, frames.count) == ("lines", 64)
    with physmem.allocate_frames_by_bytes(2049) as frames:
        assert (frames.region.name, frames.count) == ("pages", 1)


def test_rings_of_every_size():
    """Rings from 1 byte to 1 MiB lie at a multiple of their size, in fast memory that DMA reaches, with no extra
    frames."""
    physmem = board(fresh_physmem())
    nbytes = 1
    while nbytes <= MEGABYTE:
        first = physmem.dma_ring(nbytes, owner="first")
        second = physmem.dma_ring(nbytes)
        for ring in (first, second):
            assert ring.addr % nbytes == 0, nbytes
            assert (ring.nbytes, ring.capacity) == (nbytes, max(nbytes, PAGE))
            assert ring.region.name == "sram"
        assert first.addr + first.capacity <= second.addr or second.addr + second.capacity <= first.addr
        assert first.owner == "first" and second.owner is None
        first.free()
        second.free()
        nbytes *= 2
    assert physmem.dma_ring(2 * MEGABYTE).region.name == "psram"  # 0x20100000 is not a multiple of 2 MiB


def test_rings_between_other_frames():
    """Rings find the aligned gaps between frames in use: here one page of every 16 is in use."""
    physmem = fresh_physmem()
    physmem.init([("sram", SRAM, 64 * PAGE, PAGE, "DMA")])
    for i in range(0, 64, 16):
        physmem.allocate_frames_at(SRAM + (i + 1) * PAGE, 1)
    rings = [physmem.dma_ring(8 * PAGE) for _ in range(4)]
    assert sorted([(ring.addr - SRAM) // PAGE for ring in rings]) == [8, 24, 40, 56]
    raises(MemoryError, physmem.dma_ring, 8 * PAGE)


def test_at_an_address():
    """The first frame is the one that contains the address. By bytes, you get every frame that holds one of them."""
    physmem = board(fresh_physmem())
    for offset, nbytes, first, count in (
        (0, 1, 0, 1),
        (PAGE - 1, 1, 0, 1),
        (PAGE - 1, 2, 0, 2),
        (5 * PAGE + 7, PAGE, 5, 2),
        (5 * PAGE, PAGE, 5, 1),
        (5 * PAGE + 1, 2 * PAGE - 1, 5, 2),
        (511 * PAGE, PAGE, 511, 1),
    ):
        for frames in (
            lambda: physmem.allocate_frames_by_bytes_at(SRAM + offset, nbytes),  # noqa: B023
            lambda: physmem.allocate_frames_at(SRAM + offset, count),  # noqa: B023
            lambda: physmem.allocate_frames_by_bytes_deferred(nbytes, SRAM + offset)[0],  # noqa: B023
            lambda: physmem.allocate_frames_deferred(count, at=SRAM + offset)[0],  # noqa: B023
        ):
            with frames() as owner:
                assert (owner.region.name, owner.first, owner.count) == ("sram", first, count)
                assert owner.addr == SRAM + first * PAGE
    assert physmem.stats()[None]["used"] == 0


def test_reserved_regions_are_handed_out_by_address_only():
    """With everything else full, a reserved region's free frames are not taken. By address they are, and they come
    back."""
    physmem = board(fresh_physmem())
    for name in ("sram", "psram", "core"):
        physmem.allocate_frames(physmem.region(name).frames, region=name)
    raises(MemoryError, physmem.allocate_frames, 1)
    raises(MemoryError, physmem.dma_ring, PAGE)
    assert physmem.inspect_then_allocate(lambda region, first, count: (first, 1)) is None
    frames = physmem.allocate_frames_at(0x40001000, 2)
    assert (frames.region.name, frames.addr, frames.count) == ("registers", 0x40001000, 2)
    raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x40002000, 1, code="AddressNotFree")
    frames.free()
    raises(MemoryError, physmem.allocate_frames, 1)
    assert physmem.allocate_frames_at(0x40000000, 4).count == 4


def test_unknown_addresses_become_reserved_regions():
    """With unknown=True undeclared registers are granted once, kept as a reserved region, and granted again after free.

    Without it they are out of range, and the sentence says how to get them.
    """
    physmem = board(fresh_physmem())
    regions = len(physmem.regions())
    refused = raises(physmem.PhysMemError, physmem.allocate_frames_by_bytes_at, 0x50001FFC, 8, code="AddressOutOfRange")
    assert "unknown=True" in str(refused) and "0x50001ffc" in str(refused) and "nbytes = 8" in str(refused)
    assert len(physmem.regions()) == regions
    frames = physmem.allocate_frames_by_bytes_at(0x50001FFC, 8, unknown=True)
    assert (frames.addr, frames.count) == (0x50001000, 2)
    assert frames.region.attrs == physmem.RESERVED and frames.region in physmem.regions()
    raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x50002000, 1, code="AddressNotFree")
    for unknown, code in ((False, "AddressOutOfRange"), (True, "AddressNotFree")):
        raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x50000000, 2, unknown=unknown, code=code)
    frames.free()
    again = physmem.allocate_frames_at(0x50002000, 1)
    assert again.region is frames.region
    bases = [region.base for region in physmem.regions()]
    assert bases == sorted(bases)
    frames = [physmem.allocate_frames(1) for _ in range(20)]
    assert all(owner.region.name != again.region.name for owner in frames)


# The reserved region "low" has two frames and grows by 39:
# |
# |   0x40000000          0x40002000                0x40029000        0x50000000
# |       +---------+---------+ - - - - - - - - - - - - - +                +---------+---------+
# |       |  first  |          more, 40 frames            |                |       high        |
# |       +---------+---------+ - - - - - - - - - - - - - +                +---------+---------+
def test_reserved_regions_grow_on_demand():
    """A reserved region grows past its end, even if it is not the highest one (Theseus' defect 10) or is partly in use.

    What was allocated before stays and can be freed. Raw calls bound before have nothing left to hand out.
    """
    physmem = fresh_physmem()
    physmem.init([("sram", SRAM, 16 * PAGE)], [("low", 0x40000000, 2 * PAGE), ("high", 0x50000000, 2 * PAGE)])
    region = physmem.region("low")
    first = physmem.allocate_frames_at(0x40000000, 1)
    alloc, free = region.alloc, region.free
    raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x40001000, 40, code="AddressOutOfRange")
    assert region.frames == 2 and region.alloc is alloc
    more = physmem.allocate_frames_at(0x40001000, 40, unknown=True)
    assert more.region is region and (more.addr, more.count) == (0x40001000, 40)
    assert (region.frames, region.end, region.used_frames, region.peak_used) == (41, 0x40000000 + 41 * PAGE, 41, 41)
    assert alloc(1) < 0 and free(0) < 0
    assert region.check() == []
    raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x40000000, 1, code="AddressNotFree")
    raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x40028000, 2, unknown=True, code="AddressNotFree")
    assert first.free() == 1 and more.free() == 40
    assert physmem.allocate_frames_at(0x40000000, 45, unknown=True).count == 45
    assert physmem.region("high").frames == 2
    assert physmem.check() == []


def test_reserved_regions_do_not_grow_into_others():
    """An extension ends where the next region starts, whatever is free there."""
    physmem = fresh_physmem()
    physmem.init([("sram", 0x40004000, 4 * PAGE)], [("registers", 0x40000000, 2 * PAGE)])
    for unknown, code in ((False, "AddressOutOfRange"), (True, "AddressNotFree")):
        raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x40001000, 4, unknown=unknown, code=code)
    assert physmem.region("registers").frames == 2
    assert physmem.allocate_frames_at(0x40001000, 3, unknown=True).count == 3
    assert physmem.region("registers").end == 0x40004000
    assert physmem.allocate_frames(4, region="sram").count == 4


def test_never_two_owners_of_one_frame():
    """Seeded requests of every kind, with frees in between: the bytes of two live owners never overlap.

    The statistics are the sum of the owners.
    """
    physmem = board(fresh_physmem())
    numbers = RandomNumbers(13)
    owners = []
    for _ in range(scaled(3000, 150)):
        kind = numbers.below(8)
        n = 1 + numbers.below(numbers.choice((4, 70)))
        try:
            if kind < 3 and owners:
                owners.pop(numbers.below(len(owners))).free()
                continue
            if kind == 3:
                owner = physmem.allocate_frames_at(SRAM + PAGE * numbers.below(500), n)
            elif kind == 4:
                owner = physmem.allocate_frames_at(0x40000000 - 8 * PAGE + PAGE * numbers.below(64), n, unknown=True)
            elif kind == 5:
                owner = physmem.dma_ring(PAGE << numbers.below(5))
            elif kind == 6:
                owner = physmem.allocate_frames(n, align=PAGE << numbers.below(4), boundary=128 * PAGE)
            else:
                owner = physmem.allocate_frames(n, prefer=numbers.choice((physmem.FAST, physmem.EXTERNAL)))
        except MemoryError:
            continue
        except physmem.PhysMemError as error:
            assert error.code in ("AddressNotFree", "AddressOutOfRange")
            if kind == 3:
                busy = [owner for owner in owners if owner.region.name == "sram"]
                assert busy or error.code == "AddressOutOfRange"
            continue
        for other in owners:
            assert owner.addr + owner.capacity <= other.addr or other.addr + other.capacity <= owner.addr
        owners.append(owner)
    assert physmem.check() == []
    assert sum([owner.count for owner in owners]) == sum([region.used_frames for region in physmem.regions()])
    for owner in owners:
        owner.free()
    assert sum([region.used_frames for region in physmem.regions()]) == 0


def test_inspection_shows_every_free_run():
    """The chooser sees exactly the free runs, by address, and what it picks is allocated."""
    physmem = fresh_physmem()
    physmem.init([("b", PSRAM, 16 * PAGE), ("a", SRAM, 8 * PAGE)], [("r", 0x40000000, PAGE)])
    physmem.allocate_frames_at(SRAM + 2 * PAGE, 3)
    physmem.allocate_frames_at(PSRAM, 1)
    physmem.allocate_frames_at(PSRAM + 7 * PAGE, 2)
    seen = []

    def look(region, first, count):
        seen.append((region.name, first, count))

    assert physmem.inspect_then_allocate(look) is None
    assert seen == [("a", 0, 2), ("a", 5, 3), ("b", 1, 6), ("b", 9, 7)]
    seen.clear()
    assert physmem.inspect_then_allocate(lambda *run: physmem.STOP if look(*run) is None else None) is None
    assert seen == [("a", 0, 2)]
    picked = physmem.inspect_then_allocate(lambda region, first, count: (first + 1, 4) if count == 6 else None, owner=9)
    assert (picked.region.name, picked.first, picked.count, picked.owner) == ("b", 2, 4, 9)


# The frames while the walk stands at frame 8:
# |
# |   frame   0       4       8      12      16
# |           +-------+-------+-------+-------+
# |   before  |     free      | held  | free  |     the walk has returned (0, 8, True)
# |           +-------+-------+-------+-------+
# |   after   | free  |   allocated   | free  |     frame 8 is now inside an allocation
# |           +-------+-------+-------+-------+
def test_inspection_while_the_memory_changes():
    """A walk over the runs ends, whatever is allocated and freed meanwhile.

    Here the current run and the allocation after it become one allocation, so the walk continues in the middle of it.
    """
    physmem = fresh_physmem()
    physmem.init([("r", SRAM, 16 * PAGE)])
    held = physmem.allocate_frames_at(SRAM + 8 * PAGE, 4)
    region = physmem.region("r")
    runs = region.runs()
    assert next(runs) == (0, 8, True)
    held.free()
    physmem.allocate_frames_at(SRAM + 4 * PAGE, 8)
    for step, (_first, count, _free) in enumerate(runs):
        assert count > 0 and step < region.frames, "the walk stands still"
