"""Named frames that survive resets: what is kept, what is refused, what is free again."""

import gc
import sys

import micropython
from kept_memory import FRAME, RECORD, KeptMachine, kept, one_region, pattern, used, without_records
from support import InHandler, raises, scaled, state_module

LOCKS = sys.implementation.name == "micropython"
SLOTS = 62  # of 4 KiB for records


def names_of(physmem):
    """Return the names that are retained, by address."""
    return [row.name for row in physmem.retained()]


def test_content_survives_resets():
    """Address, bytes and size stay the same over three resets. Only the first time is fresh."""
    machine = one_region()
    physmem = machine.reset()
    log = physmem.retain("crash log", 1000)
    assert log.fresh is True and log.name == "crash log"
    assert (log.count, log.nbytes, log.capacity, log.state) == (4, 1000, 4 * FRAME, physmem.ALLOCATED)
    addr = log.addr
    content = pattern(1000, 1)
    log.view[:] = content
    assert physmem.retained() == [("crash log", addr, 1000, 0, False)]
    for resets in (1, 2, 3):
        physmem = machine.reset()
        assert used(physmem) == 4
        row = physmem.retained()[0]
        assert (row.name, row.addr, row.nbytes, row.resets, row.mapped) == ("crash log", addr, 1000, resets, False)
        other = physmem.allocate_frames(28)
        other.view[:] = bytes(28 * FRAME)
        log = physmem.retain("crash log", 1000)
        assert log.fresh is False and log.name == "crash log"
        assert (log.addr, log.count, log.state) == (addr, 4, physmem.ALLOCATED)
        assert (log.nbytes, log.capacity) == (1000, 4 * FRAME)
        assert bytes(log.view) == content
        assert physmem.dropped() == [] and physmem.check() == []


def test_asked_for_again_it_is_the_same_object():
    """retain() returns the same object again, before a reset and after it. `owner=` counts when the object is made."""
    machine = one_region()
    physmem = machine.reset()
    first = physmem.retain("a", 10, owner="display")
    assert physmem.retain("a", 10) is first and physmem.retain("a", 10, owner="other") is first
    assert first.owner == "display" and first.fresh
    physmem = machine.reset()
    again = physmem.retain("a", 10, owner="sensor")
    assert again is not first and physmem.retain("a", 10) is again
    assert again.owner == "sensor" and not again.fresh
    assert used(physmem) == 1


def test_frames_of_no_name():
    """Other frames have no name and are always fresh. Freed frames of either kind leave nothing behind."""
    machine = one_region()
    physmem = machine.reset()
    plain = physmem.allocate_frames(1)
    named = physmem.retain("a", 10)
    assert plain.name is None and plain.fresh is True
    plain.free()
    named.free()
    assert plain.name is named.name is None
    assert plain.fresh is named.fresh is None
    other = physmem.retain("b", 10)
    assert other.name == "b" and named.name is None


def test_sizes():
    """One byte, a frame less a byte, a frame, a byte more, all of the region."""
    for nbytes, count in ((1, 1), (FRAME - 1, 1), (FRAME, 1), (FRAME + 1, 2), (32 * FRAME, 32), (32 * FRAME - 1, 32)):
        machine = one_region()
        physmem = machine.reset()
        frames = physmem.retain("a", nbytes)
        assert frames.count == count, nbytes
        frames.view[-1:] = b"\x5a"
        physmem = machine.reset()
        assert used(physmem) == count and physmem.retained()[0].nbytes == nbytes
        frames = physmem.retain("a", nbytes)
        assert not frames.fresh and frames.count == count and frames.view[-1] == 0x5A
        assert physmem.release("a") == count
        assert used(physmem) == 0


def test_what_does_not_fit():
    """Larger than the region, or than what is free: MemoryError, no record, nothing lost."""
    machine = one_region()
    physmem = machine.reset()
    before = kept(machine, physmem)
    for nbytes in (32 * FRAME + 1, 1 << 28, 1 << 40):
        raises(MemoryError, physmem.retain, "a", nbytes)
        assert kept(machine, physmem) == before
    physmem.retain("b", 30 * FRAME)
    before = kept(machine, physmem)
    raises(MemoryError, physmem.retain, "a", 3 * FRAME)
    assert kept(machine, physmem) == before
    physmem = machine.reset()
    assert names_of(physmem) == ["b"] and used(physmem) == 30


def test_bad_sizes():
    """Bad sizes are refused for a new name and for a kept one in the same way, with nothing changed."""
    machine = one_region()
    physmem = machine.reset()
    physmem.retain("kept", 100)
    before = kept(machine, physmem)
    for name in ("new", "kept"):
        for nbytes in (1.0, 100.5, "100", b"d", None, (100,)):
            raises(TypeError, physmem.retain, name, nbytes)
        raises(physmem.PhysMemError, physmem.retain, name, 0, code="ZeroAllocation")
        raises(physmem.PhysMemError, physmem.retain, name, -1, code="InvalidArgument")
        raises(physmem.PhysMemError, physmem.retain, name, -100, code="InvalidArgument")
        assert kept(machine, physmem) == before


