"""Requests that come and go, in SRAM while there is room."""

import random
import time

import physmem

random.seed(4)
held = []
for _ in range(200):
    if held and random.random() < 0.3:
        held.pop(random.randrange(len(held))).free()
    else:
        try:
            count = random.choice((1, 2, 3, 4, 8, 13))
            held.append(physmem.allocate_frames(count, prefer="FAST"))
        except MemoryError:
            held.pop(0).free()
    time.sleep_ms(8)

counted = sum(frames.count for frames in held)
handed_out = physmem.stats()["sram"]["used"] + physmem.stats()["psram"]["used"]
print("frames lost:", handed_out - counted)  # -> frames lost: 0
print("check:", physmem.check())  # -> check: []
