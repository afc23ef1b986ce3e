"""Regions that join the system after `init`, and leave it."""

import sys

import micropython
from kept_memory import KeptMachine
from random_numbers import RandomNumbers
from snapshot import of_system
from support import fresh_physmem, overview, raises, scaled

PAGE = 4096
BASE = 0x10000000
LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"


def system(*more):
    """Return a physmem with the regions "sram" and "psram" and a reserved one."""
    physmem = fresh_physmem()
    physmem.init(
        [("sram", BASE, 8 * PAGE, PAGE, "DMA FAST"), ("psram", BASE + 64 * PAGE, 32 * PAGE, PAGE, "EXTERNAL")]
        + list(more),
        [("registers", BASE + 256 * PAGE, PAGE)],
    )
    physmem.boot_complete()
    return physmem


def names(physmem):
    return [region.name for region in physmem.regions()]


def test_a_region_is_added():
    """Requests find it from then on, in the order of all regions: those of fewer purposes first."""
    physmem = system()
    by_merit = sys.modules["physmem_system"].by_merit
    plain = physmem.add_region("plain", BASE + 16 * PAGE, 4 * PAGE)
    assert (plain.name, plain.base, plain.frames, plain.attrs) == ("plain", BASE + 16 * PAGE, 4, 0)
    assert physmem.region("plain") is plain
    assert names(physmem) == ["sram", "plain", "psram", "registers"]
    fast = physmem.add_region("fast", BASE + 32 * PAGE, 1024, 32, "FAST SHARED")
    assert fast.attrs == physmem.FAST | physmem.SHARED and fast.frames == 32
    given = physmem.Region("given", BASE + 128 * PAGE, 2 * PAGE, PAGE, physmem.EXTERNAL | physmem.DMA)
    assert physmem.add_region(given) is given
    heap = physmem.add_region("heap", None, 1024, 256)
    assert heap.base % 256 == 0 and heap.frames == 4
    # No purpose: plain, heap and psram (EXTERNAL is none), the smallest first; one: given; two: fast and sram.
    assert [region.name for region in by_merit] == ["heap", "plain", "psram", "given", "fast", "sram"]
    assert by_merit is sys.modules["physmem_allocate"].by_merit
    assert physmem.allocate_frames(1).region is heap
    assert physmem.allocate_frames(1, require=physmem.SHARED).region is fast
    assert physmem.stats()["plain"]["frames"] == 4 and physmem.check() == []


def test_what_cannot_be_added():
    """A name or memory that a region has, and what no region can be: an error, and nothing has changed."""
    physmem = system()
    module = sys.modules["physmem_system"]
    free = BASE + 512 * PAGE
    before = of_system(physmem), names(physmem), len(module._held)
    for arguments, error, code, text in (
        (("sram", free, PAGE), None, "InvalidArgument", "sram"),
        (("registers", free, PAGE), None, "InvalidArgument", "registers"),
        (("x", BASE, PAGE), None, "AddressNotFree", "sram"),
        (("x", BASE - PAGE, 1024 * PAGE), None, "AddressNotFree", "sram"),
        (("x", BASE + 7 * PAGE, 2 * PAGE), None, "AddressNotFree", "sram"),
        (("x", BASE + 256 * PAGE, 32, 32), None, "AddressNotFree", "registers"),
        (("x", free + 1, PAGE), None, "UnalignedAddress", "%x" % (free + 1)),
        (("x", free, PAGE + 1), None, "UnalignedAddress", "%x" % (PAGE + 1)),
        (("x", free, 0), None, "ZeroAllocation", "0"),
        (("x", None, 0), None, "ZeroAllocation", "0"),
        (("x", None, PAGE + 1), None, "UnalignedAddress", "%x" % (PAGE + 1)),
        (("x", free, -PAGE), None, "AddressOutOfRange", "-4096"),
        (("x", -PAGE, PAGE), None, "AddressOutOfRange", "4096"),
        (("x", 1 << 60, PAGE), None, "AddressOutOfRange", "10000000"),
        (("x", free, PAGE, 48), None, "InvalidArgument", "48"),
        (("x", free, PAGE, PAGE, "DMA FST"), None, "InvalidArgument", "FST"),
        (("x", free, PAGE, PAGE, 1 << 20), None, "InvalidArgument", "attrs"),
        (("x", None, PAGE, PAGE, 1 << 20), None, "InvalidArgument", "attrs"),
        ((physmem.region("sram"),), None, "InvalidArgument", "sram"),
        ((physmem.Region("x", BASE, PAGE),), None, "AddressNotFree", "sram"),
        ((physmem.Region("x", free, PAGE), free, PAGE), TypeError, None, "Region alone"),
        (("x",), TypeError, None, "size"),
        (("x", free), TypeError, None, "size"),
        (("x", free, None), TypeError, None, "size"),
        (("x", "1", PAGE), TypeError, None, "base"),
        (("x", free, PAGE, 1.5), TypeError, None, "frame_size"),
        (("x", free, PAGE, PAGE, 1.5), TypeError, None, "attrs"),
        ((None, free, PAGE), TypeError, None, "name"),
        ((free, PAGE), TypeError, None, "name"),
    ):
        found = raises(error or physmem.PhysMemError, physmem.add_region, *arguments, code=code)
        assert text in str(found), (arguments, found)
        assert (of_system(physmem), names(physmem), len(module._held)) == before, arguments
    physmem = fresh_physmem()
    raises(physmem.PhysMemError, physmem.add_region, "x", free, PAGE, code="NotInitialized")
    raises(physmem.PhysMemError, physmem.remove_region, "x", code="NotInitialized")
    raises(physmem.PhysMemError, physmem.reset_peak, code="NotInitialized")


