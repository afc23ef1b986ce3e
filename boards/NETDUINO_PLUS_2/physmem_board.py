"""Memory plan of the Netduino Plus 2 (STM32F405RG), as QEMU's machine netduinoplus2 models it.

Addresses in bytes. Source: ST RM0090, 2.3.1 embedded SRAM; MicroPython's ports/stm32/boards/stm32f405.ld, whose stack
starts 8 bytes below the end of the SRAM and has 16 KiB; QEMU hw/arm/stm32f405_soc.c.

The firmware runs under QEMU alone: firmware/stm32/stand_ins/README.md says why. The CCM (0x10000000, 64 KiB), which no
DMA controller reaches, is not in the plan: QEMU before 8.0 lacks it. The chip has 128 KiB at 0x20000000; QEMU before
8.0 has 192 KiB.
"""

NAME = "NETDUINO_PLUS_2"

# Memory that physmem hands out: (name, base address, size, frame size, attributes). DMA1 and DMA2 reach all the SRAM.
REGIONS = (("sram", 0x20017000, 0x00004C00, 256, "DMA FAST RETAINED SHARED"),)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes). Flash is not DMA:
# the controllers read it, but cannot write it.
OCCUPIED = (
    ("firmware", 0x08000000, 0x00100000, ""),  # vectors, code, constants; in its upper half the tests' files
    ("micropython", 0x20000000, 0x00017000, "DMA FAST"),  # .data, .bss, the GC heap
    ("stack", 0x2001C000, 0x00004000, "DMA FAST"),
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size). It ends where the
# stack's last 8 bytes would begin: at 15 places, not 16.
RETAINED_RECORDS = (0x2001BC00, 0x000003C0)

# Where the GC heap ends; the port would end it at the stack.
GC_HEAP_END = 0x20017000

# The upper half of the flash, where QEMU's loader puts the files of the tests; and its last 16 bytes, which tell where
# the garbage collector gets more memory for them.
TESTS_BASE = 0x08080000
MORE_HEAP = 0x080FFFF0

# Timers: TIM2 counts, TIM3 makes the hard interrupts of the tests.
TIM2_BASE = 0x40000000
TIM3_BASE = 0x40000400
