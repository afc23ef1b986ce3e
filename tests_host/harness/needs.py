"""What a test file of tests_target may need of its runner, and which runners have it: NEEDS in the file names it.

A new board has what its port and its memory plan say, so no test file has to name it.
"""

import platform

from board_list import boards_of, chip
from psram_chips import PSRAM_BOARDS

CPYTHON, UNIX = "CPYTHON", "UNIX"
UNIX_BYTECODE, STOCK_UNIX, WEBASSEMBLY = "UNIX_BYTECODE", "STOCK_UNIX", "WEBASSEMBLY"
HOSTS = (CPYTHON, UNIX, UNIX_BYTECODE, STOCK_UNIX, WEBASSEMBLY)

_QEMU, _RP2, _STM32 = boards_of("qemu"), boards_of("rp2"), boards_of("stm32")
_BOARDS = (*_QEMU, *_RP2, *_STM32)

EMITTERS = ("x86_64", "i686")
"""Machines for which MicroPython's unix port has a machine code emitter: boards/UNIX/mpconfigvariant.mk."""

RUNNERS_WITH = {
    "machine code": _BOARDS,  # physmem_thumb, and MicroPython's assembler for Thumb
    "bytecode": (UNIX_BYTECODE, WEBASSEMBLY),  # and UNIX on a host that is none of EMITTERS
    # dir() and the heap that is left depend on which names the firmware has in its flash.
    "the library in the firmware": (CPYTHON, UNIX, UNIX_BYTECODE, *_BOARDS),
    # As bytecode, words of 2 ** 30 and above take heap on a machine of 32 bits.
    "calls without heap": (CPYTHON, UNIX, UNIX_BYTECODE, STOCK_UNIX, *_BOARDS),
    "micropython.heap_locked": (CPYTHON, UNIX, UNIX_BYTECODE, *_BOARDS),  # MicroPython that others built lacks it
    # The WebAssembly of npm has no asyncio.run, and its heap lies at the addresses that these tests take for free ones.
    "asyncio.run": (CPYTHON, UNIX, UNIX_BYTECODE, STOCK_UNIX, *_BOARDS),
    "no heap below 32 MiB": (CPYTHON, UNIX, UNIX_BYTECODE, STOCK_UNIX, *_BOARDS),
    "hard interrupts": _BOARDS,  # hard_interrupts.py
    "timers of firmware/qemu": tuple(_QEMU),
    "timers of ports/rp2": tuple(_RP2),
    "rp2.DMA": tuple(_RP2),
    "two cores": tuple(_RP2),
    "threads": (CPYTHON, *_RP2),
    "a large heap": (*HOSTS, *_QEMU, *(board for board in _RP2 if chip(board) != "rp2040")),
    "PSRAM": PSRAM_BOARDS,
}
"""Word of NEEDS -> the runners that have it."""


def has(runner, needed, machine=None):
    """Return whether *runner* has all that is *needed*, words of RUNNERS_WITH, on a host with that *machine*;
    None is this one.

    Raise ValueError for any other word.
    """
    unknown = [word for word in needed if word not in RUNNERS_WITH]
    if unknown:
        raise ValueError(f"NEEDS has {unknown[0]!r}: use words of tests_host/harness/needs.py: {[*RUNNERS_WITH]}")
    is_bytecode = runner == UNIX and (machine or platform.machine()) not in EMITTERS
    return all(runner in RUNNERS_WITH[word] or (is_bytecode and word == "bytecode") for word in needed)
