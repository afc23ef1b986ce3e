"""Count the raw calls of a region: pairs, each number of frames on every kind of bitmap, alignments, places."""

import gc

import instructions
import maps
import micropython
import physmem_engine as engine
from instructions import of_call, of_call_2, of_call_4, of_pair, second, summary
from micropython import const
from physmem_region import SHARED
from uctypes import addressof

FRAMES = const(2048)
_SAMPLES = const(100)  # for each number of frames on an aged bitmap
_CHURN = const(4)  # operations of the mix between two samples


def shared():
    """Return the attribute of regions whose calls mask interrupts."""
    return SHARED


def empty_pairs(sizes, frames, attrs):
    """Return [instructions of ``free(alloc(n))`` for n of `sizes`] in an empty region of `frames` frames."""
    region = maps.new_region(frames, attrs)
    return [second(of_pair, region.alloc, region.free, n) for n in sizes]


def pairs(frames):
    """Return {statement: instructions} of a call together with its free, in an empty region of `frames` frames."""
    counts = {}
    for attrs, where in ((0, ""), (SHARED, ", SHARED")):
        region = maps.new_region(frames, attrs)
        for n in (1, 8, 32, 64, 2048):
            counts["free(alloc(%d))%s" % (n, where)] = second(of_pair, region.alloc, region.free, n)
    return counts


def heap_used():
    """Return the bytes of heap that raw calls of every kind use. The heap is locked: a call that needs any raises."""
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
    """Return a row for each n of `sizes`.

    A row is the number of granted allocations, the number of refused ones, and the summaries of the granted ones, of
    their frees and of the refused ones.
    """
    region = load.region
    rows = []
    for n in sizes:
        granted, freed, refused = [], [], []
        for _ in range(samples):
            load.churn(churn)
            if not churn:
                region.free(region.alloc(n))  # reach the peak first: recording a new peak costs one store
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
    """Return the rows of `_count` for alloc on a bitmap with that occupancy in percent.

    A fresh bitmap is the same for each sample, so there is one sample. An aged one changes between samples.
    """
    load = (maps.aged if is_aged else maps.fresh)(FRAMES, percent)
    samples, churn = (_SAMPLES, _CHURN) if is_aged and percent else (1, 0)

    def count_alloc(region, n):
        return of_call(region.alloc, n)

    return _count(load, sizes, samples, churn, count_alloc)


def aligned(requests, percent):
    """Return the rows of `_count` for ``alloc_aligned(n, align)``, one for each (n, align), on an aged bitmap."""
    load = maps.aged(FRAMES, percent)
    rows = []
    for n, align in requests:

        def count_alloc(region, n, align=align):
            return of_call_2(region.alloc_aligned, n, align)

        rows += _count(load, [n], _SAMPLES, _CHURN, count_alloc)
    return rows


def at(sizes, percent):
    """Return the rows of `_count` for ``alloc_at(frame, n)``, one for each n, on an aged bitmap.

    The places are those that alloc found.
    """
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
    """Return a pair for each (n, align) of `requests`, in a region of `frames` frames.

    The first of the pair is the instructions of ``alloc(n)`` (``alloc_aligned(n, align)`` if align is not 1) plus its
    free in an empty region. The second is the summary of both together on a bitmap aged at 75 %; None if every request
    was refused.
    """
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


def beside():
    """Return {call: instructions} of what the engine does beside the raw calls."""
    region = maps.new_region(FRAMES)
    address = region.address
    region.free(region.alloc(FRAMES))  # reach the peak first: recording a new peak costs one store
    counts = {}
    for old, n in ((1, 2), (2, 1), (1, 64), (64, 1), (1, FRAMES), (FRAMES, 1)):
        for _ in range(2):  # the first may fill caches that MicroPython keeps for later calls
            region.alloc(old)
            count = of_call_4(engine.resize_allocation, address, 0, old, n)
            assert instructions.answer[0] == region.free(0) == n
        counts["resize_allocation from %d to %d frames" % (old, n)] = count
    counts["forget_fewest"] = second(of_call, engine.forget_fewest, address)
    memory = bytearray(4096 + 32)
    start = addressof(memory) + 31 & -32
    for nbytes in (32, 4096):
        counts["fill_memory, %d bytes" % nbytes] = second(of_call_4, engine.fill_memory, start, 0, nbytes, 0xDBDB)
    return counts
