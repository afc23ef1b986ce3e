"""Calls of functions of lib/ on regions of one to a few words, all words of which are symbolic.

A state is one array here, as it is for these functions.
"""

from functools import partial

from proof.contract import specification
from proof.contract.regions import HEADER, ROW, SmallMap, assumptions, small_region
from proof.logic.arrays import KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import all_of, bits, some
from proof.logic.theorems import Counterexample, Proof, Theorem
from proof.machine.thumb import Fault
from proof.source import integers
from proof.source.evaluator import Evaluator, Pointer
from proof.source.library import Library

LIBRARY = Library()
SMALL = 1 << 30  # small integers of a board are less
CHANGING = ("free", "fewest", "failed", "version", "tops ", "row ", "starts ", "planes ")  # what calls change


class Region:
    """A region of `words` words, with any words in its state: `before` is its map. `solver` knows its size.

    `library` has the functions; another one has mutants.
    """

    def __init__(self, words, library=LIBRARY):
        arrays, self.before, _ = small_region(words, some("lock"))
        self.words, self.library = words, library
        self._lengths = {name: len(array.words) for name, array in arrays.items()}
        self.state = KnownArray([word for array in arrays.values() for word in array.words])
        self._rows_end = ROW + self._lengths["row"] + self._lengths["starts"]
        self.solver = Solver()
        self.assume((self.before.frames > 32 * (words - 1)) & (self.before.frames <= 32 * words))
        self._call = None

    def assume(self, *conditions):
        for condition in conditions:
            self.solver.assume(condition)

    def number(self, name, low, high):
        """Return a number from `low` to `high`, without sign."""
        number = some(name)
        self.assume((number >= low) & (number <= high))
        return number

    def small_integer(self, name):
        """Return any small integer, which may be negative."""
        number = some(name)
        self.assume(number + SMALL < 2 * SMALL)
        return number

    def power(self, name, low, high):
        """Return a power of two from `low` to `high`, or 0 if `low` is."""
        power = self.number(name, low, high)
        self.assume((power & (power - 1)) == 0)
        return power

    def map(self, state):
        """Return the map of a state that a function has left."""
        words, arrays = iter(state.words), {}
        for name, length in self._lengths.items():
            arrays[name] = KnownArray([next(words) for _ in range(length)])
        return SmallMap(self.words, arrays)

    def some_state(self, name, state, changed):
        """Return a state like `state`, with any word in the place of each whose name is, or starts with, one of
        `changed`."""
        names = []
        for array, length in self._lengths.items():
            names += HEADER if array == "header" else [f"{array} {number}" for number in range(length)]
        words = [
            some(f"{name}: {each}") if each.startswith(changed) else word for each, word in zip(names, state.words)
        ]
        return KnownArray(words)

    def prove(self, module, name, arguments, wanted, lock=None, contracts=None, invariants=None, survives_cuts=False):
        """Prove a call with the state and the Bits `arguments`. Raise Counterexample or Fault, or return the Proof.

        `wanted(after, result)` returns the Truths that must hold, by name; with a Lock, it must be given back as well.
        `survives_cuts`: behind each store to the rows, `recover` would find the rows of before the call (if it takes a
        Lock, of when it has it), or those of after it.
        """
        self._call = name, arguments
        self.check_possible()
        evaluator = Evaluator(self.library, self.solver, contracts, invariants)
        stores = []  # (path, what `recover` makes of the rows) behind each store to them

        def stored(state, array, places):
            if array == "state" and any(ROW <= index < self._rows_end for index, _ in places):
                stores.append((state.path, specification.recovered(self.map(state.arrays["state"]))))

        if survives_cuts:
            evaluator.on_store = stored
        arrays = {"state": self.state, **(lock.arrays if lock else {})}
        values = [Pointer("state"), *map(integers.signed, arguments)]
        try:
            ends = evaluator.ends(module, name, values, arrays)
        except Fault as fault:
            conditions = getattr(fault, "conditions", None)
            if conditions is None or not self.solver.can_be(*conditions):
                raise
            raise Counterexample(str(fault), self.example(None)) from fault
        for path, value, arrays in ends:
            result = None if value is None else value.lowest_bits(32)
            truths = wanted(self.map(arrays["state"]), result)
            if lock:
                truths["the lock is given back"] = ~lock.is_held(arrays)
            self.expect(path, truths, result)
            before = lock.held if lock else self.before
            self._expect_rows_of_either(before, self.map(arrays["state"]), stores, path, result)
        if not any(self.solver.can_be(*path) for path, _, _ in ends):
            raise Counterexample(f"{name} returns on no path: what is assumed of its loops and calls cannot be", {})
        if survives_cuts and not stores:
            raise Counterexample(f"{name} does not store to the rows", {})
        return Proof(questions=self.solver.questions)

    def _expect_rows_of_either(self, before, after, stores, path, result):
        """Raise Counterexample unless `recover` finds the rows of `before` or those of `after` behind each of the
        stores, [(path, what it finds)] of a call that ends on `path`."""
        ways = [specification.recovered(each) for each in (before, after)]
        for store_path, found in stores:
            is_first, is_last = (all_of(one == other for one, other in zip(found, way)) for way in ways)
            both = *path, *store_path
            if not self.solver.holds(is_first, *both):
                self.expect(both, {"recover finds the rows of before or after": is_first | is_last}, result)

    def check_possible(self):
        """Raise Counterexample if no state and no argument fulfil what is assumed: then anything could be proven."""
        if not self.solver.can_be():
            raise Counterexample("no state and no argument fulfil what is assumed", {})

    def expect(self, path, truths, result=None):
        """Raise Counterexample unless the Truths, {name: Truth}, hold on the path. Return the Proof."""
        proven = []
        for name, each in truths.items():
            if each.known is not True and self.solver.can_be(*path, *proven, ~each):
                raise Counterexample(name, self.example(result))
            proven.append(each)
        return Proof(questions=self.solver.questions)

    def example(self, result):
        """Return the numbers of the example that the solver has found: a state, a call, and its result."""
        example = {"words": [self.solver.value(word) for word in self.state.words]}
        if self._call:
            name, arguments = self._call
            numbers = [_signed(self.solver.value(each)) for each in arguments]
            example |= {"function": name, "arguments": numbers}
        return example if result is None else {**example, "result": _signed(self.solver.value(result))}


