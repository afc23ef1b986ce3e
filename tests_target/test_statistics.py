"""Statistics against brute force: a list of booleans beside the region, and two counters."""

from random_numbers import RandomNumbers
from support import fresh_physmem, scaled

PAGE = 4096
BASE = 0x10000000


def longest_run(free, phase, align):
    """Return the largest n such that n frames are free, starting at an aligned one. Every aligned frame is tried."""
    longest = 0
    for first in range(-phase % align, len(free), align):
        n = 0
        while first + n < len(free) and free[first + n]:
            n += 1
        longest = max(longest, n)
    return longest


class Counted:
    """A region and what its statistics must be, kept by hand."""

    def __init__(self, physmem, frames, phase):
        self.physmem = physmem
        self.region = physmem.Region("r", BASE + phase * PAGE, frames * PAGE)
        self.phase = BASE // PAGE + phase
        self.free = [True] * frames
        self.out = {}
        self.peak = self.failed = 0

    def alloc(self, n, align=1):
        """Allocate and keep count. The result must be frames that are free and aligned."""
        region = self.region
        first = region.alloc(n) if align == 1 else region.alloc_aligned(n, align)
        if longest_run(self.free, self.phase, align) < n:
            wanted = self.physmem.OUT_OF_MEMORY if n <= len(self.free) else self.physmem.ALLOCATION_TOO_LARGE
            assert first == wanted, "alloc_aligned(%d, %d) answered %d" % (n, align, first)
            self.failed += n <= len(self.free)
        else:
            assert first >= 0 and all(self.free[first : first + n]) and (first + self.phase) % align == 0
            self.free[first : first + n] = [False] * n
            self.out[first] = n
            self.peak = max(self.peak, len(self.free) - sum(self.free))

    def release(self, first):
        n = self.out.pop(first)
        assert self.region.free(first) == n
        self.free[first : first + n] = [True] * n

    def compare(self):
        """Check that every statistic of the region is what was counted."""
        region, free = self.region, sum(self.free)
        assert (region.frames, region.free_frames, region.used_frames) == (len(self.free), free, len(self.free) - free)
        assert (region.peak_used, region.failed) == (self.peak, self.failed)
        for align in (1, 2, 8, 64):
            assert region.largest_free(align) == longest_run(self.free, self.phase, align), align


def test_a_region_over_seeded_sequences():
    """used, free, peak, failed and largest_free after every step of allocations, aligned ones, and frees."""
    numbers = RandomNumbers(3)
    physmem = fresh_physmem()
    for frames, phase in ((1, 0), (31, 1), (33, 7), (100, 37), (32, 3), (64, 0), (200, 5))[: scaled(7, 4)]:
        counted = Counted(physmem, frames, phase)
        counted.compare()
        for _ in range(scaled(300, 25)):
            if numbers.below(5) < 2 and counted.out:
                counted.release(numbers.choice(sorted(counted.out)))
            else:
                counted.alloc(1 + numbers.below(numbers.choice((4, frames + 2))), 1 << numbers.choice((0, 0, 1, 3, 6)))
            counted.compare()
        assert counted.failed > 0 or frames == 1
        for first in list(counted.out):
            counted.release(first)
        assert counted.region.used_frames == 0 and counted.region.peak_used == counted.peak
        assert counted.region.check() == []


def test_largest_free_is_what_can_be_had():
    """On thousands of seeded maps, alloc_aligned of largest_free(align) frames succeeds, and of one more fails."""
    numbers = RandomNumbers(4)
    physmem = fresh_physmem()
    for _ in range(scaled(3000, 60)):
        frames = 1 + numbers.below(numbers.choice((12, 40, 130)))
        region = physmem.Region("r", BASE + PAGE * numbers.below(64), frames * PAGE)
        for _ in range(numbers.below(12)):
            region.alloc_at(numbers.below(frames), 1 + numbers.below(4))
        for align in (1, 1 << numbers.below(9)):
            largest = region.largest_free(align)
            assert region.alloc_aligned(largest + 1, align) < 0
            if largest:
                first = region.alloc_aligned(largest, align)
                assert first >= 0 and region.addr(first) % (align * PAGE) == 0
                assert region.free(first) == largest
            assert region.largest_free(align) == largest
        largest = region.largest_free()
        assert region.alloc(largest + 1) < 0
        assert largest == 0 or region.free(region.alloc(largest)) == largest


def test_largest_free_changes_nothing():
    """It only asks: it counts no failure and no peak."""
    physmem = fresh_physmem()
    region = physmem.Region("r", BASE, 64 * PAGE)
    region.alloc_at(10, 20)
    before = bytes(region._state)
    for align in (1, 2, 64, 1 << 29):
        region.largest_free(align)
    assert bytes(region._state) == before


