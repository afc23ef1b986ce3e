"""What there is and what is used now: `stats`; what is wrong with it: `check`; and whose it is.

This is a part of physmem_system, loaded on first use.
"""

import physmem_region
import physmem_system
from physmem_errors import expect_heap
from uctypes import addressof

_STATISTICS = (
    "frames",
    "free",
    "used",
    "peak",
    "failed",
    "total_bytes",
    "free_bytes",
    "used_bytes",
    "largest",
    "largest_bytes",
)


def stats():
    """Do what `physmem.stats` does."""
    expect_heap("stats()")
    table = {}
    total = dict.fromkeys(_STATISTICS, 0)
    for found in physmem_system.regions():
        used, shift = found.used_frames, found.shift
        free = found.frames - used
        largest = found.largest_free()
        values = (found.frames, free, used, found.peak_used, found.failed, found.frames << shift, free << shift)
        values += (used << shift, largest, largest << shift)
        table[found.name] = row = dict(zip(_STATISTICS, values))
        if not found.attrs & physmem_region.RESERVED:
            for key in _STATISTICS[:-2]:
                total[key] += row[key]
            if row["largest_bytes"] > total["largest_bytes"]:
                total["largest"], total["largest_bytes"] = largest, row["largest_bytes"]
    table[None] = total
    return table


def check():
    """Do what `physmem.check` does."""
    expect_heap("check()")
    wrong = []
    for found in physmem_system.each_region():
        wrong.extend(found.check())
    for find in physmem_system._checks:
        wrong.extend(find())
    return wrong


def is_occupied(found):
    """Return whether the Region `found` is memory that the firmware occupies, which `boot` has set aside."""
    return found in physmem_system._occupied


def is_of_the_heap(found):
    """Return whether the memory of the Region `found` is the collector's, from whom physmem has taken it."""
    for memory in physmem_system._held:
        start = addressof(memory)
        if start <= found.base and found.end <= start + len(memory):
            return True
    return False


def attribute_names(attrs):
    """Return the names of the attributes in `attrs`, such as "DMA FAST"."""
    return " ".join([name for bit, name in enumerate(physmem_region.ATTRIBUTES) if (attrs >> bit) & 1])


_owner_of = None  # set by the debug tiers with `tell_owners_with`


def tell_owners_with(function):
    """Have `owner_at` ask ``function(region, first)``; None stops that. The debug tiers attach themselves here."""
    global _owner_of
    _owner_of = function


def owner_at(region, first):
    """Return ``(owner, is a guard)`` of the allocation that starts at the frame `first` of `region`; None if no debug
    tier records it."""
    return None if _owner_of is None else _owner_of(region, first)
