"""XIP window 1, through which the PSRAM is memory (RP2350 datasheet 4.4 and 12.14.4).

While the set-up is wrong, a read gives what undriven data lines give and a write is lost, as on the chip, so that
firmware with a broken set-up is noticed:

- while direct mode is on, every access is a bus error;
- while XIP_CTRL.WRITABLE_M1 is 0, a write does nothing (4.4.5; hardware_regs/xip.h: it is downgraded to a read);
- while the window's timing, formats and commands are not those of the chip in its mode, or no pin is its chip select,
  nothing reaches the chip.

The window has 16 MiB. A smaller chip repeats in it, because it ignores the upper address bits. Address translation
(ATRANS) is not modelled: it stays as after a reset.
"""

from unicorn import UC_PROT_ALL, UC_PROT_EXEC, UC_PROT_NONE, UC_PROT_READ

from native import address_of
from psram import NOTHING

CACHED, UNCACHED, UNTRANSLATED = 0x11000000, 0x15000000, 0x1D000000
WINDOWS = (CACHED, UNCACHED, UNTRANSLATED)
SIZE = 16 << 20
PAGE = 4096  # bytes: unicorn asks for a part of it once
IN_DIRECT_MODE = "access to XIP memory while the QMI is in direct mode"


class XipWindow:
    """The window of *qmi* (qmi.py) on the memory of *cache* (xip_cache.py). *chip* has the cores that see it.

    unicorn has the PSRAM as memory all the time. What it may do there changes with the set-up, and `refused` is asked
    about the rest.
    """

    def __init__(self, chip, cache, qmi):
        self._chip, self._cache, self._qmi = chip, cache, qmi
        self._allowed = UC_PROT_ALL
        self._hidden = {}  # (base, offset) of a page -> the content that reads must not give
        cache.before = self._show
        for base in WINDOWS:
            if not cache.size:
                chip.uc.mmio_map(base, SIZE, self._on_read, None, self._on_write, None)
                continue
            memory = self._memory(base)
            for offset in range(0, SIZE, cache.size):
                chip.uc.mem_map_ptr(base + offset, cache.size, UC_PROT_ALL, address_of(memory))
            chip.register_code(base, memory)

    @staticmethod
    def has(address):
        """Return whether *address* is in the window."""
        return any(base <= address < base + SIZE for base in WINDOWS)

    def update(self):
        """Allow what the set-up allows now."""
        self._show()
        reads, writes = self._qmi.reads_reach_psram, self._qmi.writes_reach_psram
        allowed = UC_PROT_ALL if reads and writes else UC_PROT_READ | UC_PROT_EXEC if reads else UC_PROT_NONE
        if allowed != self._allowed:
            self._allowed = allowed
            self._protect()

    def refused(self, address, size, written=None):
        """Decide about an access that unicorn was not allowed: a read, or a write of the value *written*.

        Return None if it has no effect, or the text of the bus error that it is.
        """
        if self._qmi.is_direct:
            return IN_DIRECT_MODE
        base = next(base for base in WINDOWS if base <= address < base + SIZE)
        offset = (address - base) % self._cache.size
        if written is None:
            self._hide(base, offset)
            self._hide(base, (offset + size - 1) % self._cache.size)
        elif self._qmi.writes_reach_psram:
            self._show()
            self._memory(base)[offset : offset + size] = (written & (1 << 8 * size) - 1).to_bytes(size, "little")
        return None

    def _memory(self, base):
        return self._cache.seen if base == CACHED else self._cache.held

    def _protect(self):
        for base in WINDOWS if self._cache.size else ():
            for offset in range(0, SIZE, self._cache.size):
                self._chip.uc.mem_protect(base + offset, self._cache.size, self._allowed)

    def _hide(self, base, offset):
        """Have reads of the page give what undriven lines give."""
        start = offset - offset % PAGE
        if (base, start) not in self._hidden:
            memory = self._memory(base)
            self._hidden[base, start] = memory[start : start + PAGE]
            memory[start : start + PAGE] = bytes([NOTHING]) * PAGE

    def _show(self):
        """Undo `_hide`."""
        if self._hidden:
            for (base, start), content in reversed(self._hidden.items()):
                self._memory(base)[start : start + PAGE] = content
            self._hidden.clear()
            self._protect()  # so that unicorn asks again

    # ---- without PSRAM

    def _on_read(self, uc, offset, size, _):
        if self._qmi.is_direct:
            self._chip.bus_fault(IN_DIRECT_MODE, CACHED + offset)
        return (1 << 8 * size) - 1

    def _on_write(self, uc, offset, size, value, _):
        if self._qmi.is_direct:
            self._chip.bus_fault(IN_DIRECT_MODE, CACHED + offset)
