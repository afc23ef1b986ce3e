"""The three phases of a system: cold, before boot(); early, with the heap locked; booted.

In each phase every call either works or says what is missing. test_boot.py tests what the early phase allocates
(nothing) and how many owners it has.
"""

import sys

import micropython
from kept_memory import FRAME, KeptMachine, used
from public_names import VOCABULARY
from support import fresh_physmem, raises, spare_owners

LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"
OWNERS = 32

# Calls that need a system, with arguments that are right once there is one.
NEED_A_SYSTEM = (
    ("allocate_frames", (1,)),
    ("allocate_frames_by_bytes", (1,)),
    ("allocate_frames_at", (0x20100000, 1)),
    ("allocate_frames_by_bytes_at", (0x20100000, 1)),
    ("allocate_frames_deferred", (1,)),
    ("allocate_frames_deferred", (1, 0x20100000)),
    ("allocate_frames_by_bytes_deferred", (1,)),
    ("allocate_frames_by_bytes_deferred", (1, 0x20100000)),
    ("dma_ring", (32,)),
    ("inspect_then_allocate", (print,)),
    ("region", ("sram",)),
    ("boot_complete", ()),
    ("retain", ("name", 1)),
    ("release", ("name",)),
    ("retained", ()),
    ("quarantined", ()),
    ("dropped", ()),
)


def a_machine():
    """Return a machine with two regions, the second at addresses that are not small integers on boards."""
    return KeptMachine(
        ("sram", 0x20100000, 64 * FRAME, FRAME, "DMA FAST RETAINED SHARED"),
        ("psram", 0x80000000, 64 * FRAME, FRAME, "EXTERNAL"),
    )


def test_cold():
    """Before there is a system, every call that needs one raises NotInitialized, even with otherwise wrong arguments.

    The other calls report that there is nothing.
    """
    physmem = fresh_physmem()
    for _ in range(2):  # asking has changed nothing
        for name, arguments in NEED_A_SYSTEM:
            raises(physmem.PhysMemError, getattr(physmem, name), *arguments, code="NotInitialized")
        raises(physmem.PhysMemError, physmem.allocate_frames, 0, code="NotInitialized")
        raises(physmem.PhysMemError, physmem.allocate_frames_at, -1, 1, code="NotInitialized")
        raises(physmem.PhysMemError, physmem.retain, "", 0, code="NotInitialized")
        assert not physmem.booted
        assert physmem.regions() == physmem.check() == []
        assert physmem.early_heap() == (0, 0)
        statistics = physmem.stats()
        assert list(statistics) == [None] and set(statistics[None].values()) == {0}
        lines = []
        physmem.map(lines.append)
        physmem.dump(lines.append)
        assert lines == []
    physmem.init([("sram", 0x20100000, 16 * 4096)])
    assert physmem.allocate_frames(1).region is physmem.region("sram")


def test_cold_regions():
    """A Region works on its own before there is a system, and brings its frames in use into one."""
    physmem = fresh_physmem()
    region = physmem.Region("sram", 0x20100000, 16 * FRAME, FRAME)
    assert region.alloc(3) == 0 and region.free(0) == 3 and region.alloc(2) == 0
    raises(physmem.PhysMemError, physmem.allocate_frames, 1, code="NotInitialized")
    physmem.init([region])
    assert physmem.region("sram") is region and used(physmem) == 2
    assert physmem.allocate_frames(1).first == 2


def test_cold_without_a_memory_map():
    """You may set a hook before there is a system, and it stays."""
    physmem = fresh_physmem()
    calls = []

    def hook(request):
        calls.append(request.frames)

    physmem.on_exhausted(hook)
    raises(physmem.PhysMemError, physmem.allocate_frames, 1, code="NotInitialized")
    assert calls == []
    physmem.init([("sram", 0x20100000, 16 * 4096)])
    raises(MemoryError, physmem.allocate_frames, 17)
    assert calls == []  # no region could ever have so many
    physmem.allocate_frames(3)
    raises(MemoryError, physmem.allocate_frames, 14)
    assert calls == [14]


