"""Every function and type of Theseus' frame allocator, by name: ours does what Theseus says.

The counterparts that have other names: `convert_to_heap_based` is `boot_complete`, `dump_frame_allocator_state` is
`dump`, `inspect_then_allocate_free_frames` is `inspect_then_allocate`, dropping is `free` or ``with``, and the states
are values of `AllocatedFrames.state` instead of types.

Each test has its own system, at addresses that nothing reads or writes: 16 frames of SRAM, 64 of PSRAM, and reserved
registers of 4 frames. Sizes are arithmetic on 4,096 bytes.
"""

import sys

import micropython
from scheduled import run_scheduled, with_scheduler_locked
from refusals import refused, seen
from support import fresh_physmem, raises

NEEDS = ("calls without heap",)
FRAME = 4096
SRAM, SRAM_FRAMES = 0x20100000, 16
PSRAM, PSRAM_FRAMES = 0x60000000, 64
REGISTERS, REGISTER_FRAMES = 0x40000000, 4
SRAM_AFTER = SRAM + 2 * FRAME
NOBODYS = 0x50000000  # an address that no region contains
GENERAL = SRAM_FRAMES + PSRAM_FRAMES
MICROPYTHON = sys.implementation.name == "micropython"  # CPython's heap cannot be locked


class Board:
    """The same system as a memory plan, without the registers."""

    REGIONS = (
        ("sram", SRAM, SRAM_FRAMES * FRAME, FRAME, "DMA FAST"),
        ("psram", PSRAM, PSRAM_FRAMES * FRAME, FRAME, "DMA EXTERNAL"),
    )
    OCCUPIED = ()


def system():
    """Return a new physmem with the three regions."""
    physmem = fresh_physmem()
    physmem.init(Board.REGIONS, [("registers", REGISTERS, REGISTER_FRAMES * FRAME)])
    return physmem


def used(physmem):
    """Return the number of frames in use, without the reserved ones."""
    return physmem.stats()[None]["used"]


def heap_locks():
    """Return how often the heap is locked."""
    micropython.heap_lock()
    return micropython.heap_unlock()


# init


def test_init_makes_the_system():
    """The reserved range is a region of its own. The free ones are whole."""
    physmem = system()
    assert [(region.name, region.base, region.frames) for region in physmem.regions()] == [
        ("sram", SRAM, SRAM_FRAMES),
        ("registers", REGISTERS, REGISTER_FRAMES),
        ("psram", PSRAM, PSRAM_FRAMES),
    ]
    assert physmem.region("registers").attrs & physmem.RESERVED
    assert physmem.stats()[None]["free"] == GENERAL
    assert physmem.check() == []


def test_init_is_for_once():
    """A second call is an error and leaves the system unchanged."""
    physmem = system()
    refused(physmem, "NotPermitted", physmem.init, [(0x1000, FRAME)])
    refused(physmem, "NotPermitted", physmem.boot, Board)


# |   frame     0                   4                   8                               16
# |             +-----------------------------------------------------------------------+
# |   free      |                            sram, 16 frames                            |
# |             +-------------------+-------------------+-------------------------------+
# |   reserved                      |         4         |
# |             +-------------------+-------------------+-------------------------------+
# |   regions   |      4, free      |    4, reserved    |            8, free            |
# |             +-------------------+-------------------+-------------------------------+
def test_init_carves_reserved_ranges_out_of_free_ones():
    """Reserving 4 of 16 frames, from the fifth, leaves free regions of 4 and 8 frames."""
    physmem = fresh_physmem()
    physmem.init([("sram", SRAM, 16 * FRAME)], [(SRAM + 4 * FRAME, 4 * FRAME)])
    assert [(region.base, region.frames, bool(region.attrs & physmem.RESERVED)) for region in physmem.regions()] == [
        (SRAM, 4, False),
        (SRAM + 4 * FRAME, 4, True),
        (SRAM + 8 * FRAME, 8, False),
    ]
    raises(MemoryError, physmem.allocate_frames, 9)
    assert physmem.allocate_frames(8).addr == SRAM + 8 * FRAME


def test_init_of_what_cannot_be_changes_nothing():
    """After each refusal there is still no system, and you can call init again."""
    physmem = fresh_physmem()
    good = ("sram", SRAM, 16 * FRAME)
    for wrong, code in (
        (("x", -FRAME, FRAME), "AddressOutOfRange"),
        (("x", 0, -FRAME), "AddressOutOfRange"),
        (("x", 0, FRAME, 100), "InvalidArgument"),
        (("x", 0, FRAME, FRAME, "SLOW"), "InvalidArgument"),
        (("x", SRAM, FRAME, FRAME, "FAST"), "InvalidArgument"),
    ):
        raises(physmem.PhysMemError, physmem.init, [good, wrong], code=code)
        assert physmem.regions() == []
    for wrong in (None, 5, (), (1,), ("x", 1), (1, 2, 3), (1, 2, 3, 4, 5, 6), ("x", 0.5, FRAME)):
        raises(TypeError, physmem.init, [good, wrong])
        raises(TypeError, physmem.init, [good], [wrong])
        assert physmem.regions() == []
    physmem.init([good])
    assert physmem.stats()[None]["free"] == 16


