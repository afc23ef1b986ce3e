"""A machine with its own memory plan, whose memory the test holds, so that its content survives resets.

A reset is a freshly imported physmem that boots over the same memory. Regions at made-up addresses need no memory as
long as nothing reads or writes their frames. The library does not.
"""

import gc
import sys

import physmem_board
from support import fresh_physmem
from uctypes import addressof

FRAME = 256
RECORD = 64  # bytes of a record; the first two records of the memory count the resets


class KeptMemory:
    """`nbytes` bytes at the address `base`, a multiple of `align`; `view` is their content."""

    def __init__(self, nbytes, align):
        gc.collect()  # a small heap has no such piece beside what earlier tests have left
        self.memory = bytearray(nbytes + align)
        address = addressof(self.memory)
        self.base = address + -address % align
        self.view = memoryview(self.memory)[self.base - address :][:nbytes]


class KeptMachine:
    """A machine with `regions`, as REGIONS of a memory plan, and `records` bytes for records.

    A base of None means memory that is kept. You may change regions and records between two resets.
    """

    def __init__(self, *regions, records=4096):
        self._held = []
        self.regions = []
        for name, base, size, frame_size, attrs in regions:
            if base is None:
                self._held.append(KeptMemory(size, max(frame_size, 4096)))
                base = self._held[-1].base
            self.regions.append((name, base, size, frame_size, attrs))
        self.memory_of_records = KeptMemory(records, 64)
        self.records = (self.memory_of_records.base, records)
        self.occupied = []

    def fresh(self):
        """Return a fresh physmem that allows regions in the memory that is kept."""
        physmem = fresh_physmem()
        for kept in self._held + [self.memory_of_records]:
            sys.modules["physmem_system"]._held += (kept.memory,)
        return physmem

    def begin(self):
        """Reset, up to the early phase. Return physmem with the heap locked."""
        physmem = self.fresh()
        self.boot(physmem)
        return physmem

    def boot(self, physmem):
        """Have a fresh physmem boot, up to the early phase."""

        class Board:
            REGIONS = tuple(self.regions)
            OCCUPIED = tuple(self.occupied)
            RETAINED_RECORDS = self.records
            SPIN_LOCK = getattr(physmem_board, "SPIN_LOCK", 0)

        physmem.boot(Board)

    def reset(self):
        """Reset and end the early phase. Return physmem."""
        physmem = self.begin()
        physmem.boot_complete()
        return physmem

    def power_off(self):
        """Lose the content of the records."""
        for i in range(len(self.memory_of_records.view)):
            self.memory_of_records.view[i] = 0xA5


def one_region(frames=32, frame_size=FRAME, records=4096):
    """Return a machine with one RETAINED region, "ram"."""
    return KeptMachine(("ram", None, frames * frame_size, frame_size, "RETAINED"), records=records)


def without_records(*regions):
    """Return a machine whose memory plan has no RETAINED_RECORDS."""
    machine = KeptMachine(*regions)
    machine.records = None
    return machine


def kept(machine, physmem):
    """Return what a refused call must not change: the bytes of the records, who has which frames, what is listed."""
    return (
        bytes(machine.memory_of_records.view),
        [(region.name, list(region.runs())) for region in physmem.regions()],
        physmem.retained(),
        [(frames.addr, frames.count, frames.state) for frames in physmem.quarantined()],
    )


def pattern(nbytes, seed):
    """Return `nbytes` bytes that differ for each `seed`."""
    content = bytearray(nbytes)
    for i in range(nbytes):
        content[i] = (i * 11 + seed * 37 + (i >> 8)) & 0xFF
    return content


def used(physmem):
    """Return the number of frames in use in all regions that are not reserved."""
    return physmem.stats()[None]["used"]


def names_of(physmem):
    """Return the names that are retained, by address."""
    return [row.name for row in physmem.retained()]
