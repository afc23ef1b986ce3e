"""Power may fail between any two stores of a call: the rows of a region are then those of before or of after it, and so
is what the records say.

Every store of every call on every map of a few frames or blocks, and of everything that changes a record. The counts of
the cuts are printed. On the boards tests_target/test_cut_calls.py does it at the instructions of the machine code.
"""

import random
import sys
from array import array
from functools import cache
from importlib.machinery import SourceFileLoader
from itertools import count
from unittest import mock

import physmem_engine as engine
import pytest
from power_cuts import Journal, maps, power_fails_after
from support import fresh_physmem
from uctypes import addressof, bytearray_at


class Region:
    """A region of `frames` frames of which all but some blocks are in use: `blocks` blocks of `size` frames from
    `first` on. Calls of it are cut at every store."""

    def __init__(self, frames, first, blocks, size):
        self.frames = frames
        self.first = first
        self.blocks = blocks
        self.size = size
        self.end = first + blocks * size
        self.journal = Journal(engine.new_state(frames, 3))
        self.address = addressof(self.journal)
        self.alloc, self.alloc_aligned, self.alloc_at, self.free = engine.raw_calls(self.journal)
        self.rows = slice(engine._ROW, self.journal[engine._PLANES])
        self.empty = array("I", self.journal)
        self.cut_calls = self.cuts = self.within = 0  # within: neither the rows of before nor those of after
        self.sound_states = set()
        self.recoveries = {}  # rows of before and after a recovery

    def state_of(self, allocations):
        """The state with these allocations of blocks."""
        self.journal.begin(self.empty)
        edges = [(0, self.first), (self.end, self.frames - self.end)]
        for first, n in edges + [(self.frame(block), blocks * self.size) for block, blocks in allocations]:
            assert self.alloc_at(first, n) == first
        return array("I", self.journal)

    def frame(self, block):
        return self.first + block * self.size

    def allocations(self):
        """Every allocation of blocks: as a call and its arguments."""
        for blocks in range(1, self.blocks + 2):
            for n in {self.size * blocks - self.size + 1, self.size * blocks}:
                yield self.alloc, (n,)
                for align in (2, 4, 8, 32):
                    yield self.alloc_aligned, (n, align)
                for boundary in (0, 4, 64):
                    for low in (self.first, self.frame(2)):
                        if boundary == 0 or boundary >= n:
                            yield engine.allocate_within, (self.address, n, 1, boundary, low, self.end)
        for block in range(self.blocks):
            for blocks in range(1, self.blocks + 1 - block):
                yield self.alloc_at, (self.frame(block), blocks * self.size)

    def releases(self):
        """Every release, good and bad, of blocks and of the frames before and behind."""
        for frame in (0, self.end, *[self.frame(block) for block in range(self.blocks)]):
            yield self.free, (frame,)

    def splits(self, allocations):
        """Every split between blocks, and everything that can be joined, also with the frames before and behind."""
        in_use = {-1, self.blocks}
        for first, n in allocations:
            in_use.update(range(first, first + n))
        for block in range(self.blocks + 1):
            if {block - 1, block} <= in_use:
                yield engine.split_or_join, (self.address, self.frame(block))

    def cut(self, before, call, arguments):
        """Cut a call at every store, and return for each cut its rows and what they are after `recover`."""
        self.journal.begin(before)
        call(*arguments)
        after = array("I", self.journal)
        rows = bytes(before[self.rows]), bytes(after[self.rows])
        self.cut_calls += 1
        found = []
        for state in self.journal.cuts(before):
            self.cuts += 1
            state = array("I", state)
            cut = bytes(state[self.rows])
            free = count_free(state, self.rows)
            freed = engine.recover(state)
            recovered = bytes(state[self.rows])
            assert recovered in rows, (call, arguments, len(found))
            self.is_sound(state)
            assert count_free(state, self.rows) == free + freed
            if cut not in rows:
                self.within += 1
                self.recoveries[cut] = recovered
            else:
                assert freed == 0 and recovered == cut
            found.append((cut, recovered))
        assert bytes(state) == bytes(after)
        return rows, found

    def is_sound(self, state):
        """`check` finds nothing, and `recover` nothing to change."""
        if bytes(state) not in self.sound_states:
            assert engine.check(state) == []
            again = array("I", state)
            assert engine.recover(again) == 0 and again == state
            self.sound_states.add(bytes(state))

    def cut_recoveries(self):
        """Cut each recovery that was under way at every store: the next one comes to the same end. Return how often."""
        cuts = 0
        for cut, recovered in self.recoveries.items():
            before = array("I", self.empty)
            before[self.rows] = array("I", cut)
            self.journal.begin(before)
            engine.recover(self.journal)
            for state in self.journal.cuts(before):
                cuts += 1
                state = array("I", state)
                engine.recover(state)
                assert bytes(state[self.rows]) == recovered
                self.is_sound(state)
        return cuts


