"""The two systems that physmem follows: the example of one, and every function that they name, by its name.

Sources: RuVix' physical memory allocator (its example, structs, constants, functions) and Theseus' frame allocator (its
items and functions). The tables are written from these lists.
"""

import physmem
from support import fresh_physmem, raises

PAGE = 4096
BASE = 0x10000000

# Theseus: what it says -> our name.
THESEUS = (
    ("Allocates the given number of frames with no constraints", "allocate_frames"),
    ("Allocates ... starting at the frame containing the given PhysicalAddress", "allocate_frames_at"),
    ("Allocates frames ... with a size given by the number of bytes", "allocate_frames_by_bytes"),
    ("Allocates frames starting at the given PhysicalAddress with a size in bytes", "allocate_frames_by_bytes_at"),
    ("Similar to allocated_frames_deferred(), but accepts a size value in bytes", "allocate_frames_by_bytes_deferred"),
    ("The core frame allocation routine", "allocate_frames_deferred"),
    ("Initialize the frame allocator", "init"),
    ("A reference to a single frame within a range of AllocatedFrames", "AllocatedFrame"),
    ("Represents a range of allocated physical memory frames", "AllocatedFrames"),
    ("A series of pending actions", "DeferredAllocAction"),
    ("A region of physical memory", "Region"),
    ("A region of physical memory, as a value", "PhysicalMemoryRegion"),
    ("Types of physical memory", "MemoryRegionType"),
    ("derefs to FrameRange", "FrameRange"),
    ("Once heap allocation is available", "boot_complete"),
    ("early allocation of frames before heap allocation is available", "boot"),
)

# RuVix: structs, enums, constants, functions under their own names.
RUVIX = (
    "AllocatorStats",
    "BuddyAllocator",
    "PageFrame",
    "PageOrder",
    "PhysAddr",
    "KernelError",
    "PhysMemError",
    "MAX_BLOCK_PAGES",
    "MAX_BLOCK_SIZE",
    "MAX_ORDER",
    "MIN_ORDER",
    "PAGE_SHIFT",
    "PAGE_SIZE",
    "align_down",
    "align_up",
    "is_page_aligned",
    "order_to_bytes",
    "order_to_pages",
    "pages_to_order",
)


def test_the_example():
    """16 MB from 0x1000_0000; four contiguous pages (16 KB), used and given back."""
    from physmem import BuddyAllocator, PhysAddr

    allocator = BuddyAllocator.new(PhysAddr.new(0x1000_0000), 4096)
    addr = allocator.alloc_pages(4)
    if addr is not None:
        # Use the memory...
        allocator.dealloc_pages(addr, 4)
    assert addr is not None and 0x1000_0000 <= addr <= 0x1000_0000 + (4096 - 4) * PAGE
    assert addr % (4 * PAGE) == 0 and PhysAddr(addr).as_u64() == addr
    assert allocator.free_page_count() == 4096


def test_every_name_is_reachable():
    """Each counterpart is physmem.NAME under its own name, also with `from physmem import`."""
    import physmem as present  # other tests import a fresh one

    for name in [name for _, name in THESEUS] + list(RUVIX):
        assert hasattr(present, name), name
        value = getattr(present, name)
        assert value is not None
        assert getattr(value, "__name__", name) == name, name
        scope = {}
        exec("from physmem import " + name, scope)
        assert scope[name] is value or scope[name] == value


def test_names_that_nobody_has():
    """An unknown name is an AttributeError that says the name."""
    error = raises(AttributeError, getattr, physmem, "allocate_pages")
    assert "allocate_pages" in str(error)


def test_the_constants():
    """Values as in RuVix' text: 4 KB pages, 512 pages and 2 MB at most, ten orders from 0."""
    assert physmem.PAGE_SIZE == 4096 == 1 << physmem.PAGE_SHIFT
    assert physmem.MIN_ORDER == 0 and physmem.MAX_ORDER == 10
    assert physmem.MAX_BLOCK_PAGES == 512 == 1 << (physmem.MAX_ORDER - 1)
    assert physmem.MAX_BLOCK_SIZE == 2 * 1024 * 1024 == 512 * 4096


