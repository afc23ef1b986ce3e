"""Tiers of debugging, each free of cost until it is switched on: who has what, who wrote where, and who counts wrong.

    physmem.debug(owners=True, poison=True, guard_frames=1)
    start = physmem.mark()
    with physmem_debug.owner("display"):
        pixels = sram.alloc(4)             # no place to say by whom, so the block does
    for leak in physmem.leaks(start):
        print(leak.owner, hex(leak.addr), leak.nbytes)
    print(physmem.check())                 # names what was written outside of its frames or after their end

What is looked at are the calls of the regions and all that goes through them: the functions of `physmem` and
AllocatedFrames. A raw call that a program bound before goes past: ``alloc = region.alloc`` again after `debug`. The
tiers work in hard interrupt handlers and with the heap locked, but for filling and comparing memory, which needs heap:
`untracked` counts what was left out. `debug`, `leaks` and `physmem.check` are for when no handler makes raw calls.

The record that the tiers share takes 9 bytes of heap a frame on a board, poison and guards one more each.
"""

from array import array
from collections import namedtuple

import physmem
import physmem_engine as engine
from micropython import const
from physmem_errors import code_name, integer, mistake
from physmem_region import RESERVED

Leak = namedtuple("Leak", ("region", "first", "count", "addr", "nbytes", "owner", "serial"))

_MOST_FINDINGS = const(16)  # kept of a region

_CALLS = ("alloc", "alloc_aligned", "alloc_at", "free", "allocate_within")
_ALLOC = const(0)
_ALLOC_ALIGNED = const(1)
_ALLOC_AT = const(2)
_FREE = const(3)
_ALLOCATE_WITHIN = const(4)
_OUTCOMES = const(8)  # granted, and the codes -1 to -7
_SIZES = const(30)


