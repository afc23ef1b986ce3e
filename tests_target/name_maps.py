"""Small maps for `init` whose names are those that `init` makes up, and what must become of the names.

An entry of a map is ``(name, page, pages)``. Which entries lie together, and which pages are left of them, is counted
page by page: none of physmem's arithmetic takes part.
"""

BASE = 0x10000000
PAGE = 4096
PAGES = 10  # entries start at one of these pages
NAMES = (
    None,
    "a",
    "b",
    "a.1",
    "a.2",
    "a.1.1",
    "b.1",
    "memory.10000000",
    "memory.10000000.1",
    "memory.10002000",
    "reserved.10000000",
    "reserved.10002000",
    "reserved.10002000.1",
    "reserved.10002000.1.1",
)


def given(entries):
    """Return the entries as `init` takes them."""
    return [(name, BASE + page * PAGE, pages * PAGE) for name, page, pages in entries]


def pages_of(entry):
    return set(range(entry[1], entry[1] + entry[2]))


def groups_of(entries):
    """Return the entries that overlap as lists, each in the order in which they were given."""
    groups = []
    for entry in entries:
        if entry[2]:
            together = [group for group in groups if [other for other in group if pages_of(other) & pages_of(entry)]]
            groups = [group for group in groups if group not in together]
            joined = [other for group in together for other in group] + [entry]
            groups.append([other for other in entries if other in joined])
    return groups


def has_conflict(groups):
    """Return whether one name was given to two groups."""
    seen = []
    for group in groups:
        names = {name for name, _, _ in group if name is not None}
        if [name for name in names if name in seen]:
            return True
        seen.extend(names)
    return False


def first_name(group):
    """Return the name that was given first in a group, or None."""
    return ([name for name, _, _ in group if name is not None] or [None])[0]


def check_names(regions, free, reserved, reserved_bit):
    """Check the names of the regions that `init` has made of entries without a conflict."""
    found = {}
    for region in regions:
        assert region.name not in found, "two regions are named %s" % region.name
        found[region.name] = (region.base - BASE) // PAGE
    all_given = {name for name, _, pages in free + reserved if name is not None and pages}
    holes = set()
    for entry in reserved:
        holes |= pages_of(entry)
    expected = {}
    for group in groups_of(free):
        left = set()
        for entry in group:
            left |= pages_of(entry)
        left -= holes
        if first_name(group) is not None and left:
            expected[first_name(group)] = min(left)
    for group in groups_of(reserved):
        if first_name(group) is not None:
            expected[first_name(group)] = min([entry[1] for entry in group])
    for name in expected:
        assert found.get(name) == expected[name], "%s is at page %r, not %d" % (name, found.get(name), expected[name])
    for region in regions:
        if region.name not in expected:
            assert region.name not in all_given, "%s was given to other memory" % region.name
            whole = getattr(region, "whole", region.name)
            whole = whole if whole in expected else None
            kind = "reserved.%x" if region.attrs & reserved_bit else "memory.%x"
            stem = kind % region.base if whole is None else whole
            assert region.name == stem or region.name.startswith(stem + "."), "%s is not a %s" % (region.name, stem)


def check_map(physmem, start_anew, free, reserved):
    """Make the system of a map twice; check its names, and that the second result is the first."""
    results = []
    is_wrong = has_conflict(groups_of(free) + groups_of(reserved))
    for _ in range(2):
        start_anew()
        try:
            physmem.init(given(free), given(reserved))
        except physmem.PhysMemError as error:
            assert is_wrong and error.code == "InvalidArgument" and "rename one" in str(error), error
            results.append(str(error))
        else:
            assert not is_wrong, "two regions of one name: %r %r" % (free, reserved)
            check_names(physmem.regions(), free, reserved, physmem.RESERVED)
            results.append([(region.name, region.base, region.end) for region in physmem.regions()])
    assert results[0] == results[1]
