"""Making, changing and asking regions: what is refused."""

from provocations.provocation import refused
from provocations.worlds import PAGE, REGISTERS, SRAM, UNKNOWN, both, changed, module, system, without_heap
from support import InHandler, fresh_physmem

MOST_FRAMES = (1 << 30) - 64
LOCKED = "needs heap"


def rows():
    yield from _making()
    yield from _asking()
    yield from _adding()
    yield from _removing()
    yield from _occupied()
    yield from _without_heap()


def _making():
    p = fresh_physmem()

    def make(**wrong):
        arguments = {"name": "r", "base": PAGE, "size": 2 * PAGE, "frame_size": PAGE, "attrs": 0, **wrong}
        return p.Region(**arguments)

    yield refused(make, name=3, says=["name must be a str", "int"])
    yield refused(make, frame_size=48, says=["frame_size 48", "power of two", "32"])
    yield refused(make, attrs=128, says=["attrs 0x80", "DMA"])
    yield refused(make, cache_line=24, says=["cache_line 24", "power of two"])
    yield refused(make, attrs=p.CACHED, cache_line=2 * PAGE, says=["4096 bytes", "region r", "8192"])
    yield refused(make, base=1 << 64, says=["8192 bytes", hex(1 << 64), "64"])
    yield refused(make, base=PAGE + 32, says=["base 0x1020", "4096"])
    yield refused(make, size=0, says=["0x1000", "size of 0"])
    yield refused(make, size=PAGE << 30, says=[str(1 << 30), f"most {MOST_FRAMES}"])
    lock = changed(module("physmem_state"), "lacks_spin_lock", lambda: True)
    yield refused(make, attrs=p.SHARED, within=lock, says=["region r", "two cores"])


def _asking():
    p = system()
    sram = p.region("sram")
    yield refused(sram.addr, 64, says=["frame 64", "sram"])
    yield refused(sram.frame, SRAM - 1, says=[hex(SRAM - 1), "sram", hex(SRAM), hex(SRAM + 64 * PAGE)])
    yield refused(sram.largest_free, 3, says=["align_frames 3", "power of two"])
    yield refused(sram.alloc, "3", says=["n must be an integer", "str"])
    yield refused(sram.alloc, _Unnamed(), says="an argument is not an integer")
    yield refused(sram.addr, _Unnamed(), says="an argument is of the wrong type")
    yield refused(p.region, "nowhere", says=["'nowhere'", "sram", "psram"])
    yield refused(p.region, _Name("x"), says="see .code")
    yield refused(p.region, 3, says=["name must be a str", "int"])
    yield refused(lambda: p.nothing, says=["'nothing'", "physmem"])
    yield refused(p.map, 3, says=["write must be callable", "int"])
    yield refused(p.on_low, 3, 1, print, says=["region must be a Region", "int"])
    yield refused(p.on_low, "sram", 65, print, says=["frames is 65", "0 to 64", "sram"])
    yield refused(p.on_low, "sram", 1, 3, says=["hook must be callable", "int"])


def _adding():
    p = system()
    add = p.add_region
    yield refused(add, 3, says=["name must be a str or a Region", "int"])
    mine = p.Region("mine", UNKNOWN, PAGE)
    yield refused(add, mine, PAGE, says="takes a Region")
    yield refused(add, "sram", UNKNOWN, PAGE, says=["region sram", hex(SRAM)])
    yield refused(add, "new", SRAM, PAGE, says=[f"new at {SRAM:#x}", f"sram at {SRAM:#x}"])
    yield refused(add, "new", None, 0, says=["size 0x0", "4096"])
    yield refused(add, "new", None, 100, says=["size 0x64", "4096"])
    yield refused(add, "new", 1 << 52, PAGE, says=["4096 bytes", hex(1 << 52), "2**52"])
    yield refused(add, "new", None, 1 << 70, says=str(1 << 70))
    used = [(UNKNOWN, UNKNOWN + 1, "the stack")]
    with changed(module("physmem_chip"), "memory_of_the_firmware", lambda: used):
        yield refused(add, "new", UNKNOWN, PAGE, says=[f"new at {UNKNOWN:#x}", "the stack"])


