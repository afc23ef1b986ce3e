"""RuVix' constants, functions and value types: page arithmetic, PhysAddr, PageOrder, PageFrame, AllocatorStats, errors.

Expected values are arithmetic on 4,096-byte pages or come from RuVix' description. Nothing here needs a board's memory.
"""

from physmem import (
    MAX_BLOCK_PAGES,
    MAX_BLOCK_SIZE,
    MAX_ORDER,
    MIN_ORDER,
    PAGE_SHIFT,
    PAGE_SIZE,
    AllocatorStats,
    KernelError,
    PageFrame,
    PageOrder,
    PhysAddr,
    PhysMemError,
    align_down,
    align_up,
    is_page_aligned,
    order_to_bytes,
    order_to_pages,
    pages_to_order,
)
from support import raises

LAST = 0xFFFF_FFFF_FFFF_FFFF  # the last address of 64 bits


# Constants and free functions.


def test_constants():
    assert PAGE_SIZE == 4096
    assert PAGE_SHIFT == 12
    assert MIN_ORDER == 0
    assert MAX_ORDER == 10
    assert MAX_BLOCK_PAGES == 512
    assert MAX_BLOCK_SIZE == 2 * 1024 * 1024


def test_constants_fit_each_other():
    assert 1 << PAGE_SHIFT == PAGE_SIZE
    assert 1 << (MAX_ORDER - 1) == MAX_BLOCK_PAGES
    assert MAX_BLOCK_PAGES * PAGE_SIZE == MAX_BLOCK_SIZE