def test_nothing_is_allocated_before_init():
    """Every function says that init comes first."""
    physmem = fresh_physmem()
    for function, arguments in (
        (physmem.allocate_frames, (1,)),
        (physmem.allocate_frames_at, (SRAM, 1)),
        (physmem.allocate_frames_by_bytes, (1,)),
        (physmem.allocate_frames_by_bytes_at, (SRAM, 1)),
        (physmem.allocate_frames_deferred, (1,)),
        (physmem.allocate_frames_deferred, (1, SRAM)),
        (physmem.allocate_frames_by_bytes_deferred, (1,)),
        (physmem.boot_complete, ()),
    ):
        raises(physmem.PhysMemError, function, *arguments, code="NotInitialized")


# allocate_frames


def test_allocate_frames_gives_contiguous_frames_to_one_owner():
    """Until all general frames are allocated, no frame appears twice and none is reserved.

    Then there is a MemoryError. All frames can be freed again.
    """
    physmem = system()
    owners, numbers = [], set()
    for n in (1, 2, 3, 5, 8, 13, 16, 16):
        frames = physmem.allocate_frames(n)
        assert frames.count == n
        assert frames.nbytes == n * FRAME
        assert frames.addr % FRAME == 0
        numbers |= set(frames.range)
        owners.append(frames)
    assert len(numbers) == 64
    while used(physmem) < GENERAL:
        owners.append(physmem.allocate_frames(1))
        numbers |= set(owners[-1].range)
    assert len(numbers) == GENERAL
    assert not [number for number in numbers if REGISTERS <= number * FRAME < REGISTERS + REGISTER_FRAMES * FRAME]
    before = seen(physmem)
    raises(MemoryError, physmem.allocate_frames, 1)
    raises(MemoryError, physmem.allocate_frames_by_bytes, 1)
    raises(MemoryError, physmem.allocate_frames_deferred, 1)
    assert seen(physmem) == before
    for frames in owners:
        frames.free()
    assert used(physmem) == 0
    assert physmem.check() == []


def test_allocate_frames_of_more_than_any_region_has():
    """Regions are not joined: the largest request that can be met is the largest region."""
    physmem = system()
    assert physmem.allocate_frames(PSRAM_FRAMES).free() == PSRAM_FRAMES
    for n in (PSRAM_FRAMES + 1, GENERAL, 1 << 30, 1 << 64):
        raises(MemoryError, physmem.allocate_frames, n)
    assert used(physmem) == 0


def test_allocate_frames_with_constraints():
    """Each address is the only one possible, or one of those that arithmetic allows."""
    physmem = system()
    assert physmem.allocate_frames(1, region="sram").region.name == "sram"
    assert physmem.allocate_frames(1, require=physmem.FAST).region.name == "sram"
    assert physmem.allocate_frames(1, forbid=physmem.FAST).region.name == "psram"
    assert physmem.allocate_frames(1, prefer=physmem.FAST).region.name == "sram"
    assert physmem.allocate_frames(1, align=16 * FRAME, require=physmem.EXTERNAL).addr % (16 * FRAME) == 0
    assert physmem.allocate_frames(1, owner="camera").owner == "camera"


def test_allocate_frames_from_low_to_high():
    """Frames 40 and 41 of PSRAM are the only two between these bounds. Then there is none."""
    physmem = system()
    low, high = PSRAM + 40 * FRAME, PSRAM + 42 * FRAME
    assert physmem.allocate_frames(2, low=low, high=high).addr == low
    raises(MemoryError, physmem.allocate_frames, 1, low=low, high=high)
    assert physmem.allocate_frames(1, low=high).addr >= high
    assert physmem.allocate_frames(1, high=PSRAM).region.name == "sram"


# Free frames are empty, # is in use, and ^ marks the multiples of the boundary:
# |
# |   frame     0               2       3       4       5       6       7       8
# |             +---------------+-------+-------+-------+-------+-------+-------+-----------------------+
# |   psram     | ############# |       |       |       |       |       |       | ##################### |
# |             +---------------+-------+-------+-------+-------+-------+-------+-----------------------+
# |             ^                               ^                               ^
def test_allocate_frames_within_a_boundary():
    """Only frames 2..7 are free. Three starting at 2 or 3 would cross the multiple of 4 frames before frame 4.

    So they start at 4 or 5. Four start at 4. Five fit nowhere within 4.
    """
    physmem = system()
    physmem.allocate_frames_at(PSRAM, 2)
    physmem.allocate_frames_at(PSRAM + 8 * FRAME, PSRAM_FRAMES - 8)
    frames = physmem.allocate_frames(3, boundary=4 * FRAME, region="psram")
    assert frames.addr in (PSRAM + 4 * FRAME, PSRAM + 5 * FRAME)
    frames.free()
    assert physmem.allocate_frames(4, boundary=4 * FRAME, region="psram").addr == PSRAM + 4 * FRAME
    raises(MemoryError, physmem.allocate_frames, 3, boundary=4 * FRAME, region="psram")
    refused(physmem, "SizeMismatch", physmem.allocate_frames, 5, boundary=4 * FRAME)


# allocate_frames_at


def test_allocate_frames_at_begins_with_the_frame_that_contains_the_address():
    """The offset of the address in that frame does not matter."""
    physmem = system()
    for offset in (0, 1, FRAME - 1):
        frames = physmem.allocate_frames_at(PSRAM + 7 * FRAME + offset, 3)
        assert (frames.addr, frames.count, frames.region.name) == (PSRAM + 7 * FRAME, 3, "psram")
        assert frames.free() == 3


