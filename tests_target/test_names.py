"""The names of the module `physmem`: those of the contract and no others, on every runner."""

import builtins
import gc
import sys

import micropython
from public_names import ABSENT, CHANGING, FIRST_USE, MODULES_OF_VOCABULARY, TABLE, VOCABULARY, without_dunders
from support import IS_BOARD, fresh_physmem, raises

NEEDS = ("the library in the firmware",)
MICROPYTHON = sys.implementation.name == "micropython"


def booted():
    physmem = fresh_physmem()
    physmem.boot()
    physmem.boot_complete()
    return physmem


def loaded():
    """Return which modules of the vocabulary are loaded."""
    return [name for name in MODULES_OF_VOCABULARY if name in sys.modules]


def test_the_names_are_those_of_the_contract():
    """The module's table has no other name, and dir() finds none.

    MicroPython's dir() tries each name that it knows, so it finds what the module looks up as well.
    """
    physmem = booted()
    masters = list(physmem.ATTRIBUTES[7:])  # the memory plan of this board names them
    assert without_dunders(physmem.__dict__) == sorted(TABLE)
    assert without_dunders(dir(physmem)) == sorted(TABLE + CHANGING + VOCABULARY + masters if MICROPYTHON else TABLE)


def test_the_vocabulary_is_loaded_when_it_is_named():
    """Nothing of it is loaded after boot. Each name loads what it needs; no name enters the module's table."""
    physmem = booted()
    assert loaded() == []
    for name in CHANGING:
        getattr(physmem, name)
    raises(AttributeError, getattr, physmem, "no_such_name")
    assert loaded() == []
    for name in VOCABULARY:
        assert getattr(physmem, name) is not None
    assert loaded() == list(MODULES_OF_VOCABULARY)
    assert without_dunders(physmem.__dict__) == sorted(TABLE)


def test_a_star_replaces_no_builtin():
    """``from physmem import *`` takes the names of the table, none of which is that of a builtin."""
    names = {}
    exec("from physmem import *", names)
    names.pop("__builtins__", None)
    assert without_dunders(names) == sorted(TABLE)
    assert [name for name in names if hasattr(builtins, name)] == []
    physmem = booted()
    assert physmem.map is physmem.map and physmem.map is not map


def test_whether_calls_are_direct():
    """The boards run Thumb code, and the hosts do not."""
    assert booted().direct_calls is IS_BOARD


def sink(line):
    pass


def choose(region, first, count):
    return first, 1


# How to call each function of FIRST_USE, and what it returns in a system in which nothing is allocated: lambdas, as
# a tuple of arguments needs heap when it becomes the arguments of a call.
CALLS = {
    "boot_in_heap": (lambda p: p.boot_in_heap(1024), None),
    "allocate_scattered": (lambda p: p.allocate_scattered(3), lambda result: [one.free() for one in result] == [3]),
    "inspect_then_allocate": (lambda p: p.inspect_then_allocate(choose), lambda result: result.free() == 1),
    "scope": (lambda p: p.scope(), lambda result: result.__enter__().__exit__(None, None, None) is None),
    "allocations": (lambda p: p.allocations(), lambda result: result == []),
    "find": (lambda p: p.find(16), lambda result: result is None or result.frame == 0),
    "free_at": (lambda p: p.free_at(16), None),
    "retain": (lambda p: p.retain("log", 1), lambda result: result.free() == 1),
    "release": (lambda p: p.release("log"), None),
    "retained": (lambda p: p.retained(), lambda result: result == []),
    "quarantined": (lambda p: p.quarantined(), lambda result: result == []),
    "dropped": (lambda p: p.dropped(), lambda result: isinstance(result, list)),
    "on_low": (lambda p: p.on_low("sram", 0, None), lambda result: result is None),
    "debug": (lambda p: p.debug(), lambda result: result is None),
    "mark": (lambda p: p.mark(), lambda result: result == 0),
    "leaks": (lambda p: p.leaks(), lambda result: result == []),
    "dump": (lambda p: p.dump(sink), lambda result: result is None),
    "map": (lambda p: p.map(sink), lambda result: result is None),
}
REFUSED = {
    "boot_in_heap": ("NotPermitted",),  # there are regions
    "free_at": ("NotAllocated", "NotPermitted"),
    "leaks": ("NotPermitted",),
    "retain": ("NotPermitted",),  # on a board without records
    "release": ("NotAllocated", "NotPermitted"),
}
"""Calls that are refused in such a system -> by which code."""


