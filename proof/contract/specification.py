"""What the calls of a region must do: written from the contract (docs/engine.md, the docstring of `physmem_engine`),
not from the code.

A `Map` is the state of a region as numbers: `frames`, `free`, `fewest`, `failed`, `phase`, `version`, `lock`, `span`,
`tops`; and, as one long row of bits each, `is_free` and `is_start`: bit i is for frame i. The rows have the bit behind
the last word of the region, too. Each function returns the Truths that must hold, by name.
"""

from proof.logic.terms import TRUE, any_of, bits

OUT_OF_MEMORY, ZERO_ALLOCATION, ALLOCATION_TOO_LARGE, UNALIGNED_ADDRESS = -1, -2, -3, -4
ADDRESS_OUT_OF_RANGE, NOT_ALLOCATED, ADDRESS_NOT_FREE, NOT_PERMITTED = -5, -6, -7, -8
CLASSES = 6
LARGEST_VERSION = (1 << 30) - 1


# What a state is.


def frames_of(map, first, n):
    """Return the bits of the `n` frames from `first` on."""
    one = bits(1, map.is_free.width)
    return ((one << n.widened(map.is_free.width)) - 1) << first.widened(map.is_free.width)


def bit_of(map, frame):
    return bits(1, map.is_free.width) << frame.widened(map.is_free.width)


def invariants_of_rows(map):
    """1: no frame is both free and a start. 2: each frame in use belongs to an allocation. 3: nothing lies behind the
    last frame, but the start that ends every measurement. 4: the counts are right; `counted` says the first of them."""
    inside = frames_of(map, bits(0), map.frames)
    behind_free_or_first = (map.is_free << 1) | 1
    return {
        "1": (map.is_free & map.is_start) == 0,
        "2": (behind_free_or_first & ~map.is_free & inside & ~map.is_start) == 0,
        "3, free": (map.is_free & ~inside) == 0,
        "3, starts": (map.is_start & ~inside) == bit_of(map, map.frames),
        "4": (map.fewest <= map.free) & (map.free <= map.frames),
    }


def longest_run_is_at_least(map, word, length):
    """A run of `length` free frames starts in the word; it may reach into the next one."""
    pair = map.is_free.piece(32 * word, 64)
    return any_of(pair.piece(place, length) == (1 << length) - 1 for place in range(32))


def invariants_of_planes(map):
    """5: plane c has the words in which a run of 2**c frames starts. 6: the tops have its groups that are not 0."""
    found = {}
    for c in range(CLASSES):
        for word in range(map.words):
            has_run = map.run_starts(word, c)
            found[f"5, plane {c}, word {word}"] = map.plane(word >> 5, c).bit(word & 31).same_as(has_run)
        for group in range(map.groups):
            last = min(32, map.words - 32 * group)
            found[f"5, plane {c} of group {group}"] = (map.plane(group, c) >> last) == 0
        groups = [(map.plane(group, c) != 0).as_bit().widened(32) << group for group in range(map.groups)]
        tops = bits(0)
        for each in groups:
            tops = tops | each
        found[f"6, top {c}"] = map.tops[c] == tops
    return found


# What a call does.


def fits(map, frame, n, align=None):
    """The `n` frames from `frame` on are the region's, and free; the frame's number is a multiple of `align`."""
    inside = (frame <= map.frames) & (n <= map.frames - frame)
    all_free = (frames_of(map, frame, n) & ~map.is_free) == 0
    return inside & all_free & is_aligned(map, frame, align)


def is_aligned(map, frame, align):
    return TRUE if align is None else ((frame + map.phase) & (align - 1)) == 0


def is_allocation(map, frame, n):
    """An allocation of `n` frames starts at `frame`: a start, and behind it n - 1 frames that are neither free nor
    starts, then one that is."""
    ends = (map.is_free | map.is_start) >> frame.widened(map.is_free.width)
    ends = ends >> 1
    last = bits(1, ends.width) << (n - 1).widened(ends.width)
    return (
        (n >= 1)
        & (n <= map.frames)
        & map.is_start.bit(frame.widened(map.is_free.width))
        & ((ends & ((last << 1) - 1)) == last)
    )


def unchanged(before, after, apart_from=()):
    """Every word is as it was, apart from those named."""
    return {
        f"{name} stays": old == after.word(name) for name, old in before.all_words().items() if name not in apart_from
    }


HISTORY = ("fewest", "failed", "version")


def allocated(before, after, frame, n):
    """The `n` frames from `frame` on have become an allocation, and nothing else has changed."""
    free = before.free - n
    return {
        "free frames": after.is_free == before.is_free & ~frames_of(before, frame, n),
        "starts": after.is_start == before.is_start | bit_of(before, frame),
        "count": after.free == free,
        "fewest": after.fewest == (free < before.fewest).choose(free, before.fewest),
        "failures": after.failed == before.failed,
        **constants(before, after),
        **invariants_of_planes(after),
    }


