"""Each public call, and what it does in each place that a program can call it from: data, and how to make one call.

test_call_places.py makes every call in every place that its runner has. docs/where_to_call.md is made from this table.

A row is ``(call, kind, before, proof)``: the call as you would write it; what decides where it works; what must be
there first, one of BEFORE; and an expression that is true when the call has worked, with `result` for what it returned.
The names in them are those of `World` and of BEFORE.
"""

import sys

from support import fresh_physmem

# Places.
PROGRAM = "program"
LOCKED = "program, heap locked"
SCHEDULED = "scheduled function"
HANDLER = "hard interrupt handler"
OTHER_CORE = "other core"
PLACES = (PROGRAM, LOCKED, SCHEDULED, HANDLER, OTHER_CORE)

# Kinds. All calls work in the program and in scheduled functions.
ANYWHERE = "anywhere"  # only tells, or changes nothing that others share
SHARES = "shares"  # changes which frames are whose: a handler may do that in SHARED regions alone
RAW = "raw"  # the same, with a code instead of an error
HEAP = "heap"  # needs heap, which a handler has not
MAKES = "makes"  # makes an object of a class, which needs heap before any code of physmem runs
LARGE = "large"  # needs heap if an address above 0x3FFFFFFF is not a small integer
PROGRAM_ONLY = "program only"  # needs no heap, but is not for handlers
SCOPED = "scoped"  # as SHARES, but the scope around it needs heap; it does not see what handlers allocate
ONE_CORE = "one core"  # reads records, which on chips with two cores have a lock that a handler must not wait for
RECORDS = "records"  # the same, and changes which frames are whose
KINDS = (ANYWHERE, SHARES, RAW, HEAP, MAKES, LARGE, PROGRAM_ONLY, SCOPED, ONE_CORE, RECORDS)

WORKS = "works"
NOT_PERMITTED = -8
IS_64_BIT = sys.maxsize >= 1 << 32

# Whether the memory plan has records, and `turn`: 0 for the SHARED region, 1 for the other.
WORLDS = ((True, 0), (True, 1), (False, 0), (False, 1))


def worlds():
    """Return which of WORLDS this runner tries. The boards of ports/rp2 are slow, and share them."""
    if sys.platform == "rp2":
        from physmem_board import NAME

        return (WORLDS[1], WORLDS[2]) if NAME == "PIMORONI_PICO_PLUS2" else (WORLDS[0], WORLDS[3])
    return WORLDS


def expected(kind, place, is_shared, has_two_cores, is_64_bit=IS_64_BIT):
    """Return what a call does: WORKS, the code of a PhysMemError, or the negative code of a raw call."""
    if kind not in KINDS:
        return kind  # the same error everywhere
    if kind == MAKES:
        return "MemoryError" if place in (LOCKED, HANDLER) else WORKS
    needs_heap = kind in (HEAP, SCOPED) or (kind == LARGE and not is_64_bit)
    if place == LOCKED:
        return "NotPermitted" if needs_heap else WORKS
    if place != HANDLER or kind == ANYWHERE or (kind == LARGE and is_64_bit):
        return WORKS
    if kind == ONE_CORE:
        return "NotPermitted" if has_two_cores else WORKS
    if kind == RAW:
        return WORKS if is_shared else NOT_PERMITTED
    if kind in (SHARES, SCOPED) or (kind == RECORDS and not has_two_cores):
        return WORKS if is_shared else "NotPermitted"
    return "NotPermitted"


FRAMES = 24  # of each region
RECORD = 64  # bytes
HIGH = 0x80000000  # an address that is not a small integer of 32 bits

