"""Wrong arguments at every public call: each sort of wrong value, at each parameter, one at a time.

The calls and what they must do are made from the tables in wrong_arguments.py. A value of a wrong sort is a TypeError
that names the parameter and the type that was given. A wrong value is a PhysMemError that names the parameter, or a
MemoryError if there is not so much; of a raw call it is a negative code. A bool is an integer.

Nothing changes, byte for byte: the metadata of all regions, their memory, the records, the owners, the hooks. Only two
counts may: `failed`, where a search was made, so for a MemoryError or a negative code; and, where the type was right,
the version of a region's state, which counts the critical sections.

Each test prints all calls that go wrong. The last tests show that the same tables make right calls that work, and that
they leave out no public name.
"""

import sys

import physmem_board
import public_names
import wrong_arguments as wrong
from physmem_state import STATE_FAILED, STATE_VERSION
from support import IS_FAST, IS_SLOW, fresh_physmem, spare_owners
from uctypes import bytearray_at

LEAST_CALLS = 2000
EVERY = 23  # a slow board tries one wrong call of so many: a prime, so that it meets all sorts of values
EVERY_RIGHT = 5  # and one right call of so many
RAW_CALLS = ("alloc", "alloc_aligned", "alloc_at", "free")
REGISTERS = 0x1000
RECORD = 64  # bytes


class World:
    """A system with something of everything, and the objects that the calls need."""

    def __init__(self):
        self.physmem = p = fresh_physmem()

        class Board:
            REGIONS = (
                ("sram", None, 32 * wrong.FRAME, wrong.FRAME, "DMA FAST RETAINED SHARED"),
                ("psram", None, 16 * wrong.FRAME, wrong.FRAME, "DMA"),
            )
            OCCUPIED = (("registers", REGISTERS, 4096),)
            RETAINED_RECORDS = (None, 1024)
            SPIN_LOCK = getattr(physmem_board, "SPIN_LOCK", 0)

        p.boot(Board)
        p.boot_complete()
        self.sram = p.region("sram")
        self.stranger = p.Region("stranger", wrong.REGION_AT, 64 * 32, 32, p.DMA)
        self.own = p.Region("own", wrong.REGION_AT, 64 * wrong.PAGE)
        self.own.alloc_at(8, 4)
        self.held = p.allocate_frames_at(self.sram.base + 16 * wrong.FRAME, 4)
        self.elsewhere = p.allocate_frames(4, region="psram")
        self.kept = p.retain("kept", 100)
        self.far_page = p.PageFrame(wrong.FAR_AT, 0)
        self.names = [region.name for region in p.regions()]
        self.kinds = wrong.kinds(self)
        self._reset_peak = getattr(p, "reset_peak", None)
        self.receiver = None
        self._close = None

    def write(self, line):
        """Take a line of a picture."""

    def find(self, call):
        """Return the function of `call`, of an object that `close` ends; None if there is none yet."""
        owner, _, name = call.rpartition(".")
        if self._reset_peak:
            self._reset_peak()  # so that a refused call that allocates for a moment is noticed
        self.receiver = self._receiver(owner) if owner else self.physmem
        if call == "leaks":
            self.physmem.debug(owners=True)
            self._close = self.physmem.debug
        return getattr(self.receiver, name, None)

    def close(self):
        """End the object of the last call."""
        if self._close:
            self._close()
        self._close = None

    def _receiver(self, owner):
        p = self.physmem
        if owner in ("AllocatedFrames", "MappedFrames"):
            frames = p.allocate_frames(4, region="sram")
            if owner == "MappedFrames":
                frames.map()
            self._close = lambda: self.undo(frames)
            return frames
        if owner == "DeferredAllocAction":
            frames, action = p.allocate_frames_deferred(1)
            self._close = lambda: self.undo((frames, action))
            return action
        if owner == "Scope":
            scope = p.scope()
            scope.__enter__()
            self._close = lambda: scope.__exit__(None, None, None)
            return scope
        if owner == "BuddyAllocator":
            buddies = p.BuddyAllocator(wrong.PAGES_AT, 64)
            buddies.alloc_pages(4)
            return buddies
        make = {
            "Plan": lambda: Plan(self),
            "Kept": lambda: Kept(self),
            "Chooser": lambda: Chooser(self),
            "Region": lambda: self.own,
            "PhysMemError": lambda: p.PhysMemError("NotAllocated", "a sentence"),
            "PhysAddr": lambda: p.PhysAddr(wrong.PAGES_AT),
            "PageOrder": lambda: p.PageOrder(2),
            "PageFrame": lambda: p.PageFrame(wrong.PAGES_AT, 2),
            "FrameRange": lambda: p.FrameRange(16, 8),
            "PhysicalMemoryRegion": lambda: p.PhysicalMemoryRegion,
            "AllocatorStats": lambda: p.AllocatorStats(64, 32),
        }
        return make[owner]()

    def start_over(self):
        """Forget the system: from here on `init` and `boot` can be called."""
        self.close()
        self.sram = self.stranger = self.own = self.held = self.elsewhere = self.kept = None
        self.receiver = self._reset_peak = None
        self.kinds = {kind: self.kinds[kind] for kind in wrong.kinds_of(wrong.START)}
        self.physmem = fresh_physmem()

    def undo(self, result):
        """Give back what a call returned."""
        p = self.physmem
        if isinstance(result, p.AllocatedFrames):
            if result.state == p.MAPPED:
                result.unmap()
            if result.state not in (p.FREED, p.MOVED):
                result.free()
        elif isinstance(result, (tuple, list)):
            for part in result:
                self.undo(part)
        elif isinstance(result, p.DeferredAllocAction):
            result.commit()

    def undo_call(self, call, result):
        """Undo what a call did that was granted, as far as a later call would notice it."""
        p = self.physmem
        owner, _, name = call.rpartition(".")
        if owner == "Region" and name in RAW_CALLS and isinstance(result, int) and result >= 0:
            self.receiver.alloc_at(8, 4) if name == "free" else self.receiver.free(result)
        elif call == "Kept.again":
            pass  # they stay
        elif call == "on_exhausted":
            p.on_exhausted(result)
        elif call == "on_low":
            p.on_low("sram", 0, None)
        elif call in ("debug", "mark"):
            p.debug()
        elif call == "add_region":
            p.remove_region(result)
        elif call in [start for start, _ in wrong.START]:
            self.start_over()
        else:
            self.undo(result)


