"""Do two instructions do the same? Both codes run on from each state in which the instruction is executed.

`Twins` watches the explorations of a theorem: each time that the code comes to the changed instruction, a copy of the
state goes on in the other code, for a few instructions. The two are the same as soon as all that is read later is
equal, whichever way both have gone: live registers and flags, the stack, memory, and whether interrupts are masked.

What goes another way in a region of one word only may come to the same end much later. Then `same_in` compares in the
other regions, and `same_ends` compares the ends of whole calls on one word.
"""

from contextlib import contextmanager
from unittest import mock

from proof.contract.regions import HEADER
from proof.contract.specification import CLASSES
from proof.logic.arrays import KnownArray
from proof.logic.terms import some
from proof.machine import exploration, forms
from proof.machine.exploration import CODE, Exploration
from proof.machine.flow import Flow
from proof.machine.thumb import PC, SP, C, Fault, Interpreter, N, V, Z

_MOST_STEPS = 8
_FRAMES = HEADER.index("frames")
_SEEN = (0, *range(4, 12), SP)  # the registers that a caller reads
_ALL_REGISTERS = frozenset(range(15))
_ALL_FLAGS = frozenset((N, Z, C, V))
_READ = {
    "eq": (Z,), "ne": (Z,), "cs": (C,), "cc": (C,), "mi": (N,), "pl": (N,), "vs": (V,), "vc": (V,), "hi": (C, Z),
    "ls": (C, Z), "ge": (N, V), "lt": (N, V), "gt": (N, Z, V), "le": (N, Z, V),
}  # fmt: skip
_SET_ALL = ("add", "sub", "cmp", "rsb")
_SET_NO_FLAG = ("any register", "to sp", "stack")


class Differs(Exception):
    """The two do not do the same, or nobody can say: the message says where."""