def _removing():
    p = system()
    yield refused(p.remove_region, 3, says=["region must be a Region", "int"])
    yield refused(p.remove_region, p.Region("mine", UNKNOWN, PAGE), says="region mine")
    yield refused(p.remove_region, "sram", says=["sram", "4 of its 64 frames"])
    p.on_low("psram", 1, print)
    yield refused(p.remove_region, "psram", says=["psram", "watched"])


def _occupied():
    p = fresh_physmem()

    class Board:
        REGIONS = (("sram", SRAM, 64 * PAGE, PAGE, 0),)
        OCCUPIED = (("registers", REGISTERS, 2 * PAGE),)

    p.boot(Board)
    p.boot_complete()
    # Without heap for the region of that memory, which nobody has asked for.
    says = [hex(REGISTERS), "registers", "the firmware occupies"]
    yield refused(p.allocate_frames_at, REGISTERS, 1, within=without_heap("physmem_setup"), says=says)
    says = "the region of memory that the firmware occupies needs heap"
    yield refused(p.region, "registers", within=without_heap("physmem_setup"), says=says)
    yield refused(p.regions, within=without_heap("physmem_setup", after=1), says=f"regions() {LOCKED}")
    in_handler = both(without_heap("physmem_setup"), InHandler())
    yield refused(p.allocate_frames_at, REGISTERS, 1, within=in_handler, says="only SHARED")
    p.regions()
    yield refused(p.free_at, REGISTERS, says=[hex(REGISTERS), "registers", "the firmware occupies"])
    yield refused(p.remove_region, "registers", says=["registers", "the firmware occupies"])


def _without_heap():
    p = system()
    sram = p.region("sram")
    yield refused(sram.recover, within=without_heap(), says=f"recover() {LOCKED}")
    yield refused(p.allocate_frames, 1, require=_Words("DMA"), says=f"attributes as text {LOCKED}")
    for name in FIRST_USED:
        module(name)
    for call, arguments, name in (
        (sram.runs, (), "runs()"),
        (sram.check, (), "check()"),
        (p.stats, (), "stats()"),
        (p.check, (), "check()"),
        (p.map, (), "map()"),
        (p.dump, (), "dump()"),
        (p.on_low, ("sram", 1, print), "on_low()"),
        (p.add_region, ("new", None, PAGE), "add_region()"),
        (p.remove_region, ("psram",), "remove_region()"),
        (p.early_heap, (), "early_heap()"),
        (p.regions, (), "regions()"),
        (p.PhysMemError("NotAllocated", "").as_str, (), "as_str()"),
        (p.debug, (), "debug()"),
        (p.mark, (), "mark()"),
        (p.leaks, (), "leaks()"),
        (p.allocate_scattered, (1,), "allocate_scattered()"),
        (p.inspect_then_allocate, (print,), "inspect_then_allocate()"),
    ):
        yield refused(call, *arguments, within=without_heap(), says=f"{name} {LOCKED}")
        yield refused(call, *arguments, within=without_heap(*FIRST_USED), says=f"{name} {LOCKED}")
    for call, arguments, name in (
        (sram.runs, (), "runs()"),
        (sram.check, (), "check()"),
        (sram.recover, (), "recover()"),
        (repr, (sram,), "repr()"),
        (p.scope, (), "scope()"),
        (p.Region, ("new", 0, PAGE), "Region()"),
    ):
        after = name in ("runs()", "check()", "recover()")
        yield refused(call, *arguments, within=without_heap(*FIRST_USED, after=after), says=f"{name} {LOCKED}")


FIRST_USED = (
    "physmem_debug",
    "physmem_find",
    "physmem_low",
    "physmem_map",
    "physmem_overview",
    "physmem_requests",
    "physmem_runs",
    "physmem_scope",
    "physmem_setup",
    "physmem_state",
    "physmem_upkeep",
)


class _NoName(type):
    @property
    def __name__(cls):
        raise MemoryError("no heap")


class _Unnamed(metaclass=_NoName):
    """A value for whose type there is no heap in a sentence."""


class _Words(str):
    def split(self):
        raise MemoryError("no heap")


class _Name(str):
    def __repr__(self):
        raise MemoryError("no heap")
