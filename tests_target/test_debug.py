"""physmem_debug: owners and leaks, assertions, statistics, and that switching it off leaves nothing behind."""

import gc
import sys

import micropython
from debug_system import FRAME, DebugSystem, FailingWrapper
from random_numbers import RandomNumbers
from random_operations import RandomOperations
from support import fresh_physmem, raises, scaled, wrap, wrapper_noting

TIMEOUT = 240
LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"
CALLS = ("alloc", "alloc_aligned", "alloc_at", "free")


def heap():
    """Return bytes of heap in use; 0 on CPython, which does not count them."""
    return gc.mem_alloc() if LOCKS else 0


def one_region(frames=64, attributes="DMA"):
    """Return a system of one region, and the region."""
    system = DebugSystem(("sram", frames, attributes))
    return system, system.region("sram")


# Switched off and on.


def test_nothing_is_loaded_before_it_is_named():
    """`physmem` alone loads none of the tiers; `debug` does when it switches the first one on."""
    physmem = fresh_physmem()
    physmem.boot()
    physmem.boot_complete()
    tiers = ("physmem_tiers", "physmem_poison", "physmem_guard")
    assert [name for name in tiers if name in sys.modules] == []
    physmem.debug(owners=True)
    assert [name for name in tiers if name not in sys.modules] == []
    physmem.debug()


def test_all_off_loads_nothing():
    """`debug()` with all tiers off has nothing to do: it loads none of them, and wraps no call."""
    system, sram = one_region()
    calls = [getattr(sram, name) for name in CALLS]
    for settings in ({}, {"owners": False, "guard_frames": 0}):
        system.physmem.debug(**settings)
        assert [name for name in ("physmem_tiers", "physmem_poison", "physmem_guard") if name in sys.modules] == []
        assert [getattr(sram, name) is call for name, call in zip(CALLS, calls)] == [True] * 4
    raises(TypeError, system.physmem.debug, owners=None)
    fresh = fresh_physmem()
    raises(fresh.PhysMemError, fresh.debug, code="NotInitialized")


def test_regions_added_later():
    """The next call watches them, with the same tiers, and keeps what it knows of the others. Watched regions stay."""
    system, sram = one_region()
    p = system.physmem
    p.debug(owners=True)
    a = sram.alloc(3)
    later = p.add_region("later", None, 16 * FRAME, FRAME, p.FAST)
    bare = later.alloc
    assert later.alloc(2) == 0 and system.leaks() == [("sram", a, 3, None)]
    p.debug(owners=True)
    assert later.alloc is not bare
    with system.debug.owner("later"):
        b = later.alloc(1)
    assert system.leaks() == [("sram", a, 3, None), ("later", b, 1, "later")]
    assert later.free(0) == 2 and later.free(b) == 1
    raises(p.PhysMemError, p.remove_region, "later", code="NotPermitted")
    p.debug(owners=True, statistics=True)
    assert sorted(system.debug.statistics()) == ["later", "sram"]
    p.debug()
    assert later.alloc is bare
    p.remove_region("later")
    assert [region.name for region in p.regions()] == ["sram"]


def test_no_heap_for_a_region_added_later():
    """The others are watched as before, and the next call watches the new one."""
    system, sram = one_region()
    p = system.physmem
    p.debug(owners=True)
    watched = sram.alloc
    later = p.add_region("later", None, 16 * FRAME, FRAME)
    failing = FailingWrapper()
    wrap().wrap_calls(later, failing)
    bare = later.alloc
    failing.fails = True
    raises(MemoryError, p.debug, owners=True, statistics=True)
    assert sram.alloc is watched and later.alloc is bare
    raises(p.PhysMemError, system.debug.statistics, code="NotPermitted")
    assert sram.alloc(2) == 0 and system.leaks() == [("sram", 0, 2, None)]
    p.debug(owners=True)
    assert later.alloc(1) == 0 and len(system.leaks()) == 2


