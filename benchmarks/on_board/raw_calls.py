"""What the raw calls of a region cost: pairs, each number of frames on maps of every kind, alignments, places."""

import gc

import instructions
import maps
import micropython
from instructions import of_call, of_call_2, of_pair, second, summary
from micropython import const
from physmem_region import SHARED

FRAMES = const(2048)
_SAMPLES = const(100)  # for each number of frames on an aged map
_CHURN = const(4)  # operations of the mix between two samples


def shared():
    """The attribute of regions whose calls mask interrupts."""
    return SHARED


def empty_pairs(sizes, frames, attrs):
    """[instructions of ``free(alloc(n))`` for n of `sizes`] in an empty region of `frames` frames."""
    region = maps.new_region(frames, attrs)
    return [second(of_pair, region.alloc, region.free, n) for n in sizes]


def heap_used():
    """Bytes of heap that raw calls of every kind use, the heap locked: one that needs any would raise as well."""
    region = maps.new_region(FRAMES)
    alloc, alloc_aligned, alloc_at, free = region.alloc, region.alloc_aligned, region.alloc_at, region.free
    micropython.heap_lock()
    before = gc.mem_alloc()
    for n in range(1, FRAMES + 1):
        free(alloc(n))
        free(alloc_aligned(n, 2))
        free(alloc_at(0, n))
    alloc(n + 1)
    free(n)
    used = gc.mem_alloc() - before
    micropython.heap_unlock()
    return used


def _count(load, sizes, samples, churn, count_alloc):
    """For each n of `sizes`: how many allocations were granted, how many refused, and the summaries of the granted
    ones, of their frees and of the refused ones."""
    region = load.region
    rows = []
    for n in sizes:
        granted, freed, refused = [], [], []
        for _ in range(samples):
            load.churn(churn)
            if not churn:
                region.free(region.alloc(n))  # to use more frames than ever before costs a store, once
            count = count_alloc(region, n)
            frame = instructions.answer[0]
            if frame < 0:
                refused.append(count)
                continue
            granted.append(count)
            freed.append(of_call(region.free, frame))
            assert instructions.answer[0] == n
        rows.append((len(granted), len(refused), summary(granted), summary(freed), summary(refused)))
    return rows


def by_size(sizes, percent, is_aged):
    """The rows of `_count` for alloc on a map of that occupancy in percent. A fresh map is the same for each sample, so
    there is one; an aged one moves on between samples."""
    load = (maps.aged if is_aged else maps.fresh)(FRAMES, percent)
    samples, churn = (_SAMPLES, _CHURN) if is_aged and percent else (1, 0)

    def count_alloc(region, n):
        return of_call(region.alloc, n)

    return _count(load, sizes, samples, churn, count_alloc)


def aligned(requests, percent):
    """The rows of `_count` for ``alloc_aligned(n, align)``, one for each (n, align), on an aged map."""
    load = maps.aged(FRAMES, percent)
    rows = []
    for n, align in requests:

        def count_alloc(region, n, align=align):
            return of_call_2(region.alloc_aligned, n, align)

        rows += _count(load, [n], _SAMPLES, _CHURN, count_alloc)
    return rows


def at(sizes, percent):
    """The rows of `_count` for ``alloc_at(frame, n)``, one for each n, on an aged map, at places that alloc found."""
    load = maps.aged(FRAMES, percent)

    def count_alloc(region, n):
        frame = region.alloc(n)
        if frame < 0:
            frame = 0
        else:
            region.free(frame)
        return of_call_2(region.alloc_at, frame, n)

    return _count(load, sizes, _SAMPLES, _CHURN, count_alloc)


def by_frames(frames, requests):
    """For each (n, align) of `requests`, in a region of that many frames: the counts of ``alloc(n)`` (of
    ``alloc_aligned(n, align)`` if align is not 1) and of the free in an empty region, together; and the summary of both
    together on a map aged at 75 %, None where every request was refused."""
    rows = []
    for n, align in requests:
        row = []
        empty, busy = maps.Load(frames), maps.aged(frames, 75)
        for load, samples in ((empty, 2), (busy, _SAMPLES)):
            region = load.region
            counts = []
            for _ in range(samples):
                load.churn(_CHURN if load is busy else 0)
                count = of_call(region.alloc, n) if align == 1 else of_call_2(region.alloc_aligned, n, align)
                frame = instructions.answer[0]
                if frame >= 0:
                    counts.append(count + of_call(region.free, frame))
            row.append(counts[-1] if load is empty else summary(counts))
        rows.append(row)
    return rows
