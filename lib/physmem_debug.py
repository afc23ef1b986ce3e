"""Debugging tiers, each free of cost until you switch it on: who owns what, who wrote where, and whose count is wrong.

    physmem.debug(owners=True, poison=True, guard_frames=1)
    start = physmem.mark()
    with physmem_debug.owner("display"):
        pixels = sram.alloc(4)             # a raw call takes no owner, so the block names it
    for leak in physmem.leaks(start):
        print(leak.owner, hex(leak.addr), leak.nbytes)
    print(physmem.check())                 # reports writes outside of frames, or after they were freed

The tiers watch the calls of the regions and all that goes through them: the functions of `physmem` and AllocatedFrames.
A raw call that you bound before `debug` bypasses them: bind it again (``alloc = region.alloc``). The tiers work in hard
interrupt handlers and with the heap locked, except for filling and comparing memory, which needs heap: `untracked`
counts what was left out. Call `debug`, `leaks` and `physmem.check` when no handler makes raw calls.

The shadow that the tiers share takes 9 bytes of heap a frame on a board; poison and guards take one byte more each.
"""

from micropython import const
from physmem_allocate import tell_tags_to
from physmem_errors import boolean, expect_heap, given_by_position, integer, load, mistake
from physmem_overview import tell_owners_with
from physmem_region import RESERVED
from physmem_system import add_check, each_region, expect_initialized, remove_check
from physmem_wrap import unwrap_calls, wrap_calls

_OFF = {"owners": False, "poison": False, "guard_frames": 0, "assertions": False, "statistics": False}
_settings = _OFF  # the arguments of the last `debug`
_watched = []  # one for each region that is not reserved, while a tier is on
_latest = [0, None]  # the serial number of the last allocation that was recorded; the tag that `owner` sets
_SERIAL = const(0)
_TAG = const(1)


def debug(_by_name=..., owners=False, poison=False, guard_frames=0, assertions=False, statistics=False):
    """Serve `physmem.debug`, which says what this does."""
    if _by_name is not ...:
        given_by_position()
    expect_heap("debug()")
    _set(owners, poison, guard_frames, assertions, statistics)


def _set(owners, poison, guard_frames, assertions, statistics):
    settings = {
        "owners": owners,
        "poison": poison,
        "guard_frames": guard_frames,
        "assertions": assertions,
        "statistics": statistics,
    }
    for name in ("owners", "poison", "assertions", "statistics"):  # in this order on each interpreter
        boolean(settings[name], name)
    if integer(guard_frames, "guard_frames") < 0:
        mistake("InvalidArgument", "guard_frames is {}: give 0 or more", guard_frames)
    expect_initialized()
    if settings == _OFF and not _watched:
        return
    watched = _watched if settings == _OFF else _watched + _not_watched_yet()
    if guard_frames and not [one for one in watched if one.region.frames > 2 * guard_frames]:
        mistake(
            "InvalidArgument",
            "no region has room for a frame with {} guard_frames on each side: give fewer",
            guard_frames,
        )
    _switch(watched, [one.tiers(settings) for one in watched], settings)


def _not_watched_yet():
    """Return one Watched for each region that is not reserved and not watched."""
    Watched = load("physmem_tiers", "debug()").Watched
    known = [one.region for one in _watched]
    return [Watched(region, _latest) for region in each_region() if not region.attrs & RESERVED and region not in known]


def _switch(watched, tiers, settings):
    """Put what `debug` has prepared into effect."""
    global _settings, _watched
    is_on = settings != _OFF
    new = watched[len(_watched) :]
    try:
        for one in new:
            wrap_calls(one.region, one.wrapper)
        if is_on and not _watched:
            add_check(_check)
        if _watched and not is_on:
            remove_check(_check)
    except MemoryError:
        for one in new:
            unwrap_calls(one.region, one.wrapper)
        raise
    if is_on:
        tell_tags_to(_note_tag)
        tell_owners_with(_owner_at)
        _watched = watched
    for one, (shadow, poison, guards, counts) in zip(watched, tiers):
        if one.guards is not None and one.guards is not guards:
            one.guards.release_all()
        one.shadow, one.poison, one.guards, one.counts = shadow, poison, guards, counts
        one.assertions = settings["assertions"]
        if not one.assertions:
            one.differences = 0
    _settings = settings
    if _watched and not is_on:
        for one in watched:
            unwrap_calls(one.region, one.wrapper)
        tell_tags_to(None)
        tell_owners_with(None)
        _watched = []


