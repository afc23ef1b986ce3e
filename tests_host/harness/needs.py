"""What a test file of tests_target may need of its runner, and which runners have it: NEEDS in the file names it.

A new board has what its port and its memory plan say, so no test file has to name it. A board at a serial line tells by
itself: tests_host/programs/board_facts.py.
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


HEAP_BELOW = 32 << 20
"""The heap lies at such low addresses on WebAssembly alone; tests take them for free ones."""


def words_of(facts):
    """Return the words of RUNNERS_WITH that a board has, of which board_facts.py has printed the *facts*."""
    is_rp2 = facts["platform"] == "rp2"
    constants = facts["constants"]
    has_them = {
        "machine code": facts["machine_code"],
        "bytecode": facts["bytecode"],
        "the library in the firmware": not facts["package"],
        "calls without heap": not facts["bytecode"],
        "micropython.heap_locked": facts["heap_locked"],
        "asyncio.run": facts["asyncio_run"],
        "no heap below 32 MiB": facts["heap_at"] >= HEAP_BELOW,
        # hard_interrupts.py: what makes them is named in the memory plan.
        "hard interrupts": facts["machine_code"] and not {"DMA_TIMER0", "TIM3_BASE", "TIMER_HZ"}.isdisjoint(constants),
        "timers of firmware/qemu": facts["platform"] == "qemu" and "TIMER_HZ" in constants,
        "timers of ports/rp2": is_rp2,
        "rp2.DMA": facts["dma"],
        "two cores": is_rp2 and facts["threads"],
        "threads": facts["threads"],
        "a large heap": facts["large"],
        "PSRAM": "PSRAM_GC_END" in constants and any(name == "psram" for name, *_ in facts["regions"]),
    }
    return {word for word in RUNNERS_WITH if has_them[word]}


def lacking(runner, needed, machine=None):
    """Return the words of *needed* that *runner* lacks on a host with that *machine*; None is this one.

    Raise ValueError for a word that is not in RUNNERS_WITH.
    """
    unknown = [word for word in needed if word not in RUNNERS_WITH]
    if unknown:
        raise ValueError(f"NEEDS has {unknown[0]!r}: use words of tests_host/harness/needs.py: {[*RUNNERS_WITH]}")
    is_bytecode = runner == UNIX and (machine or platform.machine()) not in EMITTERS
    return [word for word in needed if runner not in RUNNERS_WITH[word] and not (is_bytecode and word == "bytecode")]


def has(runner, needed, machine=None):
    """Return whether `lacking` finds nothing."""
    return not lacking(runner, needed, machine)
