"""The names that `init` gives regions, over maps that hypothesis makes of names that `init` makes up itself."""

import name_maps
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import fresh_physmem, without_a_system

ENTRIES = st.lists(
    st.tuples(st.sampled_from(name_maps.NAMES), st.integers(0, name_maps.PAGES - 1), st.integers(0, 5)), max_size=6
)


@pytest.fixture(scope="module")
def physmem():
    return fresh_physmem()


@settings(max_examples=1500, deadline=None)
@given(free=ENTRIES, reserved=ENTRIES)
def test_names_are_unique_and_stay_where_they_were_given(physmem, free, reserved):
    name_maps.check_map(physmem, without_a_system, free, reserved)
