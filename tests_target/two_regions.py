"""A system of two regions whose memory nothing touches: "sram" is SHARED, "psram" has fewer merits.

Requests go to "psram" first.
"""

from support import fresh_physmem

FRAME = 4096
SRAM = 0x20100000


def two_regions(frames, psram):
    """Return a fresh physmem with two regions of `frames` frames, "psram" at the address `psram`."""
    physmem = fresh_physmem()
    physmem.init(
        [
            ("sram", SRAM, frames * FRAME, FRAME, "DMA FAST SHARED"),
            ("psram", psram, frames * FRAME, FRAME, "DMA EXTERNAL"),
        ]
    )
    physmem.boot_complete()
    return physmem
