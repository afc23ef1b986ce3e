"""scope(): what is allocated in it is freed at its end, all of it or nothing, whatever happens in the block."""

import gc
import sys

import micropython
from debug_system import FailingWrapper
from kept_memory import FRAME as KEPT_FRAME
from kept_memory import one_region, used
from scheduled import run_scheduled
from snapshot import of_region
from support import InHandler, fresh_physmem, raises, scaled

NEEDS = ("calls without heap", "asyncio.run")
FRAME = 64
SRAM = 0x20100000
FRAMES = 64
MICROPYTHON = sys.implementation.name == "micropython"

try:
    import asyncio
except ImportError:
    asyncio = None
try:
    import _thread
except ImportError:
    _thread = None


def system(frames=FRAMES, attrs="DMA SHARED"):
    """Return a fresh physmem with one region whose memory is not touched, and the region."""
    physmem = fresh_physmem()
    physmem.init([("ram", SRAM, frames * FRAME, FRAME, attrs)])
    physmem.boot_complete()
    return physmem, physmem.region("ram")


def every_call(physmem):
    """Return the calls that allocate by object: each returns owners of 2 frames in all."""
    picked = []

    def pick(region, first, count):
        picked.append(first)
        return first, 2

    def end():
        return SRAM + (FRAMES - 2) * FRAME

    return (
        lambda: [physmem.allocate_frames(2)],
        lambda: [physmem.allocate_frames(2, owner="me", align=2 * FRAME)],
        lambda: [physmem.allocate_frames_by_bytes(FRAME + 1)],
        lambda: [physmem.allocate_frames_at(end(), 2)],
        lambda: [physmem.allocate_frames_by_bytes_at(end() + 3, FRAME)],
        lambda: [physmem.allocate_frames_deferred(2)[0]],
        lambda: [physmem.allocate_frames_by_bytes_deferred(2 * FRAME)[0]],
        lambda: [physmem.allocate_frames_deferred(2, end())[0]],
        lambda: [physmem.allocate_frames_by_bytes_deferred(2 * FRAME, end())[0]],
        lambda: [physmem.dma_ring(2 * FRAME)],
        lambda: physmem.allocate_scattered(2),
        lambda: [physmem.inspect_then_allocate(pick)],
    )


def test_every_allocating_call():
    """Freed at the end, and kept with keep(frames) and keep()."""
    physmem, region = system()
    for call in every_call(physmem):
        with physmem.scope() as scope:
            owners = call()
            assert region.used_frames == 2
        assert region.used_frames == 0 and not [frames for frames in owners if frames]
        with physmem.scope() as scope:
            owners = call()
            for frames in owners:
                scope.keep(frames)
        assert region.used_frames == 2 and sum([frames.free() for frames in owners]) == 2
        with physmem.scope() as scope:
            owners = call()
            scope.keep()
        assert region.used_frames == 2 and sum([frames.free() for frames in owners]) == 2
    assert physmem.check() == []


def test_after_an_exception():
    """All is freed, also what the block has names for, and the exception goes on."""
    physmem, region = system()
    held = []
    for kind in (KeyError, MemoryError, ValueError, KeyboardInterrupt, SystemExit):
        try:
            with physmem.scope() as scope:
                held.append(physmem.allocate_frames(3))
                held.append(physmem.allocate_frames(3))
                scope.keep(held[-1])
                raise kind("of the block")
        except kind as error:
            assert "of the block" in str(error)
        assert region.used_frames == 3 and held.pop().free() == 3
        assert held.pop().state == physmem.FREED


def test_a_list_that_is_not_completed():
    """The comprehension that a MemoryError ends has no name for its list: all frames come back."""
    physmem, region = system()
    for _ in range(3):
        bufs = None
        try:
            with physmem.scope() as scope:
                bufs = [physmem.allocate_frames_by_bytes(3 * FRAME - 1) for _ in range(400)]
                scope.keep()
        except MemoryError as error:
            assert "191 bytes" in str(error) and "64 bytes free" in str(error)
        assert bufs is None and region.used_frames == 0
    assert region.peak_used == 63
    with physmem.scope() as scope:
        bufs = [physmem.allocate_frames_by_bytes(3 * FRAME - 1) for _ in range(21)]
        scope.keep()
    assert region.used_frames == 63 and len(bufs) == 21
    assert sum([frames.free() for frames in bufs]) == 63


