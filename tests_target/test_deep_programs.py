"""Programs that are so deep in calls that the stack has no room for one more: what then comes out of physmem.

A raw call raises RuntimeError and has done nothing, or does all of it. What the scheduler calls lets no error of
physmem's out.
"""

import sys

import micropython
from deep_calls import can, deep, deepest, wide
from scheduled import run_scheduled
from support import raises
from told import Told
from two_regions import FRAME, SRAM, two_regions

PSRAM = 0x21000000
FRAMES = 16
FEW = 4  # the hook of `on_low` is called when fewer frames are free
LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"


def system():
    return two_regions(FRAMES, PSRAM)


def levels(machine_code):
    """Return from how many calls before the end of the stack on to try: `machine_code` if the engine is that.

    As bytecode, a raw call first sees whether the stack has room for all that it may call: 13 calls more, with that of
    `expect_stack` of physmem_whole itself, and the function round the call.
    """
    return machine_code + (15 if hasattr(sys.modules["physmem_engine"], "memory_32") else 0)


def test_raw_calls():
    """Each raw call, unwatched, at each depth near the end: the region is sound, and no lock is left held."""
    if not LOCKS:
        return  # CPython's engine is Python, and needs room for calls that the others do not make
    physmem = system()
    sram = physmem.region("sram")
    resize_frames = sys.modules["physmem_region"].resize_frames
    top = SRAM + (FRAMES - 1) * FRAME
    calls = (
        (lambda: sram.alloc(3), 0),
        (lambda: sram.alloc_aligned(2, 2), 0),
        (lambda: sram.alloc_at(4, 3), 0),
        (lambda: sram.allocate_within(1, FRAME, 0, top, None), 0),
        (lambda: sram.free(0), 3),
        (lambda: resize_frames(sram, 0, 3, 9), 3),
        (lambda: resize_frames(sram, 0, 3, 1), 3),
    )
    refused = granted = 0
    for walk in (deep, wide):
        limit = deepest(walk)
        for depth in range(limit - levels(5), limit + 1):
            for i in range(len(calls)):
                call, before = calls[i]
                if before:
                    assert sram.alloc(before) == 0
                if can(walk, depth, call):
                    granted += 1
                    assert sram.used_frames == (3, 2, 3, 1, 0, 9, 1)[i], (depth, i)
                else:
                    refused += 1
                    assert sram.used_frames == before, (depth, i)
                assert sram.check() == [], (depth, i)
                for first, _, free in sram.runs():
                    if not free:
                        assert sram.free(first) > 0
    assert refused and granted


class Scheduler:
    """Stands for the module `micropython` in physmem_low: keeps what it would schedule."""

    def __init__(self):
        self.call = None

    def schedule(self, function, argument):
        self.call = function, argument


def test_hook_when_the_program_is_deep():
    """Whatever is left of the stack when the scheduler calls: nothing of physmem comes out, and the hook is called then
    or after the next allocation."""
    physmem = system()
    sram = physmem.region("sram")
    told = Told()
    physmem.on_low("sram", FEW, told)
    low = sys.modules["physmem_low"]
    scheduler, real = Scheduler(), low.micropython
    assert sram.alloc(FRAMES - FEW) == 0
    outcomes = set()
    for walk in (deep, wide):
        limit = deepest(walk)
        for depth in range(limit - 6, limit + 1):
            low.micropython = scheduler
            first = sram.alloc(1)
            low.micropython = real
            function, argument = scheduler.call

            def as_the_scheduler():
                function(argument)  # noqa: B023

            if not can(walk, depth, as_the_scheduler):
                # There was no room for `as_the_scheduler`, or to enter what it calls. Nothing of that raised the error.
                assert depth >= limit - 1 and told.since() == 0
                sram.free(first)
                physmem.on_low("sram", FEW, told)
                continue
            now = told.since()
            assert sram.alloc(1) > 0
            later = told.since()
            assert now + later == 1, (walk, depth, now, later)
            outcomes.add((now, later))
            assert sram.free(first) == 1 and sram.free(first + 1) == 1
            assert told.since() == 0
    assert outcomes == {(1, 0), (0, 1)}, outcomes


def test_allocations_of_a_program_that_is_deep():
    """A raw call near the end of the stack raises RuntimeError and has done nothing, or returns as always. The hook is
    called once in any case."""
    if not LOCKS:
        return  # CPython's engine is Python, and takes from the stack what it has not to give
    physmem = system()
    sram = physmem.region("sram")
    told = Told()
    physmem.on_low("sram", FEW, told)
    assert sram.alloc(FRAMES - FEW) == 0
    refused = granted = 0
    for walk in (deep, wide):
        limit = deepest(walk)
        for depth in range(limit - levels(8), limit + 1):
            answers = []

            def allocate():
                answers.append(sram.alloc(1))  # noqa: B023

            if can(walk, depth, allocate):
                granted += 1
                assert answers == [FRAMES - FEW]
            else:
                refused += 1
                assert answers == [] and sram.free_frames == FEW and told.since() == 0
                assert sram.alloc(1) == FRAMES - FEW
            count = told.since()
            if not count:  # too deep for the hook, which the next call finds armed
                assert sram.alloc(1) > 0
                count = told.since()
                assert sram.free(FRAMES - FEW + 1) == 1
            assert count == 1, (walk, depth)

            def free():
                answers.append(sram.free(FRAMES - FEW))  # noqa: B023

            del answers[:]
            if not can(walk, depth, free):
                assert answers == [] and sram.free_frames == FEW - 1
                assert sram.free(FRAMES - FEW) == 1
            assert sram.free_frames == FEW
            assert sram.alloc(1) == FRAMES - FEW and sram.free(FRAMES - FEW) == 1  # armed by the look before
            assert told.since() == 1
    assert refused and granted


def test_what_the_hook_raises_comes_out():
    """A RuntimeError too: only errors of physmem are kept in."""
    physmem = system()
    import physmem_low as low

    sram = physmem.region("sram")
    for error in (RuntimeError, MemoryError, KeyError):

        def hook(region):
            raise error("of the program")  # noqa: B023

        physmem.on_low("sram", FEW, hook)
        scheduler, real = Scheduler(), low.micropython
        low.micropython = scheduler
        assert sram.alloc(FRAMES) == 0
        low.micropython = real
        function, argument = scheduler.call
        raises(error, function, argument)
        assert sram.free(0) == FRAMES


def test_hook_with_the_heap_full():
    """The call of the hook takes no heap, near the end of the stack neither."""
    physmem = system()
    sram = physmem.region("sram")
    count = bytearray(1)

    def hook(region):
        count[0] += 1

    physmem.on_low("sram", FEW, hook)
    low = sys.modules["physmem_low"]
    scheduler, real = Scheduler(), low.micropython
    low.micropython = scheduler
    assert sram.alloc(FRAMES) == 0
    low.micropython = real
    function, argument = scheduler.call
    limit = deepest(deep)

    def call():
        micropython.heap_lock()
        try:
            function(argument)
        finally:
            micropython.heap_unlock()

    for depth in range(limit - 8, limit):
        before = count[0]
        if can(deep, depth, call) and count[0] == before:
            count[0] += 1  # armed again
            assert sram.alloc(1) == physmem.OUT_OF_MEMORY
            run_scheduled()
            assert count[0] == before + 2
            count[0] -= 1
    assert count[0] >= 3
