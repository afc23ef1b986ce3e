"""A hard interrupt handler that leaves few frames free while the program is deep in calls: the hook of `on_low` is
called on top of the program, or later."""

import hard_interrupts
from deep_calls import can, deep, deepest, wide
from scheduled import run_scheduled
from support import fresh_physmem

NEEDS = ("hard interrupts",)
TIMEOUT = 120
QEMU = ("-icount", "shift=6,sleep=off")

FRAME = 4096
SRAM = 0x00325000
FRAMES = 16
FEW = 4


class Handler:
    """Makes one raw call. `took` is what it returned, `failed` whether it had no room."""

    def __init__(self, call):
        self.call = call
        self.took = -100
        self.done = self.failed = False
        self.tick = self.one  # naming a method takes heap

    def one(self, _):
        try:
            self.took = self.call(1)
        except RuntimeError:
            self.failed = True
        self.done = True

    def wait(self):
        hard_interrupts.once(200, self.tick)
        for _ in range(2000):
            if self.done:
                break


def test_handler_on_a_deep_program():
    """Each depth at which the handler finds room: the hook is called once, at that depth or after the next call."""
    physmem = fresh_physmem()
    physmem.init([("sram", SRAM, FRAMES * FRAME, FRAME, "SHARED")])
    sram = physmem.region("sram")
    told = [0]

    def hook(region):
        told[0] += 1

    physmem.on_low("sram", FEW, hook)
    assert sram.alloc(FRAMES - FEW) == 0
    outcomes = {}
    for walk in (deep, wide):
        limit = deepest(walk)
        for depth in range(limit - 12, limit - 2):
            handler = Handler(sram.alloc)
            told[0] = 0
            if not can(walk, depth, handler.wait) or not handler.done:
                outcomes["no room"] = outcomes.get("no room", 0) + 1
                if handler.took >= 0:
                    sram.free(handler.took)
                continue
            now = told[0]
            run_scheduled()
            later = told[0]
            if handler.failed:
                assert handler.took == -100 and later == 0 and sram.free_frames == FEW
                outcomes["refused"] = outcomes.get("refused", 0) + 1
                continue
            assert handler.took == FRAMES - FEW
            second = sram.alloc(1)
            run_scheduled()
            assert told[0] == 1, (limit - depth, now, later, told[0])
            outcome = "at once" if now else "later" if later else "after the next call"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            assert sram.free(second) == 1 and sram.free(handler.took) == 1
    print(outcomes)
    assert outcomes.pop("at once", 0) and outcomes  # and some were too deep for that
    assert physmem.check() == []