def test_allocate_frames_at_of_reserved_frames():
    """Reserved frames are handed out only by address, and come back reserved."""
    physmem = system()
    frames = physmem.allocate_frames_at(REGISTERS + FRAME, 2)
    assert (frames.addr, frames.count, frames.region.name) == (REGISTERS + FRAME, 2, "registers")
    refused(physmem, "AddressNotFree", physmem.allocate_frames_at, REGISTERS, 2)
    frames.free()
    refused(physmem, "InvalidArgument", physmem.allocate_frames, 1, region="registers")
    assert physmem.allocate_frames_at(REGISTERS, REGISTER_FRAMES).count == REGISTER_FRAMES


def test_allocate_frames_at_an_address_of_nobody_makes_a_reserved_region():
    """With unknown=True the request is granted. Once freed, the frames are still reserved: you get them only by
    address. Theseus grants it without asking; here that is a mistake otherwise."""
    physmem = system()
    refused(physmem, "AddressOutOfRange", physmem.allocate_frames_at, NOBODYS + 5, 2)
    frames = physmem.allocate_frames_at(NOBODYS + 5, 2, unknown=True)
    assert (frames.addr, frames.count) == (NOBODYS, 2)
    assert frames.region.attrs & physmem.RESERVED
    assert len(physmem.regions()) == 4
    refused(physmem, "AddressNotFree", physmem.allocate_frames_at, NOBODYS + FRAME, 1)
    assert physmem.stats()[None]["frames"] == GENERAL
    frames.free()
    raises(MemoryError, physmem.allocate_frames, PSRAM_FRAMES + 1)
    again = physmem.allocate_frames_at(NOBODYS, 2)
    assert again.region is frames.region
    assert len(physmem.regions()) == 4
    assert physmem.check() == []


def test_allocate_frames_at_refusals():
    """AddressNotFree where frames are in use, AddressOutOfRange past the end of a free region, ZeroAllocation for 0."""
    physmem = system()
    held = physmem.allocate_frames_at(PSRAM + 8 * FRAME, 4)
    for i, n in ((8, 1), (8, 4), (11, 1), (7, 2), (0, 9), (11, 9), (0, PSRAM_FRAMES)):
        refused(physmem, "AddressNotFree", physmem.allocate_frames_at, PSRAM + i * FRAME, n)
    for i, n in ((PSRAM_FRAMES - 1, 2), (0, PSRAM_FRAMES + 1)):
        refused(physmem, "AddressOutOfRange", physmem.allocate_frames_at, PSRAM + i * FRAME, n)
    refused(physmem, "ZeroAllocation", physmem.allocate_frames_at, PSRAM, 0)
    refused(physmem, "InvalidArgument", physmem.allocate_frames_at, PSRAM, -1)
    assert held.free() == 4


# allocate_frames_by_bytes, allocate_frames_by_bytes_at


def test_allocate_frames_by_bytes_rounds_up_to_frames():
    """One byte more than n frames is n + 1 frames."""
    physmem = system()
    for nbytes, count in ((1, 1), (FRAME - 1, 1), (FRAME, 1), (FRAME + 1, 2), (10 * FRAME, 10), (10 * FRAME + 1, 11)):
        frames = physmem.allocate_frames_by_bytes(nbytes)
        assert frames.count == count
        assert (frames.nbytes, frames.capacity) == (nbytes, count * FRAME)
        assert frames.free() == count


def test_allocate_frames_by_bytes_at_adds_the_offset_in_the_frame():
    """Two bytes at the last byte of a frame are in two frames."""
    physmem = system()
    for offset, nbytes, count in (
        (0, 1, 1),
        (0, FRAME, 1),
        (0, FRAME + 1, 2),
        (FRAME - 1, 1, 1),
        (FRAME - 1, 2, 2),
        (1, FRAME, 2),
        (1, FRAME - 1, 1),
        (FRAME - 1, FRAME + 2, 3),
    ):
        for base in (PSRAM + 9 * FRAME, REGISTERS, NOBODYS):
            frames = physmem.allocate_frames_by_bytes_at(base + offset, nbytes, unknown=base == NOBODYS)
            assert (frames.addr, frames.count, frames.nbytes) == (base, count, offset + nbytes)
            assert frames.free() == count
    assert physmem.check() == []


def test_zero_negative_and_no_number_at_every_function():
    """Zero is an error, as in Theseus. Nothing changes."""
    physmem = system()
    for function in (
        physmem.allocate_frames,
        physmem.allocate_frames_by_bytes,
        physmem.allocate_frames_deferred,
        physmem.allocate_frames_by_bytes_deferred,
    ):
        refused(physmem, "ZeroAllocation", function, 0)
        refused(physmem, "InvalidArgument", function, -1)
        refused(physmem, "InvalidArgument", function, -(1 << 64))
        for wrong in (None, "1", 1.0, (1,)):
            raises(TypeError, function, wrong)
    for function in (physmem.allocate_frames_at, physmem.allocate_frames_by_bytes_at):
        refused(physmem, "ZeroAllocation", function, PSRAM, 0)
        refused(physmem, "InvalidArgument", function, PSRAM, -1)
        refused(physmem, "AddressOutOfRange", function, -1, 1)
        for wrong in (None, "1", 1.0, (1,)):
            raises(TypeError, function, PSRAM, wrong)
            raises(TypeError, function, wrong, 1)
    for function in (physmem.allocate_frames_deferred, physmem.allocate_frames_by_bytes_deferred):
        refused(physmem, "ZeroAllocation", function, 0, PSRAM)
        raises(TypeError, function, 1, "here")
    assert used(physmem) == 0
    message = str(raises(physmem.PhysMemError, physmem.allocate_frames, 0))
    assert message == "cannot allocate n = 0: ask for at least one"


