from collections.abc import Callable

from physmem_frames import AllocatedFrames, DeferredAllocAction
from physmem_region import Region
from physmem_requests import Request

def allocate_frames(
    n: int,
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
def allocate_frames_by_bytes(
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
def allocate_frames_at(
    addr: int, n: int, *, owner: object = None, unknown: bool = False, zero: bool = False
) -> AllocatedFrames: ...
def allocate_frames_by_bytes_at(
    addr: int, nbytes: int, *, owner: object = None, unknown: bool = False, zero: bool = False
) -> AllocatedFrames: ...
def allocate_frames_deferred(
    n: int,
    at: int | None = None,
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
    unknown: bool = False,
    zero: bool = False,
) -> tuple[AllocatedFrames, DeferredAllocAction]: ...
def allocate_frames_by_bytes_deferred(
    nbytes: int,
    at: int | None = None,
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
    unknown: bool = False,
    zero: bool = False,
) -> tuple[AllocatedFrames, DeferredAllocAction]: ...
def dma_ring(nbytes: int, *, owner: object = None, zero: bool = False) -> AllocatedFrames: ...
def on_exhausted(hook: Callable[[Request], object] | None) -> Callable[[Request], object] | None: ...
