"""Physical memory frames for MicroPython: contiguous, aligned, at an address, in a named kind of memory.

    import physmem
    ring = physmem.dma_ring(4096)                                    # aligned to its size, reachable by DMA
    pixels = physmem.allocate_frames_by_bytes(320 * 240 * 2, require=physmem.EXTERNAL)
    pixels.view[0:4] = b"\\x00\\xf8\\x00\\xf8"                            # the garbage collector does not scan this
    with physmem.allocate_frames(3) as frames:                       # freed at the end of the block
        print(frames.region.name, hex(frames.addr), frames.nbytes)

Numbers of frames are in frames, addresses and sizes in bytes; each name says which. If no memory is left you get a
MemoryError, for a mistake in a call a PhysMemError. Neither changes any state. The raw calls of `Region` raise neither:
they return negative codes, which `code_name` names. They need no heap, and you may use them in a hard interrupt handler
if the region is SHARED.

This module only collects the names; docs/architecture.md shows the modules behind them. RuVix' and Theseus' vocabulary
(BuddyAllocator, PhysAddr, FrameRange and so on) is loaded when you first use it.

Sources: Theseus' frame_allocator (ranges, regions, states, deferred bookkeeping, an early phase) and RuVix' physical
memory allocator (orders, statistics, error names; see physmem_buddy).
"""

from physmem_allocate import (
    STOP,
    allocate_frames,
    allocate_frames_at,
    allocate_frames_by_bytes,
    allocate_frames_by_bytes_at,
    allocate_frames_by_bytes_deferred,
    allocate_frames_deferred,
    allocate_scattered,
    dma_ring,
    inspect_then_allocate,
    on_exhausted,
)
from physmem_debug import debug, leaks, mark
from physmem_engine import (  # what the raw calls return
    ADDRESS_NOT_FREE,
    ADDRESS_OUT_OF_RANGE,
    ALLOCATION_TOO_LARGE,
    NOT_ALLOCATED,
    NOT_PERMITTED,
    OUT_OF_MEMORY,
    UNALIGNED_ADDRESS,
    ZERO_ALLOCATION,
)
from physmem_errors import PhysMemError, code_name
from physmem_find import allocations, find, free_at
from physmem_frames import (
    ALLOCATED,
    FREED,
    MAPPED,
    MOVED,
    UNMAPPED,
    AllocatedFrame,
    AllocatedFrames,
    DeferredAllocAction,
)
from physmem_lazy import value_of as __getattr__
from physmem_low import on_low
from physmem_map import dump
from physmem_region import (
    ATTRIBUTES,
    CACHE_LINE,
    CACHED,
    DMA,
    EXTERNAL,
    FAST,
    RESERVED,
    RETAINED,
    SHARED,
    Region,
)
from physmem_retained import dropped, quarantined, release, retain, retained
from physmem_scope import scope
from physmem_system import (
    add_region,
    boot,
    boot_complete,
    check,
    init,
    region,
    regions,
    remove_region,
    reset_peak,
    stats,
)

__version__ = "0.2.0"
