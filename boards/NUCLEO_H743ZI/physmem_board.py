"""Memory plan of ST's NUCLEO-H743ZI (STM32H743ZI).

Addresses in bytes. Source: ST RM0433, 2.1.6 bus master peripherals, 2.4 embedded SRAM; AN4891, 2.4.3 interdomain buses
and table 4; AN4839; MicroPython's ports/stm32/boards/stm32h743.ld and common_basic.ld; its main.c, eth.c and mpu.h.

| memory | DMA1, DMA2 | BDMA | MDMA | DMA2D | LTDC | SDMMC1 | Ethernet |
|---|---|---|---|---|---|---|---|
| DTCM | | | yes | | | | |
| AXI SRAM (D1) | yes | | yes | yes | yes | yes | yes |
| SRAM1, SRAM2, SRAM3 (D2) | yes | | yes | yes | | | yes |
| SRAM4 (D3) | yes | yes | yes | | | | |

RM0433 says in the text of 2.1.6 that Ethernet reaches all internal memories but the TCMs; AN4891 and the table in 2.1
of RM0399, the same chip with a second core, say that it does not reach D3. The plan follows them.

All of the DTCM is the file system's cache, because a sector of flash has 128 KiB. Ethernet's descriptors and buffers
are in SRAM3, from 0x30040000. (stm32h743.ld has the section .eth_buffers begin at 0x30000000, but leaves a gap up to
there.) That block is the driver's; it makes 16 KiB of it uncached when it starts.

By the core's default memory map all of this but the DTCM is behind the data cache, which is write-back. What has not
been written back is lost in a reset, so the AXI SRAM is not RETAINED. board.c makes SRAM1, SRAM2 and SRAM4 uncached, so
they are. main.c switches on the clocks of SRAM1 to SRAM3 after a reset. SRAM1, SRAM2 and SRAM4 have an error-correcting
code for each word of 32 bits, and hold back a write to a part of a word: the last such write before a reset may be lost
(ST's knowledge base, "SRAM/Backup SRAM content is not preserved after reset"). Start-up code (resethandler.s) writes
only to .data and .bss. No promise that SRAM keeps its content over a reset was found in ST's manual.

FAST stands for what the core reads from its cache: the AXI SRAM itself, at half of the core's clock, is slower.
"""

NAME = "NUCLEO_H743ZI"

# Bus masters other than DMA1 and DMA2 that reach other memory than those: each is an attribute of this board.
BUS_MASTERS = ("BDMA", "MDMA", "DMA2D", "LTDC", "SDMMC1", "ETH")

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", 0x24060000, 0x0001BC00, 1024, "DMA FAST CACHED SHARED MDMA DMA2D LTDC SDMMC1 ETH"),
    ("d2", 0x30000000, 0x00040000, 4096, "DMA RETAINED SHARED MDMA DMA2D ETH"),
    ("d3", 0x38000000, 0x0000F000, 1024, "DMA RETAINED SHARED BDMA MDMA"),
)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the DMA controllers read it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x08000000, 0x00180000, "CACHED"),  # vectors, code, constants; above it in flash is the file system
    ("filesystem_cache", 0x20000000, 0x00020000, "FAST MDMA"),  # DTCM
    ("micropython", 0x24000000, 0x00060000, "DMA FAST CACHED MDMA DMA2D LTDC SDMMC1 ETH"),  # .data, .bss, the GC heap
    ("stack", 0x2407C000, 0x00004000, "DMA FAST CACHED MDMA DMA2D LTDC SDMMC1 ETH"),
    ("ethernet", 0x30040000, 0x00008000, "DMA CACHED MDMA DMA2D ETH"),  # SRAM3
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x3800F000, 0x00001000)

# Where the GC heap ends; the port would end it at 0x2407BFF8.
GC_HEAP_END = 0x24060000

# Start of the memory that board.c makes uncached: 256 KiB in D2, 64 KiB in D3.
UNCACHED_D2 = 0x30000000
UNCACHED_D3 = 0x38000000
