"""RuVix' and Theseus' words: what they refuse."""

from provocations.provocation import refused
from provocations.worlds import PAGE, SRAM, NoHeap, changed, failing, module, without_heap
from support import fresh_physmem

WIDE = 1 << 64
LOCKED = "needs heap"
NOT_PERMITTED = -8


def rows():
    yield from _values()
    yield from _ranges()
    yield from _allocator()
    yield from _allocator_without_heap()


def _values():
    p = fresh_physmem()
    yield refused(p.PhysAddr, WIDE, says=["addr", hex(WIDE), "64"])
    yield refused(p.PhysAddr, "3", says=["addr must be an int or a PhysAddr", "str"])
    yield refused(p.PageOrder, "3", says=["order must be an int or a PageOrder", "str"])
    yield refused(p.order_to_pages, 53, says=["order 53", "0 to 52"])
    yield refused(p.pages_to_order, -1, says=["-1 pages", "0"])
    yield refused(p.PhysAddr.from_pfn, 1 << 52, says=["pfn", hex(1 << 52), "52"])
    yield refused(p.PhysAddr(PAGE).sub_pages, 2, says=["pages 2", "0x1000", "-0x1000"])
    yield refused(p.PageOrder, 10, says=["order 10", "0 to 9"])
    yield refused(p.PageFrame, 5, 0, says=["addr 0x5", "4096"])
    yield refused(p.PageFrame(0, 0).merge, 3, says=["buddy must be a PageFrame", "int"])
    yield refused(lambda: p.PhysAddr(0) < p.PageOrder(0), says=["PhysAddr", "PageOrder"])
    yield refused(p.AllocatorStats, -1, 0, says=["total_pages is -1", "0"])


def _ranges():
    p = fresh_physmem()
    r = p.FrameRange(16, 8)
    yield refused(p.FrameRange, -1, 2, says=["first -1", "count 2", "4096"])
    yield refused(p.FrameRange.from_frames, -1, 2, says=["start -1", "end 2"])
    yield refused(p.FrameRange.from_phys_addr, -1, 2, says=["nbytes 2", "addr -0x1"])
    yield refused(p.FrameRange(1, 1).in_frames_of, 2 * PAGE, says=["4096 bytes", "0x1000", "8192"])
    yield refused(r.__contains__, "3", says=["frame must be an int", "str"])
    yield refused(r.overlap, 3, says=["other must be a FrameRange", "int"])
    yield refused(r.overlap, p.FrameRange(16, 8, 32), says=["4096", "32"])
    yield refused(p.PhysicalMemoryRegion, 3, "Free", says=["frames must be a FrameRange", "int"])
    yield refused(p.PhysicalMemoryRegion, r, 3, says=["typ must be one of MemoryRegionType", "int"])
    yield refused(p.PhysicalMemoryRegion, r, "free", says=["typ 'free'", "Free, Reserved or Unknown"])
    yield refused(p.PhysicalMemoryRegion.of, 3, says=["region must be a Region", "int"])
    yield refused(p.FrameRange, 1, 1, within=without_heap("physmem_upkeep"), says=f"FrameRange() {LOCKED}")


def _allocator():
    p = fresh_physmem()
    buddies = p.BuddyAllocator(SRAM, 64)
    addr = buddies.alloc_pages(4)
    free = buddies.try_free_pages
    yield refused(buddies.init, SRAM + 1, 1, says=[hex(SRAM + 1), "4096"])
    yield refused(buddies.init, SRAM, -1, says=["total_pages is -1", "0"])
    yield refused(buddies.init, SRAM, 1 << 52, says=[f"total_pages {1 << 52}", hex(SRAM), "64 bits"])
    yield refused(p.BuddyAllocator.uninit().try_alloc_pages, 1, says="no memory yet")
    yield refused(buddies.try_alloc_pages, 0, says="pages is 0")
    yield refused(buddies.try_alloc_pages, 513, says=["pages is 513", "512"])
    yield refused(buddies.try_alloc_pages, 64, says=["64 pages", "60 of 64"])
    yield refused(free, addr + 1, 4, says=[hex(addr + 1), "4096"])
    yield refused(free, SRAM + 64 * PAGE, 1, says=[hex(SRAM + 64 * PAGE), hex(SRAM)])
    yield refused(free, SRAM + PAGE, 1, says=[hex(SRAM + PAGE), "no allocation starts"])
    yield refused(free, addr, 8, says=[hex(addr), "4 pages", "8"])
    yield refused(buddies.free_frame, 3, says=["frame must be a PageFrame", "int"])
    yield refused(buddies.dump_free_lists, 3, says=["write must be callable", "int"])
    yield refused(p.BuddyAllocator, None, "3", says=["total_pages must be an int", "str"])
    yield refused(p.BuddyAllocator, SRAM, 64, stats=3, says=["stats must be a bool", "int"])
    region = buddies._region
    with changed(region, "free", lambda frame: 0):
        yield refused(free, addr, 4, says=["4 pages", hex(addr), "changed"])
    with changed(region, "free", lambda frame: NOT_PERMITTED):
        yield refused(free, addr, 4, says="only SHARED")
    with changed(region, "alloc_aligned", lambda n, align: NOT_PERMITTED):
        yield refused(buddies.try_alloc_pages, 1, says="only SHARED")
    audited = p.BuddyAllocator(SRAM, 64, debug_alloc=True)
    addr = audited.alloc_pages(4)
    audited._region.alloc(2)
    yield refused(audited.alloc_pages, 1, says=["4 pages", "6"])
    audited._region.free(0)
    yield refused(audited.alloc_pages, 1, says=["4 pages", hex(addr), "0"])


def _allocator_without_heap():
    p = fresh_physmem()
    buddies = p.BuddyAllocator(SRAM, 64)
    buddy = module("physmem_buddy")
    yield refused(buddies.alloc_frame, 1, within=failing(buddy, "PageFrame"), says=f"alloc_frame() {LOCKED}")
    ledger = changed(buddies, "_base", NoHeap(SRAM))
    yield refused(buddies.alloc_pages, 1, within=ledger, says=f"alloc_pages() {LOCKED}")
    for call, arguments, name in (
        (buddies.init, (SRAM, 64), "init()"),
        (buddies.reset, (), "reset()"),
        (buddies.stats, (), "stats()"),
        (buddies.free_blocks_at_order, (0,), "free_blocks_at_order()"),
        (buddies.order_stats, (), "order_stats()"),
        (buddies.dump_free_lists, (), "dump_free_lists()"),
        (buddies.allocations_out, (), "allocations_out()"),
    ):
        yield refused(call, *arguments, within=without_heap(), says=f"{name} {LOCKED}")
