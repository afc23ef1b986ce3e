"""What the interpreter makes of Cases, on numbers and on symbols.

With symbols, a register, flag or word that is loaded may be a number, a symbol, or a symbol plus a number, at random,
and the question to the solver is whether the result must be that of the processor if the symbols have the values of the
Case. So what the terms fold is compared as well. Registers with addresses stay numbers: which words they may be is for
an Exploration to find.
"""

from types import SimpleNamespace

from proof.logic.terms import FALSE, TRUE, Bits, all_of, any_of, bits, some, some_truth
from proof.machine.forms import SP
from proof.machine.thumb import Fault, State
from proof.qemu.cases import FRAME, MEMORY, MEMORY_WORDS, MOST_HALVES

_MEMORY = range(MEMORY, MEMORY + 4 * MEMORY_WORDS, 4)
_FLAGS = "NZCV"
_MOST_STEPS = 4 * MOST_HALVES


class Numbers:
    """Values as they are."""

    def word(self, number):
        return bits(number)

    def truth(self, value):
        return TRUE if value else FALSE

    def solved(self, states, expected):
        """Return [(name, what there is, what there should be)] of the values that differ.

        `expected(state)` returns (name, Bits or Truth, int or bool) for each value.
        """
        (state,) = states
        return [(name, _number(value), want) for name, value, want in _unequal(expected(state))]


class Symbols:
    """Values as symbols, some of them. `conditions`: the Truths that they have the values of the Case."""

    def __init__(self, random, solver):
        self._random = random
        self._solver = solver
        self._root, self._of_root = None, 0
        self.conditions = []

    def _symbol(self, number):
        symbol = some("input")
        self.conditions.append(symbol == number)
        return symbol

    def word(self, number):
        kind = self._random.randrange(5)
        if kind == 0:
            return bits(number)
        if kind == 1:
            return self._symbol(number)
        if kind == 2:
            distance = self._random.choice((1, 4, 0x80000000, 0xFFFFFFFF, self._random.getrandbits(32)))
            return self._symbol(number - distance & 0xFFFFFFFF) + distance
        if self._root is None:
            self._of_root = self._random.getrandbits(32) if self._random.random() < 0.5 else number
            self._root = self._symbol(self._of_root)
        return self._root + (number - self._of_root)

    def truth(self, value):
        if self._random.random() < 0.3:
            return TRUE if value else FALSE
        symbol = some_truth("flag")
        is_inverted = self._random.random() < 0.5
        self.conditions.append(symbol.same_as(value != is_inverted))
        return ~symbol if is_inverted else symbol

    def solved(self, states, expected):
        taken = [state for state in states if self._solver.can_be(*self.conditions, *state.path)]
        either = any_of(all_of(state.path) for state in states)
        if len(taken) != 1 or not self._solver.holds(either, *self.conditions):
            return [("ways to go on", len(taken), 1)]
        (state,) = taken
        open_values = _unequal(expected(state))
        if self._solver.holds(all_of(_is(value, want) for _, value, want in open_values), *self.conditions):
            return []
        # The solver has an example in which they differ: the only one, as it has all inputs of the Case.
        found = [(name, self._solver.value(value), want) for name, value, want in open_values]
        return [(name, number, want) for name, number, want in found if number != want]

    def jump(self, state, value):
        if not self._solver.can_be(*self.conditions, *state.path):
            return []
        number = self._solver.value(value)
        return [(state.under(value == number), number)]


def _number(value):
    """Return the int of Bits or the bool of a Truth; None if only the solver knows it."""
    return value.number if isinstance(value, Bits) else value.known


def _is(value, want):
    """Return the Truth that the Bits or the Truth is `want`."""
    return value == want if isinstance(value, Bits) else value.same_as(want)


def _unequal(values):
    """Return those of the values, as (name, Bits or Truth, int or bool), that are not equal at first sight."""
    return [each for each in values if _number(each[1]) != each[2]]


