"""Calls of owners, of scopes and of frames by address that are refused."""

from provocations.provocation import refused
from provocations.worlds import PAGE, SRAM, TINY, NoHeap, changed, failing, module, system, without_heap
from support import InHandler

NOT_PERMITTED = -8


def rows():
    yield from _methods()
    yield from _splits()
    yield from _freed_by_others()
    yield from _scopes()
    yield from _by_address()
    yield from _without_heap()
    yield from _spare_owners()
    yield from _in_handlers()


def _methods():
    p = system()
    frames = p.allocate_frames_at(SRAM, 4)
    yield refused(frames.fill, 256, says=["byte 256", "0 to 255"])
    yield refused(frames.resize, 0, says="n = 0 frames")
    yield refused(frames.resize, -1, says="n = -1 frames")
    yield refused(frames.resize_by_bytes, 0, says="nbytes = 0")
    yield refused(frames.resize_by_bytes, -1, says="nbytes = -1")
    yield refused(frames.resize, 4, True, says="without a name")
    yield refused(frames.resize_by_bytes, 4, True, says="without a name")
    yield refused(frames.resize, 9, says=["4 frames at frame 0 of sram to 9", "behind"])
    yield refused(frames.resize, 65, says=["4 frames at frame 0 of sram to 65", "60 of the region"])
    yield refused(frames.clean, 4 * PAGE, 1, says=["offset 16384", "nbytes 1", "16384 bytes"])
    tiny = p.allocate_frames_at(TINY, 4)
    yield refused(tiny.clean, 1, says=["offset 1", "nbytes 127", "32"])
    yield refused(frames.as_allocated_frame, says="4 frames")
    yield refused(frames.unmap, says=["4 frames from frame 0", "not mapped"])
    frames.map()
    yield refused(frames.free, says=["4 frames from frame 0", "are mapped"])
    frames.unmap()
    frames.free()
    yield refused(frames.free, says="freed already")


def _splits():
    p = system()
    frames, other = p.allocate_frames_at(SRAM, 4), p.allocate_frames_at(SRAM + 5 * PAGE, 1)
    yield refused(frames.split_at, 5, says=["frame 5", "4 frames"])
    yield refused(frames.split_range, 1, 0, says="0 frames")
    yield refused(frames.split_range, 2, 3, says=["n = 3", "i = 2", "4 frames"])
    yield refused(frames.merge, 3, says=["other must be AllocatedFrames", "int"])
    yield refused(frames.merge, frames, says="with themselves")
    yield refused(frames.merge, other, says=["from 0 on", "from 5 on"])
    yield refused(frames.merge, p.allocate_frames(1, region="psram"), says=["sram", "psram"])
    nothing, _ = frames.split_at(0)
    yield refused(nothing.resize, 3, says=["0 frames", "n = 3"])


def _freed_by_others():
    p = system()
    frames = p.allocate_frames_at(SRAM, 4)
    frames.region.free(0)
    frames.region.alloc_at(0, 2)
    yield refused(frames.free, says=["4 frames from frame 0", "allocation of 2"])


def _scopes():
    p = system()
    outside = p.allocate_frames(1)
    scope = p.scope()
    yield refused(scope.keep, says="after the end")
    with scope:
        yield refused(scope.__enter__, says="open already")
        yield refused(scope.keep, 3, says=["frames must be AllocatedFrames", "int"])
        yield refused(scope.keep, outside, says="not allocated in this scope")
        ended = p.allocate_frames(1)
        ended.free()
        yield refused(scope.keep, ended, says="freed already")
        yield refused(scope.keep, within=without_heap(), says="keep() needs heap")
        yield refused(scope.__enter__, within=without_heap(), says="scope() needs heap")
        frames = p.allocate_frames(4)
        split = failing(scope, "adopt")
        yield refused(frames.split_at, 2, within=split, says="a split in a scope() needs heap")
        with p.scope() as inner:
            p.allocate_frames(1)
            yield refused(inner.keep, within=failing(scope, "adopt"), says="keep() needs heap")
    scope = p.scope()
    yield refused(scope.__enter__, within=failing(module("physmem_scope"), "_context"), says="scope() needs heap")
    yield refused(p.scope, within=failing(module("physmem_scope"), "Scope"), says="scope() needs heap")
    scope.__enter__()
    mapped = p.allocate_frames(2).map()
    yield refused(scope.__exit__, None, None, None, says="1 of the scope's frames are mapped")
    mapped.unmap().free()


