"""Every call, for every state of regions of one to three words (1 to 96 frames), executed as a whole: no points, no
contracts. What a call does, the code must do from its entry to its end, whatever the words of the state are. And
wherever the power fails, `recover` must find the rows of before the call or those of after it.

A theorem is a part of the arguments: together the parts are all arguments that `serve` can be called with.

Nobody else has the lock, or changes the state during a call: any_size/locking.py proves what happens then.
"""

from proof.any_size.locking import HANDLER, REFUSES_HANDLERS, SPIN_LOCK, Lock
from proof.any_size.points import SAVED
from proof.contract import specification
from proof.contract.regions import BASE, SmallMap, assumptions, small_region
from proof.logic.arrays import KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import FALSE, TRUE, all_of, any_of, bits, joined, some
from proof.logic.theorems import Counterexample, Theorem, of_exploration
from proof.machine.exploration import STACK, Exploration, Segment, entry_state
from proof.machine.thumb import SP
from proof.whole.stores import ROWS, Stores

LARGEST = 1 << 30  # what the entries let through is less
NO_LOCK = Lock(0, masked=False, is_handler=False)
OTHER_LOCKS = (
    Lock(1, masked=True, is_handler=False),
    Lock(SPIN_LOCK | 1 | REFUSES_HANDLERS, masked=False, is_handler=False),
    Lock(0, masked=False, is_handler=True),
    Lock(SPIN_LOCK | 1 | REFUSES_HANDLERS, masked=False, is_handler=True),
)


class SmallCall:
    """A call of `serve` on a region of `words` words: its arguments, and what must hold afterwards."""

    def __init__(self, words, lock=NO_LOCK):
        self.words, self.lock = words, lock
        self.masked = TRUE if lock.masked else FALSE
        self.arrays, self.before, self.segments = small_region(words, lock.word)
        self.solver = Solver()
        for each in assumptions(self.before):
            self.solver.assume(each)
        self.exception = HANDLER if lock.is_handler else bits(0)
        if lock.is_handler:
            self.solver.assume((HANDLER != 0) & (HANDLER < 512))
        self.spin_lock = some("spin lock")
        if lock.word & ~3:
            # The register reads as anything but 0: the other core has not got the lock.
            self.solver.assume(self.spin_lock != 0)
            self.arrays["spin lock"] = KnownArray([self.spin_lock])
            self.segments.append(Segment("spin lock", lock.word & ~3, 1))
        self.place = some("place")

    def alloc(self, n):
        def wanted(after, result):
            return specification.alloc(self.before, after, result, n, None, self.place)

        return self._call(n, bits(-1), wanted, self._wrong_number(n))

    def alloc_aligned(self, n, align):
        self.solver.assume(n >= 1)

        def wanted(after, result):
            return specification.alloc(self.before, after, result, n, align, self.place)

        return self._call(n, -align, wanted, self._wrong_number(n))

    def alloc_at(self, frame, n):
        self.solver.assume((n >= 1) & (n < LARGEST) & (frame <= self.before.frames) & (n <= self.before.frames - frame))
        return self._call(
            frame, n, lambda after, result: specification.alloc_at(self.before, after, result, frame, n), {}
        )

    def free(self, frame):
        wrong = {specification.ADDRESS_OUT_OF_RANGE: frame >= self.before.frames}
        return self._call(
            frame, bits(0), lambda after, result: specification.free(self.before, after, result, frame), wrong
        )

    def _wrong_number(self, n):
        return {specification.ZERO_ALLOCATION: n == 0, specification.ALLOCATION_TOO_LARGE: n > self.before.frames}

    def _call(self, what, how, wanted, wrong):
        """Return (arguments, what must hold afterwards). `wrong`: {error: Truth that an argument is so wrong}, which a
        call that is refused to a handler may report as well."""
        if not self.lock.is_refused:
            return (what, how), wanted

        def refused(after, result):
            answers = [
                result == specification.NOT_PERMITTED,
                *(is_so & (result == code) for code, is_so in wrong.items()),
            ]
            return {"refused": any_of(answers), **specification.unchanged(self.before, after)}

        return (what, how), refused

    def number(self, low, high):
        """Return a number from `low` to `high`."""
        if low == high:
            return bits(low)
        n = some("n")
        self.solver.assume((n >= low) & (n <= high))
        return n

    def frame_of(self, word):
        """Return a frame of the word."""
        return joined([some("position", 5), bits(word, 27)])

    def prove(self, code, call):
        """Return the Exploration of a proven call. Raise Counterexample if it is wrong, Fault if it goes wrong."""
        (what, how), wanted = call
        function, flow = code
        solver = self.solver
        if not solver.can_be():
            raise Counterexample("no state and no argument fulfil what is assumed", {})
        state = entry_state(self.arrays, {0: bits(BASE), 1: what, 2: how})
        state.masked = self.masked
        kept = [state.registers[number] for number in SAVED]
        exploration = Exploration(function, flow, solver, self.segments)
        exploration.exception_number = self.exception
        stores = Stores(self.words, lambda: self.shown(what, how))
        exploration.on_store = stores.stored
        exploration.run([state])
        for end in exploration.ended:
            after = SmallMap(self.words, end.arrays)
            result = end.registers[0].shift_with_sign(1)
            truths = {
                "the result is an object": end.registers[0].bit(0) & result.bit(30).same_as(result.bit(31)),
                "r4 to r7 stay": all_of(end.registers[number] == word for number, word in zip(SAVED, kept)),
                "the stack is as it was": end.registers[SP] == STACK,
                "interrupts are as they were": end.masked.same_as(self.masked),
                **self._given_back(end, after),
                **wanted(after, result),
            }
            for name, each in truths.items():
                if each.known is not True and solver.can_be(*end.path, ~each):
                    raise Counterexample(name, self.example(what, how, result))
        if not solver.holds(any_of(all_of(end.path) for end in exploration.ended)):
            raise Counterexample("some paths have been lost", {})
        if stores.wrong:
            raise stores.wrong
        if not stores.checked and any(solver.can_be(*end.path, self._has_changed(end)) for end in exploration.ended):
            raise Counterexample("the rows have changed, but no store was seen", self.shown(what, how))
        return of_exploration(exploration)

    def _has_changed(self, end):
        """Return the Truth that a word of the rows is another one than before."""
        words = [(old, new) for name in ROWS for old, new in zip(self.arrays[name].words, end.arrays[name].words)]
        return any_of(old != new for old, new in words)

    def _given_back(self, end, after):
        """A call that has counted the version has had the spin lock, and has written its address to give it back."""
        if "spin lock" not in self.arrays:
            return {}
        word = (after.version != self.before.version).choose(bits(SPIN_LOCK), self.spin_lock)
        return {"the spin lock is given back": end.arrays["spin lock"].words[0] == word}

    def example(self, what, how, result):
        """Return the numbers of the example that the solver has found, of which a test can be made."""
        call = [self.solver.value(each) for each in (what, how)]
        example = {"state": self._words(), "call": call, "result": self.solver.value(result)}
        return {**example, "masked": self.lock.masked, "exception": self.solver.value(self.exception)}

    def shown(self, what, how):
        """Return the numbers of an example that no test of a call as a whole can show."""
        return {"words": self._words(), "what": self.solver.value(what), "how": self.solver.value(how)}

    def _words(self):
        return {name: self.solver.value(word) for name, word in self.before.all_words().items()}