BEFORE = {
    "": "",
    "one": "frames = physmem.allocate_frames(1, region=region)",
    "frames": "frames = physmem.allocate_frames(3, region=region, owner='me')",
    "single": "frames = physmem.allocate_frames(1, region=region); single = frames.as_allocated_frame()",
    "behind": "frames = physmem.allocate_frames(3, region=region); behind = physmem.allocate_frames(2, region=region)",
    "mapped": "frames = physmem.allocate_frames(3, region=region).map()",
    "freed": "frames = physmem.allocate_frames(3, region=region); frames.free()",
    "moved": "frames = physmem.allocate_frames(3, region=region); parts = frames.split_at(1)",
    "retained": "frames = physmem.retain('log', 100, region=region)",
    "deferred": "frames, action = physmem.allocate_frames_deferred(3, region=region); action.commit()",
    "raw": "first = region.alloc(3)",
    "high": "frames = physmem.allocate_frames(1, region='high')",
    "far": "far = physmem.Region('far', HIGH, 4 * FRAME, FRAME)",
    "scope": "scope = physmem.scope(); scope.__enter__(); frames = physmem.allocate_frames(3, region=region)",
    "mark": "start = physmem.mark(); frames = physmem.allocate_frames(3, region=region, owner='me')",
    "counted": "import physmem_debug; physmem.debug(statistics=True); "
    "frames = physmem.allocate_frames(3, region=region)",
    "poisoned": "import physmem_debug; physmem.debug(poison=True)",
    "owners": "import physmem_debug; start = physmem.mark()",
    "error": "error = physmem.PhysMemError('NotPermitted', 'no')",
    "buddy": "buddy = physmem.BuddyAllocator(4096, 16)",
    "block": "buddy = physmem.BuddyAllocator(4096, 16); block = buddy.alloc_pages(4)",
    "vocabulary": "a = physmem.PhysAddr(8192); f = physmem.FrameRange(3, 2); o = physmem.PageOrder(2)",
    "hook": "physmem.on_low(region, 4, sink)",
    "fresh": "fresh()",
    "added": "physmem.add_region('more', elsewhere, 4 * FRAME, FRAME)",
}

# What a row is about, for the page, where the call does not say it.
WHEN = {
    "mapped": "mapped",
    "freed": "freed",
    "moved": "split",
    "retained": "retained",
    "high": "above 0x3FFFFFFF",
    "far": "above 0x3FFFFFFF",
    "scope": "in a scope",
    "fresh": "before `init`",
}