class Chooser:
    """What a chooser of `inspect_then_allocate` may pick, in the region "sram"."""

    def __init__(self, world):
        self._physmem = world.physmem

    def pick(self, first, n):
        return self._physmem.inspect_then_allocate(
            lambda region, start, count: (first, n) if region.name == "sram" else None
        )


class Kept:
    """The frames of a name that is retained already."""

    def __init__(self, world):
        self._physmem = world.physmem

    def again(self, nbytes, **constraints):
        return self._physmem.retain("kept", nbytes, **constraints)


class Plan:
    """What `init` and `boot` take, part by part."""

    def __init__(self, world):
        self._physmem = world.physmem

    def free_entry(self, name, base=wrong.FAR_AT, size=8192, frame_size=4096, attrs=0):
        self._physmem.init([(name, base, size, frame_size, attrs)])

    def reserved_entry(self, name, base=wrong.FAR_AT, size=8192, frame_size=4096, attrs=0):
        self._physmem.init([], [(name, base, size, frame_size, attrs)])

    def pair(self, base, size=8192):
        self._physmem.init([(base, size)])

    def _boot(self, **parts):
        class Board:
            REGIONS = parts.get("regions", (("r", wrong.FAR_AT, 8192, 4096, 0),))
            OCCUPIED = parts.get("occupied", ())

        for name in ("RETAINED_RECORDS", "CACHE_LINE"):
            if name in parts:
                setattr(Board, name, parts[name])
        self._physmem.boot(Board)
        self._physmem.boot_complete()

    def region(self, name, base=wrong.FAR_AT, size=8192, frame_size=4096, attrs=0):
        self._boot(regions=((name, base, size, frame_size, attrs),))

    def occupied_block(self, name, base=REGISTERS, size=8192):
        self._boot(occupied=((name, base, size),))

    def records(self, base, size=1024):
        self._boot(RETAINED_RECORDS=(base, size))

    def cache_line(self, cache_line):
        self._boot(CACHE_LINE=cache_line)


