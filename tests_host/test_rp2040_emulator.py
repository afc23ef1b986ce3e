"""The RP2040 emulator runs a .uf2 file as shipped, under mpremote, through all kinds of resets, on two cores.

Expected values come from the RP2040 datasheet; the numbers beside them are its sections.
"""

import math
import os
import pathlib
import pty
import select
import subprocess
import sys
import time

import pytest
import pico
from mpremote.transport import TransportError

from emulated_board import ROOT, memory_map
from pico import Pico

BOARD = "RPI_PICO"
SECONDS = 60

pytestmark = pytest.mark.xdist_group("rp2040 emulator")

# Retained memory that nothing else uses: the last word of the first region.
_, REGION_BASE, REGION_SIZE, _, _ = memory_map(BOARD)["REGIONS"][0]
KEPT = REGION_BASE + REGION_SIZE - 4


class Board:
    """The emulator and mpremote's transport to it."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.transport = emulator.connect()

    def run(self, source, seconds=SECONDS):
        """Execute *source* on the board. Return what it printed. Raise RuntimeError with the traceback if it fails."""
        output, error = self.transport.exec_raw(source, seconds)
        if error:
            raise RuntimeError(error.decode())
        return output.decode().replace("\r\n", "\n")

    def soft_reset(self):
        self.transport.enter_raw_repl(soft_reset=True)

    def restart(self):
        """Reset by the RUN pin and connect again: a fault has ended the last connection."""
        self.emulator.reset()
        self.transport.close()
        self.transport = self.emulator.connect()

    def reset_by(self, source):
        """Execute *source*, which resets the board, and wait until the board is up again."""
        self.transport.exec_raw_no_follow(source)
        self.transport.read_until(1, b"\r\n>>> ", SECONDS)
        self.transport.enter_raw_repl(soft_reset=False)


@pytest.fixture(scope="module")
def shared():
    """Yield the board that all tests share. A test that breaks it must reset it."""
    with Pico(BOARD) as emulator:
        board = Board(emulator)
        yield board
        board.transport.close()


@pytest.fixture
def board(shared):
    """Return the board after a soft reset; after a test that left it busy, after a reset by its RUN pin."""
    try:
        shared.soft_reset()
    except (OSError, TransportError):
        shared.restart()
    return shared


# ---- the firmware, and mpremote


def test_the_firmware_is_that_of_the_board(board):
    said = board.run("import sys, machine, physmem_board; print(sys.platform, sys.implementation._machine)")
    assert said == "rp2 Raspberry Pi Pico with RP2040\n"
    assert board.run("import physmem_board; print(physmem_board.NAME, machine.freq())") == f"{BOARD} 125000000\n"


def mpremote(terminal, *arguments):
    command = [sys.executable, "-m", "mpremote", "connect", terminal, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True).stdout


def test_mpremote_on_a_pseudo_terminal(tmp_path):
    there, back = tmp_path / "there.txt", tmp_path / "back.txt"
    there.write_text("".join(f"{i}: kept in flash\n" for i in range(300)))
    with Pico(BOARD, interactive=True) as emulator:
        assert emulator.url.startswith("/dev/")
        assert mpremote(emulator.url, "exec", "print(6 * 7)") == "42\n"
        mpremote(emulator.url, "fs", "cp", str(there), ":there.txt")
        assert "there.txt" in mpremote(emulator.url, "fs", "ls")
        mpremote(emulator.url, "exec", "value = 1", "soft-reset")
        assert mpremote(emulator.url, "resume", "exec", "print('value' in globals())") == "False\n"
        mpremote(emulator.url, "reset")
        mpremote(emulator.url, "fs", "cp", ":there.txt", str(back))
    assert back.read_text() == there.read_text()


def test_a_fresh_emulator_has_an_empty_file_system(shared):
    shared.run("open('left.txt', 'w').close()")
    with Pico(BOARD) as emulator:
        assert Board(emulator).run("import os; print(os.listdir('/'))") == "[]\n"


def test_flash_is_saved_and_loaded(shared, tmp_path):
    shared.run("with open('kept.txt', 'w') as file: file.write('kept')")
    shared.emulator.save_flash(tmp_path / "flash")
    with Pico(BOARD) as emulator:
        emulator.load_flash(tmp_path / "flash")
        emulator.reset()
        assert Board(emulator).run("print(open('kept.txt').read())") == "kept\n"


def test_flash_is_nor(board):
    """Programming only clears bits; erasing a sector sets the bits of only that sector."""
    source = """
