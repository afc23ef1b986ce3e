"""A region whose map can be set frame by frame, and what one raw call costs on that map.

A *map* is a bytearray with a letter a frame: FREE, HEAD for the first frame of an allocation, BODY for its others.
Together with the arguments it is all in the region that a call's cost depends on: the two rows of the state hold no
more, and the rest of it derives from them (physmem_engine).

A call that looks up names costs less if it has just done so, as MicroPython keeps where it found the last of them. Here
it never has.
"""

import instructions
import maps
import micropython
import physmem_engine as engine
from micropython import const
from physmem_region import SHARED

FREE = const(46)  # "."
HEAD = const(91)  # "["
BODY = const(61)  # "="

_others = dict.fromkeys(range(256))


def forget_names():
    """Look up so much else that MicroPython's cache, 128 places found in dictionaries, holds nothing of physmem."""
    for number in _others:
        _ = _others[number]


@micropython.viper
def _write_rows(frames: ptr8, number: int, free: ptr32, starts: ptr32):
    """Write the map of `number` frames to the rows of free frames and of starts. A BODY with no allocation before it
    becomes a HEAD, in the map as well."""
    before = FREE
    i = 0
    while i < number:
        bit = 1
        x = 0
        y = 0
        end = i + 32
        if end > number:
            end = number
        w = i >> 5
        while i < end:
            kind = frames[i]
            if kind == FREE:
                x |= bit
            elif kind == HEAD or before == FREE:
                y |= bit
                frames[i] = HEAD
            before = kind
            bit += bit
            i += 1
        free[w] = x
        starts[w] = y
    if number & 31:
        starts[number >> 5] |= 1 << (number & 31)


class Trial:
    """A region of `frames` frames and its `map`. `set` brings the region to what the map says; `cost` counts a call and
    undoes it."""

    def __init__(self, frames, shared):
        self.frames = frames
        self.map = bytearray(b"." * frames)
        self.region = maps.new_region(frames, SHARED if shared else 0)
        self._state = self.region._state
        starts = engine._starts(self._state)
        self._starts = memoryview(self._state)[starts:]
        self._free = memoryview(self._state)[starts - ((frames + 31) >> 5) - 1 :]  # as long, and just before

    def set(self):
        """Bring the region to the map."""
        _write_rows(self.map, self.frames, self._free, self._starts)
        engine.rebuild(self._state)

    def cost(self, call, *arguments):
        """``(instructions, answer)`` of the raw call of that name on the map, which is the region's again afterwards.
        Never were more frames used than now, so that an allocation has a new peak to write down."""
        region = self.region
        self._state[engine.STATE_FEWEST_FREE] = self._state[engine.STATE_FREE]
        count, answer = counted(region, call, arguments)
        if answer >= 0:
            if call == "free":
                region.alloc_at(arguments[0], answer)
            else:
                region.free(answer)
        return count, answer


def counted(region, call, arguments):
    """``(instructions, answer)`` of one raw call, not undone."""
    function = getattr(region, call)
    forget_names()
    count = (instructions.of_call if len(arguments) == 1 else instructions.of_call_2)(function, *arguments)
    return count, instructions.answer[0]


def replay(frames, shared, used, call, arguments):
    """Instructions of the raw call in a new region, after the (first, count) of `used` were allocated by raw calls."""
    region = maps.new_region(frames, SHARED if shared else 0)
    for first, count in used:
        assert region.alloc_at(first, count) == first
    return counted(region, call, arguments)[0]
