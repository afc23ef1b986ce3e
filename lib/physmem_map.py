"""Pictures of the system's memory as text: `physmem.map` and `physmem.dump`.

A program may ask for one when it ends for want of memory. So `map` has no more heap at a time than a line and a few
words take: it makes no list of frames, and no object for each of them that stays.
"""

import physmem_engine as engine
from micropython import const
from physmem_errors import expect_heap, integer, mistake, wrong_type
from physmem_frames import held_at
from physmem_overview import attribute_names, is_of_the_heap, owner_at
from physmem_region import RESERVED, Region
from physmem_system import region as region_of_name
from physmem_system import regions

_LINES = const(4)  # of characters for a region, at most
_FEWEST_COLUMNS = const(32)
_MOST_COLUMNS = const(256)
_OF_THE_HEAP = "memory of the heap: scanned by the collector, not kept over a soft reset"
_MARKS = b".#+xgmr"
_LEGEND = (". free", "# in use", "+ mixed", "x reserved", "g guard", "m mapped", "r retained")
_FREE, _USED, _MIXED, _RESERVED, _GUARD, _MAPPED, _RETAINED = _MARKS
_FIRST_OWNER = const(65)  # A
_MOST_OWNERS = const(26)  # with a letter each; what others own is a # like what nobody is known to own


def map(write, wanted, columns):
    """Serve `physmem.map`, which says what this does."""
    expect_heap("map()")
    _expect_callable(write)
    if not _FEWEST_COLUMNS <= integer(columns, "columns") <= _MOST_COLUMNS:
        mistake("InvalidArgument", "columns is {}: give {} to {}", columns, _FEWEST_COLUMNS, _MOST_COLUMNS)
    if isinstance(wanted, str):
        wanted = region_of_name(wanted)
    elif wanted is not None and not isinstance(wanted, Region):
        wrong_type("region", "a Region or the name of one", wanted)
    owners = []
    met = 0  # the marks in the picture, a bit each
    for region in regions() if wanted is None else (wanted,):
        met |= _draw(region, write, columns, owners)
    legend = []
    for i, text in enumerate(_LEGEND):
        if met >> i & 1:
            legend.append(text)
    for i, owner in enumerate(owners):
        legend.append(("%c %r" % (_FIRST_OWNER + i, owner))[: columns - 2])
    if legend:
        _write_words(write, columns, "  ", legend, "  ")


def _draw(region, write, columns, owners):
    """Draw one region, and add the owners in it to `owners`. Return which marks are in the picture, a bit each."""
    base, shift, frames = region.base, region.shift, region.frames
    heading = ["%-12s" % region.name, "%#010x..%#010x" % (base, region.end), "%9s" % _size(frames << shift)]
    _write_words(write, columns, "", heading + attribute_names(region.attrs).split())
    if is_of_the_heap(region):
        _write_words(write, columns, "  ", _OF_THE_HEAP.split())
    digits = 8 if region.end <= 1 << 32 else 12
    width = (columns - digits - 5) & -8
    cell = 1  # frames of a character
    while frames > cell * width * _LINES:
        cell *= 2
    line = bytearray(width)
    met = 0
    frame = 0
    while frame < frames:
        end = engine.next_used(region.address, frame)
        mark = _FREE
        if end == frame:
            end += engine.count(region.address, frame) or 1  # 0 only if invariant 2 is broken
            mark = _mark(region, frame, owners)
        while frame < end:
            place = frame // cell % width
            if frame % cell and line[place] != mark:
                line[place] = _MIXED
            else:
                line[place] = mark
            frame = min(end, frame - frame % cell + cell)
            if frame % cell == 0 or frame == frames:
                met |= _bit(line[place])
                if place == width - 1 or frame == frames:
                    start = base + ((frame - 1) // cell - place) * (cell << shift)
                    write("  %0*x |%s|" % (digits, start, str(line[: place + 1], "ascii")))
    used, free = region.used_frames, region.free_frames
    _write_words(
        write,
        columns,
        "  ",
        (
            "%s used," % _size(used << shift),
            "%s free," % _size(free << shift),
            "longest run %s," % _size(region.largest_free() << shift),
            "%d frames of %s," % (frames, _size(1 << shift)),
            "a character is %s" % _size(cell << shift),
        ),
    )
    return met


def _bit(mark):
    """Return the bit of a mark: that of its place in the legend. Letters of owners have none."""
    for i in range(len(_MARKS)):
        if _MARKS[i] == mark:
            return 1 << i
    return 0


def _mark(region, first, owners):
    """Return the character for the allocation that starts at the frame `first`."""
    if region.attrs & RESERVED:
        return _RESERVED
    owner, is_guard = owner_at(region, first) or (None, False)
    if is_guard:
        return _GUARD
    mapped, name = held_at(region, first)
    if mapped:
        return _MAPPED
    if name is not None:
        return _RETAINED
    if owner is None:
        return _USED
    if owner not in owners:
        if len(owners) == _MOST_OWNERS:
            return _USED
        owners.append(owner)
    return _FIRST_OWNER + owners.index(owner)


def _write_words(write, columns, line, words, between=" "):
    """Write `line` and the words behind it, in as many lines as they need; the lines that follow are indented."""
    is_empty = True
    for word in words:
        if not is_empty and len(line) + len(between) + len(word) > columns:
            write(line.rstrip())
            line, is_empty = "  ", True
        line += word if is_empty else between + word
        is_empty = False
    write(line.rstrip())


def dump(write):
    """Serve `physmem.dump`, which says what this does."""
    expect_heap("dump()")
    _expect_callable(write)
    for region in regions():
        write("%s %#010x..%#010x" % (region.name, region.base, region.end))
        if is_of_the_heap(region):
            write("  " + _OF_THE_HEAP)
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
