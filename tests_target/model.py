"""A plain model of the public API: what must succeed, what must be refused with which code, and what is returned.

A region is a row of bytes, one for each frame: 0 for a free frame, otherwise the token of the allocation that has it.
To find where n frames fit, the model tries one frame after another. There are no bits, classes or summaries here, and
no address is predicted: any place that meets the request is right.
"""

DEFAULT_FRAME_SIZE = 4096  # of regions made for unknown addresses; from the docstring of allocate_frames_at
_TOKENS = 255
_DMA, _CACHED = 1, 4  # attributes of regions


class ModelAllocation:
    """Frames that belong together. `token` marks them in the row of their region; an empty allocation has no mark.

    `slack` is in bytes what nobody asked for, at the end of the last frame.
    """

    def __init__(self, region, first, count, token, owner, slack):
        self.region = region
        self.first = first
        self.count = count
        self.token = token
        self.owner = owner
        self.slack = slack
        self.mapped = False

    @property
    def capacity(self):
        return self.count * self.region.frame_size

    @property
    def nbytes(self):
        return self.capacity - self.slack

    @property
    def addr(self):
        return self.region.base + self.first * self.region.frame_size


class ModelRegion:
    """One region: `base` and `end` in bytes, `failed` requests, `peak` frames."""

    def __init__(self, name, base, frames, frame_size, attrs, reserved):
        self.name = name
        self.base = base
        self.frame_size = frame_size
        self.attrs = attrs
        self.reserved = reserved
        self.owners = bytearray(frames)
        self.used = 0
        self.peak = 0
        self.failed = 0

    @property
    def frames(self):
        return len(self.owners)

    @property
    def end(self):
        return self.base + len(self.owners) * self.frame_size

    def is_free(self, first, n):
        """Return whether the `n` frames starting at `first` lie in the region and are free."""
        return first >= 0 and first + n <= self.frames and not any(self.owners[first : first + n])

    def meets(self, first, n, align=0, boundary=0, low=0, high=None):
        """Return whether the place meets the constraints, all in bytes of address. Whether it is free is another
        matter."""
        addr = self.base + first * self.frame_size
        end = addr + n * self.frame_size
        if align and addr % align:
            return False
        if boundary and addr // boundary != (end - 1) // boundary:
            return False
        return addr >= low and (high is None or end <= high)

    def has_place(self, n, align=0, boundary=0, low=0, high=None):
        """Return whether `n` free frames meet the constraints. Each frame is tried."""
        if n > self.frames:
            return False
        row = bytes(self.owners)
        wanted = bytes(n)
        first = row.find(wanted)
        while first >= 0:
            if self.meets(first, n, align, boundary, low, high):
                return True
            first = row.find(wanted, first + 1)
        return False

    def longest_free(self):
        longest = run = 0
        for owner in self.owners:
            run = 0 if owner else run + 1
            if run > longest:
                longest = run
        return longest

    def mark(self, first, n, token):
        for frame in range(first, first + n):
            self.owners[frame] = token

    def free_runs(self):
        """Return the longest runs of free frames, ``(first, count)``, by address."""
        runs = []
        for frame, owner in enumerate(self.owners):
            if not owner:
                if frame and not self.owners[frame - 1]:
                    runs[-1] = (runs[-1][0], runs[-1][1] + 1)
                else:
                    runs.append((frame, 1))
        return runs

    def fewest_runs(self, n):
        """Return in how few runs of free frames there are `n` frames; None if there are not so many."""
        lengths = sorted([count for _, count in self.free_runs()])
        runs = 0
        while n > 0:
            if not lengths:
                return None
            n -= lengths.pop()
            runs += 1
        return runs


