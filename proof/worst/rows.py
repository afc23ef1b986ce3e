"""The rows of docs/worst_case.md: the most expensive calls that a search has found, and what is proven of such calls.

A row is one of benchmarks/studies/worst_maps.json: benchmarks/studies/adversary.py describes it. The figures there are
instructions of MicroPython's `result = alloc(n)`, counted on MPS2_AN385. The machine code's part of each is what it
executes on the same map; the rest is MicroPython's, and the same for all calls with as many arguments: `constants`
counts it.
"""

import json
from dataclasses import dataclass

from proof.any_size.locking import Lock
from proof.machine.machine_code import ROOT
from proof.machine.running import Machine
from proof.source import reference

WORST_MAPS = ROOT / "benchmarks" / "studies" / "worst_maps.json"
FIRST_NUMBER = 0x21000000 // 256  # of the first frame of the regions in which the calls are counted
ANY = 0  # frames


@dataclass
class Row:
    """`call` of `frames` frames, ANY for any number, in a region of `size` frames. `is_natural`: at a multiple of as
    many. `found`: the instructions of the example, which has `arguments` and the allocations `used`."""

    name: str
    call: str
    frames: int
    is_natural: bool
    size: int
    is_shared: bool
    found: int
    arguments: tuple
    used: list

    @property
    def lock(self):
        return Lock(1 if self.is_shared else 0, False, False)

    def key(self):
        """Return (row, column) of the table."""
        return (self.size, self.is_shared, self.frames), (self.call, self.is_natural)


def read():
    """Return the Rows."""
    return [_row(each) for each in json.loads(WORST_MAPS.read_text())]


def _row(each):
    name, n = each["name"], each["n"]
    is_any = "any number" in name
    return Row(
        name=name,
        call=each["call"],
        frames=ANY if is_any else n,
        is_natural="at a multiple of" in name,
        size=each["frames"],
        is_shared=each["shared"],
        found=each["instructions"],
        arguments=tuple(each["arguments"]),
        used=each["used"],
    )


def steps(function, row):
    """Return the instructions that the machine code executes for a row's example."""
    state = reference.new_state(row.size, FIRST_NUMBER, row.lock.word)
    machine = Machine(function)
    for first, count in row.used:
        if machine.direct(state, "alloc_at", first, count) != first:
            raise ValueError(f"{row.name}: {count} frames from {first} on are not free, which the map says are used")
    if machine.direct(state, row.call, *row.arguments) < 0:
        raise ValueError(f"{row.name}: the call on the map is refused")
    return machine.steps


def constants(function, rows):
    """Return {number of arguments: the instructions of MicroPython around the machine code}. Raise ValueError if they
    are not the same for all rows."""
    found = {}
    for row in rows:
        rest = row.found - steps(function, row)
        if found.setdefault(len(row.arguments), rest) != rest:
            raise ValueError(f"{row.name}: {rest} instructions are not the machine code's: run make adversary")
    return found
