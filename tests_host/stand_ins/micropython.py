"""CPython stand-in for MicroPython's module of that name: what the engine needs so that its real source runs here.

`viper` runs the function as ordinary Python. The casts answer exact Python integers and refuse, where viper would wrap
around in silence, by the OverflowError of ``array``: a store of more than 32 bits is an error here.
"""

import uctypes


def const(value):
    return value


def viper(function):
    return function


def native(function):
    return function


def uint(value):
    return value & 0xFFFFFFFFFFFFFFFF  # a word of 64 bits, as on the unix port


def ptr32(address):
    return uctypes._words(address)


def ptr8(buffer):
    return memoryview(buffer)


def heap_lock():
    """CPython's heap cannot be locked; the nesting is counted as MicroPython does."""
    global _depth
    _depth += 1


def heap_unlock():
    global _depth
    _depth -= 1
    return _depth


def heap_locked():
    return _depth


def schedule(function, argument):
    """Runs at once: CPython has no scheduler."""
    function(argument)


_depth = 0