# allocate_frames_deferred, allocate_frames_by_bytes_deferred, DeferredAllocAction


def test_allocate_frames_deferred_answers_frames_and_an_action():
    """Anywhere, at an address, and with the options of allocate_frames."""
    physmem = system()
    frames, action = physmem.allocate_frames_deferred(5)
    assert isinstance(frames, physmem.AllocatedFrames)
    assert isinstance(action, physmem.DeferredAllocAction)
    assert frames.count == 5
    assert used(physmem) == 5
    frames, action = physmem.allocate_frames_deferred(5, PSRAM + 20 * FRAME + 7)
    assert (frames.addr, frames.count) == (PSRAM + 20 * FRAME, 5)
    frames, action = physmem.allocate_frames_deferred(1, region="sram", owner="camera")
    assert (frames.region.name, frames.owner) == ("sram", "camera")
    refused(physmem, "AddressNotFree", physmem.allocate_frames_deferred, 1, PSRAM + 20 * FRAME)


def test_allocate_frames_by_bytes_deferred_rounds_up_and_adds_the_offset():
    """Like the functions that are not deferred."""
    physmem = system()
    frames, action = physmem.allocate_frames_by_bytes_deferred(FRAME + 1)
    assert frames.count == 2
    frames, action = physmem.allocate_frames_by_bytes_deferred(2, PSRAM + 20 * FRAME - 1)
    assert (frames.addr, frames.count) == (PSRAM + 19 * FRAME, 2)


def test_deferred_alloc_action_commits_once():
    """`commit` returns whether there was anything to do. A ``with`` block commits at its end.

    The scheduler commits on its own.
    """
    physmem = system()

    def commit():
        frames, action = physmem.allocate_frames_deferred(1)
        assert action.pending
        assert action.commit() is True
        assert action.commit() is False
        assert frames.free() == 1
        frames, action = physmem.allocate_frames_deferred(1)
        with action as entered:
            assert entered is action
            assert action.pending
        assert not action.pending
        assert action.commit() is False
        assert frames.free() == 1
        return physmem.allocate_frames_deferred(1)

    frames, action = with_scheduler_locked(commit)
    run_scheduled()
    assert not action.pending
    assert action.commit() is False
    assert frames.free() == 1


def test_deferred_alloc_action_hides_no_frame():
    """In Theseus the left-overs of a chunk are invisible until the action is dropped.

    Here you can allocate every free frame at once, and commit before or after the frames are freed.
    """
    physmem = system()

    def commit():
        frames, action = physmem.allocate_frames_deferred(1)
        owners = [physmem.allocate_frames(1) for _ in range(GENERAL - 1)]
        raises(MemoryError, physmem.allocate_frames, 1)
        assert action.pending
        assert frames.free() == 1
        assert action.commit() is True
        assert sum([one.free() for one in owners]) == GENERAL - 1

    with_scheduler_locked(commit)


def test_allocation_at_an_address_with_the_heap_locked():
    """Allocating at an address of either region uses no heap, and neither does freeing.

    One of the addresses is a big int on 32-bit boards.
    """
    physmem = system()
    owners = [None] * 4
    freed = 0
    micropython.heap_lock()
    try:
        owners[0] = physmem.allocate_frames_at(SRAM, 2)
        owners[1] = physmem.allocate_frames_deferred(2, PSRAM)[0]
        owners[2] = physmem.allocate_frames_by_bytes_at(REGISTERS, 1)
        owners[3] = physmem.allocate_frames_by_bytes_deferred(1, SRAM_AFTER)[0]
    finally:
        micropython.heap_unlock()
    assert [frames.addr for frames in owners] == [SRAM, PSRAM, REGISTERS, SRAM_AFTER]
    micropython.heap_lock()
    try:
        for frames in owners:
            freed += frames.free()
    finally:
        micropython.heap_unlock()
    assert freed == 2 + 2 + 1 + 1
    assert used(physmem) == 0


def test_deferred_allocation_with_the_heap_locked():
    """32 times without heap, then a MemoryError with nothing lost. Once committed with heap, 32 times again."""
    physmem = system()
    owners = [None] * 33
    actions = [None] * 33
    for _ in range(2):
        made, refusal = 0, None
        micropython.heap_lock()
        try:
            try:
                while made < 33:
                    owners[made], actions[made] = physmem.allocate_frames_deferred(1)
                    made += 1
            except MemoryError as error:
                refusal = error
            try:
                actions[0].commit()
            except physmem.PhysMemError as error:
                assert error.code == "NotPermitted"
        finally:
            micropython.heap_unlock()
        assert made == (32 if MICROPYTHON else 33)
        assert (refusal is not None) is MICROPYTHON
        assert used(physmem) == made
        # One commit completes them all. (On CPython the 33rd request has found heap and completed the earlier ones.)
        assert actions[made - 1].pending and actions[made - 1].commit() is True
        for i in range(made):
            assert not actions[i].pending and actions[i].commit() is False
            assert owners[i].free() == 1
        assert used(physmem) == 0
    assert physmem.check() == []


# AllocatedFrames: ownership


def test_allocated_frames_frees_once():
    """Theseus frees when the owner is dropped. Here `free` does, and afterwards it no longer owns anything."""
    physmem = system()
    frames = physmem.allocate_frames(3)
    addr = frames.addr
    assert frames.free() == 3
    assert used(physmem) == 0
    other = physmem.allocate_frames(3)
    assert other.addr == addr
    refused(physmem, "NotAllocated", frames.free)
    assert other.free() == 3