def test_names():
    """Names have 1 to 32 ASCII characters. Every character counts, and so does the length."""
    names = ["a", "b", "a ", " a", "A", "\x01", "\x7f", "x" * 31, "x" * 32, "x" * 31 + "y", "y" + "x" * 31]
    machine = one_region()
    physmem = machine.reset()
    for i in range(len(names)):
        frames = physmem.retain(names[i], i + 1)
        assert frames.fresh and frames.name == names[i]
        frames.view[0:1] = bytes([i])
    for _ in range(2):
        physmem = machine.reset()
        assert names_of(physmem) == names and physmem.dropped() == []
        for i in range(len(names)):
            frames = physmem.retain(names[i], i + 1)
            assert not frames.fresh and frames.name == names[i] and frames.view[0] == i
    for name in names:
        assert physmem.release(name) == 1
    assert physmem.retained() == [] and used(physmem) == 0


def test_bad_names():
    """retain and release raise the same errors, and nothing changes."""
    machine = one_region()
    physmem = machine.reset()
    physmem.retain("kept", 100)
    before = kept(machine, physmem)
    for name in ("", "a\0", "\0", "x" * 33, "x" * 100, "\x80", "\xe9", "x" * 31 + "\xe9", "\u20ac", "a\U0001f600"):
        raises(physmem.PhysMemError, physmem.retain, name, 100, code="InvalidArgument")
        raises(physmem.PhysMemError, physmem.release, name, code="InvalidArgument")
    for name in (None, b"kept", 7, ("kept",), ["kept"]):
        raises(TypeError, physmem.retain, name, 100)
        raises(TypeError, physmem.release, name)
    assert kept(machine, physmem) == before


def test_all_records_in_use():
    """4 KiB hold 62 names. One more is a MemoryError that says so and takes no frame. A released place is reused."""
    machine = one_region(frames=64)
    physmem = machine.reset()
    for i in range(SLOTS):
        physmem.retain("name %d" % i, 10)
    before = kept(machine, physmem)
    error = raises(MemoryError, physmem.retain, "one more", 10)
    assert "62" in str(error) and "release" in str(error)
    assert kept(machine, physmem) == before and used(physmem) == SLOTS
    assert physmem.retain("name 61", 10).name == "name 61"
    physmem.release("name 30")
    assert physmem.retain("one more", 10).fresh
    raises(MemoryError, physmem.retain, "name 30", 10)
    physmem = machine.reset()
    assert used(physmem) == SLOTS and physmem.dropped() == []
    names = set(names_of(physmem))
    assert len(names) == SLOTS and "one more" in names and "name 30" not in names
    assert not physmem.retain("one more", 10).fresh


def test_few_records():
    """192 bytes are one record, 255 as well, 256 are two."""
    for size, slots in ((192, 1), (255, 1), (256, 2)):
        machine = one_region(records=size)
        physmem = machine.reset()
        for i in range(slots):
            physmem.retain("name %d" % i, 10)
        raises(MemoryError, physmem.retain, "one more", 10)
        physmem = machine.reset()
        assert len(physmem.retained()) == slots == used(physmem)


def test_other_sizes_than_before():
    """SizeMismatch, in the same run and after a reset, even if the number of frames is the same."""
    machine = one_region()
    physmem = machine.reset()
    physmem.retain("a", 300)
    for _ in range(2):
        before = kept(machine, physmem)
        for nbytes in (299, 301, 1, FRAME * 2, 1 << 40):
            error = raises(physmem.PhysMemError, physmem.retain, "a", nbytes, code="SizeMismatch")
            assert "300" in str(error) and str(nbytes) in str(error)
        assert kept(machine, physmem) == before
        physmem = machine.reset()
    assert physmem.release("a") == 2
    assert physmem.retain("a", 301).fresh


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


def test_release():
    """After release, the name is gone and the frames are free, also after the next reset; with an owner and without."""
    for asked in (False, True):
        machine = one_region()
        physmem = machine.reset()
        frames = physmem.retain("a", 300)
        physmem.retain("b", 10)
        if not asked:
            physmem = machine.reset()
        assert physmem.release("a") == 2
        if asked:
            assert frames.state == physmem.FREED
            raises(physmem.PhysMemError, frames.free, code="NotAllocated")
        assert names_of(physmem) == ["b"] and used(physmem) == 1
        error = raises(physmem.PhysMemError, physmem.release, "a", code="NotAllocated")
        assert "'a'" in str(error) and "b" in str(error)
        physmem = machine.reset()
        assert names_of(physmem) == ["b"] and used(physmem) == 1
        assert physmem.retain("a", 5).fresh  # of another size


