"""Brute force: where a request for frames could be met."""


def places(free, base, frame_size, n, align, boundary, low, high):
    """Generate each first frame where `n` frames are `free`, a list of booleans, and the address meets the constraints,
    all in bytes."""
    for first in range(len(free) - n + 1):
        addr = base + first * frame_size
        end = addr + n * frame_size
        if (
            all(free[first : first + n])
            and (not align or addr % align == 0)
            and (not boundary or addr // boundary == (end - 1) // boundary)
            and addr >= low
            and (high is None or end <= high)
        ):
            yield first
