"""Each public call in each place of the table of call_places.py: it works, or is refused with a sentence.

Whatever it does, nothing is lost, `check` finds nothing, and what is refused has changed nothing.
"""

import gc
import sys

import call_places
import micropython
import public_names
from call_places import HANDLER, LOCKED, OTHER_CORE, PROGRAM, SCHEDULED, WORKS, World, expected
from scheduled import run_scheduled
from support import IS_BOARD

NEEDS = ("micropython.heap_locked",)
TIMEOUT = 600
QEMU = ("-icount", "shift=6,sleep=off")  # as hard_interrupts needs it

if IS_BOARD:
    import hard_interrupts
if sys.platform == "rp2":
    import _thread
    import time

counts = {}  # of a place: cells, refused, worked


class Call:
    """One call, to be made in a place; `outcome` is WORKS, the code of an error or the type of one that has none."""

    def __init__(self, act):
        self.act = act
        self.outcome = self.result = self.error = None
        self.is_done = False
        self.callback = self.make

    def make(self, _):
        try:
            self.result = self.act()
            self.outcome = WORKS
        except Exception as error:
            # The error may be a prepared one, whose code changes.
            self.error = error
            self.outcome = error.code if hasattr(error, "code") else type(error).__name__
        self.is_done = True

    def make_in(self, place):
        if place == PROGRAM:
            self.make(None)
        elif place == LOCKED:
            micropython.heap_lock()
            self.make(None)
        elif place == SCHEDULED:
            micropython.schedule(self.callback, None)
            run_scheduled()
        elif place == HANDLER:
            hard_interrupts.once(0, self.callback)
            while not self.is_done:
                pass
        else:
            gc.collect()
            _thread.stack_size(8192)
            gc.disable()
            try:
                _thread.start_new_thread(self.callback, (None,))
                while not self.is_done:
                    pass
                time.sleep_ms(1)  # until MicroPython itself has ended the thread
            finally:
                gc.enable()
        while micropython.heap_locked():
            micropython.heap_unlock()
        run_scheduled()


def content(world):
    """Return what a refused call must not change."""
    physmem = world.names["physmem"]
    found = [(region.name, list(region.runs()), region.peak_used) for region in physmem.regions()]
    if world.is_whole and world.has_records:
        found.append([(kept.name, kept.addr, kept.mapped) for kept in physmem.retained()])
    for name in ("frames", "behind", "parts"):
        found.append(repr(world.names.get(name)))
    return found


def give_back(world):
    """Free everything, by whatever way is left."""
    physmem = world.names["physmem"]
    frames = world.names.get("frames")
    scope = world.names.get("scope")
    if scope is not None and scope.context is not None:
        scope.__exit__(None, None, None)
    if frames is not None and frames.state == physmem.MAPPED:
        frames.unmap()
    for kept in physmem.retained() if world.has_records else ():
        physmem.release(kept.name)
    for region in physmem.regions():
        for first, _, free in list(region.runs()):
            assert free or region.free(first) > 0
    for name in ("frames", "behind", "parts", "single", "action", "scope", "result", "far", "error", "buddy", "block"):
        world.names.pop(name, None)
    for region in world.regions:
        physmem.on_low(region, 0, None)
    physmem.debug()
    if [region for region in physmem.regions() if region.name == "more"]:
        physmem.remove_region("more")
    assert physmem.check() == []
    assert [region.free_frames for region in physmem.regions()] == [region.frames for region in physmem.regions()]


def try_cell(world, row, region, place):
    """Make one call in one place. Return (outcome, what is wrong or None)."""
    call, kind, before, proof = row
    names = world.names
    names["region"], names["place"], names["lines"] = region, place, []
    names["number"] = region.base // names["FRAME"]
    names["addr"] = region.base + 5 * names["FRAME"]
    exec(call_places.BEFORE[before], names)
    act = world.function(call)
    run_scheduled()
    wanted = expected(kind, place, region is world.regions[0], world.has_two_cores)
    state = content(world) if wanted != WORKS else None
    made = Call(act)
    made.make_in(place)
    outcome = made.outcome
    wrong = None
    if kind == call_places.RAW and outcome == WORKS and made.result < 0:
        outcome = made.result
    if outcome != wanted:
        wrong = "%s, not %s: %r" % (outcome, wanted, made.error)
    elif outcome == WORKS:
        names["result"] = made.result
        if not eval(proof, names):
            wrong = "it worked, but not %s: %r" % (proof, made.result)
    else:
        if content(world) != state:
            wrong = "refused, but %s became %s" % (state, content(world))
        if made.error is not None and not str(made.error) and kind != call_places.MAKES:
            wrong = "refused without a sentence"
    return outcome, wrong


def try_place(place):
    """Make each call in that place and count the outcomes."""
    cells = refused = 0
    wrong = []
    world = World()
    tried = call_places.worlds()
    for has_records, turn in tried:
        if world.has_records != has_records:
            world.start(has_records)
        for row in call_places.rows(has_records, turn, place):
            region = world.regions[turn]
            outcome = problem = None
            try:
                outcome, problem = try_cell(world, row, region, place)
                if row[2] != "fresh":
                    give_back(world)
            except Exception as error:
                problem = "%s; the test failed: %r" % (problem, error)
            cells += 1
            refused += outcome != WORKS
            if problem:
                wrong.append("%s: %s (%s, %s): %s" % (place, row[0], row[2], region.name, problem))
                print(wrong[-1])
            region = None
            if problem or row[2] == "fresh" or "unknown=True" in row[0]:
                world.start(has_records)
    print("%s: %d calls, %d refused, %d worked" % (place, cells, refused, cells - refused))
    counts[place] = cells, refused, cells - refused
    assert not wrong, "%d calls of %d" % (len(wrong), cells)
    assert (cells, refused) == call_places.count(place, world.has_two_cores, tried=tried)


def test_other_core():
    # First: the stack of a thread needs 8,192 bytes of the heap in one piece.
    if sys.platform == "rp2":
        try_place(OTHER_CORE)


def test_program():
    try_place(PROGRAM)


def test_program_with_the_heap_locked():
    if IS_BOARD or sys.implementation.name == "micropython":  # CPython's heap cannot be locked
        try_place(LOCKED)


def test_scheduled_function():
    try_place(SCHEDULED)


def test_hard_interrupt_handler():
    if IS_BOARD:
        try_place(HANDLER)


def test_all_places():
    """The counts of this runner: as many calls in each place, and all places that it has."""
    places = 2 + (sys.implementation.name == "micropython") + IS_BOARD + (sys.platform == "rp2")
    assert len(counts) == places
    calls = len({row[0] for row in call_places.TABLE})
    cells = sum([cells for cells, _, _ in counts.values()])
    refused = sum([refused for _, refused, _ in counts.values()])
    print("%d calls, %d places, %d cells: %d refused, %d worked" % (calls, places, cells, refused, cells - refused))
    tried = len(call_places.worlds())
    assert calls > 120 and cells > 45 * tried * places
    assert refused > 25 * tried or places == 2


def test_every_public_call_is_in_the_table():
    world = World()
    calls = [row[0] for row in call_places.TABLE]
    missing = [
        name for name in public_names.FUNCTIONS.split() if not [1 for call in calls if "physmem." + name in call]
    ]
    for name in public_names.CLASSES.split():
        for attribute in dir(getattr(world.names["physmem"], name)):
            if (
                not attribute.startswith("_")
                and attribute not in dir(ValueError)
                and not [1 for call in calls if "." + attribute in call]
            ):
                missing.append("%s.%s" % (name, attribute))
    assert not missing, missing
