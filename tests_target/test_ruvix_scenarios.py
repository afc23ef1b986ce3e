"""RuVix' buddy allocator, scenario by scenario.

The managed memory is never touched, so the addresses need not exist. HIGH is a big integer on 32-bit boards.
"""

from physmem import PAGE_SIZE, BuddyAllocator, PageFrame, PageOrder, PhysAddr, PhysMemError
from support import raises

BASE = 0x1000_0000  # a multiple of the largest block
HIGH = 0xD000_0000


def allocator_of(pages, base=BASE, **options):
    return BuddyAllocator(PhysAddr(base), pages, **options)


def blocks_by_order(allocator):
    return [allocator.free_blocks_at_order(order) for order in range(10)]


class Random:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % n


# RuVix' example.


def test_the_example_of_the_seed():
    allocator = BuddyAllocator.new(PhysAddr.new(0x1000_0000), 4096)
    addr = allocator.alloc_pages(4)
    assert addr is not None
    assert isinstance(addr, int) and PhysAddr(addr).is_order_aligned(2) and allocator.contains(addr)
    assert allocator.used_pages() == 4
    allocator.dealloc_pages(addr, 4)
    assert allocator.used_pages() == 0 and allocator.free_page_count() == 4096


# Made, initialised, reset.


def test_new_state():
    for base in (BASE, HIGH):
        allocator = allocator_of(1024, base)
        assert allocator.base_addr() == PhysAddr(base)
        assert allocator.end_addr() == PhysAddr(base + 4 * 1024 * 1024)
        assert allocator.total_pages() == 1024
        assert allocator.free_page_count() == 1024
        assert allocator.used_pages() == 0
        assert blocks_by_order(allocator) == [0] * 9 + [2]
        assert allocator.allocations_out() == []


def test_the_base_may_be_an_integer():
    assert BuddyAllocator(BASE, 8).base_addr() == PhysAddr(BASE)


def test_new_with_a_bad_alignment():
    for base in (1, 0x1001, BASE + 0x800, HIGH + 1):
        error = raises(PhysMemError, BuddyAllocator, PhysAddr(base), 64, code="UnalignedAddress")
        assert "4096" in str(error)
        raises(PhysMemError, BuddyAllocator.new, base, 64, code="UnalignedAddress")


def test_new_with_an_end_that_does_not_fit_64_bits():
    base = (1 << 64) - 8 * PAGE_SIZE
    raises(PhysMemError, BuddyAllocator, base, 8, code="AddressOutOfRange")
    raises(PhysMemError, BuddyAllocator, base, 1 << 60, code="AddressOutOfRange")
    allocator = BuddyAllocator(base, 7)
    assert allocator.end_addr() == PhysAddr((1 << 64) - PAGE_SIZE)
    assert allocator.alloc_pages(4) == PhysAddr(base)


def test_new_with_wrong_arguments():
    raises(PhysMemError, BuddyAllocator, BASE, -1, code="AddressOutOfRange")
    raises(PhysMemError, BuddyAllocator, -4096, 1, code="AddressOutOfRange")
    for wrong in ("8", 8.0, None):
        raises(TypeError, BuddyAllocator, BASE, wrong)
    raises(TypeError, BuddyAllocator, "0x1000", 8)


def test_no_pages_at_all():
    allocator = allocator_of(0)
    assert allocator.total_pages() == allocator.free_page_count() == allocator.used_pages() == 0
    assert allocator.alloc_pages(1) is None
    raises(MemoryError, allocator.try_alloc_pages, 1)
    raises(PhysMemError, allocator.try_free_pages, BASE, 1, code="AddressOutOfRange")
    assert not allocator.contains(BASE)
    assert blocks_by_order(allocator) == [0] * 10
    allocator.reset()
    assert allocator.stats().utilization_percent() == 0


def test_uninitialised():
    allocator = BuddyAllocator.uninit()
    assert allocator.base_addr() == 0 == allocator.end_addr()
    assert allocator.total_pages() == allocator.free_page_count() == allocator.used_pages() == 0
    assert allocator.alloc_pages(1) is None
    assert allocator.alloc_frame(1) is None
    raises(PhysMemError, allocator.try_alloc_pages, 1, code="NotInitialized")
    raises(PhysMemError, allocator.try_free_pages, PhysAddr(BASE), 1, code="NotInitialized")
    raises(PhysMemError, allocator.dealloc_pages, PhysAddr(BASE), 1, code="NotInitialized")
    assert not allocator.contains(PhysAddr.NULL)
    assert blocks_by_order(allocator) == [0] * 10
    assert allocator.allocations_out() == []
    allocator.reset()
    raises(PhysMemError, allocator.try_alloc_pages, 1, code="NotInitialized")


