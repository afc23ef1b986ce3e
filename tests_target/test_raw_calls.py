"""Random raw calls with the heap locked, on the regions that the board booted with: 100,000 on most machines.

This is what a hard interrupt handler does: `alloc`, `alloc_aligned`, `alloc_at` and `free` with good and bad arguments.
No call may raise or take heap, each result is compared with a table of the live allocations, and at the end every frame
is free again. On MPS2_AN500 and MPS2_AN505 every address of one region is a big integer.
"""

import gc
import sys

import micropython
import physmem
from array import array
from random_numbers import RandomNumbers
from scheduled import run_scheduled
from support import IS_BOARD, raises, scaled
from three_boards import WHICH, share_of

TIMEOUT = 300

CALLS = share_of(scaled(100000, 100000, 15000))
_MODE_CALLS = 4000  # after this many calls, filling turns into draining, and back
_REFUSED_FRAMES = (-1, -7, -(1 << 20), -(1 << 29), 1 << 20, (1 << 29) - 1, (1 << 30) - 1)
_REFUSALS_PER_PROOF = 256  # of this many refusals for lack of frames, one is checked against the table
_CODES = 8  # -code indexes a row of counts; 0 counts the calls that were granted


class RawCalls:
    """Random raw calls on one region, and a table of its allocations.

    `count[frame]` is the number of frames of the allocation that starts at `frame`, 0 if none does. `live[:lives]` are
    these frames in any order. Nothing in `one` may use heap: no slices, no tuples, no floats.
    """

    def __init__(self, region, numbers, answers):
        self.below = numbers.below
        self.region = region
        self.alloc = region.alloc
        self.alloc_aligned = region.alloc_aligned
        self.alloc_at = region.alloc_at
        self.free = region.free
        self.frames = region.frames
        self.most = min(64, region.frames)  # frames that most calls request
        self.phase = (region.base >> region.shift) % 64  # of the region's first frame, for alignments up to 64
        self.count = array("H", bytearray(2 * self.frames))
        self.live = array("H", bytearray(2 * self.frames))
        self.lives = 0
        self.answers = answers
        self.used = 0
        self.filling = True

    def entered(self, frame, n):
        """Note what an allocating call of `n` frames returned."""
        self.answers[0 if frame >= 0 else -frame] += 1
        if frame >= 0:
            assert frame + n <= self.frames and self.count[frame] == 0
            self.count[frame] = n
            self.live[self.lives] = frame
            self.lives += 1
            self.used += n

    def free_live(self, i):
        """Free the allocation `live[i]`."""
        frame = self.live[i]
        assert self.free(frame) == self.count[frame]
        self.answers[0] += 1
        self.used -= self.count[frame]
        self.count[frame] = 0
        self.lives -= 1
        self.live[i] = self.live[self.lives]

    def refused(self, code, expected):
        assert code == expected
        self.answers[-code] += 1

    def longest_run(self):
        """Return the longest run of frames that belong to no allocation of the table."""
        longest = run = frame = 0
        while frame < self.frames:
            n = self.count[frame]
            run = 0 if n else run + 1
            frame += n or 1
            if run > longest:
                longest = run
        return longest

    def one(self):
        """Make one random call and compare its result with the table."""
        below = self.below
        kind = below(16)
        if kind < 10:
            if not self.filling and below(4) and self.lives:
                self.free_live(below(self.lives))
                return
            n = 1 + below(4) if below(2) else 1 + below(self.most)
            if not below(64):
                n = 1 + below(self.frames)
            if kind < 6:
                frame = self.alloc(n)
                self.entered(frame, n)
                if frame < 0 and not below(_REFUSALS_PER_PROOF):
                    assert self.longest_run() < n
            elif kind < 8:
                align = 1 << below(7)
                frame = self.alloc_aligned(n, align)
                self.entered(frame, n)
                assert frame < 0 or (frame + self.phase) % align == 0
            else:
                frame = below(self.frames)
                answer = self.alloc_at(frame, n)
                if frame + n > self.frames:
                    self.refused(answer, physmem.ADDRESS_OUT_OF_RANGE)
                else:
                    assert answer == frame or answer == physmem.ADDRESS_NOT_FREE
                    self.entered(answer, n)
        elif kind < 13 and self.lives or self.lives == self.frames:
            self.free_live(below(self.lives))
        elif kind < 14:
            frame = below(self.frames)
            while self.count[frame]:
                frame = below(self.frames)
            self.refused(self.free(frame), physmem.NOT_ALLOCATED)
        elif kind == 14:
            if below(2):
                self.refused(self.free(self.frames + below(1 << 20)), physmem.ADDRESS_OUT_OF_RANGE)
            else:
                frame = _REFUSED_FRAMES[below(len(_REFUSED_FRAMES))]
                self.refused(self.free(frame), physmem.ADDRESS_OUT_OF_RANGE)
                self.refused(self.alloc_at(frame, 1), physmem.ADDRESS_OUT_OF_RANGE)
        else:
            self.bad_size(below(6))

    def bad_size(self, kind):
        if kind == 0:
            self.refused(self.alloc(0), physmem.ZERO_ALLOCATION)
        elif kind == 1:
            self.refused(self.alloc(self.frames + 1), physmem.ALLOCATION_TOO_LARGE)
        elif kind == 2:
            self.refused(self.alloc(-1), physmem.ALLOCATION_TOO_LARGE)
        elif kind == 3:
            self.refused(self.alloc_aligned(1, 3), physmem.UNALIGNED_ADDRESS)
        elif kind == 4:
            self.refused(self.alloc_aligned(1, -4), physmem.UNALIGNED_ADDRESS)
        else:
            self.refused(self.alloc_at(0, 0), physmem.ZERO_ALLOCATION)


