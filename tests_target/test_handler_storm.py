"""A short storm of handler_storm.py; `make storm` runs the long one."""

import handler_storm
from support import scaled

NEEDS = ("hard interrupts",)
TIMEOUT = 300
QEMU = ("-icount", "shift=2,sleep=off")


def test_storm():
    counts = handler_storm.storm(scaled(5000, 5000, 1000))
    print(counts)
    assert counts["refused"] > 50
