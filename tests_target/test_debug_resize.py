"""Resizes of watched regions: owners, poison, guards, assertions, counts and `on_low` stay right across them."""

import sys

from debug_system import FRAME, DebugSystem
from random_numbers import RandomNumbers
from scheduled import run_scheduled
from support import InHandler, raises, scaled, wrap
from uctypes import bytearray_at

POISON = 0xDB
GUARD = 0xFD


def one_region(frames=64, attributes="DMA"):
    """Return a system of one region, the region, and its ``resize(first, count, n)``."""
    system = DebugSystem(("sram", frames, attributes))
    sram = system.region("sram")
    resize_frames = sys.modules["physmem_region"].resize_frames
    return system, sram, lambda first, count, n: resize_frames(sram, first, count, n)


def content(region, frame, offset=0, n=FRAME):
    """Return `n` bytes of the region."""
    return bytes(bytearray_at(region.base + frame * FRAME + offset, n))


def blocks(region):
    return [(first, count) for first, count, free in region.runs() if not free]


def test_without_a_tier():
    system, sram, resize = one_region()
    p = system.physmem
    a, b = sram.alloc(4), sram.alloc(4)
    assert resize(a, 4, 5) == p.ADDRESS_NOT_FREE and blocks(sram) == [(a, 4), (b, 4)]
    assert resize(b, 4, 60) == 60 and resize(b, 60, 61) == p.ADDRESS_OUT_OF_RANGE
    assert resize(b, 60, 1) == 1 and blocks(sram) == [(a, 4), (b, 1)]
    assert resize(b, 4, 2) == p.NOT_ALLOCATED == resize(a + 1, 3, 2)
    assert p.check() == []


def test_owners():
    """New frames belong to the owner of the allocation, with its serial number; freed ones to nobody."""
    system, sram, resize = one_region()
    p = system.physmem
    start = p.mark()
    with system.debug.owner("display"):
        a = sram.alloc(4)
    assert resize(a, 4, 9) == 9 and system.leaks(start) == [("sram", a, 9, "display")]
    assert p.leaks(start)[0].serial == start + 1
    assert resize(a, 9, 2) == 2 and system.leaks(start) == [("sram", a, 2, "display")]
    with system.debug.owner("camera"):
        b = sram.alloc(3)
    assert b == 2 and resize(a, 2, 4) == p.ADDRESS_NOT_FREE
    assert system.leaks(start) == [("sram", a, 2, "display"), ("sram", b, 3, "camera")]
    assert sram.free(a) == 2 and sram.free(b) == 3 and p.leaks(start) == [] and p.check() == []


def test_poison():
    """What a resize gives back is filled. What it takes is compared first."""
    system, sram, resize = one_region()
    p = system.physmem
    p.debug(poison=True)
    a = sram.alloc(6)
    for frame in range(a, a + 6):
        system.byte(sram, frame, 0)[0][0] = 1
    assert resize(a, 6, 2) == 2
    assert content(sram, a, 0, 1) == content(sram, a + 1, 0, 1) == b"\x01"
    assert content(sram, a + 2, 0, 4 * FRAME) == bytes([POISON]) * 4 * FRAME and p.check() == []
    addr = system.write(sram, a + 3, FRAME - 1)
    assert hex(addr) in system.sentence()
    assert resize(a, 2, 4) == 4
    system.write(sram, a + 2, 5)  # it is allocated again
    assert hex(addr) in system.sentence()


def test_refused_resizes_fill_nothing():
    """Whatever refuses a resize, content and accounts stay."""
    system, sram, resize = one_region()
    p = system.physmem
    p.debug(owners=True, poison=True, guard_frames=1, assertions=True, statistics=True)
    a = sram.alloc(4)
    b = sram.alloc_at(a + 6, 2)  # a guard each between them
    kept = content(sram, 0, 0, 16 * FRAME)
    before = (blocks(sram), system.leaks(), system.debug.untracked())
    for first, count, n, code in (
        (a, 4, 8, p.ADDRESS_NOT_FREE),
        (a, 4, 64, p.ADDRESS_OUT_OF_RANGE),
        (a, 3, 2, p.NOT_ALLOCATED),
        (a + 1, 3, 2, p.NOT_ALLOCATED),
        (a - 1, 1, 2, p.NOT_ALLOCATED),  # a guard
        (-1, 1, 2, p.NOT_ALLOCATED),
        (64, 1, 2, p.NOT_ALLOCATED),
    ):
        assert resize(first, count, n) == code, (first, count, n)
        assert (blocks(sram), system.leaks(), system.debug.untracked()) == before, (first, count, n)
        assert content(sram, 0, 0, 16 * FRAME) == kept, (first, count, n)
    assert p.check() == [] and sram.free(a) == 4 and sram.free(b) == 2 and sram.used_frames == 0


