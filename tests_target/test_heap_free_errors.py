"""Every error of the calls by object without heap: PhysMemError with its code, MemoryError or TypeError of the library.

Never MicroPython's own "memory allocation failed, heap is locked". On CPython, whose heap cannot be locked, the same
table runs with heap: there what needs heap works.
"""

import sys

import micropython
from kept_memory import FRAME as KEPT
from kept_memory import KeptMachine
from owner_calls import every_method
from snapshot import of_system
from support import IS_BOARD, InHandler, fresh_physmem, spare_owners

MICROPYTHON = sys.implementation.name == "micropython"
NEEDS = ("calls without heap",)
FRAME = 4096
SRAM = 0x20100000
HIGH = 0xC0000000  # no small integer
HIGH_FRAMES = 48
REGISTERS = 0x40000000
UNKNOWN = 0x70000000
WIDE, WIDER = 1 << 32, 1 << 70
WIDE_AND_1, MINUS_WIDER, GIB = WIDE + 1, -WIDER, 1 << 30  # made before the heap is locked
HIGH_AND_1, HIGH_AND_8 = HIGH + 1, HIGH + 8 * FRAME
NEEDS_HEAP = "NotPermitted"


class Locked:
    """Calls with the heap locked; `expect` checks what came out."""

    def __init__(self, physmem):
        self.physmem = physmem
        self.calls = 0

    def expect(self, wanted, call, *names):
        """Check that the call raises `wanted`: a code, MemoryError or TypeError; or returns, if it is None. It changes
        nothing unless it returns."""
        self.calls += 1
        before = of_system(self.physmem)
        found = text = None
        micropython.heap_lock()
        try:
            call()
        except Exception as error:
            found = error
        finally:
            micropython.heap_unlock()
        if found is not None:
            text = str(found)
            # MicroPython's own MemoryError says nothing if it was made without heap.
            assert text and "heap is locked" not in text and "allocating" not in text, (self.calls, names, repr(found))
        outcome = getattr(found, "code", None) or (type(found) if found is not None else None)
        allowed = wanted if isinstance(wanted, (tuple, list)) else (wanted,)
        assert outcome in allowed, (self.calls, names, outcome, text, allowed)
        if found is not None:
            assert of_system(self.physmem) == before, (self.calls, names, text)


def picks_nothing(region, first, count):
    """A chooser."""


def system():
    physmem = fresh_physmem()
    physmem.init(
        [
            ("sram", SRAM, 16 * FRAME, FRAME, "DMA FAST SHARED"),
            ("high", HIGH, HIGH_FRAMES * FRAME, FRAME, "EXTERNAL"),
        ],
        [("registers", REGISTERS, 4 * FRAME)],
    )
    physmem.boot_complete()
    return physmem


