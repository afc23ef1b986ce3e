"""The pages of the reference, by purpose, and the public names that each has: this is the one list.

A name is one of tests_target/public_names.py, or ``module.name`` of another module. A class brings its methods along.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page: its title, what it says before the entries ("" where a docstring says it), and their names."""

    title: str
    about: str
    names: tuple


PAGES = {
    "system": Page(
        "The system",
        "Make the regions, once, and ask what there is. Firmware with physmem has done it before your program starts.",
        (
            "boot",
            "boot_complete",
            "boot_in_heap",
            "init",
            "add_region",
            "remove_region",
            "regions",
            "region",
            "booted",
            "early_heap",
            "ATTRIBUTES",
            "direct_calls",
        ),
    ),
    "allocating": Page(
        "Allocating",
        "Each call returns an owner, AllocatedFrames. When memory runs out you get MemoryError, for a mistake"
        " PhysMemError; nothing has changed then.",
        (
            "allocate_frames",
            "allocate_frames_by_bytes",
            "allocate_frames_at",
            "allocate_frames_by_bytes_at",
            "dma_ring",
            "allocate_scattered",
            "inspect_then_allocate",
            "allocate_frames_deferred",
            "allocate_frames_by_bytes_deferred",
            "DeferredAllocAction",
            "on_exhausted",
            "physmem_requests.Request",
        ),
    ),
    "owners": Page(
        "Owners and scopes",
        "What an allocating call returns, and groups of them.",
        (
            "AllocatedFrames",
            "physmem_cache.Transfer",
            "scope",
            "physmem_scope.Scope",
        ),
    ),
    "raw_calls": Page(
        "Regions and their raw calls",
        "Raw calls need no heap and raise nothing for integers: they return a frame, or a negative code.",
        ("Region",),
    ),
    "retained": Page(
        "Retained memory",
        "Frames that keep their content and their name over a reset, and frames that hardware owned when it came.",
        (
            "retain",
            "release",
            "retained",
            "physmem_kept.Retained",
            "quarantined",
            "dropped",
        ),
    ),
    "finding": Page(
        "Finding and freeing",
        "What is allocated where, and the way back for frames whose owner was lost.",
        (
            "allocations",
            "physmem_find.Allocation",
            "find",
            "physmem_find.Place",
            "free_at",
        ),
    ),
    "watching": Page(
        "Watching and debugging",
        "How much is used, what is wrong, who owns what, and a hook for when memory gets low.",
        (
            "stats",
            "reset_peak",
            "check",
            "on_low",
            "debug",
            "mark",
            "leaks",
            "physmem_tiers.Leak",
            "physmem_debug.owner",
            "physmem_debug.statistics",
            "physmem_debug.untracked",
        ),
    ),
    "pictures": Page("Pictures", "What is used, as text that you can read at the prompt.", ("map", "dump")),
    "constants": Page(
        "Constants and errors",
        "Attributes of regions, states of owners, and what a call tells you when it fails.",
        (
            "DMA",
            "FAST",
            "CACHED",
            "EXTERNAL",
            "RETAINED",
            "SHARED",
            "RESERVED",
            "CACHE_LINE",
            "STOP",
            "ALLOCATED",
            "MAPPED",
            "UNMAPPED",
            "FREED",
            "MOVED",
            "OUT_OF_MEMORY",
            "ZERO_ALLOCATION",
            "ALLOCATION_TOO_LARGE",
            "UNALIGNED_ADDRESS",
            "ADDRESS_OUT_OF_RANGE",
            "NOT_ALLOCATED",
            "ADDRESS_NOT_FREE",
            "NOT_PERMITTED",
            "PhysMemError",
            "code_name",
        ),
    ),
    "ruvix": Page(
        "Vocabulary of RuVix",
        "The words of RuVix' buddy allocator over the same engine. They are loaded when you first name one.",
        (
            "BuddyAllocator",
            "AllocatorStats",
            "OrderStats",
            "KernelError",
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
    "theseus": Page(
        "Vocabulary of Theseus",
        "The words of Theseus' frame allocator over the same engine. They are loaded when you first name one.",
        (
            "FrameRange",
            "PhysicalMemoryRegion",
            "MemoryRegionType",
            "AllocatedFrame",
        ),
    ),
    "claim": Page(
        "physmem_claim",
        "",
        tuple(f"physmem_claim.{name}" for name in ("boot", "claim", "plan", "ClaimError")),
    ),
}
