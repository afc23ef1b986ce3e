"""The PSRAM chip at the second chip select: AP Memory's APS6404L with 8 MiB, or one of the same family with 4, 2 or 1.

Its content is in xip_cache.py. Its timing is not modelled except for what `Window` checks. In direct mode (qmi.py) it
knows how to enter and leave QPI mode and how to tell its identity; it ignores the commands that transfer data.
"""

from dataclasses import dataclass

SIZES = {1 << 20: 3, 2 << 20: 0, 4 << 20: 1, 8 << 20: 2}
"""Bytes -> the density in bits 7 to 5 of the identity's last byte (APS6404L datasheet, 9.5; ports/rp2/rp2_psram.c,
which takes a density that it does not know for 1 MiB)."""

READ_ID, ENTER_QPI, LEAVE_QPI, RESET_ENABLE, RESET = 0x9F, 0x35, 0xF5, 0x66, 0x99
ADDRESS_BYTES = 3
MANUFACTURER, KNOWN_GOOD_DIE, DIE = 0x0D, 0x5D, 0x0E
"""The lower bits of DIE are any but those that make 0x26 of 4 MiB, which ports/rp2/rp2_psram.c takes for 8 MiB."""
NOTHING = 0xFF  # what the data lines read when no chip drives them

SERIAL, QUAD = 0, 2  # widths in the QMI's formats
CLOCK = 150  # MHz
FASTEST = 133  # MHz (APS6404L datasheet, 9.9)
LONGEST_SELECT = 8  # microseconds: tCEM at most; the chip refreshes itself only while it is not selected


class PsramChip:
    """A chip with *size* bytes. It keeps its mode when the RP2350 is reset: it has no reset line."""

    def __init__(self, size):
        if size not in SIZES:
            sizes = ", ".join(str(known) for known in SIZES)
            raise ValueError(f"there is no PSRAM chip with {size} bytes: use {sizes}, or 0 for none")
        self.size = size
        self.is_qpi = False
        self._command = None
        self._at = 0  # bytes since the command
        self._may_reset = False

    def deselect(self):
        """End the command."""
        self._command = None

    def transfer(self, byte, is_quad):
        """Take a *byte*. Return the one that the chip sends at the same time."""
        if is_quad != self.is_qpi:
            return NOTHING  # it sees something else than what was meant
        if self._command is None:
            self._command, self._at = byte, 0
            self._obey(byte)
            return NOTHING
        at = self._at - ADDRESS_BYTES
        self._at += 1
        if self._command == READ_ID and not self.is_qpi and at >= 0:
            identity = MANUFACTURER, KNOWN_GOOD_DIE, SIZES[self.size] << 5 | DIE
            return identity[min(at, len(identity) - 1)]
        return NOTHING

    def _obey(self, command):
        if command in (ENTER_QPI, LEAVE_QPI) or (command == RESET and self._may_reset):
            self.is_qpi = command == ENTER_QPI
            self._command = None
        self._may_reset = command == RESET_ENABLE

    def understands_reads(self, window):
        """Return whether a read through *window*, the QMI's set-up, gives what the chip holds."""
        if window.timing_is_wrong:
            return False
        wanted = READS[self.is_qpi].get(window.read_command & 0xFF)
        return wanted is not None and wanted == Format.of(window.read_format)

    def understands_writes(self, window):
        """Return whether a write through *window* reaches what the chip holds."""
        if window.timing_is_wrong:
            return False
        wanted = WRITES[self.is_qpi].get(window.write_command & 0xFF)
        return wanted is not None and wanted == Format.of(window.write_format)


@dataclass
class Format:
    """A transfer as the QMI makes it (RP2350 datasheet 12.14.6, M0_RFMT): widths, and dummy cycles before the data."""

    prefix: int
    address: int
    data: int
    dummy_cycles: int = 0

    @staticmethod
    def of(register):
        """Return the Format in Mx_RFMT or Mx_WFMT; None for one that no chip of this family understands."""
        has_prefix, has_suffix, is_double_rate = register >> 12 & 1, register >> 14 & 3, register >> 28 & 1
        if not has_prefix or has_suffix or is_double_rate:
            return None
        dummy_bits, dummy_width = 4 * (register >> 16 & 7), register >> 6 & 3
        return Format(register & 3, register >> 2 & 3, register >> 8 & 3, dummy_bits >> dummy_width)


SERIAL_ALL = Format(SERIAL, SERIAL, SERIAL)
QUAD_ALL = Format(QUAD, QUAD, QUAD)
READS = {
    False: {0x03: SERIAL_ALL, 0x0B: Format(SERIAL, SERIAL, SERIAL, 8), 0xEB: Format(SERIAL, QUAD, QUAD, 6)},
    True: {0x0B: Format(QUAD, QUAD, QUAD, 4), 0xEB: Format(QUAD, QUAD, QUAD, 6)},
}
"""Whether in QPI mode -> command -> Format (APS6404L datasheet, 8 command table)."""
WRITES = {
    False: {0x02: SERIAL_ALL, 0x38: Format(SERIAL, QUAD, QUAD)},
    True: {0x02: QUAD_ALL, 0x38: QUAD_ALL},
}


@dataclass
class Window:
    """The set-up of one of the QMI's windows: its registers Mx_TIMING, RFMT, RCMD, WFMT, WCMD."""

    timing: int
    read_format: int
    read_command: int
    write_format: int
    write_command: int

    @property
    def timing_is_wrong(self):
        """Whether the clock is too fast for the chip, or it stays selected for too long to be refreshed."""
        divisor = self.timing & 0xFF or 256
        longest = self.timing >> 17 & 0x3F  # MAX_SELECT: units of 64 cycles, 0 for no limit
        return CLOCK / divisor > FASTEST or not 0 < longest * 64 <= LONGEST_SELECT * CLOCK
