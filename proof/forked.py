"""Do something in a process of its own, for a limited time."""

import multiprocessing
import time
import traceback


class NotFinished(Exception):
    """It has not been finished in time, or the process has ended."""


class Failed(Exception):
    """It has raised an exception that is not an answer: the message is the traceback."""


class Forked:
    """A process that calls a function. `answers`: exceptions of it that `value` raises here as well."""

    def __init__(self, function, seconds, answers=()):
        context = multiprocessing.get_context("fork")
        self.pipe, there = context.Pipe(duplex=False)
        self._seconds, self._deadline = seconds, time.monotonic() + seconds
        self._process = context.Process(target=_do, args=(function, there, answers), daemon=True)
        self._process.start()
        there.close()

    def is_late(self):
        return time.monotonic() > self._deadline

    def value(self):
        """Return what the function returns, once it does so in its time. Raise NotFinished or Failed otherwise. The
        process has ended then."""
        try:
            if not self.pipe.poll(max(0, self._deadline - time.monotonic())):
                raise NotFinished(f"not finished in {round(self._seconds, 1):g} s")
            kind, value = self.pipe.recv()
        except EOFError:
            self._process.join()
            raise NotFinished(f"the process has ended with {self._process.exitcode}") from None
        finally:
            self._process.kill()
            self._process.join()
            self.pipe.close()
        if kind == "returned":
            return value
        if kind == "raised":
            raise value
        raise Failed(value)


def limited(function, seconds, answers=()):
    """Return the value of a Forked, or raise what that raises."""
    return Forked(function, seconds, answers).value()


def _do(function, there, answers):
    try:
        message = "returned", function()
    except answers as error:
        message = "raised", error
    except BaseException:
        message = "failed", traceback.format_exc()
    there.send(message)
