"""Fragmentation: half of the memory is free, and a request of two frames fails."""

import time

import physmem

sram = physmem.region("sram")
blocks = []
while sram.free_frames:
    blocks.append(physmem.allocate_frames(4, region=sram))
    time.sleep_ms(10)  # the page draws the map when a program sleeps
print(len(blocks), "blocks of 4 frames")  # -> 64 blocks of 4 frames

# Keep every other frame.
kept = []
for block in blocks:
    for _ in range(2):
        one, block = block.split_at(1)
        kept.append(one)
        if block.count > 1:
            gap, block = block.split_at(1)
            gap.free()
        else:
            block.free()
    time.sleep_ms(10)
print(sram.free_frames, "free, largest run:", sram.largest_free())  # -> 128 free, largest run: 1

try:
    physmem.allocate_frames(2, region=sram)
except MemoryError:
    print("no two frames side by side")  # -> no two frames side by side
# Free all that is kept, at the prompt, and look at the map: for frames in kept: frames.free()
