"""One kind of memory in frames, with its raw calls."""

import physmem_engine as engine
import physmem_state
from micropython import const
from physmem_errors import integer, mistake, power_of_two
from uctypes import addressof

# Attributes of a region; `|` combines them.
DMA = const(1)  # DMA controllers reach it
FAST = const(2)  # no wait states: tightly coupled or internal memory
CACHED = const(4)  # behind a data cache
EXTERNAL = const(8)  # outside the chip: PSRAM, SDRAM
RETAINED = const(16)  # keeps its content over a reset
SHARED = const(32)  # for interrupt handlers and the other core as well: its raw calls take a lock
RESERVED = const(64)  # handed out only by address (Theseus' reserved regions)

ATTRIBUTES = ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED", "RESERVED")  # by bit

FRAME_SIZE = const(4096)  # bytes, unless the caller gives another
SMALLEST_FRAME = const(32)
CACHE_LINE = const(32)  # bytes; Cortex-M7's, the only Cortex-M with a data cache of its own
_MOST_FRAMES = (1 << 30) - 64
_LARGEST = const(1 << 29)  # alignment and boundary in frames: the engine keeps 30 bits of a frame's number


def attributes_named(words):
    """Return the attributes that a text such as "DMA FAST" names, as bits."""
    attrs = 0
    for word in words.split():
        if word not in ATTRIBUTES:
            mistake("InvalidArgument", "{} is not an attribute of a region: give any of {}", word, ATTRIBUTES)
        attrs |= 1 << ATTRIBUTES.index(word)
    return attrs


def check_frame_size(frame_size):
    """Raise InvalidArgument unless `frame_size`, in bytes, is a power of two from 32 up."""
    if frame_size < SMALLEST_FRAME or not power_of_two(frame_size):
        mistake("InvalidArgument", "frame_size {} is not a power of two from {} up", frame_size, SMALLEST_FRAME)


def check_cache_line(name, frame_size, attrs, cache_line):
    """Reject a CACHED region whose frames are smaller than a cache line; sizes in bytes.

    When DMA writes to a line that the processor has written to as well, one of the two writes is lost
    (micropython/micropython#13717).
    """
    if not power_of_two(cache_line):
        mistake("InvalidArgument", "cache_line {} is not a power of two", cache_line)
    if attrs & CACHED and frame_size < cache_line:
        mistake(
            "InvalidArgument",
            "frames of {} bytes in the cached region {} would share cache lines of {}: make frame_size at least that",
            frame_size,
            name,
            cache_line,
        )


# Region: (its wrappers, the five calls without them), for wrapped regions only. Kept outside Region: an extra attribute
# would move the others in the instance's dict and change the cost of every call. The dict is replaced, never changed,
# because a handler may be reading it.
_wrapped = {}


