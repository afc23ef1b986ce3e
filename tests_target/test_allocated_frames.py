"""AllocatedFrames: states, splits, merges, views of the memory, deferred actions.

Runs on the system that the board booted with, so that views read and write real memory.
"""

import physmem
from scheduled import run_scheduled, with_scheduler_locked
from snapshot import of_system
from support import raises

PhysMemError = physmem.PhysMemError
SPARES = 32  # spare owners, for when the heap is locked

# Every method in every state: the state after it, or the code of its error. Source: the states of Theseus' frames
# (Allocated -> Mapped -> Unmapped -> freed). Nothing is left of frames that were freed, split or merged.
METHODS = ("free", "map", "unmap", "split_at", "split_range", "merge", "merged", "enter", "exit", "view", "one")
STATES = {
    physmem.ALLOCATED: (
        physmem.FREED,
        physmem.MAPPED,
        "NotPermitted",
        physmem.MOVED,
        physmem.MOVED,
        physmem.ALLOCATED,
        physmem.MOVED,
        physmem.ALLOCATED,
        physmem.FREED,
        physmem.ALLOCATED,
        physmem.ALLOCATED,
    ),
    physmem.MAPPED: (
        "NotPermitted",
        "NotPermitted",
        physmem.UNMAPPED,
        "NotPermitted",
        "NotPermitted",
        "NotPermitted",
        "NotPermitted",
        physmem.MAPPED,
        "NotPermitted",
        physmem.MAPPED,
        physmem.MAPPED,
    ),
    physmem.UNMAPPED: (
        physmem.FREED,
        physmem.MAPPED,
        "NotPermitted",
        physmem.MOVED,
        physmem.MOVED,
        physmem.UNMAPPED,
        physmem.MOVED,
        physmem.UNMAPPED,
        physmem.FREED,
        physmem.UNMAPPED,
        physmem.UNMAPPED,
    ),
    physmem.FREED: ("NotAllocated",) * 8 + (physmem.FREED, "NotAllocated", "NotAllocated"),
    physmem.MOVED: ("NotAllocated",) * 8 + (physmem.MOVED, "NotAllocated", "NotAllocated"),
}


def in_state(state):
    """Return two adjacent owners of one frame each, the first in `state`, and what to free at the end."""
    both = physmem.allocate_frames(2)
    first, second = both.split_at(1)
    rest = [first, second]
    if state in (physmem.MAPPED, physmem.UNMAPPED):
        first.map()
    if state == physmem.UNMAPPED:
        first.unmap()
    if state == physmem.FREED:
        first.free()
    if state == physmem.MOVED:
        rest.extend(first.split_at(1))
    return first, second, rest


def places(frames):
    """Return the state of the owner and, unless it has ended, its frames."""
    return frames.state, (frames.first, frames.count, frames.nbytes) if frames else None


def call(method, frames, other, rest):
    """Call the method named in METHODS."""
    if method == "split_at":
        rest.extend(frames.split_at(1))
    elif method == "split_range":
        rest.extend(frames.split_range(0, 1))
    elif method == "merge":
        assert frames.merge(other) is frames
    elif method == "merged":
        other.merge(frames)
    elif method == "enter":
        assert frames.__enter__() is frames
    elif method == "exit":
        frames.__exit__(None, None, None)
    elif method == "view":
        assert len(frames.view) == frames.nbytes
    elif method == "one":
        assert frames.as_allocated_frame().frame == frames.first
    elif method == "free":
        assert frames.free() == 1
    else:
        assert getattr(frames, method)() is frames


def test_every_method_in_every_state():
    """The table above. Where a method is refused, neither the owner nor the metadata changes."""
    used = physmem.stats()[None]["used"]
    for state, outcomes in STATES.items():
        for method, outcome in zip(METHODS, outcomes):
            frames, other, rest = in_state(state)
            assert frames.state == state
            if outcome in STATES:
                call(method, frames, other, rest)
                assert frames.state == outcome, (state, method, frames.state)
            else:
                before = (of_system(physmem), places(frames), places(other))
                raises(PhysMemError, call, method, frames, other, rest, code=outcome)
                after = (of_system(physmem), places(frames), places(other))
                assert before == after, (state, method)
            assert physmem.check() == []
            for owner in rest:
                if owner.state == physmem.MAPPED:
                    owner.unmap()
                if owner.state not in (physmem.FREED, physmem.MOVED):
                    owner.free()
            assert physmem.stats()[None]["used"] == used, (state, method)


