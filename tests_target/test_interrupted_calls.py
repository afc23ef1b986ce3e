"""A raw call of a SHARED region, interrupted at each of its instructions by another call: as if one came first.

Each pair of calls runs with the interrupt one processor step later each time, from before the first call to after it.
Results and state must match one order or the other. The viper code of physmem_engine, which knows no lock, says what
they are.
"""

import hard_interrupts
import physmem
import physmem_engine as engine
import physmem_state
import viper_engine
from array import array
from hard_interrupts import LEAST_DURING, MARGIN, STEP, STRIDE, last_before
from support import interrupts_are_masked
from uctypes import addressof

NEEDS = ("hard interrupts",)
TIMEOUT = 300
QEMU = ("-icount", "shift=6,sleep=off")

FRAMES = 200
BASE = 0x60000000 + 5 * 4096
ALLOCATIONS = ((0, 3), (8, 22), (36, 40), (100, 20))  # (first, n); the rest is free: 3, 30, 76 and 120 start free runs


class RawCall:
    """A raw call: ``make(*arguments)`` does it in the region, `by_viper` on a state that nothing interrupts.

    Both must return the same.
    """

    def __init__(self, region, what, how):
        self.what = what
        self.how = how
        if how < 0:
            self.make, self.arguments = (region.alloc, (what,)) if how == -1 else (region.alloc_aligned, (what, -how))
        else:
            self.make, self.arguments = (region.alloc_at, (what, how)) if how else (region.free, (what,))

    def by_viper(self, address):
        return viper_engine.serve(address, self.what, self.how)

    def __repr__(self):
        return "serve(%d, %d)" % (self.what, self.how)


class Within:
    """The allocation of `n` frames by constraints: from frame `low` up, not across a multiple of 16.

    It searches and then allocates what it has found, unless the bitmap has changed since.
    """

    def __init__(self, region, n, low):
        self.n = n
        self.low = low
        self.make = lambda address: engine.allocate_within(address, n, 1, 16, low, FRAMES)
        self.arguments = (region.address,)

    def by_viper(self, address):
        frame = engine.search_within(address, self.n, 1, 16, self.low, FRAMES)
        return viper_engine.serve(address, frame, self.n) if frame >= 0 else viper_engine.count_failure(address, 0)

    def __repr__(self):
        return "allocate_within(%d from %d on)" % (self.n, self.low)


class Split:
    """A split, before `frame`, of the allocation that it is in."""

    def __init__(self, region, frame):
        self.frame = frame
        self.make = engine.join_or_split
        self.arguments = (region.address, frame)

    def by_viper(self, address):
        viper_engine.flip_start(address, self.frame)
        return 0

    def __repr__(self):
        return "split at %d" % self.frame


class Resize:
    """The allocation of `old` frames at `first` made one of `n` frames, in place."""

    def __init__(self, region, first, old, n):
        self.all = first, old, n
        self.make = lambda address: engine.resize_allocation(address, first, old, n)
        self.arguments = (region.address,)

    def by_viper(self, address):
        return viper_engine.resize_allocation(address, *self.all)

    def __repr__(self):
        return "resize_allocation%r" % (self.all,)


BEFORE, DURING, AFTER = range(3)


class Interruption:
    """What the hard interrupt does: one call, once. `when` says whether the program's call had started or ended."""

    def __init__(self, call):
        self.make = call.make
        self.first = call.arguments[0]
        self.second = call.arguments[-1]
        self.has_two = len(call.arguments) == 2
        self.program = BEFORE
        self.when = None
        self.answer = None

    def tick(self, source):
        self.answer = self.make(self.first, self.second) if self.has_two else self.make(self.first)
        self.when = self.program


