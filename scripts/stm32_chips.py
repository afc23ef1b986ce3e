"""What tells one STM32 from another before its flash is written: its device ID and the sectors of its flash."""

import itertools
import typing

FLASH_START = 0x08000000


class Chip(typing.NamedTuple):
    """A line of chips: DEV_ID of the register DBGMCU_IDCODE, and the sizes of all sectors of the flash, in KiB."""

    device_id: int
    sectors: tuple


_F4_MEGABYTE = 4 * (16,) + (64,) + 7 * (128,)
_F7_IN_ONE_BANK = 4 * (32,) + (128,) + 7 * (256,)

# Sources: ST's reference manuals, "Embedded flash memory" and "MCU device ID code". The flash is the largest that chips
# of the line have; the F7 is delivered with it in one bank.
CHIPS = {
    "STM32F405": Chip(0x413, _F4_MEGABYTE),  # RM0090
    "STM32F429": Chip(0x419, 2 * _F4_MEGABYTE),  # RM0090
    "STM32F767": Chip(0x451, _F7_IN_ONE_BANK),  # RM0410
    "STM32F769": Chip(0x451, _F7_IN_ONE_BANK),  # RM0410
    "STM32H743": Chip(0x450, 16 * (128,)),  # RM0433
}


def sector_ranges(sizes, start=FLASH_START):
    """Return the range of addresses of each of the sectors of *sizes* KiB that follow each other from *start*."""
    ends = list(itertools.accumulate((size << 10 for size in sizes), initial=start))
    return [range(base, end) for base, end in itertools.pairwise(ends)]