import rp2
flash = rp2.Flash()
last = flash.ioctl(4, 0) - 1
def begins():
    buffer = bytearray(4)
    flash.readblocks(last, buffer, 256)
    other = bytearray(1)
    flash.readblocks(last - 1, other, 0)
    return bytes(buffer), other[0]
for block in (last - 1, last):
    flash.ioctl(6, block)
flash.writeblocks(last - 1, b"\\x00" * 256, 0)
print(begins())
flash.writeblocks(last, b"\\xf0\\xff\\x0f\\x55" * 64, 256)
print(begins())
flash.writeblocks(last, b"\\x3c\\xaa\\xff\\xff" * 64, 256)
print(begins())
flash.ioctl(6, last)
print(begins())
"""
    contents = [b"\xff" * 4, b"\xf0\xff\x0f\x55", b"\x30\xaa\x0f\x55", b"\xff" * 4]
    assert board.run(source) == "".join(f"({four!r}, 0)\n" for four in contents)


def test_a_file_that_is_no_firmware(tmp_path, monkeypatch):
    """The error tells the reason, and nothing waits for a board that will never come up."""
    (tmp_path / "firmware.uf2").write_bytes(b"nothing" * 512)
    monkeypatch.setattr(pico, "firmware", lambda board: tmp_path / "firmware.elf")
    with pytest.raises(RuntimeError, match=r"exited at once.*firmware\.uf2 is not a \.uf2 file"):
        Pico(BOARD).start()


def test_make_emulate():
    """A user at a terminal gets mpremote's REPL, and Ctrl-] leaves it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, ROOT / "scripts" / "repl.py", BOARD, "--emulate"]
    program = subprocess.Popen(command, stdin=theirs, stdout=theirs)
    seen = b""
    try:
        for typed, answer in ((b"", b"Use Ctrl-]"), (b"\r", b">>> "), (b"print(6 * 7)\r", b"\r\n42\r\n>>> ")):
            os.write(ours, typed)
            while answer not in seen:
                assert select.select([ours], [], [], SECONDS)[0], seen
                seen += os.read(ours, 4096)
            seen = b""
        os.write(ours, b"\x1d")
        assert program.wait(SECONDS) == 0
    finally:
        program.kill()
        program.wait()
        os.close(ours)
        os.close(theirs)


def test_floats_of_the_boot_rom(board):
    calls = ["math.sin(1)", "math.cos(4)", "math.tan(-1)", "math.exp(1.5)", "math.log(3)", "math.atan2(1, -2)"]
    calls += ["2 ** 0.5", "1 / 3", "float(int(-2.5))", "float(math.floor(-2.5))", "float(math.ceil(2.5))"]
    printed = board.run(f"import math\nfor x in ({', '.join(calls)}): print('%.9f' % x)")
    for call, value in zip(calls, printed.split(), strict=True):
        assert float(value) == pytest.approx(eval(call, {"math": math}), rel=1e-6), call


# ---- resets

KEEP = f"""
from machine import mem32, reset_cause
KEPT = {KEPT:#x}
"""
PWRON_RESET, WDT_RESET = 1, 3

RESETS = {
    "machine.reset": "import machine; machine.reset()",
    "watchdog": "import machine; machine.WDT(timeout=50)\nwhile True: pass",
    "asleep": "import machine, time; machine.WDT(timeout=50); time.sleep(10)",
}


