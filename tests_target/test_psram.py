"""The region in PSRAM of a board that has some: all of its frames, by the core and by DMA, up to the last one.

The garbage collector has its own share of the PSRAM. It scans that, and not the region.
"""

import gc
from array import array

import framebuf
import physmem
from dma_transfers import WORDS, control, copy, pattern, wait
from machine import mem32
from physmem_board import PSRAM_GC_END, REGIONS
from rp2 import DMA
from support import raises
from uctypes import addressof

NEEDS = ("PSRAM",)
TIMEOUT = 180

KIB, MIB = 1 << 10, 1 << 20
SIZE, FRAME = [(size, frame_size) for _, base, size, frame_size, _ in REGIONS if base == PSRAM_GC_END][0]
OBJECTS = 32
OBJECT = 2 * KIB


def test_the_region_is_there():
    """From the end of the collector's share on, with all of its frames: 8 MiB of PSRAM without 1 MiB for the collector
    are 1,792 frames."""
    region = physmem.region("psram")
    assert (region.base, region.end) == (PSRAM_GC_END, PSRAM_GC_END + SIZE)
    assert region.frames == region.free_frames == SIZE // FRAME == 7 * MIB // (4 * KIB) == 1792
    assert region.attrs == physmem.DMA | physmem.EXTERNAL | physmem.SHARED


def test_all_frames_at_once_and_one_by_one():
    region = physmem.region("psram")
    with physmem.allocate_frames(region.frames, region="psram") as whole:
        assert (whole.addr, whole.nbytes) == (PSRAM_GC_END, SIZE)
        assert region.alloc(1) == physmem.OUT_OF_MEMORY
    for frame in range(region.frames):
        assert region.alloc(1) == frame
    assert region.alloc(1) == physmem.OUT_OF_MEMORY
    # The odd ones: then every run is a single frame. Then the others: then there is one run again.
    for first, largest in ((1, 1), (0, region.frames)):
        for frame in range(first, region.frames, 2):
            assert region.free(frame) == 1
        assert region.largest_free() == largest
    assert region.used_frames == 0 and physmem.check() == []


