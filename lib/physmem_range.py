"""Ranges of frames by number, without any right to the frames: Theseus' FrameRange and PhysicalMemoryRegion.

    frames = physmem.allocate_frames(3)
    frames.range.contains_address(frames.addr + 5000)                # True
    physmem.FrameRange.from_phys_addr(0x40004F00, 0x200)             # the two frames 0x40004 and 0x40005
    [physmem.PhysicalMemoryRegion.of(region) for region in physmem.regions()]

A frame is an int: its address divided by the frame size, so that frame 0 is at address 0. A range is
``(first, count)``, up to 2**64 bytes of address, on a machine of 32 bits as well. Nothing here allocates or frees
frames, or is used by what does. All calls need heap.

What differs from Theseus, whose ranges are inclusive: a range without frames keeps its place, and frames are plain
ints: arithmetic on them does not saturate, it answers a number that `FrameRange` refuses if it is out of range.
"""

from physmem_errors import integer, mistake, power_of_two

_FRAME_SIZE = 4096
_SMALLEST_FRAME = 32
_ADDRESSES = 1 << 64


class FrameRange:
    """The `count` frames from the frame with the number `first` on; `frame_size` in bytes, a power of two from 32.

    All of it lies below 2**64 bytes: AddressOutOfRange if not. A range is a value, not to be assigned to: ranges of the
    same frames are equal and have the same hash. Those without frames are equal if their frame sizes are, as Python's
    empty ranges are; in Theseus they differ if they begin elsewhere.

    Iteration, `reversed` and ``in`` are by the number of the frame, and none of them uses the range up; in Theseus a
    range is iterated by a clone. CPython limits what ``len`` can answer to `sys.maxsize`, an OverflowError above it:
    `size_in_frames` has no such limit.
    """

    def __init__(self, first, count, frame_size=_FRAME_SIZE):
        integer(first, "first")
        integer(count, "count")
        integer(frame_size, "frame_size")
        if frame_size < _SMALLEST_FRAME or not power_of_two(frame_size):
            mistake("InvalidArgument", "frame_size {} is not a power of two from 32", frame_size)
        if first < 0 or count < 0 or (first + count) * frame_size > _ADDRESSES:
            mistake("AddressOutOfRange", "{} frames from frame {} on do not lie in 64 bits of address", count, first)
        self.first = first
        self.count = count
        self.frame_size = frame_size

    @classmethod
    def empty(cls, frame_size=_FRAME_SIZE):
        """A range without frames. It is at frame 0; Theseus' is the inclusive range from 1 to 0."""
        return cls(0, 0, frame_size)

    @classmethod
    def from_frames(cls, start, end, frame_size=_FRAME_SIZE):
        """The frames from `start` to `end`, which is one of them; none if `end` is less. Theseus' way to make one."""
        integer(start, "start")
        integer(end, "end")
        return cls(start, max(0, end - start + 1), frame_size)

    @classmethod
    def from_phys_addr(cls, addr, nbytes, frame_size=_FRAME_SIZE):
        """Every frame that the `nbytes` bytes from the address `addr` on touch; none for 0 bytes."""
        integer(addr, "addr")
        integer(nbytes, "nbytes")
        cls(0, 0, frame_size)
        if addr < 0 or nbytes < 0 or addr + nbytes > _ADDRESSES:
            mistake("AddressOutOfRange", "{} bytes at {} do not lie in 64 bits of address", nbytes, addr)
        first = addr // frame_size
        return cls(first, (addr + nbytes - 1) // frame_size - first + 1 if nbytes else 0, frame_size)

    @property
    def start(self):
        """Number of the first frame; where a range without frames is."""
        return self.first

    @property
    def end(self):
        """Number of the last frame; one less than `start` if there is none, so it may be -1."""
        return self.first + self.count - 1

    @property
    def start_address(self):
        """Address of the first byte."""
        return self.first * self.frame_size

    @property
    def size_in_frames(self):
        """How many frames."""
        return self.count

    @property
    def size_in_bytes(self):
        """How many bytes. Theseus' overflows for a range of all memory."""
        return self.count * self.frame_size

    def contains_address(self, addr):
        """Whether the byte at `addr` lies in one of the frames."""
        integer(addr, "addr")
        return self.first <= addr // self.frame_size <= self.end

    def offset_of_address(self, addr):
        """Bytes from `start_address` to `addr`; None if no frame contains it."""
        return addr - self.start_address if self.contains_address(addr) else None

    def address_at_offset(self, offset):
        """The address `offset` bytes from `start_address` on; None if no frame contains it, so at the size as well."""
        integer(offset, "offset")
        return self.start_address + offset if 0 <= offset < self.size_in_bytes else None

    def to_extended(self, frame):
        """The smallest range that contains this one and `frame`; that frame alone if this one has none."""
        integer(frame, "frame")
        if not self.count:
            return FrameRange(frame, 1, self.frame_size)
        return FrameRange.from_frames(min(self.first, frame), max(self.end, frame), self.frame_size)

    def in_frames_of(self, frame_size):
        """The same bytes in frames of another size. UnalignedAddress if they do not begin and end with such frames."""
        start, size = self.start_address, self.size_in_bytes
        FrameRange(0, 0, frame_size)
        if start % frame_size or size % frame_size:
            mistake("UnalignedAddress", "{} bytes at {:#x} are not whole frames of {} bytes", size, start, frame_size)
        return FrameRange(start // frame_size, size // frame_size, frame_size)

    def contains_range(self, other):
        """Whether all frames of `other` are in this range; False for an `other` without frames."""
        self._comparable(other)
        return other.count > 0 and self.first <= other.first and other.end <= self.end

    def overlap(self, other):
        """The range of the frames that are in both; None if there are none."""
        self._comparable(other)
        start, end = max(self.first, other.first), min(self.end, other.end)
        return FrameRange.from_frames(start, end, self.frame_size) if start <= end else None

    def _comparable(self, other):
        if not isinstance(other, FrameRange):
            raise TypeError("a FrameRange is asked for, not %s" % type(other).__name__)
        if other.frame_size != self.frame_size:
            mistake("SizeMismatch", "frames of {} and {} bytes: see in_frames_of", self.frame_size, other.frame_size)

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
    """What a region is for, as strings."""

    Free = "Free"  # handed out to whoever asks
    Reserved = "Reserved"  # handed out only by `allocate_frames_at`
    Unknown = "Unknown"  # nobody said; `physmem` never makes such a region: an address nobody named becomes Reserved


class PhysicalMemoryRegion:
    """A FrameRange and what it is for, one of MemoryRegionType: a description; the memory itself is a Region.

    Theseus' derefs to its range; here that is `frames`. Theseus' `init` takes these; `physmem.init` takes
    ``(frames.start_address, frames.size_in_bytes)``.
    """

    def __init__(self, frames, typ):
        if not isinstance(frames, FrameRange):
            raise TypeError("frames must be a FrameRange, not %s" % type(frames).__name__)
        if typ not in (MemoryRegionType.Free, MemoryRegionType.Reserved, MemoryRegionType.Unknown):
            mistake("InvalidArgument", "{!r} is no MemoryRegionType", typ)
        self.frames = frames
        self.typ = typ

    @classmethod
    def of(cls, region):
        """What `region`, a Region, is: Reserved if it has that attribute, Free if not."""
        from physmem_region import RESERVED, Region

        if not isinstance(region, Region):
            raise TypeError("region must be a Region, not %s" % type(region).__name__)
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