def count_free(state, rows):
    """Frames that are free: bits of the first of the two rows."""
    row = state[rows]
    return sum(word.bit_count() for word in row[: len(row) // 2])


REGIONS = {
    "7 frames across words": ((40, 29, 7, 1), 610),
    "6 frames within a word": ((32, 11, 6, 1), 233),
    "5 blocks of 13 frames": ((100, 20, 5, 13), 89),
    "5 blocks of a word": ((224, 32, 5, 32), 89),
    "4 blocks of a word and a frame": ((200, 31, 4, 33), 34),
}


@pytest.mark.parametrize("name", REGIONS)
def test_calls_of_a_region(name):
    """An allocation that was cut is undone unless it was complete, a release that had begun is completed; a split is
    one store. `recover` cut at every store of its own and begun again comes to the same end."""
    place, number_of_maps = REGIONS[name]
    region = Region(*place)
    tried = 0
    for allocations in maps(region.blocks):
        tried += 1
        before = region.state_of(allocations)
        region.is_sound(before)
        for call, arguments in region.allocations():
            (old, new), found = region.cut(before, call, arguments)
            assert all(recovered == (new if cut == new else old) for cut, recovered in found), (call, arguments)
        for call, arguments in region.releases():
            (old, new), found = region.cut(before, call, arguments)
            assert all(recovered == (old if cut == old else new) for cut, recovered in found), (call, arguments)
        for call, arguments in region.splits(allocations):
            (old, new), found = region.cut(before, call, arguments)
            assert old != new and [cut for cut, _ in found] == [old, new]
    assert tried == number_of_maps
    assert region.within > 10 * number_of_maps
    print(f"{name}: {tried} maps, {region.cut_calls} calls, {region.cuts} cuts, {region.within} of them within a call")
    print(f"{name}: {region.cut_recoveries()} cuts of {len(region.recoveries)} recoveries")


PAGE = 4096
SLOTS = 6
RECORDS = 64 * (2 + SLOTS)  # bytes
UNKNOWN = 0x40000000  # address that no region has


class Machine:
    """A board whose memory outlives its resets: records, and three regions with frames of several sizes. What is done
    is noted as facts: `names` are address, bytes and whether hardware has it, by name; `mapped` are address and number
    of the frames without a name that hardware has, by label."""

    def __init__(self):
        self.memory = bytearray(7 * PAGE)
        base = addressof(self.memory)
        base += -base % PAGE
        self.base = base
        self.records = bytearray_at(base, RECORDS)
        self.managed = bytearray_at(base + PAGE, 5 * PAGE)
        self.managed[:] = random.Random(3).randbytes(5 * PAGE)
        self.pattern = bytes(self.managed)
        self.RETAINED_RECORDS = (base, RECORDS)
        self.addresses = range(base, base + RECORDS)
        self.REGIONS = (
            ("kept", base + PAGE, PAGE, 64, "RETAINED"),
            ("narrow", base + 2 * PAGE, 2 * PAGE, 32, "RETAINED SHARED"),
            ("plain", base + 4 * PAGE, 2 * PAGE, 64, ""),
        )
        self.OCCUPIED = ()
        self.power_on(0)

    def power_on(self, content):
        """Nothing is left: memory of zeros, or random."""
        self.records[:] = random.Random(content).randbytes(RECORDS) if content else bytes(RECORDS)
        self.names = {}
        self.mapped = {}

    def facts(self):
        return dict(self.names), sorted(self.mapped.values())

    def reset(self):
        """Boot; the objects of before are gone."""
        self.owners = {}
        self.physmem = fresh_physmem()
        self.physmem.boot(self)
        self.physmem.boot_complete()

    def retain(self, name, nbytes, region="kept"):
        frames = self.owners[name] = self.physmem.retain(name, nbytes, region=region)
        self.names[name] = (frames.addr, nbytes, frames.state == self.physmem.MAPPED)

    def release(self, name):
        self.physmem.release(name)
        del self.names[name]

    def free(self, label):
        self.owners.pop(label).free()
        self.names.pop(label, None)

    def leave(self, name):
        """The end of a with-block."""
        with self.owners.pop(name):
            pass
        del self.names[name]

    def allocate(self, label, n, region):
        self.owners[label] = self.physmem.allocate_frames(n, region=region)

    def allocate_unknown(self, label, n):
        self.owners[label] = self.physmem.allocate_frames_at(UNKNOWN, n)

    def map(self, label):
        frames = self.owners[label].map()
        if label in self.names:
            self.names[label] = (*self.names[label][:2], True)
        else:
            self.mapped[label] = (frames.addr, frames.count)

    def unmap(self, label):
        if label in self.names:
            self.owners[label].unmap()
            self.names[label] = (*self.names[label][:2], False)
        else:
            place = self.mapped.pop(label)
            quarantined = {(frames.addr, frames.count): frames for frames in self.physmem.quarantined()}
            (self.owners.get(label) or quarantined[place]).unmap()

    def damage(self, slot):
        """Flip a bit of the record in that slot; what it said must be forgotten by the step that follows."""
        self.records[64 * (2 + slot) + 9] ^= 4

    def forget(self, name):
        """Reset, so that the name whose record was damaged is dropped."""
        del self.names[name]
        self.reset()

    def play(self, steps):
        for step, *arguments in steps:
            getattr(self, step)(*arguments)

    def found(self):
        """Facts, as the system says them after a reset; frames and records are consistent."""
        physmem = self.physmem
        assert physmem.check() == []
        names = {kept.name: (kept.addr, kept.nbytes, kept.mapped) for kept in physmem.retained()}
        mapped = sorted((frames.addr, frames.count) for frames in physmem.quarantined())
        used = {region.name: region.used_frames for region in physmem.regions() if region.name != "records"}
        expected = dict.fromkeys(used, 0)
        places = [(addr, nbytes) for addr, nbytes, _ in names.values()]
        for addr, nbytes in places:
            region = physmem._find(addr)
            expected[region.name] += -(-nbytes // region.frame_size)
        for addr, n in mapped:
            expected[physmem._find(addr).name] += n
        assert used == expected  # no frame is lost; as the records have disjoint frames, none is in use twice
        assert self.managed == self.pattern
        return names, mapped


_compile = SourceFileLoader.source_to_code


@cache
def _code(source, path):
    return _compile(SourceFileLoader("", path), source, path)


def compiled_once(loader, source, path, **_):
    """The code of a module, as the loader would compile it."""
    return _code(source, path)


A_FEW = (
    ("retain", "alpha", 300),
    ("retain", "beta", 64),
    ("retain", "narrow one", 100, "narrow"),
    ("map", "beta"),
    ("allocate", "ring", 3, "plain"),
    ("map", "ring"),
)

# What is done before, and the step whose stores are cut.
OPERATIONS = {
    "first attach to zeros": ((("power_on", 0),), ("reset",)),
    "first attach to random memory": ((("power_on", 7),), ("reset",)),
    "second attach": ((("reset",),), ("reset",)),
    "attach to records": ((("reset",), *A_FEW), ("reset",)),
    "attach to records of several resets": (
        (("reset",), *A_FEW, ("reset",), ("retain", "c", 9), ("reset",)),
        ("reset",),
    ),
    "attach to a damaged record": ((("reset",), *A_FEW, ("reset",), ("damage", 0)), ("forget", "alpha")),
    "retain the first": ((("reset",),), ("retain", "alpha", 300)),
    "retain another": ((("reset",), *A_FEW), ("retain", "gamma", 1)),
    "retain in another region": ((("reset",), *A_FEW), ("retain", "gamma", 33, "narrow")),
    "retain after a reset": ((("reset",), *A_FEW, ("reset",)), ("retain", "gamma", 640)),
    "retain what is there": ((("reset",), *A_FEW, ("reset",)), ("retain", "alpha", 300)),
    "retain where there was another": (
        (("reset",), *A_FEW, ("release", "alpha")),
        ("retain", "a name of thirty-two characters!", 700),
    ),
    "retain the name again in another size": ((("reset",), *A_FEW, ("release", "alpha")), ("retain", "alpha", 500)),
    "release": ((("reset",), *A_FEW), ("release", "alpha")),
    "release after a reset": ((("reset",), *A_FEW, ("reset",)), ("release", "narrow one")),
    "release what was retained again": (
        (("reset",), *A_FEW, ("reset",), ("retain", "alpha", 300)),
        ("release", "alpha"),
    ),
    "free": ((("reset",), *A_FEW), ("free", "alpha")),
    "free after a reset": ((("reset",), *A_FEW, ("reset",), ("retain", "alpha", 300)), ("free", "alpha")),
    "end of a with-block": ((("reset",), *A_FEW), ("leave", "alpha")),
    "map": ((("reset",), *A_FEW, ("allocate", "other", 2, "kept")), ("map", "other")),
    "map in a region that is not retained": ((("reset",), ("allocate", "other", 2, "plain")), ("map", "other")),
    "map of unknown addresses": ((("reset",), *A_FEW, ("allocate_unknown", "registers", 2)), ("map", "registers")),
    "map with a name": ((("reset",), *A_FEW), ("map", "alpha")),
    "map with a name after a reset": ((("reset",), *A_FEW, ("reset",), ("retain", "alpha", 300)), ("map", "alpha")),
    "unmap": ((("reset",), *A_FEW), ("unmap", "ring")),
    "unmap after a reset": ((("reset",), *A_FEW, ("reset",)), ("unmap", "ring")),
    "unmap with a name": ((("reset",), *A_FEW), ("unmap", "beta")),
    "unmap with a name after a reset": ((("reset",), *A_FEW, ("reset",), ("retain", "beta", 64)), ("unmap", "beta")),
    "free after unmap": ((("reset",), *A_FEW, ("unmap", "beta")), ("free", "beta")),
}
RECORD_STORES = 17  # 0 for the magic, 14 words, checksum, magic
HEAD_STORES = 1 + RECORD_STORES  # the one that it replaces ends first
STORES = {  # into the records, by the step
    "retain": RECORD_STORES,
    "map": RECORD_STORES,
    "unmap": 1,
    "release": 1,
    "free": 1,
    "leave": 1,
    "reset": HEAD_STORES,
    "forget": HEAD_STORES + 1,
}
CUT_TWICE = 6  # every so many-th cut is followed by cuts of the attaching that follows


def attach(machine, cut, expected, may_drop):
    """Reset after a cut; the facts are some of the expected ones. Returns which."""
    machine.records[:] = cut
    machine.reset()
    dropped = machine.physmem.dropped()
    assert dropped == [] or (may_drop and dropped == ["record 0 was dropped: its magic or checksum is wrong"])
    found = machine.found()
    assert found in expected
    return expected.index(found)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_on_records(name):
    """Names, places and content are those of before or after; no two have a frame in common, no frame is lost, and
    nothing is dropped. Nor are they others if the attaching that follows is cut in its turn."""
    before, (step, *arguments) = OPERATIONS[name]
    # A reset imports all modules anew: it need not compile them again, nor collect what else there is in this process.
    compiled = mock.patch.object(SourceFileLoader, "source_to_code", compiled_once)
    with mock.patch.dict(sys.modules), compiled, mock.patch("gc.collect"):
        machine = Machine()

        def run(stores):
            """Do all, the last step with so many stores; return the facts of before it and the stores of it."""
            machine.power_on(0)
            machine.play(before)
            facts = machine.facts()
            with power_fails_after(stores, machine.addresses) as done:
                getattr(machine, step)(*arguments)
            return facts, done[0]

        old, all_stores = run(None)
        new = machine.facts()
        first = SLOTS + HEAD_STORES if name.startswith("first") else 0  # all slots are emptied, and there are two heads
        assert all_stores == (0 if name == "retain what is there" else STORES[step] + first)
        seen = []
        twice = 0
        for stores in range(all_stores + 1):
            assert run(stores) == (old, stores)
            cut = bytes(machine.records)
            seen.append(attach(machine, cut, [old, new], step == "forget"))
            if stores % CUT_TWICE:
                continue
            expected = [machine.found()]
            for second in count():
                machine.records[:] = cut
                with power_fails_after(second, machine.addresses) as done:
                    machine.reset()
                if done[0] < second:
                    break
                attach(machine, bytes(machine.records), expected, step == "forget")
                twice += 1
        if old != new:
            assert seen == sorted(seen) and seen[-1] == 1, "it goes back to what was before"
            assert seen[0] == 0 or step == "forget"
        print(f"{name}: {all_stores + 1} cuts, {twice} second ones in the attaching that followed")