def test_a_class_whose_init_raises():
    physmem, region = system()

    class Driver:
        def __init__(self, works):
            with physmem.scope() as scope:
                self.ring = physmem.dma_ring(4 * FRAME)
                self.buffer = physmem.allocate_frames(5)
                if not works:
                    raise OSError("no such device")
                scope.keep()

    raises(OSError, Driver, False)
    assert region.used_frames == 0
    driver = Driver(True)
    assert region.used_frames == 9
    driver.ring.free()
    driver.buffer.free()


def test_what_was_freed_in_the_block():
    """It is not freed again, even if its frames were allocated by others since."""
    physmem, region = system()
    before = physmem.allocate_frames(1)
    with physmem.scope() as scope:
        frames = physmem.allocate_frames(2)
        frames.free()
        again = physmem.allocate_frames(2)
        assert again.first == 1
        scope.keep(again)
        before.free()
    assert region.used_frames == 2 and again.free() == 2


def test_parts_and_merged_frames():
    """Parts of a split go with what was split; frames merged into others go with those."""
    physmem, region = system()
    outside = physmem.allocate_frames(6)
    with physmem.scope() as scope:
        inside = physmem.allocate_frames(6)
        one, other = inside.split_at(2)
        two, three, four = other.split_range(1, 2)
        scope.keep(three)
        left, right = outside.split_at(3)  # of no scope, so are its parts
    assert not one and not two and not four and three.count == 2 and left and right
    assert region.used_frames == 2 + 6
    three.free()
    with physmem.scope() as scope:
        inside = physmem.allocate_frames_at(SRAM + 6 * FRAME, 2)
        right.merge(inside)  # goes with `right`, which is of no scope
    assert right.count == 5 and region.used_frames == 8
    with physmem.scope() as scope:
        inside = physmem.allocate_frames_at(SRAM + 8 * FRAME, 2)
        inside.merge(right)  # goes with `inside`, which is of this scope
    assert not right and not inside and region.used_frames == 3
    with physmem.scope() as scope:
        nothing, rest = physmem.allocate_frames(4).split_at(0)
        resized = physmem.allocate_frames(2).resize(7)
    assert not nothing and not rest and not resized
    assert left.free() == 3 and region.used_frames == 0 and physmem.check() == []


def test_nesting():
    """What an inner scope keeps belongs to the one around it, which frees it unless it keeps it too."""
    physmem, region = system()
    with physmem.scope() as outer:
        first = physmem.allocate_frames(1)
        with physmem.scope() as inner:
            second = physmem.allocate_frames(2)
            third = physmem.allocate_frames(4)
            raises(physmem.PhysMemError, inner.keep, first, code="InvalidArgument")
            raises(physmem.PhysMemError, outer.keep, second, code="InvalidArgument")
            inner.keep(second)
            outer.keep(second)
            with physmem.scope() as innermost:
                fourth = physmem.allocate_frames(8)
                innermost.keep()
        assert region.used_frames == 1 + 2 and not third and not fourth
        with physmem.scope() as inner:
            fifth = physmem.allocate_frames(16)
            inner.keep()
        assert region.used_frames == 1 + 2 + 16
        sixth = physmem.allocate_frames(1)
        outer.keep(sixth)
    assert not first and not fifth and second.count == 2 and sixth.count == 1
    assert region.used_frames == 3
    second.free()
    sixth.free()


def test_keep():
    """What may be kept, how often, and what refusals say."""
    physmem, region = system()
    before = physmem.allocate_frames(1)
    with physmem.scope() as scope:
        frames = physmem.allocate_frames(1)
        scope.keep(frames)
        raises(physmem.PhysMemError, scope.keep, frames, code="InvalidArgument")  # it is of no scope any more
        raises(physmem.PhysMemError, scope.keep, before, code="InvalidArgument")
        freed = physmem.allocate_frames(1)
        freed.free()
        raises(physmem.PhysMemError, scope.keep, freed, code="NotAllocated")
        for wrong in (3, "frames", [frames], region, scope):
            assert "AllocatedFrames" in str(raises(TypeError, scope.keep, wrong))
        scope.keep()
        later = physmem.allocate_frames(1)  # after keep(): freed
    assert not later and region.used_frames == 2
    for wanted in (None, frames):
        raises(physmem.PhysMemError, scope.keep, wanted, code="NotPermitted")
    raises(physmem.PhysMemError, physmem.scope().keep, code="NotPermitted")  # not open yet


