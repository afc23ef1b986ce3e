"""Guards: put frames with a pattern before and behind each allocation, and find writes to them.

physmem_debug switches this on; there is nothing here for you to call.
"""

import physmem_engine as engine
from micropython import const
from physmem_poison import Pattern

GUARD = const(0xFD)  # fills guards
_BEFORE = const(1)
_BEHIND = const(2)


class Guards:
    """The guards of one region, each an allocation of `size` frames of its own.

    The place of a guard tells what it guards: the allocation that starts at its end, or the one that ends at its start.
    So splits and merges need no bookkeeping. `watched` has the calls that allocate and free guards. `unguarded` counts
    allocations that lack a guard on one side or both. `unread` counts guards that were freed without being checked
    because there was no heap.
    """

    def __init__(self, watched, shadow, size):
        self.size = size
        self.unguarded = 0
        self.unread = 0
        self._watched = watched
        self._shadow = shadow
        self._pattern = Pattern(shadow.region, GUARD)
        self._sides = bytearray(shadow.region.frames)  # of the guard that starts at each frame; 0: none does

    def surround(self, frame, n, align, boundary, low, high):
        """Guard the `n` frames from `frame` on, which have just been allocated, and return the first frame.

        They stay there, or move to the next place with room for both guards. If there is none they stay, with one guard
        or none. If an interrupt handler takes them meanwhile, others are allocated; without any, return a negative
        code. `align` is in frames; `boundary`, `low` and `high` are in bytes. Places are tried by address; each step
        skips all places that the same frame in use blocks.
        """
        calls, region, size = self._watched, self._shadow.region, self.size
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
                start = region.base + (following << region.shift)
            except MemoryError:
                self.unguarded += 1
                return place
            calls.free_call(place)
            try:
                place = calls.allocate_within_call(n, alignment, boundary, start, high)
            except MemoryError:
                break
        if calls.alloc_at_call(frame, n) != frame:  # an interrupt handler took them
            frame = calls.allocate_within_call(n, alignment, boundary, low, high)
        if frame >= 0:
            self.guard_in_place(frame, n)
        return frame

    def guard_in_place(self, frame, n):
        """Guard the `n` frames from `frame` on, which have just been allocated, on each side that has room."""
        self._watched.expect_free(frame, n)
        try:
            before = self._take(frame - self.size, _BEFORE)
            if not self._take(frame + n, _BEHIND) or not before:
                self.unguarded += 1
        except MemoryError:
            self.unguarded += 1

    def is_behind(self, frame):
        """Return whether a guard that starts at `frame` guards the allocation that ends there."""
        return frame < len(self._sides) and self._sides[frame] == _BEHIND

    def drop_behind(self, frame):
        """Check and free the guard at `frame`, and keep what is found."""
        self._judge(frame)
        self._drop(frame)

    def guard_behind(self, frame, n):
        """Guard the `n` frames from `frame` on behind them, if there is room."""
        try:
            if not self._take(frame + n, _BEHIND):
                self.unguarded += 1
        except MemoryError:
            self.unguarded += 1

    def give_way(self, frame, n):
        """Free the guards in these frames if nothing else is in use there; return whether the frames are free now."""
        region = self._shadow.region
        if frame < 0 or frame + n > region.frames:
            return False
        for is_for_real in (False, True):
            used = engine.next_used(region.address, frame)
            while used < frame + n:
                start = max(used - self.size + 1, 0)
                while start <= used and not self._sides[start]:
                    start += 1
                if start > used:
                    return False
                if is_for_real:
                    self._judge(start)
                    self._drop(start)
                    self.unguarded += 1
                used = engine.next_used(region.address, start + self.size)
        return True

    def is_guard(self, frame):
        """Return whether a guard starts at `frame`."""
        return self._sides[frame] != 0

    def release(self, first, count):
        """Check and free the guards of an allocation that is about to be freed, and keep what is found."""
        if first >= self.size and self._sides[first - self.size] == _BEFORE:
            self._judge(first - self.size)
            self._drop(first - self.size)
        if self.is_behind(first + count):
            self.drop_behind(first + count)

    def release_all(self):
        """Free all guards."""
        for frame in range(len(self._sides)):
            if self._sides[frame]:
                self._drop(frame)

    def check(self):
        """Return a sentence for each guard that was written to."""
        found = []
        for frame in range(len(self._sides)):
            if self._sides[frame]:
                sentence = self._finding(frame)
                if sentence:
                    found.append(sentence)
        return found

    def _judge(self, start):
        try:
            self._shadow.keep(self._finding(start))
        except MemoryError:
            self.unread += 1

    def _take(self, start, side):
        """Make a guard of the frames from `start` on, and return whether they were free.

        MemoryError if there is no heap to fill them; they stay free then.
        """
        if self._watched.alloc_at_call(start, self.size) < 0:
            return False
        if self._watched.assertions and self._shadow.is_held(start, self.size):
            self._watched.free_call(start)
            return False
        if self._watched.poison is not None:
            self._watched.poison.judge(start, self.size)
        try:
            self._pattern.fill(start, self.size)
        except MemoryError:
            self._watched.free_call(start)
            raise
        self._shadow.hold(start, self.size, 0, None)
        self._sides[start] = side
        return True

    def _drop(self, start):
        """Free a guard."""
        self._sides[start] = 0
        self._shadow.release(start, self.size)
        if self._shadow.region.count(start) == self.size:
            self._watched.free_call(start)

    def _finding(self, start):
        """Return a sentence if the guard at `start` was written to, else None."""
        wrong = self._pattern.first_wrong(start, self.size)
        if wrong < 0:
            return None
        region = self._shadow.region
        if self._sides[start] == _BEHIND:
            side, frame = "behind", start - 1
            distance = wrong - (start << region.shift) + 1
        else:
            side, frame = "before", start + self.size
            distance = (frame << region.shift) - wrong
        return "%s: %#x was written to, byte %d %s the frames of %s" % (
            region.name,
            region.base + wrong,
            distance,
            side,
            self._shadow.whose(frame),
        )
