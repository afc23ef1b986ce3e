"""Memory plan of a board that does not exist: the one that the page draws. Its memory is WebAssembly's.

Sizes in bytes. A base of None means that physmem sets aside memory of that size when it boots, wherever there is room.
Frames are small, so that one can see them. The PSRAM is out of the reach of DMA, as on many boards; there is no DMA
here to try it.
"""

NAME = "made-up board"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", None, 0x00040000, 1024, "DMA FAST RETAINED SHARED"),
    ("psram", None, 0x00200000, 4096, "EXTERNAL RETAINED"),
)

# Memory that the firmware uses: none, WebAssembly keeps it apart.
OCCUPIED = ()

# Memory for the records of retained and mapped frames: (base address, size).
RETAINED_RECORDS = (None, 0x00001000)
