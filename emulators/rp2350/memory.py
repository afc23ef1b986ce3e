"""Memory as the bus reaches it: SRAM, boot ROM, flash and PSRAM (RP2350 datasheet 2.2).

It serves the DMA, the frames of exceptions and the boot ROM. unicorn serves the cores' instructions, at the same
addresses.
"""

from psram import NOTHING

ROM_SIZE = 32 << 10
SRAM, SRAM_SIZE = 0x20000000, 520 << 10
FLASH_WINDOWS = (0x10000000, 0x14000000, 0x1C000000)
WINDOW = 16 << 20


class Memory:
    """*chip* has the memories, *window* is XIP window 1 (xip_window.py) and *qmi* tells what its set-up is (qmi.py)."""

    def __init__(self, chip, window, qmi):
        self._uc, self._window, self._qmi = chip.uc, window, qmi

    def read(self, address, length):
        """Return *length* bytes from *address*, or None if the bus refuses it because not all of them are memory."""
        if self._window.has(address):
            if self._qmi.is_direct or not self._window.has(address + length - 1):
                return None
            if not self._qmi.reads_reach_psram:
                return bytes([NOTHING]) * length
        elif not self._is_sram(address, length) and not self._is_read_only(address, length):
            return None
        return bytes(self._uc.mem_read(address, length))

    def write(self, address, data):
        """Write *data* at *address*. Return False if the bus refuses it because not all of it is memory."""
        length = len(data)
        if self._window.has(address):
            if self._qmi.is_direct or not self._window.has(address + length - 1):
                return False
            if not self._qmi.writes_reach_psram:
                return True  # nothing happens
        elif self._is_flash(address, length):
            return True  # the write is downgraded to a read (4.4.5)
        elif not self._is_sram(address, length):
            return False
        self._uc.mem_write(address, data)
        return True

    def _is_read_only(self, address, length):
        return self._is_flash(address, length) or address + length <= ROM_SIZE

    @staticmethod
    def _is_sram(address, length):
        return address >= SRAM and address + length <= SRAM + SRAM_SIZE

    @staticmethod
    def _is_flash(address, length):
        return any(base <= address and address + length <= base + WINDOW for base in FLASH_WINDOWS)
