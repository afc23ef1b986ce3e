"""Guard frames before and behind each allocation, and which of them were written to.

Loaded by physmem_debug; there is nothing here to call.
"""

import physmem_engine as engine
from micropython import const
from physmem_poison import Pattern

GUARD = const(0xFD)  # fills guards
_BEFORE = const(1)
_BEHIND = const(2)


class Guards:
    """The guards of one region, each an allocation of `size` frames of its own.

    Where a guard is says what it guards: the allocation that begins at its end, or the one that ends at its begin. So
    splits and merges need not be followed. `watched` has the calls that guards are allocated and freed by. `unguarded`
    counts allocations that lack a guard at one side or both, `unread` guards that were freed without being looked at,
    for want of heap.
    """

    def __init__(self, watched, record, size):
        self.size = size
        self.unguarded = 0
        self.unread = 0
        self._watched = watched
        self._record = record
        self._pattern = Pattern(record.region, GUARD)
        self._sides = bytearray(record.region.frames)  # of the guard that begins with the frame; 0: none does

    def surround(self, frame, n, align, boundary, low, high):
        """Guard the `n` frames from `frame` on, which have just been allocated, there or at the next place with room
        for guards; where they were, with one guard or none, if no place has. Returns the first frame.

        `align` is in frames; `boundary`, `low` and `high` are addresses in bytes. Places are tried by address: each
        step skips those that the same used frame is in the way of.
        """
        calls, region, size = self._watched, self._record.region, self.size
        place = frame
        while place >= 0:
            calls.expect_free(place, n)
            try:
                if not self._take(place - size, _BEFORE):
                    following = size if place < size else engine.next_used(region.address, place - size) + size + 1
                elif not self._take(place + n, _BEHIND):
                    following = region.frames
                    if place + n + size <= following:
                        following = engine.next_used(region.address, place + n) + size + 1
                    self._drop(place - size)
                else:
                    return place
                alignment = align << region.shift
                begin = region.base + (following << region.shift)
            except MemoryError:
                self.unguarded += 1
                return place
            calls.free_call(place)
            try:
                place = calls.allocate_within_call(n, alignment, boundary, begin, high)
            except MemoryError:
                break
        if calls.alloc_at_call(frame, n) != frame:  # an interrupt handler was faster
            frame = calls.allocate_within_call(n, alignment, boundary, low, high)
        if frame >= 0:
            self.guard_in_place(frame, n)
        return frame

    def guard_in_place(self, frame, n):
        """Guard these frames, which have just been allocated, at the sides where there is room."""
        self._watched.expect_free(frame, n)
        try:
            before = self._take(frame - self.size, _BEFORE)
            if not self._take(frame + n, _BEHIND) or not before:
                self.unguarded += 1
        except MemoryError:
            self.unguarded += 1

    def give_way(self, frame, n):
        """Free the guards among these frames if nothing but guards is in use there; returns whether they are free."""
        region = self._record.region
        if frame < 0 or frame + n > region.frames:
            return False
        for is_for_real in (False, True):
            used = engine.next_used(region.address, frame)
            while used < frame + n:
                begin = max(used - self.size + 1, 0)
                while begin <= used and not self._sides[begin]:
                    begin += 1
                if begin > used:
                    return False
                if is_for_real:
                    self._drop(begin)
                    self.unguarded += 1
                used = engine.next_used(region.address, begin + self.size)
        return True

    def is_guard(self, frame):
        """Whether a guard begins with `frame`."""
        return self._sides[frame] != 0

    def release(self, first, count):
        """Free the guards of an allocation that is about to be freed, and keep what is wrong with them."""
        if first >= self.size and self._sides[first - self.size] == _BEFORE:
            self._judge(first - self.size)
            self._drop(first - self.size)
        end = first + count
        if end < len(self._sides) and self._sides[end] == _BEHIND:
            self._judge(end)
            self._drop(end)

    def release_all(self):
        """Free all guards."""
        for frame in range(len(self._sides)):
            if self._sides[frame]:
                self._drop(frame)

    def check(self):
        """Sentences about all guards."""
        found = []
        for frame in range(len(self._sides)):
            if self._sides[frame]:
                sentence = self._finding(frame)
                if sentence:
                    found.append(sentence)
        return found

    def _judge(self, begin):
        try:
            self._record.keep(self._finding(begin))
        except MemoryError:
            self.unread += 1

    def _take(self, begin, side):
        """Make a guard of the frames from `begin` on; returns whether they were to be had. MemoryError if there is no
        heap to fill them: they are free then."""
        if self._watched.alloc_at_call(begin, self.size) < 0:
            return False
        if self._watched.assertions and self._record.is_held(begin, self.size):
            self._watched.free_call(begin)
            return False
        if self._watched.poison is not None:
            self._watched.poison.judge(begin, self.size)
        try:
            self._pattern.fill(begin, self.size)
        except MemoryError:
            self._watched.free_call(begin)
            raise
        self._record.hold(begin, self.size, 0, None)
        self._sides[begin] = side
        return True

    def _drop(self, begin):
        """Free a guard."""
        self._sides[begin] = 0
        self._record.release(begin, self.size)
        if self._record.region.count(begin) == self.size:
            self._watched.free_call(begin)

    def _finding(self, begin):
        """The sentence about one guard, or None."""
        wrong = self._pattern.first_wrong(begin, self.size)
        if wrong < 0:
            return None
        region = self._record.region
        if self._sides[begin] == _BEHIND:
            side, frame = "behind", begin - 1
            distance = wrong - (begin << region.shift) + 1
        else:
            side, frame = "before", begin + self.size
            distance = (frame << region.shift) - wrong
        return "%s: %#x was written to, byte %d %s the frames of %s" % (
            region.name,
            region.base + wrong,
            distance,
            side,
            self._record.whose(frame),
        )
