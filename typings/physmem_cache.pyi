from types import TracebackType

from physmem_frames import AllocatedFrames

class Transfer:
    def __init__(self, frames: AllocatedFrames) -> None: ...
    def __enter__(self) -> AllocatedFrames: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
