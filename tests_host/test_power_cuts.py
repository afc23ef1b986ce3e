"""If power fails between any two stores of a call, the rows of a region and the records are those from before the call
or those from after it.

The power is cut at every store of every call on every bitmap of a few frames or blocks, and of everything that changes
a record. The numbers of cuts are printed. On the boards, tests_target/test_cut_calls.py cuts at the instructions of the
machine code.
"""

import random
import sys
from array import array
from functools import cache
from importlib.machinery import SourceFileLoader
from itertools import count
from unittest import mock

import physmem_engine as engine
import physmem_state
import pytest
from models.power_cuts import Journal, maps, power_fails_after
from support import fresh_physmem
from uctypes import addressof, bytearray_at


class Region:
    """A region of `frames` frames, all in use except `blocks` blocks of `size` frames from frame `first`.

    Calls on the blocks are cut at every store.
    """

    def __init__(self, frames, first, blocks, size):
        self.frames = frames
        self.first = first
        self.blocks = blocks
        self.size = size
        self.end = first + blocks * size
        self.journal = Journal(physmem_state.new_state(frames, 3))
        self.address = addressof(self.journal)
        self.alloc, self.alloc_aligned, self.alloc_at, self.free = engine.raw_calls(self.journal)
        self.rows = slice(physmem_state.STATE_ROW, self.journal[physmem_state.STATE_PLANES])
        self.empty = array("I", self.journal)
        self.cut_calls = self.cuts = self.within = 0  # within: rows that are neither those before nor those after
        self.sound_states = set()
        self.recoveries = {}  # rows before a recovery -> rows after it

    def state_of(self, allocations):
        """Return the state with these allocations of blocks."""
        self.journal.begin(self.empty)
        edges = [(0, self.first), (self.end, self.frames - self.end)]
        for first, n in edges + [(self.frame(block), blocks * self.size) for block, blocks in allocations]:
            assert self.alloc_at(first, n) == first
        return array("I", self.journal)

    def frame(self, block):
        return self.first + block * self.size

    def allocations(self):
        """Generate every allocation of blocks, as a call and its arguments."""
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
        """Generate every release, good and bad, of blocks and of the frames before and after them."""
        for frame in (0, self.end, *[self.frame(block) for block in range(self.blocks)]):
            yield self.free, (frame,)

    def splits(self, allocations):
        """Generate every split between blocks, and every join, including joins with the frames before and after."""
        in_use = {-1, self.blocks}
        for first, n in allocations:
            in_use.update(range(first, first + n))
        for block in range(self.blocks + 1):
            if {block - 1, block} <= in_use:
                yield engine.join_or_split, (self.address, self.frame(block))

    def resizes(self, allocations):
        """Generate every size in place of every allocation of blocks, as frames now, frames wanted, and the call."""
        for block, blocks in allocations:
            old = blocks * self.size
            wanted = {self.size * more - less for more in range(1, self.blocks + 2 - block) for less in (0, 1)}
            for n in wanted - {0}:
                yield old, n, engine.resize_allocation, (self.address, self.frame(block), old, n)

    def cut(self, before, call, arguments):
        """Cut a call at every store. Return for each cut its rows, and the rows after `recover`."""
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
            freed = physmem_state.recover(state)
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
        """Assert that `check` finds nothing wrong and `recover` changes nothing."""
        if bytes(state) not in self.sound_states:
            assert physmem_state.check(state) == []
            again = array("I", state)
            assert physmem_state.recover(again) == 0 and again == state
            self.sound_states.add(bytes(state))

    def cut_recoveries(self):
        """Cut each recovery at every store; the next recovery must give the same result. Return the number of cuts."""
        cuts = 0
        for cut, recovered in self.recoveries.items():
            before = array("I", self.empty)
            before[self.rows] = array("I", cut)
            self.journal.begin(before)
            physmem_state.recover(self.journal)
            for state in self.journal.cuts(before):
                cuts += 1
                state = array("I", state)
                physmem_state.recover(state)
                assert bytes(state[self.rows]) == recovered
                self.is_sound(state)
        return cuts


def count_free(state, rows):
    """Return the number of free frames: bits in the first of the two rows."""
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
    """A cut allocation or growth is undone unless it was complete; a release that has started, or a shrinking, is
    completed; a split is one store.

    If `recover` itself is cut at any store and started again, it gives the same result.
    """
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
        for now, wanted, call, arguments in region.resizes(allocations):
            (old, new), found = region.cut(before, call, arguments)
            if wanted > now:
                assert all(recovered == (new if cut == new else old) for cut, recovered in found), arguments
            else:
                assert all(recovered == (old if cut == old else new) for cut, recovered in found), arguments
                assert (old == new) == (wanted == now)
    assert tried == number_of_maps
    assert region.within > 10 * number_of_maps
    print(f"{name}: {tried} maps, {region.cut_calls} calls, {region.cuts} cuts, {region.within} of them within a call")
    print(f"{name}: {region.cut_recoveries()} cuts of {len(region.recoveries)} recoveries")


PAGE = 4096
SLOTS = 6
RECORDS = 64 * (2 + SLOTS)  # bytes
UNKNOWN = 0x40000000  # address outside every region


