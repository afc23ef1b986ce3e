"""RuVix' vocabulary over a `physmem.Region`: pages, orders, buddies and their statistics.

    from physmem import BuddyAllocator, PhysAddr

    allocator = BuddyAllocator(PhysAddr(0x1000_0000), 4096)  # 16 MiB in pages of 4 KiB
    addr = allocator.alloc_pages(4)
    if addr is not None:
        allocator.dealloc_pages(addr, 4)

Pages, orders and buddies are what physmem_pages says.

There are no free lists: the one truth is the map of the region, where freed buddies are one block again as soon as both
are free. Counts of blocks, of splits and of coalesces are read from that map. The managed memory is never touched, so
any address can be given. The metadata is the region's: 2 bits a page and the summaries above them.

Where this differs from RuVix: an `Option` is a value or None; an `Err` is an exception, `MemoryError` when memory is
exhausted and `PhysMemError` with RuVix' name in ``.code`` for a mistake of the caller; every free is checked in every
build. Smaller differences stand beside the call.
"""

from collections import namedtuple

from physmem_errors import PhysMemError, integer
from physmem_pages import (
    PAGE_SIZE,
    PAGE_SHIFT,
    MAX_ORDER,
    MAX_BLOCK_PAGES,
    address_of,
    order_of,
    pages_to_order,
    order_to_pages,
    PhysAddr,
    PageOrder,
    PageFrame,
)
from physmem_region import Region


class KernelError:
    """What `PhysMemError.to_kernel_error` answers: the names of RuVix' kernel errors that memory can cause."""

    OutOfMemory = "OutOfMemory"
    NotPermitted = "NotPermitted"
    InvalidArgument = "InvalidArgument"
    InternalError = "InternalError"


OrderStats = namedtuple("OrderStats", ("free_blocks", "allocations", "frees"))
"""What `BuddyAllocator.order_stats` says of one order: blocks free now, and successful allocations and frees so far."""


