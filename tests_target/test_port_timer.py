"""Hard interrupts from the timer of ports/rp2, whose handler allocates and frees what the program does too.

MicroPython 1.26 and later has `hard` in machine.Timer. A firmware that refuses it as an unknown keyword is interrupted
by a DMA channel instead (hard_interrupts.py), and its timer must not have started.
"""

import time
from array import array

import hard_interrupts
import machine
import micropython
import physmem
from machine import Timer
from random_numbers import RandomNumbers

NEEDS = ("timers of ports/rp2",)
TIMEOUT = 120

BASE = 0x00325000  # nothing touches this memory
FRAMES = 64
HELD = 3  # frames that the handler holds at most
MOST = 5  # frames that the program asks for at most
MICROSECONDS = 700  # between two interrupts: several times what the handler takes
TICKS = 150
INTERRUPTED = 3  # calls that the handler interrupted, at least
WAIT_MS = 3000  # for what must come
QUIET_MS = 5  # for what must not


class Handler:
    """Hold HELD frames and no frames alternately. Nothing in `tick` uses heap."""

    def __init__(self, region):
        self.alloc, self.free = region.alloc, region.free
        self.first = -1  # of the frames that it holds
        self.calling = array("B", bytearray(1))  # 1 while the program makes a raw call
        self.ticks = self.interrupted = self.unlocked = self.wrong = 0
        self.source = None
        self.on_tick = self.tick  # naming a method takes heap

    def tick(self, source):
        self.source = source
        self.ticks += 1
        self.interrupted += self.calling[0]
        if not micropython.heap_locked():
            self.unlocked += 1
        if self.first >= 0:
            if self.free(self.first) != HELD:
                self.wrong += 1
            self.first = -1
        else:
            self.first = self.alloc(HELD)
            if self.first < 0:
                self.wrong += 1


def ignore(timer):
    pass


def hard_timer(**parameters):
    """Return a Timer with these parameters and hard interrupts, or None if the firmware refuses `hard`."""
    timer = Timer()
    try:
        timer.init(hard=True, **parameters)
    except TypeError:
        return None
    return timer


def start(callback):
    """Have ``callback(object)`` called in a hard interrupt every MICROSECONDS. Return what stops that."""
    timer = hard_timer(period=MICROSECONDS, tick_hz=1000000, callback=callback)
    if timer:
        return timer.deinit
    hard_interrupts.every(MICROSECONDS * (machine.freq() // 1000000), callback)
    return hard_interrupts.stop


def test_handler_of_the_timer_and_program_share_a_region():
    region = physmem.Region("shared", BASE, FRAMES * 4096, attrs=physmem.SHARED)
    handler = Handler(region)
    calling, alloc, free = handler.calling, region.alloc, region.free
    below = RandomNumbers(5).below
    begin = time.ticks_ms()
    stop = start(handler.on_tick)
    try:
        while handler.ticks < TICKS or handler.interrupted < INTERRUPTED:
            assert time.ticks_diff(time.ticks_ms(), begin) < WAIT_MS, (handler.ticks, handler.interrupted)
            n = 1 + below(MOST)
            calling[0] = 1
            first = alloc(n)
            calling[0] = 0
            assert first >= 0
            masked = machine.disable_irq()
            others, used = handler.first, region.used_frames
            machine.enable_irq(masked)
            assert others < 0 or others + HELD <= first or first + n <= others, (first, n, others)
            assert used == n + (HELD if others >= 0 else 0)
            calling[0] = 1
            freed = free(first)
            calling[0] = 0
            assert freed == n
    finally:
        stop()
    ticks = handler.ticks
    time.sleep_ms(QUIET_MS)
    assert handler.ticks == ticks and handler.source is not None
    assert (handler.wrong, handler.unlocked) == (0, 0)
    if handler.first >= 0:
        assert free(handler.first) == HELD
    assert (region.free_frames, region.failed, region.check()) == (FRAMES, 0, [])
    assert HELD + 1 <= region.peak_used <= HELD + MOST
    print(ticks, "interrupts from", type(handler.source).__name__, "-", handler.interrupted, "of them in a call")


def test_one_shot_comes_once_or_is_refused():
    """It comes once, with the timer as its argument and the heap locked; where `hard` is refused it does not come."""
    region = physmem.Region("shared", BASE, FRAMES * 4096, attrs=physmem.SHARED)
    handler = Handler(region)
    timer = hard_timer(mode=Timer.ONE_SHOT, period=1, callback=handler.on_tick)
    time.sleep_ms(QUIET_MS)
    assert handler.ticks == (1 if timer else 0) and handler.unlocked == 0
    assert handler.source is timer
    assert region.used_frames == (HELD if timer else 0)
