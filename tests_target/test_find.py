"""find(), allocations() and free_at(): what lies where, what is allocated, and what to do without an owner."""

import gc
import sys

from array import array
from debug_system import DebugSystem
from kept_memory import FRAME as KEPT
from kept_memory import one_region, without_records
from snapshot import of_region, of_system
from support import IS_BOARD, InHandler, fresh_physmem, raises
from uctypes import addressof

FRAME = 64
SRAM = 0x20100000
PSRAM = 0xC0000000
REGISTERS = 0x40000000


def system():
    physmem = fresh_physmem()
    physmem.init(
        [("sram", SRAM, 16 * FRAME, FRAME, "DMA FAST"), ("psram", PSRAM, 16 * 4096, 4096, "EXTERNAL")],
        [("registers", REGISTERS, 4 * 4096)],
    )
    return physmem


def place(found):
    """Return what find() says, with the name of the region."""
    return (found.region.name,) + tuple(found)[1:]


def test_find_an_address():
    """The first and the last byte of free frames, of allocations of each kind, and what no region has."""
    physmem = system()
    frames = physmem.allocate_frames_at(SRAM + 3 * FRAME, 4)
    physmem.region("sram").alloc_at(8, 2)
    high = physmem.allocate_frames(2, region="psram").map()
    registers = physmem.allocate_frames_at(REGISTERS + 4096, 1)
    for addr, wanted in (
        (SRAM, ("sram", 0, 0, 0, None, "free", None)),
        (SRAM + 3 * FRAME - 1, ("sram", 2, 2, 0, None, "free", None)),
        (SRAM + 3 * FRAME, ("sram", 3, 3, 4, None, "allocated", None)),
        (SRAM + 7 * FRAME - 1, ("sram", 6, 3, 4, None, "allocated", None)),
        (SRAM + 9 * FRAME, ("sram", 9, 8, 2, None, "allocated", None)),
        (SRAM + 16 * FRAME - 1, ("sram", 15, 15, 0, None, "free", None)),
        (PSRAM, ("psram", 0, 0, 2, None, "mapped", None)),
        (PSRAM + 8191, ("psram", 1, 0, 2, None, "mapped", None)),
        (PSRAM + 8192, ("psram", 2, 2, 0, None, "free", None)),
        (REGISTERS + 4097, ("registers", 1, 1, 1, None, "allocated", None)),
        (REGISTERS, ("registers", 0, 0, 0, None, "free", None)),
    ):
        assert place(physmem.find(addr)) == wanted, hex(addr)
    for addr in (0, SRAM - 1, SRAM + 16 * FRAME, PSRAM - 1, 0x10, -1, 1 << 64, 1 << 200):
        assert physmem.find(addr) is None
    assert place(physmem.find(frames)) == ("sram", 3, 3, 4, None, "allocated", None)
    assert place(physmem.find(registers)) == ("registers", 1, 1, 1, None, "allocated", None)
    high.unmap()
    assert place(physmem.find(high)) == ("psram", 0, 0, 2, None, "allocated", None)
    high.free()
    raises(physmem.PhysMemError, physmem.find, high, code="NotAllocated")
    assert place(physmem.find(PSRAM)) == ("psram", 0, 0, 0, None, "free", None)


def test_find_a_buffer():
    """A bytearray, an array, a memoryview into frames: where its first byte lies."""
    physmem = fresh_physmem()
    physmem.init([("ram", None, 32 * FRAME, FRAME, "DMA")])
    frames = physmem.allocate_frames(4)
    view = frames.view
    assert place(physmem.find(view)) == ("ram", 0, 0, 4, None, "allocated", None)
    assert place(physmem.find(view[2 * FRAME + 5 :])) == ("ram", 2, 0, 4, None, "allocated", None)
    assert physmem.find(view).region.attrs & physmem.DMA
    for buffer in (bytearray(100), array("I", [1, 2, 3]), memoryview(bytearray(8))):
        assert physmem.find(buffer) is None
    block = bytearray(64)
    assert physmem.find(addressof(block)) is None
    for wrong in (None, 1.5, "text" if sys.implementation.name == "cpython" else {}, [], object(), system):
        text = str(raises(TypeError, physmem.find, wrong))
        assert "thing" in text and "buffer" in text
    assert physmem.find(True) is None


