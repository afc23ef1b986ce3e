"""FrameRange, PhysicalMemoryRegion and MemoryRegionType: values that describe frames without any right to them.

Expectations come from Theseus' description of its range type, from arithmetic on addresses, and, for pairs of ranges,
from Python sets of frame numbers. Numbers above 2**30 are big ints on 32-bit boards.
"""

import physmem
from physmem import FrameRange, MemoryRegionType, PhysicalMemoryRegion, PhysMemError, Region
from physmem_frames import new_frames
from support import raises

ALL = 1 << 52  # frames of 4,096 bytes in 64 bits of address
MOST = 4  # pairs of ranges have every first frame and every count below this


def small_ranges():
    """Return all ranges of a few small numbers, with the empty ones at each of them."""
    return [FrameRange(first, count) for first in range(MOST) for count in range(MOST)]


def frames_of(frame_range):
    """Return the set of the frame numbers, without help from the range's own iteration."""
    return set(range(frame_range.first, frame_range.first + frame_range.count))


# Making one.


def test_names_are_reachable_from_physmem_and_are_the_modules_own():
    """physmem loads the module when you name one of the three."""
    import physmem_range

    for name in ("FrameRange", "PhysicalMemoryRegion", "MemoryRegionType"):
        assert getattr(physmem, name) is getattr(physmem_range, name)


def test_first_count_and_what_follows_from_them():
    """Frames 0x100..0x103 of 4,096 bytes start at 0x100000 and take 16 KiB."""
    frames = FrameRange(0x100, 4)
    assert (frames.first, frames.count, frames.frame_size) == (0x100, 4, 4096)
    assert (frames.start, frames.end) == (0x100, 0x103)
    assert frames.start_address == 0x100000
    assert frames.size_in_frames == len(frames) == 4
    assert frames.size_in_bytes == 16384
    assert repr(frames) == "FrameRange(0x100, 4, 4096)"


def test_frames_of_the_smallest_size():
    """With frames of 32 bytes, frame 0x1000 is at 0x20000."""
    frames = FrameRange(0x1000, 3, 32)
    assert frames.start_address == 0x20000
    assert frames.size_in_bytes == 96


def test_empty_has_no_frame():
    """An empty range has no size and no number, and is false."""
    nothing = FrameRange.empty()
    assert nothing.size_in_frames == nothing.size_in_bytes == len(nothing) == 0
    assert list(nothing) == []
    assert not nothing
    assert nothing.end == nothing.start - 1
    assert FrameRange.empty(64).frame_size == 64


def test_a_range_with_frames_is_true():
    """A range with frames is true, even if it has more frames than len() of CPython can return."""
    assert FrameRange(0, 1)
    assert FrameRange(0, ALL)


def test_from_frames_includes_both_ends():
    """3..7 is five frames, 3..3 is one."""
    assert FrameRange.from_frames(3, 7) == FrameRange(3, 5)
    assert FrameRange.from_frames(3, 3) == FrameRange(3, 1)


def test_from_frames_reversed_is_empty():
    """As in Theseus, a reversed range is the empty one, however far it is reversed."""
    for start, end in ((1, 0), (7, 3), (ALL - 1, 0)):
        frames = FrameRange.from_frames(start, end)
        assert frames.size_in_frames == 0
        assert frames.start == start
        assert list(frames) == []


def test_from_phys_addr_takes_every_frame_touched():
    """The address's offset in its frame counts: 2 bytes at the last byte of a frame touch two frames."""
    cases = (
        (0x1000, 1, 1, 1),
        (0x1000, 4096, 1, 1),
        (0x1000, 4097, 1, 2),
        (0x1FFF, 1, 1, 1),
        (0x1FFF, 2, 1, 2),
        (0x1001, 4096, 1, 2),
        (0, 1, 0, 1),
        (0x40004F00, 0x200, 0x40004, 2),
    )
    for addr, nbytes, first, count in cases:
        assert FrameRange.from_phys_addr(addr, nbytes) == FrameRange(first, count), (addr, nbytes)


def test_from_phys_addr_of_no_bytes_is_empty():
    """As in Theseus, 0 bytes are the empty range, wherever they are."""
    for addr in (0, 1, 0x1FFF, (1 << 64) - 1):
        assert FrameRange.from_phys_addr(addr, 0).size_in_frames == 0


def test_from_phys_addr_in_frames_of_another_size():
    """Bytes 100..199 are in frames 1..3 of 64 bytes."""
    assert FrameRange.from_phys_addr(100, 100, 64) == FrameRange(1, 3, 64)


