"""What frames have in them: what was there before, or zeros with zero=True, or what fill() puts there."""

import micropython
from kept_memory import FRAME as KEPT_FRAME
from kept_memory import one_region
from support import fresh_physmem, raises, scaled
from uctypes import bytearray_at

FRAME = 64
FRAMES = 16


class Memory:
    """A fresh physmem with one region of 16 frames, all of whose bytes can be seen, free ones too."""

    def __init__(self, frame_size=FRAME):
        self.physmem = fresh_physmem()
        self.physmem.init([("ram", None, FRAMES * frame_size, frame_size, "DMA FAST")])
        self.region = self.physmem.region("ram")
        self.frame_size = frame_size
        self.bytes = bytearray_at(self.region.base, FRAMES * frame_size)
        self.write()

    def write(self, byte=0xA7):
        """Write `byte` to all of the memory."""
        for i in range(len(self.bytes)):
            self.bytes[i] = byte

    def expect(self, first, count, byte, others=0xA7):
        """Check that `byte` is all that the `count` frames from `first` on hold, and `others` what the rest does."""
        start, end = first * self.frame_size, (first + count) * self.frame_size
        found = set(self.bytes[start:end]), set(self.bytes[:start]) | set(self.bytes[end:])
        assert found[0] == {byte} or not count, (first, count, found[0])
        assert found[1] <= {others}, (first, count, found[1])