def test_sizes():
    physmem = system()
    locked = Locked(physmem)
    p = physmem
    for value, code in ((0, "ZeroAllocation"), (-1, "InvalidArgument"), (-WIDER, "InvalidArgument")):
        locked.expect(code, lambda: p.allocate_frames(value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_by_bytes(value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_deferred(value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_by_bytes_deferred(value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_at(SRAM, value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_by_bytes_at(SRAM, value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_deferred(value, SRAM))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_by_bytes_deferred(value, SRAM))  # noqa: B023
        locked.expect(code, lambda: p.dma_ring(value))  # noqa: B023
        locked.expect((code, NEEDS_HEAP), lambda: p.allocate_scattered(value))  # noqa: B023
    for value in (None, "3", 1.5, [], physmem):
        locked.expect(TypeError, lambda: p.allocate_frames(value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames_by_bytes(value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames_deferred(value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames_at(SRAM, value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames_by_bytes_at(SRAM, value))  # noqa: B023
        locked.expect(TypeError, lambda: p.dma_ring(value))  # noqa: B023
        locked.expect((TypeError, NEEDS_HEAP), lambda: p.allocate_scattered(value))  # noqa: B023
    for value in (1 << 29, (1 << 30) - 1, 1 << 30, WIDE, WIDER, WIDE + 1):
        locked.expect(MemoryError, lambda: p.allocate_frames(value))  # noqa: B023
        locked.expect((MemoryError, NEEDS_HEAP), lambda: p.allocate_frames_by_bytes(value))  # noqa: B023
        locked.expect(MemoryError, lambda: p.allocate_frames_deferred(value))  # noqa: B023
        locked.expect(MemoryError, lambda: p.allocate_frames(value, low=SRAM))  # noqa: B023
        locked.expect(("SizeMismatch", NEEDS_HEAP), lambda: p.allocate_frames(value, boundary=FRAME))  # noqa: B023
        locked.expect("AddressOutOfRange", lambda: p.allocate_frames_at(SRAM, value))  # noqa: B023
        locked.expect("AddressOutOfRange", lambda: p.allocate_frames_at(HIGH, value))  # noqa: B023
        locked.expect(("AddressOutOfRange", NEEDS_HEAP), lambda: p.allocate_frames_by_bytes_at(SRAM, value))  # noqa: B023
        locked.expect((MemoryError, "UnalignedAddress", NEEDS_HEAP), lambda: p.dma_ring(value))  # noqa: B023
    assert locked.calls > 100


def test_constraints():
    physmem = system()
    locked = Locked(physmem)
    p = physmem
    for value in (-1, 3, FRAME + 1, (1 << 31) + 1, WIDER + 1):
        code = ("UnalignedAddress", NEEDS_HEAP) if value > 1 << 29 else "UnalignedAddress"
        locked.expect(code, lambda: p.allocate_frames(1, align=value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames(1, boundary=value))  # noqa: B023
        locked.expect(code, lambda: p.allocate_frames_by_bytes_deferred(1, align=value))  # noqa: B023
    for value in (1 << 31, WIDE, WIDER):
        locked.expect((MemoryError, NEEDS_HEAP), lambda: p.allocate_frames(1, align=value, region="sram"))  # noqa: B023
    for value in (None, "3", 1.5, []):
        for call in (
            lambda: p.allocate_frames(1, align=value),  # noqa: B023
            lambda: p.allocate_frames(1, boundary=value),  # noqa: B023
            lambda: p.allocate_frames(1, low=value),  # noqa: B023
            lambda: p.allocate_frames_by_bytes(1, align=value),  # noqa: B023
            lambda: p.allocate_frames_deferred(1, align=value),  # noqa: B023
        ):
            locked.expect(TypeError, call)
        if value is not None:
            locked.expect(TypeError, lambda: p.allocate_frames(1, high=value))  # noqa: B023
    for low, high in ((-1, None), (0, 0), (SRAM, SRAM), (HIGH, SRAM), (HIGH, HIGH), (-WIDER, 1), (WIDER, WIDER)):
        locked.expect("AddressOutOfRange", lambda: p.allocate_frames(1, low=low, high=high))  # noqa: B023
    for low, high in (
        (1 << 40, None),
        (WIDER, None),
        (0, 1),
        (0, FRAME),
        (HIGH, HIGH + 1),
        (HIGH + HIGH_FRAMES * FRAME, WIDE),
    ):
        locked.expect(MemoryError, lambda: p.allocate_frames(1, low=low, high=high))  # noqa: B023
    for value in (128, -1, 1 << 29, 1 << 30, 1 << 31, WIDE, WIDER, -WIDER):
        locked.expect("InvalidArgument", lambda: p.allocate_frames(1, require=value))  # noqa: B023
        locked.expect("InvalidArgument", lambda: p.allocate_frames(1, prefer=value))  # noqa: B023
        locked.expect("InvalidArgument", lambda: p.allocate_frames_by_bytes(1, forbid=value))  # noqa: B023
    for value in (None, 1.5, [], physmem):
        locked.expect(TypeError, lambda: p.allocate_frames(1, require=value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames(1, forbid=value))  # noqa: B023
        if value is not None:
            locked.expect(TypeError, lambda: p.allocate_frames(1, region=value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames(1, zero=value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames_at(SRAM, 1, unknown=value))  # noqa: B023
        locked.expect(TypeError, lambda: p.allocate_frames_at(SRAM, 1, zero=value))  # noqa: B023
    # Words need heap, wrong ones too.
    locked.expect(("InvalidArgument", NEEDS_HEAP), lambda: p.allocate_frames(1, require="FST"))
    locked.expect(("InvalidArgument", NEEDS_HEAP), lambda: p.allocate_frames(1, prefer="DMA fast"))
    locked.expect("InvalidArgument", lambda: p.allocate_frames(1, region="nowhere"))
    locked.expect("InvalidArgument", lambda: p.allocate_frames(1, require=p.CACHED))
    locked.expect("InvalidArgument", lambda: p.allocate_frames(1, require=3, forbid=1))
    locked.expect("SizeMismatch", lambda: p.allocate_frames(2, boundary=FRAME))
    locked.expect("SizeMismatch", lambda: p.allocate_frames_by_bytes(FRAME + 1, boundary=FRAME))
    other = physmem.Region("other", SRAM, FRAME)
    locked.expect("InvalidArgument", lambda: p.allocate_frames(1, region=other))


def test_addresses():
    physmem = system()
    locked = Locked(physmem)
    p = physmem
    held = p.allocate_frames_at(SRAM + 2 * FRAME, 2)
    far = p.allocate_frames_at(HIGH + 2 * FRAME, 2)
    for base in (SRAM, HIGH):
        first, before, inside = base + 2 * FRAME, base + FRAME, base + 3 * FRAME + 5
        locked.expect("AddressNotFree", lambda: p.allocate_frames_at(first, 1))  # noqa: B023
        locked.expect("AddressNotFree", lambda: p.allocate_frames_at(before, 2))  # noqa: B023
        locked.expect("AddressNotFree", lambda: p.allocate_frames_by_bytes_at(inside, 1))  # noqa: B023
        locked.expect("AddressNotFree", lambda: p.allocate_frames_deferred(1, first))  # noqa: B023
    locked.expect("AddressOutOfRange", lambda: p.allocate_frames_at(SRAM + 15 * FRAME, 2))
    last = HIGH + HIGH_FRAMES * FRAME - 1
    locked.expect("AddressOutOfRange", lambda: p.allocate_frames_at(last, 2))
    for addr in (UNKNOWN, SRAM - 1, SRAM + 16 * FRAME, HIGH - 1, -1, -WIDER, WIDE, WIDER):
        locked.expect("AddressOutOfRange", lambda: p.allocate_frames_at(addr, 1))  # noqa: B023
        locked.expect("AddressOutOfRange", lambda: p.allocate_frames_by_bytes_at(addr, 1))  # noqa: B023
        locked.expect("AddressOutOfRange", lambda: p.allocate_frames_deferred(1, addr))  # noqa: B023
    for addr in (None, "0", 1.5, [], held):
        locked.expect(TypeError, lambda: p.allocate_frames_at(addr, 1))  # noqa: B023
        if addr is not None:
            locked.expect(TypeError, lambda: p.allocate_frames_deferred(1, addr))  # noqa: B023
    past = REGISTERS + 3 * FRAME
    locked.expect("AddressOutOfRange", lambda: p.allocate_frames_at(past, 2))
    if MICROPYTHON:
        locked.expect(NEEDS_HEAP, lambda: p.allocate_frames_at(UNKNOWN, 1, unknown=True))
        locked.expect(NEEDS_HEAP, lambda: p.allocate_frames_by_bytes_at(UNKNOWN, 1, unknown=True))
        locked.expect(NEEDS_HEAP, lambda: p.allocate_frames_deferred(1, UNKNOWN, unknown=True))
        locked.expect(NEEDS_HEAP, lambda: p.allocate_frames_at(past, 2, unknown=True))
    assert held.free() == far.free() == 2


def test_exhaustion():
    """All memory in use, then all spare owners."""
    physmem = system()
    locked = Locked(physmem)
    p = physmem
    sram = p.allocate_frames(16, region="sram")
    far = p.allocate_frames(HIGH_FRAMES, region="high")
    for call in (
        lambda: p.allocate_frames(1),
        lambda: p.allocate_frames(1, owner="me"),
        lambda: p.allocate_frames(1, align=1 << 20),
        lambda: p.allocate_frames(1, low=HIGH),
        lambda: p.allocate_frames(1, high=HIGH_AND_1),
        lambda: p.allocate_frames_by_bytes(1),
        lambda: p.allocate_frames_deferred(1),
        lambda: p.allocate_frames_by_bytes_deferred(1, boundary=1 << 20),
        lambda: p.dma_ring(FRAME),
        lambda: far.resize(HIGH_FRAMES + 1),
        lambda: sram.resize(17),
        lambda: sram.resize(WIDE_AND_1),
        lambda: sram.resize(WIDER),
        lambda: sram.resize_by_bytes(16 * FRAME + 1),
    ):
        locked.expect(MemoryError, call)
    locked.expect((MemoryError, NEEDS_HEAP), lambda: p.allocate_scattered(1))
    locked.expect((MemoryError, NEEDS_HEAP), lambda: sram.resize_by_bytes(WIDER))
    locked.expect((MemoryError, NEEDS_HEAP), lambda: sram.resize_by_bytes(GIB))
    sram.free()
    if not MICROPYTHON:
        return
    owners = [None] * 40
    made = 0
    micropython.heap_lock()
    try:
        try:
            while made < 40:
                owners[made] = p.allocate_frames(1, region="high" if made > 15 else "sram")
                made += 1
        except MemoryError:
            pass
    finally:
        micropython.heap_unlock()
    assert made == 16  # sram is full; "high" is too


def test_spares_used_up():
    """The 33rd owner: MemoryError from each allocating call, and no frame is lost."""
    p = system()
    owners = [None] * 33
    made = 0
    micropython.heap_lock()
    try:
        try:
            while made < 33:
                owners[made] = p.allocate_frames_deferred(1, region="high")[0]
                made += 1
        except MemoryError:
            pass
    finally:
        micropython.heap_unlock()
    if not MICROPYTHON:
        return
    assert made == 32
    spares = sys.modules["physmem_frames"]
    place = HIGH + FRAME * 40
    before = p.region("high").used_frames
    # With the heap unlocked again the scheduler may have made new ones: use them up for each call.
    for call in (
        lambda: p.allocate_frames(1),
        lambda: p.allocate_frames_by_bytes(1, align=FRAME),
        lambda: p.allocate_frames_at(SRAM, 1),
        lambda: p.allocate_frames_by_bytes_at(place, 1),
        lambda: p.allocate_frames_deferred(1),
        lambda: p.allocate_frames_deferred(1, SRAM),
        lambda: p.dma_ring(32),
    ):
        used_up = [spares.take_spare(p.region("sram"), 0, 0, None, 0) for _ in range(spare_owners())]
        found = None
        micropython.heap_lock()
        try:
            while spare_owners():
                spares.take_spare(p.region("sram"), 0, 0, None, 0)
            call()
        except MemoryError as error:
            found = error
        finally:
            micropython.heap_unlock()
        assert found is not None and "heap is locked" not in str(found), str(found)
        assert used_up is not None and p.region("sram").used_frames == 0 and p.region("high").used_frames == before
    for frames in owners[:32]:
        frames.free()


def test_owners():
    """The methods and attributes of AllocatedFrames in every state; of high addresses too."""
    physmem = system()
    locked = Locked(physmem)
    for base in (SRAM, HIGH):
        whole = physmem.allocate_frames_at(base, 8)
        one, other, freed = physmem.allocate_frames_at(base + 8 * FRAME, 4).split_range(1, 2)
        freed.free()
        two, rest = other.split_at(1)
        for frames, kind in ((freed, "freed"), (other, "moved")):
            for call in every_method(frames, whole) + [
                lambda: frames.first,  # noqa: B023
                lambda: frames.count,  # noqa: B023
                lambda: frames.addr,  # noqa: B023
                lambda: frames.nbytes,  # noqa: B023
                lambda: frames.capacity,  # noqa: B023
                lambda: frames.view,  # noqa: B023
                lambda: frames.range,  # noqa: B023
                lambda: len(frames),  # noqa: B023
                lambda: iter(frames),  # noqa: B023
            ]:
                locked.expect("NotAllocated", call, kind)
            locked.expect(None, lambda: bool(frames))  # noqa: B023
            locked.expect(None, lambda: (frames.state and frames.region and frames.owner) and None)  # noqa: B023
        # Values and refusals.
        for call in (
            lambda: whole.split_at(-1),  # noqa: B023
            lambda: whole.split_at(9),  # noqa: B023
            lambda: whole.split_at(WIDE_AND_1),  # noqa: B023
            lambda: whole.split_at(MINUS_WIDER),  # noqa: B023
            lambda: whole.split_range(0, 9),  # noqa: B023
            lambda: whole.split_range(WIDER, 1),  # noqa: B023
            lambda: whole.split_range(1, WIDER),  # noqa: B023
            lambda: whole.split_range(-1, 1),  # noqa: B023
            lambda: whole.split_range(1, -1),  # noqa: B023
        ):
            locked.expect("AddressOutOfRange", call)
        locked.expect("ZeroAllocation", lambda: whole.split_range(1, 0))  # noqa: B023
        locked.expect("InvalidArgument", lambda: whole.merge(rest))  # noqa: B023
        locked.expect("InvalidArgument", lambda: whole.merge(whole))  # noqa: B023
        locked.expect("SizeMismatch", whole.as_allocated_frame)
        locked.expect("NotPermitted", whole.unmap)
        for value in (None, "1", 1.5, [], physmem):
            locked.expect(TypeError, lambda: whole.split_at(value))  # noqa: B023
            locked.expect(TypeError, lambda: whole.split_range(value, 1))  # noqa: B023
            locked.expect(TypeError, lambda: whole.split_range(0, value))  # noqa: B023
            locked.expect(TypeError, lambda: whole.merge(value))  # noqa: B023
            locked.expect(TypeError, lambda: whole.resize(value))  # noqa: B023
            locked.expect(TypeError, lambda: whole.resize_by_bytes(value))  # noqa: B023
            locked.expect(TypeError, lambda: whole.resize(1, zero=value))  # noqa: B023
            locked.expect(TypeError, lambda: whole.fill(value))  # noqa: B023
        for value in (-1, 256, WIDER, -WIDER):
            locked.expect("InvalidArgument", lambda: whole.fill(value))  # noqa: B023
        for value, code in ((0, "ZeroAllocation"), (-1, "InvalidArgument"), (-WIDER, "InvalidArgument")):
            locked.expect(code, lambda: whole.resize(value))  # noqa: B023
            locked.expect(code, lambda: whole.resize_by_bytes(value))  # noqa: B023
        locked.expect(MemoryError, lambda: whole.resize(9))  # noqa: B023
        if MICROPYTHON:
            locked.expect(NEEDS_HEAP, lambda: whole.view)  # noqa: B023
            locked.expect(NEEDS_HEAP, lambda: whole.range)  # noqa: B023
            locked.expect(NEEDS_HEAP, lambda: iter(whole))  # noqa: B023
            locked.expect(NEEDS_HEAP, two.as_allocated_frame)
            single = list(two)[0]
            locked.expect(NEEDS_HEAP, lambda: single.view)  # noqa: B023
            if base == HIGH and sys.maxsize < 1 << 32:
                locked.expect(NEEDS_HEAP, lambda: whole.addr)  # noqa: B023
                locked.expect(NEEDS_HEAP, lambda: single.addr)  # noqa: B023
            locked.expect(None, lambda: single.nbytes and None)  # noqa: B023
        locked.expect(None, lambda: whole.nbytes and whole.capacity and whole.count and None)  # noqa: B023
        whole.map()
        for call in (
            whole.map,
            whole.free,
            lambda: whole.split_at(1),  # noqa: B023
            lambda: whole.split_range(1, 1),  # noqa: B023
            lambda: whole.merge(one),  # noqa: B023
            lambda: one.merge(whole),  # noqa: B023
            lambda: whole.resize(1),  # noqa: B023
            lambda: whole.resize_by_bytes(1),  # noqa: B023
            lambda: whole.__exit__(None, None, None),  # noqa: B023
        ):
            locked.expect("NotPermitted", call)
        whole.unmap()
        region = whole.region
        assert region.free(0) == 8
        for call in (whole.free, lambda: whole.resize(9), lambda: whole.resize(2)):  # noqa: B023
            locked.expect("InternalCorruption", call)
        assert region.alloc_at(0, 8) == 0 and whole.free() == 8
        for frames in (one, two, rest):
            frames.free()


def test_splits_without_spares():
    """Splits have spares of their own: a MemoryError when they are used up, and the owner is unchanged."""
    physmem = system()
    if not MICROPYTHON:
        return
    frames = physmem.allocate_frames_at(SRAM, 14)
    parts = [None] * 8
    made = 0
    text = None
    micropython.heap_lock()
    try:
        rest = frames
        try:
            while made < 8:
                parts[made], rest = rest.split_at(1)
                made += 1
        except MemoryError as error:
            text = error
    finally:
        micropython.heap_unlock()
    assert made == 4 and "heap is locked" not in str(text)
    assert rest.count == 10 and physmem.check() == []


def test_what_needs_heap():
    """NotPermitted, and nothing has changed."""
    if not MICROPYTHON:
        return
    physmem = system()
    locked = Locked(physmem)
    p = physmem
    frames = p.allocate_frames_at(SRAM, 2)
    open_scope = p.scope()
    for call in (
        lambda: p.allocate_scattered(2),
        lambda: p.inspect_then_allocate(picks_nothing),
        p.scope,
        open_scope.__enter__,
        p.allocations,
        lambda: p.find(SRAM),
        lambda: p.find(HIGH),
        lambda: p.find(frames),
        lambda: p.free_at(SRAM),
        lambda: p.free_at(HIGH),
    ):
        locked.expect(NEEDS_HEAP, call)
    with open_scope as scope:
        inside = p.allocate_frames(2)
        for call in (
            lambda: p.allocate_frames(1),
            lambda: p.allocate_frames_deferred(1),
            lambda: p.allocate_frames_at(SRAM + 8 * FRAME, 1),
            lambda: p.dma_ring(FRAME),
            scope.keep,
            lambda: scope.keep(inside),
        ):
            locked.expect((NEEDS_HEAP, MemoryError), call)
        locked.expect("NotPermitted", lambda: scope.__enter__())
        for value in (3, "x", 1.5):
            locked.expect((TypeError, NEEDS_HEAP), lambda: scope.keep(value))  # noqa: B023
    locked.expect("NotPermitted", scope.keep)
    assert not inside and p.region("high").used_frames == 0 and frames.free() == 2


def test_hooks():
    """None is called, none is set, without heap."""
    physmem = system()
    locked = Locked(physmem)
    for value in (3, "x", 1.5):
        locked.expect(TypeError, lambda: physmem.on_exhausted(value))  # noqa: B023
    locked.expect(None, lambda: physmem.on_exhausted(None) and None)
    for value in (None, 3, "x"):
        locked.expect((TypeError, NEEDS_HEAP), lambda: physmem.inspect_then_allocate(value))  # noqa: B023


def test_before_there_is_a_system():
    physmem = fresh_physmem()
    calls = (
        lambda: physmem.allocate_frames(1),
        lambda: physmem.allocate_frames_by_bytes(1),
        lambda: physmem.allocate_frames_at(SRAM, 1),
        lambda: physmem.allocate_frames_by_bytes_at(HIGH, 1),
        lambda: physmem.allocate_frames_deferred(1),
        lambda: physmem.allocate_frames_deferred(1, HIGH),
        lambda: physmem.dma_ring(32),
        lambda: physmem.allocate_scattered(1),
        lambda: physmem.free_at(SRAM),
        lambda: physmem.find(SRAM),
        lambda: physmem.allocations(),
        lambda: physmem.inspect_then_allocate(picks_nothing),
        lambda: physmem.retain("x", 1),
    )
    codes = [None] * len(calls)
    texts = [None] * len(calls)
    micropython.heap_lock()
    try:
        for i in range(len(calls)):
            try:
                calls[i]()
            except physmem.PhysMemError as error:
                codes[i] = error.code
            except Exception as error:
                texts[i] = error
    finally:
        micropython.heap_unlock()
    assert texts == [None] * len(calls), [str(text) for text in texts]
    assert not [code for code in codes if code not in ("NotInitialized", NEEDS_HEAP)], codes


def test_retained():
    machine = KeptMachine(("ram", None, 32 * KEPT, KEPT, "RETAINED"), records=64 * 6)
    physmem = machine.reset()
    locked = Locked(physmem)
    p = physmem
    log = p.retain("log", 300)
    p.retain("mapped", 10).map()
    for name in ("", "x" * 33, "a\0b"):
        locked.expect("InvalidArgument", lambda: p.retain(name, 1))  # noqa: B023
        locked.expect("InvalidArgument", lambda: p.release(name))  # noqa: B023
    for name in (None, 3, b"log", 1.5):
        locked.expect(TypeError, lambda: p.retain(name, 1))  # noqa: B023
        locked.expect(TypeError, lambda: p.release(name))  # noqa: B023
    for nbytes, code in (
        (0, "ZeroAllocation"),
        (-1, "InvalidArgument"),
        (301, "SizeMismatch"),
        (-WIDER, "InvalidArgument"),
        (WIDER, ("SizeMismatch", NEEDS_HEAP)),
    ):
        locked.expect(code, lambda: p.retain("log", nbytes))  # noqa: B023
    behind = log.addr + KEPT
    locked.expect("InvalidArgument", lambda: p.retain("log", 300, low=behind))
    locked.expect("InvalidArgument", lambda: p.retain("log", 300, require=p.FAST))
    locked.expect(("InvalidArgument", NEEDS_HEAP), lambda: p.retain("log", 300, require="FAST"))
    locked.expect(TypeError, lambda: p.retain("log", None))
    locked.expect(TypeError, lambda: p.retain("new", 1, zero=3))
    too_many = 33 * KEPT
    locked.expect((MemoryError, NEEDS_HEAP), lambda: p.retain("new", GIB))
    locked.expect(MemoryError, lambda: p.retain("new", too_many))
    locked.expect("NotAllocated", lambda: p.release("nobody"))
    locked.expect("NotPermitted", lambda: p.release("mapped"))
    for call in (
        lambda: log.split_at(1),
        lambda: log.split_range(0, 1),
        lambda: log.resize(1),
        lambda: log.resize_by_bytes(300),
        lambda: log.merge(log),
    ):
        locked.expect("NotPermitted", call)
    if MICROPYTHON:
        for call in (p.retained, p.quarantined, p.dropped, lambda: log.name):
            locked.expect(NEEDS_HEAP, call)
        p.retain("last", 1)
        locked.expect(MemoryError, lambda: p.retain("one more", 1))
        plain = p.allocate_frames(1)
        locked.expect(MemoryError, plain.map)
    assert p.check() == []


def test_in_a_handler():
    """The same in a handler: what is not SHARED is NotPermitted, with the heap locked as it is there."""
    if IS_BOARD:
        return  # its raw calls ask the processor
    physmem = system()
    locked = Locked(physmem)
    p = physmem
    far = p.allocate_frames(2, region="high")
    near = p.allocate_frames(2, region="sram")
    with InHandler():
        for call in (
            lambda: p.allocate_frames(1, region="high"),
            lambda: p.allocate_frames_at(HIGH_AND_8, 1),
            lambda: p.allocate_frames_deferred(1, region="high"),
            lambda: p.allocate_frames_deferred(1, HIGH_AND_8),
            far.free,
            lambda: far.resize(1),
            lambda: far.resize_by_bytes(1),
            lambda: far.split_at(1),
            lambda: far.split_range(0, 1),
            lambda: far.merge(near),
        ):
            locked.expect("NotPermitted", call)
        locked.expect(("NotPermitted", MemoryError), lambda: p.allocate_frames(1, low=HIGH))
        locked.expect(None, lambda: near.resize(3) and None)
    assert near.free() == 3 and far.free() == 2
