"""Count retaining frames, mapping them, allocating with a deferred action, and booting after a reset.

All of it runs in the system that the board has booted with, in a heap without holes.
"""

import gc
import sys

import physmem
import tidy_heap
from instructions import answer, of_allocation_and_free, of_call, of_call_0, of_call_2, second

_NAMES = 10


def _of_new_name(name):
    """Return the instructions of retaining a new name and of releasing it."""
    return of_call_2(physmem.retain, name, 4096), of_call(physmem.release, name)


def calls():
    """Return {statement: instructions}; the records hold ten other names."""
    for i in range(_NAMES):
        physmem.retain("name %d" % i, 4096)
    last = "name %d" % (_NAMES - 1)
    tidy_heap.prepare()
    _of_new_name("crash log")
    new, release = _of_new_name("crash log")
    frames = physmem.allocate_frames(1)
    counts = {
        'retain("crash log", 4096), new': new,
        'retain("crash log", 4096), asked for again': second(of_call_2, physmem.retain, last, 4096),
        'release("crash log")': release,
    }
    frames.map()
    frames.unmap()
    counts["frames.map()"] = of_call_0(frames.map)
    counts["frames.unmap()"] = of_call_0(frames.unmap)
    frames.free()
    physmem.allocate_frames_deferred(1)[0].free()
    counts["allocate_frames_deferred(1)"] = of_call(physmem.allocate_frames_deferred, 1)
    frames, action = answer[0]
    frames.free()
    action.commit()
    frames, action = physmem.allocate_frames_deferred(1)
    frames.free()
    counts["action.commit()"] = of_call_0(action.commit)
    gc.enable()
    return counts


def _in_a_scope():
    with physmem.scope():
        physmem.allocate_frames(1)


def _zero(n):
    physmem.allocate_frames(n, zero=True).free()


def owners():
    """Return {statement: instructions} of what an owner of frames can do, and of what finds one that is lost."""
    tidy_heap.prepare()
    frames = physmem.allocate_frames(1)
    counts = {"frames.fill(), 4 KiB": second(of_call_0, frames.fill)}
    counts["frames.view"] = second(of_call_2, getattr, frames, "view")
    for _ in range(2):
        counts["frames.resize(64), from 1"] = of_call(frames.resize, 64)
        counts["frames.resize(1), from 64"] = of_call(frames.resize, 1)
    frames.free()
    counts["allocate_frames(1, zero=True).free()"] = second(of_call, _zero, 1)
    counts["allocate_frames_by_bytes(5000), freed"] = second(
        of_allocation_and_free, physmem.allocate_frames_by_bytes, 5000
    )
    counts["with scope(): allocate_frames(1)"] = second(of_call_0, _in_a_scope)
    counts["allocate_scattered(8)"] = of_call(physmem.allocate_scattered, 8)
    for piece in answer[0]:
        piece.free()
    addr = physmem.allocate_frames(1).addr
    counts["find(addr)"] = second(of_call, physmem.find, addr)
    counts["allocations(), of one"] = second(of_call_0, physmem.allocations)
    counts["free_at(addr)"] = of_call(physmem.free_at, addr)
    gc.enable()
    return counts


def _boot(system):
    """Call both: between them there is no heap to store a figure."""
    system.boot()
    system.boot_complete()


def boot():
    """Return {statement: instructions} of a boot with some number of names retained and nothing else."""
    counts = {}
    system = physmem
    for names in (0, _NAMES):
        for i in range(names):
            system.retain("name %d" % i, 4096)
        for module in [name for name in sys.modules if name.startswith("physmem") and name != "physmem_board"]:
            del sys.modules[module]
        system = __import__("physmem")
        gc.collect()
        counts["boot(); boot_complete(), %d names retained" % names] = of_call(_boot, system)
    return counts
