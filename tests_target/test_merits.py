"""Which region a request goes to, exactly: request_order.py has the rule, and brute force does the rest.

Regions are tried in the order of the rule. The frames are the lowest in the first region that has a place.
"""

from places import places
from random_numbers import RandomNumbers
from request_order import in_order
from support import fresh_physmem, raises, sample, scaled

BASE = 0x60000000  # a big integer on 32-bit boards


class Wanted:
    """A region as the rule sees it: plain numbers, and a list that says which frames are free."""

    def __init__(self, name, base, frames, frame_size, attributes):
        self.name = name
        self.base = base
        self.frames = frames
        self.frame_size = frame_size
        self.attributes = attributes  # names
        self.free = [True] * frames

    def entry(self, physmem):
        attrs = 0
        for name in self.attributes:
            attrs |= getattr(physmem, name)
        return self.name, self.base, self.frames * self.frame_size, self.frame_size, attrs

    def place(self, count, align, boundary, low, high):
        """Return the lowest frame where `count` frames are free at an address as requested, all in bytes; or None."""
        for first in places(self.free, self.base, self.frame_size, count, align, boundary, low, high):
            return first
        return None


def value_of(physmem, names):
    value = 0
    for name in names:
        value |= getattr(physmem, name)
    return value


ATTRIBUTES = ((), ("DMA",), ("FAST",), ("DMA", "FAST"), ("DMA", "EXTERNAL"), ("SHARED", "RETAINED", "DMA"))
ASKED = ((), ("DMA",), ("FAST",), ("DMA", "FAST"), ("EXTERNAL",))

# The same about caches.
ATTRIBUTES_OF_CACHED = (("DMA",), ("DMA", "CACHED"), ("DMA", "FAST"), ("DMA", "FAST", "CACHED"), ("CACHED",))
ASKED_OF_CACHED = ((), ("DMA",), ("FAST",), ("CACHED",), ("DMA", "FAST"), ("DMA", "CACHED"))


def requests(asked):
    """Return each ``(require, prefer, forbid)`` of what is `asked`, except for those that contradict themselves."""
    return [
        (require, prefer, forbid)
        for require in asked
        for prefer in asked
        for forbid in asked
        if not any(name in forbid for name in require + prefer)
    ]


REQUESTS = requests(ASKED)


def systems(attributes, every):
    """Generate every so many of all systems of three regions with each of `attributes`, of three and of four frames.

    The regions are not in the order of their addresses.
    """
    number = 0
    for first in attributes:
        for second in attributes:
            for third in attributes:
                number += 1
                if number % every == 0:
                    yield [
                        Wanted("a", BASE + 0x8000, 3, 256, first),
                        Wanted("b", BASE + 0x10000, 4, 256, second),
                        Wanted("c", BASE, 3, 256, third),
                    ]


def test_every_request_uses_the_regions_in_order():
    """Make each request one frame at a time until none is left: all of the first region, all of the next, and so on."""
    use_up(systems(ATTRIBUTES, scaled(1, 29, 73)), REQUESTS)


def test_dma_uses_cached_memory_last():
    """The same in systems some of whose regions are CACHED, for requests that speak of that and others that do not."""
    use_up(systems(ATTRIBUTES_OF_CACHED, scaled(6, 31, 62)), requests(ASKED_OF_CACHED))


def use_up(systems, requests):
    """Make each of the `requests` in each of the `systems`."""
    cases = 0
    for regions in systems:
        physmem = fresh_physmem()
        physmem.init([region.entry(physmem) for region in regions])
        calls = (physmem.allocate_frames, physmem.allocate_frames_by_bytes)
        for require, prefer, forbid in requests:
            keywords = {}
            for name, asked in (("require", require), ("prefer", prefer), ("forbid", forbid)):
                if asked:
                    keywords[name] = value_of(physmem, asked)
            ordered = in_order(regions, require, prefer, forbid)
            call = calls[cases % 2]
            owners = []
            for region in ordered:
                for frame in range(region.frames):
                    owner = call(1, **keywords)
                    owners.append(owner)
                    assert (owner.region.name, owner.first, owner.count) == (region.name, frame, 1), (
                        [(found.name, found.attributes) for found in regions],
                        keywords,
                        owner,
                    )
            if ordered:
                raises(MemoryError, call, 1, **keywords)
            else:
                raises(physmem.PhysMemError, call, 1, code="InvalidArgument", **keywords)
            for owner in owners:
                owner.free()
            cases += 1
    print("%d requests" % cases)


LAYOUTS = (
    # (frame size, frames, attributes): in each system, the region with fewer frames also has fewer bytes.
    ((256, 12, ("FAST",)), (256, 40, ("DMA",)), (1024, 50, ("DMA", "EXTERNAL")), (64, 9, ("DMA", "FAST"))),
    ((32, 33, ()), (512, 36, ("EXTERNAL", "CACHED")), (4096, 40, ("DMA",)), (64, 35, ("SHARED",))),
    ((128, 8, ("DMA", "RETAINED")), (128, 9, ("DMA", "FAST")), (128, 10, ("FAST", "SHARED")), (256, 64, ())),
)