def test_what_owners_say():
    """region, first, count, addr, nbytes, owner, len and state all describe the same frames."""
    for region in physmem.regions():
        if region.attrs & physmem.RESERVED:
            continue
        with physmem.allocate_frames(3, region=region, owner="who") as frames:
            assert frames.region is region
            assert frames.addr == region.addr(frames.first) == region.base + frames.first * region.frame_size
            assert len(frames) == frames.count == region.count(frames.first) == 3
            assert frames.nbytes == 3 * region.frame_size
            assert (frames.owner, frames.state) == ("who", physmem.ALLOCATED)
            assert region.name in repr(frames) and "3" in repr(frames) and "%x" % frames.addr in repr(frames)
        assert frames.state == physmem.FREED and physmem.FREED in repr(frames)


def test_with_gives_back():
    """The end of the block frees, also after an error or after an earlier free or split. Mapped frames stay mapped."""
    before = of_system(physmem)[0]
    used = physmem.stats()[None]["used"]
    with physmem.allocate_frames(2) as frames:
        assert physmem.stats()[None]["used"] == used + 2
    assert frames.state == physmem.FREED
    try:
        with physmem.allocate_frames(2) as frames:
            raise KeyError("the block's own error")
    except KeyError:
        pass
    assert frames.state == physmem.FREED
    with physmem.allocate_frames(2) as frames:
        frames.free()
    with physmem.allocate_frames(2) as frames:
        parts = frames.split_at(1)
    assert frames.state == physmem.MOVED and parts[0].state == physmem.ALLOCATED
    parts[0].free()
    parts[1].free()

    def block():
        with physmem.allocate_frames(2) as frames:
            held.append(frames.map())

    held = []
    raises(PhysMemError, block, code="NotPermitted")
    assert held[0].state == physmem.MAPPED
    held[0].unmap().free()
    raises(PhysMemError, held[0].__enter__, code="NotAllocated")
    after = of_system(physmem)[0]
    assert physmem.stats()[None]["used"] == used
    assert [region[:5] for region in after] == [region[:5] for region in before]


def test_iteration():
    """Iteration gives one AllocatedFrame for each frame, in order, any number of times. The owner stays the owner."""
    with physmem.allocate_frames(4) as frames:
        size = frames.region.frame_size
        for _ in range(2):
            assert [frame.addr for frame in frames] == [frames.addr + i * size for i in range(4)]
        for i, frame in enumerate(frames):
            assert frame.frames is frames and frame.frame == frames.first + i and frame.nbytes == size
            frame.view[0] = 0x40 + i
        assert [frames.view[i * size] for i in range(4)] == [0x40, 0x41, 0x42, 0x43]
        assert frames.state == physmem.ALLOCATED
        one = frames.as_allocated_frame
        raises(PhysMemError, one, code="SizeMismatch")
        last = frame
    raises(PhysMemError, lambda: last.view, code="NotAllocated")


def test_views_are_the_memory():
    """What you write through one view, you read through another, in every region, in the first and the last byte."""
    for region in physmem.regions():
        if region.attrs & physmem.RESERVED:
            continue
        with physmem.allocate_frames(4, region=region) as frames:
            one, two = frames.view, frames.view
            assert len(one) == len(two) == frames.nbytes == 4 * region.frame_size
            pattern = bytes([i * 7 & 255 for i in range(256)])
            one[0:256] = pattern
            one[-256:] = pattern
            one[256] = 0x5A
            assert bytes(two[0:256]) == pattern and bytes(two[-256:]) == pattern and two[256] == 0x5A
            two[1] = 0xA5
            assert one[1] == 0xA5
            addr = frames.addr
        with physmem.allocate_frames_at(addr, 4) as again:
            assert again.view[1] == 0xA5  # nothing touches the memory in between


