"""A small system in heap memory, for the tests of physmem_debug, which write to frames they do not own."""

import sys

from support import fresh_physmem
from uctypes import addressof, bytearray_at

FRAME = 64


class DebugSystem:
    """A fresh `physmem` with one region for each ``(name, frames, attribute names)``, in frames of FRAME bytes.

    `debug` is the module physmem_debug. Each region starts at a multiple of 16 frames.
    """

    def __init__(self, *layout):
        self.physmem = p = fresh_physmem()
        unit = 16 * FRAME
        self._memory = bytearray(unit + sum([-(-frames // 16) * unit for _, frames, _ in layout]))
        addr = addressof(self._memory)
        addr += -addr % unit
        entries = []
        for name, frames, attributes in layout:
            entries.append((name, addr, frames * FRAME, FRAME, attributes))
            addr += -(-frames // 16) * unit
        sys.modules["physmem_system"]._held += (self._memory,)
        p.init(entries)
        import physmem_debug

        self.debug = physmem_debug

    def region(self, name):
        return self.physmem.region(name)

    def byte(self, region, frame, offset):
        """Return the byte at `offset` bytes from the start of the frame, as a bytearray of one, and its address."""
        addr = region.base + frame * FRAME + offset
        return bytearray_at(addr, 1), addr

    def write(self, region, frame, offset):
        """Change one byte, as a caller that does not own the frame would. Return its address."""
        byte, addr = self.byte(region, frame, offset)
        byte[0] ^= 0x10
        return addr

    def sentence(self):
        """Return the only sentence that check() reports."""
        found = self.physmem.check()
        assert len(found) == 1, found
        return found[0]

    def leaks(self, since=0):
        """Return the leaks as ``(region's name, first, count, owner)``."""
        return [(leak.region.name, leak.first, leak.count, leak.owner) for leak in self.physmem.leaks(since)]


class FailingWrapper:
    """For `wrap_calls`: changes nothing, and raises MemoryError once if `fails` is set."""

    def __init__(self):
        self.fails = False

    def __call__(self, region, state, calls):
        if self.fails:
            self.fails = False
            raise MemoryError("no heap for a wrapper")
        return calls
