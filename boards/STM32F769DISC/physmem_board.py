"""Memory plan of ST's STM32F769I Discovery kit (STM32F769NI, 16 MiB of SDRAM).

Addresses in bytes. Source: ST RM0410, 2.1 system architecture, 2.3 embedded SRAM, 13.4 FMC external device address
mapping; AN4839; PM0253; MicroPython's ports/stm32/boards/stm32f769.ld and common_basic.ld; its sdram.c, mpu.h and
boards/STM32F769DISC/mpconfigboard.h.

The file system is in external flash and its cache in .bss, so that nothing uses the DTCM (128 KiB), which
stm32f769.ld keeps for it. The core never caches the DTCM; the bus masters go through the core's AHBS port to it. It is
the one RETAINED region. What is in cached memory and has not been written back is lost in a reset, and the port has a
use for each of the MPU's 8 regions, so that none is left to make SRAM uncached.

SRAM1 (368 KiB) and SRAM2 (16 KiB, at the top) are contiguous, and are the garbage collector's and the stack's.

The SDRAM is on the FMC's SDRAM bank 1. The port leaves it off; this board's mpconfigboard.h switches it on, with 192
MHz instead of 216. sdram.c makes it normal memory with a write-back cache that allocates on reads and writes
(MPU_CONFIG_SDRAM). It is not RETAINED: nothing refreshes it from a reset until sdram_init.

Start-up code (resethandler.s) writes only to .data and .bss, and nothing in the chip clears the DTCM at a reset. No
promise that it keeps its content was found in ST's manual. ST's boot loader uses RAM from 0x20000000 up (AN2606, as
quoted for other STM32), so retained frames do not outlive an update over DFU.

DMA2D and LTDC are attributes here because no document was at hand that says that these two reach the DTCM.
"""

NAME = "STM32F769DISC"

# Bus masters other than DMA1 and DMA2 that reach other memory than those: each is an attribute of this board.
BUS_MASTERS = ("DMA2D", "LTDC")

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("dtcm", 0x20000000, 0x0001F000, 1024, "DMA FAST RETAINED SHARED"),
    ("sdram", 0xC0000000, 0x01000000, 4096, "DMA EXTERNAL CACHED SHARED DMA2D LTDC"),
)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controllers read it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x08000000, 0x00100000, "CACHED"),  # vectors, code, constants
    ("micropython", 0x20020000, 0x00060000, "DMA FAST CACHED DMA2D LTDC"),  # .data, .bss, the GC heap, the stack
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x2001F000, 0x00001000)

# Where the GC heap ends: where the port ends it without SDRAM, at the stack.
GC_HEAP_END = 0x20077FF8
