"""CPython stand-in for MicroPython's module of that name, over ctypes: real addresses, real memory."""

import ctypes
from array import array

_arrays = {}


def addressof(buffer):
    """Address of the bytes of `buffer`. Remembers an array of words, so that the casts find it again by its address."""
    if getattr(buffer, "typecode", "") != "I":
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    address, _ = buffer.buffer_info()
    _arrays[address] = buffer
    return address


def bytearray_at(address, size):
    """The `size` bytes at `address`. Unlike MicroPython's it is a view: it cannot grow."""
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def _words(address):
    """The array of words at `address`, or if there is none, whatever words lie there; an array is its own words."""
    if isinstance(address, array):
        return address
    return _arrays.get(address) or _Words(address)


class _Words:
    def __init__(self, address):
        self._address = address

    def __getitem__(self, i):
        return ctypes.c_uint32.from_address(self._address + 4 * i).value

    def __setitem__(self, i, value):
        ctypes.c_uint32.from_address(self._address + 4 * i).value = array("I", [value])[0]
