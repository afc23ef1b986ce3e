"""The functions beside `serve`: parts of a longer critical section, memory that is filled, and a barrier.

`count_failure`, `flip_start`, `hold` and `let_go` are proven for regions of any size with each kind of lock; `fill` for
any number of bytes, by what holds each time around its loop. What they must do is that of their twins in
lib/physmem_engine.py, and what lib/physmem_thumb.py says of the critical section.

A word that others change counts only if it is read and written in the section: with the lock, and with interrupts
masked. So each access is checked, and the proof need not say what others do before it. Assumed, as of a whole call
(any_size/locking.py): nobody interferes with the section itself; `let_go` is called with what `hold` returned.
"""

from functools import partial

from proof.any_size.locking import LOCKS, SPIN_LOCK, LockedCall
from proof.contract.regions import BASE, HEADER, SPAN, TOPS
from proof.contract.specification import ADDRESS_NOT_FREE, NOT_PERMITTED, OUT_OF_MEMORY
from proof.logic.arrays import AnyArray, Content, KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import FALSE, TRUE, all_of, any_of, bits, some, some_truth, truth
from proof.logic.theorems import Counterexample, Proof, Theorem, of_exploration
from proof.machine.exploration import STACK, Exploration, Segment, entry_state
from proof.machine.flow import Flow
from proof.machine.thumb import SP, Fault

_KEPT = range(4, 12)  # the registers that a caller wants back
_CONSTANT = {HEADER.index(name) for name in ("frames", "phase", "planes", "lock")} | {SPAN}  # words that nobody changes
_FEW_FRAMES, _FEW_BYTES = 64, 256  # of an example, if possible
_BARRIERS = ("bff34f8f", "bff36f8f")  # DSB, ISB. Source: Armv6-M Architecture Reference Manual, A6.7.22 and A6.7.37


class _Guarded(Exploration):
    """An Exploration of a call that takes a lock: `checked(state, name, index)` sees each access to memory."""

    checked = None

    def located(self, state, address):
        found = super().located(state, address)
        for other, name, index in found:
            self.checked(other, name, index)
        return found


class Beside(LockedCall):
    """A call of a function beside `serve`, on a region of any size with one kind of lock.

    `is_held`: the caller has the lock already.
    """

    def __init__(self, function, lock, is_held=False):
        super().__init__((function, Flow(function, ())), (), lock)
        loop = function.labels.get("OTHER_CORE_1")
        self.contracts = {}
        if loop is not None and self.region.spin_lock:
            self.contracts["OTHER_CORE_1"] = self.wait_for_other_core
            self.scratch = function.code[loop] & 7  # of ldr, whose bits 0 to 2 are the register that it writes
        self.begins_masked = self.masked_in_section if is_held else self.masked
        self.is_held = is_held

    def runs(self, *arguments):
        """Return the States at the end of a call with the address of the state and these arguments. Raise Fault."""
        self.arguments = arguments
        registers = dict(enumerate((bits(BASE), *arguments)))
        state = entry_state(self.region.arrays(), registers)
        state.masked = self.begins_masked
        if self.is_held and self.region.spin_lock:
            state.arrays["spin lock"] = KnownArray([self.region.spin_lock_taken])
        self.given, self.at_entry = dict(state.arrays), list(state.registers)
        exploration = _Guarded(self.function, self.flow, self.solver, self.region.segments(), self.contracts)
        exploration.exception_number, exploration.on_store = self.exception, self.on_store
        exploration.checked = partial(self._is_safe, exploration)
        self.exploration = exploration
        return exploration.run([state])

    def _is_safe(self, exploration, state, name, index):
        """Raise Fault if a word that others change may be accessed outside the section."""
        if name == "spin lock" or self.lock.word == 0:
            return
        is_constant = any_of(index == number for number in _CONSTANT) if name == "header" else FALSE
        has_lock = state.masked
        if self.region.spin_lock:
            has_lock = has_lock & (state.arrays["spin lock"].words[0] == self.region.spin_lock_taken)
        if not exploration.solver.holds(is_constant | has_lock, *state.path):
            raise Fault(f"accesses the {name} without the lock")

    def left(self, end, masked, has_spin_lock, header=None, starts=None):
        """Return the Truths of what a call leaves. `masked`: whether interrupts are; `has_spin_lock`: whether the
        caller has the spin lock now, or None if it was not touched; `header`: {name: word} of what has changed there,
        `starts`: the function of the index that the starts are."""
        region, registers = self.region, end.registers
        words = [(header or {}).get(name, word) for name, word in zip(HEADER, self.given["header"].words)]
        words += self.given["header"].words[TOPS:]
        wanted = {**self.given, "header": KnownArray(words)}
        if starts:
            wanted["starts"] = AnyArray(starts, wanted["starts"].length)
        truths = {
            "r4 to r11 stay": all_of(registers[number] == self.at_entry[number] for number in _KEPT),
            "the stack is empty": registers[SP] == STACK,
            "interrupts": end.masked.same_as(masked),
        }
        for name in ("header", "row", "starts", "planes"):
            truths |= self.equal_arrays(name, wanted[name], end.arrays[name])
        if region.spin_lock:
            words = {None: self.given["spin lock"].words[0], True: region.spin_lock_taken, False: bits(SPIN_LOCK)}
            truths["the spin lock"] = end.arrays["spin lock"].words[0] == words[has_spin_lock]
        return truths