def test_find_what_is_retained():
    machine = one_region()
    physmem = machine.reset()
    log = physmem.retain("log", 300)
    base = machine.regions[0][1]
    for _ in range(2):
        assert place(physmem.find(base + 300)) == ("ram", 1, 0, 2, None, "allocated", "log")
        assert [(row.addr, row.nbytes, row.state, row.name) for row in physmem.allocations()] == [
            (base, 2 * KEPT, "allocated", "log")
        ]
        physmem = machine.reset()
    log = physmem.retain("log", 300).map()
    assert place(physmem.find(log)) == ("ram", 0, 0, 2, None, "mapped", "log")
    physmem = machine.reset()
    assert place(physmem.find(base)) == ("ram", 0, 0, 2, None, "mapped", "log")
    log = physmem.retain("log", 300)
    assert log.state == physmem.MAPPED
    log.unmap().free()
    assert physmem.find(base).state == "free" and physmem.allocations() == []


def test_allocations():
    """By address, over all regions, raw and by object, reserved and not; free frames and owners of none are no rows."""
    physmem = system()
    assert physmem.allocations() == []
    physmem.allocate_frames_at(SRAM + 2 * FRAME, 3, owner="display")
    physmem.region("sram").alloc_at(0, 1)
    empty, rest = physmem.allocate_frames_at(SRAM + 8 * FRAME, 2).split_at(0)
    empty.map()
    physmem.allocate_frames(2, region="psram").map()
    physmem.allocate_frames_at(REGISTERS, 4)
    rows = physmem.allocations()
    assert [(row.region.name, row.first, row.count, row.addr, row.nbytes, row.state) for row in rows] == [
        ("sram", 0, 1, SRAM, FRAME, "allocated"),
        ("sram", 2, 3, SRAM + 2 * FRAME, 3 * FRAME, "allocated"),
        ("sram", 8, 2, SRAM + 8 * FRAME, 2 * FRAME, "allocated"),
        ("registers", 0, 4, REGISTERS, 4 * 4096, "allocated"),
        ("psram", 0, 2, PSRAM, 2 * 4096, "mapped"),
    ]
    assert [row.owner for row in rows] == [None] * 5 and [row.name for row in rows] == [None] * 5
    assert rows[1][3:5] == (SRAM + 2 * FRAME, 3 * FRAME)
    assert rest.free() == 2 and len(physmem.allocations()) == 4


def test_owners_with_the_debug_tier():
    """With debug(owners=True) the tags are there, of the parts of a split too."""
    physmem = system()
    physmem.debug(owners=True)
    physmem.allocate_frames(2, owner="display", region="sram")
    one, other = physmem.allocate_frames(4, owner="camera", region="sram").split_at(1)
    physmem.region("sram").alloc(1)
    tags = [(row.first, row.count, row.owner) for row in physmem.allocations()]
    assert tags == [(0, 2, "display"), (2, 1, "camera"), (3, 3, "camera"), (6, 1, None)], tags
    assert physmem.find(SRAM + 4 * FRAME).owner == "camera" and physmem.find(SRAM + 6 * FRAME).owner is None
    physmem.debug()
    assert [row.owner for row in physmem.allocations()] == [None] * 4


def test_guards_are_no_allocations():
    """A guard frame is neither listed nor freed by its address."""
    built = DebugSystem(("ram", 32, "DMA"))
    physmem, ram = built.physmem, built.region("ram")
    physmem.debug(owners=True, guard_frames=True)
    frames = physmem.allocate_frames(2, owner="me")
    others = [ram.addr(frame) for frame in range(32) if ram.count(frame) and frame != frames.first]
    assert others, "there is no guard to look at"
    assert [(row.first, row.count, row.owner) for row in physmem.allocations()] == [(frames.first, 2, "me")]
    for addr in others:
        raises(physmem.PhysMemError, physmem.free_at, addr, code="NotAllocated")
    assert physmem.find(frames).count == 2
    assert physmem.free_at(frames.addr) == 2
    assert physmem.allocations() == []


def test_free_at():
    """Frees what starts there and returns the number of frames, no matter who allocated it."""
    physmem = system()
    bufs = None
    try:
        bufs = [physmem.allocate_frames_by_bytes(3 * FRAME, region="sram") for _ in range(400)]
    except MemoryError:
        pass
    assert bufs is None and physmem.region("sram").used_frames == 15
    for row in physmem.allocations():
        assert physmem.free_at(row.addr) == 3
    assert physmem.region("sram").used_frames == 0
    physmem.region("psram").alloc(2)
    assert physmem.free_at(PSRAM) == 2
    physmem.allocate_frames_at(REGISTERS, 2)
    assert physmem.free_at(REGISTERS) == 2
    frames = physmem.allocate_frames(2)
    addr = frames.addr
    assert physmem.free_at(addr) == 2
    raises(physmem.PhysMemError, frames.free, code="InternalCorruption")
    assert physmem.check() == []