def test_a_region_is_removed():
    """Its raw calls find nothing from then on, requests do not see it, and its memory may be added again."""
    physmem = system()
    by_merit = sys.modules["physmem_system"].by_merit
    psram = physmem.region("psram")
    alloc, alloc_aligned, alloc_at, free = psram.alloc, psram.alloc_aligned, psram.alloc_at, psram.free
    physmem.allocate_frames(3, region="psram").free()
    physmem.remove_region("psram")
    assert names(physmem) == ["sram", "registers"] and [region.name for region in by_merit] == ["sram"]
    assert alloc(1) == alloc_aligned(1, 2) == physmem.OUT_OF_MEMORY
    assert alloc_at(0, 1) == physmem.ADDRESS_NOT_FREE
    assert [free(frame) for frame in range(32)] == [physmem.NOT_ALLOCATED] * 32
    assert psram.allocate_within(1, 0, 0, BASE, None) == physmem.OUT_OF_MEMORY
    raises(physmem.PhysMemError, physmem.region, "psram", code="InvalidArgument")
    raises(MemoryError, physmem.allocate_frames, 9)
    physmem.remove_region(physmem.region("registers"))  # reserved ones too
    assert names(physmem) == ["sram"] and physmem.check() == []
    assert physmem.add_region(psram) is psram
    assert alloc(1) == physmem.OUT_OF_MEMORY  # bound before
    assert psram.free_frames == 32 and psram.alloc(32) == 0 and psram.free(0) == 32
    physmem.remove_region(psram)
    again = physmem.add_region("psram", BASE + 64 * PAGE, 16 * PAGE)
    assert physmem.allocate_frames(16).region is again
    physmem.remove_region("sram")
    assert names(physmem) == ["psram"] and physmem.check() == []


def test_what_cannot_be_removed():
    """A region with frames in use, a watched one, one that the system does not have: an error, nothing has changed."""
    physmem = system()
    sram = physmem.region("sram")

    def refused(code, *texts, wanted="sram"):
        before = of_system(physmem), names(physmem)
        error = raises(physmem.PhysMemError, physmem.remove_region, wanted, code=code)
        for text in texts:
            assert text in str(error), error
        assert (of_system(physmem), names(physmem)) == before

    refused("InvalidArgument", "srm", "sram, psram, registers", wanted="srm")
    refused("InvalidArgument", "sram", wanted=physmem.Region("sram", BASE, 8 * PAGE))
    for frame in (0, 3, 7):
        assert sram.alloc_at(frame, 1) == frame
        refused("NotPermitted", "1 of its 8 frames")
        refused("NotPermitted", "1 of its 8 frames", wanted=sram)
        assert sram.free(frame) == 1
    frames = physmem.allocate_frames(2, region="sram").map()
    refused("NotPermitted", "2 of its 8 frames")
    frames.unmap().free()
    physmem.on_low("sram", 2, print)
    refused("NotPermitted", "on_low", "debug")
    physmem.on_low("sram", 0, None)
    physmem.debug(statistics=True)
    refused("NotPermitted", "on_low", "debug")
    physmem.debug()
    for wrong in (None, 3, b"sram", [sram]):
        raises(TypeError, physmem.remove_region, wrong)
    physmem.remove_region("sram")
    refused("InvalidArgument", "sram")
    refused("InvalidArgument", "sram", wanted=sram)


def test_occupied_memory_stays():
    """What the memory plan says of the firmware's memory cannot be removed, nor its records."""
    physmem = KeptMachine(("ram", 0x20100000, 8 * PAGE, PAGE, "RETAINED"))
    physmem.occupied.append(("firmware", 0x40000000, PAGE, "DMA"))
    physmem = physmem.reset()
    is_occupied = overview().is_occupied
    assert [is_occupied(physmem.region(name)) for name in ("firmware", "records", "ram")] == [True, True, False]
    assert physmem.region("firmware").attrs == physmem.DMA | physmem.RESERVED
    for name in ("firmware", "records"):
        error = raises(physmem.PhysMemError, physmem.remove_region, name, code="NotPermitted")
        assert "firmware occupies" in str(error)
    physmem.retain("log", 100)
    raises(physmem.PhysMemError, physmem.remove_region, "ram", code="NotPermitted")
    physmem.release("log")
    physmem.remove_region("ram")
    assert physmem.check() == []


