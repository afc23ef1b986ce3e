"""In which memory named frames are kept: constraints, regions, and the memory for records."""

import gc
import sys

from kept_memory import FRAME, RECORD, KeptMachine, kept, names_of, one_region, pattern, used, without_records
from support import raises, scaled

LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"

BASE = 0x20100000


def constraint_cases(physmem, region):
    """Return (constraints, whether the three frames at BASE + 4 * FRAME meet them), by hand."""
    return (
        ({}, True),
        ({"align": 4 * FRAME}, True),
        ({"align": 8 * FRAME}, False),
        ({"align": 1}, True),
        ({"align": 1 << 29}, False),
        ({"boundary": 4 * FRAME}, True),
        ({"boundary": 1 << 29}, True),
        ({"boundary": 2 * FRAME}, False),
        ({"boundary": 32}, False),
        ({"low": BASE + 4 * FRAME}, True),
        ({"low": BASE + 4 * FRAME + 1}, False),
        ({"low": BASE + 3 * FRAME + 1}, True),
        ({"low": 0x7FFFFFFF}, False),
        ({"high": BASE + 7 * FRAME}, True),
        ({"high": BASE + 7 * FRAME - 1}, False),
        ({"high": BASE}, False),
        ({"high": 1}, False),
        ({"high": 0x7FFFFFFF}, True),
        ({"low": BASE + 4 * FRAME, "high": BASE + 7 * FRAME, "align": 4 * FRAME, "boundary": 4 * FRAME}, True),
        ({"require": physmem.DMA}, True),
        ({"require": physmem.RETAINED | physmem.DMA}, True),
        ({"require": physmem.FAST}, False),
        ({"require": physmem.DMA | physmem.FAST}, False),
        ({"prefer": physmem.FAST}, True),
        ({"forbid": physmem.DMA}, False),
        ({"forbid": physmem.FAST}, True),
        ({"region": "ram"}, True),
        ({"region": region}, True),
        ({"region": "other"}, False),
        ({"region": "no such"}, False),
    )


def test_constraints_of_what_is_kept():
    """Constraints that its place meets return the kept frames. Others are InvalidArgument with the address.

    Nothing changes. Constraints that make no sense are the same errors as for a new name.
    """
    machine = KeptMachine(
        ("ram", BASE, 32 * FRAME, FRAME, "DMA RETAINED"), ("other", BASE + 0x10000, 32 * FRAME, FRAME, "FAST RETAINED")
    )
    physmem = machine.reset()
    assert physmem.retain("a", 3 * FRAME, low=BASE + 4 * FRAME, region="ram").addr == BASE + 4 * FRAME
    for _ in range(2):
        before = kept(machine, physmem)
        for constraints, met in constraint_cases(physmem, physmem.region("ram")):
            if met:
                assert physmem.retain("a", 3 * FRAME, **constraints).addr == BASE + 4 * FRAME, constraints
            else:
                error = raises(
                    physmem.PhysMemError, physmem.retain, "a", 3 * FRAME, code="InvalidArgument", **constraints
                )
                assert "%x" % (BASE + 4 * FRAME) in str(error) and "ram" in str(error), constraints
        assert kept(machine, physmem) == before
        physmem = machine.reset()
    before = kept(machine, physmem)
    for name in ("a", "new"):
        for constraints, code in (
            ({"align": 3}, "UnalignedAddress"),
            ({"align": -FRAME}, "UnalignedAddress"),
            ({"boundary": 1000}, "UnalignedAddress"),
            ({"low": -1}, "AddressOutOfRange"),
            ({"low": BASE, "high": BASE}, "AddressOutOfRange"),
            ({"require": 1 << 7}, "InvalidArgument"),
            ({"require": physmem.DMA, "forbid": physmem.DMA}, "InvalidArgument"),
            ({"forbid": physmem.RETAINED}, "InvalidArgument"),
        ):
            raises(physmem.PhysMemError, physmem.retain, name, 3 * FRAME, code=code, **constraints)
        for keyword in ("align", "boundary", "low", "high", "require", "prefer", "forbid", "region"):
            raises(TypeError, physmem.retain, name, 3 * FRAME, **{keyword: 1.5})
    assert kept(machine, physmem) == before