def _check():
    found = []
    for one in _watched:
        found.extend(one.check())
    return found


def _note_tag(region, first, count, owner):
    for one in _watched:
        if one.region is region and one.shadow is not None:
            one.shadow.name(first, count, owner)


def _owner_at(region, first):
    for one in _watched:
        if one.region is region and one.shadow is not None:
            return one.shadow.owner_at(first), one.guards is not None and one.guards.is_guard(first)
    return None


class owner:
    """Name the owner of what a ``with owner("display"):`` block allocates by calls that do not name one.

    The name is any object; None names nobody. You may nest blocks. What interrupt handlers allocate meanwhile is not
    named.
    """

    def __init__(self, who):
        self._who = who

    def __enter__(self):
        self._before = _latest[_TAG]
        _latest[_TAG] = self._who
        return self

    def __exit__(self, exception_type, exception, traceback):
        _latest[_TAG] = self._before


def mark():
    """Serve `physmem.mark`, which says what this does."""
    if not _settings["owners"]:
        expect_heap("mark()")
        debug(**dict(_settings, owners=True))
    return _latest[_SERIAL]


def leaks(since=0):
    """Serve `physmem.leaks`, which says what this does."""
    expect_heap("leaks()")
    if not _settings["owners"]:
        mistake("NotPermitted", "owners are not recorded: call mark() or debug(owners=True) first")
    if not 0 <= integer(since, "since") <= _latest[_SERIAL]:
        text = "since {} is not a mark: give what mark() returned, {} at most"
        mistake("InvalidArgument", text, since, _latest[_SERIAL])
    found = []
    for one in _watched:
        found.extend(one.shadow.leaks(since))
    return sorted(found, key=lambda leak: (leak.serial, leak.addr))


def statistics(reset=False):
    """Return what was counted since the tier `statistics` was switched on: a dict for each region by its name.

    Each has the numbers of ``allocations`` and ``frees``; of requests ``refused``, by the name of the code; of
    ``calls``, by name and outcome; and of allocations ``allocated`` and ``freed``, by floor(log2(frames)). With `reset`
    all counts then start at 0 again. The calls are those of the regions; `physmem.allocate_frames` tries one region
    after the other. A count may be lost if a handler interrupts the program while it counts. NotPermitted if the tier
    is off. Needs heap.
    """
    expect_heap("statistics()")
    boolean(reset, "reset")
    if not _settings["statistics"]:
        mistake("NotPermitted", "nothing is counted: call debug(statistics=True) first")
    table = {}
    for one in _watched:
        table[one.region.name] = one.counts.row()
        if reset:
            one.reset_counts()
    return table


def untracked():
    """Return what the tiers that are on had to leave out: a dict for each region by its name. Needs heap.

    ``unguarded`` counts allocations that lack a guard on one side or both, because there was no room or no heap.
    ``unpoisoned`` counts allocations that were freed without being filled. ``unread`` counts poisoned frames that were
    handed out, and guards that were freed, without being checked because the heap was locked or full.
    """
    expect_heap("untracked()")
    table = {}
    for one in _watched:
        row = table[one.region.name] = {"unguarded": 0, "unpoisoned": 0, "unread": 0}
        if one.guards is not None:
            row["unguarded"] = one.guards.unguarded
            row["unread"] = one.guards.unread
        if one.poison is not None:
            row["unpoisoned"] = one.poison.unpoisoned
            row["unread"] += one.poison.unread
    return table
