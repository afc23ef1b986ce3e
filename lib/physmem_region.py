"""One kind of memory in frames, with its raw calls."""

import physmem_engine as engine
import physmem_state
from micropython import const
from physmem_errors import (
    expect_heap,
    integer,
    mistake,
    needs_heap,
    not_permitted_in_handler,
    power_of_two,
    wrong_type,
)
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


def attributes(value, name):
    """Return attributes as bits, given as bits or as their names, such as "DMA FAST"; errors call them `name`.

    Names need heap: NotPermitted without it.
    """
    if not isinstance(value, str):
        if not 0 <= integer(value, name) < RESERVED << 1:
            text = "{} {:#x} has bits that no attribute has: combine DMA, FAST and so on"
            mistake("InvalidArgument", text, name, value)
        return int(value)
    attrs = 0
    try:
        words = value.split()
    except MemoryError:
        needs_heap("attributes as text")
    for word in words:
        if word not in ATTRIBUTES:
            mistake("InvalidArgument", "{} {!r} has no such attribute: give any of {}", name, word, ATTRIBUTES)
        attrs |= 1 << ATTRIBUTES.index(word)
    return attrs


def attribute_names(attrs):
    """Return the names of the attributes in `attrs`, such as "DMA FAST"."""
    return " ".join([name for bit, name in enumerate(ATTRIBUTES) if (attrs >> bit) & 1])


def check_frame_size(frame_size):
    """Raise InvalidArgument unless `frame_size`, in bytes, is a power of two from 32 up."""
    if frame_size < SMALLEST_FRAME or not power_of_two(frame_size):
        mistake("InvalidArgument", "frame_size {} is not a power of two from {} up", frame_size, SMALLEST_FRAME)


def check_cache_line(name, frame_size, attrs, cache_line):
    """Reject a CACHED region whose frames are smaller than a cache line; sizes in bytes.

    When DMA writes to a line that the processor has written to as well, one of the two writes is lost
    (micropython/micropython#13717).
    """
    if not power_of_two(integer(cache_line, "cache_line")):
        mistake("InvalidArgument", "cache_line {} is not a power of two", cache_line)
    if attrs & CACHED and frame_size < cache_line:
        mistake(
            "InvalidArgument",
            "frames of {} bytes in the cached region {} would share cache lines of {}: make frame_size at least that",
            frame_size,
            name,
            cache_line,
        )


