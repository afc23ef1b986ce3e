"""One kind of memory in frames, with its raw calls.

What is done to a region less often stands in physmem_upkeep, which is loaded on first use.
"""

import physmem_engine as engine
import physmem_errors as errors
from micropython import const

_STATE_FREE = const(1)  # words of a state, as physmem_engine has them
_STATE_FEWEST_FREE = const(2)
_STATE_FAILED = const(3)
del const  # with one more name the table of this module would take more heap

# Attributes of a region; `|` combines them.
DMA = 1  # the chip's general-purpose DMA controllers reach it
FAST = 2  # no wait states: tightly coupled or internal memory
CACHED = 4  # behind a data cache
EXTERNAL = 8  # outside the chip: PSRAM, SDRAM
RETAINED = 16  # keeps its content over a reset
SHARED = 32  # for interrupt handlers as well: one call may interrupt another at any instruction
RESERVED = 64  # handed out only by address (Theseus' reserved regions)

# Their names, by bit. `boot` adds the bus masters of the memory plan, from bit 7 on.
ATTRIBUTES = ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED", "RESERVED")

# `import sys` would be one name more, and so make the table of this module larger.
ADDRESS_BITS = 32 if __import__("sys").maxsize < 1 << 32 else 52

FRAME_SIZE = 4096  # bytes, unless the caller gives another
CACHE_LINE = 32  # bytes; Cortex-M7's, the only Cortex-M with a data cache of its own


def attributes(value, name):
    """Return attributes as bits, given as bits or as their names, such as "DMA FAST"; errors call them `name`.

    Names need heap: NotPermitted without it.
    """
    if not isinstance(value, str):
        if not 0 <= errors.integer(value, name) < 1 << len(ATTRIBUTES):
            text = "{} {:#x} has bits that no attribute has: combine DMA, FAST and so on"
            errors.mistake("InvalidArgument", text, name, value)
        return int(value)
    attrs = 0
    try:
        words = value.split()
    except MemoryError:
        errors.needs_heap("attributes as text")
    for word in words:
        if word not in ATTRIBUTES:
            errors.mistake("InvalidArgument", "{} {!r} has no such attribute: give any of {}", name, word, ATTRIBUTES)
        attrs |= 1 << ATTRIBUTES.index(word)
    return attrs


# Region: (its wrappers, the six calls without them, the sixth and the fifth with them), for wrapped regions only. Kept
# outside Region: an extra attribute would move the others in the instance's dict and change the cost of every call.
# physmem_wrap replaces the dict and never changes it, because a handler may be reading it. An empty dict takes heap.
_wrapped = ()


