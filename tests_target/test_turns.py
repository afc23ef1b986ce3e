"""Records that two cores use: one core at a time.

MicroPython has no lock of its own around lists and the like on two cores. So here only one core writes to each at a
time.
"""

import _thread
import time
from array import array

from physmem_retained import SharedRecords
from uctypes import addressof

ONLY = ("RPI_PICO",)

_memory = array("I", range(64))


def records():
    return SharedRecords(addressof(_memory), 4 * len(_memory))


def test_the_other_thread_waits():
    """The other thread enters when the first one has left as many times as it has entered, not before."""
    shared = records()
    events = []

    def other():
        events.append("waits")
        with shared:
            events.append("other")
        events.append("end")

    with shared:
        with shared:
            _thread.start_new_thread(other, ())
            while not events:
                pass
            time.sleep_ms(20)
            events.append("inner")
        time.sleep_ms(20)
        events.append("outer")
    while "end" not in events:
        pass
    assert events == ["waits", "inner", "outer", "other", "end"]


def test_both_at_once():
    """What is done inside is done as one step, however often the other thread comes."""
    shared = records()
    count = [0]
    ended = bytearray(2)

    def add(i):
        for _ in range(300):
            with shared:
                seen = count[0]
                for _ in range(7):
                    pass
                count[0] = seen + 1
        ended[i] = 1

    _thread.start_new_thread(add, (1,))
    add(0)
    while not ended[1]:
        pass
    assert count[0] == 600


def test_an_error_gives_it_back():
    shared = records()
    try:
        with shared:
            raise ValueError
    except ValueError:
        pass
    assert shared._turn[0] == shared._turn[1] == 0
