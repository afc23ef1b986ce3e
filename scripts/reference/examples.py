"""A short program for each of the names that you need most, by the public name that it is about.

A comment ``# -> text`` is what the line prints; tests_host/test_reference.py runs them all. Each gives back what it has
taken, and ``import physmem`` goes without saying.
"""

OVERVIEW = """\
ring = physmem.dma_ring(4096)              # at a multiple of its size, where DMA reaches
print(hex(ring.addr), ring.region.name)    # give this address to the hardware
ring.map()                                 # hardware owns it now: free() refuses
ring.unmap().free()                        # after you have stopped the hardware

with physmem.allocate_frames_by_bytes(1000, zero=True) as frames:
    frames.view[:5] = b"hello"             # a memoryview of exactly 1000 bytes
    print(frames.count, frames.capacity)   # whole frames
                                           # the block has freed them
sram = physmem.region("sram")
alloc, free = sram.alloc, sram.free        # raw calls: no heap, no exceptions
frame = alloc(2)
if frame >= 0:
    free(frame)
print(physmem.code_name(free(frame)))      # NotAllocated: a second free changes nothing
"""
"""What the first pages show."""

EXAMPLES = {
    "allocate_frames": """\
with physmem.allocate_frames(4, align=16384, region="sram") as frames:
    print(frames.count, frames.addr % 16384)  # -> 4 0
""",
    "allocate_frames_by_bytes": """\
pixels = physmem.allocate_frames_by_bytes(1000, zero=True)
print(len(pixels.view), bytes(pixels.view[:3]) == bytes(3))  # -> 1000 True
pixels.free()
""",
    "allocate_frames_at": """\
sram = physmem.region("sram")
last = sram.end - sram.frame_size
with physmem.allocate_frames_at(last, 1) as frames:
    print(frames.addr == last)  # -> True
""",
    "dma_ring": """\
ring = physmem.dma_ring(4096)
print(ring.nbytes, ring.addr % 4096)  # -> 4096 0
ring.map()  # the hardware has it
ring.unmap().free()  # after you have stopped the hardware
""",
    "allocate_scattered": """\
pieces = physmem.allocate_scattered(8)  # in as few pieces as possible
print(sum(piece.count for piece in pieces))  # -> 8
for piece in pieces:
    piece.free()
""",
    "AllocatedFrames": """\
frames = physmem.allocate_frames(4)
head, tail = frames.split_at(1)  # `frames` has ended: these are the owners now
print(head.count, tail.count, bool(frames))  # -> 1 3 False
print(head.merge(tail).free())  # -> 4
""",
    "scope": """\
with physmem.scope() as scope:
    kept, dropped = physmem.allocate_frames(1), physmem.allocate_frames(1)
    scope.keep(kept)
print(bool(kept), bool(dropped))  # -> True False
kept.free()
""",
    "Region.alloc": """\
sram = physmem.region("sram")
frame = sram.alloc(2)
if frame >= 0:
    print(sram.count(frame), sram.free(frame))  # -> 2 2
    print(physmem.code_name(sram.free(frame)))  # -> NotAllocated
""",
    "retain": """\
log = physmem.retain("log", 1024)
if log.fresh:  # not after a reset: then it has what you wrote before
    log.view[:5] = b"start"
print(bytes(log.view[:5]) == b"start")  # -> True
physmem.release("log")
""",
    "find": """\
frames = physmem.allocate_frames(2)
place = physmem.find(frames.addr + 1)
print(place.count, place.first == frames.first)  # -> 2 True
frames.free()
""",
    "stats": """\
with physmem.allocate_frames(3, region="sram"):
    print(physmem.stats()["sram"]["used"])  # -> 3
""",
    "map": """\
physmem.map(region="sram", columns=64)  # prints the picture
""",
    "debug": """\
physmem.debug(owners=True)
frames = physmem.allocate_frames(1, owner="display")
print([leak.owner for leak in physmem.leaks()])  # -> ['display']
frames.free()
physmem.debug()  # all tiers off
""",
    "BuddyAllocator": """\
buddy = physmem.BuddyAllocator(4096, 16)  # 16 pages at address 4096
block = buddy.alloc_pages(3)  # a block of 4, at a multiple of its size
print(hex(block), buddy.used_pages())  # -> 0x4000 4
buddy.dealloc_pages(block, 3)
""",
    "FrameRange": """\
frames = physmem.FrameRange(3, 2)  # frame numbers 3 and 4: arithmetic alone, it allocates nothing
print(len(frames), frames.contains_address(3 * 4096))  # -> 2 True
""",
}