def _random_calls(players, below, calls):
    """Make `calls` random calls, each on a random one of `players`."""
    for call in range(calls):
        if call % _MODE_CALLS == 0:
            for player in players:
                player.filling = not player.filling
        players[below(len(players))].one()


def _run_dry(players):
    """Take every free frame of each region, one by one, until each is exhausted. Then free all, last first."""
    for player in players:
        while player.used < player.frames:
            frame = player.alloc(1)
            assert frame >= 0
            player.entered(frame, 1)
        player.refused(player.alloc(1), physmem.OUT_OF_MEMORY)
        player.refused(player.alloc_at(0, 1), physmem.ADDRESS_NOT_FREE)
        while player.lives:
            player.free_live(player.lives - 1)


def _heap_locks():
    """Return whether calls need no heap, and `heap_lock` would show it: as bytecode with words of 32 bits they do."""
    return hasattr(gc, "mem_alloc") and sys.platform != "webassembly"


def test_raw_calls_under_a_locked_heap():
    """No exception, no byte of heap, every documented code, and an empty and sound system at the end."""
    numbers = RandomNumbers(2024 + WHICH)
    answers = array("I", bytearray(4 * _CODES))
    regions = [region for region in physmem.regions() if not region.attrs & physmem.RESERVED]
    assert regions and all(region.used_frames == 0 for region in regions)
    players = [RawCalls(region, numbers, answers) for region in regions]
    mem_alloc = gc.mem_alloc if _heap_locks() else int
    below = numbers.below
    gc.collect()
    micropython.heap_lock()
    try:
        before = mem_alloc()
        _random_calls(players, below, CALLS)
        between = mem_alloc()
    finally:
        micropython.heap_unlock()
    assert sum(answers) >= CALLS, "only %d calls" % sum(answers)
    assert between == before, "%d bytes of heap" % (between - before)
    assert physmem.check() == []
    for player in players:
        assert player.region.used_frames == player.used == sum(player.count)
        assert [(first, count) for first, count, free in player.region.runs() if not free] == [
            (first, count) for first, count in enumerate(player.count) if count
        ]
    gc.collect()
    micropython.heap_lock()
    try:
        before = mem_alloc()
        _run_dry(players)
        after = mem_alloc()
    finally:
        micropython.heap_unlock()
    assert after == before, "%d bytes of heap" % (after - before)
    assert physmem.check() == []
    for region in regions:
        assert region.used_frames == 0 and region.largest_free() == region.frames == region.peak_used
    assert min(answers) > 0, "a code was never returned: %s" % list(answers)
    print("%d random calls on %d regions; granted, and refused by code: %s" % (CALLS, len(regions), list(answers)))


