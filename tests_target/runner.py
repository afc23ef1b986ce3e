"""Runs one test function at a time on a device, for tests_host/harness/runners.py.

Whatever a test prints passes through. The last line of its run is `RESULT pass SECONDS` or `RESULT fail SECONDS`; the
traceback of a failure comes before it.
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


def run(file, function):
    """Run *function* of the test module *file* and print the result. Never raises."""
    gc.collect()
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
    print(RESULT, outcome, time.ticks_diff(time.ticks_ms(), start) / 1000)


def serve():
    """Run the tests named on standard input, one line with file and function each, until it ends."""
    for line in sys.stdin:
        run(*line.split())
