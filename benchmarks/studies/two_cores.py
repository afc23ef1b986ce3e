"""Count what a raw call costs on a chip with two cores, with and without the lock of a SHARED region.

Also counts what machine.disable_irq() would cost instead of that lock. The figures are exact instruction counts in this
project's emulators of the RP2040 and the RP2350, a column for each board; docs/two_cores.md lists them.
"""

from emulators import emulator_of

BOARDS = ("RPI_PICO", "RPI_PICO2")  # one of each chip
CALLS = 4  # only the last is counted: the first ones look up names, which MicroPython then caches

PROGRAM = """
import _thread, machine, micropython, physmem
@micropython.asm_thumb
def mark():
    data(2, 0xBE50)
@micropython.viper
def wait():
    while True:
        pass
plain = physmem.Region("plain", 0x10000000, 65536, 1024)
shared = physmem.region("sram")
disable, enable = machine.disable_irq, machine.enable_irq
def nothing():
    mark()
    mark()
def pair(alloc, free):
    mark()
    free(alloc(1))
    mark()
def masked():
    mark()
    enable(disable())
    mark()
"""

ROWS = (
    ("free(alloc(1)), region not SHARED", "pair(plain.alloc, plain.free)"),
    ("free(alloc(1)), SHARED region", "pair(shared.alloc, shared.free)"),
    ("enable_irq(disable_irq()), no thread", "masked()"),
    ("enable_irq(disable_irq()), a thread on core 1", "masked()"),
)


def count(board, transport, statement):
    """Return the instructions between the two marks of the last of `CALLS` calls."""
    board.reset_statistics()
    transport.exec(f"for _ in range({CALLS}): {statement}")
    marks = [mark["instructions"] for mark in board.marks()]
    return marks[-1] - marks[-2]


def figures(name):
    """Return the instructions of each of ROWS on the board *name*, in their order."""
    with emulator_of(name, options=("--unpaced",)) as board:
        transport = board.connect()
        transport.exec(PROGRAM)
        between = count(board, transport, "nothing()")
        counts = []
        for row, statement in ROWS:
            if "a thread" in row:
                transport.exec("_thread.start_new_thread(wait, ())")
            counts.append(count(board, transport, statement) - between)
        transport.close()
    return counts


def main():
    columns = [figures(name) for name in BOARDS]
    print(f"{'instructions':46}" + "".join(f"{name:>12}" for name in BOARDS))
    for (row, _), *counts in zip(ROWS, *columns):
        print(f"{row:46}" + "".join(f"{instructions:12,}" for instructions in counts))


if __name__ == "__main__":
    main()
