"""Poison: freed frames are filled with a pattern, and what is written to them after that is found.

Loaded by physmem_debug; there is nothing here to call.
"""

from micropython import const
from uctypes import bytearray_at

POISON = const(0xDB)  # fills freed frames
_LONGEST = const(1024)  # bytes that are filled or compared at once


class Pattern:
    """The byte `value` all over frames of `region`. Needs some heap for each 1,024 bytes, and leaves none in use."""

    def __init__(self, region, value):
        self._region = region
        self._piece = bytes([value]) * min(region.frame_size, _LONGEST)

    def fill(self, first, count):
        """Fill the `count` frames from `first` on. MemoryError if there is no heap to do it."""
        piece, addr = self._piece, self._region.base + (first << self._region.shift)
        size = len(piece)
        left = count << self._region.shift
        while left:
            left -= size
            bytearray_at(addr + left, size)[0:size] = piece

    def first_wrong(self, first, count):
        """The offset in the region, in bytes, of the first byte of these frames that is another; -1 if none is."""
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

    `unpoisoned` counts allocations freed without being filled, `unread` poisoned frames handed out without being looked
    at: there was no heap to do it, as it was locked or full.
    """

    def __init__(self, record):
        self.record = record
        self.unpoisoned = 0
        self.unread = 0
        self._pattern = Pattern(record.region, POISON)
        self._is_filled = bytearray(record.region.frames)

    def fill(self, first, count):
        """Fill frames that are about to become free."""
        try:
            self._pattern.fill(first, count)
        except MemoryError:
            self.unpoisoned += 1
            return
        for frame in range(first, first + count):
            self._is_filled[frame] = 1

    def judge(self, first, count):
        """Look at frames that have just been handed out, before their record is overwritten."""
        for frame in range(first, first + count):
            if self._is_filled[frame]:
                self._is_filled[frame] = 0
                try:
                    self.record.keep(self._finding(frame))
                except MemoryError:
                    self.unread += 1

    def check(self):
        """Sentences about the frames that are free still."""
        found = []
        for frame in range(len(self._is_filled)):
            if self._is_filled[frame] and self.record.region.is_free(frame):
                sentence = self._finding(frame)
                if sentence:
                    found.append(sentence)
        return found

    def _finding(self, frame):
        """The sentence about one frame, or None."""
        wrong = self._pattern.first_wrong(frame, 1)
        if wrong < 0:
            return None
        region = self.record.region
        return "%s: %#x was written to after its frames were freed; they were those of %s" % (
            region.name,
            region.base + wrong,
            self.record.whose(frame),
        )
