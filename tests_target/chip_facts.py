"""What reaches which memory, chip by chip, from the makers' documents: for tests that hold memory plans against it.

A range is ``(first address, end)``. A bus master "reaches" memory that it can read and write, so flash is in no range.

- STM32F405, F429: ST RM0090, 2.1.4 to 2.1.9 (the buses of DMA, Ethernet, USB, LTDC and DMA2D: all have SRAM1 to SRAM3
  and the FMC as targets) and 2.3.1 (only the core reaches the CCM, 0x10000000).
- STM32F767, F769: ST RM0410, figure 1 and 2.3; the masters go through the core's AHBS port to the DTCM. No document at
  hand says so of DMA2D and LTDC, so the DTCM is not in their ranges.
- STM32H743: ST AN4891, 2.3.2 and 2.3.3 (only the core and MDMA reach the TCMs), 2.4.2, 2.4.3 and table 4 (the others).
- RP2040: datasheet, 2.1 bus fabric. RP2350: datasheet, 2.1 bus fabric, 4.4 external flash and PSRAM, 12.6 DMA.
- AN505: QEMU hw/arm/mps2-tz.c, make_dma: the controllers are masters of all of the system's memory. AN385 and AN500
  have no DMA controller.
- The data cache: ST AN4891, table 3, after Armv7-M's default memory map (Arm DDI 0403, B3.1). What the core reaches
  through its TCM ports is never cached. Cortex-M0+, M3, M4 and M33 have no data cache of their own, and the firmware of
  AN500 does not switch the M7's on.
"""

LINE = 32  # bytes of a line of Cortex-M7's data cache: Arm DDI 0489, 5.1

_FMC = ((0x60000000, 0xA0000000), (0xC0000000, 0xE0000000))  # NOR, SRAM and NAND banks, and the two SDRAM banks
_F7 = ((0x20020000, 0x20080000),) + _FMC  # SRAM1, SRAM2
_D1 = ((0x24000000, 0x24080000),) + _FMC  # AXI SRAM
_D2 = ((0x30000000, 0x30048000),)  # SRAM1, SRAM2, SRAM3
_D3 = ((0x38000000, 0x38010000), (0x38800000, 0x38801000))  # SRAM4, backup SRAM
_TCM = ((0x00000000, 0x00010000), (0x20000000, 0x20020000))
_OF_F7 = {"DMA": ((0x20000000, 0x20020000),) + _F7, "DMA2D": _F7, "LTDC": _F7}

REACH = {
    "AN385": {"DMA": None},
    "AN500": {"DMA": None},
    "AN505": {"DMA": ((0x38000000, 0x38400000), (0x80000000, 0x81000000))},
    "RP2040": {"DMA": ((0x20000000, 0x20042000),)},
    "RP2350": {"DMA": ((0x11000000, 0x12000000), (0x20000000, 0x20082000))},
    "STM32F405": {"DMA": ((0x20000000, 0x20020000),) + _FMC},
    "STM32F429": {"DMA": ((0x20000000, 0x20030000),) + _FMC},
    "STM32F767": _OF_F7,
    "STM32F769": _OF_F7,
    "STM32H743": {
        "DMA": _D1 + _D2 + _D3,
        "BDMA": _D3,
        "MDMA": _TCM + _D1 + _D2 + _D3,
        "DMA2D": _D1 + _D2,
        "LTDC": _D1,
        "SDMMC1": _D1,
        "ETH": _D1 + _D2,
    },
    "UNIX": {"DMA": None},
}
"""Chip -> bus master -> the ranges that it reaches; None if there is no such master, of which anything may be said."""

_BY_DEFAULT = ((0x00000000, 0x40000000), (0x60000000, 0xA0000000))  # normal memory, which is cacheable

# Chip -> the ranges that are not cached although they are normal memory: its TCMs.
_CACHING = {
    "STM32F767": ((0x00000000, 0x00004000), (0x20000000, 0x20020000)),
    "STM32F769": ((0x00000000, 0x00004000), (0x20000000, 0x20020000)),
    "STM32H743": _TCM,
}

# Board -> what its start-up code, or its port's, makes uncached or cached in the MPU.
_UNCACHED = {
    "NUCLEO_F767ZI": ((0x20060000, 0x20070000),),  # board.c
    "NUCLEO_H743ZI": ((0x30000000, 0x30040000), (0x38000000, 0x38010000)),  # board.c
}
_CACHED = {"STM32F769DISC": ((0xC0000000, 0xC1000000),)}  # ports/stm32/sdram.c, MPU_CONFIG_SDRAM


def covers(ranges, base, end):
    """Return whether all of the memory from `base` to `end` is in the ranges."""
    for first, stop in sorted(ranges):
        if first <= base < stop:
            base = min(stop, end)
    return base == end


def touches(ranges, base, end):
    """Return whether some of the memory from `base` to `end` is in one of the ranges."""
    return any(first < end and base < stop for first, stop in ranges)


def reaches(chip, master, base, end):
    """Return whether the bus master reaches all of that memory; None if the chip has no such master."""
    ranges = REACH[chip][master]
    return None if ranges is None else covers(ranges, base, end)


def is_cached(board, chip, base, end):
    """Return whether that memory is behind the core's data cache. AssertionError if that is true of a part of it."""
    cached = board in _CACHED and covers(_CACHED[board], base, end)
    if chip in _CACHING and covers(_BY_DEFAULT, base, end):
        for ranges in (_CACHING[chip], _UNCACHED.get(board, ())):
            if touches(ranges, base, end):
                assert covers(ranges, base, end), "%s: %#x to %#x is cached in part" % (board, base, end)
                return False
        cached = True
    return cached
