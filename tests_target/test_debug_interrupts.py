"""physmem_debug with all tiers on, in a SHARED region that a hard interrupt handler and the program both use."""

import time
from array import array

import hard_interrupts
from debug_system import DebugSystem
from random_numbers import RandomNumbers

NEEDS = ("hard interrupts",)
TIMEOUT = 180
QEMU = ("-icount", "shift=6,sleep=off")

FRAMES = 96
MOST = 6  # allocations that the handler holds at a time
OPERATIONS = 2000  # of the handler
STEPS = 10000  # of the processor between two interrupts
LIMIT_MS = 60000


class Handler:
    """One raw call for each interrupt. `faults` counts wrong results, `granted` and `freed` right ones.

    `tick` is bound once, since naming a method takes heap.
    """

    def __init__(self, region, not_allocated):
        self.alloc, self.free = region.alloc, region.free
        self.not_allocated = not_allocated
        self.firsts = array("H", bytearray(2 * MOST))
        self.counts = array("H", bytearray(2 * MOST))
        self.below = RandomNumbers(9).below
        self.live = self.operations = self.granted = self.freed = self.faults = 0
        self.tick = self.one

    def one(self, source):
        self.operations += 1
        if self.live and self.below(MOST) < self.live:
            self.live -= 1
            first = self.firsts[self.live]
            if self.free(first) != self.counts[self.live]:
                self.faults += 1
            self.freed += 1
            return
        n = 1 + self.below(3)
        first = self.alloc(n)
        if first >= 0:
            self.firsts[self.live] = first
            self.counts[self.live] = n
            self.live += 1
            self.granted += 1
            if n > 1 and self.free(first + 1) != self.not_allocated:
                self.faults += 1


def test_handler_and_program():
    """Nothing is raised, nothing is found where nothing is wrong, and no frame is lost.

    What the handler could not do is counted. Its allocations are in the shadow.
    """
    system = DebugSystem(("shared", FRAMES, "DMA SHARED"))
    p, region = system.physmem, system.region("shared")
    p.debug(owners=True, poison=True, guard_frames=1, assertions=True, statistics=True)
    handler = Handler(region, p.NOT_ALLOCATED)
    below = RandomNumbers(4).below
    live = []
    start = time.ticks_ms()
    with system.debug.owner("program"):
        try:
            hard_interrupts.every(STEPS, handler.tick)
            while handler.operations < OPERATIONS:
                assert time.ticks_diff(time.ticks_ms(), start) < LIMIT_MS, handler.operations
                if live and below(8) < len(live):
                    frames = live.pop(below(len(live)))
                    n = frames.count
                    assert frames.free() == n
                else:
                    live.append(p.allocate_frames(1 + below(4)))
        finally:
            hard_interrupts.stop()
    assert handler.faults == 0 and handler.granted > OPERATIONS // 4
    assert p.check() == []
    out = sorted([(leak.first, leak.count, leak.owner) for leak in p.leaks()], key=lambda leak: leak[0])
    held = [(frames.first, frames.count, "program") for frames in live]
    held += [(handler.firsts[i], handler.counts[i], None) for i in range(handler.live)]
    assert out == sorted(held, key=lambda leak: leak[0]), (out, held)
    untracked = system.debug.untracked()["shared"]
    assert untracked["unguarded"] >= handler.granted and untracked["unpoisoned"] >= handler.freed
    for frames in live:
        frames.free()
    for i in range(handler.live):
        assert region.free(handler.firsts[i]) == handler.counts[i]
    assert region.used_frames == 0 and p.check() == [] and p.leaks() == []
