"""The power-on state machine (RP2350 datasheet 7.4), of which the cores use one part: FRCE_OFF holds core 1 in
reset."""

from block import Block

FRCE_ON, FRCE_OFF, WDSEL, DONE = 0x0, 0x4, 0x8, 0xC
PROC1 = 1 << 24
ALL = (1 << 25) - 1


class PowerStates(Block):
    """Call *hold_core_1* with True when core 1 is to be held in reset, with False when it is to start."""

    def __init__(self, hold_core_1):
        super().__init__()
        self._hold_core_1 = hold_core_1

    def peek(self, offset):
        return ALL & ~super().peek(FRCE_OFF) if offset == DONE else super().peek(offset)

    def write(self, offset, value):
        was_held = super().peek(FRCE_OFF) & PROC1
        super().write(offset, value & ALL)
        is_held = super().peek(FRCE_OFF) & PROC1
        if is_held != was_held:
            self._hold_core_1(bool(is_held))
