from typing import Literal

class PhysMemError(ValueError):
    code: Literal[
        "NotInitialized",
        "ZeroAllocation",
        "AllocationTooLarge",
        "OutOfMemory",
        "UnalignedAddress",
        "AddressOutOfRange",
        "NotAllocated",
        "SizeMismatch",
        "InvalidOrder",
        "InternalCorruption",
        "AddressNotFree",
        "InvalidArgument",
        "NotPermitted",
    ]
    def __init__(self, code: str, sentence: str) -> None: ...
    def as_str(self) -> str: ...
    def to_kernel_error(self) -> Literal["OutOfMemory", "NotPermitted", "InvalidArgument", "InternalError"]: ...

def code_name(
    code: int,
) -> Literal[
    "OutOfMemory",
    "ZeroAllocation",
    "AllocationTooLarge",
    "UnalignedAddress",
    "AddressOutOfRange",
    "NotAllocated",
    "AddressNotFree",
    "NotPermitted",
    "unknown",
]: ...