def test_uninitialised_then_init():
    allocator = BuddyAllocator.uninit()
    allocator.init(PhysAddr(BASE), 64)
    assert allocator.free_page_count() == allocator.total_pages() == 64
    addr = allocator.alloc_pages(1)
    assert allocator.contains(addr)
    allocator.dealloc_pages(addr, 1)
    assert allocator.free_page_count() == 64


def test_init_with_a_bad_alignment_leaves_it_as_it_was():
    allocator = BuddyAllocator.uninit()
    raises(PhysMemError, allocator.init, PhysAddr(0x1001), 64, code="UnalignedAddress")
    raises(PhysMemError, allocator.try_alloc_pages, 1, code="NotInitialized")
    allocator = allocator_of(8)
    addr = allocator.alloc_pages(8)
    raises(PhysMemError, allocator.init, PhysAddr(0x1001), 64, code="UnalignedAddress")
    raises(PhysMemError, allocator.init, PhysAddr(0x1000), -64, code="AddressOutOfRange")
    raises(TypeError, allocator.init, PhysAddr(0x1000), None)
    assert (allocator.total_pages(), allocator.used_pages()) == (8, 8)
    allocator.dealloc_pages(addr, 8)


def test_init_again_manages_the_new_memory_only():
    allocator = allocator_of(8)
    old = allocator.alloc_pages(4)
    allocator.init(PhysAddr(HIGH), 16)
    assert allocator.free_page_count() == 16
    assert allocator.stats().allocations() == 0
    raises(PhysMemError, allocator.try_free_pages, old, 4, code="AddressOutOfRange")
    assert allocator.alloc_pages(16) == PhysAddr(HIGH)


def test_reset_makes_everything_free():
    allocator = allocator_of(1024)
    for pages in (100, 50, 1):
        assert allocator.alloc_pages(pages) is not None
    assert allocator.used_pages() == 128 + 64 + 1
    allocator.reset()
    assert allocator.free_page_count() == 1024 and allocator.used_pages() == 0
    assert blocks_by_order(allocator) == [0] * 9 + [2]
    assert allocator.allocations_out() == []
    stats = allocator.stats()
    assert stats.allocations() == stats.frees() == stats.splits() == stats.peak_used_pages() == 0
    assert allocator.alloc_pages(512) is not None and allocator.alloc_pages(512) is not None


# Sizes.


def test_one_page():
    allocator = allocator_of(1024)
    addr = allocator.alloc_pages(1)
    assert addr % PAGE_SIZE == 0 and allocator.contains(addr)
    assert (allocator.used_pages(), allocator.free_page_count()) == (1, 1023)
    allocator.dealloc_pages(addr, 1)
    assert (allocator.used_pages(), allocator.free_page_count()) == (0, 1024)


def test_four_and_eight_pages():
    for base in (BASE, HIGH):
        allocator = allocator_of(1024, base)
        four = allocator.alloc_pages(4)
        assert PhysAddr(four).is_order_aligned(2) and allocator.used_pages() == 4
        eight = allocator.alloc_pages(8)
        assert PhysAddr(eight).is_order_aligned(3) and allocator.used_pages() == 12
        assert not PageFrame(four, 2).contains(eight) and not PageFrame(eight, 3).contains(four)
        allocator.dealloc_pages(four, 4)
        allocator.dealloc_pages(eight, 8)
        assert allocator.used_pages() == 0


def test_the_largest_block():
    allocator = allocator_of(512)
    addr = allocator.alloc_pages(512)
    assert addr == PhysAddr(BASE)
    assert (allocator.used_pages(), allocator.free_page_count()) == (512, 0)
    assert allocator.alloc_pages(1) is None
    allocator.dealloc_pages(addr, 512)
    assert allocator.free_page_count() == 512


