"""The entries of the machine code, for every word that they may find: no tag, count or value passes that should not.

MicroPython calls a direct call with the function object in r0, the number of arguments in r1, that of named ones in r2,
their address in r3, and the way back in lr; physmem_direct says what the object holds. There are three theorems for
each of alloc, alloc_aligned, alloc_at and free:

- *numbers*: as many arguments as there should be, all small integers. The call returns the error of the contract, or
  goes on in the right room with what the room's docstring asks for. It reads nothing but its function object, the
  arguments, and the first words of the state.
- *other objects*: as many arguments, but not all are small integers. The call has all of them converted, calls itself
  with what the conversions return, and returns what that returns. It does not access the state.
- *other counts*: any other number of arguments, or named ones. The call passes them all to what converts the first,
  which must refuse them. It accesses neither the state nor the arguments.

One more theorem says the same of `serve`, for what its docstring allows. None of them writes to memory other than its
own words of the stack. Each restores what the caller wants back, at the latest when the room does, and needs as much of
the stack as `STACK_OF` says. A function that is called keeps r4 to r11 and the stack pointer, destroys all other
registers, and comes back to lr with any word in r0. Source: Procedure Call Standard for the Arm Architecture (IHI
0042), Core registers and The Stack; MicroPython 1.25, py/objfun.c (fun_viper_call) and py/emitnative.c, which counts
the arguments at the start of viper code.

Assumed: what physmem_direct has checked of MicroPython, and that the objects stay as they are during a call; a region
of 1 to 2**30 - 1 frames; that an object lies in whole words, apart from all others and from the stack of the call. The
addresses of the objects, that of `serve` in its function object, and the way back may be any. The stack and the code
have one address each, as nothing depends on it: no instruction that runs here reads the program counter, which is
checked, other than to come back.
"""

from functools import partial

from proof.contract.regions import HEADER
from proof.contract.specification import (
    ADDRESS_OUT_OF_RANGE,
    ALLOCATION_TOO_LARGE,
    NOT_PERMITTED,
    UNALIGNED_ADDRESS,
    ZERO_ALLOCATION,
)
from proof.logic.arrays import KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import TRUE, all_of, any_of, bits, some, some_truth, truth
from proof.logic.theorems import Counterexample, Proof, Theorem
from proof.machine.exploration import CODE, RETURN, STACK, STACK_SIZE, Exploration, Segment, entry_state
from proof.machine.thumb import LR, PC, SP, Fault

SMALL = 1 << 30  # a small integer is at least -SMALL, and less than SMALL
STACK_OF = {"numbers": 24, "other objects": 24, "other counts": 8}  # bytes, without what a function called needs
_FIRST_ENTRY = 4  # bytes from the start of `serve` to the entry of the first direct call: that of physmem_direct
_OUTSIDE = 0x0FFFFF00  # stands for the address of any function that is called
_MOST_STEPS = 200  # an entry has no loop
_KEPT = range(4, 12)  # the registers that a caller wants back
_SAVED = (4, 5, 6, 7, LR)  # what is on the stack in a room, behind one word that is free

# Where a number counts as valid. FEW refuses up to 32 frames itself if the region has fewer. POSSIBLE is SEARCH behind
# its comparison with the size of the region; RELEASE_HELD and RELEASE_LOCK are RELEASE behind its own.
_ROOMS = ("FEW", "POSSIBLE", "TAKE", "RELEASE_HELD", "RELEASE_LOCK")


# The contract: what a call must come to. Each function returns (condition, outcome) in the order of `_closures` and
# `serve` in physmem_engine: the first condition that is true decides. An outcome is the number of an error, or a room
# and its registers.


def _is_negative(number):
    return number.less_with_sign(0)


def _search(n, align, state):
    """At least 1 frame, at a multiple of `align`, a power of two."""
    return [
        ((n <= 32) & (align == 1), ("FEW", {1: n, 2: n - 1})),
        (n > state["frames"], ALLOCATION_TOO_LARGE),
        (TRUE, ("POSSIBLE", {1: n, 2: align})),
    ]


