from physmem_region import Region

class ClaimError(RuntimeError): ...

class _Plan:
    SPARE_OWNERS: int
    NAME: str
    REGIONS: tuple[tuple[str, int, int, int, str], ...]
    OCCUPIED: tuple[tuple[str, int, int, str], ...]
    RETAINED_RECORDS: tuple[int, int]
    SPIN_LOCK: int

def claim(nbytes: int) -> tuple[int, int]: ...
def plan(base: int, size: int) -> _Plan: ...
def boot(nbytes: int) -> Region: ...