def test_dump_names_owners():
    """While a tier records them: owners and guards, one for each allocation."""
    system, sram = one_region(32)
    p = system.physmem

    def uses():
        lines = []
        p.dump(lines.append)
        return [line.split(None, 2)[2] for line in lines if line.startswith("  0x")]

    p.allocate_frames(1, owner="before")
    assert uses() == ["used", "free"]
    p.debug(guard_frames=1)
    p.allocate_frames(2, owner=("a", 1))
    with system.debug.owner("block"):
        first = sram.alloc(3)
    sram.alloc_at(20, 1)
    # frame 0; its neighbours are guards from 1 on
    assert uses() == [
        "used",
        "used by a guard",
        "used by ('a', 1)",
        "used by a guard",
        "used by a guard",
        "used by 'block'",
        "used by a guard",
        "free",
        "used by a guard",
        "used",
        "used by a guard",
        "free",
    ]
    assert sram.free(first) == 3
    p.debug()
    assert uses() == ["used", "free", "used", "free", "used", "free"]


def test_switched_off_everything_is_as_before():
    """After switching off, the calls are the very same objects and nothing of physmem is replaced, whatever was on."""
    system = DebugSystem(("sram", 64, "DMA FAST"), ("psram", 48, "DMA EXTERNAL"))
    p = system.physmem
    regions = p.regions()
    before = [[getattr(region, name) for name in CALLS] for region in regions]
    allocate, system_of_regions = sys.modules["physmem_allocate"], sys.modules["physmem_system"]
    parts = (allocate._note_tag, list(system_of_regions._checks))
    settings = ({"owners": True}, {"poison": True}, {"guard_frames": 2}, {"assertions": True}, {"statistics": True})
    for tiers in settings + ({"owners": True, "poison": True, "guard_frames": 1, "statistics": True},):
        p.debug(**tiers)
        for region in regions:
            for name in CALLS:
                assert getattr(region, name) is not before[regions.index(region)][CALLS.index(name)], (tiers, name)
        frames = [p.allocate_frames(3, owner="somebody") for _ in range(4)]
        frames.append(p.allocate_frames(2, low=regions[0].base + FRAME))
        p.debug()
        for region, calls in zip(regions, before):
            for name, call in zip(CALLS, calls):
                assert getattr(region, name) is call, (tiers, name)
        assert (allocate._note_tag, list(system_of_regions._checks)) == parts
        for owner in frames:
            owner.free()
        for region in regions:
            assert region.used_frames == 0, (tiers, region)
        assert p.check() == []


def test_reserved_regions_are_left_alone():
    physmem = fresh_physmem()
    physmem.init([("a", 0x1000, 0x4000, 4096)], [("r", 0x8000, 0x2000, 4096)])
    reserved = physmem.region("r")
    before = reserved.alloc_at
    physmem.debug(owners=True)
    assert reserved.alloc_at is before
    physmem.allocate_frames_at(0x8000, 1)
    physmem.allocate_frames_at(0x80000000, 1, unknown=True)  # a region that did not exist
    assert physmem.leaks() == []


def test_another_wrapper_stays():
    """If other code has wrapped the calls, its wrapper stays when debug goes."""
    system, sram = one_region()
    asked = []
    wrapper = wrapper_noting(asked)
    system.physmem.debug(owners=True)
    wrap().wrap_calls(sram, wrapper)
    first = sram.alloc(3)
    assert system.leaks() == [("sram", first, 3, None)]
    system.physmem.debug(statistics=True)
    system.physmem.debug()
    sram.alloc(4)
    wrap().unwrap_calls(sram, wrapper)
    sram.alloc(5)
    assert asked == [3, 4]


