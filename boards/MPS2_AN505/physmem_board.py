"""Memory plan of the Arm MPS2 board with FPGA image AN505 (Cortex-M33), as QEMU's machine mps2-an505 models it.

Addresses in bytes. Source: Arm DAI 0505, memory map overview, secure aliases; QEMU hw/arm/mps2-tz.c.
"""

NAME = "MPS2_AN505"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", 0x38100000, 0x00300000, 4096, "DMA FAST RETAINED SHARED"),
    ("psram", 0x80000000, 0x01000000, 4096, "DMA EXTERNAL RETAINED"),
)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes).
OCCUPIED = (
    ("firmware", 0x10000000, 0x00400000, ""),  # vectors, code, constants
    ("micropython", 0x38000000, 0x000FF000, "DMA FAST"),  # .data, .bss with the GC heap, and the stack at the top
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x380FF000, 0x00001000)

GC_HEAP_SIZE = 0x00080000
STACK_SIZE = 0x00010000

# Peripherals that the firmware drives: CMSDK UART 0 with the number of its receive interrupt, the FPGA I/O block with
# its counters, and CMSDK timer 0 with its interrupt and clock. Timer 1 has the next 4 KiB and the next interrupt.
UART_BASE = 0x50200000
UART_RECEIVE_INTERRUPT = 32
FPGAIO_BASE = 0x50302000
FPGAIO_COUNTER_HZ = 20000000
TIMER_BASE = 0x50000000
TIMER_INTERRUPT = 3
TIMER_HZ = 20000000