def released(before, after, frame, n):
    """The `n` frames from `frame` on, which were an allocation, are free, and nothing else has changed."""
    return {
        "free frames": after.is_free == before.is_free | frames_of(before, frame, n),
        "starts": after.is_start == before.is_start & ~bit_of(before, frame),
        "count": after.free == before.free + n,
        "fewest": after.fewest == before.fewest,
        "failures": after.failed == before.failed,
        **constants(before, after),
        **invariants_of_planes(after),
    }


def constants(before, after):
    return {name: after.word(name) == before.word(name) for name in ("frames", "phase", "planes", "lock", "span")}


def alloc(before, after, result, n, align=None, place=None):
    """``alloc(n)`` and ``alloc_aligned(n, align)``: `place` is any frame: none below the result fits, or none."""
    refused = {ZERO_ALLOCATION: n == 0, ALLOCATION_TOO_LARGE: (n != 0) & (n > before.frames)}
    possible = ~any_of(refused.values())
    failed = possible & (result == OUT_OF_MEMORY)
    found = possible & ~(result == OUT_OF_MEMORY)
    return {
        **answers(refused, before, after, result),
        **when(
            failed,
            "no place",
            {"nothing fits": ~fits(before, place, n, align), "failure is counted": after.failed == before.failed + 1},
        ),
        **when(failed, "no place", unchanged(before, after, ("failed", "version"))),
        **when(found, "place", {"it fits": (result < before.frames) & fits(before, result, n, align)}),
        **when(found & (place < result), "place", {"it is the lowest": ~fits(before, place, n, align)}),
        **when(found, "place", allocated(before, after, result, n)),
        **version(before, after, possible),
    }


def alloc_at(before, after, result, frame, n):
    """``alloc_at(frame, n)``, of frames that are the region's."""
    is_free = fits(before, frame, n)
    return {
        "answer": result == is_free.choose(frame, bits(ADDRESS_NOT_FREE)),
        **when(~is_free, "refused", unchanged(before, after, ("version",))),
        **when(is_free, "place", allocated(before, after, frame, n)),
        **version(before, after, TRUE),
    }


def free(before, after, result, frame):
    """``free(frame)``."""
    outside = frame >= before.frames
    starts = ~outside & before.is_start.bit(frame.widened(before.is_free.width))
    refused = {ADDRESS_OUT_OF_RANGE: outside, NOT_ALLOCATED: ~outside & ~starts}
    return {
        **answers(refused, before, after, result),
        **when(starts, "release", {"it returns the number": is_allocation(before, frame, result)}),
        **when(starts, "release", released(before, after, frame, result)),
        **version(before, after, ~outside),
    }


def answers(refused, before, after, result):
    """A refused call returns its error, and changes nothing but the version."""
    found = {f"error {code}": condition.implies(result == code) for code, condition in refused.items()}
    return {**found, **when(any_of(refused.values()), "refused", unchanged(before, after, ("version",)))}


def version(before, after, has_section):
    """A region with a lock counts its critical sections; one without stays."""
    counted = (before.version + 1) & LARGEST_VERSION
    return {"version": after.version == (has_section & (before.lock != 0)).choose(counted, before.version)}


def when(condition, name, truths):
    return {f"{name}: {each}": condition.implies(value) for each, value in truths.items()}


# What is not in the assembler: the searches under constraints and `resize` (`physmem_engine`), the repair of a state
# (`physmem_state`).


def crosses(map, frame, n, boundary):
    """The first and the last of the `n` frames from `frame` on are on two sides of a multiple of `boundary`, a power of
    two in frames; 0 means that there is no boundary."""
    first = frame + map.phase
    return (boundary != 0) & (((first ^ (first + n - 1)) & -boundary) != 0)


def suits(map, frame, n, align, boundary, low, high):
    """The `n` frames from `frame` on are free, start at `low` or above and at a multiple of `align`, end at `high` or
    below, and do not cross a multiple of `boundary`."""
    return lies_between(frame, n, low, high) & fits(map, frame, n, align) & ~crosses(map, frame, n, boundary)


def lies_between(frame, n, low, high):
    return (frame >= low) & (n <= high) & (frame <= high - n)


def search_within(map, result, n, align, boundary, low, high, place):
    """``search_within``: `place` is any frame: none below the result suits, or none at all."""
    failed = result == OUT_OF_MEMORY
    limits = (n, align, boundary, low, high)
    return {
        "the place suits": failed | suits(map, result, *limits),
        "it is the lowest": failed | (place >= result) | ~suits(map, place, *limits),
        "no place suits": ~failed | ~suits(map, place, *limits),
    }


def ones_in(row):
    """Return how many bits of a row are set."""
    width = row.width.bit_length()
    count = bits(0, width)
    for place in range(row.width):
        count = count + row.bit(place).as_bit().widened(width)
    return count.widened(32)


def counted(map):
    """Return the number of free frames, word by word."""
    count = bits(0)
    for word in range(map.words):
        count = count + ones_in(map.is_free.piece(32 * word, 32))
    return count