def test_what_free_at_refuses():
    """Where nothing starts, inside allocations, at no region, of hardware; nothing changes."""
    physmem = system()
    physmem.allocate_frames_at(SRAM + 2 * FRAME, 3)
    mapped = physmem.allocate_frames(2, region="psram").map()
    before = of_system(physmem)
    for addr in (
        SRAM,  # free
        SRAM + 3 * FRAME,  # inside
        SRAM + 2 * FRAME + 1,  # not its first byte
        SRAM + 2 * FRAME - 1,
        SRAM + 16 * FRAME,
        REGISTERS,
        0,
        -1,
        1 << 40,
        1 << 70,
    ):
        error = raises(physmem.PhysMemError, physmem.free_at, addr, code="NotAllocated")
        assert "allocations()" in str(error)
    text = str(raises(physmem.PhysMemError, physmem.free_at, PSRAM, code="NotPermitted"))
    assert "unmap()" in text and "0xc0000000" in text
    for wrong in (None, "0", 1.0, mapped, bytearray(4)):
        assert "addr" in str(raises(TypeError, physmem.free_at, wrong))
    assert of_system(physmem) == before
    mapped.unmap()
    assert physmem.free_at(PSRAM) == 2


def test_free_at_of_retained_frames():
    """A name is released by its name. Mapped frames without an owner in this run are hardware's, records or not."""
    machine = one_region()
    physmem = machine.reset()
    log = physmem.retain("log", 100)
    mapped = physmem.allocate_frames(2).map()
    addr = mapped.addr
    for _ in range(2):
        text = str(raises(physmem.PhysMemError, physmem.free_at, log.addr, code="NotPermitted"))
        assert "log" in text and "release()" in text
        text = str(raises(physmem.PhysMemError, physmem.free_at, addr, code="NotPermitted"))
        assert "quarantined()" in text
        physmem = machine.reset()
        log = physmem.retain("log", 100)
    physmem.release("log")
    (held,) = physmem.quarantined()
    held.unmap()
    assert physmem.free_at(addr) == 2 and physmem.allocations() == []


def test_mapped_without_records():
    """In one run it is known which frames are mapped, also if nobody holds the owner any more, in any order."""
    physmem = without_records(("ram", None, 32 * KEPT, KEPT, "DMA")).reset()
    base = physmem.region("ram").base
    owners = [physmem.allocate_frames(1).map() for _ in range(20)]
    for i in (0, 19, 7, 8, 3):
        owners[i].unmap()
    states = [row.state for row in physmem.allocations()]
    assert states == ["allocated" if i in (0, 19, 7, 8, 3) else "mapped" for i in range(20)]
    owners.clear()
    gc.collect()
    assert [row.state for row in physmem.allocations()] == states
    raises(physmem.PhysMemError, physmem.free_at, base + KEPT, code="NotPermitted")
    assert physmem.free_at(base) == 1
    # An owner of nothing at the place of another's frames is not their hardware.
    empty, rest = physmem.allocate_frames_at(base + 20 * KEPT, 3).split_at(0)
    empty.map()
    assert physmem.find(rest).state == "allocated" and physmem.free_at(base + 20 * KEPT) == 3


def test_what_the_firmware_occupies():
    """Memory of OCCUPIED is found with its attributes, is not listed and cannot be freed."""

    class Board:
        REGIONS = (("ram", SRAM, 64 * 4096, 4096, "DMA"),)
        OCCUPIED = (("firmware", SRAM, 2 * 4096, "DMA FAST"), ("other", SRAM + 8 * 4096, 4096))

    physmem = fresh_physmem()
    physmem.boot(Board)
    physmem.boot_complete()
    found = physmem.find(SRAM + 4096)
    assert found.region.name == "firmware" and found.region.attrs & physmem.FAST and found.count == 2
    assert physmem.find(SRAM + 8 * 4096 + 5).region.name == "other"
    assert physmem.allocations() == []
    before = [of_region(region) for region in physmem.regions()]
    for addr in (SRAM, SRAM + 4096, SRAM + 8 * 4096):
        text = str(raises(physmem.PhysMemError, physmem.free_at, addr, code="NotPermitted"))
        assert "firmware occupies" in text
    assert [of_region(region) for region in physmem.regions()] == before


def test_before_there_is_a_system_and_in_handlers():
    physmem = fresh_physmem()
    raises(physmem.PhysMemError, physmem.find, 0, code="NotInitialized")
    raises(physmem.PhysMemError, physmem.allocations, code="NotInitialized")
    raises(physmem.PhysMemError, physmem.free_at, 0, code="NotInitialized")
    physmem = system()
    frames = physmem.allocate_frames(1, region="sram")
    if not IS_BOARD:  # whose raw calls ask the processor
        with InHandler():
            raises(physmem.PhysMemError, physmem.free_at, frames.addr, code="NotPermitted")
    assert frames.free() == 1 and physmem.check() == []
