"""Memory plan of ST's NUCLEO-F767ZI (STM32F767ZI).

Addresses in bytes. Source: ST RM0410, 2.1 system architecture, 2.3 embedded SRAM; AN4839; PM0253; MicroPython's
ports/stm32/boards/stm32f767.ld and common_ifs.ld; its mpu.h and flashbdev.c.

SRAM1 (368 KiB) and SRAM2 (16 KiB, at the top) are contiguous, and every bus master of the chip reaches both. All of the
DTCM (128 KiB) is the file system's cache.

By the core's default memory map SRAM1 and SRAM2 are behind the data cache, which is write-back. What has not been
written back is lost in a reset, so the region `cached` is not RETAINED. board.c makes the 64 KiB of the region `sram`
and of the records uncached. Start-up code (resethandler.s) writes only to .data and .bss, and nothing in the chip
clears SRAM at a reset. No promise that it keeps its content was found in ST's manual.
"""

NAME = "NUCLEO_F767ZI"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", 0x20060000, 0x0000FC00, 1024, "DMA RETAINED SHARED"),
    ("cached", 0x20070000, 0x00007C00, 1024, "DMA FAST CACHED SHARED"),
)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controllers read it, but cannot write it. It has the vectors in sector 0, the file system in 1 to 3, then code
# and constants.
OCCUPIED = (
    ("firmware", 0x08000000, 0x00100000, "CACHED"),
    ("filesystem_cache", 0x20000000, 0x00020000, "DMA FAST"),  # DTCM
    ("micropython", 0x20020000, 0x00040000, "DMA FAST CACHED"),  # .data, .bss, the GC heap
    ("stack", 0x20078000, 0x00008000, "DMA FAST CACHED"),
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x2006FC00, 0x00000400)

# Where the GC heap ends; the port would end it at 0x20077FF8.
GC_HEAP_END = 0x20060000

# Start of the 64 KiB that board.c makes uncached.
UNCACHED_SRAM1 = 0x20060000
