"""The names of the module `physmem`: those of the contract and no others, on every runner."""

import builtins
import sys

from public_names import CHANGING, MODULES_OF_VOCABULARY, TABLE, VOCABULARY, without_dunders
from support import fresh_physmem, raises

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
    assert without_dunders(physmem.__dict__) == sorted(TABLE)
    assert without_dunders(dir(physmem)) == sorted(TABLE + CHANGING + VOCABULARY if MICROPYTHON else TABLE)


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
    assert booted().map is sys.modules["physmem_map"].map