class Snapshot:
    """Everything that a refused call must not change. It is compared in place, as copies would fill a small heap."""

    def __init__(self, world):
        self._world = world
        self._regions = world.physmem.regions()
        self._watched = self._regions + [world.own]
        self._shapes = [self._shape(region) for region in self._watched]
        self._states = [bytes(region._state) for region in self._watched]
        self._memory = []
        for region in self._regions:
            if region.name in ("sram", "psram"):
                view = bytearray_at(region.base, region.end - region.base)
                self._memory.append((view, bytes(view)))
        records = sys.modules["physmem_records"]
        if records.slots:
            view = bytearray_at(records.base, RECORD * records.slots)
            self._memory.append((view, bytes(view)))
        self._owners = self._words_of_owners()
        self._hooks = self._all_hooks()
        self._counts = self._all_counts()

    @staticmethod
    def _shape(region):
        return (region.name, region.base, region.end, region.frame_size, region.frames, region.attrs)

    def _words_of_owners(self):
        w = self._world
        found = [(f.state, f.first, f.count, f.nbytes, f.owner) for f in (w.held, w.elsewhere, w.kept)]
        if isinstance(w.receiver, w.physmem.AllocatedFrames):
            found.append((w.receiver.state, w.receiver.first, w.receiver.count, w.receiver.nbytes, w.receiver.owner))
        elif isinstance(w.receiver, w.physmem.BuddyAllocator):
            found.append(w.receiver.allocations_out())
        return found

    @staticmethod
    def _all_hooks():
        found = [sys.modules["physmem_allocate"]._on_exhausted]
        if "physmem_debug" in sys.modules:
            found += [setting for setting in sorted(sys.modules["physmem_debug"]._settings.items()) if setting[1]]
        if "physmem_low" in sys.modules:
            found += [(one.frames, one.crossing) for one in sys.modules["physmem_low"]._low_waters]
        return found

    def _all_counts(self):
        p = self._world.physmem
        found = [spare_owners()]
        if IS_FAST:
            for row in p.stats().values():
                found.append([row[key] for key in sorted(row) if key != "failed"])
            if hasattr(p, "allocations"):
                found.append([tuple(allocation) for allocation in p.allocations()])
            found.append(p.retained())
        return found

    def change(self, refusal):
        """Return what has changed, in words; None if nothing has but what may, as the call was refused that way."""
        counts = ()
        if refusal not in (wrong.TYPE, wrong.SIGNATURE):
            counts = (STATE_VERSION,)
        if refusal in (wrong.FULL, wrong.MANY, wrong.CODE, wrong.NOTHING):
            counts += (STATE_FAILED,)
        if self._world.physmem.regions() != self._regions:
            return "the list of regions"
        for i, region in enumerate(self._watched):
            if self._shape(region) != self._shapes[i]:
                return "the shape of %s" % region.name
            state, now = self._states[i], bytes(region._state)
            if now != state:
                if self._without(counts, now) != self._without(counts, state):
                    return "the metadata of %s" % region.name
                self._states[i] = now
        for view, content in self._memory:
            if view != content:
                return "the content of memory"
        if self._words_of_owners() != self._owners:
            return "the owners"
        if self._all_hooks() != self._hooks:
            return "the hooks"
        return None if self._all_counts() == self._counts else "the statistics"

    @staticmethod
    def _without(words, state):
        state = bytearray(state)
        for word in words:
            state[4 * word : 4 * word + 4] = bytes(4)
        return state


def words_of(sentence):
    """Return the sentence in single spaces with nothing but words and numbers, for a search of whole words."""
    text = ""
    for letter in sentence:
        text += letter if letter.isalpha() or letter.isdigit() or letter in "_" else " "
    return " %s " % " ".join(text.split())


def names(sentence, parameter, *tables):
    """Return whether the sentence names the parameter, or has a word that may stand for it."""
    sentence = words_of(sentence)
    words = (parameter,)
    for table in tables:
        words += table.get(parameter, ())
    return any(" %s " % word in sentence for word in words)


def outcome_of(function, arguments, keywords):
    """Call the function and return (what it returned, the error that it raised)."""
    try:
        return function(*arguments, **keywords), None
    except Exception as error:
        return None, error


