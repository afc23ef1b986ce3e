"""Run the machine code of `serve` on numbers: the calls of a region, with one state and one path.

The words of a state lie at BASE, and objects of MicroPython at OBJECTS, as far as the entries read them. A register
that says nothing at the call has a number of its own, so that code which uses it goes wrong, as on a board.
"""

from array import array

from proof.contract.regions import BASE
from proof.logic.terms import FALSE, TRUE, bits
from proof.machine.exploration import CODE, RETURN, STACK, STACK_SIZE
from proof.machine.thumb import LR, SP, Fault, Interpreter, State

OBJECTS = 0x20200000
OUTSIDE = 0x0FFFF000  # the code of the functions that convert arguments
MOST_STEPS = 50000  # no call takes as many, in regions of up to 32,768 frames
SMALL = 1 << 30
_KEPT = range(4, 12)
_FIRST_ENTRY = 4  # bytes from the start of `serve` to the first entry of a direct call, of two bytes each
_CALLS = (("alloc", 1), ("alloc_aligned", 2), ("alloc_at", 2), ("free", 1))  # and the numbers of their arguments
_CONVERSIONS, _SERVE, _FUNCTION, _ARGUMENTS, _OTHERS = (OBJECTS + 0x1000 * number for number in range(5))


class Machine:
    """A processor with the code of a Function. `is_masked`: interrupts are; `exception`: the number of the one that it
    handles; both may be changed between calls. `registers`: {address: word} of other memory, such as a spin lock.
    `interrupt`: (steps, function(state)): after so many instructions, as soon as interrupts are not masked, a handler
    changes the state."""

    subroutines = ()  # what only an Exploration needs

    def __init__(self, function):
        self.function = function
        self.is_masked, self.exception, self.registers = False, 0, {}
        self.interrupt = None
        self._interpreter = Interpreter(function, self, CODE)
        self._words = {}
        self._outside = {}

    @property
    def exception_number(self):
        return bits(self.exception)

    # What the interpreter asks for.

    def split(self, state, condition):
        return [(state, condition.known)]

    def numbers(self, state, value):
        return [(state, value.number)]

    def check_stack(self, state):
        if state.registers[SP].number < STACK - STACK_SIZE:
            raise Fault("the stack is too deep")

    def popped(self, state):
        word = self._on_stack(state, state.registers[SP].number)
        state.registers[SP] = state.registers[SP] + 4
        return word

    def load(self, state, address, size):
        number = address.number
        if number % size:
            raise Fault(f"reads {size} bytes at {number:#x}, which is not aligned")
        offset = number - CODE
        if 0 <= offset <= len(self.function.code) - size:
            return [(state, bits(int.from_bytes(self.function.code[offset : offset + size], "little")))]
        if size != 4:
            raise Fault(f"reads {size} bytes at {number:#x}, where there is no code")
        return [(state, self.word(state, number))]

    def store(self, state, address, value):
        number = address.number
        if number in self._words:
            self._words[number] = value.number
        else:
            self._on_stack(state, number)
            state.stack[number] = value
        return [state]

    def word(self, state, address):
        """Return the word at an address that is not in the code."""
        if address in self._words:
            return bits(self._words[address])
        return self._on_stack(state, address)

    def _on_stack(self, state, address):
        if address not in state.stack or address < state.registers[SP].number:
            raise Fault(f"accesses the address {address:#x}, where nothing is")
        return state.stack[address]

    # Calls.

    def serve(self, state, what, how):
        """Call `serve` for a state, an array of words, which it changes. Return the result. Fault if it goes wrong."""
        return self._small_integer(self._call(state, {0: BASE, 1: what, 2: how}, 0))

    def call(self, words, *arguments):
        """Call a function beside `serve` with the address of an array of words, which it changes, and these arguments.
        Return the result. Fault if it goes wrong."""
        registers = dict(enumerate((BASE, *(argument & 0xFFFFFFFF for argument in arguments))))
        result = self._call(words, registers, 0)
        return result - (result >> 31 << 32)

    def direct(self, state, name, *arguments):
        """Make a direct call with any objects as arguments, as MicroPython does. TypeError as the call raises it."""
        number = [each for each, _ in _CALLS].index(name)
        self._others = []
        self._outside, self._words = {}, {}
        self._make_objects(number)
        for place, argument in enumerate(arguments):
            self._words[_ARGUMENTS + 4 * place] = self._word_of(argument)
        registers = {0: _FUNCTION, 1: len(arguments), 2: 0, 3: _ARGUMENTS}
        return self._small_integer(self._call(state, registers, _FIRST_ENTRY + 2 * number))

    def _call(self, state, registers, offset):
        places = self._places = range(BASE, BASE + 4 * len(state), 4)
        self._words |= zip(places, state)
        self._words |= self.registers
        begin = State()
        begin.registers = [bits(registers.get(number, 0xCA11EE00 + number)) for number in range(15)]
        begin.registers[SP], begin.registers[LR] = bits(STACK), bits(RETURN | 1)
        kept = list(begin.registers)
        begin.flags = [FALSE, TRUE, TRUE, FALSE]
        begin.stack, begin.arrays, begin.notes = {}, {}, {}
        begin.pc, begin.path, begin.steps, begin.calls = CODE + offset, (), 0, ()
        begin.masked, begin.compared = TRUE if self.is_masked else FALSE, None
        end = self._run(begin)
        self.steps = end.steps
        for place, address in enumerate(places):
            state[place] = self._words[address]
        self.registers = {address: self._words[address] for address in self.registers}
        self._words, self._outside = {}, {}
        self.is_masked = end.masked.known
        changed = [number for number in (*_KEPT, SP) if end.registers[number].number != kept[number].number]
        if changed:
            raise Fault(f"does not give back r{changed[0]}")
        return end.registers[0].number

    def _run(self, state):
        while state.pc != RETURN & ~1:
            if state.steps > MOST_STEPS:
                raise Fault(f"does not end within {MOST_STEPS} instructions")
            if self.interrupt and state.steps >= self.interrupt[0] and not state.masked.known:
                self._interrupted()
            place = state.pc
            try:
                if place in self._outside:
                    self._outside[place](state)
                else:
                    (state,) = self._interpreter.step(state)
            except Fault as fault:
                raise Fault(f"{self.function.place(place - CODE)}: {fault}") from fault
        return state

    def _interrupted(self):
        (_, handler), self.interrupt = self.interrupt, None
        state = array("I", (self._words[address] for address in self._places))
        handler(state)
        self._words |= zip(self._places, state)

    # The objects of a direct call.

    def _make_objects(self, number):
        """Make the function objects of the call with this number, of `serve`, and of what converts arguments."""
        functions = [(name, place) for name, count in _CALLS for place in range(count)]
        addresses = []
        for place, (name, argument) in enumerate(functions):
            code = OUTSIDE + 16 * place
            addresses.append(_CONVERSIONS + 0x100 + 16 * place)
            self._put(addresses[-1], (1, 1, 1, code | 1))
            self._outside[code] = self._conversion(dict(_CALLS)[name], argument)
        self._put(_SERVE, (1, 3, CODE, 1))
        self._put(_CONVERSIONS, [addresses[0], _SERVE, *addresses[1:]])
        self._put(_FUNCTION, (1, _CONVERSIONS, BASE, CODE + _FIRST_ENTRY + 2 * number))

    def _put(self, address, words):
        for place, word in enumerate(words):
            self._words[address + 4 * place] = word

    def _conversion(self, count, argument):
        """Return what happens where a function of physmem_direct is called that converts an argument."""

        def convert(state):
            registers = [register.number for register in state.registers]
            if registers[1] != count or registers[2]:
                raise TypeError(f"function takes {count} positional arguments but {registers[1]} were given")
            value = self._object_of(self.word(state, registers[3] + 4 * argument).number)
            if not isinstance(value, int):
                raise TypeError("an argument is not an integer: give a number of frames")
            result = int(value) if 0 <= value < SMALL else -1
            for number in (0, 1, 2, 3, 12, LR):
                state.registers[number] = bits(0xCA11EE20 + number)
            state.registers[0] = bits(2 * result + 1)
            state.pc = registers[LR] & ~1
            state.steps += 1

        return convert

    def _word_of(self, value):
        if isinstance(value, int) and not isinstance(value, bool) and -SMALL <= value < SMALL:
            return 2 * value + 1 & 0xFFFFFFFF
        self._others.append(value)
        return _OTHERS + 16 * (len(self._others) - 1)

    def _object_of(self, word):
        if word & 1:
            return self._small_integer(word)
        place, rest = divmod(word - _OTHERS, 16)
        if rest or not 0 <= place < len(self._others):
            raise Fault(f"takes {word:#x} for an object")
        return self._others[place]

    def _small_integer(self, word):
        if not word & 1:
            raise Fault(f"returns {word:#x}, which is not a small integer")
        return (word >> 1) - (word >> 31 << 31)


def raw_calls(machine):
    """Return the function that makes the calls of a state, as `physmem_direct.raw_calls` does."""

    def of_state(state):
        def made(name):
            return lambda *arguments: machine.direct(state, name, *arguments)

        return tuple(made(name) for name, _ in _CALLS)

    return of_state
