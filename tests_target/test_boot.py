"""The early phase: from boot() to boot_complete() the heap is locked and nothing allocates on it.

Between the two, the tests themselves must not allocate either: no tuples, no text, no new module names, no bound
methods. They make what they need before, and judge what they saw after. CPython cannot lock its heap: it runs the same
calls and leaves out what depends on the lock.
"""

import gc
import sys
from array import array

import micropython
import physmem as machine
from snapshot import of_system
from support import fresh_physmem, raises, state_module
from uctypes import addressof

HAS_TWO_CORES = sys.platform == "rp2"
LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"
OWNERS = 32  # spare owners of the early phase, after Theseus' arrays of 32
FRAME = 64


class Board:
    """A memory plan: two regions in heap memory, and occupied memory that nothing reads or writes."""

    REGIONS = (("sram", None, 64 * FRAME, FRAME, "DMA FAST"), ("psram", None, 32 * FRAME, FRAME, "DMA EXTERNAL"))
    OCCUPIED = (("firmware", 0, 8192), ("stack", 0x3000, 4096))


def booted():
    """Return a new system in its early phase."""
    physmem = fresh_physmem()
    physmem.boot(Board)
    return physmem


def heap():
    """Return bytes of heap in use; 0 on CPython, which does not count them."""
    return gc.mem_alloc() if LOCKS else 0


def finish(physmem):
    """End the early phase. The heap is unlocked as often as it was locked."""
    physmem.boot_complete()
    assert physmem.booted
    assert len(bytearray(100)) == 100  # MemoryError if the heap were locked
    if hasattr(micropython, "heap_locked"):
        assert not micropython.heap_locked()


def test_the_machine_s_own_boot():
    """The system this board booted with allocated nothing from the moment the pools existed, as the board itself
    measured."""
    assert machine.booted
    begin, end = machine.early_heap()
    if LOCKS:  # elsewhere large integers take heap
        assert begin == end > 0
    assert [region.name for region in machine.regions() if region.name in ("sram", "psram")] != []
    assert machine.check() == []
    raises(machine.PhysMemError, machine.boot, code="NotPermitted")


def test_the_map_of_this_machine():
    """boot() without an argument takes physmem_board: its regions by name, its occupied memory in use and reserved."""
    physmem = fresh_physmem()
    physmem.boot()
    finish(physmem)
    import physmem_board

    rows = {}
    for region in physmem.regions():
        rows[region.name] = region
    for name, base, size, frame_size, attrs in physmem_board.REGIONS:
        region = rows.pop(name)
        assert base is None or region.base == base
        assert (region.end - region.base, region.frame_size, region.used_frames) == (size, frame_size, 0)
        assert region.attrs == sum([getattr(physmem, attribute) for attribute in attrs.split()])
    records_base, records_size = physmem_board.RETAINED_RECORDS
    for name, base, size, attrs in physmem_board.OCCUPIED + (("records", records_base, records_size, ""),):
        region = rows.pop(name)
        wanted = sum([getattr(physmem, attribute) for attribute in attrs.split()])
        assert region.attrs == physmem.RESERVED | wanted
        if base is None:
            assert region.end - region.base >= size
            base = region.base
        assert region.base <= base and region.end >= base + size
        assert region.free_frames == 0 and region.attrs & physmem.RESERVED
        raises(physmem.PhysMemError, physmem.allocate_frames_at, base, 1, code="AddressNotFree")
    assert not rows


def test_a_map_of_one_s_own():
    """How the early phase starts with a memory plan of your own."""
    physmem = booted()
    try:
        early = physmem.booted
        locked = micropython.heap_locked() if hasattr(micropython, "heap_locked") else 1
    finally:
        finish(physmem)
    assert not early and locked == 1
    names = [region.name for region in physmem.regions()]
    assert sorted(names) == ["firmware", "psram", "sram", "stack"]
    assert physmem.region("firmware").free_frames == physmem.region("stack").free_frames == 0
    assert physmem.region("sram").base % FRAME == 0
    assert physmem.region("sram").attrs == physmem.DMA | physmem.FAST