def described(world, result, error):
    """Return how a call ended, to compare it with another that must end in the same way."""
    if error:
        return (type(error).__name__, getattr(error, "code", None))
    if isinstance(result, world.physmem.AllocatedFrames):
        return (result.region.name, result.count, result.nbytes) if result else result.state
    if isinstance(result, (tuple, list)):
        return [described(world, part, None) for part in result]
    if isinstance(result, world.physmem.Region) and result.name == "heap":  # it lies wherever the heap has room
        return "%d frames of %d, attributes %#x" % (result.frames, result.frame_size, result.attrs)
    return "an action" if isinstance(result, world.physmem.DeferredAllocAction) else repr(result)


class Trial:
    """Runs the wrong calls of a part of the tables and collects those that end otherwise than they must."""

    def __init__(self, world, snapshot=Snapshot):
        self.world = world
        self.snapshot = snapshot
        self.calls = 0
        self.found = []
        self._number = 0

    def run(self, entries, dress=""):
        """Run the wrong calls of these entries of wrong_arguments.CALLS; `dress` says what is special about them."""
        w = self.world
        for call, specification in entries:
            function = w.find(call)
            if function is None:
                self.found.append("%s is not there" % call)
                continue
            before = None
            parameters = wrong.parameters(specification)
            for name, value, refusal in wrong.wrong_calls(w.kinds, call, parameters):
                self._number += 1
                if IS_SLOW and self._number % EVERY:
                    continue
                self.calls += 1
                if refusal in (wrong.LIKE_ONE, wrong.LIKE_ZERO):
                    self._like_an_integer(call, parameters, name, value, dress)
                    before = None
                    continue
                if before is None:
                    w.close()
                    function = w.find(call)
                    before = self.snapshot(w)
                arguments, keywords = wrong.wrong_arguments_of(w.kinds, parameters, name, value)
                result, error = outcome_of(function, arguments, keywords)
                if call == "Kept.again" and refusal in (wrong.FULL, wrong.VALUE):
                    refusal = wrong.MANY  # that the place is not as asked for
                wanted = self._complaint(refusal, name, value, result, error)
                got = error or described(w, result, None)
                if not error and refusal not in (wrong.CODE, wrong.NOTHING):
                    w.undo_call(call, result)
                change = before.change(refusal)
                if change:
                    wanted = ("%s; " % wanted if wanted else "") + "no change of " + change
                if wanted:
                    self._note(dress + call, name, value, got, wanted)
                if change or not error:
                    before = None
            w.close()

    def _like_an_integer(self, call, parameters, name, value, dress):
        """Check that True does what 1 does, and False what 0 does. Each call may be granted, and has its own object."""
        w = self.world
        number = int(value)
        ends = []
        for given in (value, number):
            w.close()
            function = w.find(call)
            arguments, keywords = wrong.arguments_of(w.kinds, parameters, name, given)
            result, error = outcome_of(function, arguments, keywords)
            ends.append(described(w, result, error))
            if not error:
                w.undo_call(call, result)
        w.close()
        if ends[0] != ends[1]:
            self._note(dress + call, name, value, ends[0], "%r, as for %d" % (ends[1], number))

    def _complaint(self, refusal, name, value, result, error):
        """Return what should have happened; None if it did."""
        if refusal == wrong.CODE:
            return None if isinstance(result, int) and result < 0 and not error else refusal
        if refusal == wrong.NOTHING:
            return None if result is None and not error else refusal
        types = {
            wrong.TYPE: TypeError,
            wrong.VALUE: self.world.physmem.PhysMemError,
            wrong.FULL: MemoryError,
            wrong.MANY: (MemoryError, self.world.physmem.PhysMemError),
            wrong.SIGNATURE: TypeError,
        }
        if not isinstance(error, types[refusal]):
            return refusal
        sentence = str(error)
        if refusal == wrong.SIGNATURE:
            return None
        if not sentence:
            return "a sentence"
        if refusal == wrong.TYPE:
            if not names(sentence, name, wrong.WORDS):
                return "a sentence that names %s" % name
            kind = type(value).__name__
            return None if kind in sentence else "a sentence that says %s" % kind
        if not names(sentence, name, wrong.WORDS, wrong.WORDS_OF_VALUES) and refusal == wrong.VALUE:
            return "a sentence that names %s" % name
        if refusal == wrong.VALUE and value and isinstance(value, (int, str)):
            given = (value, repr(value)) if isinstance(value, str) else ("%d" % value, "%x" % abs(value))
            if given[0] not in sentence and given[1] not in sentence:
                return "a sentence that says %r" % value
        return None

    def _note(self, call, name, value, got, wanted):
        if isinstance(got, Exception):
            got = "%s: %s" % (type(got).__name__, got)
        line = "%s | %s=%r | %s | wanted: %s" % (call, name, value, got, wanted)
        print("WRONG", line)
        self.found.append(line)

    def end(self):
        """Assert that all went as it must."""
        print("%d wrong calls, %d not refused as they must be" % (self.calls, len(self.found)))
        assert not self.found, self.found[0]
        assert self.calls
        assert self.world.physmem.check() == []


