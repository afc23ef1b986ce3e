"""Every public call with the kind of each of its parameters, and what each kind refuses.

`CALLS` has the calls, `kinds` what values a kind takes and how it refuses the others. `wrong_calls` makes the wrong
calls of both, `right_calls` the right ones. What is expected follows from the kind of a parameter, never from the code.
"""

# How a call must refuse a value.
TYPE = "TypeError"
VALUE = "PhysMemError"
FULL = "MemoryError"  # the size is right, but there is not so much
MANY = "PhysMemError or MemoryError"
CODE = "a negative code"
NOTHING = "None"  # RuVix' Option
SIGNATURE = "TypeError of Python's own"  # a missing or unknown argument
LIKE_ONE = "the same as 1"
LIKE_ZERO = "the same as 0"

HUGE = 1 << 70
PAGE = 4096
PAGES_AT = 0x10000000  # the vocabulary's pages: nothing reads or writes them
REGION_AT = 0x40000000  # as little memory as there
FAR_AT = 0x50000000
FRAME = 64  # bytes of a frame of the system


class Empty:
    """A class, and a type without a meaning for any call."""


class WithInt:
    def __int__(self):
        return 1


class WithIndex:
    def __index__(self):
        return 1


# One value of each sort but integers: (its class here, the value).
SORTS = (
    ("none", None),
    ("float", 1.5),
    ("float", float("nan")),
    ("str", "x"),
    ("bytes", b"x"),
    ("list", []),
    ("dict", {}),
    ("tuple", ()),
    ("object", object()),
    ("class", Empty),
    ("function", lambda: None),
    ("int-like", WithInt()),
    ("int-like", WithIndex()),
)
ANYTHING = "none float str bytes list dict tuple object class function int-like int"

# The words that may stand for a parameter in a sentence, beside its name.
WORDS = {
    "n": ("number of frames",),
    "nbytes": ("number of bytes",),
    "addr": ("address",),
    "base": ("address", "RETAINED_RECORDS"),
    "size": ("RETAINED_RECORDS",),
    "cache_line": ("CACHE_LINE",),
    "at": ("address",),
    "start": ("address",),
    "pfn": ("page frame number",),
    "total_pages": ("pages",),
    "free_pages": ("pages",),
    "require": ("required",),
    "forbid": ("forbidden",),
    "free": ("region", "regions"),
    "reserved": ("region", "regions"),
}
# And for a value: the sentence says what is wrong with so many frames, or at that address.
WORDS_OF_VALUES = {
    "n": ("frames", "frame"),
    "count": ("frames",),
    "nbytes": ("bytes",),
    "addr": ("at", "from"),
    "at": ("at", "from"),
    "base": ("at",),
    "size": ("bytes", "frames"),
    "pages": ("pages",),
    "free": ("free",),
    "i": ("frame", "frames"),
    "start": ("frame",),
    "end": ("frames",),
    "first": ("frame", "frames"),
    "typ": ("MemoryRegionType",),
    "thing": ("address",),
    "region": ("cannot be removed",),
    "other": ("merge", "frame sizes"),
    "frame": ("pages at",),
    "name": ("retained as", "no region"),
    "frame_size": ("frame size", "frames"),
}

CONSTRAINTS = "align boundary low high require prefer forbid region owner:any zero:bool"
DEFERRED = CONSTRAINTS.replace("zero", "unknown:bool zero")

