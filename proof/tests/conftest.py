"""The machine code, which most tests are about."""

import pytest

from proof.machine import machine_code


@pytest.fixture(scope="session")
def functions():
    return machine_code.functions()


@pytest.fixture(scope="session")
def serve(functions):
    return functions["serve"]
