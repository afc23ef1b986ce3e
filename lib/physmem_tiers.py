"""The tiers of debugging, region by region: the shadow of the bitmap, what is counted, and the calls that keep both.

physmem_debug loads this when a tier is first switched on; there is nothing here for you to call.
"""

from array import array
from collections import namedtuple

from micropython import const
from physmem_engine import ADDRESS_NOT_FREE, NOT_ALLOCATED, in_handler
from physmem_errors import PhysMemError, code_name, integer, mistake
from physmem_guard import Guards
from physmem_poison import Poison
from physmem_region import SHARED

Leak = namedtuple("Leak", ("region", "first", "count", "addr", "nbytes", "owner", "serial"))

_MOST_FINDINGS = const(16)  # kept of a region

_CALLS = ("alloc", "alloc_aligned", "alloc_at", "free", "allocate_within", "resize")
_ALLOC = const(0)
_ALLOC_ALIGNED = const(1)
_ALLOC_AT = const(2)
_FREE = const(3)
_ALLOCATE_WITHIN = const(4)
_RESIZE = const(5)
_OUTCOMES = const(9)  # granted, and the codes -1 to -8
_SIZES = const(30)
_SERIAL = const(0)
_TAG = const(1)


class Shadow:
    """A second account of a region, frame by frame and apart from its bitmap: which frames are handed out, and by which
    allocation.

    Each allocation has a serial number; 0 stands for all those from before the shadow. Frames keep the serial number
    and the owner of the allocation that they last belonged to. Recording takes no heap. `findings` holds the last 16
    sentences about frames that have changed hands since; `more` counts older ones that were dropped.
    """

    def __init__(self, region):
        self.region = region
        self.findings = []
        self.more = 0
        self.held = bytearray(region.frames)
        self._serials = array("I", range(region.frames))
        self._owners = [None] * region.frames
        for frame in range(region.frames):
            self._serials[frame] = 0
        for first, count, free in region.runs():
            if not free:
                self.hold(first, count, 0, None)

    def hold(self, first, count, serial, owner):
        """Record an allocation."""
        for frame in range(first, first + count):
            self.held[frame] = 1
            self._serials[frame] = serial
            self._owners[frame] = owner

    def name(self, first, count, owner):
        """Record the owner of an allocation."""
        for frame in range(first, first + count):
            self._owners[frame] = owner

    def extend(self, first, count):
        """Record that the `count` frames from `first` on now belong to the allocation directly before them."""
        self.hold(first, count, self._serials[first - 1], self._owners[first - 1])

    def owner_at(self, frame):
        """Return the owner of the allocation that last had the frame."""
        return self._owners[frame]

    def release(self, first, count):
        """Record the end of an allocation."""
        for frame in range(first, first + count):
            self.held[frame] = 0

    def is_held(self, first, count):
        """Return whether one of the frames is handed out."""
        frame = first
        while frame < first + count and not self.held[frame]:
            frame += 1
        return frame < first + count

    def whose(self, frame):
        """Return in words which allocation last had the frame."""
        return "owner %r, serial %d" % (self._owners[frame], self._serials[frame])

    def keep(self, sentence):
        """Keep a sentence for `check`; None is ignored."""
        if sentence:
            if len(self.findings) == _MOST_FINDINGS:
                self.findings.pop(0)
                self.more += 1
            self.findings.append(sentence)

    def leaks(self, since):
        """Generate the Leak tuples of the region, by address."""
        region, serials = self.region, self._serials
        for first, count, free in region.runs():
            start, end = first, first + count
            for frame in range(first + 1, end + 1):
                if frame == end or serials[frame] != serials[start]:
                    if not free and self.held[start] and serials[start] > since:
                        nbytes = (frame - start) << region.shift
                        owner = self._owners[start]
                        yield Leak(region, start, frame - start, region.addr(start), nbytes, owner, serials[start])
                    start = frame

    def expect_free(self, first, count):
        """Raise InternalCorruption if one of the frames that are being allocated is already handed out."""
        for frame in range(first, first + count):
            if self.held[frame]:
                sentence = (
                    "{}: the bitmap has frame {} free to hand out, the shadow says that serial {} of {!r} has it: "
                    "bind raw calls after debug()"
                )
                self._differ(sentence, frame)

    def expect_held(self, first, count):
        """Raise InternalCorruption if one of the frames that are being freed is not handed out."""
        for frame in range(first, first + count):
            if not self.held[frame]:
                sentence = (
                    "{}: the bitmap has frame {} in use, the shadow says that serial {} of {!r} freed it: "
                    "bind raw calls after debug()"
                )
                self._differ(sentence, frame)

    def expect_not_held(self, frame):
        """Raise InternalCorruption if an allocation that was not freed is missing from the bitmap."""
        if 0 <= frame < self.region.frames and self.held[frame] and self.region.is_free(frame):
            sentence = (
                "{}: the bitmap has frame {} free, the shadow says that serial {} of {!r} has it: "
                "bind raw calls after debug()"
            )
            self._differ(sentence, frame)

    def _differ(self, sentence, frame):
        mistake("InternalCorruption", sentence, self.region.name, frame, self._serials[frame], self._owners[frame])

    def check(self):
        """Return a sentence for each frame that is handed out in the shadow and free in the bitmap."""
        found = []
        for first, count, free in self.region.runs():
            for frame in range(first, first + count):
                if free and self.held[frame]:
                    found.append(
                        "%s: frame %d is free in the bitmap, not in the shadow: %s"
                        % (self.region.name, frame, self.whose(frame))
                    )
        return found


