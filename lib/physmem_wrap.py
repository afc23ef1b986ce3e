"""Put functions around the calls of regions.

A module of its own, so that watching a region keeps nothing else in the heap of what physmem_region loads on first use.
"""

import physmem_engine as engine
import physmem_region


def wrap_calls(region, wrapper):
    """Put functions around the raw calls of `region`. Calls bound before do not get them.

    ``wrapper(region, state, calls)`` takes the state of the engine and the six calls alloc, alloc_aligned, alloc_at,
    free, allocate_within and ``resize(first, count, n)`` (see `resize_frames`), and returns six to replace them. It is
    called again when the region gets another state. physmem_low and the debug tiers watch a region this way; it is the
    only way to change its calls.
    """
    wrappers = ()
    if region in physmem_region._wrapped:
        wrappers, unwrapped, _, _ = physmem_region._wrapped[region]
    else:
        inner = _Unwrapped(region)
        unwrapped = (
            region.alloc,
            region.alloc_aligned,
            region.alloc_at,
            region.free,
            inner.allocate_within,
            inner.resize,
        )
    bind(region, wrappers + (wrapper,), unwrapped)


class _Unwrapped:
    """The calls of `region` that are not its attributes, with no wrapper around them.

    They are methods, not closures: a closure needs heap for more than five names and arguments.
    """

    def __init__(self, region):
        self._region = region

    def allocate_within(self, n, align, boundary, low, high):
        return self._region.allocate_within(n, align, boundary, low, high, True)

    def resize(self, first, count, n):
        return engine.resize_allocation(self._region.address, first, count, n)


def unwrap_calls(region, wrapper):
    """Remove what `wrap_calls` put around the calls. Does nothing if there is no such wrapper."""
    if region in physmem_region._wrapped:
        wrappers, unwrapped, _, _ = physmem_region._wrapped[region]
        left = tuple([other for other in wrappers if other is not wrapper])
        if len(left) < len(wrappers):
            bind(region, left, unwrapped)


def bind(region, wrappers, unwrapped):
    """Give the region the calls `unwrapped` with the wrappers around them."""
    # All that needs heap comes first.
    changed = dict(physmem_region._wrapped)
    changed.pop(region, None)
    calls = unwrapped
    for wrapper in wrappers:
        calls = wrapper(region, region._state, calls)
    if wrappers:
        changed[region] = (wrappers, unwrapped, calls[5], calls[4])
    # No attribute more or less: the region's table would grow, and its calls would cost more from then on.
    region.alloc, region.alloc_aligned, region.alloc_at, region.free, _, _ = calls
    physmem_region._wrapped = changed
