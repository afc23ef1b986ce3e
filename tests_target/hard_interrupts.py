"""A hard interrupt after a number of processor steps, once or periodically.

On QEMU's boards, with the QEMU options below, a step is one instruction: 64 ns on the clock of machine.Timer. ports/rp2
has no hard timers. There a step is a clock cycle, and the interrupt comes from a DMA channel that has finished its
transfers: one transfer per cycle, or one per request of a pacing timer for the periodic interrupt (RP2040 datasheet,
2.5; RP2350 datasheet, 12.6). On ports/stm32 it comes from the timer TIM3. `once` needs no heap.
"""

import sys

from physmem_board import NAME
from support import IS_SLOW

# A test file that uses this module defines QEMU = ("-icount", "shift=6,sleep=off"). QEMU then derives time from the
# number of instructions, so an interrupt can come before any instruction, and before the same one in every run.

# Tests interrupt a call at each of its steps, from before it until after it. One board tries every step. The others run
# the same code and try fewer. On NETDUINO_PLUS_2, which is alone in make test, test_interrupted_calls.py has more than
# STEP handlers for most calls, so together they try every step.
STEP = {"MPS2_AN385": 1, "NETDUINO_PLUS_2": 5}.get(NAME, 53 if IS_SLOW else 3)
STRIDE = 50  # steps: stride of the search for the last interrupt before the call
LEAST_DURING = 100  # steps; a raw call takes more
MARGIN = 5  # interrupts after the call
LATEST_START = 10000  # of a call, in steps


def last_before(comes_before):
    """Return the number of steps that a sweep over a call starts with: a multiple of STRIDE after which the interrupt
    still comes before the call, while it no longer does STRIDE later.

    ``comes_before(steps)`` makes the call, interrupted after so many steps, and says whether that was before the call.
    After 0 steps it is on every machine: the interrupt is requested before `once` has returned. The caller must check
    that it comes before the call there, too: MicroPython's cache of lookups may have made this search slower by some 77
    instructions for each name that is displaced from it.
    """
    steps = 0
    assert comes_before(steps)
    while comes_before(steps + STRIDE):
        steps += STRIDE
        assert steps < LATEST_START
    return steps


