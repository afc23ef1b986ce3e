"""Sizes are what you asked for: nbytes and view, over splits, merges, resizes and resets; capacity is whole frames."""

import io

from kept_memory import FRAME as KEPT_FRAME
from kept_memory import one_region
from support import fresh_physmem, raises

FRAME = 64
FRAMES = 16


def system(frame_size=FRAME):
    """Return a fresh physmem with one region of 16 frames in memory that may be written."""
    physmem = fresh_physmem()
    physmem.init([("ram", None, FRAMES * frame_size, frame_size, "DMA")])
    return physmem


def sizes(frames):
    """Return nbytes and capacity, after checking them against the view and the number of frames."""
    assert len(frames.view) == frames.nbytes
    assert frames.capacity == frames.count * frames.region.frame_size
    return frames.nbytes, frames.capacity


def test_sizes_in_frames():
    """Calls that take a number of frames give whole frames."""
    physmem = system()
    base = physmem.region("ram").base
    for n in (1, 2, 7, 16):
        for call in (
            lambda: physmem.allocate_frames(n),  # noqa: B023
            lambda: physmem.allocate_frames(n, align=FRAME),  # noqa: B023
            lambda: physmem.allocate_frames_at(base + 5, n),  # noqa: B023
            lambda: physmem.allocate_frames_deferred(n)[0],  # noqa: B023
            lambda: physmem.allocate_frames_deferred(n, at=base)[0],  # noqa: B023
            lambda: physmem.allocate_scattered(n)[0],  # noqa: B023
            lambda: physmem.inspect_then_allocate(lambda region, first, count: (first, n)),  # noqa: B023
        ):
            frames = call()
            assert sizes(frames) == (n * FRAME, n * FRAME)
            assert frames.free() == n


def test_sizes_in_bytes():
    """Calls that take a number of bytes give that number, whatever the last frame has left."""
    for frame_size in (32, 64, 256):
        physmem = system(frame_size)
        base = physmem.region("ram").base
        for nbytes in (1, frame_size - 1, frame_size, frame_size + 1, 5 * frame_size - 7, 16 * frame_size):
            capacity = (nbytes + frame_size - 1) // frame_size * frame_size
            for call in (
                lambda: physmem.allocate_frames_by_bytes(nbytes),  # noqa: B023
                lambda: physmem.allocate_frames_by_bytes(nbytes, low=1, high=base + 16 * frame_size),  # noqa: B023
                lambda: physmem.allocate_frames_by_bytes_deferred(nbytes)[0],  # noqa: B023
                lambda: physmem.allocate_frames_by_bytes_at(base, nbytes),  # noqa: B023
                lambda: physmem.allocate_frames_by_bytes_deferred(nbytes, base)[0],  # noqa: B023
            ):
                frames = call()
                assert sizes(frames) == (nbytes, capacity)
                assert frames.free() == capacity // frame_size


def test_bytes_at_an_address():
    """They start at the first frame, not at the address, and end with the last byte that you asked for."""
    physmem = system()
    base = physmem.region("ram").base
    for offset in (0, 1, 5, FRAME - 1):
        for nbytes in (1, 3, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME):
            frames = physmem.allocate_frames_by_bytes_at(base + 2 * FRAME + offset, nbytes)
            count = (offset + nbytes + FRAME - 1) // FRAME
            assert sizes(frames) == (offset + nbytes, count * FRAME)
            assert (frames.first, frames.count) == (2, count)
            frames.free()
    unknown = 0x50000000
    frames = physmem.allocate_frames_by_bytes_at(unknown + 4090, 10, unknown=True)
    assert (frames.nbytes, frames.capacity) == (4100, 8192)
    again = physmem.allocate_frames_by_bytes_at(unknown + 8192 + 3, 5000, unknown=True)  # extends that region
    assert again.region is not frames.region or (again.nbytes, again.capacity) == (5003, 8192)
    assert (again.nbytes, again.capacity) == (5003, 8192)


def test_a_framebuffer():
    """320 x 240 pixels of two bytes: a display is sent 153,600 bytes, not the 155,648 of 38 frames."""
    physmem = fresh_physmem()
    physmem.init([("psram", 0x60000000, 64 * 4096, 4096, "EXTERNAL")])
    pixels = physmem.allocate_frames_by_bytes(320 * 240 * 2, require="EXTERNAL")
    assert (pixels.nbytes, len(pixels.view), pixels.capacity, pixels.count) == (153600, 153600, 155648, 38)