def _count_failure(function, lock):
    """A failure is counted if the version is still the one that the search began with, or if there is no lock."""
    call, version = Beside(function, lock), some("version that the search began with")
    region = call.region
    is_counted = TRUE if lock.word == 0 else version == region.version
    for end in call.runs(version):
        failed = is_counted.choose(region.failed + 1, region.failed)
        result = is_counted.choose(bits(OUT_OF_MEMORY), bits(ADDRESS_NOT_FREE))
        left = call.left(end, call.masked, False, {"failed": failed})
        _check(call, end, {"result": end.registers[0] == result, **left})
    return call


def _flip_start(function, lock):
    """The bit of one frame in the starts changes, unless a handler calls that may not."""
    call, frame = Beside(function, lock), some("frame")
    region = call.region
    call.solver.assume(frame < region.frames)

    def flipped(index):
        word = region.starts0.read(index)
        return (index == frame >> 5).choose(word ^ (bits(1) << (frame & 31)), word)

    for end in call.runs(frame):
        if lock.is_refused:
            result, left = NOT_PERMITTED, call.left(end, call.masked, None)
        else:
            result, left = 0, call.left(end, call.masked, False, starts=flipped)
        _check(call, end, {"result": end.registers[0] == result, **left})
    return call


def _has_masked(lock):
    """Return what `hold` returns: whether it has masked interrupts that were not masked before."""
    return bits(1 if lock.word and not lock.masked else 0)


def _hold(function, lock):
    """The caller has the lock, and knows whether `let_go` must enable interrupts."""
    call = Beside(function, lock)
    for end in call.runs():
        left = call.left(end, call.masked_in_section, True)
        _check(call, end, {"result": end.registers[0] == _has_masked(lock), **left})
    return call


def _let_go(function, lock):
    """The lock is given back, and interrupts are as they were when `hold` was called."""
    call = Beside(function, lock, is_held=True)
    for end in call.runs(_has_masked(lock)):
        _check(call, end, call.left(end, call.masked, False))
    return call


def _check(call, end, truths):
    """Raise Counterexample if one of the Truths of a State at the end of a call may be false: with few frames, if that
    can be."""
    solver, region = call.solver, call.region
    for name, each in truths.items():
        wrong = *end.path, ~each
        if each.known is not True and (solver.can_be(*wrong, region.frames <= _FEW_FRAMES) or solver.can_be(*wrong)):
            numbers = {name: solver.value(getattr(region, name)) for name in ("frames", "version", "failed")}
            numbers |= {"lock": call.lock.word, "masked": call.lock.masked, "exception": solver.value(call.exception)}
            arguments = [solver.value(each) for each in call.arguments]
            raise Counterexample(f"{call.lock}: {name}", _example(call.function, arguments, numbers))


