"""Make regions in a known state: filled to some occupancy, fresh or aged.

In the mix of requests, seven of eight are for 1 to 16 frames, all equally likely, and one of eight is for 17 to 64.
None is for more than an eighth of the region. A *fresh* bitmap is filled from empty with that mix, exactly to the
frame, and nothing is freed. An *aged* one has been through 5,000 more operations: a request of the mix if fewer frames
are used than the occupancy asks for, otherwise the free of a random allocation. A refused request also frees one.
"""

from micropython import const
from physmem_region import Region
from random_numbers import RandomNumbers

_BASE = const(0x21000000)  # the board's PSRAM; nothing touches the memory itself
_FRAME_SIZE = const(256)
_AGING = const(5000)
_SEED = const(20250101)


def new_region(frames, attrs=0):
    """Return an empty region of `frames` frames."""
    return Region("bench", _BASE, frames * _FRAME_SIZE, _FRAME_SIZE, attrs)


class Load:
    """A region under the mix. `live` holds the first frames of its allocations; `used` is its number of used frames."""

    def __init__(self, frames, attrs=0, seed=_SEED):
        self.region = new_region(frames, attrs)
        self.random = RandomNumbers(seed)
        self.target = 0
        self.live = []
        self.used = 0

    def size(self):
        """Return a number of frames from the mix."""
        below = self.random.below
        n = 17 + below(48) if below(8) == 0 else 1 + below(16)
        return min(n, max(1, self.region.frames >> 3))

    def fill(self, percent):
        """Fill an empty region to `percent` percent, as a fresh bitmap."""
        self.target = self.region.frames * percent // 100
        while self.used < self.target:
            n = min(self.size(), self.target - self.used)
            frame = self.region.alloc(n)
            assert frame >= 0
            self.live.append(frame)
            self.used += n

    def free_one(self):
        """Free a random allocation."""
        live = self.live
        i = self.random.below(len(live))
        frame = live[i]
        live[i] = live[-1]
        live.pop()
        self.used -= self.region.free(frame)

    def churn(self, operations):
        """Do that many operations of the mix."""
        alloc = self.region.alloc
        for _ in range(operations):
            if self.used < self.target:
                n = self.size()
                frame = alloc(n)
                if frame >= 0:
                    self.live.append(frame)
                    self.used += n
                    continue
            if self.live:
                self.free_one()


def fresh(frames, percent, attrs=0):
    """Return a Load whose bitmap is fresh, with `percent` percent of its frames used."""
    load = Load(frames, attrs)
    load.fill(percent)
    return load


def aged(frames, percent, attrs=0):
    """Return a Load whose bitmap is aged around `percent` percent. At 0, it was aged at 50 and then all was freed."""
    load = fresh(frames, percent or 50, attrs)
    load.churn(_AGING)
    if percent == 0:
        load.target = 0
        while load.live:
            load.free_one()
    return load


def allocations(load):
    """Return [(first, count)] of the allocations."""
    return [(first, count) for first, count, free in load.region.runs() if not free]


def aged_allocations(frames, percent):
    """Return [(first, count)] of the allocations on an aged bitmap."""
    return allocations(aged(frames, percent))
