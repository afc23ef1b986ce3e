"""The 48 pins as the SIO (RP2350 datasheet 3.1.3) and coprocessor 0 (3.6.1) reach them, and the function that each has
(9.4, GPIOn_CTRL.FUNCSEL).

Nothing is connected to the pins: one that is an output reads as what it puts out, any other one as 0. Pulls, overrides
and the interrupts of pins are not modelled.
"""

from block import Block

PINS = 48
WORD = 0xFFFFFFFF
QSPI_SELECT_IS_HIGH = 1 << 27  # of GPIO_HI_IN: the flash chip is not selected

# Offsets in the SIO. Each group is (put, set, clear, xor) of 8 bytes: pins 0 to 31, then pins 32 to 47.
IN, HI_IN, OUT, OE, END = 0x04, 0x08, 0x10, 0x30, 0x50
HIGH = 4

FUNCTION = 0x1F  # FUNCSEL of GPIOn_CTRL, and its value after a reset: none
XIP_CS1 = 9
XIP_CS1_PINS = (0, 8, 19, 47)


def put(old, bits, part):
    """Return *old* with its bits of the mask *part* replaced by those of *bits*."""
    return old & ~part | bits & part


def xor(old, bits, part):
    """Return *old* with those bits of *part* inverted that are set in *bits*."""
    return old ^ bits & part


def set_bits(old, bits, part):
    """Return *old* with those bits of *part* set that are set in *bits*."""
    return old | bits & part


def clear(old, bits, part):
    """Return *old* with those bits of *part* cleared that are set in *bits*."""
    return old & ~(bits & part)


BY_OFFSET = (put, set_bits, clear, xor)
BY_OPCODE = (put, xor, set_bits, clear)
ALL = (1 << PINS) - 1


class Gpio:
    """Output levels and output enables of all pins, a bit each.

    `write`, `write_one`, `read2` and `read` are MCRR, MCR, MRRC and MRC of coprocessor 0: its register 0 has the
    levels that are put out, register 4 the enables, register 8 the inputs, and with 1 added the pins from 32 on.
    """

    def __init__(self):
        self.out = self.oe = 0

    def read_register(self, offset):
        """Return the SIO's register at *offset*."""
        bits = self._inputs() if offset < OUT else self.out if offset < OE else self.oe
        return bits >> 32 if offset == HI_IN or offset >= OUT and offset & HIGH else bits & WORD

    def write_register(self, offset, value):
        """Write to the SIO's register at *offset*."""
        shift = 32 if offset & HIGH else 0
        self._change(offset >= OE, BY_OFFSET[(offset - OUT & 0x1F) >> 3], value << shift, WORD << shift)

    def write(self, opcode, register, low, high):
        """Opcodes 0 to 3 put, xor, set, clear all pins; 4 to 7 pin *low* if *high* is odd; 8 to 11 the half *high*."""
        change, is_enable = BY_OPCODE[opcode & 3], register == 4
        if opcode < 4:
            self._change(is_enable, change, low | high << 32, ALL)
        elif opcode < 8:
            pin = 1 << (low & 63)
            self._change(is_enable, change, pin if high & 1 else 0, pin)
        else:
            self._change(is_enable, change, low << 32 * (high & 1), WORD << 32 * (high & 1))

    def write_one(self, opcode, register, value):
        """Opcodes 0 to 3 put, xor, set, clear the 32 pins of *register*; 5 to 7 xor, set, clear the pin *value*."""
        change, is_enable = BY_OPCODE[opcode & 3], register & 4
        if opcode < 4:
            self._change(is_enable, change, value << 32 * (register & 1), WORD << 32 * (register & 1))
        else:
            self._change(is_enable, change, 1 << (value & 63), ALL)

    def read2(self, opcode, register):
        """Return both words of *register*."""
        bits = {0: self.out, 4: self.oe, 8: self._inputs()}.get(register, 0)
        return bits & WORD, bits >> 32

    def read(self, register, opcode):
        """Return the word of *register*."""
        return self.read2(opcode, register & ~1)[register & 1]

    def _inputs(self):
        return self.out & self.oe | QSPI_SELECT_IS_HIGH << 32

    def _change(self, is_enable, change, bits, part):
        if is_enable:
            self.oe = change(self.oe, bits, part) & ALL
        else:
            self.out = change(self.out, bits, part) & ALL


class PinFunctions(Block):
    """IO_BANK0: GPIOn_CTRL at 8n + 4. Its other registers keep what was written.

    It calls `changed` when the function of a pin that can be the second chip select may have changed.
    """

    RESET = {8 * pin + 4: FUNCTION for pin in range(PINS)}

    def __init__(self):
        self.changed = lambda: None
        super().__init__()

    def reset(self):
        super().reset()
        self.changed()

    def write(self, offset, value):
        super().write(offset, value)
        if (offset - 4) // 8 in XIP_CS1_PINS:
            self.changed()

    @property
    def has_second_select(self):
        """Whether a pin is the chip select of XIP window 1.

        The chip is on whatever pin the firmware makes the select: the emulator does not know how a board is wired.
        """
        return any(self.values[8 * pin + 4] & FUNCTION == XIP_CS1 for pin in XIP_CS1_PINS)
