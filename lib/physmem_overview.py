"""What there is and what is used now: `stats`; and what is wrong with it: `check`.

This is a part of physmem_system, which loads it on first use.
"""

import physmem_system
from physmem_region import RESERVED

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
    table = {}
    total = dict.fromkeys(_STATISTICS, 0)
    for found in physmem_system.regions():
        used, shift = found.used_frames, found.shift
        free = found.frames - used
        largest = found.largest_free()
        values = (found.frames, free, used, found.peak_used, found.failed, found.frames << shift, free << shift)
        values += (used << shift, largest, largest << shift)
        table[found.name] = row = dict(zip(_STATISTICS, values))
        if not found.attrs & RESERVED:
            for key in _STATISTICS[:-2]:
                total[key] += row[key]
            if row["largest_bytes"] > total["largest_bytes"]:
                total["largest"], total["largest_bytes"] = largest, row["largest_bytes"]
    table[None] = total
    return table


def check():
    """Do what `physmem.check` does."""
    wrong = []
    for found in physmem_system.each_region():
        wrong.extend(found.check())
    for find in physmem_system._checks:
        wrong.extend(find())
    return wrong
