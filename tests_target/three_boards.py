"""Random work that the three MPS2 boards share.

They have the same bytecode and, as test_two_cores.py says, the same machine code. So each makes a third of the tries,
with a seed of its own: together all, and all of them different.
"""

from physmem_board import NAME

_SHARING = ("MPS2_AN385", "MPS2_AN500", "MPS2_AN505")

WHICH = _SHARING.index(NAME) if NAME in _SHARING else 0
"""Which of the three this is; 0 on other machines, which make all tries."""


def share_of(tries):
    """Return how many of `tries` this machine makes."""
    return -(-tries // len(_SHARING)) if NAME in _SHARING else tries