def _alloc(state, n):
    return [
        (_is_negative(n), ALLOCATION_TOO_LARGE),
        (n == 0, ZERO_ALLOCATION),
        *_search(n, bits(1), state),
    ]


def _alloc_aligned(state, n, align_frames):
    return [
        (_is_negative(n), ALLOCATION_TOO_LARGE),
        (_is_negative(align_frames), UNALIGNED_ADDRESS),
        (n == 0, ZERO_ALLOCATION),
        (align_frames == 0, UNALIGNED_ADDRESS),
        ((align_frames & (align_frames - 1)) != 0, UNALIGNED_ADDRESS),
        *_search(n, align_frames, state),
    ]


def _alloc_at(state, frame, n):
    """The sum fits in a word: both numbers are small integers and not negative when it counts."""
    return [
        (_is_negative(n), ALLOCATION_TOO_LARGE),
        (_is_negative(frame), ADDRESS_OUT_OF_RANGE),
        (n == 0, ZERO_ALLOCATION),
        (n > state["frames"], ALLOCATION_TOO_LARGE),
        (frame + n > state["frames"], ADDRESS_OUT_OF_RANGE),
        (TRUE, ("TAKE", {1: frame, 2: n})),
    ]


def _free(state, frame):
    return [
        (_is_negative(frame), ADDRESS_OUT_OF_RANGE),
        (frame >= state["frames"], ADDRESS_OUT_OF_RANGE),
        ((state["lock"] == 0) & (state["exception"] != 0), NOT_PERMITTED),
        (state["lock"] == 0, ("RELEASE_HELD", {1: frame, 6: bits(0)})),
        (TRUE, ("RELEASE_LOCK", {1: frame, 6: state["lock"]})),
    ]


def _serve(state, what, how):
    return [
        *((condition & (how == 0), outcome) for condition, outcome in _free(state, what)[1:]),
        (~_is_negative(how), ("TAKE", {1: what, 2: how})),
        (what == 0, ZERO_ALLOCATION),
        *_search(what, -how, state),
    ]


def _allowed(state, what, how):
    """What `serve` may be called with: its docstring."""
    align = -how
    anywhere = ((align & (align - 1)) == 0) & ((what >= 1) | (align == 1))
    at = (how < SMALL) & (what + how <= state["frames"])
    return (what < SMALL) & _is_negative(how).choose(anywhere, (how == 0) | at)


def _exclusive(outcomes):
    """Return (condition, outcome) such that exactly one condition is true."""
    before, found = TRUE, []
    for condition, outcome in outcomes:
        found.append((before & condition, outcome))
        before = before & ~condition
    return found


class Call:
    """A direct call: its number and its name in physmem_direct, the names of its arguments, its contract.

    `offset`: bytes from the start of `serve` to its entry, a branch of 2 bytes; that of the last is its first
    instruction.
    """

    def __init__(self, number, name, arguments, outcomes):
        self.number = number
        self.offset = _FIRST_ENTRY + 2 * number
        self.name = name
        self.arguments = arguments
        self.outcomes = outcomes


CALLS = (
    Call(0, "alloc", ("n",), _alloc),
    Call(1, "alloc_aligned", ("n", "align_frames"), _alloc_aligned),
    Call(2, "alloc_at", ("frame", "n"), _alloc_at),
    Call(3, "free", ("frame",), _free),
)


# What the entries find, and the functions that they call.


def _object(name, words):
    """Return (Segment, KnownArray) of an object somewhere in memory."""
    return Segment(name, some(f"address of {name}"), len(words)), KnownArray(words)


def _apart(segments):
    """Return the Truths that the segments are whole words, and overlap neither each other nor the stack of the call."""
    found, sizes = [], {segment.name: 4 * segment.length.number for segment in segments}
    for place, segment in enumerate(segments):
        start, size = segment.start, sizes[segment.name]
        found += [(start & 3) == 0, start <= bits(-size)]
        found.append((start >= STACK) | (start <= STACK - STACK_SIZE - size))
        for other in segments[:place]:
            found.append((start - other.start >= sizes[other.name]) & (other.start - start >= size))
    return found


