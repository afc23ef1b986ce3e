"""Deferred allocation, release and watching in a hard interrupt, while the program does the same and more.

Nothing touches the memory of the regions.
"""

import gc

import hard_interrupts
import micropython
from array import array
from physmem_board import NAME
from random_numbers import RandomNumbers
from scheduled import QUEUE, fill_queue, run_scheduled
from support import fresh_physmem, scaled, spare_owners

NEEDS = ("hard interrupts",)
TIMEOUT = 300
QEMU = ("-icount", "shift=6,sleep=off")

FRAME = 4096
SRAM = 0x00325000
PSRAM = 0x80000000  # not a small integer
FRAMES = 96
SPARES = 32
PROGRAM, HANDLER = "program", "handler"

OPERATIONS = scaled(6000, 6000, 800)  # operations of the program
TICKS = scaled(10000, 10000, 1200)  # of the handler, at least
LIVE = 40  # allocations that either of the two holds at most


def system():
    physmem = fresh_physmem()
    physmem.init([("sram", SRAM, FRAMES * FRAME, FRAME, "SHARED"), ("psram", PSRAM, FRAMES * FRAME)])
    physmem.boot_complete()
    run_scheduled()
    gc.collect()
    return physmem


class Holder:
    """What program or handler holds: `owners[:live]`, and what each of them must still report when it is freed.

    `fault` is what went wrong first. Nothing here uses heap.
    """

    def __init__(self, mark, seed, table):
        self.mark = mark
        self.table = table  # the mark of the holder of each frame of sram
        self.below = RandomNumbers(seed).below
        self.owners = [None] * LIVE
        self.actions = [None] * LIVE
        self.firsts = array("H", bytearray(2 * LIVE))
        self.counts = array("H", bytearray(2 * LIVE))
        self.live = self.fault = self.place = self.refused = self.operations = 0

    def blame(self, fault, place):
        if not self.fault:
            self.fault = fault
            self.place = place

    def take(self, frames, action, count):
        """Enter `frames`, just allocated."""
        first = frames.first
        if frames.count != count or frames.owner is not self.mark or frames.state != "allocated":
            self.blame("not what was allocated", first)
        frame = first
        while frame < first + count:
            if self.table[frame] is not None:
                self.blame("granted, but already held", frame)
            self.table[frame] = self.mark
            frame += 1
        self.owners[self.live] = frames
        self.actions[self.live] = action
        self.firsts[self.live] = first
        self.counts[self.live] = count
        self.live += 1

    def give_back(self, i):
        frames = self.owners[i]
        first, count = self.firsts[i], self.counts[i]
        # Another allocation that got this same owner object would have changed its frames.
        if frames.first != first or frames.count != count or frames.owner is not self.mark:
            self.blame("an owner reports something else now", first)
            return
        self.live -= 1
        self.owners[i] = self.owners[self.live]
        self.actions[i] = self.actions[self.live]
        self.firsts[i] = self.firsts[self.live]
        self.counts[i] = self.counts[self.live]
        frame = first
        while frame < first + count:
            if self.table[frame] is not self.mark:
                self.blame("held, but marked otherwise", frame)
            self.table[frame] = None
            frame += 1
        if frames.free() != count:
            self.blame("not freed", first)

    def is_to_free(self):
        return self.live == LIVE or self.below(LIVE) < self.live


class Handler(Holder):
    """Does one operation at each tick. `deferred` comes from `physmem`."""

    def __init__(self, physmem, seed, table):
        Holder.__init__(self, HANDLER, seed, table)
        self.deferred = physmem.allocate_frames_deferred
        self.callback = self.tick

    def tick(self, source):
        try:
            self.operations += 1
            if not micropython.heap_locked():
                self.blame("the heap is not locked", 0)
            if self.is_to_free():
                self.give_back(self.below(self.live))
            else:
                count = 1 + self.below(3)
                try:
                    frames, action = self.deferred(count, owner=HANDLER)
                except MemoryError:
                    self.refused += 1
                else:
                    self.take(frames, action, count)
        except Exception as error:
            self.blame(error, 0)


