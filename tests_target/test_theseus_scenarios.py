"""Theseus' own test scenarios, on ours: the fourteen of `split_at`, and those of its range type.

A frame's number is its address divided by 4,096. Theseus splits at a frame's number. Ours splits at an index counted
from the first frame, so a scenario that splits the frames 0x4275..0x4285 at 0x4276 has an index of 1. Where Theseus
returns the whole as an error, ours raises and leaves the owner unchanged.

The regions describe nobody's memory: nothing here reads or writes it.
"""

import sys

from physmem import ALLOCATED, MOVED, FrameRange, PhysMemError, Region
from physmem_frames import new_frames
from support import raises

FRAME = 4096
ADDRESSES = 1 << 32 if sys.maxsize < 1 << 32 else 1 << 52  # one past the last physical address
TOP = ADDRESSES // FRAME - 1  # number of the very last frame


def frames_from(first, count):
    """Return all frames of a new region that starts at the frame number `first`, in one owner."""
    region = Region("memory", first * FRAME, max(1, count) * FRAME)
    if not count:
        return new_frames(region, 0, 0, None, 0)
    assert region.alloc_at(0, count) == 0
    return new_frames(region, 0, count, None, 0)


def is_split(original, i, first_part, second_part):
    """Check that splitting at `i` gives owners of these two ranges ``(first number, count)``, each of which frees its
    own."""
    region, whole = original.region, original.count
    parts = original.split_at(i)
    assert original.state == MOVED
    for part, (first, count) in zip(parts, (first_part, second_part)):
        assert part.state == ALLOCATED
        assert part.count == count
        if count:
            assert part.addr == first * FRAME
            assert part.range == FrameRange(first, count)
    assert region.used_frames == whole
    assert region.check() == []
    for part, (_, count) in zip(parts, (first_part, second_part)):
        if count:
            assert region.count(part.first) == count
        assert part.free() == count
    assert region.used_frames == 0
    assert region.check() == []


def is_refused(original, i):
    """Check that splitting at `i` is refused, and that the owner still owns and frees everything that it did."""
    region, count, addr = original.region, original.count, original.addr
    raises(PhysMemError, original.split_at, i, code="AddressOutOfRange")
    assert original.state == ALLOCATED
    assert (original.count, original.addr) == (count, addr)
    assert region.used_frames == count
    assert original.free() == count
    assert region.used_frames == 0
    assert region.check() == []


# split_at: one range in the middle of the addresses, 17 frames from 0x4275 to 0x4285.


def test_split_at_01_before_start():
    """Split at 0x4274, one before the first frame: refused."""
    is_refused(frames_from(0x4275, 17), -1)


def test_split_at_02_at_start():
    """Split at the first frame: (empty, all)."""
    is_split(frames_from(0x4275, 17), 0, (0, 0), (0x4275, 17))


# |             0x4275                          0x427D                              0x4286
# |             +-------------------------------------------------------------------+
# |   before    |                             17 frames                             |
# |             +-------------------------------+-----------------------------------+
# |   after     |            8 frames           |              9 frames             |
# |             +-------------------------------+-----------------------------------+
def test_split_at_03_in_the_middle():
    """Split at 0x427D: 0x4275..0x427C and 0x427D..0x4285."""
    is_split(frames_from(0x4275, 17), 8, (0x4275, 8), (0x427D, 9))


def test_split_at_04_at_last_frame():
    """Split at 0x4285: all but the last, and the last."""
    is_split(frames_from(0x4275, 17), 16, (0x4275, 16), (0x4285, 1))


def test_split_at_05_after_end():
    """Split at 0x4286, one past the last frame: (all, empty). One further is refused."""
    is_split(frames_from(0x4275, 17), 17, (0x4275, 17), (0, 0))
    is_refused(frames_from(0x4275, 17), 18)


# split_at: an owner without frames.


def test_split_at_06_empty_at_0():
    """As with Python's slices, no frames split at 0 are twice no frames. Theseus, whose empty range is 1..0, refuses
    it."""
    is_split(frames_from(1, 0), 0, (0, 0), (0, 0))


def test_split_at_07_empty_at_1():
    """An empty owner cannot be split after its first frame: refused."""
    is_refused(frames_from(1, 0), 1)


def test_split_at_08_empty_at_2():
    """Nor after its second: refused."""
    is_refused(frames_from(1, 0), 2)


# split_at: frames from number 0.


def test_split_at_09_zero_based_at_0():
    """No frame number comes before frame 0, and a split must not compute it: (empty, all)."""
    is_split(frames_from(0, 6), 0, (0, 0), (0, 6))


def test_split_at_10_zero_based_at_1():
    """0..5 split at 1: frame 0 alone, and 1..5. The same for a range from 1, split at its first frame and after it."""
    is_split(frames_from(0, 6), 1, (0, 1), (1, 5))
    is_split(frames_from(1, 6), 0, (0, 0), (1, 6))
    is_split(frames_from(1, 6), 1, (1, 1), (2, 5))


# split_at: at the top of memory.


def test_split_at_11_top_of_memory_length_1_at_begin():
    """The very last frame, split at itself: (empty, all)."""
    is_split(frames_from(TOP, 1), 0, (0, 0), (TOP, 1))


