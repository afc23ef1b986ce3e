"""Both cores of an RP2040 or an RP2350 and an interrupt allocate and free at once: two_cores_workload.py.

The emulators' statistics of the spin lock are exact. How long a core may hold it is derived from the counts of the
bench (docs/bench.md): the calls are the same Thumb-1 instructions on the bench's Cortex-M3, on the Cortex-M0+ and on
the Cortex-M33.
"""

import json
import pathlib
import re

import pytest

import bench.board
from bench.gate import read_baseline
from board_list import boards_of, chip
from emulated_board import memory_map
from emulators import emulator_of
from harness.console import Console
from harness.firmware_image import image_of
from qemu import QEMU_MACHINES

BOARDS = ("RPI_PICO", "RPI_PICO2")  # one of each chip
OPERATIONS = 950_000
CONSTRAINED_OPERATIONS = 50_000
SECONDS = 1800
SPIN_LOCKS = 0xD0000100  # SPINLOCK0, and a word for each of the others: RP2040 datasheet 2.3.1.7, RP2350's 3.1.11
SAFE_LOCKS = {5, 6, 7, 10, 11, *range(18, 32)}  # of the RP2350: erratum RP2350-E2 in its datasheet
MOST_AT_ONCE = 32  # frames of an allocation, on either board

WORKLOAD = (pathlib.Path(__file__).parent / "programs" / "two_cores_workload.py").read_text()

# A region that no other core uses, and a mark at which the emulator counts.
MARKED_STATE = """
import micropython, physmem_engine as engine, physmem_region, physmem_state
from uctypes import addressof
@micropython.asm_thumb
def mark():
    data(2, 0xBE50)
state = physmem_state.new_state(FRAMES, physmem_region.first_number(physmem.region("sram")), False)
address = addressof(state)
take, _, _, give = engine.raw_calls(state)
"""

# Count a search by constraints as it is done with the lock held, and then taking the frames.
CONSTRAINED_CALLS = """
held, seed = [], 1
for _ in range(300):
    seed = (seed * 1664525 + 1013904223) & 0x3FFFFFFF
    if len(held) > QUARTER // 2 + (seed >> 25) * QUARTER // 16:
        give(held.pop((seed >> 10) % len(held)))
    else:
        frame = take(1 + (seed >> 12 & (QUARTER >> 2) - 1))
        if frame >= 0:
            held.append(frame)
    n = 1 + (seed >> 20 & 3)
    mark()
    frame = engine.search_within(address, n, 1, 4, QUARTER // 2, SHARED)
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
    if len(held) > 3 * QUARTER // 4:
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


# The registers of the RP2350 behind the spin locks that can be written (datasheet 3.1.11): DOORBELL_OUT_SET to
# PERI_NONSEC, RISCV_SOFTIRQ and MTIME_CTRL, MTIME to MTIMECMPH, TMDS_CTRL and TMDS_WDATA.
OTHER_REGISTERS = (*range(0x180, 0x194, 4), 0x1A0, 0x1A4, *range(0x1B0, 0x1C8, 4))

# Claim all spin locks, and write to the other registers. The zeros change nothing but the time of the RISC-V cores.
# SPINLOCK_ST has the state of each lock.
WRITE_TO_OTHERS = f"""
from machine import mem32
for lock in range(32):
    mem32[0xD0000100 + 4 * lock]
print(mem32[0xD000005C] & 0xFFFFFFFF)
for offset in {OTHER_REGISTERS}:
    mem32[0xD0000000 + offset] = 0
print(mem32[0xD000005C] & 0xFFFFFFFF)
for lock in range(32):
    mem32[0xD0000100 + 4 * lock] = 0