class Machine:
    """A board whose memory survives its resets: records, and three regions with frames of several sizes.

    Facts record what was done: `names` maps a name to its address, its bytes and whether hardware owns it; `mapped`
    maps a label to the address and number of frames without a name that hardware owns.
    """

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
        """Lose everything: memory becomes zeros, or random."""
        self.records[:] = random.Random(content).randbytes(RECORDS) if content else bytes(RECORDS)
        self.names = {}
        self.mapped = {}

    def facts(self):
        return dict(self.names), sorted(self.mapped.values())

    def reset(self):
        """Boot; the old objects are gone."""
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
        """Reach the end of a `with` block, which keeps what is retained."""
        with self.owners[name]:
            pass

    def allocate(self, label, n, region):
        self.owners[label] = self.physmem.allocate_frames(n, region=region)

    def allocate_unknown(self, label, n):
        self.owners[label] = self.physmem.allocate_frames_at(UNKNOWN, n, unknown=True)

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
        """Flip a bit of the record in that slot. The following step must forget what it said."""
        self.records[64 * (2 + slot) + 9] ^= 4

    def forget(self, name):
        """Reset, which must drop the name whose record was damaged."""
        del self.names[name]
        self.reset()

    def play(self, steps):
        for step, *arguments in steps:
            getattr(self, step)(*arguments)

    def found(self):
        """Return the facts as the system reports them after a reset. Assert that frames and records are consistent."""
        physmem = self.physmem
        assert physmem.check() == []
        names = {kept.name: (kept.addr, kept.nbytes, kept.mapped) for kept in physmem.retained()}
        mapped = sorted((frames.addr, frames.count) for frames in physmem.quarantined())
        used = {region.name: region.used_frames for region in physmem.regions() if region.name != "records"}
        expected = dict.fromkeys(used, 0)
        places = [(addr, nbytes) for addr, nbytes, _ in names.values()]
        for addr, nbytes in places:
            region = sys.modules["physmem_system"].region_at(addr)
            expected[region.name] += -(-nbytes // region.frame_size)
        for addr, n in mapped:
            expected[sys.modules["physmem_system"].region_at(addr).name] += n
        assert used == expected  # no frame is lost; the records' frames are disjoint, so none is in use twice
        assert self.managed == self.pattern
        return names, mapped


_compile = SourceFileLoader.source_to_code


@cache
def _code(source, path):
    return _compile(SourceFileLoader("", path), source, path)


def compiled_once(loader, source, path, **_):
    """Return the code of a module as the loader would compile it."""
    return _code(source, path)


A_FEW = (
    ("retain", "alpha", 300),
    ("retain", "beta", 64),
    ("retain", "narrow one", 100, "narrow"),
    ("map", "beta"),
    ("allocate", "ring", 3, "plain"),
    ("map", "ring"),
)

# The steps before, and the step whose stores are cut.
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
HEAD_STORES = 1 + RECORD_STORES  # the head that it replaces is ended first
STORES = {  # step -> stores into the records
    "retain": RECORD_STORES,
    "map": RECORD_STORES,
    "unmap": 1,
    "release": 1,
    "free": 1,
    "leave": 0,
    "reset": HEAD_STORES,
    "forget": HEAD_STORES + 1,
}


def attach(machine, cut, expected, may_drop):
    """Reset after a cut. Assert that the facts are one of the expected ones, and return which."""
    machine.records[:] = cut
    machine.reset()
    dropped = machine.physmem.dropped()
    assert dropped == [] or (may_drop and dropped == ["record 0 was dropped: its magic or checksum is wrong"])
    found = machine.found()
    assert found in expected
    return expected.index(found)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_on_records(name, amount):
    """Names, places and contents are those before or after; no frame is shared or lost, and nothing is dropped.

    That also holds if the attaching that follows is cut as well, after one in `amount` cuts.
    """
    before, (step, *arguments) = OPERATIONS[name]
    # A reset imports all modules again. It need not compile them again, or collect everything else in this process.
    compiled = mock.patch.object(SourceFileLoader, "source_to_code", compiled_once)
    with mock.patch.dict(sys.modules), compiled, mock.patch("gc.collect"):
        machine = Machine()

        def run(stores):
            """Do all steps, the last one with `stores` stores. Return the facts before it and its number of stores."""
            machine.power_on(0)
            machine.play(before)
            facts = machine.facts()
            with power_fails_after(stores, machine.addresses) as done:
                getattr(machine, step)(*arguments)
            return facts, done[0]

        old, all_stores = run(None)
        new = machine.facts()
        first = SLOTS + HEAD_STORES if name.startswith("first") else 0  # all slots are cleared, and there are two heads
        assert all_stores == (0 if name == "retain what is there" else STORES[step] + first)
        seen = []
        twice = 0
        for stores in range(all_stores + 1):
            assert run(stores) == (old, stores)
            cut = bytes(machine.records)
            seen.append(attach(machine, cut, [old, new], step == "forget"))
            if stores % amount:
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
            assert seen == sorted(seen) and seen[-1] == 1, "a later cut gives the facts from before the step again"
            assert seen[0] == 0 or step == "forget"
        print(f"{name}: {all_stores + 1} cuts, and {twice} more in the attaching that followed")
