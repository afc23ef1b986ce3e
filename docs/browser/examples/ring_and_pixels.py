"""A ring for a DMA channel, a framebuffer in PSRAM, and a crash log."""

import physmem

# A DMA channel that wraps by address bits needs this.
ring = physmem.dma_ring(16 * 1024)
print(ring.region.name, ring.addr % (16 * 1024))  # -> sram 0
ring.map()  # on a board the hardware would own it now
try:
    ring.free()
except physmem.PhysMemError as error:
    print(error.code)  # -> NotPermitted

# The garbage collector of a board never scans these 153,600 bytes.
pixels = physmem.allocate_frames_by_bytes(320 * 240 * 2, require="EXTERNAL", zero=True)
row = b"\x00\xf8" * 320
for y in range(240):
    pixels.view[y * 640 : (y + 1) * 640] = row
print(pixels.region.name, pixels.count)  # -> psram 38

# On a board the same bytes are there after a reset. Here each reset loses them.
log = physmem.retain("crash log", 4096, prefer="FAST")
print(log.region.name, log.fresh)  # -> sram True
