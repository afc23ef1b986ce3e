"""Make regions, extend and empty them, check and describe them.

This is what is done to a region less often than allocating: physmem_region loads this module on first use, and `boot`
drops it when it has made the regions. So nothing is kept here.
"""

import physmem_engine as engine
import physmem_region
import physmem_state
from micropython import const
from physmem_errors import integer, load, mistake, power_of_two, wrong_type
from physmem_region import CACHED, DMA, FAST, RETAINED, SHARED
from uctypes import addressof

_SMALLEST_FRAME = const(32)
_MOST_FRAMES = (1 << 30) - 64
_FIRST_MASTER = const(7)  # the bit of the first bus master; those below are attributes of every board
_MOST_MASTERS = const(22)  # the last has bit 28: attributes, and the first number that is too large, are small integers


def check_frame_size(frame_size):
    """Raise InvalidArgument unless `frame_size`, in bytes, is a power of two from 32 up."""
    if frame_size < _SMALLEST_FRAME or not power_of_two(frame_size):
        mistake(
            "InvalidArgument", "frame_size {} is not a power of two: give one from {} up", frame_size, _SMALLEST_FRAME
        )


def check_cache_line(name, frame_size, attrs, cache_line):
    """Reject a CACHED region whose frames are smaller than a cache line; sizes in bytes.

    When DMA writes to a line that the processor has written to as well, one of the two writes is lost
    (micropython/micropython#13717).
    """
    if not power_of_two(integer(cache_line, "cache_line")):
        mistake("InvalidArgument", "cache_line {} is not a power of two: give one, in bytes", cache_line)
    if attrs & CACHED and frame_size < cache_line:
        mistake(
            "InvalidArgument",
            "frames of {} bytes in the cached region {} would share cache lines of {}: make frame_size at least that",
            frame_size,
            name,
            cache_line,
        )


def make(region, name, base, size, frame_size, attrs, cache_line):
    """Give the new object `region` all that a Region has; errors as the class says."""
    if not isinstance(name, str):
        wrong_type("name", "a str", name)
    integer(base, "base")
    integer(size, "size")
    integer(frame_size, "frame_size")
    integer(attrs, "attrs")
    integer(cache_line, "cache_line")
    check_frame_size(frame_size)
    if not 0 <= attrs < 1 << len(physmem_region.ATTRIBUTES):
        mistake("InvalidArgument", "attrs {:#x} has bits that no attribute has: combine DMA, FAST and so on", attrs)
    check_cache_line(name, frame_size, attrs, cache_line)
    if attrs & SHARED and physmem_state.lacks_spin_lock():
        mistake(
            "InvalidArgument",
            "region {} is SHARED, but this chip has two cores and nothing keeps the other out: name a spin lock, "
            "as SPIN_LOCK in physmem_board.py or with init(spin_lock=...)",
            name,
        )
    if base < 0 or size < 0 or base + size > 1 << 64:
        mistake("AddressOutOfRange", "{} bytes at {:#x} do not fit in 64 bits: give less or another base", size, base)
    if base % frame_size or size % frame_size:
        mistake(
            "UnalignedAddress",
            "base {:#x} or size {:#x} is not a multiple of {}, the frame size: give whole frames",
            base,
            size,
            frame_size,
        )
    if size == 0:
        mistake("ZeroAllocation", "the region at {:#x} has a size of 0: give at least one frame", base)
    if size // frame_size > _MOST_FRAMES:
        mistake(
            "AllocationTooLarge",
            "{} frames are too many for one region: give at most {}",
            size // frame_size,
            _MOST_FRAMES,
        )
    if attrs & CACHED:
        load("physmem_cache", "a CACHED region")  # a handler that needs it has no heap to load it
    # Few regions have two more: `whole`, the name of the range that `init` carved it from, if that is another; and
    # `_former`, the state it had before it was extended, which raw calls bound before still use.
    region.name = name
    region.base = base + 0  # a number of a frozen tuple is not a small integer: then an `addr` would need heap
    region.end = base + size
    region.frames = size // frame_size
    region.attrs = attrs
    region.shift = shift = _log2(frame_size)
    state = physmem_state.new_state(region.frames, base >> shift, attrs & SHARED)
    _take(region, state, engine.raw_calls(state))


def _log2(power):
    """Return the logarithm to base 2 of a power of two."""
    log = 0
    while 1 << log < power:
        log += 1
    return log