def test_pages_to_order_rounds_up():
    for pages, order in ((0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (511, 9), (512, 9), (513, 10)):
        assert pages_to_order(pages) == order, pages


def test_pages_to_order_is_the_smallest_that_holds_them():
    for pages in range(1, 1100):
        order = pages_to_order(pages)
        assert 2**order >= pages
        assert order == 0 or 2 ** (order - 1) < pages


def test_order_to_pages():
    assert [order_to_pages(order) for order in range(MAX_ORDER)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def test_order_to_bytes():
    assert order_to_bytes(0) == 4096
    assert order_to_bytes(1) == 8192
    assert order_to_bytes(9) == 2097152
    for order in range(MAX_ORDER):
        assert order_to_bytes(order) == order_to_pages(order) * PAGE_SIZE


def test_orders_and_pages_round_trip():
    for order in range(MAX_ORDER):
        assert pages_to_order(order_to_pages(order)) == order
    for pages in range(1, MAX_BLOCK_PAGES + 1):
        assert pages <= order_to_pages(pages_to_order(pages)) < 2 * pages


def test_orders_take_a_page_order():
    assert order_to_pages(PageOrder(3)) == 8
    assert order_to_bytes(PageOrder(3)) == 32768


def test_is_page_aligned():
    for addr in (0, 0x1000, 0x2000, 0x1000_0000, LAST - 0xFFF):
        assert is_page_aligned(addr), addr
    for addr in (1, 0xFFF, 0x1001, 0x1800, LAST):
        assert not is_page_aligned(addr), addr


def test_align_down():
    for addr, aligned in ((0, 0), (1, 0), (0xFFF, 0), (0x1000, 0x1000), (0x1001, 0x1000), (LAST, LAST - 0xFFF)):
        assert align_down(addr) == aligned, addr


def test_align_up():
    for addr, aligned in ((0, 0), (1, 0x1000), (0xFFF, 0x1000), (0x1000, 0x1000), (0x1001, 0x2000)):
        assert align_up(addr) == aligned, addr


def test_alignment_round_trips():
    for addr in (0, 1, 0xFFF, 0x1000, 0x12345678, 0x6000_0001, 0xD0FF_FFFF, 1 << 40):
        down, up = align_down(addr), align_up(addr)
        assert down <= addr <= up
        assert is_page_aligned(down) and is_page_aligned(up)
        assert up - down == (0 if is_page_aligned(addr) else PAGE_SIZE)
        assert align_up(down) == down and align_down(up) == up


def test_align_up_near_the_top_does_not_overflow():
    top_page = LAST - 0xFFF
    assert align_up(top_page - 1) == top_page
    assert align_up(top_page) == top_page
    for addr in (top_page + 1, LAST):
        error = raises(PhysMemError, align_up, addr, code="AddressOutOfRange")
        assert "64 bits" in str(error)


def test_functions_take_a_phys_addr():
    addr = PhysAddr(0x1234)
    assert align_down(addr) == 0x1000
    assert align_up(addr) == 0x2000
    assert not is_page_aligned(addr)


def test_functions_refuse_what_they_cannot_mean():
    for function in (pages_to_order, order_to_pages, order_to_bytes):
        raises(PhysMemError, function, -1, code="InvalidOrder")
        for wrong in (None, "1", 1.0):
            raises(TypeError, function, wrong)
    for function in (order_to_pages, order_to_bytes):
        raises(PhysMemError, function, 53, code="InvalidOrder")
        raises(PhysMemError, function, 1 << 70, code="InvalidOrder")
    for function in (is_page_aligned, align_down, align_up):
        for addr in (-1, LAST + 1, 1 << 100):
            raises(PhysMemError, function, addr, code="AddressOutOfRange")
        for wrong in (None, "0x1000", 4096.0):
            raises(TypeError, function, wrong)


# PhysAddr.


def test_phys_addr_new_and_as_u64():
    for value in (0, 1, 0x1234_5678, 0x6000_0000, LAST):
        assert PhysAddr(value).as_u64() == value
        assert PhysAddr.new(value).as_u64() == value
        assert int(PhysAddr(value)) == value
    assert PhysAddr(PhysAddr(5)) == PhysAddr(5)


def test_phys_addr_null():
    assert PhysAddr.NULL.as_u64() == 0
    assert PhysAddr.NULL.is_null()
    assert PhysAddr(0).is_null()
    assert not PhysAddr(1).is_null()
    assert PhysAddr(0) == PhysAddr.NULL


def test_phys_addr_page_frame_numbers():
    for pfn, addr in ((0, 0), (1, 0x1000), (256, 0x10_0000), (0x6_0000, 0x6000_0000)):
        assert PhysAddr.from_pfn(pfn).as_u64() == addr
        assert PhysAddr(addr).pfn() == pfn
        assert PhysAddr(addr + 0xFFF).pfn() == pfn


def test_phys_addr_page_offset():
    for addr, offset in ((0x1000, 0), (0x1001, 1), (0x1234, 0x234), (0x1FFF, 0xFFF)):
        assert PhysAddr(addr).page_offset() == offset
        assert PhysAddr.from_pfn(PhysAddr(addr).pfn()) + offset == PhysAddr(addr)


def test_phys_addr_alignment():
    assert PhysAddr(0x1000).is_page_aligned()
    assert not PhysAddr(0x1001).is_page_aligned()
    assert not PhysAddr(0xFFF).is_page_aligned()
    assert PhysAddr(0x1FFF).align_down() == PhysAddr(0x1000)
    assert PhysAddr(0x1001).align_up() == PhysAddr(0x2000)
    assert PhysAddr(0x2000).align_up() == PhysAddr(0x2000) == PhysAddr(0x2000).align_down()
    raises(PhysMemError, PhysAddr(LAST).align_up, code="AddressOutOfRange")


def test_phys_addr_is_order_aligned():
    for addr, largest in ((0x1000, 0), (0x4000, 2), (0x8000, 3), (0x20_0000, 9), (0x6000_0000, 9)):
        for order in range(MAX_ORDER):
            assert PhysAddr(addr).is_order_aligned(order) == (order <= largest), (addr, order)


def test_phys_addr_add_and_subtract_pages_and_bytes():
    addr = PhysAddr(0x5000)
    assert addr.add_pages(0) == addr == addr.sub_pages(0)
    assert addr.add_pages(4) == PhysAddr(0x9000)
    assert addr.sub_pages(4) == PhysAddr(0x1000)
    assert addr.add_bytes(0x123) == PhysAddr(0x5123)
    assert addr + 0x100 == PhysAddr(0x5100)
    assert addr - 0x100 == PhysAddr(0x4F00)
    assert addr == PhysAddr(0x5000)  # a value: none of this changed it
    moving = addr
    moving += 0x1000
    moving -= 0x800
    assert moving == PhysAddr(0x5800) and addr == PhysAddr(0x5000)


def test_phys_addr_difference():
    assert PhysAddr(0x5000) - PhysAddr(0x1000) == 0x4000
    assert PhysAddr(0x5000) - PhysAddr(0x5000) == 0
    assert PhysAddr(0x1000) - PhysAddr(0x5000) == 0  # as in RuVix, it does not go below 0


def test_phys_addr_pages_to():
    assert PhysAddr(0x1000).pages_to(PhysAddr(0x5000)) == 4
    assert PhysAddr(0x1000).pages_to(PhysAddr(0x5FFF)) == 4  # whole pages
    assert PhysAddr(0x1000).pages_to(PhysAddr(0x1000)) == 0
    assert PhysAddr(0x5000).pages_to(PhysAddr(0x1000)) == 0  # reversed


def test_phys_addr_is_in_range_is_half_open():
    start, end = PhysAddr(0x1000), PhysAddr(0x5000)
    for addr, inside in ((0xFFF, False), (0x1000, True), (0x3000, True), (0x4FFF, True), (0x5000, False)):
        assert PhysAddr(addr).is_in_range(start, end) == inside, addr
    assert not start.is_in_range(start, start)
    assert not PhysAddr(0x3000).is_in_range(end, start)


def test_phys_addr_compares_and_hashes_by_value():
    a, b = PhysAddr(0x1000), PhysAddr(0x2000)
    assert a == PhysAddr(0x1000) and not a == b  # noqa: SIM201 - __eq__ and __ne__ are both tested
    assert a != b and not a != PhysAddr(0x1000)  # noqa: SIM202
    assert a < b and b > a and a <= b and b >= a and a <= PhysAddr(0x1000) and a >= PhysAddr(0x1000)
    assert not b < a and not a > b
    assert a == 0x1000 and 0x1000 == a and a != 0x1001 and not a != 0x1000  # noqa: SIM202, SIM300
    assert a != None and a != "0x1000" and a != 4096.0  # noqa: E711 - the comparison itself is what is tested
    assert {0x1000: "a"}[a] == "a"
    assert a < 0x1001 and a <= 0x1000 and a > 0xFFF and a >= 0x1000 and not a < 0x1000
    assert hash(a) == hash(PhysAddr(0x1000))
    assert {a: "a", b: "b"}[PhysAddr(0x2000)] == "b"
    assert sorted([b, a]) == [a, b]
    raises(TypeError, lambda: a < "0x2000")
    raises(TypeError, lambda: a < PageOrder(1))


def test_phys_addr_as_text():
    assert str(PhysAddr(0x1234_5000)) == "0x12345000"
    assert repr(PhysAddr(0x1234_5000)) == "PhysAddr(0x12345000)"
    assert str(PhysAddr(0xD000_0000)) == "0xd0000000"


def test_phys_addr_stays_in_64_bits():
    for wrong in (-1, LAST + 1, 1 << 200):
        raises(PhysMemError, PhysAddr, wrong, code="AddressOutOfRange")
    top = PhysAddr(LAST)
    raises(PhysMemError, top.add_bytes, 1, code="AddressOutOfRange")
    raises(PhysMemError, top.add_pages, 1, code="AddressOutOfRange")
    raises(PhysMemError, lambda: top + 1, code="AddressOutOfRange")
    raises(PhysMemError, PhysAddr(0xFFF).sub_pages, 1, code="AddressOutOfRange")
    raises(PhysMemError, lambda: PhysAddr.NULL - 1, code="AddressOutOfRange")
    raises(PhysMemError, PhysAddr.from_pfn, 1 << 52, code="AddressOutOfRange")
    raises(PhysMemError, PhysAddr.from_pfn, -1, code="AddressOutOfRange")
    assert PhysAddr.from_pfn((1 << 52) - 1).as_u64() == LAST - 0xFFF


def test_phys_addr_refuses_other_types():
    for wrong in (None, "0x1000", 1.5, [4096]):
        raises(TypeError, PhysAddr, wrong)
        raises(TypeError, PhysAddr.from_pfn, wrong)
        raises(TypeError, PhysAddr(0).add_pages, wrong)
        raises(TypeError, PhysAddr(0).sub_pages, wrong)
        raises(TypeError, PhysAddr(0).add_bytes, wrong)
        raises(TypeError, PhysAddr(0).pages_to, wrong)
        raises(TypeError, lambda value: PhysAddr(0) + value, wrong)
        raises(TypeError, lambda value: PhysAddr(0) - value, wrong)


# PageOrder.


def test_page_order_min_and_max():
    assert PageOrder.MIN.as_usize() == 0
    assert PageOrder.MAX.as_usize() == 9
    assert PageOrder.MIN.pages() == 1
    assert PageOrder.MAX.bytes() == MAX_BLOCK_SIZE


def test_page_order_new_is_none_from_ten_up():
    for order in range(MAX_ORDER):
        assert PageOrder.new(order).as_usize() == order
    for order in (10, 11, 100, 1 << 40, -1):
        assert PageOrder.new(order) is None
        raises(PhysMemError, PageOrder, order, code="InvalidOrder")
    for wrong in (None, "1", 1.0):
        raises(TypeError, PageOrder, wrong)
        raises(TypeError, PageOrder.new, wrong)


def test_page_order_pages_and_bytes():
    for order in range(MAX_ORDER):
        assert PageOrder(order).pages() == 2**order
        assert PageOrder(order).bytes() == 2**order * 4096
        assert int(PageOrder(order)) == order


def test_page_order_next_and_prev():
    assert PageOrder(5).next() == PageOrder(6)
    assert PageOrder(5).prev() == PageOrder(4)
    assert PageOrder.MAX.next() is None
    assert PageOrder.MIN.prev() is None
    for order in range(MAX_ORDER - 1):
        assert PageOrder(order).next().prev() == PageOrder(order)


def test_page_order_from_pages():
    for pages, order in ((1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (512, 9)):
        assert PageOrder.from_pages(pages) == PageOrder(order), pages
    for pages in (0, 513, 1 << 40, -1):
        assert PageOrder.from_pages(pages) is None
    raises(TypeError, PageOrder.from_pages, "4")


def test_page_order_from_bytes():
    for nbytes, order in ((1, 0), (4096, 0), (4097, 1), (8192, 1), (8193, 2), (MAX_BLOCK_SIZE, 9)):
        assert PageOrder.from_bytes(nbytes) == PageOrder(order), nbytes
    for nbytes in (0, MAX_BLOCK_SIZE + 1, 1 << 60, -1, -5000):
        assert PageOrder.from_bytes(nbytes) is None
    raises(TypeError, PageOrder.from_bytes, None)


def test_page_order_compares_and_hashes_by_value():
    assert PageOrder(3) == PageOrder(3) != PageOrder(4)
    assert PageOrder(3) < PageOrder(4) <= PageOrder(4) and PageOrder(4) > PageOrder(3) >= PageOrder(3)
    assert hash(PageOrder(3)) == hash(PageOrder(3))
    assert PageOrder(3) != 3 and PageOrder(3) != PhysAddr(3)
    assert repr(PageOrder(3)) == "PageOrder(3)"
    assert "8 pages" in str(PageOrder(3)) and "32768 bytes" in str(PageOrder(3))


# PageFrame.


def test_page_frame_new():
    frame = PageFrame.new(PhysAddr(0x1000_0000), PageOrder(3))
    assert frame.addr() == PhysAddr(0x1000_0000)
    assert frame.order() == PageOrder(3)
    assert frame.pages() == 8
    assert frame.bytes() == 32768
    assert frame.end_addr() == PhysAddr(0x1000_8000)
    assert frame.pfn() == 0x1_0000
    assert frame == PageFrame(0x1000_0000, 3)  # integers will do


def test_page_frame_single_page():
    frame = PageFrame.single_page(PhysAddr(0x1000))
    assert frame.order() == PageOrder.MIN
    assert (frame.pages(), frame.bytes()) == (1, 4096)
    assert frame.end_addr() == PhysAddr(0x2000)


def test_page_frame_contains():
    frame = PageFrame(PhysAddr(0x4000), PageOrder(2))  # 0x4000 to 0x7fff
    for addr, inside in ((0x3FFF, False), (0x4000, True), (0x5A00, True), (0x7FFF, True), (0x8000, False)):
        assert frame.contains(PhysAddr(addr)) == inside, addr


def test_page_frame_at_the_top_of_the_range():
    frame = PageFrame.single_page(PhysAddr(LAST).align_down())
    assert frame.contains(PhysAddr(LAST))
    assert not frame.contains(PhysAddr(0))
    raises(PhysMemError, frame.end_addr, code="AddressOutOfRange")


def test_page_frame_split():
    lower, upper = PageFrame(PhysAddr(0x4000), PageOrder(2)).split()
    assert lower == PageFrame(PhysAddr(0x4000), PageOrder(1))
    assert upper == PageFrame(PhysAddr(0x6000), PageOrder(1))
    assert PageFrame.single_page(PhysAddr(0x4000)).split() is None


def test_page_frame_buddy_addr():
    assert PageFrame(PhysAddr(0x4000), PageOrder(1)).buddy_addr() == PhysAddr(0x6000)
    assert PageFrame(PhysAddr(0x6000), PageOrder(1)).buddy_addr() == PhysAddr(0x4000)
    assert PageFrame(PhysAddr(0x4000), PageOrder(0)).buddy_addr() == PhysAddr(0x5000)
    assert PageFrame(PhysAddr(0x6020_0000), PageOrder(9)).buddy_addr() == PhysAddr(0x6000_0000)


def test_page_frame_split_and_merge_round_trip():
    for order in range(1, MAX_ORDER):
        frame = PageFrame(PhysAddr(0x6000_0000), PageOrder(order))
        lower, upper = frame.split()
        assert lower.buddy_addr() == upper.addr() and upper.buddy_addr() == lower.addr()
        assert lower.end_addr() == upper.addr() and upper.end_addr() == frame.end_addr()
        assert lower.merge(upper) == frame == upper.merge(lower)


def test_page_frame_merge_refuses_what_is_no_buddy():
    frame = PageFrame(PhysAddr(0x4000), PageOrder(1))
    assert frame.merge(PageFrame(PhysAddr(0x6000), PageOrder(0))) is None  # another order
    assert frame.merge(PageFrame(PhysAddr(0x2000), PageOrder(1))) is None  # a neighbour, but the wrong one
    assert frame.merge(PageFrame(PhysAddr(0x8000), PageOrder(1))) is None  # not a neighbour
    assert frame.merge(frame) is None
    raises(TypeError, frame.merge, PhysAddr(0x6000))


def test_page_frame_merge_stops_at_the_largest_order():
    lower = PageFrame(PhysAddr(0x1000_0000), PageOrder.MAX)
    upper = PageFrame(lower.buddy_addr(), PageOrder.MAX)
    assert upper.addr() == PhysAddr(0x1020_0000)
    assert lower.merge(upper) is None


def test_page_frame_compares_and_hashes_by_value():
    frame = PageFrame(0x4000, 2)
    assert frame == PageFrame(0x4000, 2)
    assert frame != PageFrame(0x4000, 1) and frame != PageFrame(0x8000, 2) and frame != 0x4000
    assert hash(frame) == hash(PageFrame(0x4000, 2))
    assert repr(frame) == "PageFrame(0x4000, PageOrder(2))"
    assert "0x4000" in str(frame) and "4 pages" in str(frame)


def test_page_frame_refuses_wrong_arguments():
    raises(PhysMemError, PageFrame, 0x1001, 0, code="UnalignedAddress")
    raises(PhysMemError, PageFrame, -4096, 0, code="AddressOutOfRange")
    raises(PhysMemError, PageFrame, 0x1000, 10, code="InvalidOrder")
    raises(TypeError, PageFrame, "0x1000", 0)
    raises(TypeError, PageFrame, 0x1000, None)


# AllocatorStats.


def test_stats_new():
    stats = AllocatorStats.new(1024, 1024)
    assert (stats.total_pages(), stats.free_pages(), stats.used_pages()) == (1024, 1024, 0)
    assert stats.utilization_percent() == 0
    assert stats.allocations() == stats.successful_allocations() == stats.failed_allocations() == 0
    assert stats.frees() == stats.splits() == stats.coalesces() == 0
    assert AllocatorStats.new(100, 40).peak_used_pages() == 60


def test_stats_bytes():
    stats = AllocatorStats.new(256, 128)
    assert stats.total_bytes() == 1048576
    assert stats.free_bytes() == stats.used_bytes() == stats.peak_used_bytes() == 524288


def test_stats_record_allocation():
    stats = AllocatorStats.new(1024, 1024)
    stats.record_allocation(8, True)
    assert (stats.allocations(), stats.successful_allocations(), stats.failed_allocations()) == (1, 1, 0)
    assert (stats.free_pages(), stats.used_pages()) == (1016, 8)
    stats.record_allocation(4, False)
    assert (stats.allocations(), stats.successful_allocations(), stats.failed_allocations()) == (2, 1, 1)
    assert (stats.free_pages(), stats.used_pages()) == (1016, 8)


def test_stats_saturate():
    stats = AllocatorStats.new(1024, 1000)
    stats.record_free(10)
    assert (stats.frees(), stats.free_pages()) == (1, 1010)
    stats.record_free(100)
    assert (stats.frees(), stats.free_pages(), stats.used_pages()) == (2, 1024, 0)
    stats.record_allocation(2000, True)
    assert (stats.free_pages(), stats.used_pages()) == (0, 1024)
    assert AllocatorStats.new(10, 20).used_pages() == 0


def test_stats_peak():
    stats = AllocatorStats.new(100, 100)
    peaks = []
    for pages in (30, 20, -40, 60):
        if pages > 0:
            stats.record_allocation(pages, True)
        else:
            stats.record_free(-pages)
        peaks.append(stats.peak_used_pages())
    assert peaks == [30, 50, 50, 70]
    assert stats.peak_used_bytes() == 70 * 4096


def test_stats_utilization():
    for total, free, percent in ((100, 50, 50), (100, 100, 0), (100, 0, 100), (3, 1, 66), (0, 0, 0)):
        assert AllocatorStats.new(total, free).utilization_percent() == percent


def test_stats_success_rate():
    stats = AllocatorStats.new(1024, 1024)
    rates = [stats.success_rate_percent()]  # nothing was requested
    for success in (True, False, True):
        stats.record_allocation(1, success)
        rates.append(stats.success_rate_percent())
    assert rates == [100, 100, 50, 66]


def test_stats_rates_of_splits_and_coalesces():
    stats = AllocatorStats.new(16, 16)
    assert stats.splits_per_allocation() == 0.0
    assert stats.coalesces_per_free() == 0.0
    stats.record_allocation(1, True)
    stats.record_allocation(1, True)
    stats.record_allocation(1, False)
    for _ in range(3):
        stats.record_split()
    stats.record_free(1)
    stats.record_coalesce()
    stats.record_coalesce()
    assert (stats.splits(), stats.coalesces()) == (3, 2)
    assert stats.splits_per_allocation() == 1.5
    assert stats.coalesces_per_free() == 2.0


def test_stats_reset_counters_makes_the_peak_what_is_used():
    stats = AllocatorStats.new(100, 100)
    stats.record_allocation(80, True)
    stats.record_allocation(80, False)
    stats.record_free(30)
    stats.record_split()
    stats.record_coalesce()
    assert stats.peak_used_pages() == 80
    stats.reset_counters()
    assert stats.allocations() == stats.successful_allocations() == stats.failed_allocations() == 0
    assert stats.frees() == stats.splits() == stats.coalesces() == 0
    assert (stats.used_pages(), stats.peak_used_pages(), stats.free_pages()) == (50, 50, 50)


def test_stats_as_text():
    stats = AllocatorStats.new(1024, 512)
    stats.record_allocation(0, False)
    stats.record_allocation(0, False)
    text = str(stats)
    assert "512 of 1024" in text and "50 %" in text and "2 failed" in text
    assert text in repr(stats)


# Errors.


def test_errors_name_themselves():
    for code in (
        "NotInitialized",
        "ZeroAllocation",
        "AllocationTooLarge",
        "OutOfMemory",
        "UnalignedAddress",
        "AddressOutOfRange",
        "NotAllocated",
        "SizeMismatch",
        "InvalidOrder",
        "InternalCorruption",
    ):
        error = PhysMemError(code, "what was wrong")
        assert isinstance(error, ValueError)
        assert error.code == code
        assert isinstance(error.as_str(), str) and error.as_str()
        assert "what was wrong" in str(error)


def test_errors_to_kernel_errors():
    for code, kernel_error in (
        ("OutOfMemory", KernelError.OutOfMemory),
        ("AllocationTooLarge", KernelError.OutOfMemory),
        ("NotInitialized", KernelError.NotPermitted),
        ("InternalCorruption", KernelError.InternalError),
        ("ZeroAllocation", KernelError.InvalidArgument),
        ("UnalignedAddress", KernelError.InvalidArgument),
        ("AddressOutOfRange", KernelError.InvalidArgument),
        ("NotAllocated", KernelError.InvalidArgument),
        ("SizeMismatch", KernelError.InvalidArgument),
        ("InvalidOrder", KernelError.InvalidArgument),
    ):
        assert PhysMemError(code, "").to_kernel_error() == kernel_error, code


def test_kernel_errors_differ():
    names = ("OutOfMemory", "NotPermitted", "InvalidArgument", "InternalError")
    assert len({getattr(KernelError, name) for name in names}) == 4
