"""Records that two cores use: one core at a time.

MicroPython has no lock of its own around lists and the like on two cores. So here only one core writes to each at a
time.
"""

import _thread
import sys
import time

from kept_memory import one_region

NEEDS = ("two cores",)


def records():
    """Return the module with the records of a fresh system."""
    one_region().reset()
    import physmem_records

    return physmem_records


def test_the_other_thread_waits():
    """The other thread enters when the first one has left as many times as it has entered, not before."""
    shared = records()
    events = []

    def other():
        events.append("waits")
        shared.take_turn()
        events.append("other")
        shared.give_turn()
        events.append("end")

    shared.take_turn()
    shared.take_turn()
    _thread.start_new_thread(other, ())
    while not events:
        pass
    time.sleep_ms(20)
    events.append("inner")
    shared.give_turn()
    time.sleep_ms(20)
    events.append("outer")
    shared.give_turn()
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
            shared.take_turn()
            seen = count[0]
            for _ in range(7):
                pass
            count[0] = seen + 1
            shared.give_turn()
        ended[i] = 1

    _thread.start_new_thread(add, (1,))
    add(0)
    while not ended[1]:
        pass
    assert count[0] == 600


def turn(shared):
    """Return the two words of the turn, behind the table of 16 words: zeros while nobody has it."""
    return list(shared._words)[16:]


def test_an_error_gives_it_back():
    """Also one that is raised while a record is written, ended or looked for."""
    physmem = one_region(records=192).reset()
    first, second = physmem.retain("first", 10), physmem.allocate_frames(1)
    shared = sys.modules["physmem_records"]
    for call in (
        lambda: physmem.retain("second", 10),
        lambda: physmem.retain("first", 11),
        lambda: physmem.retain("", 10),
        lambda: physmem.release("second"),
        lambda: second.map(),
    ):
        try:
            call()
            raise AssertionError
        except (MemoryError, physmem.PhysMemError):
            pass
        assert turn(shared) == [0, 0]
    shared.take_turn()
    assert turn(shared)[1] == 1
    shared.give_turn()
    assert first.free() == 1 and turn(shared) == [0, 0]
