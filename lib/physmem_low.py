"""Learn when memory runs low, before it runs out.

    physmem.on_low("sram", 16, lambda region: cache.shrink())    # when fewer than 16 frames of sram are left

The raw calls of a watched region have a function around them, which costs some 2,000 instructions for a release and
4,000 for an allocation (Cortex-M3). The calls of other regions cost what they did before.
"""

import micropython
from micropython import const
from physmem_errors import expect_heap, try_two_calls, integer, mistake, wrong_type
from physmem_region import Region
from physmem_system import region as region_named
from physmem_wrap import unwrap_calls, wrap_calls

_STATE_FREE = const(1)  # a word of a state, as physmem_engine has it

_low_waters = []


def _call_hook(crossing):
    """Call the hook, unless it was replaced or removed since the crossing. This is what the scheduler calls.

    The scheduler prints what it raises. A program that is too deep for the hook when the scheduler runs must not see an
    error of ours: then the hook is armed again. What the hook itself raises is the program's, and comes out.
    """
    low_water, hook = crossing
    if crossing is low_water.crossing:
        try:
            try_two_calls()  # so that there is room for the hook, be it a function or a method
        except RuntimeError:
            low_water.is_armed = True
            return
        hook(low_water.region)


class _LowWater:
    """The hook of one region, and the calls that replace its raw ones.

    `is_armed` means that the next look that finds too few free frames counts as a crossing. `crossing` is what
    `_call_hook` takes. The calls are methods, not closures: a closure needs heap for more than five names and
    arguments, and `allocate_within` has that many arguments.
    """

    def __init__(self, region):
        self.region = region
        self.frames = 0
        self.crossing = None
        self.is_armed = False
        self.wrapper = self.wrap  # bound here, where there is heap for it

    def wrap(self, region, state, calls):
        """Return the calls that look, to replace `calls`: this is the wrapper for `wrap_calls`."""
        self._state = state
        self._alloc, self._alloc_aligned, self._alloc_at, self._free, self._allocate_within, self._resize = calls
        return self.alloc, self.alloc_aligned, self.alloc_at, self.free, self.allocate_within, self.resize

    def alloc(self, n):
        integer(n, "n")
        self.look()
        answer = self._alloc(n)
        self.look()
        return answer

    def alloc_aligned(self, n, align_frames):
        integer(n, "n")
        integer(align_frames, "align_frames")
        self.look()
        answer = self._alloc_aligned(n, align_frames)
        self.look()
        return answer

    def alloc_at(self, frame, n):
        integer(frame, "frame")
        integer(n, "n")
        self.look()
        answer = self._alloc_at(frame, n)
        self.look()
        return answer

    def free(self, frame):
        integer(frame, "frame")
        answer = self._free(frame)
        try:
            self.look()
        except RuntimeError:  # too deep to look; the frames are free all the same, and the next allocation looks
            pass
        return answer

    def allocate_within(self, n, align, boundary, low, high):
        self.look()
        answer = self._allocate_within(n, align, boundary, low, high)
        self.look()
        return answer

    def resize(self, first, count, n):
        self.look()
        answer = self._resize(first, count, n)
        self.look()
        return answer

    def look(self):
        """Schedule the hook if too few frames are free, once until there are enough. Uses no heap.

        RuntimeError if the program is too deep to enter this; it raises nothing after that. So a look before an
        allocation makes sure that the one after it raises nothing.

        Each allocation also looks before it allocates, so that frames freed by unwatched calls arm the hook. A handler
        may interrupt between any two lines: then one crossing may schedule the hook twice, but never not at all.
        """
        if self._state[_STATE_FREE] >= self.frames:
            self.is_armed = True
        elif self.is_armed:
            self.is_armed = False
            try:
                try_two_calls()  # the scheduler may call the hook before this returns
                micropython.schedule(_call_hook, self.crossing)
            except RuntimeError:  # too deep, or its queue is full: try again at the next call
                self.is_armed = True

    def set(self, frames, hook):
        crossing = (self, hook)
        self.frames = 0  # a handler that looks meanwhile can only arm it
        self.crossing = crossing
        self.is_armed = True
        self.frames = frames


def on_low(region, frames, hook):
    """Serve `physmem.on_low`, which says what this does."""
    expect_heap("on_low()")
    if not isinstance(region, Region):
        if not isinstance(region, str):
            wrong_type("region", "a Region or the name of one", region)
        region = region_named(region)
    integer(frames, "frames")
    if not 0 <= frames <= region.frames:
        mistake(
            "AddressOutOfRange",
            "frames is {}: give 0 to {}, the frames of {}",
            frames,
            region.frames,
            region.name,
        )
    if hook is not None and not callable(hook):
        wrong_type("hook", "callable or None", hook)
    low_water = None
    for other in _low_waters:
        if other.region is region:
            low_water = other
    if hook is not None and frames:
        if low_water is None:
            low_water = _LowWater(region)
            low_water.set(frames, hook)
            _low_waters.append(low_water)
            try:
                wrap_calls(region, low_water.wrapper)
            except MemoryError:
                _low_waters.remove(low_water)
                raise
        else:
            low_water.set(frames, hook)
    elif low_water is not None:
        unwrap_calls(region, low_water.wrapper)
        low_water.crossing = None  # calls that are still bound report nothing
        low_water.frames = 0
        _low_waters.remove(low_water)
