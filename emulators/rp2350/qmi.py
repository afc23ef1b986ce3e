"""The QSPI memory interface (RP2350 datasheet 12.14): direct mode, in which a program talks to the flash chip and the
PSRAM itself, and the set-up of the two windows; and XIP_CTRL (4.4.5).

Transfers take no time: BUSY is never set. A chip that is selected by AUTO_CSnN stays so until DIRECT_CSR is read or
written. Window 0, the flash chip's, always works: a core executes from the XIP cache what it has executed before, and
MicroPython's psram_init relies on that in direct mode.
"""

from block import Block
from flash_chip import FlashChip
from psram import NOTHING, Window

DIRECT_CSR, DIRECT_TX, DIRECT_RX = 0x00, 0x04, 0x08
EN, TXEMPTY, RXEMPTY = 1 << 0, 1 << 11, 1 << 16
ASSERT_CS, AUTO_CS = (1 << 2, 1 << 3), (1 << 6, 1 << 7)  # of chip 0 and chip 1
CSR_WRITABLE = 0xFFC000CD
RXLEVEL_LSB, RXLEVEL_MAX = 18, 7
NOPUSH, DWIDTH, IWIDTH_LSB, QUAD = 1 << 20, 1 << 18, 16, 2  # of DIRECT_TX

TIMING, RFMT, RCMD, WFMT, WCMD = range(0x0C, 0x20, 4)  # of window 0
WINDOW = 0x14  # bytes from a register of window 0 to that of window 1
SLOWEST_BOOT_CLOCK = 12  # the divisor that the boot ROM uses (5.4.8.9)

XIP_CTRL, XIP_STAT = 0x0, 0x8
WRITABLE_M1 = 1 << 11
FIFO_EMPTY = 1 << 1
XIP_CTRL_BITS = 0xFFB


class Qmi(Block):
    """*flash* and *psram* are the chips at both selects, *psram* None if there is none. *pins* tells whether a pin is
    the second select. Call `changed` when window 1 may have become right or wrong."""

    RESET = {DIRECT_CSR: 0x01800000} | {
        register + window * WINDOW: value
        for window in (0, 1)
        for register, value in ((TIMING, 0x40000004), (RFMT, 0x1000), (RCMD, 0xA003), (WFMT, 0x1000), (WCMD, 0xA002))
    }

    def __init__(self, psram, pins, xip_control):
        self._chips = FlashChip(), psram
        self._pins, self._xip_control = pins, xip_control
        self._received = []
        self.changed = lambda: None
        super().__init__()

    def reset(self):
        super().reset()
        self._received = []
        self._deselect((0, 1))
        self.changed()

    # ---- the windows

    @property
    def is_direct(self):
        """Whether direct mode is on: then an access to a window is a bus error."""
        return bool(self.values[DIRECT_CSR] & EN)

    @property
    def reads_reach_psram(self):
        """Whether a read through window 1 gives what the PSRAM holds."""
        psram = self._psram()
        return psram is not None and not self.is_direct and psram.understands_reads(self._window_1())

    @property
    def writes_reach_psram(self):
        """Whether a write through window 1 changes what the PSRAM holds."""
        psram = self._psram()
        is_writable = self._xip_control.is_window_1_writable and not self.is_direct
        return psram is not None and is_writable and psram.understands_writes(self._window_1())

    def leave_xip(self):
        """Do what the boot ROM's flash_exit_xip does (5.4.8.9): both windows read by a slow serial 03h.

        The PSRAM keeps its mode, so what worked before does not work any more.
        """
        for window in (0, WINDOW):
            for register in (RFMT, RCMD):
                self.values[register + window] = self.RESET[register]
            self.values[TIMING + window] = self.RESET[TIMING] & ~0xFF | SLOWEST_BOOT_CLOCK
        self.changed()

    def enter_serial_xip(self):
        """Do what the boot ROM's flash_enter_cmd_xip does (5.4.8.8)."""
        self.leave_xip()

    def _psram(self):
        return self._chips[1] if self._pins.has_second_select else None

    def _window_1(self):
        return Window(*(self.values[register + WINDOW] for register in (TIMING, RFMT, RCMD, WFMT, WCMD)))

    # ---- registers

    def peek(self, offset):
        if offset == DIRECT_CSR:
            level = min(len(self._received), RXLEVEL_MAX)
            return self.values[DIRECT_CSR] | TXEMPTY | (level << RXLEVEL_LSB if level else RXEMPTY)
        if offset == DIRECT_RX:
            return self._received[0] if self._received else 0
        return super().peek(offset)

    def read(self, offset):
        value = self.peek(offset)
        if offset == DIRECT_CSR:
            self._end_automatic_selects()
        elif offset == DIRECT_RX and self._received:
            del self._received[0]
        return value

    def write(self, offset, value):
        if offset == DIRECT_CSR:
            self._end_automatic_selects()
            self._deselect(n for n in (0, 1) if self.values[DIRECT_CSR] & ~value & ASSERT_CS[n])
            self.values[DIRECT_CSR] = value & CSR_WRITABLE
            if not value & EN:
                self._received = []
            self.changed()
        elif offset == DIRECT_TX:
            if self.is_direct:
                self._transfer(value)
        else:
            super().write(offset, value)
            self.changed()

    def _transfer(self, entry):
        is_quad = entry >> IWIDTH_LSB & 3 == QUAD
        received = self._exchange(entry & 0xFF, is_quad)
        if entry & DWIDTH:
            received |= self._exchange(entry >> 8 & 0xFF, is_quad) << 8
        if not entry & NOPUSH:
            self._received.append(received)

    def _exchange(self, byte, is_quad):
        received = NOTHING
        for n, chip in enumerate((self._chips[0], self._psram())):
            if chip is not None and self.values[DIRECT_CSR] & (ASSERT_CS[n] | AUTO_CS[n]):
                received &= chip.transfer(byte, is_quad)
        return received

    def _end_automatic_selects(self):
        csr = self.values[DIRECT_CSR]
        self._deselect(n for n in (0, 1) if csr & AUTO_CS[n] and not csr & ASSERT_CS[n])

    def _deselect(self, numbers):
        for n in numbers:
            if self._chips[n] is not None:
                self._chips[n].deselect()


class XipControl(Block):
    """XIP_CTRL. *is_broken*: a fault on purpose, by which WRITABLE_M1 cannot be set."""

    RESET = {XIP_CTRL: 0x83}

    def __init__(self, is_broken=False):
        self._is_broken = is_broken
        self.changed = lambda: None
        super().__init__()

    def reset(self):
        super().reset()
        self.changed()

    @property
    def is_window_1_writable(self):
        return bool(self.values[XIP_CTRL] & WRITABLE_M1)

    def peek(self, offset):
        return FIFO_EMPTY if offset == XIP_STAT else super().peek(offset)

    def write(self, offset, value):
        if offset == XIP_CTRL:
            value &= XIP_CTRL_BITS & ~(WRITABLE_M1 if self._is_broken else 0)
        super().write(offset, value)
        self.changed()