class Program(Holder):
    """Does one operation at a time, with heap and without it."""

    def __init__(self, physmem, seed, table):
        Holder.__init__(self, PROGRAM, seed, table)
        self.physmem = physmem
        self.sram = physmem.region("sram")

    def one(self):
        self.operations += 1
        below, physmem = self.below, self.physmem
        kind = below(16)
        if kind == 0:
            gc.collect()
            return
        if kind == 1 and self.live and self.actions[0] is not None:
            self.actions[0].commit()
            return
        if self.is_to_free():
            self.give_back(below(self.live))
            return
        count = 1 + below(4)
        action = None
        lock = kind & 1
        if lock:
            micropython.heap_lock()
        try:
            if kind < 10:
                frames, action = physmem.allocate_frames_deferred(count, region="sram", owner=PROGRAM)
            else:
                frames = physmem.allocate_frames(count, region=self.sram, owner=PROGRAM)
            self.take(frames, action, count)
        except MemoryError:
            self.refused += 1
        finally:
            if lock:
                micropython.heap_unlock()


def test_handler_and_program_allocate_by_object():
    """Thousands of each: no frame and no spare owner is handed out twice, and at the end nothing is missing."""
    physmem = system()
    table = [None] * FRAMES
    program, handler = Program(physmem, 11, table), Handler(physmem, 12, table)
    everyone = (program, handler)
    numbers = RandomNumbers(13)
    while program.operations < OPERATIONS or handler.operations < TICKS:
        batch = program.operations + 400
        try:
            hard_interrupts.every(50000 + numbers.below(250000), handler.callback)
            while program.operations < batch and not program.fault and not handler.fault:
                program.one()
        finally:
            hard_interrupts.stop()
        for one in everyone:
            assert not one.fault, "%s: %r, %d" % (one.mark, one.fault, one.place)
        owners = program.owners[: program.live] + handler.owners[: handler.live]
        assert len({id(frames) for frames in owners}) == len(owners)
        held = sum(program.counts[: program.live]) + sum(handler.counts[: handler.live])
        assert physmem.region("sram").used_frames == held == FRAMES - table.count(None)
        assert physmem.check() == []
    for one in everyone:
        while one.live:
            one.give_back(0)
        assert not one.fault, "%s: %r, %d" % (one.mark, one.fault, one.place)
    assert physmem.region("sram").free_frames == FRAMES
    physmem.allocate_frames_deferred(1)[1].commit()
    run_scheduled()
    assert spare_owners() == SPARES
    print(
        program.operations,
        "operations,",
        program.refused,
        "of them refused;",
        handler.operations,
        "in the handler,",
        handler.refused,
        "of them refused",
    )
    assert program.refused and handler.refused


BEFORE, INSIDE, AFTER = range(3)  # phases of a call
POINTS = 40  # interrupts in a call, nearly, at least


class Shot:
    """A one-shot hard interrupt that calls ``allocate_frames_deferred(count, at, region=region, require=require,
    owner=HANDLER)`` once, or ``act()`` if that is given.

    `pair` is what the call returned, `code` why it was refused: "MemoryError", or the code of a PhysMemError.
    `came` is the `phase` in which it came. The handler shares the stack with the program, 8 KiB on the smallest
    board, where a call of Python takes 240 bytes or more: so the handler makes the call itself.
    """

    count, at, region, require = 1, None, None, 0

    def __init__(self, physmem, act=None):
        self.allocate = physmem.allocate_frames_deferred
        self.refusal = physmem.PhysMemError
        self.act = act
        self.callback = self.interrupt
        self.is_done = False
        self.phase = self.came = BEFORE
        self.pair = self.code = self.error = None

    def interrupt(self, source):
        self.came = self.phase
        try:
            if self.act:
                self.pair = self.act()
            else:
                self.pair = self.allocate(self.count, self.at, region=self.region, require=self.require, owner=HANDLER)
        except MemoryError:
            self.code = "MemoryError"
        except self.refusal as error:
            self.code = error.code
        except Exception as error:
            self.error = error
        self.is_done = True

    def start(self, steps):
        """Start the interrupt, to come `steps` processor steps from now."""
        self.is_done = False
        self.phase = BEFORE
        self.pair = self.code = self.error = None
        hard_interrupts.once(steps, self.callback)

    def wait(self):
        while not self.is_done:
            pass
        if self.error is not None:
            raise self.error

    def once(self):
        """Let the interrupt come now."""
        self.start(0)
        self.wait()


