"""A raw call cut at each of its instructions, as by a power cut: `recover` restores the rows from before or after it.

A hard interrupt comes one processor step later each time. Its handler copies the region's metadata and the call
continues; the copy is what a power cut would have left. The region is not SHARED, so nothing keeps the interrupt out.
The viper code of physmem_engine says what the copy must become.
"""

import hard_interrupts
import physmem
import physmem_engine as engine
import viper_engine
import physmem_state
from array import array
from hard_interrupts import LEAST_DURING, MARGIN, STEP, STRIDE, last_before
from uctypes import addressof, bytearray_at

NEEDS = ("hard interrupts",)
TIMEOUT = 300
QEMU = ("-icount", "shift=6,sleep=off")

FRAMES = 200
BASE = 0x60000000 + 5 * 4096
# (first, n); the rest is free: 5 frames from 3, 6 from 30, 24 from 76 and 73 from 127.
ALLOCATIONS = ((0, 3), (8, 22), (36, 40), (100, 20), (120, 7))

BEFORE, DURING, AFTER = range(3)


class Slice:
    """``Slice()[a:b]`` is that slice."""

    def __getitem__(self, index):
        return index


ALL = Slice()[:]  # a handler has no heap to make a slice


class Interruption:
    """What the hard interrupt does: copy the state.

    `when` says whether the call had started or ended.
    """

    def __init__(self, state):
        self.size = 4 * len(state)
        self.state = bytearray_at(addressof(state), self.size)
        self.copy = bytearray(self.size)
        self.begin()

    def begin(self):
        self.program = BEFORE
        self.when = None
        self.handler = None

    def tick(self, source):
        self.copy[ALL] = self.state
        self.handler = engine.in_handler()
        self.when = self.program


class Scene:
    """A region as ALLOCATIONS say, and calls on it that are cut."""

    def __init__(self):
        self.region = physmem.Region("cut", BASE, FRAMES * 4096)
        for first, n in ALLOCATIONS:
            assert self.region.alloc_at(first, n) == first
        self.state = self.region._state
        # No lock, also on a chip with two cores: an interrupt cannot cut what runs with interrupts masked.
        self.state[physmem_state.STATE_LOCK] = 0
        self.before = array("I", self.state)
        self.interruption = Interruption(self.state)
        self.tick = self.interruption.tick

    def rows(self, state):
        return bytes(state)[4 * physmem_state.STATE_ROW : 4 * state[physmem_state.STATE_PLANES]]

    def interrupt_after(self, steps, make, arguments):
        """Make the call and interrupt it `steps` steps after its start. Return when the interrupt came."""
        self.state[:] = self.before
        interruption = self.interruption
        interruption.begin()
        first, second = arguments[0], arguments[-1]
        hard_interrupts.once(steps, self.tick)
        if len(arguments) == 2:
            interruption.program = DURING
            make(first, second)
            interruption.program = AFTER
        else:
            interruption.program = DURING
            make(first)
            interruption.program = AFTER
        while interruption.when is None:
            pass
        assert interruption.handler > 0 and engine.in_handler() == 0
        return interruption.when

    def cut_at_every_instruction(self, make, arguments, by_viper, undone):
        """Cut the call at every STEP-th step. Return the number of cuts during the call and of states that they found.

        With `undone` the call must be undone until it is complete, otherwise completed from its first store on.
        """
        expected = array("I", self.before)
        by_viper(addressof(expected))
        before, after = self.rows(self.before), self.rows(expected)
        counts = [0, 0, 0]
        steps = last_before(lambda steps: self.interrupt_after(steps, make, arguments) == BEFORE)
        while self.interrupt_after(steps, make, arguments) != BEFORE:
            steps -= STRIDE
        states = set()
        rows = set()
        cut = array("I", self.before)
        memory = bytearray_at(addressof(cut), 4 * len(cut))
        while counts[AFTER] < MARGIN:
            when = self.interrupt_after(steps, make, arguments)
            assert self.state == expected, steps
            counts[when] += 1
            steps += STEP
            copy = bytes(self.interruption.copy)
            if copy in states:
                continue
            states.add(copy)
            memory[:] = copy
            found = self.rows(cut)
            rows.add(found)
            free = free_frames(cut)
            freed = physmem_state.recover(cut)
            recovered = self.rows(cut)
            complete = found == after if undone else found != before
            assert recovered == (after if complete else before), steps
            assert physmem_state.check(cut) == [], steps
            assert free_frames(cut) == free + freed
            assert physmem_state.recover(cut) == 0 and self.rows(cut) == recovered
        assert counts[BEFORE] and counts[DURING] >= LEAST_DURING // STEP, counts
        assert before in rows and after in rows and copy == bytes(expected)
        # If every step is tried, no store is missed: each changes one of the words of the rows that the allocation
        # touches, or the word of its start.
        changes = 1
        for i in range(0, len(before), 4):
            changes += before[i : i + 4] != after[i : i + 4]
        assert len(rows) == changes or (STEP > 1 and 2 <= len(rows) < changes), rows
        return counts[DURING], len(states)