# (call, its parameters): `name:kind`, or `name` if the kind has the same; `?` if it is optional, `*` before those that
# are keywords only. A call of an object is named after its class; World.receiver makes the object.
REQUESTS = (
    ("allocate_frames", "n:frames * " + CONSTRAINTS),
    ("allocate_frames_by_bytes", "nbytes * " + CONSTRAINTS),
    ("allocate_frames_deferred", "n:frames at? * " + DEFERRED),
    ("allocate_frames_by_bytes_deferred", "nbytes at? * " + DEFERRED),
    ("allocate_scattered", "n:frames * require prefer forbid region owner:any zero:bool"),
    ("allocate_frames_at", "addr n:frames_at * owner:any unknown:bool zero:bool"),
    ("allocate_frames_by_bytes_at", "addr nbytes:frames_at * owner:any unknown:bool zero:bool"),
    ("dma_ring", "nbytes:ring * owner:any zero:bool"),
    ("retain", "name:kept_name nbytes * " + CONSTRAINTS),
    ("Kept.again", "nbytes:kept_bytes * " + CONSTRAINTS),
    ("inspect_then_allocate", "chooser * owner:any zero:bool"),
    ("Chooser.pick", "first:picked n:frames_at"),
)
SYSTEM = (
    ("regions", ""),
    ("region", "name:region_name"),
    ("stats", ""),
    ("check", ""),
    ("boot_complete", ""),
    ("early_heap", ""),
    ("reset_peak", ""),
    ("allocations", ""),
    ("retained", ""),
    ("quarantined", ""),
    ("dropped", ""),
    ("release", "name:released"),
    ("map", "write? region:drawn? columns?"),
    ("dump", "write?"),
    ("on_exhausted", "hook"),
    ("on_low", "region:watched frames:low_water hook"),
    ("code_name", "code:any_int"),
    ("free_at", "addr:freed"),
    ("find", "thing"),
    ("scope", ""),
    ("add_region", "name:new_name base:base_or_none size frame_size? attrs:words?"),
    ("remove_region", "region:removed"),
    ("debug", "* owners:bool poison:bool guard_frames assertions:bool statistics:bool"),
    ("mark", ""),
    ("leaks", "since?"),
)
REGION = (
    ("Region.alloc", "n:raw_n"),
    ("Region.alloc_aligned", "n:raw_n align_frames:raw_align"),
    ("Region.alloc_at", "frame:raw_frame n:raw_n"),
    ("Region.free", "frame:raw_free"),
    ("Region.largest_free", "align_frames?"),
    ("Region.addr", "frame:frame_of_region"),
    ("Region.frame", "addr:addr_of_region"),
    ("Region.is_free", "frame:any_int n:any_int?"),
    ("Region.count", "frame:any_int"),
    ("Region.reset_peak", ""),
    ("Region.runs", ""),
    ("Region.check", ""),
    ("Region.recover", ""),
)
OBJECTS = (
    ("Region", "name:new_name base size frame_size? attrs:attrs_of_region? cache_line?"),
    ("AllocatedFrames.free", ""),
    ("AllocatedFrames.map", ""),
    ("AllocatedFrames.as_allocated_frame", ""),
    ("AllocatedFrames.split_at", "i:split_place"),
    ("AllocatedFrames.split_range", "i:split_place n:frames_at"),
    ("AllocatedFrames.merge", "other"),
    ("AllocatedFrames.resize", "n:frames * zero:bool"),
    ("AllocatedFrames.resize_by_bytes", "nbytes * zero:bool"),
    ("AllocatedFrames.fill", "byte?"),
    ("AllocatedFrames.clean", "offset:part_offset? nbytes:part_nbytes?"),
    ("AllocatedFrames.invalidate", "offset:part_offset? nbytes:part_nbytes?"),
    ("AllocatedFrames.for_device", ""),
    ("MappedFrames.unmap", ""),
    ("Scope.keep", "frames:kept?"),
    ("DeferredAllocAction.commit", ""),
    ("PhysMemError", "code:any sentence:any"),
    ("PhysMemError.as_str", ""),
    ("PhysMemError.to_kernel_error", ""),
)
VOCABULARY = (
    ("pages_to_order", "pages:pages_of_order"),
    ("order_to_pages", "order:any_order"),
    ("order_to_bytes", "order:any_order"),
    ("is_page_aligned", "addr:address"),
    ("align_down", "addr:address"),
    ("align_up", "addr:address"),
    ("PhysAddr", "addr:address"),
    ("PhysAddr.new", "addr:address"),
    ("PhysAddr.from_pfn", "pfn"),
    ("PhysAddr.as_u64", ""),
    ("PhysAddr.pfn", ""),
    ("PhysAddr.page_offset", ""),
    ("PhysAddr.is_page_aligned", ""),
    ("PhysAddr.is_order_aligned", "order:any_order"),
    ("PhysAddr.is_null", ""),
    ("PhysAddr.align_down", ""),
    ("PhysAddr.align_up", ""),
    ("PhysAddr.add_pages", "pages:pages_away"),
    ("PhysAddr.sub_pages", "pages:pages_away"),
    ("PhysAddr.add_bytes", "nbytes:pages_away"),
    ("PhysAddr.pages_to", "other:address"),
    ("PhysAddr.is_in_range", "start:address end:address"),
    ("PageOrder", "order"),
    ("PageOrder.new", "order:order_or_none"),
    ("PageOrder.from_pages", "pages:pages_or_none"),
    ("PageOrder.from_bytes", "nbytes:pages_or_none"),
    ("PageOrder.as_usize", ""),
    ("PageOrder.pages", ""),
    ("PageOrder.bytes", ""),
    ("PageOrder.next", ""),
    ("PageOrder.prev", ""),
    ("PageFrame", "addr:page order"),
    ("PageFrame.new", "addr:page order"),
    ("PageFrame.single_page", "addr:page"),
    ("PageFrame.addr", ""),
    ("PageFrame.order", ""),
    ("PageFrame.pages", ""),
    ("PageFrame.bytes", ""),
    ("PageFrame.end_addr", ""),
    ("PageFrame.pfn", ""),
    ("PageFrame.contains", "addr:address"),
    ("PageFrame.split", ""),
    ("PageFrame.buddy_addr", ""),
    ("PageFrame.merge", "buddy"),
    ("FrameRange", "first:frame_number count:frame_number frame_size?"),
    ("FrameRange.empty", "frame_size:frame_size_of_nothing?"),
    ("FrameRange.from_frames", "start:frame_number end:last_frame frame_size?"),
    ("FrameRange.from_phys_addr", "addr:byte_address nbytes:frame_number frame_size?"),
    ("FrameRange.contains_address", "addr:any_int"),
    ("FrameRange.offset_of_address", "addr:any_int"),
    ("FrameRange.address_at_offset", "offset:any_int"),
    ("FrameRange.to_extended", "frame:frame_number"),
    ("FrameRange.in_frames_of", "frame_size"),
    ("FrameRange.contains_range", "other:range"),
    ("FrameRange.overlap", "other:range"),
    ("PhysicalMemoryRegion", "frames:frame_range typ"),
    ("PhysicalMemoryRegion.of", "region:any_region"),
    ("AllocatorStats", "total_pages:count free_pages:count"),
    ("AllocatorStats.new", "total_pages:count free_pages:count"),
    ("AllocatorStats.total_pages", ""),
    ("AllocatorStats.free_pages", ""),
    ("AllocatorStats.used_pages", ""),
    ("AllocatorStats.peak_used_pages", ""),
    ("AllocatorStats.total_bytes", ""),
    ("AllocatorStats.free_bytes", ""),
    ("AllocatorStats.used_bytes", ""),
    ("AllocatorStats.peak_used_bytes", ""),
    ("AllocatorStats.utilization_percent", ""),
    ("AllocatorStats.allocations", ""),
    ("AllocatorStats.successful_allocations", ""),
    ("AllocatorStats.failed_allocations", ""),
    ("AllocatorStats.frees", ""),
    ("AllocatorStats.splits", ""),
    ("AllocatorStats.coalesces", ""),
    ("AllocatorStats.success_rate_percent", ""),
    ("AllocatorStats.splits_per_allocation", ""),
    ("AllocatorStats.coalesces_per_free", ""),
    ("AllocatorStats.record_allocation", "pages:count success:bool"),
    ("AllocatorStats.record_free", "pages:count"),
    ("AllocatorStats.record_split", "count?"),
    ("AllocatorStats.record_coalesce", "count?"),
    ("AllocatorStats.reset_counters", ""),
    ("AllocatorStats.copy", ""),
    ("OrderStats", "free_blocks:any allocations:any frees:any"),
    ("BuddyAllocator", "base:page_or_none? total_pages? * stats:bool debug_alloc:bool"),
    ("BuddyAllocator.new", "base:page total_pages * stats:bool debug_alloc:bool"),
    ("BuddyAllocator.uninit", "* stats:bool debug_alloc:bool"),
    ("BuddyAllocator.init", "base:page total_pages"),
    ("BuddyAllocator.reset", ""),
    ("BuddyAllocator.alloc_pages", "pages:pages_or_none"),
    ("BuddyAllocator.try_alloc_pages", "pages:block"),
    ("BuddyAllocator.alloc_frame", "pages:pages_or_none"),
    ("BuddyAllocator.try_free_pages", "addr:block_addr pages:block_pages"),
    ("BuddyAllocator.dealloc_pages", "addr:block_addr pages:block_pages"),
    ("BuddyAllocator.free_frame", "frame:page_frame"),
    ("BuddyAllocator.base_addr", ""),
    ("BuddyAllocator.end_addr", ""),
    ("BuddyAllocator.total_pages", ""),
    ("BuddyAllocator.free_page_count", ""),
    ("BuddyAllocator.used_pages", ""),
    ("BuddyAllocator.contains", "addr:address"),
    ("BuddyAllocator.stats", ""),
    ("BuddyAllocator.reset_counters", ""),
    ("BuddyAllocator.free_blocks_at_order", "order:order_counted"),
    ("BuddyAllocator.order_stats", ""),
    ("BuddyAllocator.dump_free_lists", "write?"),
    ("BuddyAllocator.allocations_out", ""),
)
# Calls that make a system. The parameters of those of Plan are the parts of an entry, or of a memory plan.
START = (
    ("init", "free:entries reserved:entries? * spin_lock"),
    ("boot", "board?"),
    ("boot_in_heap", "nbytes:heap_size * frame_size:heap_frame_size align:heap_align attrs:words_or_none"),
    ("Plan.free_entry", "name:entry_name base:entry_base size:entry_size frame_size:entry_frame_size attrs:words"),
    ("Plan.reserved_entry", "name:entry_name base:entry_base size:entry_size frame_size:entry_frame_size attrs:words"),
    ("Plan.pair", "base:entry_base size:entry_size"),
    ("Plan.region", "name:entry_name base:entry_base size:entry_size frame_size:entry_frame_size attrs:words"),
    ("Plan.occupied_block", "name:entry_name base:entry_base size:entry_size"),
    ("Plan.records", "base:records_base size:records_size"),
    ("Plan.cache_line", "cache_line"),
)
CALLS = REQUESTS + SYSTEM + REGION + OBJECTS + VOCABULARY + START

