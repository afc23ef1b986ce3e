"""Memory by address for the engine as bytecode, where MicroPython has no machine code emitter and so no viper.

`memory_32[i]` is the 32-bit word at the address 4 * i, `memory_8[i]` the byte at the address i. `place_of_32` and
`place_of_8` return such an i for what viper's ``ptr32`` and ``ptr8`` take: an address, or an object whose content is
meant. All values are what viper's are as numbers: a word is 0 to 2**32 - 1. Reading and storing take no heap for what
is a small integer; on a machine of 32 bits that is less than 2**30.
"""

import sys

import uctypes
from micropython import const

_LOG_WINDOW = const(26)  # in words: uctypes has arrays of fewer than 2**27 items
_WITHIN = const((1 << 26) - 1)
_BITS = 32 if sys.maxsize >> 31 == 0 else 64


def _window(address):
    """Return the words from `address` on as an array."""
    layout = {"words": (uctypes.ARRAY | 0, uctypes.UINT32 | _WITHIN + 1)}
    return uctypes.struct(address, layout, uctypes.NATIVE).words


class _Windows:
    """The words of the whole address space, by windows that are made when they are first used, which takes heap."""

    def __init__(self):
        self._windows = {}

    def __getitem__(self, i):
        window = self._windows.get(i >> _LOG_WINDOW)
        if window is None:
            window = self._made(i >> _LOG_WINDOW)
        return window[i & _WITHIN]

    def __setitem__(self, i, value):
        window = self._windows.get(i >> _LOG_WINDOW)
        if window is None:
            window = self._made(i >> _LOG_WINDOW)
        window[i & _WITHIN] = value

    def _made(self, number):
        window = self._windows[number] = _window(number << (_LOG_WINDOW + 2))
        return window


# WebAssembly's memory starts at 0, and one window has all that MicroPython uses of it.
memory_32 = _window(0) if sys.platform == "webassembly" else _Windows()
memory_8 = uctypes.bytearray_at(0, sys.maxsize >> 1)


def place_of_32(what, _isinstance=isinstance, _int=int):
    """Return the number of the word at the address `what`, or with which the content of the object `what` starts."""
    return (what if _isinstance(what, _int) else uctypes.addressof(what)) >> 2


def place_of_8(what, _isinstance=isinstance, _int=int):
    """Return the number of the byte at the address `what`, or with which the content of the object `what` starts."""
    return what if _isinstance(what, _int) else uctypes.addressof(what)


def uint(value):
    """Return `value` as viper's ``uint`` does: a negative one wraps."""
    return value if value >= 0 else value + (1 << _BITS)


def is_zero_32(place):
    """Return whether the word with that number is 0. Needs no heap, whatever it is."""
    place <<= 2
    return not (memory_8[place] or memory_8[place + 1] or memory_8[place + 2] or memory_8[place + 3])


def shifted_uint(value, bits):
    """Return ``uint(value) >> bits``, from two bits on without heap."""
    return value >> bits if value >= 0 else (value >> bits) & ((1 << (_BITS - bits)) - 1)