def _example(function, arguments, numbers):
    return {"function": function.name, "arguments": arguments, **numbers}


def _each_lock(prove, function, locks=LOCKS):
    """Return the Proof of `prove(function, lock)` for each of the locks."""
    total = Proof()
    for lock in locks:
        try:
            call = prove(function, lock)
        except Fault as fault:
            raise Fault(f"{lock}: {fault}") from fault
        _no_path_lost(call.solver, call.exploration)
        total.steps = max(total.steps, max(end.steps for end in call.exploration.ended))
        total.executed |= call.exploration.executed
        total.questions += call.solver.questions
    return total


def _no_path_lost(solver, exploration, given=()):
    ends = [*exploration.ended, *(end for _, end in exploration.cut)]
    if not solver.can_be(*given):
        raise Counterexample("no state fulfils what is assumed", {})
    if not solver.holds(any_of(all_of(end.path) for end in ends), *given):
        raise Counterexample("some paths have been lost", {})


class _Filled:
    """`fill` of any number of bytes, of which `blocks` are the 32 of one turn. `memory`: what is there before."""

    def __init__(self, function):
        self.function, self.solver = function, Solver()
        self.base, self.offset, self.half = some("base"), some("offset"), some("half")
        self.blocks, self.turn, self.any_index = some("blocks"), some("turn"), some("any index")
        self.start = self.base + self.offset
        self.bytes = self.blocks << 5
        self.word = self.half | self.half << 16
        self.before = Content("memory", self.solver)
        end = self.start + self.bytes
        self.solver.assume((self.blocks < 1 << 27) & (self.start & 31 == 0) & (self.half < 1 << 16))
        self.solver.assume((self.blocks == 0) | (end == 0) | (self.start < end))  # the memory does not wrap around

    def memory(self, turn):
        """Return the memory behind so many turns."""
        filled = lambda index: (index < turn << 3).choose(self.word, self.before.read(index))  # noqa: E731
        return AnyArray(filled, self.bytes >> 2)

    def begins(self):
        """Return the State at the entry."""
        registers = dict(enumerate((self.base, self.offset, self.bytes, self.half)))
        return entry_state({"memory": self.memory(bits(0))}, registers)

    def in_loop(self, first):
        """Return the State in front of any turn. `first`: the State in front of the first one, whose stack it has."""
        state = first.copy()
        state.registers = [some(f"r{number} in the loop") for number in range(15)]
        state.registers[SP], state.registers[0] = first.registers[SP], self.start + (self.turn << 5)
        state.registers[2] = self.bytes - (self.turn << 5)
        state.registers[3:7] = [self.word] * 4
        state.registers[8:12] = first.registers[8:12]
        state.arrays, state.notes = {"memory": self.memory(self.turn)}, {"started": state.pc}
        state.path = (self.turn < self.blocks,)
        state.flags, state.compared = [some_truth(f"flag {number} in the loop") for number in range(4)], None
        return state

    def run(self, state, turn, first):
        """Run a State to the next turn, with this number, or to the end, and check what is there. Return the
        Exploration. `first`: the State in front of the first turn; None if this one leads there."""
        segments = [Segment("memory", self.start, self.bytes >> 2)]
        exploration = Exploration(self.function, Flow(self.function, ()), self.solver, segments, cuts=("NEXT",))
        exploration.run([state])
        for _, end in exploration.cut:
            same = first or end
            is_same_stack = end.stack.keys() == same.stack.keys() and all_of(
                word == same.stack[address] for address, word in end.stack.items()
            )
            truths = {
                "r0": end.registers[0] == self.start + (turn << 5),
                "r2": end.registers[2] == self.bytes - (turn << 5),
                "r3 to r6": all_of(end.registers[number] == self.word for number in range(3, 7)),
                "r8 to r11": all_of(end.registers[number] == same.registers[number] for number in range(8, 12)),
                "the stack": truth(is_same_stack) & (end.registers[SP] == same.registers[SP]),
                "bytes are left": turn < self.blocks,
            }
            self.check(end, turn, truths)
        for end in exploration.ended:
            is_kept = all_of(end.registers[number] == self.at_entry[number] for number in _KEPT)
            truths = {"r4 to r11 stay": is_kept, "the stack is empty": end.registers[SP] == STACK}
            self.check(end, self.blocks, truths)
        return exploration

    def check(self, end, turn, truths):
        """Raise Counterexample if one of the Truths may be false, or if not just what so many turns fill is filled."""
        is_same = end.arrays["memory"].read(self.any_index) == self.memory(turn).read(self.any_index)
        memory = {"memory": (self.any_index < self.bytes >> 2).implies(is_same)}
        for name, each in {**truths, **memory, "interrupts": end.masked.same_as(FALSE)}.items():
            wrong = *end.path, ~each
            few = self.offset & 31 == 0, self.offset < _FEW_BYTES, self.bytes < _FEW_BYTES
            if each.known is not True and (self.solver.can_be(*wrong, *few) or self.solver.can_be(*wrong)):
                arguments = [self.solver.value(number) for number in (self.offset, self.bytes, self.half)]
                raise Counterexample(name, _example(self.function, arguments, {"turn": self.solver.value(turn)}))

    def prove(self):
        state = self.begins()
        self.at_entry = list(state.registers)
        to_loop = self.run(state, bits(0), None)
        _no_path_lost(self.solver, to_loop)
        if len(to_loop.cut) != 1:
            raise Counterexample("the loop is not begun in one way", {})
        first = to_loop.cut[0][1]
        state = self.in_loop(first)
        path = state.path
        loop = self.run(state, self.turn + 1, first)
        _no_path_lost(self.solver, loop, path)
        ends = [*to_loop.cut, *loop.cut]
        steps = max(end.steps for end in [*to_loop.ended, *loop.ended, *(end for _, end in ends)])
        return Proof(steps, to_loop.executed | loop.executed, self.solver.questions)