class AllocatorStats:
    """Statistics of an allocator; pages unless a name says bytes.

    `BuddyAllocator.stats` returns a copy, true at the moment of the call. The `record_...` calls are for allocators of
    one's own; recorded free pages stay within 0 and the total.
    """

    def __init__(self, total_pages, free_pages):
        self._total = integer(total_pages, "pages")
        self._free = integer(free_pages, "pages")
        self.reset_counters()

    @staticmethod
    def new(total_pages, free_pages):
        """Return statistics in which nothing has been counted yet."""
        return AllocatorStats(total_pages, free_pages)

    def total_pages(self):
        """Return the pages under management."""
        return self._total

    def free_pages(self):
        """Return the pages that are free."""
        return self._free

    def used_pages(self):
        """Return the pages that are handed out: those of whole blocks, so 4 for a request of 3."""
        return max(0, self._total - self._free)

    def peak_used_pages(self):
        """Return the most pages that were handed out at one time."""
        return self._peak

    def total_bytes(self):
        """Return the bytes under management."""
        return self._total * PAGE_SIZE

    def free_bytes(self):
        """Return the bytes that are free."""
        return self._free * PAGE_SIZE

    def used_bytes(self):
        """Return the bytes that are handed out."""
        return self.used_pages() * PAGE_SIZE

    def peak_used_bytes(self):
        """Return the most bytes that were handed out at one time."""
        return self._peak * PAGE_SIZE

    def utilization_percent(self):
        """Return the used pages in percent of all, rounded down; 0 if there are none at all."""
        return self.used_pages() * 100 // self._total if self._total else 0

    def allocations(self):
        """Return the requests for memory, met or not."""
        return self._successful + self._failed

    def successful_allocations(self):
        """Return the requests that were met."""
        return self._successful

    def failed_allocations(self):
        """Return the requests that were not met."""
        return self._failed

    def frees(self):
        """Return the blocks that came back."""
        return self._frees

    def splits(self):
        """Return how often a block was halved for an allocation."""
        return self._splits

    def coalesces(self):
        """Return how often two buddies became one block at a free."""
        return self._coalesces

    def success_rate_percent(self):
        """Return the requests that were met in percent of all, rounded down; 100 if there were none."""
        asked = self.allocations()
        return self._successful * 100 // asked if asked else 100

    def splits_per_allocation(self):
        """Return the splits per successful allocation, a float; 0.0 if there was none."""
        return self._splits / self._successful if self._successful else 0.0

    def coalesces_per_free(self):
        """Return the coalesces per free, a float; 0.0 if there was none."""
        return self._coalesces / self._frees if self._frees else 0.0

    def record_allocation(self, pages, success):
        """Count a request; if it was met, `pages` pages are no longer free."""
        if success:
            self._successful += 1
            self._free = max(0, self._free - pages)
            self._peak = max(self._peak, self.used_pages())
        else:
            self._failed += 1

    def record_free(self, pages):
        """Count a free: `pages` pages more are free."""
        self._frees += 1
        self._free = min(self._total, self._free + pages)

    def record_split(self, count=1):
        """Count `count` splits."""
        self._splits += count

    def record_coalesce(self, count=1):
        """Count `count` coalesces."""
        self._coalesces += count

    def reset_counters(self):
        """Set all counters to 0; the peak becomes what is used now."""
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
    """Hands out blocks of 1, 2, 4 ... 512 pages from `total_pages` pages at `base`, each aligned to its own size.

    `base` is a PhysAddr or an integer: UnalignedAddress if no page starts there (RuVix panics), AddressOutOfRange if
    the end does not fit 64 bits. With no arguments it is uninitialised and has no memory until `init`.

    The switches of RuVix' crate are options here:

    `stats=True`
        count attempts, successes, frees, splits and coalesces. Without it the numbers of pages and the peak (since
        `init`) are still true, being the region's, but nothing is counted and each call saves the look at its buddies.
    `debug_alloc=False`
        keep a second record of what is out, in the heap, and compare it with the region's map at every allocation and
        free: InternalCorruption, nothing done, if they differ. Costs heap and time for every block that is out.
    """

    def __init__(self, base=None, total_pages=0, *, stats=True, debug_alloc=False):
        self._count = bool(stats)
        self._debug = bool(debug_alloc)
        self._base = None  # the address as an integer; None: uninitialised
        self._pages = 0
        self._region = None  # None: no pages
        self._start_over()
        if base is not None:
            self.init(base, total_pages)

    @staticmethod
    def new(base, total_pages, **options):
        """Return an allocator for `total_pages` pages at `base`."""
        return BuddyAllocator(base, total_pages, **options)

    @staticmethod
    def uninit(**options):
        """Return an allocator without memory: calls of it answer NotInitialized until `init`."""
        return BuddyAllocator(**options)

    def init(self, base, total_pages):
        """Manage `total_pages` pages at `base`, all free. What was out of memory managed before is forgotten.

        UnalignedAddress, AddressOutOfRange, or MemoryError for want of heap: the allocator is as it was.
        """
        base = PhysAddr(base)
        if not base.is_page_aligned():
            raise PhysMemError("UnalignedAddress", "base {} is not a multiple of {}".format(base, PAGE_SIZE))
        if integer(total_pages, "total_pages") < 0:
            raise PhysMemError("AddressOutOfRange", "{} pages cannot be managed".format(total_pages))
        base.add_pages(total_pages)
        region = None
        if total_pages:
            region = Region("buddy", base.as_u64(), total_pages * PAGE_SIZE, PAGE_SIZE)
        self._base = base.as_u64()
        self._pages = total_pages
        self._region = region
        self._start_over()

    def reset(self):
        """Forget what is out: all pages are free, the counters 0. To free a page of before is then NotAllocated.

        Nothing happens if uninitialised.
        """
        for frame, _, free in self._runs():
            if not free:
                self._region.free(frame)
        self._start_over()

    def _start_over(self):
        """Nothing is out, nothing was counted."""
        # Page of a block in the numbering of addresses, modulo the largest block: all that buddies depend on.
        self._phase = ((self._base or 0) >> PAGE_SHIFT) % MAX_BLOCK_PAGES
        self._ledger = {} if self._debug else None  # frame: pages
        self._stats = AllocatorStats(self._pages, self._pages) if self._count else None
        self._met = [0] * MAX_ORDER
        self._returned = [0] * MAX_ORDER

    # -- allocate --

    def alloc_pages(self, pages):
        """Return the PhysAddr of a block of `pages` pages, rounded up to a power of two, aligned to its own size.

        None if uninitialised, if `pages` is 0 (or less) or above 512, or if no such block is free.
        """
        addr = self._take(pages)
        return None if isinstance(addr, str) else addr

    def try_alloc_pages(self, pages):
        """The same as `alloc_pages`, but the reason is raised instead of None.

        MemoryError if no such block is free; PhysMemError NotInitialized, ZeroAllocation or AllocationTooLarge.
        """
        addr = self._take(pages)
        if not isinstance(addr, str):
            return addr
        if addr == "OutOfMemory":
            raise MemoryError(
                "no free block of {} pages: {} of {} pages are free".format(
                    order_to_pages(pages_to_order(pages)), self.free_page_count(), self._pages
                )
            )
        raise self._refusal(addr, pages)

    def alloc_frame(self, pages):
        """The same as `alloc_pages`, but a PageFrame, which knows its size."""
        addr = self.alloc_pages(pages)
        return None if addr is None else PageFrame(addr, PageOrder.from_pages(pages))

    def _take(self, pages):
        """Return the PhysAddr of a block, or the code of what forbids it."""
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
            if frame >= 0:
                try:
                    answer = PhysAddr(self._base + frame * PAGE_SIZE)
                    if self._debug:
                        self._ledger[frame] = pages
                except MemoryError:  # the heap's: the block must not be lost with it
                    self._region.free(frame)
                    raise
        met = not isinstance(answer, str)
        if self._count:
            self._stats.record_allocation(pages, met)
            if met:
                self._met[order] += 1
                self._stats.record_split(self._merges(frame, order))
        return answer

    # -- free --

    def try_free_pages(self, addr, pages):
        """Free the block at `addr` (a PhysAddr or an integer), which was asked for as `pages` pages.

        Any number of pages that rounds to the size of the block will do. Refused with nothing changed, in this order:
        NotInitialized; ZeroAllocation; UnalignedAddress: no page starts at `addr`; AddressOutOfRange: `addr` is not
        managed; AllocationTooLarge; AddressOutOfRange: the end of the block is not; NotAllocated: no block that is out
        starts at `addr`, as in a double free; SizeMismatch: one does, of another size.
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
        elif value & PAGE_SIZE - 1:
            code = "UnalignedAddress"
        elif not self.contains(value):
            code = "AddressOutOfRange"
        elif pages > MAX_BLOCK_PAGES:
            code = "AllocationTooLarge"
        else:
            order = pages_to_order(pages)
            pages = 1 << order
            frame = (value - self._base) >> PAGE_SHIFT
            out = self._region.count(frame)
            if frame + pages > self._pages:
                code = "AddressOutOfRange"
            elif out == 0:
                code = "NotAllocated"
            elif out != pages:
                code = "SizeMismatch"
        if code:
            raise self._refusal(code, pages, PhysAddr(value), out)
        if self._region.free(frame) != pages:
            raise self._refusal("InternalCorruption", pages, PhysAddr(value))
        if self._debug:
            del self._ledger[frame]
        if self._count:
            self._stats.record_free(pages)
            self._returned[order] += 1
            self._stats.record_coalesce(self._merges(frame, order))

    def dealloc_pages(self, addr, pages):
        """The same as `try_free_pages`, errors included (RuVix' dealloc_pages checks nothing in a release build)."""
        self.try_free_pages(addr, pages)

    def free_frame(self, frame):
        """Free the block that the PageFrame `frame` describes; errors as `try_free_pages`."""
        if not isinstance(frame, PageFrame):
            raise TypeError("{!r} is no PageFrame".format(frame))
        self.try_free_pages(frame.addr(), frame.pages())

    # -- look --

    def base_addr(self):
        """Return where the managed memory starts, a PhysAddr; NULL if uninitialised."""
        return PhysAddr(self._base or 0)

    def end_addr(self):
        """Return the first address after the managed memory, a PhysAddr; NULL if uninitialised."""
        return self.base_addr().add_pages(self._pages)

    def total_pages(self):
        """Return the managed pages."""
        return self._pages

    def free_page_count(self):
        """Return the pages that are free."""
        return self._region.free_frames if self._region else 0

    def used_pages(self):
        """Return the pages that are handed out."""
        return self._pages - self.free_page_count()

    def contains(self, addr):
        """Return whether `addr`, a PhysAddr or an integer, is managed."""
        return 0 <= address_of(addr) - (self._base or 0) < self._pages * PAGE_SIZE

    def stats(self):
        """Return AllocatorStats of this moment: a copy, so that two of them can be compared."""
        if self._count:
            return self._stats.copy()
        stats = AllocatorStats(self._pages, self.free_page_count())
        if self._region:
            stats._peak = self._region.peak_used
        return stats

    def reset_counters(self):
        """Set the counters of `stats` and `order_stats` to 0; the peak becomes what is used now.

        RuVix has this on its statistics only; ours are a copy. Nothing happens with ``stats=False``.
        """
        if self._count:
            self._stats.reset_counters()
            self._met = [0] * MAX_ORDER
            self._returned = [0] * MAX_ORDER

    def free_blocks_at_order(self, order):
        """Return the free blocks of `order`: those whose buddy is not free, or the largest; 0 from order 10 up."""
        if isinstance(order, PageOrder):
            order = order.as_usize()
        if integer(order, "an order") >= MAX_ORDER:
            return 0
        return self._count_free_blocks()[order_of(order)]

    def order_stats(self):
        """Return a list of one OrderStats for each order, 0 to 9 (in RuVix only `free_blocks` is ever counted)."""
        blocks = self._count_free_blocks()
        return [OrderStats(blocks[k], self._met[k], self._returned[k]) for k in range(MAX_ORDER)]

    def dump_free_lists(self, write=print):
        """Write what is managed, used and free, and the free blocks of each order, line by line, with `write`."""
        write("{} to {}: {} pages".format(self.base_addr(), self.end_addr(), self._pages))
        write("{} pages used, {} free".format(self.used_pages(), self.free_page_count()))
        blocks = self._count_free_blocks()
        for order in range(MAX_ORDER):
            if blocks[order]:
                write("order {}: {} x {} pages".format(order, blocks[order], 1 << order))

    def allocations_out(self):
        """Return what is out, lowest address first: a list of (PhysAddr, pages of the block)."""
        return [(PhysAddr(self._base + frame * PAGE_SIZE), pages) for frame, pages, free in self._runs() if not free]

    # -- read the map --

    def _runs(self):
        """Return an iterator of ``(frame, pages, free)``: the runs of free pages and the blocks that are out."""
        return self._region.runs() if self._region else iter(())

    def _merges(self, frame, order):
        """Return how often the block at `frame` merges with its buddy if it is free: what a buddy allocator has to
        coalesce when the block comes back, and what it had to split to hand it out."""
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
        """Return how many free blocks of each order there are: cut each run of free pages into the largest blocks."""
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
        """With `debug_alloc`: raise InternalCorruption if what is out is not what was handed out."""
        if not self._debug:
            return
        for frame, pages in self._ledger.items():
            if self._region.count(frame) != pages:
                raise PhysMemError(
                    "InternalCorruption",
                    "{} pages at {:#x} are out, the map says {}".format(
                        pages, self._base + frame * PAGE_SIZE, self._region.count(frame)
                    ),
                )
        pages = sum(self._ledger.values())
        if pages != self.used_pages():
            raise PhysMemError(
                "InternalCorruption", "{} pages are out, the map says {}".format(pages, self.used_pages())
            )

    def _refusal(self, code, pages, addr=None, out=0):
        """Return the PhysMemError of `code`, with the numbers in its sentence."""
        return PhysMemError(code, _REFUSALS[code].format(pages=pages, addr=addr, out=out, allocator=self))

    def __str__(self):
        return "{} to {}".format(self.base_addr(), self.end_addr())

    def __repr__(self):
        return "<BuddyAllocator: {}, {} of {} pages free>".format(self, self.free_page_count(), self._pages)


_REFUSALS = {
    "NotInitialized": "the allocator has no memory yet: call init(base, total_pages) first",
    "ZeroAllocation": "{pages} pages: there must be at least 1",
    "AllocationTooLarge": "{pages} pages: the largest block is 512 pages",
    "UnalignedAddress": "{addr} is not a multiple of 4096",
    "AddressOutOfRange": "{pages} pages at {addr} are not all in {allocator}",
    "NotAllocated": "no allocation starts at {addr}",
    "SizeMismatch": "the allocation at {addr} has {out} pages, not {pages}",
    "InternalCorruption": "the map changed while {pages} pages at {addr} were freed",
}