def test_only_shared_regions():
    """Other regions are not searched. By name, as a Region or by address they are NotPermitted."""
    physmem = system()
    sram, psram = physmem.region("sram"), physmem.region("psram")
    request = Shot(physmem)
    request.once()
    assert request.pair[0].region is sram and request.pair[0].free() == 1
    for count, at, region, answer in (
        (1, None, "psram", "NotPermitted"),
        (1, None, psram, "NotPermitted"),
        (1, PSRAM, None, "NotPermitted"),
        (1, PSRAM + 5 * FRAME, None, "NotPermitted"),
        (1, 0x40000000, None, "AddressOutOfRange"),
        (1, None, "dram", "InvalidArgument"),
        (0, None, None, "ZeroAllocation"),
        (FRAMES + 1, None, None, "MemoryError"),
        (2, SRAM + (FRAMES - 1) * FRAME, None, "AddressOutOfRange"),
        (2, SRAM + 3 * FRAME, None, ("sram", 3, 2)),
        (2, None, "sram", ("sram", 0, 2)),
        (2, None, sram, ("sram", 0, 2)),
    ):
        request.count, request.at, request.region = count, at, region
        request.once()
        if isinstance(answer, str):
            assert request.pair is None and request.code == answer, (count, at, region, request.code)
        else:
            frames = request.pair[0]
            assert request.code is None and (frames.region.name, frames.first, frames.count) == answer
            assert frames.owner is HANDLER and frames.free() == count
        run_scheduled()
        assert sram.used_frames == psram.used_frames == 0 and spare_owners() == SPARES
    assert psram.peak_used == 0 and len(physmem.regions()) == 2 and physmem.check() == []


DEPTH = 16  # calls


def nested(depth, uses, request):
    """Call itself until DEPTH, have the interrupt come there, and wait for it."""
    uses[depth] = micropython.stack_use()
    if depth < DEPTH:
        nested(depth + 1, uses, request)
    else:
        request.start(200)
        while not request.is_done:
            pass


def test_program_that_is_sixteen_calls_deep():
    """A handler finds room on the stack: docs/lifecycle.md says how deep a program on the Pico may be, and why."""
    physmem = system()
    request = Shot(physmem)
    uses = [0] * (DEPTH + 1)  # of the stack, in bytes
    nested(3, uses, request)  # run of the runner and this test are the first two
    assert request.error is None and request.code is None
    assert request.pair[0].free() == 1
    run_scheduled()
    assert spare_owners() == SPARES and physmem.check() == []
    print(uses[DEPTH] - uses[DEPTH - 1], "bytes of the stack a call")


