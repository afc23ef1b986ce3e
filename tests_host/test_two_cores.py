"""Both cores of the Raspberry Pi Pico and an interrupt allocate and free at once: two_cores_workload.py.

The emulator's statistics of the spin lock are exact. How long a core may hold it is derived from the counts of the
bench (docs/bench.md): the calls are the same Thumb-1 instructions on both chips.
"""

import json
import pathlib

import pytest

from bench.gate import read_baseline
from emulators import emulator_of
from harness.console import Console

OPERATIONS = 950_000
CONSTRAINED_OPERATIONS = 50_000
SECONDS = 1800
SPIN_LOCK = "31"
FRAMES = 63
MOST_AT_ONCE = 32  # frames of an allocation

WORKLOAD = (pathlib.Path(__file__).parent / "programs" / "two_cores_workload.py").read_text()

# A region that no other core uses, and a mark at which the emulator counts.
MARKED_STATE = """
import micropython, physmem_engine as engine, physmem_region, physmem_state
from uctypes import addressof
@micropython.asm_thumb
def mark():
    data(2, 0xBE50)
state = physmem_state.new_state(63, physmem_region.first_number(physmem.region("sram")), False)
address = addressof(state)
take, _, _, give = engine.raw_calls(state)
"""

# Count a search by constraints as it is done with the lock held, and then taking the frames.
CONSTRAINED_CALLS = """
held, seed = [], 1
for _ in range(300):
    seed = (seed * 1664525 + 1013904223) & 0x3FFFFFFF
    if len(held) > 8 + (seed >> 25):
        give(held.pop((seed >> 10) % len(held)))
    else:
        frame = take(1 + (seed >> 12 & 3))
        if frame >= 0:
            held.append(frame)
    n = 1 + (seed >> 20 & 3)
    mark()
    frame = engine.search_within(address, n, 1, 4, 8, 48)
    mark()
    if frame >= 0:
        engine._flip(address, frame, n)
    mark()
    if frame >= 0:
        give(frame)
"""

# Count resizes as the workload makes them, from their call to their return.
RESIZES = """
held, seed = [], 1
for _ in range(400):
    seed = (seed * 1664525 + 1013904223) & 0x3FFFFFFF
    n = 1 + (seed >> 12 & 3)
    if len(held) > 12:
        i = (seed >> 10) % len(held)
        first, count = held.pop(i)
        mark()
        resized = engine.resize_allocation(address, first, count, n)
        mark()
        give(first)
    else:
        first = take(n)
        if first >= 0:
            held.append((first, n))
"""

pytestmark = pytest.mark.xdist_group("two_cores")


class Board:
    """A Pico with the workload, and its console."""

    def __init__(self):
        self.emulator = emulator_of("RPI_PICO", options=("--unpaced",))

    def __enter__(self):
        self.emulator.start()
        self.console = Console(self.emulator)
        self.console.enter_raw_repl()
        self.console.execute(WORKLOAD)
        return self

    def __exit__(self, *exception):
        self.console.close()
        self.emulator.stop()

    def run(self, operations, constrained, is_locked=True):
        """Run the workload. Return its result, and the emulator's statistics of the spin lock (None if never read)."""
        self.emulator.reset_statistics()
        output = self.console.execute(f"run({operations}, {constrained}, {is_locked})", SECONDS)
        try:
            result = json.loads(output)
        except ValueError:
            raise AssertionError(output) from None
        return result, self.emulator.statistics()["spin_locks"].get(SPIN_LOCK)

    def counts(self, source):
        """Execute `source` on a state of its own. Return the numbers of instructions at its marks."""
        self.emulator.reset_statistics()
        self.console.execute(MARKED_STATE + source)
        return [mark["instructions"] for mark in self.emulator.marks()]


@pytest.fixture(scope="module")
def board():
    with Board() as board:
        yield board


