"""A model of the exact result of each raw call of a region: the placement policy, written from its definition.

A region is a row of bytes, one for each frame: 0 is free, 1 is in use. There are no bits, words or summaries here.
Every request goes to the lowest address where it fits, and fails only if it fits nowhere.

With an alignment, only places whose frame number is a multiple of it count. The frame number of a region's first frame
is its address divided by the frame size, so the alignment applies to addresses.
"""

import re

OUT_OF_MEMORY = -1
ZERO_ALLOCATION = -2
ALLOCATION_TOO_LARGE = -3
UNALIGNED_ADDRESS = -4
ADDRESS_OUT_OF_RANGE = -5
NOT_ALLOCATED = -6
ADDRESS_NOT_FREE = -7

_WIDEST = 1 << 30  # integers from here, and negative ones, are not frames, numbers of frames or alignments
_RUNS = re.compile(rb"\0+")


class PlacementModel:
    """A region of `frames` frames; `first_number` is the frame number of its first frame."""

    def __init__(self, frames, first_number):
        self.frames = frames
        self.first_number = first_number
        self.row = bytearray(frames)
        self.allocations = {}  # first frame -> number of frames
        self.free_frames = frames
        self.peak_used = 0
        self.failed = 0

    def runs(self):
        """Return ``(first, end)`` for each run of free frames, by address."""
        return [run.span() for run in _RUNS.finditer(self.row)]

    def first_aligned(self, frame, align):
        """Return the lowest frame from `frame` whose frame number is a multiple of `align`."""
        return frame + -(frame + self.first_number) % align

    def place(self, n, align):
        """Return the lowest frame where `n` frames fit, or -1 if they fit nowhere. `align` is a power of two."""
        wanted = bytes(n)
        frame = self.row.find(wanted)
        while frame >= 0:
            aligned = self.first_aligned(frame, align)
            if aligned == frame:
                return frame
            frame = self.row.find(wanted, aligned)
        return -1

    def place_within(self, n, align, boundary, low, high):
        """Return the lowest frame where `n` frames fit in [`low`, `high`) without crossing a multiple of `boundary`.

        A `boundary` of 0 is none. Return -1 if they fit nowhere. Every frame is tried.
        """
        for frame in range(low, high - n + 1):
            number = frame + self.first_number
            crosses = boundary and number // boundary != (number + n - 1) // boundary
            if number % align == 0 and not crosses and not any(self.row[frame : frame + n]):
                return frame
        return -1

    def largest(self, align=1):
        """Return the largest number of frames that fits at a multiple of `align` frames, or 0."""
        return max([end - self.first_aligned(first, align) for first, end in self.runs()] + [0])

    def _take(self, frame, n):
        self.row[frame : frame + n] = b"\1" * n
        self.allocations[frame] = n
        self.free_frames -= n
        self.peak_used = max(self.peak_used, self.frames - self.free_frames)
        return frame

    def _anywhere(self, n, align):
        if n > self.frames:
            return ALLOCATION_TOO_LARGE
        frame = self.place(n, align)
        if frame >= 0:
            return self._take(frame, n)
        self.failed += 1
        return OUT_OF_MEMORY

    def alloc(self, n):
        if not 0 <= n < _WIDEST:
            return ALLOCATION_TOO_LARGE
        return self._anywhere(n, 1) if n else ZERO_ALLOCATION

    def alloc_aligned(self, n, align):
        if not 0 <= n < _WIDEST:
            return ALLOCATION_TOO_LARGE
        if not 0 <= align < _WIDEST:
            return UNALIGNED_ADDRESS
        if n == 0:
            return ZERO_ALLOCATION
        if align.bit_count() != 1:
            return UNALIGNED_ADDRESS
        return self._anywhere(n, align)

    def alloc_at(self, frame, n):
        if not 0 <= n < _WIDEST:
            return ALLOCATION_TOO_LARGE
        if not 0 <= frame < _WIDEST:
            return ADDRESS_OUT_OF_RANGE
        if n == 0:
            return ZERO_ALLOCATION
        if n > self.frames:
            return ALLOCATION_TOO_LARGE
        if frame + n > self.frames:
            return ADDRESS_OUT_OF_RANGE
        return self._take(frame, n) if self.row.count(0, frame, frame + n) == n else ADDRESS_NOT_FREE

    def free(self, frame):
        if not 0 <= frame < self.frames:
            return ADDRESS_OUT_OF_RANGE
        n = self.allocations.pop(frame, 0)
        if not n:
            return NOT_ALLOCATED
        self.row[frame : frame + n] = bytes(n)
        self.free_frames += n
        return n