class Model:
    """All regions and the live allocations of a system."""

    def __init__(self, regions, reserved_attribute, address_limit):
        """Model the system's own `regions`, which init has just made with all of their frames free."""
        self.regions = []
        self.reserved_attribute = reserved_attribute
        self.address_limit = address_limit
        for region in regions:
            reserved = bool(region.attrs & reserved_attribute)
            self.regions.append(
                ModelRegion(region.name, region.base, region.frames, region.frame_size, region.attrs, reserved)
            )
        self.tokens = list(range(1, _TOKENS + 1))

    def add(self, name, base, frames, frame_size, attrs):
        """Note a region added, with all of its frames free."""
        self.regions.append(ModelRegion(name, base, frames, frame_size, attrs, False))
        self.regions.sort(key=lambda region: region.base)

    def named(self, name):
        return [region for region in self.regions if region.name == name][0]

    def region_at(self, addr):
        for region in self.regions:
            if region.base <= addr < region.end:
                return region
        return None

    # What must happen.

    def suitable(self, require=0, forbid=0, region=None):
        """Return the regions that a request may go to. Reserved ones are only handed out by address."""
        return [
            found
            for found in self.regions
            if not found.reserved
            and found.attrs & require == require
            and not found.attrs & forbid
            and region in (None, found.name)
        ]

    @staticmethod
    def favoured(able, require, prefer, forbid):
        """Return those of the regions `able` that a request must use: for DMA those that are not CACHED, unless it
        speaks of CACHED itself; of these, those that have all of `prefer`. What there is none of does not count."""
        if require & _DMA and not (require | prefer | forbid) & _CACHED:
            able = [region for region in able if not region.attrs & _CACHED] or able
        return [region for region in able if region.attrs & prefer == prefer] or able

    def refusal(self, size, align=0, boundary=0, low=0, high=None, require=0, prefer=0, forbid=0):
        """Return the code of a request that is a mistake in any set of regions, or None."""
        if size == 0:
            return "ZeroAllocation"
        if size < 0:
            return "InvalidArgument"
        if align & (align - 1) or align < 0 or boundary & (boundary - 1) or boundary < 0:
            return "UnalignedAddress"
        if low < 0 or (high is not None and high <= low):
            return "AddressOutOfRange"
        if (require | prefer) & forbid:
            return "InvalidArgument"
        return None

    def able(self, suitable, count_in, align=0, boundary=0, low=0, high=None):
        """Return those of the `suitable` regions that have a place for ``count_in(region)`` frames."""
        return [region for region in suitable if region.has_place(count_in(region), align, boundary, low, high)]

    def refusal_at(self, addr, n, nbytes, unknown):
        """Return the codes that may refuse a request for frames at `addr`; () if it is granted.

        If two reasons hold at once, either code is right.
        """
        size = nbytes if n is None else n
        if size == 0:
            return ("ZeroAllocation",)
        if size < 0:
            return ("InvalidArgument",)
        if addr < 0:
            return ("AddressOutOfRange",)
        region, first, count = self.frames_at(addr, n, nbytes)
        if not region and not unknown:
            return ("AddressOutOfRange",)
        frame_size = region.frame_size if region else DEFAULT_FRAME_SIZE
        base = addr - addr % frame_size
        end = base + count * frame_size
        codes = []
        if end > self.address_limit:
            codes.append("AddressOutOfRange")
        if region and end > region.end and not (region.reserved and unknown):
            codes.append("AddressOutOfRange")
        if region and not region.is_free(first, min(count, region.frames - first)):
            codes.append("AddressNotFree")
        if not region or region.reserved:
            for other in self.regions:
                if other is not region and other.base < end and base < other.end:
                    codes.append("AddressNotFree")
        return tuple(codes)

    def frames_at(self, addr, n, nbytes):
        """Return the region that contains `addr`, or None; the frame in it; the number of frames requested."""
        region = self.region_at(addr)
        frame_size = region.frame_size if region else DEFAULT_FRAME_SIZE
        if n is None:
            n = (addr % frame_size + nbytes + frame_size - 1) // frame_size
        first = (addr - region.base) // frame_size if region else 0
        return region, first, n

    # What has happened.

    def make_room_at(self, addr, count):
        """Extend the reserved region at `addr`, or make one, so that it has `count` frames starting there."""
        region = self.region_at(addr)
        if region is None:
            base = addr - addr % DEFAULT_FRAME_SIZE
            region = ModelRegion("unknown.%x" % base, base, 0, DEFAULT_FRAME_SIZE, self.reserved_attribute, True)
            self.regions.append(region)
            self.regions.sort(key=lambda region: region.base)
        missing = (addr - region.base) // region.frame_size + count - region.frames
        if missing > 0:
            region.owners = region.owners + bytearray(missing)
        return region

    def allocated(self, region, first, count, owner=None, slack=0):
        """Note an allocation and return it. The frames must have been free."""
        assert region.is_free(first, count), "%d frames from %d of %s overlap others" % (count, first, region.name)
        token = self.tokens.pop()
        region.mark(first, count, token)
        region.used += count
        region.peak = max(region.peak, region.used)
        return ModelAllocation(region, first, count, token, owner, slack)

    def freed(self, allocation):
        allocation.region.mark(allocation.first, allocation.count, 0)
        allocation.region.used -= allocation.count
        self.tokens.append(allocation.token)

    def split(self, allocation, counts):
        """Note a split into parts of these `counts` and return them in order. The allocation ends."""
        parts = []
        first = allocation.first
        self.tokens.append(allocation.token)
        for count in counts:
            token = self.tokens.pop()
            allocation.region.mark(first, count, token)
            first += count
            is_last = count and first == allocation.first + allocation.count
            slack = allocation.slack if is_last else 0
            parts.append(ModelAllocation(allocation.region, first - count, count, token, allocation.owner, slack))
        return parts

    def can_resize(self, allocation, n):
        """Return whether the allocation can have `n` >= 1 frames where it is."""
        end = allocation.first + allocation.count
        return n <= allocation.count or allocation.region.is_free(end, n - allocation.count)

    def resized(self, allocation, n, slack):
        """Note that the allocation has `n` frames now."""
        region = allocation.region
        region.mark(allocation.first, allocation.count, 0)
        region.mark(allocation.first, n, allocation.token)
        region.used += n - allocation.count
        region.peak = max(region.peak, region.used)
        allocation.count = n
        allocation.slack = slack

    def can_merge(self, one, other):
        if one is other or one.region is not other.region:
            return False
        return (
            not one.count
            or not other.count
            or one.first + one.count == other.first
            or (other.first + other.count == one.first)
        )

    def merged(self, one, other):
        """Note that `one` took over `other`."""
        if other.count:
            if other.first > one.first or not one.count:
                one.slack = other.slack
            one.first = min(one.first, other.first) if one.count else other.first
            one.count += other.count
            one.region.mark(one.first, one.count, one.token)
        self.tokens.append(other.token)

    def start_at(self, region, frame):
        """Return whether an allocation starts at `frame`."""
        owner = region.owners[frame]
        return bool(owner) and (frame == 0 or region.owners[frame - 1] != owner)