class Record:
    """Frame by frame, and apart from the region's own map: whether it is handed out, and by which allocation it was.

    An allocation is known by its serial number; 0 stands for all those of before the record. Frames keep the serial and
    the owner of the allocation that they were last of. To enter something takes no heap. `findings` are sentences about
    what is over by now, the last 16 of them; `more` were dropped before them.
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
        """Enter an allocation."""
        for frame in range(first, first + count):
            self.held[frame] = 1
            self._serials[frame] = serial
            self._owners[frame] = owner

    def name(self, first, count, owner):
        """Enter who has an allocation."""
        for frame in range(first, first + count):
            self._owners[frame] = owner

    def release(self, first, count):
        """Enter the end of an allocation."""
        for frame in range(first, first + count):
            self.held[frame] = 0

    def is_held(self, first, count):
        """Whether one of the frames is handed out."""
        frame = first
        while frame < first + count and not self.held[frame]:
            frame += 1
        return frame < first + count

    def whose(self, frame):
        """Who had the frame last, in words."""
        return "owner %r, serial %d" % (self._owners[frame], self._serials[frame])

    def keep(self, sentence):
        """Keep a finding for `check`, if it is one: None is none."""
        if sentence:
            if len(self.findings) == _MOST_FINDINGS:
                self.findings.pop(0)
                self.more += 1
            self.findings.append(sentence)

    def leaks(self, since):
        """Generate the Leak tuples of the region, by address."""
        region, serials = self.region, self._serials
        for first, count, free in region.runs():
            begin, end = first, first + count
            for frame in range(first + 1, end + 1):
                if frame == end or serials[frame] != serials[begin]:
                    if not free and self.held[begin] and serials[begin] > since:
                        nbytes = (frame - begin) << region.shift
                        owner = self._owners[begin]
                        yield Leak(region, begin, frame - begin, region.addr(begin), nbytes, owner, serials[begin])
                    begin = frame

    def expect_free(self, first, count):
        """Refuse an allocation of frames that are handed out."""
        for frame in range(first, first + count):
            if self.held[frame]:
                sentence = "{}: the map has frame {} free to hand out, the record says that serial {} of {!r} has it"
                self._differ(sentence, frame)

    def expect_held(self, first, count):
        """Refuse a free of frames of which one is free."""
        for frame in range(first, first + count):
            if not self.held[frame]:
                sentence = "{}: the map has frame {} in use, the record says that serial {} of {!r} gave it back"
                self._differ(sentence, frame)

    def expect_not_held(self, frame):
        """Refuse that an allocation which has not been freed is nowhere on the map."""
        if 0 <= frame < self.region.frames and self.held[frame] and self.region.is_free(frame):
            sentence = "{}: the map has frame {} free, the record says that serial {} of {!r} has it"
            self._differ(sentence, frame)

    def _differ(self, sentence, frame):
        mistake("InternalCorruption", sentence, self.region.name, frame, self._serials[frame], self._owners[frame])

    def check(self):
        """Sentences about frames that are handed out according to the record and free on the map."""
        found = []
        for first, count, free in self.region.runs():
            for frame in range(first, first + count):
                if free and self.held[frame]:
                    found.append(
                        "%s: frame %d is free on the map, not in the record: %s"
                        % (self.region.name, frame, self.whose(frame))
                    )
        return found


class Counts:
    """How often each call of a region had which outcome, and how large what was handed out and given back was."""

    def __init__(self):
        self._outcomes = array("I", bytearray(4 * len(_CALLS) * _OUTCOMES))
        self._allocated = array("I", bytearray(4 * _SIZES))  # by floor(log2(frames))
        self._freed = array("I", bytearray(4 * _SIZES))

    def note(self, call, answer, n):
        """Count what a call answered; `n` frames were asked for."""
        outcomes, sizes = self._outcomes, self._allocated
        if answer < 0:
            outcomes[call * _OUTCOMES - answer] += 1
            return
        outcomes[call * _OUTCOMES] += 1
        if call == _FREE:
            sizes, n = self._freed, answer
        size = 0
        while n >> (size + 1):
            size += 1
        sizes[size] += 1

    def row(self):
        """What was counted, as `statistics` answers it; what is 0 is left out of the inner dicts."""
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
    """One region with the tiers that are on, each None if it is off. Its methods stand in the place of the region's
    calls; what they stand for are the attributes ``..._call``. They raise what those raise, and InternalCorruption if
    `assertions` are on and this is no interrupt handler: there `differences` counts it."""

    record = None
    poison = None
    guards = None
    counts = None
    assertions = False
    differences = 0

    def __init__(self, region):
        self.region = region
        self.wrapper = self._wrap

    def _wrap(self, region, calls):
        self.alloc_call, self.alloc_aligned_call, self.alloc_at_call, self.free_call, self.allocate_within_call = calls
        return self._alloc, self._alloc_aligned, self._alloc_at, self._free, self._allocate_within

    def _alloc(self, n):
        return self._placed(_ALLOC, self.alloc_call(n), n, 1, 0, 0, None)

    def _alloc_aligned(self, n, align):
        return self._placed(_ALLOC_ALIGNED, self.alloc_aligned_call(n, align), n, align, 0, 0, None)

    def _allocate_within(self, n, align, boundary, low, high):
        frame = self.allocate_within_call(n, align, boundary, low, high)
        return self._placed(_ALLOCATE_WITHIN, frame, n, align >> self.region.shift, boundary, low, high)

    def _alloc_at(self, frame, n):
        answer = self.alloc_at_call(frame, n)
        if self.guards is not None:
            if answer == engine.ADDRESS_NOT_FREE and self.guards.give_way(frame, n):
                answer = self.alloc_at_call(frame, n)
            if answer >= 0:
                self.guards.guard_in_place(answer, n)
        return self._allocated(_ALLOC_AT, answer, n)

    def _placed(self, call, frame, n, align, boundary, low, high):
        """Have guards put around what the call answered, and tell the other tiers; `align` is in frames."""
        if frame >= 0 and self.guards is not None:
            frame = self.guards.surround(frame, n, align, boundary, low, high)
        return self._allocated(call, frame, n)

    def _allocated(self, call, frame, n):
        """Tell all tiers but the guards what the call for `n` frames answered; returns it."""
        global _serial
        if frame >= 0 and self.record is not None:
            if self.guards is None:
                self.expect_free(frame, n)  # the guards have asked before they were taken
            if self.poison is not None:
                self.poison.judge(frame, n)
            _serial += 1
            self.record.hold(frame, n, _serial, None if engine.in_handler() else _owner)
        if self.counts is not None:
            self.counts.note(call, frame, n)
        return frame

    def expect_free(self, frame, n):
        """Give frames that were handed out back and raise, if the record says that they are somebody's."""
        if self.assertions:
            try:
                self.record.expect_free(frame, n)
            except physmem.PhysMemError:
                if not engine.in_handler():
                    self.free_call(frame)
                    raise
                self.differences += 1

    def _free(self, frame):
        count = self.region.count(frame)
        if count and self.guards is not None and self.guards.is_guard(frame):
            freed = engine.NOT_ALLOCATED
        else:
            if self.record is not None:
                self._before_free(frame, count)
            freed = self.free_call(frame)
        if self.counts is not None:
            self.counts.note(_FREE, freed, 0)
        return freed

    def _before_free(self, frame, count):
        """Look at an allocation of `count` frames and enter its end, while nobody else can get the frames yet. A
        `count` of 0: there is none, and the call is about to be refused."""
        if self.assertions:
            try:
                if count:
                    self.record.expect_held(frame, count)
                else:
                    self.record.expect_not_held(frame)
            except physmem.PhysMemError:
                if not engine.in_handler():
                    raise
                self.differences += 1
        if count:
            if self.guards is not None:
                self.guards.release(frame, count)
            if self.poison is not None:
                self.poison.fill(frame, count)
            self.record.release(frame, count)

    def check(self):
        """Sentences of all tiers."""
        found = []
        name = self.region.name
        if self.record is not None:
            found.extend(self.record.findings)
            if self.record.more:
                found.append("%s: %d findings more, older than these" % (name, self.record.more))
        if self.poison is not None:
            found.extend(self.poison.check())
        if self.guards is not None:
            found.extend(self.guards.check())
        if self.assertions:
            found.extend(self.record.check())
        if self.differences:
            found.append("%s: map and record differed %d times in interrupt handlers" % (name, self.differences))
        return found