def test_a_scope_is_opened_once_at_a_time():
    physmem, region = system()
    scope = physmem.scope()
    with scope:
        raises(physmem.PhysMemError, scope.__enter__, code="NotPermitted")
        first = physmem.allocate_frames(1)
    assert not first
    with scope:
        second = physmem.allocate_frames(1)
        scope.keep(second)
    assert second and region.used_frames == 1


def test_mapped_frames():
    """They stay, with and without an exception; without one the scope says so. All others are freed."""
    physmem, region = system()
    held = []

    def block(error):
        with physmem.scope():
            physmem.allocate_frames(3)
            held.append(physmem.allocate_frames(2).map())
            physmem.allocate_frames(4)
            if error:
                raise error

    text = str(raises(physmem.PhysMemError, block, None, code="NotPermitted"))
    assert "1" in text and region.used_frames == 2
    raises(KeyError, block, KeyError("of the block"))
    assert region.used_frames == 4
    for frames in held:
        assert frames.state == physmem.MAPPED
        assert frames.unmap().free() == 2
    with physmem.scope() as scope:
        frames = physmem.allocate_frames(2).map()
        scope.keep(frames)
    assert frames.unmap().free() == 2
    with physmem.scope():
        physmem.allocate_frames(2).map().unmap()
    assert region.used_frames == 0


def test_retained_frames():
    """A name outlives the scope in which it was retained, as it outlives a reset."""
    machine = one_region()
    physmem = machine.reset()
    with physmem.scope() as scope:
        log = physmem.retain("log", 100)
        plain = physmem.allocate_frames(2)
        raises(physmem.PhysMemError, scope.keep, log, code="InvalidArgument")
        physmem.retain("released", 100)
        physmem.release("released")
    assert log.name == "log" and not plain and used(physmem) == 1
    physmem = machine.reset()
    with physmem.scope():
        log = physmem.retain("log", 100)
    assert log and used(physmem) == 1 and log.nbytes == 100 and log.capacity == KEPT_FRAME
    assert log.free() == 1 and physmem.check() == []


def test_a_mistake_inside_does_not_keep_the_rest():
    """Frames freed raw behind their owner's back: the others are freed, then the scope or the block raises."""
    for error in (None, KeyError("of the block")):
        physmem, region = system()
        owners = []

        def block():
            with physmem.scope():  # noqa: B023
                for _ in range(5):
                    owners.append(physmem.allocate_frames(2))  # noqa: B023
                region.free(owners[1].first)  # noqa: B023
                if error:  # noqa: B023
                    raise error  # noqa: B023

        if error:
            raises(KeyError, block)
        else:
            raises(physmem.PhysMemError, block, code="InternalCorruption")
        assert region.used_frames == 0 and physmem.check() == []
        frames = physmem.allocate_frames(64)
        assert frames.count == 64


def test_many_allocations_do_not_fill_the_heap():
    """A loop that allocates and frees in a scope needs no more heap after many rounds than after 100."""
    physmem, region = system()
    counts = []
    with physmem.scope() as scope:
        kept = physmem.allocate_frames(1)
        for rounds in (100, scaled(20000, 5000, 1500)):
            for _ in range(rounds):
                physmem.allocate_frames(1).free()
            if MICROPYTHON:
                gc.collect()
                counts.append(gc.mem_alloc())
            assert len(scope._frames) <= 32
        held = [physmem.allocate_frames(1) for _ in range(40)]
        for _ in range(200):
            held.pop(0).free()
            held.append(physmem.allocate_frames(1))
        assert len(scope._frames) <= 2 * 41 + 32
        held = None
    assert not counts or counts[1] <= counts[0] + 1024
    assert not kept and region.used_frames == 0


