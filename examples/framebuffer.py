"""Draw with framebuf into two pictures in external memory, which the garbage collector neither has nor scans.

There are two, so that your driver can send one to the display while you draw the other. Runs on boards with PSRAM or
SDRAM, and on the unix port. Prints where each picture lies and the checksum of what the display got.
"""

import binascii
import sys

import framebuf
import physmem

WIDTH, HEIGHT = 320, 240
RED, WHITE = 0xF800, 0xFFFF  # RGB565


class Picture:
    """Frames and what draws into them: keep the two together, as the view does not keep the frames from being freed."""

    def __init__(self):
        self.frames = physmem.allocate_frames_by_bytes(WIDTH * HEIGHT * 2, require="DMA EXTERNAL", zero=True)
        self.pixels = framebuf.FrameBuffer(self.frames.view, WIDTH, HEIGHT, framebuf.RGB565)


def show(picture):
    """Send the picture to the display, and return when it has all of it. The display here is a checksum."""
    with picture.frames.for_device():  # write back what is in the data cache, if there is one; do not draw meanwhile
        return binascii.crc32(picture.frames.view)


try:
    with physmem.scope() as scope:  # both pictures or none
        pictures = [Picture(), Picture()]
        scope.keep()
except (MemoryError, physmem.PhysMemError) as error:
    print("framebuffer.py needs external memory: %s" % error)
    sys.exit(1)
try:
    for number in range(4):
        picture = pictures[number % 2]
        picture.pixels.fill(0)
        picture.pixels.fill_rect(10 + 60 * number, 80, 100, 50, RED)
        picture.pixels.rect(0, 0, WIDTH, HEIGHT, WHITE)
        frames = picture.frames
        print("picture %d in %s at %#x: checksum %#010x" % (number, frames.region.name, frames.addr, show(picture)))
finally:
    for picture in pictures:
        picture.frames.free()
print("2 pictures of %d bytes, freed" % (WIDTH * HEIGHT * 2))