class World:
    """The memory of a Case, as the interpreter asks for it. The answers have copies of the State, which count."""

    subroutines = frozenset()

    def __init__(self, case, values):
        self.case = case
        self.values = values
        self.exception_number = bits(case.exception)

    def state(self):
        state = State()
        case, values = self.case, self.values
        state.registers = [
            bits(number) if place in case.addresses else values.word(number)
            for place, number in enumerate(case.registers)
        ]
        state.flags = [values.truth(flag) for flag in case.flags]
        state.masked = values.truth(case.is_masked)
        state.stack, state.arrays, state.notes = {}, {}, {}
        state.pc, state.path, state.steps, state.calls, state.compared = case.start, (), 0, (), None
        return state

    def _word(self, state, address):
        """Return the word at an address. The stack of the state has those that have been read or written."""
        if address not in state.stack:
            if address not in _MEMORY:
                raise Fault(f"accesses {address:#x}, where nothing is")
            state.stack[address] = self.values.word(self.case.memory[(address - MEMORY) // 4])
        return state.stack[address]

    def load(self, state, address, size):
        number = address.number
        if number % size:
            raise Fault(f"loads {size} bytes from {number:#x}, which is not aligned")
        word = self._word(state, number & ~3)
        return [(state.copy(), word.piece(8 * (number & 3), 8 * size).widened(32))]

    def store(self, state, address, value):
        self._word(state, address.number)
        after = state.copy()
        after.stack[address.number] = value
        return [after]

    def check_stack(self, state):
        pass

    def popped(self, state):
        address = state.registers[SP].number
        state.registers[SP] = bits(address + 4)
        return self._word(state, address)

    def split(self, state, condition):
        if condition.known is not None:
            return [(state.copy(), condition.known)]
        return [(state.under(condition), True), (state.under(~condition), False)]

    def numbers(self, state, value):
        if value.number is not None:
            return [(state.copy(), value.number)]
        return self.values.jump(state, value)


def run(interpreter_class, world):
    """Return the states behind the Case of a World."""
    case = world.case
    function = SimpleNamespace(name="the case", code=case.code())
    interpreter = interpreter_class(function, world, case.start)
    waiting, finished = [world.state()], []
    for _ in range(_MOST_STEPS):
        if not waiting:
            break
        state = waiting.pop()
        if case.start <= state.pc < case.end:
            waiting += interpreter.step(state)
        elif all(address in _MEMORY for address in state.stack):
            finished.append(state)
        else:
            raise Fault("pushes where nothing is")
    if waiting:
        raise Fault("does not leave the instructions of the case")
    return finished


def unequal(interpreter_class, case, outcome, values):
    """Return [(name, what the interpreter has, what the processor has)] of what differs behind a Case.

    `values`: Numbers or Symbols, which make the inputs.
    """
    try:
        states = run(interpreter_class, World(case, values))
    except Fault as fault:
        return [("fault", str(fault), "no fault")] if outcome.is_thumb else []
    if not outcome.is_thumb:
        return [("fault", "no fault", "leaves Thumb code")]
    if outcome.exception != case.exception:
        return [("exception number", case.exception, outcome.exception)]
    return values.solved(states, lambda state: _expected(state, case, outcome))


def _expected(state, case, outcome):
    """Return [(name, Bits or Truth of the State, int or bool of the Outcome)]."""
    values = [("pc", bits(state.pc), outcome.pc), ("steps", bits(state.steps), len(case.texts))]
    values.append(("primask", state.masked, outcome.is_masked))
    values += [(f"r{place}", state.registers[place], number) for place, number in enumerate(outcome.registers)]
    values += [(_FLAGS[place], state.flags[place], flag) for place, flag in enumerate(outcome.flags)]
    top = outcome.registers[SP]
    destroyed = range(min(top, case.registers[SP]) - FRAME, top)  # by the trap
    for address, before, number in zip(_MEMORY, case.memory, outcome.memory):
        if (before != number or address in state.stack) and address not in destroyed:
            values.append((f"word {address:#x}", state.stack.get(address, bits(before)), number))
    return values
