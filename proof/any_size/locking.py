"""The lock of a region: LOCK by contract, the kinds of locks, and what holds at the end of each call.

LOCK is asked to take the lock with a version. If others have changed the bitmap since the caller read that version,
LOCK gives the lock back, and the caller begins again: what it knows of the words before the section is that of the
section itself, or is forgotten. So the proofs hold whatever interrupts a call, or runs on the other core, before the
section. Two things are assumed: that nobody interferes with a section itself, which is what the lock is for; and that
the version does not come back to the same number, after 2 ** 30 sections, within one search.
"""

from functools import partial

from proof.any_size.classes import contracts, need
from proof.any_size.points import SAVED, Assumed, Call, Result
from proof.contract.any_region import AnyRegion
from proof.contract.regions import BASE, HEADER, SPAN, TOPS
from proof.contract.specification import LARGEST_VERSION, NOT_PERMITTED
from proof.logic.arrays import KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import FALSE, TRUE, all_of, bits, some, some_truth, truth
from proof.machine.exploration import CODE, RETURN, STACK
from proof.machine.thumb import LR, SP, Fault

SPIN_LOCK = 0xD000017C  # the address of a register: no state, and no code, is there
HANDLER = some("number of an exception")  # not 0
REFUSES_HANDLERS = 2  # in a lock word


class Lock:
    """A kind of lock: the lock `word`, whether interrupts are `masked` at the call, and whether a handler calls."""

    def __init__(self, word, masked, is_handler):
        self.word, self.masked, self.is_handler = word, masked, is_handler
        self.is_refused = is_handler and (word == 0 or bool(word & REFUSES_HANDLERS))

    @property
    def instructions(self):
        """The most instructions of LOCK, if it takes the lock at once. It is sooner behind a refusal."""
        return 0 if not self.word else 23 if self.word & ~3 else 16

    def costs(self):
        """Return how many instructions more than without a lock a call takes to lock, to settle after a search, and to
        unlock."""
        if not self.word:
            return {"lock": 0, "settle": 0, "unlock": 0}
        return {"lock": self.instructions + 2, "settle": self.instructions + 7, "unlock": 15 if self.word & ~3 else 12}

    def __str__(self):
        if self.word == 0:
            kind = "no lock"
        else:
            kind = "spin lock" if self.word & ~3 else "lock"
            kind += ", not shared" * bool(self.word & REFUSES_HANDLERS)
        return kind + ", masked" * self.masked + ", in a handler" * self.is_handler


LOCKS = [
    Lock(word, is_masked, is_handler)
    for word in (0, 1, SPIN_LOCK | 1, SPIN_LOCK | 1 | REFUSES_HANDLERS)
    for is_masked in (False, True)
    for is_handler in (False, True)
]