class Interrupted:
    """A SHARED region as ALLOCATIONS say, and calls on it that are interrupted by another call."""

    def __init__(self):
        self.region = physmem.Region("shared", BASE, FRAMES * 4096, attrs=physmem.SHARED)
        for first, n in ALLOCATIONS:
            assert self.region.alloc_at(first, n) == first
        self.state = self.region._state
        self.before = array("I", self.state)

    def orders(self, program, handler):
        """Return the results of program and handler, and the state after both: the program first, the handler first."""
        outcomes = []
        for calls in ((program, handler), (handler, program)):
            state = array("I", self.before)
            answers = [call.by_viper(addressof(state)) for call in calls]
            state[physmem_state.STATE_VERSION] = self.before[physmem_state.STATE_VERSION]
            if calls[0] is handler:
                answers.reverse()
            outcomes.append((answers, state))
        return outcomes

    def interrupt_after(self, steps, program, handler):
        """Run the program's call, with the handler's call `steps` steps after its start.

        Return the results, and when the handler's call came.
        """
        self.state[:] = self.before
        interruption = Interruption(handler)
        make, first, second = program.make, program.arguments[0], program.arguments[-1]
        hard_interrupts.once(steps, interruption.tick)
        if len(program.arguments) == 2:
            interruption.program = DURING
            answer = make(first, second)
            interruption.program = AFTER
        else:
            interruption.program = DURING
            answer = make(first)
            interruption.program = AFTER
        while interruption.when is None:
            pass
        return [answer, interruption.answer], interruption.when

    def at_every_instruction(self, program, handler, phase):
        """Interrupt after every STEP-th step, moved by `phase` steps. Return how many interrupts came before, during
        and after the call."""
        outcomes = self.orders(program, handler)
        counts = [0, 0, 0]
        seen = [False, False]
        steps = last_before(lambda steps: self.interrupt_after(steps, program, handler)[1] == BEFORE)
        while self.interrupt_after(steps, program, handler)[1] != BEFORE:
            steps -= STRIDE
        steps -= min(steps, phase)
        while counts[AFTER] < MARGIN:
            answers, when = self.interrupt_after(steps, program, handler)
            counts[when] += 1
            self.state[physmem_state.STATE_VERSION] = self.before[physmem_state.STATE_VERSION]
            agree = [outcome == (answers, self.state) for outcome in outcomes]
            seen = [seen[0] or agree[0], seen[1] or agree[1]]
            if not any(agree):
                wanted = " or ".join([self.differences(answers, outcome) for outcome in outcomes])
                raise AssertionError("%r and after %d steps %r: %s" % (program, steps, handler, wanted))
            steps += STEP
        assert counts[BEFORE] and counts[DURING] >= LEAST_DURING // STEP, (program, handler, counts)
        assert seen == [True, True], "%r and %r were never in one of the orders" % (program, handler)
        return counts

    def differences(self, answers, outcome):
        words = [i for i in range(len(self.state)) if self.state[i] != outcome[1][i]]
        return "%r, not %r, words %r" % (answers, outcome[0], words)


def sweep(programs, handlers):
    """Run every call of `programs` with every one of `handlers`, makers of calls, at every STEP-th step, another one
    with each handler: so if there are STEP handlers or more, at every step of each of `programs`."""
    scene = Interrupted()
    total = 0
    for program in programs(scene.region):
        for number, handler in enumerate(handlers(scene.region)):
            total += scene.at_every_instruction(program, handler, number % STEP)[DURING]
    assert scene.region.check() == []
    print("%d interrupts during a call" % total)


def handlers(region):
    """Generate small and large allocations at places that the program's calls want, and releases beside them."""
    for what, how in ((1, -1), (6, -1), (60, -1), (30, 2), (8, 0), (36, 0)):
        yield RawCall(region, what, how)


def test_allocations():
    """Within a word and across words, long, aligned, at a frame.

    Some cannot be met before the handler's release, or after its allocation.
    """
    sweep(
        lambda region: [
            RawCall(region, what, how)
            for what, how in ((1, -1), (6, -1), (24, -1), (25, -1), (64, -1), (100, -1), (2, -8), (40, -64), (30, 4))
        ],
        handlers,
    )


def test_releases():
    """Short, across words, and of a frame where no allocation starts until the handler has run."""
    sweep(lambda region: [RawCall(region, frame, 0) for frame in (0, 8, 36, 100, 3, 30)], handlers)


