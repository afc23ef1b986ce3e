from types import TracebackType
from typing import Self, TypedDict

class _Counts(TypedDict):
    allocations: int
    frees: int
    refused: dict[str, int]
    calls: dict[str, dict[str, int]]
    allocated: dict[int, int]
    freed: dict[int, int]

class _LeftOut(TypedDict):
    unguarded: int
    unpoisoned: int
    unread: int

class owner:
    def __init__(self, who: object) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

def statistics(reset: bool = False) -> dict[str, _Counts]: ...
def untracked() -> dict[str, _LeftOut]: ...
