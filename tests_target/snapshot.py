"""All that a refused call must leave as it was, as one value to compare before and after.

Left out is what a refused call may change: the count of failed requests.
"""

import sys

_FAILED = 3  # word of a region's state, see physmem_engine


def of_region(region):
    """Name, place and metadata of one region, byte for byte."""
    state = bytearray(bytes(region._state))
    for i in range(4 * _FAILED, 4 * _FAILED + 4):
        state[i] = 0
    return (region.name, region.base, region.end, region.frame_size, region.attrs, bytes(state))


def of_system(physmem):
    """Every region, the statistics, and how many owners made in advance are left."""
    statistics = []
    for name, row in physmem.stats().items():
        statistics.append((str(name), [(key, row[key]) for key in sorted(row) if key != "failed"]))
    return (
        [of_region(region) for region in physmem.regions()],
        sorted(statistics),
        sys.modules["physmem_frames"]._spare_next,
    )
