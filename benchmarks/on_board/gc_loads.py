"""Make what lives in the heap while collections are counted: from little to much, and the same in frames."""

from array import array

import micropython
import physmem
from micropython import const

_EMPTY_LISTS = const(1100)  # more than any board's collector can keep waiting: MICROPY_ALLOC_GC_STACK_SIZE
_LISTS = const(50)
_TUPLES_A_LIST = const(19)
_FLOATS_A_DICT = const(19)
_FRAMEBUFFER = const(320 * 240 * 2)  # bytes
_INTEGERS = const(1 << 18)  # of four bytes each
_TUPLES = const(10000)

_live = []


def _objects():
    """Return 2,000 objects: 50 lists of 19 tuples each and 50 dicts of 19 floats each."""
    _live.append([[(i, j, i + j) for j in range(_TUPLES_A_LIST)] for i in range(_LISTS)])
    _live.append([{j: i + j / 8 for j in range(_FLOATS_A_DICT)} for i in range(_LISTS)])


def _frames(nbytes):
    _live.append(physmem.allocate_frames_by_bytes(nbytes, require=physmem.EXTERNAL))
    return _live[-1].view


def _paint(buffer):
    """Draw a gradient to the right in the low byte of each pixel, and another downwards in the high byte."""
    for i in range(0, _FRAMEBUFFER, 2):
        buffer[i] = i // 2 % 320 & 0xFF
        buffer[i + 1] = i // 640
    _live.append(buffer)


@micropython.viper
def _count_up(integers: ptr32, count: int):
    """Store the integers of range(count), without making garbage."""
    for i in range(count):
        integers[i] = i


def lists():
    _live.append([[] for _ in range(_EMPTY_LISTS)])


def objects():
    _objects()


def framebuffer_in_heap():
    _objects()
    _paint(bytearray(_FRAMEBUFFER))


def framebuffer_in_frames():
    _objects()
    _paint(_frames(_FRAMEBUFFER))


def array_in_heap():
    _objects()
    _live.append(array("i", range(_INTEGERS)))


def array_in_frames():
    _objects()
    _count_up(_frames(4 * _INTEGERS), _INTEGERS)


def list_of_tuples():
    _objects()
    _live.append([(i, i + 1, i + 2) for i in range(_TUPLES)])


def make(load):
    """Make the load with that name live from now on. Return False if there is no room for it."""
    try:
        globals()[load]()
    except MemoryError:
        return False
    return True
