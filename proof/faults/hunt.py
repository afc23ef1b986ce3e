"""Find an example for which machine code does not do what it should, by random calls against the engine in Python.

This is not a proof. It makes whole calls of a fault that a proof of a stretch of the code has found, and it looks where
the proofs on small regions do not: in regions of up to 40 words.
"""

import math
import random
import time
from array import array

from proof.any_size.locking import SPIN_LOCK
from proof.faults.example import Call, Example, Map
from proof.machine.running import Machine
from proof.machine.thumb import Fault
from proof.source import reference

SECONDS = 60
LARGEST_FRAMES = 40 * 32
_LOCKS = (0, 0, 0, 1, SPIN_LOCK | 1, SPIN_LOCK | 3)
_CALLS_IN_REGION = 120
_CALLS_BEHIND_CRASH = 1000  # that may find a difference that is none
_SIZES = (1, 2, 5, 16, 31, 32, 33, 47, 63, 64, 65, 96, 97, 128, 200, 400, 1023, 1024, 1025, LARGEST_FRAMES)
_FEW = (1, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 24, 31, 32)


class Difference:
    """What machine code does otherwise for an Example, as text. `is_crash`: it goes wrong, whatever it leaves."""

    def __init__(self, example, text, is_crash):
        self.example, self.text, self.is_crash = example, text, is_crash

    def __str__(self):
        return f"{self.example.call} {self.text}"


def difference(state, call, function):
    """Return (text, whether it is a crash) of what the machine code of a Function does otherwise for a call on a state;
    (None, False) if it does what it should. Do to the state what should be done."""
    before = array("I", state)
    machine, spin_lock = Machine(function), before[reference.LOCK] & ~3
    machine.registers = {spin_lock: 1} if spin_lock else {}
    result = call.made_by_engine(state)
    after = array("I", before)
    try:
        found = call.made_by(machine, after)
    except (Fault, TypeError) as fault:
        return str(fault), True
    if found != result:
        return f"returns {found}, not {result}", False
    if after != state:
        words = [place for place, pair in enumerate(zip(state, after)) if pair[0] != pair[1]]
        return "; ".join(f"word {place} is {after[place]:#x}, not {state[place]:#x}" for place in words[:4]), False
    if machine.is_masked != call.is_masked:
        return "leaves interrupts masked, or not, as they were not", False
    has_section = before[reference.VERSION] != state[reference.VERSION]
    if spin_lock and (machine.registers[spin_lock] != 1) != has_section:
        return "does not give the spin lock back", False
    return None, False


def interrupted(state, call, other, steps, function):
    """Return (text, whether it is a crash) of what the machine code of a Function does otherwise for a call that
    another one interrupts after so many instructions; (None, False) if what both do is what they would one after the
    other. The other one is made by the engine. Do to the state what should be done."""
    machine, after, answers = Machine(function), array("I", state), []
    machine.interrupt = steps, lambda words: answers.append(other.made_by_engine(words))
    try:
        found = call.made_by(machine, after)
    except (Fault, TypeError, OverflowError, IndexError) as fault:  # or the engine finds a state that cannot be
        return f"interrupted by {other} after {steps} instructions: {fault}", True
    if not answers:
        answers.append(other.made_by_engine(after))
    before_other, after_other = array("I", state), array("I", state)
    orders = [(call.made_by_engine(before_other), other.made_by_engine(before_other), before_other)]
    of_other = other.made_by_engine(after_other)
    orders.append((call.made_by_engine(after_other), of_other, after_other))
    state[:] = orders[0][2]
    if (found, answers[0], after) in orders and machine.is_masked == call.is_masked:
        return None, False
    return f"interrupted by {other} after {steps} instructions: returns {found}, or leaves another state", False


def of_example(example, function):
    """Return the Difference for an Example; None if there is none."""
    text, is_crash = difference(example.map.state(), example.call, function)
    return text and Difference(example, text, is_crash)