def derived(before, after):
    """What derives from the rows is right; the history stays, but the fewest are never more than the free frames."""
    free = counted(after)
    return {
        "count": after.free == free,
        "fewest": after.fewest == (free < before.fewest).choose(free, before.fewest),
        "failures": after.failed == before.failed,
        "version": after.version == before.version,
        **constants(before, after),
        **invariants_of_planes(after),
    }


def rebuild(before, after):
    """``rebuild()``, of rows with nothing behind the last frame."""
    rows = {"free frames": after.is_free == before.is_free, "starts": after.is_start == before.is_start}
    return {**rows, **derived(before, after)}


def loose(map):
    """Return the row of frames that a call which was cut has left in use: behind a free frame, or behind another such
    frame, and no start."""
    in_use = frames_of(map, bits(0), map.frames) & ~map.is_free & ~map.is_start
    behind_free = in_use & (map.is_free << 1)
    # In each run of frames in use, the sum carries from the one behind a free frame to the end: it clears the run.
    return in_use & ~(in_use + behind_free)


def recovered(map):
    """Return the rows that ``recover()`` leaves, free frames and starts: a start that is free is none, and what is
    loose becomes free."""
    return map.is_free | loose(map), map.is_start & ~map.is_free


def recover(before, after, result):
    """``recover()``."""
    free, starts = recovered(before)
    return {
        "free frames": after.is_free == free,
        "starts": after.is_start == starts,
        "it returns how many it freed": result == ones_in(loose(before)),
        **derived(before, after),
    }


# Calls that take the lock while they run: `initial` is the state when the call comes, `before` when it has the lock.
# Other callers may have changed it between. `is_refused`: an interrupt handler calls, which must not.


def resize(initial, before, after, result, first, old, n, is_refused):
    """``resize_allocation(first, old, n)``."""
    is_zero = ~is_refused & n.less_with_sign(1)
    is_outside = ~(is_refused | is_zero) & ((first >= before.frames) | old.less_with_sign(1))
    has_section = ~(is_refused | is_zero | is_outside)
    is_other = has_section & ~is_allocation(before, first, old)
    grows = has_section & ~is_other & (n > old)
    lacks_room = grows & (n > before.frames - first)
    in_the_way = grows & ~lacks_room & ((frames_of(before, first + old, n - old) & ~before.is_free) != 0)
    is_done = has_section & ~(is_other | lacks_room | in_the_way)
    changed = grows.choose(
        before.is_free & ~frames_of(before, first + old, n - old),
        before.is_free | frames_of(before, first + n, old - n),
    )
    count = before.free + old - n
    done = {
        "answer": result == n,
        "free frames": after.is_free == changed,
        "starts": after.is_start == before.is_start,
        "count": after.free == count,
        "fewest": after.fewest == (count < before.fewest).choose(count, before.fewest),
        "failures": after.failed == before.failed,
        **constants(before, after),
        **invariants_of_planes(after),
    }
    return {
        "refused": is_refused.implies(result == NOT_PERMITTED),
        "zero": is_zero.implies(result == ZERO_ALLOCATION),
        "not allocated": (is_outside | is_other).implies(result == NOT_ALLOCATED),
        "out of range": lacks_room.implies(result == ADDRESS_OUT_OF_RANGE),
        "not free": in_the_way.implies(result == ADDRESS_NOT_FREE),
        **when(~has_section, "no section", unchanged(initial, after)),
        **when(has_section & ~is_done, "not done", unchanged(before, after, ("version",))),
        **when(is_done, "done", done),
        **counted_section(before, after, has_section),
    }


def allocate_within(initial, before, after, result, limits, is_refused, place):
    """``allocate_within(*limits)``, where `limits` are those of `search_within`; `place` is any frame."""
    n = limits[0]
    is_too_large = n > before.frames
    is_refused = ~is_too_large & is_refused
    has_section = ~(is_too_large | is_refused)
    failed = has_section & (result == OUT_OF_MEMORY)
    found = has_section & ~failed
    return {
        "too large": is_too_large.implies(result == ALLOCATION_TOO_LARGE),
        "refused": is_refused.implies(result == NOT_PERMITTED),
        **when(~has_section, "no section", unchanged(initial, after)),
        **when(failed, "no place", {"failure is counted": after.failed == before.failed + 1}),
        **when(failed, "no place", unchanged(before, after, ("failed", "version"))),
        **when(found, "place", {"it is in the region": result < before.frames}),
        **when(found, "place", allocated(before, after, result, n)),
        **when(has_section, "search", search_within(before, result, *limits, place)),
        **counted_section(before, after, has_section),
    }


def counted_section(before, after, has_section):
    """A region with a lock counts its sections; of others the version means nothing."""
    counted = (before.version + 1) & LARGEST_VERSION
    return {"version": (has_section & (before.lock != 0)).implies(after.version == counted)}
