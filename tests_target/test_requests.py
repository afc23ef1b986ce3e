"""What a hook of on_exhausted is told, which regions suit a request, and what MemoryError says of them."""

from random_numbers import RandomNumbers
from support import fresh_physmem, raises, scaled

FRAME = 64
SRAM = 0x20100000
PSRAM = 0x60000000
FRAMES = 16


def system():
    """Requests without constraints go to "psram" first."""
    physmem = fresh_physmem()
    physmem.init(
        [
            ("sram", SRAM, FRAMES * FRAME, FRAME, "DMA FAST SHARED"),
            ("psram", PSRAM, 64 * FRAME, FRAME, "DMA EXTERNAL"),
        ],
        [("registers", 0x40000000, 4 * FRAME, FRAME)],
    )
    physmem.boot_complete()
    return physmem


class Caches:
    """60 caches in "psram" that a hook drops one by one, as long as that can help; `asked` are its requests."""

    def __init__(self, physmem):
        self.held = [physmem.allocate_frames(1, region="psram") for _ in range(60)]
        self.asked = []
        physmem.on_exhausted(self)

    def __call__(self, request):
        self.asked.append(request)
        for frames in self.held:
            if request.suits(frames.region):
                self.held.remove(frames)
                frames.free()
                return True
        return False


def test_caches_that_cannot_help_are_kept():
    """For memory of another region, or with an attribute that their region lacks, no cache is dropped."""
    physmem = system()
    caches = Caches(physmem)
    physmem.allocate_frames(14, region="sram")
    for keywords in (
        {"region": "sram"},
        {"region": physmem.region("sram")},
        {"require": "FAST"},
        {"forbid": "EXTERNAL"},
    ):
        raises(MemoryError, physmem.allocate_frames, 4, **keywords)
        assert len(caches.held) == 60 and len(caches.asked) == 1, keywords
        caches.asked.clear()
    raises(MemoryError, physmem.allocate_frames, 4, high=SRAM + FRAMES * FRAME)
    assert len(caches.held) == 60


def test_caches_that_can_help_are_dropped_until_it_is_enough():
    physmem = system()
    caches = Caches(physmem)
    assert physmem.allocate_frames(20, region="psram").count == 20
    assert len(caches.held) == 60 - 20  # the lowest first: the four free ones are at the end
    assert len(caches.asked) == 20
    assert physmem.allocate_frames_by_bytes(30 * FRAME - 1, require="EXTERNAL").count == 30
    assert len(caches.held) == 10 and physmem.check() == []


def test_nothing_is_asked_for_what_no_region_could_hold():
    """1 GiB, an address where no region is, more frames than a region has: a MemoryError at once."""
    physmem = system()
    caches = Caches(physmem)
    for call in (
        lambda: physmem.allocate_frames_by_bytes(1 << 30),
        lambda: physmem.allocate_frames(65),
        lambda: physmem.allocate_frames(17, region="sram"),
        lambda: physmem.allocate_frames(17, require="FAST"),
        lambda: physmem.allocate_frames(1, high=4096),
        lambda: physmem.allocate_frames(1, low=PSRAM + 64 * FRAME),
        lambda: physmem.allocate_frames(2, low=SRAM + 15 * FRAME, high=SRAM + 16 * FRAME),
        lambda: physmem.allocate_frames(1, align=1 << 32),
        lambda: physmem.allocate_frames(1, low=SRAM + 1, align=16 * FRAME, region="sram"),
        lambda: physmem.allocate_frames_by_bytes(1 << 70),
        lambda: physmem.dma_ring(1 << 20),
    ):
        raises(MemoryError, call)
        assert caches.asked == [] and len(caches.held) == 60


def test_what_does_not_suit_is_no_progress():
    """A hook that says that it has freed something, but elsewhere, is not asked again and again."""
    physmem = system()
    physmem.allocate_frames(16, region="sram")
    elsewhere = [physmem.allocate_frames(1, region="psram") for _ in range(10)]
    asked = []

    def hook(request):
        asked.append(request.free_bytes())
        elsewhere.pop().free()
        return True

    physmem.on_exhausted(hook)
    raises(MemoryError, physmem.allocate_frames, 1, region="sram")
    assert asked == [0] and len(elsewhere) == 9