class LockedCall(Call):
    """A call with one kind of lock; None: any, in the critical section. `scratch`: the register that the loop which
    waits for the other core reads the spin lock into."""

    scratch = 5

    def __init__(self, code, points, lock=None):
        solver = Solver()
        word = some("lock") if lock is None else lock.word
        region = AnyRegion(solver, word)
        super().__init__(code, solver, region, points, contracts(region))
        self.lock = lock
        if lock is None:
            self.held, self.masked = some("what LOCK returned"), some_truth("interrupts are masked")
            self.masked_in_section, self.may_take_lock = self.masked, TRUE
        else:
            self.masked = TRUE if lock.masked else FALSE
            self.masked_in_section = TRUE if lock.word else self.masked
            self.held = bits(BASE + (not lock.masked) if lock.word else 0)
            self.may_take_lock = FALSE if lock.is_refused else TRUE
            if lock.is_handler:
                self.exception = HANDLER
                solver.assume((HANDLER != 0) & (HANDLER < 512))
            if region.spin_lock:
                solver.assume(region.spin_lock_taken != 0)
                self.contracts["OTHER_CORE_1"] = self.wait_for_other_core
            if lock.word:
                self.contracts["LOCK"] = self.take_lock

        if lock is not None:
            self.costs_of_lock = {name: bits(number) for name, number in lock.costs().items()}

    def is_lock_word(self, register):
        """The register has the lock word, perhaps with bit 0 clear if interrupts are masked: LOCK leaves it so."""
        return (register == self.region.lock) | (self.masked & (register == self.region.lock & ~1))

    def take_lock(self, exploration, state):
        """LOCK, by contract. It needs r0: the state; r6: the lock word, which is not 0; interrupts as at the call; and
        the spin lock not taken by this call. A caller that is refused needs nothing else on the stack: the call ends,
        at NOT_PERMITTED. r12 is the version that the caller has read: then others must interfere each time that the
        call begins again. If it is still that, r7 is 0 and r6 what the section keeps in r12; interrupts are masked, and
        the spin lock is taken. If not, r7 is 1 and r6 still the lock word; the lock is given back. Destroys r6, r7, r14
        and the flags."""
        registers = state.registers
        as_needed = [registers[0] == BASE, self.is_lock_word(registers[6]), state.masked.same_as(self.masked)]
        as_needed.append(registers[12] == self.region.version)
        if self.region.spin_lock:
            as_needed.append(state.arrays["spin lock"].words[0] == self.region.spin_lock_free)
        if self.lock.is_refused:
            as_needed.append(registers[SP] == STACK - 4 * len(self.saved))
        need(exploration, state, "LOCK", as_needed)
        if not state.calls or state.calls[-1] != registers[LR].number & ~1:
            raise Fault("LOCK returns to another place than that behind its call")
        state.pc, state.calls = state.calls[-1], state.calls[:-1]
        state.flags, state.compared = [some_truth(f"flag {number} behind LOCK") for number in range(4)], None
        if self.lock.is_refused:
            registers[6], registers[7] = some("r6 behind LOCK"), some("r7 behind LOCK")
            state.pc, state.calls = CODE + self.function.labels["NOT_PERMITTED"], ()
            return [state]
        is_same = some_truth("the version is the same")
        taken, changed = state.under(is_same), state.under(~is_same)
        taken.registers[6], taken.registers[7] = self.held, bits(0)
        taken.masked = self.masked_in_section
        if self.region.spin_lock:
            taken.arrays["spin lock"] = KnownArray([self.region.spin_lock_taken])
        is_clear = self.masked & some_truth("bit 0 of the lock word is clear")
        changed.registers[6], changed.registers[7] = is_clear.choose(self.region.lock & ~1, self.region.lock), bits(1)
        return [taken, changed]

    def wait_for_other_core(self, exploration, state):
        """The loop that waits for the spin lock. Its register reads 0 while the other core has the lock, and something
        else when this read has taken it. A read of 0 must lead back to the loop, and change nothing but the scratch
        register and flags."""
        if not state.arrays["spin lock"].words[0].is_same(self.region.spin_lock_free):
            raise Fault("takes the spin lock twice")
        state.registers[self.scratch] = some("the scratch register while it waits")
        state.flags = [some_truth(f"flag {number} while it waits") for number in range(4)]
        again = self._behind_read(exploration, state, bits(0))
        others = [pair for number, pair in enumerate(zip(again.registers, state.registers)) if number != self.scratch]
        others += [(again.stack.get(address), word) for address, word in state.stack.items()]
        others += [(again.arrays[name], array) for name, array in state.arrays.items() if name != "spin lock"]
        others += [(again.masked, state.masked), (len(again.stack), len(state.stack))]
        if again.pc != state.pc or any(one is not other for one, other in others):
            raise Fault("the loop that waits for the other core does not go on waiting")
        taken = self._behind_read(exploration, state, self.region.spin_lock_taken)
        if taken.pc == state.pc:
            raise Fault("the loop that waits for the other core waits although it has the lock")
        if not self._is_barrier(taken.pc):
            raise Fault("no barrier is behind the loop that waits for the other core")
        return [taken]

    def _is_barrier(self, address):
        """Return whether DMB is at the address. Source: Armv6-M Architecture Reference Manual, A6.7.21."""
        return self.function.code[address - CODE :][:4] == bytes.fromhex("bff35f8f")

    def _behind_read(self, exploration, state, word):
        """Return the state behind the three instructions of the loop, if the register reads this word."""
        state = state.copy()
        state.arrays["spin lock"] = KnownArray([word])
        for _ in range(3):
            exploration.executed.add(state.pc - CODE)
            states = exploration.interpreter.step(state)
            if len(states) != 1:
                raise Fault("the loop that waits for the other core does not depend on the spin lock")
            state = states[0]
        return state

    def on_store(self, exploration, state, name, index, before):
        """The tops are not followed: only the subroutines of classes.py may write one, by their contracts. In front of
        the store that gives the spin lock back is a barrier."""
        if name == "spin lock" and not self._is_barrier(state.pc - 6):
            raise Fault("gives the spin lock back without a barrier")
        is_top = (index >= TOPS) & (index < SPAN)
        if name == "header" and exploration.solver.can_be(*state.path, is_top):
            raise Fault("writes a top")

    def prove(self, label, labels, state=None):
        """Return the Result of a stretch; it fails, too, if a Fault comes, or if the code does not go on at just these
        labels. "end" is the end of the call."""
        self.label = label
        try:
            result = self.stretch(label, state)
        except Fault as fault:
            return Result([(label, str(fault), {})], [], 0, set(), 0, 0)
        if self.counting is None and set(result.reached) != set(labels):
            result.failures.append((label, f"goes on at {', '.join(result.reached)}, not at {', '.join(labels)}", {}))
        return result

    # What the end of a call is.

    def ends(self, end, result, is_counted):
        """Return the Truths that a call has ended with this result, and that since the stretch began nothing has
        changed but the version, which counts the critical sections. `is_counted`: whether there was one."""
        region, registers, given = self.region, end.registers, self.given
        number = registers[0].shift_with_sign(1)
        is_counted, counted = truth(is_counted), (region.version + 1) & LARGEST_VERSION
        header = list(given["header"].words)
        header[HEADER.index("version")] = (is_counted & (region.lock != 0)).choose(counted, region.version)
        is_kept = all_of(registers[number] == self.kept[number] for number in SAVED)
        truths = {
            "the result is an object": registers[0].bit(0) & number.bit(30).same_as(number.bit(31)),
            "the result": number == result,
            "r4 to r7 stay": is_kept,
            "r8 to r11 stay": all_of(registers[number] == word for number, word in self.untouched.items()),
            "the stack is empty": registers[SP] == STACK,
            "interrupts": end.masked.same_as(self.masked),
            **{f"header {i}": word == end.arrays["header"].words[i] for i, word in enumerate(header)},
        }
        for name in ("row", "starts", "planes"):
            truths |= self.equal_arrays(name, given[name], end.arrays[name])
        if region.spin_lock:
            given_back = is_counted.choose(bits(region.spin_lock), region.spin_lock_free)
            truths["the spin lock"] = end.arrays["spin lock"].words[0] == given_back
        return truths


