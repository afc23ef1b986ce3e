"""Memory plan of the Raspberry Pi Pico (RP2040).

Addresses in bytes. Source: RP2040 datasheet, 2.2 address map, 2.6.2 SRAM, 2.3.1.3 hardware spinlocks; its boot ROM's
linker script; MicroPython's ports/rp2/memmap_mp_rp2040.ld.

The scratch banks X and Y (0x20040000 and 0x20041000, 4 KiB each) are fully used: the port's stack of 8 KiB, on which
core 0 runs, starts at the top of Y and ends at the bottom of X. At a reset the boot ROM has its stack and the second
boot stage in Y. The stack of core 1 is in the heap. The boot ROM uses no other SRAM between a reset and the firmware,
and start-up code writes only to .data and .bss, so the regions below keep their content.
"""

NAME = "RPI_PICO"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (("sram", 0x20030000, 0x0000FC00, 1024, "DMA FAST RETAINED SHARED"),)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controller reads it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x10000000, 0x000A0000, "EXTERNAL"),  # vectors, code, constants; above it in flash is the file system
    ("micropython", 0x20000000, 0x00030000, "DMA FAST"),  # .data with code that runs in RAM, .bss, the GC heap
    ("stack", 0x20040000, 0x00002000, "DMA FAST"),  # scratch banks X and Y
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x2003FC00, 0x00000400)

# Owners made in advance, for allocations where there is no heap. Each takes about 120 bytes of heap.
SPARE_OWNERS = 8

# Where the GC heap ends; the port would end it at 0x20040000.
GC_HEAP_END = 0x20030000

# The chip's spin lock 31, which keeps each core out while the other changes something.
SPIN_LOCK = 0xD000017C

# TIMER0 of the DMA controller, which paces transfers: requests and cycles, a ratio, 16 bits each. Datasheet, 2.5.7.
DMA_TIMER0 = 0x50000420
