"""Every method of an AllocatedFrames, as calls without arguments."""


def every_method(frames, other):
    """Return calls of every method of `frames`, with arguments that would do if it had not ended. `other` is an owner
    that has not."""
    return [
        frames.free,
        frames.map,
        frames.unmap,
        frames.fill,
        frames.clean,
        frames.invalidate,
        frames.for_device,
        frames.as_allocated_frame,
        frames.__enter__,
        lambda: frames.resize(1),
        lambda: frames.resize_by_bytes(1),
        lambda: frames.split_at(0),
        lambda: frames.split_range(0, 1),
        lambda: frames.merge(other),
        lambda: other.merge(frames),
    ]