def test_constraints_at_the_ends_of_a_region():
    """The first and the last frame are kept. Limits at the region's ends are met, limits one byte inside are not."""
    end = BASE + 32 * FRAME
    machine = KeptMachine(("ram", BASE, 32 * FRAME, FRAME, "RETAINED"))
    physmem = machine.reset()
    assert physmem.retain("first", FRAME).addr == BASE
    assert physmem.retain("last", FRAME, low=end - FRAME).addr == end - FRAME
    for name, constraints, met in (
        ("first", {"low": BASE}, True),
        ("first", {"low": BASE - 1}, True),
        ("first", {"low": BASE + 1}, False),
        ("first", {"high": BASE + FRAME}, True),
        ("first", {"high": BASE + FRAME - 1}, False),
        ("last", {"high": end}, True),
        ("last", {"high": end + 1}, True),
        ("last", {"high": end - 1}, False),
        ("last", {"low": end - FRAME}, True),
        ("last", {"low": end - 1}, False),
        ("last", {"low": end}, False),
    ):
        if met:
            assert physmem.retain(name, FRAME, **constraints).name == name, constraints
        else:
            raises(physmem.PhysMemError, physmem.retain, name, FRAME, code="InvalidArgument", **constraints)


def test_alignment_is_of_addresses():
    """Alignments and boundaries count addresses, not frames from the base of a region that starts elsewhere."""
    machine = KeptMachine(("ram", BASE + 3 * FRAME, 32 * FRAME, FRAME, "RETAINED"))
    physmem = machine.reset()
    assert physmem.retain("aligned", 2 * FRAME, align=4 * FRAME).addr == BASE + 4 * FRAME
    assert physmem.retain("plain", 2 * FRAME, low=BASE + 7 * FRAME).addr == BASE + 7 * FRAME
    assert physmem.retain("aligned", 2 * FRAME, align=4 * FRAME, boundary=4 * FRAME).addr == BASE + 4 * FRAME
    raises(physmem.PhysMemError, physmem.retain, "plain", 2 * FRAME, align=4 * FRAME, code="InvalidArgument")
    raises(physmem.PhysMemError, physmem.retain, "plain", 2 * FRAME, boundary=4 * FRAME, code="InvalidArgument")


def test_constraints_at_high_addresses():
    """The same with addresses that are not small integers, like the boards' PSRAM; also with the heap locked."""
    base = 0x80000000
    machine = KeptMachine(("psram", base, 64 * FRAME, FRAME, "RETAINED"))
    physmem = machine.reset()
    assert physmem.retain("a", 2 * FRAME, align=16 * FRAME, low=base + 1).addr == base + 16 * FRAME
    low, high = base + 16 * FRAME, base + 18 * FRAME
    above, below = low + 1, high - 1
    physmem = machine.begin()
    refused = 0
    heap = 0
    try:
        before = gc.mem_alloc() if LOCKS else 0
        frames = physmem.retain("a", 2 * FRAME, align=16 * FRAME, boundary=2 * FRAME, low=low, high=high)
        try:
            physmem.retain("a", 2 * FRAME, low=above)
        except physmem.PhysMemError:
            refused += 1
        try:
            physmem.retain("a", 2 * FRAME, high=below)
        except physmem.PhysMemError:
            refused += 1
        heap = (gc.mem_alloc() if LOCKS else 0) - before
    finally:
        physmem.boot_complete()
    assert heap == 0 and refused == 2
    assert frames.addr == base + 16 * FRAME and not frames.fresh


