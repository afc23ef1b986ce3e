"""Count the instructions of stretches: from each point on, no more than `at_most` says there.

What a point says at `at_most` is a limit for the rest of the call. It holds if for each path from the point to a next
one the instructions of the path, and the limit there, are no more than the limit here. At the end of the call there is
nothing more. Each path of a whole call is a chain of such stretches: so the limit where it begins is one for all of it.
What else the points say is assumed here; the other proofs of the same stretches show that it is true.

Nobody interferes: the version stays, so LOCK takes the lock when it is asked, and no search is repeated; and the spin
lock is free. Interrupts and waiting for the other core come on top.
"""

from contextlib import contextmanager

from proof.any_size.classes import MOST
from proof.any_size.points import Call
from proof.logic.terms import Bits, all_of, bits
from proof.machine.thumb import COST, Fault


class Counting:
    """What a Call counts with: what it assumes, what subroutines cost, and what must be true where a stretch ends."""

    def begin(self, call):
        """A region has up to 32 groups of words here: 32,768 frames."""
        call.solver.assume(call.region.span == 0)
        call.region.has_one_group_each = True
        costs = call.costs_of_lock
        call.solver.assume(costs["lock"] <= costs["settle"])
        for most in costs.values():
            call.solver.assume(most <= 100)

    def counted(self, call, name, contract):
        """Return the contract of a subroutine that adds what the subroutine costs at most."""
        if name == "LOCK":
            return lambda exploration, state: self._locked(call, contract(exploration, state))
        if name not in MOST:
            return contract

        def apply(exploration, state):
            states = contract(exploration, state)
            for each in states:
                each.cost = each.cost + MOST[name]
            return states

        return apply

    def _locked(self, call, states):
        """Return the states behind LOCK in which the version was the same, or in which the call is refused."""
        same = [each for each in states if call.lock.is_refused or each.registers[7].number == 0]
        for each in same:
            each.cost = each.cost + call.lock.instructions
        return same

    def conditions(self, call, where, end, at):
        """Return what must be true where a stretch ends at a point, {name: Truth}. `at`: the Checked of what is said
        there, which is true."""
        if call.limit is None or at.most is None:
            raise Fault(f"{where}: at.at_most() does not say how many instructions are left")
        is_enough = is_at_least_0(call.limit - at.most - spent(end))
        return {"the instructions": all_of(at.conditions.values()).implies(is_enough)}

    def at_the_end(self, call, end):
        """Return what must be true at the end of a call: {name: Truth}."""
        if call.limit is None:
            raise Fault("at.at_most() does not say how many instructions are left")
        return {"the instructions": is_at_least_0(call.limit - spent(end))}


def is_at_least_0(total):
    """Return the Truth that a number of instructions, which has a sign, is not negative. What is multiplied by the same
    factor is added first: words that were left, less those that are left now, are few."""
    parts, number = total.parts()
    by_factor = {}
    for part, factor in parts.values():
        factor -= factor >> (COST - 1) << COST
        by_factor[abs(factor)] = by_factor.get(abs(factor), bits(0, COST)) + (part if factor > 0 else -part)
    grouped = bits(number, COST)
    for factor, each in by_factor.items():
        grouped = grouped + (each if each.number is not None else Bits(COST, None, each.term)) * factor
    return ~grouped.less_with_sign(0)


def spent(end):
    """Return the instructions from the start of the stretch to the State `end`."""
    return end.cost + end.steps


@contextmanager
def counting(how):
    """Inside, each Call that is made counts its instructions, and proves nothing else."""
    before, Call.counting = Call.counting, how
    try:
        yield how
    finally:
        Call.counting = before


def theorem(prove):
    """Return the function that proves the same stretches as `prove`, but of their instructions."""

    def proven():
        with counting(Counting()):
            return prove()

    return proven