if sys.platform == "rp2":
    from array import array

    from machine import mem32
    from physmem_board import DMA_TIMER0
    from rp2 import DMA

    STEPS_OF_REQUEST = 500
    INTERRUPT_STATUS = (DMA_TIMER0 & ~0xFFF) + 0x40C  # INTS0, at this offset on both chips
    AT_PACING_TIMER, AT_ONCE = 0x3B, 0x3F  # TREQ_SEL

    _word = array("I", [0])
    _channel = DMA()
    # MicroPython 1.25's default for the last two is wrong on the RP2350: docs/pitfalls.md.
    _once, _every = [
        _channel.pack_ctrl(
            inc_read=False,
            inc_write=False,
            irq_quiet=False,
            treq_sel=request,
            ring_size=0,
            chain_to=_channel.channel,
        )
        for request in (AT_ONCE, AT_PACING_TIMER)
    ]
    _channel.irq()  # allocates now what the first call would need heap for
    _channel.config(read=_word, write=_word)
    mem32[DMA_TIMER0] = 1 << 16 | STEPS_OF_REQUEST
    _periodic = [None]

    def _call_and_begin_anew(channel):
        _periodic[0](channel)
        channel.active(True)

    def once(steps, callback):
        """Call ``callback(object)`` in a hard interrupt, `steps` steps from now."""
        _channel.irq(handler=callback, hard=True)
        _channel.config(count=steps + 1, ctrl=_once, trigger=True)

    def every(steps, callback):
        """Do the same periodically until `stop`, every `steps` steps; at least 500."""
        _periodic[0] = callback
        _channel.irq(handler=_call_and_begin_anew, hard=True)
        _channel.config(count=steps // STEPS_OF_REQUEST, ctrl=_every, trigger=True)

    def stop():
        """Stop all interrupts."""
        _channel.irq(handler=None)
        _channel.ctrl = 0
        _channel.active(False)
        mem32[INTERRUPT_STATUS] = 1 << _channel.channel  # an abort may raise it (RP2040 datasheet, RP2040-E13)

elif sys.platform == "pyboard":
    # pyb.Timer can call back in the interrupt. But what its init writes to QEMU's model of a timer (the prescaler, the
    # counter, the event register) makes each interrupt late by the time since the start, which QEMU's
    # hw/timer/stm32f2xx_timer.c adds twice. Writing the counter takes that back only in the first 2 ** 32 ns, because
    # the counter has 32 bits. If nothing but the reload register is written, the interrupt is exact, and a tick is a
    # nanosecond.
    from machine import mem8, mem32
    from physmem_board import TIM3_BASE
    from pyb import Timer
    from uctypes import bytearray_at

    # RM0090, 18.4. The sums are made here because they take heap, and the handler has none.
    CONTROL, INTERRUPT_ENABLE, RELOAD = TIM3_BASE, TIM3_BASE + 0x0C, TIM3_BASE + 0x2C
    TIM3_PRIORITY = 0xE000E400 + 29  # of interrupt 29: Armv7-M ARM, B3.4.9
    PRIORITY = 0xD0  # of the port's other timers
    NS_PER_STEP = 1 << 6
    LEAST_TICKS = 2
    LONG = 0x3FFFFFFF
    # The port's own timer interrupts a thousand times a second, which would move what is counted in steps. So it is
    # quiet between `once` and its interrupt. (Armv7-M ARM, B3.3.3; the port has 7 there.)
    SYSTICK_CONTROL, SYSTICK_QUIET, SYSTICK_ON = 0xE000E010, 5, 7
    COMPARED = 64  # bytes of a timer object; it has more

    def _make_hard(timer):
        """Make `timer` call back in the interrupt, without its init.

        Where init has no `hard`, every timer does. Elsewhere only init sets the flag for it, which is one byte of the
        object: the one that `hard` changes in TIM7, which the tests do not use and QEMU does not have.
        """
        other = Timer(7)
        objects = []
        for hard in (False, True):
            try:
                other.init(prescaler=0, period=1, hard=hard)
            except TypeError:
                return
            objects.append(bytes(bytearray_at(id(other), COMPARED)))
        other.deinit()
        soft, hard = objects
        changed = [i for i in range(COMPARED) if soft[i] != hard[i]]
        assert len(changed) == 1, changed
        flag = changed[0]
        assert mem8[id(timer) + flag] in (soft[flag], hard[flag]), flag
        mem8[id(timer) + flag] = hard[flag]

    _timer = Timer(3)
    _make_hard(_timer)
    _callback = [None]
    _ticks = [0]  # of a period; 0 for once

    def _call(timer):
        mem32[INTERRUPT_ENABLE] = 0
        mem32[RELOAD] = LONG  # QEMU has set out for the end of another period, which must not come after the next start
        mem32[SYSTICK_CONTROL] = SYSTICK_ON
        _callback[0](timer)
        if _ticks[0]:
            _start(_ticks[0])

    def _start(ticks):
        mem32[CONTROL] = 1
        mem32[INTERRUPT_ENABLE] = 1
        mem32[RELOAD] = ticks

    mem8[TIM3_PRIORITY] = PRIORITY
    mem32[CONTROL] = 1
    _timer.callback(_call)  # enables the interrupt
    mem32[INTERRUPT_ENABLE] = 0

    def once(steps, callback):
        """Call ``callback(object)`` in a hard interrupt, `steps` steps from now."""
        _ticks[0] = 0
        _callback[0] = callback
        mem32[SYSTICK_CONTROL] = SYSTICK_QUIET
        _start(LEAST_TICKS + steps * NS_PER_STEP)

    def every(steps, callback):
        """Do the same periodically until `stop`, every `steps` steps; at least 500."""
        _ticks[0] = steps * NS_PER_STEP
        _callback[0] = callback
        _start(_ticks[0])

    def stop():
        """Stop all interrupts."""
        _ticks[0] = 0
        mem32[INTERRUPT_ENABLE] = 0

else:
    from machine import Timer
    from physmem_board import TIMER_HZ

    NS_PER_STEP = 1 << 6  # more than a tick of the timer's clock
    LEAST_TICKS = 2

    _timer = Timer(0)

    def _ticks(steps):
        return LEAST_TICKS + steps * NS_PER_STEP * (TIMER_HZ // 1000000) // 1000

    def once(steps, callback):
        """Call ``callback(object)`` in a hard interrupt, `steps` steps from now."""
        _timer.init(mode=Timer.ONE_SHOT, period=_ticks(steps), tick_hz=TIMER_HZ, callback=callback, hard=True)

    def every(steps, callback):
        """Do the same periodically until `stop`, every `steps` steps; at least 500."""
        _timer.init(period=_ticks(steps), tick_hz=TIMER_HZ, callback=callback, hard=True)

    def stop():
        """Stop all interrupts."""
        _timer.deinit()
