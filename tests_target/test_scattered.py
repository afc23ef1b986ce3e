"""allocate_scattered(): as few runs as there are, of one region, all or none."""

from random_numbers import RandomNumbers
from snapshot import of_system
from support import IS_BOARD, IS_FAST, InHandler, fresh_physmem, raises, scaled

FRAME = 64
SRAM = 0x20100000
PSRAM = 0x60000000
MOST = 10 if IS_FAST else 6  # frames of the maps that are all tried


def one_region(frames):
    physmem = fresh_physmem()
    physmem.init([("ram", SRAM, frames * FRAME, FRAME)])
    return physmem, physmem.region("ram")


def two_regions():
    """ "psram" comes first: it has fewer merits."""
    physmem = fresh_physmem()
    physmem.init(
        [("sram", SRAM, 16 * FRAME, FRAME, "DMA FAST SHARED"), ("psram", PSRAM, 16 * FRAME, FRAME, "DMA EXTERNAL")]
    )
    return physmem


def runs_of(busy, frames):
    """Return the lengths of the runs of frames whose bits in `busy` are 0."""
    lengths = [0]
    for frame in range(frames):
        if busy >> frame & 1:
            lengths.append(0)
        else:
            lengths[-1] += 1
    return [length for length in lengths if length]


def fewest(lengths, n):
    """Return the smallest number of the runs that have `n` frames together, by trying every choice of runs; None if all
    of them have not."""
    best = None
    for choice in range(1 << len(lengths)):
        chosen = [length for bit, length in enumerate(lengths) if choice >> bit & 1]
        if sum(chosen) >= n and (best is None or len(chosen) < best):
            best = len(chosen)
    return best


def test_every_map_and_every_size():
    """All maps of up to 10 frames, 6 on boards: all of the frames in the smallest number of runs, or none."""
    for frames in range(1, MOST + 1):
        physmem, region = one_region(frames)
        for busy in range(1 << frames):
            for frame in range(frames):
                if busy >> frame & 1:
                    assert region.alloc_at(frame, 1) == frame
            lengths = runs_of(busy, frames)
            used = region.used_frames
            for n in range(1, frames + 1):
                wanted = fewest(lengths, n)
                if wanted is None:
                    raises(MemoryError, physmem.allocate_scattered, n)
                    assert region.used_frames == used
                    continue
                pieces = physmem.allocate_scattered(n)
                assert len(pieces) == wanted, (busy, n, pieces)
                counts = [piece.count for piece in pieces]
                assert sum(counts) == n and counts == sorted(counts, reverse=True)
                mine = [frame for piece in pieces for frame in range(piece.first, piece.first + piece.count)]
                assert len(set(mine)) == n and not [frame for frame in mine if busy >> frame & 1]
                assert [piece.free() for piece in pieces] == counts and region.used_frames == used
            for frame in range(frames):
                if busy >> frame & 1:
                    assert region.free(frame) == 1
    assert physmem.check() == []


def test_large_fragmented_regions():
    """Random maps of many frames: the fewest runs are the longest ones."""
    numbers = RandomNumbers(5)
    for _ in range(scaled(60, 12, 4)):
        frames = 33 + numbers.below(300)
        physmem, region = one_region(frames)
        busy = 0
        for frame in range(frames):
            if numbers.below(3) == 0:
                busy |= 1 << frame
                assert region.alloc_at(frame, 1) == frame
        lengths = sorted(runs_of(busy, frames))
        n = 1 + numbers.below(sum(lengths))
        pieces = physmem.allocate_scattered(n, owner="me")
        left, runs = n, 0
        while left > 0:
            left -= lengths.pop()
            runs += 1
        assert len(pieces) == runs and sum([piece.count for piece in pieces]) == n
        assert [piece.owner for piece in pieces] == ["me"] * runs
        assert physmem.check() == []


