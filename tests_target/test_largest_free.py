"""largest_free(align) = k: k frames can be allocated at that alignment, and k + 1 cannot, on random bitmaps.

200,000 bitmaps on the unix port, fewer where Python is slower. Sizes up to 4,096 frames: below, at and above the words
of 32 frames and the groups of 1,024 that the engine searches by.
"""

import sys

import physmem
from random_numbers import RandomNumbers
from support import scaled

TIMEOUT = 400

SIZES = (1, 7, 31, 32, 33, 64, 100, 250, 1000, 1024, 1025, 4096)
BASE = 0x60000000  # a big integer on 32-bit boards
FRAME_SIZE = 256

MAPS = scaled(200000, 600) if sys.implementation.name == "micropython" else 6000


def allocate_some(region, numbers):
    """Make a random bitmap: a few long allocations, many short ones, or one frame in many gaps each. Return them."""
    below, frames = numbers.below, region.frames
    taken = []
    kind = below(3)
    if kind == 2:
        step = 1 + below(1 + frames // 4)
        for frame in range(below(step), frames, max(step, frames // 40)):
            taken.append(region.alloc_at(frame, 1))
    else:
        longest = 1 + (frames // 3 if kind == 0 else min(8, frames - 1))
        for _ in range(below(6) if kind == 0 else below(30)):
            taken.append(region.alloc_at(below(frames), 1 + below(longest)))
    return [frame for frame in taken if frame >= 0]


def judge(region, align):
    """Allocate as many frames as largest_free says, and one more. Return the former number."""
    largest = region.largest_free(align)
    assert 0 <= largest <= region.free_frames
    if largest:
        first = region.alloc_aligned(largest, align)
        assert first >= 0, "%d frames at a multiple of %d: %d" % (largest, align, first)
        assert (region.base // FRAME_SIZE + first) % align == 0
        assert region.free(first) == largest
    more = region.alloc_aligned(largest + 1, align)
    refused = physmem.OUT_OF_MEMORY if largest < region.frames else physmem.ALLOCATION_TOO_LARGE
    assert more == refused, "%d frames at a multiple of %d: %d" % (largest + 1, align, more)
    if align == 1:
        assert region.alloc(largest + 1) == refused
        if largest:
            assert region.free(region.alloc(largest)) == largest
    return largest


def test_largest_free_is_what_can_be_allocated():
    """On every bitmap at alignment 1 and at one other, up to more than the region's size."""
    numbers = RandomNumbers(23)
    counts = [0, 0]
    regions = []
    for frames in SIZES:
        for _ in range(4):
            regions.append(physmem.Region("r", BASE + numbers.below(512) * FRAME_SIZE, frames * FRAME_SIZE, FRAME_SIZE))
    for i in range(MAPS):
        region = regions[i % len(regions)]
        taken = allocate_some(region, numbers)
        largest = judge(region, 1)
        aligned = judge(region, 2 << numbers.below(13))
        assert aligned <= largest
        counts[0] += largest < region.free_frames
        counts[1] += aligned < largest
        for frame in taken:
            assert region.free(frame) > 0
        assert region.free_frames == region.frames
    for region in regions:
        assert region.largest_free() == region.frames and region.check() == []
    assert counts[0] > MAPS // 4 and counts[1] > MAPS // 4  # bitmaps with holes, alignments that matter
    print("%d maps, %d of them with holes" % (MAPS, counts[0]))