class Counts:
    """Counts for one region: the outcomes of each call, and the sizes of what was handed out and freed."""

    def __init__(self):
        self._outcomes = array("I", bytearray(4 * len(_CALLS) * _OUTCOMES))
        self._allocated = array("I", bytearray(4 * _SIZES))  # by floor(log2(frames))
        self._freed = array("I", bytearray(4 * _SIZES))

    def note(self, call, returned, n):
        """Count what a call for `n` frames returned."""
        outcomes, sizes = self._outcomes, self._allocated
        if returned < 0:
            outcomes[call * _OUTCOMES - returned] += 1
            return
        outcomes[call * _OUTCOMES] += 1
        if call == _RESIZE:
            return
        if call == _FREE:
            sizes, n = self._freed, returned
        size = 0
        while n >> (size + 1):
            size += 1
        sizes[size] += 1

    def row(self):
        """Return the counts as a row of `statistics`; the inner dicts leave out zeros."""
        calls, refused = {}, {}
        for call, name in enumerate(_CALLS):
            calls[name] = {}
            for outcome in range(_OUTCOMES):
                number = self._outcomes[call * _OUTCOMES + outcome]
                if number:
                    word = code_name(-outcome) if outcome else "granted"
                    calls[name][word] = number
                    if outcome:
                        refused[word] = refused.get(word, 0) + number
        return {
            "allocations": sum(self._allocated),
            "frees": sum(self._freed),
            "refused": refused,
            "calls": calls,
            "allocated": {size: number for size, number in enumerate(self._allocated) if number},
            "freed": {size: number for size, number in enumerate(self._freed) if number},
        }


