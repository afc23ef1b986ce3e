"""Run the programs of others on this PC."""

import subprocess


def printed_by(command, seconds, **options):
    """Run *command* for at most so many *seconds*, with the *options* of subprocess. Return what it printed;
    RuntimeError with that if it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, **options
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    return done.stdout
