"""Frames that hardware owned at the reset: nobody gets them before they are unmapped and freed."""

import gc
import sys

import micropython
from kept_memory import FRAME, KeptMachine, kept, one_region, pattern, used
from support import raises

LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"
SLOTS = 62  # of 4 KiB for records


def places(physmem):
    """Return address and number of frames of what is quarantined, by address."""
    return sorted([(frames.addr, frames.count) for frames in physmem.quarantined()])


def test_mapped_at_the_reset():
    """Mapped frames are not handed out by any call. They are listed as MAPPED with their content.

    free() refuses until unmap(). After that the next reset finds nothing.
    """
    machine = one_region()
    base = machine.regions[0][1]
    physmem = machine.reset()
    physmem.allocate_frames(3)
    ring = physmem.allocate_frames(2)
    ring.view[:] = pattern(2 * FRAME, 1)
    ring.map()
    assert physmem.quarantined() == []  # it lists those from before the reset
    physmem = machine.reset()
    assert used(physmem) == 2 and physmem.dropped() == [] and physmem.retained() == []
    (frames,) = physmem.quarantined()
    assert (frames.addr, frames.count, frames.first) == (base + 3 * FRAME, 2, 3)
    assert frames.state == physmem.MAPPED and frames.owner is None and frames.name is None
    assert frames.fresh is False and bytes(frames.view) == pattern(2 * FRAME, 1)
    ram = physmem.region("ram")
    assert ram.alloc_at(4, 1) == physmem.ADDRESS_NOT_FREE
    raises(physmem.PhysMemError, physmem.allocate_frames_at, base + 4 * FRAME, 1, code="AddressNotFree")
    assert physmem.allocate_frames(3).first == 0 and physmem.allocate_frames(27).first == 5
    raises(MemoryError, physmem.allocate_frames, 1)
    for function in (frames.free, frames.map):
        raises(physmem.PhysMemError, function, code="NotPermitted")
    raises(physmem.PhysMemError, frames.split_at, 1, code="NotPermitted")
    assert frames.unmap() is frames and frames.state == physmem.UNMAPPED
    assert physmem.quarantined() == [] and frames.fresh is False
    assert bytes(frames.view) == pattern(2 * FRAME, 1)
    assert frames.free() == 2 and frames.fresh is None and physmem.check() == []
    physmem = machine.reset()
    assert physmem.quarantined() == physmem.dropped() == [] and used(physmem) == 0


def test_over_several_resets():
    """They stay quarantined until unmapped. The objects are new after each reset and the same within a run."""
    machine = one_region()
    physmem = machine.reset()
    physmem.allocate_frames(1)
    addr = physmem.allocate_frames(3).map().addr
    for _ in range(4):
        physmem = machine.reset()
        assert places(physmem) == [(addr, 3)] and used(physmem) == 3 and physmem.check() == []
        assert physmem.quarantined()[0] is physmem.quarantined()[0]
        other = physmem.allocate_frames(1)
        assert not addr <= other.addr < addr + 3 * FRAME
    assert physmem.quarantined()[0].unmap().free() == 3
    physmem = machine.reset()
    assert physmem.quarantined() == [] and used(physmem) == 0


def test_unmapped_but_not_freed():
    """Unmapped frames from before the reset are like any others: the next reset reclaims them.

    If mapped again, they are quarantined by the next reset, and not before.
    """
    machine = one_region()
    physmem = machine.reset()
    physmem.allocate_frames(2).map()
    physmem = machine.reset()
    frames = physmem.quarantined()[0].unmap()
    frames.map()
    assert physmem.quarantined() == [] and frames.state == physmem.MAPPED
    physmem = machine.reset()
    assert len(physmem.quarantined()) == 1
    first, second = physmem.quarantined()[0].unmap().split_at(1)
    second.map()
    second = second.first
    physmem = machine.reset()
    assert [frames.first for frames in physmem.quarantined()] == [second] and used(physmem) == 1
    physmem.quarantined()[0].unmap()
    physmem = machine.reset()
    assert physmem.quarantined() == [] and used(physmem) == 0