def test_align_down():
    """To the nearest page boundary below."""
    assert [int(physmem.align_down(addr)) for addr in (0, 1, 4095, 4096, 8191)] == [0, 0, 0, 4096, 4096]


def test_align_up():
    """To the nearest page boundary above."""
    assert [int(physmem.align_up(addr)) for addr in (0, 1, 4095, 4096, 4097)] == [0, 4096, 4096, 4096, 8192]


def test_is_page_aligned():
    """Multiples of 4096."""
    assert [physmem.is_page_aligned(addr) for addr in (0, 1, 4095, 4096, 6144, 1 << 40)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_order_to_bytes():
    """Order 0: 4 KB, 1: 8 KB, 2: 16 KB, ... 9: 2 MB."""
    assert [physmem.order_to_bytes(order) for order in range(10)] == [4096 * 2**order for order in range(10)]


def test_order_to_pages():
    """Order 0: one page, ... 9: 512."""
    assert [physmem.order_to_pages(order) for order in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def test_pages_to_order():
    """The smallest order with that many pages."""
    for pages in range(1, 513):
        order = physmem.pages_to_order(pages)
        assert 2**order >= pages and (order == 0 or 2 ** (order - 1) < pages)


def system():
    """Return a new system: 64 frames, and two reserved ones in the middle."""
    ours = fresh_physmem()
    ours.init([("memory", BASE, 64 * PAGE)], [("reserved", BASE + 32 * PAGE, 2 * PAGE)])
    return ours


def test_init():
    """Available and reserved regions: reserved memory is only handed out by address."""
    ours = system()
    assert ours.allocate_frames(32).addr == BASE
    assert ours.allocate_frames(30).addr == BASE + 34 * PAGE
    raises(MemoryError, ours.allocate_frames, 1)
    assert ours.allocate_frames_at(BASE + 32 * PAGE, 2).count == 2


def test_allocate_frames():
    """The given number of frames, anywhere."""
    frames = system().allocate_frames(3)
    assert frames.count == len(frames) == len(list(frames)) == 3


def test_allocate_frames_at():
    """Starting at the frame that contains the address."""
    frames = system().allocate_frames_at(BASE + 5 * PAGE + 17, 2)
    assert (frames.addr, frames.count) == (BASE + 5 * PAGE, 2)


def test_allocate_frames_by_bytes():
    """As many frames as the bytes need."""
    frames = system().allocate_frames_by_bytes(2 * PAGE + 1)
    assert (frames.count, frames.nbytes, frames.capacity) == (3, 2 * PAGE + 1, 3 * PAGE)


def test_allocate_frames_by_bytes_at():
    """All frames that the bytes at the address touch."""
    frames = system().allocate_frames_by_bytes_at(BASE + PAGE - 1, 2)
    assert (frames.addr, frames.count, frames.nbytes) == (BASE, 2, PAGE + 1)


def test_allocate_frames_deferred():
    """Frames and an action; at an address or anywhere."""
    ours = system()
    frames, action = ours.allocate_frames_deferred(3)
    there, later = ours.allocate_frames_deferred(2, BASE + 8 * PAGE)
    assert isinstance(action, ours.DeferredAllocAction) and isinstance(frames, ours.AllocatedFrames)
    assert frames.count == 3 and (there.addr, there.count) == (BASE + 8 * PAGE, 2)
    action.commit()
    with later:
        pass
    assert not action.pending and not later.pending


def test_allocate_frames_by_bytes_deferred():
    """The same with the size in bytes."""
    ours = system()
    frames, action = ours.allocate_frames_by_bytes_deferred(PAGE + 2, BASE + PAGE - 1)
    assert (frames.addr, frames.count) == (BASE, 3)
    action.commit()


def test_no_constraint_that_merging_would_need():
    """Theseus does not merge freed chunks: three frames freed one by one are not contiguous there. Here they are."""
    ours = system()
    singles = [ours.allocate_frames(1) for _ in range(62)]
    for frames in singles[5:8]:
        frames.free()
    assert ours.allocate_frames(3).count == 3
