"""Turn the ranges that `physmem.init` is given into regions: sort them, merge them, carve out the reserved ones, and
name the pieces.

A range is a list ``[base, end, frame_size, attrs, name, region, turn, names]``. `base` and `end` are addresses in
bytes; `end` is one past the last. `name` is None for a range without one. `region` is the caller's own Region, or None.
`turn` is the place of the name in what the caller gave, which decides between two names. `names` are all names that
were given to the memory of the range.

MicroPython's sort is not stable, so no two ranges may be equal to it.
"""


def plan(free, reserved, mistake):
    """Return ``(free, reserved)``, each a list of ranges that is sorted by address and has no overlaps.

    - Empty ranges are dropped.
    - Free ranges of the same frame size and attributes are merged if they overlap, or if they touch and have no names.
      If they overlap and differ, it is unclear what that memory is: ``mistake(code, sentence, ...)`` is called.
    - Free ranges then shrink to whole frames, and reserved ones grow to whole frames.
    - Reserved ranges are merged if they overlap, or if they touch, have no names and do not differ.
    - Reserved ranges are cut out of the free ones.
    - Merged ranges have the name that was given first. A name that is given to memory that is not merged is a mistake.
    """
    free = [part for part in map(_inward, _merge(free, True, mistake)) if part[1] > part[0]]
    grown = None
    while grown != reserved:
        grown = [part[:] for part in reserved]
        reserved = _merge([_outward(part, free) for part in reserved], False, mistake)
    _expect_unique(free + reserved, mistake)
    pieces = []
    for part in free:
        pieces.extend([piece for piece in _carve(part, reserved) if piece[1] > piece[0]])
    return pieces, reserved


def _expect_unique(parts, mistake):
    """Refuse a name that was given to the memory of two ranges."""
    owners = {}
    for part in parts:
        for name in part[7]:
            if name in owners:
                text = "two regions are named {}, at {:#x} and at {:#x}: rename one"
                first, second = sorted((owners[name], part[0]))
                mistake("InvalidArgument", text, name, first, second)
            owners[name] = part[0]


def _inward(part):
    part[0] += -part[0] % part[2]
    part[1] -= part[1] % part[2]
    return part


def _outward(part, free):
    """Grow a reserved range to whole frames: the largest of its own and those of the free ranges it overlaps."""
    for other in free:
        if other[0] < part[1] and part[0] < other[1]:
            part[2] = max(part[2], other[2])
    if part[1] > part[0]:
        part[0] -= part[0] % part[2]
        part[1] += -part[1] % part[2]
    return part


def _merge(parts, free, mistake):
    """Return the ranges by address, merged first where they overlap, then where they touch."""
    order = sorted([(part[0], -part[1], part[6], i) for i, part in enumerate(parts) if part[1] > part[0]])
    overlapping = []
    for part in [parts[key[3]] for key in order]:
        last = overlapping[-1] if overlapping else None
        if last is None or part[0] >= last[1]:
            overlapping.append(part)
            continue
        if free and part[2:4] != last[2:4]:
            mistake(
                "InvalidArgument",
                "free regions {:#x}..{:#x} and {:#x}..{:#x} overlap: make their frame sizes and attributes the same",
                last[0],
                last[1],
                part[0],
                part[1],
            )
        _join(last, part)
    merged = []
    for part in overlapping:
        last = merged[-1] if merged else None
        if last and part[0] == last[1] and not (part[4] or last[4]) and part[2:4] == last[2:4]:
            _join(last, part)
        else:
            merged.append(part)
    return merged


def _join(last, part):
    """Make `part`, which does not start before `last`, a part of it."""
    if part[0] == last[0] and part[1] == last[1] and last[5] is None:
        last[5] = part[5]
    elif part[1] > last[1]:
        last[1] = part[1]
        last[5] = None
    last[2] = max(last[2], part[2])
    last[3] |= part[3]
    if part[4] and (not last[4] or part[6] < last[6]):
        last[4] = part[4]
        last[6] = part[6]
    last[7] = last[7] + [name for name in part[7] if name not in last[7]]


def _carve(part, reserved):
    """Return the pieces of the free range `part` that `reserved` leaves."""
    base, end = part[:2]
    pieces = []
    for hole in reserved:
        if hole[0] >= end or hole[1] <= base:
            continue
        if hole[0] > base:
            pieces.append(_piece(part, base, hole[0]))
        base = hole[1]
    if base == part[0]:
        return [part]
    if base < end:
        pieces.append(_piece(part, base, end))
    return pieces


def _piece(part, base, end):
    return _inward([base, end] + part[2:5] + [None] + part[6:])
