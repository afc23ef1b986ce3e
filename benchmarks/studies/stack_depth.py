"""Count what calls take of the stack of core 0 of an RP2040 or an RP2350, and how deep in calls a program there may be
when an interrupt comes whose handler allocates.

The figures are those of the firmware as built, in this project's emulators, a column for each board; docs/lifecycle.md
lists them.
"""

import ast

from emulators import emulator_of

BOARDS = ("RPI_PICO", "RPI_PICO2")  # one of each chip

# A DMA channel that has made its transfers, one a cycle, is the interrupt: ports/rp2 has no hard timers. It is started
# before the calls, and comes when the innermost of them waits.
PROGRAM = """
import micropython, physmem
from array import array
from rp2 import DMA
CYCLES = 300000
word = array("I", [0])
channel = DMA()
# MicroPython 1.25 has the RP2040's places for what these two are by default, on the RP2350 too.
own = {"chain_to": channel.channel, "ring_size": 0}
control = channel.pack_ctrl(inc_read=False, inc_write=False, irq_quiet=False, treq_sel=0x3F, **own)
channel.config(read=word, write=word)
def function(n):
    return function(n - 1) if n else micropython.stack_use()
class Object:
    def method(self, n):
        return self.method(n - 1) if n else micropython.stack_use()
def outer():
    def inner(n):
        return inner(n - 1) if n else micropython.stack_use()
    return inner
def nest(n):
    if n > 1:
        nest(n - 1)
    elif interrupt:
        while not interrupt.is_done:
            pass
"""

# What the handler does stands in it, as a function of its own would be one more call.
INTERRUPT = """
class Interrupt:
    def __init__(self):
        region = physmem.region("sram")
        self.alloc, self.free = region.alloc, region.free
        self.allocate, self.defer = physmem.allocate_frames, physmem.allocate_frames_deferred
        self.handler = self.handle
        self.error = None
        self.is_done = False
    def handle(self, source):
        try:
            {statement}
        except RuntimeError as error:
            self.error = error
        self.is_done = True
"""

# At the prompt itself, as the calls are counted from there.
DEEPEST = """
n = 1
while True:
    interrupt = {interrupt}
    if interrupt:
        channel.irq(handler=interrupt.handler, hard=True)
        channel.config(count=CYCLES, ctrl=control, trigger=True)
    try:
        nest(n)
    except RuntimeError:
        break
    finally:
        while interrupt and not interrupt.is_done:
            pass
    if interrupt and interrupt.error:
        break
    n += 1
print(n - 1)
"""

SIZES = {
    "bytes: a function with one argument": "function",
    "bytes: a method with one argument": "Object().method",
    "bytes: an inner function": "outer()",
}
DEPTHS = {
    "calls: free(alloc(1))": "self.free(self.alloc(1))",
    "calls: allocate_frames(1).free()": "self.allocate(1).free()",
    "calls: allocate_frames_deferred(1)[0].free()": "self.defer(1)[0].free()",
}


def figures(name):
    """Return {what was counted: the figure} of the board *name*."""
    with emulator_of(name, options=("--unpaced",)) as board:
        transport = board.connect()
        transport.exec(PROGRAM)
        found = {row: transport.exec(f"call = {call}\nprint(call(2) - call(1))") for row, call in SIZES.items()}
        found["calls: no handler"] = transport.exec(DEEPEST.format(interrupt="None"))
        for row, statement in DEPTHS.items():
            transport.exec(INTERRUPT.format(statement=statement))
            found[row] = transport.exec(DEEPEST.format(interrupt="Interrupt()"))
        transport.close()
    return {row: ast.literal_eval(output.decode()) for row, output in found.items()}


def main():
    columns = [figures(name) for name in BOARDS]
    print(f"{'':46}" + "".join(f"{name:>12}" for name in BOARDS))
    for row in columns[0]:
        print(f"{row:46}" + "".join(f"{column[row]:12,}" for column in columns))


if __name__ == "__main__":
    main()
