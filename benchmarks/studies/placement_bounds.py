"""Compute how large a region must be so that no request can ever fail.

A program has at most M live frames, requests at most n frames at once, and has at most A allocations at a time. Here
are the bounds that docs/placement.md proves or cites, and the exact answer for tiny regions, found by brute force.
"""

from math import ceil, log


def frames_by_count(live, n, allocations=None, align=1):
    """Return a number of frames with which no exact allocator ever fails, whatever its policy.

    The program has at most `live` frames at a time, in at most `allocations` allocations (None: any number), each of at
    most `n` frames, with no alignment above `align`.

    Before a request of s frames there are k <= min(allocations - 1, live - s) allocations, so at most k + 1 runs of
    free frames. The request fails only if no run is longer than s + align - 2.
    """
    most = 0
    for s in range(1, min(n, live) + 1):
        k = live - s if allocations is None else min(allocations - 1, live - s)
        most = max(most, live - s + (k + 1) * (s + align - 2) + 1)
    return most


def frames_by_first_fit(live, n):
    """Return a number of frames with which first fit never fails: `live` frames, at most `n` at once, no alignment.

    Robson 1977, in the form of Knuth, The Art of Computer Programming, section 2.5, exercise 43: H(n) / ln 2 times the
    live frames, H(n) = 1 + 1/2 + ... + 1/n.
    """
    return ceil(live * sum(1 / k for k in range(1, n + 1)) / log(2))


def frames_of_any(live, n):
    """Return the number of frames below which every allocator that moves nothing can be made to fail.

    n is a power of two and `live` a multiple of n. Robson 1974: M * (1 + log2(n) / 2) - n + 1.
    """
    return live * (2 + n.bit_length() - 1) // 2 - n + 1


def first_place(runs, n):
    """First fit: return the lowest of the free `runs` (length, first) that holds `n` frames, or -1."""
    return min((first for length, first in runs if length >= n), default=-1)


def best_place(runs, n):
    """Best fit: return the shortest of the free `runs` (length, first) that holds `n` frames, or -1.

    Of runs with the same length it is the lowest.
    """
    return min((run for run in runs if run[0] >= n), default=(0, -1))[1]


def hybrid_place(runs, n, few):
    """Use first fit for at most `few` frames, best fit for more."""
    return first_place(runs, n) if n <= few else best_place(runs, n)


def hybrid_place_from_top(runs, n, few):
    """Use first fit for at most `few` frames; place longer requests at the end of the shortest run that holds them.

    Of runs with the same length it is the highest.
    """
    if n <= few:
        return first_place(runs, n)
    length, first = min((run for run in runs if run[0] >= n), key=lambda run: (run[0], -run[1]), default=(n, -1))
    return first + length - n


def can_fail(place, frames, live, n):
    """Return whether any sequence of requests and frees makes the policy `place` fail in a region of `frames` frames.

    The program holds at most `live` frames at a time and requests at most `n` at once. Every bitmap that can be reached
    is tried.
    """
    maps, seen = [()], {()}  # a map here is the tuple of its allocations (first, length), in order
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
    """Return the smallest region in which the policy `place` never fails: `live` frames at a time, `n` at once."""
    frames = live
    while can_fail(place, frames, live, n):
        frames += 1
    return frames