def test_no_heap_for_the_second_region():
    """What debug() did to the first region is undone, and the next debug() does all of it."""
    system = DebugSystem(("one", 64, "DMA"), ("two", 64, "DMA"))
    p = system.physmem
    one, two = system.region("one"), system.region("two")
    failing = FailingWrapper()
    wrap().wrap_calls(two, failing)
    before = (one.alloc, one.free, two.alloc, two.free)
    failing.fails = True
    raises(MemoryError, p.debug, owners=True)
    assert not failing.fails
    assert [a is b for a, b in zip((one.alloc, one.free, two.alloc, two.free), before)] == [True] * 4
    assert p.check() == []
    raises(p.PhysMemError, p.leaks, code="NotPermitted")
    p.debug(owners=True)
    assert (one.alloc(3), two.alloc(2)) == (0, 0)
    assert system.leaks() == [("one", 0, 3, None), ("two", 0, 2, None)]
    p.debug()
    assert [a is b for a, b in zip((one.alloc, one.free, two.alloc, two.free), before)] == [True] * 4


def test_bad_input():
    physmem = fresh_physmem()
    raises(physmem.PhysMemError, physmem.debug, owners=True, code="NotInitialized")
    raises(physmem.PhysMemError, physmem.mark, code="NotInitialized")
    raises(physmem.PhysMemError, physmem.leaks, code="NotPermitted")
    system, sram = one_region()
    p = system.physmem
    before = sram.alloc
    for name in ("owners", "poison", "assertions", "statistics"):
        for value in (1, None, "yes"):
            raises(TypeError, p.debug, **{name: value})
    for value in (1.5, None, "2"):
        raises(TypeError, p.debug, guard_frames=value)
    raises(TypeError, p.debug, True)
    raises(p.PhysMemError, p.debug, guard_frames=-1, code="InvalidArgument")
    raises(p.PhysMemError, p.debug, guard_frames=32, code="InvalidArgument")
    raises(p.PhysMemError, p.debug, guard_frames=1 << 70, code="InvalidArgument")
    assert sram.alloc is before
    p.debug(guard_frames=31)
    p.debug()
    raises(p.PhysMemError, p.leaks, code="NotPermitted")
    raises(p.PhysMemError, system.debug.statistics, code="NotPermitted")
    mark = p.mark()
    for since in (-1, mark + 1, 1 << 70):
        raises(p.PhysMemError, p.leaks, since, code="InvalidArgument")
    for since in (None, 1.0, "mark"):
        raises(TypeError, p.leaks, since)
    p.debug(owners=True, poison=True, assertions=True, statistics=True, guard_frames=1)
    p.on_low("sram", 2, len)  # its calls are around those of the tiers
    before = (sram.used_frames, p.mark(), system.debug.statistics(), system.debug.untracked())
    for watched in (True, False):
        for wrong in (None, 1.5, "2", b"2", [], {}, len):
            for call, arguments, name in (
                (sram.alloc, (wrong,), "n"),
                (sram.free, (wrong,), "frame"),
                (sram.alloc_aligned, (wrong, 1), "n"),
                (sram.alloc_aligned, (1, wrong), "align_frames"),
                (sram.alloc_at, (wrong, 1), "frame"),
                (sram.alloc_at, (1, wrong), "n"),
            ):
                sentence = str(raises(TypeError, call, *arguments))
                assert sentence.startswith(name + " must be"), (watched, sentence)
        assert (sram.used_frames, p.mark(), system.debug.statistics(), system.debug.untracked()) == before
        p.on_low("sram", 0, None)
    assert sram.alloc(0) == p.ZERO_ALLOCATION
    assert sram.alloc(-1) == sram.alloc(65) == sram.alloc(1 << 70) == p.ALLOCATION_TOO_LARGE
    assert sram.alloc_aligned(1, 3) == sram.alloc_aligned(1, 1 << 40) == p.UNALIGNED_ADDRESS
    assert sram.alloc_at(64, 1) == sram.alloc_at(-1, 1) == sram.alloc_at(1 << 40, 1) == p.ADDRESS_OUT_OF_RANGE
    assert sram.free(64) == sram.free(-1) == sram.free(1 << 40) == p.ADDRESS_OUT_OF_RANGE
    assert sram.free(0) == p.NOT_ALLOCATED
    assert sram.used_frames == 0 and p.check() == [] and p.leaks() == []