@pytest.mark.parametrize("how", RESETS)
def test_resets_from_inside_keep_sram_and_flash(board, how):
    board.run(f"{KEEP}mem32[KEPT] = 0x600DCAFE; mem32[0x40058018] = 77; open('{how}', 'w').close()")
    board.reset_by(RESETS[how])
    # 4.7.4: the watchdog's reset is recorded, and its scratch registers (here number 3) are kept.
    printed = board.run(f"{KEEP}print(hex(mem32[KEPT]), mem32[0x40058018], reset_cause())")
    assert printed == f"0x600dcafe 77 {WDT_RESET}\n"
    assert board.run(f"import os; print('{how}' in os.listdir())") == "True\n"


def test_the_run_pin_keeps_sram_and_flash(board):
    board.run(f"{KEEP}mem32[KEPT] = 0x600DCAFF; mem32[0x40058018] = 77; open('pin', 'w').close()")
    board.transport.exec_raw_no_follow("while True: pass")
    board.emulator.reset()
    board.transport.read_until(1, b"\r\n>>> ", SECONDS)
    board.transport.enter_raw_repl(soft_reset=False)
    printed = board.run(f"{KEEP}print(hex(mem32[KEPT]), mem32[0x40058018], reset_cause())")
    assert printed == f"0x600dcaff 0 {PWRON_RESET}\n"
    assert board.run("import os; print('pin' in os.listdir())") == "True\n"


def test_a_reset_clears_what_the_firmware_clears(board):
    """Start-up code runs and clears .bss, so the names that a program made are gone."""
    board.run("import micropython; micropython.alloc_emergency_exception_buf(100); left = 1")
    board.reset_by(RESETS["machine.reset"])
    assert board.run("print('left' in globals())") == "False\n"


def test_sysresetreq_resets_the_core_alone(board):
    """2.4.2.9: the watchdog keeps its record of an earlier reset. The firmware starts again, and SRAM is kept."""
    board.run(f"{KEEP}mem32[KEPT] = 0x600DCAFD; left = 1")
    board.reset_by(RESETS["machine.reset"])
    board.reset_by("from machine import mem32; mem32[0xE000ED0C] = 0x05FA0004")
    printed = board.run(f"{KEEP}print(hex(mem32[KEPT]), reset_cause(), 'left' in globals())")
    assert printed == f"0x600dcafd {WDT_RESET} False\n"


# ---- faults

