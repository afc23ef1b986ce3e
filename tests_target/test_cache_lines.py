"""In a region behind a data cache no two allocations share a cache line, for lines of 32 and of 64 bytes.

If DMA writes into a line that the processor has also written to, one of the two writes is lost. So every allocation in
CACHED memory starts and ends at a line boundary.
"""

from random_numbers import RandomNumbers
from support import fresh_physmem, raises, scaled

BASE = 0x60000000  # a big integer on 32-bit boards
LINES = (32, 64)


def lines_of(addr, nbytes, line):
    """Return the numbers of the cache lines that hold these bytes."""
    return range(addr // line, (addr + nbytes - 1) // line + 1)


def test_frames_smaller_than_a_line_are_refused():
    """Frames smaller than a line are refused in any CACHED region. In other regions they may be smaller."""
    physmem = fresh_physmem()
    for line in (32, 64, 128, 4096):
        for frame_size in (32, 64, 128, 256, 4096):
            for other in (0, physmem.DMA, physmem.EXTERNAL | physmem.SHARED):
                arguments = ("r", BASE, 8 * 4096, frame_size)
                assert physmem.Region(*arguments, other, line).frame_size == frame_size
                if frame_size >= line:
                    assert physmem.Region(*arguments, other | physmem.CACHED, line).frames == 8 * 4096 // frame_size
                    continue
                error = raises(
                    physmem.PhysMemError,
                    physmem.Region,
                    *arguments,
                    attrs=other | physmem.CACHED,
                    cache_line=line,
                    code="InvalidArgument",
                )
                for part in ("r", str(frame_size), str(line)):
                    assert part in str(error), error


def test_a_line_is_a_power_of_two():
    physmem = fresh_physmem()
    for attrs in (0, physmem.CACHED):
        for line in (0, -32, 3, 33, 48, 96):
            raises(physmem.PhysMemError, physmem.Region, "r", BASE, 4096, 4096, attrs, line, code="InvalidArgument")
        for line in (None, 32.0, "32"):
            raises(TypeError, physmem.Region, "r", BASE, 4096, 4096, attrs, line)


def test_a_line_of_32_bytes_is_the_default():
    """The default line is Cortex-M7's, 32 bytes: the smallest frame is one line."""
    physmem = fresh_physmem()
    assert physmem.Region("r", BASE, 4096, 32, physmem.CACHED).frames == 128


class Board:
    """A memory plan as in physmem_board.py, with a region whose frames have 32 bytes."""

    OCCUPIED = ()

    def __init__(self, attributes, line=None):
        self.REGIONS = (("psram", BASE, 4096, 32, attributes),)
        if line is not None:
            self.CACHE_LINE = line


def test_a_board_names_its_line():
    """boot() refuses a CACHED region with frames smaller than the board's line, and changes nothing."""
    physmem = fresh_physmem()
    raises(physmem.PhysMemError, physmem.boot, Board("DMA CACHED", 64), code="InvalidArgument")
    assert physmem.regions() == [] and not physmem.booted
    for board in (Board("DMA CACHED"), Board("DMA CACHED", 32), Board("DMA", 64)):
        physmem = fresh_physmem()
        physmem.boot(board)
        physmem.boot_complete()
        assert physmem.region("psram").frames == 128


class Lines:
    """The live allocations and which lines of `line` bytes they occupy: each line belongs to one allocation."""

    def __init__(self, line):
        self.line = line
        self.holder = {}

    def enter(self, addr, nbytes, who):
        assert addr % self.line == 0 and nbytes % self.line == 0, (addr, nbytes)
        for line in lines_of(addr, nbytes, self.line):
            assert line not in self.holder, "%s and %s share line %#x" % (who, self.holder[line], line * self.line)
            self.holder[line] = who

    def leave(self, addr, nbytes):
        for line in lines_of(addr, nbytes, self.line):
            del self.holder[line]


def test_no_two_allocations_share_a_line():
    """Seeded mixtures of allocations by frames, by bytes, at an address, rings, raw ones, and parts of split ones."""
    numbers = RandomNumbers(31)
    below = numbers.below
    for line in LINES:
        for frame_size in (line, 2 * line, 1024):
            physmem = fresh_physmem()
            cached = physmem.Region(
                "cached", BASE + 5 * 1024, 96 * 1024, frame_size, physmem.CACHED | physmem.DMA, line
            )
            physmem.init([cached])
            lines = Lines(line)
            owners, raw = [], []
            made = 0
            for step in range(scaled(1500, 120, 40)):
                kind = below(10)
                nbytes = 1 + below(6 * frame_size)
                if kind < 6 and len(owners) < 60:
                    try:
                        if kind < 2:
                            owner = physmem.allocate_frames_by_bytes(nbytes)
                        elif kind == 2:
                            owner = physmem.allocate_frames(1 + below(3), align=1 << below(10))
                        elif kind == 3:
                            owner = physmem.dma_ring(16 << below(8))
                        elif kind == 4:
                            owner = physmem.allocate_frames_by_bytes_at(cached.base + below(90 * 1024), nbytes)
                        else:
                            owner = physmem.allocate_frames_by_bytes(nbytes, low=BASE + below(64 * 1024) + 1)
                    except (MemoryError, physmem.PhysMemError):
                        continue
                    made += 1
                    lines.enter(owner.addr, owner.capacity, step)
                    owners.append(owner)
                elif kind == 6:
                    n = 1 + below(4)
                    frame = cached.alloc(n) if below(2) else cached.alloc_aligned(n, 1 << below(4))
                    if frame >= 0:
                        lines.enter(cached.addr(frame), n * frame_size, step)
                        raw.append((frame, n))
                elif kind == 7 and owners:
                    owner = owners.pop(below(len(owners)))
                    lines.leave(owner.addr, owner.capacity)
                    for part in owner.split_at(below(owner.count + 1)):
                        if part.count:
                            lines.enter(part.addr, part.capacity, step)
                            owners.append(part)
                elif kind == 8 and raw:
                    frame, n = raw.pop(below(len(raw)))
                    lines.leave(cached.addr(frame), n * frame_size)
                    assert cached.free(frame) == n
                elif owners:
                    owner = owners.pop(below(len(owners)))
                    lines.leave(owner.addr, owner.capacity)
                    owner.free()
            assert made > scaled(200, 20, 6)
            assert len(lines.holder) * line == cached.used_frames * frame_size
            assert physmem.check() == []
