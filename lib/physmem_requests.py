"""What a request that failed asked for: the argument of the hook, and the sentences of the errors.

physmem_allocate loads it when a request first fails while there is heap.
"""

import physmem_errors as errors
import physmem_system
from physmem_overview import attribute_names
from physmem_region import Region, end_frame_before, first_frame_from
from physmem_system import by_merit, suits


def why_no_region_suits(require, forbid, region):
    """Return a sentence: no region has these attributes and is `region`."""
    names = ", ".join([found.name for found in by_merit]) + physmem_system.what_is_missing
    if isinstance(region, str) and not [found for found in by_merit if suits(found, region)]:
        return "there is no region {} to allocate from: give one of {}".format(region, names)
    if isinstance(region, Region) and region not in by_merit:
        sentence = (
            "region {} is not one that the system allocates from: use its raw calls, or add_region(); there are {}"
        )
        return sentence.format(region.name, names)
    return "no region suits: ask for less than require {}, forbid {}, region {}; there are {}{}".format(
        attribute_names(require) or "nothing",
        attribute_names(forbid) or "nothing",
        getattr(region, "name", region) or "any",
        ", ".join(["%s: %s" % (found.name, attribute_names(found.attrs)) for found in by_merit]),
        physmem_system.what_is_missing,
    )


def what_is_free(n, nbytes, align, boundary, low, high, require, forbid, region):
    """Return a sentence: what was asked for, and what each region that suits has."""
    asked = "%d bytes" % nbytes if n is None else "%d frames" % n
    for name, value in (("align", align), ("boundary", boundary), ("low", low), ("high", high)):
        if value:
            asked += ", %s %#x" % (name, value)
    found = [
        "%s has %d bytes free in %d run%s, at most %d in one" % ((candidate.name,) + _free_runs(candidate))
        for candidate in by_merit
        if candidate.attrs & (require | forbid) == require and suits(candidate, region)
    ]
    return "no place for %s: free some, or ask for less; %s" % (asked, "; ".join(found))


def _free_runs(region):
    """Return the free bytes of `region`, its number of runs, the "s" of their plural, and the bytes of the longest."""
    frames = runs = longest = 0
    for _, count, free in region.runs():
        if free:
            frames += count
            runs += 1
            longest = max(longest, count)
    return frames << region.shift, runs, "" if runs == 1 else "s", longest << region.shift


class Request:
    """What could not be met: the argument of a hook of `on_exhausted`.

    `frames` is the number of frames asked for, or None; `nbytes` the number of bytes, or None. `align`, `boundary`,
    `low`, `high` (in bytes), `require`, `prefer`, `forbid` (bits), `region` and `owner` are the constraints, as in
    `allocate_frames`.
    """

    def __init__(self, n, nbytes, align, boundary, low, high, require, prefer, forbid, region, owner):
        self.frames = n
        self.nbytes = nbytes
        self.align = align
        self.boundary = boundary
        self.low = low
        self.high = high
        self.require = require
        self.prefer = prefer
        self.forbid = forbid
        self.region = region
        self.owner = owner

    def suits(self, region):
        """Return whether frames that you free in `region`, a Region, can help: whether it could meet the request if all
        of it were free."""
        if not isinstance(region, Region):
            errors.wrong_type("region", "a Region", region)
        if region not in by_merit or region.attrs & (self.require | self.forbid) != self.require:
            return False
        if not suits(region, self.region):
            return False
        count = self.frames or (self.nbytes + region.frame_size - 1) >> region.shift
        size = count << region.shift
        first = first_frame_from(region, self.low)
        if first >= region.frames:
            return False
        addr = region.base + (first << region.shift)
        addr += -addr % (self.align or 1)
        if self.boundary and (addr % self.boundary) + size > self.boundary:
            addr += -addr % self.boundary
            if size > self.boundary:
                return False
        end = region.base + (end_frame_before(region, self.high) << region.shift)
        return addr + size <= end

    def may_be_met(self):
        """Return whether a region suits."""
        return bool([region for region in by_merit if self.suits(region)])

    def free_bytes(self):
        """Return the bytes that are free in the regions that suit."""
        return sum([region.free_frames << region.shift for region in by_merit if self.suits(region)])
