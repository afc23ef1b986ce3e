"""A core with a data cache, as the library sees it: its registers are words of an array.

No machine that runs the tests has such a cache. So the lines are seen where they are written: in the registers.
Those of the System Control Space, from Arm DDI 0403E: CCR at 0xE000ED14, whose bit 16 says that the data cache is on;
CTR at 0xE000ED7C, whose bits 16 to 19 are the logarithm of the words of a line; and one for each kind of work.
"""

from array import array

from support import fresh_physmem, scaled
from uctypes import addressof, bytearray_at

SPACE = 0xE000E000
CCR, CTR = (0xE000ED14 - SPACE) // 4, (0xE000ED7C - SPACE) // 4
DCIMVAC, DCCMVAC, DCCIMVAC = [(addr - SPACE) // 4 for addr in (0xE000EF5C, 0xE000EF68, 0xE000EF70)]
WORKS = (DCIMVAC, DCCMVAC, DCCIMVAC)
INVALIDATE, CLEAN, BOTH = "invalidate", "clean", "clean and invalidate"
NAMES = {DCIMVAC: INVALIDATE, DCCMVAC: CLEAN, DCCIMVAC: BOTH}

UNTOUCHED = 1  # no line has this address, nor one whose lowest byte it is
MOST = scaled(1024, 1024, 256)  # lines that one call touches in these tests, at least

# No board has a heap there: in the low half, in the high one, and the last page of memory.
LOW, HIGH, LAST = 0x18000000, 0xC0000000, 0xFFFFF000


class Core:
    """A core with a data cache, as physmem_cache sees it: its registers, and the barriers that it was told to wait for.

    The first line of a call is stored to the register of the work, and each other one a word behind the line before.
    """

    def __init__(self, physmem, line=32):
        self.physmem = physmem
        self.log = 0
        while 4 << self.log < line:
            self.log += 1
        self.registers = array("I", b"\1\0\0\0" * (DCCIMVAC + MOST + 1))
        self.low_bytes = bytearray_at(addressof(self.registers), 4 * len(self.registers))  # words would take heap
        self.barriers = array("I", [0, 0])  # those that came before a line, and those behind one
        self.turn(True)
        self.cache = __import__("physmem_cache")
        self.before = self.cache._space, self.cache._step, self.cache._barrier
        self.cache._space, self.cache._step, self.cache._barrier = addressof(self.registers), 1, self.barrier

    def turn(self, is_on):
        """Turn the data cache on or off."""
        self.registers[CCR] = 1 << 16 | 0x200 if is_on else 0x200
        self.registers[CTR] = 0x8303C003 & ~(15 << 16) | self.log << 16
        self.as_before = bytes(self.registers)

    def barrier(self):
        """Note a barrier, without heap."""
        is_behind = 0
        for register in WORKS:
            if self.low_bytes[4 * register] != UNTOUCHED:
                is_behind = 1
        self.barriers[is_behind] += 1

    def touched(self):
        """Return (the work, the addresses of its lines), or None; forget them. The barriers must be there."""
        found = None
        for register in WORKS:
            if found is None and self.registers[register] != UNTOUCHED:
                end = register
                while self.registers[end] != UNTOUCHED:
                    end += 1
                found = NAMES[register], list(self.registers[register:end])
                for i in range(register, end):
                    self.registers[i] = UNTOUCHED
        assert bytes(self.registers) == self.as_before, "another register was written"
        assert list(self.barriers) == ([1, 1] if found else [0, 0]), self.barriers
        self.barriers[0] = self.barriers[1] = 0
        return found

    def leave(self):
        self.cache._space, self.cache._step, self.cache._barrier = self.before


def lines_of(addr, nbytes, line=32):
    """Return the addresses of the lines that hold these bytes."""
    first = addr // line
    return [line * (first + i) for i in range((addr + nbytes + line - 1) // line - first)]


def cached(base=HIGH, frames=16, frame_size=64, line=32, attrs="CACHED DMA"):
    """Return a fresh physmem with a region at `base`, and a core with lines of that length."""
    physmem = fresh_physmem()
    physmem.init([("ram", base, frames * frame_size, frame_size, attrs)])
    return physmem, Core(physmem, line)