# Calls of which MicroPython ignores keywords, as viper functions do.
IGNORE_KEYWORDS = ("Region.alloc", "Region.alloc_aligned", "Region.alloc_at", "Region.free")
# Public in name only: physmem's own modules call it, with arguments that they have checked.
INTERNAL = ("Region.allocate_within",)
# Classes that only physmem itself makes, and those that are collections of constants.
NOT_MADE_BY_CALLERS = "AllocatedFrames AllocatedFrame DeferredAllocAction KernelError MemoryRegionType"

_OF_A_COUNT = ((0, VALUE), (-1, VALUE), (-HUGE, VALUE))
_NEGATIVE = ((-1, VALUE), (-HUGE, VALUE))
_RAW = ((-1, CODE), (HUGE, CODE), (-HUGE, CODE))
_BITS = ((-1, VALUE), (128, VALUE), (HUGE, VALUE), (-HUGE, VALUE))
_ATTRIBUTES = _BITS + (("x", VALUE), ("dma", VALUE), ("DMA,FAST", VALUE))
_FRAME_SIZE = ((0, VALUE), (-1, VALUE), (16, VALUE), (48, VALUE), (-HUGE, VALUE))


def kinds(w):
    """Return the kinds of parameters, for the World `w`: name -> (the sorts it takes, (value, how it is refused) of
    wrong ones of these sorts, right values).

    The first right value is what the calls are made with that have another argument wrong.
    """
    p = w.physmem
    return {
        "any": (ANYTHING, (), ("tag", None)),
        "bool": ("", (), (False, True)),
        # Sizes of requests.
        "frames": ("int", _OF_A_COUNT + ((HUGE, FULL),), (1, 3)),
        "nbytes": ("int", _OF_A_COUNT + ((HUGE, FULL),), (1, FRAME + 1)),
        "ring": ("int", _OF_A_COUNT + ((3, VALUE), (HUGE, FULL)), (1, 2 * FRAME)),
        "frames_at": ("int", _OF_A_COUNT + ((HUGE, VALUE),), (1, 2)),
        # Constraints.
        "align": ("int", _NEGATIVE + ((3, VALUE), (HUGE, FULL)), (0, 2 * FRAME)),
        "boundary": ("int", _NEGATIVE + ((3, VALUE), (2, VALUE)), (0, 4 * FRAME, HUGE)),
        "low": ("int", _NEGATIVE + ((HUGE, FULL),), (0, 1)),
        "high": ("none int", _NEGATIVE + ((0, VALUE), (1, FULL)), (None, HUGE)),
        "require": ("int str", _ATTRIBUTES, (0, p.DMA, "DMA FAST", "")),
        "prefer": ("int str", _ATTRIBUTES, (0, p.DMA, "FAST DMA", "")),
        "forbid": ("int str", _ATTRIBUTES, (0, p.EXTERNAL, "EXTERNAL CACHED", "")),
        "region": ("none str", (("x", VALUE), ("", VALUE), (w.stranger, VALUE)), (None, "sram", w.sram)),
        "addr": (
            "int",
            _NEGATIVE + ((0, VALUE), (HUGE, VALUE)),
            (w.sram.base + 8 * FRAME, w.sram.base + 9 * FRAME - 1),
        ),
        "at": ("none int", _NEGATIVE + ((0, VALUE), (HUGE, VALUE)), (None, w.sram.base + 9 * FRAME)),
        "kept_name": ("str", (("", VALUE), ("x" * 33, VALUE), ("a\0b", VALUE), ("\xe9", VALUE)), ("log", "a" * 32)),
        "kept_bytes": ("int", _OF_A_COUNT + ((99, VALUE), (HUGE, VALUE)), (100,)),
        "chooser": ("class function", (), (lambda region, first, count: (first, 1),)),
        "picked": ("int", _NEGATIVE + ((1 << 20, VALUE), (HUGE, VALUE)), (8,)),
        # The system.
        "region_name": ("str", (("x", VALUE), ("", VALUE)), ("sram",)),
        "released": ("str", (("x", VALUE), ("", VALUE), ("x" * 33, VALUE), ("\xe9", VALUE)), ("kept",)),
        "write": ("class function", (), (w.write,)),
        "drawn": ("none str", (("x", VALUE), ("", VALUE)), (None, "sram", w.own)),
        "columns": ("int", _NEGATIVE + ((0, VALUE), (31, VALUE), (257, VALUE), (HUGE, VALUE)), (80, 32, 256)),
        "hook": ("none class function", (), (None, lambda argument: False)),
        "watched": ("str", (("x", VALUE), ("", VALUE)), ("sram", w.sram)),
        "low_water": ("int", _NEGATIVE + ((HUGE, VALUE), (w.sram.frames + 1, VALUE)), (2, 0, w.sram.frames)),
        "any_int": ("int", (), (0, 1, -1, HUGE, -HUGE)),
        "freed": ("int", _NEGATIVE + ((0, VALUE), (HUGE, VALUE), (w.held.addr + FRAME, VALUE)), ()),
        "thing": ("str bytes int", (), (0, w.sram.base, bytearray(8), w.held)),
        "new_name": ("str", (), ("new",)),
        "base": ("int", _NEGATIVE + ((1, VALUE), (HUGE, VALUE)), (FAR_AT,)),
        "base_or_none": ("none int", _NEGATIVE + ((1, VALUE), (HUGE, VALUE)), (FAR_AT,)),
        "size": ("int", _OF_A_COUNT + ((1, VALUE), (HUGE, VALUE)), (2 * PAGE,)),
        "frame_size": ("int", _FRAME_SIZE + ((HUGE, VALUE),), (PAGE, 32)),
        "words": ("int str", _ATTRIBUTES, (0, p.DMA, "DMA FAST")),
        "attrs_of_region": ("int", _BITS, (0, p.DMA)),
        "cache_line": ("int", _OF_A_COUNT + ((3, VALUE),), (32, 64)),
        "removed": ("str", (("x", VALUE), ("", VALUE), (w.stranger, VALUE), ("sram", VALUE), (w.sram, VALUE)), ()),
        "guard_frames": ("int", _NEGATIVE + ((HUGE, VALUE),), (0, 1)),
        "since": ("int", _NEGATIVE + ((HUGE, VALUE),), (0,)),
        # Raw calls and questions of a region of 64 frames. Its frames 8 to 11 are an allocation.
        "raw_n": ("int", _RAW + ((0, CODE),), (1, 2)),
        "raw_align": ("int", _RAW + ((0, CODE), (3, CODE)), (1, 2)),
        "raw_frame": ("int", _RAW + ((64, CODE), (8, CODE), (9, CODE)), (20, 62)),
        "raw_free": ("int", _RAW + ((64, CODE), (9, CODE), (20, CODE)), ()),
        "align_frames": ("int", _OF_A_COUNT + ((3, VALUE), (HUGE, VALUE)), (1, 2)),
        "frame_of_region": ("int", _NEGATIVE + ((64, VALUE), (HUGE, VALUE)), (0, 63)),
        "addr_of_region": ("int", _NEGATIVE + ((0, VALUE), (HUGE, VALUE)), (w.own.base, w.own.end - 1)),
        # Owners, of four frames.
        "split_place": ("int", _NEGATIVE + ((5, VALUE), (HUGE, VALUE)), (1, 2)),
        "other": ("", ((w.elsewhere, VALUE),), ()),
        "byte": ("int", _NEGATIVE + ((256, VALUE), (HUGE, VALUE)), (0, 255)),
        "part_offset": ("int", _NEGATIVE + ((4 * FRAME + 1, VALUE), (HUGE, VALUE)), (0, 3 * FRAME)),
        "part_nbytes": ("none int", _NEGATIVE + ((4 * FRAME + 1, VALUE), (HUGE, VALUE)), (None, FRAME)),
        "kept": ("none", ((w.held, VALUE),), ()),
        # Values of the vocabulary.
        "address": ("int", _NEGATIVE + ((HUGE, VALUE),), (PAGE, 1, p.PhysAddr(PAGE))),
        "page": ("int", _NEGATIVE + ((1, VALUE), (HUGE, VALUE)), (PAGES_AT, p.PhysAddr(PAGES_AT))),
        "page_or_none": ("none int", _NEGATIVE + ((1, VALUE), (HUGE, VALUE)), (PAGES_AT, None)),
        "pfn": ("int", _NEGATIVE + ((HUGE, VALUE),), (1, 16)),
        "pages_of_order": ("int", _NEGATIVE, (0, 1, 512)),
        "any_order": ("int", _NEGATIVE + ((53, VALUE), (HUGE, VALUE)), (0, 9, p.PageOrder(9))),
        "order": ("int", _NEGATIVE + ((10, VALUE), (HUGE, VALUE)), (0, 9)),
        "order_or_none": ("int", ((-1, NOTHING), (-HUGE, NOTHING), (10, NOTHING), (HUGE, NOTHING)), (0, 9)),
        "order_counted": ("int", _NEGATIVE, (0, 9, 10, p.PageOrder(9))),
        "pages_or_none": ("int", ((0, NOTHING), (-1, NOTHING), (-HUGE, NOTHING), (HUGE, NOTHING)), (1, 4)),
        "pages_away": ("int", ((HUGE, VALUE), (-HUGE, VALUE)), (0, 1)),
        "total_pages": ("int", _NEGATIVE + ((HUGE, VALUE),), (0, 16)),
        "block": ("int", _OF_A_COUNT + ((513, VALUE), (HUGE, VALUE)), (1, 4)),
        "block_addr": ("int", _NEGATIVE + ((0, VALUE), (HUGE, VALUE), (PAGES_AT + 1, VALUE)), (PAGES_AT,)),
        "block_pages": ("int", _OF_A_COUNT + ((8, VALUE), (HUGE, VALUE)), (4, 3)),
        "page_frame": ("", ((w.far_page, VALUE),), (p.PageFrame(PAGES_AT, 2),)),
        "buddy": ("", (), (p.PageFrame(PAGES_AT, 2), p.PageFrame(PAGES_AT + 4 * PAGE, 2))),
        "count": ("int", _NEGATIVE, (8, 0)),
        "frame_number": ("int", _NEGATIVE + ((HUGE, VALUE),), (16, 0)),
        "last_frame": ("int", ((HUGE, VALUE),), (17, -1)),
        "byte_address": ("int", _NEGATIVE + ((HUGE, VALUE),), (PAGE, 1)),
        "frame_size_of_nothing": ("int", _FRAME_SIZE, (PAGE, 32)),
        "range": ("", ((p.FrameRange(0, 1, 32), VALUE),), (p.FrameRange(16, 4),)),
        "frame_range": ("", (), (p.FrameRange(16, 4),)),
        "typ": ("str", (("x", VALUE), ("free", VALUE)), ("Free", "Reserved", "Unknown")),
        "any_region": ("", (), (w.sram, w.own)),
        # Starting a system.
        "entries": ("list tuple dict", (), ((),)),
        "spin_lock": ("int", (), (0,)),
        "board": ("none", (), ()),
        "heap_size": ("int", _OF_A_COUNT + ((HUGE, MANY),), (1000, 1)),
        "heap_frame_size": ("int", _FRAME_SIZE, (32, 256)),
        "heap_align": ("int", _OF_A_COUNT + ((48, VALUE),), (1, 64)),
        "words_or_none": ("none int str", _ATTRIBUTES, (None, p.DMA, "DMA FAST")),
        "entry_name": ("none str", (), ("new",)),
        "entry_base": ("none int", _NEGATIVE + ((HUGE, VALUE),), (FAR_AT, FAR_AT + 1)),
        "entry_size": ("int", _NEGATIVE + ((HUGE, VALUE),), (2 * PAGE, 0, 1)),
        "entry_frame_size": ("int", _FRAME_SIZE, (PAGE, 32, HUGE)),
        "records_base": ("none int memory", _NEGATIVE + ((1, VALUE), (HUGE, VALUE)), (None,)),
        "records_size": ("int", _OF_A_COUNT + ((1, VALUE), (HUGE, MANY)), (1024,)),
    }


