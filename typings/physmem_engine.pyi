from typing import Final

OUT_OF_MEMORY: Final = -1
ZERO_ALLOCATION: Final = -2
ALLOCATION_TOO_LARGE: Final = -3
UNALIGNED_ADDRESS: Final = -4
ADDRESS_OUT_OF_RANGE: Final = -5
NOT_ALLOCATED: Final = -6
ADDRESS_NOT_FREE: Final = -7
NOT_PERMITTED: Final = -8
calls_are_direct: bool
