"""A system of two regions, whose memory nothing touches: "sram" is SHARED; requests go to "psram" first, which could do
less."""

from support import fresh_physmem

FRAME = 4096
SRAM = 0x20100000


def two_regions(frames, psram):
    """A physmem of its own with two regions of `frames` frames, "psram" at the address `psram`."""
    physmem = fresh_physmem()
    physmem.init(
        [
            ("sram", SRAM, frames * FRAME, FRAME, "DMA FAST SHARED"),
            ("psram", psram, frames * FRAME, FRAME, "DMA EXTERNAL"),
        ]
    )
    physmem.boot_complete()
    return physmem
