"""Which address is whose: the APB and AHB peripherals (RP2350 datasheet 2.2), their atomic aliases (2.1.3) and what
narrow accesses do to registers (2.1.5).

Memory, the single-cycle I/O block (sio.py) and the private bus of a core are not here. An address of this table that
no block has, and one between two blocks, is a bus error.
"""

from block import BusError

ALIASES = 0x3000  # of the address: 0 the register itself, 1 XOR, 2 set, 3 clear
SPAN = 0x4000  # bytes of address space: a block of 4 KiB with its aliases
WORD = 0xFFFFFFFF


class Bus:
    """The blocks by the addresses at which they start."""

    def __init__(self):
        self.blocks = {}

    def add(self, base, block):
        """Place *block* at the address *base*."""
        self.blocks[base] = block

    def connect(self, chip):
        """Have *chip*'s cores reach the blocks."""
        for base in self.blocks:
            chip.uc.mmio_map(base, SPAN, self._reader(chip, base), None, self._writer(chip, base), None)

    def read(self, address, size):
        """Return *size* bytes at *address* as a number. Raise BusError if there is none."""
        block = self._block("read from", address)
        return narrow(block.read(address & 0xFFC), address, size)

    def write(self, address, size, value):
        """Write *size* bytes at *address*. Raise BusError if no register is there."""
        block = self._block("write to", address)
        offset, alias = address & 0xFFC, (address & ALIASES) >> 12
        if size < 4 and block.HAS_BYTE_LANES:
            shift = 8 * (address & 3)
            lanes = (1 << 8 * size) - 1 << shift
            value = value << shift
            if not alias:
                value |= block.peek(offset) & ~lanes
        elif size < 4:
            value = (value & 0xFF) * 0x01010101 if size == 1 else (value & 0xFFFF) * 0x00010001
        if alias and offset not in block.ACT_ON_ONES:
            old = block.peek(offset)
            value = (old ^ value, old | value, old & ~value)[alias - 1]
        block.write(offset, value & WORD)

    def _block(self, verb, address):
        block = self.blocks.get(address & ~(SPAN - 1))
        if block is None:
            raise BusError(f"{verb} an address where nothing is", address)
        return block

    def _reader(self, chip, base):
        read = self.blocks[base].read

        def on_read(uc, offset, size, _):
            try:
                return narrow(read(offset & 0xFFC), offset, size)
            except BusError as error:
                chip.bus_fault(error.what, error.address)
                return 0

        return on_read

    def _writer(self, chip, base):
        def on_write(uc, offset, size, value, _):
            try:
                self.write(base + offset, size, value)
            except BusError as error:
                chip.bus_fault(error.what, error.address)

        return on_write


def narrow(word, address, size):
    """Return the *size* bytes at *address* of the *word* that is there."""
    return word >> 8 * (address & 3) & ((1 << 8 * size) - 1) if size < 4 else word & WORD
