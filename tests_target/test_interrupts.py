"""A SHARED region, used by a hard interrupt handler and by the program that it interrupts.

The interrupts come after as many processor steps as requested (hard_interrupts.py).
"""

import hard_interrupts
import machine
import micropython
import physmem
from array import array
from hard_interrupts import LEAST_DURING, MARGIN, STEP, last_before
from random_numbers import RandomNumbers
from support import scaled
from three_boards import WHICH, share_of

NEEDS = ("hard interrupts",)
TIMEOUT = 180
QEMU = ("-icount", "shift=6,sleep=off")

OPERATIONS = share_of(scaled(100000, 100000, 12000))
HANDLER_OPERATIONS = OPERATIONS // 10  # operations of the handler, at least
INTERRUPTED_CALLS = OPERATIONS // 100  # operations of the program that the handler interrupted, at least
BATCH = 4000
FRAMES = 300
BASE = 0x00325000  # an odd frame number; nothing touches this memory
FREE = 0  # mark of a frame that nobody holds


class Worker:
    """One of the two: makes random raw calls on `region`, one operation at a time, and keeps account.

    `owner[frame]` is the `mark` of the worker that holds the frame, or FREE. `firsts[:live]` and `counts[:live]` are
    the allocations that this worker holds, `held` frames together; `live` tends to `load`. While `pending` is not 0, a
    call is under way that may have changed the region by so many frames or not yet. `most` is the most frames that this
    worker saw in use. `fault` says what went wrong first, at the frame `place`. Nothing in `one` uses heap.
    """

    def __init__(self, mark, region, owner, seed, load):
        self.mark = mark
        self.region = region
        self.owner = owner
        self.load = load
        self.below = RandomNumbers(seed).below
        self.alloc, self.alloc_aligned = region.alloc, region.alloc_aligned
        self.alloc_at, self.free = region.alloc_at, region.free
        self.firsts = array("H", bytearray(2 * FRAMES))
        self.counts = array("H", bytearray(2 * FRAMES))
        self.live = self.held = self.pending = self.most = self.failed = self.operations = 0
        self.refused_frames = self.refused_align = 0  # of the last operation, if it was refused
        self.fault = None
        self.place = 0
        self.other = None

    def blame(self, fault, place):
        if self.fault is None:
            self.fault = fault
            self.place = place

    def note_use(self):
        """Right after each allocation, and first of all in the handler: so each number of frames in use that an
        allocation has led to is seen before another call changes it."""
        used = self.region.used_frames
        if used > self.most:
            self.most = used

    def one(self):
        """Do one random operation."""
        self.operations += 1
        self.refused_frames = 0
        below = self.below
        if below(2 * self.load) < self.live:
            self.give_back(below(self.live))
            return
        kind = below(16)
        n = 33 + below(8) if kind < 2 else 1 + below(4)
        align = 1 << below(5) if kind == 2 or kind == 3 else 1
        frame = below(FRAMES - n) if kind == 4 else 0
        self.pending = n
        if kind == 4:
            answer = self.alloc_at(frame, n)
            if answer != frame and answer != physmem.ADDRESS_NOT_FREE:
                self.blame("alloc_at returned", answer)
        elif align > 1:
            answer = self.alloc_aligned(n, align)
        else:
            answer = self.alloc(n)
        if answer < 0:
            self.pending = 0
            if kind != 4:
                self.refused(answer, n, align)
        elif kind > 11:
            # At once and unmarked: more of the time goes into the calls.
            self.note_use()
            if self.free(answer) != n:
                self.blame("just allocated, but not freed", answer)
            self.pending = 0
        else:
            self.take(answer, n, align)

    def refused(self, code, n, align):
        self.refused_frames, self.refused_align = n, align
        self.failed += 1
        if code != physmem.OUT_OF_MEMORY:
            self.blame("a request returned", code)

    def take(self, first, n, align):
        """Mark the frames that were granted."""
        if (BASE // 4096 + first) % align:
            self.blame("granted, but not aligned", first)
        owner = self.owner
        frame = first
        while frame < first + n:
            if owner[frame] != FREE:
                self.blame("granted, but already held", frame)
            owner[frame] = self.mark
            frame += 1
        self.firsts[self.live] = first
        self.counts[self.live] = n
        self.live += 1
        self.held += n
        self.pending = 0
        self.note_use()

    def give_back(self, i):
        """Free the allocation `i`, whose marks must be this worker's."""
        first, n = self.firsts[i], self.counts[i]
        self.live -= 1
        self.firsts[i] = self.firsts[self.live]
        self.counts[i] = self.counts[self.live]
        owner = self.owner
        frame = first
        while frame < first + n:
            if owner[frame] != self.mark:
                self.blame("held, but marked", frame)
            owner[frame] = FREE
            frame += 1
        self.pending = n
        self.held -= n
        if self.free(first) != n:
            self.blame("held, but not freed", first)
        self.pending = 0


class Handler:
    """The interrupt handler: one operation of `worker` at each tick, between those of `program`."""

    def __init__(self, worker, program):
        self.worker = worker
        self.program = program
        self.interrupted_calls = 0

    def tick(self, source):
        worker = self.worker
        if not micropython.heap_locked():
            worker.blame("the heap is not locked in the handler", 0)
        pending = self.program.pending
        if pending:
            self.interrupted_calls += 1
        try:
            worker.note_use()
            under_way = self.beyond_account()
            if under_way != 0 and under_way != pending:
                worker.blame("in use, but not accounted for", under_way)
            worker.one()
            if self.beyond_account() != under_way:
                worker.blame("in use after the handler, but not before", self.beyond_account())
        except Exception as error:
            worker.blame(error, 0)

    def beyond_account(self):
        """Frames in use that neither of the two counts as held."""
        return self.worker.region.used_frames - self.worker.held - self.program.held


def has_place(owner, n, align):
    """Return whether `n` frames in a row are free, the first at a multiple of `align`."""
    run = 0
    for frame in range(FRAMES - 1, -1, -1):
        run = run + 1 if owner[frame] == FREE else 0
        if run >= n and (BASE // 4096 + frame) % align == 0:
            return True
    return False


def one_batch(steps, seed, loads):
    """BATCH operations on a new region, interrupted every so many steps, and what came of it:
    (operations in the handler, operations of the program interrupted, refusals proved)."""
    region = physmem.Region("shared", BASE, FRAMES * 4096, attrs=physmem.SHARED)
    owner = array("B", bytearray(FRAMES))
    program = Worker(1, region, owner, 2 * seed, loads[0])
    worker = Worker(2, region, owner, 2 * seed + 1, loads[1])
    program.other, worker.other = worker, program
    handler = Handler(worker, program)
    proofs = 0
    try:
        hard_interrupts.every(steps, handler.tick)
        while program.operations + worker.operations < BATCH and not program.fault and not worker.fault:
            handled = worker.operations
            program.one()
            if program.refused_frames and not program.operations & 7:
                masked = machine.disable_irq()
                if handled == worker.operations:
                    proofs += 1
                    if has_place(owner, program.refused_frames, program.refused_align):
                        program.blame("refused although there is a place", program.refused_frames)
                machine.enable_irq(masked)
    finally:
        hard_interrupts.stop()
    for one in (program, worker):
        assert one.fault is None, "%d: %r, %d" % (one.mark, one.fault, one.place)
    # Everything the region reports is what the two have counted.
    assert region.check() == []
    assert region.used_frames == program.held + worker.held == sum([mark != FREE for mark in owner])
    assert region.failed == program.failed + worker.failed
    assert region.peak_used == max(program.most, worker.most), (region.peak_used, program.most, worker.most)
    for one in (program, worker):
        while one.live:
            one.give_back(0)
        assert one.fault is None, "%d: %r, %d" % (one.mark, one.fault, one.place)
    assert region.free_frames == FRAMES
    assert region.check() == []
    return worker.operations, handler.interrupted_calls, proofs


def test_handler_and_program_share_a_region():
    numbers = RandomNumbers(3 + WHICH)
    first_seed = 1000 * WHICH
    operations = handler_operations = interrupted = proofs = batches = 0
    while (
        operations < OPERATIONS
        or handler_operations < HANDLER_OPERATIONS
        or interrupted < INTERRUPTED_CALLS
        or not proofs
    ):
        assert operations < 3 * OPERATIONS, (handler_operations, interrupted, proofs)
        loads = 4 + numbers.below(60), 2 + numbers.below(30)
        counts = one_batch(16000 + numbers.below(50000), first_seed + batches, loads)
        batches += 1
        operations += BATCH
        handler_operations += counts[0]
        interrupted += counts[1]
        proofs += counts[2]
    print(operations, "operations,", handler_operations, "in the handler;", interrupted, "interrupted")
    print(proofs, "refusals proved; peak exact in each of", batches, "batches")


MAP_FRAMES = 128
# Two bitmaps. Each has the first frames and sizes of what stays allocated, the sizes that it refuses to the handler,
# and calls of the program: raw call, arguments, frames allocated or freed. The last is 0 if the call is refused for
# lack of frames.
MAPS = (
    # Runs of 3, 7, 1, 74, 2 and 34 frames are free.
    (
        ((3, 2), (12, 1), (14, 2), (90, 1), (93, 1)),
        (100,),
        (
            ("alloc", (1,), 1),
            ("alloc", (3,), 3),
            ("alloc", (32,), 32),
            ("alloc", (33,), 33),
            ("alloc", (80,), 0),
            ("alloc_aligned", (2, 8), 2),
            ("alloc_aligned", (33, 4), 33),
            ("alloc_at", (91, 2), 2),
            ("free", (91,), 2),
            ("free", (17,), 40),
        ),
    ),
    # Runs of 3, 7, 1, 4 and 2 frames are free.
    (
        ((3, 2), (12, 1), (14, 72), (90, 1), (93, 35)),
        (33, 100),
        (
            ("alloc", (8,), 0),
            ("alloc", (33,), 0),
            ("alloc_aligned", (4, 8), 0),
        ),
    ),
)


class InterruptedCall:
    """A call of the program on a bitmap, interrupted once by a handler that itself makes all of the raw calls."""

    def __init__(self, others, refused, name, arguments, n):
        self.region = region = physmem.Region("shared", BASE, MAP_FRAMES * 4096, attrs=physmem.SHARED)
        self.others = others
        self.refused = refused
        for first, count in others:
            assert region.alloc_at(first, count) == first
        self.alloc, self.alloc_aligned = region.alloc, region.alloc_aligned
        self.alloc_at, self.free = region.alloc_at, region.free
        self.freeing = name == "free"
        self.call = getattr(region, name)
        self.arguments = arguments
        self.n = n
        self.answers = array("h", bytearray(2 * 7))  # results of the handler's calls
        self.callback = self.interrupt
        self.pending = array("B", bytearray(1))
        self.inside = self.done = False

    def interrupt(self, source):
        self.inside = self.pending[0]
        answers = self.answers
        answers[0] = self.free(5)
        answers[1] = self.alloc_at(88, 2)
        answers[2] = self.alloc(1)
        answers[3] = self.alloc_aligned(2, 4)
        answers[4] = self.alloc(3)
        answers[5] = self.alloc(33)
        answers[6] = self.alloc(100)
        self.done = True

    def run(self, steps):
        """Make the call with the interrupt `steps` steps after its start, then check and undo the outcome.

        Return whether the interrupt came during the call.
        """
        region, call, arguments, n = self.region, self.call, self.arguments, self.n
        pending = self.pending
        first, second = arguments[0], arguments[-1]
        one_argument = len(arguments) == 1
        region.alloc_at(5, 1)
        if self.freeing:
            region.alloc_at(first, n)
        failed = region.failed
        self.done = False
        hard_interrupts.once(steps, self.callback)
        # Between the two marks there is little but the call itself.
        if one_argument:
            pending[0] = 1
            answer = call(first)
            pending[0] = 0
        else:
            pending[0] = 1
            answer = call(first, second)
            pending[0] = 0
        while not self.done:
            pass
        assert self.answers[0] == 1
        # What was granted, as (first, frames).
        runs = []
        for i, count in enumerate((2, 1, 2, 3, 33, 100), 1):
            if count in self.refused:
                assert self.answers[i] == physmem.OUT_OF_MEMORY
            else:
                runs.append((self.answers[i], count))
        if n == 0:
            assert answer == physmem.OUT_OF_MEMORY
        elif self.freeing:
            assert answer == n
        else:
            runs.append((answer, n))
        assert region.failed == failed + len(self.refused) + (n == 0)
        held = array("B", bytearray(MAP_FRAMES))
        used = 0
        for first, count in self.others + tuple(runs):
            assert region.count(first) == count, (first, count)
            used += count
            for frame in range(first, first + count):
                assert not held[frame], (frame, runs)
                held[frame] = 1
        assert region.used_frames == used
        for first, count in runs:
            assert region.free(first) == count
        return self.inside


def test_interrupt_before_each_instruction_of_a_call():
    for others, refused, calls in MAPS:
        for name, arguments, n in calls:
            interrupted_call = InterruptedCall(others, refused, name, arguments, n)
            # Later by a step each time, or by more, from before the call's first instruction to behind its last.
            steps = last_before(lambda steps: not interrupted_call.run(steps))  # noqa: B023
            before = inside = behind = 0
            while behind < MARGIN:
                if interrupted_call.run(steps):
                    inside += 1
                    behind = 0
                elif inside:
                    behind += 1
                else:
                    before += 1
                steps += STEP
            assert before and inside >= LEAST_DURING // STEP
            assert interrupted_call.region.check() == []
            print(name, arguments, "interrupted at", inside, "steps")