def test_unmapped_before_the_reset():
    """All frames that are not mapped are reclaimed: unmapped, freed after unmap, mapped and unmapped many times."""
    machine = one_region()
    physmem = machine.reset()
    physmem.allocate_frames(2).map().unmap()
    physmem.allocate_frames(2).map().unmap().free()
    often = physmem.allocate_frames(3)
    for _ in range(100):  # more often than there are records
        often.map().unmap()
    physmem = machine.reset()
    assert physmem.quarantined() == physmem.dropped() == [] and used(physmem) == 0


def test_a_mapped_part():
    """Of a split owner, the mapped part stays and the others are reclaimed. The same for parts of three."""
    machine = one_region()
    base = machine.regions[0][1]
    physmem = machine.reset()
    _, middle, _ = physmem.allocate_frames(8).split_range(3, 2)
    middle.map()
    before, after = physmem.allocate_frames(4).split_at(1)
    before.map()
    merged = physmem.allocate_frames(2).merge(physmem.allocate_frames(2))
    merged.map()
    assert middle.fresh is before.fresh is merged.fresh is True
    wanted = [(base + 3 * FRAME, 2), (base + 8 * FRAME, 1), (base + 12 * FRAME, 4)]
    for _ in range(2):
        physmem = machine.reset()
        assert places(physmem) == wanted and used(physmem) == 7 and physmem.check() == []
    assert sum([frames.unmap().free() for frames in physmem.quarantined()]) == 7
    assert after.count == 3 and used(physmem) == 0


def test_no_frames():
    """You may map an owner of no frames: there is nothing to quarantine and nothing to report."""
    machine = one_region()
    physmem = machine.reset()
    none, rest = physmem.allocate_frames(4).split_at(0)
    assert none.map().state == physmem.MAPPED and physmem.check() == []
    rest.map()
    assert physmem.check() == []
    assert none.unmap().free() == 0
    none, all_of_it = rest.unmap().split_at(0)
    none.map()
    physmem = machine.reset()
    assert physmem.quarantined() == physmem.dropped() == [] and used(physmem) == 0
    assert all_of_it.count == 4


def test_regions_of_any_kind():
    """What counts is that hardware owns the frames: the region need not be RETAINED. Reserved ones are taken by
    address."""
    machine = KeptMachine(
        ("plain", 0x20100000, 32 * FRAME, FRAME, "SHARED DMA"),
        ("registers", 0x40000000, 8 * 4096, 4096, "RESERVED"),
        ("psram", 0x80000000, 32 * 1024, 1024, "EXTERNAL RETAINED"),
    )
    physmem = machine.reset()
    physmem.allocate_frames(2, region="plain").map()
    physmem.allocate_frames(3, region="psram").map()
    physmem.allocate_frames_at(0x40002000, 1).map()
    physmem.allocate_frames_at(0x40003000, 2)
    wanted = [(0x20100000, 2), (0x40002000, 1), (0x80000000, 3)]
    for _ in range(2):
        physmem = machine.reset()
        assert places(physmem) == wanted and physmem.check() == [] and physmem.dropped() == []
        assert physmem.region("registers").used_frames == 1
        raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x40001000, 2, code="AddressNotFree")
    assert sum([frames.unmap().free() for frames in physmem.quarantined()]) == 6
    assert physmem.allocate_frames_at(0x40001000, 3).count == 3


def test_addresses_of_no_region():
    """Frames of a peripheral, at low and at high addresses, one after the other and in one piece.

    Each becomes a reserved region again. Until you unmap them they stay so over resets; after that, the next reset
    knows nothing of them.
    """
    machine = one_region()
    physmem = machine.reset()
    wanted = [(0x40004000, 1), (0x40005000, 2), (0x40007000, 1), (0xE0000000, 4)]
    for addr, count in (wanted[1], wanted[0], wanted[2], wanted[3]):
        physmem.allocate_frames_at(addr, count, unknown=True).map()
    not_mapped = physmem.allocate_frames_at(0x50000000, 1, unknown=True)
    for _ in range(2):
        regions = len(physmem.regions())
        physmem = machine.reset()
        assert places(physmem) == wanted and physmem.check() == [] and physmem.dropped() == []
        assert len(physmem.regions()) == regions - (
            sys.modules["physmem_system"].region_at(not_mapped.addr) is None and regions == 7
        )
        for addr, count in wanted:
            raises(physmem.PhysMemError, physmem.allocate_frames_at, addr, count, code="AddressNotFree")
        assert used(physmem) == 0
    for frames in physmem.quarantined():
        assert frames.region.attrs & physmem.RESERVED
        frames.unmap().free()
    assert physmem.quarantined() == [] and physmem.check() == []
    assert physmem.allocate_frames_at(0x40005000, 2, unknown=True).free() == 2
    physmem = machine.reset()
    assert physmem.quarantined() == [] and len(physmem.regions()) == 2


