"""How a raw call reaches machine code: by a function object that jumps straight into physmem_thumb.

MicroPython calls a viper function by jumping to its code, with the object in r0, the number of arguments in r1, that of
named ones in r2, and the address of the arguments, as objects, in r3; the result is the object in r0. The object has
four words: type, context, table of children, code. Only its own code reads the two in the middle.

So a *direct call* is a viper function that is made empty and then given an entry of `serve` as its code, the address
of the state as its table of children, and the address of the *conversions* as its context. The conversions are one
array for all calls of all regions: the functions that convert the first and the second argument of each call, and
`serve` itself. The entry checks the number of arguments, and that they are small integers. Any other argument it passes
to the function that converts it. The collector follows the words of a function object as all words, and both addresses
are those of the start of a heap block, or outside the heap. So a direct call keeps alive all that it uses.

That relies on what MicroPython does not promise. `raw_calls_of` checks each assumption when the engine is loaded:

1. Machine code is that of .mpy files of version 6.3: MicroPython 1.23 to 1.29-preview.
2. An ``array("O")`` holds objects as words. A small integer n is the word 2 * n + 1; no other object is an odd word.
3. Two fresh viper functions differ in their word 3 alone, and their word 0 is their type. They have no ``__name__`` and
   no ``__globals__``, which a later MicroPython would read from the words in the middle. Nothing else of MicroPython
   reads these: the type has nothing but a call.
4. A viper function with the code of another one does what that one does.
5. Word 2 of `serve` is the address of its code, which is even. It starts with the assembler's prologue, ``push {r1,
   r4-r7, lr}``, and four branches.
6. physmem_thumb has the number `ENTRIES` that this file knows. What the entries expect depends on the layout of a state
   as well; physmem_engine compares the number of that before it calls anything.
7. The direct calls of a state of one frame return what they should, and leave what they should.

Where one of them does not hold, the raw calls are closures of physmem_engine, which take more instructions.

Source: MicroPython 1.25, py/objfun.h, py/objfun.c (fun_viper_call), py/emitnative.c, py/obj.h.
"""

import sys
from array import array

import micropython
from micropython import const
from uctypes import bytes_at

_ENTRIES = const(2)  # of the physmem_thumb that this file knows
_FIRST_ENTRY = const(4)  # bytes from the start of the code of `serve` to the four entries, of two bytes each
_PROLOGUE = const(0xB5F2)
_BRANCH = const(0b11100)  # the upper five bits of one
_MPY_VERSION = const(0x306)


# The arguments of the calls, converted: the first and the second of alloc, alloc_aligned, alloc_at and free. Viper,
# because the entries call them by their code.


@micropython.viper
def _n_of_alloc(n):
    return _small_integer(n, "n")


@micropython.viper
def _n_of_aligned(n, align_frames):
    return _small_integer(n, "n")


@micropython.viper
def _align_of_aligned(n, align_frames):
    return _small_integer(align_frames, "align_frames")


@micropython.viper
def _frame_of_at(frame, n):
    return _small_integer(frame, "frame")


@micropython.viper
def _n_of_at(frame, n):
    return _small_integer(n, "n")


@micropython.viper
def _frame_of_free(frame):
    return _small_integer(frame, "frame")


@micropython.viper
def _redirect(function, context, children, code: int):
    """Give the function in ``function[0]``, an array of objects, other words behind that of its type: two addresses, or
    arrays whose address is meant, and the address of its code."""
    words = ptr32(ptr32(function)[0])
    words[1] = int(ptr32(context))
    words[2] = int(ptr32(children))
    words[3] = code


def raw_calls(state):
    """Return the functions ``alloc, alloc_aligned, alloc_at, free`` of the region that `state` describes: those of
    physmem_engine's `closure_calls`, in less than half the instructions, with the same guarantees."""

    @micropython.viper
    def alloc():
        pass

    @micropython.viper
    def alloc_aligned():
        pass

    @micropython.viper
    def alloc_at():
        pass

    @micropython.viper
    def free():
        pass

    calls = alloc, alloc_aligned, alloc_at, free
    for i in range(4):
        _redirect(array("O", calls[i : i + 1]), _conversions, state, _code + 2 * i)
    return calls


def _code_of_serve(thumb):
    """Return the address of the code of `serve` if the assumptions 1 to 6 hold, else None."""

    @micropython.viper
    def one() -> int:
        return 1

    @micropython.viper
    def other() -> int:
        return 2

    # 6, 1
    if getattr(thumb, "ENTRIES", None) != _ENTRIES or sys.implementation._mpy & 0x3FF != _MPY_VERSION:
        return None
    # 2
    try:
        objects = array("O", (one, other, type(one), thumb.serve, 5, 0, -1, True, None, "5", 1 << 30))
    except ValueError:  # arrays have no objects
        return None
    words = array("I", bytes(objects))
    if list(words[4:7]) != [11, 1, (1 << 32) - 1] or [i for i in range(11) if words[i] & 1] != [4, 5, 6]:
        return None
    # 3
    of_one, of_other, of_serve = [array("I", bytes_at(words[i], 16)) for i in (0, 1, 3)]
    if of_one[:3] != of_other[:3] or of_one[3] == of_other[3] or of_one[0] != words[2]:
        return None
    if hasattr(one, "__name__") or hasattr(one, "__globals__"):
        return None
    # 4
    _redirect(objects, of_one[1], of_one[2], of_other[3])
    if one() != 2 or other() != 2:
        return None
    # 5
    code = of_serve[2]
    start = array("H", bytes_at(code, 10))
    if code & 1 or start[0] != _PROLOGUE or [halfword >> 11 for halfword in start[1:]] != [_BRANCH] * 4:
        return None
    return code


def _works(raw_calls, state):
    """Return whether assumption 7 holds; `state` is that of one free frame, which has been in use."""
    before = bytes(state)
    alloc, alloc_aligned, alloc_at, free = raw_calls(state)
    results = [alloc(1), alloc(2), alloc(-1), alloc(1 << 32), alloc_at(0, 1), free(1), free(0)]
    results += [alloc_aligned(True, True), alloc_aligned(1, 3), free(False)]
    results += [alloc_at(1, 1), alloc_at(False, True), free(0)]
    if results != [0, -3, -3, -3, -7, -5, 1, 0, -4, 1, -5, 0, 1]:
        return False
    for call, arguments in ((alloc, (None,)), (free, ()), (alloc_at, (0, "1")), (alloc_aligned, (1, 1, 1))):
        try:
            call(*arguments)
            return False
        except TypeError:
            pass
    return bytes(state) == before


def raw_calls_of(thumb, state, small_integer):
    """Return the function that makes the raw calls of a state, or None if an assumption does not hold.

    `thumb` is physmem_thumb. `state` describes one frame, which is free and has been in use. `small_integer` takes an
    argument and its name. It returns the argument if that is a small integer and not negative, and -1 for any other
    integer. What it raises, the call raises.

    Then the module is empty except for what the calls use, as the rest would take heap for nothing.
    """
    global _code, _conversions, _small_integer
    code = _code_of_serve(thumb)
    if code is None:
        return None
    _code = code + _FIRST_ENTRY
    conversions = _n_of_alloc, thumb.serve, _n_of_aligned, _align_of_aligned, _frame_of_at, _n_of_at, _frame_of_free
    _conversions = array("O", conversions)
    _small_integer = small_integer
    calls = raw_calls
    if not _works(calls, state):
        return None
    names = globals()
    used = {name: names[name] for name in ("array", "_redirect", "_code", "_conversions", "_small_integer")}
    names.clear()
    names.update(used)
    return calls
