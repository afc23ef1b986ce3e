"""The tiers of the tests, and the order in which they start: see tests_host/harness/tiers.py and durations.py."""

import pytest

from harness import durations, runners, selection, tiers


def pytest_addoption(parser):
    group = parser.getgroup("physmem")
    group.addoption(
        "--tier",
        choices=tiers.TIERS,
        default=tiers.ALL,
        help="test: what make test runs; check: the rest; all: both, each test with its larger amount (default)",
    )
    group.addoption("--record-durations", action="store_true", help="write how long each group takes, for the order")


def pytest_configure(config):
    config.addinivalue_line("markers", "check: left out of make test; tests_host/harness/tiers.py says which, and why")
    if config.getoption("record_durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(durations.Recorder(config.getoption("tier")))


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