# Calls about one region: made with one that is SHARED and with one that is not.
OF_A_REGION = (
    # Region
    ("region.base", ANYWHERE, "", "result == addr - 5 * FRAME"),
    ("region.frame_size", ANYWHERE, "frames", "result == FRAME"),
    ("region.free_frames", ANYWHERE, "frames", "result == FRAMES - 3"),
    ("region.used_frames", ANYWHERE, "frames", "result == 3"),
    ("region.peak_used", ANYWHERE, "frames", "3 <= result <= FRAMES"),
    ("region.failed", ANYWHERE, "frames", "result == region.failed"),
    ("region.addr(3)", ANYWHERE, "", "result == region.base + 3 * FRAME"),
    ("region.frame(addr)", ANYWHERE, "", "result == 5"),
    ("region.is_free(0, 3)", ANYWHERE, "frames", "result is False"),
    ("region.count(0)", ANYWHERE, "frames", "result == 3"),
    ("region.largest_free()", ANYWHERE, "frames", "result == FRAMES - 3"),
    ("region.largest_free(4)", ANYWHERE, "frames", "result == FRAMES - 3 - -(number + 3) % 4"),
    ("region.reset_peak()", SHARES, "frames", "region.peak_used == 3"),
    ("next(region.runs())", HEAP, "frames", "result == (0, 3, False)"),
    ("region.check()", HEAP, "frames", "result == []"),
    ("region.recover()", HEAP, "frames", "result == 0 and region.used_frames == 3"),
    ("region.alloc(3)", RAW, "", "result == 0 and region.used_frames == 3"),
    ("region.alloc_aligned(3, 4)", RAW, "frames", "result == 3 + -(number + 3) % 4 and region.used_frames == 6"),
    ("region.alloc_at(5, 3)", RAW, "", "result == 5 and region.used_frames == 3"),
    ("region.free(first)", RAW, "raw", "result == 3 and region.used_frames == 0"),
    (
        "region.allocate_within(3, 0, 8 * FRAME, 0, None)",
        RAW,
        "frames",
        "result == 3 + (-(number + 3) % 8 if (number + 3) % 8 > 5 else 0) and region.used_frames == 6",
    ),
    # Requests
    ("physmem.allocate_frames(3, region=region)", SHARES, "", "result.count == 3 == region.used_frames"),
    ("physmem.allocate_frames(3, region=region.name)", SHARES, "", "result.count == 3 == region.used_frames"),
    (
        "physmem.allocate_frames(3, align=2 * FRAME, boundary=8 * FRAME, low=1, prefer=1, owner='me', region=region)",
        SHARES,
        "",
        "result.count == 3 == region.used_frames and result.owner == 'me' and not result.addr % (2 * FRAME)",
    ),
    ("physmem.allocate_frames(3, require='DMA', region=region)", HEAP, "", "result.count == 3 == region.used_frames"),
    ("physmem.allocate_frames(1, zero=True, region=region)", SHARES, "", "not any(result.view)"),
    ("physmem.allocate_frames_by_bytes(100, region=region)", SHARES, "", "result.nbytes == 100"),
    ("physmem.allocate_frames_at(addr, 3)", SHARES, "", "result.first == 5 and result.region is region"),
    ("physmem.allocate_frames_by_bytes_at(addr, 100)", SHARES, "", "result.first == 5 and result.region is region"),
    ("physmem.allocate_frames_deferred(3, region=region)", SHARES, "", "result[0].count == 3 == region.used_frames"),
    ("physmem.allocate_frames_deferred(3, addr)", SHARES, "", "result[0].first == 5"),
    ("physmem.allocate_frames_by_bytes_deferred(100, region=region)", SHARES, "", "result[0].count == 1"),
    ("physmem.allocate_frames_by_bytes_deferred(100, addr)", SHARES, "", "result[0].first == 5"),
    ("physmem.allocate_scattered(3, region=region)", HEAP, "", "[piece.count for piece in result] == [3]"),
    # AllocatedFrames
    ("frames.region", ANYWHERE, "frames", "result is region"),
    ("frames.first", ANYWHERE, "frames", "result == 0"),
    ("frames.count", ANYWHERE, "frames", "result == 3"),
    ("frames.addr", ANYWHERE, "frames", "result == region.base"),
    ("frames.nbytes", ANYWHERE, "frames", "result == 3 * FRAME"),
    ("frames.capacity", ANYWHERE, "frames", "result == 3 * FRAME"),
    ("frames.owner", ANYWHERE, "frames", "result == 'me'"),
    ("frames.state", ANYWHERE, "frames", "result == physmem.ALLOCATED"),
    ("frames.name", ANYWHERE, "frames", "result is None"),
    ("frames.name", HEAP, "retained", "result == 'log'"),
    ("frames.fresh", ANYWHERE, "frames", "result is True"),
    ("frames.fresh", ANYWHERE, "retained", "result is True"),
    ("bool(frames)", ANYWHERE, "frames", "result is True"),
    ("bool(frames)", ANYWHERE, "freed", "result is False"),
    ("len(frames)", ANYWHERE, "frames", "result == 3"),
    ("frames.addr", "NotAllocated", "freed", ""),
    ("frames.free()", "NotAllocated", "freed", ""),
    ("frames.resize(2)", "NotAllocated", "moved", ""),
    ("frames.free()", "NotPermitted", "mapped", ""),
    ("frames.view", HEAP, "frames", "len(result) == 3 * FRAME"),
    ("frames.range", HEAP, "frames", "len(result) == 3"),
    ("next(iter(frames))", HEAP, "frames", "result.frame == 0"),
    ("frames.as_allocated_frame()", HEAP, "one", "result.frame == 0"),
    ("frames.fill(90)", ANYWHERE, "frames", "result is frames and bytes(frames.view) == b'Z' * (3 * FRAME)"),
    ("frames.clean()", ANYWHERE, "frames", "result is frames"),
    ("frames.invalidate(0, FRAME)", ANYWHERE, "frames", "result is frames"),
    ("with frames.for_device(): pass", HEAP, "frames", "frames.state == physmem.ALLOCATED"),
    ("frames.free()", SHARES, "frames", "result == 3 and region.used_frames == 0"),
    ("with frames: pass", SHARES, "frames", "not frames and region.used_frames == 0"),
    ("frames.resize(5)", SHARES, "frames", "result is frames and frames.count == 5 == region.used_frames"),
    ("frames.resize(1)", SHARES, "frames", "result is frames and frames.count == 1 == region.used_frames"),
    ("frames.resize(5, zero=True)", SHARES, "frames", "frames.count == 5 and not any(frames.view[3 * FRAME :])"),
    ("frames.resize_by_bytes(100)", SHARES, "frames", "frames.nbytes == 100 and region.used_frames == 1"),
    ("frames.split_at(1)", SHARES, "frames", "[part.count for part in result] == [1, 2] and region.used_frames == 3"),
    ("frames.split_range(1, 1)", SHARES, "frames", "[part.count for part in result] == [1, 1, 1]"),
    ("frames.merge(behind)", SHARES, "behind", "result is frames and frames.count == 5 and not behind"),
    ("frames.free()", RECORDS, "retained", "result == 1 and physmem.retained() == []"),
    ("frames.map()", PROGRAM_ONLY, "frames", "frames.state == physmem.MAPPED"),
    ("frames.unmap()", ONE_CORE, "mapped", "frames.state == physmem.UNMAPPED"),
    # AllocatedFrame, DeferredAllocAction
    ("single.addr", ANYWHERE, "single", "result == region.base"),
    ("single.nbytes", ANYWHERE, "single", "result == FRAME"),
    ("single.view", HEAP, "single", "len(result) == FRAME"),
    ("action.pending", ANYWHERE, "deferred", "result is False"),
    ("action.commit()", ANYWHERE, "deferred", "result is False"),
    # What is retained
    ("physmem.retain('log', 100, region=region)", PROGRAM_ONLY, "", "result.name == 'log' and region.used_frames == 1"),
    ("physmem.retain('log', 100, region=region)", ONE_CORE, "retained", "result is frames"),
    ("physmem.release('log')", RECORDS, "retained", "result == 1 and region.used_frames == 0"),
    # Lists, and what was lost
    ("physmem.find(frames)", HEAP, "frames", "result.region is region and result.count == 3"),
    ("physmem.find(addr)", HEAP, "frames", "result.region is region and result.frame == 5"),
    ("physmem.free_at(region.base)", HEAP, "frames", "result == 3 and region.used_frames == 0"),
    ("physmem.on_low(region, 4, sink)", HEAP, "", "True"),
    ("physmem.on_low(region, 0, None)", HEAP, "hook", "True"),
    ("physmem.allocate_frames(2, region=region)", SCOPED, "scope", "result.count == 2"),
    ("scope.keep(frames)", HEAP, "scope", "scope.__exit__(None, None, None) is None and frames.count == 3"),
    ("scope.keep()", HEAP, "scope", "scope.__exit__(None, None, None) is None and frames.count == 3"),
)

