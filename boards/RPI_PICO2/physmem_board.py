"""Memory plan of the Raspberry Pi Pico 2 (RP2350, Arm cores).

Addresses in bytes. Source: RP2350 datasheet, 2.2 address map, 4.2 SRAM, 3.1.4 hardware spinlocks, erratum RP2350-E2;
its boot ROM's source; MicroPython's ports/rp2/memmap_mp_rp2350.ld.

The scratch banks X and Y (0x20080000 and 0x20081000, 4 KiB each) are fully used: the port's stack of 12 KiB, on which
core 0 runs, starts at the top of Y and ends 4 KiB below X. The stack of core 1 is in the heap. Between a reset and
firmware in flash the boot ROM works in its boot RAM and in the USB controller's memory, and start-up code writes only
to .data and .bss, so the regions below keep their content. The RUN pin is an exception: as at power-on, SRAM is off
meanwhile, and its content is undefined afterwards (7.3.1 chip-level reset table, 6.5.5 full memory power down).
"""

NAME = "RPI_PICO2"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (("sram", 0x20060000, 0x0001E000, 4096, "DMA FAST RETAINED SHARED"),)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controller reads it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x10000000, 0x00100000, "EXTERNAL"),  # vectors, code, constants; above it in flash is the file system
    ("micropython", 0x20000000, 0x00060000, "DMA FAST"),  # .data with code that runs in RAM, .bss, the GC heap
    ("stack", 0x2007F000, 0x00003000, "DMA FAST"),  # 4 KiB and the scratch banks X and Y
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x2007E000, 0x00001000)

# Where the GC heap ends; the port would end it at 0x2007F000.
GC_HEAP_END = 0x20060000

# The chip's spin lock 31, which keeps each core out while the other changes something. Erratum E2 does not affect it.
SPIN_LOCK = 0xD000017C

# TIMER0 of the DMA controller, which paces transfers: requests and cycles, a ratio, 16 bits each. Datasheet, 12.6.10.
DMA_TIMER0 = 0x50000440
