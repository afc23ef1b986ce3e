"""A machine with a memory map of its own, whose memory the test holds, so that it keeps its content over resets.

A reset is a physmem imported anew that boots over the same memory. Regions at addresses of one's own choice need no
memory as long as nobody reads or writes their frames: the library does not.
"""

from support import fresh_physmem
from uctypes import addressof

FRAME = 256
RECORD = 64  # bytes of a record; the first two of the memory for records count the resets


class KeptMemory:
    """`nbytes` bytes from the address `base` on, a multiple of `align`; `view` is what is in them."""

    def __init__(self, nbytes, align):
        self._memory = bytearray(nbytes + align)
        address = addressof(self._memory)
        self.base = address + -address % align
        self.view = memoryview(self._memory)[self.base - address :][:nbytes]


class KeptMachine:
    """A machine with `regions`, as REGIONS of a memory map, but that a base of None is memory that is kept; and with
    `records` bytes for records. Both may be changed between two resets."""

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

    def begin(self):
        """Reset, up to the early phase: returns physmem with the heap locked."""

        class Board:
            REGIONS = tuple(self.regions)
            OCCUPIED = tuple(self.occupied)
            RETAINED_RECORDS = self.records

        physmem = fresh_physmem()
        physmem.boot(Board)
        return physmem

    def reset(self):
        """Reset, and end the early phase: returns physmem."""
        physmem = self.begin()
        physmem.boot_complete()
        return physmem

    def power_off(self):
        """The records lose their content."""
        for i in range(len(self.memory_of_records.view)):
            self.memory_of_records.view[i] = 0xA5


def one_region(frames=32, frame_size=FRAME, records=4096):
    """A machine with one RETAINED region, "ram"."""
    return KeptMachine(("ram", None, frames * frame_size, frame_size, "RETAINED"), records=records)


def without_records(*regions):
    """A machine whose memory map has no RETAINED_RECORDS."""
    machine = KeptMachine(*regions)
    machine.records = None
    return machine


def kept(machine, physmem):
    """All that a refused call must leave as it was: the records byte for byte, who has which frames, what is listed."""
    return (
        bytes(machine.memory_of_records.view),
        [(region.name, list(region.runs())) for region in physmem.regions()],
        physmem.retained(),
        [(frames.addr, frames.count, frames.state) for frames in physmem.quarantined()],
    )


def pattern(nbytes, seed):
    """Bytes that are others for each `seed`."""
    content = bytearray(nbytes)
    for i in range(nbytes):
        content[i] = (i * 11 + seed * 37 + (i >> 8)) & 0xFF
    return content


def used(physmem):
    """Frames in use of all regions that are not reserved."""
    return physmem.stats()[None]["used"]
