"""What users write, for the type checker alone: nothing runs this. Each assert_type is what a call returns."""

from typing import Any, Literal, assert_type

import physmem
import physmem_claim
import physmem_debug
from physmem import AllocatedFrames, FrameRange, PageFrame, PageOrder, PhysAddr, Region
from physmem_find import Allocation, Place
from physmem_kept import Retained
from physmem_requests import Request
from physmem_scope import Scope
from physmem_tiers import Leak

# The system
physmem.init([(0x20000000, 4096), ("a", None, 4096, 1024, "DMA FAST")], reserved=((0x30000000, 4096),), spin_lock=0)
physmem.init([Region("own", 0x20000000, 65536, 1024, physmem.DMA | physmem.SHARED)])


class Plan:
    REGIONS = (("sram", 0x20000000, 65536, 1024, "DMA FAST SHARED"),)
    OCCUPIED = ()


physmem.boot()
physmem.boot(Plan)
physmem.boot(physmem_claim.plan(0x20000000, 65536))
assert_type(physmem.boot_complete(), None)
assert_type(physmem.boot_in_heap(65536, frame_size=256, align=4096, attrs="DMA"), Region)
assert_type(physmem.add_region("more", None, 65536), Region)
assert_type(physmem.add_region(Region("other", 0, 4096)), Region)
physmem.remove_region("more")
assert_type(physmem.regions(), list[Region])
assert_type(physmem.early_heap(), tuple[int, int])
assert_type(physmem.booted, bool)
assert_type(physmem.ATTRIBUTES, tuple[str, ...])
assert_type(physmem.stats()[None]["largest_bytes"], int)
assert_type(physmem.stats()["sram"]["free"], int)
assert_type(physmem.check(), list[str])

# Requests
ring = physmem.dma_ring(4096, owner="adc", zero=True)
assert_type(ring, AllocatedFrames)
assert_type(ring.map().unmap().fill(0).clean(0, 32).invalidate().resize(3, zero=True), AllocatedFrames)
assert_type(ring.view, memoryview)
assert_type(ring.range, FrameRange)
assert_type(ring.state, Literal["allocated", "mapped", "unmapped", "freed", "moved"])
assert_type(ring.fresh, bool | None)
assert_type(ring.name, str | None)
assert_type(len(ring) + ring.free() + ring.addr % ring.nbytes, int)
physmem.allocate_frames(3, align=4096, boundary=65536, low=1, high=0x20010000, region="sram")
physmem.allocate_frames_by_bytes(100, require="DMA FAST", prefer=physmem.FAST, forbid=physmem.CACHED | physmem.EXTERNAL)
physmem.allocate_frames_at(0x40000000, 2, unknown=True)
physmem.allocate_frames_by_bytes_at(0x40000000, 100)
frames, action = physmem.allocate_frames_deferred(3, 0x20000000, region=physmem.region("sram"))
assert_type(frames, AllocatedFrames)
assert_type(action.commit(), bool)
with action, frames as same, same.for_device() as again:
    assert_type(again, AllocatedFrames)
assert_type(physmem.allocate_scattered(3), list[AllocatedFrames])
head, tail = frames.split_at(1)
before, middle, behind = tail.split_range(1, 1)
assert_type(head.merge(before), AllocatedFrames)
for single in middle:
    assert_type(single.addr + single.frame, int)


def choose(region: Region, first: int, count: int) -> tuple[int, int] | Literal[False] | None:
    if region.frame_size > 4096:
        return physmem.STOP
    return (first, 2) if count > 2 else None


assert_type(physmem.inspect_then_allocate(choose), AllocatedFrames | None)


def give_up(request: Request) -> bool:
    return request.frames is None and request.suits(physmem.regions()[0])


previous = physmem.on_exhausted(give_up)
physmem.on_exhausted(previous)
physmem.on_low("sram", 4, lambda region: print(region.free_frames))
physmem.on_low(physmem.region("sram"), 0, None)