def test_more_than_the_largest_block():
    allocator = allocator_of(1024)
    for pages in (513, 1024, 1 << 29, 1 << 40, 1 << 100):
        assert allocator.alloc_pages(pages) is None
        assert allocator.alloc_frame(pages) is None
        raises(PhysMemError, allocator.try_alloc_pages, pages, code="AllocationTooLarge")
    assert allocator.free_page_count() == 1024


def test_zero_pages():
    allocator = allocator_of(1024)
    for pages in (0, -1, -512, -(1 << 40)):
        assert allocator.alloc_pages(pages) is None
        assert allocator.alloc_frame(pages) is None
        raises(PhysMemError, allocator.try_alloc_pages, pages, code="ZeroAllocation")
    assert allocator.free_page_count() == 1024


def test_pages_that_are_no_integer():
    allocator = allocator_of(8)
    addr = allocator.alloc_pages(1)
    for wrong in (None, "1", 1.0, [1]):
        for function in (allocator.alloc_pages, allocator.try_alloc_pages, allocator.alloc_frame):
            raises(TypeError, function, wrong)
        for function in (allocator.dealloc_pages, allocator.try_free_pages):
            raises(TypeError, function, addr, wrong)
            raises(TypeError, function, wrong, 1)
        raises(TypeError, allocator.contains, wrong)
        raises(TypeError, allocator.free_blocks_at_order, wrong)
        raises(TypeError, allocator.free_frame, wrong)
    assert allocator.used_pages() == 1
    assert allocator.stats().allocations() == 1


def test_every_size_is_rounded_up_and_aligned_to_itself():
    for base in (BASE, BASE + 3 * PAGE_SIZE, HIGH + 5 * PAGE_SIZE):
        allocator = allocator_of(1600, base)  # whole blocks of 512 wherever it starts
        for pages in range(1, 513):
            addr = allocator.alloc_pages(pages)
            order = PageOrder.from_pages(pages)
            assert PhysAddr(addr).is_order_aligned(order), pages
            assert allocator.used_pages() == order.pages() < 2 * pages
            assert allocator.contains(addr) and allocator.contains(addr + (order.bytes() - 1))
            allocator.dealloc_pages(addr, pages)
            assert allocator.used_pages() == 0


def test_out_of_memory_and_retry():
    allocator = allocator_of(8)
    first, second = allocator.alloc_pages(4), allocator.alloc_pages(4)
    assert allocator.free_page_count() == 0
    assert allocator.alloc_pages(1) is None
    allocator.dealloc_pages(first, 4)
    third = allocator.alloc_pages(1)
    assert PageFrame(first, 2).contains(third)
    allocator.dealloc_pages(second, 4)
    allocator.dealloc_pages(third, 1)
    assert allocator.alloc_pages(8) == PhysAddr(BASE)


def test_out_of_memory_although_enough_pages_are_free():
    allocator = allocator_of(8, BASE + 2 * PAGE_SIZE)  # pages 2 to 9: one aligned block of four, none of eight
    assert allocator.alloc_pages(8) is None
    assert allocator.alloc_pages(4) == PhysAddr(BASE + 4 * PAGE_SIZE)
    assert allocator.alloc_pages(4) is None
    assert allocator.free_page_count() == 4


def test_all_of_it_page_by_page():
    for pages in (1, 31, 32, 33, 100):
        allocator = allocator_of(pages, HIGH + 7 * PAGE_SIZE)
        addresses = [allocator.alloc_pages(1) for _ in range(pages)]
        assert sorted(addresses) == [HIGH + (7 + i) * PAGE_SIZE for i in range(pages)]
        assert allocator.alloc_pages(1) is None


# Splitting and coalescing.


def test_a_split_leaves_seven_of_eight():
    allocator = allocator_of(8)
    addr = allocator.alloc_pages(1)
    assert allocator.free_page_count() == 7
    assert blocks_by_order(allocator) == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert allocator.stats().splits() == 3  # 8 to 4, 4 to 2, 2 to 1
    assert allocator.stats().splits_per_allocation() == 3.0
    allocator.dealloc_pages(addr, 1)


def test_coalesce_back_to_eight():
    allocator = allocator_of(8)
    addr = allocator.alloc_pages(1)
    allocator.dealloc_pages(addr, 1)
    assert allocator.free_page_count() == 8
    assert blocks_by_order(allocator) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert allocator.stats().coalesces() == 3
    assert allocator.stats().coalesces_per_free() == 3.0


