"""The emulators of both RP2 chips run two cores, with their FIFOs and spin locks.

Expected values come from the datasheets: harness/rp2_chips.py. Numbers in the tests are sections of the RP2040 and of
the RP2350 datasheet.
"""

from harness import rp2_board
from harness.rp2_chips import RP2040

chip, shared, board = rp2_board.chip, rp2_board.shared, rp2_board.board

TWO_CORES = """
import _thread, time
def on_core_1(f, seconds=10):
    done = []
    def run():
        try:
            done.append(f())
        except Exception as error:
            done.append(error)
    _thread.start_new_thread(run, ())
    for _ in range(seconds * 1000):
        if done:
            return done[0]
        time.sleep_ms(1)
    return 'nothing within %d s' % seconds
"""


def test_each_core_has_its_number(board):
    assert board.run(TWO_CORES + "print(mem32[CPUID], on_core_1(lambda: mem32[CPUID]))") == "0 1\n"
    cores = board.emulator.statistics()["cores"]
    assert cores[0]["instructions"] > cores[1]["instructions"] > 1000


def test_one_thread_after_another(board):
    assert board.run(TWO_CORES + "print([on_core_1(lambda i=i: i * i) for i in range(5)])") == "[0, 1, 4, 9, 16]\n"


def test_a_soft_reset_stops_core_1(board):
    board.run("import _thread\ndef run():\n    while True: pass\n_thread.start_new_thread(run, ())")
    board.soft_reset()
    before = board.emulator.statistics()["cores"][1]["instructions"]
    board.run("for i in range(1000): pass")
    assert board.emulator.statistics()["cores"][1]["instructions"] - before < 1000
    assert board.run(TWO_CORES + "print(on_core_1(lambda: 'runs'))") == "runs\n"


def test_fifos(chip, board):
    """2.3.1.4 and 3.1.5: the last word that fits clears RDY. One more is lost and sets WOF.

    A read of an empty FIFO sets ROE.
    """
    source = (
        TWO_CORES
        + """
@micropython.viper
def fill(p, words: int) -> int:
    fifo = ptr32(p)
    seen = 0
    for i in range(words):
        if int(fifo[0]) & 2:
            seen += 1
        fifo[1] = 100 + i
    return seen
# Mask interrupts, because the SDK's handler of the FIFO's interrupt would take the words. machine.disable_irq() would
# also take the mutex of the two cores.
@micropython.asm_thumb
def mask():
    cpsid(0)
@micropython.asm_thumb
def unmask():
    cpsie(0)
results, ready, go = [], [], []
room = full = cleared = 0  # now: a dict that grows loses its names for the other core while it does
def core_1():
    mask()
    ready.append(1)
    while not go:
        pass
    got = []
    while mem32[FIFO_ST] & 1:
        got.append(mem32[FIFO_RD])
    nothing = mem32[FIFO_RD]
    roe = mem32[FIFO_ST] & 8
    mem32[FIFO_ST] = 0
    results.append((got, nothing, roe, mem32[FIFO_ST] & 8))
    unmask()
_thread.start_new_thread(core_1, ())
while not ready:
    pass
mask()
room = fill(FIFO_ST, FIFO_WORDS + 1)
full = mem32[FIFO_ST] & 0xE
mem32[FIFO_ST] = 0
cleared = mem32[FIFO_ST] & 0xC
unmask()
go.append(1)
while not results:
    pass
print(room, full, cleared)
print(results[0])
"""
    )
    room, results = board.run(source).splitlines()
    assert room == f"{chip.fifo_words} 4 0"
    assert results == f"({[100 + i for i in range(chip.fifo_words)]}, 0, 8, 0)"


SPIN_LOCKS = (
    TWO_CORES
    + """
@micropython.viper
def count(p, q, times: int, locked: int, pause: int):
    lock = ptr32(p)
    counter = ptr32(q)
    for i in range(times):
        for j in range(i % pause):  # otherwise the cores would fall into step
            pass
        if locked:
            while not lock[0]:
                pass
        counter[0] = counter[0] + 1
        if locked:
            lock[0] = 0
import machine
cell = bytearray(4)
import uctypes
def both(times, locked):
    place = uctypes.addressof(cell)
    mem32[place] = 0
    done = []
    def core_1():
        count(LOCK, place, times, locked, 5)
        done.append(1)
    _thread.start_new_thread(core_1, ())
    count(LOCK, place, times, locked, 7)
    while not done:
        pass
    return mem32[place]
"""
)


def test_spin_locks_exclude(board):
    """2.3.1.3 and 3.1.4. Two cores count together: with the lock no count is lost, without it some are."""
    board.emulator.reset_statistics()
    board.run(SPIN_LOCKS + "mem32[LOCK] = 0")
    assert board.run("print(both(10000, 1))") == "20000\n"
    lock = board.emulator.statistics()["spin_locks"]["30"]
    assert lock["acquisitions"] == [10000, 10000]
    assert lock["waits"][0] + lock["waits"][1] > 100
    assert all(lock["refused_reads"][i] >= lock["waits"][i] for i in range(2))
    assert int(board.run("print(both(10000, 0))")) < 20000


HOLD = """
@micropython.asm_thumb
def hold(r0):
    ldr(r1, [r0, 0])
    nop()
    nop()
    nop()
    str(r1, [r0, 0])
@micropython.asm_thumb
def hold_long(r0, r1):
    ldr(r2, [r0, 0])
    label(AGAIN)
    sub(r1, 1)
    bne(AGAIN)
    str(r2, [r0, 0])
"""


def test_the_longest_time_a_lock_is_held(board):
    board.emulator.reset_statistics()
    board.run(
        TWO_CORES
        + HOLD
        + "machine = __import__('machine'); s = machine.disable_irq(); hold(LOCK); machine.enable_irq(s)"
    )
    lock = board.emulator.statistics()["spin_locks"]["30"]
    assert lock["longest_instructions"] == [4, 0] and lock["acquisitions"] == [1, 0]
    board.run("s = machine.disable_irq(); hold_long(LOCK, 50); hold(LOCK); machine.enable_irq(s)")
    lock = board.emulator.statistics()["spin_locks"]["30"]
    assert lock["longest_instructions"] == [101, 0]
    assert lock["waits"] == [0, 0]
    board.emulator.reset_statistics()
    assert "30" not in board.emulator.statistics()["spin_locks"]


@rp2_board.only(RP2040)
def test_each_core_has_its_divider(board):
    """2.3.1.5: dividend and divisor at 0xD0000060, quotient at 0xD0000070, of the core that accesses them. The RP2350
    has none (3.1.7)."""
    source = (
        TWO_CORES
        + """
@micropython.viper
def divide(p, a: int, b: int, turns: int) -> int:
    d = ptr32(p)
    wrong = 0
    for i in range(turns):
        d[0] = a
        d[1] = b
        if int(d[5]) != a % b or int(d[4]) != a // b:
            wrong += 1
    return wrong
results = []
import machine
def core_1():
    results.append(divide(0xD0000060, 1000003, 17, 5000))
_thread.start_new_thread(core_1, ())
s = machine.disable_irq()
mine = divide(0xD0000060, 999983, 13, 5000)
machine.enable_irq(s)
while not results:
    pass
print(mine, results)
"""
    )
    assert board.run(source) == "0 [0]\n"
