"""The boot RAM, 1 KiB that the boot ROM leaves its data in, and the boot locks (RP2350 datasheet 4.3)."""

from block import Block

SIZE = 0x400  # bytes of memory
BOOTLOCK_STAT, BOOTLOCK0, BOOTLOCK_END = 0x808, 0x80C, 0x82C
ALL = 0xFF


class BootRam(Block):
    """The memory's words, and eight locks: a read takes a lock that is free, any write frees it."""

    HAS_BYTE_LANES = True

    def reset(self):
        super().reset()
        self._free = ALL

    def peek(self, offset):
        if offset == BOOTLOCK_STAT:
            return self._free
        if BOOTLOCK0 <= offset < BOOTLOCK_END:
            return self._free & 1 << (offset - BOOTLOCK0) // 4
        return super().peek(offset)

    def read(self, offset):
        value = self.peek(offset)
        if BOOTLOCK0 <= offset < BOOTLOCK_END:
            self._free &= ~value
        return value

    def write(self, offset, value):
        if BOOTLOCK0 <= offset < BOOTLOCK_END:
            self._free |= 1 << (offset - BOOTLOCK0) // 4
        elif offset == BOOTLOCK_STAT:
            self._free = value & ALL
        else:
            super().write(offset, value)
