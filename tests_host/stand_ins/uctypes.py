"""CPython stand-in for MicroPython's module of that name, over ctypes: real addresses, real memory."""

import ctypes

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
    return _arrays[address]