def test_the_system_s_statistics():
    """stats() row by row and in sum, against what the live owners hold, over a seeded sequence."""
    numbers = RandomNumbers(6)
    physmem = fresh_physmem()
    sizes = {"sram": 40 * PAGE, "lines": 64 * 32, "psram": 90 * PAGE}
    frame_sizes = {"sram": PAGE, "lines": 32, "psram": PAGE}
    physmem.init(
        [
            ("sram", BASE, sizes["sram"], PAGE, "DMA"),
            ("lines", 8 * BASE, sizes["lines"], 32),
            ("psram", 6 * BASE, sizes["psram"], PAGE, "EXTERNAL"),
        ],
        [("registers", 4 * BASE, 4 * PAGE)],
    )
    registers = physmem.allocate_frames_at(4 * BASE, 1)
    owners = []
    peaks = {"sram": 0, "lines": 0, "psram": 0}
    for _ in range(scaled(400, 40)):
        if owners and numbers.below(3) == 0:
            owners.pop(numbers.below(len(owners))).free()
        else:
            try:
                name = numbers.choice(("sram", "lines", "psram", None))
                owners.append(physmem.allocate_frames(1 + numbers.below(9), region=name))
            except MemoryError:
                pass
        table = physmem.stats()
        total = table[None]
        used_bytes = 0
        for name in peaks:
            row = table[name]
            held = sum([owner.count for owner in owners if owner.region.name == name])
            peaks[name] = max(peaks[name], held)
            frames = sizes[name] // frame_sizes[name]
            assert (row["frames"], row["used"], row["free"], row["peak"]) == (frames, held, frames - held, peaks[name])
            assert row["total_bytes"] == sizes[name]
            assert row["used_bytes"] == held * frame_sizes[name] == sizes[name] - row["free_bytes"]
            free = [True] * frames
            for owner in owners:
                if owner.region.name == name:
                    free[owner.first : owner.first + owner.count] = [False] * owner.count
            assert row["largest"] == longest_run(free, 0, 1) == physmem.region(name).largest_free()
            assert row["failed"] == physmem.region(name).failed
            used_bytes += row["used_bytes"]
        for key in ("frames", "used", "free", "peak", "failed", "total_bytes", "free_bytes"):
            assert total[key] == sum([table[name][key] for name in peaks]), key
        assert total["used_bytes"] == used_bytes == sum([owner.nbytes for owner in owners])
        for name in peaks:
            assert table[name]["largest_bytes"] == table[name]["largest"] * frame_sizes[name]
        assert total["largest_bytes"] == max([table[name]["largest_bytes"] for name in peaks])
        assert total["largest"] in [
            table[name]["largest"] for name in peaks if table[name]["largest_bytes"] == total["largest_bytes"]
        ]
        assert (table["registers"]["used"], table["registers"]["frames"]) == (registers.count, 4)
    assert sorted([name for name in table if name]) == ["lines", "psram", "registers", "sram"]


def test_peaks_of_a_phase():
    """After reset_peak() the peak is what is allocated, and grows with it; nothing else changes."""
    physmem = fresh_physmem()
    physmem.init([("sram", BASE, 16 * PAGE), ("psram", 6 * BASE, 16 * PAGE)], [("registers", 4 * BASE, 2 * PAGE)])
    sram, psram = physmem.region("sram"), physmem.region("psram")
    for region in (sram, psram):
        region.alloc_at(0, 2)
        region.alloc_at(8, 6)
        region.free(8)
    assert (sram.peak_used, psram.peak_used) == (8, 8)
    before = bytes(sram._state)
    sram.reset_peak()
    assert (sram.peak_used, psram.peak_used) == (2, 8)
    assert sum([a != b for a, b in zip(before, bytes(sram._state))]) == 1  # the lowest byte of one word
    assert sram.alloc(3) == 2 and sram.free(2) == 3
    assert (sram.peak_used, sram.used_frames) == (5, 2)
    physmem.reset_peak()
    table = physmem.stats()
    assert [table[name]["peak"] for name in ("sram", "psram", "registers", None)] == [2, 2, 0, 4]
    assert physmem.check() == []


def test_failed_counts_requests_that_could_be_met_one_day():
    """A request that finds no place counts once, if it asks for no more frames than there are.

    A request for more, a mistake, a success, a refused free, or a question does not count.
    """
    physmem = fresh_physmem()
    region = physmem.Region("r", BASE, 32 * PAGE)
    region.alloc_at(16, 1)
    for call, arguments, counts in (
        (region.alloc, (17,), 1),
        (region.alloc, (32,), 1),
        (region.alloc, (33,), 0),
        (region.alloc, (0,), 0),
        (region.alloc, (-1,), 0),
        (region.alloc_aligned, (2, 32), 0),
        (region.alloc_aligned, (1, 3), 0),
        (region.alloc_aligned, (17, 16), 1),
        (region.alloc_at, (0, 0), 0),
        (region.free, (1,), 0),
        (region.largest_free, (64,), 0),
        (region.alloc, (3,), 0),
    ):
        before = region.failed
        call(*arguments)
        assert region.failed == before + counts, arguments