class Region:
    """One kind of memory: `size` bytes from the address `base` on, in frames of `frame_size` bytes.

    `frame_size` is a power of two from 32 up, `base` and `size` are multiples of it. `attrs` combines DMA, FAST,
    CACHED, EXTERNAL, RETAINED, SHARED and the bits of the board's bus masters. The frames of a CACHED region are whole
    lines of its data cache, of `cache_line` bytes, so that no two allocations share a line. The metadata is allocated
    here: 2 bits and 3/16 of a bit a frame, the latter for 1,024 frames at a time, and 68 bytes. You can use a region on
    its own with its raw calls; `init` makes a set of regions the system's. UnalignedAddress for a
    base or a size that is not whole frames, ZeroAllocation for no frames, AddressOutOfRange for an end above 64 bits,
    InvalidArgument for a frame size or attributes that cannot be.

    Raw calls, in frames of this region, counted from its base:

    - ``alloc(n)`` allocates n contiguous frames, the lowest that are free.
    - ``alloc_aligned(n, align_frames)`` allocates the lowest n that are free from an address on that is a multiple of
      that many frames, a power of two.
    - ``alloc_at(frame, n)`` allocates the n frames from `frame` on.
    - ``free(frame)`` frees one allocation by its first frame. It refuses double, interior and foreign frees.

    They return the first frame (`free`: the number of frames freed), or a negative code: OUT_OF_MEMORY,
    ZERO_ALLOCATION, ALLOCATION_TOO_LARGE, UNALIGNED_ADDRESS, ADDRESS_OUT_OF_RANGE, NOT_ALLOCATED, ADDRESS_NOT_FREE,
    NOT_PERMITTED. They need no heap and raise nothing for integers; what is not an integer is a TypeError that names
    the argument. They do not check whether an AllocatedFrames owns what they free.

    In a SHARED region you may call them from a hard interrupt handler while the program, the other core or a handler
    of lower priority is inside one of them. On ARM they mask interrupts, and take the spin lock that the board
    names, only while the bits of one allocation change. A search runs without the lock, and starts again if the bitmap
    changed under it. In other regions the calls return NOT_PERMITTED in a hard interrupt handler, and change nothing.
    On a chip with two cores their calls take the lock too, so that both cores may use them. Bind the calls once
    (``alloc = region.alloc``), outside the handler.
    """

    del __module__, __qualname__  # noqa: F821  (they would make the table of the class larger: heap)

    def __init__(self, name, base, size, frame_size=FRAME_SIZE, attrs=0, cache_line=CACHE_LINE):
        errors.load("physmem_upkeep", "Region()").make(self, name, base, size, frame_size, attrs, cache_line)

    def __repr__(self):
        return errors.load("physmem_upkeep", "repr()").text(self)

    @property
    def frame_size(self):
        """The bytes of a frame."""
        return 1 << self.shift

    def addr(self, frame):
        """Return the address of `frame`, in bytes. AddressOutOfRange if it is not in the region."""
        errors.integer(frame, "frame")
        if not 0 <= frame < self.frames:
            errors.mistake(
                "AddressOutOfRange", "there is no frame {} in {}: give 0 to {}", frame, self.name, self.frames - 1
            )
        try:
            return self.base + (frame << self.shift)
        except MemoryError:
            errors.needs_heap("addr() above 0x3FFFFFFF")

    def frame(self, addr):
        """Return the frame that contains the address `addr`. AddressOutOfRange if none does."""
        errors.integer(addr, "addr")
        if not self.base <= addr < self.end:
            errors.mistake(
                "AddressOutOfRange",
                "addr {:#x} is outside {}: give one of {:#x}..{:#x}",
                addr,
                self.name,
                self.base,
                self.end,
            )
        return engine.frame_of(addr, self.base, self.shift)

    @property
    def free_frames(self):
        """The number of free frames."""
        return self._state[_STATE_FREE]

    @property
    def used_frames(self):
        """The number of allocated frames."""
        return self.frames - self._state[_STATE_FREE]

    @property
    def peak_used(self):
        """The largest number of frames that were allocated at once, ever or since `reset_peak`."""
        return self.frames - self._state[_STATE_FEWEST_FREE]

    def reset_peak(self):
        """Start a new measurement of `peak_used`: make it the number of frames allocated now. Needs no heap.

        NotPermitted in an interrupt handler, unless the region is SHARED.
        """
        if engine.forget_fewest(self.address) < 0:
            errors.not_permitted_in_handler()

    @property
    def failed(self):
        """The number of searches that found no frames. Calls by address, or for more than there is, do not search."""
        return self._state[_STATE_FAILED]

    def is_free(self, frame, n=1):
        """Return whether the `n` frames from `frame` on are all in the region and free."""
        errors.integer(frame, "frame")
        errors.integer(n, "n")
        return 0 <= frame <= frame + n <= self.frames and engine.next_used(self.address, frame) >= frame + n

    def count(self, frame):
        """Return the number of frames in the allocation that starts at `frame`; 0 if none does."""
        errors.integer(frame, "frame")
        return engine.count(self.address, frame) if 0 <= frame < self.frames else 0

    def largest_free(self, align_frames=1):
        """Return the largest n for which ``alloc_aligned(n, align_frames)`` would succeed, or 0; `align_frames` is a
        power of two."""
        errors.integer(align_frames, "align_frames")
        if not errors.power_of_two(align_frames) or align_frames >= 1 << 30:
            errors.mistake(
                "UnalignedAddress", "align_frames {} is not a power of two: give one below 2**30", align_frames
            )
        return engine.largest_free(self._state, align_frames)

    def runs(self):
        """Generate ``(first, count, free)`` for the runs of free frames and the allocations, by address. Needs heap."""
        errors.expect_heap("runs()")
        return errors.load("physmem_upkeep", "runs()").runs(self)

    def check(self):
        """Return what is wrong with the metadata: a list of sentences, each with the number of the broken invariant of
        physmem_engine; empty if all is well. Needs heap."""
        errors.expect_heap("check()")
        return errors.load("physmem_upkeep", "check()").check(self)

    def recover(self):
        """Bring the metadata to what it was before or after a call that was cut off, and rebuild all that derives from
        its two rows. Return the number of frames that this freed. No raw call may run meanwhile: NotPermitted in an
        interrupt handler. Needs heap."""
        if engine.in_handler():
            errors.mistake("NotPermitted", "a handler may have interrupted a raw call: call recover() from the program")
        errors.expect_heap("recover()")
        return errors.load("physmem_state", "recover()").recover(self._state)

    def allocate_within(self, n, align, boundary, low, high, _unwrapped=False):
        """Allocate `n` frames under constraints in bytes, and return as the raw calls do; `high` None sets no limit.

        For `physmem.allocate_frames` and its siblings, which have checked the arguments: call those.
        """
        if _wrapped and not _unwrapped and self in _wrapped:
            return _wrapped[self][3](n, align, boundary, low, high)
        shift = self.shift
        align >>= shift
        boundary >>= shift
        # The engine keeps 30 bits of a frame's number: to it no alignment or boundary is longer than 1 << 29 frames.
        if boundary > 1 << 29:
            boundary = 0 if (self.base ^ (self.end - 1)) < boundary << shift else 1 << 29
        if align > 1 << 29:
            # At most one address of the region is a multiple of it.
            low = max(low, self.base)
            low += -low % (align << shift)
            high = min(low + (n << shift), self.end if high is None else high)
            align = 1
        if low == 0 and high is None and not boundary and not _unwrapped:
            return self.alloc(n) if align <= 1 else self.alloc_aligned(n, align)
        first = first_frame_from(self, low)
        return engine.allocate_within(self.address, n, align or 1, boundary, first, end_frame_before(self, high))


def resize_frames(region, first, count, n):
    """Make the allocation of `count` frames that starts at the frame `first` one of `n` >= 1 frames, in place.

    Return `n`, or a negative code, with nothing changed: ADDRESS_NOT_FREE if the frames behind it are in use,
    ADDRESS_OUT_OF_RANGE if they are not in the region, NOT_ALLOCATED if there is no such allocation, NOT_PERMITTED in
    an interrupt handler if the region is not SHARED. Needs no heap.
    """
    if _wrapped and region in _wrapped:
        return _wrapped[region][2](first, count, n)
    return engine.resize_allocation(region.address, first, count, n)


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
    return first + 1 if engine.offset_in_frame(low, 1 << region.shift) else first


def end_frame_before(region, high):
    """Return one past the last frame that ends at the address `high` or below; None sets no limit."""
    if high is None or high >= region.end:
        return region.frames
    return engine.frame_of(high, region.base, region.shift) if high > region.base else 0