def test_release_of_nothing():
    """The error says which names there are, or that there are none."""
    machine = one_region()
    physmem = machine.reset()
    assert "none" in str(raises(physmem.PhysMemError, physmem.release, "a", code="NotAllocated"))
    physmem.retain("first", 1)
    physmem.retain("second", 1)
    text = str(raises(physmem.PhysMemError, physmem.release, "third", code="NotAllocated"))
    assert "first" in text and "second" in text and "third" in text
    assert len(physmem.retained()) == 2


def test_free_and_with():
    """free() also releases the name. The end of a block does not, with an exception or without."""
    machine = one_region()
    physmem = machine.reset()
    frames = physmem.retain("a", 300)
    assert frames.free() == 2 and physmem.retained() == []
    raises(physmem.PhysMemError, frames.free, code="NotAllocated")
    with physmem.retain("a", 300) as frames:
        assert names_of(physmem) == ["a"]
    assert frames.state == physmem.ALLOCATED and names_of(physmem) == ["a"] and used(physmem) == 2
    try:
        with physmem.retain("a", 300) as again:
            raise KeyError
    except KeyError:
        pass
    assert again is frames and frames.name == "a" and names_of(physmem) == ["a"] and used(physmem) == 2
    physmem = machine.reset()
    assert names_of(physmem) == ["a"] and used(physmem) == 2
    with physmem.retain("a", 300) as frames:
        physmem.release("a")
    assert frames.state == physmem.FREED and physmem.retained() == [] and used(physmem) == 0
    physmem = machine.reset()
    assert physmem.retained() == [] and used(physmem) == 0


def test_frames_freed_behind_the_owner_s_back():
    """check() reports it. release and free() refuse to free frames that belong to others, and change nothing.

    This holds with an owner and without. After a reset everything is right again.
    """
    for asked in (True, False):
        for others in (0, 1, 3, 4):  # frames that another caller now has in place of the four
            machine = physmem = ram = frames = None  # a small heap has no room for two machines
            machine = one_region()
            physmem = machine.reset()
            addr = physmem.retain("a", 4 * FRAME).addr
            physmem.retain("b", FRAME)
            if not asked:
                physmem = machine.reset()
            ram = physmem.region("ram")
            assert physmem.check() == []
            first = ram.frame(addr)
            assert ram.free(first) == 4
            if others:
                assert ram.alloc_at(first, others) == first
            if others == 4:
                continue  # nothing tells these from the owner's
            assert len(physmem.check()) == 1
            before = kept(machine, physmem)
            raises(physmem.PhysMemError, physmem.release, "a", code="InternalCorruption")
            assert kept(machine, physmem) == before
            if asked:
                frames = physmem.retain("a", 4 * FRAME)
                for _ in range(3):
                    raises(physmem.PhysMemError, frames.free, code="InternalCorruption")
            else:
                raises(physmem.PhysMemError, physmem.retain, "a", 4 * FRAME, code="InternalCorruption")
            assert kept(machine, physmem) == before
            physmem = machine.reset()
            assert names_of(physmem) == ["a", "b"] and used(physmem) == 5
            assert physmem.check() == [] and physmem.dropped() == []
            assert physmem.release("a") == 4 and physmem.release("b") == 1 and used(physmem) == 0


def test_the_same_frames_under_two_names():
    """Frames are freed behind the first owner's back and retained again under another name.

    After the reset one of the two has them and the other is dropped with a message. Nothing overlaps.
    """
    machine = one_region()
    physmem = machine.reset()
    first = physmem.retain("first", 4 * FRAME)
    assert physmem.region("ram").free(first.first) == 4
    second = physmem.retain("second", 2 * FRAME)
    assert second.first == first.first
    assert len(physmem.check()) == 1
    physmem = machine.reset()
    assert len(physmem.retained()) == 1 and len(physmem.dropped()) == 1
    assert used(physmem) == 4 if names_of(physmem) == ["first"] else 2
    assert physmem.check() == []


def test_neither_split_nor_merged():
    """Refused from both sides, with nothing changed. Free frames beside them can still be used."""
    machine = one_region()
    physmem = machine.reset()
    below = physmem.allocate_frames_at(machine.regions[0][1], 2)
    frames = physmem.retain("a", 4 * FRAME)
    above = physmem.allocate_frames(2)
    assert frames.first == 2 and above.first == 6
    before = kept(machine, physmem)
    for function, arguments in (
        (frames.split_at, (2,)),
        (frames.split_at, (0,)),
        (frames.split_range, (1, 1)),
        (frames.merge, (above,)),
        (frames.merge, (below,)),
        (above.merge, (frames,)),
        (below.merge, (frames,)),
        (frames.merge, (frames,)),
    ):
        error = raises(physmem.PhysMemError, function, *arguments, code="NotPermitted")
        assert "retained" in str(error)
        assert kept(machine, physmem) == before
        assert (frames.state, frames.count, frames.name) == (physmem.ALLOCATED, 4, "a")
        assert above.state == below.state == physmem.ALLOCATED and above.count == below.count == 2
    frames.free()
    physmem.allocate_frames_at(machine.regions[0][1] + 2 * FRAME, 4).merge(above).merge(below).free()
    assert used(physmem) == 0 and physmem.check() == []


