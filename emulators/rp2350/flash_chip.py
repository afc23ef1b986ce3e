"""The flash chip at the first chip select, a W25Q128JV with 16 MiB. It is NOR flash: programming can only clear bits,
and erasing sets all bits of whole sectors. Here both take no time.

In direct mode (qmi.py) it answers the commands that read its identity and its status. It ignores those that change
its content, because the boot ROM's functions call `erase` and `program` instead.
"""

from fault import Fault

SIZE = 16 << 20
SECTOR = 4096
PAGE = 256

JEDEC_ID, UNIQUE_ID, STATUS_1, STATUS_2 = 0x9F, 0x4B, 0x05, 0x35
IDENTITY = (0xEF, 0x40, 0x18)  # manufacturer, type, 2 ** 24 bytes
DUMMY_BYTES = 4  # of UNIQUE_ID
UNIQUE = bytes.fromhex("e661640843123456")
QUAD_ENABLE = 2  # of STATUS_2
NOTHING = 0xFF  # what the data line is pulled to


def erase(flash, offset, size):
    """Erase *size* bytes of *flash* from *offset*. Raise Fault if they are not whole sectors of it."""
    _check("erase", offset, size, SECTOR)
    flash[offset : offset + size] = b"\xff" * size


def program(flash, offset, data):
    """Program the bytes *data* at *offset* of *flash*. Raise Fault if they are not whole pages of it."""
    _check("program", offset, len(data), PAGE)
    old = int.from_bytes(flash[offset : offset + len(data)], "little")
    new = old & int.from_bytes(data, "little")
    flash[offset : offset + len(data)] = new.to_bytes(len(data), "little")


def _check(what, offset, size, unit):
    if offset % unit or size % unit or offset + size > SIZE:
        raise Fault(f"flash: cannot {what} {size} bytes at offset {offset:#x}, in units of {unit}")


class FlashChip:
    """What the chip says to the serial commands of direct mode."""

    def __init__(self):
        self._command = None
        self._at = 0  # bytes since the command

    def deselect(self):
        """End the command."""
        self._command = None

    def transfer(self, byte, is_quad):
        """Take a *byte*. Return the one that the chip sends at the same time."""
        if is_quad:
            return NOTHING
        if self._command is None:
            self._command, self._at = byte, 0
            return NOTHING
        at = self._at
        self._at += 1
        if self._command == JEDEC_ID and at < len(IDENTITY):
            return IDENTITY[at]
        if self._command == UNIQUE_ID and at >= DUMMY_BYTES:
            return UNIQUE[(at - DUMMY_BYTES) % len(UNIQUE)]
        return {STATUS_1: 0, STATUS_2: QUAD_ENABLE}.get(self._command, NOTHING)
