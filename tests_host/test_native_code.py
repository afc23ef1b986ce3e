"""scripts/check_native_code.py: which indexes of viper code MicroPython 1.26 and 1.27 change."""

import pytest

import check_native_code

VIPER = "@micropython.viper\ndef f({}):\n    {}\n"


@pytest.mark.parametrize(
    ("parameters", "statement"),
    [
        ("p: ptr32, i: int", "p[i] = 7"),
        ("p: ptr16, q: int, i: int", "x = p[i]"),
        ("p: ptr32", "i = 1; p[i] += 1"),
        ("p", "i = 1; ptr32(p)[i] = 2"),
    ],
)
def test_index_in_a_register_is_found(parameters, statement):
    assert check_native_code.indexes_in_registers(VIPER.format(parameters, statement)) == [(3, "i")]


@pytest.mark.parametrize(
    ("parameters", "statement"),
    [
        ("p: ptr32, q: int, r: int, i: int", "p[i] = 7"),
        ("p: ptr32, i: int", "p[i + 1] = 7"),
        ("p: ptr32, i: int", "ptr8(p)[i] = 7"),
        ("p: ptr32, q: int", "x = y = 1; i = 2; p[i] = x"),
    ],
)
def test_other_indexes_are_not(parameters, statement):
    assert check_native_code.indexes_in_registers(VIPER.format(parameters, statement)) == []


def test_code_that_is_not_viper_is_not_read():
    assert check_native_code.indexes_in_registers("def f(p, i):\n    p[i] = 7\n") == []