def test_allocated_frames_frees_at_the_end_of_with():
    """The end of the block frees, also after an exception, but not again what was freed or split inside."""
    physmem = system()
    with physmem.allocate_frames(3) as frames:
        assert used(physmem) == 3
    assert frames.state == physmem.FREED
    assert used(physmem) == 0
    try:
        with physmem.allocate_frames(3):
            raise KeyError("inside")
    except KeyError:
        pass
    assert used(physmem) == 0
    with physmem.allocate_frames(3) as frames:
        frames.free()
    with physmem.allocate_frames(3) as frames:
        first, second = frames.split_at(1)
    assert used(physmem) == 3
    assert first.free() + second.free() == 3
    raises(physmem.PhysMemError, frames.__enter__, code="NotAllocated")


def test_allocated_frames_derefs_to_its_range():
    """`range` is a value: it describes the frames and cannot free them."""
    physmem = system()
    frames = physmem.allocate_frames_at(PSRAM + 3 * FRAME, 4)
    assert frames.range == physmem.FrameRange(PSRAM // FRAME + 3, 4)
    assert frames.range.contains_address(PSRAM + 7 * FRAME - 1)
    assert not hasattr(frames.range, "free")
    assert len(frames) == 4


# AllocatedFrame, AllocatedFramesIter


def test_allocated_frame_borrows_from_its_owner():
    """Iteration gives each frame in order, as often as you like. The owner stays the owner."""
    physmem = system()
    frames = physmem.allocate_frames_at(PSRAM + 3 * FRAME, 4)
    for _ in range(2):
        singles = list(frames)
        assert [single.addr for single in singles] == [PSRAM + (3 + i) * FRAME for i in range(4)]
    for single in singles:
        assert isinstance(single, physmem.AllocatedFrame)
        assert single.frames is frames
        assert single.nbytes == FRAME
        assert not hasattr(single, "free")
    assert frames.free() == 4


def test_allocated_frames_iter_of_none():
    """Iterating an owner without frames gives nothing."""
    physmem = system()
    empty, rest = physmem.allocate_frames(2).split_at(0)
    assert list(empty) == []
    assert len(list(rest)) == 2


def test_as_allocated_frame_asserts_one_frame():
    """Theseus panics for any other number. Here it is an error."""
    physmem = system()
    single = physmem.allocate_frames_at(PSRAM, 1)
    assert single.as_allocated_frame().addr == PSRAM
    assert single.as_allocated_frame().frames is single
    refused(physmem, "SizeMismatch", physmem.allocate_frames(2).as_allocated_frame)
    single.free()
    refused(physmem, "NotAllocated", single.as_allocated_frame)


# merge


def test_merge_on_either_side():
    """The other owner ends, and a single free returns all frames."""
    physmem = system()
    for one_first in (True, False):
        low = physmem.allocate_frames_at(PSRAM + 4 * FRAME, 3)
        high = physmem.allocate_frames_at(PSRAM + 7 * FRAME, 2)
        one, other = (low, high) if one_first else (high, low)
        assert one.merge(other) is one
        assert (one.addr, one.count, other.state) == (PSRAM + 4 * FRAME, 5, physmem.MOVED)
        assert physmem.check() == []
        refused(physmem, "NotAllocated", other.free)
        assert physmem.region("psram").count(4) == 5
        assert one.free() == 5
        assert used(physmem) == 0


def test_merge_of_what_is_not_adjacent_gives_both_back():
    """A gap of one frame, another region, itself, no frames at all: both owners stay unchanged."""
    physmem = system()
    one = physmem.allocate_frames_at(PSRAM, 2)
    far = physmem.allocate_frames_at(PSRAM + 3 * FRAME, 2)
    elsewhere = physmem.allocate_frames_at(SRAM + 2 * FRAME, 2)
    for other in (far, elsewhere, one):
        refused(physmem, "InvalidArgument", one.merge, other)
        refused(physmem, "InvalidArgument", other.merge, one)
    for wrong in (None, 1, one.range, (PSRAM, 2)):
        raises(TypeError, one.merge, wrong)
    freed = physmem.allocate_frames_at(PSRAM + 2 * FRAME, 1)
    freed.free()
    refused(physmem, "NotAllocated", one.merge, freed)
    refused(physmem, "NotAllocated", freed.merge, one)
    assert (one.free(), far.free(), elsewhere.free()) == (2, 2, 2)


def test_merge_undoes_every_split():
    """Split at each index and merged from either side, the result owns the same frames again.

    This includes a split that left one side without frames.
    """
    physmem = system()
    for i in range(6):
        for forward in (True, False):
            first, second = physmem.allocate_frames_at(PSRAM + 30 * FRAME, 5).split_at(i)
            whole = first.merge(second) if forward else second.merge(first)
            assert (whole.addr, whole.count) == (PSRAM + 30 * FRAME, 5)
            assert physmem.check() == []
            assert whole.free() == 5


def test_merge_with_an_owner_of_no_frames():
    """Wherever it was split off, an empty owner merged with another gives the other's frames, owned and freed by the
    result."""
    physmem = system()
    for n in (0, 3):
        for forward in (True, False):
            parts = physmem.allocate_frames_at(PSRAM + 10 * FRAME, 3).split_at(n)
            some, nothing = sorted(parts, key=lambda part: -part.count)
            for first in (0, 20):
                far = physmem.allocate_frames_at(PSRAM + first * FRAME, 2)
                whole = nothing.merge(far) if forward else far.merge(nothing)
                assert (whole.addr, whole.count) == (PSRAM + first * FRAME, 2)
                whole, nothing = whole.split_at(2)
                assert whole.free() == 2
            assert some.free() == 3
            assert physmem.check() == []


def test_merge_of_parts_in_any_order():
    """Five owners of one frame each become one of five."""
    physmem = system()
    parts = [physmem.allocate_frames_at(PSRAM + (10 + i) * FRAME, 1) for i in range(5)]
    whole = parts[2].merge(parts[1]).merge(parts[3]).merge(parts[4]).merge(parts[0])
    assert (whole.addr, whole.count) == (PSRAM + 10 * FRAME, 5)
    assert whole.free() == 5
    assert physmem.check() == []


# split_at, split_range


def test_split_at_gives_two_owners():
    """The parts keep the tag of the old owner, which ends. test_theseus_scenarios.py has the scenarios."""
    physmem = system()
    frames = physmem.allocate_frames(5, owner="camera")
    first, second = frames.split_at(2)
    assert (first.count, second.count) == (2, 3)
    assert (first.owner, second.owner) == ("camera", "camera")
    assert second.addr == first.addr + 2 * FRAME
    refused(physmem, "NotAllocated", frames.free)
    refused(physmem, "NotAllocated", frames.split_at, 1)
    assert first.free() == 2
    assert used(physmem) == 3
    assert second.free() == 3


def test_split_at_of_no_index():
    """An index that is not an int is a TypeError, one outside is AddressOutOfRange, and nothing is lost."""
    physmem = system()
    frames = physmem.allocate_frames(5)
    for wrong in (None, "1", 1.0, (1,)):
        raises(TypeError, frames.split_at, wrong)
        raises(TypeError, frames.split_range, wrong, 1)
        raises(TypeError, frames.split_range, 1, wrong)
    for i in (-1, 6, 1 << 64, -(1 << 64)):
        refused(physmem, "AddressOutOfRange", frames.split_at, i)
    assert frames.free() == 5


# For example `split_range(1, 3)`:
# |
# |   index     0             1                                         4
# |             +---------------------------------------------------------------------+
# |   before    |                       one owner of five frames                      |
# |             +-------------+-----------------------------------------+-------------+
# |   after     |    before   |                 extract                 |    after    |
# |             +-------------+-----------------------------------------+-------------+
def test_split_range_gives_before_extract_and_after():
    """For every range within five frames the three owners have what a slice of range(5) has, and each frees its own."""
    physmem = system()
    for i in range(5):
        for n in range(1, 6 - i):
            frames = physmem.allocate_frames_at(PSRAM + 50 * FRAME, 5)
            parts = frames.split_range(i, n)
            assert [part.count for part in parts] == [i, n, 5 - i - n]
            assert [list(part.range) for part in parts if part.count] == [
                [PSRAM // FRAME + 50 + frame for frame in piece]
                for piece in (range(i), range(i, i + n), range(i + n, 5))
                if len(piece)
            ]
            assert frames.state == physmem.MOVED
            assert physmem.check() == []
            assert [part.free() for part in parts] == [i, n, 5 - i - n]
            assert used(physmem) == 0


def test_split_range_refuses_no_frames_and_frames_outside():
    """As in Theseus: an error when the range is empty or not contained."""
    physmem = system()
    frames = physmem.allocate_frames(5)
    for i in (-1, 0, 3, 5, 6):
        refused(physmem, "ZeroAllocation", frames.split_range, i, 0)
    for i, n in ((-1, 2), (0, 6), (4, 2), (5, 1), (6, 1), (1, -1), (0, 1 << 64), (1 << 64, 1)):
        refused(physmem, "AddressOutOfRange", frames.split_range, i, n)
    assert frames.state == physmem.ALLOCATED
    assert frames.free() == 5


def split_with_the_heap_locked(split, spares):
    """Call ``split(frames)`` with the heap locked and at most `spares` spare owners.

    Either it is done, or it is a MemoryError and the owner still owns all frames.
    """
    physmem = system()
    frames = physmem.allocate_frames(5)
    parts = refusal = None
    micropython.heap_lock()
    try:
        for _ in range(32 - spares):
            physmem.allocate_frames_deferred(1)[0].free()
        try:
            parts = split(frames)
        except MemoryError as error:
            refusal = error
    finally:
        micropython.heap_unlock()
    if refusal is None:
        assert sum([part.free() for part in parts]) == 5
    else:
        assert frames.state == physmem.ALLOCATED
        assert frames.free() == 5
    assert used(physmem) == 0
    assert physmem.check() == []


def test_split_at_with_the_heap_locked_loses_nothing():
    """With enough spare owners for the parts, and with fewer."""
    for spares in range(4):
        split_with_the_heap_locked(lambda frames: frames.split_at(2), spares)


def test_split_range_with_the_heap_locked_loses_nothing():
    """With enough spare owners for the parts, and with fewer."""
    for spares in range(6):
        split_with_the_heap_locked(lambda frames: frames.split_range(1, 2), spares)


# States and transitions.


def attempt(frames, other, action):
    """Do `action` with an owner. `other` is adjacent to it."""
    if action == "map":
        frames.map()
    elif action == "unmap":
        frames.unmap()
    elif action == "free":
        frames.free()
    elif action == "split_at":
        frames.split_at(1)
    elif action == "split_range":
        frames.split_range(1, 1)
    elif action == "merge":
        frames.merge(other)
    else:
        other.merge(frames)


# What each action makes of each state: the new state, or the code of the refusal.
TRANSITIONS = {
    "allocated": ("mapped", "NotPermitted", "freed", "moved", "moved", "allocated", "moved"),
    "mapped": ("NotPermitted", "unmapped") + ("NotPermitted",) * 5,
    "unmapped": ("mapped", "NotPermitted", "freed", "moved", "moved", "unmapped", "moved"),
    "freed": ("NotAllocated",) * 7,
    "moved": ("NotAllocated",) * 7,
}
ACTIONS = ("map", "unmap", "free", "split_at", "split_range", "merge", "merge into another")


def brought_to(frames, state):
    """Bring an owner that was just allocated to `state`."""
    if state in ("mapped", "unmapped"):
        assert frames.map() is frames
    if state == "unmapped":
        assert frames.unmap() is frames
    if state == "freed":
        frames.free()
    if state == "moved":
        frames.split_at(1)
    assert frames.state == state
    return frames


def test_states_and_transitions():
    """Every action in every state: Allocated -> Mapped -> Unmapped -> Allocated's actions again, Freed at the end.

    Hardware owns mapped frames: only `unmap` is permitted. A refusal leaves the state unchanged.
    """
    physmem = system()
    assert set(TRANSITIONS) == {
        physmem.ALLOCATED,
        physmem.MAPPED,
        physmem.UNMAPPED,
        physmem.FREED,
        physmem.MOVED,
    }
    for state in TRANSITIONS:
        physmem = system()
        for number, action in enumerate(ACTIONS):
            outcome = TRANSITIONS[state][number]
            addr = PSRAM + 8 * number * FRAME
            frames = brought_to(physmem.allocate_frames_at(addr, 3), state)
            other = physmem.allocate_frames_at(addr + 3 * FRAME, 2)
            if outcome in TRANSITIONS:
                attempt(frames, other, action)
                assert frames.state == outcome, (state, action, frames.state)
            else:
                refused(physmem, outcome, attempt, frames, other, action)
                assert frames.state == state, (state, action, frames.state)
                assert other.state == physmem.ALLOCATED
            assert physmem.check() == []


def test_mapped_frames_are_not_freed_at_the_end_of_with():
    """Theseus panics when mapped frames are dropped. Here the block ends with an error and hardware keeps them."""
    physmem = system()
    frames = physmem.allocate_frames(2)

    def block():
        with frames:
            frames.map()

    raises(physmem.PhysMemError, block, code="NotPermitted")
    assert frames.state == physmem.MAPPED
    assert used(physmem) == 2
    assert frames.unmap().free() == 2


def test_unmapped_frames_are_freed_at_the_end_of_with():
    """As in Theseus, dropping unmapped frames frees them."""
    physmem = system()
    with physmem.allocate_frames(2) as frames:
        frames.map().unmap()
    assert used(physmem) == 0


# inspect_then_allocate


def test_inspect_then_allocate_shows_every_free_run_by_address():
    """None asks for the next run. Reserved frames are not shown. After the last run, the result is None."""
    physmem = system()
    physmem.allocate_frames_at(SRAM + 4 * FRAME, 4)
    physmem.allocate_frames_at(PSRAM, 1)
    shown = []
    assert physmem.inspect_then_allocate(lambda *run: shown.append((run[0].name, run[1], run[2]))) is None
    assert shown == [("sram", 0, 4), ("sram", 8, 8), ("psram", 1, 63)]


def test_inspect_then_allocate_stops():
    """After STOP no other run is shown and nothing is allocated."""
    physmem = system()
    shown = []

    def chooser(region, first, count):
        shown.append(region.name)
        return physmem.STOP

    assert physmem.inspect_then_allocate(chooser) is None
    assert shown == ["sram"]
    assert used(physmem) == 0


def test_inspect_then_allocate_allocates_what_is_picked():
    """The last five frames of the last run."""
    physmem = system()
    frames = physmem.inspect_then_allocate(
        lambda region, first, count: (first + count - 5, 5) if region.name == "psram" else None, owner="camera"
    )
    assert (frames.addr, frames.count, frames.owner) == (PSRAM + 59 * FRAME, 5, "camera")
    assert used(physmem) == 5
    assert frames.free() == 5


def test_inspect_then_allocate_refuses_what_is_not_in_the_run():
    """No frames, frames of a neighbour, of another region, and values that are not pairs of ints."""
    physmem = system()
    physmem.allocate_frames_at(SRAM + 4 * FRAME, 4)
    for pick, code in (
        ((0, 0), "ZeroAllocation"),
        ((0, 5), "AddressOutOfRange"),
        ((3, 2), "AddressOutOfRange"),
        ((-1, 1), "AddressOutOfRange"),
        ((4, 1), "AddressOutOfRange"),
        ((8, 1), "AddressOutOfRange"),
        ((2, -1), "AddressOutOfRange"),
        ((0, 1 << 64), "AddressOutOfRange"),
    ):
        refused(physmem, code, physmem.inspect_then_allocate, lambda region, first, count, pick=pick: pick)
    for pick in (("0", 1), (0, 1.0), (None, None), True):
        raises(TypeError, physmem.inspect_then_allocate, lambda region, first, count, pick=pick: pick)
    assert used(physmem) == 4


def test_inspect_then_allocate_may_call_the_allocator_inside():
    """Allocating, freeing and inspecting work inside the chooser as they do outside. Its exception is passed on."""
    physmem = system()
    taken = []

    def chooser(region, first, count):
        taken.append(physmem.allocate_frames_at(region.addr(first), 1))
        taken.append(physmem.inspect_then_allocate(lambda region, first, count: (first, 1)))
        return first + 2, 3

    frames = physmem.inspect_then_allocate(chooser)
    assert (frames.addr, frames.count) == (SRAM + 2 * FRAME, 3)
    assert [one.addr for one in taken] == [SRAM, SRAM + FRAME]
    assert used(physmem) == 5

    def faulty(region, first, count):
        raise KeyError("inside")

    raises(KeyError, physmem.inspect_then_allocate, faulty)
    assert used(physmem) == 5
    assert physmem.check() == []


# convert_to_heap_based: boot, boot_complete


def test_convert_to_heap_based_is_boot_complete_and_idempotent():
    """However often you call it, the heap ends up as it was before the boot, and allocations go on as before."""
    physmem = fresh_physmem()
    locks = heap_locks()
    assert not physmem.booted
    physmem.boot(Board)
    early = heap_locks()
    physmem.boot_complete()
    assert early == locks + 1
    assert physmem.booted
    frames = physmem.allocate_frames(2)
    before = seen(physmem)
    heap = physmem.early_heap()
    for _ in range(3):
        physmem.boot_complete()
        assert physmem.early_heap() == heap
        assert heap_locks() == locks
        assert physmem.booted
        assert seen(physmem) == before
    assert frames.free() == 2
    assert physmem.allocate_frames(PSRAM_FRAMES).free() == PSRAM_FRAMES


def test_convert_to_heap_based_after_init_without_an_early_phase():
    """init locks nothing, so there is nothing to unlock."""
    physmem = system()
    locks = heap_locks()
    frames = physmem.allocate_frames(2)
    physmem.boot_complete()
    assert heap_locks() == locks
    assert physmem.booted
    assert frames.free() == 2


def test_allocation_goes_on_over_the_end_of_the_early_phase():
    """You can free, split and merge afterwards what was allocated early. The early phase used no heap."""
    physmem = fresh_physmem()
    physmem.boot(Board)
    try:
        early = physmem.allocate_frames_at(SRAM, 4)
        reserved_early = None
        try:
            reserved_early = physmem.allocate_frames_at(NOBODYS, 1, unknown=True)
        except physmem.PhysMemError as error:
            refusal = error.code
    finally:
        physmem.boot_complete()
    begin, end = physmem.early_heap()
    assert begin == end
    if MICROPYTHON:
        assert reserved_early is None and refusal == "NotPermitted"
        assert len(physmem.regions()) == 2
    first, second = early.split_at(1)
    late = physmem.allocate_frames_at(SRAM + 4 * FRAME, 4)
    assert second.merge(late).free() == 7
    assert first.free() == 1
    assert used(physmem) == 0
    assert physmem.check() == []


# dump_frame_allocator_state: dump


def test_dump_frame_allocator_state_is_dump():
    """One line for each region and one for each run, free or used, by address. Nothing changes."""
    physmem = system()
    physmem.allocate_frames_at(PSRAM + 2 * FRAME, 3)
    before = seen(physmem)
    lines = []
    physmem.dump(write=lines.append)
    assert seen(physmem) == before
    runs = [line.split() for line in lines if line.startswith(" ")]
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names == ["sram", "registers", "psram"]
    expected = (
        (SRAM, SRAM_FRAMES, "free"),
        (REGISTERS, REGISTER_FRAMES, "free"),
        (PSRAM, 2, "free"),
        (PSRAM + 2 * FRAME, 3, "used"),
        (PSRAM + 5 * FRAME, PSRAM_FRAMES - 5, "free"),
    )
    assert runs == [
        ["0x%08x..0x%08x" % (base, base + count * FRAME), str(count), word] for base, count, word in expected
    ]


# PhysicalMemoryRegion, MemoryRegionType


def test_physical_memory_region_and_memory_region_type():
    """The system's regions as Theseus lists them: Reserved memory is only handed out by address, even if never
    declared."""
    physmem = system()
    physmem.allocate_frames_at(NOBODYS, 2, unknown=True)
    kinds = physmem.MemoryRegionType
    described = [physmem.PhysicalMemoryRegion.of(region) for region in physmem.regions()]
    assert [(region.frames.start_address, region.frames.size_in_frames, region.typ) for region in described] == [
        (SRAM, SRAM_FRAMES, kinds.Free),
        (REGISTERS, REGISTER_FRAMES, kinds.Reserved),
        (NOBODYS, 2, kinds.Reserved),
        (PSRAM, PSRAM_FRAMES, kinds.Free),
    ]


def test_physical_memory_regions_make_a_system():
    """Ours takes what Theseus' init takes, as addresses and sizes."""
    physmem = fresh_physmem()
    free = physmem.PhysicalMemoryRegion(physmem.FrameRange(0x100, 16), physmem.MemoryRegionType.Free)
    reserved = physmem.PhysicalMemoryRegion(physmem.FrameRange(0x104, 2), physmem.MemoryRegionType.Reserved)
    entries = [[(region.frames.start_address, region.frames.size_in_bytes)] for region in (free, reserved)]
    physmem.init(entries[0], entries[1])
    described = [physmem.PhysicalMemoryRegion.of(region) for region in physmem.regions()]
    assert reserved in described
    assert [region.frames.size_in_frames for region in described] == [4, 2, 10]