class Region:
    """One kind of memory: `size` bytes from the address `base` on, in frames of `frame_size` bytes.

    `frame_size` is a power of two from 32 up, `base` and `size` are multiples of it. `attrs` combines DMA, FAST,
    CACHED, EXTERNAL, RETAINED, SHARED. The frames of a CACHED region are whole lines of its data cache, of `cache_line`
    bytes, so that no two allocations share a line. The metadata is allocated here: 2 bits and 3/16 of a bit a frame,
    the latter for 1,024 frames at a time, and 68 bytes. You can use a region on its own with its raw calls; `init`
    makes a set of regions the system's.

    Raw calls, in frames of this region, counted from its base:

    - ``alloc(n)`` allocates n contiguous frames, the lowest that are free.
    - ``alloc_aligned(n, align)`` does the same at an address that is a multiple of `align` frames, a power of two.
    - ``alloc_at(frame, n)`` allocates the n frames from `frame` on.
    - ``free(frame)`` frees one allocation by its first frame. It refuses double, interior and foreign frees.

    They return the first frame (`free`: the number of frames freed), or a negative code: OUT_OF_MEMORY,
    ZERO_ALLOCATION, ALLOCATION_TOO_LARGE, UNALIGNED_ADDRESS, ADDRESS_OUT_OF_RANGE, NOT_ALLOCATED, ADDRESS_NOT_FREE.
    They need no heap and raise nothing for small integers. They do not check whether an AllocatedFrames owns what they
    free.

    In a SHARED region you may call them from a hard interrupt handler, or on the other core, while the program or a
    handler of lower priority is inside one of them. On ARM they mask interrupts, and take the spin lock that the board
    names, only while the bits of one allocation change. A search runs without the lock, and starts again if the bitmap
    changed under it. In other regions handlers, cores and the program must not meet. Bind the calls once
    (``alloc = region.alloc``), outside the handler.
    """

    def __init__(self, name, base, size, frame_size=FRAME_SIZE, attrs=0, cache_line=CACHE_LINE):
        if not isinstance(name, str):
            raise TypeError("name must be a str")
        integer(base, "base")
        integer(size, "size")
        integer(frame_size, "frame_size")
        integer(attrs, "attrs")
        integer(cache_line, "cache_line")
        check_frame_size(frame_size)
        if attrs < 0 or attrs >= RESERVED << 1:
            mistake("InvalidArgument", "attrs {:#x} has bits that no attribute has", attrs)
        check_cache_line(name, frame_size, attrs, cache_line)
        if base < 0 or size < 0 or base + size > 1 << 64:
            mistake("AddressOutOfRange", "{} bytes at {:#x} do not fit in 64 bits", size, base)
        if base % frame_size or size % frame_size:
            mistake(
                "UnalignedAddress",
                "base {:#x} or size {:#x} is not a multiple of {}, the frame size",
                base,
                size,
                frame_size,
            )
        if size == 0:
            mistake("ZeroAllocation", "the region at {:#x} has a size of 0: it needs at least one frame", base)
        if size // frame_size > _MOST_FRAMES:
            mistake(
                "AllocationTooLarge",
                "{} frames are too many for one region: at most {}",
                size // frame_size,
                _MOST_FRAMES,
            )
        self.name = name
        self.base = base
        self.end = base + size
        self.frame_size = frame_size
        self.frames = size // frame_size
        self.attrs = attrs
        self.shift = 0
        while 1 << self.shift < frame_size:
            self.shift += 1
        self.whole = name  # the name of the range that `init` carved it from
        self._former = None
        state = physmem_state.new_state(self.frames, base >> self.shift, attrs & SHARED)
        self._take(state, engine.raw_calls(state))

    def _take(self, state, calls):
        self._state = state
        self.address = addressof(state)  # of the metadata; the engine's functions take it
        # `free` first: MicroPython then finds it at the first try in the instance's dict.
        _, _, _, self.free = calls
        self.alloc, self.alloc_aligned, self.alloc_at, _ = calls
        if self in _wrapped:
            wrappers, unwrapped = _wrapped[self]
            _bind(self, wrappers, calls + (unwrapped[4],))

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
        """Return the address of `frame`, in bytes. AddressOutOfRange if it is not in the region."""
        integer(frame, "frame")
        if not 0 <= frame < self.frames:
            mistake("AddressOutOfRange", "frame {} is not one of the {} frames of {}", frame, self.frames, self.name)
        return self.base + (frame << self.shift)

    def frame(self, addr):
        """Return the frame that contains the address `addr`. AddressOutOfRange if none does."""
        integer(addr, "addr")
        if not self.base <= addr < self.end:
            mistake("AddressOutOfRange", "{:#x} is outside {} ({:#x}..{:#x})", addr, self.name, self.base, self.end)
        return engine.frame_of(addr, self.base, self.shift)

    @property
    def free_frames(self):
        """The number of free frames."""
        return self._state[engine.STATE_FREE]

    @property
    def used_frames(self):
        """The number of allocated frames."""
        return self.frames - self._state[engine.STATE_FREE]

    @property
    def peak_used(self):
        """The largest number of frames that were ever allocated at once."""
        return self.frames - self._state[engine.STATE_FEWEST_FREE]

    @property
    def failed(self):
        """The number of searches that found no frames. Calls by address, or for more than there is, do not search."""
        return self._state[engine.STATE_FAILED]

    def is_free(self, frame, n=1):
        """Return whether the `n` frames from `frame` on are all in the region and free."""
        return 0 <= frame <= frame + n <= self.frames and engine.next_used(self.address, frame) >= frame + n

    def count(self, frame):
        """Return the number of frames in the allocation that starts at `frame`; 0 if none does."""
        return engine.count(self.address, frame) if 0 <= frame < self.frames else 0

    def largest_free(self, align=1):
        """Return the largest n for which ``alloc_aligned(n, align)`` would succeed, or 0; `align` is in frames, a power
        of two."""
        integer(align, "align")
        if not power_of_two(align) or align >= 1 << 30:
            mistake("UnalignedAddress", "align {} is not a power of two below 2**30 (in frames)", align)
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
        """Return what is wrong with the metadata: a list of sentences, each with the number of the broken invariant of
        physmem_engine; empty if all is well."""
        return ["%s: %s" % (self.name, sentence) for sentence in physmem_state.check(self._state)]

    def recover(self):
        """Bring the metadata to what it was before or after a call that was cut off, and rebuild all that derives from
        its two rows. Return the number of frames that this freed. No raw call may run meanwhile."""
        return physmem_state.recover(self._state)

    def allocate_within(self, n, align, boundary, low, high):
        """Allocate `n` frames under constraints in bytes, and return as the raw calls do; `high` None sets no limit."""
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
        first = first_frame_from(self, low)
        return engine.allocate_within(self.address, n, align or 1, boundary, first, end_frame_before(self, high))


