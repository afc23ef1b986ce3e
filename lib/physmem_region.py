"""One kind of memory in frames, with its raw calls."""

import physmem_engine as engine
from micropython import const
from physmem_errors import integer, mistake, power_of_two
from uctypes import addressof

# Attributes of a region; `|` combines them.
DMA = const(1)  # DMA controllers reach it
FAST = const(2)  # no wait states: tightly coupled or internal memory
CACHED = const(4)  # behind a data cache
EXTERNAL = const(8)  # outside of the chip: PSRAM, SDRAM
RETAINED = const(16)  # keeps its content over a reset
SHARED = const(32)  # for interrupt handlers and the other core as well: its raw calls take a lock
RESERVED = const(64)  # handed out only by address (Theseus' reserved regions)


ATTRIBUTES = ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED", "RESERVED")  # by bit

_FRAME_SIZE = const(4096)
_SMALLEST_FRAME = const(32)
CACHE_LINE = const(32)  # bytes; Cortex-M7's, the only Cortex-M with a data cache of its own
_MOST_FRAMES = (1 << 30) - 64
_LARGEST = const(1 << 29)  # alignment and boundary in frames: the engine keeps 30 bits of a frame's number


def check_cache_line(name, frame_size, attrs, cache_line):
    """Refuse frames of a CACHED region that are no whole lines of its data cache. When DMA writes to a line that the
    processor has written to as well, one of them loses (micropython/micropython#13717)."""
    if not power_of_two(cache_line):
        mistake("InvalidArgument", "cache_line {} is not a power of two", cache_line)
    if attrs & CACHED and frame_size < cache_line:
        mistake(
            "InvalidArgument",
            "frames of {} bytes in the cached region {} would share cache lines of {}: make frame_size that",
            frame_size,
            name,
            cache_line,
        )


# Region: (its wrappers, the five calls without them), of those that have any. In the regions themselves they would
# change where each attribute is looked for, and with that what all calls cost. Replaced, never changed: a handler may
# be looking one up.
_wrapped = {}


