"""Starting a system: what `init`, `boot` and `boot_in_heap` refuse."""

from provocations.provocation import refused
from provocations.worlds import PAGE, SRAM, both, changed, lacking, module, without_heap
from support import fresh_physmem

LOCKED = "needs heap"
REGIONS = (("sram", SRAM, 64 * PAGE, PAGE, 0),)


class _Plan:
    def __init__(self, **parts):
        self.REGIONS = REGIONS
        self.OCCUPIED = ()
        for name, value in parts.items():
            setattr(self, name, value)


def rows():
    yield from _entries()
    yield from _memory_plans()
    yield from _in_the_heap()
    yield from _twice()
    yield from _before()


def _entries():
    p = fresh_physmem()
    init = p.init
    yield refused(init, (), (), PAGE, says="without a name")
    yield refused(init, "sram", says=["free must be a list", "str"])
    yield refused(init, 3, says=["free must be a list", "int"])
    yield refused(init, [3], says=["must be a Region, (base, size)", "int"])
    yield refused(init, [(3, SRAM, PAGE)], says=["name of a region must be a str", "int"])
    yield refused(init, [(1 << 52, PAGE)], says=["4096 bytes", hex(1 << 52), "2**52"])
    yield refused(init, [], spin_lock=2, says=["spin_lock 0x2", "multiple of 4"])
    yield refused(init, [("a", 0, PAGE, 2048), ("b", 2048, PAGE, 1024)], says=["0x0..0x1000", "0x800..0x1800"])
    yield refused(init, [("a", 0, PAGE), ("a", PAGE, PAGE)], says=["named a", "0x0", "0x1000"])
    yield refused(init, [("a", None, 1 << 70)], says=str(1 << 70))
    used = p.Region("used", SRAM, 4 * PAGE)
    used.alloc(1)
    yield refused(init, [used], [(SRAM, PAGE)], says="1 frames of used")
    yield refused(init, [], within=without_heap(), says=f"init() {LOCKED}")
    yield refused(init, [], within=without_heap("physmem_setup"), says=f"init() {LOCKED}")
    says = f"a system without records {LOCKED}"
    yield refused(init, [], within=without_heap("physmem_mapped", after=1), says=says)
    yield refused(init, [], within=without_heap("physmem_state", after=1), says=f"a pool {LOCKED}")
    overlapping = [(0, 2 * PAGE), (PAGE, 2 * PAGE)]
    yield refused(init, overlapping, within=without_heap("physmem_plan", after=1), says=f"a memory plan {LOCKED}")
    cached = [("a", SRAM, PAGE, PAGE, "CACHED")]
    yield refused(init, cached, within=without_heap("physmem_cache", after=1), says=f"a CACHED region {LOCKED}")


def _memory_plans():
    p = fresh_physmem()

    def boot(**parts):
        p.boot(_Plan(**parts))

    yield refused(p.boot, 3, says=["board must be a memory plan with REGIONS and OCCUPIED", "int"])
    yield refused(boot, REGIONS=(("sram", SRAM, PAGE),), says=["(name, base, size, frame size, attributes)", "'sram'"])
    yield refused(boot, SPARE_OWNERS=0, says=["SPARE_OWNERS = 0", "1"])
    yield refused(boot, BUS_MASTERS="BDMA", says=["BUS_MASTERS must be a tuple", "str"])
    yield refused(boot, BUS_MASTERS=("M",) * 23, says=["23 words", "22"])
    yield refused(boot, BUS_MASTERS=("bdma",), says=["'bdma'", "capital letters"])
    yield refused(boot, BUS_MASTERS=("DMA",), says=["DMA in BUS_MASTERS", "FAST"])
    yield refused(boot, RETAINED_RECORDS=(SRAM, 128), says=["128", hex(SRAM), "192"])
    narrow = changed(module("physmem_recover"), "ADDRESS_BITS", 32)
    yield refused(boot, RETAINED_RECORDS=(1 << 30, 1024), within=narrow, says=[hex(1 << 30), "below"])
    unloaded = without_heap("physmem_recover", after=1)
    yield refused(boot, RETAINED_RECORDS=(SRAM, 1024), within=unloaded, says=f"boot() {LOCKED}")
    yield refused(boot, within=without_heap(), says=f"boot() {LOCKED}")
    yield refused(boot, SPARE_OWNERS="8", says=["SPARE_OWNERS must be an int", "str"])
    yield refused(p.boot, within=lacking("physmem_board"), says=["physmem_board", "memory plan"])
    nothing = both(lacking("physmem_board"), without_heap("physmem_install", after=1))
    yield refused(p.boot, within=nothing, says=f"boot() {LOCKED}")


def _in_the_heap():
    p = fresh_physmem()
    boot = p.boot_in_heap
    yield refused(boot, PAGE, 1024, says="without a name")
    yield refused(boot, PAGE, frame_size=48, says=["frame_size 48", "power of two", "32"])
    yield refused(boot, 0, says="nbytes = 0")
    yield refused(boot, PAGE, align=3, says=["align 3", "power of two"])
    yield refused(boot, 1 << 70, says=[str(1 << 70), "4096"])
    yield refused(boot, PAGE, within=without_heap(), says=f"boot_in_heap() {LOCKED}")
    yield refused(boot, PAGE, within=without_heap("physmem_heap"), says=f"boot_in_heap() {LOCKED}")


def _twice():
    p = fresh_physmem()
    p.init(REGIONS)
    yield refused(p.init, REGIONS, says=["1 regions", "init()"])
    yield refused(p.boot, _Plan(), says=["1 regions", "boot()"])
    yield refused(p.boot_in_heap, PAGE, says=["1 regions", "add_region("])


def _before():
    p = fresh_physmem()
    yield refused(p.allocate_frames, 1, says=["no regions yet", "boot_in_heap()"])