"""


def lock_number(name):
    """Return the number of the spin lock in the memory plan of the board *name*."""
    return (memory_map(name)["SPIN_LOCK"] - SPIN_LOCKS) // 4


class Board:
    """A board with the workload, and its console."""

    def __init__(self, name, *options):
        plan = memory_map(name)
        _, _, size, frame, _ = plan["REGIONS"][0]
        self.frames = size // frame
        self.spin_lock = str(lock_number(name))
        self.emulator = emulator_of(name, options=("--unpaced", *options))

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
        return result, self.emulator.statistics()["spin_locks"].get(self.spin_lock)

    def counts(self, source):
        """Execute `source` on a state of its own. Return the numbers of instructions at its marks."""
        self.emulator.reset_statistics()
        self.console.execute(MARKED_STATE + source)
        return [mark["instructions"] for mark in self.emulator.marks()]

    def assert_nothing_is_wrong(self, result, lock):
        workers = result["workers"]
        for worker in workers:
            assert worker["overlaps"] == 0, worker
            assert worker["wrong"] == 0, worker
            assert worker["taken"] == worker["freed"] > 0, worker
            assert worker["owned"] > 0, worker
        assert result["check"] == []
        assert result["free"] == self.frames
        # Each search that finds nothing is counted, even if several fail at once. Scattered frames are searched for
        # where they were seen, and another worker may have taken them since.
        extra = result["failed"] - sum(worker["out_of_memory"] for worker in workers)
        assert 0 <= extra <= sum(worker["scattering"] for worker in workers)
        assert result["least_heap"] > 20000, "the heap was nearly full, so failures may be due to that"
        # Both cores have used both regions by all calls; the handler was refused in the one that is not SHARED.
        for worker in workers[:2]:
            assert min(worker[name] for name in ("resized", "freed_at", "in_plain")) > 0, worker
            assert worker["refused"] == 0, worker
        assert workers[0]["scattered"] + workers[1]["scattered"] > 0, workers  # few, which chance grants
        assert workers[2]["refused"] == workers[2]["calls"]
        # All three have worked, and each core has met the other one.
        assert min(worker["operations"] for worker in workers) > sum(worker["operations"] for worker in workers) // 20
        assert workers[2]["calls"] > 0
        assert min(lock["acquisitions"]) > 0
        assert min(lock["waits"]) > 0


ON_EACH_BOARD = [pytest.param(name, marks=pytest.mark.xdist_group(f"two_cores-{name}")) for name in BOARDS]


@pytest.fixture(scope="module", params=ON_EACH_BOARD)
def board(request):
    with Board(request.param) as board:
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


def test_half_a_million_operations(board, amount):
    result, lock = board.run(amount, False)
    print(json.dumps(result), lock)
    assert sum(worker["operations"] for worker in result["workers"]) >= amount > 0
    board.assert_nothing_is_wrong(result, lock)
    counts = board.counts(RESIZES)
    resizes = [end - start for start, end in zip(counts[::2], counts[1::2])]
    print(len(resizes), max(resizes), longest_raw_call())
    assert max(lock["longest_instructions"]) <= max(longest_raw_call(), *resizes)


def test_constraints(board):
    """Do the same with constraints: a search in viper code, repeated with the lock held if the bitmap has changed."""
    result, lock = board.run(CONSTRAINED_OPERATIONS, True)
    print(json.dumps(result), lock)
    board.assert_nothing_is_wrong(result, lock)
    counts = board.counts(CONSTRAINED_CALLS)
    searches = [counts[i + 1] - counts[i] for i in range(0, len(counts), 3)]
    takings = [counts[i + 2] - counts[i + 1] for i in range(0, len(counts), 3)]
    print(max(searches), max(takings))
    assert max(lock["longest_instructions"]) <= max(searches) + max(takings)


@pytest.mark.parametrize("name", ON_EACH_BOARD)
def test_without_the_spin_lock_it_is_found(name):
    """The workload does find overlaps: if calls only mask interrupts, the cores get into each other's way."""
    with Board(name) as board:
        result, _ = board.run(OPERATIONS, False, is_locked=False)
    assert_something_is_wrong(result)


def test_a_broken_spin_lock_is_found():
    """The same if the chip's lock lets both cores in at once: a read of its register always claims it."""
    with Board("RPI_PICO2", "--fault=spin-lock") as board:
        result, _ = board.run(OPERATIONS, False)
    assert_something_is_wrong(result)


def assert_something_is_wrong(result):
    print(json.dumps(result))
    assert sum(worker["overlaps"] + worker["wrong"] for worker in result["workers"]) > 0 or result["check"]
    assert sum(worker["operations"] for worker in result["workers"]) < OPERATIONS


def test_other_registers_of_the_rp2350_leave_the_lock_alone():
    """Erratum RP2350-E2: a write to a register behind the spin locks releases a lock, too. None releases physmem's."""
    assert {lock_number(name) for name in boards_of("rp2") if chip(name) == "rp2350"} <= SAFE_LOCKS
    with emulator_of("RPI_PICO2", options=("--unpaced",)) as emulator, Console(emulator) as console:
        console.enter_raw_repl()
        claimed, left = map(int, console.execute(WRITE_TO_OTHERS).split())
    assert claimed == (1 << 32) - 1
    assert {lock for lock in range(32) if left >> lock & 1} == SAFE_LOCKS


def machine_code(name):
    """Return the functions of physmem_thumb in the firmware of the board *name*, as bytes by their names."""
    image = image_of(name)
    functions = [symbol for symbol in image.symbols if re.match(r"fun_data_physmem_thumb\w*_dot_py\d*$", symbol)]
    return {symbol: image.code(symbol)[1] for symbol in functions}


def test_the_machine_code_of_the_calls_is_the_same_on_all_boards():
    """So the bench's counts, of which the longest time that the lock is held is derived, hold for both chips; and the
    boards can share the cases of tests_target/test_machine_code.py."""
    expected = machine_code(bench.board.BOARD)
    assert len(expected) > 5
    for name in (*QEMU_MACHINES, *boards_of("rp2")):
        assert machine_code(name) == expected, name
