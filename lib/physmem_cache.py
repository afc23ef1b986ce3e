"""Keep frames behind a data cache coherent with devices: clean and invalidate the cache's lines, by address.

A region with the attribute CACHED loads this module when it is made, so that an interrupt handler finds it without
heap. Boards without such regions never load it, except for `AllocatedFrames.for_device`.

The core has one register for each kind of work. Writing an address to it does the work for the line that contains the
address. The registers are there if the core is a Cortex-M of Armv7-M or later; the Cortex-M0+ has none, and a program
of an operating system must not touch them. There `_space` is 0, and nothing happens. Nothing happens either while the
core's data cache is off.

The length of a line is what the core says of itself, not what the memory plan says: a step that is too long would leave
lines out. Whether a part is whole lines is judged by Cortex-M7's line, and by the core's if that is longer.

A memory barrier before the first line completes the stores of the program, and one after the last line completes the
work. It is the assembler function `synchronize` of physmem_thumb.

Source: Armv7-M Architecture Reference Manual (DDI 0403E), B2.2 "Caches and branch predictors" and B3.2; Cortex-M7
Technical Reference Manual (DDI 0489F), "Cache maintenance operations". CMSIS' SCB_CleanDCache_by_Addr and its siblings
make the same accesses.
"""

import sys

import micropython
from micropython import const
from physmem_errors import mistake, needs_heap

try:  # CPython: the casts that viper has built in
    from micropython import ptr32, uint
except ImportError:
    pass

# Registers, as words from the start of the System Control Space.
_CONTROL = const(0xD14 >> 2)  # CCR, Configuration and Control Register
_CACHE_TYPE = const(0xD7C >> 2)  # CTR, Cache Type Register
_DATA_CACHE_ON = const(16)  # the bit of CCR
_LOG_WORDS_OF_LINE = const(16)  # the lowest of the four bits of CTR

# The works, each the word of its register. physmem_frames has them as constants of its own, which a test compares.
INVALIDATE = 0xF5C >> 2  # DCIMVAC: data cache invalidate by address to the point of coherency
CLEAN = 0xF68 >> 2  # DCCMVAC: clean
CLEAN_AND_INVALIDATE = 0xF70 >> 2  # DCCIMVAC

_CACHED = const(4)  # as physmem_region has it
_LINE = const(32)  # bytes; as CACHE_LINE of physmem_region
_OF_THE_CORE = const(0xE000E000 - (1 << 32))  # the System Control Space, as a small integer

_space = 0  # its address, if this core has the registers
_step = 0  # words from one store to the next, which go to the same register. A test gives 1, to see each of them.
_barrier = None

# MicroPython accepts machine code for armv7m to armv7emdp, and no operating system is below it.
if 5 <= ((getattr(sys.implementation, "_mpy", 0) >> 10) & 15) <= 8 and sys.platform not in ("linux", "darwin", "win32"):
    from physmem_thumb import synchronize as _barrier

    sys.modules.pop("physmem_thumb", None)  # it takes heap, and nothing else needs it
    _space = _OF_THE_CORE


@micropython.viper
def _log_of_line(space) -> int:
    """Return the logarithm to base 2 of the bytes of the shortest line of the data cache; 0 if it is off."""
    registers = ptr32(space)
    if (registers[_CONTROL] >> _DATA_CACHE_ON) & 1:
        return 2 + ((registers[_CACHE_TYPE] >> _LOG_WORDS_OF_LINE) & 15)
    return 0


@micropython.viper
def _each_line(space, work: int, step: int, base, offset: int, nbytes: int, log_of_line: int, barrier):
    """Store the address of each line in the `nbytes` bytes that are `offset` bytes after the address `base` to the
    register of `work`. Needs no heap: neither `base` nor the sum need be a small integer."""
    registers = ptr32(space)
    addr = int(base) + offset
    line = 1 << log_of_line
    left = int(uint(nbytes + line - 1) >> log_of_line)
    register = work  # not one of the first three names: scripts/check_native_code.py says why
    barrier()
    while left:
        registers[register] = addr
        register += step
        addr += line
        left -= 1
    barrier()


def maintain(region, offset, nbytes, work):
    """Do `work` to the lines of the `nbytes` bytes that are `offset` bytes after the start of `region`, which is
    CACHED. Needs no heap."""
    if _space and nbytes:
        log_of_line = _log_of_line(_space)
        if log_of_line:
            _each_line(_space, work, _step, region.base, offset, nbytes, log_of_line, _barrier)


def perform(region, start, offset, nbytes, work):
    """Do `work` to a part of the frames that are `start` bytes after the start of `region`, which is CACHED: to
    `nbytes` bytes from `offset` on. Needs no heap.

    UnalignedAddress unless the part is whole lines: what is in the others is not meant.
    """
    line = max(_LINE, 1 << _log_of_line(_space) if _space else 0)
    if (offset | nbytes) & (line - 1):
        text = "offset {} or nbytes {} is not a multiple of {}, a cache line: give whole lines"
        mistake("UnalignedAddress", text, offset, nbytes, line)
    maintain(region, start + offset, nbytes, work)


class Transfer:
    """What `AllocatedFrames.for_device` returns."""

    def __init__(self, frames):
        self._frames = frames
        self._first = self._end = 0

    def __enter__(self):
        frames = self._frames
        self._first = frames.first
        self._end = self._first + frames.count
        _maintain_frames(frames.region, self._first, self._end, CLEAN_AND_INVALIDATE)
        return frames

    def __exit__(self, exception_type, exception, traceback):
        # What was taken over meanwhile, by resize() or merge(), may have been written to: leave it alone.
        frames = self._frames
        if frames:
            end = min(self._end, frames.first + frames.count)
            _maintain_frames(frames.region, max(self._first, frames.first), end, INVALIDATE)


def _maintain_frames(region, first, end, work):
    """Do `work` to the lines of the frames of `region` from `first` to before `end`."""
    if first < end and region.attrs & _CACHED:
        maintain(region, first << region.shift, (end - first) << region.shift, work)


def for_device(frames):
    """Return the Transfer of `frames`. Needs heap."""
    try:
        return Transfer(frames)
    except MemoryError:
        needs_heap("for_device()")
