"""Run the early phase of a board with PSRAM: as physmem_boot does, without memory that the board lacks.

boot_stage.c runs this instead of physmem_boot. The port's driver asks the PSRAM chip for its size when the board
starts. If the chip is smaller than the memory plan says, is not fitted or does not respond, the board comes up with
what there is, and prints what it lacks. Errors about a region that is not there say it again.
"""

import physmem
import physmem_board
import physmem_psram
import physmem_system
from micropython import const

# Address bits that choose how the chip reaches external memory: cached, uncached, cache maintenance, untranslated.
# Source: RP2350 datasheet, 2.2.2 and 4.4.1.
_WAYS = const(0x0C000000)


class FoundBoard:
    """The memory plan physmem_board, but for its REGIONS and OCCUPIED."""

    def __init__(self, regions, occupied):
        self.REGIONS = regions
        self.OCCUPIED = occupied

    def __getattr__(self, name):
        return getattr(physmem_board, name)


def first_and_end(entry):
    """Return the offsets in PSRAM, in bytes, of an entry's first byte and of its end; None if it lies elsewhere."""
    address = entry[1] & ~_WAYS
    if physmem_psram.BASE <= address < physmem_psram.LIMIT:
        return address - physmem_psram.BASE, address - physmem_psram.BASE + entry[2]
    return None


def size(nbytes):
    """Return a number of bytes as text, rounded down to KiB."""
    return "%d KiB" % (nbytes >> 10) if nbytes & 0xFFFFF else "%d MiB" % (nbytes >> 20)


def what_there_is(board, found):
    """Return ``(board, sentence)``: the memory plan for `found` bytes of PSRAM, and what `board` has beyond it.

    A region that is not all there is left out: a program that was written for the plan is to find all of it or an
    error. What the firmware occupies is the part that exists, which is also the collector's share: see board.c. If all
    is there, the plan is `board` itself, which takes no heap, and the sentence is empty.
    """
    regions = []
    occupied = []
    lacking = []
    expected = 0
    for kind, entries, kept in (("region", board.REGIONS, regions), ("block", board.OCCUPIED, occupied)):
        for entry in entries:
            place = first_and_end(entry)
            if place:
                expected = max(expected, place[1])
                if place[1] > found:
                    if kind == "region" or place[0] >= found:
                        lacking.append("no %s %s" % (kind, entry[0]))
                        continue
                    entry = entry[:2] + (found - place[0],) + entry[3:]
                    lacking.append("block %s has %s" % (entry[0], size(entry[2])))
            kept.append(entry)
    if not lacking:
        return board, ""
    there = size(found) if found else "none"
    sentence = "%s of PSRAM expected, %s found: %s" % (size(expected), there, ", ".join(lacking))
    return FoundBoard(tuple(regions), tuple(occupied)), sentence


def boot():
    board, sentence = what_there_is(physmem_board, physmem_psram.end() - physmem_psram.BASE)
    if sentence:
        print("physmem: " + sentence)
        physmem_system.what_is_missing = "; " + sentence
    physmem.boot(board)
    physmem.boot_complete()


boot()