class _Function:
    """A function that an entry calls: the address of its object, that of its code, and what it must find: as many
    arguments, and `check(state)`, which returns Truths by name."""

    def __init__(self, name, address, code, check):
        self.name = name
        self.address = address
        self.code = code
        self.check = check


def _arguments(count, named, address):
    """Return what a _Function checks of registers. All three are Bits."""
    return lambda state: {
        "the number of arguments": state.registers[1] == count,
        "the number of named arguments": state.registers[2] == named,
        "the address of the arguments": state.registers[3] == address,
    }


def _converted(count):
    """Return what the call finds that comes after the conversions: what these have returned, on the stack."""

    def check(state):
        start, bottom = state.registers[3].number, state.registers[SP].number
        there = [state.stack.get(start + 4 * i) if start is not None else None for i in range(count)]
        is_there = start is not None and start >= bottom and all(word is not None for word in there)
        words = zip(there, state.notes["returned"]) if is_there else ()
        return {
            "the number of arguments": state.registers[1] == count,
            "the number of named arguments": state.registers[2] == 0,
            "the arguments": is_there and all_of(word == returned for word, returned in words),
        }

    return check


class Entry(Exploration):
    """All paths of an entry: to rooms, through the functions that it calls, and back.

    `functions`: those that it must call, in this order. `example()` describes the call whose numbers the solver has.
    """

    def __init__(self, function, flow, solver, segments, state, stack, example, functions=()):
        super().__init__(function, flow, solver, segments, cuts=_ROOMS)
        self.contracts[_OUTSIDE] = Entry._called
        self._functions = functions
        self._first = state.copy()
        self._stack = stack
        self._example = example

    def wrong(self, state, what, *conditions):
        """Raise Fault, with an example of a call that comes here under the conditions."""
        is_possible = self.solver.can_be(*state.path, *conditions)
        raise Fault(f"{what}: {self._example() if is_possible else 'with no example'}")

    def must(self, state, what, truths):
        """Raise Fault unless all of the Truths, which have names, hold in the state."""
        for name, is_right in truths.items():
            if self.solver.can_be(*state.path, ~truth(is_right)):
                self.wrong(state, f"{what}: {name} not as it must be", ~truth(is_right))

    def kept(self, state, registers=_KEPT):
        """Return the Truths that registers, and the mask of interrupts, are as they were at the entry."""
        kept = {f"r{number}": state.registers[number] == self._first.registers[number] for number in registers}
        return {**kept, "the mask of interrupts": state.masked.same_as(self._first.masked)}

    # Instead of what Exploration does.

    def position(self, state):
        if state.steps > _MOST_STEPS:
            self.wrong(state, "does not end")
        return super().position(state)

    def noted(self, state):
        """States do not meet if they have called different functions, or go on in different ones."""
        return tuple(map(id, (*state.notes["returned"], state.notes.get("to"))))

    def check_stack(self, state):
        if STACK - state.registers[SP].number > self._stack:
            self.wrong(state, f"needs more than {self._stack} bytes of the stack")

    def numbers(self, state, value):
        if value.number is not None:
            return super().numbers(state, value)
        if self.solver.holds(value == self._first.registers[LR], *state.path):
            return [(state, RETURN | 1)]
        state.notes["to"] = value
        return [(state, _OUTSIDE | 1)]

    def located(self, state, address):
        try:
            found = super().located(state, address)
        except Fault as fault:
            self.wrong(state, str(fault))
        return [(other, name, self._certain(other, index)) for other, name, index in found]

    def _certain(self, state, index):
        """Return the index as a number."""
        if index.number is None:
            self.solver.can_be(*state.path)
            number = self.solver.value(index)
            if not self.solver.holds(index == number, *state.path):
                self.wrong(state, "accesses one word or another", index != number)
            return bits(number)
        return index

    def store(self, state, address, value):
        if address.number is None or not STACK - STACK_SIZE <= address.number < STACK:
            self.wrong(state, "writes to memory")
        return super().store(state, address, value)

    def _called(self, state):
        """A function has been called: check what it finds, and go on behind it."""
        returned = state.notes["returned"]
        if len(returned) == len(self._functions):
            self.wrong(state, "calls a function once more")
        function = self._functions[len(returned)]
        self.must(
            state,
            f"calls {function.name}",
            {
                "the address of its code": state.notes.pop("to") == (function.code | 1),
                "its function object": state.registers[0] == function.address,
                "the stack, a multiple of 8 bytes": state.registers[SP].number % 8 == 0,
                **function.check(state),
                **self.kept(state, range(8, 12)),
            },
        )
        back = state.registers[LR]
        for number in (0, 1, 2, 3, 12, LR):
            state.registers[number] = some(f"r{number} after {function.name}")
        state.flags = [some_truth(f"flag {number} after {function.name}") for number in range(4)]
        state.compared = None
        state.notes["returned"] = (*returned, state.registers[0])
        states = self.numbers(state, back)
        for other, address in states:
            if not address & 1:
                self.wrong(other, f"{function.name} comes back to what is not Thumb code")
            other.pc = address & ~1
        return [other for other, _ in states]

    # The ends.

    def prove(self, state, at_end, at_room):
        """Run the state. Return the Proof that each path ends as it must. Raise Counterexample if one does not.

        `at_end(state)` returns the Truths of a call that comes back, by name; `at_room(label, state)` those of one that
        comes to a room.
        """
        state.notes["returned"] = ()
        try:
            self.run([state])
            for end in self.ended:
                stack = {"the stack": end.registers[SP] == STACK}
                self.must(end, "returns", {**stack, **self.kept(end), **at_end(end)})
            for label, end in self.cut:
                self.must(end, f"goes on at {label}", {**self._on_stack(end), **at_room(label, end)})
        except Fault as fault:
            raise Counterexample(str(fault), {}) from fault
        for address in self.executed:
            if self._is_relative(address):
                raise Counterexample(f"{self.function.place(address)}: depends on where the code lies", {})
        ends = [*self.ended, *(end for _, end in self.cut)]
        covered = any_of(all_of(end.path) for end in ends)
        if self.solver.can_be(~covered):
            raise Counterexample(f"the paths that were followed do not cover this: {self._example()}", {})
        rooms = tuple(sorted({label for label, _ in self.cut}))
        return Proof(max(end.steps for end in ends), self.executed, self.solver.questions, reached=rooms)

    def _is_relative(self, address):
        """Return whether an instruction reads or writes the program counter as a register. Source: A5.2.3."""
        code = self.interpreter.halfword(CODE + address)
        source, target = code >> 3 & 15, code & 7 | code >> 4 & 8
        return code >> 10 == 0b010001 and code >> 8 & 3 != 3 and PC in (source, target)

    def _on_stack(self, state):
        """Return the Truths that a room finds on the stack what the caller wants back."""
        bottom = STACK - 4 * len(_SAVED) - 4
        saved = {
            f"saved r{number}": state.stack.get(bottom + 4 + 4 * i, bits(0)) == self._first.registers[number]
            for i, number in enumerate(_SAVED)
        }
        is_all = bottom in state.stack
        return {"the stack": is_all & (state.registers[SP] == bottom), **saved, **self.kept(state, range(8, 12))}