def test_views_stay_within_their_frames():
    """Filling one owner's frames leaves the frames of its neighbours unchanged."""
    frames = physmem.allocate_frames(3)
    left, middle, right = frames.split_range(1, 1)
    for part in (left, right):
        part.view[:] = b"\x11" * part.nbytes
    middle.view[:] = b"\xee" * middle.nbytes
    assert set(left.view) == {0x11} and set(right.view) == {0x11} and set(middle.view) == {0xEE}
    raises((IndexError, TypeError), lambda: middle.view[middle.nbytes])
    for part in (left, middle, right):
        part.free()


def test_views_cannot_grow():
    """A memoryview has no append, so the memory cannot move into the heap."""
    with physmem.allocate_frames(1) as frames:
        assert not hasattr(frames.view, "append") and not hasattr(frames.view, "extend")

        def longer():
            frames.view[0:2] = b"abc"

        raises(ValueError, longer)


def test_split_at_every_place():
    """Splits follow Theseus and slices: at 0 (none, all), at the end (all, none), otherwise both parts in order.

    Freed in any order, everything is free again.
    """
    used = physmem.stats()[None]["used"]
    most = max([region.largest_free() for region in physmem.regions()])
    for count in sorted({min(count, most) for count in (1, 2, 5, 33, 40)}):
        for i in range(count + 1):
            for reverse in (False, True):
                frames = physmem.allocate_frames(count, owner="me")
                first, region = frames.first, frames.region
                parts = frames.split_at(i)
                assert frames.state == physmem.MOVED
                assert [part.count for part in parts] == [i, count - i]
                assert parts[1].first == first + i and (i == 0 or parts[0].first == first)
                assert [part.owner for part in parts] == ["me", "me"]
                assert [part.region for part in parts] == [region, region]
                assert physmem.stats()[None]["used"] == used + count
                for part in reversed(parts) if reverse else parts:
                    expected = part.count
                    assert len(list(part)) == expected
                    assert part.free() == expected
                assert physmem.stats()[None]["used"] == used
    assert physmem.check() == []


def test_split_range_everywhere():
    """split_range returns (before, extract, after) for every range within five frames; the extract is the range asked
    for."""
    used = physmem.stats()[None]["used"]
    for i in range(5):
        for n in range(1, 6 - i):
            frames = physmem.allocate_frames(5)
            first = frames.first
            parts = frames.split_range(i, n)
            assert [part.count for part in parts] == [i, n, 5 - i - n]
            assert parts[1].first == first + i
            assert frames.state == physmem.MOVED
            parts[1].free()
            assert [frames.region.is_free(first + k) for k in range(5)] == [i <= k < i + n for k in range(5)]
            parts[0].free()
            parts[2].free()
    assert physmem.stats()[None]["used"] == used and physmem.check() == []


def test_merge_in_either_order():
    """A part takes over its neighbour on either side. The whole is one allocation again; its bytes are unchanged."""
    for order in ((0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0)):
        frames = physmem.allocate_frames(6)
        first, region = frames.first, frames.region
        frames.view[0:4] = b"data"
        parts = frames.split_range(2, 3)
        whole = parts[order[0]]
        assert whole.merge(parts[order[1]]).merge(parts[order[2]]) is whole
        assert [part.state for part in parts].count(physmem.MOVED) == 2
        assert (whole.first, whole.count, whole.state) == (first, 6, physmem.ALLOCATED)
        assert region.count(first) == 6 and bytes(whole.view[0:4]) == b"data"
        assert whole.free() == 6
    assert physmem.check() == []


def test_merge_of_two_allocations():
    """Neighbours need not come from one split. The owner that takes over keeps its tag."""
    region = physmem.region("sram")
    spot = physmem.allocate_frames(5, region=region)
    addr = spot.addr
    spot.free()
    one = physmem.allocate_frames_at(addr, 2, owner="one")
    two = physmem.allocate_frames_at(addr + 2 * region.frame_size, 3, owner="two")
    two.map().unmap()
    one.merge(two)
    assert (one.count, one.owner, two.state) == (5, "one", physmem.MOVED)
    assert region.count(one.first) == 5
    assert one.free() == 5


