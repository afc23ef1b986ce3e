"""Everything that a refused call must not change, as one value to compare before and after.

Left out is what a refused call may change: the count of failed requests, and the version of a region's state, which
counts the critical sections of a shared region.
"""

from physmem_state import STATE_FAILED, STATE_VERSION
from support import spare_owners


def of_region(region):
    """Return name, place and metadata of one region, byte for byte."""
    state = bytearray(bytes(region._state))
    for word in (STATE_FAILED, STATE_VERSION):
        state[4 * word : 4 * word + 4] = bytes(4)
    return (region.name, region.base, region.end, region.frame_size, region.attrs, bytes(state))


def of_system(physmem):
    """Return every region, the statistics, and how many spare owners are left."""
    statistics = []
    for name, row in physmem.stats().items():
        statistics.append((str(name), [(key, row[key]) for key in sorted(row) if key != "failed"]))
    return (
        [of_region(region) for region in physmem.regions()],
        sorted(statistics),
        spare_owners(),
    )