def live_flags(flow, address):
    """Return the flags that may be read from an address on. They count as read where a subroutine begins or returns."""
    seen, waiting, found = set(), [(address, _ALL_FLAGS)], set()
    while waiting:
        at, live = waiting.pop()
        if (at, live) in seen or not live:
            continue
        seen.add((at, live))
        halves = tuple(int.from_bytes(flow.code[at + i : at + i + 2], "little") for i in (0, 2))
        form, fields = forms.decoded(halves[: forms.size_of(halves[0]) // 2])
        if form is None or form.name in ("bl", "bx", "mov to pc", "add to pc"):
            found |= live
            continue
        found |= live & frozenset(_READ.get(form.name[1:], ()) if form.kind == "branch" else ())
        waiting += [(to, live - _set_by(form, fields)) for to in flow.successors(at)]
    return frozenset(found)


def _set_by(form, fields):
    if form.kind != "registers" or form.name.endswith(_SET_NO_FLAG) and not form.name.startswith("cmp"):
        return frozenset()
    if form.name.startswith(_SET_ALL):
        return _ALL_FLAGS
    if form.name.startswith(("cps", "mrs", "d", "isb")):
        return frozenset()
    return frozenset((N, Z, C)) if form.name.endswith("by a number") and fields["i"] else frozenset((N, Z))


class Twins:
    """Compares the code of a Function with another one that differs at an address, in regions of at least so many
    frames. `compared`: in how many states."""

    def __init__(self, function, other, address, subroutines, least_frames=1):
        self._codes = [(each, Flow(each, subroutines)) for each in (function, other)]
        for each, flow in self._codes:
            flow.code = each.code
        self._address, self._least_frames = CODE + address, least_frames
        self.compared = 0

    @contextmanager
    def watching(self):
        """Watch all explorations that begin meanwhile. They raise Differs."""
        twins = self

        class Watched(Interpreter):
            def step(self, state):
                if state.pc == twins._address:
                    twins._compare(self, state)
                return super().step(state)

        with mock.patch.object(exploration, "Interpreter", Watched):
            yield

    def _compare(self, interpreter, state):
        self.compared += 1
        if self._least_frames > 1 and "header" in state.arrays:
            state = state.under(state.arrays["header"].words[_FRAMES] >= self._least_frames)
        world, pairs = interpreter.world, [(state.copy(), state.copy())]
        first = Interpreter(self._codes[0][0], world, CODE)
        second = Interpreter(self._codes[1][0], world, CODE)
        why = ""
        for _ in range(_MOST_STEPS):
            onward = []
            for one, other in pairs:
                for mine in self._step(first, one):
                    for theirs in self._step(second, other):
                        if not world.solver.can_be(*mine.path, *theirs.path):
                            continue
                        if why_not := self._difference(world, mine, theirs):
                            onward.append((mine, theirs))
                            why = why_not
            if not onward:
                return
            pairs = onward
        raise Differs(f"{why}, {_MOST_STEPS} instructions behind {self._codes[0][0].place(self._address - CODE)}")

    def _step(self, interpreter, state):
        offset = state.pc - CODE
        if not 0 <= offset < len(interpreter.code) or state.pc in interpreter.world.contracts:
            raise Differs(f"still different at {interpreter.function.place(offset)}")
        try:
            return interpreter.step(state.copy())
        except Fault as fault:
            raise Differs(f"{interpreter.function.place(offset)}: {fault}") from fault

    def _difference(self, world, mine, theirs):
        """Return what is not the same, as text; empty if all that is read later is."""
        if mine.pc != theirs.pc or mine.calls != theirs.calls:
            return "another place"
        offset = mine.pc - CODE
        registers, flags = set(), set()
        for _, flow in self._codes:
            registers |= flow.live.get(offset, _ALL_REGISTERS) - {PC} | {SP}
            flags |= live_flags(flow, offset) if 0 <= offset < len(flow.code) else frozenset()
        truths = {f"r{number}": mine.registers[number] == theirs.registers[number] for number in registers}
        truths |= {f"flag {'NZCV'[number]}": mine.flags[number].same_as(theirs.flags[number]) for number in flags}
        truths["interrupts"] = mine.masked.same_as(theirs.masked)
        for address in [each for each in mine.stack if each >= mine.registers[SP].number]:
            if address not in theirs.stack:
                return "the stack"
            truths[f"stack {address:#x}"] = mine.stack[address] == theirs.stack[address]
        for name, array in mine.arrays.items():
            truths |= _of_array(world, name, array, theirs.arrays[name])
        return _different(world, truths, mine, theirs)


def _of_array(world, name, array, other):
    """Return the Truths that two arrays are equal: at any index, if they have any length."""
    if array is other:
        return {}
    if isinstance(array, KnownArray):
        return {f"{name} {number}": one == two for number, (one, two) in enumerate(zip(array.words, other.words))}
    index = some(f"any index of {name}")
    world.solver.assume(index < (array.length if name != "planes" else 1 << 20))
    indexes = [index * CLASSES + c for c in range(CLASSES)] if name == "planes" else [index]
    return {f"{name}, {place}": array.read(at) == other.read(at) for place, at in enumerate(indexes)}


def same_in(prove, function, other, address, subroutines, least_frames=1):
    """Run a theorem on the code of a Function, and compare with the other code each time that it comes to the address,
    in regions of at least so many frames. Raise Differs if they are not the same. Return in how many states they were
    compared."""
    twins = Twins(function, other, address, subroutines, least_frames)
    with twins.watching():
        prove()
    return twins.compared


def same_ends(prove, other, subroutines):
    """Run a theorem on whole calls, and the other code from the same states. Raise Differs if an end of the one is not
    the end of the other. Return how many pairs of ends were compared."""
    compared, run = [], Exploration.run

    def run_both(self, states):
        begun = [state.copy() for state in states]
        run(self, states)
        twin = Exploration(other, Flow(other, subroutines), self.solver, self.segments)
        twin.exception_number = self.exception_number
        run(twin, begun)
        for mine in self.ended:
            for theirs in twin.ended:
                if self.solver.can_be(*mine.path, *theirs.path):
                    compared.append(_unequal_ends(self, mine, theirs))
        return self.ended

    with mock.patch.object(Exploration, "run", run_both):
        prove()
    if wrong := [each for each in compared if each]:
        raise Differs(f"an end: {wrong[0]}")
    return len(compared)


def _unequal_ends(world, mine, theirs):
    """Return what is not the same at two ends of a call, as text; empty if all is that a caller may see."""
    truths = {f"r{number}": mine.registers[number] == theirs.registers[number] for number in _SEEN}
    truths["interrupts"] = mine.masked.same_as(theirs.masked)
    for name, array in mine.arrays.items():
        truths |= _of_array(world, name, array, theirs.arrays[name])
    return _different(world, truths, mine, theirs)


def _different(world, truths, mine, theirs):
    """Return which of the Truths does not hold wherever both ends are reached, as text; empty if all do."""
    for name, each in truths.items():
        if each.known is not True and not world.solver.holds(each, *mine.path, *theirs.path):
            return f"{name} differs"
    return ""
