"""The most expensive raw calls that the search has found cost what is recorded, and no more than they may.

They are counted on MPS2_AN385 under QEMU, each in a new region whose bitmap is made by raw calls. `make adversary`
finds them and writes benchmarks/studies/worst_maps.json.
"""

from itertools import product

from studies import adversary
import pytest
from bench.board import BenchBoard, compile_modules

TOLERANCE = 0.02
ROWS = adversary.read_rows()
BOUNDED = [row for row in ROWS if row["bounded"]]
OTHERS = [row for row in ROWS if row["frames"] == adversary.FRAMES and not row["bounded"]]

pytestmark = pytest.mark.xdist_group("adversary")


@pytest.fixture(scope="module")
def board():
    compile_modules()
    with BenchBoard() as board:
        yield board


@pytest.fixture(scope="module")
def instructions(board):
    """Return a function that returns what a row costs now; each row is counted once."""
    counted = {}

    def count(row):
        if row["name"] not in counted:
            arguments = row["frames"], row["shared"], row["used"], row["call"], row["arguments"]
            counted[row["name"]] = board.run("adversary_map.replay", *arguments)
        return counted[row["name"]]

    return count


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=[row["name"] for row in rows])


@named(ROWS)
def test_the_figure_is_what_the_call_costs(row, instructions):
    assert instructions(row) == pytest.approx(row["instructions"], rel=TOLERANCE)


@named(BOUNDED)
def test_a_power_of_two_stays_within_its_bound(row, instructions):
    assert instructions(row) <= adversary.BOUND


@named(OTHERS)
def test_any_call_in_2048_frames_stays_within_its_bound(row, instructions):
    assert instructions(row) <= adversary.BOUND_OF_ANY == adversary.bound_of(row)


def test_there_is_a_row_of_each_kind():
    assert [row["name"] for row in ROWS] == [adversary.row_name(*kind) for kind in adversary.kinds()]


@pytest.mark.parametrize("call", ["alloc", "free"])
@pytest.mark.parametrize("n", adversary.POWERS)
def test_each_power_of_two_is_bounded(call, n):
    assert [row for row in BOUNDED if (row["call"], row["n"]) == (call, n)]


def test_a_window_is_tried_with_every_map(board):
    width = 4
    maps = ["".join(letters) for letters in product(".[=", repeat=width) if ".=" not in "".join(letters)]
    # On each map these calls are tried: alloc(n) for 1 .. width, alloc_aligned(n, align) with 2, 4 and 8, free of each
    # of its allocations, and alloc_at of each run of free frames.
    calls = 0
    for letters in maps:
        runs = sum(letters[i : i + n] == "." * n for n in range(1, width + 1) for i in range(width - n + 1))
        starts = letters.count("[") + (letters[0] == "=")
        calls += width * 4 + runs + starts
    frames = 8
    tried, called, costliest = board.run("adversary_search.exhaustive", frames, False, 0, width, 2)
    assert (tried, called) == (len(maps), calls)
    assert set(costliest) == {
        *((call, n) for call in ("alloc", "alloc_aligned", "alloc_at", "free") for n in (0, 1, 2, 4)),
    }


def test_a_search_finds_what_costs_more(board):
    # A single allocation in a region of 64 frames is a start that is easily beaten.
    kind, frames, empty = ("free", 1), 64, b"[" + b"." * 63
    before = board.run("adversary_search.climb", kind, frames, False, 1, 0, (0, (0,), empty))
    after = board.run("adversary_search.climb", kind, frames, False, 1, 200, before)
    plain = board.run("adversary_search.simplify", kind, frames, False, after, 1)
    assert before[1:] == ((0,), empty)
    assert before[0] < after[0] <= plain[0]
    for cost, arguments, drawn in (after, plain):
        used = adversary.allocations(drawn)
        assert board.run("adversary_map.replay", frames, False, used, "free", arguments) == cost


def test_a_map_is_the_same_in_letters_and_in_numbers():
    row = {"frames": 12, "used": [[0, 1], [1, 3], [6, 2], [11, 1]]}
    assert adversary.letters(row) == b"[[==..[=...["
    assert adversary.allocations(adversary.letters(row)) == row["used"]