# Raw calls
sram = physmem.region("sram")
alloc, free = sram.alloc, sram.free
frame = alloc(2)
assert_type(frame, int)
assert_type(free(frame), int)
assert_type(sram.alloc_aligned(2, 4) + sram.alloc_at(5, 1) + sram.largest_free(2) + sram.frame(sram.addr(1)), int)
for first, count, is_free in sram.runs():
    assert_type(first + count, int)
    assert_type(is_free, bool)
if frame == physmem.OUT_OF_MEMORY:
    print(physmem.code_name(frame))

# Groups, what is where, what is kept
with physmem.scope() as scope:
    assert_type(scope, Scope)
    scope.keep(physmem.allocate_frames(1))
    scope.keep()


async def task() -> None:
    async with physmem.scope(), physmem.allocate_frames(1) as mine:
        assert_type(mine, AllocatedFrames)


for one in physmem.allocations():
    assert_type(one, Allocation)
    assert_type(one.owner, Any)
    assert_type(one.count, int)
place = physmem.find(bytearray(4)) or physmem.find(0x20000000) or physmem.find(frames)
assert_type(place, Place | None)
if place is not None:
    assert_type(place.state, Literal["allocated", "mapped", "free"])
    assert_type(physmem.free_at(place.region.addr(place.first)), int)
log = physmem.retain("log", 1024, zero=True)
log.view[:5] = b"hello"
assert_type(physmem.release("log"), int)
assert_type(physmem.retained(), list[Retained])
assert_type([kept.resets for kept in physmem.retained()], list[int])
assert_type(physmem.quarantined(), list[AllocatedFrames])
assert_type(physmem.dropped(), list[str])

# Debugging and pictures
physmem.debug(owners=True, poison=True, guard_frames=1, assertions=True, statistics=True)
with physmem_debug.owner("display"):
    start = physmem.mark()
assert_type(physmem.leaks(start), list[Leak])
assert_type(physmem_debug.statistics(reset=True)["sram"]["calls"]["alloc"]["granted"], int)
assert_type(physmem_debug.untracked()["sram"]["unguarded"], int)
lines: list[str] = []
physmem.map(lines.append)
physmem.dump()
try:
    physmem.allocate_frames(0)
except physmem.PhysMemError as error:
    if error.code == "ZeroAllocation":
        print(error, error.as_str(), error.to_kernel_error())

# The two systems' vocabulary
addr = PhysAddr(0x1000)
assert_type(addr + 4096, PhysAddr)
assert_type(addr - 4096, PhysAddr)
assert_type(addr - addr, int)
assert_type(addr < 5 and addr == PhysAddr.NULL, bool)
assert_type(int(addr), int)
assert_type(PageOrder.new(3), PageOrder | None)
buddy = physmem.BuddyAllocator(addr, 16, debug_alloc=True)
assert_type(buddy.alloc_pages(4), int | None)
assert_type(buddy.alloc_frame(4), PageFrame | None)
assert_type(buddy.try_alloc_pages(4), int)
assert_type([order.free_blocks for order in buddy.order_stats()], list[int])
assert_type(buddy.stats().splits_per_allocation(), float)
assert_type(physmem.BuddyAllocator.uninit(stats=False).stats().copy().total_pages(), int)
assert_type(physmem.align_up(addr) + physmem.order_to_bytes(PageOrder.MAX) + physmem.PAGE_SIZE, int)
assert_type(FrameRange.from_frames(3, 5).overlap(FrameRange(4, 1)), FrameRange | None)
assert_type(list(FrameRange(3, 2)), list[int])
assert_type(physmem.PhysicalMemoryRegion.of(sram).frames, FrameRange)
physmem.PhysicalMemoryRegion(FrameRange(3, 2), physmem.MemoryRegionType.Free)

# Memory on stock firmware
try:
    assert_type(physmem_claim.boot(96 * 1024), Region)
    assert_type(physmem_claim.claim(4096), tuple[int, int])
except physmem_claim.ClaimError as refusal:
    print(refusal)
