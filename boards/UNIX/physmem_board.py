"""Memory map of MicroPython's unix port: no board, the same two kinds of memory.

Sizes in bytes. A base of None means: memory of that size is set aside when physmem boots, wherever the
operating system puts it. It ends with the process: what is retained is fresh in the next one.
"""

NAME = "UNIX"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", None, 0x00040000, 4096, "DMA FAST RETAINED SHARED"),
    ("psram", None, 0x00800000, 4096, "DMA EXTERNAL RETAINED"),
)

# Memory that the firmware itself uses: the operating system keeps it apart.
OCCUPIED = ()

# What keeps records of retained and mapped frames: (base address, size).
RETAINED_RECORDS = (None, 0x00001000)