def test_what_a_scope_does_not_see():
    """Raw calls, and what a handler allocates meanwhile."""
    physmem, region = system()
    with physmem.scope() as scope:
        assert region.alloc(3) == 0
        with InHandler():
            in_handler = physmem.allocate_frames(2)
        raises(physmem.PhysMemError, scope.keep, in_handler, code="InvalidArgument")
    assert region.used_frames == 5 and in_handler.free() == 2 and region.free(0) == 3


def test_allocations_cost_no_scope_when_there_is_none():
    """After the last scope has ended, frames are nobody's business again."""
    physmem, _ = system()
    allocate = sys.modules["physmem_allocate"]
    assert allocate._note_frames is None
    with physmem.scope():
        with physmem.scope():
            assert allocate._note_frames is not None
        assert allocate._note_frames is not None
    assert allocate._note_frames is None and sys.modules["physmem_scope"]._scopes == ()
    frames = physmem.allocate_frames(1)
    assert frames.free() == 1


def test_the_end_without_heap():
    """A scope that ends with the heap locked frees all, and the next one works."""
    physmem, region = system()
    scope = physmem.scope()
    scope.__enter__()
    frames = physmem.allocate_frames(3)
    others = [physmem.allocate_frames(2) for _ in range(20)]
    micropython.heap_lock()
    try:
        scope.__exit__(None, None, None)
    finally:
        micropython.heap_unlock()
    assert region.used_frames == 0 and not frames and not others[-1]
    outside = physmem.allocate_frames(1)
    raises(physmem.PhysMemError, scope.keep, outside, code="NotPermitted")
    with physmem.scope():
        inside = physmem.allocate_frames(1)
    assert outside and not inside and sys.modules["physmem_scope"]._scopes == ()


def test_without_heap_inside():
    """Allocating and splitting in a scope without heap: granted and freed later, or NotPermitted."""
    physmem, region = system()
    outcome = [None] * 4
    with physmem.scope() as scope:
        whole = physmem.allocate_frames(8)
        before = of_region(region)
        for i, call in enumerate(
            (
                lambda: physmem.allocate_frames(1),
                lambda: physmem.allocate_frames_deferred(1),
                lambda: whole.split_at(3),
                lambda: scope.keep(),
            )
        ):
            micropython.heap_lock()
            try:
                call()
            except physmem.PhysMemError as error:
                outcome[i] = error.code
            finally:
                micropython.heap_unlock()
            if outcome[i] and whole:
                assert whole.count == 8 and of_region(region)[:5] == before[:5]
                assert region.used_frames == 8 and physmem.check() == []
    if MICROPYTHON:
        assert outcome[2] in (None, "NotPermitted")  # there may be room for the parts
        outcome.pop(2)
        assert outcome == ["NotPermitted"] * 3
        assert region.used_frames == 0
    assert physmem.check() == []


def test_a_wrapper_that_fails_leaves_nothing_open():
    """A scope that cannot start is not open."""
    physmem, region = system()
    scope = physmem.scope()
    module = sys.modules["physmem_scope"]
    listed = module._list
    failing = FailingWrapper()
    failing.fails = True
    module._list = lambda new: failing(None, None, new)
    raises(physmem.PhysMemError, scope.__enter__, code="NotPermitted")
    module._list = listed
    frames = physmem.allocate_frames(1)
    assert scope.context is None and module._scopes == ()
    with scope:
        inside = physmem.allocate_frames(1)
    assert frames and not inside


def test_in_a_generator():
    """A scope in a generator that is closed, or runs out, frees; one that is dropped stays open until it is closed."""
    physmem, region = system()

    def buffers(n):
        with physmem.scope():
            frames = physmem.allocate_frames(n)
            for i in range(3):
                yield i, frames

    for i, frames in buffers(2):
        assert frames.count == 2 and i < 3
    assert region.used_frames == 0
    generator = buffers(4)
    assert next(generator)[1].count == 4
    generator.close()
    assert region.used_frames == 0
    outside = physmem.allocate_frames(1)
    assert outside.free() == 1