def test_the_guard_behind_moves():
    """The same number of guards as before, in their new place; what was guarded is the program's."""
    for n in (1, 3, 5, 9, 40):
        system, sram, resize = one_region()
        p = system.physmem
        p.debug(guard_frames=2)
        a = sram.alloc(4)
        assert a == 2 and resize(a, 4, n) == n
        assert blocks(sram) == [(0, 2), (a, n), (a + n, 2)]
        assert content(sram, a + n, 0, 2 * FRAME) == bytes([GUARD]) * 2 * FRAME
        system.write(sram, a + n - 1, FRAME - 1)
        assert p.check() == []
        addr = system.write(sram, a + n, 0)
        assert hex(addr) in system.sentence() and "behind" in system.sentence()
        assert sram.free(a) == n and sram.used_frames == 0
        assert system.debug.untracked()["sram"] == {"unguarded": 0, "unpoisoned": 0, "unread": 0}


def test_a_write_to_the_guard_is_found_before_it_moves():
    for n in (2, 5, 7):
        system, sram, resize = one_region()
        system.physmem.debug(guard_frames=1)
        a = sram.alloc(4)
        addr = system.write(sram, a + 4, 3)
        assert resize(a, 4, n) == n
        assert hex(addr) in system.sentence()


def test_guards_of_others_give_way():
    """The neighbour loses the guard before it, which is counted, and keeps its frames."""
    system, sram, resize = one_region()
    p = system.physmem
    p.debug(guard_frames=1)
    a = sram.alloc(4)
    b = sram.alloc_at(a + 8, 2)
    assert blocks(sram) == [(0, 1), (1, 4), (5, 1), (8, 1), (9, 2), (11, 1)]
    assert resize(a, 4, 8) == 8  # up to the neighbour: no room for a guard
    assert blocks(sram) == [(0, 1), (1, 8), (9, 2), (11, 1)]
    assert system.debug.untracked()["sram"]["unguarded"] == 2
    assert resize(a, 8, 9) == p.ADDRESS_NOT_FREE
    assert sram.free(a) == 8 and sram.free(b) == 2 and sram.used_frames == 0 and p.check() == []


def test_differences_are_refused():
    """If the shadow says that frames are handed out, a resize over them is refused, and so is one of freed frames."""
    system, sram, resize = one_region()
    p = system.physmem
    free = sram.free
    p.debug(assertions=True, guard_frames=1)
    a = sram.alloc(2)
    b = sram.alloc_at(a + 3, 2)
    assert free(b) == 2  # past the tiers
    raises(p.PhysMemError, resize, a, 2, 4, code="InternalCorruption")
    assert (a, 2) in blocks(sram) and (a + 2, 1) in blocks(sram)
    p.debug()
    p.debug(assertions=True)
    assert resize(a, 2, 4) == 4
    raw = sys.modules["physmem_engine"]
    assert free(a) == 4
    assert raw.serve_call(sram.address, a, 4) == a  # nobody knows of it
    assert resize(a, 4, 6) == 6 and resize(a, 6, 5) == 5


def test_counts():
    system, sram, resize = one_region()
    p = system.physmem
    p.debug(statistics=True)
    a = sram.alloc(2)
    assert resize(a, 2, 3) == 3 and resize(a, 3, 65) < 0 and resize(a, 3, 1) == 1 and resize(a, 2, 1) < 0
    row = system.debug.statistics()["sram"]
    assert row["calls"]["resize"] == {"granted": 2, "AddressOutOfRange": 1, "NotAllocated": 1}
    assert (row["allocations"], row["frees"]) == (1, 0)