def parameters(specification):
    """Return the parameters of a call: a list of (name, kind, whether it is optional, whether it is a keyword)."""
    found = []
    is_keyword = False
    for word in specification.split():
        if word == "*":
            is_keyword = True
            continue
        is_optional = is_keyword or word.endswith("?")
        name, _, kind = word.rstrip("?").partition(":")
        found.append((name, kind or name, is_optional, is_keyword))
    return found


def kinds_of(entries):
    """Return the names of the kinds that these entries of `CALLS` have."""
    found = set()
    for _, specification in entries:
        for _, kind, _, _ in parameters(specification):
            found.add(kind)
    return found


def arguments_of(table, found, name=None, value=None):
    """Return (arguments, keywords) of a call with the parameters `found` that is right but for the `value` of the one
    that is called `name`."""
    positional = [parameter for parameter in found if not parameter[3]]
    last = 0
    for i, (other, _, is_optional, _) in enumerate(positional):
        if not is_optional or other == name:
            last = i + 1
    arguments = []
    for other, kind, _, _ in positional[:last]:
        arguments.append(value if other == name else (table[kind][2] or (None,))[0])
    for other, _, _, is_keyword in found:
        if is_keyword and other == name:
            return arguments, {name: value}
    return arguments, {}


def refusals(kind):
    """Generate (value, how it must be refused) for a kind, as `kinds` has it."""
    sorts, wrong, right = kind
    sorts = sorts.split()
    for sort, value in SORTS:
        if sort not in sorts:
            yield value, TYPE
    for refusal in wrong:
        yield refusal
    if "int" not in sorts:
        for value in (0, -1, HUGE):
            yield value, TYPE
        if not (right and right[0] is False):
            yield True, TYPE
    elif "object" not in sorts and "memory" not in sorts:  # what is at the addresses 0 and 1 is not for a test
        yield True, LIKE_ONE
        yield False, LIKE_ZERO