def test_each_frame_is_memory_of_its_own():
    """The core writes the first and the last word of each frame before it reads any: a chip that is smaller, or that
    ignores an address line, has one of them twice."""
    with physmem.allocate_frames(SIZE // FRAME, region="psram") as whole:
        last = FRAME - 4
        for address in range(whole.addr, whole.addr + whole.nbytes, FRAME):
            mem32[address] = address ^ 0x15A5A5A5
            mem32[address + last] = address + last ^ 0x15A5A5A5
        for address in range(whole.addr, whole.addr + whole.nbytes, FRAME):
            assert mem32[address] == address ^ 0x15A5A5A5, hex(address)
            assert mem32[address + last] == address + last ^ 0x15A5A5A5, hex(address)


def ends():
    """Return the first and the last frame of the region, and a frame of SRAM."""
    first = physmem.allocate_frames_at(PSRAM_GC_END, 1)
    last = physmem.allocate_frames_at(PSRAM_GC_END + SIZE - FRAME, 1)
    assert first.region is last.region is physmem.region("psram") and last.addr + last.nbytes == first.region.end
    return first, last, physmem.allocate_frames(1, require="FAST")


def test_the_core_writes_bytes_at_both_ends():
    first, last, sram = ends()
    for frames, seed in ((first, 1), (last, 2), (sram, 3)):
        frames.view[:] = pattern(FRAME, seed)
    for frames, seed in ((first, 1), (last, 2), (sram, 3)):
        assert frames.view == pattern(FRAME, seed)
    for frames in (first, last, sram):
        frames.free()


def test_dma_at_both_ends():
    """From SRAM into PSRAM, from one end of it to the other, and back; the core reads all of it, and writes the source.

    The core and the DMA controller go through the same cache, so nobody cleans anything.
    """
    first, last, sram = ends()
    content = pattern(FRAME, 4)
    sram.view[:] = content
    first.view[:] = last.view[:] = bytes(FRAME)
    for source, target in ((sram, first), (first, last), (last, sram)):
        target.view[:] = bytes(FRAME)
        with target.for_device():
            copy(source.addr, target.addr, FRAME)
        assert target.view == content, (hex(source.addr), hex(target.addr))
        content = pattern(FRAME, 5 + content[0])
        source.view[:] = target.view[:] = content
    for frames in (first, last, sram):
        frames.free()


def test_dma_fills_megabytes():
    """A word, over and over, into all of the region at once; the frames around the ends of the memory are not
    touched."""
    value = array("I", [0x5EC0DE5A])
    before, after = mem32[PSRAM_GC_END - 4], physmem.allocate_frames_at(PSRAM_GC_END + SIZE - FRAME, 1)
    after.view[:] = pattern(FRAME, 6)
    with physmem.allocate_frames(SIZE // FRAME - 1, region="psram") as frames:
        channel = DMA()
        fields = control(channel, size=WORDS, inc_read=False)
        channel.config(read=value, write=frames.addr, count=frames.nbytes // 4, ctrl=fields, trigger=True)
        wait(channel)
        channel.close()
        for address in range(frames.addr, frames.addr + frames.nbytes, FRAME):
            assert mem32[address] == mem32[address + FRAME - 4] == value[0], hex(address)
    assert mem32[PSRAM_GC_END - 4] == before
    assert after.view == pattern(FRAME, 6)
    after.free()


def test_a_ring_in_psram():
    """The largest ring that the DMA can have, while SRAM has no room for it."""
    nbytes = 32 * KIB
    with physmem.allocate_frames(physmem.region("sram").frames, region="sram"), physmem.dma_ring(nbytes) as ring:
        assert ring.region.name == "psram" and ring.addr % nbytes == 0
        source = physmem.allocate_frames_by_bytes(2 * nbytes, require="EXTERNAL")
        source.view[:nbytes] = pattern(nbytes, 7)
        source.view[nbytes:] = pattern(nbytes, 8)
        copy(source.addr, ring.addr, nbytes + nbytes // 2, ring=nbytes, ring_sel=True)
        half = nbytes // 2
        assert ring.view[:half] == pattern(nbytes, 8)[:half]
        assert ring.view[half:] == pattern(nbytes, 7)[half:]
        source.free()


def test_a_framebuffer():
    """320 by 240 pixels of 16 bits are more than all of the SRAM of the plan. MicroPython draws in it."""
    width, height = 320, 240
    nbytes = 2 * width * height
    raises(MemoryError, physmem.allocate_frames_by_bytes, nbytes, require="FAST")
    with physmem.allocate_frames_by_bytes(nbytes, require="EXTERNAL", zero=True) as frames:
        assert frames.nbytes == nbytes and frames.region.name == "psram"
        screen = framebuf.FrameBuffer(frames.view, width, height, framebuf.RGB565)
        screen.rect(0, 0, width, height, 0xF81F)
        screen.pixel(100, 50, 0x07E0)
        # RGB565 has the low byte first.
        for x, y, color in ((0, 0, 0xF81F), (width - 1, height - 1, 0xF81F), (100, 50, 0x07E0), (101, 50, 0)):
            offset = 2 * (width * y + x)
            assert frames.view[offset] | frames.view[offset + 1] << 8 == color == screen.pixel(x, y)


def addresses_of_objects():
    """Return the addresses of new objects in the heap that nobody refers to, each exclusive-ored with a word that makes
    it no pointer."""
    return array("I", [addressof(bytearray(OBJECT)) ^ 0xFFFFFFFF for _ in range(OBJECTS)])


def kept_alive(address):
    """Return how many new objects outlive a collection whose addresses, and nothing else, lie at that address."""
    gc.collect()
    before = gc.mem_alloc()
    hidden = addresses_of_objects()
    for i in range(OBJECTS):
        mem32[address + 4 * i] = hidden[i] ^ 0xFFFFFFFF
    gc.collect()
    kept = (gc.mem_alloc() - before) // OBJECT
    for i in range(OBJECTS):
        mem32[address + 4 * i] = 0
    return kept


def test_the_collector_does_not_scan_the_region():
    """A pointer in it keeps nothing alive, nor does one in the region of SRAM. One in the heap does, and in the heap's
    own share of the PSRAM as well.

    One or two of the objects may be kept by what a register or the stack still has.
    """
    large = bytearray(512 * KIB)
    assert addressof(large) < PSRAM_GC_END <= addressof(large) + MIB
    assert kept_alive(addressof(large)) == OBJECTS
    small = bytearray(4 * OBJECTS)
    assert kept_alive(addressof(small)) == OBJECTS
    for name in ("psram", "sram"):
        with physmem.allocate_frames(1, region=name) as frames:
            assert kept_alive(frames.addr) <= 2, name
    with physmem.allocate_frames_at(PSRAM_GC_END + SIZE - FRAME, 1) as frames:
        assert kept_alive(frames.addr) <= 2


def test_the_heap_reaches_into_psram_and_ends_at_the_region():
    """It holds an object that fits nowhere else, and none as large as its whole share: 1 MiB, less its tables."""
    gc.collect()
    large = bytearray(900 * KIB)
    assert addressof(large) > PSRAM_GC_END - MIB and addressof(large) + len(large) <= PSRAM_GC_END
    large[-1] = 1
    large = None
    raises(MemoryError, bytearray, MIB)
