"""Hypothesis chooses the operations of the whole public API; tests_target/model.py says what must come of them.

A failure is shown as the shortest list of choices that leads to it.
"""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_operations import RandomOperations
from support import fresh_physmem

OPERATIONS = 40
EXAMPLES = 250
ALIGNMENT = 1 << 19  # more than is ever asked for: an outcome must not depend on where the heap happens to be


@pytest.fixture(autouse=True)
def modules_as_before():
    """fresh_physmem() replaces the library's modules: other tests of this process keep theirs."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("physmem")}
    yield
    for name in [name for name in sys.modules if name.startswith("physmem")]:
        del sys.modules[name]
    sys.modules.update(before)


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_every_sequence_of_operations_agrees_with_the_model(data):
    operations = RandomOperations(fresh_physmem(), lambda bound: data.draw(st.integers(0, bound - 1)), ALIGNMENT)
    operations.run(OPERATIONS, check_after=10)
