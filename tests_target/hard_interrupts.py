"""A hard interrupt after a number of steps of the processor, once or every so many.

A step is an instruction on QEMU's boards, with the options of QEMU below: 64 ns each, by the clock of machine.Timer.
ports/rp2 has no hard timers; there a step is a clock cycle, and what interrupts is a DMA channel that has made its
transfers: one each cycle, or for the periodic interrupt one at each request of a pacing timer (RP2040 datasheet, 2.5).
`once` needs no heap.
"""

import sys

from physmem_board import NAME
from support import scaled

# A test file that uses this module has the constant QEMU = ("-icount", "shift=6,sleep=off"): QEMU counts instructions
# and makes the time out of them, so that an interrupt may come before any, and comes before the same one in each run.

# For tests that have a call interrupted at each of its steps, from before it until after it. On one board it is each,
# on the others, where the same code runs, every third, on a slow one fewer.
STEP = 1 if NAME == "MPS2_AN385" else scaled(3, 3, 29)
STRIDE = 50  # steps: so fast goes the search for the last interrupt before the call
LEAST_DURING = 100  # steps; a raw call takes more
MARGIN = 5  # interrupts after the call

if sys.platform == "rp2":
    from array import array

    from machine import mem32
    from rp2 import DMA

    PACING_TIMER = 0x50000420  # DMA TIMER0: so many requests in so many cycles, 16 bits each
    STEPS_OF_REQUEST = 500
    INTERRUPT_STATUS = 0x5000040C  # DMA INTS0
    AT_PACING_TIMER, AT_ONCE = 0x3B, 0x3F  # TREQ_SEL

    _word = array("I", [0])
    _channel = DMA()
    _once, _every = [
        _channel.pack_ctrl(inc_read=False, inc_write=False, irq_quiet=False, treq_sel=request)
        for request in (AT_ONCE, AT_PACING_TIMER)
    ]
    _channel.irq()  # makes what the first call would need heap for
    _channel.config(read=_word, write=_word)
    mem32[PACING_TIMER] = 1 << 16 | STEPS_OF_REQUEST
    _periodic = [None]

    def _call_and_begin_anew(channel):
        _periodic[0](channel)
        channel.active(True)

    def once(steps, callback):
        """Have ``callback(object)`` called in a hard interrupt, `steps` from now."""
        _channel.irq(handler=callback, hard=True)
        _channel.config(count=steps + 1, ctrl=_once, trigger=True)

    def every(steps, callback):
        """The same again and again until `stop`, with so many steps, from 500, in between."""
        _periodic[0] = callback
        _channel.irq(handler=_call_and_begin_anew, hard=True)
        _channel.config(count=steps // STEPS_OF_REQUEST, ctrl=_every, trigger=True)

    def stop():
        """No interrupt comes any more."""
        _channel.irq(handler=None)
        _channel.ctrl = 0
        _channel.active(False)
        mem32[INTERRUPT_STATUS] = 1 << _channel.channel  # an abort may raise it (RP2040 datasheet, RP2040-E13)

else:
    from machine import Timer
    from physmem_board import TIMER_HZ

    NS_PER_STEP = 1 << 6  # more than a tick of the timer's clock
    LEAST_TICKS = 2

    _timer = Timer(0)

    def _ticks(steps):
        return LEAST_TICKS + steps * NS_PER_STEP * (TIMER_HZ // 1000000) // 1000

    def once(steps, callback):
        """Have ``callback(object)`` called in a hard interrupt, `steps` from now."""
        _timer.init(mode=Timer.ONE_SHOT, period=_ticks(steps), tick_hz=TIMER_HZ, callback=callback, hard=True)

    def every(steps, callback):
        """The same again and again until `stop`, with so many steps, from 500, in between."""
        _timer.init(period=_ticks(steps), tick_hz=TIMER_HZ, callback=callback, hard=True)

    def stop():
        """No interrupt comes any more."""
        _timer.deinit()
