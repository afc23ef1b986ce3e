"""The modules that keep names: they are loaded with the first, and leave where nothing is kept."""

import gc
import sys

import micropython
from kept_memory import FRAME, RECORD, one_region, used
from support import IS_BOARD, raises, scaled

LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"

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
    taken = [None] * max(3000, gc.mem_free() // 1024)
    for call in (lambda p, frames: p.retain("a", 1), lambda p, frames: frames.map()):
        physmem = machine.reset()
        frames = physmem.allocate_frames(1)
        gc.collect()
        n = 0
        for size in (4096, 256, 64, 16)[: scaled(4, 3, 2) if IS_BOARD else 4]:
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
                # One after the other on a board. A host has a larger heap, all of which is collected at each try.
                left = n - (1 if IS_BOARD else 32)
                while n > left:
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
