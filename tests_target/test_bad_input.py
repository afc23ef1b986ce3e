"""Bad input at every public call: the documented error, a message with the number in it, and nothing lost.

A table for each group of calls gives the argument, the error and its code, as the docstrings do. Every refused call is
framed by two snapshots of the whole system, which must be identical (snapshot.py).

A value of a wrong type is a TypeError. A bool is an integer, as everywhere in Python.
"""

import sys

import physmem_board
from snapshot import of_region, of_system
from support import IS_SLOW, fresh_physmem, raises

HUGE = (1 << 30, 1 << 31, 1 << 32, 1 << 40, 1 << 70)
NO_INTEGERS = (None, "3", 1.5, [], object())
PAGE = 4096
SRAM = 0x10000000
TINY = 0x20100000
REGISTERS = 0x40000000
PSRAM = 0x60000000
UNKNOWN = 0x70000000


def system():
    """Return a system with four free regions and one reserved, some of it in use: (physmem, the owners)."""
    physmem = fresh_physmem()
    physmem.init(
        [
            ("sram", SRAM, 64 * PAGE, PAGE, "DMA FAST"),
            ("tiny", TINY, 64 * 32, 32, "CACHED"),
            ("next", REGISTERS + 3 * PAGE, PAGE, PAGE, "CACHED"),
            ("psram", PSRAM, 96 * PAGE, PAGE, "DMA EXTERNAL"),
        ],
        [("registers", REGISTERS, 2 * PAGE)],
    )
    owners = [
        physmem.allocate_frames_at(SRAM + 8 * PAGE, 4),
        physmem.allocate_frames_at(PSRAM, 2),
        physmem.allocate_frames_at(PSRAM + 95 * PAGE, 1),
        physmem.allocate_frames_at(REGISTERS, 1),
    ]
    return physmem, owners


def test_constraints_without_a_name():
    """A TypeError that says what to do, whatever the value; nothing has changed."""
    physmem, owners = system()
    refused = Refusals(physmem)
    for value in (0, 1, PAGE, None, False, "DMA", print):
        for call in (
            physmem.allocate_frames,
            physmem.allocate_frames_by_bytes,
            physmem.dma_ring,
            owners[0].resize,
            owners[0].resize_by_bytes,
        ):
            refused(TypeError, None, call, 1, value, says="by name")
        for call in (physmem.allocate_frames_deferred, physmem.allocate_frames_by_bytes_deferred):
            refused(TypeError, None, call, 1, None, value, says="by name")
        for call in (physmem.allocate_frames_at, physmem.allocate_frames_by_bytes_at):
            refused(TypeError, None, call, SRAM, 1, value, says="by name")
    for keywords in ({"_by_name": PAGE}, {"bogus": 1}):
        refused(TypeError, None, physmem.allocate_frames, 1, **keywords)


class Refusals:
    """Calls that one system must refuse."""

    def __init__(self, physmem):
        self.physmem = physmem

    def __call__(self, error, code, function, *arguments, says=None, **keywords):
        """Check that the call raises `error` with `code`, states `says`, a number or a word, and changes nothing."""
        before = of_system(self.physmem)
        raised = raises(error, function, *arguments, code=code, **keywords)
        if says is not None:
            text = str(raised)
            wanted = (says,) if isinstance(says, str) else ("%d" % says, "%x" % abs(says))
            assert [form for form in wanted if form in text], "%s does not say %s" % (text, says)
        assert of_system(self.physmem) == before, "changed by a refused call: %s" % raised
        assert IS_SLOW or self.physmem.check() == []  # the same bytes are as sound as they were

    def mistake(self, code, function, *arguments, says=None, **keywords):
        self(self.physmem.PhysMemError, code, function, *arguments, says=says, **keywords)

    def wrong_types(self, function, *arguments, **keywords):
        """Check that the call takes only integers as its last argument, or as the keyword that `keyword=` names."""
        keyword = keywords.pop("keyword", None)
        for value in keywords.pop("values", NO_INTEGERS):
            if keyword:
                keywords[keyword] = value
                self(TypeError, None, function, *arguments, **keywords)
            else:
                self(TypeError, None, function, *(arguments + (value,)), **keywords)


def anywhere(physmem):
    """Return the calls that take a size and find a place: (call, bytes in the unit of its size)."""
    return (
        (physmem.allocate_frames, 1),
        (physmem.allocate_frames_by_bytes, PAGE),
        (physmem.allocate_frames_deferred, 1),
        (physmem.allocate_frames_by_bytes_deferred, PAGE),
    )