def run(*tables):
    """Run the wrong calls of these tables in a new world."""
    trial = Trial(World())
    for entries in tables:
        trial.run(entries)
    trial.end()


def test_requests():
    """The calls that allocate."""
    run(wrong.REQUESTS)


def test_the_system():
    """The other calls of the module that need a system."""
    run(wrong.SYSTEM)


def test_objects():
    """Owners, scopes, actions, and the making of regions."""
    run(wrong.OBJECTS)


def test_vocabulary():
    """RuVix' and Theseus' words."""
    run(wrong.VOCABULARY)


def test_raw_calls():
    """Raw calls and questions of a region: of one alone, of a SHARED one, and while the tiers of `debug` watch it."""
    world = World()
    trial = Trial(world)
    trial.run(wrong.REGION)
    raw_calls = [entry for entry in wrong.REGION if entry[0].rpartition(".")[2] in RAW_CALLS]
    p = world.physmem
    world.own = shared = p.Region("shared", wrong.FAR_AT, 64 * wrong.PAGE, attrs=p.SHARED)
    shared.alloc_at(8, 4)
    trial.run(raw_calls, "SHARED ")
    p.on_low(shared, 2, world.write)
    trial.run(raw_calls, "watched ")
    p.on_low(shared, 0, None)
    world.own = p.add_region("tiers", wrong.PAGES_AT, 64 * wrong.PAGE)
    world.own.alloc_at(8, 4)
    p.debug(owners=True, assertions=True, statistics=True)
    trial.run(raw_calls, "tiers ")
    p.debug()
    trial.end()


class Nothing:
    """What a refused `init` or `boot` leaves: no region, and the heap unlocked. Stands for a Snapshot."""

    def __init__(self, world):
        self._world = world

    def change(self, refusal):
        bytearray(64)
        return "regions, as there were none" if self._world.physmem.regions() else None


def test_making_a_system():
    """What `init` and `boot` refuse leaves no system behind."""
    world = World()
    world.start_over()
    trial = Trial(world, Nothing)
    trial.run(wrong.START)
    trial.end()


def by_hand(w):
    """Return the right use of the calls whose arguments the tables cannot give: (call, a function that tries it)."""
    p = w.physmem

    def free_at():
        return p.free_at(p.allocate_frames(2).addr) == 2

    def release():
        p.retain("gone", 1)
        return p.release("gone") == 1

    def remove_region():
        p.remove_region(p.add_region("new", wrong.FAR_AT, 2 * wrong.PAGE))
        p.add_region("new", wrong.FAR_AT, 2 * wrong.PAGE)
        p.remove_region("new")
        return len(p.regions()) == len(w.names)

    def add_region():
        p.add_region(w.stranger)
        p.remove_region(w.stranger)
        p.add_region("of the heap", None, 64, 32, "DMA")
        p.remove_region("of the heap")
        return len(p.regions()) == len(w.names)

    def free():
        return w.own.free(w.own.alloc(2)) == 2

    def as_allocated_frame():
        with p.allocate_frames(1) as frames:
            return frames.as_allocated_frame().addr == frames.addr

    def merge():
        one, other = p.allocate_frames(3).split_at(1)
        return one.merge(other).free() == 3

    def init():
        w.start_over()
        w.physmem.init([("new", wrong.FAR_AT, 2 * wrong.PAGE)], [(wrong.FAR_AT, wrong.PAGE)], spin_lock=0)
        return len(w.physmem.regions()) == 2

    def boot():
        w.start_over()
        Plan(w).region("new")
        return [region.name for region in w.physmem.regions()] == ["new"]

    def boot_in_heap():
        w.start_over()
        return w.physmem.boot_in_heap(1000, frame_size=32, align=256, attrs="DMA").frames == 32

    return (
        ("free_at", free_at),
        ("release", release),
        ("remove_region", remove_region),
        ("adding", add_region),
        ("Region.free", free),
        ("AllocatedFrames.as_allocated_frame", as_allocated_frame),
        ("AllocatedFrames.merge", merge),
        ("init", init),  # these three make another system
        ("boot", boot),
        ("boot_in_heap", boot_in_heap),
    )


