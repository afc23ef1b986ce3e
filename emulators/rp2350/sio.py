"""The single-cycle I/O block (RP2350 datasheet 3.1) as each core sees it, except what each_instruction.c does: the
core's number and the spin locks.

The interpolators, the RISC-V timer and the TMDS encoder are not modelled: their registers are recorded as touched and
read as 0.
"""

import doorbells
import gpio
from bus import narrow

FIFO_ST, FIFO_WR, FIFO_RD, SPINLOCK_ST = 0x50, 0x54, 0x58, 0x5C


class Sio:
    """The registers, by their offset, of the core that executes."""

    def __init__(self, chip, pins, fifos, bells, touched):
        self._chip, self._pins, self._fifos, self._bells, self._touched = chip, pins, fifos, bells, touched

    def on_read(self, uc, offset, size, _):
        """Answer unicorn: return *size* bytes at *offset*."""
        return narrow(self._read(offset & 0xFFC), offset, size)

    def on_write(self, uc, offset, size, value, _):
        """Answer unicorn: write *size* bytes, which appear in all lanes (2.1.5)."""
        if size < 4:
            value = (value & 0xFF) * 0x01010101 if size == 1 else (value & 0xFFFF) * 0x00010001
        self._write(offset & 0xFFC, value)

    def _read(self, offset):
        core = self._chip.core.index
        if offset in (gpio.IN, gpio.HI_IN) or gpio.OUT <= offset < gpio.END:
            return self._pins.read_register(offset)
        if offset == FIFO_ST:
            return self._fifos.status(core)
        if offset == FIFO_RD:
            return self._fifos.read(core)
        if offset == SPINLOCK_ST:
            return self._chip.state.locks
        if doorbells.OUT_SET <= offset <= doorbells.IN_CLR:
            return self._bells.read(core, offset)
        self._touch(offset, "read")
        return 0

    def _write(self, offset, value):
        core = self._chip.core.index
        if gpio.OUT <= offset < gpio.END:
            self._pins.write_register(offset, value)
        elif offset == FIFO_ST:
            self._fifos.clear_sticky(core)
        elif offset == FIFO_WR:
            self._fifos.write(core, value)
        elif doorbells.OUT_SET <= offset <= doorbells.IN_CLR:
            self._bells.write(core, offset, value)
        else:
            self._touch(offset, "write")

    def _touch(self, offset, what):
        key = "SIO", offset, what
        self._touched[key] = self._touched.get(key, 0) + 1
