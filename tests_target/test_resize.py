"""Frames resized where they are: every map of a small region, refusals that change nothing, and what may not be."""

import sys

import micropython
from kept_memory import one_region
from snapshot import of_system
from support import InHandler, fresh_physmem, raises

FRAME = 64
SRAM = 0x20100000
FRAMES = 10  # of the map; the allocation to resize has frames 2 and 3


def system(frames=FRAMES, attrs="DMA"):
    """A fresh physmem with one region whose memory is not touched."""
    physmem = fresh_physmem()
    physmem.init([("ram", SRAM, frames * FRAME, FRAME, attrs)])
    return physmem


def test_every_map_and_every_size():
    """It works if and only if the frames behind are free, up to the end of the region; all others stay as they were."""
    physmem = system()
    region = physmem.region("ram")
    others = [frame for frame in range(FRAMES) if frame not in (2, 3)]
    for busy in range(1 << len(others)):
        taken = [frame for bit, frame in enumerate(others) if busy >> bit & 1]
        for frame in taken:
            assert region.alloc_at(frame, 1) == frame
        for n in range(1, FRAMES + 2):
            frames = physmem.allocate_frames_at(SRAM + 2 * FRAME, 2)
            wanted = range(2, 2 + n)
            fits = 2 + n <= FRAMES and not [frame for frame in wanted if frame in taken]
            if fits:
                assert frames.resize(n) is frames
            else:
                raises(MemoryError, frames.resize, n)
            count = n if fits else 2
            assert (frames.first, frames.count, frames.nbytes) == (2, count, count * FRAME)
            assert region.count(2) == count and region.used_frames == len(taken) + count
            for frame in taken:
                assert region.count(frame) == 1
            assert frames.free() == count
            assert region.used_frames == len(taken)
        for frame in taken:
            assert region.free(frame) == 1
        if busy % 32 == 0:
            assert physmem.check() == []


def test_sizes_of_more_than_a_word():
    """From 1 to 200 frames and back, over the borders of the bitmap's words; the address stays."""
    physmem = system(256)
    region = physmem.region("ram")
    for first in (0, 1, 30, 31, 33, 55):
        frames = physmem.allocate_frames_at(SRAM + first * FRAME, 1)
        for n in (31, 32, 33, 1, 64, 65, 96, 2, 200, 64, 1):
            frames.resize(n)
            assert (frames.first, frames.count, region.count(first), region.used_frames) == (first, n, n, n)
            assert region.is_free(first + n, 256 - first - n) and physmem.check() == []
        frames.free()