def test_mapped_while_retained():
    """While hardware owns the frames, the name cannot be released. Once they are unmapped, it can."""
    machine = one_region()
    physmem = machine.reset()
    frames = physmem.retain("ring", 2 * FRAME)
    assert frames.map().state == physmem.MAPPED
    assert physmem.retained()[0].mapped is True and physmem.retain("ring", 2 * FRAME) is frames
    before = kept(machine, physmem)
    raises(physmem.PhysMemError, physmem.release, "ring", code="NotPermitted")
    for function, arguments in ((frames.free, ()), (frames.map, ()), (frames.split_at, (1,))):
        raises(physmem.PhysMemError, function, *arguments, code="NotPermitted")
    assert kept(machine, physmem) == before and frames.state == physmem.MAPPED
    assert frames.unmap().state == physmem.UNMAPPED
    assert physmem.retained()[0].mapped is False
    assert frames.map().unmap().name == "ring" and frames.fresh
    assert physmem.release("ring") == 2
    physmem = machine.reset()
    assert physmem.retained() == physmem.quarantined() == [] and used(physmem) == 0


def test_reset_while_hardware_has_a_name():
    """After the reset, retain() returns the frames MAPPED, with their content. Before that call, release is refused.

    They are in no list of frames without a name.
    """
    machine = one_region()
    physmem = machine.reset()
    frames = physmem.retain("ring", 2 * FRAME)
    content = pattern(2 * FRAME, 7)
    frames.view[:] = content
    frames.map()
    addr = frames.addr
    for resets in (1, 2):
        physmem = machine.reset()
        assert physmem.retained() == [("ring", addr, 2 * FRAME, resets, True)]
        assert physmem.quarantined() == physmem.dropped() == []
        before = kept(machine, physmem)
        raises(physmem.PhysMemError, physmem.release, "ring", code="NotPermitted")
        assert kept(machine, physmem) == before
        if resets == 2:
            frames = physmem.retain("ring", 2 * FRAME)
            assert frames.state == physmem.MAPPED and frames.addr == addr and not frames.fresh
            assert bytes(frames.view) == content
            raises(physmem.PhysMemError, frames.free, code="NotPermitted")
            raises(physmem.PhysMemError, physmem.release, "ring", code="NotPermitted")
    frames.unmap()
    assert not frames.fresh and frames.name == "ring" and physmem.quarantined() == []
    physmem = machine.reset()
    assert physmem.retained() == [("ring", addr, 2 * FRAME, 3, False)]
    frames = physmem.retain("ring", 2 * FRAME)
    assert frames.state == physmem.ALLOCATED and bytes(frames.view) == content
    assert physmem.release("ring") == 2 and used(physmem) == 0


def test_all_else_is_reclaimed():
    """After a reset only what is retained is in use: owners, raw calls and parts of splits keep nothing."""
    machine = KeptMachine(("ram", None, 64 * FRAME, FRAME, "RETAINED"), ("more", None, 64 * FRAME, FRAME, "SHARED DMA"))
    physmem = machine.reset()
    for resets in range(3):
        ram = physmem.region("ram")
        for i in range(4):
            assert physmem.retain("name %d" % i, (i + 1) * FRAME).fresh == (resets == 0)
        owners = [physmem.allocate_frames(2) for _ in range(10)]
        owners[0].split_at(1)
        owners[1].map().unmap()
        while ram.alloc(1) >= 0:
            pass
        physmem.region("more").alloc_aligned(4, 4)
        assert ram.free_frames == 0
        physmem = machine.reset()
        assert physmem.region("ram").used_frames == 1 + 2 + 3 + 4 == used(physmem)
        assert physmem.region("ram").count(physmem.region("ram").frame(physmem.retained()[0].addr)) == 1
        assert physmem.check() == [] and physmem.dropped() == [] and physmem.quarantined() == []


def test_power_off():
    """If the records lost their content, nothing is believed, nothing is reported, and everything is free."""
    machine = one_region()
    physmem = machine.reset()
    physmem.retain("a", 300)
    physmem.allocate_frames(1).map()
    machine.power_off()
    physmem = machine.reset()
    assert physmem.retained() == physmem.quarantined() == physmem.dropped() == []
    assert used(physmem) == 0
    assert physmem.retain("a", 1000).fresh


