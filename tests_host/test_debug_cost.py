"""physmem_debug costs no instructions until you switch it on, and none after you switch it off.

The counts of raw calls are identical. Those of objects depend a little on where the objects lie in the heap, which
changes when anything else is loaded: they may be 1 % higher, which is less than one function call.
"""

import pytest

from bench.board import compile_modules, run

STATEMENTS = ("free(alloc(1))", "allocate_frames(1).free()")


@pytest.fixture(scope="module")
def rows():
    compile_modules()
    names = ("before loading", "loaded", "statistics on", "all tiers on", "switched off")
    counts = dict(zip(names, run("debug_cost.counts"), strict=True))
    for name, row in counts.items():
        print(f"{name}: {dict(zip(STATEMENTS, row, strict=True))}")
    return counts


@pytest.mark.parametrize("state", ["loaded", "switched off"])
def test_it_costs_nothing(rows, state):
    """Neither once it has been loaded, nor once all tiers have been on."""
    raw, objects = rows[state]
    raw_before, objects_before = rows["before loading"]
    assert raw == raw_before
    assert objects <= objects_before * 1.01


def test_the_counts_tell_whether_it_is_on(rows):
    """The statements above do execute what is switched on."""
    for plain, statistics, everything in zip(
        rows["before loading"], rows["statistics on"], rows["all tiers on"], strict=True
    ):
        assert plain < statistics < everything
