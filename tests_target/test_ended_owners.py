"""Owners that have ended - freed, split, merged - and what no owner allows: to be assigned to."""

import sys

from kept_memory import one_region
from owner_calls import every_method
from support import fresh_physmem, raises

NEEDS = ("asyncio.run",)
FRAME = 64
FRAMES = 32
TELLS_OF_MEMORY = ["first", "count", "addr", "nbytes", "capacity", "view", "range"]
ALL = TELLS_OF_MEMORY + ["region", "owner", "state", "name", "fresh"]


def system():
    physmem = fresh_physmem()
    physmem.init([("ram", None, FRAMES * FRAME, FRAME, "DMA")])
    return physmem


def run(coroutine):
    """Run a coroutine that waits for nothing: with asyncio if there is one, then by hand. Return what it returns."""
    try:
        import asyncio
    except ImportError:
        asyncio = None
    if asyncio:
        return asyncio.run(coroutine())
    try:
        coroutine().send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the coroutine waits for something")


def ended(physmem):
    """Return owners that have ended, with the word for how."""
    freed = physmem.allocate_frames(2, owner="me")
    freed.free()
    with physmem.allocate_frames_by_bytes(70, owner="me") as left:
        pass
    unmapped = physmem.allocate_frames(2, owner="me").map().unmap()
    unmapped.free()
    with physmem.scope():
        scoped = physmem.allocate_frames(2, owner="me")
    split = physmem.allocate_frames(2, owner="me")
    one, other = split.split_at(1)
    one.merge(other)
    parts = physmem.allocate_frames(3, owner="me")
    parts.split_range(1, 1)
    nothing, rest = physmem.allocate_frames(2, owner="me").split_at(0)
    nothing.free()
    deferred, action = physmem.allocate_frames_deferred(1, owner="me")
    deferred.free()
    action.commit()
    return [
        (freed, "freed"),
        (left, "freed"),
        (unmapped, "freed"),
        (scoped, "freed"),
        (split, "moved"),
        (other, "moved"),
        (parts, "moved"),
        (nothing, "freed"),
        (deferred, "freed"),
    ]


def test_what_tells_of_memory_is_refused():
    """NotAllocated, with the word for what has become of the frames. What does not tell of memory is still there."""
    physmem = system()
    for frames, word in ended(physmem):
        refused = [(getattr, frames, name) for name in TELLS_OF_MEMORY]
        refused += [(len, frames), (iter, frames), (list, frames)]
        for call in refused:
            error = raises(physmem.PhysMemError, *call, code="NotAllocated")
            assert word in str(error), (call, str(error))
        assert not frames and bool(frames) is False
        assert frames.state == word and frames.state == (physmem.FREED if word == "freed" else physmem.MOVED)
        assert frames.owner == "me" and frames.region is physmem.region("ram")
        assert frames.name is None and frames.fresh is None
        assert word in repr(frames) and "0x" not in repr(frames)


def test_every_method_is_refused():
    """NotAllocated and nothing has changed; `with` cannot start."""
    physmem = system()
    owners = ended(physmem)
    used = physmem.region("ram").used_frames
    for frames, _ in owners:
        other = physmem.allocate_frames(1)
        for call in every_method(frames, other):
            raises(physmem.PhysMemError, call, code="NotAllocated")
        raises(physmem.PhysMemError, frames.merge, frames, code="NotAllocated")
        assert other.free() == 1
    assert physmem.region("ram").used_frames == used and physmem.check() == []


def test_truth():
    """Owners of frames are true, also mapped ones and those of no frames; ended ones are not."""
    physmem = system()
    frames = physmem.allocate_frames(2)
    assert frames and frames.map() and frames.unmap()
    empty, rest = frames.split_at(0)
    assert empty and rest and not frames
    assert len(empty) == 0
    rest.free()
    assert not rest and empty


def test_single_frames_end_with_their_owner():
    physmem = system()
    frames = physmem.allocate_frames(3)
    singles = list(frames)
    single = singles[1]
    assert (single.addr, single.nbytes, len(single.view)) == (frames.addr + FRAME, FRAME, FRAME)
    frames.free()
    for name in ("addr", "nbytes", "view"):
        raises(physmem.PhysMemError, getattr, single, name, code="NotAllocated")


