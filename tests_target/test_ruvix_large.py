"""RuVix' defect 3 needs a region of more than 2 GiB, whose metadata needs a heap to itself."""

import gc

from physmem import BuddyAllocator, PhysAddr

NEEDS = ("a large heap",)  # 144,380 bytes of it in one piece


def test_defect_03_regions_over_two_gib_lose_no_pages():
    """RuVix keeps at most 1,024 blocks of 2 MiB: pages beyond 2 GiB are lost when it starts."""
    pages = 525000  # 2,050 MiB: 1,025 blocks of 512 pages, and 128 + 64 + 8 pages
    gc.collect()
    allocator = BuddyAllocator(PhysAddr(0x1_0000_0000), pages)
    assert allocator.free_page_count() == pages
    assert allocator.end_addr() == PhysAddr(0x1_0000_0000 + 525000 * 4096)
    assert [order.free_blocks for order in allocator.order_stats()] == [0, 0, 0, 1, 0, 0, 1, 1, 0, 1025]
    # The first 1,000 blocks at once, bypassing the allocator: a search for each would take long on a slow board.
    assert allocator._region.alloc_at(0, 1000 * 512) == 0
    for block in range(1000, 1025):
        assert allocator.alloc_pages(512) == PhysAddr(0x1_0000_0000 + block * 512 * 4096)
    assert allocator.alloc_pages(512) is None
    assert allocator.free_page_count() == 200
    for rest in (128, 64, 8):
        assert allocator.alloc_pages(rest) is not None
    assert allocator.free_page_count() == 0
    assert allocator.alloc_pages(1) is None
    allocator.dealloc_pages(allocator.end_addr() - 8 * 4096, 8)
    allocator.dealloc_pages(PhysAddr(0x1_0000_0000 + 1024 * 512 * 4096), 512)
    assert allocator.free_page_count() == 520
    allocator = None
    gc.collect()