def test_regions_that_are_not_retained():
    """They are never used, even if they come first and the others are full. With no other, the error is clear."""
    machine = KeptMachine(("plain", None, 64 * FRAME, FRAME, ""), ("ram", None, 4 * FRAME, FRAME, "DMA FAST RETAINED"))
    physmem = machine.reset()
    for i in range(4):
        assert physmem.retain("name %d" % i, FRAME).region.name == "ram"
    before = kept(machine, physmem)
    raises(MemoryError, physmem.retain, "one more", 1)
    raises(physmem.PhysMemError, physmem.retain, "one more", 1, region="plain", code="InvalidArgument")
    assert kept(machine, physmem) == before
    assert physmem.region("plain").used_frames == 0
    machine = KeptMachine(("plain", None, 64 * FRAME, FRAME, "DMA"))
    physmem = machine.reset()
    raises(physmem.PhysMemError, physmem.retain, "a", 1, code="InvalidArgument")
    assert used(physmem) == 0 and physmem.retained() == physmem.quarantined() == physmem.dropped() == []


def test_without_records():
    """Without RETAINED_RECORDS in the memory plan each of the five functions says so. Everything else works."""
    physmem = without_records(("ram", None, 32 * FRAME, FRAME, "RETAINED")).reset()
    for function, arguments in (
        (physmem.retain, ("a", 1)),
        (physmem.release, ("a",)),
        (physmem.retained, ()),
        (physmem.quarantined, ()),
        (physmem.dropped, ()),
    ):
        error = raises(physmem.PhysMemError, function, *arguments, code="NotPermitted")
        assert "RETAINED_RECORDS" in str(error)
    frames = physmem.allocate_frames(3)
    assert frames.fresh is True and frames.name is None
    assert frames.map() is frames and frames.state == physmem.MAPPED
    raises(physmem.PhysMemError, frames.free, code="NotPermitted")
    assert frames.unmap().free() == 3 and frames.fresh is None
    assert used(physmem) == 0 and physmem.check() == []


def test_memory_for_records_that_is_none():
    """Too small, unaligned, out of the address space: an error from boot() that leaves nothing behind.

    A right memory plan boots after it.
    """
    machine = one_region()
    base, size = machine.records

    for records, code in (
        ((base, 191), "InvalidArgument"),
        ((base, 128), "InvalidArgument"),
        ((base, 0), "InvalidArgument"),
        ((base, -64), "InvalidArgument"),
        ((base + 2, 4094), "InvalidArgument"),
        ((base + 1, 4095), "InvalidArgument"),
        ((None, 0), "InvalidArgument"),
        ((None, 64), "InvalidArgument"),
        ((-4096, 4096), "AddressOutOfRange"),
        ((1 << 60, 4096), "AddressOutOfRange"),
    ):

        class Wrong:
            REGIONS = tuple(machine.regions)
            OCCUPIED = ()
            RETAINED_RECORDS = records

        class Right:
            REGIONS = tuple(machine.regions)
            OCCUPIED = ()
            RETAINED_RECORDS = machine.records

        physmem = machine.fresh()
        raises(physmem.PhysMemError, physmem.boot, Wrong, code=code)
        assert physmem.regions() == [] and not physmem.booted
        assert len(bytearray(100)) == 100  # the heap is not locked
        physmem.boot(Right)
        physmem.boot_complete()
        assert physmem.retain("a", 1).count == 1


def test_memory_for_records_within_a_region():
    """It is carved out of the region: nobody gets it, and what is retained on both sides of it is kept."""
    machine = one_region(frames=32)
    name, base, size, frame_size, attrs = machine.regions[0]
    machine.records = (base + 9 * FRAME + 64, 1024)
    physmem = machine.reset()
    records = sys.modules["physmem_system"].region_at(base + 9 * FRAME)
    assert records.attrs & physmem.RESERVED and records.free_frames == 0
    assert records.base <= base + 9 * FRAME and base + 13 * FRAME + 64 <= records.end
    free = used(physmem), physmem.stats()[None]["free"]
    assert free == (0, 27)
    below, above = physmem.retain("below", 9 * FRAME), physmem.retain("above", 18 * FRAME)
    below.view[:] = pattern(9 * FRAME, 2)
    above.view[:] = pattern(18 * FRAME, 3)
    raises(MemoryError, physmem.allocate_frames, 1)
    physmem = machine.reset()
    assert bytes(physmem.retain("below", 9 * FRAME).view) == pattern(9 * FRAME, 2)
    assert bytes(physmem.retain("above", 18 * FRAME).view) == pattern(18 * FRAME, 3)
    assert physmem.check() == [] and physmem.dropped() == []


