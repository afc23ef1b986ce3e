"""Every tuple of constraint_sets on seeded bitmaps: the engine agrees with brute force, on every board.

tests_host/programs/exhaustive_cases.py has all bitmaps of 16 frames. This is a sample that runs everywhere, through the
calls of a Region: in bytes of address, with frames of 256 bytes.
"""

import sys

import physmem
from constraint_sets import FRAMES, requests
from random_numbers import RandomNumbers
from support import scaled

FRAME_SIZE = 256
# At each place. CPython is slow, and test_exhaustive.py tries these tuples there.
MAPS = scaled(400, 24, 4) if sys.implementation.name == "micropython" else 100

# Where the 16 frames lie: (frames of the region, the first of the 16). The engine has words of 32 frames and groups of
# 1,024. The number of a region's first frame, modulo 32, is the phase of the constraint tuples.
PLACES = ((16, 0), (64, 24), (48, 29), (1100, 1015))
BASE = 0x60000000  # a big integer on 32-bit boards, and a multiple of every alignment


def numbers_of_maps(numbers):
    """Generate seeded bitmaps, bit i for free frame i: the emptiest, the fullest, and every density in between."""
    yield 0
    yield (1 << FRAMES) - 1
    for i in range(MAPS - 2):
        some, more = numbers.below(1 << FRAMES), numbers.below(1 << FRAMES)
        yield (some, some | more, some | more, some & more)[i % 4]


def set_map(region, first, free):
    """Allocate, one by one, those of the 16 frames that are not free. Return them."""
    used = [first + i for i in range(FRAMES) if not free >> i & 1]
    for frame in used:
        assert region.alloc_at(frame, 1) == frame
    return used


def lowest_place(free, n, places):
    """Return the lowest of `places` with `n` free frames, found frame by frame; None if there is none."""
    for i in range(FRAMES):
        if places >> i & 1:
            wanted = (1 << n) - 1 << i
            if free & wanted == wanted:
                return i
    return None


def compare_all_requests(region, first, free, rows):
    """Make each request on the bitmap and free at once what was granted. Return how many were granted."""
    base, granted, failed = region.base, 0, region.failed
    for n, align, boundary, low, high, places in rows:
        answer = region.allocate_within(
            n, align * FRAME_SIZE, boundary * FRAME_SIZE, base + low * FRAME_SIZE, base + high * FRAME_SIZE
        )
        place = lowest_place(free, n, places)
        if place is None:
            assert answer == physmem.OUT_OF_MEMORY, (region, first, bin(free), n, align, boundary, low, high, answer)
        else:
            assert answer == first + place, (region, first, bin(free), n, align, boundary, low, high, answer, place)
            assert region.free(answer) == n
            granted += 1
    assert region.failed - failed == len(rows) - granted
    return granted


def test_every_tuple_on_seeded_maps():
    """Each request gets the lowest place that brute force finds. If there is none, it counts as failed once."""
    numbers = RandomNumbers(17)
    cases = granted = 0
    for frames, first in PLACES:
        for phase, rows in requests(first, frames):
            region = physmem.Region("r", BASE + phase * FRAME_SIZE, frames * FRAME_SIZE, FRAME_SIZE)
            assert first == 0 or region.alloc_at(0, first) == 0
            rest = frames - first - FRAMES
            assert rest == 0 or region.alloc_at(first + FRAMES, rest) == first + FRAMES
            for free in numbers_of_maps(numbers):
                used = set_map(region, first, free)
                granted += compare_all_requests(region, first, free, rows)
                cases += len(rows)
                assert region.used_frames == frames - FRAMES + len(used)
                for frame in used:
                    assert region.free(frame) == 1
            assert region.check() == []
    assert cases // 8 < granted < cases - cases // 8  # the sample tries both
    print("%d requests, %d granted" % (cases, granted))