def _by_address():
    p = system()
    frames = p.allocate_frames_at(SRAM, 2)
    yield refused(p.free_at, SRAM + PAGE, says=[hex(SRAM + PAGE), "no allocation starts"])
    frames.map()
    yield refused(p.free_at, SRAM, says=[hex(SRAM), "hardware owns"])
    frames.unmap()
    sram = p.region("sram")
    yield refused(p.free_at, SRAM, within=changed(sram, "free", lambda frame: -6), says=[hex(SRAM), "freed meanwhile"])
    yield refused(p.free_at, SRAM, within=changed(sram, "free", lambda frame: NOT_PERMITTED), says="only SHARED")
    yield refused(p.find, 1.5, says=["thing must be an address", "float"])


def _without_heap():
    p = system()
    frames = p.allocate_frames_at(SRAM, 1)
    part = frames.as_allocated_frame()
    full = "needs heap"
    with changed(frames.region, "base", NoHeap(SRAM)):
        yield refused(lambda: frames.addr, says=f"addr {full}")
        yield refused(lambda: part.addr, says=f"addr {full}")
        yield refused(frames.region.addr, 1, says=f"addr() above 0x3FFFFFFF {full}")
    uctypes = module("uctypes")
    yield refused(lambda: frames.view, within=failing(uctypes, "bytearray_at"), says=f"view {full}")
    yield refused(lambda: part.view, within=failing(module("physmem_range"), "bytearray_at"), says=f"view {full}")
    made = failing(module("physmem_range"), "AllocatedFrame")
    yield refused(frames.as_allocated_frame, within=made, says=f"as_allocated_frame() {full}")
    yield refused(lambda: frames.range, within=without_heap(), says=f"range {full}")
    yield refused(iter, frames, within=without_heap(), says=f"iteration {full}")
    for call, arguments, what in ((getattr, (frames, "range"), "range"), (iter, (frames,), "iteration")):
        unloaded = without_heap("physmem_range", after=1)
        yield refused(call, *arguments, within=unloaded, says=f"{what} {full}")
    yield refused(frames.resize_by_bytes, 1 << 29, within=without_heap(), says=f"2**29 bytes or more {full}")
    cache = module("physmem_cache")
    yield refused(frames.for_device, within=failing(cache, "Transfer"), says=f"for_device() {full}")
    tiny = p.allocate_frames_at(TINY, 1)
    unloaded = without_heap("physmem_cache")
    yield refused(tiny.clean, within=unloaded, says=f"clean() or invalidate() {full}")
    for call, what in (
        (frames.as_allocated_frame, "as_allocated_frame()"),
        (frames.for_device, "for_device()"),
        (lambda: p.PageOrder, "PageOrder"),
    ):
        without = without_heap("physmem_range", "physmem_cache", "physmem_pages")
        yield refused(call, within=without, says=f"{what} {full}")
    module("physmem_find")
    for call, arguments, what in (
        (p.allocations, (), "allocations()"),
        (p.find, (SRAM,), "find()"),
        (p.free_at, (SRAM,), "free_at()"),
    ):
        yield refused(call, *arguments, within=without_heap(), says=f"{what} {full}")
        yield refused(call, *arguments, within=without_heap("physmem_find"), says=f"{what} {full}")


def _spare_owners():
    p = system()
    frames_module = module("physmem_frames")
    _, action = p.allocate_frames_deferred(1)
    with failing(frames_module, "_new_pair"):
        yield refused(action.commit, says="an action needs heap")
        for _ in range(31):
            p.allocate_frames_deferred(1)
        yield refused(p.allocate_frames_deferred, 1, says="all 32 spare owners")
        frames = frames_module.new_frames(p.region("psram"), 0, 4, None, 0)
        yield refused(frames.split_at, 2, says="no 2 spare owners")


def _in_handlers():
    p = system()
    frames = p.allocate_frames_at(SRAM, 4)
    yield refused(frames.split_at, 1, within=InHandler(), says="only SHARED")
    denied = changed(frames.region, "free", lambda frame: NOT_PERMITTED)
    yield refused(frames.free, within=denied, says="only SHARED")
    yield refused(p.reset_peak, within=InHandler(), says="only SHARED")
    engine = module("physmem_engine")
    denied = changed(engine, "forget_fewest", lambda address: NOT_PERMITTED)
    yield refused(frames.region.reset_peak, within=denied, says="only SHARED")
    yield refused(frames.region.recover, within=InHandler(), says="recover()")
    denied = changed(p.region("sram"), "alloc", lambda n: NOT_PERMITTED)
    yield refused(p.allocate_scattered, 3, region="sram", within=denied, says="only SHARED")
