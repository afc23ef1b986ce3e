"""Allocate frames, write to them and free them."""

import physmem

frames = physmem.allocate_frames(8, region="sram")
print(frames.count, "frames of", frames.region.frame_size, "bytes")  # -> 8 frames of 1024 bytes
frames.view[:5] = b"hello"
print(bytes(frames.view[:5]))  # -> b'hello'

head, tail = frames.split_at(3)  # two owners of what was one
print(head.count, tail.count)  # -> 3 5
head.free()
print(physmem.region("sram").used_frames)  # -> 5

try:
    head.free()
except physmem.PhysMemError as error:
    print(error.code)  # -> NotAllocated
# `tail` is still there: type tail.free() at the prompt, and look at the map.