def test_ranges_of_all_memory():
    """2**52 frames of 4,096 bytes are 2**64 bytes. Theseus' size in bytes overflows there."""
    everything = FrameRange.from_phys_addr(0, 1 << 64)
    assert everything == FrameRange(0, ALL)
    assert everything.size_in_bytes == 1 << 64
    assert everything.end == ALL - 1
    assert everything.contains_address((1 << 64) - 1)
    assert everything.address_at_offset((1 << 64) - 1) == (1 << 64) - 1
    assert everything.address_at_offset(1 << 64) is None


# Addresses.


def test_contains_address_is_true_from_the_first_byte_to_the_last():
    """Frames 2..4 are the bytes 0x2000..0x4FFF."""
    frames = FrameRange(2, 3)
    for addr, inside in ((0, False), (0x1FFF, False), (0x2000, True), (0x4FFF, True), (0x5000, False), (-1, False)):
        assert frames.contains_address(addr) is inside, addr


def test_no_address_is_in_an_empty_range():
    """Not even the address where the range is."""
    for addr in (0, 0x6FFF, 0x7000):
        assert not FrameRange(7, 0).contains_address(addr)
        assert not FrameRange.empty().contains_address(addr)


def test_offset_of_address_counts_bytes_from_the_start():
    """None outside the range, as in Theseus."""
    frames = FrameRange(2, 3)
    assert frames.offset_of_address(0x2000) == 0
    assert frames.offset_of_address(0x3005) == 0x1005
    assert frames.offset_of_address(0x4FFF) == 0x2FFF
    for addr in (0x1FFF, 0x5000, 0, -1):
        assert frames.offset_of_address(addr) is None


def test_address_at_offset_ends_before_the_size():
    """As in Theseus, an offset equal to the size gives None."""
    frames = FrameRange(2, 3)
    assert frames.address_at_offset(0) == 0x2000
    assert frames.address_at_offset(0x2FFF) == 0x4FFF
    for offset in (0x3000, 0x3001, -1, 1 << 70):
        assert frames.address_at_offset(offset) is None
    assert FrameRange.empty().address_at_offset(0) is None


def test_offset_and_address_undo_each_other():
    """At every byte of two frames of 64 bytes."""
    frames = FrameRange(0x9000, 2, 64)
    for offset in range(frames.size_in_bytes):
        assert frames.offset_of_address(frames.address_at_offset(offset)) == offset


# Ranges and frames.


def test_to_extended_reaches_down_and_up_and_stays_within():
    """to_extended returns a new range. The old one stays unchanged."""
    frames = FrameRange(5, 3)
    assert frames.to_extended(2) == FrameRange(2, 6)
    assert frames.to_extended(9) == FrameRange(5, 5)
    for frame in (5, 6, 7):
        assert frames.to_extended(frame) == frames
    assert frames == FrameRange(5, 3)


def test_to_extended_of_no_frames_is_the_one_frame():
    """Wherever the empty range is."""
    assert FrameRange(9, 0).to_extended(2) == FrameRange(2, 1)
    assert FrameRange.empty(64).to_extended(2) == FrameRange(2, 1, 64)


def test_contains_range_of_all_pairs_is_that_of_sets():
    """A range without frames is in nothing, as in Theseus, although the empty set is in every set."""
    for one in small_ranges():
        for other in small_ranges():
            expected = bool(other.count) and frames_of(other) <= frames_of(one)
            assert one.contains_range(other) is expected, (one, other)


def test_overlap_of_all_pairs_is_the_intersection_of_sets():
    """None if there is no common frame."""
    for one in small_ranges():
        for other in small_ranges():
            common = one.overlap(other)
            expected = frames_of(one) & frames_of(other)
            assert (set() if common is None else set(common)) == expected, (one, other)
            assert common is None or common.size_in_frames == len(expected) > 0


def test_ranges_of_different_frame_sizes_are_not_compared():
    """In Theseus the compiler refuses it."""
    for method in (FrameRange(0, 1).contains_range, FrameRange(0, 1).overlap):
        raises(PhysMemError, method, FrameRange(0, 1, 64), code="SizeMismatch")


def test_in_frames_of_another_size_is_the_same_bytes():
    """2 MiB are 512 frames of 4,096 bytes."""
    frames = FrameRange(0x200, 0x400)
    huge = frames.in_frames_of(2 << 20)
    assert huge == FrameRange(1, 2, 2 << 20)
    assert huge.in_frames_of(4096) == frames
    assert FrameRange(1, 1).in_frames_of(1024) == FrameRange(4, 4, 1024)
    assert FrameRange.empty().in_frames_of(64) == FrameRange.empty(64)


