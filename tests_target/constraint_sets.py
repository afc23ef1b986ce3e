"""Requests with every combination of small sets of constraints, and where they may lie: 16 frames, brute force.

The 16 frames lie at `first` in a region of `frames` frames. A request is a tuple ``(phase, n, align, boundary, low,
high)`` in frames: `phase` is the number of the region's first frame, its address divided by the frame size; the `n`
frames lie from the frame `low` on and before `high`; the number of the first is a multiple of `align`; they do not
cross a multiple of `boundary`, 0 for none.
"""

FRAMES = 16  # that may be free

PHASES = (0, 3)
COUNTS = (1, 2, 3, 5, 9, 16)
ALIGNS = (1, 4, 8)
BOUNDARIES = (0, 8, 16)
LOWS = (0, 5)  # 0: from the region's first frame on; else counted from the first of the 16
HIGHS = (16, 12)  # 16: up to the region's last frame; else counted from the first of the 16


def meets(frame, phase, n, align, boundary, low, high):
    """Whether `n` frames from `frame` on are where the request wants them, if they are free: the definition."""
    numbers = range(phase + frame, phase + frame + n)
    if numbers[0] % align:
        return False
    if boundary and numbers[0] // boundary != numbers[n - 1] // boundary:
        return False
    return low <= frame and frame + n <= high


def requests(first, frames):
    """Return, for each phase, a list of ``(n, align, boundary, low, high, places)`` of all combinations.

    Bit i of `places` says that the request is met by the n frames from the i-th of the 16 on, if they are free. A
    boundary below n, which no frames could keep, is the mistake SizeMismatch and is left out.
    """
    table = []
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
        table.append((phase, rows))
    return table
