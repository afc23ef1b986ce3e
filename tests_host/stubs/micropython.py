"""CPython stub of MicroPython's `micropython` module: what the engine needs so that its real source runs on CPython.

`viper` runs the function as ordinary Python. The casts return exact Python integers. A store of more than 32 bits,
which viper would truncate silently, raises the OverflowError of ``array`` here.
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
    """Count the nesting as MicroPython does; CPython's heap cannot be locked."""
    global _depth
    _depth += 1


def heap_unlock():
    global _depth
    _depth -= 1
    return _depth


def heap_locked():
    return _depth


def schedule(function, argument):
    """Keep the call for `run_scheduled`: at most four calls, as on MicroPython."""
    if len(_scheduled) == _MOST_SCHEDULED:
        raise RuntimeError("schedule queue full")
    _scheduled.append((function, argument))


def run_scheduled():
    """Make the scheduled calls, in order.

    MicroPython makes them soon by itself; tests_target/scheduled.py has a function that waits for them on all runners.
    As on MicroPython, what a call raises is printed, and what it schedules waits for the next time.
    """
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
