"""Memory map of the Pimoroni Pico Plus 2 (RP2350, Arm cores, 8 MiB of PSRAM).

Addresses in bytes. Source: RP2350 datasheet, 2.2 address map, 4.2 SRAM, 4.4 external flash and PSRAM, 3.1.4 hardware
spinlocks, erratum RP2350-E2; its boot ROM's source; MicroPython's ports/rp2/memmap_mp_rp2350.ld and rp2_psram.c.

SRAM is as on the Raspberry Pi Pico 2: nothing is left of the scratch banks X and Y, which hold the port's stack.

PSRAM is not CACHED in physmem's sense, though the chip's XIP cache (16 KiB, lines of 8 bytes, write-back) stands before
it: both cores and the DMA controller go through that one cache, so what one writes the others read, and no two
allocations can spoil one another's lines. This holds for the addresses from 0x11000000 on. The same memory from
0x15000000 on is not cached: who uses those addresses has to clean or invalidate the cache himself. PSRAM is not
RETAINED, though the chip refreshes itself over a reset: what has been written and is still in the cache is lost by it.
"""

NAME = "PIMORONI_PICO_PLUS2"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", 0x20060000, 0x0001E000, 4096, "DMA FAST RETAINED SHARED"),
    ("psram", 0x11100000, 0x00700000, 4096, "DMA EXTERNAL SHARED"),
)

# Memory that the firmware itself uses and nobody hands out: (name, base address, size).
OCCUPIED = (
    ("firmware", 0x10000000, 0x00200000),  # vectors, code, constants; above it in flash is the file system
    ("heap", 0x11000000, 0x00100000),  # the GC's share of PSRAM
    ("micropython", 0x20000000, 0x00060000),  # .data with code that runs in RAM, .bss, the GC heap
    ("stack", 0x2007F000, 0x00003000),  # 4 KiB and the scratch banks X and Y
)

# What keeps records of retained and mapped frames over a reset: (base address, size).
RETAINED_RECORDS = (0x2007E000, 0x00001000)

# Where the GC heap ends that the port would have end at 0x2007F000.
GC_HEAP_END = 0x20060000

# Where the GC's share of PSRAM ends; 0x11000000, where PSRAM begins, leaves it none.
PSRAM_GC_END = 0x11100000

# The chip's spin lock 31, which keeps one core out of what the other changes; one of those that erratum E2 spares.
SPIN_LOCK = 0xD000017C