def merit(region):
    """Return the key by which requests sort regions: first those that serve fewer purposes, then the smaller ones."""
    merits = sum([bool(region.attrs & attribute) for attribute in (DMA, FAST, RETAINED, SHARED)])
    return merits, region.end - region.base, region.base


def wrap_calls(region, wrapper):
    """Put functions around the raw calls of `region`. Calls bound before do not get them.

    ``wrapper(region, state, calls)`` takes the state of the engine and the five calls alloc, alloc_aligned, alloc_at,
    free and allocate_within, and returns five to replace them. It is called again when the region gets another state.
    physmem_low and the debug tiers watch a region this way; it is the only way to change its calls.
    """
    wrappers, unwrapped = _wrapped.get(region) or ((), None)
    if not wrappers:
        unwrapped = (region.alloc, region.alloc_aligned, region.alloc_at, region.free, region.allocate_within)
    _bind(region, wrappers + (wrapper,), unwrapped)


def unwrap_calls(region, wrapper):
    """Remove what `wrap_calls` put around the calls. Does nothing if there is no such wrapper."""
    if region in _wrapped:
        wrappers, unwrapped = _wrapped[region]
        left = tuple([other for other in wrappers if other is not wrapper])
        if len(left) < len(wrappers):
            _bind(region, left, unwrapped)


def _bind(region, wrappers, unwrapped):
    """Give the region the calls `unwrapped` with the wrappers around them."""
    global _wrapped
    # All that needs heap comes first.
    changed = dict(_wrapped)
    changed.pop(region, None)
    if wrappers:
        changed[region] = (wrappers, unwrapped)
    calls = unwrapped
    for wrapper in wrappers:
        calls = wrapper(region, region._state, calls)
    region.alloc, region.alloc_aligned, region.alloc_at, region.free, region.allocate_within = calls
    if not wrappers:
        del region.allocate_within
    _wrapped = changed


def extend_region(region, end):
    """Extend `region` up to the address `end`, in bytes.

    Raw calls bound before still use the old state, in which nothing is left to allocate or to free, so the region keeps
    that state alive.
    """
    frames = (end - region.base) >> region.shift
    state = physmem_state.extended_state(region._state, frames)
    calls = engine.raw_calls(state)
    former = (region._state, region._former)
    region._take(state, calls)
    region._former = former
    region.end = end
    region.frames = frames
    physmem_state.empty(former[0])


def empty_region(region):
    """Empty `region`, whose memory now belongs to other regions: nothing in it can be allocated or freed."""
    physmem_state.empty(region._state)


def first_number(region):
    """Return the frame number of the first frame of `region`: its address divided by the frame size. Needs no heap."""
    return engine.frame_of(region.base, 0, region.shift)


def first_frame_from(region, low):
    """Return the first frame that starts at the address `low` or above; the number of frames if none does."""
    if low <= region.base:
        return 0
    if low >= region.end:
        return region.frames
    first = engine.frame_of(low, region.base, region.shift)
    return first + 1 if engine.offset_in_frame(low, region.frame_size) else first


def end_frame_before(region, high):
    """Return one past the last frame that ends at the address `high` or below; None sets no limit."""
    if high is None or high >= region.end:
        return region.frames
    return engine.frame_of(high, region.base, region.shift) if high > region.base else 0