# Owners and leaks.


def test_leaks_since_a_mark():
    """Leaks are what is still allocated since the mark, oldest first, with everything a Leak reports.

    What was freed or was there before the mark is not listed.
    """
    system, sram = one_region()
    p = system.physmem
    sram.alloc(2)
    start = p.mark()
    assert p.leaks() == p.leaks(start) == []
    a, b, c = sram.alloc(3), sram.alloc(1), sram.alloc(5)
    middle = p.mark()
    d = sram.alloc(7)
    assert sram.free(b) == 1
    leaks = p.leaks(start)
    assert [leak.serial for leak in leaks] == [start + 1, start + 3, start + 4]
    leak = leaks[1]
    assert (leak.region, leak.first, leak.count, leak.owner) == (sram, c, 5, None)
    assert (leak.addr, leak.nbytes) == (sram.addr(c), 5 * FRAME)
    assert p.leaks(middle) == leaks[2:] and leaks[2].first == d
    assert p.leaks(p.mark()) == []
    b = sram.alloc(1)  # the youngest, at a lower address than some others
    assert [leak.first for leak in p.leaks(start)] == [a, c, d, b]
    p.debug(owners=True, statistics=True)
    assert [leak.first for leak in p.leaks(start)] == [a, c, d, b]


def test_owners_of_every_call():
    """The tag is the one given to the call, otherwise the one of the block, otherwise None."""
    system = DebugSystem(("sram", 64, "DMA FAST"), ("psram", 48, "DMA EXTERNAL"))
    p, owner = system.physmem, system.debug.owner
    sram = system.region("sram")
    p.mark()
    kept = [p.allocate_frames(1, owner="one")]
    with owner("block"):
        kept.append(p.allocate_frames(2, owner="told"))
        kept.append(p.allocate_frames(3))
        raw = sram.alloc(1)
        with owner("inner"):
            kept.append(p.allocate_frames_by_bytes(4 * FRAME))
            aligned = sram.alloc_aligned(2, 2)
        kept.append(p.allocate_frames(2, low=sram.addr(30), high=sram.addr(40), region=sram))
        raises(ZeroDivisionError, lambda: leave_by_error(owner))
        at = sram.alloc_at(50, 1)
    kept.append(p.allocate_frames_at(sram.addr(60), 2, owner="at"))
    kept.append(p.allocate_frames_deferred(1, owner="deferred")[0])
    kept.append(p.allocate_frames_deferred(1, sram.addr(63), owner="deferred at")[0])
    kept.append(p.dma_ring(FRAME, owner="ring"))
    kept.append(p.inspect_then_allocate(lambda region, first, count: (first, 1), owner="inspector"))
    kept.append(p.allocate_frames(1))
    owners = ("one", "told", "block", "inner", "block", "at", "deferred", "deferred at", "ring", "inspector", None)
    expected = [(frames.region.name, frames.first, frames.count, owner) for frames, owner in zip(kept, owners)]
    expected += [("sram", raw, 1, "block"), ("sram", aligned, 2, "inner"), ("sram", at, 1, "block")]
    found = system.leaks()
    assert sorted([str(leak) for leak in found]) == sorted([str(leak) for leak in expected]), found
    for frames in kept:
        frames.free()
    for first in (raw, aligned, at):
        sram.free(first)
    assert p.leaks() == []


def leave_by_error(owner):
    with owner("left"):
        raise ZeroDivisionError("on purpose")


