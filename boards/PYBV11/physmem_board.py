"""Memory plan of the pyboard v1.1 (STM32F405RG).

Addresses in bytes. Source: ST RM0090, 2.1 system architecture, 2.3.1 embedded SRAM; MicroPython's
ports/stm32/boards/stm32f405.ld and common_ifs.ld; its flashbdev.c.

SRAM1 (112 KiB) and SRAM2 (16 KiB) are contiguous, and every bus master of the chip reaches both. Only the core reaches
the CCM: all 64 KiB of it are the file system's cache, because the largest sector of that flash has 64 KiB.

Start-up code (resethandler.s) writes only to .data and .bss, and nothing in the chip clears SRAM at a reset, so the
region keeps its content. No promise of that was found in ST's manual.
"""

NAME = "PYBV11"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (("sram", 0x20014000, 0x00007C00, 1024, "DMA FAST RETAINED SHARED"),)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controllers read it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x08000000, 0x00100000, ""),  # vectors in sector 0, the file system in 1 to 4, code and constants
    ("filesystem_cache", 0x10000000, 0x00010000, "FAST"),  # CCM
    ("micropython", 0x20000000, 0x00014000, "DMA FAST"),  # .data, .bss, the GC heap
    ("stack", 0x2001C000, 0x00004000, "DMA FAST"),
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size). It ends 64 bytes
# below the block of the stack, because the stack may grow 8 bytes out of that block.
RETAINED_RECORDS = (0x2001BC00, 0x000003C0)

# Where the GC heap ends; the port would end it at 0x2001BFF8.
GC_HEAP_END = 0x20014000