def _in_interrupt(function):
    """The result is the number of the exception, and nothing else changes."""
    exploration, number = _alone(function), some("number of an exception")
    exploration.exception_number = number
    state = entry_state({}, {})
    return _of_alone(exploration, state, lambda end: {"result": end.registers[0] == number})


def _synchronize(function):
    """All accesses to memory are complete (DSB) before the next instruction is fetched (ISB): the last two instructions
    before the return are these, on the only path. Nothing else changes."""
    exploration = _alone(function)
    proof = _of_alone(exploration, entry_state({}, {}), lambda end: {})
    executed = sorted(exploration.executed)
    if proof.steps != len(executed) or [function.code[at : at + 4].hex() for at in executed[-3:-1]] != list(_BARRIERS):
        raise Counterexample("the last two instructions are not DSB and ISB", {})
    return proof


def _alone(function):
    return Exploration(function, Flow(function, ()), Solver(), [])


def _of_alone(exploration, state, wanted):
    """Return the Proof of a function that accesses no memory but its stack."""
    entry = list(state.registers)
    for end in exploration.run([state]):
        is_kept = all_of(end.registers[number] == entry[number] for number in _KEPT)
        truths = {"r4 to r11 stay": is_kept, "the stack is empty": end.registers[SP] == STACK, **wanted(end)}
        for name, each in {**truths, "interrupts": end.masked.same_as(FALSE)}.items():
            if not exploration.solver.holds(each, *end.path):
                exception = exploration.solver.value(exploration.exception_number)
                raise Counterexample(name, _example(exploration.function, [], {"exception": exception}))
    _no_path_lost(exploration.solver, exploration)
    return of_exploration(exploration)


def theorems(functions):
    """Yield the Theorems of `functions`, {name: Function}. The name of each begins with that of its function."""
    for prove in (_count_failure, _flip_start, _hold, _let_go):
        name = prove.__name__[1:]
        yield Theorem(f"{name}, each lock", partial(_each_lock, prove, functions[name]))
    yield Theorem("fill, any number of bytes", lambda: _Filled(functions["fill"]).prove())
    yield Theorem("in_interrupt, any exception", partial(_in_interrupt, functions["in_interrupt"]))
    yield Theorem("synchronize, its barriers", partial(_synchronize, functions["synchronize"]))
