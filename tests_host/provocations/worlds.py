"""What the provocations start from: systems of regions, and a board that runs out of heap or is in a handler.

CPython's heap is never locked. `without_heap` and `failing` have physmem believe that it is, at the places where it
looks or takes some.
"""

import contextlib
import sys

from support import fresh_physmem

PAGE = 4096
SRAM = 0x10000000
TINY = 0x20100000
REGISTERS = 0x40000000
PSRAM = 0x60000000
UNKNOWN = 0x70000000
HUGE = 1 << 70


def system():
    """Return a fresh physmem with four regions and a reserved one: "sram" of 64 frames, whose frames 8 to 11 are in
    use; "tiny" of 64 frames of 32 bytes, CACHED; "shared" of 8 frames; "psram" of 96 frames; "registers"."""
    physmem = fresh_physmem()
    physmem.init(
        [
            ("sram", SRAM, 64 * PAGE, PAGE, "DMA FAST"),
            ("tiny", TINY, 64 * 32, 32, "CACHED"),
            ("shared", TINY + 64 * PAGE, 8 * PAGE, PAGE, "SHARED"),
            ("psram", PSRAM, 96 * PAGE, PAGE, "DMA EXTERNAL"),
        ],
        [("registers", REGISTERS, 2 * PAGE)],
    )
    physmem.region("sram").alloc_at(8, 4)
    return physmem


def alone():
    """Return a fresh physmem whose only region is the reserved "registers" of two frames."""
    physmem = fresh_physmem()
    physmem.init([], [("registers", REGISTERS, 2 * PAGE)])
    return physmem


def full():
    """Return a fresh physmem whose only region, "sram" of 8 frames, is all in use, but for frame 3."""
    physmem = fresh_physmem()
    physmem.init([("sram", SRAM, 8 * PAGE, PAGE, "SHARED")])
    physmem.region("sram").alloc(8)
    physmem.region("sram").free(0)
    physmem.region("sram").alloc_at(0, 3)
    physmem.region("sram").alloc_at(4, 4)
    return physmem


def module(name):
    """Return the module of the library that is loaded under that name."""
    return __import__(name)


def _no_heap(*arguments, **keywords):
    raise MemoryError("no heap")


class NoHeap(int):
    """A number that no sum can be made of."""

    __add__ = __radd__ = __lshift__ = _no_heap


@contextlib.contextmanager
def changed(owner, name, value):
    """Within ``with``, *owner* has *value* as its attribute *name*."""
    had = name in vars(owner)
    before = getattr(owner, name, None)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


@contextlib.contextmanager
def both(one, other):
    """Within ``with``, both contexts hold."""
    with one, other:
        yield


def failing(owner, name):
    """Within ``with``, calls of the attribute *name* of *owner* find the heap full."""
    return changed(owner, name, _no_heap)


@contextlib.contextmanager
def lacking(name):
    """Within ``with``, there is no module of that name."""
    there = sys.modules.get(name)
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]
        if there:
            sys.modules[name] = there


@contextlib.contextmanager
def without_heap(*unloaded, after=0):
    """Within ``with``, physmem finds the heap locked when it looks again *after* so many times, and the modules
    *unloaded* are not loaded."""
    looks = iter([None] * after)
    there = {name: sys.modules.pop(name) for name in unloaded if name in sys.modules}
    try:
        with changed(module("physmem_errors"), "bytearray", lambda size: next(looks, False) is None or _no_heap()):
            yield
    finally:
        sys.modules.update(there)
