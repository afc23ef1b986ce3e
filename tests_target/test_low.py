"""physmem.on_low: a hook that is called when few frames of a region are left."""

import gc
import sys

import micropython
from debug_system import FailingWrapper
from scheduled import QUEUE, fill_queue, run_scheduled, with_scheduler_locked
from support import raises, wrap, wrapper_noting
from told import Told
from two_regions import FRAME, SRAM, two_regions

PSRAM = 0x21000000
FRAMES = 16
FEW = 4  # the hook is called when fewer frames are free
LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"


def system():
    return two_regions(FRAMES, PSRAM)


def test_once_per_crossing():
    """The hook is not called too early, nor again while few frames are free.

    It is called again once enough frames have been free to arm it.
    """
    physmem = system()
    sram = physmem.region("sram")
    told = Told()
    physmem.on_low("sram", FEW, told)
    assert told.since() == 0
    assert sram.alloc(FRAMES - FEW) == 0  # exactly FEW are left
    assert told.since() == 0
    last = sram.alloc(1)
    assert told.since() == 1 and told.region is sram
    assert sram.alloc(1) >= 0 and told.since() == 0
    assert sram.free(last) == 1 and told.since() == 0
    again = sram.alloc(1)
    assert told.since() == 0  # at most FEW - 1 were free in between: no crossing
    assert sram.free(again) == 1 and sram.free(last + 1) == 1 and told.since() == 0
    assert sram.alloc(2) >= 0
    assert told.since() == 1
    assert sram.alloc(2) >= 0 and sram.free_frames == 0
    assert sram.alloc(1) == physmem.OUT_OF_MEMORY and told.since() == 0


def test_refused_calls_are_no_crossing():
    physmem = system()
    sram = physmem.region("sram")
    told = Told()
    physmem.on_low(sram, FEW, told)
    assert sram.alloc(FRAMES - FEW) == 0
    assert sram.alloc(FEW + 1) == physmem.OUT_OF_MEMORY
    assert sram.alloc(0) == physmem.ZERO_ALLOCATION
    assert sram.alloc_at(0, 1) == physmem.ADDRESS_NOT_FREE
    assert sram.alloc_aligned(1, 3) == physmem.UNALIGNED_ADDRESS
    assert sram.free(1) == physmem.NOT_ALLOCATED
    raises(TypeError, sram.alloc, None)
    raises(MemoryError, physmem.allocate_frames, FEW + 1, region="sram")
    assert told.since() == 0
    assert sram.alloc(1) > 0 and told.since() == 1


def test_every_way_to_allocate_and_to_free():
    """Raw, by constraints, by object, by address, deferred: each crossing is reported once, each release arms."""
    physmem = system()
    sram = physmem.region("sram")
    top = SRAM + (FRAMES - 1) * FRAME
    ways = (
        lambda: sram.alloc(1),
        lambda: sram.alloc_aligned(1, 2),
        lambda: sram.alloc_at(FRAMES - 1, 1),
        lambda: sram.allocate_within(1, 0, 0, top, None),
        lambda: physmem.allocate_frames(1, region="sram"),
        lambda: physmem.allocate_frames(1, require=physmem.FAST),
        lambda: physmem.allocate_frames(1, low=top, high=top + FRAME),
        lambda: physmem.allocate_frames(1, region="sram", align=2 * FRAME),
        lambda: physmem.allocate_frames_by_bytes(5, require=physmem.FAST),
        lambda: physmem.allocate_frames_at(top, 1),
        lambda: physmem.allocate_frames_by_bytes_at(top, 3),
        lambda: physmem.allocate_frames_deferred(1, require=physmem.FAST)[0],
        lambda: physmem.allocate_frames_deferred(1, top)[0],
        lambda: physmem.dma_ring(64),
        lambda: physmem.inspect_then_allocate(lambda region, first, count: (first, 1) if region is sram else None),
    )
    told = Told()
    physmem.on_low("sram", FEW, told)
    assert sram.alloc(FRAMES - FEW) == 0 and told.since() == 0
    for i in range(len(ways)):
        got = ways[i]()
        assert told.since() == 1, i
        assert sram.free_frames == FEW - 1, i
        if isinstance(got, int):
            assert sram.free(got) == 1
        elif i % 2:
            assert got.free() == 1
        else:
            with got:
                pass
        assert told.since() == 0, i


def test_frames_freed_by_a_call_that_is_not_watched():
    """A raw free that was bound before arms the hook as well."""
    physmem = system()
    sram = physmem.region("sram")
    free = sram.free
    told = Told()
    physmem.on_low("sram", FEW, told)
    assert sram.alloc(FRAMES - FEW) == 0
    for _ in range(3):
        last = sram.alloc(1)
        assert told.since() == 1
        assert free(last) == 1