def test_ends_in_another_order():
    """Two generators whose scopes end in the order in which they started: each frees its own."""
    physmem, region = system()

    def buffers(n):
        with physmem.scope() as scope:
            frames = physmem.allocate_frames(n)
            yield frames
            scope.keep(frames)

    one, other = buffers(1), buffers(2)
    first, second = next(one), next(other)
    assert next(one, None) is None
    assert first and second and region.used_frames == 3
    third = physmem.allocate_frames(4)  # in the scope of the other
    assert next(other, None) is None
    assert not third and first and second
    assert sum([frames.free() for frames in (first, second)]) == 3
    assert sys.modules["physmem_scope"]._scopes == ()


def test_a_scheduled_function_with_a_scope():
    """It runs in the middle of the program's scope, any number of times, and waits for nothing."""
    physmem, region = system()
    rounds = []

    def scheduled(_):
        with physmem.scope() as scope:
            frames = physmem.allocate_frames(1)
            scope.keep(frames)
        frames.free()
        rounds.append(None)

    run_scheduled()  # what another test has left
    for _ in range(scaled(200, 100, 30)):
        micropython.schedule(scheduled, None)
        with physmem.scope():
            frames = physmem.allocate_frames(2)
        run_scheduled()
        assert not frames and region.used_frames == 0
    assert len(rounds) == scaled(200, 100, 30)


def test_async_with():
    """`async with`, as `with`."""
    physmem, region = system()

    async def use():
        async with physmem.scope() as scope:
            kept = physmem.allocate_frames(2)
            scope.keep(kept)
            other = physmem.allocate_frames(3)
        return kept, other

    if asyncio:
        kept, other = asyncio.run(use())
    else:
        try:
            use().send(None)
        except StopIteration as end:
            kept, other = end.value
    assert kept.free() == 2 and not other and region.used_frames == 0


def test_two_tasks():
    """Each task's scope frees what that task allocated, however they take turns."""
    if not asyncio:
        return
    physmem, region = system()
    log = []

    async def task(name, n, pauses):
        async with physmem.scope() as scope:
            frames = [None] * 3
            for i in range(3):
                frames[i] = physmem.allocate_frames(n)
                for _ in range(pauses):
                    await asyncio.sleep(0)
            scope.keep(frames[0])
            log.append(name)
        assert [bool(owner) for owner in frames] == [True, False, False]
        return frames[0]

    async def main():
        async with physmem.scope():
            mine = physmem.allocate_frames(1)
            kept = await asyncio.gather(task("slow", 2, 3), task("quick", 4, 1))
        assert not mine
        return kept

    kept = asyncio.run(main())
    assert log == ["quick", "slow"]
    assert region.used_frames == 6
    assert [frames.free() for frames in kept] == [2, 4]


def test_two_cores():
    """Each core's scope frees what that core allocated.

    On ports/rp2: physmem has no lock for the threads of other ports.
    """
    if sys.platform != "rp2":
        return
    import time

    import physmem_board

    physmem = fresh_physmem()
    physmem.init([("ram", SRAM, 256 * FRAME, FRAME, "DMA SHARED")], spin_lock=physmem_board.SPIN_LOCK)
    physmem.boot_complete()
    region = physmem.region("ram")
    ended = bytearray(2)
    wrong = []

    def work(core, n):
        try:
            for _ in range(scaled(100, 100, 40)):
                with physmem.scope() as scope:
                    kept = physmem.allocate_frames(n)
                    other = physmem.allocate_frames(n)
                    scope.keep(kept)
                if other or kept.count != n or kept.free() != n:
                    wrong.append(n)
        except Exception as error:
            wrong.append(error)
        ended[core] = 1

    gc.collect()
    gc.disable()  # a collection does not see what the other core has in its registers
    try:
        with physmem.scope():
            mine = physmem.allocate_frames(7)
            _thread.start_new_thread(work, (1, 2))
            work(0, 3)
            while not ended[1]:
                pass
            assert mine.count == 7
        time.sleep(0.01)  # for the thread to end
    finally:
        gc.enable()
    assert wrong == [] and not mine and region.used_frames == 0, (wrong, mine, region.used_frames)
    assert sys.modules["physmem_scope"]._scopes == () and physmem.check() == []
