"""The order of the stores: whenever the power fails, `recover` finds the rows of before the call, or those of after it.

What `recover` makes of the rows is written in the specification. Behind each store it must be what it was before the
store, except for one store of the call, which makes the change. So it is that of before up to this store, and from then
on that of after, which is the state itself, as its invariants hold.
"""

from proof.contract import specification
from proof.contract.regions import SmallMap
from proof.logic.terms import all_of
from proof.logic.theorems import Counterexample
from proof.machine.exploration import CODE

CHANGED = "the store that makes the change"
ROWS = ("row", "starts")
_STORE = 2  # bytes of an instruction that stores into memory


class Stores:
    """Watches the stores of an exploration on a region of `words` words.

    `example()` returns the numbers of the example that the solver has found. `wrong` is a Counterexample for the first
    store after which `recover` finds neither the rows of before the call nor those of after it; None if there is none.
    `checked` is how many stores to the rows there were.
    """

    def __init__(self, words, example):
        self._words, self._example = words, example
        self.wrong, self.checked = None, 0

    def stored(self, exploration, state, name, index, array):
        if name not in ROWS:
            return
        self.checked += 1
        before = self._recovered({**state.arrays, name: array})
        after = self._recovered(state.arrays)
        is_same = all_of(old == new for old, new in zip(before, after))
        if exploration.solver.holds(is_same, *state.path):
            return
        if CHANGED in state.notes and not self.wrong:
            place = exploration.function.place(state.pc - CODE - _STORE)
            what = (
                f"{place}: if the power fails, recover finds neither the rows of before the call nor those of after it"
            )
            self.wrong = Counterexample(what, self._example())
        state.notes[CHANGED] = True

    def _recovered(self, arrays):
        return specification.recovered(SmallMap(self._words, arrays))