def test_right_calls():
    """What the tables call right is granted, so that a wrong call fails for the argument that it has wrong."""
    w = World()
    failures = []
    tried_by_hand = by_hand(w)
    calls_by_hand = [call for call, _ in tried_by_hand]
    used = [region.used_frames for region in w.physmem.regions()]
    number = 0
    for call, specification in wrong.CALLS:
        if call in calls_by_hand or call.startswith(("Plan.", "Kept.")):
            continue
        for arguments, keywords in wrong.right_calls(w.kinds, wrong.parameters(specification)):
            number += 1
            if IS_SLOW and number % EVERY_RIGHT:
                continue
            function = w.find(call)
            result, error = outcome_of(function, arguments, keywords)
            if error:
                failures.append("%s(%r, %r): %r" % (call, arguments, keywords, error))
            else:
                w.undo_call(call, result)
            w.close()
            if [region.used_frames for region in w.physmem.regions()] != used:
                failures.append("%s(%r, %r) left frames in use" % (call, arguments, keywords))
                used = [region.used_frames for region in w.physmem.regions()]
    if w.physmem.check():
        failures.append(w.physmem.check())
    for call, function in tried_by_hand:
        result, error = outcome_of(function, (), {})
        if result is not True:
            failures.append("%s: %r %r" % (call, result, error))
    for line in failures:
        print("RIGHT", line)
    assert not failures, failures[0]


def other_parameters(world):
    """Return the calls whose parameters are not those of the tables: CPython alone can tell."""
    import inspect

    found = []
    for call, specification in wrong.CALLS:
        if call.startswith(("Plan.", "Chooser.", "Kept.")):
            continue
        there = [name for name in inspect.signature(world.find(call)).parameters if not name.startswith("_")]
        world.close()
        if "options" not in there and there != [name for name, _, _, _ in wrong.parameters(specification)]:
            found.append("%s(%s)" % (call, ", ".join(there)))
    return found


def test_the_tables_are_whole():
    """No public call is missing: one that is added to the module, or to one of its classes, needs an entry. All wrong
    calls are counted, on boards that do not try them all as well."""
    world = World()
    calls = 0
    for call, specification in wrong.CALLS:
        for _ in wrong.wrong_calls(world.kinds, call, wrong.parameters(specification)):
            calls += 1
    print("%d wrong calls of %d public ones" % (calls, len(wrong.CALLS)))
    assert calls >= LEAST_CALLS
    p = world.physmem
    there = list(wrong.INTERNAL) + [call.replace("MappedFrames", "AllocatedFrames") for call, _ in wrong.CALLS]
    missing = []
    for name in public_names.TABLE + public_names.CHANGING + public_names.VOCABULARY:
        value = getattr(p, name)
        if not callable(value):
            continue
        if name not in there and name not in wrong.NOT_MADE_BY_CALLERS.split():
            missing.append(name)
        for method in dir(value) if isinstance(value, type) else ():
            full_name = "%s.%s" % (name, method)
            is_own = not (method.startswith("_") or hasattr(ValueError, method) or hasattr(tuple, method))
            if is_own and callable(getattr(value, method)) and full_name not in there:
                missing.append(full_name)
    assert missing == [], missing
    if sys.implementation.name == "cpython":
        assert other_parameters(world) == []