def test_memory_for_records_within_what_firmware_occupies():
    """The records may be a section of the firmware that start-up code leaves alone. Nothing else is carved."""
    machine = KeptMachine(("ram", 0x28000000, 32 * FRAME, FRAME, "RETAINED"))
    machine.occupied.append(("firmware", machine.records[0] - 512, 8192))
    physmem = machine.reset()
    physmem.retain("a", 10)
    physmem = machine.reset()
    assert len(physmem.regions()) == 2 and physmem.stats()[None]["free"] == 31
    assert not physmem.retain("a", 10).fresh


def test_resets_are_counted_by_turns():
    """At first both heads are written, as 1 and 2. Then each reset is counted in one head, alternately.

    The other one stays unchanged, so that one is sound at all times.
    """
    machine = one_region()
    view = machine.memory_of_records.view
    machine.reset()
    assert [bytes(view[i * RECORD :][:8]) for i in range(2)] == [b"PMR1" + bytes([i, 0, 0, 0]) for i in (1, 2)]
    for resets in range(3, 9):
        before = [bytes(view[:RECORD]), bytes(view[RECORD : 2 * RECORD])]
        machine.reset()
        after = [bytes(view[:RECORD]), bytes(view[RECORD : 2 * RECORD])]
        changed = [i for i in range(2) if before[i] != after[i]]
        assert len(changed) == 1
        assert after[changed[0]][:8] == b"PMR1" + bytes([resets, 0, 0, 0])
        assert before[1 - changed[0]][:8] == b"PMR1" + bytes([resets - 1, 0, 0, 0])


