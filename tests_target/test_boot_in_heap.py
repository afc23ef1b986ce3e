"""`boot_in_heap`: one call that makes a first region, in memory of the heap, without a memory plan.

What the memory of the heap can do is of the chip, and held against the makers' documents (chip_facts.py).
"""

import gc
import sys

import chip_facts
import physmem_board
from support import HAS_SMALL_HEAP, fresh_physmem, raises
from uctypes import addressof

IS_MICROPYTHON = sys.implementation.name == "micropython"
PAGE = 4096
SIZE = 8192
# The tests on ports/stm32 may have got more heap in the CCM, which DMA does not reach (harness/runners.py, MORE_HEAP).
ATTRS = "DMA FAST SHARED" if sys.platform == "pyboard" else None
CHIPS = {"NETDUINO_PLUS_2": "STM32F405", "RPI_PICO": "RP2040", "MPS2_AN385": "AN385", "MPS2_AN500": "AN500"}
CHIPS["MPS2_AN505"] = "AN505"


def chip():
    return CHIPS.get(physmem_board.NAME, "RP2350" if sys.platform == "rp2" else "UNIX")


def stock_physmem():
    """Return a fresh physmem without the spin lock that a memory plan would have named."""
    physmem = fresh_physmem()
    if IS_MICROPYTHON:
        gc.collect()
    sys.modules["physmem_state"].use_spin_lock(0)
    return physmem


def spin_lock():
    """Return the address of the spin lock that regions have; 0 if they have none."""
    return sys.modules["physmem_engine"].lock_word[0] ^ 1


def held():
    """Return the memory of the heap that physmem holds."""
    return sys.modules["physmem_system"]._held