def test_exhaustion_that_a_hook_ends():
    """retain() calls the hook of exhausted requests, like other requests.

    What the hook itself retains, maps or releases meanwhile is kept, and so is what retain() returns.
    """
    machine = one_region(frames=8)
    physmem = machine.reset()
    cache = physmem.retain("cache", 8 * FRAME)
    made = []

    def hook(request):
        physmem.release("cache")
        made.append(physmem.retain("by the hook", FRAME))
        made.append(physmem.allocate_frames(1).map())
        return True

    physmem.on_exhausted(hook)
    wanted = physmem.retain("wanted", 4 * FRAME)
    assert cache.state == physmem.FREED and wanted.name == "wanted"
    assert [frames.count for frames in made] == [1, 1] and made[0].name == "by the hook"
    assert used(physmem) == 6 and physmem.check() == []
    addresses = sorted([(row.name, row.addr) for row in physmem.retained()])
    assert [name for name, _ in addresses] == ["by the hook", "wanted"]
    physmem = machine.reset()
    assert sorted([(row.name, row.addr) for row in physmem.retained()]) == addresses
    assert [frames.addr for frames in physmem.quarantined()] == [made[1].addr]
    assert used(physmem) == 6


def test_a_hook_that_takes_the_last_record():
    """The request that the hook was called for is then a MemoryError, and its frames are free."""
    machine = one_region(frames=8, records=256)
    physmem = machine.reset()
    cache = physmem.allocate_frames(8)

    def hook(request):
        if cache.state != physmem.FREED:
            cache.free()
            physmem.retain("first", FRAME)
            physmem.retain("second", FRAME)
        return True

    physmem.on_exhausted(hook)
    raises(MemoryError, physmem.retain, "wanted", FRAME)
    assert names_of(physmem) == ["first", "second"] and used(physmem) == 2
    assert physmem.check() == []


def test_a_scheduled_function_that_takes_the_last_record():
    """Between the check for a free record and the writing: MemoryError, and the record that the function made stays."""
    machine = one_region(frames=8, records=192)
    physmem = machine.reset()
    import physmem_records as records

    write = records.add_record
    taken = []

    def be_interrupted_and_write(*fields):
        records.add_record = write
        taken.append(physmem.allocate_frames(1).map())
        return write(*fields)

    records.add_record = be_interrupted_and_write
    raises(MemoryError, physmem.retain, "wanted", FRAME)
    assert physmem.retained() == [] and used(physmem) == 1 and physmem.check() == []
    physmem = machine.reset()
    assert [frames.addr for frames in physmem.quarantined()] == [taken[0].addr] and used(physmem) == 1


def test_a_hook_that_retains_the_same_name():
    """NotPermitted: a name has one record, which is the hook's, and nothing else was taken."""
    machine = one_region(frames=8)
    physmem = machine.reset()
    cache = physmem.allocate_frames(8)
    made = []

    def hook(request):
        if not made:
            cache.free()
            made.append(physmem.retain("wanted", FRAME))
        return True

    physmem.on_exhausted(hook)
    raises(physmem.PhysMemError, physmem.retain, "wanted", FRAME, code="NotPermitted")
    assert physmem.retain("wanted", FRAME) is made[0]
    assert names_of(physmem) == ["wanted"] and used(physmem) == 1
    physmem = machine.reset()
    assert names_of(physmem) == ["wanted"] and physmem.dropped() == []


def test_in_an_interrupt_handler():
    """In a handler, everything that needs a record is refused and changes nothing: a record takes more than one store.

    The rest works, since ending a record is one store. Where two cores use the records, a handler must not wait for the
    other core: there the rest is refused as well.
    """
    machine = KeptMachine(("ram", None, 32 * FRAME, FRAME, "RETAINED SHARED"))
    physmem = machine.reset()
    frames = physmem.retain("a", 10)
    plain = physmem.allocate_frames(1)
    mapped = physmem.allocate_frames(1).map()
    before = kept(machine, physmem)
    with InHandler():
        raises(physmem.PhysMemError, physmem.retain, "b", 10, code="NotPermitted")
        raises(physmem.PhysMemError, plain.map, code="NotPermitted")
        raises(physmem.PhysMemError, frames.map, code="NotPermitted")
        assert kept(machine, physmem) == before
        assert plain.state == frames.state == physmem.ALLOCATED
        if state_module().has_spin_lock():
            raises(physmem.PhysMemError, mapped.unmap, code="NotPermitted")
            raises(physmem.PhysMemError, frames.free, code="NotPermitted")
            raises(physmem.PhysMemError, physmem.retain, "a", 10, code="NotPermitted")
            raises(physmem.PhysMemError, physmem.release, "a", code="NotPermitted")
            assert kept(machine, physmem) == before
            assert mapped.state == physmem.MAPPED and frames.state == physmem.ALLOCATED
        else:
            assert mapped.unmap().free() == 1
            assert frames.free() == 1
    if mapped.state == physmem.MAPPED:
        assert mapped.unmap().free() == 1
        assert frames.free() == 1
    assert physmem.retained() == [] and used(physmem) == 1
    assert plain.map().unmap().free() == 1


