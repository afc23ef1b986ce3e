"""A region whose bitmap you can set frame by frame, and what one raw call costs on it.

A *map* here is a bytearray with a letter for each frame: FREE, HEAD for the first frame of an allocation, BODY for its
others. A call's cost depends only on this and on the arguments: the two rows of the state hold nothing else, and the
rest of the state derives from them (physmem_engine).

A call that looks up names costs less if it has just looked them up, because MicroPython caches the last lookups. Here
the cache is always cold.
"""

import instructions
import maps
import micropython
import physmem_state
from micropython import const
from physmem_region import SHARED

FREE = const(46)  # "."
HEAD = const(91)  # "["
BODY = const(61)  # "="

_others = dict.fromkeys(range(256))


def forget_names():
    """Look up so many other names that MicroPython's cache of 128 dictionary lookups holds none of physmem's."""
    for number in _others:
        _ = _others[number]


@micropython.viper
def _write_rows(frames: ptr8, number: int, free: ptr32, starts: ptr32):
    """Write the map of `number` frames to the rows of free frames and of starts.

    A BODY with no allocation before it becomes a HEAD, in the map too.
    """
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
    """A region of `frames` frames and its `map`. `set` makes the region match the map; `cost` counts a call and undoes
    it."""

    def __init__(self, frames, shared):
        self.frames = frames
        self.map = bytearray(b"." * frames)
        self.region = maps.new_region(frames, SHARED if shared else 0)
        self._state = self.region._state
        starts = physmem_state.starts_of(self._state)
        self._starts = memoryview(self._state)[starts:]
        self._free = memoryview(self._state)[starts - ((frames + 31) >> 5) - 1 :]  # the row before it, equally long

    def set(self):
        """Make the region match the map."""
        _write_rows(self.map, self.frames, self._free, self._starts)
        physmem_state.rebuild(self._state)

    def cost(self, call, *arguments):
        """Return ``(instructions, answer)`` of the raw call with that name on the map, and restore the region.

        The number of used frames before the call is the peak, so an allocation also has to record a new peak.
        """
        region = self.region
        self._state[physmem_state.STATE_FEWEST_FREE] = self._state[physmem_state.STATE_FREE]
        count, answer = counted(region, call, arguments)
        if answer >= 0:
            if call == "free":
                region.alloc_at(arguments[0], answer)
            else:
                region.free(answer)
        return count, answer


def counted(region, call, arguments):
    """Return ``(instructions, answer)`` of one raw call, without undoing it."""
    function = getattr(region, call)
    forget_names()
    count = (instructions.of_call if len(arguments) == 1 else instructions.of_call_2)(function, *arguments)
    return count, instructions.answer[0]


def replay(frames, shared, used, call, arguments):
    """Return the instructions of the raw call in a new region with each (first, count) of `used` allocated."""
    region = maps.new_region(frames, SHARED if shared else 0)
    for first, count in used:
        assert region.alloc_at(first, count) == first
    return counted(region, call, arguments)[0]
