"""RuVix' vocabulary over a `physmem.Region`: pages, orders, buddies and their statistics.

    from physmem import BuddyAllocator, PhysAddr

    allocator = BuddyAllocator(PhysAddr(0x1000_0000), 4096)  # 16 MiB in pages of 4 KiB
    addr = allocator.alloc_pages(4)  # an int
    if addr is not None:
        print(PhysAddr(addr).is_order_aligned(2))  # True
        allocator.dealloc_pages(addr, 4)

physmem_pages defines pages, orders and buddies.

There are no free lists. The bitmap of the region is the only record: two buddies are one block again as soon as both
are free. The counts of blocks, splits and coalesces are read from it. The managed memory is never touched, so you can
give any address. The metadata is that of the region: 2 bits a page, and the summaries above them.

Where this differs from RuVix: an address that a call returns is an int, not a PhysAddr, so that you can give it to
`uctypes`, a DMA channel or C code. Each call takes an int or a PhysAddr. An `Option` is a value or None. An `Err` is an
exception: `MemoryError` when memory is exhausted, `PhysMemError` with RuVix' name in ``.code`` for a mistake in a call.
Every free is checked in every build. Smaller differences are noted at each call.
"""

from collections import namedtuple

import physmem_engine as engine
from physmem_errors import exhausted, expect_heap, integer, mistake, needs_heap, not_permitted_in_handler, wrong_type
from physmem_pages import (
    PAGE_SIZE,
    PAGE_SHIFT,
    MAX_ORDER,
    MAX_BLOCK_PAGES,
    address_of,
    number_of,
    order_of,
    pages_to_order,
    PageOrder,
    PageFrame,
)
from physmem_region import Region


def _amount(value, name):
    """Return the integer `value`; InvalidArgument if it is negative."""
    if integer(value, name) < 0:
        mistake("InvalidArgument", "{} is {}: give 0 or more", name, value)
    return int(value)


def _switch(value, name):
    """Return the bool `value`; TypeError if it is anything else."""
    if not isinstance(value, bool):
        wrong_type(name, "a bool", value)
    return value


_LARGE = 1 << 20  # pages: with fewer, the distance of an address from the base fits in the engine's words


class KernelError:
    """The names of RuVix' kernel errors that memory can cause; `PhysMemError.to_kernel_error` returns one of them."""

    OutOfMemory = "OutOfMemory"
    NotPermitted = "NotPermitted"
    InvalidArgument = "InvalidArgument"
    InternalError = "InternalError"


OrderStats = namedtuple("OrderStats", ("free_blocks", "allocations", "frees"))
"""The statistics of one order: the blocks free now, and the successful allocations and the frees so far."""