def greatest(figures):
    """Return the greatest number in a tree of figures."""
    if isinstance(figures, dict):
        return max((greatest(figure) for figure in figures.values()), default=0)
    if isinstance(figures, list):
        return max(map(greatest, figures))
    return figures or 0


def longest_raw_call():
    """Return the instructions of the most expensive raw call for up to MOST_AT_ONCE frames in docs/bench.md.

    The lock is never held for longer: at most for one repeated search and the change of the bitmap.
    """
    bounds = []
    for figures in read_baseline().values():
        # Keyed by "n, align".
        for calls in figures["alloc_aligned(n, align)"].values():
            bounds += [greatest(calls[key]) for key in calls if int(key.split(",")[0]) <= MOST_AT_ONCE]
        bounds += [
            row["instructions"]
            for name, row in figures["worst of the maps tried"].items()
            if name == f"alloc of {MOST_AT_ONCE} frames, 2,048 frames, shared"
        ]
        bounds += [figure for n, figure in figures["longest time masked"].items() if int(n) <= MOST_AT_ONCE]
    return max(bounds)


def assert_nothing_is_wrong(result, lock):
    workers = result["workers"]
    for worker in workers:
        assert worker["overlaps"] == 0, worker
        assert worker["wrong"] == 0, worker
        assert worker["taken"] == worker["freed"] > 0, worker
        assert worker["owned"] > 0, worker
    assert result["check"] == []
    assert result["free"] == FRAMES
    # Each search that finds nothing is counted, even if several fail at once. Scattered frames are searched for where
    # they were seen, and another worker may have taken them since.
    extra = result["failed"] - sum(worker["out_of_memory"] for worker in workers)
    assert 0 <= extra <= sum(worker["scattering"] for worker in workers)
    assert result["least_heap"] > 20000, "the heap was nearly full, so failures may be due to that"
    # Both cores have used both regions by all calls; the handler was refused in the one that is not SHARED.
    for worker in workers[:2]:
        assert min(worker[name] for name in ("resized", "scattered", "freed_at", "in_plain")) > 0, worker
        assert worker["refused"] == 0, worker
    assert workers[2]["refused"] == workers[2]["calls"]
    # All three have worked, and each core has met the other one.
    assert min(worker["operations"] for worker in workers) > sum(worker["operations"] for worker in workers) // 20
    assert workers[2]["calls"] > 0
    assert min(lock["acquisitions"]) > 0
    assert min(lock["waits"]) > 0


def test_a_million_operations(board, amount):
    result, lock = board.run(amount, False)
    print(json.dumps(result), lock)
    assert sum(worker["operations"] for worker in result["workers"]) >= amount > 0
    assert_nothing_is_wrong(result, lock)
    counts = board.counts(RESIZES)
    resizes = [end - start for start, end in zip(counts[::2], counts[1::2])]
    print(len(resizes), max(resizes), longest_raw_call())
    assert max(lock["longest_instructions"]) <= max(longest_raw_call(), *resizes)


def test_constraints(board):
    """Do the same with constraints: a search in viper code, repeated with the lock held if the bitmap has changed."""
    result, lock = board.run(CONSTRAINED_OPERATIONS, True)
    print(json.dumps(result), lock)
    assert_nothing_is_wrong(result, lock)
    counts = board.counts(CONSTRAINED_CALLS)
    searches = [counts[i + 1] - counts[i] for i in range(0, len(counts), 3)]
    takings = [counts[i + 2] - counts[i + 1] for i in range(0, len(counts), 3)]
    print(max(searches), max(takings))
    assert max(lock["longest_instructions"]) <= max(searches) + max(takings)


def test_without_the_spin_lock_it_is_found():
    """The workload does find overlaps: if calls only mask interrupts, the cores get into each other's way."""
    with Board() as board:
        result, _ = board.run(OPERATIONS, False, is_locked=False)
    print(json.dumps(result))
    assert sum(worker["overlaps"] + worker["wrong"] for worker in result["workers"]) > 0 or result["check"]
    assert sum(worker["operations"] for worker in result["workers"]) < OPERATIONS
