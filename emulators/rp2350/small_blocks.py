"""Peripherals of which a few registers matter: each class says which."""

from block import Block


class SystemInformation(Block):
    """SYSINFO (RP2350 datasheet 12.15.1): the chip and its revision A2, in the package with 60 pins."""

    CHIP_ID, PACKAGE_SEL, PLATFORM = 0x0, 0x4, 0x8
    RESET = {CHIP_ID: 0x20004927, PACKAGE_SEL: 1, PLATFORM: 2}

    def write(self, offset, value):
        """Do nothing: the registers are read-only."""


class QspiPins(Block):
    """IO_QSPI (9.11.2): the flash chip is never seen selected, because an access takes no time."""

    SS_STATUS = 0x18
    OUTTOPAD, INFROMPAD = 1 << 9, 1 << 17

    def peek(self, offset):
        return self.OUTTOPAD | self.INFROMPAD if offset == self.SS_STATUS else super().peek(offset)


class Uart(Block):
    """A UART (12.1) that has sent what it was given at once and receives nothing."""

    DATA, FLAGS = 0x00, 0x18
    RECEIVED_NONE, SENT_ALL = 1 << 4, 1 << 7  # RXFE, TXFE

    def peek(self, offset):
        return self.RECEIVED_NONE | self.SENT_ALL if offset == self.FLAGS else super().peek(offset)

    def write(self, offset, value):
        if offset != self.DATA:
            super().write(offset, value)


class Adc(Block):
    """The ADC (12.4): a conversion is done at once, and every channel measures 0."""

    CS = 0x0
    READY = 1 << 8

    def peek(self, offset):
        return super().peek(offset) | self.READY if offset == self.CS else super().peek(offset)


class RandomNumbers(Block):
    """TRNG (12.12): numbers are always ready. They are pseudo-random, from *random*."""

    ISR, VALID, DATA, DATA_END = 0x104, 0x110, 0x114, 0x12C

    def __init__(self, random):
        super().__init__()
        self._random = random

    def read(self, offset):
        if self.DATA <= offset < self.DATA_END:
            return self._random.getrandbits(32)
        return 1 if offset in (self.ISR, self.VALID) else self.peek(offset)


class BlankOtp(Block):
    """The rows of the OTP memory (13.5), none of which was programmed. A write does nothing."""

    def write(self, offset, value):
        """Do nothing."""