class Locking(LockedCall):
    """LOCK itself, called with any version: what the contract says is true."""

    def __init__(self, code, lock):
        super().__init__(code, (), lock)
        del self.contracts["LOCK"]

    def prove_contract(self):
        at = Assumed(self, "LOCK")
        at.holds_state()
        at.register(LR, bits(RETURN | 1))
        at.stack()
        at.that("r6 is the lock word", self.is_lock_word(at.state.registers[6]))
        at.at_most(self.lock.instructions)
        if self.counting:
            at.that("nobody has interfered", at.state.registers[12] == self.region.version)
        state = at.finished()
        state.calls = (RETURN & ~1,)
        self.before = state.copy()
        return self.prove("LOCK", ["end"], state)

    def at_the_end(self, end):
        if self.lock.is_refused:
            return self.ends(end, bits(NOT_PERMITTED), False)
        region, before, registers = self.region, self.before, end.registers
        is_same = before.registers[12] == region.version
        truths = {
            **{f"r{number}": registers[number] == before.registers[number] for number in range(13)},
            "r6": is_same.choose(registers[6] == self.held, self.is_lock_word(registers[6])),
            "r7": registers[7] == is_same.choose(bits(0), bits(1)),
            "interrupts": end.masked.same_as(is_same.choose(self.masked_in_section, self.masked)),
            "depth of the stack": registers[SP] == before.registers[SP],
            "stack": all_of(end.stack[address] == word for address, word in before.stack.items()),
        }
        for name in ("header", "row", "starts", "planes"):
            truths |= self.equal_arrays(name, self.given[name], end.arrays[name])
        if region.spin_lock:
            word = is_same.choose(region.spin_lock_taken, bits(region.spin_lock))
            truths["the spin lock"] = end.arrays["spin lock"].words[0] == word
        return truths


def _locked(code, lock):
    return Locking(code, lock).prove_contract()


def stretches(code):
    """Yield (name, function that returns the Result) for each stretch. `code`: (Function, Flow)."""
    yield "LOCK, each lock", partial(of_locks, partial(_locked, code), [lock for lock in LOCKS if lock.word])


def of_locks(prove, locks=LOCKS):
    """Return one Result for all of the locks, of `prove(lock)` for each."""
    total = Result([], [], 0, set(), 0, 0)
    for lock in locks:
        result = prove(lock)
        total.failures += [(f"{where}, {lock}", what, example) for where, what, example in result.failures]
        total.reached, total.begins = sorted({*total.reached, *result.reached}), result.begins
        total.steps = max(total.steps, result.steps)
        total.executed |= result.executed
        total.seconds += result.seconds
        total.questions += result.questions
    return total


ADMITTED = [lock for lock in LOCKS if not lock.is_refused]
