"""DMA in rings and frames of physmem, on an RP2040 or RP2350: it wraps where the ring ends, and nowhere else.

The DMA wraps a ring by keeping the lower bits of the address. Its ring is the 2**n bytes around the address that start
at a multiple of 2**n, wherever the memory you meant starts. Source: RP2040 datasheet 2.5.1.3 (ring size), 2.5.2.1
(chaining), 2.5.3 (interrupts); RP2350 datasheet 12.6.2, 12.6.5, 12.6.8.
"""

import time
from array import array

import physmem
import rp2
from dma_transfers import AT_ONCE, AT_TIMER0, MILLISECONDS, WORDS, control, copy, pattern
from machine import mem32
from physmem_board import DMA_TIMER0
from support import raises

NEEDS = ("rp2.DMA",)

_CANARY = 0xA5
_FRAME = physmem.region("sram").frame_size
_SIZES = tuple([_FRAME * quarters // 4 for quarters in (1, 4, 8, 16, 32)])  # a ring may be smaller than a frame
_CYCLES = 20000 << 8  # that a paced transfer takes, so that there is a meanwhile


def filled_region():
    """Fill a whole region with canaries. Return the region."""
    region = physmem.region("sram")
    whole = physmem.allocate_frames(region.frames, region="sram")
    whole.view[:] = bytes([_CANARY]) * whole.nbytes
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
    copy(source, addr, count, ring=nbytes, ring_sel=True)


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
        before = physmem.allocate_frames(1, region="sram")  # so that no ring starts where the region does
        ring = physmem.dma_ring(nbytes)
        assert ring.addr % nbytes == 0 and ring.addr > before.addr
        count = 3 * nbytes + nbytes // 3
        source = pattern(count, nbytes // _SIZES[0])
        ring.map()
        write_in_ring(ring.addr, nbytes, source, count)
        ring.unmap()
        assert ring.view == last_lap(source, count, nbytes), nbytes
        assert changed_outside(region, ring.addr - region.base, nbytes) == -1
        ring.free()
        before.free()


def test_read_ring():
    """A ring on the reading side delivers the content of the ring, over and over."""
    nbytes = _FRAME
    # The target must not follow the ring: a DMA that does not wrap would then read what it has just written.
    before, target = [physmem.allocate_frames(n, region="sram") for n in (1, 4)]
    with before, target, physmem.dma_ring(nbytes) as ring:
        content = pattern(nbytes, 3)
        ring.view[:] = content
        before.view[:] = bytes([_CANARY]) * before.nbytes
        count = 3 * nbytes + 100
        copy(ring.addr, target.addr, count, ring=nbytes, ring_sel=False)
        for i in range(0, count, nbytes):
            n = min(nbytes, count - i)
            assert target.view[i : i + n] == content[:n], i
        assert ring.view == content
        assert before.view == bytes([_CANARY]) * before.nbytes


def test_a_ring_that_is_not_aligned_is_found():
    """The canaries detect a DMA that wraps elsewhere. With frames that are not a ring, it does."""
    nbytes = 2 * _FRAME
    region = filled_region()
    before = physmem.allocate_frames(1, region="sram")
    frames = physmem.allocate_frames(2, region="sram")
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
    frames = [physmem.allocate_frames(1, region="sram") for _ in range(3)]
    content = pattern(frames[0].nbytes, 5)
    frames[0].view[:] = content
    for other in frames[1:]:
        other.view[:] = bytes(other.nbytes)
    words = frames[0].nbytes // 4
    first, second = rp2.DMA(), rp2.DMA()
    ends = array("I", [0, 0])

    def ended(channel):
        ends[0] += 1

    mem32[DMA_TIMER0] = 1 << 16 | _CYCLES // words  # X << 16 | Y
    fields = control(second, size=WORDS, treq_sel=AT_ONCE, irq_quiet=False)
    second.config(read=frames[1].addr, write=frames[2].addr, count=words, ctrl=fields)
    second.irq(ended, hard=True)
    for mapped in frames:
        mapped.map()
    fields = control(first, size=WORDS, treq_sel=AT_TIMER0, chain_to=second)
    first.config(read=frames[0].addr, write=frames[1].addr, count=words, ctrl=fields, trigger=True)
    assert first.active()
    for mapped in frames:
        raises(physmem.PhysMemError, mapped.free, code="NotPermitted")
    assert first.active() and ends[0] == 0, "the transfer was over too soon to prove anything"
    begin = time.ticks_ms()
    while not ends[0]:
        assert time.ticks_diff(time.ticks_ms(), begin) < MILLISECONDS, "no interrupt has come"
    assert not first.active() and not second.active()
    first.close()
    second.close()
    assert ends[0] == 1
    for mapped in frames:
        assert mapped.unmap().view == content
        assert mapped.free() == 1
    assert physmem.check() == []
