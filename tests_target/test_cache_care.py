"""clean(), invalidate(), for_device(), map() and unmap() of frames behind a data cache: which lines they touch, in
which way, and when they do nothing. cached_core.py is the core with the cache.
"""

import sys

import micropython
from cached_core import BOTH, CLEAN, HIGH, INVALIDATE, LAST, LOW, MOST, WORKS, Core, cached, lines_of
from kept_memory import KeptMachine
from random_numbers import RandomNumbers
from support import InHandler, fresh_physmem, raises, scaled


def test_the_registers_are_those_of_the_manual():
    _, core = cached()
    assert (core.cache.INVALIDATE, core.cache.CLEAN, core.cache.CLEAN_AND_INVALIDATE) == WORKS
    core.leave()


def test_each_line_once_and_no_other():
    """For lines of 32 and of 64 bytes, all sizes of frames, all counts, and addresses up to the end of memory."""
    for line in (32, 64):
        for frame_size in (64, 128, 1024, 4096):
            frames = min(scaled(16, 4), 4096 // frame_size, MOST * line // frame_size)
            size = frames * frame_size
            for base in (LOW, LOW + 7 * 4096, HIGH, LAST + 4096 - size):
                physmem, core = cached(base, frames, frame_size, line)
                for count in range(1, frames + 1):
                    for first in sorted({0, frames - count}):
                        owner = physmem.allocate_frames_at(base + first * frame_size, count)
                        expected = lines_of(base + first * frame_size, count * frame_size, line)
                        assert len(expected) == count * frame_size // line
                        for call, work in ((owner.clean, CLEAN), (owner.invalidate, INVALIDATE)):
                            assert call() is owner
                            assert core.touched() == (work, expected), (line, frame_size, base, first, count)
                        owner.free()
                core.leave()


def test_frames_of_one_line():
    physmem, core = cached(HIGH, 8, 32)
    for first in range(8):
        owner = physmem.allocate_frames_at(HIGH + 32 * first, 1)
        owner.clean()
        assert core.touched() == (CLEAN, [HIGH + 32 * first])
    core.leave()


def test_what_the_core_says_decides():
    """A memory plan that names too long a line leaves out none; one that names too short a line costs nothing."""
    for named, line in ((128, 32), (64, 64), (32, 64), (64, 4)):
        physmem = fresh_physmem()
        region = physmem.Region("ram", HIGH, 4096, 128, physmem.CACHED, named)
        physmem.init([region])
        core = Core(physmem, line)
        physmem.allocate_frames(2).clean()
        assert core.touched() == (CLEAN, lines_of(HIGH, 256, line))
        core.leave()


def test_all_frames_also_those_behind_nbytes():
    """A line behind `nbytes` is of the frames as well: DMA that writes in words may reach it."""
    physmem, core = cached()
    frames = physmem.allocate_frames_by_bytes(100)
    frames.clean()
    assert core.touched() == (CLEAN, lines_of(HIGH, 128))
    core.leave()


def test_parts():
    """`offset` and `nbytes` are in bytes from `addr` on; without `nbytes` a part ends with the last frame."""
    physmem, core = cached()
    frames = physmem.allocate_frames_at(HIGH + 128, 4)
    for call, work in ((frames.clean, CLEAN), (frames.invalidate, INVALIDATE)):
        for offset in range(0, 257, 32):
            for nbytes in range(0, 257 - offset, 32):
                assert call(offset, nbytes) is frames
                lines = lines_of(HIGH + 128 + offset, nbytes)
                assert core.touched() == ((work, lines) if nbytes else None)
            call(offset)
            lines = lines_of(HIGH + 128 + offset, 256 - offset)
            assert core.touched() == ((work, lines) if offset < 256 else None)
        call(nbytes=96)
        assert core.touched() == (work, lines_of(HIGH + 128, 96))
    core.leave()


def test_parts_that_are_refused():
    """What is not all in the frames; in a CACHED region also what is not whole lines. Nothing is touched."""
    for attrs in ("CACHED", "DMA"):
        physmem = fresh_physmem()
        physmem.init([("ram", HIGH, 1024, 64, attrs)])
        core = Core(physmem)
        frames = physmem.allocate_frames_at(HIGH + 128, 4)
        for call in (frames.clean, frames.invalidate):
            for offset, nbytes in ((-32, 64), (0, 288), (256, 32), (288, None), (288, 0), (0, -32), (32, 256)):
                error = raises(physmem.PhysMemError, call, offset, nbytes, code="AddressOutOfRange")
                assert str(offset) in str(error) and "256" in str(error), error
            for offset, nbytes in ((1 << 70, 32), (0, 1 << 70), (-(1 << 70), 32), (1 << 70, None)):
                raises(physmem.PhysMemError, call, offset, nbytes, code="AddressOutOfRange")
            for offset, nbytes in ((1, 32), (16, 32), (0, 33), (31, 1), (33, None)):
                if attrs == "CACHED":
                    error = raises(physmem.PhysMemError, call, offset, nbytes, code="UnalignedAddress")
                    assert "32" in str(error), error
                else:
                    assert call(offset, nbytes) is frames
            for wrong in ("0", 1.5, None, b"", frames):
                assert "offset" in str(raises(TypeError, call, wrong))
                if wrong is not None:
                    assert "nbytes" in str(raises(TypeError, call, 0, wrong))
        assert core.touched() is None
        core.leave()


def test_a_part_is_whole_lines_of_the_core():
    """Half a line of 64 bytes holds what the caller does not mean."""
    physmem, core = cached(line=64)
    frames = physmem.allocate_frames(4)
    raises(physmem.PhysMemError, frames.invalidate, 32, 64, code="UnalignedAddress")
    frames.invalidate(64, 64)
    assert core.touched() == (INVALIDATE, [HIGH + 64])
    core.leave()


def test_parts_of_a_split_and_what_is_merged_and_resized():
    physmem, core = cached()
    frames = physmem.allocate_frames_at(HIGH + 64, 6)
    left, middle, right = frames.split_range(1, 2)
    for part, first, count in ((left, 1, 1), (middle, 2, 2), (right, 4, 3)):
        part.clean()
        assert core.touched() == (CLEAN, lines_of(HIGH + 64 * first, 64 * count))
    middle.merge(left).invalidate()
    assert core.touched() == (INVALIDATE, lines_of(HIGH + 64, 192))
    right.resize(5).clean()
    assert core.touched() == (CLEAN, lines_of(HIGH + 256, 320))
    right.resize(1).clean()
    assert core.touched() == (CLEAN, lines_of(HIGH + 256, 64))
    empty, rest = right.split_at(0)
    for call in (empty.clean, empty.invalidate):
        assert call() is empty and call(0, 0) is empty
        raises(physmem.PhysMemError, call, 0, 32, code="AddressOutOfRange")
    with empty.for_device():
        pass
    assert core.touched() is None
    core.leave()


def test_for_device():
    """Clean and invalidate before the transfer, invalidate after it. What it gives is the frames themselves."""
    for base in (LOW, HIGH, LAST):
        physmem, core = cached(base)
        with physmem.allocate_frames(3) as frames:
            lines = lines_of(base, 192)
            transfer = frames.for_device()
            assert core.touched() is None
            with transfer as given:
                assert given is frames and core.touched() == (BOTH, lines)
            assert core.touched() == (INVALIDATE, lines)
            assert frames.count == 3 and frames.state == physmem.ALLOCATED
        core.leave()


def test_for_device_after_an_exception():
    physmem, core = cached()
    frames = physmem.allocate_frames(1)
    for error in (ValueError("x"), KeyboardInterrupt(), MemoryError()):
        try:
            with frames.for_device():
                core.touched()
                raise error
        except BaseException as raised:
            assert raised is error
        assert core.touched() == (INVALIDATE, lines_of(HIGH, 64))
    core.leave()


def test_for_device_in_for_device():
    physmem, core = cached()
    frames = physmem.allocate_frames(1)
    lines = lines_of(HIGH, 64)
    with frames.for_device():
        assert core.touched() == (BOTH, lines)
        with frames.for_device():
            assert core.touched() == (BOTH, lines)
        assert core.touched() == (INVALIDATE, lines)
    assert core.touched() == (INVALIDATE, lines)
    core.leave()


def test_what_changes_in_a_block_for_a_device():
    """Only what was in the block from its start to its end is invalidated at its end: what was written to frames that
    were taken over meanwhile would be lost, and frames that were given up have another owner."""
    physmem, core = cached()
    at = physmem.allocate_frames_at
    for change, first, count in (
        (lambda frames: frames.resize(6), 4, 4),
        (lambda frames: frames.resize(2), 4, 2),
        (lambda frames: frames.merge(at(HIGH + 64 * 2, 2)), 4, 4),
        (lambda frames: frames.merge(at(HIGH + 64 * 8, 2)), 4, 4),
        (lambda frames: frames.merge(at(HIGH + 64 * 2, 2)).resize(3), 4, 1),
        (lambda frames: frames.free(), 0, 0),
        (lambda frames: frames.split_at(1), 0, 0),
    ):
        frames = at(HIGH + 64 * 4, 4)
        with frames.for_device():
            core.touched()
            change(frames)
        assert core.touched() == ((INVALIDATE, lines_of(HIGH + 64 * first, 64 * count)) if count else None)
        for found in physmem.allocations():
            physmem.free_at(found.addr)
    core.leave()


def test_map_and_unmap():
    """Hardware is given what was written; what it wrote is read."""
    for attrs in ("CACHED", "CACHED SHARED", "CACHED DMA EXTERNAL"):
        physmem, core = cached(attrs=attrs)
        frames = physmem.allocate_frames_at(HIGH + 256, 2)
        lines = lines_of(HIGH + 256, 128)
        for _ in range(2):
            assert frames.map() is frames and frames.state == physmem.MAPPED
            assert core.touched() == (BOTH, lines)
            raises(physmem.PhysMemError, frames.map, code="NotPermitted")
            assert core.touched() is None
            assert frames.unmap() is frames and frames.state == physmem.UNMAPPED
            assert core.touched() == (INVALIDATE, lines)
            raises(physmem.PhysMemError, frames.unmap, code="NotPermitted")
            assert core.touched() is None
        core.leave()


def test_in_every_state_of_frames_that_are_held():
    physmem, core = cached()
    frames = physmem.allocate_frames(2)
    lines = lines_of(HIGH, 128)

    def works():
        core.touched()
        frames.clean()
        assert core.touched() == (CLEAN, lines)
        frames.invalidate()
        assert core.touched() == (INVALIDATE, lines)
        with frames.for_device():
            assert core.touched() == (BOTH, lines)
        assert core.touched() == (INVALIDATE, lines)
        return frames.state

    assert works() == physmem.ALLOCATED
    frames.map()
    assert works() == physmem.MAPPED
    frames.unmap()
    assert works() == physmem.UNMAPPED
    core.leave()


def test_retained_frames():
    machine = KeptMachine(("ram", HIGH, 4096, 64, "CACHED RETAINED"))
    physmem = machine.reset()
    physmem.retain("log", 200).map()
    physmem = machine.reset()
    core = Core(physmem)
    frames = physmem.retain("log", 200)
    assert frames.state == physmem.MAPPED and not frames.fresh
    lines = lines_of(HIGH, 256)
    frames.clean()
    assert core.touched() == (CLEAN, lines)
    frames.unmap()
    assert core.touched() == (INVALIDATE, lines)
    with frames.for_device():
        assert core.touched() == (BOTH, lines)
    assert core.touched() == (INVALIDATE, lines)
    frames.map()
    assert core.touched() == (BOTH, lines)
    core.leave()


def test_owners_that_have_ended():
    physmem, core = cached()
    frames, moved = physmem.allocate_frames(1), physmem.allocate_frames(2)
    waiting = frames.for_device()
    frames.free()
    moved.split_at(1)
    for ended in (frames, moved):
        for call in (ended.clean, ended.invalidate, ended.for_device, waiting.__enter__):
            raises(physmem.PhysMemError, call, code="NotAllocated")
        raises(physmem.PhysMemError, ended.clean, 0, 32, code="NotAllocated")
    assert core.touched() is None
    core.leave()


def without_effect(physmem, core):
    """Check that no call touches anything."""
    frames = physmem.allocate_frames(2)
    assert frames.clean().invalidate() is frames
    with frames.for_device() as given:
        assert given is frames
    frames.map().clean(0, 32).unmap()
    frames.free()
    assert core.touched() is None


def test_nothing_to_do():
    """Where the region is not CACHED; where the cache is off; where the machine has no such registers."""
    for attrs in ("", "DMA FAST SHARED", "EXTERNAL"):
        physmem, core = cached(attrs=attrs)
        without_effect(physmem, core)
        core.leave()
    physmem, core = cached()
    core.turn(False)
    without_effect(physmem, core)
    core.turn(True)
    core.cache._space = 0
    without_effect(physmem, core)
    core.leave()


def test_the_module_is_there_for_handlers():
    """A CACHED region loads it when it is made, by whatever call. No other region does, nor do calls of its frames."""

    class Board:
        REGIONS = (("psram", HIGH, 4096, 64, "DMA CACHED"),)
        OCCUPIED = ()

    def by_init(physmem):
        physmem.init([("a", HIGH, 4096, 64, "CACHED")])

    def by_boot(physmem):
        physmem.boot(Board)
        physmem.boot_complete()

    def by_add_region(physmem):
        physmem.init([("a", LOW, 4096, 64)])
        frames = physmem.allocate_frames(1)
        frames.clean().invalidate().map().unmap()
        assert "physmem_cache" not in sys.modules
        physmem.add_region("b", HIGH, 4096, 64, "CACHED")

    def by_hand(physmem):
        physmem.Region("a", HIGH, 4096, 64, physmem.CACHED)

    for make in (by_init, by_boot, by_add_region, by_hand):
        physmem = fresh_physmem()
        assert "physmem_cache" not in sys.modules
        make(physmem)
        assert "physmem_cache" in sys.modules and "physmem_thumb" not in sys.modules


def calls_without_heap(frames, lines):
    """Return (a call, the work that it does, the lines) for each call that needs no heap, of frames of four lines."""
    return (
        (frames.clean, CLEAN, lines),
        (frames.invalidate, INVALIDATE, lines),
        (lambda: frames.clean(32, 64), CLEAN, lines[1:3]),
        (lambda: frames.invalidate(96), INVALIDATE, lines[3:]),
        (frames.map, BOTH, lines),
        (frames.unmap, INVALIDATE, lines),
    )


def test_without_heap():
    """Everything but for_device(), in the high half as well."""
    for base in (LOW, HIGH, LAST):
        physmem, core = cached(base, attrs="CACHED SHARED")
        frames = physmem.allocate_frames_at(base + 64, 2)
        for call, work, lines in calls_without_heap(frames, lines_of(base + 64, 128)):
            with InHandler():
                micropython.heap_lock()
                try:
                    call()
                finally:
                    micropython.heap_unlock()
            assert core.touched() == (work, lines)
        core.leave()


def test_a_handler_may_care_for_frames_of_any_region():
    """As it may fill them: nothing of the region's metadata changes."""
    physmem, core = cached(attrs="CACHED")
    frames = physmem.allocate_frames(1)
    with InHandler():
        frames.clean()
        assert core.touched() == (CLEAN, lines_of(HIGH, 64))
        frames.invalidate(32)
        assert core.touched() == (INVALIDATE, [HIGH + 32])
    core.leave()


def test_random_calls():
    """Seeded mixtures of owners, parts and works."""
    numbers = RandomNumbers(14)
    below = numbers.below
    for base in (LOW, HIGH):
        physmem, core = cached(base, 64, 128)
        owners = []
        done = 0
        for _ in range(scaled(2000, 200, 60)):
            kind = below(8)
            if kind < 3 and len(owners) < 12:
                owners.append(physmem.allocate_frames(1 + below(4)))
            elif kind == 3 and len(owners) > 4:
                owners.pop(below(len(owners))).free()
            elif owners:
                owner = owners[below(len(owners))]
                offset = 32 * below(owner.capacity // 32)
                nbytes = 32 * (1 + below((owner.capacity - offset) // 32))
                is_clean = below(2)
                (owner.clean if is_clean else owner.invalidate)(offset, nbytes)
                lines = lines_of(owner.addr + offset, nbytes)
                assert core.touched() == (CLEAN if is_clean else INVALIDATE, lines)
                done += 1
        assert done > scaled(500, 60, 12)
        core.leave()
