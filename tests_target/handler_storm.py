"""Allocating calls by object in a hard timer handler, 5,000 times a second of the board's time, while the program makes
the same calls and lets the garbage collector run.

QEMU's boards run 250 million instructions a second here, 50,000 from one call of the handler to the next. On an
RP2040 or RP2350 an operation takes longer than a 5,000th of a second; there the handler is called that long after it
has returned, so that the program gets on as well.

The handler works in the region "sram", which is SHARED. "psram" beside it is not, and comes first in every search: the
handler must be refused there, by name, by address and when it frees what the program holds.
"""

import gc

import hard_interrupts
import micropython
from physmem_board import REGIONS
from random_numbers import RandomNumbers
from scheduled import run_scheduled
from support import IS_SLOW, fresh_physmem, spare_owners
from three_boards import WHICH

PERIOD = 25000 if IS_SLOW else 3125  # steps of hard_interrupts: a 5,000th of a second
SPARES = 32
_, BASE, _MEMORY, FRAME, _ = REGIONS[0]
FRAMES = 31  # of each of the two regions
while 2 * FRAMES * FRAME > _MEMORY:
    FRAME //= 2
MOST = 6  # frames of an owner
LIVE = 5  # owners that either of the two holds at most
COLLECT = 100  # one operation of the program in so many is a collection

# Kinds of operations. Half of them allocate one frame and free it.
KINDS = 24
BY_BYTES, DEFERRED, RING, ALIGNED, AT, SPLIT, MERGE, RESIZE, RESIZE_BY_BYTES, FREE, RAW, ELSEWHERE = range(12)


class Storm:
    """The system, and which frame of which region is whose: 0 nobody's, otherwise the mark of who holds it."""

    def __init__(self):
        self.physmem = physmem = fresh_physmem()
        physmem.init(
            [
                ("sram", BASE, FRAMES * FRAME, FRAME, "DMA FAST SHARED"),
                ("psram", BASE + FRAMES * FRAME, FRAMES * FRAME, FRAME, "DMA EXTERNAL"),
            ]
        )
        physmem.boot_complete()
        physmem.on_exhausted(None)  # the storm itself says when the collector runs
        run_scheduled()
        self.sram = physmem.region("sram")
        self.psram = physmem.region("psram")
        self.holders = bytearray(FRAMES), bytearray(FRAMES)
        self.foreign = physmem.allocate_frames(2, region="psram")  # the handler tries to free, split and resize it
        self.handler = Holder(self, 1, 77 + 2 * WHICH)
        self.program = Holder(self, 2, 78 + 2 * WHICH)

    def spares(self):
        return spare_owners()