def exercise(physmem, results):
    """Make the same calls in each phase, none of which needs heap. Put what they return into `results`."""
    sram = physmem.region("sram")
    psram = physmem.region("psram")
    results[0] = sram.alloc(3)
    results[1] = sram.alloc_aligned(4, 4)
    results[2] = sram.alloc_at(20, 2)
    results[3] = sram.alloc_at(21, 1)
    results[4] = sram.free(21)
    results[5] = sram.free(20)
    results[6] = sram.free(results[1])
    results[7] = sram.alloc(65)
    results[8] = sram.free(results[0])
    plain = physmem.allocate_frames(2, region="psram")
    results[9] = plain.first
    by_bytes = physmem.allocate_frames_by_bytes(FRAME + 1, align=4 * FRAME, region=psram)
    results[10] = by_bytes.first
    results[11] = by_bytes.count
    at = physmem.allocate_frames_at(0x20100000 + 30 * FRAME, 2, owner=7)
    results[12] = at.first
    results[13] = at.owner
    ring = physmem.dma_ring(4 * FRAME)
    results[14] = ring.first
    named = physmem.retain("name", 3 * FRAME)
    results[15] = named.first
    results[16] = named.fresh
    results[17] = physmem.retain("name", 3 * FRAME) is named
    plain.map()
    results[18] = plain.state
    try:
        plain.free()
    except physmem.PhysMemError as error:
        results[19] = error.code
    plain.unmap()
    results[20] = plain.state
    pair = by_bytes.split_at(1)
    pair[0].merge(pair[1])
    results[21] = pair[0].count
    results[22] = pair[1].state
    try:
        physmem.allocate_frames(65)
    except MemoryError:
        results[23] = "exhausted"
    try:
        physmem.allocate_frames_at(0x20100000 + 31 * FRAME, 1)
    except physmem.PhysMemError as error:
        results[24] = error.code
    try:
        named.split_at(1)
    except physmem.PhysMemError as error:
        results[25] = error.code
    try:
        physmem.retain("name", 1)
    except physmem.PhysMemError as error:
        results[26] = error.code
    results[27] = sram.free_frames
    results[28] = psram.largest_free()
    results[29] = plain.free() + pair[0].free() + at.free() + ring.free()
    results[30] = physmem.release("name")
    try:
        physmem.release("name")
    except physmem.PhysMemError as error:
        results[31] = error.code
    results[32] = sram.free_frames + psram.free_frames


def test_the_same_calls_in_each_phase():
    """Early, booted, and booted with the heap locked by another caller: the same results, given here by hand."""
    early, booted, locked = [None] * 33, [None] * 33, [None] * 33
    physmem = a_machine().begin()
    try:
        exercise(physmem, early)
    finally:
        physmem.boot_complete()
    exercise(physmem, booted)
    micropython.heap_lock()
    try:
        exercise(physmem, locked)
    finally:
        micropython.heap_unlock()
    wanted = [0, 4, 20, physmem.ADDRESS_NOT_FREE, physmem.NOT_ALLOCATED, 2, 4, physmem.ALLOCATION_TOO_LARGE, 3]
    wanted += [0, 4, 2, 30, 7, 0, 4, True, True, "mapped", "NotPermitted", "unmapped", 2, "moved"]
    wanted += ["exhausted", "AddressNotFree", "NotPermitted", "SizeMismatch", 64 - 2 - 4 - 3, 58, 2 + 2 + 2 + 4, 3]
    wanted += ["NotAllocated", 128]
    assert early == wanted
    assert booted == wanted
    assert locked == wanted
    assert physmem.check() == []


def one_owner_more(physmem, way):
    """Make one more owner, in one of the ways to make one."""
    if way == 0:
        physmem.allocate_frames(1)
    elif way == 1:
        physmem.allocate_frames_by_bytes(1)
    elif way == 2:
        physmem.allocate_frames_at(0x20100000 + 60 * FRAME, 1)
    elif way == 3:
        physmem.allocate_frames_by_bytes_at(0x20100000 + 60 * FRAME, 1)
    elif way == 4:
        physmem.allocate_frames_deferred(1)
    elif way == 5:
        physmem.allocate_frames_by_bytes_deferred(1)
    elif way == 6:
        physmem.dma_ring(FRAME)
    elif way == 7:
        physmem.retain("name", 1)
    elif way == 8:
        physmem.allocate_frames(1, require=physmem.EXTERNAL, align=4 * FRAME)
    else:
        physmem.allocate_frames_deferred(1, 0x20100000 + 60 * FRAME)


WAYS = 10


def test_no_owner_is_left():
    """Every way to the 33rd owner is a MemoryError that leaves the frames free, and no name; raw calls still work.

    Once the heap is there, each of these ways works.
    """
    if not LOCKS:
        return
    refused = [False] * WAYS
    unchanged = [False] * WAYS
    owners = [None] * OWNERS
    physmem = a_machine().begin()
    try:
        sram = physmem.region("sram")
        psram = physmem.region("psram")
        for i in range(OWNERS):
            owners[i] = physmem.allocate_frames(1, region="psram")
        for way in range(WAYS):
            try:
                one_owner_more(physmem, way)
            except MemoryError:
                refused[way] = True
            unchanged[way] = sram.free_frames == 64 and psram.free_frames == 32
        frame = sram.alloc(64)
        raw = sram.free(frame)
    finally:
        physmem.boot_complete()
    assert refused == [True] * WAYS and unchanged == [True] * WAYS
    assert raw == 64
    assert physmem.retained() == [] and physmem.check() == []
    for way in (0, 1, 4, 5, 6, 7, 8):
        before = used(physmem)
        one_owner_more(physmem, way)
        assert used(physmem) == before + 1, way
    one_owner_more(physmem, 2)
    assert [owner.free() for owner in owners] == [1] * OWNERS


