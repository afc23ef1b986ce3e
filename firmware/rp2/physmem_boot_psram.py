"""Run the early phase of a board with PSRAM: as physmem_boot does, without the regions that do not exist.

boot_stage.c runs this instead of physmem_boot. The port's driver asks the PSRAM chip for its size when the board
starts. If the chip is smaller than the memory plan says, is not fitted or does not respond, the board comes up with its
other regions.
"""

import physmem
import physmem_board
import physmem_psram


class FoundBoard:
    """The memory plan physmem_board, but for its REGIONS."""

    def __init__(self, regions):
        self.REGIONS = regions

    def __getattr__(self, name):
        return getattr(physmem_board, name)


def regions_that_exist(regions, psram, end):
    """Return the entries of `regions` without those in PSRAM that do not exist, and print which these are.

    PSRAM has the addresses `psram`, ``(base, limit)``. The PSRAM that was found ends at the address `end`.
    """
    found = []
    for region in regions:
        needed = region[1] + region[2]
        if psram[0] <= region[1] < psram[1] and needed > end:
            there = "ends at %#x" % end if end > psram[0] else "was not found"
            print("physmem: there is no region %s: it needs PSRAM up to %#x, which %s" % (region[0], needed, there))
        else:
            found.append(region)
    return found


physmem.boot(
    FoundBoard(
        regions_that_exist(physmem_board.REGIONS, (physmem_psram.BASE, physmem_psram.LIMIT), physmem_psram.end())
    )
)
physmem.boot_complete()
