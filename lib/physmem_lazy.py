"""The names of `physmem` that are looked up on each use: the vocabulary of the two systems, `booted`, `early_heap` and
`map`."""

import physmem_map
import physmem_system
from physmem_errors import mistake


def value_of(name):
    """Return the value of `name` in `physmem`, for names that it does not import: its module ``__getattr__``.

    Loads the vocabulary when you first use a part of it. That needs heap: NotPermitted if the heap is locked or full.
    It adds no name to `physmem`: MicroPython moves all names of a table that grows, and an interrupt handler would not
    find them meanwhile. AttributeError if there is no such name.

    `map` is here because ``from physmem import *`` takes all names of the table, and would replace the builtin.
    """
    if name == "map":
        return physmem_map.map
    if name in ("booted", "early_heap"):
        return getattr(physmem_system, name)
    for module, names in (
        ("physmem_buddy", ("BuddyAllocator", "AllocatorStats", "OrderStats", "KernelError")),
        (
            "physmem_pages",
            (
                "PhysAddr",
                "PageFrame",
                "PageOrder",
                "PAGE_SIZE",
                "PAGE_SHIFT",
                "MIN_ORDER",
                "MAX_ORDER",
                "MAX_BLOCK_PAGES",
                "MAX_BLOCK_SIZE",
                "pages_to_order",
                "order_to_pages",
                "order_to_bytes",
                "is_page_aligned",
                "align_down",
                "align_up",
            ),
        ),
        ("physmem_range", ("FrameRange", "PhysicalMemoryRegion", "MemoryRegionType")),
    ):
        if name in names:
            try:
                bytearray(1)  # an import under a locked heap leaves a broken module, on which MicroPython crashes later
            except MemoryError:
                mistake("NotPermitted", "loading {} needs the heap; call boot_complete() first", name)
            return getattr(__import__(module), name)
    raise AttributeError("module 'physmem' has no attribute '%s'" % name)
