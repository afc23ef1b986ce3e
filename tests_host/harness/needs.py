"""What a test file of tests_target may need of its runner, and which runners have it: NEEDS in the file names it.

A new board has what its port and its memory plan say, so no test file has to name it.
"""

from board_list import boards_of, chip
from psram_chips import PSRAM_BOARDS

CPYTHON, UNIX = "CPYTHON", "UNIX"

_QEMU, _RP2, _STM32 = boards_of("qemu"), boards_of("rp2"), boards_of("stm32")
_BOARDS = (*_QEMU, *_RP2, *_STM32)

RUNNERS_WITH = {
    "machine code": _BOARDS,  # physmem_thumb, and MicroPython's assembler for Thumb
    "hard interrupts": _BOARDS,  # hard_interrupts.py
    "timers of firmware/qemu": tuple(_QEMU),
    "rp2.DMA": tuple(_RP2),
    "two cores": tuple(_RP2),
    "threads": (CPYTHON, *_RP2),
    "a large heap": (CPYTHON, UNIX, *_QEMU, *(board for board in _RP2 if chip(board) != "rp2040")),
    "PSRAM": PSRAM_BOARDS,
}
"""Word of NEEDS -> the runners that have it."""


def has(runner, needed):
    """Return whether *runner* has all that is *needed*, words of RUNNERS_WITH. Raise ValueError for any other word."""
    unknown = [word for word in needed if word not in RUNNERS_WITH]
    if unknown:
        raise ValueError(f"NEEDS has {unknown[0]!r}: use words of tests_host/harness/needs.py: {[*RUNNERS_WITH]}")
    return all(runner in RUNNERS_WITH[word] for word in needed)
