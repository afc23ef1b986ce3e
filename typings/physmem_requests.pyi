from typing import Any

from physmem_region import Region

class Request:
    frames: int | None
    nbytes: int | None
    align: int
    boundary: int
    low: int
    high: int | None
    require: int
    prefer: int
    forbid: int
    region: Region | str | None
    owner: Any
    def suits(self, region: Region) -> bool: ...
    def may_be_met(self) -> bool: ...
    def free_bytes(self) -> int: ...