def test_one_call_is_enough():
    """The region is there, its memory is held, and every kind of request that needs no reset works."""
    physmem = stock_physmem()
    region = physmem.boot_in_heap(SIZE, attrs=ATTRS)
    assert physmem.booted and physmem.regions() == [region] and physmem.region("heap") is region
    assert (region.name, region.frames, region.frame_size) == ("heap", SIZE // 1024, 1024)
    (memory,) = held()
    assert addressof(memory) <= region.base and region.end <= addressof(memory) + len(memory)
    with physmem.dma_ring(PAGE) as ring:
        assert ring.addr % PAGE == 0 and ring.nbytes == PAGE
        ring.fill(0x5A)
        assert bytes(ring.view[:3]) == b"ZZZ"
        with physmem.allocate_frames_by_bytes(PAGE, require="SHARED DMA FAST", zero=True) as frames:
            assert frames.addr >= ring.addr + PAGE or frames.addr + PAGE <= ring.addr
    frame = region.alloc(3)
    assert region.free(frame) == 3
    assert physmem.check() == [] and region.used_frames == 0


def test_what_the_chip_can_do():
    """DMA, FAST and EXTERNAL are those of the address, SHARED has the chip's spin lock, nothing is RETAINED."""
    physmem = stock_physmem()
    region = physmem.boot_in_heap(PAGE)
    assert region.attrs & physmem.SHARED
    assert not region.attrs & (physmem.RETAINED | physmem.RESERVED)
    reaches = chip_facts.reaches(chip(), "DMA", region.base, region.end)
    assert reaches is None or bool(region.attrs & physmem.DMA) == reaches
    is_cached = chip_facts.is_cached(physmem_board.NAME, chip(), region.base, region.end)
    assert bool(region.attrs & physmem.CACHED) == is_cached
    is_psram = sys.platform == "rp2" and region.base < 0x20000000
    assert bool(region.attrs & physmem.EXTERNAL) == is_psram == (not region.attrs & physmem.FAST)
    # RP2040 datasheet 2.3.1.7, RP2350 datasheet 3.1.11: SPINLOCK0 is at 0xD0000100, each register has 4 bytes.
    assert spin_lock() == (0xD0000100 + 4 * 31 if sys.platform == "rp2" else 0)


def test_a_spin_lock_that_was_named_stays():
    physmem = stock_physmem()
    if sys.platform == "rp2":
        sys.modules["physmem_state"].use_spin_lock(0xD0000100 + 4 * 30)
        physmem.boot_in_heap(1024)
        assert spin_lock() == 0xD0000100 + 4 * 30


def test_sizes_and_alignment():
    """Bytes are rounded up to whole frames; the region is aligned as it says, and no more than that."""
    for nbytes, frame_size, align, size, aligned in (
        (1, 1024, PAGE, 1024, 1024),
        (1025, 1024, PAGE, 2048, 2048),
        (5000, 256, PAGE, 5120, PAGE),
        (3000, 1024, PAGE, 3072, 2048),
        (100, 32, 32, 128, 32),
        (2 * PAGE, PAGE, 2 * PAGE, 2 * PAGE, 2 * PAGE),
        (1024, 1024, 1, 1024, 1024),
    ):
        physmem = stock_physmem()
        region = physmem.boot_in_heap(nbytes, frame_size=frame_size, align=align)
        assert region.end - region.base == size, (nbytes, region)
        assert region.base % aligned == 0, (nbytes, region)
        assert len(held()[0]) == size + max(frame_size, aligned), nbytes


def test_rings_of_each_size_up_to_the_alignment_fit_as_often_as_there_is_room():
    physmem = stock_physmem()
    physmem.boot_in_heap(SIZE, attrs=ATTRS)
    nbytes = 1024
    while nbytes <= PAGE:
        rings = [physmem.dma_ring(nbytes) for _ in range(SIZE // nbytes)]
        assert sorted([ring.addr % nbytes for ring in rings])[-1] == 0
        raises(MemoryError, physmem.dma_ring, nbytes)
        for ring in rings:
            ring.free()
        nbytes *= 2


def test_attributes_that_the_caller_names():
    physmem = stock_physmem()
    assert physmem.boot_in_heap(1024, attrs="DMA").attrs == physmem.DMA
    physmem = stock_physmem()
    assert physmem.boot_in_heap(1024, attrs=physmem.EXTERNAL).attrs == physmem.EXTERNAL


def test_it_says_what_it_is():
    """`map` and `dump` say that the collector scans the memory and that a reset does not keep it; `retain` says why it
    is refused, and what keeps memory."""
    physmem = stock_physmem()
    physmem.boot_in_heap(1024)
    for picture in (physmem.map, physmem.dump):
        lines = []
        picture(lines.append)
        text = "\n".join(lines)
        assert "memory of the heap" in text and "scanned" in text and "not kept" in text, text
    error = raises(physmem.PhysMemError, physmem.retain, "log", 100, code="NotPermitted")
    assert "Memory of the heap is not kept" in str(error) and "physmem_claim" in str(error), error
    raises(physmem.PhysMemError, physmem.quarantined, code="NotPermitted")


def test_memory_that_is_not_of_the_heap_is_not_called_so():
    physmem = fresh_physmem()
    physmem.init([("far", 0x60000000, PAGE)])
    for picture in (physmem.map, physmem.dump):
        lines = []
        picture(lines.append)
        assert "memory of the heap" not in "\n".join(lines)


def test_refusals_change_nothing():
    """There are regions already, or no heap, or a region that cannot be: nothing is held then."""
    physmem = stock_physmem()
    system = sys.modules["physmem_system"]
    for arguments, error, code, text in (
        ({"nbytes": 0}, None, "ZeroAllocation", "nbytes"),
        ({"nbytes": -5}, None, "ZeroAllocation", "nbytes"),
        ({"nbytes": 100, "frame_size": 48}, None, "InvalidArgument", "frame_size"),
        ({"nbytes": 100, "align": 3}, None, "UnalignedAddress", "align"),
        ({"nbytes": 100, "align": 0}, None, "UnalignedAddress", "align"),
        ({"nbytes": 100, "attrs": "SLOW"}, None, "InvalidArgument", "SLOW"),
        ({"nbytes": 100, "frame_size": "x"}, TypeError, None, "frame_size"),
        ({"nbytes": 1 << 28 if HAS_SMALL_HEAP else 1 << 60}, MemoryError, None, "bytes of heap in one piece"),
    ):
        found = raises(error or physmem.PhysMemError, physmem.boot_in_heap, code=code, **arguments)
        assert text in str(found), found
        assert system._held == () and physmem.regions() == [] and not physmem.booted, arguments
    raises(TypeError, physmem.boot_in_heap, 100, 32)  # the others by name
    physmem.boot_in_heap(100)
    error = raises(physmem.PhysMemError, physmem.boot_in_heap, 100, code="NotPermitted")
    assert "add_region" in str(error) and len(held()) == 1, error
    assert physmem.add_region("more", None, 1024, 1024).frames == 1


def test_ctrl_c_when_the_region_is_there():
    """The memory stays held, because the region has it."""
    physmem = stock_physmem()
    setup = __import__("physmem_setup")
    init = setup.init

    def interrupted(*arguments):
        init(*arguments)
        raise KeyboardInterrupt("Ctrl-C")

    setup.init = interrupted
    try:
        raises(KeyboardInterrupt, physmem.boot_in_heap, SIZE)
    finally:
        setup.init = init
    (region,) = physmem.regions()
    (memory,) = held()
    assert addressof(memory) <= region.base and region.end <= addressof(memory) + len(memory)


def test_the_collector_does_not_give_it_away():
    """Objects that are made afterwards, until the heap is full, all lie beside the region; and none changes."""
    if not IS_MICROPYTHON:
        return
    physmem = stock_physmem()
    region = physmem.boot_in_heap(SIZE)
    frames = physmem.allocate_frames(region.frames)
    frames.fill(0xA5)
    objects = []
    size = 16384
    while size >= 2048:
        try:
            while len(objects) < 400:
                objects.append(bytearray(size))
            break
        except MemoryError:
            size //= 2
    gc.collect()
    outside = [addressof(one) >= region.end or addressof(one) + len(one) <= region.base for one in objects]
    count = len(objects)
    del objects
    gc.collect()
    assert count and all(outside)
    view = frames.view
    assert bytes(view[:64]) == b"\xa5" * 64 and bytes(view[SIZE - 64 :]) == b"\xa5" * 64
    assert physmem.check() == []
    frames.free()