class Hunt:
    """Random calls on random maps. `is_direct`: as raw calls are made, with any integers as arguments; else as calls of
    `serve`. `most_frames`: of a region. `has_handlers`: now and then a handler of an exception calls. `is_interrupted`:
    all regions are shared, and each call is interrupted by another one."""

    def __init__(
        self, function, seed, is_direct=True, most_frames=LARGEST_FRAMES, has_handlers=False, is_interrupted=False
    ):
        self.function, self.is_direct, self.has_handlers = function, is_direct, has_handlers
        self.is_interrupted = is_interrupted
        self._random = random.Random(seed)
        self._sizes = [size for size in _SIZES if size <= most_frames]
        self.calls = 0

    def find(self, seconds=SECONDS):
        """Return the first Difference that is not a crash, or else the first crash; None if there is none in time."""
        deadline, crash, last = time.monotonic() + seconds, None, math.inf
        while time.monotonic() < deadline and self.calls < last:
            found = self._in_one_region(deadline)
            if found and not found.is_crash:
                return found
            if found and not crash:
                crash, last = found, self.calls + _CALLS_BEHIND_CRASH
        return crash

    def _in_one_region(self, deadline):
        """Make calls in one region until one differs, or until the region has had its share."""
        choose = self._random
        frames = choose.choice(self._sizes) if choose.random() < 0.8 else choose.randint(1, self._sizes[-1])
        phase = choose.choice((0, 0, choose.randrange(64), choose.getrandbits(30)))
        state = reference.new_state(frames, phase, 1 if self.is_interrupted else choose.choice(_LOCKS))
        live, eagerness = [], choose.random()
        for _ in range(_CALLS_IN_REGION):
            call = self._call(frames, live, eagerness, bool(state[reference.LOCK]))
            before = array("I", state)
            if self.is_direct or call.is_for_serve(frames):
                self.calls += 1
                if self.is_interrupted:
                    other = self._call(frames, live, eagerness, False)
                    text, is_crash = interrupted(state, call, other, choose.randrange(160), self.function)
                else:
                    text, is_crash = difference(state, call, self.function)
                if text:
                    return Difference(Example(Map.of_state(before), call), text, is_crash)
                self._note(live, before, state)
            if time.monotonic() > deadline:
                break
        return None

    def _call(self, frames, live, eagerness, has_lock):
        choose = self._random
        kind = choose.random()
        if kind < 0.25 + 0.25 * eagerness:
            named = "alloc", (self._number(frames),)
        elif kind < 0.6:
            named = "alloc_aligned", (self._number(frames), self._align())
        elif kind < 0.75:
            named = "alloc_at", (choose.randrange(-1, frames + 2), self._number(min(frames, 70)))
        elif live and choose.random() < 0.85:
            named = "free", (choose.choice(live),)
        else:
            named = "free", (choose.choice((-1, frames, frames - 1, choose.randrange(frames))),)
        if self.is_direct and choose.random() < 0.05:  # what is not a small integer is converted
            place = choose.randrange(len(named[1]))
            other = choose.choice((True, False, 1 << 30, 1 << 40, -(1 << 40)))
            named = named[0], (*named[1][:place], other, *named[1][place + 1 :])
        is_masked = has_lock and not self.is_interrupted and choose.random() < 0.2
        exception = choose.choice((0, 0, 17)) if self.has_handlers and not self.is_interrupted else 0
        return Call(*named, self.is_direct, is_masked, exception)

    def _number(self, frames):
        choose = self._random
        few = choose.choice((*_FEW, choose.randint(1, 32)))
        return choose.choice((few, few, few, choose.randint(0, frames + 1), choose.choice((-1, 0, 33, 64, 65, 96))))

    def _align(self):
        choose = self._random
        powers = (1, 2, 4, 8, 16, 32, 64, 128)
        return choose.choice(powers) if choose.random() < 0.95 else choose.choice((0, 3, -1, 1 << 29))

    def _note(self, live, before, after):
        """Bring the list of allocations up to date."""
        first = reference.starts_of(before)
        for word in range(first, before[6]):
            changed = before[word] ^ after[word]
            while changed:
                bit = changed & -changed
                frame = 32 * (word - first) + bit.bit_length() - 1
                (live.append if after[word] & bit else live.remove)(frame)
                changed ^= bit