def whole_region(words, **options):
    """Return a Region that fulfils all invariants."""
    region = Region(words, **options)
    region.assume(*assumptions(region.before))
    return region


class Lock:
    """What the lock and interrupt handlers do to a call: contracts of `hold`, `let_go` and `in_interrupt`.

    A region without a lock stays as it is. Another may have become any other one when the lock is taken, with another
    version; `held` is its map then. The array "lock" says whether it is held, and what `hold` returned.
    """

    def __init__(self, region):
        self.region = region
        self.handler = some("number of the exception")
        self.held = region.before
        self.arrays = {"lock": KnownArray([bits(0), bits(0)])}

    @property
    def is_refused(self):
        return (self.region.before.lock & 3 != 1) & (self.handler != 0)

    def contracts(self):
        return {"in_handler": self._in_handler, "hold_lock": self._hold, "give_lock": self._give}

    def is_held(self, arrays):
        return arrays["lock"].words[0] != 0

    def _in_handler(self, evaluator, state, arguments):
        return integers.signed(self.handler)

    def _hold(self, evaluator, state, arguments):
        before = self.region.map(state.arrays["state"])
        state.arrays["state"] = self.region.some_state("held", state.arrays["state"], CHANGING)
        self.held = self.region.map(state.arrays["state"])
        self.region.assume(*assumptions(self.held))
        is_same = all_of(specification.unchanged(before, self.held).values())
        self.region.assume(((before.lock == 0) | (self.held.version == before.version)).implies(is_same))
        self.region.expect(state.path, {"hold: the lock is not held yet": ~self.is_held(state.arrays)})
        returned = some("what hold returned")
        state.arrays["lock"] = KnownArray([bits(1), returned])
        return integers.signed(returned)

    def _give(self, evaluator, state, arguments):
        returned = arguments[1].lowest_bits(32) == state.arrays["lock"].words[1]
        self.region.expect(state.path, {"let_go: what hold returned": returned & self.is_held(state.arrays)})
        state.arrays["lock"] = KnownArray([bits(0), bits(0)])


def _signed(number):
    return number - (number >> 31 << 32)


def named(words, proofs):
    """Return a Theorem for each of the functions, which take the number of words. It has the name of its function."""
    return [Theorem(proof.__name__.replace("_", " "), partial(proof, words)) for proof in proofs]