def test_what_does_not_merge():
    """Owners with a gap between them, or of two regions if the board has two, do not merge and both stay unchanged."""
    region = physmem.region("sram")
    left, gap, right = physmem.allocate_frames(3, region=region).split_range(1, 1)
    pairs = [(left, right), (right, left), (gap, gap)]
    foreign = []
    for other in physmem.regions():
        if other is not region and not other.attrs & physmem.RESERVED:
            foreign.append(physmem.allocate_frames(1, region=other))
            pairs += [(left, foreign[-1]), (foreign[-1], right)]
    before = of_system(physmem)
    for one, two in pairs:
        raises(PhysMemError, one.merge, two, code="InvalidArgument")
        assert of_system(physmem) == before
        assert one.state == two.state == physmem.ALLOCATED and one.count == two.count == 1
    for owner in [left, gap, right] + foreign:
        assert owner.free() == 1


def test_empty_owners():
    """A split at an end gives an owner of no frames and no bytes. It frees nothing and merges with either neighbour."""
    frames = physmem.allocate_frames(3)
    first = frames.first
    empty, rest = frames.split_at(0)
    assert (empty.count, len(empty), empty.nbytes, list(empty)) == (0, 0, 0, [])
    assert len(empty.view) == 0
    assert empty.merge(rest) is empty and (empty.first, empty.count) == (first, 3)
    rest, empty = empty.split_at(3)
    rest.merge(empty)
    assert (rest.first, rest.count, empty.state) == (first, 3, physmem.MOVED)
    nothing, rest = rest.split_at(0)
    assert nothing.free() == 0 and nothing.state == physmem.FREED
    raises(PhysMemError, nothing.free, code="NotAllocated")
    assert rest.free() == 3
    assert physmem.check() == []


def test_deferred_actions():
    """The frames are usable at once. You commit the action by hand or by `with`, the scheduler commits it, or you drop
    it.

    A second commit has nothing left to do. A dropped action costs no frame.
    """
    used = physmem.stats()[None]["used"]

    def commit():  # with the scheduler locked, so that it does not commit first
        frames, action = physmem.allocate_frames_deferred(2, owner="driver")
        frames.view[0] = 1
        assert (frames.count, frames.owner, frames.state) == (2, "driver", physmem.ALLOCATED)
        assert physmem.stats()[None]["used"] == used + 2
        assert action.commit() is True
        assert action.commit() is False
        one, action = physmem.allocate_frames_deferred(1)
        with action as inside:
            assert inside is action and action.pending
        assert not action.pending and action.commit() is False
        one.free()
        frames.free()

    with_scheduler_locked(commit)
    frames, action = physmem.allocate_frames_deferred(1)
    run_scheduled()
    assert not action.pending and action.commit() is False
    frames.free()
    assert physmem.stats()[None]["used"] == used


def test_many_deferred_actions_that_nobody_commits():
    """A hundred dropped actions with the heap unlocked are all granted, none lost.

    There are more of them than spare owners, and than frames of a small board: it gets some more, in the heap.
    """
    more = physmem.add_region("more", None, 100 * 64, 64)
    used = physmem.stats()[None]["used"]
    half = 50
    owners = [physmem.allocate_frames_deferred(1)[0] for _ in range(half)]
    owners += [physmem.allocate_frames_by_bytes_deferred(1)[0] for _ in range(half)]
    places = {(owner.region.name, owner.first) for owner in owners}
    assert len(places) == 2 * half > SPARES and physmem.stats()[None]["used"] == used + 2 * half
    for owner in owners:
        assert owner.free() == 1
    assert physmem.stats()[None]["used"] == used
    physmem.remove_region(more)


def test_an_action_of_freed_frames():
    """You may free before committing: the action still has its bookkeeping to do."""

    def commit():
        frames, action = physmem.allocate_frames_deferred(1)
        frames.free()
        assert action.pending and action.commit() is True
        raises(PhysMemError, frames.free, code="NotAllocated")
        again, action = physmem.allocate_frames_deferred(1)
        assert again is not frames and frames.state == physmem.FREED
        assert action.commit() is True
        again.free()

    with_scheduler_locked(commit)