def test_in_bytes():
    physmem = system()
    frames = physmem.allocate_frames_by_bytes(1)
    for nbytes in (FRAME, FRAME + 1, 10 * FRAME, 10 * FRAME - 1, 2, 1):
        assert frames.resize_by_bytes(nbytes) is frames
        assert (frames.nbytes, frames.count) == (nbytes, (nbytes + FRAME - 1) // FRAME)
    error = raises(MemoryError, frames.resize_by_bytes, 10 * FRAME + 1)
    assert frames.nbytes == 1 and frames.count == 1 and "11" in str(error)


def test_what_the_refusal_says():
    """That the frames behind are in use, or that the region ends; with the numbers."""
    physmem = system()
    frames = physmem.allocate_frames_at(SRAM + FRAME, 3)
    text = str(raises(MemoryError, frames.resize, 10))
    assert "3 frames" in text and "ram" in text and "10" in text and "6" in text
    held = physmem.allocate_frames_at(SRAM + 6 * FRAME, 1)
    text = str(raises(MemoryError, frames.resize, 7))
    assert "not all free" in text and "3" in text and "7" in text
    held.free()
    assert frames.resize(7).count == 7


def test_wrong_sizes():
    """Zero, negative, wide and no numbers at all: refused, and nothing changes."""
    physmem = system()
    frames = physmem.allocate_frames_by_bytes(100)
    before = of_system(physmem)
    for call, name in ((frames.resize, "n"), (frames.resize_by_bytes, "nbytes")):
        raises(physmem.PhysMemError, call, 0, code="ZeroAllocation")
        raises(physmem.PhysMemError, call, False, code="ZeroAllocation")
        for size in (-1, -(1 << 31), -(1 << 70)):
            error = raises(physmem.PhysMemError, call, size, code="InvalidArgument")
            assert "%s = %d" % (name, size) in str(error)
        # Of all of these the lower 32 bits are a size that would fit.
        for size in ((1 << 32) + 1, (1 << 32) + 3 * FRAME, (1 << 64) + 1, (1 << 31) + 1, 1 << 70, 1 << 30):
            raises(MemoryError, call, size)
        for size in (None, "3", 1.0, [], object()):
            assert name in str(raises(TypeError, call, size))
        raises(TypeError, call, 3, zero="yes")
        raises(TypeError, call, 3, True)
    assert of_system(physmem) == before and (frames.nbytes, frames.count) == (100, 2)
    empty, rest = frames.split_at(0)
    raises(physmem.PhysMemError, empty.resize, 1, code="ZeroAllocation")
    assert rest.resize(True).count == 1


def test_states():
    """Mapped and retained frames are not resized, unmapped ones are; hardware and records know the size."""
    machine = one_region()
    physmem = machine.reset()
    log = physmem.retain("log", 100)
    raises(physmem.PhysMemError, log.resize, 2, code="NotPermitted")
    raises(physmem.PhysMemError, log.resize_by_bytes, 90, code="NotPermitted")
    mapped = physmem.allocate_frames(2).map()
    raises(physmem.PhysMemError, mapped.resize, 1, code="NotPermitted")
    raises(physmem.PhysMemError, mapped.resize_by_bytes, 1, code="NotPermitted")
    assert (log.nbytes, mapped.count) == (100, 2)
    assert mapped.unmap().resize(3).count == 3 and mapped.state == physmem.UNMAPPED
    mapped.map()
    physmem = machine.reset()
    (held,) = physmem.quarantined()
    assert held.count == 3
    assert held.unmap().resize(1).free() == 1
    assert physmem.check() == [] and physmem.stats()[None]["used"] == 1


def test_what_something_freed_raw():
    """An allocation that is not the owner's any more: InternalCorruption, and what is there now is left alone."""
    physmem = system()
    region = physmem.region("ram")
    frames = physmem.allocate_frames(3)
    assert region.free(0) == 3
    raises(physmem.PhysMemError, frames.resize, 4, code="InternalCorruption")
    assert region.alloc_at(0, 2) == 0
    raises(physmem.PhysMemError, frames.resize, 4, code="InternalCorruption")
    raises(physmem.PhysMemError, frames.resize, 1, code="InternalCorruption")
    assert region.count(0) == 2 and region.used_frames == 2 and physmem.check() == []


def test_no_hook_is_called():
    """A hook could not free the frames behind and know it."""
    physmem = system()
    frames = physmem.allocate_frames(2)
    physmem.allocate_frames(8)
    asked = []
    physmem.on_exhausted(asked.append)
    raises(MemoryError, frames.resize, 3)
    assert asked == []


def test_peak_and_failed():
    """A longer allocation counts for the peak; a refused one counts nowhere."""
    physmem = system()
    region = physmem.region("ram")
    frames = physmem.allocate_frames(2)
    frames.resize(6).resize(3)
    assert (region.peak_used, region.used_frames) == (6, 3)
    raises(MemoryError, frames.resize, 11)
    assert (region.peak_used, region.used_frames, region.failed) == (6, 3, 0)


def test_without_heap():
    """It needs none, up to what would need it to be said at all."""
    physmem = system()
    frames = physmem.allocate_frames(2)
    failed = 0
    micropython.heap_lock()
    try:
        frames.resize(5)
        frames.resize_by_bytes(70)
        try:
            frames.resize(11)
        except MemoryError:
            failed += 1
    finally:
        micropython.heap_unlock()
    assert failed == 1 and (frames.count, frames.nbytes) == (2, 70)


def test_in_a_handler():
    """Frames of SHARED regions only."""
    for attrs, works in (("DMA", False), ("DMA SHARED", True)):
        physmem = system(attrs=attrs)
        frames = physmem.allocate_frames(2)
        with InHandler():
            if works:
                assert frames.resize(4).resize_by_bytes(70).count == 2
            else:
                raises(physmem.PhysMemError, frames.resize, 4, code="NotPermitted")
                raises(physmem.PhysMemError, frames.resize_by_bytes, 4, code="NotPermitted")
        assert frames.count == 2 and physmem.check() == []


def test_regions_at_high_addresses():
    """Addresses and sizes that are no small integers."""
    physmem = fresh_physmem()
    physmem.init([("high", 0xC0000000, 64 << 20, 1 << 20)])
    frames = physmem.allocate_frames(1)
    assert frames.resize(64).capacity == 64 << 20
    assert frames.resize_by_bytes((63 << 20) + 1).count == 64
    assert frames.nbytes == (63 << 20) + 1
    if sys.maxsize > 1 << 40:
        physmem = fresh_physmem()
        physmem.init([("wide", 1 << 40, 1 << 36, 1 << 30)])
        frames = physmem.allocate_frames(1)
        assert frames.resize_by_bytes(1 << 35).count == 32
