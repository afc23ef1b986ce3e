"""In which order a request tries the regions: a statement of the rule that is independent of the library.

The rule considers the regions that have everything required and nothing forbidden. If the request requires DMA or
another bus master, and speaks of CACHED nowhere, all regions that are not CACHED come before those that are. Then those
come first that have everything preferred. Of these, the ones with the fewest merits (DMA, FAST, RETAINED, SHARED) come
first, so that a request that could go anywhere leaves scarce memory alone. Of equals, those that are CACHED come first,
as the others are worth more to DMA; then those that the first of the board's bus masters does not reach, then the
second, and so on; then the smaller in bytes; then the one with the lower address.
"""


def suits(words, require, forbid):
    """Return whether a region with these attributes has everything required and nothing forbidden: all are words."""
    return all(word in words for word in require) and not any(word in words for word in forbid)


def in_order(regions, require, prefer, forbid, masters=()):
    """Return the regions that suit, in the order of the rule. Each has `attributes`, which are words, `frames`,
    `frame_size` and `base`; `masters` are the board's words."""
    is_for_masters = any(word in require for word in ("DMA",) + masters)
    if "CACHED" in require or "CACHED" in prefer or "CACHED" in forbid:
        is_for_masters = False

    def key(region):
        words = region.attributes
        return (
            is_for_masters and "CACHED" in words,
            not suits(words, prefer, ()),
            sum([word in ("DMA", "FAST", "RETAINED", "SHARED") for word in words]),
            "CACHED" not in words,
            [word in words for word in masters],
            region.frames * region.frame_size,
            region.base,
        )

    return sorted([region for region in regions if suits(region.attributes, require, forbid)], key=key)