def test_what_a_request_says():
    """Its size in frames or in bytes, and each constraint by its name, attributes as bits."""
    physmem = system()
    asked = []
    physmem.on_exhausted(asked.append)
    physmem.allocate_frames(16, region="sram")
    physmem.allocate_frames(64, region="psram")
    raises(MemoryError, physmem.allocate_frames, 3)
    raises(
        MemoryError,
        physmem.allocate_frames_by_bytes,
        100,
        align=128,
        boundary=1024,
        low=SRAM,
        high=PSRAM,
        require="DMA",
        prefer=physmem.FAST,
        forbid="EXTERNAL CACHED",
        region="sram",
        owner="me",
    )
    raises(MemoryError, physmem.dma_ring, 256, owner=7)
    names = ("frames", "nbytes", "align", "boundary", "low", "high", "require", "prefer", "forbid", "region", "owner")
    p = physmem
    assert [[getattr(request, name) for name in names] for request in asked] == [
        [3, None, 0, 0, 0, None, 0, 0, 0, None, None],
        [None, 100, 128, 1024, SRAM, PSRAM, p.DMA, p.FAST, p.EXTERNAL | p.CACHED, "sram", "me"],
        [None, 256, 256, 0, 0, None, p.DMA, p.FAST, 0, None, 7],
    ]
    regions = [physmem.region(name) for name in ("sram", "psram", "registers")]
    assert [[request.suits(region) for region in regions] for request in asked] == [
        [True, True, False],
        [True, False, False],
        [True, True, False],
    ]
    mine = physmem.Region("sram", 0x1000, FRAME, FRAME)
    assert asked[0].suits(mine) is False
    for wrong in ("sram", None, 3):
        assert "region" in str(raises(TypeError, asked[0].suits, wrong))


def fits_somewhere(region, count, align, boundary, low, high):
    """Return whether some place in the empty region meets the constraints, which are in bytes: each is tried."""
    size = count * region.frame_size
    for frame in range(region.frames - count + 1):
        addr = region.base + frame * region.frame_size
        if addr < low or (high is not None and addr + size > high) or (align and addr % align):
            continue
        if boundary and addr // boundary != (addr + size - 1) // boundary:
            continue
        return True
    return False


def test_a_request_that_fails_is_searched_for_once():
    """Each of the short ways asks each region that suits once, and so does the way with constraints."""
    for call, arguments, keywords, regions in (
        ("allocate_frames", (2,), {}, "abc"),
        ("allocate_frames", (2,), {"owner": "me"}, "abc"),
        ("allocate_frames_by_bytes", (2 * FRAME,), {}, "abc"),
        ("allocate_frames_deferred", (2,), {}, "abc"),
        ("allocate_frames_deferred", (2,), {"require": "DMA"}, "ab"),
        ("dma_ring", (2 * FRAME,), {}, "ab"),
        ("dma_ring", (2 * FRAME,), {"owner": "me"}, "ab"),
    ):
        physmem = fresh_physmem()
        frames = 4
        names = ("a", "DMA FAST"), ("b", "DMA"), ("c", 0)
        physmem.init([(names[i][0], SRAM + i * (1 << 20), frames * FRAME, FRAME, names[i][1]) for i in range(3)])
        physmem.on_exhausted(None)
        for region in physmem.regions():
            for frame in range(0, frames, 2):
                region.alloc_at(frame, 1)
        raises(MemoryError, getattr(physmem, call), *arguments, **keywords)
        found = [(region.name, region.failed) for region in physmem.regions()]
        assert found == [(name, 1 if name in regions else 0) for name in "abc"], (call, keywords, found)


