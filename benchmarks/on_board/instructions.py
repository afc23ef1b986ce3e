"""Count instructions exactly, under ``qemu-system-arm -icount``: on MPS2_AN385 with ``shift=10,sleep=off``, on
NETDUINO_PLUS_2 with ``shift=0,sleep=off``.

With the first option every instruction takes 1,024 ns of emulated time. The counter of the FPGA I/O block ticks every
40 ns, which is 25.6 times an instruction, so the ticks between two readings give the exact number of instructions
between them. Source: Arm DAI 0385, FPGA system control and I/O; QEMU docs/devel/tcg-icount.rst.

With the second every instruction takes 1 ns, and QEMU's TIM2 counts nanoseconds. Source: ST RM0090, 18.4.10; QEMU
hw/arm/stm32f405_soc.c (the timers' clock of 1 GHz).

A count covers a whole statement of a bytecode function whose operands are local variables: the loads, the call, the
called code, and the handling of the result. The readings cost the same around a statement as around nothing, so a count
around nothing is subtracted.
"""

import sys

import micropython
from machine import mem32
from micropython import const

_COUNTER = const(0x40028018)
_PRESCALER = const(0x4002801C)
_TIM2_COUNT = const(0x40000024)
_MASK = const((1 << 30) - 1)  # fits a small integer; a larger one would need heap during the count

answer = [None]
"""The result of the last statement that `of_call`, `of_call_2` or `of_call_0` counted."""


if sys.platform == "pyboard":

    @micropython.viper
    def now() -> int:
        """Return the ticks of TIM2, 30 bits."""
        return ptr32(_TIM2_COUNT)[0] & _MASK

    def _instructions(start, middle, end):
        """Return the instructions from `middle` to `end` minus those from `start` to `middle`."""
        return ((end - middle) & _MASK) - ((middle - start) & _MASK)

else:
    mem32[_PRESCALER] = 0

    @micropython.viper
    def now() -> int:
        """Return the ticks of the FPGA's counter, 30 bits."""
        return ptr32(_COUNTER)[0] & _MASK

    def _instructions(start, middle, end):
        """Return the instructions from `middle` to `end` minus those from `start` to `middle`: ticks / 25.6."""
        empty = (((middle - start) & _MASK) * 10 + 128) // 256
        return (((end - middle) & _MASK) * 10 + 128) // 256 - empty


def of_call_0(call, now=now):
    """Count ``result = call()``."""
    start = now()
    middle = now()
    result = call()
    end = now()
    answer[0] = result
    return _instructions(start, middle, end)


def of_call(call, a, now=now):
    """Count ``result = call(a)``."""
    start = now()
    middle = now()
    result = call(a)
    end = now()
    answer[0] = result
    return _instructions(start, middle, end)


def of_call_2(call, a, b, now=now):
    """Count ``result = call(a, b)``."""
    start = now()
    middle = now()
    result = call(a, b)
    end = now()
    answer[0] = result
    return _instructions(start, middle, end)


def of_call_4(call, a, b, c, d, now=now):
    """Count ``result = call(a, b, c, d)``."""
    start = now()
    middle = now()
    result = call(a, b, c, d)
    end = now()
    answer[0] = result
    return _instructions(start, middle, end)


def of_two_calls(call, a, b, now=now):
    """Count ``call(a, b); call(a, b)``."""
    start = now()
    middle = now()
    call(a, b)
    call(a, b)
    end = now()
    return _instructions(start, middle, end)


def of_pair(alloc, free, n, now=now):
    """Count ``free(alloc(n))``."""
    start = now()
    middle = now()
    free(alloc(n))
    end = now()
    return _instructions(start, middle, end)


def of_dropping(allocate, n, now=now):
    """Count ``allocate(n)`` with its result dropped."""
    start = now()
    middle = now()
    allocate(n)
    end = now()
    return _instructions(start, middle, end)


def of_free(frames, now=now):
    """Count ``frames.free()``."""
    start = now()
    middle = now()
    frames.free()
    end = now()
    return _instructions(start, middle, end)


def of_allocation_and_free(allocate, n, now=now):
    """Count ``allocate(n).free()``."""
    start = now()
    middle = now()
    allocate(n).free()
    end = now()
    return _instructions(start, middle, end)


def second(count, *arguments):
    """Count twice and return the second: the first may fill caches that MicroPython keeps for later calls.

    On ports/stm32 return the middle of three, as SysTick interrupts one of them now and then.
    """
    count(*arguments)
    counts = [count(*arguments) for _ in range(3 if sys.platform == "pyboard" else 1)]
    return sorted(counts)[len(counts) // 2]


def summary(counts):
    """Return ``(samples, mean in tenths, 99th percentile, maximum)`` of a list of counts; None if it is empty.

    The percentile is by nearest rank: the smallest count that is not below 99 of 100 of them.
    """
    samples = len(counts)
    if samples == 0:
        return None
    counts = sorted(counts)
    return samples, (sum(counts) * 10 + samples // 2) // samples, counts[(99 * samples + 99) // 100 - 1], counts[-1]