def test_owners_from_the_heap():
    """After boot there are as many owners as frames. The spare owners stay for when the heap is locked."""
    physmem = a_machine().reset()
    assert spare_owners() == OWNERS
    owners = [physmem.allocate_frames(1) for _ in range(100)]
    assert spare_owners() == OWNERS
    assert len({owner.addr for owner in owners}) == 100
    if LOCKS:
        more = [None] * 3
        micropython.heap_lock()
        try:
            for i in range(3):
                more[i] = physmem.allocate_frames(1)
        finally:
            micropython.heap_unlock()
        assert spare_owners() == OWNERS - 3
        assert [owner.free() for owner in more] == [1, 1, 1]
    assert sum([owner.free() for owner in owners]) == 100 and used(physmem) == 0


def test_owners_of_the_early_phase_are_made_again():
    """boot_complete() replaces what the early phase has used: the next lock of the heap finds 32 owners again."""
    physmem = a_machine().begin()
    left = 0
    try:
        for _ in range(5):
            physmem.allocate_frames(1)
        left = spare_owners()
    finally:
        physmem.boot_complete()
    assert left == (OWNERS - 5 if LOCKS else OWNERS)
    assert spare_owners() == OWNERS
    assert used(physmem) == 5


def test_rarely_used_parts_in_the_early_phase():
    """What boot() has not loaded needs heap to load: NotPermitted in the early phase.

    Nothing is left half loaded, which would crash MicroPython later.
    """
    names = ("FrameRange", "BuddyAllocator", "PhysAddr", "PAGE_SIZE")
    refused = [None] * len(names)
    physmem = a_machine().begin()
    try:
        if LOCKS:
            for i in range(len(names)):
                try:
                    getattr(physmem, names[i])
                except physmem.PhysMemError as error:
                    refused[i] = error.code
    finally:
        physmem.boot_complete()
    assert refused == ["NotPermitted" if LOCKS else None] * len(names)
    assert physmem.FrameRange(0, 4).count == 4
    assert physmem.PAGE_SIZE == 4096
    assert callable(physmem.BuddyAllocator) and callable(physmem.dump)


def test_no_table_of_names_grows():
    """An interrupt handler cannot find the names of a module while MicroPython moves them to a larger table.

    So none of the modules gets another name, whatever is loaded. Names that are looked up in each call are replaced,
    not added.
    """
    machine = KeptMachine(("ram", None, 32 * FRAME, FRAME, "RETAINED SHARED"))
    physmem = machine.reset()
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("physmem")]
    names = [dir(module) for module in modules]
    region = sys.modules["physmem_region"]
    wrapped = region._wrapped
    for name in VOCABULARY:
        assert getattr(physmem, name) is getattr(physmem, name) is not None
    physmem.debug(owners=True, poison=True, guard_frames=1, assertions=True, statistics=True)
    physmem.on_low("ram", 4, print)
    assert not wrapped and region._wrapped
    physmem.allocate_frames_deferred(1)[1].commit()
    physmem.retain("name", 1).free()
    physmem.allocate_frames(1).map().unmap().free()
    physmem.debug()
    physmem.on_low("ram", 0, None)
    assert not region._wrapped
    assert [dir(module) for module in modules] == names


def test_boot_after_init():
    """A system that init() made has no records and no early phase. boot() is refused and changes nothing."""
    machine = a_machine()
    physmem = fresh_physmem()
    physmem.init([("sram", 0x20100000, 16 * 4096, 4096, "RETAINED")])
    frames = physmem.allocate_frames(2)

    class Board:
        REGIONS = tuple(machine.regions)
        OCCUPIED = ()
        RETAINED_RECORDS = machine.records

    before = bytes(machine.memory_of_records.view)
    raises(physmem.PhysMemError, physmem.boot, Board, code="NotPermitted")
    raises(physmem.PhysMemError, physmem.retain, "name", 1, code="NotPermitted")
    assert bytes(machine.memory_of_records.view) == before
    assert len(bytearray(100)) == 100 and used(physmem) == 2
    assert frames.map().unmap().free() == 2