def test_in_an_interrupt_handler_without_shared_memory():
    """Retained frames of a region that is not SHARED are not freed in a handler; record and owner stay."""
    machine = one_region()
    physmem = machine.reset()
    frames = physmem.retain("a", 10)
    before = kept(machine, physmem)
    with InHandler():
        raises(physmem.PhysMemError, frames.free, code="NotPermitted")
        raises(physmem.PhysMemError, physmem.release, "a", code="NotPermitted")
    assert kept(machine, physmem) == before and frames.name == "a" and frames
    assert physmem.check() == []
    physmem = machine.reset()
    before = kept(machine, physmem)
    with InHandler():
        raises(physmem.PhysMemError, physmem.release, "a", code="NotPermitted")  # it has no owner yet
    assert kept(machine, physmem) == before and names_of(physmem) == ["a"] and used(physmem) == 1


def early_heap_of(machine, retain_kept):
    """Retain, map, unmap, free and release under the locked heap. Return the bytes of heap allocated meanwhile.

    The names are from before the reset with `retain_kept`, otherwise new.
    """
    physmem = machine.begin()
    fresh = 0
    frames = None
    try:
        before = gc.mem_alloc() if LOCKS else 0
        first = physmem.retain("first", 300, region="low")
        second = physmem.retain("second", 300, align=4 * FRAME, region="high")
        third = physmem.retain("third", 300, region="low")
        again = physmem.retain("first", 300)
        fresh = first.fresh + second.fresh + third.fresh
        first.map()
        first.unmap()
        second.map()
        second.unmap()
        plain = physmem.allocate_frames(2, region="high")
        plain.map()
        plain.unmap()
        plain.free()
        count = third.free()
        released = physmem.release("second")
        if retain_kept:
            physmem.release("never asked for")
        else:
            frames = physmem.retain("never asked for", 700, region="high")
        after = gc.mem_alloc() if LOCKS else 0
    finally:
        physmem.boot_complete()
    assert first is again
    assert (count, released) == (2, 2)
    assert fresh == (0 if retain_kept else 3)
    assert frames is None or frames.count == 3
    assert physmem.check() == []
    return after - before


def test_the_early_phase():
    """retain, map, unmap, free and release allocate nothing there, for new names and for kept ones.

    This holds at addresses that are small integers and at others.
    """
    machine = KeptMachine(
        ("low", 0x20100000, 64 * FRAME, FRAME, "RETAINED"), ("high", 0x80000000, 64 * FRAME, FRAME, "DMA RETAINED")
    )
    assert early_heap_of(machine, False) == 0
    physmem = machine.reset()
    assert names_of(physmem) == ["first", "never asked for"]
    physmem.retain("second", 300, region="high", align=4 * FRAME)
    physmem.retain("third", 300, region="low")
    assert early_heap_of(machine, True) == 0
    physmem = machine.reset()
    assert names_of(physmem) == ["first"] and used(physmem) == 2


def test_refusals_in_the_early_phase():
    """Errors carry their code there as well and change nothing. There is no 33rd owner."""
    machine = one_region(frames=64)
    physmem = machine.reset()
    physmem.retain("kept", 2 * FRAME)
    physmem.retain("mapped", FRAME).map()
    before = kept(machine, physmem)
    codes = [None] * 10
    owners = [None] * 40
    made = 0
    high = machine.regions[0][1]
    physmem = machine.begin()
    try:
        heap = gc.mem_alloc() if LOCKS else 0
        frames = physmem.retain("kept", 2 * FRAME)
        other = physmem.allocate_frames(1)
        try:
            physmem.retain("kept", 1)
        except physmem.PhysMemError as error:
            codes[0] = error.code
        try:
            physmem.retain("kept", 2 * FRAME, high=high)
        except physmem.PhysMemError as error:
            codes[1] = error.code
        try:
            physmem.retain("", 1)
        except physmem.PhysMemError as error:
            codes[2] = error.code
        try:
            physmem.release("nobody")
        except physmem.PhysMemError as error:
            codes[3] = error.code
        try:
            physmem.release("mapped")
        except physmem.PhysMemError as error:
            codes[4] = error.code
        try:
            frames.split_at(1)
        except physmem.PhysMemError as error:
            codes[5] = error.code
        try:
            other.merge(frames)
        except physmem.PhysMemError as error:
            codes[6] = error.code
        try:
            physmem.retain("too large", 65 * FRAME)
        except MemoryError:
            codes[7] = "MemoryError"
        other.free()
        try:
            while made < 40:
                owners[made] = physmem.allocate_frames(1)
                made += 1
        except MemoryError:
            pass
        used_frames = physmem.region("ram").used_frames
        if LOCKS:
            try:
                physmem.retain("one more", 1)
            except MemoryError:
                codes[8] = "MemoryError"
            try:
                physmem.retain("mapped", FRAME)
            except MemoryError:
                codes[9] = "MemoryError"
        unchanged = used_frames == physmem.region("ram").used_frames
        heap = (gc.mem_alloc() if LOCKS else 0) - heap
    finally:
        physmem.boot_complete()
    assert heap == 0 and unchanged
    assert codes[:8] == [
        "SizeMismatch",
        "InvalidArgument",
        "InvalidArgument",
        "NotAllocated",
        "NotPermitted",
        "NotPermitted",
        "NotPermitted",
        "MemoryError",
    ]
    if LOCKS:
        assert made == 30  # of 32, one of which had "kept" and one was `other`
        assert codes[8] == codes[9] == "MemoryError"
    assert names_of(physmem) == ["kept", "mapped"] and physmem.check() == []
    for i in range(made):
        owners[i].free()
    assert physmem.retain("mapped", FRAME).state == physmem.MAPPED
    assert kept(machine, physmem)[1] == before[1]


