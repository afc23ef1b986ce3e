"""Two threads, which are two cores on the Pico, load the same module for the first time at once.

Both get the one module, and get it whole, although MicroPython lists a module before its first line runs. Three tests
put another `__import__` into physmem_errors, so that the other thread comes in the middle.
"""

import _thread
import gc
import sys
import time

from support import fresh_physmem, raises, scaled
from two_regions import two_regions

NEEDS = ("threads",)
NAME = "physmem_pretended"
# They are loaded when they are first used, and remember nothing.
MODULES = ("physmem_find", "physmem_overview", "physmem_map", "physmem_runs", "physmem_requests", "physmem_plan")
SECONDS = 0.05  # for the other thread to get as far as it does


def fresh_errors():
    """Return a fresh physmem_errors."""
    fresh_physmem()
    return sys.modules["physmem_errors"]


class Other:
    """Loads NAME in another thread, and appends "asks" and then what it gets to `events`."""

    def __init__(self, errors, events):
        self.errors = errors
        self.events = events

    def run(self):
        self.events.append("asks")
        try:
            self.events.append(self.errors.load(NAME, "x()"))
        except ValueError as error:
            self.events.append(str(error))

    def start(self):
        """Return when it asks, and has had time to get an answer that it does not wait for."""
        before = len(self.events)
        _thread.start_new_thread(self.run, ())
        wait_for(lambda: len(self.events) > before)
        time.sleep(SECONDS)


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("the other thread has not come so far in 10 s")


def test_the_other_thread_waits():
    """It gets what there is when the first one has loaded the module. Meanwhile the first one may load others."""
    errors = fresh_errors()
    events = []
    other = Other(errors, events)

    def slowly(name):
        if name != NAME:
            sys.modules[name] = name
            return name
        sys.modules[NAME] = "half"
        other.start()
        # What the module imports, what it uses of itself, and the same in a function that the scheduler runs.
        events.append(errors.load(NAME + "_either", "y()"))
        events.append(errors.load(NAME, "x()"))
        sys.modules[NAME] = "whole"
        return "whole"

    errors.__import__ = slowly
    try:
        assert errors.load(NAME, "x()") == "whole"
        wait_for(lambda: len(events) == 4)
        assert events == ["asks", NAME + "_either", "half", "whole"]
    finally:
        for name in (NAME, NAME + "_either"):
            sys.modules.pop(name, None)


def test_an_error_lets_the_other_thread_load():
    """It finds nothing half loaded, and loads the module itself."""
    errors = fresh_errors()
    events = []
    other = Other(errors, events)
    tries = []

    def failing(name):
        tries.append(name)
        sys.modules[NAME] = "half"
        if len(tries) == 1:
            other.start()
            raise ValueError("the first try")
        sys.modules[NAME] = "whole"
        return "whole"

    errors.__import__ = failing
    try:
        assert str(raises(ValueError, errors.load, NAME, "x()")) == "the first try"
        wait_for(lambda: len(events) == 2)
        assert events == ["asks", "whole"] and tries == [NAME, NAME]
        assert errors.load(NAME, "x()") == "whole"
    finally:
        sys.modules.pop(NAME, None)


def test_a_handler_does_not_wait():
    """While another thread loads something, an interrupt handler gets what there is, and is refused what is not there,
    because it has no heap."""
    errors = fresh_errors()
    events = []
    other = Other(errors, events)
    lets_go = []

    def slowly(name):
        wait_for(lambda: lets_go)
        sys.modules[NAME] = "whole"
        return "whole"

    def no_heap(call):
        raise errors.PhysMemError("NotPermitted", call)

    errors.__import__ = slowly
    before = errors.in_handler, errors.expect_heap
    try:
        other.start()
        errors.in_handler, errors.expect_heap = lambda: 1, no_heap
        assert errors.load("physmem", "y()") is sys.modules["physmem"]
        raises(errors.PhysMemError, errors.load, NAME, "x()", code="NotPermitted")
        errors.in_handler, errors.expect_heap = before
        lets_go.append(True)
        wait_for(lambda: len(events) == 2)
        assert events == ["asks", "whole"]
    finally:
        lets_go.append(True)  # also after an error
        sys.modules.pop(NAME, None)


def load_all(errors, turn, who, got, wrong):
    """Load MODULES when all threads are there, and put them into `got[who]`."""
    turn[who] += 1
    while turn[1 - who] < turn[who]:
        pass
    try:
        for name in MODULES:
            module = errors.load(name, "x()")
            got[who].append((module, sorted(dir(module))))
    except Exception as error:
        wrong.append(repr(error))
    turn[who] += 1


def test_both_at_once():
    """Each thread gets each module whole, and the same one as the other, whichever comes first."""
    errors = fresh_errors()
    whole = [sorted(dir(errors.load(name, "x()"))) for name in MODULES]
    rounds = scaled(40, 40, 12)
    for _ in range(rounds):
        for name in MODULES:
            del sys.modules[name]
        gc.collect()  # while no other thread runs
        gc.disable()
        turn, got, wrong = bytearray(2), ([], []), []
        _thread.start_new_thread(load_all, (errors, turn, 1, got, wrong))
        load_all(errors, turn, 0, got, wrong)
        wait_for(lambda turn=turn: turn[1] == 2)
        time.sleep(0.01)  # for the thread to end
        gc.enable()
        assert not wrong, wrong
        for i in range(len(MODULES)):
            (first, names), (other, names_of_other) = got[0][i], got[1][i]
            assert first is other is sys.modules[MODULES[i]], MODULES[i]
            assert names == names_of_other == whole[i], MODULES[i]


def test_first_use_on_both():
    """`stats()`, `allocations()` and `find()`, for the first time, on both cores."""
    physmem = two_regions(64, 0x60000000)
    for _ in range(scaled(20, 20, 6)):
        for name in ("physmem_find", "physmem_overview"):
            sys.modules.pop(name, None)
        gc.collect()
        gc.disable()
        ready, got = bytearray(2), [None, None]

        def use(who, ready=ready, got=got):
            ready[who] = 1
            while not ready[1 - who]:
                pass
            try:
                got[who] = len(physmem.stats()), physmem.allocations(), physmem.find(0)
            except Exception as error:
                got[who] = repr(error)

        _thread.start_new_thread(use, (1,))
        use(0)
        wait_for(lambda got=got: got[1] is not None)
        time.sleep(0.01)
        gc.enable()
        assert got[0] == got[1] and got[0][1:] == ([], None), got