def test_the_lock_refuses_heap():
    """The test above does prove something: a call that needs heap raises under the same lock."""
    if not _heap_locks():
        return  # CPython's stand-in does not lock
    micropython.heap_lock()
    try:
        list(range(100))
    except MemoryError:
        return
    finally:
        micropython.heap_unlock()
    raise AssertionError("heap was allocated while it was locked")


def test_wide_integers_free_nothing():
    """A number that would be a live frame if truncated to 30, 31, 32 or 64 bits is not a frame: every byte stays."""
    for region in physmem.regions():
        if region.attrs & physmem.RESERVED:
            continue
        first = region.alloc(1)
        second = region.alloc(2)
        assert (first, second) == (0, 1)
        state = bytes(region._state)
        for bits in (30, 31, 32, 33, 40, 63, 64):
            for k in range(4):
                for wide in ((1 << bits) + k, k - (1 << bits)):
                    assert region.free(wide) == physmem.ADDRESS_OUT_OF_RANGE, (region, wide)
                    assert region.alloc_at(wide, 1) == physmem.ADDRESS_OUT_OF_RANGE, (region, wide)
                    assert region.alloc((1 << bits) + k) == physmem.ALLOCATION_TOO_LARGE, (region, wide)
                    assert region.alloc_aligned(1, (1 << bits) + k) == physmem.UNALIGNED_ADDRESS, (region, wide)
                    assert bytes(region._state) == state, (region, wide)
        assert region.free(second) == 2 and region.free(first) == 1
        assert region.check() == []


def _calls_of_a_region_that_nobody_keeps():
    region = physmem.Region("forgotten", 0x10000000, 256 * 4096)
    return region.alloc, region.alloc_aligned, region.alloc_at, region.free


def test_a_bound_call_keeps_the_metadata_of_its_region():
    """Each bound call on its own keeps the metadata alive.

    It works as before after a collection, and after new objects have filled the heap that was freed.
    """
    for which in range(4):
        call = _calls_of_a_region_that_nobody_keeps()[which]
        gc.collect()
        rubbish = [bytearray(b"\xff" * size) for size in (16, 32, 64, 96, 128, 160, 256, 512) * 4]
        if which == 0:
            assert [call(1), call(32), call(256)] == [0, 1, physmem.OUT_OF_MEMORY] and rubbish
        elif which == 1:
            assert [call(1, 16), call(1, 16), call(1, 512)] == [0, 16, physmem.OUT_OF_MEMORY]
        elif which == 2:
            assert [call(5, 3), call(7, 1)] == [5, physmem.ADDRESS_NOT_FREE]
        else:
            assert [call(0), call(256)] == [physmem.NOT_ALLOCATED, physmem.ADDRESS_OUT_OF_RANGE]


def test_which_calls():
    """On the boards the raw calls jump into the machine code; elsewhere they are closures."""
    assert sys.modules["physmem_engine"].calls_are_direct is IS_BOARD


class Unusual(int):
    pass


class Indexed:
    """Not an integer, though some calls would take it for one."""

    def __index__(self):
        return 1

    __int__ = __index__


NO_INTEGERS = (None, 1.0, 0.0, float("nan"), "1", b"1", (1,), [1], {}, object(), len, int, Unusual(1), Indexed(), ...)


def wrong_arguments():
    """Generate the name of a call, its arguments, and the name and value of the one that is not an integer."""
    for value in NO_INTEGERS:
        yield "alloc", (value,), "n", value
        yield "free", (value,), "frame", value
        yield "alloc_aligned", (value, 1), "n", value
        yield "alloc_aligned", (1, value), "align_frames", value
        yield "alloc_aligned", (value, value), "n", value
        yield "alloc_at", (value, 1), "frame", value
        yield "alloc_at", (3, value), "n", value
        yield "alloc_at", (value, value), "frame", value


def test_what_is_not_an_integer():
    """It is a TypeError that names the argument and says what was given and what to give. No byte changes."""
    region = physmem.Region("r", 0x10000000, 70 * 4096)
    assert region.alloc(2) == 0 and region.alloc(1) == 2
    state = bytes(region._state)
    for name, arguments, argument, value in wrong_arguments():
        error = raises(TypeError, getattr(region, name), *arguments)
        sentence = "%s must be an integer, not %s: give a number of frames" % (argument, type(value).__name__)
        assert str(error) == sentence, (name, arguments, error)
        assert bytes(region._state) == state, (name, arguments)


