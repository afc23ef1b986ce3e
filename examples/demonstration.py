"""Show on the board itself what physmem is for; `make run` sends this file to it."""

import sys

import physmem
import physmem_board

KIB = 1024
# What is RESERVED is not handed out: the firmware uses it.
HAS_EXTERNAL = any(
    region.attrs & (physmem.EXTERNAL | physmem.RESERVED) == physmem.EXTERNAL for region in physmem.regions()
)
# The largest piece that DMA reaches: a board may have little memory.
ROOM = max(
    row["largest_bytes"] for name, row in physmem.stats().items() if name and physmem.region(name).attrs & physmem.DMA
)
RING = 32 * KIB if ROOM > 60 * KIB else 4 * KIB
WIDTH, HEIGHT = (320, 240) if HAS_EXTERNAL else (128, 96) if ROOM > 60 * KIB else (64, 48)
BYTES_PER_PIXEL = 2


def title(text):
    print("\n--- " + text + " " + "-" * (100 - len(text)))


def show_statistics():
    print("region       frames     used     free     peak   failed")
    for region in physmem.regions():
        row = physmem.stats()[region.name]
        cells = ["%8d" % row[key] for key in ("used", "free", "peak", "failed")]
        print("%-10s %8d %s" % (region.name, row["frames"], " ".join(cells)))


def show(name, frames):
    end = frames.addr + frames.nbytes
    print("%-12s %#010x..%#010x  %d KiB in %s" % (name, frames.addr, end, frames.nbytes // KIB, frames.region.name))


print("%s, %s" % (physmem_board.NAME, sys.implementation._machine))

title("The memory that physmem owns; nothing is allocated yet")
physmem.map()

title("Statistics before")
show_statistics()

title("A ring for a DMA channel that wraps by address bits: aligned to its own size")
ring = physmem.dma_ring(RING)
show("ring", ring)
print("address modulo %d KiB: %d" % (RING // KIB, ring.addr % RING))

where = "in external memory" if HAS_EXTERNAL else "where there is room"
title("A framebuffer of %d x %d pixels, %d bytes each, %s" % (WIDTH, HEIGHT, BYTES_PER_PIXEL, where))
require = physmem.EXTERNAL if HAS_EXTERNAL else 0
framebuffer = physmem.allocate_frames_by_bytes(WIDTH * HEIGHT * BYTES_PER_PIXEL, require=require)
show("framebuffer", framebuffer)
pixels = framebuffer.view
row_bytes = WIDTH * BYTES_PER_PIXEL
row = bytearray(row_bytes)
for y in range(HEIGHT):
    for i in range(row_bytes):
        row[i] = y + i & 0xFF
    pixels[y * row_bytes : (y + 1) * row_bytes] = row
wrong_bytes = 0
for y in range(HEIGHT):
    line = pixels[y * row_bytes : (y + 1) * row_bytes]
    for i in range(row_bytes):
        wrong_bytes += line[i] != y + i & 0xFF
print("%d bytes written and read back through its memoryview, %d wrong" % (HEIGHT * row_bytes, wrong_bytes))
assert wrong_bytes == 0

title("Frames at an address that you name")
region = framebuffer.region
at_address = physmem.allocate_frames_at(region.addr(region.frames - 4), 4)
show("at address", at_address)

title("The memory now")
physmem.map()

title("A group of buffers, had whole or not at all")
before = region.used_frames
try:
    with physmem.scope() as scope:
        group = [physmem.allocate_frames(region.frames // 3, region=region) for _ in range(4)]
        scope.keep()
except MemoryError as error:
    print("MemoryError: %s" % error)
print("frames in use before and after: %d, %d" % (before, region.used_frames))
assert region.used_frames == before

title("Freeing twice is refused, and nothing changes")
frame = region.alloc(3)
print("region.alloc(3)    -> frame %d" % frame)
print("region.free(%d)    -> %d frames freed" % (frame, region.free(frame)))
refusal = region.free(frame)
print("region.free(%d)    -> %d, %s" % (frame, refusal, physmem.code_name(refusal)))
assert refusal < 0
framebuffer.free()
try:
    framebuffer.free()
    raise AssertionError("a double free went through")
except physmem.PhysMemError as error:
    print("framebuffer.free() -> PhysMemError %s: %s" % (error.code, error))

ring.free()
at_address.free()

title("Statistics after")
show_statistics()
wrong = physmem.check()
print("check: %s" % ("; ".join(wrong) if wrong else "nothing is wrong"))
handed_out = sum(region.used_frames for region in physmem.regions() if not region.attrs & physmem.RESERVED)
assert not wrong and not handed_out