class AllocatorStats:
    """Statistics of an allocator, in pages unless a name says bytes.

    `BuddyAllocator.stats` returns a copy made at the time of the call. The `record_...` calls are for allocators of
    your own; the number of free pages stays between 0 and the total.
    """

    def __init__(self, total_pages, free_pages):
        self._total = _amount(total_pages, "total_pages")
        self._free = _amount(free_pages, "free_pages")
        self.reset_counters()

    @staticmethod
    def new(total_pages, free_pages):
        """Return statistics with all counters at 0."""
        return AllocatorStats(total_pages, free_pages)

    def total_pages(self):
        """Return the number of managed pages."""
        return self._total

    def free_pages(self):
        """Return the number of free pages."""
        return self._free

    def used_pages(self):
        """Return the number of pages in use, counted in whole blocks: 4 for a request of 3."""
        return max(0, self._total - self._free)

    def peak_used_pages(self):
        """Return the largest number of pages that were in use at once."""
        return self._peak

    def total_bytes(self):
        """Return the number of managed bytes."""
        return self._total * PAGE_SIZE

    def free_bytes(self):
        """Return the number of free bytes."""
        return self._free * PAGE_SIZE

    def used_bytes(self):
        """Return the number of bytes in use."""
        return self.used_pages() * PAGE_SIZE

    def peak_used_bytes(self):
        """Return the largest number of bytes that were in use at once."""
        return self._peak * PAGE_SIZE

    def utilization_percent(self):
        """Return the pages in use in percent of all, rounded down; 0 if there are no pages."""
        return self.used_pages() * 100 // self._total if self._total else 0

    def allocations(self):
        """Return the number of requests for memory, granted or not."""
        return self._successful + self._failed

    def successful_allocations(self):
        """Return the number of requests that were granted."""
        return self._successful

    def failed_allocations(self):
        """Return the number of requests that were refused."""
        return self._failed

    def frees(self):
        """Return the number of blocks that were freed."""
        return self._frees

    def splits(self):
        """Return the number of times an allocation halved a block."""
        return self._splits

    def coalesces(self):
        """Return the number of times a free joined two buddies."""
        return self._coalesces

    def success_rate_percent(self):
        """Return the requests that were granted in percent of all, rounded down; 100 if there were none."""
        asked = self.allocations()
        return self._successful * 100 // asked if asked else 100

    def splits_per_allocation(self):
        """Return the number of splits per successful allocation, a float; 0.0 if there were none."""
        return self._splits / self._successful if self._successful else 0.0

    def coalesces_per_free(self):
        """Return the number of coalesces per free, a float; 0.0 if there were none."""
        return self._coalesces / self._frees if self._frees else 0.0

    def record_allocation(self, pages, success):
        """Count a request; with `success`, a bool, `pages` pages are no longer free."""
        _amount(pages, "pages")
        if _switch(success, "success"):
            self._successful += 1
            self._free = max(0, self._free - pages)
            self._peak = max(self._peak, self.used_pages())
        else:
            self._failed += 1

    def record_free(self, pages):
        """Count a free of `pages` pages."""
        self._free = min(self._total, self._free + _amount(pages, "pages"))
        self._frees += 1

    def record_split(self, count=1):
        """Count `count` splits."""
        self._splits += _amount(count, "count")

    def record_coalesce(self, count=1):
        """Count `count` coalesces."""
        self._coalesces += _amount(count, "count")

    def reset_counters(self):
        """Set all counters to 0, and the peak to the pages in use now."""
        self._peak = self.used_pages()
        self._successful = self._failed = self._frees = self._splits = self._coalesces = 0

    def copy(self):
        """Return a copy that later calls do not change."""
        twin = AllocatorStats(self._total, self._free)
        twin._peak = self._peak
        twin._successful = self._successful
        twin._failed = self._failed
        twin._frees = self._frees
        twin._splits = self._splits
        twin._coalesces = self._coalesces
        return twin

    def __str__(self):
        return "{} of {} pages used ({} %, peak {}); {} allocations, {} failed; {} frees".format(
            self.used_pages(),
            self._total,
            self.utilization_percent(),
            self._peak,
            self.allocations(),
            self._failed,
            self._frees,
        )

    def __repr__(self):
        return "<AllocatorStats: {}>".format(self)