# Region: (its wrappers, the six calls without them, the sixth with them), for wrapped regions only. Kept outside
# Region: an extra attribute would move the others in the instance's dict and change the cost of every call. The dict is
# replaced, never changed, because a handler may be reading it.
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
    - ``alloc_aligned(n, align_frames)`` does the same at an address that is a multiple of that many frames, a power of
      two.
    - ``alloc_at(frame, n)`` allocates the n frames from `frame` on.
    - ``free(frame)`` frees one allocation by its first frame. It refuses double, interior and foreign frees.

    They return the first frame (`free`: the number of frames freed), or a negative code: OUT_OF_MEMORY,
    ZERO_ALLOCATION, ALLOCATION_TOO_LARGE, UNALIGNED_ADDRESS, ADDRESS_OUT_OF_RANGE, NOT_ALLOCATED, ADDRESS_NOT_FREE,
    NOT_PERMITTED. They need no heap and raise nothing for integers; what is not an integer is a TypeError that names
    the argument. They do not check whether an AllocatedFrames owns what they free.

    In a SHARED region you may call them from a hard interrupt handler, or on the other core, while the program or a
    handler of lower priority is inside one of them. On ARM they mask interrupts, and take the spin lock that the board
    names, only while the bits of one allocation change. A search runs without the lock, and starts again if the bitmap
    changed under it. In other regions the calls return NOT_PERMITTED in a hard interrupt handler, and change nothing.
    On a chip with two cores their calls take the lock too, so that both cores may use them. Bind the calls once
    (``alloc = region.alloc``), outside the handler.
    """

    def __init__(self, name, base, size, frame_size=FRAME_SIZE, attrs=0, cache_line=CACHE_LINE):
        if not isinstance(name, str):
            wrong_type("name", "a str", name)
        integer(base, "base")
        integer(size, "size")
        integer(frame_size, "frame_size")
        integer(attrs, "attrs")
        integer(cache_line, "cache_line")
        check_frame_size(frame_size)
        if attrs < 0 or attrs >= RESERVED << 1:
            mistake("InvalidArgument", "attrs {:#x} has bits that no attribute has", attrs)
        check_cache_line(name, frame_size, attrs, cache_line)
        if attrs & SHARED and physmem_state.lacks_spin_lock():
            mistake(
                "InvalidArgument",
                "region {} is SHARED, but this chip has two cores and nothing keeps the other out: name a spin lock, "
                "as SPIN_LOCK in physmem_board.py or with init(spin_lock=...)",
                name,
            )
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
            wrappers, unwrapped, _ = _wrapped[self]
            _bind(self, wrappers, calls + unwrapped[4:])

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
        try:
            return self.base + (frame << self.shift)
        except MemoryError:
            needs_heap("addr() above 0x3FFFFFFF")

    def frame(self, addr):
        """Return the frame that contains the address `addr`. AddressOutOfRange if none does."""
        integer(addr, "addr")
        if not self.base <= addr < self.end:
            mistake("AddressOutOfRange", "addr {:#x} is outside {}, {:#x}..{:#x}", addr, self.name, self.base, self.end)
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
        """The largest number of frames that were allocated at once, ever or since `reset_peak`."""
        return self.frames - self._state[engine.STATE_FEWEST_FREE]

    def reset_peak(self):
        """Start a new measurement of `peak_used`: make it the number of frames allocated now. Needs no heap.

        NotPermitted in an interrupt handler, unless the region is SHARED.
        """
        if engine.forget_fewest(self.address) < 0:
            not_permitted_in_handler()

    @property
    def failed(self):
        """The number of searches that found no frames. Calls by address, or for more than there is, do not search."""
        return self._state[engine.STATE_FAILED]

    def is_free(self, frame, n=1):
        """Return whether the `n` frames from `frame` on are all in the region and free."""
        integer(frame, "frame")
        integer(n, "n")
        return 0 <= frame <= frame + n <= self.frames and engine.next_used(self.address, frame) >= frame + n

    def count(self, frame):
        """Return the number of frames in the allocation that starts at `frame`; 0 if none does."""
        integer(frame, "frame")
        return engine.count(self.address, frame) if 0 <= frame < self.frames else 0

    def largest_free(self, align_frames=1):
        """Return the largest n for which ``alloc_aligned(n, align_frames)`` would succeed, or 0; `align_frames` is a
        power of two."""
        integer(align_frames, "align_frames")
        if not power_of_two(align_frames) or align_frames >= 1 << 30:
            mistake("UnalignedAddress", "align_frames {} is not a power of two below 2**30", align_frames)
        return engine.largest_free(self._state, align_frames)

    def runs(self):
        """Generate ``(first, count, free)`` for the runs of free frames and the allocations, by address. Needs heap."""
        expect_heap("runs()")
        return _runs(self)

    def check(self):
        """Return what is wrong with the metadata: a list of sentences, each with the number of the broken invariant of
        physmem_engine; empty if all is well. Needs heap."""
        expect_heap("check()")
        return _check(self)

    def recover(self):
        """Bring the metadata to what it was before or after a call that was cut off, and rebuild all that derives from
        its two rows. Return the number of frames that this freed. No raw call may run meanwhile: NotPermitted in an
        interrupt handler."""
        if engine.in_handler():
            mistake("NotPermitted", "a handler may have interrupted a raw call: call recover() from the program")
        return physmem_state.recover(self._state)

    def allocate_within(self, n, align, boundary, low, high):
        """Allocate `n` frames under constraints in bytes, and return as the raw calls do; `high` None sets no limit.

        For `physmem.allocate_frames` and its siblings, which have checked the arguments: call those.
        """
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

    def _resize(self, first, count, n):
        """Resize as `resize_frames` does, with no wrapper around it."""
        return engine.resize_allocation(self.address, first, count, n)


def resize_frames(region, first, count, n):
    """Make the allocation of `count` frames that starts at the frame `first` one of `n` >= 1 frames, in place.

    Return `n`, or a negative code, with nothing changed: ADDRESS_NOT_FREE if the frames behind it are in use,
    ADDRESS_OUT_OF_RANGE if they are not in the region, NOT_ALLOCATED if there is no such allocation, NOT_PERMITTED in
    an interrupt handler if the region is not SHARED. Needs no heap.
    """
    if _wrapped and region in _wrapped:
        return _wrapped[region][2](first, count, n)
    return engine.resize_allocation(region.address, first, count, n)


def _runs(region):
    frame = 0
    while frame < region.frames:
        end = engine.next_used(region.address, frame)
        if end > frame:
            yield frame, end - frame, True
            frame = end
        else:
            count = engine.count(region.address, frame) or 1  # 0 only if invariant 2 is broken
            yield frame, count, False
            frame += count


def _check(region):
    return ["%s: %s" % (region.name, sentence) for sentence in physmem_state.check(region._state)]


def merit(region):
    """Return the key by which requests sort regions: first those that serve fewer purposes, then the smaller ones."""
    merits = sum([bool(region.attrs & attribute) for attribute in (DMA, FAST, RETAINED, SHARED)])
    return merits, region.end - region.base, region.base


def wrap_calls(region, wrapper):
    """Put functions around the raw calls of `region`. Calls bound before do not get them.

    ``wrapper(region, state, calls)`` takes the state of the engine and the six calls alloc, alloc_aligned, alloc_at,
    free, allocate_within and ``resize(first, count, n)`` (see `resize_frames`), and returns six to replace them. It is
    called again when the region gets another state. physmem_low and the debug tiers watch a region this way; it is the
    only way to change its calls.
    """
    wrappers, unwrapped, _ = _wrapped.get(region) or ((), None, None)
    if not wrappers:
        unwrapped = (region.alloc, region.alloc_aligned, region.alloc_at, region.free)
        unwrapped += (region.allocate_within, region._resize)
    _bind(region, wrappers + (wrapper,), unwrapped)


def unwrap_calls(region, wrapper):
    """Remove what `wrap_calls` put around the calls. Does nothing if there is no such wrapper."""
    if region in _wrapped:
        wrappers, unwrapped, _ = _wrapped[region]
        left = tuple([other for other in wrappers if other is not wrapper])
        if len(left) < len(wrappers):
            _bind(region, left, unwrapped)


def _bind(region, wrappers, unwrapped):
    """Give the region the calls `unwrapped` with the wrappers around them."""
    global _wrapped
    # All that needs heap comes first.
    changed = dict(_wrapped)
    changed.pop(region, None)
    calls = unwrapped
    for wrapper in wrappers:
        calls = wrapper(region, region._state, calls)
    if wrappers:
        changed[region] = (wrappers, unwrapped, calls[5])
    region.alloc, region.alloc_aligned, region.alloc_at, region.free, region.allocate_within, _ = calls
    if not wrappers:
        del region.allocate_within
    _wrapped = changed


def extend_region(region, end):
    """Extend `region` up to the address `end`, in bytes.

    UnalignedAddress if `end` is not a multiple of the frame size, AddressOutOfRange if it is not above the present end,
    AllocationTooLarge if the region would have too many frames; nothing has changed then. Raw calls bound before still
    use the old state, in which nothing is left to allocate or to free, so the region keeps that state alive.
    """
    if integer(end, "end") % region.frame_size:
        mistake("UnalignedAddress", "end {:#x} is not a multiple of {}, the frame size", end, region.frame_size)
    if end <= region.end:
        mistake("AddressOutOfRange", "end {:#x} is not above {:#x}, where {} ends", end, region.end, region.name)
    frames = (end - region.base) >> region.shift
    if frames > _MOST_FRAMES:
        mistake("AllocationTooLarge", "{} frames are too many for one region: at most {}", frames, _MOST_FRAMES)
    state = physmem_state.extended_state(region._state, frames)
    calls = engine.raw_calls(state)
    former = (region._state, region._former)
    region._take(state, calls)
    region._former = former
    region.end = end
    region.frames = frames
    physmem_state.empty(former[0])


def empty_region(region):
    """Empty `region`, whose memory the system has forgotten or given to other regions: nothing in it can be allocated
    or freed."""
    physmem_state.empty(region._state)


def is_emptied(region):
    """Return whether `empty_region` has emptied `region`. Only that leaves a first frame that is in use and not a
    start."""
    return not region.is_free(0) and not region.count(0)


def refill_region(region):
    """Give a region that was emptied a new state, in which all frames are free. Raw calls bound before still find
    nothing."""
    state = physmem_state.new_state(region.frames, region.base >> region.shift, region.attrs & SHARED)
    region._take(state, engine.raw_calls(state))


def is_watched(region):
    """Return whether `wrap_calls` has put something around the calls of `region`."""
    return region in _wrapped


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