def test_leaks_after_splits_and_merges():
    """Each part of a split allocation is one leak, and each merged piece stays one. No frame is missing or listed
    twice."""
    system, sram = one_region()
    p = system.physmem
    p.mark()
    a = p.allocate_frames(6, owner="a")
    b = p.allocate_frames(4, owner="b")
    head, tail = a.split_at(2)
    assert system.leaks() == [("sram", 0, 2, "a"), ("sram", 2, 4, "a"), ("sram", 6, 4, "b")]
    tail.merge(b)
    assert system.leaks() == [("sram", 0, 2, "a"), ("sram", 2, 4, "a"), ("sram", 6, 4, "b")]
    left, middle, right = tail.split_range(3, 2)  # across what was the border
    assert system.leaks() == [
        ("sram", 0, 2, "a"),
        ("sram", 2, 3, "a"),
        ("sram", 5, 1, "a"),
        ("sram", 6, 1, "b"),
        ("sram", 7, 3, "b"),
    ]
    middle.free()
    assert system.leaks() == [("sram", 0, 2, "a"), ("sram", 2, 3, "a"), ("sram", 7, 3, "b")]
    c = p.allocate_frames(2, owner="c")
    assert c.first == 5
    left.merge(c).merge(right)
    mark = p.mark()
    head.merge(left)
    assert head.count == 10 and p.leaks(mark) == []
    assert system.leaks() == [("sram", 0, 5, "a"), ("sram", 7, 3, "b"), ("sram", 5, 2, "c")]
    head.free()
    assert p.leaks() == [] and sram.used_frames == 0


def test_what_went_past_is_no_leak():
    """Frames freed by a call bound earlier are not a leak. Frames allocated by such a call have no tag."""
    system, sram = one_region()
    alloc, free = sram.alloc, sram.free
    system.physmem.mark()
    a, b = sram.alloc(3), sram.alloc(4)
    assert free(a) == 3
    assert system.leaks() == [("sram", b, 4, None)]
    assert sram.free(b) == 4
    assert alloc(7) == a
    assert system.leaks() == [("sram", a, 3, None)]  # the shadow does not know that they were freed
    assert free(a) == 7
    assert sram.alloc(7) == a and sram.free(a) == 7
    assert alloc(7) == a
    assert system.leaks() == []
    system.physmem.debug()
    system.physmem.mark()
    alloc(9)
    assert system.leaks() == []


def test_retained_frames_are_leaks_until_released():
    physmem = fresh_physmem()
    physmem.boot()
    physmem.boot_complete()
    start = physmem.mark()
    log = physmem.retain("test_debug", 100, owner="log")
    assert [(leak.addr, leak.owner) for leak in physmem.leaks(start)] == [(log.addr, "log")]
    physmem.release("test_debug")
    assert physmem.leaks(start) == []
    physmem.debug()


def test_owners_off_forget():
    """The recorded tags go with the tier. Frames that are allocated then count as allocated before it."""
    system, sram = one_region()
    p = system.physmem
    mark = p.mark()
    sram.alloc(3)
    p.debug()
    raises(p.PhysMemError, p.leaks, code="NotPermitted")
    assert p.mark() == mark + 1 and p.leaks() == []


def test_mark_leaves_the_other_tiers_on():
    """The other tiers keep all that they know and all that they have found."""
    system, sram = one_region()
    p = system.physmem
    p.debug(poison=True, guard_frames=2, assertions=True, statistics=True)
    first = sram.alloc(1)
    assert first == 2 and sram.used_frames == 5
    system.write(sram, first, -1)
    sram.free(first)
    assert sram.alloc(1) == first
    found = p.check()
    assert len(found) == 1
    p.mark()
    assert sram.used_frames == 5 and p.check() == found
    assert sram.alloc(1) == 7
    assert system.debug.statistics()["sram"]["allocations"] == 3


# Assertions.


