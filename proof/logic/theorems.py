"""What is proven, one after the other: a name, and a function that proves it."""

from dataclasses import dataclass, field


class Counterexample(Exception):
    """A theorem does not hold: `what` fails, for the numbers of the `example`."""

    def __init__(self, what, example):
        super().__init__(what)
        self.what, self.example = what, example

    def __reduce__(self):
        return Counterexample, (self.what, self.example)


class Theorem:
    """`prove()` returns what a Proof can be made of, or raises Counterexample, thumb.Fault or solver.Undecided."""

    def __init__(self, name, prove):
        self.name = name
        self.prove = prove


@dataclass
class Proof:
    """How a theorem was proven: most instructions of a path, instructions that were executed, questions to the solver.

    A stretch begins at the point `begins`, and goes on at those of `reached`, or at the end of the call."""

    steps: int = 0
    executed: set = field(default_factory=set)
    questions: int = 0
    begins: str = ""
    reached: tuple = ()


def from_stretches(stretches):
    """Yield the Theorems of (name, function that returns a points.Result)."""

    def proven(prove):
        result = prove()
        if result.failures:
            where, what, example = result.failures[0]
            raise Counterexample(f"{where}: {what}", example)
        return Proof(result.steps, result.executed, result.questions, result.begins, tuple(result.reached))

    for name, prove in stretches:
        yield Theorem(name, lambda prove=prove: proven(prove))


def of_exploration(exploration):
    """Return the Proof of an Exploration that has proven something."""
    steps = max((end.steps for end in exploration.ended), default=0)
    return Proof(steps, exploration.executed, exploration.solver.questions)