def test_which_region():
    """The regions are tried as by allocate_frames; all pieces are of one region, however little is free in another."""
    physmem = two_regions()

    def where(n, **keywords):
        pieces = physmem.allocate_scattered(n, **keywords)
        names = {piece.region.name for piece in pieces}
        assert sum([piece.free() for piece in pieces]) == n
        (name,) = names
        return name

    assert where(3) == "psram"
    assert where(3, require="FAST") == "sram" == where(3, require=physmem.FAST)
    assert where(3, prefer="FAST") == "sram"
    assert where(3, forbid="EXTERNAL") == "sram"
    assert where(3, region="sram") == "sram" == where(3, region=physmem.region("sram"))
    physmem.allocate_frames(14, region="psram")
    assert where(3) == "sram" and where(2) == "psram"
    physmem.allocate_frames(14, region="sram")
    raises(MemoryError, physmem.allocate_scattered, 3)  # two here and two there
    assert where(2, prefer="FAST") == "sram"
    physmem.allocate_frames(1, region="sram")
    assert where(2, prefer="FAST") == "psram"


def test_refusals():
    """Each with its code, and nothing changed."""
    physmem = two_regions()
    physmem.allocate_frames(3)
    before = of_system(physmem)
    for n, code in ((0, "ZeroAllocation"), (-1, "InvalidArgument"), (-(1 << 70), "InvalidArgument")):
        raises(physmem.PhysMemError, physmem.allocate_scattered, n, code=code)
    for n in (None, "3", 1.5, []):
        raises(TypeError, physmem.allocate_scattered, n)
    for n in (17, 1 << 30, 1 << 70):
        raises(MemoryError, physmem.allocate_scattered, n)
    for keywords in (
        {"require": "CACHED"},
        {"require": "DMA", "forbid": "DMA"},
        {"region": "nowhere"},
        {"require": "FST"},
        {"forbid": 128},
        {"region": physmem.Region("other", SRAM, FRAME, FRAME)},
    ):
        raises(physmem.PhysMemError, physmem.allocate_scattered, 1, code="InvalidArgument", **keywords)
    for keywords in ({"require": None}, {"region": 3}, {"prefer": 1.0}, {"zero": 1}):
        raises(TypeError, physmem.allocate_scattered, 1, **keywords)
    assert of_system(physmem) == before
    cold = fresh_physmem()
    raises(cold.PhysMemError, cold.allocate_scattered, 1, code="NotInitialized")


def test_it_calls_no_hook_and_counts_no_failure():
    physmem, region = one_region(4)
    region.alloc(3)
    asked = []
    physmem.on_exhausted(asked.append)
    text = str(raises(MemoryError, physmem.allocate_scattered, 2))
    assert asked == [] and region.failed == 0
    assert "2 frames" in text and "ram has 64 bytes free" in text


def test_without_an_owner_for_the_last_piece():
    """If the owner of a piece cannot be made, the pieces that were are freed."""
    physmem, region = one_region(16)
    for frame in range(1, 16, 2):
        region.alloc_at(frame, 1)
    import physmem_allocate

    make = physmem_allocate.own_frames
    made = []

    def limited(*arguments):
        if len(made) == 3:
            region.free(arguments[1])
            raise MemoryError("no heap for an owner")
        made.append(make(*arguments))
        return made[-1]

    physmem_allocate.own_frames = limited
    try:
        raises(MemoryError, physmem.allocate_scattered, 6)
    finally:
        physmem_allocate.own_frames = make
    assert region.used_frames == 8 and not [frames for frames in made if frames]
    assert sum([piece.free() for piece in physmem.allocate_scattered(8)]) == 8


def test_a_whole_run_is_looked_for_without_counting_a_failure():
    """The run is the first that has all the frames; where none has, `failed` counts no search."""
    physmem, region = one_region(16)
    region.alloc_at(4, 1)
    pieces = physmem.allocate_scattered(5)
    assert [(piece.first, piece.count) for piece in pieces] == [(5, 5)]
    pieces[0].free()
    pieces = physmem.allocate_scattered(13)
    assert [(piece.first, piece.count) for piece in pieces] == [(5, 11), (0, 2)]
    assert region.failed == 0


def test_in_a_handler():
    """It needs heap, so a hard handler cannot have it; where it has, regions that are not SHARED stay refused."""
    physmem, region = one_region(4)
    if IS_BOARD:
        return  # its raw calls ask the processor
    with InHandler():
        raises(physmem.PhysMemError, physmem.allocate_scattered, 2, code="NotPermitted")
    assert region.used_frames == 0
