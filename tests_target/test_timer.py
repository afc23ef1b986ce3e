"""machine.Timer of the boards that firmware/qemu makes, its soft and its hard callbacks.

QEMU derives time from the instructions executed, 64 ns each, so a busy host does not make a tick late.
"""

import machine
import micropython
import time
from machine import Timer, mem32
from physmem_board import FPGAIO_BASE, TIMER_HZ
from support import raises

NEEDS = ("timers of firmware/qemu",)
TIMEOUT = 60
QEMU = ("-icount", "shift=6,sleep=off")

CLOCK_100_HZ = FPGAIO_BASE + 0x14
WAIT_MS = 5000  # for what must come
QUIET_MS = 50  # for what must not


class Ticks:
    """A callback that counts its calls. `tick` is bound once, since naming a method takes heap.

    All attributes exist before the first tick: while MicroPython makes room for one more, a handler cannot find the
    others.
    """

    def __init__(self, number, **parameters):
        self.count = 0
        self.timer = self.started = None
        self.heap_locked = False
        self.tick = self.count_tick
        self.started = Timer(number, callback=self.tick, **parameters)

    def count_tick(self, timer):
        self.count += 1
        self.timer = timer
        self.heap_locked = micropython.heap_locked() > 0


def wait(ticks, count):
    """Wait until `ticks` has counted to `count`. Fail if it does not within WAIT_MS."""
    start = time.ticks_ms()
    while ticks.count < count:
        assert time.ticks_diff(time.ticks_ms(), start) < WAIT_MS, "%d ticks, not %d" % (ticks.count, count)


def ignore(argument):
    pass


def assert_quiet(ticks):
    """Fail if a tick comes within QUIET_MS."""
    count = ticks.count
    time.sleep_ms(QUIET_MS)
    assert ticks.count == count


def test_soft_callback():
    ticks = Ticks(0, freq=200)
    wait(ticks, 10)
    assert ticks.timer is ticks.started and not ticks.heap_locked
    # The callback runs as any other code does.
    made = []
    ticks.started.init(period=2, callback=lambda timer: made.append([timer] * 10))
    start = time.ticks_ms()
    while len(made) < 5 and time.ticks_diff(time.ticks_ms(), start) < WAIT_MS:
        pass
    ticks.started.deinit()
    assert len(made) >= 5 and made[4] == [ticks.started] * 10


def test_hard_callback():
    ticks = Ticks(1, freq=200, hard=True)
    wait(ticks, 10)
    assert ticks.timer is ticks.started is Timer(1) and ticks.heap_locked
    assert not micropython.heap_locked()
    ticks.started.deinit()


def test_hard_callback_comes_with_the_heap_and_the_scheduler_locked():
    ticks = Ticks(0, freq=1000, hard=True)
    micropython.heap_lock()
    try:
        count = ticks.count
        while ticks.count == count:
            pass
    finally:
        micropython.heap_unlock()
    ticks.started.deinit()


def test_what_a_hard_callback_schedules_runs_after_it():
    order = []
    too_early = [0]

    def scheduled(argument):
        order.append(argument)

    def tick(timer):
        micropython.schedule(scheduled, 7)
        for _ in range(100):  # time enough for it to run too early
            pass
        too_early[0] = len(order)

    timer = Timer(0, mode=Timer.ONE_SHOT, period=1, callback=tick, hard=True)
    start = time.ticks_ms()
    while not order and time.ticks_diff(time.ticks_ms(), start) < WAIT_MS:
        pass
    timer.deinit()
    assert order == [7] and too_early == [0]


def test_period():
    # Against the board's 100 Hz clock, which may be read before or after its edge at each end.
    for parameters in ({"freq": 100}, {"period": 10}, {"period": 10000, "tick_hz": 1000000}, {"freq": 100.0}):
        ticks = Ticks(0, hard=True, **parameters)
        wait(ticks, 1)
        start = mem32[CLOCK_100_HZ]
        wait(ticks, 51)
        duration = mem32[CLOCK_100_HZ] - start
        ticks.started.deinit()
        assert 49 <= duration <= 51, (parameters, duration)


def test_one_shot():
    for hard in (False, True):
        ticks = Ticks(0, mode=Timer.ONE_SHOT, period=1, hard=hard)
        wait(ticks, 1)
        assert_quiet(ticks)
        ticks.started.init(mode=Timer.ONE_SHOT, period=1, callback=ticks.tick, hard=hard)
        wait(ticks, 2)
        assert_quiet(ticks)
        ticks.started.deinit()


class Restarting:
    """A hard callback that starts its timer again, `left` times."""

    def __init__(self, left):
        self.count = 0
        self.left = left
        self.tick = self.restart
        self.start(Timer(0))

    def start(self, timer):
        timer.init(mode=Timer.ONE_SHOT, period=20, tick_hz=1000000, callback=self.tick, hard=True)

    def restart(self, timer):
        self.count += 1
        self.left -= 1
        if self.left:
            self.start(timer)


def test_hard_callback_starts_its_timer_again():
    restarting = Restarting(100)
    wait(restarting, 100)
    assert_quiet(restarting)
    Timer(0).deinit()


