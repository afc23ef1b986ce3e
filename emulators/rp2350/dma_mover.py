"""The transfers of a DMA channel: as many at once as nothing forbids, and otherwise one after another."""

from block import BusError
from dma_channel import (
    BSWAP,
    INCR_READ,
    INCR_READ_REV,
    INCR_WRITE,
    INCR_WRITE_REV,
    READ,
    RING_SEL,
    RING_SIZE_LSB,
    SIZE_LSB,
    WRITE,
)

ADDRESSES = 1 << 32


class Mover:
    """It moves between *memory* and the registers of *bus*. With *wraps* False, rings do not wrap."""

    def __init__(self, bus, memory, wraps):
        self._bus, self._memory, self._wraps = bus, memory, wraps

    def move(self, channel, transfers):
        """Make *transfers* of *channel* and leave its addresses where the next one continues. Return *transfers*.

        Raise BusError if the bus refuses one, with the attributes *moved*, the transfers before it, and *is_write*.
        """
        size = 1 << (channel.control >> SIZE_LSB & 3)
        left = transfers
        while left:
            # A write to a register may change the channel itself, so look at CTRL each time.
            reader = Side(channel.control, READ, size, self._wraps)
            writer = Side(channel.control, WRITE, size, self._wraps)
            source, target = channel.addresses
            at_once = min(reader.run(source, left), writer.run(target, left))
            made = self._block(source, target, reader, writer, size, at_once, channel.control)
            if not made:
                try:
                    self._one(source, target, size, channel.control)
                except BusError as refused:
                    refused.moved = transfers - left
                    raise
                made = 1
            channel.addresses[:] = reader.after(source, made), writer.after(target, made)
            left -= made
        return transfers

    def _block(self, source, target, reader, writer, size, transfers, control):
        """Make up to *transfers* between memory and memory. Return how many, 0 if only single ones are possible."""
        if reader.step not in (0, size) or writer.step not in (0, size) or (source | target) & (size - 1):
            return 0
        if source < target < source + transfers * size and reader.step:
            if not writer.step:
                return 0
            transfers = (target - source) // size  # later ones read what these write
        length = transfers * size
        data = self._memory.read(source, length if reader.step else size)
        if data is None:
            return 0
        if control & BSWAP:
            data = swapped(data, size)
        if not writer.step:
            data = data[-size:]
        elif not reader.step:
            data = data * transfers
        return transfers if self._memory.write(target, data) else 0

    def _one(self, source, target, size, control):
        value = self._read(source, size)
        if control & BSWAP:
            value = int.from_bytes(value.to_bytes(size, "big"), "little")
        self._write(target, size, value)

    def _read(self, address, size):
        try:
            if address & (size - 1):
                raise BusError("unaligned read of a DMA channel", address)
            data = self._memory.read(address, size)
            return self._bus.read(address, size) if data is None else int.from_bytes(data, "little")
        except BusError as refused:
            refused.is_write = False
            raise

    def _write(self, address, size, value):
        try:
            if address & (size - 1):
                raise BusError("unaligned write of a DMA channel", address)
            if not self._memory.write(address, value.to_bytes(size, "little")):
                self._bus.write(address, size, value)
        except BusError as refused:
            refused.is_write = True
            raise


class Side:
    """How a channel's read or write address goes on: `step` bytes a transfer, in a ring or not (12.6.3.1)."""

    def __init__(self, control, which, size, wraps):
        increments = control & (INCR_READ if which == READ else INCR_WRITE)
        reverses = control & (INCR_READ_REV if which == READ else INCR_WRITE_REV)
        self.step = (-size if reverses else size) if increments else 2 * size if reverses else 0
        ring = control >> RING_SIZE_LSB & 15
        is_mine = bool(control & RING_SEL) == (which == WRITE)
        self._mask = (1 << ring) - 1 if ring and is_mine and wraps else None

    def after(self, address, transfers):
        """Return the address after *transfers* from *address*."""
        there = (address + self.step * transfers) % ADDRESSES
        return there if self._mask is None else address & ~self._mask | there & self._mask

    def run(self, address, transfers):
        """Return how many of *transfers*, at least 1, come before the address wraps."""
        if self._mask is None or self.step <= 0:
            return transfers
        return min(transfers, max(1, ((address | self._mask) + 1 - address) // self.step))


def swapped(data, size):
    """Return *data* with the bytes of each element of *size* bytes in the other order."""
    out = bytearray(len(data))
    for i in range(size):
        out[i::size] = data[size - 1 - i :: size]
    return bytes(out)
