"""Runs one test function at a time on a device, for tests_host/harness/runners.py.

Whatever a test prints passes through. The last line of its run is `RESULT pass SECONDS` or `RESULT fail SECONDS`; the
traceback of a failure comes before it.
"""

import gc
import sys
import time

import micropython

RESULT = "physmem-test-result"


def run(file, function):
    """Run *function* of the test module *file* and print the result. Never raises."""
    gc.collect()
    start = time.ticks_ms()
    outcome = "fail"
    try:
        getattr(__import__(file), function)()
        outcome = "pass"
    except BaseException as error:
        while micropython.heap_locked():
            micropython.heap_unlock()
        sys.print_exception(error)
    if micropython.heap_locked():
        while micropython.heap_locked():
            micropython.heap_unlock()
        print("the heap was left locked")
        outcome = "fail"
    print(RESULT, outcome, time.ticks_diff(time.ticks_ms(), start) / 1000)


def serve():
    """Run the tests named on standard input, one line with file and function each, until it ends."""
    for line in sys.stdin:
        run(*line.split())
