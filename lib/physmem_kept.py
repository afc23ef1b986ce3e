"""What the records say is kept, as lists: `physmem.retained`, `quarantined` and `dropped`. Loaded when you first call
one of them."""

from collections import namedtuple

import physmem_records as records
from micropython import const
from physmem_errors import expect_heap
from physmem_records import load_word
from physmem_retained import expect_records

_NAMED = const(2)  # this and the others as physmem_records has them
_MAPPED = const(3)
_GENERATION = const(1)
_COUNT = const(4)
_SLACK = const(5)

Retained = namedtuple("Retained", ("name", "addr", "nbytes", "resets", "mapped"))
"""A retained name: the address of its memory, the bytes asked for, the number of resets it has been kept over, and
whether hardware owns it."""


def retained():
    """Serve `physmem.retained`, which says what this does."""
    expect_heap("retained()")
    expect_records()
    found = []
    for slot in range(records.slots):
        if records.kinds[slot] == _NAMED and records.is_sound(records.base + (slot << 6)):
            shift = records.shift(slot)
            addr = records.number(slot) << shift
            nbytes = (load_word(records.base, slot, _COUNT) << shift) - load_word(records.base, slot, _SLACK)
            is_mapped = records.mapped_at(slot) >= 0
            found.append(Retained(records.name(slot), addr, nbytes, _resets(slot), is_mapped))
    return sorted(found, key=lambda kept: kept.addr)


def quarantined():
    """Serve `physmem.quarantined`, which says what this does."""
    expect_heap("quarantined()")
    expect_records()
    return [frames for frames in records.quarantined if _is_held(frames)]


def _resets(slot):
    """Return the number of resets since the record was written."""
    return records.generation - load_word(records.base, slot, _GENERATION)


def _is_held(frames):
    """Return whether hardware has owned the frames since before the reset."""
    for slot in range(records.slots):
        if records.owners[slot] is frames and records.kinds[slot] == _MAPPED:
            return _resets(slot) > 0
    return False


def dropped():
    """Serve `physmem.dropped`, which says what this does."""
    expect_heap("dropped()")
    expect_records()
    return list(records.dropped)
