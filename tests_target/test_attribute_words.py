"""Attributes by their names: require=, prefer=, forbid= of every call, init, and errors that say the words."""

from kept_memory import one_region
from snapshot import of_system
from support import fresh_physmem, raises

FRAME = 64
SRAM = 0x20100000
PSRAM = 0x60000000
CORE = 0x10000000


def system():
    """Three regions. A request without constraints goes to "psram", which has the fewest merits."""
    physmem = fresh_physmem()
    physmem.init(
        [
            ("sram", SRAM, 16 * FRAME, FRAME, "DMA FAST"),
            ("psram", PSRAM, 16 * FRAME, FRAME, "DMA EXTERNAL"),
            ("core", CORE, 16 * FRAME, FRAME, "FAST SHARED"),
        ]
    )
    return physmem


def calls(physmem):
    return (
        lambda **keywords: physmem.allocate_frames(1, **keywords),
        lambda **keywords: physmem.allocate_frames(1, align=2 * FRAME, boundary=4 * FRAME, **keywords),
        lambda **keywords: physmem.allocate_frames_by_bytes(5, **keywords),
        lambda **keywords: physmem.allocate_frames_deferred(1, **keywords)[0],
        lambda **keywords: physmem.allocate_frames_by_bytes_deferred(5, **keywords)[0],
        lambda **keywords: physmem.allocate_scattered(1, **keywords)[0],
    )


def test_words_do_what_numbers_do():
    """In every call, in any order, with any spaces; "" is none."""
    physmem = system()
    p = physmem
    for keywords, number, region in (
        ({"require": "FAST"}, {"require": p.FAST}, "core"),
        ({"require": "DMA FAST"}, {"require": p.DMA | p.FAST}, "sram"),
        ({"require": "FAST  DMA "}, {"require": p.DMA | p.FAST}, "sram"),
        ({"require": "SHARED"}, {"require": p.SHARED}, "core"),
        ({"require": ""}, {"require": 0}, "psram"),
        ({"prefer": "FAST"}, {"prefer": p.FAST}, "core"),
        ({"prefer": "FAST DMA"}, {"prefer": p.FAST | p.DMA}, "sram"),
        ({"prefer": "CACHED"}, {"prefer": p.CACHED}, "psram"),
        ({"forbid": "EXTERNAL"}, {"forbid": p.EXTERNAL}, None),
        ({"forbid": "EXTERNAL SHARED"}, {"forbid": p.EXTERNAL | p.SHARED}, "sram"),
        ({"require": "DMA", "forbid": "FAST"}, {"require": p.DMA, "forbid": p.FAST}, "psram"),
        ({"require": "DMA", "prefer": p.FAST}, {"require": p.DMA, "prefer": "FAST"}, "sram"),
    ):
        for call in calls(physmem):
            names = []
            for attributes in (keywords, number):
                frames = call(**attributes)
                names.append(frames.region.name)
                frames.free()
            assert names[0] == names[1] and region in (None, names[0]), (keywords, names)
    assert physmem.check() == []


def test_words_when_retaining():
    machine = one_region()
    physmem = machine.reset()
    log = physmem.retain("log", 10, require="RETAINED", prefer="DMA", forbid="EXTERNAL CACHED")
    assert log.name == "log" and physmem.retain("log", 10, require=physmem.RETAINED) is log
    raises(physmem.PhysMemError, physmem.retain, "log", 10, require="FAST", code="InvalidArgument")
    raises(physmem.PhysMemError, physmem.retain, "log", 10, require="FST", code="InvalidArgument")
    text = str(raises(physmem.PhysMemError, physmem.retain, "new", 10, require="FAST", code="InvalidArgument"))
    assert "FAST" in text and "RETAINED" in text


def test_words_that_are_none():
    """The sentence has the argument, what was given, and the words there are. Nothing changes."""
    physmem = system()
    before = of_system(physmem)
    for call in calls(physmem):
        for keyword in ("require", "prefer", "forbid"):
            for value, wrong in (("FST", "FST"), ("DMA fast", "fast"), ("DMA|FAST", "DMA|FAST"), ("DMA, FAST", "DMA,")):
                text = str(raises(physmem.PhysMemError, call, code="InvalidArgument", **{keyword: value}))
                assert keyword in text and "'%s'" % wrong in text, text
                for name in physmem.ATTRIBUTES:
                    assert name in text
            for value in (None, 1.5, [], ["DMA"], b"DMA", object()):
                text = str(raises(TypeError, call, **{keyword: value}))
                assert keyword in text, text
    assert of_system(physmem) == before


def test_errors_say_words():
    """Not 0x3, but DMA FAST."""
    physmem = system()
    for call in calls(physmem):
        text = str(raises(physmem.PhysMemError, call, require="CACHED", forbid=physmem.DMA, code="InvalidArgument"))
        assert "require CACHED" in text and "forbid DMA" in text and "region any" in text
        text = str(raises(physmem.PhysMemError, call, require="FAST EXTERNAL", code="InvalidArgument"))
        assert "require FAST EXTERNAL" in text and "forbid nothing" in text
        text = str(raises(physmem.PhysMemError, call, require="DMA FAST", forbid="DMA", code="InvalidArgument"))
        assert "DMA is in forbid" in text and "FAST" not in text
        text = str(raises(physmem.PhysMemError, call, prefer="DMA FAST", forbid=3, code="InvalidArgument"))
        assert "DMA FAST is in forbid" in text
        text = str(raises(physmem.PhysMemError, call, require="DMA", region="core", code="InvalidArgument"))
        assert "require DMA" in text and "region core" in text


def test_regions_by_name():
    """An unknown name says which there are; so does a Region that the system does not allocate from."""
    physmem = system()
    mine = physmem.Region("mine", 0x1000, FRAME, FRAME)
    for call in calls(physmem):
        text = str(raises(physmem.PhysMemError, call, region="psrm", code="InvalidArgument"))
        assert "psrm" in text
        for name in ("sram", "psram", "core"):
            assert name in text
        text = str(raises(physmem.PhysMemError, call, region=mine, code="InvalidArgument"))
        assert "mine" in text and "raw calls" in text and "psram" in text
        for wrong in (3, 1.5, [], b"sram", physmem):
            assert "region" in str(raises(TypeError, call, region=wrong))
        for region in ("core", physmem.region("core")):
            frames = call(region=region)
            assert frames.region.name == "core"
            frames.free()


def test_init_takes_words_and_says_them():
    physmem = fresh_physmem()
    text = str(
        raises(physmem.PhysMemError, physmem.init, [("a", SRAM, FRAME, FRAME, "DMA FST")], code="InvalidArgument")
    )
    assert "'FST'" in text and "FAST" in text
    text = str(raises(TypeError, physmem.init, [("a", SRAM, FRAME, FRAME, None)]))
    assert "attrs" in text
    physmem.init([("a", SRAM, FRAME, FRAME, "DMA  FAST"), ("b", PSRAM, FRAME, FRAME, "")])
    assert physmem.region("a").attrs == physmem.DMA | physmem.FAST and physmem.region("b").attrs == 0