def there():
    """Return which modules of ABSENT are loaded."""
    return [name for name in ABSENT if name in sys.modules]


def call(physmem, name):
    """Make the call and return None if it did what it should, else what it did."""
    make, is_right = CALLS[name]
    try:
        result = make(physmem)
    except physmem.PhysMemError as error:
        return None if error.code in REFUSED.get(name, ()) and "needs heap" not in str(error) else error
    return None if is_right(result) else result


def test_what_you_can_do_without_is_loaded_when_you_call_it():
    """Not when it is named, nor by dir() or TAB, which name everything. MicroPython's dir() loads the vocabulary."""
    physmem = booted()
    assert there() == []
    for name in TABLE + CHANGING:
        getattr(physmem, name)
    assert there() == []
    dir(physmem)
    assert there() == (sorted(MODULES_OF_VOCABULARY) if MICROPYTHON else [])
    assert sorted(CALLS) == sorted(FIRST_USE)
    for name in CALLS:
        wrong = call(physmem, name)
        assert wrong is None, (name, wrong)
        assert FIRST_USE[name] in sys.modules
    assert without_dunders(physmem.__dict__) == sorted(TABLE)


def test_what_is_loaded_later_is_refused_without_heap():
    """Nothing half loaded stays behind: with heap the call works."""
    if not MICROPYTHON:
        return
    physmem = booted()
    for name in CALLS:
        sys.modules.pop(FIRST_USE[name], None)
        make, _ = CALLS[name]
        refused = None
        micropython.heap_lock()
        try:
            make(physmem)
        except physmem.PhysMemError as error:
            refused = error.code
        finally:
            micropython.heap_unlock()
        assert refused == "NotPermitted", name
        assert FIRST_USE[name] not in sys.modules
        wrong = call(physmem, name)
        assert wrong is None, (name, wrong)


def test_no_module_stays_half_loaded():
    """Whatever ends the import: a heap that is full is NotPermitted, anything else comes out as it is."""
    physmem = booted()
    errors = sys.modules["physmem_errors"]
    wanted = []

    def half(name):
        sys.modules["physmem_new"] = sys.modules[name] = None  # what it imports, and itself
        raise wanted[-1]("no")

    for error in (MemoryError, KeyboardInterrupt, RuntimeError):
        wanted.append(error)
        errors.__import__ = half
        try:
            raises(physmem.PhysMemError if error is MemoryError else error, physmem.find, 16)
        finally:
            del errors.__import__
        assert there() == [] and "physmem_new" not in sys.modules
    assert call(physmem, "find") is None


def test_loading_with_a_heap_that_is_nearly_full():
    """A call that finds less and less heap is refused or works, and works when there is enough."""
    if not MICROPYTHON:
        return
    physmem = booted()
    # Not a chain of objects: the collector would keep all of it for one old pointer that it finds on the stack.
    taken = [None] * (3000 if IS_BOARD else 50000)
    gc.collect()
    n = 0
    for size in (4096, 64, 16):
        try:
            while n < len(taken):
                taken[n] = bytearray(size)
                n += 1
        except MemoryError:
            if size == 4096:
                n -= 1
                taken[n] = None  # so that there are small pieces to give back one after the other
    assert n < len(taken)
    worked = refused = 0
    while not worked:
        # One after the other on a board. A host has a larger heap, all of which is collected at each try.
        left = n - (1 if IS_BOARD else 8)
        while n > left:
            n -= 1
            taken[n] = None
        try:
            physmem.allocations()
            worked += 1
        except physmem.PhysMemError as error:
            assert error.code == "NotPermitted"
            refused += 1
            # Loaded as a whole, where the heap then was too small for the list, or not at all.
            assert hasattr(sys.modules.get("physmem_find", physmem), "find")
    while n:
        n -= 1
        taken[n] = None
    assert worked and refused
    assert call(physmem, "allocations") is None
