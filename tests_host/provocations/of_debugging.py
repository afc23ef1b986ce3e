"""The tiers of debugging: what they refuse, and what they find."""

from debug_system import DebugSystem
from provocations.provocation import refused
from provocations.worlds import system, without_heap

LOCKED = "needs heap"


def rows():
    p = system()
    yield refused(p.debug, True, says="without a name")
    yield refused(p.debug, guard_frames=-1, says=["guard_frames is -1", "0"])
    yield refused(p.debug, guard_frames=48, says="48 guard_frames")
    yield refused(p.leaks, says="owners are not recorded")
    import physmem_debug

    yield refused(physmem_debug.statistics, says="nothing is counted")
    yield refused(physmem_debug.statistics, 3, says=["reset must be a bool", "int"])
    for call in (p.debug, p.leaks):
        yield refused(call, within=without_heap(), says=f"{call.__name__}() {LOCKED}")
    p.mark()
    yield refused(p.leaks, 7, says=["since 7", "0"])
    for call in (physmem_debug.statistics, physmem_debug.untracked):
        yield refused(call, within=without_heap(), says=f"{call.__name__}() {LOCKED}")
    p.debug()
    yield refused(p.mark, within=without_heap(), says=f"mark() {LOCKED}")
    yield refused(p.debug, owners=True, within=without_heap("physmem_tiers", after=1), says=f"debug() {LOCKED}")
    yield from _differences()


def _differences():
    system = DebugSystem(("ram", 16, ""))
    ram = system.region("ram")
    alloc, alloc_at, free = ram.alloc, ram.alloc_at, ram.free
    system.physmem.debug(owners=True, assertions=True)
    ram.alloc(2)
    free(0)
    yield refused(ram.free, 0, says=["ram", "frame 0", "serial 1", "None"])
    yield refused(ram.alloc, 2, says=["ram", "frame 0", "serial 1", "None"])
    alloc(2)
    ram.free(0)
    alloc_at(0, 2)
    yield refused(ram.free, 0, says=["ram", "frame 0", "serial 1", "None"])
