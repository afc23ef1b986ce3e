"""Memory plan of the Pimoroni Pico Plus 2 (RP2350, Arm cores, 8 MiB of PSRAM).

Addresses in bytes. Source: RP2350 datasheet, 2.2 address map, 4.2 SRAM, 4.4 external flash and PSRAM, 3.1.4 hardware
spinlocks, erratum RP2350-E2; its boot ROM's source; MicroPython's ports/rp2/memmap_mp_rp2350.ld and rp2_psram.c.

SRAM is as on the Raspberry Pi Pico 2: the port's stack takes all of the scratch banks X and Y.

PSRAM is not CACHED in physmem's sense, although it is behind the chip's XIP cache (16 KiB, lines of 8 bytes,
write-back). Both cores and the DMA controller go through that one cache, so each reads what the others write, and no
two allocations can spoil each other's lines. This holds for addresses from 0x11000000. The same memory from 0x15000000
is not cached: if you use those addresses, clean or invalidate the cache yourself. PSRAM is not RETAINED, although the
chip refreshes itself through a reset: data still in the cache is lost.
"""

NAME = "PIMORONI_PICO_PLUS2"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", 0x20060000, 0x0001E000, 4096, "DMA FAST RETAINED SHARED"),
    ("psram", 0x11100000, 0x00700000, 4096, "DMA EXTERNAL SHARED"),
)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controller reads it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x10000000, 0x00200000, "EXTERNAL"),  # vectors, code, constants; above it in flash is the file system
    ("heap", 0x11000000, 0x00100000, "DMA EXTERNAL"),  # the GC's share of PSRAM
    ("micropython", 0x20000000, 0x00060000, "DMA FAST"),  # .data with code that runs in RAM, .bss, the GC heap
    ("stack", 0x2007F000, 0x00003000, "DMA FAST"),  # 4 KiB and the scratch banks X and Y
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x2007E000, 0x00001000)

# Where the GC heap ends; the port would end it at 0x2007F000.
GC_HEAP_END = 0x20060000

# Where the GC's share of PSRAM ends. PSRAM starts at 0x11000000; with that value the GC gets none.
PSRAM_GC_END = 0x11100000

# The chip's spin lock 31, which keeps each core out while the other changes something. Erratum E2 does not affect it.
SPIN_LOCK = 0xD000017C

# TIMER0 of the DMA controller, which paces transfers: requests and cycles, a ratio, 16 bits each. Datasheet, 12.6.10.
DMA_TIMER0 = 0x50000440