# The theorems.


def _entered(solver, objects, registers, offset):
    """Return (segments, State at an entry), with what is assumed of every call."""
    segments = [segment for segment, _ in objects]
    for each in _apart(segments):
        solver.assume(each)
    state = entry_state({segment.name: array for segment, array in objects}, registers, offset)
    state.registers[LR] = some("way back")
    solver.assume(state.registers[LR].bit(0))
    state.masked = some_truth("interrupts are masked")
    return segments, state


def _small_integers(solver, names):
    """Return Bits of numbers, each of which is any small integer, and their objects."""
    numbers = [some(name) for name in names]
    for number in numbers:
        solver.assume(number + SMALL < 2 * SMALL)
    return numbers, [number * 2 + 1 for number in numbers]


def _region(solver):
    """Return the object of a state, and {name: Bits} of what the contract needs of it."""
    words = {name: some(name) for name in HEADER}
    solver.assume((words["frames"] >= 1) & (words["frames"] < SMALL))
    return _object("state", list(words.values())), {**words, "exception": some("exception number")}


def _decided(solver, region, outcomes, entry, state):
    """Prove that a call comes to the outcome that the contract says."""
    outcomes = _exclusive(outcomes)
    for condition, outcome in outcomes:
        if not solver.can_be(condition):
            raise Counterexample(f"the contract has an outcome that no call can come to: {outcome}", {})

    def at_end(end):
        errors = [(condition, outcome) for condition, outcome in outcomes if isinstance(outcome, int)]
        right = [condition & (end.registers[0] == 2 * outcome + 1) for condition, outcome in errors]
        return {"r0": any_of(right)}

    def at_room(label, end):
        right = [
            condition & all_of(end.registers[number] == word for number, word in outcome[1].items())
            for condition, outcome in outcomes
            if not isinstance(outcome, int) and outcome[0] == label
        ]
        return {"the state": end.registers[0] == entry.segments[0].start, "the numbers": any_of(right)}

    entry.exception_number = region["exception"]
    return entry.prove(state, at_end, at_room)


