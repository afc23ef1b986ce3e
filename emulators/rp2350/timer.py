"""TIMER0 and TIMER1 (RP2350 datasheet 12.8): microseconds in 64 bits, and four alarms each.

They count the microseconds of the chip, whatever the tick generators are set to. PAUSE, DBGPAUSE, LOCKED and SOURCE
keep what was written.
"""

from block import Block
from clocks import CYCLES

TIMEHW, TIMELW, TIMEHR, TIMELR = 0x00, 0x04, 0x08, 0x0C
ALARM0, ARMED, TIMERAWH, TIMERAWL = 0x10, 0x20, 0x24, 0x28
INTR, INTE, INTF, INTS = 0x3C, 0x40, 0x44, 0x48
ALARMS = 4
WRAP = 1 << 32


class Timer(Block):
    """A timer whose alarms raise the interrupts from number *first* on."""

    ACT_ON_ONES = frozenset({ARMED, INTR})

    def __init__(self, chip, first, interrupt):
        self._chip, self._first, self._interrupt = chip, first, interrupt
        super().__init__()

    def reset(self):
        super().reset()
        self._started = self._chip.microseconds
        self._armed = [None] * ALARMS  # microseconds of all 64 bits
        self._raised = 0
        self._high = 0  # what TIMEHR has latched
        self.next = None  # cycle at which the next alarm fires
        self._update()

    def peek(self, offset):
        now = self._chip.microseconds - self._started
        if offset in (TIMERAWL, TIMELR):
            return now % WRAP
        if offset == TIMERAWH:
            return now // WRAP
        if offset == TIMEHR:
            return self._high
        if offset == ARMED:
            return sum(1 << n for n, at in enumerate(self._armed) if at is not None)
        if offset == INTR:
            return self._raised
        if offset == INTS:
            return self._status()
        return super().peek(offset)

    def read(self, offset):
        if offset == TIMELR:
            self._high = (self._chip.microseconds - self._started) // WRAP
        return self.peek(offset)

    def write(self, offset, value):
        super().write(offset, value)
        now = self._chip.microseconds - self._started
        if ALARM0 <= offset < ALARM0 + 4 * ALARMS:
            at = now - now % WRAP + value
            self._armed[(offset - ALARM0) // 4] = at if at >= now else at + WRAP
        elif offset == ARMED:
            self._armed = [None if value >> n & 1 else at for n, at in enumerate(self._armed)]
        elif offset == INTR:
            self._raised &= ~value
        elif offset == TIMEHW:
            self._started = self._chip.microseconds - (value * WRAP + super().peek(TIMELW))
        self._update()

    def tick(self):
        """Fire the alarms that are due."""
        if self.next is None or self._chip.now < self.next:
            return
        now = self._chip.microseconds - self._started
        for n, at in enumerate(self._armed):
            if at is not None and at <= now:
                self._armed[n] = None
                self._raised |= 1 << n
        self._update()

    def _status(self):
        return self._raised & super().peek(INTE) | super().peek(INTF)

    def _update(self):
        earliest = min((at for at in self._armed if at is not None), default=None)
        self.next = None if earliest is None else (earliest + self._started) * CYCLES
        if self.next is not None:
            self._chip.wake_at(self.next)
        status = self._status()
        for n in range(ALARMS):
            self._interrupt(self._first + n, bool(status >> n & 1))
