"""Power that fails between any two stores: what memory then holds, and maps on which to try it.

A call reads nothing that it has not stored or found, so that memory cut after the k-th store of a call is what it was
before the call with the first k stores of the whole call done.
"""

import uctypes
from array import array
from contextlib import contextmanager
from unittest import mock


class Journal(array):
    """Words of a state that note each store: `stores` are pairs of word and value."""

    def __new__(cls, words):
        journal = super().__new__(cls, "I", words)
        journal.stores = []
        return journal

    def __setitem__(self, i, value):
        self.stores.append((i, value))
        super().__setitem__(i, value)

    def begin(self, words):
        """Have the content `words`, with nothing stored since."""
        super().__setitem__(slice(None), words)
        self.stores = []

    def cuts(self, words):
        """Generate the content after no store of those noted, after one, and so on: `words` was the content before.
        It is one array, that changes."""
        cut = array("I", words)
        yield cut
        for i, value in self.stores:
            cut[i] = value
            yield cut


class PowerCut(BaseException):
    """No store takes place any more."""


@contextmanager
def power_fails_after(stores, memory):
    """Let so many stores into `memory` take place, a range of addresses, and have the power fail at the next: what runs
    within is left there. `stores` of None let all be. Yields a list whose one element is the number of stores that have
    taken place. Stores through a cast to ptr32 are seen, of addresses where no array begins: those into records."""
    done = [0]
    store = uctypes._Words.__setitem__

    def store_or_fail(words, i, value):
        if words._address + 4 * i in memory:
            if done[0] == stores:
                raise PowerCut
            done[0] += 1
        store(words, i, value)

    with mock.patch.object(uctypes._Words, "__setitem__", store_or_fail):
        try:
            yield done
        except PowerCut:
            pass


def maps(blocks):
    """Generate each way in which so many blocks in a row may be free or in use: a list of allocations, ``(first block,
    number of blocks)``, by block."""
    if blocks == 0:
        yield []
        return
    for allocations in maps(blocks - 1):
        yield allocations
        yield [*allocations, (blocks - 1, 1)]
        if allocations and sum(allocations[-1]) == blocks - 1:
            yield [*allocations[:-1], (allocations[-1][0], allocations[-1][1] + 1)]
