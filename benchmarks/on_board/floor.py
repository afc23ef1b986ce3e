"""What a call costs that does nothing, in the terms in which all other counts are to be read."""

from array import array

import instructions
import micropython


@micropython.viper
def no_op(state: ptr32, n: int) -> int:
    """The least that a raw call written in Python could be: machine code that takes the state and a number."""
    return n


def run():
    """Instructions of two calls of the no-op."""
    return instructions.second(instructions.of_two_calls, no_op, array("I", [0] * 8), 1)
