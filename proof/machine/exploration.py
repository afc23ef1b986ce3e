"""Run machine code on symbolic words, along all paths at once: states that meet at one place are merged into one.

The state that is furthest behind in the order of the code goes on first, so that it can catch up with the others.
"""

import heapq
import itertools

from proof.logic.terms import FALSE, all_of, any_of, bits, joined, some, some_truth
from proof.machine.thumb import LR, SP, Fault, Interpreter, State

CODE = 0x10000000
STACK = 0x30000000  # the address behind the stack
STACK_SIZE = 0x100
RETURN = 0x0FFFFFF0  # where the call goes on afterwards
MOST_VALUES = 80  # of an address of code that is symbolic
MOST_STEPS = 20000  # of one path: more than any call takes on the regions that are explored as a whole
PRODUCT = 0x077CB531
SUBROUTINES = ("LOCK", "SETTLE", "RAISE", "LOWER", "LOWER_WORD", "RAISE_SEVERAL", "LOWER_SEVERAL")


class Segment:
    """An array of the memory: its name, the address of its first word, and its length in words, as Bits."""

    def __init__(self, name, start, length):
        self.name = name
        self.start = bits(start)
        self.length = bits(length)


class Exploration:
    """All paths of a Function from given states to their ends.

    `segments`: where the arrays of the states lie. `contracts`: {label: function(exploration, state)}, which returns
    the states in which the code goes on, in the place of the code at the label. `cuts`: labels at which states end;
    they are in `cut`, as (label, state). The others are in `ended`. `apart`: labels behind which states are not merged
    if a register has another number, or a sum with another number. `counts`: count instructions exactly: where states
    meet, `cost` depends on which of them it was.
    """

    def __init__(self, function, flow, solver, segments, contracts=None, cuts=(), apart=(), counts=False):
        self.function = function
        self.flow = flow
        self.solver = solver
        self.segments = segments
        self.contracts = {CODE + function.labels[label]: action for label, action in (contracts or {}).items()}
        self.cuts = {CODE + function.labels[label]: label for label in cuts}
        self.apart = {CODE + each for each in function.lines if apart and function.label_before(each) in apart}
        self.subroutines = {function.labels[name] for name in SUBROUTINES if name in function.labels}
        self.interpreter = Interpreter(function, self, CODE)
        self.exception_number = bits(0)
        self.counts = counts
        self.ended, self.cut = [], []
        self.executed = set()
        self.merges = 0
        self.on_store = None  # function(before, after, name, index)

    # What the interpreter asks for.

    def split(self, state, condition):
        if condition.known is not None:
            return [(state, condition.known)]
        if not self.solver.can_be(*state.path, condition):
            return [(state, False)]
        if not self.solver.can_be(*state.path, ~condition):
            return [(state, True)]
        return [(state.under(condition), True), (state.under(~condition), False)]

    def numbers(self, state, value):
        """Return [(state, number)] for each number that the value can be."""
        if value.number is not None:
            return [(state, value.number)]
        found, excluded = [], []
        while self.solver.can_be(*state.path, *excluded):
            number = self.solver.value(value)
            found.append((state.under(value == number), number))
            excluded.append(value != number)
            if len(found) > MOST_VALUES:
                raise Fault(f"more than {MOST_VALUES} places to go on")
        return found

    def check_stack(self, state):
        if state.registers[SP].number < STACK - STACK_SIZE:
            raise Fault("the stack is too deep")

    def popped(self, state):
        address = state.registers[SP].number
        if address not in state.stack:
            raise Fault("pops what it has not pushed")
        state.registers[SP] = bits(address + 4)
        return state.stack[address]

    def load(self, state, address, size):
        if address.number is not None:
            number = address.number
            if CODE <= number < CODE + len(self.function.code):
                return [(state, self._constant(number, size))]
            if STACK - STACK_SIZE <= number < STACK:
                if number not in state.stack or number < state.registers[SP].number or size != 4:
                    raise Fault(f"reads the stack at {number - STACK}, where nothing is")
                return [(state, state.stack[number])]
        else:
            number = address.parts()[1]
            if CODE <= number < CODE + len(self.function.code):
                return [(state, self._of_table(state, address - number, number, size))]
        if size != 4:
            raise Fault(f"reads {size} bytes of memory, which is not code")
        return [(other, other.arrays[name].read(index)) for other, name, index in self.located(state, address)]

    def store(self, state, address, value):
        if address.number is not None and STACK - STACK_SIZE <= address.number < STACK:
            if address.number < state.registers[SP].number or address.number not in state.stack:
                raise Fault(f"writes to the stack at {address.number - STACK}, where nothing is")
            state.stack[address.number] = value
            return [state]
        states = []
        for other, name, index in self.located(state, address):
            before = other.arrays[name]
            other.arrays[name] = before.written(index, value)
            if self.on_store:
                self.on_store(self, other, name, index, before)
            states.append(other)
        return states

    def _constant(self, address, size):
        offset = address - CODE
        if address % size:
            raise Fault("reads a word of the code that is not aligned")
        return bits(int.from_bytes(self.function.code[offset : offset + size], "little"))

    def _of_table(self, state, offset, start, size):
        """Return the byte at `start` + `offset` of a table in the code: of positions, or with at most 64 entries."""
        if size != 1:
            raise Fault("reads more than a byte of a table")
        shift = offset.made
        if shift and shift[0] == "shr" and shift[2].number == 27:
            product = shift[1].made
            if product and product[0] == "mul" and product[2].number == PRODUCT:
                bit = product[1]
                table = self.function.code[start - CODE : start - CODE + 32]
                is_right = all(table[(PRODUCT << i & 0xFFFFFFFF) >> 27] == i for i in range(32)) and table[0] == 0
                if is_right and self.solver.holds((bit & (bit - 1)) == 0, *state.path):
                    return position_of(bit)
        for length in (16, 32, 64):
            if self.solver.holds(offset < length, *state.path):
                value = self._constant(start, 1)
                for number in range(1, length):
                    value = (offset == number).choose(self._constant(start + number, 1), value)
                return value
        raise Fault("reads behind a table")

    def located(self, state, address):
        """Return [(state, name, index)] of the words at an address. Fault if it may be outside, or not aligned."""
        if address.number is not None:
            for segment in self.segments:
                start, length = segment.start.number, segment.length.number
                if start is not None and length is not None and start <= address.number < start + 4 * length:
                    if address.number & 3:
                        raise Fault(f"accesses the address {address.number:#x}, which is not aligned")
                    return [(state, segment.name, bits((address.number - start) >> 2))]
        nearest = sorted(
            (each for each in map(self._steps, itertools.repeat(address), self.segments) if each), key=_by_size
        )
        for _, index, segment in nearest:
            if self.solver.holds(index < segment.length, *state.path):
                return [(state, segment.name, index)]
        found = []
        while self.solver.can_be(*state.path):
            at = self.solver.value(address)
            for segment in self.segments:
                start, length = self.solver.value(segment.start), self.solver.value(segment.length)
                if start <= at < start + 4 * length:
                    break
            else:
                raise Fault(f"accesses the address {at:#x}, where nothing is")
            inside = (address - segment.start) < segment.length << 2
            if not self.solver.holds((address & 3) == 0, *state.path, inside):
                raise Fault("accesses an address that is not aligned")
            index = self.index(address, segment)
            if self.solver.holds(inside, *state.path):
                found.append((state, segment.name, index))
                return found
            found.append((state.under(inside), segment.name, index))
            state = state.under(~inside)
        return found

    def index(self, address, segment):
        return (address - segment.start) >> 2

    def _steps(self, address, segment):
        """Return (number of symbols, index, segment) if the address is a sum that is the segment's start and a number
        of words, at first sight. An index below the length, which is less than 2 ** 30, is then that of the word."""
        parts, number = (address - segment.start).parts()
        if number & 3 or any(factor & 3 for _, factor in parts.values()):
            return None
        index = bits(0)
        for bits_of_part, factor in parts.values():
            index = index + bits_of_part * ((factor - ((factor >> 31) << 32)) >> 2)
        index = index + ((number - ((number >> 31) << 32)) >> 2)
        return len(parts), index, segment

    # The order of paths.

    def position(self, state):
        order = self.flow.order
        ahead = len(order)
        return (*(order.get(address - CODE, ahead) for address in state.calls), order.get(state.pc - CODE, ahead))

    def _meeting(self, state):
        """Return what states must have in common to be merged."""
        live = self.flow.live.get(state.pc - CODE, range(15))
        pointers = [self._pointer(state.registers[number]) if number in live else None for number in (*range(13), LR)]
        stack = [self._pointer(state.stack[address]) for address in sorted(state.stack)]
        is_apart = state.pc in self.apart
        numbers = [state.registers[number].parts()[1] for number in (*range(13), LR) if is_apart and number in live]
        depth = state.registers[SP].number, tuple(sorted(state.stack))
        return state.pc, state.calls, self.noted(state), *depth, *pointers, *stack, *numbers

    def noted(self, state):
        """Return what the notes of states must have in common."""
        return tuple(sorted(state.notes.items()))

    def _pointer(self, value):
        """Return the number of an address, and None for any other word."""
        number = value.number
        if number is None or number < 0x1000000:
            return None
        return number if number < 0x40000000 else None

    def run(self, states):
        """Run the states to their ends."""
        waiting, counter = [], itertools.count()
        for state in states:
            heapq.heappush(waiting, (self.position(state), next(counter), state))
        while waiting:
            position, _, state = heapq.heappop(waiting)
            group = [state]
            while waiting and waiting[0][0] == position:
                group.append(heapq.heappop(waiting)[2])
            by_meeting = {}
            for each in group:
                by_meeting.setdefault(self._meeting(each), []).append(each)
            for others in by_meeting.values():
                for after in self._onward(self.merged(others)):
                    heapq.heappush(waiting, (self.position(after), next(counter), after))
        return self.ended

    def _onward(self, state):
        """Run a state to the next join. Return the states there."""
        while True:
            if state.pc == RETURN & ~1:
                self.ended.append(state)
                return []
            if state.pc in self.cuts and state.notes.get("started") != state.pc:
                self.cut.append((self.cuts[state.pc], state))
                return []
            if state.pc in self.contracts:
                return self.contracts[state.pc](self, state)
            if state.steps > MOST_STEPS:
                raise Fault(f"{self.function.place(state.pc - CODE)}: goes on and on")
            state.notes.pop("started", None)
            self.executed.add(state.pc - CODE)
            place = state.pc
            try:
                states = self.interpreter.step(state)
            except Fault as fault:
                raise Fault(f"{self.function.place(place - CODE)}: {fault}") from fault
            if len(states) != 1:
                return states
            state = states[0]
            if state.pc - CODE in self.flow.joins:
                return [state]

    def merged(self, states):
        """Return one state for states that meet at one place."""
        if len(states) == 1:
            return states[0]
        self.merges += len(states) - 1
        first, last = states[0], states[-1]
        common = 0
        while all(len(each.path) > common for each in states) and all(
            each.path[common] is first.path[common] or each.path[common].term == first.path[common].term
            for each in states
        ):
            common += 1
        guards = [all_of(each.path[common:]) for each in states]
        merged = last.copy()

        def chosen(values):
            value = values[-1]
            for guard, other in zip(guards[-2::-1], values[-2::-1]):
                value = guard.choose(other, value)
            return value

        live = self.flow.live.get(first.pc - CODE, range(15))
        for number in (*range(13), LR):
            if number in live:
                merged.registers[number] = chosen([each.registers[number] for each in states])
            else:
                merged.registers[number] = some(f"dead r{number}")
        merged.flags = [chosen([each.flags[number] for each in states]) for number in range(4)]
        merged.masked = chosen([each.masked for each in states])
        merged.compared = None
        bottom = first.registers[SP].number
        merged.stack = {
            address: chosen([each.stack[address] for each in states]) for address in first.stack if address >= bottom
        }
        for name, array in last.arrays.items():
            merged.arrays[name] = array.merged(guards[:-1], [each.arrays[name] for each in states[:-1]])
        either = any_of(guards)
        merged.path = (*first.path[:common], *(() if either.known else (either,)))
        merged.steps = max(each.steps for each in states)
        if self.counts:
            merged.cost = chosen([each.cost - (merged.steps - each.steps) for each in states])
        return merged


def _by_size(steps):
    return steps[0]


def position_of(bit):
    """Return the position of the one bit that is set in a word, 0 if none is."""
    places = []
    for digit in range(5):
        places.append(any_of(bit.bit(number) for number in range(32) if number >> digit & 1).as_bit())
    return joined(places).widened(32)


def entry_state(arrays, registers, offset=0):
    """Return the state at the entry of a function at `offset` in the code. `registers`: {number: Bits}.

    The others have words of their own, r4 to r7 also, which the caller wants back.
    """
    state = State()
    state.registers = [registers.get(number, some(f"r{number} at entry")) for number in range(15)]
    state.registers[SP] = bits(STACK)
    state.registers[LR] = bits(RETURN | 1)
    state.flags = [some_truth(f"flag {number} at entry") for number in range(4)]
    state.stack, state.arrays = {}, dict(arrays)
    state.pc, state.path, state.steps, state.calls = CODE + offset, (), 0, ()
    state.masked, state.compared, state.notes = FALSE, None, {}
    return state