def _sentence(solver, name, numbers, region, outcomes):
    """Return a function that says which call the solver's example is, and what it must come to."""

    def example():
        given = ", ".join(str(bits(solver.value(number)).signed()) for number in numbers)
        names = ("frames", "lock", "exception")
        frames, lock, exception = (solver.value(region[each]) for each in names)
        (outcome,) = [each for condition, each in _exclusive(outcomes) if solver.value(condition)]
        must = f"return {outcome}" if isinstance(outcome, int) else f"go on at {outcome[0]}"
        where = f"{frames} frames, lock word {lock:#x}, exception number {exception}"
        return f"{name}({given}) with {where}, must {must}"

    return example


def _of_numbers(function, flow, call):
    """Return what `_decided` needs for the right number of arguments, all small integers."""
    solver = Solver()
    state_object, region = _region(solver)
    values, words = _small_integers(solver, call.arguments)
    arguments = _object("arguments", words)
    own = _object("function object", [some("type"), some("conversions"), state_object[0].start, some("code")])
    registers = {0: own[0].start, 1: bits(len(words)), 2: bits(0), 3: arguments[0].start}
    segments, state = _entered(solver, [state_object, own, arguments], registers, call.offset)
    outcomes = call.outcomes(region, *values)
    example = _sentence(solver, call.name, values, region, outcomes)
    entry = Entry(function, flow, solver, segments, state, STACK_OF["numbers"], example)
    return solver, region, outcomes, entry, state


def numbers(function, flow, call):
    """The right number of arguments, all small integers."""
    return _decided(*_of_numbers(function, flow, call))


def steps_to_rooms(function, flow, call):
    """Return {label of a room: the most instructions that the call executes until it is there} for numbers that it lets
    through. Raises what `numbers` does."""
    solver, region, outcomes, entry, state = _of_numbers(function, flow, call)
    _decided(solver, region, outcomes, entry, state)
    steps = {}
    for label, end in entry.cut:
        steps[label] = max(end.steps, steps.get(label, 0))
    return steps


def serve(function, flow):
    """`serve`, from the assembler's prologue on, with what its docstring allows."""
    solver = Solver()
    state_object, region = _region(solver)
    values = [some("what"), some("how")]
    solver.assume(_allowed(region, *values))
    registers = {0: state_object[0].start, 1: values[0], 2: values[1]}
    segments, state = _entered(solver, [state_object], registers, 0)
    outcomes = _serve(region, *values)
    example = _sentence(solver, "serve", values, region, outcomes)
    entry = Entry(function, flow, solver, segments, state, STACK_OF["numbers"], example)
    return _decided(solver, region, outcomes, entry, state)


