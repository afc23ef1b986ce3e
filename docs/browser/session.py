"""What runs beside the program on the made-up board: it boots physmem, executes what is typed at the prompt, and shows
the memory, also whenever a program sleeps."""

import io
import sys
import time

import __main__
import on_board
import page  # worker.mjs
import physmem

physmem.boot()
physmem.boot_complete()


def show():
    """Send a snapshot of all frames to the page; or why there is none, as when the heap is full."""
    try:
        pieces = []
        on_board.look_at_frames(pieces.append)
        page.draw("".join(pieces))
    except Exception as error:
        page.cannot_draw("%s: %s" % (type(error).__name__, error))


def execute(source):
    """Execute what was typed at the prompt. Print the value of an expression, and the traceback of an exception."""
    try:
        exec(compile(source, "<stdin>", "single"), __main__.__dict__)
    except BaseException as error:
        traceback = io.StringIO()
        sys.print_exception(error, traceback)
        page.print_error("\n".join(line for line in traceback.getvalue().split("\n") if __file__ not in line))


def _shown_before(sleep, to_ms):
    def shown(duration):
        if page.is_due(to_ms(duration)):
            show()
        sleep(duration)

    return shown


time.sleep = _shown_before(time.sleep, lambda seconds: seconds * 1000)
time.sleep_ms = _shown_before(time.sleep_ms, lambda ms: ms)
time.sleep_us = _shown_before(time.sleep_us, lambda us: us / 1000)