# The same without records in the memory plan.
WITHOUT_RECORDS = (
    ("frames.map()", ANYWHERE, "frames", "frames.state == physmem.MAPPED"),
    ("frames.unmap()", ANYWHERE, "mapped", "frames.state == physmem.UNMAPPED"),
    ("frames.fresh", ANYWHERE, "frames", "result is True"),
)

ITS_REGION = "result.region is (sram if place == HANDLER else psram)"

# Calls about the whole system.
OF_THE_SYSTEM = (
    ("physmem.DMA | physmem.FAST", ANYWHERE, "", "result == 3"),
    ("physmem.booted", ANYWHERE, "", "result is True"),
    ("physmem.code_name(-8)", ANYWHERE, "", "result == 'NotPermitted'"),
    ("physmem.region('sram')", ANYWHERE, "", "result is sram"),
    ("physmem.allocate_frames(1).free()", ANYWHERE, "", "result == 1"),
    ("physmem.allocate_frames(3)", ANYWHERE, "", ITS_REGION),
    ("physmem.allocate_frames_by_bytes(100)", ANYWHERE, "", ITS_REGION),
    ("physmem.allocate_frames_deferred(3)[0]", ANYWHERE, "", ITS_REGION),
    ("physmem.dma_ring(2 * FRAME)", ANYWHERE, "", "result.count == 2 and not result.addr % (2 * FRAME)"),
    ("frames.addr", LARGE, "high", "result == HIGH"),
    ("far.addr(1)", LARGE, "far", "result == HIGH + FRAME"),
    ("physmem.allocate_scattered(3)", HEAP, "", "[piece.count for piece in result] == [3]"),
    ("physmem.inspect_then_allocate(chooser)", HEAP, "", "result.count == 2"),
    ("physmem.allocate_frames_at(elsewhere, 2, unknown=True)", HEAP, "", "result.count == 2"),
    ("with physmem.scope(): physmem.allocate_frames(3)", HEAP, "", "sram.used_frames == psram.used_frames == 0"),
    ("physmem.allocations()", HEAP, "", "result == []"),
    ("physmem.regions()", HEAP, "", "sram in result and psram in result"),
    ("physmem.stats()", HEAP, "", "result['sram']['free'] == FRAMES"),
    ("physmem.check()", HEAP, "", "result == []"),
    ("physmem.map(sink)", HEAP, "", "len(lines) > 3"),
    ("physmem.dump(sink)", HEAP, "", "len(lines) > 3"),
    ("physmem.retained()", HEAP, "", "result == []"),
    ("physmem.quarantined()", HEAP, "", "result == []"),
    ("physmem.dropped()", HEAP, "", "result == []"),
    ("physmem.on_exhausted(None)", ANYWHERE, "", "result is not None and physmem.on_exhausted(result) is None"),
    ("physmem.debug(owners=True)", HEAP, "", "physmem.leaks() == []"),
    ("physmem.mark()", HEAP, "", "result == 0"),
    ("physmem.leaks()", HEAP, "mark", "[leak.owner for leak in result] == ['me']"),
    ("with physmem_debug.owner('me'): physmem.allocate_frames(3)", MAKES, "owners", "physmem.leaks()[0].owner == 'me'"),
    ("physmem_debug.statistics()", HEAP, "counted", "result['sram']['allocations'] == 1"),
    ("physmem_debug.untracked()", HEAP, "poisoned", "result['sram']['unpoisoned'] == 0"),
    ("physmem.reset_peak()", PROGRAM_ONLY, "", "sram.peak_used == 0"),
    ("physmem.early_heap()", HEAP, "", "len(result) == 2"),
    ("physmem.add_region('more', elsewhere, 4 * FRAME, FRAME)", HEAP, "", "result.frames == 4"),
    ("physmem.remove_region('more')", HEAP, "added", "'more' not in [one.name for one in physmem.regions()]"),
    ("physmem.Region('own', HIGH, 4 * FRAME, FRAME)", MAKES, "", "result.frames == 4"),
    ("physmem.init(entries)", "NotPermitted", "", ""),
    ("physmem.boot(plan)", "NotPermitted", "", ""),
    ("physmem.boot_in_heap(1024)", HEAP, "fresh", "physmem.booted and len(physmem.regions()) == 1"),
    ("physmem.boot_in_heap(1024)", "NotPermitted", "", ""),
    ("physmem.boot_complete()", ANYWHERE, "", "result is None"),
    ("physmem.init(entries)", HEAP, "fresh", "len(physmem.regions()) == 1"),
    ("physmem.boot(plan)", HEAP, "fresh", "not physmem.booted and len(physmem.regions()) > 2"),
    ("physmem.allocate_frames(1)", "NotInitialized", "fresh", ""),
    ("physmem.region('sram')", "NotInitialized", "fresh", ""),
    # Errors
    ("error.code", ANYWHERE, "error", "result == 'NotPermitted'"),
    ("error.to_kernel_error()", ANYWHERE, "error", "result == 'NotPermitted'"),
    ("error.as_str()", HEAP, "error", "result == 'not permitted'"),
    # The two systems' vocabulary
    ("physmem.PAGE_SIZE", HEAP, "", "result == 4096"),
    ("physmem.FrameRange(3, 2)", HEAP, "", "len(result) == 2"),
    ("physmem.PhysAddr(4096)", HEAP, "", "result.pfn() == 1"),
    ("physmem.BuddyAllocator(4096, 16)", HEAP, "", "result.total_pages() == 16"),
    ("buddy.alloc_pages(4)", PROGRAM_ONLY, "buddy", "buddy.used_pages() == 4"),
    ("buddy.try_alloc_pages(4)", PROGRAM_ONLY, "buddy", "buddy.used_pages() == 4"),
    ("buddy.try_free_pages(block, 4)", PROGRAM_ONLY, "block", "buddy.used_pages() == 0"),
    ("buddy.dealloc_pages(block, 4)", PROGRAM_ONLY, "block", "buddy.used_pages() == 0"),
    ("buddy.alloc_frame(4)", HEAP, "buddy", "result.pages() == 4"),
    ("buddy.used_pages()", ANYWHERE, "block", "result == 4"),
    ("buddy.stats()", HEAP, "block", "result.used_pages() == 4"),
    ("buddy.contains(block)", ANYWHERE, "block", "result is True"),
    ("a.pfn()", ANYWHERE, "vocabulary", "result == 2"),
    ("a.is_page_aligned()", ANYWHERE, "vocabulary", "result is True"),
    ("a + 4096", MAKES, "vocabulary", "result.pfn() == 3"),
    ("f.contains_address(8192)", ANYWHERE, "vocabulary", "result is False"),
    ("f.to_extended(9)", MAKES, "vocabulary", "len(result) == 7"),
    ("o.pages()", ANYWHERE, "vocabulary", "result == 4"),
)