def test_constraints_and_splits():
    """A call that searches and then claims searches again if the bitmap has changed.

    A handler also frees frames that the search has passed: for 16 frames it goes on to frame 75.
    """
    sweep(
        lambda region: [Within(region, 4, 0), Within(region, 4, 28), Within(region, 16, 0), Split(region, 50)], handlers
    )


def test_resizing():
    """Grown and shrunk within a word and across words, while the frames behind are taken, and the allocation freed."""
    sweep(
        lambda region: [
            Resize(region, *sizes) for sizes in ((8, 22, 24), (8, 22, 5), (36, 40, 60), (36, 40, 10), (36, 40, 70))
        ],
        handlers,
    )
    sweep(
        lambda region: [RawCall(region, what, how) for what, how in ((6, -1), (64, -1), (30, 2), (36, 0))],
        lambda region: [Resize(region, *sizes) for sizes in ((8, 22, 24), (36, 40, 60), (36, 40, 10))],
    )


class Refused:
    """What a hard interrupt does to a region: every call that changes its state, in the order of `calls`."""

    def __init__(self, address, calls):
        self.address = address
        self.calls = calls
        self.begin()

    def begin(self):
        self.answers = array("i", [99] * 16)

    def tick(self, source):
        alloc, alloc_aligned, alloc_at, free = self.calls
        address = self.address
        answers = self.answers
        answers[0] = alloc(1)
        answers[1] = alloc(40)
        answers[2] = alloc(150)
        answers[3] = alloc_aligned(2, 2)
        answers[4] = alloc_aligned(190, 2)
        answers[5] = alloc_at(110, 40)
        answers[6] = alloc_at(99, 2)
        answers[7] = free(8)
        answers[8] = free(9)
        answers[9] = engine.allocate_within(address, 3, 1, 0, 101, FRAMES)
        answers[10] = engine.allocate_within(address, 90, 1, 0, 101, FRAMES)
        answers[11] = engine.join_or_split(address, 50)
        answers[12] = engine.resize_allocation(address, 116, 3, 84)
        answers[13] = engine.resize_allocation(address, 116, 84, 3)
        answers[14] = engine.forget_fewest(address)
        answers[15] = alloc(0)


def test_handlers_and_regions_that_are_not_shared():
    """A hard interrupt handler is refused every call, and changes nothing, with the lock of a second core or without.

    The same calls work in a region that is SHARED. After each, interrupts are enabled and the spin lock is free.
    """
    spin_lock = array("I", [1])  # stands in for a register, and always reads as free
    for lock, permitted in ((0, False), (addressof(spin_lock) | 3, False), (1, True), (addressof(spin_lock) | 1, True)):
        region = physmem.Region("plain", BASE, FRAMES * 4096)
        region._state[physmem_state.STATE_LOCK] = lock
        for first, n in ALLOCATIONS[1:3]:
            assert region.alloc_at(first, n) == first
        before = bytes(region._state)
        refused = Refused(region.address, engine.raw_calls(region._state))
        granted = [0, 76, engine.OUT_OF_MEMORY, 1, engine.OUT_OF_MEMORY, engine.ADDRESS_NOT_FREE]
        granted += [engine.ADDRESS_NOT_FREE, 22, engine.NOT_ALLOCATED, 116, engine.OUT_OF_MEMORY, 0, 84, 3, 0]
        hard_interrupts.once(20, refused.tick)
        while refused.answers[15] == 99:
            pass
        assert refused.answers[15] == engine.ZERO_ALLOCATION
        wanted = granted if permitted else [engine.NOT_PERMITTED] * 15
        assert list(refused.answers)[:15] == wanted, (lock, list(refused.answers))
        assert not interrupts_are_masked()
        if not permitted:
            assert bytes(region._state) == before
            refused.tick(None)  # the program itself is permitted
            assert list(refused.answers)[:15] == granted, (lock, list(refused.answers))
        assert region.check() == []
