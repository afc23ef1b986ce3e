"""The early phase of a board with PSRAM: regions that are not there are left out of the map, then comes what is the
same on all boards.

The port's driver asks the chip for its size when the board starts. A board whose chip is smaller than the map says, is
not fitted or does not answer comes up with its other regions.
"""

import physmem_board
import physmem_psram


def regions_that_exist(regions, psram, end):
    """The entries of `regions` without those in the addresses of `psram`, ``(base, limit)``, that go beyond `end`,
    where the PSRAM that was found ends. Says which."""
    found = []
    for region in regions:
        needed = region[1] + region[2]
        if psram[0] <= region[1] < psram[1] and needed > end:
            there = "ends at %#x" % end if end > psram[0] else "was not found"
            print("physmem: there is no region %s: it needs PSRAM up to %#x, which %s" % (region[0], needed, there))
        else:
            found.append(region)
    return tuple(found)


physmem_board.REGIONS = regions_that_exist(
    physmem_board.REGIONS, (physmem_psram.BASE, physmem_psram.LIMIT), physmem_psram.end()
)

import physmem_boot  # noqa: E402, F401