def damage(machine, record, byte):
    """Flip a bit in that byte of the record."""
    machine.memory_of_records.view[(2 + record) * RECORD + byte] ^= 1 << (byte & 7)


def test_a_record_that_was_overwritten():
    """check() names the record, whichever byte was overwritten (every fifth on a slow board).

    Its name is refused or unknown. Its owner still frees its frames.
    """
    machine = one_region()
    physmem = machine.reset()
    physmem.retain("a", 300)
    for byte in range(0, RECORD, scaled(1, 1, 5)):
        frames = physmem.retain("b", 700)
        assert physmem.check() == []
        damage(machine, 1, byte)
        (sentence,) = physmem.check()
        assert "record 1" in sentence, byte
        assert names_of(physmem) == ["a"] and used(physmem) == 5
        raises(physmem.PhysMemError, physmem.release, "b")
        assert frames.free() == 3
        assert names_of(physmem) == ["a"] and used(physmem) == 2 and physmem.check() == []


def test_a_record_that_was_wiped_out():
    """Another name takes its place. Its owner still frees its frames, and nothing else goes with them."""
    machine = one_region()
    physmem = machine.reset()
    physmem.retain("a", 300)
    frames = physmem.retain("b", 700)
    machine.memory_of_records.view[3 * RECORD : 4 * RECORD] = bytes(RECORD)
    assert len(physmem.check()) == 1
    physmem.retain("c", 10)
    assert names_of(physmem) == ["a", "c"]
    before = bytes(machine.memory_of_records.view)
    assert frames.name is None and frames.free() == 3
    assert bytes(machine.memory_of_records.view) == before and used(physmem) == 3 and physmem.check() == []
    physmem = machine.reset()
    assert names_of(physmem) == ["a", "c"] and physmem.dropped() == []


def test_a_record_that_was_overwritten_before_a_reset():
    """Only that record is dropped, with a message, and its frames are free."""
    machine = one_region()
    for byte in range(0, RECORD, scaled(9, 9, 21)):
        physmem = machine.reset()
        physmem.retain("a", 300)
        physmem.retain("b", 700)
        damage(machine, 1, byte)
        physmem = machine.reset()
        assert names_of(physmem) == ["a"] and used(physmem) == 2 and physmem.check() == []
        (sentence,) = physmem.dropped()
        assert "record 1" in sentence
        assert not physmem.retain("a", 300).fresh


# The modules take heap, so they are there only if something is kept.

MODULES = ("physmem_records", "physmem_retained")


def there():
    """Return which of the modules are loaded."""
    return [module for module in MODULES if module in sys.modules]


def test_nothing_is_loaded_while_nothing_is_kept():
    """Neither after the power came nor after a reset. The first call loads both; what is kept keeps them."""
    machine = one_region()
    for call in (
        lambda p: p.retain("a", 1).free(),
        lambda p: raises(p.PhysMemError, p.release, "a", code="NotAllocated"),
        lambda p: p.retained(),
        lambda p: p.quarantined(),
        lambda p: p.dropped(),
    ):
        physmem = machine.reset()
        assert there() == []
        used_before = used(physmem)
        assert physmem.check() == [] and there() == []
        call(physmem)
        assert there() == list(MODULES) and used(physmem) == used_before
        assert physmem.check() == []
    physmem = machine.reset()
    assert there() == []
    physmem.allocate_frames(1).map().unmap().free()
    assert there() == ["physmem_records"] and physmem.check() == []
    physmem = machine.reset()
    assert there() == []
    physmem.retain("a", 1)
    physmem = machine.reset()
    assert there() == list(MODULES)
    physmem.release("a")
    frames = physmem.allocate_frames(1).map()
    physmem = machine.reset()
    assert there() == list(MODULES)
    assert [kept_frames.addr for kept_frames in physmem.quarantined()] == [frames.addr]


def test_what_was_dropped_is_not_forgotten():
    """The sentences about it stay, and so the modules."""
    machine = one_region()
    machine.reset().retain("a", 1)
    machine.memory_of_records.view[2 * RECORD + 5] ^= 1
    physmem = machine.reset()
    assert there() == list(MODULES)
    assert len(physmem.dropped()) == 1
    physmem = machine.reset()
    assert there() == [] and physmem.dropped() == []


