"""Run the text of a test on CPython: with the library's own engine, or with machine code in the place of its calls."""

import sys
import traceback
import types
from array import array
from contextlib import ExitStack, contextmanager
from functools import partial
from unittest import mock

import uctypes

from proof.any_size.locking import SPIN_LOCK
from proof.faults import beside_calls
from proof.machine.running import Machine, raw_calls
from proof.machine.thumb import Fault
from proof.source import reference
from proof.source.reference import ROOT

for _folder in ("tests_target", "boards/UNIX"):
    if str(ROOT / _folder) not in sys.path:
        sys.path.append(str(ROOT / _folder))
_EXCEPTION = 17  # the number of the first interrupt but one
_BESIDE = ("count_failure", "flip_start", "hold", "let_go", "in_interrupt", "fill")
PASSES, FAILS, GOES_DOWN = "passes", "fails", "goes down"


class Outcome:
    """What becomes of a test: `kind` is PASSES, FAILS, or GOES_DOWN if the processor does; `message` says why."""

    def __init__(self, kind, message=""):
        self.kind, self.message = kind, message

    def __str__(self):
        return f"{self.kind}: {self.message}" if self.message else self.kind

    def __eq__(self, other):
        return (self.kind, self.message) == (other.kind, other.message)


class _Right:
    """The calls of the engine in Python, and what they would do to a lock."""

    is_masked, exception = False, 0

    def begin(self, engine):
        engine.in_handler = lambda: self.exception
        self._calls, self._serve = engine.raw_calls, engine.serve
        engine.raw_calls = self._raw_calls
        return True

    def _raw_calls(self, state):
        return [self._locked(state, call) for call in self._calls(state)]

    def _locked(self, state, call):
        def locked(*arguments):
            version = state[reference.VERSION]
            result = reference.counted(state, call(*arguments))
            if state[reference.VERSION] != version and SPIN_LOCK in uctypes._arrays:
                uctypes._arrays[SPIN_LOCK][0] = SPIN_LOCK
            return result

        return locked

    def serve(self, address, what, how):
        return self._locked(uctypes._arrays[address], lambda *_: self._serve(address, what, how))()

    def beside(self):
        """Return {name: function} of the functions beside `serve`."""
        return {name: partial(self._made_beside, name) for name in _BESIDE}

    def _made_beside(self, name, address=None, *arguments):
        if name == "in_interrupt":
            return self.exception
        if name == "fill":
            return reference.engine.fill(address, *arguments)
        state = uctypes._arrays[address]
        result, self.is_masked = beside_calls.made(name, state, arguments, self.is_masked, self.exception)
        if name != "hold" and result != reference.engine.NOT_PERMITTED and SPIN_LOCK in uctypes._arrays:
            uctypes._arrays[SPIN_LOCK][0] = SPIN_LOCK
        return result


class _MachineCodeBeside(_Right):
    """Machine code for one function beside `serve`."""

    def __init__(self, machine):
        self._machine = machine

    def _made_beside(self, name, address=None, *arguments):
        machine = self._machine
        if name != machine.function.name:
            return super()._made_beside(name, address, *arguments)
        words = array("I", [0]) if address is None else uctypes._arrays[address]
        lock = uctypes._arrays.get(SPIN_LOCK)
        machine.is_masked, machine.exception = self.is_masked, self.exception
        machine.registers = {SPIN_LOCK: lock[0]} if lock is not None else {}
        result = machine.call(words, *arguments)
        self.is_masked = machine.is_masked
        if lock is not None:
            lock[0] = machine.registers[SPIN_LOCK]
        return result


class _MachineCode:
    """The calls of machine code."""

    def __init__(self, machine):
        self._machine = machine

    @property
    def is_masked(self):
        return self._machine.is_masked

    @is_masked.setter
    def is_masked(self, value):
        self._machine.is_masked = value

    @property
    def exception(self):
        return self._machine.exception

    @exception.setter
    def exception(self, number):
        self._machine.exception = number

    def beside(self):
        return {}

    def begin(self, engine):
        """Do as the engine does when it is loaded. Return whether the direct calls work; if not, there are closures."""
        state = reference.new_state(1, 0)
        state[reference.FEWEST] = 0
        engine.serve_call = self.serve
        direct_calls = raw_calls(self._machine)
        if _works(direct_calls, state):
            engine.raw_calls = lambda state: [self._with_spin_lock(call) for call in direct_calls(state)]
            return True
        cells = dict(zip(engine.raw_calls.__code__.co_freevars, engine.raw_calls.__closure__))
        cells["serve_call"].cell_contents = self.serve
        return False

    def _with_spin_lock(self, call):
        def made(*arguments):
            lock = uctypes._arrays.get(SPIN_LOCK)
            self._machine.registers = {SPIN_LOCK: lock[0]} if lock is not None else {}
            result = call(*arguments)
            if lock is not None:
                lock[0] = self._machine.registers[SPIN_LOCK]
            return result

        return made

    def serve(self, address, what, how):
        state = uctypes._arrays[address]
        return self._with_spin_lock(lambda: self._machine.serve(state, what, how))()


def _works(direct_calls, state):
    """Return what `physmem_direct` says of the direct calls."""
    with mock.patch.object(uctypes, "bytes_at", None, create=True):
        import physmem_direct
    return physmem_direct._works(direct_calls, state)


def outcome(text, function=None):
    """Run the text of a test. `function`: the machine code that makes the calls; None is the engine in Python."""
    calls = _Right()
    if function:
        calls = (_MachineCode if function.name == "serve" else _MachineCodeBeside)(Machine(function))
    try:
        with _as_on_a_board(calls):
            names = {}
            exec(compile(text, "the test", "exec"), names)
            names["test_counterexample"]()
    except AssertionError as error:
        return Outcome(FAILS, str(error))
    except Fault as fault:
        return Outcome(GOES_DOWN, str(fault))
    except Exception as error:
        return Outcome(FAILS, "".join(traceback.format_exception_only(error)).strip())
    return Outcome(PASSES)


@contextmanager
def _as_on_a_board(calls):
    """Give a test modules as on a board, and have regions made with these calls."""
    import support

    fresh = support.fresh_physmem

    def fresh_physmem():
        physmem = fresh()
        physmem.direct_calls = calls.begin(sys.modules["physmem_engine"])
        return physmem

    addressof = uctypes.addressof

    def addressof_on_a_board(buffer):
        if getattr(buffer, "typecode", "") != "I" or len(buffer) > 1:
            return addressof(buffer)
        uctypes._arrays[SPIN_LOCK] = buffer
        return SPIN_LOCK

    def disable_irq():
        before, calls.is_masked = calls.is_masked, True
        return before

    def enable_irq(before):
        calls.is_masked = before

    def once(steps, callback):
        """Call a handler at once."""
        calls.exception = _EXCEPTION
        try:
            callback(None)
        finally:
            calls.exception = 0

    hard_interrupts = types.ModuleType("hard_interrupts")
    hard_interrupts.once = once
    machine = types.ModuleType("machine")
    machine.disable_irq, machine.enable_irq = disable_irq, enable_irq
    thumb = types.ModuleType("physmem_thumb")
    thumb.serve = calls.serve
    thumb.__dict__.update(calls.beside())
    modules = {"hard_interrupts": hard_interrupts, "machine": machine, "physmem_thumb": thumb}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(sys.modules, modules))
        stack.enter_context(mock.patch.object(support, "fresh_physmem", fresh_physmem))
        stack.enter_context(mock.patch.object(uctypes, "addressof", addressof_on_a_board))
        stack.callback(uctypes._arrays.pop, SPIN_LOCK, None)
        yield
