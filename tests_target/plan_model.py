"""A model of a system made from a memory plan, which says of each request where it must land.

The regions lie at the addresses of the plan, wherever the tests run: physmem keeps its records of a region elsewhere,
and nothing here reads or writes the memory that is handed out.
"""

import physmem_board
from chip_facts import LINE, REACH, reaches
from request_order import in_order, suits
from support import fresh_physmem

_FIRST_OF_NO_ADDRESS = 0x60000000  # for plans that leave the addresses to the system: a big integer on 32-bit boards


class ModelRegion:
    """A region: its attributes are words, and `live` is a sorted list of what is allocated, ``(first, count)``."""

    def __init__(self, name, base, size, frame_size, attributes):
        self.name = name
        self.base = base
        self.frames = size // frame_size
        self.frame_size = frame_size
        self.attributes = tuple(attributes.split())
        self.live = []

    @property
    def end(self):
        return self.base + self.frames * self.frame_size

    @property
    def free_frames(self):
        return self.frames - sum([count for _, count in self.live])

    def gaps(self):
        """Generate ``(first, end)`` of each run of free frames."""
        first = 0
        for start, count in self.live:
            if start > first:
                yield first, start
            first = start + count
        if first < self.frames:
            yield first, self.frames

    def place(self, n, align=0, boundary=0, low=0, high=None):
        """Return the lowest frame where `n` free frames meet the constraints, in bytes; None if there is none."""
        size = n * self.frame_size
        if boundary and boundary < size:
            return None
        step = max(align, self.frame_size)
        for first, stop in self.gaps():
            end = self.base + stop * self.frame_size
            if high is not None:
                end = min(end, high)
            addr = max(self.base + first * self.frame_size, low)
            addr += -addr % step
            if boundary and addr // boundary != (addr + size - 1) // boundary:
                addr += -addr % max(step, boundary)
            if addr + size <= end:
                return (addr - self.base) // self.frame_size
        return None

    def take(self, first, n):
        """Enter an allocation. AssertionError if it is not in the region, or any of its frames is in use."""
        assert 0 <= first < first + n <= self.frames, (self.name, first, n)
        for start, count in self.live:
            assert first + n <= start or start + count <= first, (self.name, first, n, start, count)
        self.live.append((first, n))
        self.live.sort()


