"""Waiting for what micropython.schedule was given, and keeping it waiting, on CPython and on MicroPython."""

import sys

import micropython

# Calls that can wait at most: MICROPY_SCHEDULER_DEPTH of the port.
QUEUE = 8 if sys.platform in ("rp2", "pyboard") else 4


def run_scheduled():
    """Return when everything scheduled so far has been called."""
    run = getattr(micropython, "run_scheduled", None)
    if run is not None:
        run()
    else:
        for _ in range(10 * QUEUE):  # one call before each jump of the bytecode
            pass


def _nothing(_):
    pass


def forget_scheduled():
    """Use every place of the scheduler's queue once: each keeps what it called last, and with that a whole physmem that
    an earlier test has imported."""
    run_scheduled()
    try:
        for _ in range(QUEUE):
            micropython.schedule(_nothing, None)
            run_scheduled()
    except RuntimeError:
        pass  # the scheduler has called the caller: it calls nothing else meanwhile


def with_scheduler_locked(function):
    """Call ``function()`` as the scheduler does: what it schedules waits until it has returned.

    Return what it returns, or raise what it raises.
    """
    outcome = []

    def call(_):
        try:
            outcome.append((function(), None))
        except Exception as error:
            outcome.append((None, error))

    run_scheduled()
    micropython.schedule(call, None)
    run_scheduled()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def fill_queue(function):
    """Schedule ``function(None)`` until the queue is full. Return how often."""
    for i in range(QUEUE + 1):
        try:
            micropython.schedule(function, None)
        except RuntimeError:
            return i
    raise AssertionError("the queue takes more than %d" % QUEUE)