def test_without_heap():
    """Both calls need heap, and say so. Nothing has changed then."""
    physmem = system()
    codes = [None, None]
    free = BASE + 512 * PAGE
    if LOCKS:
        micropython.heap_lock()
        try:
            try:
                physmem.add_region("x", free, PAGE)
            except physmem.PhysMemError as error:
                codes[0] = error.code
            try:
                physmem.remove_region("sram")
            except physmem.PhysMemError as error:
                codes[1] = error.code
            physmem.reset_peak()
        finally:
            micropython.heap_unlock()
        assert codes == ["NotPermitted"] * 2
    assert names(physmem) == ["sram", "psram", "registers"]


def test_random_regions_come_and_go():
    """The order of requests is always that of a sort by purposes, cache, size and address, in one and the same list."""
    physmem = system()
    module = sys.modules["physmem_system"]
    by_merit = module.by_merit
    numbers = RandomNumbers(23)
    added = {}
    purposes = physmem.DMA | physmem.FAST | physmem.RETAINED | physmem.SHARED
    for turn in range(scaled(400, 60, 30)):
        if added and numbers.below(5) < 2:
            name = sorted(added)[numbers.below(len(added))]
            physmem.remove_region(added.pop(name) if numbers.below(2) else name)
            added.pop(name, None)
        else:
            name = "r%d" % numbers.below(8)
            if name not in added:
                place = BASE + 1024 * PAGE + 16 * PAGE * int(name[1:])
                attrs = numbers.below(64)
                added[name] = physmem.add_region(name, place, PAGE * (1 + numbers.below(8)), PAGE, attrs)
        wanted = []
        for region in physmem.regions():
            if not region.attrs & physmem.RESERVED:
                bits = region.attrs & purposes
                merits = sum([(bits >> i) & 1 for i in range(7)])
                uncached = not region.attrs & physmem.CACHED
                wanted.append((merits, uncached, region.end - region.base, region.base))
        assert [(region.base) for region in by_merit] == [base for _, _, _, base in sorted(wanted)], turn
        assert module.by_merit is by_merit
        assert sorted([name for name in names(physmem) if name[0] == "r" and name != "registers"]) == sorted(added)
    assert physmem.check() == []


def test_a_handler_misses_no_region():
    """At every line of the calls the list that handlers read has all regions that stay. CPython can stop at each."""
    if not hasattr(sys, "settrace"):
        return
    physmem = system()
    by_merit = sys.modules["physmem_system"].by_merit
    staying = set(by_merit)
    lines = [0]

    def look(frame, event, argument):
        lines[0] += 1
        assert staying <= set(by_merit), "a handler would miss %s" % (staying - set(by_merit))
        return look

    before = sys.gettrace()
    for attrs in ("", "DMA", "DMA FAST RETAINED SHARED"):
        sys.settrace(look)
        try:
            physmem.add_region("new", BASE + 512 * PAGE, 2 * PAGE, PAGE, attrs)
            physmem.remove_region("new")
        finally:
            sys.settrace(before)
    assert lines[0] > 100


def test_after_a_reset():
    """The next boot does not know an added region: what was retained there is dropped, what was mapped is quarantined.

    The region can be added again once that is freed and its reserved region removed.
    """
    machine = KeptMachine(("ram", 0x20100000, 8 * PAGE, PAGE, "RETAINED"))
    physmem = machine.reset()
    more = physmem.add_region("more", 0x20200000, 8 * PAGE, PAGE, "RETAINED")
    physmem.retain("log", 100, region=more)
    physmem.allocate_frames(2, region="more").map()
    raises(physmem.PhysMemError, physmem.remove_region, "more", code="NotPermitted")
    physmem = machine.reset()
    assert len(physmem.dropped()) == 1 and "log" in physmem.dropped()[0]
    (frames,) = physmem.quarantined()
    assert frames.addr == 0x20200000 + PAGE and frames.nbytes == 2 * PAGE
    error = raises(physmem.PhysMemError, physmem.add_region, "more", 0x20200000, 8 * PAGE, code="AddressNotFree")
    assert frames.region.name in str(error)
    reserved = frames.region
    frames.unmap().free()
    physmem.remove_region(reserved)
    assert physmem.add_region("more", 0x20200000, 8 * PAGE, PAGE, "RETAINED").free_frames == 8
    assert physmem.check() == []