def test_a_region_that_grew():
    """Parts of an extended region of unknown addresses are each there again."""
    machine = one_region()
    physmem = machine.reset()
    physmem.allocate_frames_at(0x40000000, 1, unknown=True).free()
    first, second = physmem.allocate_frames_at(0x40000000, 5, unknown=True).split_at(2)
    assert first.region is second.region and first.region.frames == 5
    second.map()
    physmem = machine.reset()
    assert places(physmem) == [(0x40002000, 3)]
    assert physmem.allocate_frames_at(0x40000000, 2, unknown=True).count == 2
    raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x40004000, 1, code="AddressNotFree")
    assert physmem.check() == []


def test_all_records_in_use():
    """With all records in use, map() is a MemoryError that changes nothing: the frames stay ALLOCATED and can be freed.

    As soon as other frames are unmapped, it works.
    """
    machine = one_region(frames=80)
    physmem = machine.reset()
    owners = [physmem.allocate_frames(1) for _ in range(SLOTS + 1)]
    for i in range(SLOTS):
        owners[i].map()
    last = owners[SLOTS]
    before = kept(machine, physmem)
    error = raises(MemoryError, last.map)
    assert "62" in str(error) and "unmap" in str(error)
    raises(MemoryError, physmem.retain, "name", 1)
    assert kept(machine, physmem) == before
    assert last.state == physmem.ALLOCATED
    assert last.free() == 1
    last = physmem.allocate_frames(1)
    raises(MemoryError, last.map)
    owners[7].unmap()
    assert last.map().state == physmem.MAPPED
    raises(MemoryError, owners[7].map)
    assert owners[7].state == physmem.UNMAPPED
    wanted = sorted([(frames.addr, 1) for frames in owners[:7] + owners[8:SLOTS] + [last]])
    physmem = machine.reset()
    assert places(physmem) == wanted and used(physmem) == SLOTS and physmem.dropped() == []
    raises(MemoryError, physmem.allocate_frames(1).map)
    assert used(physmem) == SLOTS + 1
    assert sum([frames.unmap().free() for frames in physmem.quarantined()]) == SLOTS
    physmem = machine.reset()
    assert physmem.quarantined() == [] and used(physmem) == 0


def test_a_name_and_its_mapping_need_a_record_each():
    """With one record left you can retain a name but not map it."""
    machine = one_region(records=192)
    physmem = machine.reset()
    frames = physmem.retain("ring", FRAME)
    raises(MemoryError, frames.map)
    assert frames.state == physmem.ALLOCATED and physmem.retained()[0].mapped is False
    physmem = machine.reset()
    assert physmem.retain("ring", FRAME).state == physmem.ALLOCATED and physmem.release("ring") == 1
    physmem.allocate_frames(1).map()
    raises(MemoryError, physmem.retain, "ring", FRAME)
    physmem = machine.reset()
    assert len(physmem.quarantined()) == used(physmem) == 1


BASE = 0x20100000


def after_a_change(frames, frame_size, base=BASE, attrs="RETAINED", occupied=None):
    """Return a system after a reset with another memory plan, when hardware owned frames 8 to 11 of 256 bytes."""
    machine = KeptMachine(("ram", BASE, 64 * FRAME, FRAME, "RETAINED"))
    physmem = machine.reset()
    physmem.allocate_frames_at(BASE + 8 * FRAME, 4).map()
    machine.regions = [("ram", base, frames * frame_size, frame_size, attrs)]
    if occupied:
        machine.occupied.append(occupied)
    return machine, machine.reset()


