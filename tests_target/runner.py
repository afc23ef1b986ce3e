"""Runs one test function at a time on a device, for tests_host/harness/runners.py.

Whatever a test prints passes through. The last line of its run is `RESULT pass SECONDS` or `RESULT fail SECONDS`; the
traceback of a failure comes before it. If the heap is asked for, the bytes of it that were free at the start come last.
"""

import gc
import sys
import time

import micropython

RESULT = "physmem-test-result"


def _locks():
    """Return how often the heap is locked. Not every MicroPython has `micropython.heap_locked`."""
    micropython.heap_lock()
    return micropython.heap_unlock()


def run(file, function, says_heap=False):
    """Run *function* of the test module *file* and print the result. Never raises.

    To count the free heap, MicroPython reads the tables of all of it. That takes a while, and memory that was not set
    up makes it crash, so a test that is to find such memory does not ask.
    """
    gc.collect()
    heap = gc.mem_free() if says_heap else ""
    start = time.ticks_ms()
    outcome = "fail"
    try:
        getattr(__import__(file), function)()
        outcome = "pass"
    except BaseException as error:
        while _locks():
            micropython.heap_unlock()
        sys.print_exception(error)
    if _locks():
        while _locks():
            micropython.heap_unlock()
        print("the heap was left locked")
        outcome = "fail"
    print(RESULT, outcome, time.ticks_diff(time.ticks_ms(), start) / 1000, heap)


def serve():
    """Run the tests named on standard input, one line with file, function, and whether to say the heap each (1 or 0),
    until it ends."""
    for line in sys.stdin:
        file, function, says_heap = line.split()
        run(file, function, int(says_heap))