def at_address(physmem):
    """Return the calls that take an address, a size and `unknown=`: (call, bytes in the unit of its size)."""
    return (
        (physmem.allocate_frames_at, 1),
        (physmem.allocate_frames_by_bytes_at, PAGE),
        (lambda addr, n, **keywords: physmem.allocate_frames_deferred(n, addr, **keywords), 1),
        (lambda addr, nbytes, **keywords: physmem.allocate_frames_by_bytes_deferred(nbytes, at=addr, **keywords), PAGE),
    )


def test_sizes():
    """Zero, negative and huge sizes at the calls that find a place."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, unit in anywhere(physmem):
        refused.mistake("ZeroAllocation", call, 0)
        refused.mistake("ZeroAllocation", call, False)
        for size in (-1, -(1 << 31), -(1 << 70)):
            refused.mistake("InvalidArgument", call, size, says=size)
        for size in (97 * unit, 96 * unit * PAGE) + HUGE:
            refused(MemoryError, None, call, size, says=size)
        refused.wrong_types(call, values=NO_INTEGERS[1:])


def test_none_is_no_size():
    """None is not a number of frames or bytes: a TypeError, like any other type."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, _ in anywhere(physmem):
        refused(TypeError, None, call, None)
    for call, _ in at_address(physmem):
        refused(TypeError, None, call, SRAM, None)


