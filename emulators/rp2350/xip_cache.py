"""The XIP cache (RP2350 datasheet 4.4.1), at its worst, in front of the PSRAM.

The cache is write-back: what is written through window 1 stays in it until the line is cleaned, or evicted. The
emulator has no lines and evicts nothing. It keeps two copies of the PSRAM: `seen`, which the cached addresses
0x11000000 reach, and `held`, what the chip itself holds, which the uncached addresses 0x15000000 and 0x1d000000 reach.
Everything written to `seen` since the last clean counts as dirty, so a program loses by an invalidate what a real chip
may or may not lose. That costs nothing while nobody cleans or invalidates.

A clean by set and way writes a set back when both its ways have been cleaned, because either may have the line. It
may come late: when all sets are clean, or SETTLE cycles after the first one. An invalidate by set and way drops the
set's lines at once.

Not modelled: speed and counters, the cache switched off, pinned lines, flash (nothing of it is ever dirty), the
streaming FIFO, and erratum RP2350-E11, by which a clean by set and way leaves a line with the tag of the maintenance
address.
"""

import ctypes
import mmap

from block import BusError

MAINTENANCE, MAINTENANCE_SIZE = 0x18000000, 64 << 20
OPERATION = 7  # of a maintenance address
INVALIDATE_SET_WAY, CLEAN_SET_WAY, INVALIDATE_ADDRESS, CLEAN_ADDRESS = range(4)
WINDOW_1, WINDOW = 0x01000000, 16 << 20  # of a maintenance address, bytes
LINE = 8  # bytes
SETS, WAYS = 1024, 2
ALL = (1 << SETS * WAYS) - 1
SETTLE = 20_000  # cycles: a loop over all sets and ways takes fewer

_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t


class XipCache:
    """Both copies of *size* bytes of PSRAM; 0 if there is none."""

    def __init__(self, chip, size):
        self._chip, self.size = chip, size
        self.before = lambda: None  # called before a copy is changed
        self.next = None  # cycle at which a partial clean settles
        self._cleaned = 0  # a bit for each set and way
        if size:
            self.seen, self.held = mmap.mmap(-1, size), mmap.mmap(-1, size)
            self._at = [ctypes.addressof(ctypes.c_char.from_buffer(copy)) for copy in (self.seen, self.held)]
            self._lines = [memoryview(copy).cast("Q") for copy in (self.seen, self.held)]

    def connect(self):
        """Have the cores reach the maintenance addresses."""
        self._chip.uc.mmio_map(MAINTENANCE, MAINTENANCE_SIZE, self._on_read, None, self._on_write, None)

    def clean_all(self):
        """Write everything back to the chip."""
        self._cleaned, self.next = 0, None
        if self.size:
            self.before()
            seen, held = self._at
            ctypes.memmove(held, seen, self.size)

    def invalidate_all(self):
        """Forget everything that was not cleaned."""
        self.settle()
        if not self.size:
            return
        self.before()
        seen, held = self._at
        if _memcmp(seen, held, self.size):
            ctypes.memmove(seen, held, self.size)
            self._chip.uc.ctl_flush_tb()  # code may have changed

    def maintain(self, offset):
        """Do what a write to MAINTENANCE + *offset* asks for."""
        operation = offset & OPERATION
        if operation == CLEAN_SET_WAY:
            self._clean_set_way(offset // LINE % (SETS * WAYS))
        elif operation == INVALIDATE_SET_WAY:
            self.settle()
            self._copy(slice(offset // LINE % SETS, None, SETS), to_chip=False)
        elif operation in (INVALIDATE_ADDRESS, CLEAN_ADDRESS):
            self.settle()
            if WINDOW_1 <= offset < WINDOW_1 + WINDOW and self.size:
                line = (offset - WINDOW_1) % self.size // LINE
                self._copy(slice(line, line + 1), to_chip=operation == CLEAN_ADDRESS)
        else:
            raise BusError("a maintenance operation that the emulator does not have", MAINTENANCE + offset)

    def settle(self):
        """Write back the sets of which all ways were cleaned."""
        ways, self._cleaned, self.next = self._cleaned, 0, None
        both = ways & ways >> SETS
        for number in range(SETS):
            if both >> number & 1:
                self._copy(slice(number, None, SETS), to_chip=True)

    def tick(self):
        """Settle if it is time."""
        if self.next is not None and self._chip.now >= self.next:
            self.settle()

    def _clean_set_way(self, number):
        self._cleaned |= 1 << number
        if self._cleaned == ALL:
            self.clean_all()
        elif self.next is None:
            self.next = self._chip.now + SETTLE
            self._chip.wake_at(self.next)

    def _copy(self, lines, to_chip):
        if self.size:
            self.before()
            seen, held = self._lines
            if to_chip:
                held[lines] = seen[lines]
            else:
                seen[lines] = held[lines]
                self._chip.uc.ctl_flush_tb()

    def _on_read(self, uc, offset, size, _):
        return 0

    def _on_write(self, uc, offset, size, value, _):
        try:
            self.maintain(offset)
        except BusError as error:
            self._chip.bus_fault(error.what, error.address)