def _take(region, state, calls):
    """Give `region` a state and its raw calls."""
    # The order of the names says where MicroPython finds them. In this one it finds `free` at the same place as that of
    # AllocatedFrames.
    region.address = addressof(state)  # of the metadata; the engine's functions take it
    region.alloc_aligned = calls[1]
    region.alloc = calls[0]
    region.free = calls[3]
    region.alloc_at = calls[2]
    region._state = state
    if region in physmem_region._wrapped:
        import physmem_wrap

        wrappers, unwrapped, _, _ = physmem_region._wrapped[region]
        physmem_wrap.bind(region, wrappers, calls + unwrapped[4:])


def text(region):
    """Return the text of `repr`."""
    return "<Region %s %#x..%#x, %d of %d frames of %d bytes free>" % (
        region.name,
        region.base,
        region.end,
        region.free_frames,
        region.frames,
        region.frame_size,
    )


def runs(region):
    """Generate what `Region.runs` does."""
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


def check(region):
    """Return what `Region.check` does."""
    return ["%s: %s" % (region.name, sentence) for sentence in physmem_state.check(region._state)]


def merit(region):
    """Return the key by which requests sort regions.

    First those that serve fewer purposes. Of equals, CACHED ones before those that DMA can use without care for the
    cache; then those that the first of the bus masters does not reach, the second, and so on; then the smaller ones.
    """
    attrs = region.attrs
    merits = sum([bool(attrs & attribute) for attribute in (DMA, FAST, RETAINED, SHARED)])
    masters = [(attrs >> bit) & 1 for bit in range(_FIRST_MASTER, len(physmem_region.ATTRIBUTES))]
    return merits, 0 if attrs & CACHED else 1, masters, region.end - region.base, region.base


def attributes_of_board(masters):
    """Return the names of the attributes by bit, followed by `masters`: BUS_MASTERS of a memory plan.

    TypeError if that is not a tuple. InvalidArgument if there are too many, or if one is not a word, is there twice, or
    is an attribute of every board.
    """
    names = physmem_region.ATTRIBUTES
    if not isinstance(masters, tuple):
        wrong_type("BUS_MASTERS", "a tuple of words", masters)
    if len(masters) > _MOST_MASTERS:
        mistake("InvalidArgument", "BUS_MASTERS has {} words: give at most {}", len(masters), _MOST_MASTERS)
    for word in masters:
        is_word = isinstance(word, str) and "A" <= word[:1] <= "Z"
        for letter in word if is_word else ():
            is_word = is_word and ("A" <= letter <= "Z" or "0" <= letter <= "9" or letter == "_")
        if not is_word:
            text = "{!r} in BUS_MASTERS is not a word: give capital letters, digits and _, a letter first"
            mistake("InvalidArgument", text, word)
        if word in names:
            mistake(
                "InvalidArgument", "{} in BUS_MASTERS is an attribute already: give other names than {}", word, names
            )
        names += (word,)
    return names


def use_attributes(names):
    """Make `names` those of the attributes, by bit."""
    physmem_region.ATTRIBUTES = names


def extend_region(region, end):
    """Extend `region` up to the address `end`, in bytes.

    UnalignedAddress if `end` is not a multiple of the frame size, AddressOutOfRange if it is not above the present end,
    AllocationTooLarge if the region would have too many frames; nothing has changed then. Raw calls bound before still
    use the old state, in which nothing is left to allocate or to free, so the region keeps that state alive.
    """
    if integer(end, "end") % region.frame_size:
        mistake(
            "UnalignedAddress",
            "end {:#x} is not a multiple of {}, the frame size: give whole frames",
            end,
            region.frame_size,
        )
    if end <= region.end:
        mistake(
            "AddressOutOfRange", "end {:#x} is not above {:#x}, where {} ends: give more", end, region.end, region.name
        )
    frames = (end - region.base) >> region.shift
    if frames > _MOST_FRAMES:
        mistake("AllocationTooLarge", "{} frames are too many for one region: give at most {}", frames, _MOST_FRAMES)
    state = physmem_state.extended_state(region._state, frames)
    calls = engine.raw_calls(state)
    former = (region._state, getattr(region, "_former", None))
    _take(region, state, calls)
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
    _take(region, state, engine.raw_calls(state))


def is_watched(region):
    """Return whether physmem_wrap has put something around the calls of `region`."""
    return region in physmem_region._wrapped
