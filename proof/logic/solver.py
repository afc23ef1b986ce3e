"""Ask bitwuzla: can all of these be true at once, and with which numbers?"""

import time

import bitwuzla

from proof.logic.terms import MANAGER, Bits, truth


class Undecided(Exception):
    """The solver has given up."""


class Solver:
    """Conditions that always hold, and questions. `questions` and `seconds` say what they have cost."""

    def __init__(self):
        options = bitwuzla.Options()
        options.set(bitwuzla.Option.PRODUCE_MODELS, True)
        self._solver = bitwuzla.Bitwuzla(MANAGER, options)
        self.questions = 0
        self.seconds = 0.0

    def assume(self, condition):
        """From now on, the Truth `condition` holds."""
        condition = truth(condition)
        if condition.known is not True:
            self._solver.assert_formula(condition.term)

    def can_be(self, *conditions):
        """Return whether all of the conditions, Truths, can be true at once."""
        conditions = [truth(each) for each in conditions]
        if any(each.known is False for each in conditions):
            return False
        self.questions += 1
        start = time.perf_counter()
        result = self._solver.check_sat(*[each.term for each in conditions if each.known is None])
        self.seconds += time.perf_counter() - start
        if result == bitwuzla.Result.UNKNOWN:
            raise Undecided("the solver gives no answer")
        return result == bitwuzla.Result.SAT

    def holds(self, conclusion, *premises):
        """Return whether `conclusion` is true whenever all premises are."""
        return not self.can_be(*premises, ~truth(conclusion))

    def value(self, thing):
        """Return the number of the Bits, or the bool of the Truth, in the example that made `can_be` return True."""
        if isinstance(thing, Bits):
            if thing.number is not None:
                return thing.number
            return int(self._solver.get_value(thing.term).value(10))
        if thing.known is not None:
            return thing.known
        return self._solver.get_value(thing.term).is_true()