def test_watched_calls_need_no_heap():
    """With the heap locked, through a crossing and a release. Afterwards no more heap is in use than before."""
    physmem = system()
    sram = physmem.region("sram")
    count = bytearray(1)

    def hook(region):
        count[0] += 1

    physmem.on_low("sram", FEW, hook)
    sram.alloc(FRAMES - FEW)
    run_scheduled()
    used = gc.mem_alloc if LOCKS else lambda: 0
    alloc, alloc_aligned, alloc_at, free = sram.alloc, sram.alloc_aligned, sram.alloc_at, sram.free
    first = FRAMES - FEW
    wrong = 0
    micropython.heap_lock()
    try:
        before = used()
        for _ in range(3):
            wrong += free(alloc(1)) != 1
            wrong += free(alloc_aligned(1, 1)) != 1
            wrong += free(alloc_at(first, 1)) != 1
            wrong += free(sram.allocate_within(1, 0, 0, 0, None)) != 1
            run_scheduled()
        after = used()
    finally:
        micropython.heap_unlock()
    run_scheduled()
    assert wrong == 0 and before == after
    assert count[0] == 3 * 4
    assert sram.used_frames == FRAMES - FEW


def test_taken_away():
    """None or 0 removes the hook. The raw calls are then the engine's own again; those of other regions always were."""
    physmem = system()
    sram, psram = physmem.region("sram"), physmem.region("psram")
    calls = (sram.alloc, sram.alloc_aligned, sram.alloc_at, sram.free)
    others = (psram.alloc, psram.alloc_aligned, psram.alloc_at, psram.free)

    def same(region, before):
        return [
            now is old for now, old in zip((region.alloc, region.alloc_aligned, region.alloc_at, region.free), before)
        ]

    told = Told()
    for frames, hook in ((FEW, None), (0, told), (0, None)):
        physmem.on_low("sram", FEW, told)
        assert same(sram, calls) == [False] * 4 and same(psram, others) == [True] * 4
        watched = sram.alloc
        physmem.on_low("sram", frames, hook)
        assert same(sram, calls) == [True] * 4
        physmem.on_low("sram", frames, hook)  # nothing to remove there
        assert same(sram, calls) == [True] * 4
        # Neither its own call nor one that was bound meanwhile reports anything.
        first = watched(FRAMES - 1)
        second = sram.alloc(1)
        assert (first, second) == (0, FRAMES - 1) and told.since() == 0
        assert sram.free(first) == FRAMES - 1 and sram.free(second) == 1


def test_no_heap_for_the_wrapper():
    """An on_low that fails for lack of heap has changed nothing, and you may call it again."""
    physmem = system()
    sram = physmem.region("sram")
    failing, told = FailingWrapper(), Told()
    wrap().wrap_calls(sram, failing)
    alloc = sram.alloc
    failing.fails = True
    raises(MemoryError, physmem.on_low, "sram", FEW, told)
    assert sram.alloc is alloc
    assert sram.alloc(FRAMES) == 0 and sram.free(0) == FRAMES and told.since() == 0
    physmem.on_low("sram", FEW, told)
    assert sram.alloc(FRAMES) == 0 and told.since() == 1


def test_another_wrapper_stays():
    physmem = system()
    sram = physmem.region("sram")
    asked = []
    told = Told()
    wrap().wrap_calls(sram, wrapper_noting(asked))
    physmem.on_low("sram", FEW, told)
    assert sram.alloc(FRAMES) == 0 and asked == [FRAMES] and told.since() == 1
    physmem.on_low("sram", FEW, None)
    assert sram.free(0) == FRAMES and sram.alloc(FRAMES) == 0 and asked == [FRAMES] * 2 and told.since() == 0


def test_replaced():
    """Only the second hook and number count. Allocations by calls bound under the first one count as well."""
    physmem = system()
    sram = physmem.region("sram")
    first, second = Told(), Told()
    physmem.on_low("sram", FEW, first)
    alloc = sram.alloc
    physmem.on_low("sram", 2 * FEW, second)
    assert alloc(FRAMES - 2 * FEW) == 0 and second.since() == 0
    assert alloc(1) > 0 and second.since() == 1
    assert sram.alloc(2 * FEW - 1) > 0 and second.since() == 0 and first.since() == 0
    assert sram.free_frames == 0


def test_replaced_or_taken_away_before_the_call():
    """A call that is already in the scheduler's queue calls neither the removed hook nor the new one."""
    physmem = system()
    sram = physmem.region("sram")
    old, new = Told(), Told()
    for frames, hook in ((FEW, new), (FEW, None), (0, None)):
        physmem.on_low("sram", FEW, old)

        def cross_and_replace():
            assert sram.alloc(FRAMES) == 0
            physmem.on_low("sram", frames, hook)  # noqa: B023

        with_scheduler_locked(cross_and_replace)
        assert (old.since(), new.since()) == (0, 0)
        assert sram.free(0) == FRAMES


