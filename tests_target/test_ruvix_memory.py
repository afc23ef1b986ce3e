"""Addresses that RuVix' vocabulary returns are ints: what C code writes there is in the memory that physmem holds."""

import sys

import micropython
from support import fresh_physmem, raises
from uctypes import bytearray_at

NEEDS = ("calls without heap",)
PAGES = 4


def memory():
    """Return a fresh physmem, PAGES pages of the board's memory, and an allocator of them."""
    physmem = fresh_physmem()
    physmem.boot()
    physmem.boot_complete()
    frames = physmem.allocate_frames_by_bytes(PAGES * 4096, align=4096)
    return physmem, frames, physmem.BuddyAllocator(physmem.PhysAddr(frames.addr), PAGES)


def test_what_c_code_writes_at_an_address():
    """`uctypes` does not look at types: a PhysAddr would be taken for the memory of the object."""
    physmem, frames, allocator = memory()
    calls = (
        lambda: allocator.alloc_pages(1),
        lambda: allocator.try_alloc_pages(1),
        lambda: allocator.alloc_frame(1).addr(),
        lambda: allocator.alloc_frame(1).end_addr() - 4096,
    )
    for i in range(len(calls)):
        addr = calls[i]()
        assert isinstance(addr, int) and frames.addr <= addr < frames.addr + PAGES * 4096, i
        text = b"page%d" % i
        bytearray_at(addr, 5)[0:5] = text
        offset = addr - frames.addr
        assert bytes(frames.view[offset : offset + 5]) == text
        assert bytes(bytearray_at(int(physmem.PhysAddr(addr)), 5)) == text
    assert allocator.free_page_count() == 0


def test_every_address_that_leaves_is_an_int():
    physmem, frames, allocator = memory()
    base = frames.addr
    addr = allocator.alloc_pages(2)
    block = physmem.PageFrame(physmem.PhysAddr(addr), 1)
    lower, upper = block.split()
    addresses = {
        "base_addr": (allocator.base_addr(), base),
        "end_addr": (allocator.end_addr(), base + PAGES * 4096),
        "uninitialised": (physmem.BuddyAllocator.uninit().end_addr(), 0),
        "addr": (block.addr(), addr),
        "end_addr of the block": (block.end_addr(), addr + 2 * 4096),
        "buddy_addr": (block.buddy_addr(), addr ^ (2 * 4096)),
        "lower": (lower.addr(), addr),
        "upper": (upper.addr(), addr + 4096),
        "merged": (lower.merge(upper).addr(), addr),
        "align_down": (physmem.align_down(physmem.PhysAddr(addr + 1)), addr),
        "align_up": (physmem.align_up(physmem.PhysAddr(addr + 1)), addr + 4096),
    }
    for name, (got, expected) in addresses.items():
        assert isinstance(got, int) and got == expected, name
    assert allocator.allocations_out() == [(addr, 2)]
    assert isinstance(allocator.allocations_out()[0][0], int)


def test_arithmetic_of_phys_addr_stays_phys_addr():
    physmem, frames, _ = memory()
    addr = physmem.PhysAddr(frames.addr)
    results = (addr + 4096, addr - 4096, addr.add_pages(1), addr.sub_pages(1), addr.add_bytes(1))
    for result in results + (addr.align_down(), addr.align_up(), physmem.PhysAddr.from_pfn(1)):
        assert isinstance(result, physmem.PhysAddr), result
    assert addr + 4096 == frames.addr + 4096 and addr - addr == 0


def test_either_kind_of_address_is_taken():
    physmem, _, allocator = memory()
    for kind in (int, physmem.PhysAddr):
        for free in (allocator.dealloc_pages, allocator.try_free_pages):
            addr = kind(allocator.alloc_pages(2))
            assert allocator.contains(addr)
            free(addr, 2)
        allocator.init(kind(allocator.base_addr()), PAGES)
        assert physmem.PageFrame.single_page(kind(allocator.base_addr())).contains(kind(allocator.base_addr()))
    assert allocator.used_pages() == 0


