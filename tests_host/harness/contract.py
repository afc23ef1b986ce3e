"""The contract of the parameters: each call of physmem, what its objects have and what its tables return.

It is not what the code says of itself: name -> parameters in order, keyword-only ones after ``*``. Names and meaning
are fixed; parameters may be added, if they are optional.
"""

CONSTRAINTS = "* align boundary low high require prefer forbid region owner zero"

FUNCTIONS = {
    "init": "free reserved * spin_lock",
    "boot": "board",
    "boot_in_heap": "nbytes * frame_size align attrs",
    "boot_complete": "",
    "early_heap": "",
    "regions": "",
    "region": "name",
    "add_region": "name base size frame_size attrs",
    "remove_region": "region",
    "reset_peak": "",
    "allocate_frames": f"n {CONSTRAINTS}",
    "allocate_frames_at": "addr n * owner unknown zero",
    "allocate_frames_by_bytes": f"nbytes {CONSTRAINTS}",
    "allocate_frames_by_bytes_at": "addr nbytes * owner unknown zero",
    "allocate_frames_deferred": "n at",
    "allocate_frames_by_bytes_deferred": "nbytes at",
    "dma_ring": "nbytes * owner zero",
    "inspect_then_allocate": "chooser * owner zero",
    "allocate_scattered": "n * require prefer forbid region owner zero",
    "scope": "",
    "allocations": "",
    "free_at": "addr",
    "find": "thing",
    "retain": f"name nbytes {CONSTRAINTS}",
    "release": "name",
    "retained": "",
    "quarantined": "",
    "dropped": "",
    "on_exhausted": "hook",
    "on_low": "region frames hook",
    "debug": "* owners poison guard_frames assertions statistics",
    "mark": "",
    "leaks": "since",
    "stats": "",
    "check": "",
    "map": "write region columns",
    "dump": "write",
    "code_name": "code",
    "pages_to_order": "pages",
    "order_to_pages": "order",
    "order_to_bytes": "order",
    "is_page_aligned": "addr",
    "align_down": "addr",
    "align_up": "addr",
}

METHODS = {
    "Region": {
        "__init__": "name base size frame_size attrs",
        "alloc": "n",
        "alloc_aligned": "n align_frames",
        "alloc_at": "frame n",
        "free": "frame",
        "addr": "frame",
        "frame": "addr",
        "largest_free": "align_frames",
    },
    "AllocatedFrames": {
        "free": "",
        "fill": "byte",
        "clean": "offset nbytes",
        "invalidate": "offset nbytes",
        "for_device": "",
        "resize": "n * zero",
        "resize_by_bytes": "nbytes * zero",
        "as_allocated_frame": "",
        "split_at": "i",
        "split_range": "i n",
        "merge": "other",
        "map": "",
        "unmap": "",
        "__len__": "",
        "__iter__": "",
        "__enter__": "",
        "__exit__": "exception_type exception traceback",
        "__aenter__": "",
        "__aexit__": "exception_type exception traceback",
    },
    "Scope": {
        "keep": "frames",
        "__enter__": "",
        "__exit__": "exception_type exception traceback",
        "__aenter__": "",
        "__aexit__": "exception_type exception traceback",
    },
    "DeferredAllocAction": {"commit": "", "__enter__": "", "__exit__": "exception_type exception traceback"},
}

ATTRIBUTES = {
    "Region": "base frames frame_size free_frames used_frames peak_used failed",
    "AllocatedFrames": "region first count addr nbytes capacity view range state owner name fresh",
}

DEFAULTS = (
    ("init", "reserved", ()),
    ("boot", "board", None),
    ("boot_in_heap", "frame_size", 1024),
    ("boot_in_heap", "align", 4096),
    ("boot_in_heap", "attrs", None),
    ("leaks", "since", 0),
    ("allocate_frames_deferred", "at", None),
    ("Region", "frame_size", 4096),
    ("Region", "attrs", 0),
    ("Region.largest_free", "align_frames", 1),
    ("allocate_frames", "high", None),
    ("allocate_frames", "region", None),
    ("allocate_frames", "owner", None),
    ("allocate_frames", "zero", False),
    ("allocate_frames_at", "unknown", False),
    ("allocate_frames_by_bytes_deferred", "unknown", False),
    ("AllocatedFrames.fill", "byte", 0),
    ("AllocatedFrames.clean", "offset", 0),
    ("AllocatedFrames.invalidate", "nbytes", None),
    ("AllocatedFrames.resize", "zero", False),
    ("dma_ring", "zero", False),
    ("retain", "zero", False),
)

ROWS = {
    "allocations": "region first count addr nbytes owner state name",
    "find": "region frame first count owner state name",
}
"""Function -> the fields of the tuples that it returns, in order."""

MARK = "_by_name"
"""The parameter behind which arguments are to be given by name."""
