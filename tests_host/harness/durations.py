"""How long the groups of tests took, which decides only in which order they start: the longest first.

A worker that gets a long group last makes the others wait for it.
"""

import json
from collections import Counter
from pathlib import Path

PATH = Path(__file__).with_name("durations.json")
LEAST = 0.5  # seconds from which on a test that is in no group is worth a line


def group_of(item):
    """Return the group of an item whose tests one worker runs, in order; None if it is in none."""
    mark = item.get_closest_marker("xdist_group")
    return mark and (mark.args[0] if mark.args else mark.kwargs["name"])


def read(tier):
    """Return seconds by group, or by test for a test that is in none."""
    recorded = json.loads(PATH.read_text()) if PATH.exists() else {}
    if tier in recorded:
        return recorded[tier]
    longest = {}
    for seconds in recorded.values():
        longest |= {name: max(seconds[name], longest.get(name, 0)) for name in seconds}
    return longest


def longest_first(items, tier, key):
    """Return *items* sorted: groups that nobody has timed, then by duration, the tests of a group together. *key* of an
    item is its group or, for a test in none, its name."""
    recorded = read(tier)
    place = {}
    for item in items:
        place.setdefault(key(item), len(place))

    def order(item):
        name = key(item)
        return -recorded.get(name, float("inf") if group_of(item) else 0), place[name]

    return sorted(items, key=order)


class Recorder:
    """A plugin of pytest that writes how long each group took in *tier*."""

    def __init__(self, tier):
        self.tier = tier
        self.seconds = Counter()
        self.groups = set()

    def pytest_runtest_logreport(self, report):
        name, at, group = report.nodeid.rpartition("@")  # xdist's --dist loadgroup appends the group
        key = group if at and "]" not in group else report.nodeid
        if key == group:
            self.groups.add(group)
        self.seconds[key] += report.duration

    def pytest_sessionfinish(self, exitstatus):
        if exitstatus:
            return  # what was cut short says nothing
        recorded = json.loads(PATH.read_text()) if PATH.exists() else {}
        recorded[self.tier] = {
            name: round(seconds, 1)
            for name, seconds in sorted(self.seconds.items())
            if name in self.groups or seconds >= LEAST
        }
        PATH.write_text(json.dumps(recorded, indent=1) + "\n")
