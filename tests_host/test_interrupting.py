"""The serial line of the boards: Ctrl-C interrupts, data arrives complete while timers run, and nothing is polled."""

import pathlib
import random
import time
import zlib

import pytest

from board_list import boards_of
from emulated_board import EmulatorTransport
from qemu import Qemu
from harness.console import END, INTERRUPT, PROMPT, Console
from harness.ticks import TICKS

MOST_SECONDS = 1.0  # from Ctrl-C to the prompt
RUNS = b"\x07"  # a program prints this once it runs
RING_SIZE = 1024  # of firmware/qemu/board.c

LOOP = """
print(end="\\x07")
while True:
    pass
"""

SLEEP = """
import time
print(end="\\x07")
time.sleep(600)
"""

ALLOCATIONS = """
import physmem
print(end="\\x07")
while True:
    physmem.allocate_frames(1).free()
"""

READ = """
import sys
print(end="\\x07")
sys.stdin.read(1)
"""

HARD_TIMER = TICKS + "ticks = started(0, 5000, True)\n"

# receive(n, wait) waits for `wait` milliseconds, then reads `n` bytes.
RECEIVE = """
import binascii, micropython, sys, time
def receive(n, wait):
    micropython.kbd_intr(-1)
    data = bytearray(n)
    print(end="\\x07")
    time.sleep_ms(wait)
    sys.stdin.buffer.readinto(data)
    micropython.kbd_intr(3)
    print(binascii.crc32(data))
"""

pytestmark = pytest.mark.xdist_group("interrupting")


@pytest.fixture(scope="module", params=boards_of("qemu"))
def emulator(request):
    with Qemu(request.param) as emulator:
        yield emulator


@pytest.fixture
def console(emulator):
    """Yield the raw REPL of a freshly reset board."""
    emulator.reset()
    with Console(emulator) as console:
        console.enter_raw_repl()
        yield console


def begin(console, source):
    """Start `source` on the board. Return when it prints that it runs."""
    console.begin(source)
    console.read_until(RUNS)


def interrupt(console):
    """Send Ctrl-C, which must end the running program in time. Return what it printed, and its traceback."""
    sent = time.monotonic()
    console.send(INTERRUPT)
    printed = console.end()
    assert time.monotonic() - sent < MOST_SECONDS
    return printed


def assert_usable(console):
    assert console.execute("import physmem; print(6 * 7, physmem.check())") == "42 []\n"


def assert_ticking(console):
    assert console.execute("before = ticks.seen; time.sleep_ms(20); print(0 < before < ticks.seen)") == "True\n"


@pytest.mark.parametrize("source", [LOOP, SLEEP, ALLOCATIONS, READ], ids=["loop", "sleep", "allocations", "read"])
def test_control_c_interrupts_a_program(console, source):
    for timer in ("", HARD_TIMER):
        begin(console, timer + source)
        output, error = interrupt(console)
        assert output == ""
        assert error.startswith("Traceback ") and error.endswith("\nKeyboardInterrupt: \n")
        assert_usable(console)


def test_control_c_again_and_again(console):
    """The metadata is correct wherever an allocation was interrupted. What it had allocated, the program must free."""
    for i in range(20):
        begin(console, ALLOCATIONS)
        time.sleep(0.001 * i)
        assert interrupt(console)[1].endswith("\nKeyboardInterrupt: \n")
    assert_usable(console)


def test_a_program_catches_it(console):
    begin(console, f"try:{LOOP.replace(chr(10), chr(10) + '    ')}\nexcept KeyboardInterrupt:\n    print('caught')")
    assert interrupt(console) == ("caught\n", "")


def test_what_comes_before_control_c_stays(console):
    """Only Ctrl-C is removed from the received data."""
    begin(console, LOOP)
    console.send(b"1234")
    interrupt(console)
    console.send(b"\x01")  # the prompt has taken the four as the start of a program
    console.read_until(PROMPT)
    begin(console, LOOP)
    console.send(b"print(56")
    interrupt(console)
    console.send(b")" + END)
    console.read_until(b"OK")
    assert console.end() == ("56\n", "")