def corrupt(system, region, frame):
    """Flip the frame's bit in the bitmap: a frame in use becomes free, or becomes a start and in use."""
    from physmem_state import STATE_ROW, rebuild, starts_of

    state = region._state
    starts = starts_of(state)
    bit = 1 << frame % 32
    state[STATE_ROW + frame // 32] ^= bit
    if not state[STATE_ROW + frame // 32] & bit or state[starts + frame // 32] & bit:
        state[starts + frame // 32] ^= bit
    rebuild(state)


def test_frames_handed_out_twice():
    """A bitmap that has lost an allocation is found when it hands the frames out again.

    Both sides are named, and the call changes nothing.
    """
    system, sram = one_region()
    p = system.physmem
    for guard_frames in (0, 1):
        p.debug(assertions=True, owners=True, guard_frames=guard_frames)
        with system.debug.owner("victim"):
            first = sram.alloc(1)
        sram.alloc(1)
        corrupt(system, sram, first)
        used = sram.used_frames
        assert "frame %d" % first in [sentence for sentence in p.check() if "not in the shadow" in sentence][0]
        error = raises(p.PhysMemError, sram.alloc_at, first, 1, code="InternalCorruption")
        for part in ("sram", "frame %d " % first, "'victim'", "serial"):
            assert part in str(error), error
        assert sram.used_frames == used and sram.is_free(first)
        error = raises(p.PhysMemError, sram.free, first, code="InternalCorruption")
        assert "'victim'" in str(error)
        assert sram.used_frames == used
        p.debug()
        for taken, _, free in list(sram.runs()):
            if not free:
                sram.free(taken)


def test_frames_handed_out_twice_where_there_is_room_for_guards():
    """Frames that are not handed out after all get no guard, nor does the allocation that has them."""
    system, sram = one_region()
    p = system.physmem
    sram.alloc_at(0, 4)
    sram.alloc_at(5, 1)
    p.debug(assertions=True, guard_frames=1)
    corrupt(system, sram, 5)
    for call, arguments in (
        (sram.alloc_at, (5, 1)),
        (sram.alloc, (1,)),
        (sram.alloc_aligned, (2, 1)),
        (sram.allocate_within, (1, 1, 0, sram.addr(5), None)),
        (p.allocate_frames, (1,)),
    ):
        error = raises(p.PhysMemError, call, *arguments, code="InternalCorruption")
        assert "frame 5 " in str(error)
        assert sram.used_frames == 4
    # A guard does not take them either.
    assert sram.alloc_at(6, 1) == 6 and sram.used_frames == 6
    assert system.byte(sram, 5, 0)[0][0] == 0
    assert "frame 5 " in system.sentence()


def test_a_guard_handed_out():
    """A bitmap that has lost a guard is found as well."""
    system, sram = one_region()
    p = system.physmem
    p.debug(assertions=True, guard_frames=1)
    assert sram.alloc(2) == 1
    for frame in (0, 3):
        corrupt(system, sram, frame)
        raises(p.PhysMemError, sram.alloc_at, frame, 1, code="InternalCorruption")
        corrupt(system, sram, frame)
    assert sram.free(1) == 2 and sram.used_frames == 0 and p.check() == []


def test_a_free_of_what_nobody_has():
    """A bitmap that has invented an allocation is found when that is freed, and the free does not happen."""
    system, sram = one_region()
    p = system.physmem
    p.debug(assertions=True)
    with system.debug.owner("before"):
        first = sram.alloc(3)
    sram.free(first)
    corrupt(system, sram, first)
    error = raises(p.PhysMemError, sram.free, first, code="InternalCorruption")
    assert "sram" in str(error) and "frame %d " % first in str(error) and "'before'" in str(error)
    assert sram.count(first) == 1


def test_no_assertion_fails_without_reason():
    """No assertion fails without reason: refused calls, splits, merges, earlier allocations, and bad frees.

    The bad frees are double, interior and foreign ones.
    """
    system, sram = one_region()
    p = system.physmem
    before = p.allocate_frames(4)
    p.debug(assertions=True)
    a, b = p.allocate_frames(6), p.allocate_frames(5)
    parts = a.split_at(2)
    assert sram.free(1) == sram.free(3) == sram.free(12) == p.NOT_ALLOCATED
    merged = before.merge(parts[0])
    assert sram.free(4) == p.NOT_ALLOCATED  # an allocation started there once
    parts[1].merge(b)
    assert sram.alloc(100) == p.ALLOCATION_TOO_LARGE and sram.alloc_at(0, 1) == p.ADDRESS_NOT_FREE
    assert merged.free() == 6 and parts[1].free() == 9
    assert sram.free(0) == sram.free(6) == p.NOT_ALLOCATED
    assert sram.alloc(64) == 0 and sram.alloc(1) == p.OUT_OF_MEMORY
    assert p.check() == []


def test_random_operations_do_not_notice():
    """2,000 operations of the whole API, 300 on a slow board, also on regions without memory.

    They are granted, refused and counted as without the tiers. No assertion fails, and leaks() has as many frames of
    each region as are allocated.
    """
    operations = RandomOperations(fresh_physmem(), RandomNumbers(2).below)
    p = operations.physmem
    p.debug(owners=True, assertions=True, statistics=True)
    for _ in range(scaled(20, 20, 3)):
        for _ in range(100):
            operations.one()
            operations.counts()
        operations.check()
        found = {}
        for leak in p.leaks():
            found[leak.region.name] = found.get(leak.region.name, 0) + leak.count
        watched = [region for region in operations.model.regions if not region.reserved and region.name != "added"]
        used = [(region.name, region.used) for region in watched if region.used]  # what is added later is not watched
        assert found == dict(used), (found, used)
    operations.run(0)
    assert p.leaks() == []
    p.debug()
    operations.run(20)


# Statistics.


def test_statistics():
    """Each count is compared with the calls made here; reset; two regions apart."""
    system = DebugSystem(("sram", 64, "DMA FAST"), ("psram", 48, "DMA EXTERNAL"))
    p, debug = system.physmem, system.debug
    sram, psram = system.region("sram"), system.region("psram")
    p.debug(statistics=True)
    assert sram.alloc(1) == 0 and sram.alloc(2) == 1 and sram.alloc(3) == 3 and sram.alloc(31) == 6
    assert sram.alloc(32) == p.OUT_OF_MEMORY and sram.alloc(0) == p.ZERO_ALLOCATION
    assert sram.alloc(28) == p.OUT_OF_MEMORY and sram.alloc(65) == p.ALLOCATION_TOO_LARGE
    assert sram.alloc_aligned(4, 8) == 40 and sram.alloc_aligned(4, 3) == p.UNALIGNED_ADDRESS
    assert sram.alloc_at(60, 4) == 60 and sram.alloc_at(60, 4) == p.ADDRESS_NOT_FREE
    assert sram.alloc_at(64, 1) == p.ADDRESS_OUT_OF_RANGE
    assert sram.free(6) == 31 and sram.free(6) == p.NOT_ALLOCATED and sram.free(0) == 1
    frames = p.allocate_frames(5, low=psram.base + FRAME, region=psram)
    assert frames.first == 1 and psram.alloc(48) == p.OUT_OF_MEMORY
    frames.free()
    table = debug.statistics()
    assert sorted(table) == ["psram", "sram"]
    assert table["sram"] == {
        "allocations": 6,
        "frees": 2,
        "refused": {
            "OutOfMemory": 2,
            "ZeroAllocation": 1,
            "AllocationTooLarge": 1,
            "UnalignedAddress": 1,
            "AddressNotFree": 1,
            "AddressOutOfRange": 1,
            "NotAllocated": 1,
        },
        "calls": {
            "alloc": {"granted": 4, "OutOfMemory": 2, "ZeroAllocation": 1, "AllocationTooLarge": 1},
            "alloc_aligned": {"granted": 1, "UnalignedAddress": 1},
            "alloc_at": {"granted": 1, "AddressNotFree": 1, "AddressOutOfRange": 1},
            "free": {"granted": 2, "NotAllocated": 1},
            "allocate_within": {},
            "resize": {},
        },
        "allocated": {0: 1, 1: 2, 2: 2, 4: 1},
        "freed": {0: 1, 4: 1},
    }
    row = table["psram"]
    assert row["calls"]["allocate_within"] == {"granted": 1} and row["calls"]["free"] == {"granted": 1}
    assert (row["allocations"], row["frees"], row["refused"]) == (1, 1, {"OutOfMemory": 1})
    assert row["allocated"] == row["freed"] == {2: 1}
    assert debug.statistics(reset=True) == table
    row = debug.statistics()["sram"]
    assert (row["allocations"], row["frees"], row["refused"], row["allocated"]) == (0, 0, {}, {})
    sram.alloc(1)
    p.debug(statistics=True, owners=True)
    assert debug.statistics()["sram"]["allocations"] == 1
    p.debug(owners=True)
    raises(p.PhysMemError, debug.statistics, code="NotPermitted")


# The locked heap.


def test_with_the_heap_locked():
    """With the heap locked, owners, assertions and statistics take no heap and miss nothing.

    Guards and poison are left out and counted.
    """
    system = DebugSystem(("sram", 64, "DMA FAST"), ("psram", 48, "DMA EXTERNAL"))
    p, sram = system.physmem, system.region("sram")
    p.debug(owners=True, assertions=True, statistics=True)
    block = system.debug.owner("locked")
    other, name, constraint = "told", "sram", sram.addr(40)
    faults = 0
    frames = deferred = None
    block.__enter__()
    micropython.heap_lock()
    try:
        before = heap()
        a = sram.alloc(3)
        b = sram.alloc_aligned(2, 4)
        c = sram.alloc_at(20, 1)
        if sram.free(b) != 2 or sram.free(b) != p.NOT_ALLOCATED or sram.alloc(65) != p.ALLOCATION_TOO_LARGE:
            faults += 1
        frames = p.allocate_frames(2, region=name, owner=other)
        at = p.allocate_frames_at(constraint, 2)
        at.free()
        after = heap()
        deferred = p.allocate_frames_deferred(1, owner=other)
        deferred[0].region  # noqa: B018
    finally:
        micropython.heap_unlock()
    block.__exit__(None, None, None)
    assert faults == 0 and before == after
    assert system.leaks() == [
        ("sram", a, 3, "locked"),
        ("sram", c, 1, "locked"),
        ("sram", frames.first, 2, "told"),
        (deferred[0].region.name, deferred[0].first, 1, "told"),
    ]
    deferred[1].commit()
    assert system.debug.statistics()["sram"]["refused"] == {"NotAllocated": 1, "AllocationTooLarge": 1}
    assert p.check() == []
    sram.free(c)


def test_guards_and_poison_with_the_heap_locked():
    """Frames that cannot be filled are still handed out and freed, and counted.

    An allocation that was guarded before loses its guards when it ends.
    """
    if not LOCKS:
        return  # there is no heap that could be locked
    system, sram = one_region()
    p = system.physmem
    p.debug(poison=True, guard_frames=2, assertions=True)
    guarded = sram.alloc(3)
    poisoned = sram.alloc(4)
    sram.free(poisoned)
    assert (guarded, sram.used_frames) == (2, 7)
    micropython.heap_lock()
    try:
        freed = sram.free(guarded)
        used = sram.used_frames
        a = sram.alloc(50)
        b = sram.alloc_at(61, 1)
        c = sram.alloc_aligned(1, 2)
    finally:
        micropython.heap_unlock()
    assert (freed, used, b) == (3, 0, 61)
    assert a >= 0 and c >= 0 and c % 2 == 0
    assert sram.count(a) == 50 and sram.count(c) == 1 and sram.used_frames == 52
    assert system.debug.untracked() == {"sram": {"unguarded": 3, "unpoisoned": 1, "unread": 6}}
    for first in (a, b, c):
        sram.free(first)
    assert sram.used_frames == 0 and p.check() == []
    assert system.debug.untracked()["sram"]["unpoisoned"] == 1
