"""The ten defects of RuVix' allocator: each is tried on ours, which must not have it.

Defect 3 has its own file, test_ruvix_large.py. Every refusal leaves the allocator unchanged: `refused` compares
everything you can see of it before and after.
"""

from array import array

from physmem import PAGE_SIZE, BuddyAllocator, PageFrame, PhysAddr, PhysMemError
from support import raises

BASE = 0x1000_0000


def allocator_of(pages, **options):
    return BuddyAllocator(PhysAddr(BASE), pages, **options)


def seen(allocator):
    """Return everything you can see of an allocator."""
    stats = allocator.stats()
    return (
        allocator.free_page_count(),
        allocator.used_pages(),
        allocator.allocations_out(),
        [tuple(order) for order in allocator.order_stats()],
        [
            stats.free_pages(),
            stats.used_pages(),
            stats.peak_used_pages(),
            stats.allocations(),
            stats.failed_allocations(),
        ],
        [stats.frees(), stats.splits(), stats.coalesces()],
    )


def refused(allocator, addr, pages, code):
    """Check that both ways to free return `code` and leave the allocator unchanged."""
    before = seen(allocator)
    for free in (allocator.try_free_pages, allocator.dealloc_pages):
        raises(PhysMemError, free, addr, pages, code=code)
        assert seen(allocator) == before


def test_defect_01_double_free_is_refused():
    """RuVix' double free returns Ok, and the same page is then handed out twice."""
    allocator = allocator_of(16)
    addr = allocator.alloc_pages(1)
    allocator.dealloc_pages(addr, 1)
    refused(allocator, addr, 1, "NotAllocated")
    pages = [allocator.alloc_pages(1) for _ in range(16)]
    assert len(set(pages)) == 16
    assert allocator.alloc_pages(1) is None


def test_defect_01_double_free_of_a_block_whose_pages_are_out_again():
    """The same, with the memory handed out to another caller in between."""
    allocator = allocator_of(4)
    addr = allocator.alloc_pages(4)
    allocator.dealloc_pages(addr, 4)
    pages = [allocator.alloc_pages(1) for _ in range(4)]
    assert addr in pages
    refused(allocator, addr, 4, "SizeMismatch")


def test_defect_02_four_thousand_pages_freed_evens_then_odds_lose_nothing():
    """RuVix' free lists overflow silently: 4,096 pages freed evens then odds leave 3,072 free."""
    allocator = allocator_of(4096)
    numbers = array("I", bytes(4 * 4096))
    for i in range(4096):
        numbers[i] = allocator.alloc_pages(1) // PAGE_SIZE
    assert allocator.free_page_count() == 0
    for parity in (0, 1):
        for number in numbers:
            if number % 2 == parity:
                allocator.dealloc_pages(PhysAddr.from_pfn(number), 1)
        assert allocator.free_page_count() == (parity + 1) * 2048
        assert allocator.free_blocks_at_order(0) == (2048, 0)[parity]
    assert allocator.free_blocks_at_order(9) == 8
    for _ in range(8):
        assert allocator.alloc_pages(512) is not None
    assert allocator.free_page_count() == 0


def test_defect_04_frees_of_the_wrong_size_are_refused():
    """RuVix accepts them: free(1) of 8 leaks 7 pages, free(32) of 1 makes 95 pages free of 64."""
    allocator = allocator_of(64)
    eight = allocator.alloc_pages(8)
    for pages in (1, 2, 4, 16, 32):
        refused(allocator, eight, pages, "SizeMismatch")
    one = allocator.alloc_pages(1)
    allocator.dealloc_pages(eight, 8)
    refused(allocator, one, 32, "SizeMismatch")
    allocator.dealloc_pages(one, 1)
    assert allocator.free_page_count() == 64


def test_defect_05_frees_that_are_not_aligned_to_their_order_are_refused():
    """RuVix accepts them and later hands out blocks that are not aligned to their size."""
    allocator = allocator_of(16)
    addresses = [allocator.alloc_pages(1) for _ in range(16)]
    refused(allocator, PhysAddr(BASE + PAGE_SIZE), 4, "SizeMismatch")  # one page starts there
    for addr in addresses:
        allocator.dealloc_pages(addr, 1)
    addr = allocator.alloc_pages(8)
    refused(allocator, addr + PAGE_SIZE, 4, "NotAllocated")  # inside an allocation
    refused(allocator, addr + 2 * PAGE_SIZE, 8, "NotAllocated" if addr == BASE else "AddressOutOfRange")
    raises(PhysMemError, allocator.free_frame, PageFrame(addr + 3 * PAGE_SIZE, 1), code="NotAllocated")
    allocator.dealloc_pages(addr, 8)
    for _ in range(4):
        assert PhysAddr(allocator.alloc_pages(4)).is_order_aligned(2)


