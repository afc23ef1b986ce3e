"""Memory plan of the Arm MPS2 board with FPGA image AN385 (Cortex-M3), as QEMU's machine mps2-an385 models it.

Addresses in bytes. Source: Arm DAI 0385, memory map overview; QEMU hw/arm/mps2.c.
"""

NAME = "MPS2_AN385"

# Memory that physmem hands out: (name, base address, size, frame size, attributes).
REGIONS = (
    ("sram", 0x20100000, 0x00300000, 4096, "DMA FAST RETAINED SHARED"),
    ("psram", 0x21000000, 0x01000000, 4096, "DMA EXTERNAL RETAINED"),
)

# Memory that the firmware uses and physmem never hands out: (name, base address, size, attributes).
OCCUPIED = (
    ("firmware", 0x00000000, 0x00400000, ""),  # vectors, code, constants
    ("micropython", 0x20000000, 0x000FF000, "DMA FAST"),  # .data, .bss with the GC heap, and the stack at the top
)

# Memory for the records of retained and mapped frames, which survive a reset: (base address, size).
RETAINED_RECORDS = (0x200FF000, 0x00001000)

GC_HEAP_SIZE = 0x00080000
STACK_SIZE = 0x00010000

# Peripherals that the firmware drives: CMSDK UART 0 with the number of its receive interrupt, the FPGA I/O block with
# its counters, and CMSDK timer 0 with its interrupt and clock. Timer 1 has the next 4 KiB and the next interrupt.
UART_BASE = 0x40004000
UART_RECEIVE_INTERRUPT = 0
FPGAIO_BASE = 0x40028000
FPGAIO_COUNTER_HZ = 25000000
TIMER_BASE = 0x40000000
TIMER_INTERRUPT = 8
TIMER_HZ = 25000000