def _direct_call(call):
    """Return the objects of a direct call, without its arguments: its own, those that convert arguments, `serve`, and
    the conversions. Their code may be at any address. That of a conversion may be marked as Thumb code in bit 0."""
    start = some("start of serve") & ~1
    code = start + call.offset
    names = [f"what converts {name} of {each.name}" for each in CALLS for name in each.arguments]
    converting = [_object(name, [some(f"word {i} of {name}") for i in range(4)]) for name in names]
    of_serve = [some("type of serve"), some("number of arguments of serve"), start, some("signature of serve")]
    in_order = [converting[0], _object("serve", of_serve), *converting[1:]]
    conversions = _object("conversions", [segment.start for segment, _ in in_order])
    own = _object("function object", [some("type"), conversions[0].start, some("state"), code])
    return own, code, in_order, conversions


def _of_other_objects(solver, call, objects):
    names = [bits(solver.value(each)) for each in objects]
    given = ", ".join(str(each.signed() >> 1) if each.number & 1 else f"<object {each.number:#x}>" for each in names)
    return f"{call.name}({given})"


def other_objects(function, flow, call):
    """The right number of arguments, not all of them small integers."""
    solver = Solver()
    own, code, in_order, conversions = _direct_call(call)
    given = [some(name) for name in call.arguments]
    solver.assume(any_of(~word.bit(0) for word in given))
    arguments = _object("arguments", given)
    count = bits(len(given))
    registers = {0: own[0].start, 1: count, 2: bits(0), 3: arguments[0].start}
    segments, state = _entered(solver, [own, arguments, conversions, *in_order], registers, call.offset)
    check = _arguments(count, bits(0), arguments[0].start)
    functions = []
    for segment, array in in_order[2 * call.number : 2 * call.number + len(given)]:
        functions.append(_Function(segment.name, segment.start, array.words[3], check))
    functions.append(_Function(call.name, own[0].start, code, _converted(len(given))))
    example = partial(_of_other_objects, solver, call, given)
    entry = Entry(function, flow, solver, segments, state, STACK_OF["other objects"], example, functions)
    return _passed_on(entry, state, len(functions))


def other_counts(function, flow, call):
    """Any other number of arguments, or named ones."""
    solver = Solver()
    own, _, in_order, conversions = _direct_call(call)
    count, named, address = some("count"), some("named"), some("arguments")
    right = len(call.arguments)
    solver.assume((count != right) | (named != 0))
    registers = {0: own[0].start, 1: count, 2: named, 3: address}
    segments, state = _entered(solver, [own, conversions, *in_order], registers, call.offset)

    def check(called):
        """Named arguments are refused whatever the number of all: it may be another, but not the right one."""
        passed = called.registers[1]
        return {
            "the number of arguments": (named == 0).implies(passed == count) & (passed != right),
            "the number of named arguments": called.registers[2] == named,
            "the address of the arguments": called.registers[3] == address,
        }

    segment, array = in_order[2 * call.number]
    functions = [_Function(segment.name, segment.start, array.words[3], check)]

    def example():
        return f"{call.name} with {solver.value(count)} arguments and {solver.value(named)} named ones"

    entry = Entry(function, flow, solver, segments, state, STACK_OF["other counts"], example, functions)
    return _passed_on(entry, state, len(functions))


def _passed_on(entry, state, calls):
    """Prove that a call makes so many calls, returns what the last returns, and comes to no room."""

    def at_end(end):
        returned = end.notes["returned"]
        return {"all calls": len(returned) == calls, "r0": returned != () and end.registers[0] == returned[-1]}

    return entry.prove(state, at_end, lambda label, end: {"no room": False})


def theorems(function, flow):
    """Return the Theorems of the Function `serve` and its Flow."""
    found = [Theorem("serve", partial(serve, function, flow))]
    for call in CALLS:
        for prove in (numbers, other_objects, other_counts):
            name = f"{call.name}, {prove.__name__.replace('_', ' ')}"
            found.append(Theorem(name, partial(prove, function, flow, call)))
    return found
