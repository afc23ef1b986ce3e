"""The RP2040's DMA in rings and frames of physmem: it wraps where the ring ends, and nowhere else.

The DMA wraps a ring by keeping the lower bits of the address. Its ring is the 2**n bytes around the address that start
at a multiple of 2**n, wherever the memory you meant starts. Source: RP2040 datasheet 2.5.1.3 (ring size), 2.5.2.1
(chaining), 2.5.3 (interrupts).
"""

import time
from array import array

import physmem
import rp2
from support import raises

ONLY = ("RPI_PICO",)

_CANARY = 0xA5
_SIZES = (1024, 2048, 4096, 8192)
_MILLISECONDS = 500


def pattern(nbytes, seed):
    """Return bytes that neither repeat with the period of any ring nor equal the canary."""
    data = bytearray(nbytes)
    for i in range(nbytes):
        data[i] = (i * 7 + (i >> 8) * 13 + seed) % 163
    return data


def wait(channel):
    """Wait until the channel has finished."""
    begin = time.ticks_ms()
    while channel.active():
        assert time.ticks_diff(time.ticks_ms(), begin) < _MILLISECONDS, "the DMA does not finish"


def log2(n):
    power = 0
    while 1 << power < n:
        power += 1
    return power


def filled_region():
    """Fill a whole region with canaries. Return the region."""
    region = physmem.region("sram")
    whole = physmem.allocate_frames(region.frames)
    view = whole.view
    for i in range(len(view)):
        view[i] = _CANARY
    whole.free()
    return region


def whole_view(region):
    """Return the memory of the region, in use or not."""
    from uctypes import bytearray_at

    return bytearray_at(region.base, region.end - region.base)


def changed_outside(region, begin, nbytes):
    """Return the first offset from the base that has lost its canary outside the `nbytes` bytes from `begin`, or -1."""
    view = whole_view(region)
    canaries = bytes([_CANARY]) * region.frame_size
    for offset in range(0, len(view), region.frame_size):
        if view[offset : offset + region.frame_size] == canaries:
            continue
        for i in range(offset, offset + region.frame_size):
            if view[i] != _CANARY and not begin <= i < begin + nbytes:
                return i
    return -1


def write_in_ring(addr, nbytes, source, count):
    """Let the DMA write `count` bytes of the source to `addr`, wrapping the address at `nbytes`."""
    channel = rp2.DMA()
    try:
        control = channel.pack_ctrl(size=0, inc_read=True, inc_write=True, ring_sel=True, ring_size=log2(nbytes))
        channel.config(read=source, write=addr, count=count, ctrl=control, trigger=True)
        wait(channel)
    finally:
        channel.close()


def last_lap(source, count, nbytes):
    """Return what a ring holds after `count` bytes of the source were written to it from its start."""
    expected = bytearray(nbytes)
    for i in range(count - nbytes, count):
        expected[i % nbytes] = source[i]
    return expected


def test_write_ring():
    """After more than three laps the ring holds what the last lap wrote, and no byte outside it has changed."""
    for nbytes in _SIZES:
        region = filled_region()
        before = physmem.allocate_frames(1)  # so that no ring starts where the region does
        ring = physmem.dma_ring(nbytes)
        assert ring.addr % nbytes == 0 and ring.addr > before.addr
        count = 3 * nbytes + nbytes // 3
        source = pattern(count, nbytes >> 10)
        ring.map()
        write_in_ring(ring.addr, nbytes, source, count)
        ring.unmap()
        assert ring.view == last_lap(source, count, nbytes), nbytes
        assert changed_outside(region, ring.addr - region.base, nbytes) == -1
        ring.free()
        before.free()


def test_read_ring():
    """A ring on the reading side delivers the content of the ring, over and over."""
    nbytes = 1024
    with physmem.allocate_frames(1) as before, physmem.dma_ring(nbytes) as ring, physmem.allocate_frames(4) as target:
        content = pattern(nbytes, 3)
        ring.view[:] = content
        before.view[:] = bytes([_CANARY]) * before.nbytes
        count = 3 * nbytes + 100
        channel = rp2.DMA()
        control = channel.pack_ctrl(size=0, inc_read=True, inc_write=True, ring_sel=False, ring_size=log2(nbytes))
        channel.config(read=ring.addr, write=target.addr, count=count, ctrl=control, trigger=True)
        wait(channel)
        channel.close()
        for i in range(0, count, nbytes):
            n = min(nbytes, count - i)
            assert target.view[i : i + n] == content[:n], i
        assert ring.view == content
        assert before.view == bytes([_CANARY]) * before.nbytes


def test_a_ring_that_is_not_aligned_is_found():
    """The canaries detect a DMA that wraps elsewhere. With frames that are not a ring, it does."""
    nbytes = 2048
    region = filled_region()
    before = physmem.allocate_frames(1)
    frames = physmem.allocate_frames(2)
    assert frames.addr % nbytes
    source = pattern(4 * nbytes, 1)
    write_in_ring(frames.addr, nbytes, source, len(source))
    outside = changed_outside(region, frames.addr - region.base, nbytes)
    assert before.addr - region.base <= outside < frames.addr - region.base
    frames.free()
    before.free()


def test_chained_frames():
    """One channel copies a frame to a second one and starts another channel, which copies that to a third.

    Meanwhile hardware owns the frames and they cannot be freed. An interrupt reports the end.
    """
    frames = [physmem.allocate_frames(1) for _ in range(3)]
    content = pattern(frames[0].nbytes, 5)
    frames[0].view[:] = content
    for other in frames[1:]:
        other.view[:] = bytes(other.nbytes)
    words = frames[0].nbytes // 4
    first, second = rp2.DMA(), rp2.DMA()
    ends = array("I", [0, 0])

    def ended(channel):
        ends[0] += 1

    # One word every 20,000 cycles, so that the transfer takes a while: TIMER0 = X << 16 | Y, its TREQ_SEL is 59.
    from machine import mem32

    mem32[0x50000420] = 1 << 16 | 20000
    control = second.pack_ctrl(size=2, treq_sel=63, irq_quiet=False)
    second.config(read=frames[1].addr, write=frames[2].addr, count=words, ctrl=control)
    second.irq(ended, hard=True)
    for mapped in frames:
        mapped.map()
    control = first.pack_ctrl(size=2, treq_sel=59, chain_to=second.channel)
    first.config(read=frames[0].addr, write=frames[1].addr, count=words, ctrl=control, trigger=True)
    assert first.active()
    for mapped in frames:
        raises(physmem.PhysMemError, mapped.free, code="NotPermitted")
    assert first.active() and ends[0] == 0, "the transfer was over too soon to prove anything"
    begin = time.ticks_ms()
    while not ends[0]:
        assert time.ticks_diff(time.ticks_ms(), begin) < _MILLISECONDS, "no interrupt has come"
    assert not first.active() and not second.active()
    first.close()
    second.close()
    assert ends[0] == 1
    for mapped in frames:
        assert mapped.unmap().view == content
        assert mapped.free() == 1
    assert physmem.check() == []
