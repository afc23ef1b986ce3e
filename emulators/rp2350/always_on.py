"""The always-on timer of POWMAN (RP2350 datasheet 6.2, 12.10): milliseconds in 64 bits, which MicroPython's time.time()
and RTC read. It goes on over the resets of the watchdog and of software.

All clock sources are exact. Not modelled: the alarm, power states, regulators, the password (a write without it works),
and the records of resets: their registers keep what was written.
"""

from block import Block
from clocks import CYCLES

SET_TIME, SET_TIME_END = 0x60, 0x70  # bits 63 to 48 first, 16 bits each
READ_TIME_UPPER, READ_TIME_LOWER, TIMER = 0x70, 0x74, 0x88
RUN, CLEAR = 1 << 1, 1 << 2
USE_LPOSC, USE_XOSC, USING_LPOSC, USING_XOSC = 1 << 8, 1 << 9, 1 << 17, 1 << 16
WRITABLE = 0xFFFF  # above it is the password
SCRATCH, SCRATCH_END = 0xB0, 0xE0
MILLISECOND = 1000 * CYCLES


class AlwaysOn(Block):
    """POWMAN. `reset` does nothing: only `forget` resets it, as power-up and RUN do."""

    def __init__(self, chip):
        self._chip = chip
        self.forget()
        super().__init__()

    def forget(self):
        """Start cold."""
        self.values = {}
        self._milliseconds = 0  # at the cycle `since`
        self._since = None  # None while the timer stands still

    def reset(self):
        """Do nothing: it is always on."""

    def peek(self, offset):
        if offset in (READ_TIME_UPPER, READ_TIME_LOWER):
            return self._time() >> (32 if offset == READ_TIME_UPPER else 0) & 0xFFFFFFFF
        value = super().peek(offset)
        if offset == TIMER and value & RUN:
            value |= USING_XOSC if value & USE_XOSC else USING_LPOSC
        return value

    def write(self, offset, value):
        if not SCRATCH <= offset < SCRATCH_END:
            value &= WRITABLE
        time = self._time()
        if SET_TIME <= offset < SET_TIME_END:
            shift = 16 * ((SET_TIME_END - offset) // 4 - 1)
            time = time & ~(WRITABLE << shift) | value << shift
        elif offset == TIMER:
            if value & CLEAR:
                time, value = 0, value & ~CLEAR
            if value & USE_XOSC and not super().peek(TIMER) & USE_XOSC:
                value &= ~USE_LPOSC
            elif value & USE_LPOSC and not super().peek(TIMER) & USE_LPOSC:
                value &= ~USE_XOSC
        super().write(offset, value)
        self._milliseconds = time
        self._since = self._chip.now if super().peek(TIMER) & RUN else None

    def _time(self):
        passed = 0 if self._since is None else (self._chip.now - self._since) // MILLISECOND
        return self._milliseconds + passed