class Holder:
    """What the handler or the program holds. Nothing here uses heap.

    `operations` are counted, of them those that found no memory (`full`) and those that were refused as NotPermitted
    (`refused`). `fault` is what went wrong first.
    """

    def __init__(self, storm, mark, seed):
        self.mark = mark
        self.is_handler = mark == 1
        self.storm = storm
        self.physmem = storm.physmem
        self.below = RandomNumbers(seed).below
        self.owners = [None] * (LIVE + 1)
        self.live = self.operations = self.full = self.refused = self.resized = self.merged = 0
        self.fault = None
        self.act = self.operate  # bound where there is heap for it

    def blame(self, fault):
        if self.fault is None:
            self.fault = fault

    def enter(self, frames, count):
        """Hold `frames`, just allocated, `count` frames."""
        if frames.count != count:
            self.blame("not as many frames as asked for")
        self.claim(frames, 0, count)
        self.owners[self.live] = frames
        self.live += 1

    def claim(self, frames, i, end):
        """Enter the frames `i` to `end` (exclusive) of `frames`: nobody may hold them."""
        holders = self.holders_of(frames)
        first = frames.first
        while i < end:
            if holders[first + i]:
                self.blame("granted, but held")
            holders[first + i] = self.mark
            i += 1

    def yield_up(self, frames, i, end):
        """Strike out the frames `i` to `end` (exclusive) of `frames`, which are about to be freed."""
        holders = self.holders_of(frames)
        first = frames.first
        while i < end:
            if holders[first + i] != self.mark:
                self.blame("held, but somebody else's")
            holders[first + i] = 0
            i += 1

    def holders_of(self, frames):
        is_psram = frames.region is self.storm.psram
        if is_psram and self.is_handler:
            self.blame("a handler was given a region that is not SHARED")
        return self.storm.holders[1 if is_psram else 0]

    def drop(self, i):
        """Free the owner at `i`."""
        frames = self.owners[i]
        self.live -= 1
        self.owners[i] = self.owners[self.live]
        self.owners[self.live] = None
        count = frames.count
        self.yield_up(frames, 0, count)
        if frames.free() != count:
            self.blame("not as many frames freed as held")

    def operate(self, _):
        """Do one operation. This is the handler's callback. Few calls deep: a Pico's stack has to hold this twice."""
        self.operations += 1
        kind = self.below(KINDS)
        try:
            if kind > ELSEWHERE:
                self.allocate_and_free()
            elif kind == ELSEWHERE:
                self.elsewhere(self.below(6))
            elif kind == RAW:
                self.raw()
            elif self.live and (self.live == LIVE or SPLIT <= kind <= FREE):
                i = self.below(self.live)
                if kind == SPLIT:
                    self.split(self.owners[i], i)
                elif kind == MERGE:
                    self.merge(self.owners[i])
                elif RESIZE <= kind <= RESIZE_BY_BYTES:
                    self.resize(kind, self.owners[i], 1 + self.below(MOST))
                else:
                    self.drop(i)
            elif kind < SPLIT:
                self.allocate(kind, 1 + self.below(MOST))
        except MemoryError:
            self.full += 1
        except Exception as error:
            self.blame(type(error).__name__)  # the error itself may be one that MicroPython uses again

    def allocate_and_free(self):
        frames = self.physmem.allocate_frames(1)
        self.claim(frames, 0, 1)
        self.yield_up(frames, 0, 1)
        if frames.free() != 1:
            self.blame("not one frame freed")

    def allocate(self, kind, n):
        physmem = self.physmem
        if kind == BY_BYTES:
            frames = physmem.allocate_frames_by_bytes(n * FRAME - 1)
        elif kind == DEFERRED:
            frames = physmem.allocate_frames_deferred(n)[0]
        elif kind == RING:
            n = 1 << (n & 1)
            frames = physmem.dma_ring(n * FRAME)
            if frames.addr & (n * FRAME - 1):
                self.blame("a ring that is not aligned")
        elif kind == ALIGNED:
            frames = physmem.allocate_frames(n, align=2 * FRAME, boundary=8 * FRAME, prefer=physmem.FAST)
        else:
            try:
                frames = physmem.allocate_frames_at(BASE + self.below(FRAMES - MOST) * FRAME, n)
            except physmem.PhysMemError as error:
                if error.code != "AddressNotFree":
                    self.blame(error.code)
                self.full += 1
                return
        self.enter(frames, n)

    def split(self, frames, i):
        count = frames.count
        if self.live < LIVE and count > 1:
            low, high = frames.split_at(1)
            self.owners[i] = low
            self.owners[self.live] = high
            self.live += 1
            if low.count != 1 or high.count != count - 1:
                self.blame("a split into the wrong parts")

    def merge(self, frames):
        """Merge `frames` with the owner that lies directly behind it, if this holder has that."""
        other = 0
        while other < self.live:
            behind = self.owners[other]
            if behind.region is frames.region and behind.first == frames.first + frames.count:
                total = frames.count + behind.count
                if frames.merge(behind) is not frames or frames.count != total:
                    self.blame("a merger into the wrong number of frames")
                self.live -= 1
                self.owners[other] = self.owners[self.live]
                self.owners[self.live] = None
                self.merged += 1
                return
            other += 1

    def resize(self, kind, frames, n):
        count = frames.count
        if n < count:
            self.yield_up(frames, n, count)
        if (frames.resize(n) if kind == RESIZE else frames.resize_by_bytes(n * FRAME)) is not frames:
            self.blame("resize does not return the owner")
        if frames.count != n:
            self.blame("resized to another number of frames")
        if n > count:
            self.claim(frames, count, n)
        self.resized += 1

    def raw(self):
        frame = self.storm.sram.alloc(2)
        if frame >= 0:
            if self.storm.sram.free(frame) != 2:
                self.blame("not two frames freed by raw calls")
        elif frame != self.physmem.OUT_OF_MEMORY:
            self.blame("a raw call returns another code")
        else:
            self.full += 1
        if self.is_handler:
            self.refused += 1
            if self.storm.psram.alloc(1) != self.physmem.NOT_PERMITTED:
                self.blame("a raw call of a region that is not SHARED is not refused")

    def elsewhere(self, way):
        """Use the region that is not SHARED. The handler is refused."""
        try:
            if way == 0:
                frames = self.physmem.allocate_frames(1, region="psram")
            elif way == 1:
                frames = self.physmem.allocate_frames_deferred(1, region=self.storm.psram)[0]
            elif way == 2:
                frames = self.physmem.allocate_frames_at(self.storm.psram.base + (FRAMES - 3) * FRAME, 1)
            elif not self.is_handler:
                return
            elif way == 3:
                frames = self.storm.foreign.split_at(1)[0]
            elif way == 4:
                frames = self.storm.foreign.resize(1)
            else:
                frames = self.storm.foreign
                frames.free()
        except self.physmem.PhysMemError as error:
            code = error.code
            if self.is_handler and code == "NotPermitted":
                self.refused += 1
            elif self.is_handler or way != 2 or code != "AddressNotFree":
                self.blame(code)
            return
        if self.is_handler:
            self.blame("a handler may use a region that is not SHARED")
        elif frames.free() != 1:
            self.blame("not one frame freed in psram")

    def fail_if_wrong(self):
        if self.fault is not None:
            raise AssertionError(
                "%s, operation %d: %r" % (("handler", "program")[self.mark - 1], self.operations, self.fault)
            )