FAULTS = {
    "unaligned": (
        "import uctypes\n@micropython.viper\ndef f():\n    p = ptr32(0x20030001)\n    p[0] = 1\nf()",
        "unaligned",
    ),
    "nothing there": ("from machine import mem32; mem32[0xF0000000]", "nothing is at 0xf0000000"),
    "breakpoint": ("@micropython.asm_thumb\ndef f():\n    data(2, 0xBE00)\nf()", "breakpoint 0 without a debugger"),
    "undefined": ("@micropython.asm_thumb\ndef f():\n    data(2, 0xDE01)\nf()", "undefined instruction"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_ends_with_a_message(shared, what):
    source, message = FAULTS[what]
    with pytest.raises((OSError, TransportError)):
        shared.run(source)
    failure = shared.emulator.failure()
    assert "HardFault of core 0" in failure and message in failure and "pc=0x" in failure and "r12=0x" in failure
    shared.restart()
    assert shared.emulator.failure() is None


def test_bootsel_is_said(shared):
    with pytest.raises((OSError, TransportError)):
        shared.run("import machine; machine.bootloader()")
    assert "BOOTSEL" in shared.emulator.failure()
    shared.restart()


# ---- counting instructions

MARKS = """
@micropython.asm_thumb
def one():
    data(2, 0xBE50)
    data(2, 0xBE50)
@micropython.asm_thumb
def seven():
    data(2, 0xBE50)
    nop()
    nop()
    nop()
    nop()
    nop()
    nop()
    nop()
    data(2, 0xBE50)
@micropython.asm_thumb
def loop(r0):
    data(2, 0xBE50)
    label(AGAIN)
    sub(r0, 1)
    bne(AGAIN)
    data(2, 0xBE50)
one(); seven(); loop(1000)
"""


def test_marks_count_instructions_exactly(board):
    board.emulator.reset_statistics()
    board.run(MARKS)
    marks = board.emulator.marks()
    assert [mark["core"] for mark in marks] == [0] * 6
    counts = [
        after["instructions"] - before["instructions"] for before, after in zip(marks[::2], marks[1::2], strict=True)
    ]
    assert counts == [0, 7, 2000]
    cycles = [after["cycles"] - before["cycles"] for before, after in zip(marks[::2], marks[1::2], strict=True)]
    assert cycles == [0, 7, 1000 + 999 * 2 + 1]  # Cortex-M0+ manual 3.3: a taken branch has 2 cycles
    assert all("lowest" not in mark for mark in marks)


STACK = """
@micropython.asm_thumb
def push():
    data(2, 0xBE50)
    push({r0, r1, r2, r3, r4})
    pop({r0, r1, r2, r3, r4})
    data(2, 0xBE50)
    push({r0})
    pop({r0})
    data(2, 0xBE50)
    nop()
    data(2, 0xBE50)
push()
"""
NEVER = 0x10FFFFFE


def test_a_watched_core_tells_when_it_reached_an_address_and_the_bounds_of_its_stack():
    reset_handler = int.from_bytes(pico.BOOT_ROM.read_bytes()[4:8], "little") & ~1
    with Pico(BOARD, options=("--unpaced",)) as emulator:
        emulator.watch(reset_handler)
        assert emulator.reached() == 0
        emulator.watch(NEVER)
        board = Board(emulator)
        emulator.reset_statistics()
        board.run("import micropython" + STACK)
        _, *marks = emulator.marks()
        assert [mark["highest"] - mark["lowest"] for mark in marks] == [5 * 4, 4, 0]
        assert emulator.reached() is None
        board.transport.close()


def test_watching_starts_with_the_power_off():
    write = f"import machine; machine.mem32[{KEPT}] = 0x12345678"
    read = f"import machine; print(hex(machine.mem32[{KEPT}]))"
    with Pico(BOARD, options=("--unpaced",)) as emulator:
        board = Board(emulator)
        board.run(write)
        board.restart()
        assert board.run(read) == "0x12345678\n"
        emulator.watch(NEVER)
        board.transport.close()
        board.transport = emulator.connect()
        assert board.run(read) == "0x0\n"
        board.transport.close()


# ---- two cores

TWO_CORES = """
import _thread, time
from machine import mem32
CPUID, FIFO_ST, FIFO_WR, FIFO_RD = 0xD0000000, 0xD0000050, 0xD0000054, 0xD0000058
LOCK = 0xD0000178  # spin lock 30
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


def test_fifos(board):
    """2.3.1.4: 8 words; the last clears RDY; a ninth is lost and sets WOF; a read of an empty FIFO sets ROE."""
    source = (
        TWO_CORES
        + """
@micropython.viper
def fill(p) -> int:
    fifo = ptr32(p)
    seen = 0
    for i in range(9):
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
room = fill(FIFO_ST)
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
    assert room == "8 4 0"
    assert results == "([100, 101, 102, 103, 104, 105, 106, 107], 0, 8, 0)"


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
    """2.3.1.3. Two cores count together: with the lock no count is lost, without it some are."""
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


def test_each_core_has_its_divider(board):
    """2.3.1.5: dividend and divisor at 0xD0000060, quotient at 0xD0000070, of the core that accesses them."""
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


# ---- DMA

DMA = """
import rp2, uctypes, machine, time
from machine import mem32
def wait(dma):
    for _ in range(100000):
        if not dma.active():
            return
    raise RuntimeError('the channel is still active')
def aligned(size):
    raw = bytearray(3 * size)
    at = (uctypes.addressof(raw) + size - 1) & ~(size - 1)
    return raw, at, at - uctypes.addressof(raw)
"""


@pytest.mark.parametrize("selected", [0, 1])
def test_dma_ring(board, selected):
    """2.5.1.1: RING_SIZE 4 wraps the read (RING_SEL 0) or write address every 16 bytes and touches nothing else."""
    source = (
        DMA
        + f"""
raw, at, offset = aligned(16)
source = bytearray(range(40))
target = bytearray(b'\\xff' * 40)
dma = rp2.DMA()
control = dma.pack_ctrl(size=0, ring_sel={selected}, ring_size=4, treq_sel=0x3f)
if {selected}:
    for i in range(48): raw[i] = 0xEE
    dma.config(read=source, write=at, count=40, ctrl=control, trigger=True)
    wait(dma)
    print(list(raw[offset:offset + 16]), set(raw[:offset]) | set(raw[offset + 16:]) == {{0xEE}}, hex(dma.write - at))
else:
    for i in range(16): raw[offset + i] = i
    dma.config(read=at, write=target, count=40, ctrl=control, trigger=True)
    wait(dma)
    print(list(target), hex(dma.read - at))
dma.close()
"""
    )
    if selected:
        last = list(range(32, 40)) + list(range(24, 32))
        assert board.run(source) == f"{last} True 0x8\n"
    else:
        assert board.run(source) == f"{[i % 16 for i in range(40)]} 0x8\n"


def test_dma_chain(board):
    """2.5.2.2: when one channel ends, the next one starts; each raises its interrupt."""
    source = (
        DMA
        + """
a, b = rp2.DMA(), rp2.DMA()
one, two, three = bytearray(b'chained!'), bytearray(8), bytearray(8)
b.config(read=two, write=three, count=2, ctrl=b.pack_ctrl(size=2, irq_quiet=False))
a.config(read=one, write=two, count=2, ctrl=a.pack_ctrl(size=2, chain_to=b.channel, irq_quiet=False))
print(a.active(), b.active(), bytes(three))
a.active(1)
wait(a)
wait(b)
print(bytes(two), bytes(three), mem32[0x50000400] >> a.channel & 1, mem32[0x50000400] >> b.channel & 1)
a.close(); b.close()
"""
    )
    assert board.run(source) == "False False b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\nb'chained!' b'chained!' 1 1\n"


def test_dma_channels_that_start_one_another_for_ever(board):
    """The cores continue meanwhile, and an abort ends it (2.5.5.3).

    A channel runs for longer than it takes to look at both, so nearly every look sees one at work.
    """
    source = (
        DMA
        + """
a, b = rp2.DMA(), rp2.DMA()
one, two = bytearray(8), bytearray(8)
for dma, other in (a, b), (b, a):
    control = dma.pack_ctrl(size=2, inc_read=False, inc_write=False, chain_to=other.channel)
    dma.config(read=one, write=two, count=5000, ctrl=control)
a.active(1)
ran = 0
for i in range(100):
    ran += a.active() or b.active()
mem32[0x50000444] = 1 << a.channel | 1 << b.channel
print(ran > 80, mem32[0x50000444], a.active(), b.active())
a.close(); b.close()
"""
    )
    assert board.run(source) == "True 0 False False\n"


@pytest.mark.parametrize(("size", "swapped"), [(1, b"badc"), (2, b"dcba")])
def test_dma_byte_swap(board, size, swapped):
    """2.5.7, CTRL.BSWAP."""
    source = (
        DMA
        + f"""
dma, target = rp2.DMA(), bytearray(4)
dma.config(read=b'abcd', write=target, count=4 >> {size}, ctrl=dma.pack_ctrl(size={size}, bswap=True), trigger=True)
wait(dma)
print(bytes(target))
dma.close()
"""
    )
    assert board.run(source) == f"{swapped!r}\n"


@pytest.mark.parametrize("timer", [0, 3])
def test_dma_pacing_timer(board, timer):
    """2.5.5.1: the rate is X / Y of the system clock, here 1 / 12500 of 125 MHz: 100 transfers in 10 ms."""
    source = (
        DMA
        + f"""
dma, target = rp2.DMA(), bytearray(100)
mem32[0x50000420 + 4 * {timer}] = 1 << 16 | 12500
dma.config(read=bytearray(100), write=target, count=100, ctrl=dma.pack_ctrl(size=0, treq_sel=0x3B + {timer}))
start = time.ticks_us()
dma.active(1)
while dma.active():
    pass
print(time.ticks_diff(time.ticks_us(), start))
dma.close()
"""
    )
    assert 9_800 <= int(board.run(source)) <= 10_300


def test_dma_interrupt(board):
    source = (
        DMA
        + """
dma = rp2.DMA()
class Seen:
    def __init__(self): self.calls = 0
    def call(self, dma): self.calls += 1
seen = Seen()
dma.irq(handler=seen.call, hard=True)
target = bytearray(64)
for i in range(3):
    dma.config(read=bytearray(64), write=target, count=16, ctrl=dma.pack_ctrl(size=2, irq_quiet=False), trigger=True)
    wait(dma)
print(seen.calls, mem32[0x50000400] >> dma.channel & 1)
dma.close()
"""
    )
    assert board.run(source) == "3 0\n"


def test_dma_bus_error(board):
    """2.5.7: it sets READ_ERROR and AHB_ERROR, bits 30 and 31 of CTRL, and the channel halts."""
    source = (
        DMA
        + """
dma, target = rp2.DMA(), bytearray(8)
dma.config(read=0xF0000000, write=target, count=2, ctrl=dma.pack_ctrl(size=2), trigger=True)
wait(dma)
print(dma.registers[3] >> 29 & 7, bytes(target))
dma.close()
"""
    )
    assert board.run(source) == "6 b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\n"


def test_masked_interrupts_stay_away_from_a_sleeping_core(board):
    """ARMv6-M manual B1.5.18: with PRIMASK set, WFI ends when an interrupt is pending, but no handler runs."""
    source = (
        DMA
        + """
class Handler:
    def __init__(self): self.calls = 0
    def call(self, dma): self.calls += 1
@micropython.asm_thumb
def mask():
    cpsid(0)
@micropython.asm_thumb
def sleep():
    wfi()
@micropython.asm_thumb
def unmask():
    cpsie(0)
handler = Handler()
dma = rp2.DMA()
dma.irq(handler=handler.call, hard=True)
mem32[0x50000420] = 1 << 16 | 62500  # timer 0: 2,000 transfers a second
control = dma.pack_ctrl(size=0, treq_sel=0x3B, irq_quiet=False)
source, target = bytearray(100), bytearray(100)  # rp2.DMA holds no reference to them
dma.config(read=source, write=target, count=100, ctrl=control)
mask()
dma.active(1)
while dma.active():
    sleep()
during = handler.calls
unmask()
print(during, handler.calls)
dma.close()
"""
    )
    assert board.run(source) == "0 1\n"


# ---- time


def test_sleeping_takes_its_time(board):
    """By default simulated time does not outrun real time; with --unpaced it does."""
    program = "import time; before = time.ticks_ms(); time.sleep(2); print(time.ticks_diff(time.ticks_ms(), before))"
    start = time.monotonic()
    assert 2000 <= int(board.run(program)) <= 2010
    assert time.monotonic() - start > 1.9
    with Pico(BOARD, options=("--unpaced",)) as emulator:
        unpaced = Board(emulator)
        start = time.monotonic()
        assert 2000 <= int(unpaced.run(program)) <= 2010
        assert time.monotonic() - start < 1


def test_the_emulator_ends_with_its_parent():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pico import Pico\n"
        f"emulator = Pico('{BOARD}'); emulator.start(); print(emulator.process.pid, flush=True)\n"
        "import os; os.kill(os.getpid(), 9)"
    )
    child = subprocess.run([sys.executable, "-c", program, ROOT / "scripts"], capture_output=True, text=True)
    process = pathlib.Path("/proc") / child.stdout.strip()
    deadline = time.monotonic() + 10
    while process.exists() and "Z" not in (process / "stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
