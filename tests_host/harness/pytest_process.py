"""pytest in a process of its own, for tests of what it does. It does not have the settings of the one that runs."""

import contextlib
import os
import subprocess
import sys
import threading

from emulated_board import ROOT

SECONDS = 600


@contextlib.contextmanager
def started(*arguments, environment=os.environ):
    """Start pytest in ROOT with these *arguments* and yield its Popen, whose output is to be read by lines.

    It is killed at the end, and after SECONDS, so that reading always ends.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if not name.startswith("PYTEST_")} | {"COLUMNS": "400"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    limit = threading.Timer(SECONDS, process.kill)
    limit.start()
    with process:
        try:
            yield process
        finally:
            limit.cancel()
            process.kill()


def run(*arguments, environment=os.environ):
    """Run pytest with these *arguments*. Return its exit status and what it has printed."""
    with started(*arguments, environment=environment) as process:
        output = process.stdout.read()
        return process.wait(), output
