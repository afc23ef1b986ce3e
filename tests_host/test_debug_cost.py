"""physmem_debug costs nothing until it is switched on, and nothing after it was: counts of instructions.

The count of raw calls is the same. That of objects depends a little on where in the heap they land, which differs as
soon as anything else has been loaded: it may be a hundredth more, which is less than one call of a function.
"""

import pytest

from bench_board import compile_modules, run

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
    """When it has been loaded, and when all tiers have been on."""
    raw, objects = rows[state]
    raw_before, objects_before = rows["before loading"]
    assert raw == raw_before
    assert objects <= objects_before * 1.01


def test_the_counts_tell_whether_it_is_on(rows):
    """The statements above do go through what is switched on."""
    for plain, statistics, everything in zip(
        rows["before loading"], rows["statistics on"], rows["all tiers on"], strict=True
    ):
        assert plain < statistics < everything
