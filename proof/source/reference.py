"""The right answers: those of the engine in Python, `lib/physmem_engine.py`, on CPython.

They do not depend on the proof: neither on its specification nor on what it makes of machine code. The engine of hosts
takes no lock and does not count the versions of a region with one; that is added here.
"""

import sys

from proof.machine.machine_code import ROOT

for folder in ("lib", "tests_host/stubs"):
    if str(ROOT / folder) not in sys.path:
        sys.path.append(str(ROOT / folder))

import physmem_engine as engine  # noqa: E402  (lib/ has no package)
import physmem_state  # noqa: E402
from uctypes import addressof  # noqa: E402

CALLS = ("alloc", "alloc_aligned", "alloc_at", "free")
_LARGEST_VERSION = (1 << 30) - 1
_IN_SECTION = (engine.OUT_OF_MEMORY, engine.NOT_ALLOCATED, engine.ADDRESS_NOT_FREE)  # found out with the lock held
FREE, FEWEST, FAILED, PHASE = (
    physmem_state.STATE_FREE,
    physmem_state.STATE_FEWEST_FREE,
    physmem_state.STATE_FAILED,
    physmem_state.STATE_PHASE,
)
VERSION, LOCK, ROW = physmem_state.STATE_VERSION, physmem_state.STATE_LOCK, physmem_state.STATE_ROW


def new_state(frames, phase, lock=0):
    """Return the state of a region whose frames are all free."""
    state = physmem_state.new_state(frames, phase)
    state[LOCK] = lock
    return state


def serve(state, what, how, exception=0):
    """Call `serve`, which changes the state. `exception`: the number of the exception whose handler calls."""
    return _called(state, exception, lambda: engine.serve(addressof(state), what, how))


def call(state, name, *arguments, exception=0):
    """Make a raw call, which changes the state."""
    return _called(state, exception, lambda: engine.raw_calls(state)[CALLS.index(name)](*arguments))


def _called(state, exception, make):
    kept, engine.in_handler = engine.in_handler, lambda: exception
    try:
        return counted(state, make())
    finally:
        engine.in_handler = kept


def counted(state, result):
    """Count the version of a state with a lock, if a call with this result has taken it. Return the result."""
    if state[LOCK] and (result >= 0 or result in _IN_SECTION):
        state[VERSION] = (state[VERSION] + 1) & _LARGEST_VERSION
    return result


def check(state):
    """Return what is wrong with a state, as sentences."""
    return physmem_state.check(state)


def rebuild(state):
    """Make what derives from the two rows of a state."""
    physmem_state.rebuild(state)


def starts_of(state):
    """Return the number of the first word of starts."""
    return physmem_state.starts_of(state)