def free_frames(state):
    """Return the number of frames that the row says are free."""
    free = 0
    for frame in range(FRAMES):
        free += state[physmem_state.STATE_ROW + (frame >> 5)] >> (frame & 31) & 1
    return free


def cut_all(calls):
    """Cut calls of a scene at every instruction.

    `calls(region)` generates ``(function, arguments, what, how)``, the latter two for `serve`; a `how` of None is a
    call of `flip_start`. If `what` is a function, it does the same by viper, and `how` says whether a cut call is
    undone.
    """
    scene = Scene()
    cuts = states = 0
    for make, arguments, what, how in calls(scene.region):
        if callable(what):
            by_viper = what
        elif how is None:
            by_viper = lambda address, frame=what: viper_engine.flip_start(address, frame)  # noqa: E731
        else:
            by_viper = lambda address, what=what, how=how: viper_engine.serve(address, what, how)  # noqa: E731
        during, found = scene.cut_at_every_instruction(make, arguments, by_viper, how != 0)
        cuts += during
        states += found
    print("%d cuts during a call, %d states" % (cuts, states))


def test_allocations():
    """Within a word, across words, long, aligned, at a frame."""
    cut_all(
        lambda region: [
            (region.alloc, (1,), 1, -1),
            (region.alloc, (5,), 5, -1),
            (region.alloc, (6,), 6, -1),
            (region.alloc, (24,), 24, -1),
            (region.alloc, (25,), 25, -1),
            (region.alloc, (64,), 64, -1),
            (region.alloc_aligned, (2, 8), 2, -8),
            (region.alloc_aligned, (40, 64), 40, -64),
            (region.alloc_at, (31, 4), 31, 4),
            (region.alloc_at, (128, 72), 128, 72),
        ]
    )


def test_releases():
    """Within a word, across words, long."""
    cut_all(lambda region: [(region.free, (first,), first, 0) for first, _ in ALLOCATIONS])


def test_constraints_and_splits():
    """An allocation by constraints; a split and a join, which are one store."""

    def within(address):
        return engine.allocate_within(address, 4, 1, 16, 28, FRAMES)

    cut_all(
        lambda region: [
            (within, (region.address,), 30, 4),
            (engine.join_or_split, (region.address, 50), 50, None),
            (engine.join_or_split, (region.address, 120), 120, None),
        ]
    )


def test_resizing():
    """A growth is undone until it is complete, and shrinking completed: within a word, to its end, across words."""

    def resized(region, first, old, n):
        def make(address):
            engine.resize_allocation(address, first, old, n)

        def by_viper(address):
            viper_engine.resize_allocation(address, first, old, n)

        return make, (region.address,), by_viper, n > old

    sizes = ((0, 3, 7), (0, 3, 1), (8, 22, 25), (8, 22, 2), (36, 40, 60), (36, 40, 64), (36, 40, 28), (36, 40, 1))
    sizes += ((120, 7, 80), (120, 7, 8))
    cut_all(lambda region: [resized(region, *three) for three in sizes])