_OFF = {"owners": False, "poison": False, "guard_frames": 0, "assertions": False, "statistics": False}
_settings = _OFF  # the arguments of the last `debug`
_watched = []  # one for each region that is not reserved, while a tier is on
_serial = 0  # of the last allocation that was recorded
_owner = None  # what `owner` says at this moment
_own_before = None  # what physmem makes owners with when it is not told them
_own_deferred_before = None


def debug(*, owners=False, poison=False, guard_frames=0, assertions=False, statistics=False):
    """Switch these tiers on, for all regions but the reserved ones, and all others off. Without arguments everything is
    off: the calls of the regions are the engine's own again.

    - `owners`: `leaks` tells what is allocated and by whom.
    - `poison`: freed frames are filled with 0xDB. `check` says which of them were written to after that, by programs or
      by hardware that goes on; so it does if they have been handed out again meanwhile.
    - `guard_frames`: that many frames before and behind each new allocation are filled with 0xFD and belong to nobody
      until it is freed. `check` says which were written to. They count as used. A request that has no place with both
      guards gets one without; frames asked for by address have the guards whose frames are free, and other guards make
      room for them. To be guarded, a request may count in `failed` of a region that grants it.
    - `assertions`: each allocation and each free is held against a second record. Where they differ, InternalCorruption
      is raised and nothing has changed; in interrupt handlers it is counted for `check`. What goes past the tiers (see
      above) is a difference as well, as soon as it meets with what does not.
    - `statistics`: `statistics` tells how often each call was made, with which outcome and for how many frames.

    A tier that is on stays on with all that it knows; but another number of guard frames frees the guards that there
    are, and so does 0. What they guarded stays allocated. What `check` has kept of the past is forgotten when none of
    the first four tiers is on.

    TypeError and InvalidArgument for bad values, NotInitialized before `init`, MemoryError for want of heap; nothing
    has changed then.
    """
    settings = {
        "owners": owners,
        "poison": poison,
        "guard_frames": guard_frames,
        "assertions": assertions,
        "statistics": statistics,
    }
    for name, value in settings.items():
        if name != "guard_frames" and not isinstance(value, bool):
            raise TypeError("%s must be a bool, not %s" % (name, type(value).__name__))
    if integer(guard_frames, "guard_frames") < 0:
        mistake("InvalidArgument", "there cannot be {} guard_frames", guard_frames)
    if not physmem._initialized:
        mistake("NotInitialized", "boot() or init() comes first")
    watched = _watched or [Watched(region) for region in physmem.regions() if not region.attrs & RESERVED]
    if guard_frames and not [one for one in watched if one.region.frames > 2 * guard_frames]:
        mistake("InvalidArgument", "no region has a place with {} guard_frames at each side", guard_frames)
    is_recorded = owners or poison or assertions or guard_frames > 0
    tiers = []
    for one in watched:
        record = (one.record or Record(one.region)) if is_recorded else None
        tiers.append(
            (
                record,
                _poison_of(one, record) if poison else None,
                _guards_of(one, record, guard_frames) if guard_frames else None,
                (one.counts or Counts()) if statistics else None,
            )
        )
    _switch(watched, tiers, settings)


def _poison_of(watched, record):
    from physmem_poison import Poison

    return watched.poison or Poison(record)


def _guards_of(watched, record, size):
    from physmem_guard import Guards

    if watched.guards is not None and watched.guards.size == size:
        return watched.guards
    return Guards(watched, record, size)


