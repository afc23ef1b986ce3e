"""A raw call of a SHARED region, interrupted at each of its instructions by another call: as if one came first.

Each pair of calls runs with the interrupt one processor step later each time, from before the first call to after it.
Results and state must match one order or the other. The viper code of physmem_engine, which knows no lock, says what
they are.
"""

import hard_interrupts
import physmem
import physmem_engine as engine
import viper_engine
from array import array
from hard_interrupts import LEAST_DURING, MARGIN, STEP, last_before
from uctypes import addressof

ONLY = ("MPS2_AN385", "MPS2_AN500", "MPS2_AN505", "RPI_PICO")
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

    It searches and then allocates what it has found. After the search an interrupt may release other frames. The result
    is then that of the program going first, and the peak of frames in use is that of the handler going first.
    """

    peak_is_of_either_order = True

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
        self.make = engine.split_or_join
        self.arguments = (region.address, frame)

    def by_viper(self, address):
        viper_engine.flip_start(address, self.frame)
        return 0

    def __repr__(self):
        return "split at %d" % self.frame


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

    def at_every_instruction(self, program, handler):
        """Interrupt after every STEP-th step. Return how many interrupts came before, during and after the call."""
        outcomes = self.orders(program, handler)
        counts = [0, 0, 0]
        seen = [False, False]
        steps = last_before(lambda steps: self.interrupt_after(steps, program, handler)[1] == BEFORE)
        while counts[AFTER] < MARGIN:
            answers, when = self.interrupt_after(steps, program, handler)
            counts[when] += 1
            self.state[engine.STATE_VERSION] = self.before[engine.STATE_VERSION]
            either = getattr(program, "peak_is_of_either_order", False)
            agree = [self.agrees(answers, outcome, outcomes if either else [outcome]) for outcome in outcomes]
            seen = [seen[0] or agree[0], seen[1] or agree[1]]
            if not any(agree):
                wanted = " or ".join([self.differences(answers, outcome) for outcome in outcomes])
                raise AssertionError("%r and after %d steps %r: %s" % (program, steps, handler, wanted))
            steps += STEP
        assert counts[BEFORE] and counts[DURING] >= LEAST_DURING // STEP, (program, handler, counts)
        assert seen == [True, True], "%r and %r were never in one of the orders" % (program, handler)
        return counts

    def agrees(self, answers, outcome, peaks):
        """Return whether results and state are those of `outcome`, with the peak of one of `peaks`."""
        fewest = self.state[engine.STATE_FEWEST_FREE]
        if fewest not in [state[engine.STATE_FEWEST_FREE] for _, state in peaks]:
            return False
        self.state[engine.STATE_FEWEST_FREE] = outcome[1][engine.STATE_FEWEST_FREE]
        same = outcome == (answers, self.state)
        self.state[engine.STATE_FEWEST_FREE] = fewest
        return same

    def differences(self, answers, outcome):
        words = [i for i in range(len(self.state)) if self.state[i] != outcome[1][i]]
        return "%r, not %r, words %r" % (answers, outcome[0], words)


def sweep(programs, handlers):
    """Run every call of `programs` with every one of `handlers`, makers of calls, at every instruction."""
    scene = Interrupted()
    total = 0
    for program in programs(scene.region):
        for handler in handlers(scene.region):
            total += scene.at_every_instruction(program, handler)[DURING]
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
    """In calls that search and then claim, the claim is refused and the search starts again.

    A search by constraints does not see what is freed behind it. So no release lies behind the search for 16 frames,
    which goes on to frame 75.
    """
    sweep(lambda region: [Within(region, 4, 0), Within(region, 4, 28), Split(region, 50)], handlers)
    sweep(lambda region: [Within(region, 16, 0)], lambda region: list(handlers(region))[:-1])