def test_suits_against_brute_force():
    """Random constraints, most of them near the borders of a small region: suits() is what trying each frame says."""
    numbers = RandomNumbers(11)
    below = numbers.below
    outcomes = [0, 0]
    for frame_size in (32, 64, 256):
        for base in (0x20100000, 0x20100000 + 3 * frame_size, 0xFFFF8000 - 5 * frame_size, 0):
            physmem = fresh_physmem()
            frames = 12
            physmem.init([("ram", base, frames * frame_size, frame_size, "DMA")])
            region = physmem.region("ram")
            make = __import__("physmem_requests").Request
            for _ in range(scaled(1500, 120, 30)):
                n = 1 + below(frames + 2)
                align = (1 << below(14)) if below(2) else 0
                boundary = (1 << below(14)) if below(2) else 0
                low = max(0, base + below((frames + 4) * frame_size) - 2 * frame_size) if below(2) else 0
                high = low + 1 + below((frames + 2) * frame_size) if below(2) else None
                in_bytes = below(2)
                nbytes = n * frame_size - below(frame_size) if in_bytes else None
                request = make(None if in_bytes else n, nbytes, align, boundary, low, high, 0, 0, 0, None, None)
                wanted = fits_somewhere(region, n, align, boundary, low, high)
                assert request.suits(region) is wanted, (base, frame_size, n, nbytes, align, boundary, low, high)
                outcomes[wanted] += 1
    assert min(outcomes) > sum(outcomes) // 10


def test_suits_is_what_an_empty_region_can_do():
    """A request suits a region if and only if it is granted there when all of it is free."""
    numbers = RandomNumbers(12)
    below = numbers.below
    physmem = fresh_physmem()
    base = SRAM + 5 * FRAME
    physmem.init([("ram", base, FRAMES * FRAME, FRAME, "DMA")])
    region = physmem.region("ram")
    make = __import__("physmem_requests").Request
    physmem.on_exhausted(None)
    for _ in range(scaled(2000, 300, 60)):
        n = 1 + below(FRAMES + 1)
        keywords = {"align": 1 << below(13), "low": base + below(FRAMES * FRAME), "boundary": 0}
        if below(2):
            keywords["boundary"] = 1 << (6 + below(6))
        keywords["high"] = keywords["low"] + 1 + below(FRAMES * FRAME) if below(2) else None
        request = make(
            n, None, keywords["align"], keywords["boundary"], keywords["low"], keywords["high"], 0, 0, 0, None, None
        )
        try:
            frames = physmem.allocate_frames(n, **keywords)
            frames.free()
            granted = True
        except MemoryError:
            granted = False
        except physmem.PhysMemError as error:
            assert error.code == "SizeMismatch"
            granted = False
        assert request.suits(region) is granted, (n, keywords)


def test_fragmented_and_full_differ():
    """MemoryError says of each region that suits how much is free, in how many runs, and the longest."""
    physmem = system()
    sram, psram = physmem.region("sram"), physmem.region("psram")
    for frame in range(0, FRAMES, 2):
        sram.alloc_at(frame, 1)
    psram.alloc_at(3, 61)
    text = str(raises(MemoryError, physmem.allocate_frames, 4))
    assert "4 frames" in text
    assert "sram has 512 bytes free in 8 runs, at most 64 in one" in text
    assert "psram has 192 bytes free in 1 run, at most 192 in one" in text
    assert "registers" not in text
    text = str(raises(MemoryError, physmem.allocate_frames_by_bytes, 100, require="FAST", align=128))
    assert "100 bytes" in text and "align 0x80" in text and "sram has 512 bytes" in text and "psram" not in text
    sram.alloc(1)
    text = str(raises(MemoryError, physmem.allocate_frames, 2, region="sram", low=SRAM, high=SRAM + FRAME * 16))
    assert "sram has 448 bytes free in 7 runs, at most 64 in one" in text
    assert "low 0x20100000" in text and "high 0x20100400" in text
    while sram.alloc(1) >= 0:
        pass
    text = str(raises(MemoryError, physmem.allocate_frames, 2, region="sram"))
    assert "sram has 0 bytes free in 0 runs" in text


def test_a_hook_that_uses_up_the_heap():
    """The request is retried or a MemoryError of the library's; an exception of the hook itself goes to the caller."""
    physmem = system()
    physmem.allocate_frames(16, region="sram")
    physmem.allocate_frames(64, region="psram")

    def hook(request):
        raise MemoryError("the hook's own")

    physmem.on_exhausted(hook)
    text = str(raises(MemoryError, physmem.allocate_frames, 1))
    assert "the hook's own" in text
    physmem.on_exhausted(lambda request: True)
    text = str(raises(MemoryError, physmem.allocate_frames, 1))
    assert "no place for 1 frames" in text