# Instead of a parameter, for calls with the wrong arguments altogether.
MISSING = "one argument missing"
MORE = "one argument more"
UNKNOWN = "an unknown keyword"


def wrong_calls(table, call, found):
    """Generate the wrong calls of an entry of `CALLS` with the parameters `found`: (parameter or one of the three
    above, value, how it is refused)."""
    required = 0
    for name, kind, is_optional, _ in found:
        required += not is_optional
        for value, refusal in refusals(table[kind]):
            yield name, value, refusal
    if not call.startswith(("Plan.", "Chooser.", "Kept.")):  # these are functions of the test
        if required:
            yield MISSING, None, SIGNATURE
        yield MORE, None, SIGNATURE
        if call not in IGNORE_KEYWORDS:
            yield UNKNOWN, None, SIGNATURE


def wrong_arguments_of(table, found, name, value):
    """Return (arguments, keywords) of one of `wrong_calls`."""
    if name == MISSING:
        return arguments_of(table, found)[0][:-1], {}
    if name == MORE:
        return [(table[kind][2] or (None,))[0] for _, kind, _, is_keyword in found if not is_keyword] + [None], {}
    if name == UNKNOWN:
        return arguments_of(table, found)[0], {"bogus": 1}
    return arguments_of(table, found, name, value)


def right_calls(table, found):
    """Generate (arguments, keywords) of the right calls: each right value of each parameter once."""
    yield arguments_of(table, found)
    for name, kind, _, _ in found:
        for value in table[kind][2]:
            yield arguments_of(table, found, name, value)
