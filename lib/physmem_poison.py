"""Poison: fill freed frames with a pattern, and find later writes to them.

physmem_debug switches this on; there is nothing here for you to call.
"""

from micropython import const
from uctypes import bytearray_at

POISON = const(0xDB)  # fills freed frames
_LONGEST = const(1024)  # bytes that are filled or compared at once


class Pattern:
    """Frames of `region` filled with the byte `value`. Each 1,024 bytes take some heap, which is not kept."""

    def __init__(self, region, value):
        self._region = region
        self._piece = bytes([value]) * min(region.frame_size, _LONGEST)

    def fill(self, first, count):
        """Fill the `count` frames from `first` on. MemoryError if there is no heap for it."""
        piece, addr = self._piece, self._region.base + (first << self._region.shift)
        size = len(piece)
        left = count << self._region.shift
        while left:
            left -= size
            bytearray_at(addr + left, size)[0:size] = piece

    def first_wrong(self, first, count):
        """Return the offset in the region, in bytes, of the first byte in the frames that differs; -1 if none does."""
        piece = self._piece
        size = len(piece)
        offset, end = first << self._region.shift, (first + count) << self._region.shift
        while offset < end:
            memory = bytearray_at(self._region.base + offset, size)
            if memory != piece:
                for i in range(size):
                    if memory[i] != piece[i]:
                        return offset + i
            offset += size
        return -1


class Poison:
    """The frames of one region that were filled when they were freed.

    `unpoisoned` counts allocations that were freed without being filled, `unread` poisoned frames that were handed out
    without being checked, because the heap was locked or full.
    """

    def __init__(self, shadow):
        self.shadow = shadow
        self.unpoisoned = 0
        self.unread = 0
        self._pattern = Pattern(shadow.region, POISON)
        self._is_filled = bytearray(shadow.region.frames)

    def fill(self, first, count):
        """Fill the `count` frames from `first` on, which are about to become free."""
        try:
            self._pattern.fill(first, count)
        except MemoryError:
            self.unpoisoned += 1
            return
        for frame in range(first, first + count):
            self._is_filled[frame] = 1

    def judge(self, first, count):
        """Check frames that have just been handed out, before their shadow is overwritten."""
        for frame in range(first, first + count):
            if self._is_filled[frame]:
                self._is_filled[frame] = 0
                try:
                    self.shadow.keep(self._finding(frame))
                except MemoryError:
                    self.unread += 1

    def check(self):
        """Return a sentence for each free frame that was written to."""
        found = []
        for frame in range(len(self._is_filled)):
            if self._is_filled[frame] and self.shadow.region.is_free(frame):
                sentence = self._finding(frame)
                if sentence:
                    found.append(sentence)
        return found

    def _finding(self, frame):
        """Return a sentence if the frame was written to, else None."""
        wrong = self._pattern.first_wrong(frame, 1)
        if wrong < 0:
            return None
        region = self.shadow.region
        return "%s: %#x was written to after its frames were freed; they were those of %s" % (
            region.name,
            region.base + wrong,
            self.shadow.whose(frame),
        )
