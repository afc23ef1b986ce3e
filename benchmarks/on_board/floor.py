"""Count calls that do nothing: the floor against which you read all other counts."""

from array import array

import instructions
import micropython


@micropython.viper
def no_op(state: ptr32, n: int) -> int:
    """The least that a raw call written in Python could do: machine code that takes the state and a number."""
    return n


def run():
    """Return the instructions of two calls of the no-op."""
    return instructions.second(instructions.of_two_calls, no_op, array("I", [0] * 8), 1)
