"""Retained and mapped frames: what is refused, with records and without."""

from kept_memory import FRAME, RECORD, one_region
from provocations.provocation import refused
from provocations.worlds import PAGE, failing, module, system, without_heap
from support import InHandler

LOCKED = "needs heap"


def rows():
    yield from _names()
    yield from _records()
    yield from _overwritten()
    yield from _without_records()
    yield from _without_heap()


def _names():
    p = one_region().reset()
    log = p.retain("log", 100)
    yield refused(p.retain, "x" * 33, 1, says=["x" * 33, "1 to 32 ASCII characters"])
    yield refused(p.retain, 3, 1, says=["a name must be a str", "int"])
    yield refused(p.retain, "new", 1, PAGE, says="without a name")
    yield refused(p.retain, "log", 99, says=["'log'", "100 bytes", "not 99"])
    yield refused(p.retain, "log", 100, low=log.addr + 1, says=["'log'", hex(log.addr), "ram"])
    yield refused(p.release, "lag", says=["'lag'", "log"])
    yield refused(p.free_at, log.addr, says=[hex(log.addr), "'log'"])
    frames = p.retain("four", 4 * FRAME)
    yield refused(frames.split_at, 1, says=["4 frames from frame 1", "retained"])
    frames.map()
    yield refused(p.release, "four", says=["'four'", "hardware owns"])
    taken = p.allocate_frames(26)

    def free(request):
        taken.free()
        p.retain("late", 1)
        return True

    p.on_exhausted(free)
    yield refused(p.retain, "late", 20 * FRAME, says=["'late'", "meanwhile"])


def _records():
    p = one_region(records=3 * RECORD).reset()
    p.retain("log", 100)
    yield refused(p.retain, "lag", 100, says="all 1 records")
    yield refused(p.allocate_frames(1).map, says="all 1 records")
    yield refused(p.retain, "lag", 100, within=InHandler(), says="in an interrupt handler")


def _overwritten():
    machine = one_region()
    p = machine.reset()
    p.retain("log", 100)
    machine.memory_of_records.view[2 * RECORD + 5] ^= 1
    yield refused(p.retain, "log", 100, says=["'log'", "overwritten"])
    machine.memory_of_records.view[2 * RECORD + 5] ^= 1
    region = p.region("ram")
    region.free(0)
    region.alloc_at(0, 2)
    yield refused(p.retain("log", 100).free, says=["1 retained frames from frame 0", "allocation of 2"])


def _without_records():
    p = system()
    yield refused(p.retain, "log", 100, says="no RETAINED_RECORDS")
    frames = p.allocate_frames(1)
    for _ in range(8):  # the places that are made in advance
        p.allocate_frames(1).map()
    full = failing(module("physmem_mapped"), "_add_group")
    yield refused(frames.map, within=full, says="all 8 places")


def _without_heap():
    machine = one_region()
    p = machine.reset()
    frames = p.allocate_frames(1)
    yield refused(frames.map, within=without_heap("physmem_records"), says=f"map() {LOCKED}")
    log = p.retain("log", 100)
    yield refused(lambda: log.name, within=failing(module("physmem_records"), "name_of"), says=f"name {LOCKED}")
    for call, name in ((p.retained, "retained"), (p.quarantined, "quarantined"), (p.dropped, "dropped")):
        call()
        yield refused(call, within=without_heap(), says=f"{name}() {LOCKED}")
        yield refused(call, within=without_heap("physmem_kept"), says=f"{name}() {LOCKED}")
    p = machine.reset()
    for call, arguments, name in ((p.retain, ("log", 100), "retain()"), (p.release, ("log",), "release()")):
        for what in ("physmem_records", "physmem_retained"):
            yield refused(call, *arguments, within=without_heap(what), says=f"{name} {LOCKED}")
    yield refused(p.release, "log", within=InHandler(), says="only SHARED")