class Region:
    """One kind of memory: `size` bytes from the address `base` on, in frames of `frame_size` bytes.

    `frame_size` is a power of two from 32, `base` and `size` are multiples of it. `attrs` is made of DMA, FAST, CACHED,
    EXTERNAL, RETAINED, SHARED. The frames of a CACHED region are whole lines of its data cache, of `cache_line` bytes,
    so that no two allocations share a line. The metadata is allocated here and never again: 2 bits and 3/16 of a bit a
    frame, the latter for 1,024 frames at a time, and 64 bytes. A region works on its own with its raw calls; `init`
    makes a set of them the system's.

    Raw calls, in frames of this region, counted from its base:

    - ``alloc(n)``: n contiguous frames, the lowest that are free.
    - ``alloc_aligned(n, align)``: the same; the address is a multiple of `align` frames, a power of two.
    - ``alloc_at(frame, n)``: the n frames from `frame` on.
    - ``free(frame)``: what was allocated as one, by its first frame. Double, interior and foreign frees are refused.

    They answer the first frame (`free`: the number of frames freed), or a negative code: OUT_OF_MEMORY,
    ZERO_ALLOCATION, ALLOCATION_TOO_LARGE, UNALIGNED_ADDRESS, ADDRESS_OUT_OF_RANGE, NOT_ALLOCATED, ADDRESS_NOT_FREE.
    They need no heap and raise nothing for small integers. They do not ask whether an AllocatedFrames owns what they
    free.

    In a SHARED region they may be called from a hard interrupt handler, or on the other core, while the program, or a
    handler of lower priority, is in one of them: on ARM they mask interrupts, and take the spin lock that the board's
    map names, while the bits of one allocation change, and only then; a search goes on without and begins again if the
    map has changed under it. In other regions handlers, cores and the program must not meet. Bind them once
    (``alloc = region.alloc``) and outside of the handler.
    """

    def __init__(self, name, base, size, frame_size=_FRAME_SIZE, attrs=0, cache_line=CACHE_LINE):
        if not isinstance(name, str):
            raise TypeError("name must be a str")
        integer(base, "base")
        integer(size, "size")
        integer(frame_size, "frame_size")
        integer(attrs, "attrs")
        integer(cache_line, "cache_line")
        if frame_size < _SMALLEST_FRAME or not power_of_two(frame_size):
            mistake("InvalidArgument", "frame_size {} is not a power of two from 32", frame_size)
        if attrs < 0 or attrs >= RESERVED << 1:
            mistake("InvalidArgument", "attrs {:#x} has bits that no attribute has", attrs)
        check_cache_line(name, frame_size, attrs, cache_line)
        if base < 0 or size < 0 or base + size > 1 << 64:
            mistake("AddressOutOfRange", "{} bytes at {:#x} do not lie in 64 bits of address", size, base)
        if base % frame_size or size % frame_size:
            mistake("UnalignedAddress", "base {:#x} or size {:#x} is no multiple of {}", base, size, frame_size)
        if size == 0:
            mistake("ZeroAllocation", "the region at {:#x} has no frame", base)
        if size // frame_size > _MOST_FRAMES:
            mistake("AllocationTooLarge", "{} frames are more than {}", size // frame_size, _MOST_FRAMES)
        self.name = name
        self.base = base
        self.end = base + size
        self.frame_size = frame_size
        self.frames = size // frame_size
        self.attrs = attrs
        self.shift = 0
        while 1 << self.shift < frame_size:
            self.shift += 1
        self.whole = name  # of what `init` carved it
        self._former = None
        state = engine.new_state(self.frames, base >> self.shift, attrs & SHARED)
        self._take(state, engine.raw_calls(state))

    def _take(self, state, calls):
        self._state = state
        self.address = addressof(state)  # of the metadata: what the engine's functions take
        self.alloc, self.alloc_aligned, self.alloc_at, self.free = calls
        if self in _wrapped:
            wrappers, unwrapped = _wrapped[self]
            self._bind(wrappers, calls + (unwrapped[4],))

    def wrap(self, wrapper):
        """Put functions around the raw calls: ``wrapper(region, calls)`` is given alloc, alloc_aligned, alloc_at, free
        and allocate_within, and returns five in their place. What was bound before stays without them."""
        wrappers, unwrapped = _wrapped.get(self) or ((), None)
        if not wrappers:
            unwrapped = (self.alloc, self.alloc_aligned, self.alloc_at, self.free, self.allocate_within)
        self._bind(wrappers + (wrapper,), unwrapped)

    def unwrap(self, wrapper):
        """Take away what `wrap` has put there; nothing if there is no such wrapper."""
        if self in _wrapped:
            wrappers, unwrapped = _wrapped[self]
            left = tuple([other for other in wrappers if other is not wrapper])
            if len(left) < len(wrappers):
                self._bind(left, unwrapped)

    def _bind(self, wrappers, unwrapped):
        global _wrapped
        # All that needs heap comes first.
        changed = dict(_wrapped)
        changed.pop(self, None)
        if wrappers:
            changed[self] = (wrappers, unwrapped)
        calls = unwrapped
        for wrapper in wrappers:
            calls = wrapper(self, calls)
        self.alloc, self.alloc_aligned, self.alloc_at, self.free, self.allocate_within = calls
        if not wrappers:
            del self.allocate_within
        _wrapped = changed

    def extend(self, end):
        """Take in the memory up to the address `end`. Raw calls bound before keep their old state, where nothing is
        left to allocate or to free, so that state is kept."""
        frames = (end - self.base) >> self.shift
        state = engine.extended_state(self._state, frames)
        calls = engine.raw_calls(state)
        former = (self._state, self._former)
        self._take(state, calls)
        self._former = former
        self.end = end
        self.frames = frames
        engine.empty(former[0])

    def __repr__(self):
        return "<Region %s %#x..%#x, %d of %d frames of %d bytes free>" % (
            self.name,
            self.base,
            self.end,
            self.free_frames,
            self.frames,
            self.frame_size,
        )

    def addr(self, frame):
        """Address in bytes of `frame`."""
        integer(frame, "frame")
        if not 0 <= frame < self.frames:
            mistake("AddressOutOfRange", "frame {} is not one of the {} of {}", frame, self.frames, self.name)
        return self.base + (frame << self.shift)

    def frame(self, addr):
        """The frame that contains the address `addr`."""
        integer(addr, "addr")
        if not self.base <= addr < self.end:
            mistake("AddressOutOfRange", "{:#x} is outside of {} ({:#x}..{:#x})", addr, self.name, self.base, self.end)
        return engine.frame_of(addr, self.base, self.shift)

    @property
    def number(self):
        """The number of the first frame, counted from address 0."""
        return engine.frame_of(self.base, 0, self.shift)

    @property
    def free_frames(self):
        """Frames that are free."""
        return self._state[engine.STATE_FREE]

    @property
    def used_frames(self):
        """Frames that are allocated."""
        return self.frames - self._state[engine.STATE_FREE]

    @property
    def peak_used(self):
        """The most frames that were ever allocated at once."""
        return self.frames - self._state[engine.STATE_FEWEST_FREE]

    @property
    def failed(self):
        """Searches of this region for frames anywhere, for no more than there are, that found none."""
        return self._state[engine.STATE_FAILED]

    def is_free(self, frame, n=1):
        """Whether the `n` frames from `frame` on are all the region's and free."""
        return 0 <= frame <= frame + n <= self.frames and engine.next_used(self.address, frame) >= frame + n

    def count(self, frame):
        """Frames of the allocation that begins with `frame`; 0 if none does."""
        return engine.count(self.address, frame) if 0 <= frame < self.frames else 0

    def largest_free(self, align=1):
        """The largest n for which ``alloc_aligned(n, align)`` succeeds, or 0; `align` in frames, a power of two."""
        integer(align, "align")
        if not power_of_two(align) or align >= 1 << 30:
            mistake("UnalignedAddress", "align {} is not a power of two below 2**30", align)
        return engine.largest_free(self._state, align)

    def runs(self):
        """Generate ``(first, count, free)`` for the runs of free frames and the allocations, by address."""
        frame = 0
        while frame < self.frames:
            end = engine.next_used(self.address, frame)
            if end > frame:
                yield frame, end - frame, True
                frame = end
            else:
                count = engine.count(self.address, frame) or 1  # 0 only if invariant 2 is broken
                yield frame, count, False
                frame += count

    def check(self):
        """What is wrong with the metadata: a list of sentences, each with the number of the invariant of
        physmem_engine that is broken; empty if all is well."""
        return ["%s: %s" % (self.name, sentence) for sentence in engine.check(self._state)]

    def recover(self):
        """Bring the metadata to what it was before or after a call that did not come to its end, and all that derives
        from its two rows to what they say. Returns the number of frames that became free by it. Nobody may be in a raw
        call meanwhile."""
        return engine.recover(self._state)

    def first_from(self, low):
        """The first frame that begins at the address `low` or above it; the number of frames if none does."""
        if low <= self.base:
            return 0
        if low >= self.end:
            return self.frames
        first = engine.frame_of(low, self.base, self.shift)
        return first + 1 if engine.offset_in_frame(low, self.frame_size) else first

    def end_before(self, high):
        """The frame behind the last one that ends at the address `high` or below it; None is no limit."""
        if high is None or high >= self.end:
            return self.frames
        return engine.frame_of(high, self.base, self.shift) if high > self.base else 0

    def allocate_within(self, n, align, boundary, low, high):
        """Raw: allocate `n` frames by the whole constraint tuple, all of it in bytes; `high` None for no limit."""
        shift = self.shift
        align >>= shift
        boundary >>= shift
        if boundary > _LARGEST:
            boundary = 0 if (self.base ^ (self.end - 1)) < boundary << shift else _LARGEST
        if align > _LARGEST:
            # At most one address of the region is a multiple of it.
            low = max(low, self.base)
            low += -low % (align << shift)
            high = min(low + (n << shift), self.end if high is None else high)
            align = 1
        if low == 0 and high is None and not boundary and not (_wrapped and self in _wrapped):
            return self.alloc(n) if align <= 1 else self.alloc_aligned(n, align)
        first = self.first_from(low)
        return engine.allocate_within(self.address, n, align or 1, boundary, first, self.end_before(high))