def test_the_count_of_resets_goes_on():
    """What is kept is of the right reset, whether its module was there from the start or came later."""
    machine = one_region()
    for _ in range(3):
        machine.reset()
    for resets in range(3):
        physmem = machine.reset()
        frames = physmem.retain("a", 1)
        assert frames.fresh is (resets == 0)
        assert physmem.retained()[0].resets == resets


def test_in_the_early_phase():
    """The modules are there, so that nothing needs heap; what it keeps keeps them. A call that fails does not."""
    machine = one_region()
    physmem = machine.begin()
    assert "physmem_records" in sys.modules and "physmem_retained" in sys.modules
    log = physmem.retain("log", 100)
    assert physmem.retain("log", 100) is log
    frames = physmem.allocate_frames(1).map()
    physmem.boot_complete()
    assert there() == list(MODULES)
    assert physmem.retain("log", 100) is log
    assert frames.unmap().free() == 1 and log.free() == 1
    physmem = machine.begin()
    refused = 0
    try:
        physmem.release("log")
    except physmem.PhysMemError:
        refused += 1
    try:
        physmem.retain("log", 33 * FRAME)
    except MemoryError:
        refused += 1
    physmem.boot_complete()
    assert refused == 2
    assert there() == []
    assert physmem.retain("log", 100).fresh
    assert physmem.release("log") == 1 and physmem.check() == []


def test_the_first_call_without_heap():
    """NotPermitted, and nothing has changed; with heap it works."""
    if not LOCKS:
        return
    machine = one_region()
    for call in (
        lambda p, frames: p.retain("a", 1),
        lambda p, frames: p.release("a"),
        lambda p, frames: frames.map(),
    ):
        physmem = machine.reset()
        frames = physmem.allocate_frames(1)
        before = bytes(machine.memory_of_records.view)
        refused = None
        micropython.heap_lock()
        try:
            call(physmem, frames)
        except physmem.PhysMemError as error:
            refused = error.code
        finally:
            micropython.heap_unlock()
        assert refused == "NotPermitted"
        assert there() == [] and bytes(machine.memory_of_records.view) == before
        assert frames.state == physmem.ALLOCATED and used(physmem) == 1
        assert physmem.retain("a", 1).fresh and frames.map().unmap().free() == 1
        assert physmem.release("a") == 1 and physmem.check() == []


def test_the_first_call_without_heap_after_a_list():
    """`retained` has loaded what `retain`, `release` and `map` need, so that the first of each works."""
    if not LOCKS:
        return
    for call in (lambda p, frames: p.retain("a", 1), lambda p, frames: p.release("b"), lambda p, frames: frames.map()):
        physmem = one_region().reset()
        assert there() == []
        frames = physmem.allocate_frames(1)
        assert physmem.retained() == []
        result = None
        micropython.heap_lock()
        try:
            result = call(physmem, frames)
        except physmem.PhysMemError as error:
            result = error.code
        finally:
            micropython.heap_unlock()
        assert result == "NotAllocated" or result.state in (physmem.ALLOCATED, physmem.MAPPED)
        assert physmem.check() == []


def test_the_first_call_with_a_heap_that_is_nearly_full():
    """It is refused or works, and works when there is enough; a module that came in part is whole the next time."""
    if not LOCKS:
        return
    machine = one_region()
    # Not a chain of objects: the collector would keep all of it for one old pointer that it finds on the stack.
    taken = [None] * scaled(50000, 3000)
    for call in (lambda p, frames: p.retain("a", 1), lambda p, frames: frames.map()):
        physmem = machine.reset()
        frames = physmem.allocate_frames(1)
        gc.collect()
        n = 0
        for size in (4096, 256, 64, 16)[: scaled(4, 3, 2)]:
            try:
                while n < len(taken):
                    taken[n] = bytearray(size)
                    n += 1
            except MemoryError:
                pass
        assert n < len(taken)
        worked = refused = 0
        while not worked:
            try:
                call(physmem, frames)
                worked += 1
            except physmem.PhysMemError as error:
                assert error.code == "NotPermitted"
                refused += 1
                n -= 1
                taken[n] = None
        while n:
            n -= 1
            taken[n] = None
        assert refused and used(physmem) == (2 if physmem.retained() else 1)
        assert physmem.retain("a", 1).fresh and physmem.release("a") == 1
        assert physmem.check() == []


def test_a_module_that_somebody_uses_stays():
    """What was loaded before boot is not replaced by another."""
    machine = one_region()
    physmem = machine.fresh()
    import physmem_records

    machine.boot(physmem)
    physmem.boot_complete()
    assert sys.modules["physmem_records"] is physmem_records
    physmem.retain("a", 1)
    assert physmem_records.used == 1 and physmem.check() == []


def test_retain_by_a_name_of_its_own():
    """A program that has taken ``retain`` out of the module before the first call gets the same frames."""
    physmem = one_region().reset()
    retain, release = physmem.retain, physmem.release
    log = retain("a", 1)
    assert retain("a", 1) is physmem.retain("a", 1) is log
    assert release("a") == 1 and physmem.retained() == []