def test_a_memory_map_that_changes():
    """Frames of another size, no region there any more, or one that is not RETAINED.

    All bytes that hardware owns stay out of use, and none of them is lost afterwards.
    """
    for frames, frame_size, base, attrs in (
        (64, FRAME, BASE, "DMA"),
        (256, 32, BASE, "RETAINED"),
        (16, 1024, BASE, "RETAINED"),
        (64, 4096, BASE, "RETAINED"),
        (12, FRAME, BASE, "RETAINED"),
        (64, FRAME, BASE + 0x10000, "RETAINED"),
    ):
        machine, physmem = after_a_change(frames, frame_size, base, attrs)
        assert physmem.dropped() == [] and physmem.check() == []
        for _ in range(2):
            (held,) = physmem.quarantined()
            assert held.state == physmem.MAPPED
            assert held.addr <= BASE + 8 * FRAME and held.addr + held.nbytes >= BASE + 12 * FRAME
            assert physmem.check() == []
            physmem = machine.reset()
        (held,) = physmem.quarantined()
        held.unmap().free()
        assert used(physmem) == 0 and physmem.check() == []
        physmem = machine.reset()
        assert physmem.quarantined() == [] and used(physmem) == 0


def test_a_memory_map_that_occupies_what_hardware_has():
    """Then there is nothing to hand out. The record is dropped with a message, and nothing is lost."""
    machine, physmem = after_a_change(64, FRAME, occupied=("firmware", BASE + 4096 - FRAME, 4096))
    assert physmem.quarantined() == [] and len(physmem.dropped()) == 1
    assert used(physmem) == 0 and physmem.check() == []
    physmem = machine.reset()
    assert physmem.dropped() == []


def test_with_the_heap_locked():
    """Frames from before the reset are unmapped and freed without heap, however many, and others are mapped."""
    machine = one_region(frames=80)
    physmem = machine.reset()
    for _ in range(20):
        physmem.allocate_frames(2).map()
    physmem.allocate_frames_at(0xE0000000, 1, unknown=True).map()
    physmem = machine.reset()
    owners = physmem.quarantined()
    count = heap = refused = 0
    micropython.heap_lock()
    try:
        before = gc.mem_alloc() if LOCKS else 0
        for frames in owners:
            frames.unmap()
            count += frames.free()
        frames = physmem.allocate_frames(1)
        frames.map()
        try:
            frames.free()
        except physmem.PhysMemError:
            refused += 1
        heap = (gc.mem_alloc() if LOCKS else 0) - before
    finally:
        micropython.heap_unlock()
    assert heap == 0 and count == 41 and refused == 1
    physmem = machine.reset()
    assert len(physmem.quarantined()) == used(physmem) == 1


def test_no_record_left_in_the_early_phase():
    """The MemoryError of map() needs no heap. The frames stay ALLOCATED."""
    machine = one_region(records=192)
    physmem = machine.begin()
    heap = refused = 0
    state = None
    try:
        before = gc.mem_alloc() if LOCKS else 0
        first = physmem.allocate_frames(1)
        second = physmem.allocate_frames(1)
        first.map()
        try:
            second.map()
        except MemoryError:
            refused += 1
        state = second.state
        second.free()
        heap = (gc.mem_alloc() if LOCKS else 0) - before
    finally:
        physmem.boot_complete()
    assert refused == 1 and heap == 0 and state == physmem.ALLOCATED
    assert used(physmem) == 1


def test_the_same_frames_mapped_twice():
    """Frames are freed behind the owner's back and mapped by another owner.

    After the reset one of the two has them and the other is dropped with a message. Nothing is in use twice.
    """
    machine = one_region()
    physmem = machine.reset()
    first = physmem.allocate_frames(4).map()
    assert physmem.region("ram").free(first.first) == 4
    assert len(physmem.check()) == 1
    second = physmem.allocate_frames(2).map()
    assert second.first == first.first
    physmem = machine.reset()
    (held,) = physmem.quarantined()
    assert len(physmem.dropped()) == 1 and used(physmem) == held.count and physmem.check() == []
    assert held.unmap().free() in (2, 4) and used(physmem) == 0


def test_power_off():
    """Without power, hardware owns nothing any more: everything is free."""
    machine = one_region()
    physmem = machine.reset()
    physmem.allocate_frames(4).map()
    physmem.allocate_frames_at(0x40000000, 1, unknown=True).map()
    machine.power_off()
    physmem = machine.reset()
    assert physmem.quarantined() == physmem.dropped() == [] and used(physmem) == 0
    assert len(physmem.regions()) == 2
