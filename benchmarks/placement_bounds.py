"""How large a region must be so that no request can ever fail: bounds, and the truth for tiny regions by trying all.

At most M live frames, no request larger than n frames, at most A allocations at a time; what docs/placement.md proves
of them, and what it cites, is computed here.
"""

from math import ceil, log


def frames_by_count(live, n, allocations=None, align=1):
    """A number of frames with which no exact allocator ever fails, whatever its policy: at most `live` frames at a time
    in at most `allocations` allocations (None: in as many as one likes), none of more than `n`, no alignment above
    `align`.

    Before a request of s frames there are k <= min(allocations - 1, live - s) allocations, so at most k + 1 runs of
    free frames; it fails only if none is longer than s + align - 2.
    """
    most = 0
    for s in range(1, min(n, live) + 1):
        k = live - s if allocations is None else min(allocations - 1, live - s)
        most = max(most, live - s + (k + 1) * (s + align - 2) + 1)
    return most


def frames_by_first_fit(live, n):
    """A number of frames with which first fit never fails: at most `live` frames, at most `n` at once, no alignment.

    Robson 1977, in the form of Knuth, The Art of Computer Programming, section 2.5, exercise 43: H(n) / ln 2 times the
    live frames, H(n) = 1 + 1/2 + ... + 1/n.
    """
    return ceil(live * sum(1 / k for k in range(1, n + 1)) / log(2))


def frames_of_any(live, n):
    """With fewer frames every allocator that moves nothing can be made to fail, n a power of two, `live` a multiple of
    it. Robson 1974: M * (1 + log2(n) / 2) - n + 1."""
    return live * (2 + n.bit_length() - 1) // 2 - n + 1


def first_place(runs, n):
    """First fit: the lowest of the free `runs` (length, first) that holds `n` frames, or -1."""
    return min((first for length, first in runs if length >= n), default=-1)


def best_place(runs, n):
    """Best fit: the shortest of the free `runs` (length, first) that holds `n` frames, the lowest of equals, or -1."""
    return min((run for run in runs if run[0] >= n), default=(0, -1))[1]


def hybrid_place(runs, n, few):
    """First fit for at most `few` frames, best fit for more."""
    return first_place(runs, n) if n <= few else best_place(runs, n)


def hybrid_place_from_top(runs, n, few):
    """The same, but longer requests go to the end of the shortest run that holds them, of the highest of equals."""
    if n <= few:
        return first_place(runs, n)
    length, first = min((run for run in runs if run[0] >= n), key=lambda run: (run[0], -run[1]), default=(n, -1))
    return first + length - n


def can_fail(place, frames, live, n):
    """Whether any sequence of requests and frees brings the policy `place` to fail in a region of `frames` frames: at
    most `live` of them held at a time, at most `n` asked for at once. Tries every map that can be reached."""
    maps, seen = [()], {()}  # a map is its allocations (first, length), in order
    while maps:
        allocations = maps.pop()
        following = [allocations[:i] + allocations[i + 1 :] for i in range(len(allocations))]
        runs, end, used = [], 0, 0
        for first, length in allocations:
            if first > end:
                runs.append((first - end, end))
            end = first + length
            used += length
        if end < frames:
            runs.append((frames - end, end))
        for size in range(1, min(n, live - used) + 1):
            first = place(runs, size)
            if first < 0:
                return True
            following.append(tuple(sorted((*allocations, (first, size)))))
        for allocations in following:
            if allocations not in seen:
                seen.add(allocations)
                maps.append(allocations)
    return False


def fewest_frames(place, live, n):
    """The smallest region in which the policy `place` never fails: at most `live` frames at a time, `n` at once."""
    frames = live
    while can_fail(place, frames, live, n):
        frames += 1
    return frames
