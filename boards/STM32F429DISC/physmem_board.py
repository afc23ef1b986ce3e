"""Memory plan of ST's STM32F429I Discovery kit (STM32F429ZI, 8 MiB of SDRAM).

Addresses in bytes. Source: ST RM0090, 2.1 system architecture, 2.3.1 embedded SRAM, 37.4 FMC external device address
mapping; MicroPython's ports/stm32/boards/stm32f429.ld and common_ifs.ld; its sdram.c, main.c and
boards/STM32F429DISC/mpconfigboard.h.

SRAM1 (112 KiB), SRAM2 (16 KiB) and SRAM3 (64 KiB, from 0x20020000) are contiguous: the region and the stack have SRAM3
to themselves. Every bus master of the chip reaches the three and the SDRAM. Only the core reaches the CCM, which is the
file system's cache. The core has no data cache.

The SDRAM is on the FMC's SDRAM bank 2, because the board's pins are SDCKE1 and SDNE1. (stm32f429.ld names bank 1, whose
memory nothing uses.) The port gives all of it to the garbage collector, and tests it at every start; here it has none
of it, and the test, which writes to it, is off. It is not RETAINED: nothing refreshes it from a reset until sdram_init.

Start-up code (resethandler.s) writes only to .data and .bss, and nothing in the chip clears SRAM at a reset, so that
region keeps its content. No promise of that was found in ST's manual.
"""

NAME = "STM32F429DISC"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", 0x20020000, 0x0000BC00, 1024, "DMA FAST RETAINED SHARED"),
    ("sdram", 0xD0000000, 0x00800000, 4096, "DMA EXTERNAL SHARED"),
)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controllers read it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x08000000, 0x00100000, ""),  # vectors in sector 0, the file system in 1 to 4, code and constants
    ("filesystem_cache", 0x10000000, 0x00010000, "FAST"),  # CCM
    ("micropython", 0x20000000, 0x00020000, "DMA FAST"),  # .data, .bss, the GC heap
    ("stack", 0x2002C000, 0x00004000, "DMA FAST"),
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size). It ends 64 bytes
# below the block of the stack, because the stack may grow 8 bytes out of that block.
RETAINED_RECORDS = (0x2002BC00, 0x000003C0)

# Where the GC heap ends; the port's ends with the SDRAM, and without SDRAM it would end at 0x2002BFF8.
GC_HEAP_END = 0x20020000
