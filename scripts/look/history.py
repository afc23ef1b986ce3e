"""What changed from look to look: rates, and the free frames over time."""

from collections import namedtuple

TICKS_PERIOD = 1 << 30
"""MicroPython's ticks_ms() starts over at this number on 32-bit boards; hosts have a multiple of it."""

Rates = namedtuple("Rates", "allocated freed frames_allocated frames_freed")
"""What is seen to have come and gone, per second. An allocation that was freed again between two looks is not seen."""

Look = namedtuple("Look", "seconds counts")
"""When a look was, since the first; and {region: (free, largest, used, failed)}, in frames and searches."""


class History:
    """The looks at a board, the oldest first: the counters of all of them, and the last two snapshots."""

    def __init__(self):
        self.looks = []
        self.latest = None
        self.restarts = 0
        self._before = None
        self._interval = 0

    def add(self, snapshot, restarts=0):
        """Add a look. `restarts` counts how often the board has restarted since the first one.

        The board's ticks do not tell that: they may go on over a soft reset, and start over at TICKS_PERIOD.
        """
        before, has_restarted = self.latest, restarts != self.restarts
        passed = 0
        if before is not None:
            passed = (snapshot.ticks_ms - before.ticks_ms) % TICKS_PERIOD
            if passed >= TICKS_PERIOD // 2:  # they have gone back: they count from 0 again
                passed = snapshot.ticks_ms % TICKS_PERIOD if has_restarted else 0
        self.latest, self.restarts = snapshot, restarts
        self._before = None if has_restarted else before
        self._interval = passed / 1000
        seconds = self.looks[-1].seconds if self.looks else 0
        counts = {region.name: (region.free, region.largest, region.used, region.failed) for region in snapshot.regions}
        self.looks.append(Look(seconds + self._interval, counts))

    def rates(self, name):
        """Return the Rates of the region `name` between the last two looks; None before the second look."""
        before = self._before and self._before.region(name)
        now = self.latest and self.latest.region(name)
        if not before or not now or not self._interval:
            return None
        came = now.allocations() - before.allocations()
        went = before.allocations() - now.allocations()
        frames_came, frames_went = sum(count for _, count in came), sum(count for _, count in went)
        return Rates(*(number / self._interval for number in (len(came), len(went), frames_came, frames_went)))

    def series(self, name):
        """Return [(seconds, free, largest)] of the region `name`, in frames."""
        return [(look.seconds, *look.counts[name][:2]) for look in self.looks if name in look.counts]

    def as_list(self):
        """Return the looks as what JSON can say."""
        keys = ("free", "largest", "used", "failed")
        return [
            {
                "seconds": look.seconds,
                "regions": {name: dict(zip(keys, counts)) for name, counts in look.counts.items()},
            }
            for look in self.looks
        ]