def test_exhaustion_in_the_handler():
    """Without a frame or a spare owner left, the handler gets a MemoryError that it can catch.

    No hook is called, nothing is lost, and the next handler finds spare owners again.
    """
    physmem = system()
    sram = physmem.region("sram")
    hooked = []
    physmem.on_exhausted(lambda n, nbytes: hooked.append(n))
    request = Shot(physmem)
    assert sram.alloc(FRAMES) == 0
    request.once()
    assert request.code == "MemoryError" and sram.used_frames == FRAMES and spare_owners() == SPARES
    assert sram.free(0) == FRAMES
    pairs = [None] * SPARES
    micropython.heap_lock()
    try:
        for i in range(SPARES):
            pairs[i] = physmem.allocate_frames_deferred(1, region="sram")
        for _ in range(QUEUE):
            pass  # the scheduler tries in vain
        request.start(0)
        while not request.is_done:
            pass
        code, used, left = request.code, sram.used_frames, spare_owners()
    finally:
        micropython.heap_unlock()
    assert (code, used, left) == ("MemoryError", SPARES, 0)
    assert pairs[0][1].pending
    # It has had others made meanwhile, or the next one has.
    request.once()
    run_scheduled()
    request.once()
    assert request.code is None and request.pair[0].first == SPARES
    run_scheduled()
    assert spare_owners() == SPARES and hooked == []
    assert not pairs[0][1].pending and not request.pair[1].pending


def test_queue_of_the_scheduler_is_full_in_the_handler():
    """Allocation and watching work. What could not be scheduled is done at the next opportunity."""
    physmem = system()
    sram = physmem.region("sram")
    low = []
    physmem.on_low(sram, FRAMES - 4, low.append)
    filled = [0]

    def nothing(_):
        pass

    def with_full_queue():
        filled[0] = fill_queue(nothing)
        return physmem.allocate_frames_deferred(5, owner=HANDLER)

    request = Shot(physmem, with_full_queue)
    request.once()
    run_scheduled()
    assert filled == [QUEUE] and request.code is None
    assert low == [] and request.pair[1].pending
    frames, action = physmem.allocate_frames_deferred(1, region="sram")
    run_scheduled()
    assert low == [sram] and not action.pending and not request.pair[1].pending and spare_owners() == SPARES
    assert frames.free() == 1 and request.pair[0].free() == 5


def first_moment(request, phase):
    """A generator that looks for the first moment at which `request` comes in that phase of a call, or later: it yields
    steps, to interrupt the call after them, and returns the steps, at most an eighth too many."""
    late = 64
    yield late
    while request.came < phase:
        late *= 2
        yield late
    early = late // 2 if late > 64 else 0
    while late - early > late // 8:
        middle = (early + late) // 2
        yield middle
        if request.came < phase:
            early = middle
        else:
            late = middle
    return late