def test_two_halves_coalesce():
    allocator = allocator_of(8)
    first, second = allocator.alloc_pages(4), allocator.alloc_pages(4)
    assert allocator.stats().splits() == 1  # the second half was already there
    allocator.dealloc_pages(first, 4)
    assert allocator.stats().coalesces() == 0
    allocator.dealloc_pages(second, 4)
    assert allocator.stats().coalesces() == 1
    assert allocator.free_page_count() == 8
    assert allocator.alloc_pages(8) is not None


def test_only_buddies_coalesce():
    allocator = allocator_of(2, BASE + PAGE_SIZE)  # neighbours, but of two different blocks of two pages
    assert blocks_by_order(allocator) == [2] + [0] * 9
    assert allocator.alloc_pages(2) is None
    addr = allocator.alloc_pages(1)
    allocator.dealloc_pages(addr, 1)
    assert allocator.stats().splits() == allocator.stats().coalesces() == 0


def test_sixty_four_pages_freed_even_then_odd():
    allocator = allocator_of(64)
    addresses = [allocator.alloc_pages(1) for _ in range(64)]
    assert len(set(addresses)) == 64 and allocator.used_pages() == 64
    for addr in addresses:
        if PhysAddr(addr).pfn() % 2 == 0:
            allocator.dealloc_pages(addr, 1)
    assert allocator.used_pages() == 32
    assert blocks_by_order(allocator) == [32] + [0] * 9
    assert allocator.alloc_pages(2) is None
    for addr in addresses:
        if PhysAddr(addr).pfn() % 2 == 1:
            allocator.dealloc_pages(addr, 1)
    assert allocator.used_pages() == 0
    assert blocks_by_order(allocator) == [0] * 6 + [1, 0, 0, 0]
    assert allocator.alloc_pages(64) == PhysAddr(BASE)


class Model:
    """The free lists of a buddy allocator as in textbooks: a set of first pages for each order."""

    def __init__(self, first, pages):
        self.first, self.end = first, first + pages
        self.free = [set() for _ in range(10)]
        self.splits = self.coalesces = 0
        page = first
        while page < self.end:
            order = 9
            while page % (1 << order) or page + (1 << order) > self.end:
                order -= 1
            self.free[order].add(page)
            page += 1 << order

    def has(self, order):
        return any(self.free[order:])

    def take(self, page, order):
        """Take the block of `order` at `page` from the free block that contains it, halving that as often as needed."""
        larger = order
        while page >> larger << larger not in self.free[larger]:
            larger += 1
            assert larger < 10, "handed out, but not free"
        self.free[larger].remove(page >> larger << larger)
        while larger > order:
            larger -= 1
            self.splits += 1
            self.free[larger].add((page >> larger ^ 1) << larger)

    def give(self, page, order):
        while order < 9 and page ^ (1 << order) in self.free[order]:
            self.free[order].remove(page ^ (1 << order))
            page &= ~(1 << order)
            order += 1
            self.coalesces += 1
        self.free[order].add(page)


