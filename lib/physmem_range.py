"""Ranges of frame numbers and single frames, without any right to the frames: Theseus' FrameRange,
PhysicalMemoryRegion and AllocatedFrame.

    frames = physmem.allocate_frames(3)
    frames.range.contains_address(frames.addr + 5000)                # True
    physmem.FrameRange.from_phys_addr(0x40004F00, 0x200)             # the two frames 0x40004 and 0x40005
    [physmem.PhysicalMemoryRegion.of(region) for region in physmem.regions()]

A frame is an int: its address divided by the frame size, so frame 0 is at address 0. A range is ``(first, count)`` and
reaches up to 2**64 bytes of address, on 32-bit machines too. Nothing here allocates or frees frames. All calls need
heap.

Where this differs from Theseus, whose ranges are inclusive: an empty range keeps its place. Frames are plain ints whose
arithmetic does not saturate; `FrameRange` refuses a number that is out of range.
"""

from physmem_errors import integer, load, mistake, needs_heap, wrong_type
from physmem_region import FRAME_SIZE, RESERVED, Region
from uctypes import bytearray_at

_ADDRESSES = 1 << 64


class FrameRange:
    """The `count` frames from frame number `first` on, counted from address 0, of `frame_size` bytes each.

    `frame_size` is a power of two from 32 up. AddressOutOfRange unless the whole range lies below 2**64 bytes. A range
    is a value: do not assign to its attributes. Ranges of the same frames are equal and have the same hash. Empty
    ranges are equal if their frame sizes are, like Python's; in Theseus they differ if they start at different frames.

    Iteration, `reversed` and ``in`` work on frame numbers, and you can iterate a range again; in Theseus you iterate a
    clone. In CPython ``len`` raises OverflowError above `sys.maxsize`; `size_in_frames` has no such limit.
    """

    def __init__(self, first, count, frame_size=FRAME_SIZE):
        integer(first, "first")
        integer(count, "count")
        integer(frame_size, "frame_size")
        load("physmem_upkeep", "FrameRange()").check_frame_size(frame_size)
        if first < 0 or count < 0 or (first + count) * frame_size > _ADDRESSES:
            sentence = "first {} and count {} with frame_size {} are not all at 0 to 2**64 bytes: give fewer or others"
            mistake("AddressOutOfRange", sentence, first, count, frame_size)
        self.first = first
        self.count = count
        self.frame_size = frame_size

    @classmethod
    def empty(cls, frame_size=FRAME_SIZE):
        """Return an empty range. It is at frame 0; Theseus' is the inclusive range from 1 to 0."""
        return cls(0, 0, frame_size)

    @classmethod
    def from_frames(cls, start, end, frame_size=FRAME_SIZE):
        """Return the range from frame `start` to frame `end`, inclusive as in Theseus; empty if `end` is less."""
        integer(end, "end")
        if not 0 <= integer(start, "start") < _ADDRESSES or end >= _ADDRESSES:
            mistake(
                "AddressOutOfRange", "start {} or end {} is not a frame at 0 to 2**64 bytes: give others", start, end
            )
        return cls(start, max(0, end - start + 1), frame_size)

    @classmethod
    def from_phys_addr(cls, addr, nbytes, frame_size=FRAME_SIZE):
        """Return the range of all frames that the `nbytes` bytes at the address `addr` touch; empty for 0 bytes."""
        integer(addr, "addr")
        integer(nbytes, "nbytes")
        cls(0, 0, frame_size)
        if addr < 0 or nbytes < 0 or addr + nbytes > _ADDRESSES:
            mistake(
                "AddressOutOfRange",
                "nbytes {} at addr {:#x} are not all at 0 to 2**64: give fewer or others",
                nbytes,
                addr,
            )
        first = addr // frame_size
        return cls(first, (addr + nbytes - 1) // frame_size - first + 1 if nbytes else 0, frame_size)

    @property
    def start(self):
        """The number of the first frame, or the place of an empty range."""
        return self.first

    @property
    def end(self):
        """The number of the last frame; `start` - 1 for an empty range, so it may be -1."""
        return self.first + self.count - 1

    @property
    def start_address(self):
        """The address of the first byte."""
        return self.first * self.frame_size

    @property
    def size_in_frames(self):
        """The number of frames."""
        return self.count

    @property
    def size_in_bytes(self):
        """The number of bytes. Theseus' overflows for a range of all memory."""
        return self.count * self.frame_size

    def contains_address(self, addr):
        """Return whether the byte at the address `addr` lies in one of the frames."""
        integer(addr, "addr")
        return self.first <= addr // self.frame_size <= self.end

    def offset_of_address(self, addr):
        """Return the number of bytes from `start_address` to the address `addr`; None if no frame contains it."""
        return addr - self.start_address if self.contains_address(addr) else None

    def address_at_offset(self, offset):
        """Return the address `offset` bytes from `start_address` on; None if no frame contains it."""
        integer(offset, "offset")
        return self.start_address + offset if 0 <= offset < self.size_in_bytes else None

    def to_extended(self, frame):
        """Return the smallest range that contains this one and `frame`; just `frame` if this one is empty."""
        integer(frame, "frame")
        if not self.count:
            return FrameRange(frame, 1, self.frame_size)
        return FrameRange.from_frames(min(self.first, frame), max(self.end, frame), self.frame_size)

    def in_frames_of(self, frame_size):
        """Return the same bytes in frames of `frame_size` bytes; UnalignedAddress if they are not whole frames."""
        start, size = self.start_address, self.size_in_bytes
        FrameRange(0, 0, frame_size)
        if start % frame_size or size % frame_size:
            mistake(
                "UnalignedAddress",
                "{} bytes at {:#x} are not whole frames of {} bytes: give a smaller frame_size",
                size,
                start,
                frame_size,
            )
        return FrameRange(start // frame_size, size // frame_size, frame_size)

    def contains_range(self, other):
        """Return whether all frames of `other` are in this range; False if `other` is empty."""
        self._comparable(other)
        return other.count > 0 and self.first <= other.first and other.end <= self.end

    def overlap(self, other):
        """Return the range of the frames that are in both; None if there are none."""
        self._comparable(other)
        start, end = max(self.first, other.first), min(self.end, other.end)
        return FrameRange.from_frames(start, end, self.frame_size) if start <= end else None

    def _comparable(self, other):
        if not isinstance(other, FrameRange):
            wrong_type("other", "a FrameRange", other)
        if other.frame_size != self.frame_size:
            mistake(
                "SizeMismatch", "frame sizes {} and {} differ: use in_frames_of()", self.frame_size, other.frame_size
            )

    def __len__(self):
        return self.count

    def __bool__(self):
        return self.count > 0

    def __iter__(self):
        frame = self.first
        while frame <= self.end:
            yield frame
            frame += 1

    def __reversed__(self):
        frame = self.end
        while frame >= self.first:
            yield frame
            frame -= 1

    def __contains__(self, frame):
        integer(frame, "frame")
        return self.first <= frame <= self.end

    def _key(self):
        return (self.first if self.count else 0, self.count, self.frame_size)

    def __eq__(self, other):
        return isinstance(other, FrameRange) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def __repr__(self):
        return "FrameRange(%#x, %d, %d)" % (self.first, self.count, self.frame_size)


class MemoryRegionType:
    """The uses of a region, as strings."""

    Free = "Free"  # handed out to any request
    Reserved = "Reserved"  # handed out only by `allocate_frames_at`
    Unknown = "Unknown"  # not in any plan; `physmem` never makes one: an unknown address becomes Reserved


class PhysicalMemoryRegion:
    """A FrameRange and its use, one of MemoryRegionType: a description. The memory itself is a Region.

    Theseus' dereferences to its range; here that is `frames`. Theseus' `init` takes these; `physmem.init` takes
    ``(frames.start_address, frames.size_in_bytes)``.
    """

    def __init__(self, frames, typ):
        if not isinstance(frames, FrameRange):
            wrong_type("frames", "a FrameRange", frames)
        if not isinstance(typ, str):
            wrong_type("typ", "one of MemoryRegionType", typ)
        if typ not in (MemoryRegionType.Free, MemoryRegionType.Reserved, MemoryRegionType.Unknown):
            mistake("InvalidArgument", "typ {!r} is not a MemoryRegionType: give Free, Reserved or Unknown", typ)
        self.frames = frames
        self.typ = typ

    @classmethod
    def of(cls, region):
        """Return the description of `region`, a Region: Reserved if it has that attribute, otherwise Free."""
        if not isinstance(region, Region):
            wrong_type("region", "a Region", region)
        return cls(
            FrameRange(region.base // region.frame_size, region.frames, region.frame_size),
            MemoryRegionType.Reserved if region.attrs & RESERVED else MemoryRegionType.Free,
        )

    def __eq__(self, other):
        return isinstance(other, PhysicalMemoryRegion) and (self.frames, self.typ) == (other.frames, other.typ)

    def __hash__(self):
        return hash((self.frames, self.typ))

    def __repr__(self):
        return "PhysicalMemoryRegion(%r, MemoryRegionType.%s)" % (self.frames, self.typ)


class AllocatedFrame:
    """One frame of the AllocatedFrames `frames`, which still owns it; `frame` is counted from the region's base."""

    def __init__(self, frames, frame):
        self.frames = frames
        self.frame = frame

    def _region(self):
        len(self.frames)  # NotAllocated if they were freed or moved
        return self.frames.region

    @property
    def addr(self):
        """The address of the first byte. Needs heap above 0x3FFFFFFF."""
        region = self._region()
        try:
            return region.base + (self.frame << region.shift)
        except MemoryError:
            needs_heap("addr")

    @property
    def nbytes(self):
        """The size of the whole frame in bytes."""
        return self._region().frame_size

    @property
    def view(self):
        """The memory of the whole frame as a memoryview of bytes. Needs heap."""
        try:
            return memoryview(bytearray_at(self.addr, self.nbytes))
        except MemoryError:
            needs_heap("view")


def each_frame(frames, first, count):
    """Generate an AllocatedFrame for each of the `count` frames of `frames` from `first` on."""
    for frame in range(first, first + count):
        yield AllocatedFrame(frames, frame)
