"""The watchdog (RP2350 datasheet 12.9). It counts microseconds, whatever its tick generator is set to.

Its reset is one of the whole chip, whatever PSM.WDSEL and RESETS.WDSEL select. The pauses while a debugger has stopped
the cores have no effect.
"""

from block import Block
from clocks import CYCLES

CTRL, LOAD, REASON, SCRATCH0, SCRATCH_END = 0x00, 0x04, 0x08, 0x0C, 0x2C
TIME = (1 << 24) - 1  # of CTRL: microseconds left
ENABLE, TRIGGER = 1 << 30, 1 << 31
PAUSES = 7 << 24
BY_TIMER, BY_FORCE = 1, 2  # of REASON


class Watchdog(Block):
    """REASON and SCRATCH0 to SCRATCH7 survive the resets of the chip except those that a cold start is like."""

    RESET = {CTRL: PAUSES}

    def __init__(self, chip):
        self._chip = chip
        self.forget()
        super().__init__()

    def forget(self):
        """Start cold: after power came up, and after RUN was low."""
        self.reason = 0
        self.scratch = [0] * ((SCRATCH_END - SCRATCH0) // 4)

    def reset(self):
        super().reset()
        self._left = 0  # microseconds while it is not enabled
        self.next = None  # cycle at which it fires

    def peek(self, offset):
        if offset == CTRL:
            return super().peek(CTRL) & ~TIME | self._time_left()
        if offset == REASON:
            return self.reason
        if SCRATCH0 <= offset < SCRATCH_END:
            return self.scratch[(offset - SCRATCH0) // 4]
        return 0  # LOAD is write-only

    def write(self, offset, value):
        if SCRATCH0 <= offset < SCRATCH_END:
            self.scratch[(offset - SCRATCH0) // 4] = value
        elif offset == LOAD:
            self._left = value & TIME
            self._run(self.next is not None)
        elif offset == CTRL:
            self._left = self._time_left()
            super().write(CTRL, value & (ENABLE | PAUSES))
            self._run(bool(value & ENABLE))
            if value & TRIGGER:
                self._fire(BY_FORCE)

    def tick(self):
        """Reset the chip if the time is up."""
        if self.next is not None and self._chip.now >= self.next:
            self._fire(BY_TIMER)

    def _time_left(self):
        """Return the microseconds until it fires, or would fire if it were enabled."""
        return self._left if self.next is None else max(0, self.next // CYCLES - self._chip.microseconds)

    def _run(self, is_enabled):
        self.next = (self._chip.microseconds + self._left) * CYCLES if is_enabled else None
        if is_enabled:
            self._chip.wake_at(self.next)

    def _fire(self, reason):
        self.next = None  # it cannot fire twice before the reset
        self.reason = reason
        self._chip.stop("reset", "watchdog")
