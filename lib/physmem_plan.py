"""Turn the ranges that `physmem.init` is given into regions: sort them, merge them, and carve out the reserved ones.

A range is a list ``[base, end, frame_size, attrs, name, region]``. `base` and `end` are addresses in bytes; `end` is
one past the last. `name` is None for a range without one. `region` is the caller's own Region, or None.
"""


def plan(free, reserved, mistake):
    """Return ``(free, reserved)``, each a list of ranges that is sorted by address and has no overlaps.

    - Empty ranges are dropped.
    - Free ranges of the same frame size and attributes are merged if they overlap, or if they touch and have no names.
      If they overlap and differ, it is unclear what that memory is: ``mistake(code, sentence, ...)`` is called.
    - Free ranges then shrink to whole frames, and reserved ones grow to whole frames.
    - Reserved ranges are merged if they overlap, or if they touch, have no names and do not differ.
    - Reserved ranges are cut out of the free ones.
    """
    free = [part for part in map(_inward, _merge(free, True, mistake)) if part[1] > part[0]]
    grown = None
    while grown != reserved:
        grown = [part[:] for part in reserved]
        reserved = _merge([_outward(part, free) for part in reserved], False, mistake)
    pieces = []
    for part in free:
        pieces.extend([piece for piece in _carve(part, reserved) if piece[1] > piece[0]])
    return pieces, reserved


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
    merged = []
    for part in sorted((part for part in parts if part[1] > part[0]), key=lambda part: part[0]):
        last = merged[-1] if merged else None
        if last is None or part[0] > last[1] or (part[0] == last[1] and (part[4] or last[4] or part[2:4] != last[2:4])):
            merged.append(part)
            continue
        if free and part[2:4] != last[2:4]:
            mistake(
                "InvalidArgument",
                "free regions {:#x}..{:#x} and {:#x}..{:#x} overlap and differ in frame size or attributes",
                last[0],
                last[1],
                part[0],
                part[1],
            )
        if part[0] == last[0] and part[1] == last[1] and last[5] is None:
            last[5] = part[5]
        elif part[1] > last[1]:
            last[1] = part[1]
            last[5] = None
        last[2] = max(last[2], part[2])
        last[3] |= part[3]
        last[4] = last[4] or part[4]
    return merged


def _carve(part, reserved):
    """Return the pieces of the free range `part` that `reserved` leaves."""
    base, end, frame_size, attrs, name, region = part
    pieces = []
    for hole in reserved:
        if hole[0] >= end or hole[1] <= base:
            continue
        if hole[0] > base:
            pieces.append(_inward([base, hole[0], frame_size, attrs, name, None]))
        base = hole[1]
    if base == part[0]:
        return [part]
    if base < end:
        pieces.append(_inward([base, end, frame_size, attrs, name, None]))
    return pieces
