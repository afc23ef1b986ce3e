"""What start-up code sets up and waits for: clocks (RP2350 datasheet 8.1), crystal oscillator (8.2), ring oscillator
(8.3), tick generators (8.5) and PLLs (8.6).

All of them are ready at once, and the emulator runs at 150 MHz whatever they are set to. The frequency counter and the
resuscitation of a stopped clock are not modelled.
"""

from block import Block

CYCLES = 150
"""Cycles in a microsecond, whatever the clocks are set to."""

CTRL, SELECTED = 0x0, 0x8  # of a clock generator
GENERATOR = 0xC  # bytes
REF, SYS = 4, 5  # the generators with a glitchless multiplexer
GENERATORS = 10
SOURCES = {REF: 3, SYS: 1}  # the bits of CTRL.SRC

XOSC_STATUS, ROSC_STATUS, ROSC_RANDOMBIT = 0x04, 0x18, 0x1C
STABLE, ENABLED = 1 << 31, 1 << 12

PLL_CS, PLL_PWR, PLL_FBDIV, PLL_PRIM = 0x0, 0x4, 0x8, 0xC
LOCK = 1 << 31

RUNNING = 1 << 1  # of a tick generator's CTRL; ENABLE is bit 0
TICK_GENERATOR = 12  # bytes: CTRL, CYCLES, COUNT


class Clocks(Block):
    """The clock generators. SELECTED of the glitchless ones follows CTRL.SRC, that of the others is 1."""

    def peek(self, offset):
        generator, register = divmod(offset, GENERATOR)
        if generator < GENERATORS and register == SELECTED:
            return 1 << (super().peek(generator * GENERATOR + CTRL) & SOURCES.get(generator, 0))
        return super().peek(offset)


class CrystalOscillator(Block):
    """It is stable from the start."""

    def peek(self, offset):
        return STABLE | ENABLED if offset == XOSC_STATUS else super().peek(offset)


class RingOscillator(Block):
    """It is stable from the start. *random* makes its random bit."""

    def __init__(self, random):
        super().__init__()
        self._random = random

    def peek(self, offset):
        return STABLE | ENABLED if offset == ROSC_STATUS else super().peek(offset)

    def read(self, offset):
        return self._random.getrandbits(1) if offset == ROSC_RANDOMBIT else self.peek(offset)


class Pll(Block):
    """It is locked from the start."""

    RESET = {PLL_CS: 1, PLL_PWR: 0x2D, PLL_PRIM: 0x77000}

    def peek(self, offset):
        return super().peek(offset) | LOCK if offset == PLL_CS else super().peek(offset)


class TickGenerators(Block):
    """They run as soon as they are enabled."""

    def peek(self, offset):
        value = super().peek(offset)
        return value | (value & 1) * RUNNING if offset % TICK_GENERATOR == 0 else value