class Watched:
    """One region with the tiers that are on, each None if it is off.

    Its methods replace the region's calls, which it keeps as the attributes ``..._call``. They raise what those raise,
    and InternalCorruption if `assertions` is on; in an interrupt handler they count in `differences` instead. `latest`
    is the list that physmem_debug keeps: the serial number of the last allocation, and the tag for the next.
    """

    shadow = None
    poison = None
    guards = None
    counts = None
    assertions = False
    differences = 0

    def __init__(self, region, latest):
        self.region = region
        self.latest = latest
        self.wrapper = self._wrap

    def _wrap(self, region, state, calls):
        self.alloc_call, self.alloc_aligned_call, self.alloc_at_call, self.free_call = calls[:4]
        self.allocate_within_call, self.resize_call = calls[4:]
        return self._alloc, self._alloc_aligned, self._alloc_at, self._free, self._allocate_within, self._resize

    def _alloc(self, n):
        integer(n, "n")
        return self._placed(_ALLOC, self.alloc_call(n), n, 1, 0, 0, None)

    def _alloc_aligned(self, n, align_frames):
        integer(n, "n")
        integer(align_frames, "align_frames")
        frame = self.alloc_aligned_call(n, align_frames)
        return self._placed(_ALLOC_ALIGNED, frame, n, align_frames, 0, 0, None)

    def _allocate_within(self, n, align, boundary, low, high):
        frame = self.allocate_within_call(n, align, boundary, low, high)
        return self._placed(_ALLOCATE_WITHIN, frame, n, align >> self.region.shift, boundary, low, high)

    def _alloc_at(self, frame, n):
        integer(frame, "frame")
        integer(n, "n")
        returned = self.alloc_at_call(frame, n)
        if self.guards is not None:
            if returned == ADDRESS_NOT_FREE and self.guards.give_way(frame, n):
                returned = self.alloc_at_call(frame, n)
            if returned >= 0:
                self.guards.guard_in_place(returned, n)
        return self._allocated(_ALLOC_AT, returned, n)

    def _placed(self, call, frame, n, align, boundary, low, high):
        """Put guards around what the call returned, tell the other tiers, and return the first frame or the code.

        `align` is in frames.
        """
        if frame >= 0 and self.guards is not None:
            frame = self.guards.surround(frame, n, align, boundary, low, high)
        return self._allocated(call, frame, n)

    def _allocated(self, call, frame, n):
        """Tell all tiers except the guards what the call for `n` frames returned, and return it."""
        if frame >= 0 and self.shadow is not None:
            if self.guards is None:
                self.expect_free(frame, n)  # the guards have checked already
            if self.poison is not None:
                self.poison.judge(frame, n)
            self.latest[_SERIAL] += 1
            self.shadow.hold(frame, n, self.latest[_SERIAL], None if in_handler() else self.latest[_TAG])
        if self.counts is not None:
            self.counts.note(call, frame, n)
        return frame

    def expect_free(self, frame, n):
        """With `assertions`, free the frames just allocated and raise if the shadow says that they are handed out."""
        if self.assertions:
            try:
                self.shadow.expect_free(frame, n)
            except PhysMemError:
                if not in_handler():
                    self.free_call(frame)
                    raise
                self.differences += 1

    def _is_refused_here(self):
        """Return whether this is an interrupt handler, in which the engine refuses each call of the region."""
        return in_handler() and not self.region.attrs & SHARED

    def _free(self, frame):
        integer(frame, "frame")
        count = self.region.count(frame)
        if count and self.guards is not None and self.guards.is_guard(frame):
            freed = NOT_ALLOCATED
        elif self._is_refused_here():
            freed = self.free_call(frame)
        else:
            if self.shadow is not None:
                self._before_free(frame, count)
            freed = self.free_call(frame)
        if self.counts is not None:
            self.counts.note(_FREE, freed, 0)
        return freed

    def _before_free(self, frame, count):
        """Check an allocation of `count` frames and record its end, before another request can get the frames.

        A `count` of 0 means that there is none, and the free is about to be refused.
        """
        if self.assertions:
            try:
                if count:
                    self.shadow.expect_held(frame, count)
                else:
                    self.shadow.expect_not_held(frame)
            except PhysMemError:
                if not in_handler():
                    raise
                self.differences += 1
        if count:
            if self.guards is not None:
                self.guards.release(frame, count)
            if self.poison is not None:
                self.poison.fill(frame, count)
            self.shadow.release(frame, count)

    def _resize(self, first, count, n):
        """Resize the allocation of `count` frames at `first` to `n` frames, with its guard behind it, and return as
        `physmem_region.resize_frames` does."""
        region, guards = self.region, self.guards
        if guards is not None and 0 <= first < region.frames and guards.is_guard(first):
            resized = NOT_ALLOCATED
        elif self.shadow is None or n == count or region.count(first) != count or self._is_refused_here():
            resized = self.resize_call(first, count, n)
        elif n > count:
            resized = self._grow(first, count, n)
        else:
            resized = self._shrink(first, count, n)
        if self.counts is not None:
            self.counts.note(_RESIZE, resized, n)
        return resized

    def _grow(self, first, count, n):
        end, more = first + count, n - count
        guards = self.guards
        self._expect_held(first, count)
        guarded = guards is not None and guards.is_behind(end)
        gave_way = guards is not None and guards.give_way(end, more)
        resized = self.resize_call(first, count, n)
        if resized == n:
            if self.assertions:
                try:
                    self.shadow.expect_free(end, more)
                except PhysMemError:
                    if not in_handler():
                        self.resize_call(first, n, count)
                        if guarded:
                            guards.guard_behind(first, count)
                        raise
                    self.differences += 1
            if self.poison is not None:
                self.poison.judge(end, more)
            self.shadow.extend(end, more)
        if guarded and gave_way:
            guards.unguarded -= 1  # its own guard only moves
            guards.guard_behind(first, n if resized == n else count)
        return resized

    def _shrink(self, first, count, n):
        start, fewer = first + n, count - n
        guards = self.guards
        self._expect_held(first, count)
        guarded = guards is not None and guards.is_behind(first + count)
        if guarded:
            guards.drop_behind(first + count)
        if self.poison is not None:
            self.poison.fill(start, fewer)
        self.shadow.release(start, fewer)
        resized = self.resize_call(first, count, n)
        if resized != n:  # a handler has freed the allocation meanwhile
            return resized
        if guarded:
            guards.guard_behind(first, n)
        return resized

    def _expect_held(self, first, count):
        """With `assertions`, raise if the shadow says that one of the frames is not handed out."""
        if self.assertions:
            try:
                self.shadow.expect_held(first, count)
            except PhysMemError:
                if not in_handler():
                    raise
                self.differences += 1

    def check(self):
        """Return the sentences of all tiers."""
        found = []
        name = self.region.name
        if self.shadow is not None:
            found.extend(self.shadow.findings)
            if self.shadow.more:
                found.append("%s: %d more findings, older than these" % (name, self.shadow.more))
        if self.poison is not None:
            found.extend(self.poison.check())
        if self.guards is not None:
            found.extend(self.guards.check())
        if self.assertions:
            found.extend(self.shadow.check())
        if self.differences:
            found.append("%s: bitmap and shadow differed %d times in interrupt handlers" % (name, self.differences))
        return found

    def tiers(self, settings):
        """Return the shadow, poison, guards and counts that the `settings` of physmem_debug ask for: the present ones,
        or new ones if there are none; None for each that is off."""
        size = settings["guard_frames"]
        shadow = poison = guards = counts = None
        if settings["owners"] or settings["poison"] or settings["assertions"] or size:
            shadow = self.shadow or Shadow(self.region)
        if settings["poison"]:
            poison = self.poison or Poison(shadow)
        if size:
            guards = self.guards if self.guards is not None and self.guards.size == size else Guards(self, shadow, size)
        if settings["statistics"]:
            counts = self.counts or Counts()
        return shadow, poison, guards, counts

    def reset_counts(self):
        """Start all counts at 0 again."""
        self.counts = Counts()
