"""Do something in a process of its own, for a limited time."""

import contextlib
import multiprocessing
import os
import signal
import traceback


class NotFinished(Exception):
    """It has not been finished in time, or the process has ended."""


class Failed(Exception):
    """It has raised an exception that is not an answer: the message is the traceback."""


def limited(function, seconds, answers=()):
    """Return what a function returns, if it does so within so many seconds. `answers`: exceptions that are raised here
    as well. Raise NotFinished or Failed otherwise."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(function, there, answers), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            raise NotFinished(f"not finished in {seconds:.0f} s")
        kind, value = here.recv()
    except EOFError:
        process.join()
        raise NotFinished(f"the process has ended with {process.exitcode}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        here.close()
    if kind == "returned":
        return value
    if kind == "raised":
        raise value
    raise Failed(value)


def _do(function, there, answers):
    try:
        message = "returned", function()
    except answers as error:
        message = "raised", error
    except BaseException:
        message = "failed", traceback.format_exc()
    there.send(message)