def calls(physmem, base):
    """Return calls that allocate three frames, or bytes in three frames, with the keywords that they are given."""
    nbytes = 2 * FRAME + 5

    def pick(region, first, count):
        return first + 1, 3

    return (
        lambda **keywords: physmem.allocate_frames(3, **keywords),
        lambda **keywords: physmem.allocate_frames(3, align=2 * FRAME, **keywords),
        lambda **keywords: physmem.allocate_frames(3, owner="me", require="DMA", **keywords),
        lambda **keywords: physmem.allocate_frames_by_bytes(nbytes, **keywords),
        lambda **keywords: physmem.allocate_frames_at(base + 4 * FRAME, 3, **keywords),
        lambda **keywords: physmem.allocate_frames_by_bytes_at(base + 5 * FRAME, nbytes, **keywords),
        lambda **keywords: physmem.allocate_frames_deferred(3, **keywords)[0],
        lambda **keywords: physmem.allocate_frames_by_bytes_deferred(nbytes, **keywords)[0],
        lambda **keywords: physmem.allocate_frames_deferred(3, base + 6 * FRAME, **keywords)[0],
        lambda **keywords: physmem.allocate_frames_by_bytes_deferred(nbytes, at=base, **keywords)[0],
        lambda **keywords: physmem.dma_ring(4 * FRAME, **keywords),
        lambda **keywords: physmem.dma_ring(FRAME // 2, **keywords),
        lambda **keywords: physmem.allocate_scattered(3, **keywords)[0],
        lambda **keywords: physmem.inspect_then_allocate(pick, **keywords),
    )


def test_zero_in_every_allocating_call():
    """The content is zeros, behind nbytes too, and of no other frame. Without it, it is what was there."""
    memory = Memory()
    for call in calls(memory.physmem, memory.region.base):
        for keywords in ({}, {"zero": False}):
            frames = call(**keywords)
            memory.expect(frames.first, frames.count, 0xA7)
            frames.free()
        frames = call(zero=True)
        memory.expect(frames.first, frames.count, 0)
        assert set(frames.view) == {0}
        frames.free()
        memory.write()


def test_zero_for_every_piece():
    memory = Memory()
    held = memory.physmem.allocate_frames_at(memory.region.base + 8 * FRAME, 2)
    pieces = memory.physmem.allocate_scattered(11, zero=True)
    assert [(frames.first, frames.count) for frames in pieces] == [(0, 8), (10, 3)]
    assert [set(frames.view) for frames in pieces] == [{0}, {0}] and set(held.view) == {0xA7}
    assert set(memory.bytes[13 * FRAME :]) == {0xA7}
    held.free()


def test_a_secret_is_gone():
    """What the last owner wrote is there for the next, unless that one asks for zeros."""
    memory = Memory()
    with memory.physmem.allocate_frames(2) as frames:
        frames.view[:6] = b"secret"
        frames.view[-6:] = b"secret"
    with memory.physmem.allocate_frames(2) as frames:
        assert bytes(frames.view[:6]) == b"secret"
    with memory.physmem.allocate_frames_by_bytes(FRAME + 1, zero=True) as frames:
        assert bytes(frames.view) == bytes(FRAME + 1)
    memory.expect(0, 2, 0)


def test_a_wrong_zero_allocates_nothing():
    memory = Memory()
    for call in calls(memory.physmem, memory.region.base):
        raises(TypeError, call, zero="yes")
        assert memory.region.used_frames == 0
    memory.expect(0, 0, 0xA7)


def test_fill():
    """All frames of the owner, behind nbytes too, and no others. It returns the owner."""
    for frame_size in (32, 64, 128, scaled(4096, 4096, 512)):
        memory = Memory(frame_size)
        for first, count in ((0, 1), (3, 1), (2, 5), (15, 1), (0, 16)):
            frames = memory.physmem.allocate_frames_by_bytes_at(
                memory.region.base + first * frame_size, count * frame_size - 3
            )
            assert (frames.first, frames.count) == (first, count)
            for byte in (1, 255, 0x80, 0x5A):
                assert frames.fill(byte) is frames
                memory.expect(first, count, byte)
            assert frames.fill() is frames
            memory.expect(first, count, 0)
            frames.free()
            memory.write()


def test_fill_of_parts_and_of_nothing():
    """A part of a split fills its own frames. An owner of no frames fills nothing. Mapped ones may be filled."""
    memory = Memory()
    left, middle, right = memory.physmem.allocate_frames_by_bytes(6 * FRAME - 1).split_range(2, 3)
    middle.fill(9)
    memory.expect(2, 3, 9)
    middle.map().fill(10)
    memory.expect(2, 3, 10)
    empty, rest = right.split_at(0)
    empty.fill(3)
    memory.expect(2, 3, 10)
    for frames in (left, middle.unmap(), rest, empty):
        frames.free()


def test_fill_of_what_is_no_byte():
    memory = Memory()
    frames = memory.physmem.allocate_frames(2)
    for byte in (-1, 256, 1 << 40, -(1 << 70)):
        error = raises(memory.physmem.PhysMemError, frames.fill, byte, code="InvalidArgument")
        assert str(byte) in str(error)
    for byte in (None, "0", 1.5, b"\0"):
        assert "byte" in str(raises(TypeError, frames.fill, byte))
    memory.expect(0, 0, 0xA7)
    frames.fill(True)
    memory.expect(0, 2, 1)
    frames.free()
    raises(memory.physmem.PhysMemError, frames.fill, code="NotAllocated")
    memory.expect(0, 2, 1)


def test_fill_and_zero_with_the_heap_locked():
    memory = Memory()
    frames = memory.physmem.allocate_frames(3)
    other = None
    micropython.heap_lock()
    try:
        frames.fill(0x33)
        other = memory.physmem.allocate_frames(2, zero=True)
    finally:
        micropython.heap_unlock()
    assert other.first == 3
    assert set(memory.bytes[: 3 * FRAME]) == {0x33} and set(memory.bytes[3 * FRAME : 5 * FRAME]) == {0}
    assert set(memory.bytes[5 * FRAME :]) == {0xA7}


def test_zero_of_a_resize():
    """New frames are zeros, those that were there stay."""
    memory = Memory()
    frames = memory.physmem.allocate_frames(2).fill(1)
    frames.resize(5, zero=True)
    assert set(memory.bytes[: 2 * FRAME]) == {1} and set(memory.bytes[2 * FRAME : 5 * FRAME]) == {0}
    assert set(memory.bytes[5 * FRAME :]) == {0xA7}
    frames.resize(1, zero=True).resize(3)
    assert set(memory.bytes[FRAME : 2 * FRAME]) == {1}
    frames.resize_by_bytes(6 * FRAME - 3, zero=True)
    assert set(memory.bytes[5 * FRAME : 6 * FRAME]) == {0} and set(memory.bytes[6 * FRAME :]) == {0xA7}


def test_zero_of_a_retained_name():
    """It counts for new frames alone: what a reset has kept is kept."""
    machine = one_region()
    physmem = machine.reset()
    physmem.allocate_frames(4).fill(0xEE).free()
    fresh = physmem.retain("log", 2 * KEPT_FRAME - 1, zero=True)
    assert fresh.fresh and set(bytearray_at(fresh.addr, fresh.capacity)) == {0}
    fresh.view[:6] = b"secret"
    assert physmem.retain("log", 2 * KEPT_FRAME - 1, zero=True) is fresh and bytes(fresh.view[:6]) == b"secret"
    physmem = machine.reset()
    kept = physmem.retain("log", 2 * KEPT_FRAME - 1, zero=True)
    assert not kept.fresh and bytes(kept.view[:7]) == b"secret\0"
    other = physmem.retain("other", 10)
    assert set(other.view) == {0xEE}
