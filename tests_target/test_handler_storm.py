"""A short storm of handler_storm.py; `make storm` runs the long one."""

import handler_storm
from support import scaled
from three_boards import share_of

NEEDS = ("hard interrupts",)
TIMEOUT = 300
QEMU = ("-icount", "shift=2,sleep=off")

CALLS = share_of(scaled(5000, 5000, 1000))


def test_storm():
    counts = handler_storm.storm(CALLS)
    print(counts)
    assert counts["refused"] > CALLS // 100