def test_a_region_that_changes_between_two_boots():
    """Moved, resized, with other attributes or frames: what still lies in it is kept.

    The rest is dropped with a message and is free. Nothing ever overlaps.
    """

    def with_map(base, frames, frame_size, attrs):
        machine = KeptMachine(("ram", BASE, 32 * FRAME, FRAME, "RETAINED"))
        physmem = machine.reset()
        for name, frame in (("first", 0), ("middle", 15), ("last", 30)):
            assert physmem.retain(name, 2 * FRAME, low=BASE + frame * FRAME).addr == BASE + frame * FRAME
        machine.regions = [("memory", base, frames * frame_size, frame_size, attrs)]
        physmem = machine.reset()
        assert physmem.check() == []
        assert used(physmem) == 2 * len(physmem.retained())
        for row in physmem.retained():
            frames = physmem.retain(row.name, row.nbytes)
            assert not frames.fresh and frames.addr == row.addr
        assert len(physmem.dropped()) == 3 - len(physmem.retained())
        for name in ("first", "middle", "last"):
            assert name in names_of(physmem) or [text for text in physmem.dropped() if name in text] != []
        names = names_of(physmem)
        physmem = machine.reset()
        assert names_of(physmem) == names and physmem.dropped() == []  # reported once
        return names

    assert with_map(BASE, 64, FRAME, "RETAINED DMA") == ["first", "middle", "last"]
    assert with_map(BASE - 8 * FRAME, 64, FRAME, "RETAINED") == ["first", "middle", "last"]
    assert with_map(BASE + 15 * FRAME, 64, FRAME, "RETAINED") == ["middle", "last"]
    assert with_map(BASE, 31, FRAME, "RETAINED") == ["first", "middle"]
    assert with_map(BASE + FRAME, 30, FRAME, "RETAINED") == ["middle"]
    assert with_map(BASE + 0x10000, 32, FRAME, "RETAINED") == []
    assert with_map(BASE, 32, FRAME, "DMA") == []
    assert with_map(BASE, 64, FRAME // 2, "RETAINED") == []


def test_kept_frames_that_firmware_takes():
    """A later firmware occupies the place of a name: the name is dropped, and its other frames are free."""
    machine = KeptMachine(("ram", BASE, 64 * FRAME, FRAME, "RETAINED"))
    physmem = machine.reset()
    physmem.retain("low", 20 * FRAME)
    physmem.retain("high", 20 * FRAME)
    machine.occupied.append(("firmware", BASE + 16 * FRAME, 16 * FRAME))
    physmem = machine.reset()
    assert names_of(physmem) == [] and used(physmem) == 0
    assert len(physmem.dropped()) == 2 and physmem.stats()[None]["free"] == 48


def test_frame_sizes():
    """Frame sizes from 32 to 4,096 bytes, where the heap has room for such frames, each with its content."""
    frame_size = 32
    while frame_size <= scaled(4096, 4096, 2048):
        machine = one_region(frames=8, frame_size=frame_size)
        physmem = machine.reset()
        physmem.retain("one", 1).view[:] = pattern(1, 4)
        physmem.retain("two", frame_size + 1).view[:] = pattern(frame_size + 1, 5)
        physmem.release("one")
        physmem.retain("three", 3 * frame_size - 1, align=frame_size * 2).view[:] = pattern(3 * frame_size - 1, 6)
        physmem = machine.reset()
        assert used(physmem) == 5 and physmem.dropped() == []
        assert bytes(physmem.retain("two", frame_size + 1).view) == pattern(frame_size + 1, 5)
        assert bytes(physmem.retain("three", 3 * frame_size - 1).view) == pattern(3 * frame_size - 1, 6)
        assert physmem.retain("one", 1).fresh
        frame_size *= 2


def test_several_regions():
    """Names in regions of different frame sizes and addresses, each in the region requested."""
    places = (
        ("a", 0x28000000, 32 * 4096, 32, "RETAINED"),
        ("b", 0x20100000, 64 * 256, 256, "DMA RETAINED"),
        ("c", 0x60000000, 64 * 4096, 4096, "EXTERNAL RETAINED"),
        ("d", 0xC0000000, 64 * 4096, 4096, "FAST DMA RETAINED SHARED"),
    )
    machine = KeptMachine(*places)
    physmem = machine.reset()
    addresses = {}
    for name, _, _, frame_size, _ in places:
        for i in range(3):
            frames = physmem.retain("%s %d" % (name, i), frame_size * 2 + i, region=name)
            assert frames.region is physmem.region(name)
            addresses[frames.name] = frames.addr
    for _ in range(2):
        physmem = machine.reset()
        assert used(physmem) == 4 * (2 + 3 + 3) and physmem.check() == []
        assert {row.name: row.addr for row in physmem.retained()} == addresses
        assert [row.addr for row in physmem.retained()] == sorted(addresses.values())
        for name, _, _, frame_size, _ in places:
            assert physmem.region(name).used_frames == 8
            for i in range(3):
                frames = physmem.retain("%s %d" % (name, i), frame_size * 2 + i, region=name)
                assert frames.addr == addresses[frames.name]


def test_the_same_number_of_frames_of_different_sizes():
    """Frame 0x280000 of 256 bytes is at 0x28000000, of 1,024 bytes at 0xA0000000. Hardware owns only one of them."""
    machine = KeptMachine(
        ("sram", 0x28000000, 16 * 256, 256, "RETAINED"), ("psram", 0xA0000000, 16 * 1024, 1024, "RETAINED")
    )
    for named, mapped in (("sram", "psram"), ("psram", "sram")):
        machine.power_off()
        physmem = machine.reset()
        physmem.retain("a", 10, region=named)
        frames = physmem.allocate_frames(1, region=mapped)
        addr = frames.addr
        frames.map()
        for _ in range(2):
            assert physmem.retained()[0].mapped is False
            assert physmem.retain("a", 10).state == physmem.ALLOCATED
            physmem = machine.reset()
            assert [quarantined.addr for quarantined in physmem.quarantined()] == [addr]
            assert physmem.region(mapped).used_frames == 1
        assert physmem.release("a") == 1