def test_what_is_not_an_integer_under_a_locked_heap():
    """The sentence is made before. No call says that the heap is locked."""
    region = physmem.Region("r", 0x10000000, 70 * 4096)
    cases = list(wrong_arguments())
    calls = [getattr(region, name) for name, _, _, _ in cases]
    found = [None] * len(cases)
    locks = _heap_locks()  # CPython's stand-in does not lock
    state = bytes(region._state)
    i = 0
    while i < len(cases):
        call, arguments = calls[i], cases[i][1]
        one, other = arguments[0], arguments[-1]
        two = len(arguments) == 2
        micropython.heap_lock()
        try:
            if two:
                call(one, other)
            else:
                call(one)
        except TypeError as error:
            found[i] = error
        finally:
            micropython.heap_unlock()
        assert found[i] is not None and (not locks or "locked" not in str(found[i])), (cases[i], found[i])
        i += 1
    assert bytes(region._state) == state


def test_bools_are_integers():
    region = physmem.Region("r", 0x10000000, 70 * 4096)
    assert (region.alloc(True), region.alloc_aligned(True, True), region.alloc_at(3, True)) == (0, 1, 3)
    assert (region.alloc(False), region.alloc_aligned(1, False)) == (physmem.ZERO_ALLOCATION, physmem.UNALIGNED_ADDRESS)
    assert region.alloc_at(True, 1) == physmem.ADDRESS_NOT_FREE
    assert (region.free(False), region.free(True), region.free(True)) == (1, 1, physmem.NOT_ALLOCATED)


def test_numbers_of_arguments():
    """Too few, too many, and named ones are TypeErrors, and change nothing."""
    region = physmem.Region("r", 0x10000000, 70 * 4096)
    assert region.alloc(2) == 0
    state = bytes(region._state)
    for name, right in (("alloc", 1), ("free", 1), ("alloc_aligned", 2), ("alloc_at", 2)):
        call = getattr(region, name)
        for count in range(30):
            if count != right:
                raises(TypeError, call, *([1] * count))
        if IS_BOARD:  # MicroPython ignores what is named in a call of a viper function
            for named in ({"n": 1}, {"frame": 1}, {"frame": 1, "n": 1}, {"n": 1, "align_frames": 1}):
                for count in range(right + 1):
                    raises(TypeError, call, *([1] * count), **named)
        assert bytes(region._state) == state, name


def test_every_way_to_call():
    """As functions of other functions, of classes and objects, with arguments from a list, and scheduled."""
    region = physmem.Region("r", 0x10000000, 70 * 4096)
    alloc, alloc_aligned, alloc_at, free = region.alloc, region.alloc_aligned, region.alloc_at, region.free
    assert list(map(alloc, (1, 2, 3))) == [0, 1, 3]
    assert sorted((3, 0, 1), key=free) == [0, 1, 3]  # frees 3, 1 and 2 frames
    assert alloc_aligned(*[2, 16]) == 0 and alloc_at(*(40, 5)) == 40
    assert [free(frame) for frame in (0, 40)] == [2, 5]

    class Holder:
        pass

    holder = Holder()
    holder.alloc = alloc
    Holder.free = staticmethod(free)
    assert holder.alloc(7) == 0 and Holder.free(0) == 7 and holder.free(0) == physmem.NOT_ALLOCATED

    def default(n, alloc=alloc, free=free):
        return free(alloc(n))

    assert default(33) == 33
    micropython.schedule(alloc, 9)
    run_scheduled()
    assert free(0) == 9 and region.check() == []
    assert callable(alloc) and repr(alloc) and {alloc: 1}[alloc] == 1 and alloc == region.alloc != free


def test_depth():
    """A call at the end of the stack raises RuntimeError or works; the metadata stay sound."""
    region = physmem.Region("r", 0x10000000, 70 * 4096)

    def deeper(n):
        region.free(region.alloc(n))
        try:
            region.alloc("n")
        except TypeError:
            pass
        return deeper(n)

    raises(RuntimeError, deeper, 2)
    region.free(0)
    assert region.check() == [] and region.used_frames == 0
