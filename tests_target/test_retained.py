"""Named frames that survive resets: what is kept, what is refused, what is free again."""

import gc
import sys

from kept_memory import FRAME, RECORD, KeptMachine, kept, names_of, one_region, pattern, used
from support import InHandler, raises, scaled, state_module

LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"
SLOTS = 62  # of 4 KiB for records


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