def test_align():
    """`align` is a power of two, in bytes. If no free address is a multiple of it, memory is exhausted."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, unit in anywhere(physmem):
        for align in (-1, -PAGE, 3, PAGE + 1, (1 << 31) + 1, (1 << 70) + 1):
            refused.mistake("UnalignedAddress", call, unit, align=align, says=align)
        for align in HUGE:
            refused(MemoryError, None, call, unit, align=align)
        refused.wrong_types(call, unit, keyword="align")


def test_boundary():
    """`boundary` is a power of two, in bytes, and not smaller than what must not cross it."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, unit in anywhere(physmem):
        for boundary in (-1, -PAGE, 3, (1 << 31) + 1, (1 << 70) + 1):
            refused.mistake("UnalignedAddress", call, unit, boundary=boundary, says=boundary)
        refused.mistake("SizeMismatch", call, 2 * unit, boundary=PAGE, region="psram", says=PAGE)
        refused.mistake("SizeMismatch", call, unit, boundary=PAGE // 2, region="psram", says=PAGE // 2)
        refused.wrong_types(call, unit, keyword="boundary")


def test_windows():
    """`low` and `high`: negative, reversed, empty, without memory in between."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, unit in anywhere(physmem):
        refused.mistake("AddressOutOfRange", call, unit, low=-1, says=-1)
        refused.mistake("AddressOutOfRange", call, unit, low=-(1 << 70))
        for high in (0, -1, -(1 << 70)):
            refused.mistake("AddressOutOfRange", call, unit, high=high, says=high)
        for low, high in ((5, 5), (5, 4), (1 << 32, 1 << 31), (1 << 70, 1 << 70), (1 << 70, 7)):
            refused.mistake("AddressOutOfRange", call, unit, low=low, high=high, says=high)
        for low in (PSRAM + 96 * PAGE,) + HUGE[2:]:
            refused(MemoryError, None, call, unit, low=low)
        refused(MemoryError, None, call, unit, high=1)
        refused(MemoryError, None, call, unit, high=SRAM + PAGE - 1)
        refused(MemoryError, None, call, unit, low=SRAM + 1, high=SRAM + 2 * PAGE - 1)
        refused(MemoryError, None, call, unit, low=SRAM + 8 * PAGE, high=SRAM + 12 * PAGE)  # in use
        refused(MemoryError, None, call, unit, low=REGISTERS, high=REGISTERS + 2 * PAGE)  # reserved
        refused.wrong_types(call, unit, keyword="low")
        refused.wrong_types(call, unit, keyword="high", values=NO_INTEGERS[1:])


def test_high_that_is_no_integer_and_above_all_memory():
    """A float is not an address, whatever its value."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, unit in anywhere(physmem):
        refused(TypeError, None, call, unit, high=1e15)


def test_attributes():
    """Attributes that no region has, that are both required and forbidden, and of a wrong type."""
    physmem, _ = system()

    def words(attrs):
        return " ".join([name for name in physmem.ATTRIBUTES if getattr(physmem, name) & attrs])

    refused = Refusals(physmem)
    for call, unit in anywhere(physmem):
        for require in (physmem.RETAINED, physmem.SHARED, physmem.FAST | physmem.EXTERNAL, physmem.RESERVED):
            refused.mistake("InvalidArgument", call, unit, require=require, says=words(require))
        refused.mistake("InvalidArgument", call, unit, require=physmem.DMA, forbid=physmem.DMA, says="DMA")
        refused.mistake("InvalidArgument", call, unit, prefer=physmem.FAST, forbid=physmem.FAST, says="FAST")
        refused.mistake("InvalidArgument", call, unit, forbid=physmem.DMA | physmem.CACHED)
        for keyword in ("require", "prefer", "forbid"):
            refused.wrong_types(call, unit, keyword=keyword, values=[value for value in NO_INTEGERS if value != "3"])
            refused.mistake("InvalidArgument", call, unit, says=keyword + " '3'", **{keyword: "3"})
            refused.mistake("InvalidArgument", call, unit, says="'FST'", **{keyword: "DMA FST"})


def test_attributes_that_do_not_exist():
    """Bits beyond the last attribute mean nothing: a mistake in `require`, `prefer` and `forbid`."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, unit in anywhere(physmem):
        for keyword in ("require", "prefer", "forbid"):
            for attributes in (128, 1 << 20, 1 << 31, 1 << 70, -1, physmem.DMA | 128):
                refused.mistake("InvalidArgument", call, unit, **{keyword: attributes})


def test_regions_that_are_not_there():
    """`region=` and `region()`: unknown names, a Region that is not the system's, reserved ones, wrong types."""
    physmem, _ = system()
    refused = Refusals(physmem)
    stranger = physmem.Region("sram", SRAM, 64 * PAGE, PAGE, physmem.DMA | physmem.FAST)
    for call, unit in anywhere(physmem):
        for region in ("nowhere", "", "SRAM", "sra", "sram.", "registers", stranger, physmem.region("registers")):
            refused.mistake("InvalidArgument", call, unit, region=region)
        for region in (3, 1.5, [], object(), b"sram"):
            refused(TypeError, None, call, unit, region=region)
    for name in ("nowhere", ""):
        refused.mistake("InvalidArgument", physmem.region, name)
    for name in (None, 3, 1 << 70, 1.5, [], b"sram"):
        refused(TypeError, None, physmem.region, name)
    assert "psram" in str(raises(physmem.PhysMemError, physmem.region, "nowhere"))  # it lists the names there are


def test_addresses():
    """Addresses: negative, beyond the physical ones, in use, reserved and in use, running into something else."""
    physmem, _ = system()
    refused = Refusals(physmem)
    limit = 1 << sys.modules["physmem_region"].ADDRESS_BITS
    for call, unit in at_address(physmem):
        for unknown in (False, True):
            for addr in (-1, -PAGE, -(1 << 70), limit, limit + PAGE, 1 << 70):
                refused.mistake("AddressOutOfRange", call, addr, unit, unknown=unknown)
            refused.mistake("AddressOutOfRange", call, limit - PAGE, 2 * unit, unknown=unknown)
        for addr, n in (
            (SRAM + 8 * PAGE, 1),  # the first frame of an allocation
            (SRAM + 10 * PAGE, 1),  # inside
            (SRAM + 12 * PAGE - 1, 1),  # its last byte
            (SRAM, 9),  # runs into it
            (SRAM + 5 * PAGE, 59),  # spans it
            (PSRAM + 94 * PAGE, 2),
            (REGISTERS, 1),
            (REGISTERS, 2),
        ):
            refused.mistake("AddressNotFree", call, addr, n * unit)
        refused.mistake("AddressOutOfRange", call, SRAM + 60 * PAGE, 5 * unit, says=60)  # past the end of a free region
        for addr, n in (
            (SRAM - PAGE, 2),  # from unknown into a free region
            (REGISTERS - PAGE, 2),  # from unknown into a reserved one
            (PSRAM - 4 * PAGE, 200),  # over the whole of a region
            (REGISTERS + PAGE, 3),  # extends a reserved one into a free one
        ):
            refused.mistake("AddressNotFree", call, addr, n * unit, unknown=True)
            refused.mistake("AddressOutOfRange", call, addr, n * unit, says="unknown=True")
            refused.mistake("AddressOutOfRange", call, addr, n * unit, says=addr)
        refused.mistake("AddressOutOfRange", call, PSRAM + 96 * PAGE, 2 * unit, says="unknown=True")  # behind the end
        refused.mistake("AddressOutOfRange", call, UNKNOWN, unit, says="unknown=True")
        for value in NO_INTEGERS[1:]:
            refused(TypeError, None, call, value, unit)
    for call in (physmem.allocate_frames_at, physmem.allocate_frames_by_bytes_at):
        refused(TypeError, None, call, None, 1)


def test_sizes_at_addresses():
    """Zero, negative and huge sizes at the calls that take an address, in free, reserved and unknown memory."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for call, _ in at_address(physmem):
        for addr in (SRAM, REGISTERS + PAGE, UNKNOWN):
            refused.mistake("ZeroAllocation", call, addr, 0)
            for n in (-1, -(1 << 31), -(1 << 70)):
                refused.mistake("InvalidArgument", call, addr, n, says=n)
        for n in HUGE:
            refused.mistake("AddressOutOfRange", call, SRAM, n)
            refused.mistake("AddressOutOfRange", call, SRAM, n, unknown=True)
        refused.mistake("AddressOutOfRange", call, UNKNOWN, 1 << 70, unknown=True)
        refused.wrong_types(call, SRAM, values=NO_INTEGERS[1:])


def test_more_frames_at_an_unknown_address_than_a_region_can_have():
    """2**30 frames of 4 KiB end beyond 32 bits of address. Where addresses are wider, no region has so many frames."""
    physmem, _ = system()
    refused = Refusals(physmem)
    code = "AddressOutOfRange" if sys.modules["physmem_region"].ADDRESS_BITS == 32 else "AllocationTooLarge"
    for n in (1 << 30, 1 << 31, 1 << 32):
        refused.mistake(code, physmem.allocate_frames_at, UNKNOWN, n, unknown=True)
        refused.mistake(code, physmem.allocate_frames_deferred, n, UNKNOWN, unknown=True)


def test_dma_ring():
    """The size of a ring is a power of two, in bytes."""
    physmem, _ = system()
    refused = Refusals(physmem)
    refused.mistake("ZeroAllocation", physmem.dma_ring, 0)
    for nbytes in (-1, -PAGE, -(1 << 70)):
        refused.mistake("InvalidArgument", physmem.dma_ring, nbytes, says=nbytes)
    for nbytes in (3, PAGE + 1, PAGE - 1, (1 << 30) + 1, (1 << 70) - 1):
        refused.mistake("UnalignedAddress", physmem.dma_ring, nbytes, says=nbytes)
    for nbytes in HUGE:
        refused(MemoryError, None, physmem.dma_ring, nbytes, says=nbytes)
    refused.wrong_types(physmem.dma_ring)


def test_dma_ring_without_dma():
    """Without a region that DMA reaches, there is no ring."""
    physmem = fresh_physmem()
    physmem.init([("core", SRAM, 16 * PAGE, PAGE, "FAST")])
    Refusals(physmem).mistake("InvalidArgument", physmem.dma_ring, PAGE, says="require DMA")


def answering(choice):
    """Return a chooser that returns `choice`."""
    return lambda region, first, count: choice


def test_choosers():
    """What a chooser of inspect_then_allocate may and may not return. The first run is frames 0 to 7 of sram."""
    physmem, _ = system()
    refused = Refusals(physmem)
    inspect = physmem.inspect_then_allocate
    huge = 1 << 70
    for choice in ((-1, 1), (0, 9), (7, 2), (8, 1), (0, -1), (4, -3), (huge, 1), (0, huge), (-huge, huge)):
        refused.mistake("AddressOutOfRange", inspect, answering(choice), says=choice[1])
    refused.mistake("ZeroAllocation", inspect, answering((0, 0)))
    for value in NO_INTEGERS:
        refused(TypeError, None, inspect, answering((value, 1)))
        refused(TypeError, None, inspect, answering((0, value)))
    for choice in (True, 0, 3, 1.5, object(), (), (1,), (1, 2, 3)):
        refused(TypeError, None, inspect, answering(choice))
    refused(TypeError, None, inspect, None)
    refused(TypeError, None, inspect, lambda: None)

    def failing(region, first, count):
        raise KeyError("the chooser's own error")

    refused(KeyError, None, inspect, failing)


def test_a_pick_that_is_gone_is_refused():
    """The chooser allocates a frame itself and then picks it."""
    physmem, owners = system()

    def chooser(region, first, count):
        owners.append(physmem.allocate_frames_at(region.addr(first + 2), 1))
        return first, 4

    error = raises(physmem.PhysMemError, physmem.inspect_then_allocate, chooser, code="AddressNotFree")
    assert "4" in str(error)
    assert physmem.region("sram").used_frames == 4 + 1
    assert physmem.check() == []


def test_pictures_that_cannot_be_written():
    """`map` and `dump` take a function that takes a line."""
    physmem, _ = system()
    refused = Refusals(physmem)
    for picture in (physmem.map, physmem.dump):
        for write in (None, 3, "file", []):
            refused(TypeError, None, picture, write)


# Arguments that Region refuses, each in place of one of Region("r", 4096, 8192, 4096, 0): (which, value, code).
REGION_MISTAKES = (
    ("base", -PAGE, "AddressOutOfRange"),
    ("base", -(1 << 70), "AddressOutOfRange"),
    ("base", (1 << 64) - PAGE, "AddressOutOfRange"),
    ("base", 1 << 64, "AddressOutOfRange"),
    ("base", 1 << 70, "AddressOutOfRange"),
    ("base", 1, "UnalignedAddress"),
    ("base", PAGE + 32, "UnalignedAddress"),
    ("size", 0, "ZeroAllocation"),
    ("size", -PAGE, "AddressOutOfRange"),
    ("size", 1, "UnalignedAddress"),
    ("size", PAGE + 32, "UnalignedAddress"),
    ("size", PAGE << 30, "AllocationTooLarge"),
    ("size", 1 << 63, "AllocationTooLarge"),
    ("size", 1 << 70, "AddressOutOfRange"),
    ("frame_size", 0, "InvalidArgument"),
    ("frame_size", -32, "InvalidArgument"),
    ("frame_size", 1, "InvalidArgument"),
    ("frame_size", 16, "InvalidArgument"),
    ("frame_size", 48, "InvalidArgument"),
    ("frame_size", (1 << 70) + 1, "InvalidArgument"),
    ("frame_size", 2 * PAGE, "UnalignedAddress"),
    ("frame_size", 1 << 31, "UnalignedAddress"),
    ("frame_size", 1 << 70, "UnalignedAddress"),
    ("attrs", -1, "InvalidArgument"),
    ("attrs", 128, "InvalidArgument"),
    ("attrs", 1 << 31, "InvalidArgument"),
    ("attrs", 1 << 70, "InvalidArgument"),
)


def test_making_regions():
    """Each argument of Region(), one wrong at a time."""
    physmem, _ = system()
    refused = Refusals(physmem)

    def make(which, value):
        arguments = {"name": "r", "base": PAGE, "size": 2 * PAGE, "frame_size": PAGE, "attrs": 0}
        arguments[which] = value
        return physmem.Region(**arguments)

    for which, value, code in REGION_MISTAKES:
        says = None if value == 0 or code == "AllocationTooLarge" else value  # that message counts frames
        refused.mistake(code, make, which, value, says=says)
    for which in ("base", "size", "frame_size", "attrs"):
        refused.wrong_types(make, which)
    for name in (None, 3, 1.5, b"r", []):
        refused(TypeError, None, make, "name", name)
    assert make("attrs", True).attrs == 1


def test_questions_to_a_region():
    """addr, frame and largest_free raise. is_free and count find a frame out of range neither free nor allocated."""
    physmem, _ = system()
    refused = Refusals(physmem)
    sram = physmem.region("sram")
    for frame in (-1, 64, -(1 << 70)) + HUGE:
        refused.mistake("AddressOutOfRange", sram.addr, frame, says=frame)
        assert sram.is_free(frame) is False
        assert sram.count(frame) == 0
    for addr in (-1, 0, SRAM - 1, SRAM + 64 * PAGE, -(1 << 70)) + HUGE:
        refused.mistake("AddressOutOfRange", sram.frame, addr, says=addr)
    for align in (0, -1, 3, 63, (1 << 30) - 1, -(1 << 70)) + HUGE:
        refused.mistake("UnalignedAddress", sram.largest_free, align, says=align)
    for question in (sram.addr, sram.frame, sram.largest_free, sram.is_free, sram.count):
        refused.wrong_types(question)
    assert sram.addr(True) == SRAM + PAGE


def test_raw_calls():
    """Raw calls return a negative code, never raise for an integer, and leave the metadata unchanged byte for byte."""
    physmem, _ = system()
    region = physmem.Region("raw", 3 * PAGE, 64 * PAGE)  # its first address that 64 frames divide is beyond its end
    assert region.alloc_at(8, 4) == 8
    assert region.alloc_at(40, 24) == 40
    too_large, range_code = physmem.ALLOCATION_TOO_LARGE, physmem.ADDRESS_OUT_OF_RANGE
    table = [
        (region.alloc, (0,), physmem.ZERO_ALLOCATION),
        (region.alloc, (False,), physmem.ZERO_ALLOCATION),
        (region.alloc, (29,), physmem.OUT_OF_MEMORY),
        (region.alloc, (64,), physmem.OUT_OF_MEMORY),
        (region.alloc, (65,), too_large),
        (region.alloc_aligned, (0, 1), physmem.ZERO_ALLOCATION),
        (region.alloc_aligned, (1, 0), physmem.UNALIGNED_ADDRESS),
        (region.alloc_aligned, (1, 3), physmem.UNALIGNED_ADDRESS),
        (region.alloc_aligned, (1, -1), physmem.UNALIGNED_ADDRESS),
        (region.alloc_aligned, (1, -(1 << 70)), physmem.UNALIGNED_ADDRESS),
        (region.alloc_aligned, (1, 1 << 29), physmem.OUT_OF_MEMORY),
        (region.alloc_aligned, (65, 1), too_large),
        (region.alloc_aligned, (29, 1), physmem.OUT_OF_MEMORY),
        (region.alloc_at, (0, 0), physmem.ZERO_ALLOCATION),
        (region.alloc_at, (-1, 1), range_code),
        (region.alloc_at, (64, 1), range_code),
        (region.alloc_at, (63, 2), range_code),
        (region.alloc_at, (1, 64), range_code),
        (region.alloc_at, (0, 65), too_large),
        (region.alloc_at, ((1 << 30) - 1, (1 << 30) - 1), too_large),
        (region.alloc_at, (-(1 << 70), 1), range_code),
        (region.alloc_at, (0, 9), physmem.ADDRESS_NOT_FREE),
        (region.alloc_at, (8, 1), physmem.ADDRESS_NOT_FREE),
        (region.alloc_at, (11, 3), physmem.ADDRESS_NOT_FREE),
        (region.free, (-1,), range_code),
        (region.free, (64,), range_code),
        (region.free, (-(1 << 30),), range_code),
        (region.free, (-(1 << 70),), range_code),
        (region.free, (0,), physmem.NOT_ALLOCATED),
        (region.free, (7,), physmem.NOT_ALLOCATED),
        (region.free, (9,), physmem.NOT_ALLOCATED),
        (region.free, (12,), physmem.NOT_ALLOCATED),
        (region.free, (63,), physmem.NOT_ALLOCATED),
    ]
    for size in (-1, -(1 << 31), -(1 << 70)) + HUGE:
        table.append((region.alloc, (size,), too_large))
        table.append((region.alloc_aligned, (size, 1), too_large))
        table.append((region.alloc_at, (0, size), too_large))
    for value in HUGE:
        table.append((region.alloc_aligned, (1, value), physmem.UNALIGNED_ADDRESS))
        table.append((region.alloc_at, (value, 1), range_code))
        table.append((region.free, (value,), range_code))
    before = of_region(region)
    for call, arguments, code in table:
        answer = call(*arguments)
        assert answer == code, "%r returned %s" % (arguments, physmem.code_name(answer))
        assert of_region(region) == before, arguments
    for call, arguments in (
        (region.alloc, ()),
        (region.alloc_aligned, (1,)),
        (region.alloc_at, (0,)),
        (region.free, ()),
    ):
        for value in NO_INTEGERS:
            raises(TypeError, call, *(arguments + (value,)))
            if arguments:
                raises(TypeError, call, *((value,) + arguments))
        raises(TypeError, call)
        assert of_region(region) == before
    assert region.check() == []


def test_a_double_free_is_refused():
    """The raw call returns a code and the owner raises, even after another caller was given part of the frames."""
    physmem, owners = system()
    refused = Refusals(physmem)
    region = physmem.region("sram")
    first = region.alloc(4)
    assert region.free(first) == 4
    assert region.free(first) == physmem.NOT_ALLOCATED
    frames = owners[0]
    first = frames.first
    assert frames.free() == 4
    refused.mistake("NotAllocated", frames.free)
    assert region.alloc_at(first, 4) == first
    refused.mistake("NotAllocated", frames.free)


def test_an_owner_does_not_free_what_became_somebody_elses():
    """Frames are freed by a raw call behind their owner's back and allocated again.

    The owner's `free` finds that the allocation is not its own, says so, and changes nothing, as PhysMemError promises.
    """
    physmem, owners = system()
    region = owners[0].region
    assert region.free(owners[0].first) == 4
    assert region.alloc_at(owners[0].first, 2) == owners[0].first
    Refusals(physmem).mistake("InternalCorruption", owners[0].free, says=4)


def test_owners_that_are_gone():
    """Every method of freed, split and merged owners is refused."""
    physmem, owners = system()
    refused = Refusals(physmem)
    freed = physmem.allocate_frames(4, region="psram")
    freed.free()
    split = physmem.allocate_frames(4, region="psram")
    parts = split.split_at(2)
    merged = parts[1]
    parts[0].merge(merged)
    for gone in (freed, split, merged):
        for method, arguments in (
            (gone.free, ()),
            (gone.map, ()),
            (gone.unmap, ()),
            (gone.split_at, (1,)),
            (gone.split_range, (0, 1)),
            (gone.merge, (owners[1],)),
            (gone.as_allocated_frame, ()),
            (gone.__enter__, ()),
            (owners[1].merge, (gone,)),
            (getattr, (gone, "view")),
        ):
            refused.mistake("NotAllocated", method, *arguments)


def test_owners_that_are_mapped():
    """Frames that hardware owns cannot be freed, split, merged or mapped again. Others cannot be unmapped."""
    physmem, owners = system()
    refused = Refusals(physmem)
    mapped = physmem.allocate_frames_at(PSRAM + 2 * PAGE, 4)  # follows owners[1]
    refused.mistake("NotPermitted", mapped.unmap, says=4)
    mapped.map()
    for method, arguments in (
        (mapped.free, ()),
        (mapped.map, ()),
        (mapped.split_at, (2,)),
        (mapped.split_range, (0, 2)),
        (mapped.merge, (owners[1],)),
        (owners[1].merge, (mapped,)),
    ):
        refused.mistake("NotPermitted", method, *arguments, says=4)
        assert mapped.state == physmem.MAPPED
    mapped.unmap()
    assert mapped.free() == 4


def test_splits_and_merges():
    """Splits at places outside the frames; merges of frames not adjacent or of two regions, and of non-owners."""
    physmem, owners = system()
    refused = Refusals(physmem)
    frames = owners[0]  # four frames
    for i in (-1, 5, -(1 << 70)) + HUGE:
        refused.mistake("AddressOutOfRange", frames.split_at, i, says=i)
        refused.mistake("AddressOutOfRange", frames.split_range, i, 1)
    for i, n in ((0, 5), (4, 1), (2, 3), (2, -1), (3, -2), (0, -1)) + tuple([(0, n) for n in HUGE]):
        refused.mistake("AddressOutOfRange", frames.split_range, i, n)
    for i in (-1, 0, 4, 5):
        refused.mistake("ZeroAllocation", frames.split_range, i, 0)
    refused.wrong_types(frames.split_at)
    refused.wrong_types(frames.split_range, 0)
    refused.wrong_types(lambda value: frames.split_range(value, 1))
    for other in NO_INTEGERS + (3, frames.region):
        refused(TypeError, None, frames.merge, other)
    refused.mistake("InvalidArgument", frames.merge, frames)
    refused.mistake("InvalidArgument", owners[1].merge, owners[2], says=95)  # not adjacent
    refused.mistake("InvalidArgument", frames.merge, owners[1])  # of another region
    refused.mistake("SizeMismatch", frames.as_allocated_frame, says=4)
    assert [owner.state for owner in owners] == [physmem.ALLOCATED] * 4
    assert frames.free() == 4


def test_actions_know_only_their_own_state():
    """An action that was committed, or never had anything to do, does nothing."""
    physmem, _ = system()
    _, action = physmem.allocate_frames_deferred(1)
    action.commit()  # if the scheduler has not done it
    assert not action.pending
    before = of_system(physmem)
    assert action.commit() is False
    assert of_system(physmem) == before


def test_everything_before_init():
    """Before init, no call that needs the system works, and none of them makes one."""
    physmem = fresh_physmem()
    for call, arguments in (
        (physmem.allocate_frames, (1,)),
        (physmem.allocate_frames_by_bytes, (1,)),
        (physmem.allocate_frames_deferred, (1,)),
        (physmem.allocate_frames_by_bytes_deferred, (1,)),
        (physmem.allocate_frames_at, (SRAM, 1)),
        (physmem.allocate_frames_by_bytes_at, (SRAM, 1)),
        (physmem.allocate_frames_deferred, (1, SRAM)),
        (physmem.dma_ring, (PAGE,)),
        (physmem.inspect_then_allocate, (lambda region, first, count: (first, 1),)),
        (physmem.region, ("sram",)),
        (physmem.boot_complete, ()),
    ):
        raises(physmem.PhysMemError, call, *arguments, code="NotInitialized")
    assert physmem.regions() == [] and physmem.check() == []
    assert physmem.stats()[None]["frames"] == 0
    physmem.init([(SRAM, PAGE)])
    assert physmem.allocate_frames(1).addr == SRAM


# Entries that `init` refuses: (entry, error, code).
INIT_MISTAKES = (
    ((-PAGE, 2 * PAGE), None, "AddressOutOfRange"),
    ((SRAM, -PAGE), None, "AddressOutOfRange"),
    ((1 << 70, PAGE), None, "AddressOutOfRange"),
    ((SRAM, 1 << 70), None, "AddressOutOfRange"),
    (("r", SRAM, PAGE, 0), None, "InvalidArgument"),
    (("r", SRAM, PAGE, -32), None, "InvalidArgument"),
    (("r", SRAM, PAGE, 16), None, "InvalidArgument"),
    (("r", SRAM, PAGE, 48), None, "InvalidArgument"),
    (("r", SRAM, PAGE, PAGE, -1), None, "InvalidArgument"),
    (("r", SRAM, PAGE, PAGE, 128), None, "InvalidArgument"),
    (("r", SRAM, PAGE, PAGE, 1 << 70), None, "InvalidArgument"),
    (("r", SRAM, PAGE, PAGE, "DMA BOGUS"), None, "InvalidArgument"),
    (("r", SRAM, PAGE, PAGE, "dma"), None, "InvalidArgument"),
    ((), TypeError, None),
    ((SRAM,), TypeError, None),
    (("r", SRAM, PAGE, PAGE, 0, 0), TypeError, None),
    (None, TypeError, None),
    (3, TypeError, None),
    ("sram", TypeError, None),
    (("r", SRAM), TypeError, None),
    ((3, SRAM, PAGE), TypeError, None),
    ((SRAM, None), TypeError, None),
    ((SRAM, "3"), TypeError, None),
    ((SRAM, 1.5), TypeError, None),
    (("r", SRAM, PAGE, None), TypeError, None),
    (("r", SRAM, PAGE, PAGE, None), TypeError, None),
    (("r", SRAM, PAGE, PAGE, 1.5), TypeError, None),
)


def test_init():
    """One wrong entry among good ones, free or reserved, makes no system. The next `init` works."""
    physmem = fresh_physmem()
    for entry, error, code in INIT_MISTAKES:
        for reserved in (False, True):
            good = [("good", PSRAM, PAGE), (UNKNOWN, PAGE)]
            arguments = (good, [entry]) if reserved else (good + [entry], ())
            raises(error or physmem.PhysMemError, physmem.init, *arguments, code=code)
            assert physmem.regions() == []
            raises(physmem.PhysMemError, physmem.allocate_frames, 1, code="NotInitialized")
    for free, reserved in ((None, ()), (3, ()), ([], None), ([], 3)):
        raises(TypeError, physmem.init, free, reserved)
    physmem.init([("good", PSRAM, PAGE)])
    before = of_system(physmem)
    raises(physmem.PhysMemError, physmem.init, [(SRAM, PAGE)], code="NotPermitted")
    assert of_system(physmem) == before
    assert physmem.allocate_frames(1).addr == PSRAM


def test_init_with_regions_beyond_the_physical_addresses():
    """A standalone Region works anywhere in 64 bits. The system's memory lies within the physical addresses."""
    physmem = fresh_physmem()
    far = physmem.Region("far", 1 << 60, PAGE)
    assert far.alloc(1) == 0
    assert far.free(0) == 1
    raises(physmem.PhysMemError, physmem.init, [far], code="AddressOutOfRange")
    raises(physmem.PhysMemError, physmem.init, [(SRAM, PAGE)], [far], code="AddressOutOfRange")


def test_boot():
    """A bad memory plan, or a plan with a wrong entry: an error, an unlocked heap, and a system that can still boot."""
    physmem = fresh_physmem()

    class Map:
        REGIONS = (("sram", SRAM, 4 * PAGE, PAGE, "DMA"),)
        OCCUPIED = ()

    def boot(regions=Map.REGIONS, occupied=()):
        board = Map()
        board.REGIONS, board.OCCUPIED = regions, occupied
        physmem.boot(board)

    raises(TypeError, physmem.boot, 3)
    raises(TypeError, boot, (("sram", SRAM),))
    raises(TypeError, boot, 3)
    raises(physmem.PhysMemError, boot, (("sram", SRAM, PAGE, 48, ""),), code="InvalidArgument")
    raises(physmem.PhysMemError, boot, (("sram", SRAM, PAGE, PAGE, "DMA SLOW"),), code="InvalidArgument")
    raises(TypeError, boot, Map.REGIONS, (("firmware", "0", PAGE),))
    assert physmem.regions() == [] and not physmem.booted
    bytearray(64)  # the heap is unlocked
    raises(physmem.PhysMemError, physmem.boot_complete, code="NotInitialized")
    boot()
    physmem.boot_complete()
    assert physmem.allocate_frames(4).addr == SRAM
    assert physmem_board.NAME


def test_bools_are_integers():
    """True is one, everywhere."""
    physmem, _ = system()
    assert physmem.allocate_frames(True).count == 1
    assert physmem.allocate_frames_by_bytes(True).count == 1
    assert physmem.allocate_frames_at(SRAM, True).count == 1
    assert physmem.dma_ring(True).count == 1
    before, extract, after = physmem.allocate_frames(3).split_range(True, True)
    assert (before.count, extract.count, after.count) == (1, 1, 1)
    region = physmem.Region("r", 0, 8 * PAGE)
    assert region.alloc_at(True, True) == 1
    assert region.free(True) == 1
    assert region.alloc(True) == 0
    assert region.alloc_aligned(True, True) == 1
