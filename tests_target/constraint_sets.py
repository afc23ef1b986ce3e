"""Requests with every combination of small sets of constraints, and where brute force says they fit among 16 frames.

The 16 frames start at `first` in a region of `frames` frames. A request is a tuple ``(phase, n, align, boundary, low,
high)`` in frames. `phase` is the number of the region's first frame: its address divided by the frame size. The `n`
frames lie at or after frame `low` and before `high`. The number of the first is a multiple of `align`. They do not
cross a multiple of `boundary`; 0 means no boundary.
"""

FRAMES = 16  # the only frames that may be free

PHASES = (0, 3)
COUNTS = (1, 2, 3, 5, 9, 16)
ALIGNS = (1, 4, 8)
BOUNDARIES = (0, 8, 16)
LOWS = (0, 5)  # 0: from the region's first frame; otherwise counted from the first of the 16
HIGHS = (16, 12)  # 16: up to the region's last frame; otherwise counted from the first of the 16


def meets(frame, phase, n, align, boundary, low, high):
    """Return whether `n` frames starting at `frame` meet the request if they are free. This is the definition."""
    numbers = range(phase + frame, phase + frame + n)
    if numbers[0] % align:
        return False
    if boundary and numbers[0] // boundary != numbers[n - 1] // boundary:
        return False
    return low <= frame and frame + n <= high


def requests(first, frames):
    """Generate ``(phase, rows)``, for each phase a list of all tuples ``(n, align, boundary, low, high, places)``.

    Bit i of `places` says that n frames starting at the i-th of the 16 meet the request, if they are free. A boundary
    below n is left out: no frames could respect it, and the library rejects it as SizeMismatch.
    """
    for phase in PHASES:
        rows = []
        for n in COUNTS:
            for align in ALIGNS:
                for boundary in BOUNDARIES:
                    if boundary and boundary < n:
                        continue
                    for low in LOWS:
                        for high in HIGHS:
                            begin = low and first + low
                            end = frames if high == FRAMES else first + high
                            places = 0
                            for i in range(FRAMES):
                                if meets(first + i, phase, n, align, boundary, begin, end):
                                    places |= 1 << i
                            rows.append((n, align, boundary, begin, end, places))
        yield phase, rows