def test_nothing_can_be_assigned():
    """AttributeError for each attribute, in each state, and nothing has changed."""
    physmem = system()
    frames = physmem.allocate_frames_by_bytes(100, owner="me")
    for _ in range(3):
        before = [frames.first, frames.count, frames.addr, frames.nbytes, frames.capacity, frames.owner, frames.state]
        for name in ALL:
            raises(AttributeError, setattr, frames, name, 0x1234)
            raises(AttributeError, setattr, frames, name, None)
        after = [frames.first, frames.count, frames.addr, frames.nbytes, frames.capacity, frames.owner, frames.state]
        assert before == after and frames.name is None and frames.fresh is True
        if frames.state == physmem.ALLOCATED:
            frames.map()
        elif frames.state == physmem.MAPPED:
            frames.unmap()
    assert frames.state == physmem.UNMAPPED
    frames.free()
    for name in ALL:
        raises(AttributeError, setattr, frames, name, 0x1234)
    assert frames.state == physmem.FREED and frames.owner == "me"
    if sys.implementation.name == "cpython":
        for name in ALL:
            raises(AttributeError, delattr, frames, name)


def test_the_end_of_with_is_quiet():
    """After free(), a split, a merge, resize to other sizes, a release: no second error, nothing freed twice."""
    physmem = system()
    region = physmem.region("ram")
    with physmem.allocate_frames(2) as frames:
        assert frames.free() == 2
        other = physmem.allocate_frames(2)
        assert other.first == 0  # the same frames, which the end of the block must not free
    assert region.used_frames == 2 and other.free() == 2
    with physmem.allocate_frames(3) as frames:
        parts = frames.split_at(1)
    assert region.used_frames == 3
    with parts[0], parts[1]:
        parts[0].merge(parts[1])
    assert region.used_frames == 0
    with physmem.allocate_frames(3) as frames:
        frames.resize(5)
    assert region.used_frames == 0
    try:
        with physmem.allocate_frames(3) as frames:
            frames.free()
            raise KeyError("the error of the block")
    except KeyError as error:
        assert "the block" in str(error)
    assert region.used_frames == 0 and physmem.check() == []


def test_the_end_of_with_keeps_what_is_retained():
    """A retained name stays after the block, over a reset too; `with` is how its owner is used, not how it ends."""
    machine = one_region()
    physmem = machine.reset()
    with physmem.retain("log", 100) as log:
        log.view[:3] = b"abc"
    assert log and log.name == "log" and bytes(log.view[:3]) == b"abc"
    physmem = machine.reset()
    with physmem.retain("log", 100) as log:
        assert bytes(log.view[:3]) == b"abc" and not log.fresh
        physmem.release("log")
    assert not log and physmem.retained() == []
    with physmem.retain("log", 100) as log:
        log.free()
    assert physmem.retained() == [] and physmem.check() == []


def test_async_with():
    """The same as `with`: frees at the end, after an exception too, is quiet after free(), keeps what is mapped."""
    physmem = system()
    region = physmem.region("ram")
    seen = []

    async def use():
        async with physmem.allocate_frames(3) as frames:
            seen.append((frames.count, region.used_frames))
        seen.append((frames.state, region.used_frames))
        async with physmem.allocate_frames(2) as frames:
            frames.free()
        try:
            async with physmem.allocate_frames(1) as frames:
                raise KeyError
        except KeyError:
            seen.append((frames.state, region.used_frames))
        try:
            async with physmem.allocate_frames(4) as frames:
                frames.map()
        except physmem.PhysMemError as error:
            seen.append((error.code, frames.state))
        frames.unmap().free()
        return "done"

    assert run(use) == "done"
    assert seen == [(3, 3), ("freed", 0), ("freed", 0), ("NotPermitted", "mapped")]
    assert region.used_frames == 0
    frames = physmem.allocate_frames(1)
    frames.free()

    async def use_again():
        async with frames:
            seen.append("inside")

    raises(physmem.PhysMemError, run, use_again, code="NotAllocated")
    assert "inside" not in seen
