"""CPython stand-in for MicroPython's module of that name: what the engine needs so that its real source runs here.

`viper` runs the function as ordinary Python. The casts answer exact Python integers and refuse, where viper would wrap
around in silence, by the OverflowError of ``array``: a store of more than 32 bits is an error here.
"""

import traceback

import uctypes


def const(value):
    return value


def viper(function):
    return function


def native(function):
    return function


def uint(value):
    return value & 0xFFFFFFFFFFFFFFFF  # a word of 64 bits, as on the unix port


def ptr32(words):
    return words if getattr(words, "typecode", "") == "I" else uctypes._words(words)


def ptr8(buffer):
    return memoryview(buffer.encode() if isinstance(buffer, str) else buffer)


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
    """Keeps the call for `run_scheduled`; as on MicroPython, four of them at most."""
    if len(_scheduled) == _MOST_SCHEDULED:
        raise RuntimeError("schedule queue full")
    _scheduled.append((function, argument))


def run_scheduled():
    """Make the calls that were scheduled, in order. MicroPython does so by itself, soon; tests_target/scheduled.py has
    a function that waits for it on all machines. What a call raises is printed, and what it schedules is left to the
    next time, both as on MicroPython."""
    calls = list(_scheduled)
    _scheduled.clear()
    for function, argument in calls:
        try:
            function(argument)
        except Exception:
            traceback.print_exc()


_depth = 0
_MOST_SCHEDULED = 4
_scheduled = []