class Plan:
    """One of memory_plans.PLANS as an argument for `boot`, and the model of the system that this makes.

    What belongs to the machine that runs this is that machine's: the spin lock. There is no memory for records, which
    would be written to; `blocks` are the ranges that must never be handed out, the records' among them.
    """

    def __init__(self, plan):
        self.board = plan["board"]
        self.chip = plan["chip"]
        self.BUS_MASTERS = plan["masters"]
        self.CACHE_LINE = plan["line"]
        self.SPARE_OWNERS = 4
        self.SPIN_LOCK = getattr(physmem_board, "SPIN_LOCK", 0)
        self._next = _FIRST_OF_NO_ADDRESS
        self.REGIONS = tuple([(name, self._base(base)) + tuple(rest) for name, base, *rest in plan["regions"]])
        self.OCCUPIED = plan["occupied"]
        self.blocks = [(block[1], block[1] + block[2]) for block in plan["occupied"]]
        if plan["records"]:
            base, size = plan["records"]
            base = self._base(base)
            self.blocks.append((base, base + size))
        self.regions = [ModelRegion(*entry) for entry in self.REGIONS]

    def _base(self, base):
        if base is None:
            base = self._next
            self._next += 0x10000000
        return base

    @property
    def words(self):
        """The words that this plan's regions have, with DMA and CACHED."""
        words = {"DMA", "CACHED"}
        for region in self.regions:
            words.update(region.attributes)
        return sorted(words)

    def boot(self):
        """Return a fresh physmem with the regions of the plan, after its early phase."""
        physmem = fresh_physmem()
        import physmem_chip
        import physmem_collector

        # The plan of another board may name memory that is in use on this machine. Nothing is written to it.
        physmem_collector.memory_of_the_collector = lambda address: ()
        physmem_chip.memory_of_the_firmware = lambda: []
        physmem.boot(self)
        physmem.boot_complete()
        physmem.on_exhausted(None)
        for region in self.regions:
            region.live = []
        return physmem

    def expected(self, n, nbytes, constraints, require, prefer, forbid):
        """Return ``(region, first frame, count)`` of a request for `n` frames, or for `nbytes` if `n` is None; None if
        there is no place. `constraints` are align, boundary, low, high; the others are words."""
        for region in self.in_order(require, prefer, forbid):
            count = -(-nbytes // region.frame_size) if n is None else n
            first = region.place(count, *constraints)
            if first is not None:
                return region, first, count
        return None

    def in_order(self, require, prefer, forbid):
        return in_order(self.regions, require, prefer, forbid, self.BUS_MASTERS)

    def region(self, name):
        return [region for region in self.regions if region.name == name][0]

    def expect_right(self, frames, require, forbid, constraints=(0, 0, 0, None)):
        """Check what was allocated, by its address alone, against what was asked for and what the chip's documents say.
        Enter it into the model."""
        region = self.region(frames.region.name)
        base, end = frames.addr, frames.addr + frames.capacity
        align, boundary, low, high = constraints
        text = (self.board, frames, require, forbid, constraints)
        assert region.base <= base < end <= region.end, text
        assert suits(region.attributes, require, forbid), text
        assert not align or base % align == 0, text
        assert not boundary or base // boundary == (end - 1) // boundary, text
        assert low <= base and (high is None or end <= high), text
        for first, stop in self.blocks:
            assert end <= first or stop <= base, text
        if self.chip in REACH:
            for word in require:
                if word in REACH[self.chip]:
                    assert reaches(self.chip, word, base, end) is not False, text
        region.take(frames.first, frames.count)
        if "CACHED" in region.attributes:
            expect_own_lines(region, frames.first, frames.count)
        return region

    def release(self, frames):
        """Free what was allocated, also in the model."""
        region, entry = self.region(frames.region.name), (frames.first, frames.count)
        assert frames.free() == entry[1]
        region.live.remove(entry)

    def expect_counts(self, physmem):
        """Check that the free frames of all regions are those of the model, and that physmem finds nothing wrong."""
        total = 0
        for region in self.regions:
            found = physmem.region(region.name)
            assert (found.base, found.end, found.frame_size) == (region.base, region.end, region.frame_size)
            assert found.free_frames == region.free_frames, (self.board, region.name)
            total += region.free_frames
        assert physmem.stats()[None]["free"] == total
        assert physmem.check() == []


def expect_own_lines(region, first, count):
    """Check that no other allocation of the region has a byte in the cache lines that these frames are in."""
    lines = (
        (region.base + first * region.frame_size) // LINE,
        (region.base + (first + count) * region.frame_size - 1) // LINE,
    )
    for start, n in region.live:
        if start != first:
            other = region.base + start * region.frame_size
            last = (other + n * region.frame_size - 1) // LINE
            assert last < lines[0] or lines[1] < other // LINE, (region.name, first, count, start, n)


def as_argument(physmem, words, as_text):
    """Return words as `require`, `prefer` and `forbid` take them: as text or as bits."""
    if as_text:
        return " ".join(words)
    bits = 0
    for word in words:
        bits |= getattr(physmem, word)
    return bits


def request(physmem, plan, call, n, nbytes, constraints, require, prefer, forbid, as_text=True):
    """Make a request and check all of it. Return the AllocatedFrames; None if it was refused, as it had to be."""
    keywords = {}
    for name, value in zip(("align", "boundary", "low", "high"), constraints):
        if value:
            keywords[name] = value
    for name, words in (("require", require), ("prefer", prefer), ("forbid", forbid)):
        if words:
            keywords[name] = as_argument(physmem, words, as_text)
    text = (plan.board, call, n, nbytes, keywords)
    contradicts = [word for word in forbid if word in require or word in prefer]
    expected = None if contradicts else plan.expected(n, nbytes, constraints, require, prefer, forbid)
    try:
        frames = getattr(physmem, call)(nbytes if n is None else n, **keywords)
    except MemoryError:
        assert not contradicts and expected is None and plan.in_order(require, prefer, forbid), text
        return None
    except physmem.PhysMemError as error:
        if error.code == "SizeMismatch":
            assert constraints[1] and expected is None, text
        else:
            assert error.code == "InvalidArgument", (text, error)
            assert contradicts or not plan.in_order(require, prefer, forbid), text
        return None
    if isinstance(frames, tuple):
        frames = frames[0]  # of a deferred call
    assert expected is not None, (text, frames)
    region, first, count = expected
    assert (frames.region.name, frames.first, frames.count) == (region.name, first, count), (text, frames)
    plan.expect_right(frames, require, forbid, constraints)
    return frames
