from typing import Any, NamedTuple

from physmem_region import Region

class Leak(NamedTuple):
    region: Region
    first: int
    count: int  # type: ignore[assignment]  # the field hides tuple.count, here as at run time
    addr: int
    nbytes: int
    owner: Any
    serial: int
