"""Which of the tests that pytest has collected run in a tier, and in which order."""

import pytest

from harness import durations, tiers


def name_of(item):
    """Return the id of the test *item* without the group that xdist appends."""
    return f"{item.path.relative_to(item.config.rootpath).as_posix()}::{item.name}"


def _tiers_of(item):
    if hasattr(item, "runner_name"):  # of --target
        return tiers.tiers_of(name_of(item), item.runner_name, item.path)
    if item.path.parent.name == "tests_target":
        return tiers.tiers_of(name_of(item), tiers.CPYTHON, item.path)
    arguments = item.callspec.params if hasattr(item, "callspec") else {}
    if "runner_name" in arguments:
        return tiers.tiers_of(name_of(item), arguments["runner_name"], arguments["file"].path)
    return tiers.tiers_of(name_of(item))


def selected(items, tier):
    """Return those of *items* that run in *tier*, the longest groups first. Mark what `make test` leaves out."""
    found = []
    for item in items:
        in_tiers = _tiers_of(item)
        if tiers.TEST not in in_tiers:
            item.add_marker(pytest.mark.check)
        if tier == tiers.ALL or tier in in_tiers:
            found.append(item)
    return durations.longest_first(found, tier, lambda item: durations.group_of(item) or name_of(item))


def amount(item, tier):
    """Return how many of what it counts the test *item* does in *tier*."""
    return tiers.amount_of(name_of(item)).of(tier)