def test_in_frames_of_refuses_bytes_that_are_not_whole_frames():
    """The range is rounded neither up nor down."""
    for frames in (FrameRange(0x1FF, 0x200), FrameRange(0x200, 0x1FF)):
        raises(PhysMemError, frames.in_frames_of, 2 << 20, code="UnalignedAddress")
    raises(PhysMemError, FrameRange(0, 1).in_frames_of, 0, code="InvalidArgument")


# As a Python value.


def test_iteration_gives_the_numbers_and_uses_nothing_up():
    """Three big ints, again and again, and nested."""
    frames = FrameRange(ALL - 3, 3)
    expected = [ALL - 3, ALL - 2, ALL - 1]
    assert list(frames) == expected
    assert list(frames) == expected
    assert [(a, b) for a in frames for b in frames] == [(a, b) for a in expected for b in expected]
    assert frames.size_in_frames == 3


def test_reversed_iterates_from_the_end():
    """The reverse iteration also ends correctly at frame 0."""
    assert list(reversed(FrameRange(5, 3))) == [7, 6, 5]
    assert list(reversed(FrameRange(5, 0))) == []
    assert list(reversed(FrameRange(0, 1))) == [0]


def test_iteration_of_a_huge_range_can_be_left():
    """Iteration makes the numbers one by one."""
    for number, frame in enumerate(FrameRange(0, ALL)):
        assert frame == number
        if number == 3:
            return


def test_in_tells_whether_a_frame_is_one():
    """By number, without iterating."""
    frames = FrameRange(5, 3)
    for frame in range(12):
        assert (frame in frames) is (5 <= frame <= 7)
    assert ALL - 1 in FrameRange(0, ALL)
    assert ALL not in FrameRange(0, ALL)
    assert 7 not in FrameRange(7, 0)


def test_equal_ranges_are_equal_and_hash_equal():
    """Ranges are equal if their sets of frames are. So all empty ones of one frame size are equal."""
    for one in small_ranges():
        for other in small_ranges():
            same = frames_of(one) == frames_of(other)
            assert (one == other) is same, (one, other)
            assert not same or hash(one) == hash(other)
    assert len({FrameRange(ALL - 1, 1): 1, FrameRange(ALL - 1, 1): 2}) == 1


def test_ranges_that_differ_in_frame_size_or_are_no_ranges_are_unequal():
    """Comparing them is not an error."""
    assert FrameRange(1, 1) != FrameRange(1, 1, 64)
    assert FrameRange.empty() != FrameRange.empty(64)
    assert FrameRange(1, 1) != (1, 1)
    assert FrameRange(1, 1) != None  # noqa: E711


# Wrong input.


def test_frame_numbers_out_of_range_are_refused():
    """Below 0 and past 2**64 bytes of address."""
    for first, count in ((-1, 1), (0, -1), (-1, 0), (0, ALL + 1), (ALL, 1), (1 << 80, 1), (ALL + 1, 0)):
        raises(PhysMemError, FrameRange, first, count, code="AddressOutOfRange")
    assert FrameRange(ALL, 0).size_in_frames == 0


def test_addresses_out_of_range_are_refused():
    """Below 0 and past 2**64."""
    for addr, nbytes in ((-1, 1), (0, -1), (0, (1 << 64) + 1), ((1 << 64) - 1, 2), (1 << 64, 1)):
        raises(PhysMemError, FrameRange.from_phys_addr, addr, nbytes, code="AddressOutOfRange")


def test_extending_out_of_range_is_refused():
    """Extending is refused where making such a range is."""
    for frame in (-1, ALL):
        raises(PhysMemError, FrameRange(5, 3).to_extended, frame, code="AddressOutOfRange")
        raises(PhysMemError, FrameRange.empty().to_extended, frame, code="AddressOutOfRange")


def test_frame_sizes_that_are_none_are_refused():
    """Frame sizes are powers of two from 32."""
    for frame_size in (0, 16, -4096, 4095, 4097):
        raises(PhysMemError, FrameRange, 0, 1, frame_size, code="InvalidArgument")
        raises(PhysMemError, FrameRange.empty, frame_size, code="InvalidArgument")
        raises(PhysMemError, FrameRange.from_phys_addr, 0, 1, frame_size, code="InvalidArgument")


def test_what_is_no_int_is_a_type_error():
    """At every call that takes a number."""
    frames = FrameRange(5, 3)
    for wrong in (None, "5", 5.0, (5,), frames):
        raises(TypeError, FrameRange, wrong, 1)
        raises(TypeError, FrameRange, 1, wrong)
        raises(TypeError, FrameRange, 1, 1, wrong)
        raises(TypeError, FrameRange.from_frames, wrong, 1)
        raises(TypeError, FrameRange.from_frames, 1, wrong)
        raises(TypeError, FrameRange.from_phys_addr, wrong, 1)
        raises(TypeError, FrameRange.from_phys_addr, 1, wrong)
        raises(TypeError, frames.contains_address, wrong)
        raises(TypeError, frames.offset_of_address, wrong)
        raises(TypeError, frames.address_at_offset, wrong)
        raises(TypeError, frames.to_extended, wrong)
        raises(TypeError, frames.in_frames_of, wrong)
        raises(TypeError, frames.__contains__, wrong)


