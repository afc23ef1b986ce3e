from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, TypedDict, overload

from _typeshed import ReadableBuffer
from physmem_allocate import allocate_frames as allocate_frames
from physmem_allocate import allocate_frames_at as allocate_frames_at
from physmem_allocate import allocate_frames_by_bytes as allocate_frames_by_bytes
from physmem_allocate import allocate_frames_by_bytes_at as allocate_frames_by_bytes_at
from physmem_allocate import allocate_frames_by_bytes_deferred as allocate_frames_by_bytes_deferred
from physmem_allocate import allocate_frames_deferred as allocate_frames_deferred
from physmem_allocate import dma_ring as dma_ring
from physmem_allocate import on_exhausted as on_exhausted
from physmem_buddy import AllocatorStats as AllocatorStats
from physmem_buddy import BuddyAllocator as BuddyAllocator
from physmem_buddy import KernelError as KernelError
from physmem_buddy import OrderStats as OrderStats
from physmem_engine import ADDRESS_NOT_FREE as ADDRESS_NOT_FREE
from physmem_engine import ADDRESS_OUT_OF_RANGE as ADDRESS_OUT_OF_RANGE
from physmem_engine import ALLOCATION_TOO_LARGE as ALLOCATION_TOO_LARGE
from physmem_engine import NOT_ALLOCATED as NOT_ALLOCATED
from physmem_engine import NOT_PERMITTED as NOT_PERMITTED
from physmem_engine import OUT_OF_MEMORY as OUT_OF_MEMORY
from physmem_engine import UNALIGNED_ADDRESS as UNALIGNED_ADDRESS
from physmem_engine import ZERO_ALLOCATION as ZERO_ALLOCATION
from physmem_engine import calls_are_direct as direct_calls
from physmem_errors import PhysMemError as PhysMemError
from physmem_errors import code_name as code_name
from physmem_find import Allocation, Place
from physmem_frames import ALLOCATED as ALLOCATED
from physmem_frames import FREED as FREED
from physmem_frames import MAPPED as MAPPED
from physmem_frames import MOVED as MOVED
from physmem_frames import UNMAPPED as UNMAPPED
from physmem_frames import AllocatedFrames as AllocatedFrames
from physmem_frames import DeferredAllocAction as DeferredAllocAction
from physmem_kept import Retained
from physmem_pages import MAX_BLOCK_PAGES as MAX_BLOCK_PAGES
from physmem_pages import MAX_BLOCK_SIZE as MAX_BLOCK_SIZE
from physmem_pages import MAX_ORDER as MAX_ORDER
from physmem_pages import MIN_ORDER as MIN_ORDER
from physmem_pages import PAGE_SHIFT as PAGE_SHIFT
from physmem_pages import PAGE_SIZE as PAGE_SIZE
from physmem_pages import PageFrame as PageFrame
from physmem_pages import PageOrder as PageOrder
from physmem_pages import PhysAddr as PhysAddr
from physmem_pages import align_down as align_down
from physmem_pages import align_up as align_up
from physmem_pages import is_page_aligned as is_page_aligned
from physmem_pages import order_to_bytes as order_to_bytes
from physmem_pages import order_to_pages as order_to_pages
from physmem_pages import pages_to_order as pages_to_order
from physmem_range import AllocatedFrame as AllocatedFrame
from physmem_range import FrameRange as FrameRange
from physmem_range import MemoryRegionType as MemoryRegionType
from physmem_range import PhysicalMemoryRegion as PhysicalMemoryRegion
from physmem_region import ATTRIBUTES as ATTRIBUTES
from physmem_region import CACHE_LINE as CACHE_LINE
from physmem_region import CACHED as CACHED
from physmem_region import DMA as DMA
from physmem_region import EXTERNAL as EXTERNAL
from physmem_region import FAST as FAST
from physmem_region import RESERVED as RESERVED
from physmem_region import RETAINED as RETAINED
from physmem_region import SHARED as SHARED
from physmem_region import Region as Region
from physmem_scope import Scope
from physmem_system import boot as boot
from physmem_system import boot_complete as boot_complete
from physmem_system import booted as booted
from physmem_system import early_heap as early_heap
from physmem_system import region as region
from physmem_system import regions as regions
from physmem_system import reset_peak as reset_peak
from physmem_tiers import Leak

class _Statistics(TypedDict):
    frames: int
    free: int
    used: int
    peak: int
    failed: int
    total_bytes: int
    free_bytes: int
    used_bytes: int
    largest: int
    largest_bytes: int

_Entry: TypeAlias = (
    Region
    | tuple[int | None, int]
    | tuple[str | None, int | None, int]
    | tuple[str | None, int | None, int, int]
    | tuple[str | None, int | None, int, int, int | str]
)

__version__: str
STOP: Literal[False]

def init(free: Iterable[_Entry], reserved: Iterable[_Entry] = (), *, spin_lock: int = 0) -> None: ...
def boot_in_heap(
    nbytes: int, *, frame_size: int = 1024, align: int = 4096, attrs: int | str | None = None
) -> Region: ...
@overload
def add_region(name: Region) -> Region: ...
@overload
def add_region(name: str, base: int | None, size: int, frame_size: int = 4096, attrs: int | str = 0) -> Region: ...
def remove_region(region: Region | str) -> None: ...
def stats() -> dict[str | None, _Statistics]: ...
def check() -> list[str]: ...
def allocate_scattered(
    n: int,
    *,
    require: int | str = 0,
    prefer: int | str = 0,
    forbid: int | str = 0,
    region: Region | str | None = None,
    owner: object = None,
    zero: bool = False,
) -> list[AllocatedFrames]: ...
def inspect_then_allocate(
    chooser: Callable[[Region, int, int], tuple[int, int] | Literal[False] | None],
    *,
    owner: object = None,
    zero: bool = False,
) -> AllocatedFrames | None: ...
def scope() -> Scope: ...
def allocations() -> list[Allocation]: ...
def find(thing: int | ReadableBuffer | AllocatedFrames) -> Place | None: ...
def free_at(addr: int) -> int: ...
def retain(
    name: str,
    nbytes: int,
    *,
    align: int = 0,
    boundary: int = 0,
    low: int = 0,
    high: int | None = None,
    require: int | str = 0,
    prefer: int | str = 0,
    forbid: int | str = 0,
    region: Region | str | None = None,
    owner: object = None,
    zero: bool = False,
) -> AllocatedFrames: ...
def release(name: str) -> int: ...
def retained() -> list[Retained]: ...
def quarantined() -> list[AllocatedFrames]: ...
def dropped() -> list[str]: ...
def on_low(region: Region | str, frames: int, hook: Callable[[Region], object] | None) -> None: ...
def debug(
    *,
    owners: bool = False,
    poison: bool = False,
    guard_frames: int = 0,
    assertions: bool = False,
    statistics: bool = False,
) -> None: ...
def mark() -> int: ...
def leaks(since: int = 0) -> list[Leak]: ...
def dump(write: Callable[[str], object] = print) -> None: ...
def map(
    write: Callable[[str], object] = print,
    region: Region | str | None = None,
    columns: int = 80,
) -> None: ...