def test_defect_06_the_end_of_a_free_is_checked_as_well():
    """RuVix checks where a free starts, not where it ends."""
    allocator = allocator_of(16)
    for _ in range(16):
        allocator.alloc_pages(1)
    last = allocator.end_addr() - PAGE_SIZE
    for pages in (2, 3, 16, 512):
        refused(allocator, last, pages, "AddressOutOfRange")
    refused(allocator, PhysAddr(BASE), 512, "AddressOutOfRange")
    allocator.dealloc_pages(last, 1)
    assert allocator.alloc_pages(1) == last


def test_defect_07_statistics_count_what_was_taken():
    """RuVix' alloc(3) takes 4 pages and records 3."""
    allocator = allocator_of(16)
    addr = allocator.alloc_pages(3)
    for _ in range(2):
        assert allocator.stats().used_pages() == allocator.used_pages() == 4
        assert allocator.stats().free_pages() == allocator.free_page_count() == 12
        assert allocator.stats().peak_used_pages() == 4
        allocator.dealloc_pages(addr, 3)
        assert allocator.stats().used_pages() == allocator.used_pages() == 0
        assert allocator.stats().free_pages() == allocator.free_page_count() == 16
        addr = allocator.alloc_pages(3)


def test_defect_07_statistics_do_not_drift():
    """The same over many sizes, with every result compared."""
    allocator = allocator_of(512)
    for pages in range(1, 513):
        addr = allocator.alloc_pages(pages)
        assert allocator.stats().used_pages() == allocator.used_pages() >= pages
        allocator.dealloc_pages(addr, pages)
        assert allocator.stats().free_pages() == allocator.free_page_count() == 512
    assert allocator.stats().successful_allocations() == allocator.stats().frees() == 512


def test_defect_08_after_reset_an_old_page_cannot_be_freed():
    """RuVix has 20 pages free of 16 when a block of four from before the reset is freed."""
    for options in ({}, {"stats": False}, {"debug_alloc": True}):
        allocator = allocator_of(16, **options)
        addr = allocator.alloc_pages(4)
        allocator.reset()
        assert allocator.free_page_count() == 16
        refused(allocator, addr, 4, "NotAllocated")
        assert allocator.free_page_count() == 16
        assert allocator.alloc_pages(16) == PhysAddr(BASE)


def test_defect_09_both_ways_to_allocate_count_the_same():
    """RuVix' alloc_pages counts a request for too much, try_alloc_pages does not. Neither counts a request for 0."""
    for pages in (1, 3, 16, 0, -1, 513, 1 << 40):
        counted = []
        for name in ("alloc_pages", "try_alloc_pages", "alloc_frame"):
            allocator = allocator_of(8)
            try:
                getattr(allocator, name)(pages)
            except (MemoryError, PhysMemError):
                pass
            stats = allocator.stats()
            counted.append((stats.allocations(), stats.successful_allocations(), stats.failed_allocations()))
        assert counted == [(1, 1, 0) if pages in (1, 3) else (1, 0, 1)] * 3, pages


def test_defect_10_frees_are_validated_in_every_build():
    """RuVix' release builds validate nothing in dealloc_pages. Ours does, even with all switches off."""
    for options in ({}, {"stats": False, "debug_alloc": False}, {"stats": True, "debug_alloc": True}):
        allocator = allocator_of(16, **options)
        addr = allocator.alloc_pages(4)
        refused(allocator, addr, 0, "ZeroAllocation")
        refused(allocator, addr + 1, 4, "UnalignedAddress")
        refused(allocator, PhysAddr(BASE - PAGE_SIZE), 4, "AddressOutOfRange")
        refused(allocator, PhysAddr(BASE + 16 * PAGE_SIZE), 4, "AddressOutOfRange")
        refused(allocator, addr, 1024, "AllocationTooLarge")
        refused(allocator, addr, 2, "SizeMismatch")
        refused(allocator, addr + PAGE_SIZE, 1, "NotAllocated")
        allocator.dealloc_pages(addr, 4)
        refused(allocator, addr, 4, "NotAllocated")
        uninitialised = BuddyAllocator.uninit(**options)
        raises(PhysMemError, uninitialised.dealloc_pages, addr, 4, code="NotInitialized")