def test_split_at_12_top_of_memory_length_2_at_end():
    """The last two frames, split at the last: one each."""
    is_split(frames_from(TOP - 1, 2), 1, (TOP - 1, 1), (TOP, 1))


def test_split_at_13_top_of_memory_after_end():
    """The last frame but one, split at the last; and the last, split at the frame that no address has: (all, empty)."""
    is_split(frames_from(TOP - 1, 1), 1, (TOP - 1, 1), (0, 0))
    is_split(frames_from(TOP, 1), 1, (TOP, 1), (0, 0))
    is_refused(frames_from(TOP, 1), 2)


def test_split_at_14_top_of_memory_at_begin():
    """The last frame but one, split at itself: (empty, all)."""
    is_split(frames_from(TOP - 1, 1), 0, (0, 0), (TOP - 1, 1))


def test_split_at_below_the_top_of_32_bits():
    """On 64-bit hosts, the same at 2**32, where 32-bit numbers would wrap around to 0."""
    last = (1 << 32) // FRAME - 1
    is_split(frames_from(last, 1), 0, (0, 0), (last, 1))
    is_split(frames_from(last - 1, 2), 1, (last - 1, 1), (last, 1))
    is_split(frames_from(last, 1), 1, (last, 1), (0, 0))


def test_split_at_every_index_of_short_ranges():
    """Every length up to 5 at 0, at 1 and at the top, split at every index inside and at one outside each end."""
    for length in range(1, 6):
        for first in (0, 1, TOP + 1 - length):
            for i in range(length + 1):
                is_split(frames_from(first, length), i, (first, i), (first + i, length - i))
            is_refused(frames_from(first, length), -1)
            is_refused(frames_from(first, length), length + 1)


# Ranges.


def test_range_of_huge_frames():
    """Frames of 2 MiB and of 1 GiB: sizes and addresses follow the frame size, the count is of huge frames."""
    for frame_size in (2 << 20, 1 << 30):
        frames = FrameRange(3, 5, frame_size)
        assert frames.size_in_frames == 5
        assert frames.size_in_bytes == 5 * frame_size
        assert frames.start_address == 3 * frame_size
        assert frames.contains_address(8 * frame_size - 1)
        assert not frames.contains_address(8 * frame_size)
        assert FrameRange.from_phys_addr(3 * frame_size, 4 * frame_size + 1, frame_size) == frames


def test_range_iteration_of_huge_frames():
    """Iteration steps by one huge frame and uses nothing up."""
    frames = FrameRange(3, 4, 2 << 20)
    for _ in range(2):
        assert [frame * frames.frame_size for frame in frames] == [6 << 20, 8 << 20, 10 << 20, 12 << 20]


def test_range_conversion_between_frame_sizes():
    """2 MiB are 512 frames of 4 KiB, 1 GiB are 512 of 2 MiB. What is not aligned to the larger size is refused."""
    small = FrameRange(512, 2048)
    huge = small.in_frames_of(2 << 20)
    assert (huge.first, huge.count) == (1, 4)
    assert huge.in_frames_of(4096) == small
    assert FrameRange(1, 1, 1 << 30).in_frames_of(2 << 20) == FrameRange(512, 512, 2 << 20)
    raises(PhysMemError, FrameRange(513, 2048).in_frames_of, 2 << 20, code="UnalignedAddress")
    raises(PhysMemError, FrameRange(512, 2047).in_frames_of, 2 << 20, code="UnalignedAddress")


def test_range_plus_and_minus():
    """A frame is an int, so plus or minus one huge frame is plus or minus its size in bytes.

    Below frame 0 and past the last address you cannot make a range. Theseus saturates there.
    """
    size = 2 << 20
    frames = FrameRange(3, 5, size)
    assert FrameRange(frames.start + 1, frames.count, size).start_address == frames.start_address + size
    assert FrameRange(frames.start - 1, frames.count, size).start_address == frames.start_address - size
    raises(PhysMemError, FrameRange, frames.start - 4, frames.count, size, code="AddressOutOfRange")
    last = FrameRange((1 << 64) // size - 1, 1, size)
    raises(PhysMemError, FrameRange, last.start + 1, 1, size, code="AddressOutOfRange")


def test_range_normal_length():
    """From 0 to 9: ten frames, in order."""
    frames = FrameRange.from_frames(0, 9)
    assert len(frames) == frames.size_in_frames == 10
    assert list(frames) == list(range(10))


def test_range_single_length():
    """From a frame to itself: one frame."""
    for frame in (0, 1, TOP):
        frames = FrameRange.from_frames(frame, frame)
        assert len(frames) == 1
        assert list(frames) == [frame]


def test_range_reversed_length():
    """From 1 to 0, from 10 to 0: no frames."""
    for start, end in ((1, 0), (10, 0), (TOP, 0)):
        frames = FrameRange.from_frames(start, end)
        assert len(frames) == 0
        assert list(frames) == []
        assert list(reversed(frames)) == []


def test_range_double_ended_length():
    """Iterated from both ends at once, the two meet after as many frames as there are. The range keeps its length."""
    for count in range(6):
        frames = FrameRange(7, count)
        upward, downward = iter(frames), reversed(frames)
        taken = []
        for number in range(count):
            taken.append(next(downward if number & 1 else upward))
        assert sorted(taken) == list(frames) == list(range(7, 7 + count))
        assert len(frames) == count