# `boot` locks the heap of the core that calls it. Use the debug tiers on one core.
NOT_ON_THE_OTHER_CORE = (
    "physmem.boot(plan)",
    "physmem.debug(owners=True)",
    "physmem.mark()",
    "physmem.leaks()",
    "with physmem_debug.owner('me'): physmem.allocate_frames(3)",
    "physmem_debug.statistics()",
    "physmem_debug.untracked()",
)

TABLE = OF_A_REGION + WITHOUT_RECORDS + OF_THE_SYSTEM


def rows(has_records, turn, place):
    """Return the rows that are tried in that place, with records in the memory plan or without, about the SHARED region
    (`turn` 0) or the other (1). Rows about the whole system are among the former."""
    found = OF_A_REGION if has_records else WITHOUT_RECORDS
    if has_records and not turn:
        found += OF_THE_SYSTEM
    return [row for row in found if place != OTHER_CORE or row[0] not in NOT_ON_THE_OTHER_CORE]


def count(place, has_two_cores, is_64_bit=IS_64_BIT, tried=WORLDS):
    """Return how many cells the table has in that place in the worlds that are tried, and how many are refused."""
    cells = refused = 0
    for has_records, turn in tried:
        for row in rows(has_records, turn, place):
            cells += 1
            refused += expected(row[1], place, not turn, has_two_cores, is_64_bit) != WORKS
    return cells, refused


