"""Be told when memory runs low, before it has run out; loaded when `physmem.on_low` is first named.

    physmem.on_low("sram", 16, lambda region: cache.shrink())    # when fewer than 16 frames of sram are left

The raw calls of a region that is watched have a function around them, which costs some 2,000 instructions for a release
and 4,000 for an allocation (Cortex-M3); those of all other regions cost what they did.
"""

import micropython
import physmem
from physmem_engine import STATE_FREE
from physmem_errors import integer, mistake
from physmem_region import Region

_watches = []


class _Watch:
    """The hook of one region, and the calls in the place of its raw ones.

    `is_armed` says that the next look at few free frames is one at a crossing. The calls are methods, not closures:
    a closure needs heap for more than five variables and arguments, `allocate_within` has that many of its own.
    """

    def __init__(self, region):
        self.region = region
        self.frames = 0
        self.hook = None
        self.is_armed = False
        # Bound here, where there is heap for it.
        self.wrapper = self.wrap
        self.tell = self.call_hook

    def wrap(self, region, calls):
        """The wrapper that Region.wrap takes. It is called again when the region gets another state."""
        self._state = region._state
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
        """Schedule the hook if few frames are free, once until there are more. Uses no heap and raises nothing.

        Each allocation looks before as well, so that what was freed by calls that are not watched arms it. A handler
        may come in between any two lines: then it may be scheduled twice for one crossing, but not left out.
        """
        if self._state[STATE_FREE] >= self.frames:
            self.is_armed = True
        elif self.is_armed:
            self.is_armed = False
            try:
                micropython.schedule(self.tell, self.hook)
            except RuntimeError:  # its queue is full: at the next call
                self.is_armed = True

    def call_hook(self, hook):
        """Call the hook that there was at the crossing, unless it was replaced or taken away."""
        if hook is self.hook and hook is not None:
            hook(self.region)

    def set(self, frames, hook):
        self.frames = 0  # a handler that looks meanwhile arms it, at most
        self.hook = hook
        self.is_armed = True
        self.frames = frames


def on_low(region, frames, hook):
    """Have ``hook(region)`` called when an allocation, raw or by object, leaves fewer than `frames` frames of `region`
    free; `region` is a Region or the name of one. None for the hook, or 0 frames, ends that. A second call for the same
    region replaces the first.

    The hook is called by micropython.schedule: soon, with the heap unlocked unless the program has locked it, never in
    an interrupt handler, so it may allocate and free whatever it likes. It is called at least once for each crossing:
    once, if no handler allocates or frees at that moment. The next crossing is one after `frames` or more were free
    again, whoever freed them. If the scheduler's queue is full, it is tried again at the next call. Where there are
    fewer free to begin with, the next allocation counts as a crossing.

    What is guaranteed: as long as few frames are free after an allocation, the hook has been scheduled since that
    crossing, or the queue was full. Not guaranteed: that a shortage is noticed which a handler ends before the call
    that it came in has returned. Raw calls that were bound before the first `on_low` of a region are not watched.

    Not while a handler uses the region. PhysMemError InvalidArgument if there is no such region, AddressOutOfRange if
    `frames` is not 0 to the number of its frames.
    """
    if not isinstance(region, Region):
        if not isinstance(region, str):
            raise TypeError("region must be a Region or the name of one")
        region = physmem.region(region)
    integer(frames, "frames")
    if not 0 <= frames <= region.frames:
        mistake("AddressOutOfRange", "{} is not within 0..{}, the frames of {}", frames, region.frames, region.name)
    if hook is not None and not callable(hook):
        raise TypeError("hook must be callable or None")
    watch = None
    for other in _watches:
        if other.region is region:
            watch = other
    if hook is not None and frames:
        if watch is None:
            watch = _Watch(region)
            _watches.append(watch)
            try:
                region.wrap(watch.wrapper)
            except MemoryError:
                _watches.remove(watch)
                raise
        watch.set(frames, hook)
    elif watch is not None:
        watch.set(0, None)
        region.unwrap(watch.wrapper)
        _watches.remove(watch)
