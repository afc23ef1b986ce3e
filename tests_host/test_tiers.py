"""Each test is in a tier: of `make test`, `make check` or `make check-release`, or of two with other amounts."""

import json
import os
import platform
import subprocess
import sys
from functools import cache

import pytest

from emulated_board import ROOT, memory_map
from harness import durations, needs, target_files, tiers, tiers_table
from harness.runners import all_runners, missing
from qemu import QEMU_MACHINES

WITH_THEIR_OWN_MACHINE_CODE = tuple(QEMU_MACHINES)
"""The RP2350 has the core of MPS2_AN505, and the Pico the machine code of MPS2_AN385."""
ONE_OF_EACH_CHIP = (*QEMU_MACHINES, "RPI_PICO", "RPI_PICO2")
EACH = (tiers.TEST, tiers.CHECK, tiers.RELEASE)
COPY = "SPARKFUN_PROMICRO_RP2350"
HERE = [runner for runner in tiers.RUNNERS if not (runner == tiers.STOCK_UNIX and missing())]
"""The runners that this host has. The tiers are the same on all hosts, and so is their table."""
pytestmark = pytest.mark.xdist_group("tiers")


@cache
def all_collected():
    """Return what pytest collects here: tier -> the ids of its tests, in order."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, ROOT / "tests_host" / "programs" / "collected_tests.py"]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    line = next((line for line in process.stdout.splitlines() if line.startswith("{")), None)
    assert line, process.stdout + process.stderr
    return json.loads(line)


def collected(tier):
    return all_collected()[tier]


def is_run(file, runner, tier):
    """Return whether the tests of the TargetFile *file* run on *runner* in *tier*."""
    return any(name.startswith(on_targets(runner, file.path.stem)) for name in collected(tier))


def on_targets(runner, file):
    """Return the first part of the ids of the tests of *file* on *runner*."""
    if runner == tiers.CPYTHON:
        return f"tests_target/{file}.py::"
    return f"tests_host/test_on_targets.py::test_on_target[{runner}-{file}-"


def test_every_test_is_in_a_tier():
    everything, test, check, release = (set(collected(tier)) for tier in (tiers.ALL, *EACH))
    assert len(everything) == len(collected(tiers.ALL))
    assert everything == test | check | release
    assert check & release == set()
    assert test & (check | release) == {name for name in everything if tiers.amount_of(name)} != set()


def test_each_test_that_the_tiers_name_exists():
    everything = collected(tiers.ALL)
    for pattern in tiers.LEFT_OUT[tiers.CHECK] | tiers.LEFT_OUT[tiers.RELEASE]:
        assert any(tiers.pattern_of(name) == pattern for name in everything), pattern
    for name, amount in tiers.AMOUNTS.items():
        assert any(tiers.amount_of(test) is amount for test in everything), name
    files = {file.path.stem for file in target_files.test_files()}
    named = [name for kind in tiers.KINDS for name in kind.files or ()]
    assert set(named) <= files and len(named) == len(set(named))


def test_the_runners_are_those_there_are():
    assert set(HERE) == {tiers.CPYTHON, *all_runners()}


def test_the_other_tier_runs_more():
    for name, amount in tiers.AMOUNTS.items():
        less, more = sorted((amount.test, amount.more))
        assert 0 < less < more, name


def test_each_file_runs_on_each_of_its_runners():
    """In one of the tiers, all of its tests; and on a host or a board in `make test`."""
    for file in target_files.test_files():
        for runner in HERE:
            first = on_targets(runner, file.path.stem)
            found = [sum(name.startswith(first) for name in collected(tier)) for tier in EACH]
            assert sorted(found) == [0, 0, len(file.tests) if file.is_for(runner) else 0]
        assert any(is_run(file, runner, tiers.TEST) for runner in tiers.RUNNERS)


def test_each_file_runs_on_a_board_and_on_another_before_a_change_lands():
    """Those that boards have, in `make test` or `make check`; and each board has files that no other has there."""
    ran = dict.fromkeys(tiers.OTHER_BOARDS, 0)
    boards = (tiers.AN385, *tiers.OTHER_BOARDS)
    for file in target_files.test_files():
        fit = [board for board in boards if file.is_for(board)]
        found = [board for board in fit if any(is_run(file, board, tier) for tier in (tiers.TEST, tiers.CHECK))]
        assert len(found) >= min(len(fit), 2), file.path.stem
        if len(found) == 2 and found[0] == tiers.AN385:
            ran[found[1]] += 1
    assert min(ran.values()) > 2, ran


def test_micropython_that_others_built_runs_each_file_in_make_test():
    """On one of the two at least, and files that the other has not."""
    ran = dict.fromkeys(tiers.STOCK, 0)
    for file in target_files.test_files():
        fit = [runner for runner in tiers.STOCK if file.is_for(runner, "x86_64")]
        found = [runner for runner in fit if tiers.tiers_of("", runner, file.path) == (tiers.TEST,)]
        assert bool(found) == bool(fit), file.path.stem
        if len(found) == 1:
            ran[found[0]] += 1
    assert min(ran.values()) > 10, ran


@pytest.mark.parametrize("board", ONE_OF_EACH_CHIP)
def test_each_chip_boots_in_make_test(board):
    test = collected(tiers.TEST)
    for file in ("test_boot", "test_raw_calls", "test_random_operations"):
        assert any(name.startswith(on_targets(board, file)) for name in test), file


@pytest.mark.parametrize("board", WITH_THEIR_OWN_MACHINE_CODE)
def test_each_core_runs_its_machine_code_in_make_test(board):
    assert any(name.startswith(on_targets(board, "test_machine_code")) for name in collected(tiers.TEST))


@pytest.mark.parametrize(("board", "tier"), [("PIMORONI_PICO_PLUS2", tiers.TEST), (COPY, tiers.CHECK)])
def test_boards_with_psram_boot_and_use_it(board, tier):
    for file in ("test_boot", "test_psram"):
        assert any(name.startswith(on_targets(board, file)) for name in collected(tier)), file


def test_boards_of_few_files_have_the_memory_plan_of_another():
    """What they do not run, a board with the same plan runs."""
    for board in target_files.FEW_FILES:
        plan, other = memory_map(board), memory_map("PIMORONI_PICO_PLUS2")
        assert {name: value for name, value in plan.items() if name.isupper() and name != "NAME"} == {
            name: value for name, value in other.items() if name.isupper() and name != "NAME"
        }


def test_the_page_has_the_table():
    assert tiers_table.PAGE.read_text() == tiers_table.page(), "run make tiers-table"


def test_the_table_is_the_same_on_all_hosts(monkeypatch):
    """Also where the unix port is bytecode, and so runs what needs that."""
    here = tiers.table()
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert needs.has("UNIX", ("bytecode",))
    assert tiers.table() == here


class Item:
    """What the order looks at."""

    def __init__(self, name, group=None):
        self.name = name
        self.group = group

    def get_closest_marker(self, name):
        return self.group and pytest.mark.xdist_group(self.group).mark


def test_the_longest_starts_first(monkeypatch):
    """A group that nobody has timed before all, a single test that nobody has timed after all."""
    monkeypatch.setattr(durations, "read", lambda tier: {"short": 1, "long": 9, "alone": 5})
    items = [
        Item("unknown"),
        Item("a", "short"),
        Item("b", "long"),
        Item("alone"),
        Item("c", "new"),
        Item("d", "short"),
    ]
    sorted_items = durations.longest_first(items, tiers.TEST, lambda item: item.group or item.name)
    assert [item.name for item in sorted_items] == ["c", "b", "alone", "a", "d", "unknown"]


def test_pytest_starts_them_in_that_order():
    """The order is kept over the whole collection, and the tests of a group stay together."""
    recorded = durations.read(tiers.TEST)
    ids = [name.partition("::test_on_target[")[2] for name in collected(tiers.TEST)]
    groups = ["-".join(name.split("-")[:2]) for name in ids if name]
    in_order = list(dict.fromkeys(groups))
    assert len(in_order) > 100
    assert groups == [group for group in in_order for _ in range(groups.count(group))]
    seconds = [recorded.get(group, float("inf")) for group in in_order]
    assert seconds == sorted(seconds, reverse=True)