class World:
    """A system of two regions, and the names that the rows use."""

    def __init__(self):
        self.names = {}
        self.start(True)

    def start(self, has_records):
        """Boot a fresh physmem, with records in its memory plan or without."""
        import physmem_board

        self.renew()
        _, base, size, frame, _ = physmem_board.REGIONS[0]
        while 2 * FRAMES * frame + 8 * RECORD > size:
            frame //= 2
        at = [None if base is None else base + FRAMES * frame * i for i in range(3)]

        class Plan:
            REGIONS = (
                ("sram", at[0], FRAMES * frame, frame, "DMA FAST RETAINED SHARED"),
                ("psram", at[1], FRAMES * frame, frame, "DMA EXTERNAL RETAINED"),
                ("high", HIGH, 4 * frame, frame, "DMA FAST RETAINED"),
            )
            OCCUPIED = ()
            RETAINED_RECORDS = (at[2], 8 * RECORD) if has_records else None
            SPIN_LOCK = getattr(physmem_board, "SPIN_LOCK", 0)

        self.has_records = has_records
        self.has_two_cores = bool(Plan.SPIN_LOCK)
        physmem = self.names["physmem"]
        physmem.boot(Plan)
        physmem.boot_complete()
        self.regions = physmem.region("sram"), physmem.region("psram")
        self.is_whole = True
        self.names.update(
            {
                "plan": Plan,
                "sram": self.regions[0],
                "psram": self.regions[1],
                "FRAME": frame,
                "FRAMES": FRAMES,
                "HIGH": HIGH,
                "HANDLER": HANDLER,
                "elsewhere": HIGH + 64 * frame,
                "entries": [("a", HIGH, 4 * frame, frame)],
                "sink": self.sink,
                "chooser": self.choose,
                "fresh": self.forget,
            }
        )

    def sink(self, line):
        self.names["lines"].append(line)

    def choose(self, region, first, count):
        return first, 2

    def forget(self):
        """Import physmem again, without a system."""
        self.names["physmem"] = fresh_physmem()
        self.is_whole = False

    def renew(self):
        """The same, with all other names forgotten first: a slow board has not the heap for two."""
        self.names.clear()
        self.regions = ()
        self.forget()

    def function(self, text):
        """Return a function without arguments that makes the call."""
        statement = text if text.startswith("with ") else "return " + text
        exec("def act():\n    " + statement, self.names)
        return self.names["act"]
