"""Hypothesis chooses operations from the whole public API; tests_target/model.py tells what each must do.

A failure is shown as the shortest list of choices that causes it.
"""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_operations import RandomOperations
from support import fresh_physmem

OPERATIONS = 40
ALIGNMENT = 1 << 19  # more than any request asks for, so that no result depends on where the heap happens to be


@pytest.fixture(autouse=True)
def modules_as_before():
    """Restore the library's modules, which fresh_physmem() replaces, for the other tests of this process."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("physmem")}
    yield
    for name in [name for name in sys.modules if name.startswith("physmem")]:
        del sys.modules[name]
    sys.modules.update(before)


def test_every_sequence_of_operations_agrees_with_the_model(amount):
    tried = 0

    @settings(
        max_examples=amount,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.data())
    def agrees(data):
        nonlocal tried
        tried += 1
        operations = RandomOperations(fresh_physmem(), lambda bound: data.draw(st.integers(0, bound - 1)), ALIGNMENT)
        operations.run(OPERATIONS, check_after=10)

    agrees()
    assert tried >= amount > 0
