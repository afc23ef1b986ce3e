"""CPython stub of MicroPython's `uctypes` module, on top of ctypes: real addresses, real memory."""

import ctypes
from array import array

_arrays = {}


def addressof(buffer):
    """Return the address of the bytes of `buffer`. Remember an array of words, so that the casts find it by address."""
    if getattr(buffer, "typecode", "") != "I":
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    address, _ = buffer.buffer_info()
    _arrays[address] = buffer
    return address


def bytearray_at(address, size):
    """Return the `size` bytes at `address`. Unlike MicroPython's, the result is a view and cannot grow."""
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def _words(address):
    """Return the array of words at `address`, or else the words in memory there; an array is returned as it is."""
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
