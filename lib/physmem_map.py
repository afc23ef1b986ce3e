"""Pictures of the system's memory as text: `physmem.map` and `physmem.dump`."""

from physmem_errors import expect_heap, wrong_type
from physmem_overview import attribute_names, is_of_the_heap, owner_at
from physmem_region import RESERVED
from physmem_system import regions

_COLUMNS = 64
_WIDTH = 80
_OF_THE_HEAP = "  memory of the heap: scanned by the collector, not kept over a soft reset"
_FREE, _USED, _MIXED, _RESERVED = ".", "#", "+", "x"


def map(write):
    """Serve `physmem.map`, which says what this does."""
    expect_heap("map()")
    _expect_callable(write)
    for region in regions():
        shift = region.shift
        header = "%-12s %#010x..%#010x %9s" % (region.name, region.base, region.end, _size(region.end - region.base))
        names = attribute_names(region.attrs)
        if len(header) + 2 + len(names) > _WIDTH:
            write(header)
            header = ""
        write((header + "  " + names).rstrip())
        if is_of_the_heap(region):
            write(_OF_THE_HEAP)
        cell = (region.frames + _COLUMNS * 2 - 1) // (_COLUMNS * 2)
        used = [0] * ((region.frames + cell - 1) // cell)
        for first, count, free in region.runs():
            end = first + count
            while not free and first < end:
                stop = min(end, (first // cell + 1) * cell)
                used[first // cell] += stop - first
                first = stop
        full = _RESERVED if region.attrs & RESERVED else _USED
        for line in range(0, len(used), _COLUMNS):
            picture = ""
            for i in range(line, min(line + _COLUMNS, len(used))):
                frames = min(cell, region.frames - i * cell)
                picture += _FREE if not used[i] else full if used[i] == frames else _MIXED
            write("  |%s|" % picture)
        write(
            "  %s used, %s free, %d frames of %s, a character is %s"
            % (
                _size(region.used_frames << shift),
                _size(region.free_frames << shift),
                region.frames,
                _size(region.frame_size),
                _size(cell << shift),
            )
        )


def dump(write):
    """Serve `physmem.dump`, which says what this does."""
    expect_heap("dump()")
    _expect_callable(write)
    for region in regions():
        write("%s %#010x..%#010x" % (region.name, region.base, region.end))
        if is_of_the_heap(region):
            write(_OF_THE_HEAP)
        for first, count, free in region.runs():
            base = region.base + (first << region.shift)
            use = "free" if free else "used" + _whose(region, first)
            write("  %#010x..%#010x %6d %s" % (base, base + (count << region.shift), count, use))


def _whose(region, first):
    owner, is_guard = owner_at(region, first) or (None, False)
    if is_guard:
        return " by a guard"
    return "" if owner is None else " by %r" % (owner,)


def _size(nbytes):
    for unit in ("B", "KiB", "MiB"):
        if nbytes % 1024 or nbytes == 0 or unit == "MiB":
            return "%d %s" % (nbytes, unit)
        nbytes //= 1024


def _expect_callable(write):
    if not callable(write):
        wrong_type("write", "callable and take a line", write)