def theorem(code, name, words, make, lock):
    def prove():
        call = SmallCall(words, lock)
        return call.prove(code, make(call))

    return Theorem(name if lock is NO_LOCK else f"{name}, {lock}", prove)


def theorems_with_locks(code, words):
    """Yield the theorems on regions of so many words that have locks. any_size/locking.py has the other kinds."""
    for lock in OTHER_LOCKS:
        yield from theorems(code, words, lock)


def theorems(code, words, lock=NO_LOCK):
    """Yield the theorems on regions of so many words."""
    most = 32 * words

    def of_call(name, make):
        return theorem(code, name, words, make, lock)

    for word in range(words):
        yield of_call(f"free, of word {word}", lambda call, w=word: call.free(call.frame_of(w)))
        yield of_call(f"alloc_at, of word {word}", lambda call, w=word: call.alloc_at(call.frame_of(w), some("n")))
    yield of_call("free, behind the region", lambda call: call.free(call.number(most, LARGEST - 1)))
    for ends in [(0, 32), (33, LARGEST - 1)]:
        low, high = ends
        yield of_call(f"alloc, {low} to {high}", lambda call, ends=ends: call.alloc(call.number(*ends)))
        for first, last in [(1, 5), (6, 29)]:
            yield of_call(
                f"alloc_aligned to 2**{first} to 2**{last}, {max(1, low)} to {high}",
                lambda call, ends=ends, logs=(first, last): call.alloc_aligned(
                    call.number(*ends), bits(1) << call.number(*logs)
                ),
            )