def storm(calls):
    """Run until the handler has been called `calls` times, and return what was counted. AssertionError if anything is
    wrong."""
    weather = Storm()
    handler, program = weather.handler, weather.program
    act, physmem = handler.act, weather.physmem
    collections = 0
    try:
        hard_interrupts.every(PERIOD, act)
        while handler.operations < calls and handler.fault is None and program.fault is None:
            batch = program.operations + COLLECT
            while program.operations < batch:
                is_locked = program.below(4) == 0
                if is_locked:
                    micropython.heap_lock()
                program.act(None)
                if is_locked:
                    micropython.heap_unlock()
            gc.collect()
            collections += 1
    finally:
        hard_interrupts.stop()
    for one in (handler, program):
        one.fail_if_wrong()
    held = sum([one.owners[i].count for one in (handler, program) for i in range(one.live)])
    used = weather.sram.used_frames + weather.psram.used_frames
    assert used == held + 2, (used, held)
    assert physmem.check() == []
    for one in (handler, program):
        while one.live:
            one.drop(0)
        one.fail_if_wrong()
    assert weather.foreign.free() == 2
    assert weather.sram.free_frames == weather.psram.free_frames == FRAMES
    assert not any(weather.holders[0]) and not any(weather.holders[1])
    physmem.allocate_frames_deferred(1)[0].free()
    run_scheduled()
    assert weather.spares() == SPARES
    assert physmem.check() == []
    return {
        "handler": handler.operations,
        "refused": handler.refused,
        "full": handler.full,
        "resized": handler.resized,
        "merged": handler.merged,
        "program": program.operations,
        "program full": program.full,
        "collections": collections,
    }
