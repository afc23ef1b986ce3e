"""Count raw calls that are closures: what they are where direct calls cannot be made.

Reset the board first: this program replaces physmem.
"""

import sys


class _NoDirectCalls:
    """Stands for the module physmem_direct on a machine where one of its assumptions does not hold."""

    @staticmethod
    def raw_calls_of(*_):
        return None


for _name in list(sys.modules):
    if _name.startswith("physmem") and _name != "physmem_board":
        del sys.modules[_name]
sys.modules["physmem_direct"] = _NoDirectCalls

import maps  # noqa: E402
import physmem_engine as engine  # noqa: E402
from instructions import of_pair, second  # noqa: E402
from physmem_region import SHARED  # noqa: E402


def pairs(frames):
    """Return {statement: instructions} of ``free(alloc(1))`` in an empty region of `frames` frames."""
    assert not getattr(engine, "calls_are_direct", False)
    counts = {}
    for name, attrs in (("free(alloc(1))", 0), ("free(alloc(1)) in a SHARED region", SHARED)):
        region = maps.new_region(frames, attrs)
        counts[name] = second(of_pair, region.alloc, region.free, 1)
    return counts