def test_nothing_is_allocated():
    """gc.mem_alloc() stays the same from boot() to boot_complete() through every call that is allowed there."""
    physmem = booted()
    try:
        before = heap()
        sram = physmem.region("sram")
        first = sram.alloc(5)
        aligned = sram.alloc_aligned(4, 4)
        at = sram.alloc_at(40, 3)
        freed = sram.free(first)
        largest = sram.free_frames
        owner = physmem.allocate_frames(2, region="sram")
        by_bytes = physmem.allocate_frames_by_bytes(FRAME + 1, require=physmem.EXTERNAL)
        ring = physmem.dma_ring(4 * FRAME)
        owner.map()
        owner.unmap()
        count = owner.free()
        by_bytes.free()
        ring.free()
        sram.free(aligned)
        sram.free(at)
        after = heap()
    finally:
        finish(physmem)
    assert before == after
    begin, end = physmem.early_heap()
    if LOCKS:  # elsewhere large integers take heap
        assert begin == end > 0
    assert (freed, count, at) == (5, 2, 40)
    assert aligned % 4 == -(sram.base // FRAME) % 4
    assert largest == 64 - 4 - 3
    assert sram.used_frames == 0
    assert physmem.check() == []


def test_raw_calls_without_limit():
    """Raw calls need no owner: every single frame, many times over, with refusals in between."""
    physmem = booted()
    unexpected = 0
    try:
        before = heap()
        sram = physmem.region("sram")
        for _ in range(10):
            for _ in range(64):
                if sram.alloc(1) < 0:
                    unexpected += 1
            if sram.alloc(1) != physmem.OUT_OF_MEMORY or sram.alloc(65) != physmem.ALLOCATION_TOO_LARGE:
                unexpected += 1
            for frame in range(64):
                if sram.free(frame) != 1 or sram.free(frame) != physmem.NOT_ALLOCATED:
                    unexpected += 1
        after = heap()
    finally:
        finish(physmem)
    assert unexpected == 0
    assert before == after
    assert sram.free_frames == 64 and sram.check() == []
    assert sram.failed == 10  # requests that the region could ever meet


def test_32_owners_and_not_one_more():
    """The request after the last owner is a clear MemoryError, and its frames stay free."""
    owners = [None] * (OWNERS + 1)
    refused = None
    free = 0
    physmem = booted()
    try:
        before = heap()
        for i in range(OWNERS):
            owners[i] = physmem.allocate_frames(1, region="sram")
        free = physmem.region("sram").free_frames
        if LOCKS:
            try:
                owners[OWNERS] = physmem.allocate_frames(1, region="sram")
            except MemoryError as error:
                refused = error
            try:
                owners[OWNERS] = physmem.allocate_frames_deferred(1, region="sram")
            except MemoryError as error:
                refused = error
            raw = physmem.region("sram").alloc(1)
        else:
            raw = physmem.region("sram").alloc(1)
        after = heap()
    finally:
        finish(physmem)
    assert before == after
    assert free == 32
    assert owners[OWNERS] is None
    assert refused is not None or not LOCKS
    if LOCKS:
        assert str(refused)
    sram = physmem.region("sram")
    assert sram.free_frames == 31 and sram.free(raw) == 1
    assert len({owner.addr for owner in owners[:OWNERS]}) == OWNERS
    for owner in owners[:OWNERS]:
        assert owner.state == physmem.ALLOCATED and owner.free() == 1
    assert sram.used_frames == 0 and physmem.check() == []


def test_deferred_allocation():
    """You get the frames at once; boot_complete() does the pending bookkeeping.

    Before that there is no heap for a commit, and the scheduler tries in vain.
    """
    physmem = booted()
    early_code = None
    pending = 0
    try:
        before = heap()
        pair = physmem.allocate_frames_deferred(3, owner="driver")
        at = physmem.allocate_frames_by_bytes_deferred(FRAME + 1, region="psram")
        if LOCKS:
            try:
                pair[1].commit()
            except physmem.PhysMemError as error:
                early_code = error.code
        pending = pair[1].pending + at[1].pending
        after = heap()
    finally:
        finish(physmem)
    assert before == after
    assert pending == 2 or sys.platform == "webassembly"  # no lock there keeps the scheduler from it
    if LOCKS:
        assert early_code == "NotPermitted"
    frames, action = pair
    assert (frames.count, frames.owner, frames.state) == (3, "driver", physmem.ALLOCATED)
    assert (at[0].count, at[0].region.name) == (2, "psram")
    assert not action.pending and not at[1].pending
    assert action.commit() is False and at[1].commit() is False
    frames.free()
    at[0].free()
    assert physmem.stats()[None]["used"] == 0


def test_early_owners_stay_valid():
    """You can use, split, merge and free later what you allocated early. Its memory keeps what was written."""
    physmem = booted()
    try:
        frames = physmem.allocate_frames(4, region="sram", owner=7)
        other = physmem.allocate_frames(2, region="psram")
        freed = physmem.allocate_frames(1)
        freed.free()
    finally:
        finish(physmem)
    frames.view[0:3] = b"abc"
    first, second = frames.split_at(1)
    assert bytes(first.view[0:3]) == b"abc"
    assert first.owner == second.owner == 7
    first.merge(second)
    assert first.count == 4 and bytes(first.view[0:3]) == b"abc"
    assert first.free() == 4 and other.free() == 2
    raises(physmem.PhysMemError, freed.free, code="NotAllocated")
    assert physmem.stats()[None]["used"] == 0


def test_split_and_merge_in_the_early_phase():
    """Splitting takes owners from the pool and uses no heap. The parts can be merged again."""
    physmem = booted()
    try:
        before = heap()
        frames = physmem.allocate_frames(8, region="sram")
        first = frames.first
        halves = frames.split_at(3)
        halves[0].merge(halves[1])
        after = heap()
    finally:
        finish(physmem)
    assert before == after
    assert frames.state == physmem.MOVED and halves[1].state == physmem.MOVED
    assert (halves[0].first, halves[0].count) == (first, 8)
    assert halves[0].free() == 8
    assert physmem.region("sram").used_frames == 0 and physmem.check() == []


def test_range_split_in_the_early_phase():
    """The same for a split into three."""
    physmem = booted()
    try:
        before = heap()
        frames = physmem.allocate_frames(8, region="sram")
        parts = frames.split_range(3, 2)
        after = heap()
    finally:
        finish(physmem)
    assert before == after
    assert [part.count for part in parts] == [3, 2, 3]
    assert sum([part.free() for part in parts]) == 8
    assert physmem.region("sram").used_frames == 0 and physmem.check() == []


def test_splits_without_owners_left():
    """With 32 to 29 owners taken, a split that needs more than are left is a MemoryError.

    The frames still belong to the owner that was to be split.
    """
    if not LOCKS:
        return
    for taken in (OWNERS, OWNERS - 1, OWNERS - 2, OWNERS - 3):
        for ranges in (False, True):
            physmem = booted()
            refused = None
            parts = None
            try:
                frames = physmem.allocate_frames(8, region="sram")
                for _ in range(taken - 1):
                    physmem.allocate_frames(1, region="psram")
                try:
                    parts = frames.split_range(3, 2) if ranges else frames.split_at(3)
                except MemoryError as error:
                    refused = error
            finally:
                finish(physmem)
            assert physmem.check() == []
            assert physmem.region("sram").used_frames == 8
            if refused is not None:
                assert parts is None and str(refused)
                assert frames.state == physmem.ALLOCATED and frames.count == 8, (taken, ranges)
                assert frames.free() == 8
            else:
                assert sum([part.free() for part in parts]) == 8
            assert physmem.region("sram").used_frames == 0


def test_errors_in_the_early_phase():
    """Errors there carry their code although there is no heap for a message, and nothing is lost."""
    codes = [None] * 8
    exhausted = 0
    physmem = booted()
    try:
        before = heap()
        sram = physmem.region("sram")
        owner = physmem.allocate_frames(2, region="sram")
        used = sram.used_frames
        try:
            physmem.allocate_frames(0)
        except physmem.PhysMemError as error:
            codes[0] = error.code
        try:
            physmem.allocate_frames(1, align=3)
        except physmem.PhysMemError as error:
            codes[1] = error.code
        try:
            physmem.allocate_frames(1, require=physmem.DMA, forbid=physmem.DMA)
        except physmem.PhysMemError as error:
            codes[2] = error.code
        try:
            physmem.allocate_frames_at(-1, 1)
        except physmem.PhysMemError as error:
            codes[3] = error.code
        try:
            owner.unmap()
        except physmem.PhysMemError as error:
            codes[4] = error.code
        try:
            owner.split_at(3)
        except physmem.PhysMemError as error:
            codes[5] = error.code
        try:
            owner.merge(owner)
        except physmem.PhysMemError as error:
            codes[6] = error.code
        try:
            physmem.allocate_frames(65)
        except MemoryError:
            exhausted += 1
        try:
            physmem.boot(Board)
        except physmem.PhysMemError as error:
            codes[7] = error.code
        still = sram.used_frames
        after = heap()
    finally:
        finish(physmem)
    assert before == after
    assert codes == [
        "ZeroAllocation",
        "UnalignedAddress",
        "InvalidArgument",
        "AddressOutOfRange",
        "NotPermitted",
        "AddressOutOfRange",
        "InvalidArgument",
        "NotPermitted",
    ]
    assert exhausted == 1
    assert used == still == 2
    assert owner.state == physmem.ALLOCATED and owner.free() == 2
    assert physmem.check() == []


def at_addresses(base):
    """Allocate frames at addresses in the early phase, in a region at `base`: granted, in use, unknown."""

    class Fixed:
        REGIONS = (("memory", base, 64 * 4096, 4096, ""),)
        OCCUPIED = ()

    codes = [None] * 3
    place = [None] * 2
    addr, later, unknown = base + 4096 * 3, base + 4096 * 8 + 1, base + 4096 * 1000
    physmem = fresh_physmem()
    physmem.boot(Fixed)
    try:
        before = heap()
        owner = physmem.allocate_frames_at(addr, 2)
        by_bytes = physmem.allocate_frames_by_bytes_at(later, 4096)
        try:
            physmem.allocate_frames_at(addr, 1)
        except physmem.PhysMemError as error:
            codes[0] = error.code
        try:
            physmem.allocate_frames_at(addr, 62)
        except physmem.PhysMemError as error:
            codes[1] = error.code
        if LOCKS:
            try:
                physmem.allocate_frames_at(unknown, 1, unknown=True)
            except physmem.PhysMemError as error:
                codes[2] = error.code
        place[0] = owner.first
        place[1] = owner.count
        owner.free()
        pair = physmem.allocate_frames_deferred(3, addr)
        after = heap()
    finally:
        finish(physmem)
    assert before == after
    assert (place, by_bytes.first, by_bytes.count, by_bytes.nbytes) == ([3, 2], 8, 2, 4097)
    assert (pair[0].addr, pair[0].count) == (addr, 3)
    assert codes[0] == "AddressNotFree" and codes[1] == "AddressOutOfRange"
    assert codes[2] == "NotPermitted" or not LOCKS  # a region for unknown addresses needs heap
    assert physmem.region("memory").used_frames == 5 and physmem.check() == []


def test_at_addresses_in_the_early_phase():
    """Addresses that are small integers on every board need no heap."""
    at_addresses(0x20100000)


def test_at_high_addresses_in_the_early_phase():
    """Addresses that are big integers on boards, like those of MPS2_AN500's PSRAM.

    Arithmetic on them takes heap, so the way from an address to a frame must do without it.
    """
    at_addresses(0x60000000)


def plan_with(spare_owners):
    """Return a memory plan with that number of spare owners."""

    class Plan(Board):
        SPARE_OWNERS = spare_owners

    return Plan


def test_the_plan_s_number_of_spare_owners():
    """So many owners of the early phase, and not one more."""
    for wanted in (1, 8, 33):
        owners = [None] * 40
        made = 0
        physmem = fresh_physmem()
        physmem.boot(plan_with(wanted))
        try:
            try:
                while LOCKS or made < wanted:
                    owners[made] = physmem.allocate_frames(1, region="sram")
                    made += 1
            except MemoryError:
                pass
            free = physmem.region("sram").free_frames
        finally:
            finish(physmem)
        assert made == wanted and free == 64 - wanted
        assert physmem.check() == []


def test_a_number_of_spare_owners_that_cannot_be():
    """An error that names the constant, and no system."""
    for wrong, error, code in (
        (0, None, "InvalidArgument"),
        (-1, None, "InvalidArgument"),
        ("8", TypeError, None),
        (2.0, TypeError, None),
        (None, TypeError, None),
    ):
        physmem = fresh_physmem()
        raised = raises(error or physmem.PhysMemError, physmem.boot, plan_with(wrong), code=code)
        assert "SPARE_OWNERS" in str(raised)
        assert physmem.regions() == [] and len(bytearray(100)) == 100
        physmem.boot(plan_with(1))
        finish(physmem)


def test_what_boot_leaves_loaded():
    """The modules that only make regions are dropped again, so they take no heap; what needs them loads them."""
    physmem = booted()
    finish(physmem)
    seldom = [
        name for name in sys.modules if name in ("physmem_setup", "physmem_upkeep", "physmem_plan", "physmem_board")
    ]
    assert not seldom or not LOCKS
    frames = physmem.allocate_frames(3, region="sram")
    assert physmem.region("sram").check() == [] and physmem.region("sram").recover() == 0
    assert physmem.add_region("more", 0x70000000, 4 * FRAME, FRAME).frames == 4
    physmem.remove_region("more")
    frames.free()
    assert physmem.check() == []


def test_occupied_memory_without_heap():
    """Nobody gets it, and the error says so, also before anything has looked at it. Its region needs heap."""
    codes = [None, None]
    physmem = booted()
    try:
        try:
            physmem.allocate_frames_at(0x3000, 1)
        except physmem.PhysMemError as error:
            codes[0] = error.code
        try:
            physmem.region("stack")
        except physmem.PhysMemError as error:
            codes[1] = error.code
    finally:
        finish(physmem)
    assert codes[0] == "AddressNotFree"
    assert codes[1] == ("NotPermitted" if LOCKS else None)
    stack = physmem.region("stack")
    assert (stack.base, stack.end, stack.used_frames) == (0x3000, 0x4000, 1)
    assert physmem.regions()[0].name == "firmware" and physmem.region("stack") is stack
    raises(physmem.PhysMemError, physmem.allocate_frames_at, 0x3000, 1, code="AddressNotFree")
    assert physmem.stats()["firmware"]["free"] == 0 and physmem.check() == []


def test_the_edges_of_occupied_memory_without_heap():
    """Its first and its last byte are occupied, those beside it are not, where addresses are large and small; also if
    the plan's entries are not what becomes of them, because they overlap, or have more in them than they should."""
    first, between = ("io", 0xE0000000, 2 * 4096, "DMA"), ("low", 0x3FFFE000, 4096)
    plans = (
        (first, between),
        (first, between, ("low again", 0x3FFFE000, 4096)),
        (first + ("of", "six"), between + ("", "", "")),
    )
    expected = (
        (0xDFFFFFFF, "AddressOutOfRange"),
        (0xE0000000, "AddressNotFree"),
        (0xE0001FFF, "AddressNotFree"),
        (0xE0002000, "AddressOutOfRange"),
        (0x3FFFDFFF, "AddressOutOfRange"),
        (0x3FFFE000, "AddressNotFree"),
        (0x3FFFEFFF, "AddressNotFree"),
        (0x3FFFF000, "AddressOutOfRange"),
    )
    for occupied in plans:
        plan = type("Plan", (Board,), {"OCCUPIED": occupied})
        physmem = fresh_physmem()
        codes = [None] * len(expected)
        i = 0
        physmem.boot(plan)
        try:
            for addr, _ in expected:
                try:
                    physmem.allocate_frames_at(addr, 1)
                except physmem.PhysMemError as error:
                    codes[i] = error.code
                i += 1
        finally:
            finish(physmem)
        assert codes == [code for _, code in expected], occupied
        found = physmem.regions()
        assert [region.name for region in found if region.used_frames == region.frames] == ["low", "io"]
        low, io = physmem.region("low"), physmem.region("io")
        assert (low.base, low.end, low.attrs) == (0x3FFFE000, 0x3FFFF000, physmem.RESERVED)
        assert (io.base, io.end, io.attrs) == (0xE0000000, 0xE0002000, physmem.RESERVED | physmem.DMA)
        for addr, code in expected:
            raises(physmem.PhysMemError, physmem.allocate_frames_at, addr, 1, code=code)


def test_boot_complete_any_number_of_times():
    """The second call and all later ones do nothing. None unlocks a heap that another caller has locked."""
    physmem = booted()
    frames = physmem.allocate_frames(1)
    finish(physmem)
    before = of_system(physmem)
    early = physmem.early_heap()
    physmem.boot_complete()
    physmem.boot_complete()
    assert of_system(physmem) == before and physmem.early_heap() == early
    if LOCKS:
        locked = False
        micropython.heap_lock()
        try:
            physmem.boot_complete()
            try:
                bytearray(100)
            except MemoryError:
                locked = True
        finally:
            micropython.heap_unlock()
        assert locked
    assert frames.free() == 1


def test_boot_is_for_once():
    """A second boot is refused in the early phase, after it, and after init(). It locks nothing."""
    physmem = booted()
    code = None
    try:
        physmem.boot(Board)
    except physmem.PhysMemError as error:
        code = error.code
    finally:
        finish(physmem)
    assert code == "NotPermitted"
    error = raises(physmem.PhysMemError, physmem.boot, Board, code="NotPermitted")
    assert "4" in str(error)  # the number of regions
    finish(physmem)
    physmem = fresh_physmem()
    physmem.init([(0x20100000, FRAME * 64)])
    raises(physmem.PhysMemError, physmem.boot, Board, code="NotPermitted")
    finish(physmem)


def test_without_an_early_phase():
    """After init() there is nothing to end: boot_complete() only marks the system as booted."""
    physmem = fresh_physmem()
    raises(physmem.PhysMemError, physmem.boot_complete, code="NotInitialized")
    assert not physmem.booted
    physmem.init([(0x20100000, 16 * 4096)])
    assert not physmem.booted
    finish(physmem)
    assert physmem.allocate_frames(1).addr == 0x20100000


def test_after_a_boot_that_failed():
    """A wrong memory plan is an error before anything is locked. A right one boots afterwards."""

    class Wrong:
        REGIONS = Board.REGIONS + (("bad", 0x20100000, 4096, 48, ""),)
        OCCUPIED = ()

    physmem = fresh_physmem()
    raises(physmem.PhysMemError, physmem.boot, Wrong, code="InvalidArgument")
    assert len(bytearray(100)) == 100
    assert physmem.regions() == [] and not physmem.booted
    physmem.boot(Board)
    finish(physmem)
    assert physmem.allocate_frames(1).count == 1


class SpinLocked(Board):
    """A plan with a spin lock in memory that nobody else writes to, so that it always reads as free once it was freed.

    The functions of hosts take no lock, and have addresses that do not fit the lock word: there a number stands for it.
    """

    register = array("I", [0])
    SPIN_LOCK = addressof(register) if sys.maxsize < 1 << 32 else 0x40000000


def lock_word(physmem):
    """Return the lock word of a new SHARED region."""
    region = physmem.Region("shared", 0x20300000, 4096, attrs=physmem.SHARED)
    return region._state[state_module().STATE_LOCK]


def test_the_spin_lock_of_a_board():
    """Regions have the spin lock of the plan that boot() is given, which is free from then on. With another plan they
    have none, and a plan that is refused leaves none behind."""

    class Refused(SpinLocked):
        REGIONS = Board.REGIONS + (("bad", 0x20100000, 4096, 48, ""),)

    physmem = fresh_physmem()
    freed = []
    if SpinLocked.SPIN_LOCK == 0x40000000:
        sys.modules["physmem_engine"].free_spin_lock = freed.append
    else:
        SpinLocked.register[0] = 0  # somebody has it
    raises(physmem.PhysMemError, physmem.boot, Refused, code="InvalidArgument")
    assert state_module().spin_lock() == 0 and not state_module().has_spin_lock()
    SpinLocked.register[0] = 0
    physmem.boot(SpinLocked)
    finish(physmem)
    assert freed == [0x40000000] * 2 or SpinLocked.register[0] != 0
    assert lock_word(physmem) == SpinLocked.SPIN_LOCK | 1 and state_module().has_spin_lock()
    assert physmem.allocate_frames_deferred(1)[0].free() == 1
    physmem = fresh_physmem()
    physmem.boot(Board)
    finish(physmem)
    if not HAS_TWO_CORES:
        assert lock_word(physmem) == 1


def test_the_spin_lock_of_init():
    """init() takes a spin lock too. A call that fails leaves the one that there was; 0 does as well."""
    physmem = fresh_physmem()
    state = state_module()
    if SpinLocked.SPIN_LOCK == 0x40000000:
        sys.modules["physmem_engine"].free_spin_lock = lambda register: None
    before = state.spin_lock()
    entry = ("sram", 0x20100000, 4096, 4096, "SHARED")
    wrong = ("bad", 0x20200000, 4096, 48)
    raises(physmem.PhysMemError, physmem.init, [entry, wrong], spin_lock=SpinLocked.SPIN_LOCK, code="InvalidArgument")
    assert state.spin_lock() == before
    for register in (-4, 2, SpinLocked.SPIN_LOCK + 1):
        error = raises(physmem.PhysMemError, physmem.init, [entry], spin_lock=register, code="UnalignedAddress")
        assert "spin_lock" in str(error)
    for register in (None, "1", 1.5):
        error = raises(TypeError, physmem.init, [entry], spin_lock=register)
        assert "spin_lock" in str(error)
    physmem.init([entry], spin_lock=SpinLocked.SPIN_LOCK)
    assert physmem.region("sram")._state[state_module().STATE_LOCK] == SpinLocked.SPIN_LOCK | 1
    physmem = fresh_physmem()
    before = state_module().spin_lock()
    physmem.init([("sram", 0x20100000, 4096)])
    assert state_module().spin_lock() == before


def test_shared_without_a_spin_lock():
    """On a chip with two cores SHARED regions are refused, with a sentence that names the remedy; elsewhere not."""

    class Unlocked(Board):
        REGIONS = Board.REGIONS + (("shared", 0x20300000, 4096, 4096, "DMA SHARED"),)

    physmem = fresh_physmem()
    state_module().use_spin_lock(0)
    entry = ("shared", 0x20300000, 4096, 4096, physmem.SHARED)
    for call, arguments in (
        (physmem.Region, entry),
        (physmem.init, ([entry],)),
        (physmem.boot, (Unlocked,)),
    ):
        if HAS_TWO_CORES:
            error = raises(physmem.PhysMemError, call, *arguments, code="InvalidArgument")
            for text in ("shared", "two cores", "SPIN_LOCK", "init(spin_lock=...)"):
                assert text in str(error), error
            assert physmem.regions() == []
        elif call is physmem.Region:
            assert call(*arguments).alloc(1) == 0
    if HAS_TWO_CORES:
        physmem.init([("plain", 0x20300000, 4096)])
        raises(physmem.PhysMemError, physmem.add_region, "x", 0x20400000, 4096, 4096, "SHARED", code="InvalidArgument")


def test_occupied_memory_that_is_empty_or_in_pieces():
    """OCCUPIED ranges may be empty, overlap, or cover a region: their memory is in use, the rest is handed out."""

    class Pieces:
        REGIONS = (("sram", 0x20100000, 16 * FRAME, FRAME, "DMA"), ("lost", 0x20200000, 4096, 4096, ""))
        OCCUPIED = (
            ("nothing", 0x20100000, 0),
            ("vectors", 0, 4096),
            ("code", 2048, 8192),
            ("all of it", 0x20200000, 4096),
        )

    physmem = fresh_physmem()
    physmem.boot(Pieces)
    finish(physmem)
    assert physmem.region("sram").free_frames == 16
    assert physmem.stats()[None]["free"] == 16
    for addr in (0, 4096, 10239, 0x20200000):
        raises(physmem.PhysMemError, physmem.allocate_frames_at, addr, 1, code="AddressNotFree")
    assert physmem.check() == []


def test_the_metadata_lies_outside_of_the_memory_it_describes():
    """The words of each region's state are not in memory that is handed out."""
    for region in machine.regions():
        begin, end = region.address, region.address + 4 * len(region._state)
        for other in machine.regions():
            if "firmware" not in other.name and "micropython" not in other.name:
                assert end <= other.base or other.end <= begin, "state of %s in %s" % (region.name, other.name)


def test_addresses_of_the_boards_plan_need_no_heap():
    """Below 0x40000000 an address is a small integer, even though a frozen plan has its bases as large ones."""
    physmem = fresh_physmem()
    physmem.boot()
    physmem.boot_complete()
    for region in [found for found in physmem.regions() if found.end <= 0x40000000]:
        addr, last = region.addr, region.frames - 1
        micropython.heap_lock()
        try:
            found = addr(last)
        finally:
            micropython.heap_unlock()
        assert found == region.end - region.frame_size
