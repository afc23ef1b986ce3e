"""Simulate power failures between any two stores: the content of memory after a cut, and bitmaps on which to try it.

A call reads only what it found or stored itself. So the memory after a cut behind the k-th store of a call is the
memory before the call with the first k stores of the complete call applied.
"""

import uctypes
from array import array
from contextlib import contextmanager
from unittest import mock


class Journal(array):
    """Words of a state that record each store: `stores` are pairs of word and value."""

    def __new__(cls, words):
        journal = super().__new__(cls, "I", words)
        journal.stores = []
        return journal

    def __setitem__(self, i, value):
        self.stores.append((i, value))
        super().__setitem__(i, value)

    def begin(self, words):
        """Take the content `words` and forget all stores."""
        super().__setitem__(slice(None), words)
        self.stores = []

    def cuts(self, words):
        """Generate the content after none of the recorded stores, after one, and so on; `words` is the content before.

        It is always the same array, which changes.
        """
        cut = array("I", words)
        yield cut
        for i, value in self.stores:
            cut[i] = value
            yield cut


class PowerCut(BaseException):
    """The power has failed: no more stores take place."""


@contextmanager
def power_fails_after(stores, memory):
    """Let `stores` stores into `memory`, a range of addresses, take place; at the next one, leave the `with` block.

    If `stores` is None, all take place. Yield a list whose only element is the number of stores so far. Counted are
    stores through a cast to ptr32 to addresses where no array starts, which are those into records.
    """
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
    """Generate each way in which `blocks` blocks in a row can be free or in use.

    Each is a list of allocations ``(first block, number of blocks)``, in order.
    """
    if blocks == 0:
        yield []
        return
    for allocations in maps(blocks - 1):
        yield allocations
        yield [*allocations, (blocks - 1, 1)]
        if allocations and sum(allocations[-1]) == blocks - 1:
            yield [*allocations[:-1], (allocations[-1][0], allocations[-1][1] + 1)]
