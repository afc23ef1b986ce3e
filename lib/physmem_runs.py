"""Allocations that look at what is free: in pieces, or where a function of yours chooses."""

import physmem_allocate as allocate
import physmem_errors as errors
from micropython import const
from physmem_engine import NOT_PERMITTED, search_within
from physmem_region import CACHED, RESERVED, attributes
from physmem_system import by_merit, expect_initialized, regions, suits

_MASTERS = const(-127)  # as physmem_allocate has it


def allocate_scattered(n, _by_name, require, prefer, forbid, region, owner, zero):
    """Serve `physmem.allocate_scattered`, which says what this does."""
    if _by_name is not ...:
        errors.given_by_position()
    errors.expect_heap("allocate_scattered()")
    require = attributes(require, "require")
    prefer = attributes(prefer, "prefer")
    forbid = attributes(forbid, "forbid")
    allocate.check_request(n, False, 0, 0, 0, None, require, prefer, forbid, region)
    errors.boolean(zero, "zero")
    return _scatter(n, require, prefer, forbid, region, owner, zero)


def _scatter(n, require, prefer, forbid, region, owner, zero):
    suitable = [found for found in by_merit if found.attrs & (require | forbid) == require and suits(found, region)]
    if not suitable:
        allocate.no_region_suits(require, forbid, region)
    # As in `request`: CACHED regions come last for what DMA or a bus master must reach, and among equals the preferred
    # ones first.
    last = CACHED if require & _MASTERS and not (require | prefer | forbid) & CACHED else 0
    for avoided in (0, last) if last else (0,):
        for preferred in (True, False):
            for found in suitable:
                if found.attrs & last == avoided and (found.attrs & prefer == prefer) == preferred:
                    pieces = _pieces(found, n, owner, zero)
                    if pieces:
                        return pieces
    allocate.nothing_is_free(n, None, 0, 0, 0, None, require, forbid, region)


def _pieces(found, n, owner, zero):
    """Return owners of `n` frames of `found` in as few runs as possible; an empty list if fewer are free."""
    pieces = [None]  # room for the next, so that no owner is lost for want of heap
    left = n
    try:
        while left and found.free_frames >= left:
            whole = search_within(found.address, left, 1, 0, 0, found.frames)
            run = left if whole >= 0 else min(left, found.largest_free())
            frame = found.alloc(run) if run else -1
            if frame == NOT_PERMITTED:
                errors.not_permitted_in_handler()
            if frame >= 0:  # otherwise a handler or the other core took the run: look again
                left -= run
                pieces[-1] = allocate.own_frames(found, frame, run, owner, 0, zero)
                pieces.append(None)
        if not left:
            pieces.pop()
            return pieces
    except BaseException:
        _free_all(pieces)
        raise
    _free_all(pieces)
    return []


def _free_all(pieces):
    for frames in pieces:
        if frames is not None:
            frames.free()


def inspect_then_allocate(chooser, _by_name, owner, zero):
    """Serve `physmem.inspect_then_allocate`, which says what this does."""
    if _by_name is not ...:
        errors.given_by_position()
    expect_initialized()
    if not callable(chooser):
        errors.wrong_type("chooser", "callable", chooser)
    errors.boolean(zero, "zero")
    errors.expect_heap("inspect_then_allocate()")
    for found in regions():
        if found.attrs & RESERVED:
            continue
        for first, count, free in found.runs():
            if not free:
                continue
            choice = chooser(found, first, count)
            if choice is False:  # physmem.STOP
                return None
            if choice is None:
                continue
            if not isinstance(choice, (tuple, list)) or len(choice) != 2:
                raise TypeError("a chooser must return None, STOP or (first, n), not %r" % (choice,))
            frame, n = choice
            errors.integer(frame, "the first frame")
            errors.integer(n, "the number of frames")
            if n == 0:
                errors.mistake("ZeroAllocation", "cannot allocate 0 frames from frame {} on: pick at least one", frame)
            if not first <= frame <= frame + n <= first + count:
                run = "the {} frames from {} on are not in the run: pick some of {} from {} on"
                errors.mistake("AddressOutOfRange", run, n, frame, count, first)
            return allocate.own_frames(found, allocate.place(found, frame, n), n, owner, 0, zero)
    return None