def test_readinto_takes_what_was_asked_for():
    """What follows in the stream stays there, and what lies behind the bytes stays as it was."""
    physmem = system()
    frames = physmem.allocate_frames_by_bytes(100).fill(0x55)
    stream = io.BytesIO(b"a" * 100 + b"rest")
    assert stream.readinto(frames.view) == 100
    assert stream.read() == b"rest"
    assert bytes(frames.view) == b"a" * 100
    frames.resize(2)
    assert bytes(frames.view[100:]) == b"\x55" * 28


def test_a_ring_smaller_than_a_frame():
    """The mask of a ring of 256 bytes is 255, in frames of any size."""
    physmem = fresh_physmem()
    physmem.init([("ram", 0x20100000, 16 * 4096, 4096, "DMA")])
    for nbytes in (1, 32, 256, 4096, 16384):
        ring = physmem.dma_ring(nbytes)
        assert sizes(ring) == (nbytes, max(nbytes, 4096))
        assert ring.addr % nbytes == 0
        ring.free()


def test_retained_bytes():
    """A retained name has its bytes, also after resets; so have mapped frames without a name."""
    machine = one_region()
    physmem = machine.reset()
    log = physmem.retain("x", 100)
    assert sizes(log) == (100, KEPT_FRAME)
    mapped = physmem.allocate_frames_by_bytes(3 * KEPT_FRAME - 9).map()
    whole = physmem.allocate_frames(2).map()
    places = sorted([(frames.addr, frames.nbytes, frames.capacity) for frames in (mapped, whole)])
    assert sizes(mapped) == (3 * KEPT_FRAME - 9, 3 * KEPT_FRAME)
    for _ in range(3):
        physmem = machine.reset()
        again = physmem.retain("x", 100)
        assert sizes(again) == (100, KEPT_FRAME)
        held = physmem.quarantined()
        assert sorted([(frames.addr, frames.nbytes, frames.capacity) for frames in held]) == places
    raises(physmem.PhysMemError, physmem.retain, "x", 101, code="SizeMismatch")
    assert physmem.retained()[0].nbytes == 100


def test_a_split_leaves_the_rest_with_the_last_frames():
    """Of 5 frames with 7 bytes not asked for, the part with the last frame lacks these 7; the others are whole."""
    physmem = system()
    for i in range(6):
        parts = physmem.allocate_frames_by_bytes(5 * FRAME - 7).split_at(i)
        wanted = [i * FRAME, (5 - i) * FRAME]
        wanted[1 if i < 5 else 0] -= 7
        assert [sizes(part)[0] for part in parts] == wanted
        parts[0].merge(parts[1])
        assert sizes(parts[0]) == (5 * FRAME - 7, 5 * FRAME)
        parts[0].free()
    for i in range(5):
        for n in range(1, 6 - i):
            parts = physmem.allocate_frames_by_bytes(5 * FRAME - 7).split_range(i, n)
            wanted = [i * FRAME, n * FRAME, (5 - i - n) * FRAME]
            wanted[2 if i + n < 5 else 1] -= 7
            assert [sizes(part)[0] for part in parts] == wanted
            for part in parts:
                part.free()
    assert physmem.region("ram").used_frames == 0


def test_a_merge_lacks_what_its_last_frame_lacks():
    """Two allocations of bytes, merged from either side, and with an owner of nothing."""
    for low_first in (True, False):
        for empty in (None, 0, 1):
            physmem = system()
            low = physmem.allocate_frames_by_bytes(2 * FRAME - 3)
            high = physmem.allocate_frames_by_bytes(3 * FRAME - 5)
            assert (low.first, high.first) == (0, 2)
            if empty is not None:
                parts = high.split_at(0)
                high = parts[empty].merge(parts[1 - empty])
                assert sizes(high) == (3 * FRAME - 5, 3 * FRAME) and high.first == 2
            whole = low.merge(high) if low_first else high.merge(low)
            assert sizes(whole) == (5 * FRAME - 5, 5 * FRAME) and whole.first == 0
            assert whole.free() == 5


def test_sizes_after_a_resize():
    """In frames it is whole frames; in bytes it is what you ask for."""
    physmem = system()
    frames = physmem.allocate_frames_by_bytes(FRAME + 1)
    for nbytes in (1, FRAME, FRAME + 1, 16 * FRAME - 1, 3):
        assert frames.resize_by_bytes(nbytes) is frames
        assert sizes(frames) == (nbytes, (nbytes + FRAME - 1) // FRAME * FRAME)
        assert frames.resize(frames.count) is frames
        assert sizes(frames) == (frames.capacity, frames.capacity)
