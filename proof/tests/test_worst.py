"""The limits of docs/worst_case.md hold on the most expensive maps known, and no point says more than it must."""

import re
from dataclasses import replace

import pytest

from proof.any_size import points
from proof.machine import machine_code
from proof.machine.exploration import SUBROUTINES
from proof.machine.flow import Flow
from proof.worst import __main__ as page
from proof.worst import limits, rows

ROWS = rows.read()


@pytest.fixture(scope="module")
def code(serve):
    return serve, Flow(serve, SUBROUTINES)


@pytest.fixture(scope="module")
def proven(code):
    return limits.Limits(code)


def stretch(code, name):
    """Return the Result of one stretch."""
    (prove,) = [prove for each, prove in limits.stretches(code) if each == name]
    return prove()


@pytest.fixture(scope="module")
def written():
    """What is proven, as the page says it."""
    text = (machine_code.ROOT / "docs" / "worst_case.md").read_text()
    return text.partition(page.FIRST)[2].partition(page.LAST)[0]


@pytest.fixture(scope="module")
def added(serve):
    """{number of arguments: instructions that MicroPython adds}."""
    return rows.constants(serve, [row for row in ROWS if row.size == 2048])


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_most_expensive_map_keeps_to_the_limit_that_the_page_has(row, serve, proven, added, written):
    limit = proven.of(row)
    assert rows.steps(serve, row) <= limit
    assert page.cell(row, limit + added[len(row.arguments)]) in written


def test_micropython_adds_as_much_to_each_call(serve):
    few = [row for row in ROWS if row.size == 2048]
    assert set(rows.constants(serve, few)) == {1, 2}
    few[-1] = replace(few[-1], found=few[-1].found + 1)
    with pytest.raises(ValueError, match=re.escape(few[-1].name)):
        rows.constants(serve, few)


@pytest.mark.parametrize(
    "name",
    [
        "SEEK",
        "FILL",
        "BETWEEN_1",
        "TAKE_HELD",
        "CLEAR",
        "FEW, 1 to 1 frames",
        "NATURAL_WORD, 8 to 15 frames",
        "LONG",
        "STEP_OVER, at multiples of 64",
        "LOWEST, each lock",
        "ANSWER of a release, each lock",
    ],
)
def test_one_instruction_less_is_too_few(name, code, monkeypatch):
    at_most = points.Assumed.at_most
    monkeypatch.setattr(points.Assumed, "at_most", lambda at, number, *terms: at_most(at, number - 1, *terms))
    assert {what for _, what, _ in stretch(code, name).failures} == {"the instructions"}


@pytest.mark.parametrize("name", ["RAISE", "LOWER", "LOWER_WORD", "RAISE_SEVERAL", "LOWER_SEVERAL", "LAST_TOP"])
def test_a_subroutine_may_take_as_long_as_is_said(name, code, monkeypatch):
    at_most = points.Assumed.at_most
    monkeypatch.setattr(points.Assumed, "at_most", lambda at, number, *terms: at_most(at, number - 1, *terms))
    assert {what for _, what, _ in stretch(code, name).failures} == {"the instructions"}


def test_a_point_that_says_nothing_is_refused(code, monkeypatch):
    monkeypatch.setattr(points.Checked, "at_most", lambda at, number, *terms: None)
    failures = stretch(code, "SEEK").failures
    assert any("at.at_most() does not say" in what for _, what, _ in failures)