class NoHeap:
    """Within ``with``, the class of physmem_buddy with that name cannot be made: as if the heap ran out there."""

    def __init__(self, name):
        self._name = name

    def __enter__(self):
        module = sys.modules["physmem_buddy"]
        self._class = getattr(module, self._name)
        setattr(module, self._name, self._fail)

    def _fail(self, *_):
        raise MemoryError("no heap")

    def __exit__(self, exception_type, exception, traceback):
        setattr(sys.modules["physmem_buddy"], self._name, self._class)


def test_init_and_reset_without_heap_change_nothing():
    """Whatever is left of the heap when it runs out: the old memory, its blocks and its counters stay."""
    _, frames, allocator = memory()
    addr = allocator.alloc_pages(2)

    def state():
        stats = allocator.stats()
        counts = (stats.allocations(), stats.splits(), stats.used_pages(), stats.peak_used_pages())
        return allocator.base_addr(), allocator.end_addr(), allocator.allocations_out(), counts, allocator.order_stats()

    before = state()
    for name in ("Region", "AllocatorStats"):
        with NoHeap(name):
            raises(MemoryError, allocator.init, frames.addr + 4096, 2)
        assert state() == before, name
    with NoHeap("AllocatorStats"):
        raises(MemoryError, allocator.reset)
    assert state() == before
    allocator.dealloc_pages(addr, 2)
    allocator.init(frames.addr + 4096, 2)
    assert (allocator.base_addr(), allocator.free_page_count(), allocator.stats().allocations()) == (
        frames.addr + 4096,
        2,
        0,
    )


def test_a_block_is_not_lost_with_its_page_frame():
    physmem, _, allocator = memory()
    with NoHeap("PageFrame"):
        raises(physmem.PhysMemError, allocator.alloc_frame, 1, code="NotPermitted")
    assert allocator.used_pages() == 0 and allocator.stats().frees() == 1


def test_with_the_heap_locked():
    """Each call works, or is NotPermitted; no error of MicroPython's heap comes out, and no block is lost."""
    physmem, _, allocator = memory()
    addr = allocator.alloc_pages(1)
    behind, last = addr + 4096, addr + 3 * 4096
    # With what each does: None if that depends on the address being a small integer.
    calls = (
        (lambda: allocator.alloc_pages(1), None),
        (lambda: allocator.try_alloc_pages(8), "OutOfMemory"),
        (lambda: allocator.alloc_frame(1), "NotPermitted"),
        (lambda: allocator.try_free_pages(last, 1), "NotAllocated"),
        (lambda: allocator.free_blocks_at_order(0), "NotPermitted"),
        (lambda: allocator.init(addr, 1), "NotPermitted"),
        (allocator.stats, "NotPermitted"),
        (allocator.order_stats, "NotPermitted"),
        (allocator.allocations_out, "NotPermitted"),
        (allocator.dump_free_lists, "NotPermitted"),
        (allocator.reset, "NotPermitted"),
        (lambda: allocator.alloc_pages(0), "worked"),
        (allocator.used_pages, "worked"),
        (allocator.free_page_count, "worked"),
        (lambda: allocator.contains(behind), "worked"),
        (lambda: allocator.try_free_pages(addr, 1), "worked"),
    )
    outcomes = [None] * len(calls)
    micropython.heap_lock()
    try:
        for i in range(len(calls)):
            outcomes[i] = outcome(calls[i][0])
    finally:
        micropython.heap_unlock()
    if sys.implementation.name == "micropython":  # CPython's heap cannot be locked
        for i in range(len(calls)):
            assert calls[i][1] in (None, outcomes[i]), (i, outcomes)
        assert outcomes[0] in ("worked", "NotPermitted")
        assert allocator.used_pages() == (outcomes[0] == "worked")


def outcome(call):
    """Call it, and say what came of it, without heap. A MemoryError of MicroPython itself has no text then, or one
    about a locked heap."""
    try:
        call()
    except ValueError as error:
        return error.code
    except MemoryError as error:
        return "OutOfMemory" if error.args and "heap is locked" not in error.args[0] else "an error of MicroPython"
    return "worked"
