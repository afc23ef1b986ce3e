"""A block of registers, as the bus sees it.

A block that has a model overrides `read`, `write` and, where a read has an effect, `peek`. Offsets are bytes from the
start of the block, without the bits of an atomic alias (bus.py).
"""


class BusError(Exception):
    """The bus refuses an access. *what* says which, for example "a write to the PSRAM in direct mode"."""

    def __init__(self, what, address):
        super().__init__(f"{what} at {address:#010x}")
        self.what, self.address = what, address


class Block:
    """Registers that keep what was written to them."""

    RESET = {}
    """Offset -> the value after a reset, where that is not 0."""
    ACT_ON_ONES = frozenset()
    """Offsets of registers in which a written 1 acts and a 0 does nothing: all aliases pass the bits as they are."""
    HAS_BYTE_LANES = False
    """Whether 1 or 2 bytes can be written alone; in other blocks they appear in all lanes of the register."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Take the values after a reset."""
        self.values = dict(self.RESET)

    def peek(self, offset):
        """Return the register at *offset* without the effects of a read: what an atomic alias starts from."""
        return self.values.get(offset, 0)

    def read(self, offset):
        """Return the register at *offset*."""
        return self.peek(offset)

    def write(self, offset, value):
        """Write 32 bits to the register at *offset*."""
        self.values[offset] = value


class Unmodelled(Block):
    """A block without a model: it keeps what was written and records who asked.

    *touched* is the dict to record in: (name of the block, offset, "read" or "write") -> how often.
    """

    def __init__(self, name, touched):
        self.name, self.touched = name, touched
        super().__init__()

    def read(self, offset):
        self._touch(offset, "read")
        return self.peek(offset)

    def write(self, offset, value):
        self._touch(offset, "write")
        self.values[offset] = value

    def _touch(self, offset, what):
        key = self.name, offset, what
        self.touched[key] = self.touched.get(key, 0) + 1