def _switch(watched, tiers, settings):
    """Make what `debug` has prepared the case."""
    global _settings, _watched, _own_before, _own_deferred_before
    is_on = settings != _OFF
    if is_on and not _watched:
        try:
            for one in watched:
                one.region.wrap(one.wrapper)
            physmem._checks.append(_check)
        except MemoryError:
            for one in watched:
                one.region.unwrap(one.wrapper)
            raise
        _own_before, _own_deferred_before = physmem._own, physmem._own_deferred
        physmem._own, physmem._own_deferred = _own, _own_deferred
        _watched = watched
    for one, (record, poison, guards, counts) in zip(watched, tiers):
        if one.guards is not None and one.guards is not guards:
            one.guards.release_all()
        one.record, one.poison, one.guards, one.counts = record, poison, guards, counts
        one.assertions = settings["assertions"]
        if not one.assertions:
            one.differences = 0
    _settings = settings
    if _watched and not is_on:
        for one in watched:
            one.region.unwrap(one.wrapper)
        physmem._own, physmem._own_deferred = _own_before, _own_deferred_before
        physmem._checks.remove(_check)
        _watched = []


def _check():
    found = []
    for one in _watched:
        found.extend(one.check())
    return found


def _own(region, first, count, owner):
    """`physmem._own`, which is told the owner."""
    _name(region, first, count, owner)
    return _own_before(region, first, count, owner)


def _own_deferred(region, first, count, owner):
    """`physmem._own_deferred`, which is told the owner."""
    _name(region, first, count, owner)
    return _own_deferred_before(region, first, count, owner)


def _name(region, first, count, owner):
    if owner is not None:
        for one in _watched:
            if one.region is region and one.record is not None:
                one.record.name(first, count, owner)


class owner:
    """``with owner("display"):`` says who has what is allocated in the block by a call that is not told so. Blocks may
    be nested. Allocations of interrupt handlers have no owner."""

    def __init__(self, who):
        self._who = who

    def __enter__(self):
        global _owner
        self._before = _owner
        _owner = self._who
        return self

    def __exit__(self, exception_type, exception, traceback):
        global _owner
        _owner = self._before


def mark():
    """The serial number of the last allocation, for `leaks`. Switches `owners` on, if it is off."""
    if not _settings["owners"]:
        debug(**dict(_settings, owners=True))
    return _serial


def leaks(since=0):
    """What was allocated after the mark `since` and has not been freed: a list of Leak tuples, the oldest first.

    Each has `region`, `first` and `count` in frames, `addr` and `nbytes`, `owner` and `serial`. It is a run of frames
    that were handed out together and still are of one allocation: after a split there is one for each part, after a
    merge one for each allocation that was merged, with the owner and the serial number that it had. Frames of before
    `owners` was on, those of raw calls bound before, and reserved regions are left out. NotPermitted if `owners` is
    off, InvalidArgument if `since` is no mark.
    """
    if not _settings["owners"]:
        mistake("NotPermitted", "owners are not recorded: mark() or debug(owners=True) comes first")
    if not 0 <= integer(since, "since") <= _serial:
        mistake("InvalidArgument", "{} is no mark: {} was the last serial number", since, _serial)
    found = []
    for one in _watched:
        found.extend(one.record.leaks(since))
    return sorted(found, key=lambda leak: (leak.serial, leak.addr))


def statistics(reset=False):
    """What was counted since the tier `statistics` is on: a dict for each region by its name, with the numbers of
    ``allocations`` and ``frees``, of what was ``refused`` by the name of its code, of ``calls`` by name and outcome,
    and of the allocations ``allocated`` and ``freed`` by floor(log2(frames)). With `reset` all begins at 0 again.

    The calls are those of the regions: `physmem.allocate_frames` asks one after the other. What interrupt handlers
    count may be lost if they interrupt the program at it. NotPermitted if the tier is off.
    """
    if not _settings["statistics"]:
        mistake("NotPermitted", "nothing is counted: debug(statistics=True) comes first")
    table = {}
    for one in _watched:
        table[one.region.name] = one.counts.row()
        if reset:
            one.counts = Counts()
    return table


def untracked():
    """What the tiers that are on had to leave out: a dict for each region by its name.

    ``unguarded`` counts allocations without a guard at one side or both, for want of room or of heap; ``unpoisoned``
    those that were freed without being filled, and ``unread`` poisoned frames that were handed out and guards that were
    freed without being looked at, as the heap was locked or full.
    """
    table = {}
    for one in _watched:
        row = table[one.region.name] = {"unguarded": 0, "unpoisoned": 0, "unread": 0}
        if one.guards is not None:
            row["unguarded"] = one.guards.unguarded
            row["unread"] = one.guards.unread
        if one.poison is not None:
            row["unpoisoned"] = one.poison.unpoisoned
            row["unread"] += one.poison.unread
    return table
