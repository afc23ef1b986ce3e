"""The public names of the module `physmem`: the contract, not what the code says of itself."""

# In the table of names of the module.
FUNCTIONS = (
    "init boot boot_in_heap boot_complete regions region add_region remove_region stats reset_peak check dump"
    " allocate_frames allocate_frames_at allocate_frames_by_bytes allocate_frames_by_bytes_at"
    " allocate_frames_deferred allocate_frames_by_bytes_deferred dma_ring inspect_then_allocate"
    " allocate_scattered scope allocations free_at find"
    " retain release retained quarantined dropped on_exhausted on_low debug mark leaks code_name"
)
CLASSES = "Region AllocatedFrames DeferredAllocAction PhysMemError"
CONSTANTS = (
    "DMA FAST CACHED EXTERNAL RETAINED SHARED RESERVED CACHE_LINE STOP"
    " ALLOCATED MAPPED UNMAPPED FREED MOVED"
    " OUT_OF_MEMORY ZERO_ALLOCATION ALLOCATION_TOO_LARGE UNALIGNED_ADDRESS ADDRESS_OUT_OF_RANGE NOT_ALLOCATED"
    " ADDRESS_NOT_FREE NOT_PERMITTED direct_calls"
)
TABLE = (FUNCTIONS + " " + CLASSES + " " + CONSTANTS).split()

# Looked up each time: what changes, what has the name of a builtin, and the vocabulary, whose modules are loaded when
# you first name a part of them.
CHANGING = ["ATTRIBUTES", "booted", "early_heap", "map"]
_VOCABULARY = (
    "BuddyAllocator AllocatorStats OrderStats KernelError"
    " PhysAddr PageFrame PageOrder PAGE_SIZE PAGE_SHIFT MIN_ORDER MAX_ORDER MAX_BLOCK_PAGES MAX_BLOCK_SIZE"
    " pages_to_order order_to_pages order_to_bytes is_page_aligned align_down align_up"
    " FrameRange PhysicalMemoryRegion MemoryRegionType AllocatedFrame"
)
VOCABULARY = _VOCABULARY.split()
MODULES_OF_VOCABULARY = ("physmem_buddy", "physmem_pages", "physmem_range")

# Functions of the table -> the module that is loaded when you first call them. `map` is looked up.
FIRST_USE = {
    "boot_in_heap": "physmem_heap",
    "allocate_scattered": "physmem_runs",
    "inspect_then_allocate": "physmem_runs",
    "scope": "physmem_scope",
    "allocations": "physmem_find",
    "find": "physmem_find",
    "free_at": "physmem_find",
    "retain": "physmem_retained",
    "release": "physmem_retained",
    "retained": "physmem_kept",
    "quarantined": "physmem_kept",
    "dropped": "physmem_kept",
    "on_low": "physmem_low",
    "debug": "physmem_debug",
    "mark": "physmem_debug",
    "leaks": "physmem_debug",
    "dump": "physmem_map",
    "map": "physmem_map",
}
ABSENT = sorted(set(FIRST_USE.values()) | set(MODULES_OF_VOCABULARY))
ABSENT += ["physmem_cache", "physmem_records", "physmem_tiers", "physmem_guard", "physmem_poison"]
"""The modules that take no heap before you use them. Those about retained frames are there from the start if a reset
has left any."""


def without_dunders(names):
    """Return the names, in order, without those such as ``__name__``."""
    return sorted([name for name in names if not (name.startswith("__") and name.endswith("__"))])