class BuddyAllocator:
    """An allocator of blocks of 1, 2, 4 ... 512 pages, aligned to their size, out of `total_pages` pages at `base`.

    `base` is an int or a PhysAddr. UnalignedAddress if no page starts there (RuVix panics), AddressOutOfRange if the
    end does not fit in 64 bits. Without arguments the allocator is uninitialised: it has no memory until `init`. The
    addresses that it returns are ints (RuVix: PhysAddr). It is for the program: in an interrupt handler allocating and
    freeing are NotPermitted.

    The feature switches of RuVix' crate are options here:

    `stats=True`
        Count attempts, successes, frees, splits and coalesces. Without it the numbers of pages and the peak since
        `init` are still right, as the region keeps them. Nothing else is counted, and no call looks at buddies.
    `debug_alloc=False`
        Keep a second record, on the heap, of the blocks in use, and compare it with the bitmap of the region before
        every allocation and free. If they differ, InternalCorruption is raised and nothing changes. It costs heap and
        time for each block in use.
    """

    def __init__(self, base=None, total_pages=0, *, stats=True, debug_alloc=False):
        self._count = _switch(stats, "stats")
        self._debug = _switch(debug_alloc, "debug_alloc")
        self._base = None  # the address as an integer; None: uninitialised
        self._end = 0
        self._pages = 0
        self._region = None  # None: no pages
        self._start_over(self._blank(0))
        if base is not None or integer(total_pages, "total_pages"):
            self.init(base, total_pages)

    @staticmethod
    def new(base, total_pages, **options):
        """Return an allocator of `total_pages` pages at `base`."""
        allocator = BuddyAllocator(**options)
        allocator.init(base, total_pages)
        return allocator

    @staticmethod
    def uninit(*, stats=True, debug_alloc=False):
        """Return an allocator without memory: until `init` its calls that raise an error raise NotInitialized."""
        return BuddyAllocator(stats=stats, debug_alloc=debug_alloc)

    def init(self, base, total_pages):
        """Manage `total_pages` pages at `base`, all free, and forget all earlier memory and its allocations.

        UnalignedAddress, AddressOutOfRange, AllocationTooLarge above 2**30 - 64 pages, or MemoryError if the heap is
        too small for the metadata, NotPermitted if it is locked; nothing has changed then.
        """
        expect_heap("init()")
        base = address_of(base, "base")
        if base & (PAGE_SIZE - 1):
            mistake("UnalignedAddress", "base {:#x} is not a multiple of {}: give the start of a page", base, PAGE_SIZE)
        total_pages = int(integer(total_pages, "total_pages"))
        if total_pages < 0:
            mistake("AddressOutOfRange", "total_pages is {}: give 0 or more", total_pages)
        end = base + total_pages * PAGE_SIZE
        if end >> 64:
            text = "total_pages {} from base {:#x} on do not end within 64 bits: give fewer"
            mistake("AddressOutOfRange", text, total_pages, base)
        region = None
        if total_pages:
            region = Region("buddy", base, total_pages * PAGE_SIZE, PAGE_SIZE)
        # All that needs heap comes first.
        blank = self._blank(total_pages)
        phase = (base >> PAGE_SHIFT) % MAX_BLOCK_PAGES
        self._base = base
        self._end = end
        self._pages = total_pages
        self._phase = phase
        self._region = region
        self._start_over(blank)

    def reset(self):
        """Free all pages and set the counters to 0. Freeing a block from before is then NotAllocated.

        Does nothing if uninitialised. MemoryError if the heap is full, NotPermitted if it is locked; nothing has
        changed then.
        """
        expect_heap("reset()")
        blank = self._blank(self._pages)
        frame = 0
        while frame < self._pages:
            frame = engine.next_used(self._region.address, frame)
            if frame < self._pages:
                frame += max(1, self._region.free(frame))
        self._start_over(blank)

    def _blank(self, pages):
        """Return the ledger and the counters of an allocator with `pages` pages, none of them in use. Needs heap."""
        return (
            {} if self._debug else None,
            AllocatorStats(pages, pages) if self._count else None,
            [0] * MAX_ORDER,
            [0] * MAX_ORDER,
        )

    # The number of the first page, modulo the largest block: all that buddies depend on.
    _phase = 0

    def _start_over(self, blank):
        """Reset the ledger and the counters to `blank`, with nothing in use."""
        self._ledger, self._stats, self._met, self._returned = blank  # the ledger is frame: pages

    # -- allocate --

    def alloc_pages(self, pages):
        """Allocate a block of `pages` pages, rounded up to a power of two and aligned to its size; return its address,
        an int (RuVix: a PhysAddr).

        None if uninitialised, if `pages` is 0 or less or more than 512, or if no such block is free. Needs no heap for
        addresses that are small integers (on boards below 0x40000000) unless `debug_alloc` is on; NotPermitted if it
        needs some and there is none.
        """
        addr = self._take(pages)
        return None if isinstance(addr, str) else addr

    def try_alloc_pages(self, pages):
        """Allocate as `alloc_pages` does, but raise the reason instead of returning None.

        MemoryError if no such block is free; PhysMemError NotInitialized, ZeroAllocation or AllocationTooLarge.
        """
        addr = self._take(pages)
        if not isinstance(addr, str):
            return addr
        if addr == "OutOfMemory":
            exhausted(
                "no free block of {} pages: free some, or ask for less; {} of {} pages are free",
                1 << pages_to_order(pages),
                self.free_page_count(),
                self._pages,
            )
        self._refuse(addr, pages)

    def alloc_frame(self, pages):
        """Allocate as `alloc_pages` does, but return a PageFrame, which knows its size."""
        addr = self.alloc_pages(pages)
        if addr is None:
            return None
        try:
            return PageFrame(addr, PageOrder.from_pages(pages))
        except MemoryError:  # the heap's: the block must not be lost with it
            self.dealloc_pages(addr, pages)
            needs_heap("alloc_frame()")

    def _take(self, pages):
        """Allocate a block and return its address, or the code of the error that prevents it."""
        integer(pages, "pages")
        self._audit()
        order = 0
        if self._base is None:
            answer = "NotInitialized"
        elif pages <= 0:
            answer = "ZeroAllocation"
        elif pages > MAX_BLOCK_PAGES:
            answer = "AllocationTooLarge"
        else:
            answer = "OutOfMemory"
            order = pages_to_order(pages)
            pages = 1 << order
            frame = self._region.alloc_aligned(pages, pages) if self._region else -1
            if frame == engine.NOT_PERMITTED:
                not_permitted_in_handler()
            if frame >= 0:
                try:
                    answer = self._base + frame * PAGE_SIZE
                    if self._debug:
                        self._ledger[frame] = pages
                except MemoryError:  # the heap's: the block must not be lost with it
                    self._region.free(frame)
                    needs_heap("alloc_pages()")
        met = not isinstance(answer, str)
        if self._count:
            self._stats.record_allocation(pages if met else 0, met)
            if met:
                self._met[order] += 1
                self._stats.record_split(self._merges(frame, order))
        return answer

    # -- free --

    def try_free_pages(self, addr, pages):
        """Free the block at `addr`, an int or a PhysAddr, that was allocated as `pages` pages.

        Any number of pages that rounds up to the size of the block will do. These errors are checked in this order, and
        change nothing: NotInitialized; ZeroAllocation; UnalignedAddress if no page starts at `addr`; AddressOutOfRange
        if `addr` is not managed; AllocationTooLarge; AddressOutOfRange if the end of the block is not managed;
        NotAllocated if no block in use starts at `addr`, as in a double free; SizeMismatch if that block has another
        size.
        """
        value = address_of(addr)
        integer(pages, "pages")
        self._audit()
        code = None
        out = 0
        if self._base is None:
            code = "NotInitialized"
        elif pages <= 0:
            code = "ZeroAllocation"
        elif engine.offset_in_frame(value, PAGE_SIZE):
            code = "UnalignedAddress"
        elif not self.contains(value):
            code = "AddressOutOfRange"
        elif pages > MAX_BLOCK_PAGES:
            code = "AllocationTooLarge"
        else:
            order = pages_to_order(pages)
            pages = 1 << order
            if self._pages < _LARGE:
                frame = engine.frame_of(value, self._base, PAGE_SHIFT)
            else:
                frame = (value - self._base) >> PAGE_SHIFT
            out = self._region.count(frame)
            if frame + pages > self._pages:
                code = "AddressOutOfRange"
            elif out == 0:
                code = "NotAllocated"
            elif out != pages:
                code = "SizeMismatch"
        if code:
            self._refuse(code, pages, value, out)
        freed = self._region.free(frame)
        if freed == engine.NOT_PERMITTED:
            not_permitted_in_handler()
        if freed != pages:
            self._refuse("InternalCorruption", pages, value)
        if self._debug:
            del self._ledger[frame]
        if self._count:
            self._stats.record_free(pages)
            self._returned[order] += 1
            self._stats.record_coalesce(self._merges(frame, order))

    def dealloc_pages(self, addr, pages):
        """Free as `try_free_pages` does, errors included (RuVix' dealloc_pages checks nothing in a release build)."""
        self.try_free_pages(addr, pages)

    def free_frame(self, frame):
        """Free the block that the PageFrame `frame` describes. Errors as `try_free_pages`."""
        if not isinstance(frame, PageFrame):
            wrong_type("frame", "a PageFrame", frame)
        self.try_free_pages(frame.addr(), frame.pages())

    # -- look --

    def base_addr(self):
        """Return the address at which the managed memory starts, an int; 0 if uninitialised."""
        return self._base or 0

    def end_addr(self):
        """Return the address one past the managed memory, an int; 0 if uninitialised."""
        return self._end

    def total_pages(self):
        """Return the number of managed pages."""
        return self._pages

    def free_page_count(self):
        """Return the number of free pages."""
        return self._region.free_frames if self._region else 0

    def used_pages(self):
        """Return the number of pages in use."""
        return self._pages - self.free_page_count()

    def contains(self, addr):
        """Return whether `addr`, an int or a PhysAddr, lies in the managed memory."""
        return (self._base or 0) <= address_of(addr) < self._end

    def stats(self):
        """Return a copy of the present AllocatorStats, so that you can compare two of them."""
        expect_heap("stats()")
        if self._count:
            return self._stats.copy()
        stats = AllocatorStats(self._pages, self.free_page_count())
        if self._region:
            stats._peak = self._region.peak_used
        return stats

    def reset_counters(self):
        """Set the counters of `stats` and `order_stats` to 0, and the peak to the pages in use now.

        RuVix has this on its statistics only, which here are a copy. Does nothing with ``stats=False``.
        """
        if self._count:
            self._stats.reset_counters()
            self._met = [0] * MAX_ORDER
            self._returned = [0] * MAX_ORDER

    def free_blocks_at_order(self, order):
        """Return the number of free blocks of `order`: those whose buddy is not free, or of order 9; 0 above that."""
        if number_of(order, "order", PageOrder) >= MAX_ORDER:
            return 0
        expect_heap("free_blocks_at_order()")
        return self._count_free_blocks()[order_of(order)]

    def order_stats(self):
        """Return a list with one OrderStats for each order, 0 to 9 (RuVix only ever counts `free_blocks`)."""
        expect_heap("order_stats()")
        return _order_stats(self._count_free_blocks(), self._met, self._returned)

    def dump_free_lists(self, write=print):
        """Write what is managed, used and free, and the free blocks of each order; `write` takes a line."""
        expect_heap("dump_free_lists()")
        if not callable(write):
            wrong_type("write", "callable", write)
        write("{}: {} pages".format(self, self._pages))
        write("{} pages used, {} free".format(self.used_pages(), self.free_page_count()))
        blocks = self._count_free_blocks()
        for order in range(MAX_ORDER):
            if blocks[order]:
                write("order {}: {} x {} pages".format(order, blocks[order], 1 << order))

    def allocations_out(self):
        """Return the blocks in use, by address: a list of ``(address, pages)``."""
        expect_heap("allocations_out()")
        return _blocks_in_use(self._base, self._runs())

    # -- read the bitmap --

    def _runs(self):
        """Return an iterator of ``(frame, pages, free)`` over the runs of free pages and the blocks in use."""
        return self._region.runs() if self._region else iter(())

    def _merges(self, frame, order):
        """Return how often the block at `frame`, taken as free, merges with its buddy: as often as a buddy allocator
        coalesces when it is freed, and splits when it is allocated."""
        merges = 0
        page = self._phase + frame
        while order < MAX_ORDER - 1:
            size = 1 << order
            if not self._region.is_free((page ^ size) - self._phase, size):
                break
            page &= ~size
            order += 1
            merges += 1
        return merges

    def _count_free_blocks(self):
        """Cut each run of free pages into the largest blocks, and return the number of blocks of each order."""
        blocks = [0] * MAX_ORDER
        for frame, pages, free in self._runs():
            end = frame + pages
            while free and frame < end:
                order = 0
                size = 2
                while size <= MAX_BLOCK_PAGES and frame + size <= end and (self._phase + frame) % size == 0:
                    order += 1
                    size += size
                blocks[order] += 1
                frame += 1 << order
        return blocks

    def _audit(self):
        """With `debug_alloc`, raise InternalCorruption if the bitmap differs from the ledger."""
        if not self._debug:
            return
        for frame, pages in self._ledger.items():
            if self._region.count(frame) != pages:
                mistake(
                    "InternalCorruption",
                    "{} pages at {:#x} are in use, the bitmap has {}: free pages with this allocator alone",
                    pages,
                    self._base + frame * PAGE_SIZE,
                    self._region.count(frame),
                )
        pages = sum(self._ledger.values())
        if pages != self.used_pages():
            text = "{} pages are in use, the bitmap has {}: allocate pages with this allocator alone"
            mistake("InternalCorruption", text, pages, self.used_pages())

    def _refuse(self, code, pages, addr=0, out=0):
        """Raise the PhysMemError of `code`, with the numbers in its message."""
        if code == "AddressOutOfRange":
            sentence = "{} pages at {:#x} are not all in {:#x} to {:#x}: give a block of this allocator"
            mistake(code, sentence, pages, addr, self.base_addr(), self.end_addr())
        mistake(code, _REFUSALS[code], pages, addr, out)

    def __str__(self):
        return "{:#x} to {:#x}".format(self.base_addr(), self.end_addr())

    def __repr__(self):
        return "<BuddyAllocator: {}, {} of {} pages free>".format(self, self.free_page_count(), self._pages)


_REFUSALS = {
    "NotInitialized": "the allocator has no memory yet: call init(base, total_pages) first",
    "ZeroAllocation": "pages is {0}: give at least 1",
    "AllocationTooLarge": "pages is {0}: give at most 512, the largest block",
    "UnalignedAddress": "addr {1:#x} is not a multiple of 4096: give the start of a page",
    "NotAllocated": "no allocation starts at addr {1:#x}: allocations_out() lists them",
    "SizeMismatch": "the allocation at {1:#x} has {2} pages, not {0}: give its own size",
    "InternalCorruption": "the bitmap changed while {0} pages at {1:#x} were freed: free each block once, in one place",
}


def _order_stats(blocks, met, returned):
    return [OrderStats(blocks[k], met[k], returned[k]) for k in range(MAX_ORDER)]


def _blocks_in_use(base, runs):
    return [(base + frame * PAGE_SIZE, pages) for frame, pages, free in runs if not free]
