from typing import Any, Literal, NamedTuple

from physmem_region import Region

class Allocation(NamedTuple):
    region: Region
    first: int
    count: int  # type: ignore[assignment]  # the field hides tuple.count, here as at run time
    addr: int
    nbytes: int
    owner: Any
    state: Literal["allocated", "mapped"]
    name: str | None

class Place(NamedTuple):
    region: Region
    frame: int
    first: int
    count: int  # type: ignore[assignment]
    owner: Any
    state: Literal["allocated", "mapped", "free"]
    name: str | None
