"""physmem.on_exhausted: a hook that frees something before an allocation fails."""

import gc
import sys

import micropython
import physmem_board
from snapshot import of_system
from support import fresh_physmem, raises, scaled
from two_regions import FRAME, SRAM, two_regions

PSRAM = 0x21000000
FRAMES = 16
MICROPYTHON = sys.implementation.name == "micropython"


def system():
    return two_regions(FRAMES, PSRAM)


def full():
    """Return the same with all frames in use: (physmem, owners of psram, owners of sram), one frame each."""
    physmem = system()
    psram = [physmem.allocate_frames(1, region="psram") for _ in range(FRAMES)]
    sram = [physmem.allocate_frames(1, region="sram") for _ in range(FRAMES)]
    return physmem, psram, sram


class Hook:
    """A hook that calls ``act()`` and returns its result. `calls` has the size of each request, in frames or bytes."""

    def __init__(self, act):
        self.act = act
        self.calls = []

    def __call__(self, request):
        self.calls.append((request.frames, request.nbytes))
        return self.act()


class Collector:
    """Replaces physmem's gc: counts collections and calls ``act()`` at each."""

    def __init__(self, act=lambda: None):
        self.act = act
        self.collections = 0

    def collect(self):
        self.collections += 1
        self.act()


def test_garbage_is_collected_by_default():
    """The collector runs once for a request that would fail, and not for others."""
    physmem = system()
    sys.modules["physmem_allocate"].gc = collector = Collector()
    owners = [physmem.allocate_frames(4) for _ in range(FRAMES // 2)]
    assert collector.collections == 0
    before = of_system(physmem)
    raises(MemoryError, physmem.allocate_frames, 1)
    assert collector.collections == 1
    raises(MemoryError, physmem.allocate_frames_by_bytes, 1, region="sram")
    assert collector.collections == 2
    assert of_system(physmem) == before
    collector.act = owners[0].free
    addr = owners[0].addr
    assert physmem.allocate_frames(3).addr == addr
    assert collector.collections == 3


def test_garbage_that_holds_frames():
    """On CPython, a cycle of garbage has a __del__ that frees frames.

    MicroPython calls no __del__ of classes written in Python. There a stand-in shows what the collector would find.
    """
    physmem, psram, _ = full()
    freed = []

    class Holder:
        def __init__(self, frames):
            self.frames = frames
            self.itself = self

        def __del__(self):
            freed.append(self.frames.free())

    addr = psram[3].addr
    holder = Holder(psram.pop(3))
    if MICROPYTHON:
        sys.modules["physmem_allocate"].gc = Collector(holder.__del__)
    else:
        gc.disable()
    try:
        holder = None
        assert freed == []
        frames = physmem.allocate_frames(1)
    finally:
        gc.enable()
    assert freed == [1] and frames.addr == addr


def test_hook_that_frees_on_demand():
    """Every request by object is tried again after the hook, with its constraints and owner.

    The hook is told what was requested, in frames or in bytes.
    """
    physmem, psram, sram = full()
    ways = (
        (lambda: physmem.allocate_frames(2), (2, None)),
        (lambda: physmem.allocate_frames(2, owner="me"), (2, None)),
        (lambda: physmem.allocate_frames(2, align=2 * FRAME), (2, None)),
        (lambda: physmem.allocate_frames(2, low=SRAM, high=PSRAM + FRAME * FRAMES, prefer=physmem.FAST), (2, None)),
        (lambda: physmem.allocate_frames_by_bytes(FRAME + 1), (None, FRAME + 1)),
        (lambda: physmem.allocate_frames_by_bytes(2 * FRAME, require=physmem.EXTERNAL), (None, 2 * FRAME)),
        (lambda: physmem.dma_ring(2 * FRAME), (None, 2 * FRAME)),
    )
    cache = []

    def shrink():
        for frames in cache:
            frames.free()
        return True

    hook = Hook(shrink)
    physmem.on_exhausted(hook)
    for way, asked in ways:
        cache[:] = psram[4:6] + sram[8:10]
        hook.calls.clear()
        frames = way()
        assert hook.calls == [asked]
        assert frames.count == 2 and frames.state == physmem.ALLOCATED
        place = (frames.region.name, frames.first)
        assert place in (("psram", 4), ("sram", 8)), place
        assert frames.owner in (None, "me")
        frames.free()
        psram[4:6] = [physmem.allocate_frames_at(PSRAM + i * FRAME, 1) for i in (4, 5)]
        sram[8:10] = [physmem.allocate_frames_at(SRAM + i * FRAME, 1) for i in (8, 9)]
    assert physmem.check() == []


def test_hook_that_frees_a_little_each_time():
    """The hook is called again as long as it frees something, until the request fits."""
    physmem, psram, _ = full()

    def shrink():
        psram.pop().free()
        return True

    hook = Hook(shrink)
    physmem.on_exhausted(hook)
    frames = physmem.allocate_frames(5)
    assert hook.calls == [(5, None)] * 5
    assert (frames.region.name, frames.first) == ("psram", FRAMES - 5)


def test_hook_that_frees_something_else():
    """The hook frees frames that do not fit: a MemoryError once it has nothing more to free.

    Frames that it frees in a region that does not suit are no progress.
    """
    physmem, psram, sram = full()

    def shrink():
        if len(sram) < FRAMES - 2:
            return True
        sram.pop(0).free()
        return True

    hook = Hook(shrink)
    physmem.on_exhausted(hook)
    error = raises(MemoryError, physmem.allocate_frames, 2, region="psram")
    assert "2 frames" in str(error) and "psram has 0 bytes free" in str(error) and "sram has 4096" not in str(error)
    assert len(hook.calls) == 1 and len(sram) == FRAMES - 1
    hook.calls.clear()
    error = raises(MemoryError, physmem.allocate_frames, 4)
    assert "4 frames" in str(error) and "sram has 12288 bytes free in 1 run, at most 12288 in one" in str(error)
    assert len(hook.calls) == 3  # two that freed, one that did not
    assert physmem.allocate_frames(3).addr == SRAM and len(hook.calls) == 3


def test_hook_that_frees_nothing():
    """A hook that frees nothing is called once, whatever it returns. Nothing else changes."""
    physmem, _, _ = full()
    before = of_system(physmem)
    for answer in (True, False, None, 0, 1):
        hook = Hook(lambda: answer)  # noqa: B023
        physmem.on_exhausted(hook)
        raises(MemoryError, physmem.allocate_frames, 1)
        raises(MemoryError, physmem.allocate_frames_by_bytes, FRAME, align=2 * FRAME)
        assert hook.calls == [(1, None), (None, FRAME)]
    assert of_system(physmem) == before


def test_hook_that_answers_no():
    """The request is not tried again, even if it would fit."""
    physmem, psram, _ = full()
    hook = Hook(lambda: psram.pop().free() and False)
    physmem.on_exhausted(hook)
    raises(MemoryError, physmem.allocate_frames, 1)
    assert hook.calls == [(1, None)]
    assert physmem.allocate_frames(1).first == FRAMES - 1 and hook.calls == [(1, None)]


def test_hook_that_moves_frames():
    """The hook makes room without freeing more than it takes. The request is tried again after it."""
    physmem, psram, _ = full()
    psram[3].free()
    psram[5].free()

    def move():
        psram[4].free()
        psram[4] = physmem.allocate_frames_at(PSRAM + 3 * FRAME, 1)
        return True

    hook = Hook(move)
    physmem.on_exhausted(hook)
    assert physmem.allocate_frames(2).addr == PSRAM + 4 * FRAME
    assert hook.calls == [(2, None)]


def test_hook_that_raises():
    """The caller gets the error, nothing has changed, and the hook is there for the next request."""
    physmem, _, _ = full()
    before = of_system(physmem)

    def give_up():
        raise KeyError("given up")

    hook = Hook(give_up)
    physmem.on_exhausted(hook)
    for _ in range(2):
        raises(KeyError, physmem.allocate_frames, 1)
        raises(KeyError, physmem.allocate_frames_by_bytes, FRAME, region="sram")
    assert len(hook.calls) == 4
    assert of_system(physmem) == before and physmem.on_exhausted(None) is hook


def test_hook_that_allocates():
    """The hook gets what there is. When there is nothing, its own request fails without calling the hook again."""
    physmem, psram, sram = full()
    refusals = []

    def greedy():
        psram.pop().free()
        physmem.allocate_frames(1)
        try:
            physmem.allocate_frames(1)
        except MemoryError as error:
            refusals.append(error)
        sram.pop().free()
        return True

    hook = Hook(greedy)
    physmem.on_exhausted(hook)
    assert physmem.allocate_frames(1).region.name == "sram"
    assert len(hook.calls) == len(refusals) == 1
    assert physmem.check() == []
    # A hook that does not catch the failure of its own request: MemoryError, as for any request.
    hook.act = lambda: physmem.allocate_frames(2)
    raises(MemoryError, physmem.allocate_frames, 1)
    assert len(hook.calls) == 2


def test_which_hook():
    """on_exhausted returns the previous hook. With None nothing is called. You can put the default back."""
    physmem, psram, _ = full()
    sys.modules["physmem_allocate"].gc = collector = Collector()
    first, second = Hook(lambda: False), Hook(lambda: False)
    default = physmem.on_exhausted(first)
    assert callable(default)
    assert physmem.on_exhausted(second) is first
    raises(MemoryError, physmem.allocate_frames, 1)
    assert (len(first.calls), len(second.calls), collector.collections) == (0, 1, 0)
    for wrong in (5, "hook", True):
        raises(TypeError, physmem.on_exhausted, wrong)
    assert physmem.on_exhausted(None) is second
    raises(MemoryError, physmem.allocate_frames, 1)
    assert len(second.calls) == 1 and collector.collections == 0
    assert physmem.on_exhausted(default) is None
    raises(MemoryError, physmem.allocate_frames, 1)
    assert collector.collections == 1


def test_a_hook_that_replaces_itself():
    physmem, psram, _ = full()
    last = Hook(lambda: False)

    def once():
        physmem.on_exhausted(last)
        psram.pop().free()
        return True

    hook = Hook(once)
    physmem.on_exhausted(hook)
    raises(MemoryError, physmem.allocate_frames, 2)
    assert hook.calls == last.calls == [(2, None)]
    assert physmem.on_exhausted(None) is last


def test_what_calls_no_hook():
    """Mistakes, requests by address, raw calls and deferred requests call no hook.

    A request that no region could ever meet is a mistake.
    """
    physmem, _, _ = full()
    sram = physmem.region("sram")
    hook = Hook(lambda: True)
    physmem.on_exhausted(hook)
    assert sram.alloc(1) == sram.alloc_aligned(1, 2) == physmem.OUT_OF_MEMORY
    assert sram.allocate_within(1, 0, 0, SRAM + FRAME, None) == physmem.OUT_OF_MEMORY
    raises(MemoryError, physmem.allocate_frames_deferred, 1)
    raises(MemoryError, physmem.allocate_frames_by_bytes_deferred, 1, region="sram")
    for function, arguments, code in (
        (physmem.allocate_frames_at, (SRAM, 1), "AddressNotFree"),
        (physmem.allocate_frames_deferred, (1, SRAM), "AddressNotFree"),
        (physmem.allocate_frames, (0,), "ZeroAllocation"),
        (physmem.allocate_frames, (-1,), "InvalidArgument"),
        (physmem.allocate_frames_by_bytes, (0,), "ZeroAllocation"),
        (physmem.dma_ring, (3,), "UnalignedAddress"),
    ):
        raises(physmem.PhysMemError, function, *arguments, code=code)
    raises(physmem.PhysMemError, physmem.allocate_frames, 1, region="dram", code="InvalidArgument")
    raises(physmem.PhysMemError, physmem.allocate_frames, 2, boundary=FRAME, code="SizeMismatch")
    assert hook.calls == []


def test_not_in_the_early_phase():
    """No hook is called before boot_complete(). Afterwards it is."""

    class Board:
        REGIONS = (("sram", SRAM, 4 * FRAME, FRAME, "DMA SHARED"),)
        OCCUPIED = ()
        SPIN_LOCK = getattr(physmem_board, "SPIN_LOCK", 0)

    physmem = fresh_physmem()
    calls = bytearray(1)

    def hook(request):
        calls[0] += 1

    physmem.on_exhausted(hook)
    refused = 0
    physmem.boot(Board)
    try:
        frames = physmem.allocate_frames(4)
        try:
            physmem.allocate_frames(1)
        except MemoryError:
            refused += 1
        try:
            physmem.allocate_frames_by_bytes(1)
        except MemoryError:
            refused += 1
    finally:
        physmem.boot_complete()
    assert refused == 2 and calls[0] == 0
    raises(MemoryError, physmem.allocate_frames, 1)
    assert calls[0] == 1
    assert frames.free() == 4


def test_with_the_heap_locked():
    """No hook is called: what it is told needs heap. With the heap unlocked it is."""
    if sys.platform == "webassembly":
        return  # the tests' heap does not lock there
    physmem, psram, _ = full()
    calls = bytearray(1)
    refused = 0

    def free_last(request):
        calls[0] += 1
        return psram.pop().free()

    physmem.on_exhausted(free_last)
    micropython.heap_lock()
    try:
        physmem.allocate_frames(1)
    except MemoryError:
        refused += 1
    finally:
        micropython.heap_unlock()
    if MICROPYTHON:
        assert refused == 1 and calls[0] == 0
    else:
        physmem.allocate_frames(1)
    assert physmem.allocate_frames(1).region.name == "psram" and calls[0] == 1 + (not MICROPYTHON) * 2


def test_failed_counts_each_search():
    """`failed` counts one for each region searched in vain, and one more for each retry after the hook."""
    physmem, psram, _ = full()
    regions = [physmem.region("psram"), physmem.region("sram")]
    sys.modules["physmem_allocate"].gc = Collector()
    raises(MemoryError, physmem.allocate_frames, 1)
    assert [region.failed for region in regions] == [1, 1]  # nothing was freed: no second try
    physmem.on_exhausted(Hook(lambda: False))
    raises(MemoryError, physmem.allocate_frames, 1)
    assert [region.failed for region in regions] == [2, 2]
    physmem.on_exhausted(Hook(lambda: True))
    raises(MemoryError, physmem.allocate_frames, 1)
    assert [region.failed for region in regions] == [4, 4]
    physmem.on_exhausted(Hook(lambda: psram.pop().free()))
    assert physmem.allocate_frames(1).region is regions[0]
    assert [region.failed for region in regions] == [5, 5]
    assert physmem.stats()[None]["failed"] == 10


def test_retain_goes_through_it():
    """A hook that frees makes room for frames that survive resets. A hook that itself retains does not disturb the
    request."""

    frame_size = scaled(FRAME, FRAME, 1024)

    class Board:
        REGIONS = (("sram", None, FRAMES * frame_size, frame_size, "DMA RETAINED"),)
        OCCUPIED = ()
        RETAINED_RECORDS = (None, 4096)

    physmem = fresh_physmem()
    physmem.boot(Board)
    physmem.boot_complete()
    cache = physmem.allocate_frames(FRAMES)
    hook = Hook(lambda: False)
    physmem.on_exhausted(hook)
    raises(MemoryError, physmem.retain, "log", 2 * frame_size)
    assert hook.calls == [(None, 2 * frame_size)] and physmem.retained() == []

    def shrink():
        cache.free()
        physmem.retain("other", 1)
        return True

    hook.act = shrink
    log = physmem.retain("log", 2 * frame_size)
    assert hook.calls == [(None, 2 * frame_size)] * 2
    assert (log.name, log.first, log.count, log.fresh) == ("log", 1, 2, True)
    assert [(kept.name, kept.nbytes) for kept in physmem.retained()] == [("other", 1), ("log", 2 * frame_size)]
    assert physmem.retain("log", 2 * frame_size) is log
    assert physmem.check() == []


def test_retain_whose_hook_takes_name_or_records():
    """A hook that retains the same name, or uses the last record, causes an error that leaves no frame behind."""
    frame = 32

    class Board:
        REGIONS = (("sram", None, 128 * frame, frame, "DMA RETAINED"),)
        OCCUPIED = ()
        RETAINED_RECORDS = (None, FRAME)  # records of 64 bytes, two of them heads

    physmem = fresh_physmem()
    physmem.boot(Board)
    physmem.boot_complete()
    sram = physmem.region("sram")
    caches = [physmem.allocate_frames(64), physmem.allocate_frames(64)]

    def take_name():
        caches.pop(0).free()
        physmem.retain("name", 1)
        return True

    hook = Hook(take_name)
    physmem.on_exhausted(hook)
    raises(physmem.PhysMemError, physmem.retain, "name", 2 * frame, code="NotPermitted")
    assert [(kept.name, kept.nbytes) for kept in physmem.retained()] == [("name", 1)]
    assert sram.used_frames == 64 + 1

    def take_all_records():
        caches.pop(0).free()
        for i in range(64 - 2 - 1):
            physmem.retain("name %d" % i, 1)
        return True

    hook.act = take_all_records
    raises(MemoryError, physmem.retain, "one more", 65 * frame)
    assert sram.used_frames == len(physmem.retained()) == 64 - 2
    assert hook.calls == [(None, 2 * frame), (None, 65 * frame)]
    assert physmem.check() == []
