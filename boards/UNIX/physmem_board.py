"""Memory plan of MicroPython's unix port: not a board, but the same two kinds of memory.

Sizes in bytes. A base of None means that physmem sets aside memory of that size when it boots, wherever the operating
system puts it. The memory ends with the process, so retained frames are fresh in the next one.
"""

NAME = "UNIX"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", None, 0x00040000, 4096, "DMA FAST RETAINED SHARED"),
    ("psram", None, 0x00800000, 4096, "DMA EXTERNAL RETAINED"),
)

# Memory that the firmware uses: none, the operating system keeps it apart.
OCCUPIED = ()

# Memory for the records of retained and mapped frames: (base address, size).
RETAINED_RECORDS = (None, 0x00001000)
