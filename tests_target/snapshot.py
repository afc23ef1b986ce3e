"""All that a refused call must leave as it was, as one value to compare before and after.

Left out is what a refused call may change: the count of failed requests, and the version of a region's state, which
counts the critical sections of a shared one.
"""

import sys

# Words of a region's state, from the table of physmem_engine.
_FAILED = 3
_VERSION = 5


def of_region(region):
    """Name, place and metadata of one region, byte for byte."""
    state = bytearray(bytes(region._state))
    for word in (_FAILED, _VERSION):
        state[4 * word : 4 * word + 4] = bytes(4)
    return (region.name, region.base, region.end, region.frame_size, region.attrs, bytes(state))


def of_system(physmem):
    """Every region, the statistics, and how many owners made in advance are left."""
    statistics = []
    for name, row in physmem.stats().items():
        statistics.append((str(name), [(key, row[key]) for key in sorted(row) if key != "failed"]))
    return (
        [of_region(region) for region in physmem.regions()],
        sorted(statistics),
        sys.modules["physmem_frames"].spare_owners(),
    )
