"""The boards' timers as only the host sees them: what they print, a soft reset, and the prompt while they run."""

import time

import pytest

from board_list import boards_of
from emulated_board import SECONDS_OF_SILENCE
from qemu import Qemu
from harness.ticks import TICKS

RESETS = 20

BUSY = TICKS + "hard, soft = started(0, 20000, True), started(1, 5000, False)\n"

RAISING = """
from machine import Timer
import time
def tick(timer):
    ticks[0] += 1
    raise ValueError("tick tock")
ticks, timer = [0], None
timer = Timer(1, freq=100, callback=tick, hard=True)
time.sleep_ms(100)
print(ticks, timer)
"""

pytestmark = pytest.mark.xdist_group("timers")


@pytest.fixture(scope="module", params=boards_of("qemu"))
def transport(request):
    with Qemu(request.param) as emulator:
        transport = emulator.connect()
        yield transport
        transport.serial.close()


@pytest.fixture(autouse=True)
def soft_reset(transport):
    transport.enter_raw_repl(soft_reset=True)


def execute(transport, source):
    return transport.exec(source).decode().replace("\r\n", "\n")


def test_soft_reset_stops_all_timers(transport):
    for _ in range(RESETS):
        execute(transport, BUSY)
        transport.enter_raw_repl(soft_reset=True)
        assert execute(transport, "from machine import Timer; print(Timer(), Timer())") == "Timer(0) Timer(1)\n"


def test_exception_in_a_hard_callback_is_printed_once_and_stops_the_timer(transport):
    output = execute(transport, "import micropython; micropython.alloc_emergency_exception_buf(200)" + RAISING)
    lines = output.splitlines()
    assert lines[0] == "uncaught exception in Timer(1) interrupt handler"
    assert lines[-2:] == ["ValueError: tick tock", "[1] Timer(1)"]
    assert "in tick\n" in output


def ticks_at_the_prompt(transport, seconds):
    """Return how many hard and how many soft callbacks have run in a time most of which passes at the prompt."""
    before = execute(transport, "print(hard.seen, soft.seen)").split()
    time.sleep(seconds)
    after = execute(transport, "print(hard.seen, soft.seen)").split()
    return int(after[0]) - int(before[0]), int(after[1]) - int(before[1])


def test_callbacks_run_while_the_prompt_waits(transport):
    """They are many more than there are in two commands. A PC that has other work to do needs longer for them."""
    execute(transport, BUSY)
    hard, soft = 0, 0
    for seconds in (0.5, 2, 8):
        if hard <= 1000 or soft <= 250:
            hard, soft = ticks_at_the_prompt(transport, seconds)
    assert hard > 1000 and soft > 250


def test_prompt_takes_a_line_and_control_c_while_timers_run(transport):
    execute(transport, BUSY)
    transport.exit_raw_repl()
    transport.read_until(1, b">>> ", timeout=SECONDS_OF_SILENCE)
    transport.serial.write(b"1 + \x03")
    assert transport.read_until(1, b">>> ", timeout=SECONDS_OF_SILENCE).endswith(b"1 + \r\n>>> ")
    transport.serial.write(b"print(6 * 7, hard.seen > 0)\r")
    assert b"\r\n42 True\r\n" in transport.read_until(1, b">>> ", timeout=SECONDS_OF_SILENCE)
