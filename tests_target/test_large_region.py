"""Regions so large that one top bit of the engine stands for several groups of words (above 32,768 frames).

The expectation is a list of the allocations, by first frame. A place is free if no entry of the list overlaps it.
"""

import physmem
from random_numbers import RandomNumbers
from support import scaled

FRAMES = 70001  # 69 groups of 1,024 frames: a top bit stands for four of them


def region():
    return physmem.Region("large", 0x10000000, FRAMES * 64, 64)


def test_every_group_is_found_again():
    """With all frames in use but one, in each group of words in turn, alloc(1) returns it. Then none is left."""
    large = region()
    assert large.alloc_at(0, FRAMES) == 0 and large.alloc(1) == physmem.OUT_OF_MEMORY and large.free(0) == FRAMES
    hole = 7
    while hole < FRAMES:
        assert large.alloc_at(0, hole) == 0
        rest = FRAMES - hole - 1
        assert rest == 0 or large.alloc_at(hole + 1, rest) == hole + 1
        assert large.alloc(2) == physmem.OUT_OF_MEMORY
        assert large.alloc(1) == hole
        assert large.alloc(1) == physmem.OUT_OF_MEMORY
        assert large.free(hole) == 1
        assert large.free(0) == hole
        assert rest == 0 or large.free(hole + 1) == rest
        hole += 1024 + 31
    assert large.check() == []
    assert large.largest_free() == FRAMES


def test_random_operations():
    """Seeded allocations and frees of 1 to 3,000 frames: no overlaps, no wrong refusals, correct counts."""
    large = region()
    numbers = RandomNumbers(8)
    out = {}
    for _ in range(scaled(3000, 300)):
        if numbers.below(5) < 3:
            n = numbers.choice((1, 2, 3, 8, 32, 33, 100, 1000, 3000))
            first = large.alloc(n)
            starts = sorted(out)
            if first < 0:
                end = 0
                for start in starts + [FRAMES]:
                    assert start - end < n, "refused %d frames, free from %d to %d" % (n, end, start)
                    end = start + out.get(start, 0)
                continue
            assert first + n <= FRAMES
            for start in starts:
                assert start + out[start] <= first or first + n <= start
            out[first] = n
        elif out:
            first = numbers.choice(sorted(out))
            assert large.free(first) == out.pop(first)
            assert large.free(first) == physmem.NOT_ALLOCATED
        assert large.used_frames == sum(out.values())
    assert large.check() == []
