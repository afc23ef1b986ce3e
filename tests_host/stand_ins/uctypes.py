"""CPython stand-in for MicroPython's module of that name, over ctypes: real addresses, real memory."""

import ctypes

_arrays = {}
_views = {}
_HEADER_BYTES = 256


def addressof(buffer):
    """Address of the bytes of `buffer`. Remembers an array of words, so that the casts find it again by its address."""
    if getattr(buffer, "typecode", "") != "I":
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    address, _ = buffer.buffer_info()
    if _arrays.get(address) is not buffer:
        _arrays[address] = buffer
        for offset in range(_HEADER_BYTES):
            _views.pop(address + offset, None)
    return address


def bytearray_at(address, size):
    """The `size` bytes at `address`. Unlike MicroPython's it is a view: it cannot grow."""
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def _words(address):
    return _arrays[address]


def _bytes(address):
    """The bytes of a remembered array from `address`, which lies in its header, on."""
    view = _views.get(address)
    if view is None:
        base = next(base for base in range(address & ~3, address - _HEADER_BYTES, -4) if base in _arrays)
        view = _views[address] = memoryview(_arrays[base]).cast("B")[address - base :]
    return view