def random_request(numbers, regions):
    """Return a seeded ``(n, align, boundary, low, high, require, prefer, forbid)``, in frames or bytes, and names."""
    below = numbers.below
    n = 1 + below(numbers.choice((3, 12)))
    align = numbers.choice((0, 0, 32 << below(8)))
    boundary = numbers.choice((0, 0, 0, 1 << 12 + below(6)))
    low, high = 0, None
    if below(4) == 0:
        region = numbers.choice(regions)
        low = region.base + below(region.frames * region.frame_size)
        high = numbers.choice((None, low + 1 + below(8192)))
    elif below(6) == 0:
        high = numbers.choice(regions).base + 1 + below(8192)
    require, prefer, forbid = numbers.choice(REQUESTS)
    return n, align, boundary, low, high, require, prefer, forbid


def test_attributes_together_with_addresses():
    """Seeded requests by frames and by bytes with every constraint, in systems of several frame sizes that fill up.

    The region is the first by the rule that has a place, and the frames are the lowest in it.
    """
    numbers = RandomNumbers(29)
    granted = refused = fallen_over = 0
    for number in range(scaled(90, 12, 3)):
        regions = []
        addr = BASE
        for i, (frame_size, frames, attributes) in enumerate(LAYOUTS[number % 3]):
            addr += frame_size * numbers.below(20) + -addr % frame_size
            regions.append(Wanted("r%d" % i, addr, frames, frame_size, attributes))
            addr += frames * frame_size
        physmem = fresh_physmem()
        physmem.init([region.entry(physmem) for region in regions])
        live = []
        for _ in range(120):
            if live and numbers.below(4) == 0:
                owner, region = live.pop(numbers.below(len(live)))
                region.free[owner.first : owner.first + owner.count] = [True] * owner.count
                owner.free()
                continue
            n, align, boundary, low, high, require, prefer, forbid = random_request(numbers, regions)
            by_bytes = numbers.below(2)
            keywords = {"align": align, "boundary": boundary, "low": low, "high": high}
            for name, asked in (("require", require), ("prefer", prefer), ("forbid", forbid)):
                keywords[name] = value_of(physmem, asked)
            places = []
            for region in in_order(regions, require, prefer, forbid):
                count = -(-n * 100 // region.frame_size) if by_bytes else n
                places.append((region, region.place(count, align, boundary, low, high), count))
            able = [place for place in places if place[1] is not None]
            try:
                if by_bytes:
                    owner = physmem.allocate_frames_by_bytes(n * 100, **keywords)
                else:
                    owner = physmem.allocate_frames(n, **keywords)
            except (MemoryError, physmem.PhysMemError) as error:
                assert not able, (keywords, n, by_bytes, error)
                refused += 1
                continue
            assert able, (keywords, n, by_bytes, owner)
            region, first, count = able[0]
            assert (owner.region.name, owner.first, owner.count) == (region.name, first, count), (keywords, n, by_bytes)
            region.free[first : first + count] = [False] * count
            live.append((owner, region))
            granted += 1
            fallen_over += able[0] is not places[0]
        assert physmem.check() == []
    assert granted > 20 and refused > 20 and fallen_over > 5  # the mixture tries all


def test_rings():
    """A ring is in memory that DMA reaches, not CACHED and fast if possible, at a multiple of its size.

    When that is full, it is in other memory that DMA reaches; never in memory that DMA does not reach.
    """
    sizes = [1 << i for i in range(5, 14)]
    for attributes in sample(ATTRIBUTES, 3) + sample(ATTRIBUTES_OF_CACHED, 3):
        for frame_size in scaled((32, 1024), (512,)):
            physmem = fresh_physmem()
            regions = [
                Wanted("mine", BASE + 3 * 1024, 40 * 1024 // frame_size, frame_size, attributes),
                Wanted("fast", BASE + 0x20000, 13, 1024, ("DMA", "FAST", "SHARED", "RETAINED")),
                Wanted("psram", BASE + 0x40000, 100, 1024, ("DMA", "EXTERNAL")),
                Wanted("core", BASE + 0x80000, 64, 1024, ("FAST",)),
            ]
            physmem.init([region.entry(physmem) for region in regions])
            for i in range(scaled(200, 200, 60)):
                nbytes = sizes[i * 7 % len(sizes)]
                places = []
                for region in in_order(regions, ("DMA",), ("FAST",), ()):
                    count = -(-nbytes // region.frame_size)
                    places.append((region, region.place(count, nbytes, 0, 0, None), count))
                able = [place for place in places if place[1] is not None]
                if not able:
                    raises(MemoryError, physmem.dma_ring, nbytes)
                    continue
                region, first, count = able[0]
                ring = physmem.dma_ring(nbytes)
                assert (ring.region.name, ring.first, ring.count) == (region.name, first, count), (nbytes, ring)
                assert ring.addr % nbytes == 0 and ring.region.attrs & physmem.DMA
                region.free[first : first + count] = [False] * count
            assert not any(regions[1].free[:8])  # fast memory was used first, and the rings exceeded it
            assert all(regions[3].free)
            for nbytes in (3, 96, 1000, 4095):
                raises(physmem.PhysMemError, physmem.dma_ring, nbytes, code="UnalignedAddress")