def test_what_is_no_range_is_a_type_error():
    """At every call that takes a range."""
    for wrong in (None, 5, range(3), (0, 1)):
        raises(TypeError, FrameRange(5, 3).contains_range, wrong)
        raises(TypeError, FrameRange(5, 3).overlap, wrong)
        raises(TypeError, PhysicalMemoryRegion, wrong, MemoryRegionType.Free)


# Ranges of allocated frames and of regions.


def test_range_of_allocated_frames_is_counted_from_address_0():
    """Frame 2 of a region at 0x20100000 with frames of 1,024 bytes is number 0x20100000 / 1024 + 2 = 0x80402."""
    region = Region("sram", 0x20100000, 16 * 1024, 1024)
    frames = new_frames(region, region.alloc_at(2, 5), 5, None, 0)
    assert frames.range == FrameRange(0x80402, 5, 1024)
    assert frames.range.start_address == frames.addr == 0x20100800
    assert frames.range.size_in_bytes == frames.nbytes == 5120
    assert [frame.addr for frame in frames] == [number * 1024 for number in frames.range]


def test_range_outlives_the_frames_and_frees_nothing():
    """A range is a value, not an owner."""
    region = Region("sram", 0x20100000, 16 * 4096)
    frames = new_frames(region, region.alloc(4), 4, None, 0)
    kept = frames.range
    del frames
    assert region.used_frames == 4
    region.free(0)
    assert kept == FrameRange(0x20100, 4)


def test_region_types_are_three():
    """Any other type is refused."""
    types = (MemoryRegionType.Free, MemoryRegionType.Reserved, MemoryRegionType.Unknown)
    assert len(set(types)) == 3
    for typ in types:
        region = PhysicalMemoryRegion(FrameRange(1, 2), typ)
        assert region.typ == typ
        assert region.frames == FrameRange(1, 2)
    raises(PhysMemError, PhysicalMemoryRegion, FrameRange(1, 2), "free", code="InvalidArgument")
    for wrong in (None, 0, b"Free", FrameRange(1, 2)):
        raises(TypeError, PhysicalMemoryRegion, FrameRange(1, 2), wrong)


def test_physical_memory_region_of_a_region():
    """Only the RESERVED attribute makes it Reserved."""
    for attrs, typ in (
        (0, MemoryRegionType.Free),
        (physmem.DMA | physmem.RETAINED | physmem.SHARED, MemoryRegionType.Free),
        (physmem.RESERVED, MemoryRegionType.Reserved),
        (physmem.RESERVED | physmem.DMA, MemoryRegionType.Reserved),
    ):
        described = PhysicalMemoryRegion.of(Region("memory", 0x60000000, 8 * 256, 256, attrs))
        assert described.typ == typ
        assert described.frames == FrameRange(0x600000, 8, 256)
    for wrong in (None, "memory", FrameRange(1, 2)):
        raises(TypeError, PhysicalMemoryRegion.of, wrong)


def test_physical_memory_regions_are_values():
    """They are equal, and have the same hash, if range and type are equal."""
    one = PhysicalMemoryRegion(FrameRange(1, 2), MemoryRegionType.Free)
    same = PhysicalMemoryRegion(FrameRange.from_frames(1, 2), MemoryRegionType.Free)
    assert one == same
    assert hash(one) == hash(same)
    assert one != PhysicalMemoryRegion(FrameRange(1, 2), MemoryRegionType.Unknown)
    assert one != PhysicalMemoryRegion(FrameRange(1, 3), MemoryRegionType.Free)
    assert one != FrameRange(1, 2)
    assert repr(one) == "PhysicalMemoryRegion(FrameRange(0x1, 2, 4096), MemoryRegionType.Free)"


def test_the_booted_systems_regions_as_theseus_lists_them():
    """One description for each region, in the order of the addresses, without overlap."""
    described = [PhysicalMemoryRegion.of(region) for region in physmem.regions()]
    assert described
    for region, description in zip(physmem.regions(), described):
        assert description.frames.start_address == region.base
        assert description.frames.size_in_bytes == region.end - region.base
    for lower, upper in zip(described, described[1:]):
        assert lower.frames.start_address + lower.frames.size_in_bytes <= upper.frames.start_address