def moments(request, stride):
    """Yield the steps after which `request` interrupts a call: to measure it, and then from before the call until after
    it, every `stride` steps, or more often if it is shorter than POINTS of them."""
    start = yield from first_moment(request, INSIDE)
    end = yield from first_moment(request, AFTER)
    stride = min(stride, max(1, (end - start) // POINTS))
    steps = max(0, start - start // 8 - stride)
    behind = 0
    while behind < 5:
        yield steps
        behind = behind + 1 if request.came == AFTER else 0
        steps += stride


def sweep(request, stride, call, judge):
    """Interrupt ``call()`` by the Shot `request` at all `moments`, and have ``judge(result)`` look at the outcome;
    return how often it came inside."""
    inside = 0
    for steps in moments(request, stride):
        gc.collect()  # not in the call
        request.start(steps)
        request.phase = INSIDE
        result = call()
        request.phase = AFTER
        request.wait()
        inside += request.came == INSIDE
        judge(result)
    return inside


STRIDE = 37 if NAME == "MPS2_AN385" else scaled(101, 101, 379)  # steps


def test_interrupted_allocations_and_commits():
    """Each call of the program that takes, makes or frees owners is interrupted by a handler that takes one."""
    physmem = system()
    sram = physmem.region("sram")
    request = Shot(physmem)
    request.count = 2
    kept = []

    def deferred():
        return physmem.allocate_frames_deferred(3, region="sram", owner=PROGRAM)

    def plain():
        return physmem.allocate_frames(3, region="sram", owner=PROGRAM), None

    def locked():
        micropython.heap_lock()
        try:
            kept[0] = physmem.allocate_frames(3, region="sram", owner=PROGRAM)
        finally:
            micropython.heap_unlock()
        return kept[0], None

    def committed():
        frames, action = physmem.allocate_frames_deferred(3, region="sram", owner=PROGRAM)
        action.commit()
        return frames, action

    def allocated_and_freed():
        frames, action = physmem.allocate_frames_deferred(3, region="sram", owner=PROGRAM)
        frames.free()
        return physmem.allocate_frames(3, region="sram", owner=PROGRAM), action

    def judge(result):
        frames, action = result
        other, others_action = request.pair
        assert request.code is None
        assert frames is not other and action is not others_action
        assert (frames.count, frames.owner, frames.state) == (3, PROGRAM, physmem.ALLOCATED)
        assert (other.count, other.owner, other.state) == (2, HANDLER, physmem.ALLOCATED)
        assert {frames.first, other.first} in ({0, 2}, {0, 3}), (frames.first, other.first)
        assert frames.free() == 3 and other.free() == 2
        if spare_owners() < SPARES:  # the heap was locked when the scheduler came
            physmem.allocate_frames_deferred(1, region="sram")[0].free()
        run_scheduled()
        assert spare_owners() == SPARES and not others_action.pending and (action is None or not action.pending)
        assert sram.used_frames == 0

    for call in (deferred, plain, locked, committed, allocated_and_freed):
        kept[:] = [None]
        inside = sweep(request, scaled(1, 1, 6) * STRIDE, call, judge)
        print("interrupted inside", inside, "times")
        assert inside > 20
        assert physmem.check() == []


def test_splits_interrupted_by_splits():
    """With the heap locked, both take spare parts, and different ones."""
    physmem = system()
    wholes = [None] * 2

    def split_in_handler():
        return wholes[1].split_at(1)

    request = Shot(physmem, split_in_handler)

    def split():
        micropython.heap_lock()
        try:
            return wholes[0].split_at(2)
        finally:
            micropython.heap_unlock()

    def judge(parts):
        assert request.code is None
        owners = parts + request.pair
        assert len({id(part) for part in owners}) == 4
        assert [part.count for part in owners] == [2, 3, 1, 3]
        assert [part.free() for part in owners] == [2, 3, 1, 3]
        refill()

    def refill():
        physmem.allocate_frames_deferred(1, region="sram")[0].free()
        run_scheduled()
        wholes[0] = physmem.allocate_frames(5, region="sram")
        wholes[1] = physmem.allocate_frames(4, region="sram")

    refill()
    inside = sweep(request, STRIDE, split, judge)
    print("interrupted inside", inside, "times")
    assert inside > 20 and physmem.check() == []


def test_refusals_interrupted_by_refusals():
    """Without heap for a message, each of the two gets its own code, and what is refused changes nothing."""
    physmem = system()
    sram = physmem.region("sram")
    assert sram.alloc_at(3, 1) == 3
    request = Shot(physmem)
    request.region = "psram"
    code = [None]
    addr = SRAM + 3 * FRAME

    def refused():
        micropython.heap_lock()
        try:
            physmem.allocate_frames_deferred(1, addr)
        except physmem.PhysMemError as error:
            for _ in range(100):  # time enough for the handler
                pass
            code[0] = error.code
        finally:
            micropython.heap_unlock()

    def judge(_):
        assert (code[0], request.code) == ("AddressNotFree", "NotPermitted")
        assert sram.used_frames == 1 and spare_owners() == SPARES
        code[0] = None

    inside = sweep(request, scaled(10, 10, 8) * STRIDE, refused, judge)
    print("interrupted inside", inside, "times")
    assert inside > 20


KEPT = [None]  # the collector marks the modules first and what a function holds last


def test_collections_that_a_handler_interrupts():
    """The collector finds what a handler takes while it runs, wherever and whenever the handler stores it."""
    physmem = system()
    sram = physmem.region("sram")
    kept = [None]

    class Take:
        keeper = kept

        def act(self):
            self.keeper[0] = physmem.allocate_frames_deferred(3, region="sram", owner=HANDLER)

    taking = Take()
    request = Shot(physmem, taking.act)

    def collect():
        gc.collect()

    def judge(_):
        junk = [bytearray(16) for _ in range(300)] + [(i, i) for i in range(300)]
        assert request.code is None
        frames, action = taking.keeper[0]
        taking.keeper[0] = None
        assert isinstance(frames, physmem.AllocatedFrames) and isinstance(action, physmem.DeferredAllocAction)
        assert (frames.first, frames.count, frames.owner, frames.region) == (0, 3, HANDLER, sram)
        assert frames.free() == 3 and len(junk) == 600
        run_scheduled()
        assert not action.pending and spare_owners() == SPARES

    for taking.keeper in (kept, KEPT):
        inside = sweep(request, scaled(2500, 2500, 40000), collect, judge)
        print("interrupted inside", inside, "times")
        assert inside > 20


FEW = 4  # on_low's hook is called when fewer frames are free


class Watched:
    """Raw calls of a watched region in a handler: free `before` allocations, make `allocs`, free `after`, one frame
    each.

    `crossed` says whether an allocation left fewer than FEW frames where there had been at least FEW. `left` is the
    number of free frames at the end.
    """

    def __init__(self, region, before, allocs, after):
        self.region = region
        self.alloc, self.free = region.alloc, region.free
        self.before = before
        self.allocs = allocs
        self.after = after
        self.crossed = False
        self.left = 0

    def act(self):
        self.crossed = False
        region = self.region
        for i in range(self.before):
            self.free(FRAMES - 1 - i)
        frame = 0
        for _ in range(self.allocs):
            free = region.free_frames
            frame = self.alloc(1)
            if free >= FEW > region.free_frames:
                self.crossed = True
        if self.after:
            self.free(frame)
        self.left = region.free_frames


def test_on_low_in_a_handler_and_in_the_program():
    """A crossing is reported whichever of the two made it and wherever the other interrupted. One of each is two
    reports."""
    physmem = system()
    sram = physmem.region("sram")
    told = [0]

    def hook(region):
        told[0] += 1

    physmem.on_low("sram", FEW, hook)

    def allocate():
        return sram.alloc(1)

    def release():
        return sram.free(0)

    def sweep_with(call, watched):
        request = Shot(physmem, watched.act)

        def prepare():
            # FEW frames are free for an allocation, one less for a release, after which as many are.
            for first, _, free in list(sram.runs()):
                if not free:
                    sram.free(first)
            sram.alloc(1)
            sram.alloc(FRAMES - 3 - FEW)
            for i in (1, 2):
                sram.alloc_at(FRAMES - i, 1)
            if call is release:
                sram.alloc(1)
            run_scheduled()
            told[0] = 0
            return sram.free_frames

        def judge(_):
            run_scheduled()
            assert request.code is None
            is_low = call is allocate and sram.free_frames < FEW
            least = watched.crossed + (is_low and watched.left >= FEW)
            if is_low and not least:
                least = 1
            assert least <= told[0] <= 2, (told, watched.before, watched.allocs, watched.after, watched.left)
            assert prepare() == FEW - (call is release)

        assert prepare() == FEW - (call is release)
        return sweep(request, STRIDE, call, judge)

    total = 0
    for call in (allocate, release):
        for before, allocs, after in ((0, 1, 0), (1, 0, 0), (1, 2, 0), (2, 2, 0), (0, 1, 1)):
            total += sweep_with(call, Watched(sram, before, allocs, after))
    print("interrupted inside", total, "times")
    assert total > 100 and sram.check() == []
