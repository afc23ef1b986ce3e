"""What the chip says without a memory plan: its spin lock, its stack, and what memory of the heap can do.

For stock firmware, which has no physmem_board.py. This module is loaded when regions are made and dropped afterwards.

Where a port or a chip is not known here, nothing is said of it. Source: RP2040 datasheet, 2.1 bus fabric, 2.2 address
map, 2.3.1 SIO; RP2350 datasheet, 2.1, 2.2, 3.1; ST RM0090, RM0410, RM0433 and AN4891 (tests_target/chip_facts.py); Arm
DDI 0403, B3.2 (CPUID, VTOR and the first word of the vector table, CCR).
"""

import sys

import micropython
from micropython import const

_RP2_SRAM = const(0x20000000)
_RP2_SRAM_END = const(0x20082000)  # of the larger chip
# Spin lock 31. The Pico SDK's own locks are 0 to 23 by fixed numbers (hardware/sync/spin_lock.h); 24 to 31 it gives to
# who claims one, the lowest first. MicroPython 1.25 to 1.29 claims none by itself, TinyUSB one for each of its queues.
# On the RP2350 the SDK uses locks in memory instead, because of erratum E2, which does not affect number 31.
_RP2_SPIN_LOCK = 0xD000017C
_VECTOR_TABLE = 0xE000ED08  # VTOR
_IDENTITY = 0xE000ED00  # CPUID
_CONTROL = 0xE000ED14  # CCR, which other cores have without the next bit
_DATA_CACHE_ON = const(1 << 16)
_WITH_DATA_CACHE = (0xC27, 0xD22, 0xD23)  # PARTNO of Cortex-M7, M55, M85
_NO_CHIP = ("linux", "darwin", "win32", "webassembly")

# MicroPython accepts machine code for armv6m to armv7emdp, and no operating system is below it.
_machine_code = (getattr(sys.implementation, "_mpy", 0) >> 10) & 15
IS_CORTEX_M = 4 <= _machine_code <= 8 and sys.platform not in _NO_CHIP


def _word(address):
    from machine import mem32

    return mem32[address]


def spin_lock():
    """Return the address of the hardware spin lock that physmem uses on this chip; 0 if its other core, if any, runs no
    MicroPython."""
    return _RP2_SPIN_LOCK if sys.platform == "rp2" and IS_CORTEX_M else 0


def attributes_of_heap(base, end):
    """Return the attributes, as words, of memory of the heap from the address `base` to `end`."""
    if sys.implementation.name != "micropython" or sys.platform in _NO_CHIP or sys.platform == "qemu":
        return "DMA FAST SHARED"  # there is no DMA: as in the memory plans of the unix port and of QEMU's boards
    words = []
    if sys.platform == "rp2":
        words = ["DMA", "FAST" if base >= _RP2_SRAM and end <= _RP2_SRAM_END else "EXTERNAL"]
    elif sys.platform == "pyboard":  # ports/stm32
        words = _words_of_stm32(base)
    if IS_CORTEX_M:
        words.append("SHARED")
        if (_word(_IDENTITY) >> 4) & 0xFFF in _WITH_DATA_CACHE and _word(_CONTROL) & _DATA_CACHE_ON:
            words.append("CACHED")
    return " ".join(words)


def _words_of_stm32(base):
    if base >= 0x60000000:
        return ["DMA", "EXTERNAL"]
    # Only the core reaches the CCM, at 0x10000000; the H7's DMA1 and DMA2 do not reach its DTCM, at 0x20000000.
    if base < 0x20000000 or (base < 0x20020000 and "STM32H7" in getattr(sys.implementation, "_machine", "")):
        return ["FAST"]
    return ["DMA", "FAST"]


def memory_of_the_firmware():
    """Return what memory the firmware is known to use for itself, a list of ``(start, end, what)``: the stack as far as
    it is in use, and a word of MicroPython's own state, which `id` finds. Static memory beside it may be meant for
    regions: an array in C, or a section that start-up code leaves alone."""
    if not IS_CORTEX_M:
        return []
    top = _word(_word(_VECTOR_TABLE))  # with which the stack pointer starts
    used = micropython.stack_use() if hasattr(micropython, "stack_use") else 64
    state = id(sys.modules)
    return [(top - used, top, "the stack"), (state, state + 16, "MicroPython's own state")]
