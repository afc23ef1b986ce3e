"""What the specification asks of a call can be fulfilled in one way only: one result, and one word for each word.

So two codes of which the theorems hold return the same and leave the same.
"""

from functools import partial

from proof.contract import specification
from proof.contract.regions import SmallMap, assumptions, small_region
from proof.logic.arrays import KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import bits, some
from proof.logic.theorems import Counterexample, Proof, Theorem

LARGEST = 1 << 30


def _any_map(words, name):
    """Return a SmallMap of words that may be any."""
    arrays, _, _ = small_region(words)
    other = {
        key: KnownArray([some(f"{name}, {key} {number}") for number in range(len(array.words))])
        for key, array in arrays.items()
    }
    return SmallMap(words, other)


def _calls(before, solver):
    """Return {name of a call: function(after, result, place) that returns what must hold}."""
    frame, n, log = some("frame"), some("n"), some("logarithm")
    solver.assume((n >= 1) & (n < LARGEST) & (frame <= before.frames) & (n <= before.frames - frame) & (log < 30))
    any_n, any_frame, align = some("any n"), some("any frame"), bits(1) << log
    solver.assume((any_n < LARGEST) & (any_frame < LARGEST))
    return {
        "alloc": lambda after, result, place: specification.alloc(before, after, result, any_n, None, place),
        "alloc_aligned": lambda after, result, place: specification.alloc(before, after, result, n, align, place),
        "alloc_at": lambda after, result, _: specification.alloc_at(before, after, result, frame, n),
        "free": lambda after, result, _: specification.free(before, after, result, any_frame),
    }


def prove(words, name):
    """Prove it for one call on regions of so many words, with any lock. Each of two outcomes names a place that the
    other must not be below."""
    solver = Solver()
    _, before, _ = small_region(words, some("lock"))
    for each in assumptions(before):
        solver.assume(each)
    asked = _calls(before, solver)[name]
    one, other = (_any_map(words, which) for which in ("one", "other"))
    result, other_result = some("result of one"), some("result of other")
    for each in (*asked(one, result, other_result).values(), *asked(other, other_result, result).values()):
        solver.assume(each)
    if not solver.can_be():
        raise Counterexample("no outcome fulfils what is asked", {})
    pairs = zip(one.all_words().items(), other.all_words().values())
    truths = {"result": result == other_result, **{key: mine == theirs for (key, mine), theirs in pairs}}
    for key, truth in truths.items():
        if not solver.holds(truth):
            raise Counterexample(f"two outcomes of {name} differ: {key}", {})
    return Proof(questions=solver.questions)


def theorems(words):
    """Yield the theorems on regions of so many words."""
    for name in ("alloc", "alloc_aligned", "alloc_at", "free"):
        yield Theorem(f"one outcome of {name}", partial(prove, words, name))
