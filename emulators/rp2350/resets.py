"""The resets of single peripherals (RP2350 datasheet 7.5). They complete at once.

A peripheral that is held in reset can be accessed all the same.
"""

from block import Block

RESET, WDSEL, RESET_DONE = 0x0, 0x4, 0x8
ALL = (1 << 29) - 1


class Resets(Block):
    """*blocks* has the block of each bit of RESET that has a model."""

    RESET = {RESET: ALL}

    def __init__(self, blocks):
        super().__init__()
        self._blocks = blocks

    def peek(self, offset):
        return ALL & ~super().peek(RESET) if offset == RESET_DONE else super().peek(offset)

    def write(self, offset, value):
        held = super().peek(RESET)
        super().write(offset, value & ALL)
        taken = super().peek(RESET) & ~held
        for bit, block in self._blocks.items():
            if taken >> bit & 1:
                block.reset()
