"""The tiers of the tests, the order in which they start, and what they run on: see tiers.py, durations.py and
targets.py in tests_host/harness/."""

import pytest

from harness import durations, runners, selection, target_tests, tiers


def pytest_addoption(parser):
    group = parser.getgroup("physmem")
    group.addoption(
        "--tier",
        choices=tiers.TIERS,
        default=tiers.ALL,
        help="test: what make test runs; check: what make check adds; release: what both leave out; all: all of them, "
        "each test with its larger amount (default)",
    )
    group.addoption(
        "--target",
        action="append",
        help="run tests_target there, and no other tests: cpython (as without it), unix, rp2040, rp2350, the name of a "
        "board in an emulator, /dev/ttyACM0 for a real board, labgrid:PLACE; several times for several at once",
    )
    group.addoption("--record-durations", action="store_true", help="write how long each group takes, for the order")


def pytest_configure(config):
    config.addinivalue_line("markers", "check: left out of make test; tests_host/harness/tiers.py says which, and why")
    if config.getoption("record_durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(durations.Recorder(config.getoption("tier")))
    if config.getoption("target"):
        config.pluginmanager.register(target_tests.TargetPlugin(config), target_tests.PLUGIN)


def pytest_report_header():
    return [runners.missing()] if runners.missing() else []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    selected = selection.selected(items, config.getoption("tier"))
    kept = set(selected)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = selected


@pytest.fixture
def amount(request):
    """Return how many of what it counts the test does in the tier that runs."""
    return selection.amount(request.node, request.config.getoption("tier"))