def test_control_c_as_data(console):
    """With kbd_intr(-1) it is an ordinary character; with another character, that one interrupts."""
    begin(console, RECEIVE + "receive(3, 0)")
    console.send(INTERRUPT * 3)
    assert console.end() == (f"{zlib.crc32(INTERRUPT * 3)}\n", "")
    begin(console, "import micropython\nmicropython.kbd_intr(ord('x'))" + LOOP)
    console.send(INTERRUPT + b"x")
    assert console.end()[1].endswith("\nKeyboardInterrupt: \n")


def test_control_c_in_raw_paste_mode(console):
    """It ends the upload: the board announces the end, prints nothing, raises KeyboardInterrupt; the prompt works."""
    console.send(b"\x05A\x01")
    assert console.read_until(b"R\x01") == b""
    window = console.read_until(b"\x01")
    assert int.from_bytes(window, "little") > 0
    console.send(b"print('never')\n" + INTERRUPT)
    assert console.read_until(END) == b""
    output, error = console.end()
    assert output == "" and error.endswith("KeyboardInterrupt: \n")
    assert_usable(console)


def random_bytes(size):
    return random.Random(size).randbytes(size)


def test_64_kib_arrive_while_a_hard_timer_runs(console):
    data = random_bytes(65536)
    assert INTERRUPT in data
    console.execute(HARD_TIMER + RECEIVE)
    begin(console, "receive(65536, 0)")
    console.send(data)
    assert console.end() == (f"{zlib.crc32(data)}\n", "")
    assert_ticking(console)


def test_a_program_of_64_kib_arrives_while_a_hard_timer_runs(console):
    text = random_bytes(32768).hex()
    console.execute(HARD_TIMER + "import binascii, time")
    assert console.execute(f"print(binascii.crc32({text!r}))") == f"{zlib.crc32(text.encode())}\n"
    assert_ticking(console)


def test_more_than_the_board_has_room_for_waits_at_the_sender(console):
    data = random_bytes(3 * RING_SIZE + 1)
    console.execute(RECEIVE)
    begin(console, f"receive({len(data)}, 300)")
    console.send(data)
    assert console.end() == (f"{zlib.crc32(data)}\n", "")


def test_reading_with_interrupts_masked(console):
    """There, only the program itself can receive."""
    begin(console, RECEIVE + "import machine\nmasked = machine.disable_irq()\nreceive(2000, 0)\n")
    data = random_bytes(2000)
    console.send(data)
    assert console.end() == (f"{zlib.crc32(data)}\n", "")


def test_polling_the_input(console):
    source = "import select, sys\npoll = select.poll()\npoll.register(sys.stdin, select.POLLIN)\n"
    begin(console, source + 'print(len(poll.poll(0)), end="\\x07")\nprint(len(poll.poll(60000)), sys.stdin.read(2))')
    console.send(b"ab")
    assert console.end() == ("1 ab\n", "")


def test_a_mounted_folder(emulator, console, tmp_path):
    """mpremote mount transfers a file with every possible byte, both ways, while a hard timer runs."""
    console.close()
    data = bytes(range(256)) * 2 + random_bytes(3 * RING_SIZE)
    (tmp_path / "data").write_bytes(data)
    transport = EmulatorTransport(emulator.url)
    transport.enter_raw_repl()
    transport.exec(HARD_TIMER)
    transport.mount_local(str(tmp_path))
    try:
        transport.exec("with open('data', 'rb') as file: data = file.read()")
        transport.exec("with open('copy', 'wb') as file: file.write(data)")
    finally:
        transport.umount_local()
        transport.close()
    assert (tmp_path / "copy").read_bytes() == data


def processor_seconds(process):
    """Return the processor seconds that all threads of a process have used."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def test_an_idle_board_sleeps(emulator, console):
    before = processor_seconds(emulator.process)
    time.sleep(1)
    assert processor_seconds(emulator.process) - before < 0.1
    assert_usable(console)