def test_deinit():
    for hard in (False, True):
        ticks = Ticks(0, freq=5000, hard=hard)
        wait(ticks, 10)
        ticks.started.deinit()
        time.sleep_ms(QUIET_MS)  # what was scheduled before still runs
        assert_quiet(ticks)
        assert str(ticks.started) == "Timer(0)"
        ticks.started.deinit()


def test_exception_in_a_hard_callback_stops_the_timer():
    ticks = Ticks(1, freq=1000, hard=True)
    calls = [0]

    def fail(timer):
        calls[0] += 1
        raise ValueError

    failing = Timer(0, freq=1000, callback=fail, hard=True)
    start = time.ticks_ms()
    while not calls[0] and time.ticks_diff(time.ticks_ms(), start) < WAIT_MS:
        pass
    assert str(failing) == "Timer(0)"
    time.sleep_ms(QUIET_MS)
    assert calls == [1]
    # The other timer, the heap and the scheduler are unchanged.
    wait(ticks, ticks.count + 10)
    assert not micropython.heap_locked()
    assert len(bytearray(1000)) == 1000
    soft = Ticks(0, freq=1000)
    wait(soft, 10)
    soft.started.deinit()
    ticks.started.deinit()


def test_program_goes_on_while_callbacks_take_longer_than_the_period():
    def slow(timer):
        for _ in range(100):
            pass

    for hard in (False, True):
        timer = Timer(0, freq=100000, callback=slow, hard=hard)
        start = time.ticks_ms()
        done = 0
        while done < 200 and time.ticks_diff(time.ticks_ms(), start) < WAIT_MS:
            done += 1
        timer.deinit()
        assert done == 200, (hard, done)


def test_both_timers_at_once():
    first = Ticks(0, freq=3000, hard=True)
    second = Ticks(1, freq=2000, hard=True)
    wait(first, 300)
    wait(second, 200)
    first.started.deinit()
    wait(second, second.count + 100)
    second.started.deinit()


def test_no_tick_while_interrupts_are_masked():
    ticks = Ticks(0, mode=Timer.ONE_SHOT, period=2, hard=True)
    masked = machine.disable_irq()
    start = mem32[CLOCK_100_HZ]
    while mem32[CLOCK_100_HZ] - start < 2:
        pass
    count = ticks.count
    machine.enable_irq(masked)
    assert (count, ticks.count) == (0, 1)
    ticks.started.deinit()


def test_numbers_of_timers():
    Timer(0).deinit()
    Timer(1).deinit()
    first = Timer()
    second = Timer(-1)
    assert str(first) == "Timer(0)" and str(second) == "Timer(1)"
    assert "in use" in str(raises(OSError, Timer))
    first.deinit()
    assert Timer(-1) is first
    for number in (-2, 2, 1000):
        assert "Timer(%d) doesn't exist" % number in str(raises(ValueError, Timer, number))
    raises(TypeError, Timer, "0")
    first.deinit()
    second.deinit()


def test_bad_arguments_change_nothing():
    ticks = Ticks(0, freq=1000, hard=True)
    timer = ticks.started
    before = str(timer)
    assert before == "Timer(0, mode=PERIODIC, tick_hz=%d, period=%d, hard=True)" % (TIMER_HZ, TIMER_HZ // 1000)
    for error, parameters, words in (
        (TypeError, {}, "callback"),
        (TypeError, {"freq": 10, "callback": None}, "callable"),
        (TypeError, {"freq": 10, "callback": 7}, "callable"),
        (ValueError, {"callback": ignore}, "freq or period"),
        (ValueError, {"callback": ignore, "freq": 1, "period": 1}, "freq or period"),
        (ValueError, {"callback": ignore, "freq": 1, "mode": 2}, "mode"),
        (ValueError, {"callback": ignore, "freq": 0}, "ticks"),
        (ValueError, {"callback": ignore, "freq": -1}, "ticks"),
        (ValueError, {"callback": ignore, "freq": 100001}, "from %d to 2**32 ticks" % (TIMER_HZ // 100000)),
        (ValueError, {"callback": ignore, "freq": TIMER_HZ, "mode": Timer.ONE_SHOT}, "from 2 to 2**32 ticks"),
        (ValueError, {"callback": ignore, "freq": -0.5}, "ticks"),
        (ValueError, {"callback": ignore, "freq": 0.001}, "ticks"),
        (ValueError, {"callback": ignore, "freq": float("nan")}, "ticks"),
        (ValueError, {"callback": ignore, "freq": float("inf")}, "ticks"),
        (ValueError, {"callback": ignore, "period": 0}, "ticks"),
        (ValueError, {"callback": ignore, "period": -1}, "ticks"),
        (ValueError, {"callback": ignore, "period": 1000000}, "ticks"),
        (ValueError, {"callback": ignore, "period": 1, "tick_hz": 0}, "ticks"),
        (ValueError, {"callback": ignore, "period": 1, "tick_hz": -1000}, "ticks"),
        (OverflowError, {"callback": ignore, "period": 1 << 40}, ""),
        (TypeError, {"callback": ignore, "freq": "100"}, ""),
        (TypeError, {"callback": ignore, "frequency": 100}, "keyword"),
    ):
        sentence = str(raises(error, timer.init, **parameters))
        assert words in sentence, (parameters, sentence)
        assert str(timer) == before
    raises(TypeError, timer.init, 1000)
    raises(TypeError, Timer, 0, 1000)
    wait(ticks, ticks.count + 10)
    timer.deinit()