def test_a_textbook_buddy_allocator_agrees():
    for seed, pages, offset in ((1, 64, 0), (2, 77, 3), (3, 700, 509)):
        random = Random(seed)
        allocator = allocator_of(pages, BASE + offset * PAGE_SIZE)
        model = Model(BASE // PAGE_SIZE + offset, pages)
        out = []
        failed = 0
        for step in range(200):
            if random.below(5) < 3:
                order = random.below(6)
                addr = allocator.alloc_pages(1 << order)
                assert (addr is not None) == model.has(order), (seed, step)
                if addr is None:
                    failed += 1
                else:
                    model.take(addr // PAGE_SIZE, order)
                    out.append((addr, order))
            elif out:
                addr, order = out.pop(random.below(len(out)))
                allocator.dealloc_pages(addr, 1 << order)
                model.give(addr // PAGE_SIZE, order)
            stats = allocator.stats()
            assert stats.splits() == model.splits, (seed, step)
            assert stats.coalesces() == model.coalesces, (seed, step)
            if step % 8 == 0:
                assert blocks_by_order(allocator) == [len(free) for free in model.free], (seed, step)
        assert allocator.stats().failed_allocations() == failed
        for addr, order in out:
            allocator.dealloc_pages(addr, 1 << order)
        assert blocks_by_order(allocator) == [len(free) for free in Model(BASE // PAGE_SIZE + offset, pages).free]


# Errors of the try_ calls.


def test_try_alloc_pages():
    allocator = allocator_of(16)
    addr = allocator.try_alloc_pages(4)
    assert addr % (4 * PAGE_SIZE) == 0
    raises(PhysMemError, allocator.try_alloc_pages, 0, code="ZeroAllocation")
    raises(PhysMemError, allocator.try_alloc_pages, 1024, code="AllocationTooLarge")
    error = raises(MemoryError, allocator.try_alloc_pages, 16)
    assert "16 pages" in str(error) and "12 of 16" in str(error)
    assert allocator.used_pages() == 4


def test_try_free_pages():
    allocator = allocator_of(16)
    addr = allocator.alloc_pages(4)
    for pages, where, code in (
        (0, addr, "ZeroAllocation"),
        (-1, addr, "ZeroAllocation"),
        (4, addr + 1, "UnalignedAddress"),
        (4, PhysAddr(1), "UnalignedAddress"),
        (4, PhysAddr.NULL, "AddressOutOfRange"),
        (4, PhysAddr(BASE - PAGE_SIZE), "AddressOutOfRange"),
        (4, allocator.end_addr(), "AddressOutOfRange"),
        (4, PhysAddr((1 << 64) - PAGE_SIZE), "AddressOutOfRange"),
        (513, addr, "AllocationTooLarge"),
        (1 << 100, addr, "AllocationTooLarge"),
        (4, addr + 4 * PAGE_SIZE, "NotAllocated"),
        (2, addr, "SizeMismatch"),
        (8, addr, "SizeMismatch"),
    ):
        for function in (allocator.try_free_pages, allocator.dealloc_pages):
            raises(PhysMemError, function, where, pages, code=code)
            assert allocator.used_pages() == 4
    raises(PhysMemError, allocator.try_free_pages, -PAGE_SIZE, 4, code="AddressOutOfRange")
    raises(PhysMemError, allocator.try_free_pages, 1 << 64, 4, code="AddressOutOfRange")
    assert allocator.stats().frees() == 0
    allocator.try_free_pages(addr, 4)
    assert allocator.used_pages() == 0
    assert allocator.stats().frees() == 1


def test_the_sentences_have_the_numbers():
    allocator = allocator_of(16)
    addr = allocator.alloc_pages(4)
    error = raises(PhysMemError, allocator.try_free_pages, addr, 8)
    assert hex(addr) in str(error) and "4 pages" in str(error) and "8" in str(error)
    error = raises(PhysMemError, allocator.try_free_pages, allocator.end_addr(), 1)
    assert hex(allocator.end_addr()) in str(error)
    error = raises(PhysMemError, allocator.try_alloc_pages, 600)
    assert "600" in str(error) and "512" in str(error)


def test_a_free_takes_an_integer_address_and_any_size_that_rounds_to_the_block():
    allocator = allocator_of(16)
    for asked, given in ((3, 4), (4, 3), (5, 8), (8, 5)):
        addr = allocator.alloc_pages(asked)
        allocator.dealloc_pages(addr, given)
        assert allocator.used_pages() == 0


# Frames.


def test_frame_round_trip():
    allocator = allocator_of(64)
    for pages, rounded in ((1, 1), (3, 4), (4, 4), (64, 64)):
        frame = allocator.alloc_frame(pages)
        assert frame.pages() == rounded == allocator.used_pages()
        assert PhysAddr(frame.addr()).is_order_aligned(frame.order())
        allocator.free_frame(frame)
        assert allocator.used_pages() == 0
        raises(PhysMemError, allocator.free_frame, frame, code="NotAllocated")


def test_the_halves_of_a_frame_cannot_be_freed_one_by_one():
    allocator = allocator_of(8)
    frame = allocator.alloc_frame(8)
    lower, upper = frame.split()
    raises(PhysMemError, allocator.free_frame, lower, code="SizeMismatch")
    raises(PhysMemError, allocator.free_frame, upper, code="NotAllocated")
    allocator.free_frame(lower.merge(upper))
    assert allocator.free_page_count() == 8


def test_no_frame_when_there_is_none():
    allocator = allocator_of(4)
    assert allocator.alloc_frame(8) is None
    assert allocator.alloc_frame(4) is not None
    assert allocator.alloc_frame(1) is None


# Looking.


def test_contains_at_its_boundaries():
    for base in (BASE, HIGH):
        allocator = allocator_of(16, base)
        for addr, inside in (
            (base - 1, False),
            (base, True),
            (base + 1, True),
            (base + 16 * PAGE_SIZE - 1, True),
            (base + 16 * PAGE_SIZE, False),
            (0, False),
            ((1 << 64) - 1, False),
        ):
            assert allocator.contains(PhysAddr(addr)) == inside
            assert allocator.contains(addr) == inside


def test_free_blocks_at_order():
    allocator = allocator_of(512 + 64 + 1)
    assert blocks_by_order(allocator) == [1, 0, 0, 0, 0, 0, 1, 0, 0, 1]
    for order in (10, 11, 100, 1 << 40):
        assert allocator.free_blocks_at_order(order) == 0
    assert allocator.free_blocks_at_order(PageOrder(6)) == 1
    raises(PhysMemError, allocator.free_blocks_at_order, -1, code="InvalidOrder")


def test_free_blocks_of_a_region_that_is_not_aligned():
    allocator = allocator_of(16, BASE + PAGE_SIZE)  # pages 1 | 2 3 | 4 to 7 | 8 to 15 | 16
    assert blocks_by_order(allocator) == [2, 1, 1, 1, 0, 0, 0, 0, 0, 0]


def test_free_blocks_add_up_to_the_free_pages():
    random = Random(7)
    allocator = allocator_of(300, BASE + 11 * PAGE_SIZE)
    for _ in range(20):
        allocator.alloc_pages(1 + random.below(20))
        blocks = blocks_by_order(allocator)
        assert sum(blocks[order] << order for order in range(10)) == allocator.free_page_count()


def test_order_statistics():
    allocator = allocator_of(512)
    stats = allocator.order_stats()
    assert len(stats) == 10
    assert [order.free_blocks for order in stats] == [0] * 9 + [1]
    addr = allocator.alloc_pages(3)
    allocator.alloc_pages(1)
    allocator.dealloc_pages(addr, 3)
    stats = allocator.order_stats()
    assert [order.allocations for order in stats] == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [order.frees for order in stats] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [order.free_blocks for order in stats] == [1] * 9 + [0]


def test_dump_free_lists():
    allocator = allocator_of(8)
    allocator.alloc_pages(1)
    lines = []
    allocator.dump_free_lists(lines.append)
    text = "\n".join(lines)
    assert "0x10000000" in text and "0x10008000" in text and "8 pages" in text
    assert "1 pages used, 7 free" in text
    for line in ("order 0: 1 x 1 pages", "order 1: 1 x 2 pages", "order 2: 1 x 4 pages"):
        assert line in lines
    assert "order 3" not in text


def test_allocations_out():
    allocator = allocator_of(16)
    four, one = allocator.alloc_pages(4), allocator.alloc_pages(1)
    assert sorted(allocator.allocations_out()) == sorted([(four, 4), (one, 1)])
    allocator.dealloc_pages(four, 4)
    assert allocator.allocations_out() == [(one, 1)]


def test_as_text():
    allocator = allocator_of(8)
    assert "0x10000000" in repr(allocator) and "8 of 8" in repr(allocator)


# Statistics and switches.


def test_statistics():
    allocator = allocator_of(8)
    stats = allocator.stats()
    assert (stats.total_pages(), stats.free_pages(), stats.used_pages()) == (8, 8, 0)
    assert stats.allocations() == stats.frees() == 0
    assert stats.success_rate_percent() == 100
    addr = allocator.alloc_pages(4)
    allocator.alloc_pages(4)
    assert allocator.alloc_pages(1) is None
    allocator.dealloc_pages(addr, 4)
    stats = allocator.stats()
    assert (stats.allocations(), stats.successful_allocations(), stats.failed_allocations()) == (3, 2, 1)
    assert (stats.frees(), stats.used_pages(), stats.peak_used_pages()) == (1, 4, 8)
    assert (stats.success_rate_percent(), stats.utilization_percent()) == (66, 50)
    assert (stats.used_bytes(), stats.free_bytes(), stats.peak_used_bytes()) == (16384, 16384, 32768)


def test_statistics_are_a_copy():
    allocator = allocator_of(8)
    before = allocator.stats()
    allocator.alloc_pages(1)
    assert (before.allocations(), before.used_pages()) == (0, 0)
    before.record_allocation(4, True)
    assert (allocator.stats().allocations(), allocator.stats().used_pages()) == (1, 1)


def test_reset_counters_keeps_what_is_out():
    allocator = allocator_of(16)
    addr, kept = allocator.alloc_pages(8), allocator.alloc_pages(2)
    allocator.dealloc_pages(addr, 8)
    assert allocator.stats().peak_used_pages() == 10
    allocator.reset_counters()
    stats = allocator.stats()
    assert stats.allocations() == stats.frees() == stats.splits() == stats.coalesces() == 0
    assert (stats.used_pages(), stats.peak_used_pages()) == (2, 2)
    assert [(order.allocations, order.frees) for order in allocator.order_stats()] == [(0, 0)] * 10
    allocator.dealloc_pages(kept, 2)


def test_switch_stats_off():
    allocator = allocator_of(8, stats=False)
    addr = allocator.alloc_pages(1)
    allocator.dealloc_pages(addr, 1)
    allocator.alloc_pages(0)
    addr = allocator.alloc_pages(4)
    stats = allocator.stats()
    assert stats.allocations() == stats.failed_allocations() == stats.frees() == 0
    assert stats.splits() == stats.coalesces() == 0
    assert (stats.total_pages(), stats.used_pages(), stats.free_pages()) == (8, 4, 4)  # true nevertheless
    allocator.dealloc_pages(addr, 4)
    assert (allocator.stats().used_pages(), allocator.stats().peak_used_pages()) == (0, 4)
    assert [(order.allocations, order.frees) for order in allocator.order_stats()] == [(0, 0)] * 10
    assert [order.free_blocks for order in allocator.order_stats()] == blocks_by_order(allocator)
    allocator.reset_counters()


def test_switch_debug_alloc_finds_what_was_freed_behind_its_back():
    allocator = allocator_of(16, debug_alloc=True)
    addr = allocator.alloc_pages(4)
    other = allocator.alloc_pages(1)
    allocator.dealloc_pages(other, 1)
    region = allocator._region
    assert region.free(region.frame(addr)) == 4
    for function, arguments in (
        (allocator.alloc_pages, (1,)),
        (allocator.try_alloc_pages, (1,)),
        (allocator.try_free_pages, (addr, 4)),
    ):
        raises(PhysMemError, function, *arguments, code="InternalCorruption")
    assert allocator.used_pages() == 0  # and nothing was done
    allocator.reset()
    assert allocator.alloc_pages(16) == PhysAddr(BASE)


def test_switch_debug_alloc_finds_what_was_taken_behind_its_back():
    allocator = allocator_of(16, debug_alloc=True)
    addr = allocator.alloc_pages(4)
    assert allocator._region.alloc(1) >= 0
    raises(PhysMemError, allocator.alloc_pages, 1, code="InternalCorruption")
    raises(PhysMemError, allocator.dealloc_pages, addr, 4, code="InternalCorruption")
    assert allocator.used_pages() == 5


def test_switch_debug_alloc_finds_a_block_that_moved_behind_its_back():
    allocator = allocator_of(16, debug_alloc=True)
    addr = allocator.alloc_pages(4)
    region = allocator._region
    region.free(region.frame(addr))
    assert region.alloc_at(8, 4) == 8  # as many pages as before are allocated, but different ones
    raises(PhysMemError, allocator.alloc_pages, 1, code="InternalCorruption")
    raises(PhysMemError, allocator.dealloc_pages, addr, 4, code="InternalCorruption")


def test_switch_debug_alloc_is_silent_when_all_is_well():
    allocator = BuddyAllocator.uninit(debug_alloc=True)
    assert allocator.alloc_pages(1) is None
    allocator.init(BASE, 64)
    random = Random(5)
    out = []
    for _ in range(100):
        if out and random.below(2):
            addr, pages = out.pop(random.below(len(out)))
            allocator.dealloc_pages(addr, pages)
        else:
            pages = 1 + random.below(9)
            addr = allocator.alloc_pages(pages)
            if addr is not None:
                out.append((addr, pages))
    assert len(allocator.allocations_out()) == len(out)