def test_on_low():
    """A resize that leaves few frames is a crossing; one that frees enough arms the hook again."""
    system, sram, resize = one_region(16)
    told = []
    system.physmem.on_low("sram", 4, told.append)
    a = sram.alloc(2)
    assert resize(a, 2, 12) == 12
    run_scheduled()
    assert told == []
    for _ in range(2):
        assert resize(a, 12, 13) == 13 and resize(a, 13, 14) == 14
        run_scheduled()
        assert told == [sram]
        del told[:]
        assert resize(a, 14, 12) == 12
        run_scheduled()
        assert told == []
    system.physmem.on_low("sram", 0, None)
    assert resize(a, 12, 16) == 16
    run_scheduled()
    assert told == []


def test_refused_in_a_handler():
    """In a region that is not SHARED the engine refuses all calls in a handler. The tiers have changed nothing then."""
    system, sram, resize = one_region()
    p = system.physmem
    not_permitted = -8
    refuses = []

    def wrapper(region, state, calls):
        def refusing(call):
            return lambda *arguments: not_permitted if refuses else call(*arguments)

        return tuple([refusing(call) for call in calls])

    wrap().wrap_calls(sram, wrapper)
    p.debug(owners=True, poison=True, guard_frames=1, assertions=True, statistics=True)
    with system.debug.owner("display"):
        a = sram.alloc(4)
    for frame in range(a, a + 4):
        system.byte(sram, frame, 0)[0][0] = 1
    before = (blocks(sram), content(sram, 0, 0, 64 * FRAME), system.leaks(), system.debug.untracked())
    refuses.append(True)
    with InHandler():
        answers = [
            sram.alloc(1),
            sram.alloc_aligned(1, 2),
            sram.alloc_at(20, 2),
            sram.alloc_at(a + 4, 1),
            sram.allocate_within(1, FRAME, 0, sram.base, None),
            sram.free(a),
            resize(a, 4, 2),
            resize(a, 4, 6),
        ]
    del refuses[:]
    assert answers == [not_permitted] * 8
    assert (blocks(sram), content(sram, 0, 0, 64 * FRAME), system.leaks(), system.debug.untracked()) == before
    assert p.check() == []
    calls = system.debug.statistics()["sram"]["calls"]
    name = p.code_name(not_permitted)
    assert [calls[call][name] for call in ("alloc", "alloc_at", "free", "resize")] == [1, 2, 1, 2]
    assert sram.free(a) == 4 and sram.used_frames == 0


def test_random_resizes():
    """With all tiers, allocations that resize at random: each has its frames, its content and its owner, and no guard
    is lost."""
    system, sram, resize = one_region(96)
    p = system.physmem
    p.debug(owners=True, poison=True, guard_frames=1, assertions=True, statistics=True)
    below = RandomNumbers(12).below
    live = []  # [first, count, byte]
    granted = refused = 0
    for step in range(scaled(600, 300, 60)):
        if below(3) == 0 and len(live) < 8:
            n = 1 + below(6)
            first = sram.alloc(n)
            if first >= 0:
                live.append([first, n, step & 0x7F])
        elif live and below(4) == 0:
            first, count, _ = live.pop(below(len(live)))
            assert sram.free(first) == count
        elif live:
            one = live[below(len(live))]
            n = 1 + below(12)
            answer = resize(one[0], one[1], n)
            if answer == n:
                one[1] = n
                granted += 1
            else:
                assert answer in (p.ADDRESS_NOT_FREE, p.ADDRESS_OUT_OF_RANGE) and n > one[1]
                refused += 1
        for first, count, byte in live:
            assert sram.count(first) == count
            for frame in range(first, first + count):
                system.byte(sram, frame, 0)[0][0] = byte
        assert sorted([(leak.first, leak.count) for leak in p.leaks()]) == sorted([(one[0], one[1]) for one in live])
        assert p.check() == [], step
    for first, count, _ in live:
        assert sram.free(first) == count
    assert sram.used_frames == 0 and p.check() == []
    assert granted > refused > 0
