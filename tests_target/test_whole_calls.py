"""A call of the engine as bytecode is whole: what comes into its middle is refused, and what ends it is made good.

Machine code has no middle for Ctrl-C, the scheduler and finalizers. Here each store of a call is where one of them
comes: `Stores` stands for the memory that the engine stores to.
"""

import sys

import micropython
import physmem
import physmem_engine as engine
import physmem_state
from array import array
from support import raises

NEEDS = ("bytecode",)

FRAMES = 200
# (first, n); the rest is free: 5 frames from 3, 6 from 30, 24 from 76 and 73 from 127.
ALLOCATIONS = ((0, 3), (8, 22), (36, 40), (100, 20), (120, 7))


class Stores:
    """The engine's memory, which calls `come` before the store of that number, from 0 on."""

    def __init__(self, number, come):
        self.memory = engine.memory_32
        self.number = number
        self.come = come
        self.stores = 0

    def __getitem__(self, i):
        return self.memory[i]

    def __setitem__(self, i, value):
        number = self.stores
        self.stores += 1
        if number == self.number:
            self.come()
        self.memory[i] = value

    def __enter__(self):
        engine.memory_32 = self
        return self

    def __exit__(self, exception_type, exception, traceback):
        engine.memory_32 = self.memory


def region_with_allocations():
    region = physmem.Region("whole", 0x10000000, FRAMES * 4096, attrs=physmem.SHARED)
    for first, n in ALLOCATIONS:
        assert region.alloc_at(first, n) == first
    return region


def calls_of(region):
    """Return each kind of call that changes a state, as functions."""
    address = region.address
    return (
        lambda: region.alloc(5),
        lambda: region.alloc(40),
        lambda: region.alloc_aligned(8, 8),
        lambda: region.alloc_at(127, 70),
        lambda: region.free(36),
        lambda: region.free(0),
        lambda: engine.allocate_within(address, 24, 1, 0, 40, FRAMES),
        lambda: engine.resize_allocation(address, 120, 7, 70),
        lambda: engine.resize_allocation(address, 36, 40, 2),
    )


def rows_of(state):
    return state[physmem_state.STATE_ROW : state[physmem_state.STATE_PLANES]]


def interrupt():
    raise KeyboardInterrupt("Ctrl-C")


def test_a_call_that_is_ended_has_happened_or_not():
    """At each of its stores. The rows are those of before or of after the call, and all that derives from them fits."""
    for which in range(len(calls_of(region_with_allocations()))):
        region = region_with_allocations()
        before = array("I", rows_of(region._state))
        with Stores(-1, interrupt) as stores:
            calls_of(region)[which]()
        after = array("I", rows_of(region._state))
        assert before != after and stores.stores >= 4, which
        for number in range(stores.stores):
            region = region_with_allocations()
            with Stores(number, interrupt):
                raises(KeyboardInterrupt, calls_of(region)[which])
            assert rows_of(region._state) in (before, after), (which, number)
            assert region.check() == [], (which, number)
            assert not engine.in_handler()


def test_what_comes_into_a_call_is_refused():
    """As in an interrupt handler, also on a SHARED region. Afterwards the call is complete."""
    region = region_with_allocations()
    found = []

    def come():
        found.append(engine.in_handler())
        for call in calls_of(region):
            found.append(call())

    before = region.used_frames
    with Stores(2, come):
        first = region.alloc(5)
    assert first == 3 and region.used_frames == before + 5 and region.check() == []
    assert found == [1] + [physmem.NOT_PERMITTED] * len(calls_of(region)), found
    assert not engine.in_handler() and region.free(3) == 5


def test_a_repair_that_is_ended_is_done_at_the_next_call():
    """Ctrl-C twice: the second one ends the repair of what the first one ended."""
    import physmem_whole

    region = region_with_allocations()
    repair = engine.repair

    def ended(address, *rest):
        physmem_whole.running[1] = address
        raise KeyboardInterrupt("Ctrl-C")

    engine.repair = ended
    try:
        with Stores(1, interrupt):  # the start is stored, its frames are not
            raises(KeyboardInterrupt, region.alloc, 5)
    finally:
        engine.repair = repair
    assert region.check() != []
    assert region.alloc(1) == 3 and region.free(3) == 1
    assert region.check() == [] and physmem_whole.running == [0, 0]


def test_with_the_heap_locked():
    """A call needs no heap, or it is refused before anything has changed: with words of 32 bits."""
    # The harness for WebAssembly replaces the module by one that only counts.
    locks = getattr(__import__("__main__"), "real_micropython", micropython)
    for which in range(len(calls_of(region_with_allocations()))):
        region = region_with_allocations()
        call = calls_of(region)[which]
        before = array("I", region._state)
        ended = False
        locks.heap_lock()
        try:
            call()
            ended = True
        except MemoryError:
            pass
        finally:
            locks.heap_unlock()
        assert ended == (sys.maxsize >> 31 != 0), which
        assert (region._state == before) != ended, which
        assert region.check() == [] and not engine.in_handler()