def test_several_regions():
    physmem = system()
    sram, psram = physmem.region("sram"), physmem.region("psram")
    own = physmem.Region("own", 0x00325000, FRAMES * FRAME)  # not a region of the system
    told, both = Told(), Told()
    physmem.on_low("sram", FEW, told)
    physmem.on_low(psram, 1, both)
    physmem.on_low(own, FRAMES, both)
    assert sram.alloc(FRAMES) == 0
    assert (told.since(), told.region, both.since()) == (1, sram, 0)
    assert own.alloc(1) == 0
    assert (told.since(), both.since(), both.region) == (0, 1, own)
    assert psram.alloc(FRAMES - 1) == 0 and both.since() == 0
    assert psram.alloc(1) > 0
    assert (told.since(), both.since(), both.region) == (0, 1, psram)
    physmem.on_low(psram, 0, None)
    assert psram.free(0) == FRAMES - 1 and psram.alloc(FRAMES - 1) == 0 and both.since() == 0
    assert own.free(0) == 1 and own.alloc(1) == 0 and both.since() == 1


def test_few_to_begin_with():
    """If few frames are free already, the next allocation counts as a crossing."""
    physmem = system()
    sram = physmem.region("sram")
    assert sram.alloc(FRAMES - 2) == 0
    told = Told()
    physmem.on_low("sram", FEW, told)
    assert told.since() == 0
    assert sram.alloc(1) > 0 and told.since() == 1
    assert sram.alloc(1) > 0 and told.since() == 0


def test_hook_that_frees_and_allocates():
    """The hook runs after the call that crossed, when its frames are allocated. What it frees arms it again."""
    physmem = system()
    sram = physmem.region("sram")
    cache = [physmem.allocate_frames(1, region="sram") for _ in range(FRAMES // 2)]
    seen = []

    def shrink(region):
        seen.append(region.free_frames)
        cache.pop().free()
        cache.pop().free()
        cache.append(physmem.allocate_frames(1, region=region))

    physmem.on_low("sram", FEW, shrink)
    for _ in range(FRAMES // 2):
        assert sram.alloc(1) >= 0
        run_scheduled()
    # From FEW free frames on, each allocation crosses, and each call of the hook frees one frame more than it takes.
    assert seen == [FEW - 1] * FEW
    assert sram.free_frames == FEW and len(cache) == FRAMES // 2 - FEW
    assert physmem.check() == []


def test_queue_of_the_scheduler_is_full():
    """The hook stays armed, and the next call of any kind, even one that is refused, schedules it."""
    physmem = system()
    sram = physmem.region("sram")
    told = Told()
    others = bytearray(1)
    physmem.on_low("sram", FEW, told)

    def other(_):
        others[0] += 1

    def cross():
        assert fill_queue(other) == QUEUE
        assert sram.alloc(FRAMES) == 0

    with_scheduler_locked(cross)
    run_scheduled()
    assert others[0] == QUEUE and told.since() == 0
    assert sram.alloc(1) == physmem.OUT_OF_MEMORY
    assert told.since() == 1
    assert sram.alloc(1) == physmem.OUT_OF_MEMORY and told.since() == 0


def test_region_that_grows():
    """A region that `allocate_frames_at` extends is still watched."""
    physmem = system()
    with physmem.allocate_frames_at(0x40000000, 2, unknown=True) as registers:
        region = registers.region
        told = Told()
        physmem.on_low(region, 2, told)
    assert physmem.allocate_frames_at(0x40000000, 3, unknown=True).region is region and told.since() == 1
    assert region.frames == 3


def test_bad_input_changes_nothing():
    physmem = system()
    sram = physmem.region("sram")
    told, other = Told(), Told()
    bare = physmem.region("psram").alloc
    physmem.on_low("sram", FEW, told)
    watched = sram.alloc
    for region in ("sram", "psram", sram):
        for frames in (-1, FRAMES + 1, 1 << 40):
            raises(physmem.PhysMemError, physmem.on_low, region, frames, other, code="AddressOutOfRange")
            raises(physmem.PhysMemError, physmem.on_low, region, frames, None, code="AddressOutOfRange")
        for frames in (None, "4", 1.5):
            raises(TypeError, physmem.on_low, region, frames, other)
        for hook in (5, "hook", False):
            raises(TypeError, physmem.on_low, region, FEW, hook)
    raises(physmem.PhysMemError, physmem.on_low, "dram", FEW, other, code="InvalidArgument")
    for region in (None, 7, SRAM):
        raises(TypeError, physmem.on_low, region, FEW, other)
    assert sram.alloc is watched and physmem.region("psram").alloc is bare
    assert sram.alloc(FRAMES) == 0
    assert (told.since(), other.since()) == (1, 0)
    physmem.on_low("sram", FRAMES, told)  # all of them is not a mistake
    assert sram.free(0) == FRAMES and sram.alloc(1) == 0 and told.since() == 1
