"""BUS_MASTERS of a memory plan: each word is an attribute of that board, as good as DMA, and of no other."""

import sys

import micropython
from kept_memory import one_region
from snapshot import of_system
from support import fresh_physmem, raises

FRAME = 64
OF_EVERY_BOARD = ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED", "RESERVED")
MOST = 22  # bits 7 to 28: attributes, and the first number that is too large, are small integers on boards
LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"


class Board:
    """A plan with a cached region that DMA2D reaches too, and one that only BDMA reaches."""

    BUS_MASTERS = ("BDMA", "DMA2D")
    REGIONS = (
        ("sram", None, 16 * FRAME, FRAME, "DMA CACHED DMA2D"),
        ("d2", None, 32 * FRAME, FRAME, "DMA2D DMA"),
        ("d3", None, 8 * FRAME, FRAME, "BDMA"),
    )
    OCCUPIED = (("stack", 0x3000, 4096, "FAST DMA2D"),)


class Plan:
    """The same with other bus masters, or without them if that is None."""

    def __init__(self, masters, regions=Board.REGIONS):
        self.REGIONS, self.OCCUPIED = regions, ()
        if masters is not None:
            self.BUS_MASTERS = masters


def booted(board=Board):
    physmem = fresh_physmem()
    physmem.boot(board)
    physmem.boot_complete()
    return physmem


def test_words_and_bits():
    """In the order of the plan from 128 upwards, as words, by number and by name."""
    physmem = fresh_physmem()
    assert physmem.ATTRIBUTES == OF_EVERY_BOARD
    physmem.boot(Board)
    physmem.boot_complete()
    assert physmem.ATTRIBUTES == OF_EVERY_BOARD + ("BDMA", "DMA2D")
    assert (physmem.BDMA, physmem.DMA2D) == (128, 256)
    assert physmem.region("sram").attrs == physmem.DMA | physmem.CACHED | 256
    assert physmem.region("d3").attrs == 128
    for words, bits, region in (
        ("BDMA", physmem.BDMA, "d3"),
        ("DMA2D DMA", physmem.DMA2D | physmem.DMA, "d2"),
        ("DMA2D CACHED", physmem.DMA2D | physmem.CACHED, "sram"),
    ):
        for require in (words, bits):
            with physmem.allocate_frames(1, require=require) as frames:
                assert frames.region.name == region
            assert [frames.region.name for frames in physmem.allocate_scattered(1, require=require)] == [region]
    for prefer in ("BDMA", physmem.BDMA):
        with physmem.allocate_frames_by_bytes(1, prefer=prefer) as frames:
            assert frames.region.name == "d3"
        assert physmem.allocate_frames(9, prefer=prefer).region.name != "d3"  # it has 8
    for forbid in ("DMA2D", physmem.DMA2D):
        assert physmem.allocate_frames(1, forbid=forbid).region.name == "d3"
    assert physmem.check() == []


def test_uncached_memory_is_first_for_them_too():
    """As for DMA: until it is used up, or the request speaks of CACHED."""
    physmem = booted()
    for n, keywords, region in (
        (1, {"require": "DMA2D"}, "d2"),
        (1, {"require": "DMA2D", "prefer": "CACHED"}, "sram"),
        (32, {"require": "DMA2D"}, "d2"),
        (2, {"require": "DMA2D"}, "sram"),
        (3, {"require": "DMA2D", "prefer": "DMA"}, "sram"),
    ):
        frames = physmem.allocate_frames(n, **keywords)
        assert frames.region.name == region, (n, keywords)
        if n == 1:
            frames.free()
    raises(MemoryError, physmem.allocate_frames, 1, require="DMA2D", forbid="CACHED")


def test_they_are_shown():
    """In pictures, in errors, and of memory that the firmware occupies."""
    physmem = booted()
    lines = []
    physmem.map(lines.append)
    for name, words in (("sram", "DMA CACHED DMA2D"), ("d3", "BDMA"), ("stack", "FAST RESERVED DMA2D")):
        header = [i for i, line in enumerate(lines) if line.startswith(name + " ")][0]
        assert lines[header].endswith(words) or lines[header + 1] == "  " + words, (name, lines)
    place = physmem.find(0x3010)
    assert place.region.name == "stack" and place.region.attrs & physmem.DMA2D
    assert not place.region.attrs & physmem.BDMA
    error = raises(physmem.PhysMemError, physmem.allocate_frames, 1, require="BDMA DMA2D", code="InvalidArgument")
    assert "require BDMA DMA2D" in str(error)
    error = raises(physmem.PhysMemError, physmem.allocate_frames, 1, require="MDMA", code="InvalidArgument")
    assert "'MDMA'" in str(error) and "'BDMA', 'DMA2D'" in str(error)
    error = raises(physmem.PhysMemError, physmem.allocate_frames, 1, require="BDMA", prefer="DMA2D", forbid=128 | 256)
    assert "BDMA DMA2D is in forbid" in str(error)


def test_bits_behind_them_are_none():
    physmem = booted()
    before = of_system(physmem)
    for call in (physmem.allocate_frames, physmem.allocate_frames_by_bytes, physmem.allocate_scattered):
        for bits in (512, 512 | 1, 1 << 30, 1 << 70, -1):
            raises(physmem.PhysMemError, call, 1, require=bits, code="InvalidArgument")
    raises(physmem.PhysMemError, physmem.Region, "r", 0x60000000, FRAME, FRAME, 512, code="InvalidArgument")
    assert of_system(physmem) == before
    for bits, code in ((physmem.DMA2D, None), (512, "InvalidArgument")):
        if code:
            raises(physmem.PhysMemError, physmem.add_region, "r", None, FRAME, FRAME, bits, code=code)
        else:
            physmem.remove_region(physmem.add_region("r", None, FRAME, FRAME, bits))
    assert physmem.add_region("r", None, FRAME, FRAME, "BDMA DMA").attrs == physmem.BDMA | physmem.DMA


