"""Learn when memory runs low, before it runs out.

    physmem.on_low("sram", 16, lambda region: cache.shrink())    # when fewer than 16 frames of sram are left

The raw calls of a watched region have a function around them, which costs some 2,000 instructions for a release and
4,000 for an allocation (Cortex-M3). The calls of other regions cost what they did before.
"""

import micropython
from physmem_engine import STATE_FREE
from physmem_errors import integer, mistake
from physmem_region import Region, unwrap_calls, wrap_calls
from physmem_system import region as region_named

_low_waters = []


class _LowWater:
    """The hook of one region, and the calls that replace its raw ones.

    `is_armed` means that the next look that finds too few free frames counts as a crossing. The calls are methods, not
    closures: a closure needs heap for more than five names and arguments, and `allocate_within` has that many
    arguments.
    """

    def __init__(self, region):
        self.region = region
        self.frames = 0
        self.hook = None
        self.is_armed = False
        # Bound here, where there is heap for it.
        self.wrapper = self.wrap
        self.tell = self.call_hook

    def wrap(self, region, state, calls):
        """Return the calls that look, to replace `calls`: this is the wrapper for `wrap_calls`."""
        self._state = state
        self._alloc, self._alloc_aligned, self._alloc_at, self._free, self._allocate_within = calls
        return self.alloc, self.alloc_aligned, self.alloc_at, self.free, self.allocate_within

    def alloc(self, n):
        self.look()
        answer = self._alloc(n)
        self.look()
        return answer

    def alloc_aligned(self, n, align):
        self.look()
        answer = self._alloc_aligned(n, align)
        self.look()
        return answer

    def alloc_at(self, frame, n):
        self.look()
        answer = self._alloc_at(frame, n)
        self.look()
        return answer

    def free(self, frame):
        answer = self._free(frame)
        self.look()
        return answer

    def allocate_within(self, n, align, boundary, low, high):
        self.look()
        answer = self._allocate_within(n, align, boundary, low, high)
        self.look()
        return answer

    def look(self):
        """Schedule the hook if too few frames are free, once until there are enough. Uses no heap and raises nothing.

        Each allocation also looks before it allocates, so that frames freed by unwatched calls arm the hook. A handler
        may interrupt between any two lines: then one crossing may schedule the hook twice, but never not at all.
        """
        if self._state[STATE_FREE] >= self.frames:
            self.is_armed = True
        elif self.is_armed:
            self.is_armed = False
            try:
                micropython.schedule(self.tell, self.hook)
            except RuntimeError:  # its queue is full: try again at the next call
                self.is_armed = True

    def call_hook(self, hook):
        """Call the hook, unless it was replaced or removed since the crossing."""
        if hook is self.hook and hook is not None:
            hook(self.region)

    def set(self, frames, hook):
        self.frames = 0  # a handler that looks meanwhile can only arm it
        self.hook = hook
        self.is_armed = True
        self.frames = frames


def on_low(region, frames, hook):
    """Have ``hook(region)`` called when an allocation, raw or by object, leaves fewer than `frames` frames of `region`
    free.

    `region` is a Region or the name of one. With None as the hook, or 0 frames, the region is no longer watched. A
    second call for the same region replaces the first.

    micropython.schedule calls the hook: soon, with the heap unlocked unless the program has locked it, and never in an
    interrupt handler, so the hook may allocate and free. It is called at least once for each crossing, and exactly once
    if no handler allocates or frees at that moment. The next crossing needs `frames` or more to have been free again,
    however they were freed. If the scheduler's queue is full, the next call tries again. If fewer are free already, the
    next allocation counts as a crossing.

    Guaranteed: while too few frames are free after an allocation, the hook has been scheduled since the crossing, or
    the queue was full. Not guaranteed: a shortage may go unnoticed if an interrupt handler ends it before the call it
    interrupted returns. Raw calls that were bound before the first `on_low` of a region are not watched.

    Do not call this while a handler uses the region. InvalidArgument if there is no such region, AddressOutOfRange if
    `frames` is below 0 or above the number of its frames, MemoryError if the heap is too small.
    """
    if not isinstance(region, Region):
        if not isinstance(region, str):
            raise TypeError("region must be a Region or the name of one, not %s" % type(region).__name__)
        region = region_named(region)
    integer(frames, "frames")
    if not 0 <= frames <= region.frames:
        mistake(
            "AddressOutOfRange",
            "cannot watch for {} free frames: give 0 to {}, the frames of {}",
            frames,
            region.frames,
            region.name,
        )
    if hook is not None and not callable(hook):
        raise TypeError("hook must be callable or None, not %s" % type(hook).__name__)
    low_water = None
    for other in _low_waters:
        if other.region is region:
            low_water = other
    if hook is not None and frames:
        if low_water is None:
            low_water = _LowWater(region)
            _low_waters.append(low_water)
            try:
                wrap_calls(region, low_water.wrapper)
            except MemoryError:
                _low_waters.remove(low_water)
                raise
        low_water.set(frames, hook)
    elif low_water is not None:
        low_water.set(0, None)
        unwrap_calls(region, low_water.wrapper)
        _low_waters.remove(low_water)