def test_without_heap():
    """Bits need none, as in a handler."""
    physmem = booted()
    bits, request = physmem.BDMA, physmem.allocate_frames_deferred
    result = None
    micropython.heap_lock()
    try:
        result = request(1, require=bits)
    finally:
        micropython.heap_unlock()
    assert result[0].region.name == "d3"
    assert result[0].free() == 1
    if LOCKS:
        code = None
        micropython.heap_lock()
        try:
            request(1, require="BDMA DMA")
        except physmem.PhysMemError as error:
            code = error.code
        finally:
            micropython.heap_unlock()
        assert code == "NotPermitted"


def test_other_boards_do_not_have_them():
    """A plan without BUS_MASTERS, and a system made by init."""
    for start in (
        lambda physmem: physmem.init([("a", 0x60000000, FRAME, FRAME, "DMA")]),
        lambda physmem: physmem.boot(Plan(None, (("a", None, FRAME, FRAME, "DMA"),))),
        lambda physmem: physmem.boot(Plan((), (("a", None, FRAME, FRAME, "DMA"),))),
    ):
        physmem = fresh_physmem()
        start(physmem)
        physmem.boot_complete()
        assert physmem.ATTRIBUTES == OF_EVERY_BOARD
        assert not hasattr(physmem, "BDMA")
        for require in ("BDMA", 128):
            raises(physmem.PhysMemError, physmem.allocate_frames, 1, require=require, code="InvalidArgument")
    physmem = fresh_physmem()
    raises(physmem.PhysMemError, physmem.init, [("a", 0x60000000, FRAME, FRAME, "BDMA")], code="InvalidArgument")


def test_as_many_as_there_are_bits():
    words = tuple(["M%d" % i for i in range(MOST)])
    physmem = booted(Plan(words, (("a", None, FRAME, FRAME, ""), ("b", None, 2 * FRAME, FRAME, " ".join(words)))))
    assert OF_EVERY_BOARD + words == physmem.ATTRIBUTES
    assert physmem.M21 == 1 << 28 and physmem.region("b").attrs == (1 << 29) - 128
    for require in ("M21", 1 << 28, " ".join(words)):
        with physmem.allocate_frames(1, require=require) as frames:
            assert frames.region.name == "b"
    raises(physmem.PhysMemError, physmem.allocate_frames, 1, require=1 << 29, code="InvalidArgument")


def test_bad_plans_are_refused():
    """With an error that says which word is wrong. Nothing changes, and a right plan boots afterwards."""
    physmem = fresh_physmem()
    for masters, exception, texts in (
        ("BDMA", TypeError, ("BUS_MASTERS", "tuple", "str")),
        (["BDMA"], TypeError, ("BUS_MASTERS", "tuple", "list")),
        (None, physmem.PhysMemError, ("'DMA2D'", "'SHARED'")),  # the regions use words that the plan does not name
        (("BDMA",), physmem.PhysMemError, ("'DMA2D'", "'BDMA'")),
        (("BDMA", 5), physmem.PhysMemError, ("5", "BUS_MASTERS")),
        (("BDMA", ""), physmem.PhysMemError, ("''", "BUS_MASTERS")),
        (("bdma",), physmem.PhysMemError, ("'bdma'", "BUS_MASTERS")),
        (("DMA 2D",), physmem.PhysMemError, ("'DMA 2D'", "BUS_MASTERS")),
        (("2D",), physmem.PhysMemError, ("'2D'", "BUS_MASTERS")),
        (("BDMA", "DMA2D", "BDMA"), physmem.PhysMemError, ("BDMA", "BUS_MASTERS", "already")),
        (("DMA",), physmem.PhysMemError, ("DMA", "BUS_MASTERS", "already")),
        (("RESERVED",), physmem.PhysMemError, ("RESERVED", "BUS_MASTERS", "already")),
        (tuple(["M%d" % i for i in range(MOST + 1)]), physmem.PhysMemError, ("23", "22", "BUS_MASTERS")),
    ):
        error = raises(exception, physmem.boot, Plan(masters))
        for text in texts:
            assert text in str(error), (masters, error)
        if exception is not TypeError:
            assert error.code == "InvalidArgument", masters
        assert physmem.ATTRIBUTES == OF_EVERY_BOARD and not hasattr(physmem, "BDMA")
        assert physmem.regions() == [] and not physmem.booted
        assert len(bytearray(100)) == 100  # MemoryError if the heap were locked
    physmem.boot(Board)
    physmem.boot_complete()
    assert physmem.allocate_frames(1, require="BDMA").region.name == "d3"


def test_a_plan_that_is_refused_later_leaves_none():
    """A plan whose words are right, but not its regions."""
    physmem = fresh_physmem()
    wrong = Plan(("BDMA", "DMA2D"), Board.REGIONS + (("bad", 0x60000000, 4096, 48, "BDMA"),))
    raises(physmem.PhysMemError, physmem.boot, wrong, code="InvalidArgument")
    assert physmem.ATTRIBUTES == OF_EVERY_BOARD and not hasattr(physmem, "BDMA")


def test_retained_frames():
    """The constraints of `retain` take them; without one they are no attribute."""
    physmem = one_region().reset()
    for require in ("BDMA", 128):
        raises(physmem.PhysMemError, physmem.retain, "log", 10, require=require, code="InvalidArgument")
