"""Retained frames of an RP2040 and of an RP2350 over all the chips' resets in the middle of a load on both cores, in
their emulators.

The load makes raw calls on both cores and retains and maps frames on core 0, all of which a reset can leave half done.
The frames named "kept" have content that is written once, with a checksum. They survive every reset but one: the RUN
pin of the RP2350 switches its SRAM off (RP2350 datasheet 7.3.1 and 6.5.5), that of the RP2040 does not. Then physmem
must start as after power-on, whatever is in the memory for records.
"""

import time
import zlib

import pytest

from board_list import chip
from emulators import emulator_of
from harness.console import END, INTERRUPT, SECONDS, ConnectedBoard

BOARDS = ("RPI_PICO", "RPI_PICO2")  # one of each chip
RESETS = 10
BYTES = 3000

BEGIN = f"""
import physmem
kept = physmem.retain("kept", {BYTES})
print(kept.fresh, physmem.check(), physmem.dropped())
"""

# What a boot leaves when it finds no records.
NOTHING = "[] [] [] [] 0"
LOOK = """
import physmem
used = physmem.stats()[None]["used"]
print(physmem.retained(), physmem.quarantined(), physmem.dropped(), physmem.check(), used)
"""

WRITE = f"""
for i in range({BYTES}):
    kept.view[i] = (i * 31 + (i >> 7)) & 255
"""

CONTENT = bytes((i * 31 + (i >> 7)) & 255 for i in range(BYTES))

CHECKSUM = f"""
import binascii
print(binascii.crc32(kept.view[:{BYTES}]))
"""

FILL = """
import physmem_board, random, uctypes
random.seed(1)
memory = uctypes.bytearray_at(*physmem_board.RETAINED_RECORDS)
for i in range(len(memory)):
    memory[i] = random.getrandbits(8)
"""

# Keep making calls on both cores endlessly. The collector is off meanwhile: core 1 makes no objects.
LOAD = """
import _thread, gc, micropython
region = physmem.region("sram")
alloc, free = region.alloc, region.free
physmem.on_exhausted(None)
gc.collect()
gc.disable()
@micropython.viper
def raw(alloc, free):
    while True:
        frame = alloc(2)
        free(frame)
def core_1():
    raw(alloc, free)
def core_0():
    log = physmem.retain("log", 500)
    while True:
        log.map()
        log.view[0] = (log.view[0] + 1) & 255
        log.unmap()
        free(alloc(3))
"""

TAKE = """
import _thread, machine, physmem_board, time
def take():
    machine.mem32[physmem_board.SPIN_LOCK]
    while True:
        pass
_thread.start_new_thread(take, ())
time.sleep_ms(5)
"""

# Source with which the program resets itself during core 1's calls; None: by the RUN pin, during those of both cores.
WAYS = {
    "reset": "machine.reset()",
    "watchdog": "machine.WDT(timeout=20)\ncore_0()",
    "RUN": None,
    "RUN after a fault": "machine.mem32[0xF0000000]",  # nothing is there: HardFault, from which only a reset leads
}
BY_RUN = ("RUN", "RUN after a fault")
RUN_LOSES_SRAM = ("rp2350",)


def of_boards(ways):
    """Return the parameters (board, way) of *ways* of each chip, {chip: ways}: one xdist group for each board."""
    return [
        pytest.param(board, way, marks=pytest.mark.xdist_group(f"rp2_resets-{board}"))
        for board in BOARDS
        for way in ways[chip(board)]
    ]


ON_EACH_BOARD = [pytest.param(board, marks=pytest.mark.xdist_group(f"rp2_resets-{board}")) for board in BOARDS]
LOSING = {name: BY_RUN if name in RUN_LOSES_SRAM else () for name in map(chip, BOARDS)}
KEEPING = {name: [way for way in WAYS if way not in losing] for name, losing in LOSING.items()}


class Board(ConnectedBoard):
    def __init__(self, name):
        super().__init__(emulator_of(name, options=("--unpaced",)))

    def begin(self):
        """Ask for the kept frames. Return (fresh, what check and dropped return)."""
        fresh, _, rest = self.console.execute(BEGIN).strip().partition(" ")
        return fresh == "True", rest

    def look(self):
        return self.console.execute(LOOK).strip()

    def checksum(self):
        return int(self.console.execute(CHECKSUM))

    def load(self):
        """Start the load, and let it run for some time."""
        self.console.begin(LOAD + "_thread.start_new_thread(core_1, ())\nprint('at it')\ncore_0()\n")
        self.console.read_until(b"at it")

    def interrupt(self):
        """End the program of core 0. Core 1 continues."""
        self.console.send(INTERRUPT)
        self.console.end()

    def reset_load(self, way):
        """Reset the board that has the load: if *way* is a program, once it has taken core 0's place."""
        if WAYS[way]:
            self.interrupt()
        self.reset(way)

    def reset(self, way):
        if WAYS[way]:
            before = self._instructions()
            self.console.send(f"import machine\n{WAYS[way]}".encode() + END)
            if way in BY_RUN:
                self._wait_for(lambda: self.emulator.failure() is not None)
            else:
                self._wait_for(lambda: self._instructions() < before)
        if way in BY_RUN:
            self.emulator.reset()
        self.connect()

    def _instructions(self):
        """Return what core 0 has executed since the last reset."""
        return self.emulator.statistics()["cores"][0]["instructions"]

    @staticmethod
    def _wait_for(happens):
        deadline = time.monotonic() + SECONDS
        while not happens():
            assert time.monotonic() < deadline, "there was no reset, and no fault"
            time.sleep(0.01)


@pytest.fixture
def board(request):
    with Board(request.param) as board:
        yield board


@pytest.mark.parametrize("board", ON_EACH_BOARD, indirect=True)
def test_power_on_is_fresh(board):
    assert board.look() == NOTHING
    assert board.begin() == (True, "[] []")


@pytest.mark.parametrize("board, way", of_boards(KEEPING), indirect=["board"])
def test_kept_over_resets(board, way, amount):
    fresh, _ = board.begin()
    assert fresh
    board.console.execute(WRITE)
    assert amount > 0
    for _ in range(amount):
        board.load()
        board.reset_load(way)
        assert board.begin() == (False, "[] []")
        assert board.checksum() == zlib.crc32(CONTENT)


@pytest.mark.parametrize("board, way", of_boards(LOSING), indirect=["board"])
def test_all_is_lost_when_run_switches_sram_off(board, way, amount):
    """Records and contents are other bytes afterwards: physmem believes none of them, and starts as after power-on."""
    assert amount > 0
    for _ in range(amount):
        assert board.begin() == (True, "[] []")
        board.console.execute(WRITE)
        board.load()
        board.reset_load(way)
        assert board.look() == NOTHING
    assert board.begin() == (True, "[] []")
    assert board.checksum() != zlib.crc32(CONTENT)


@pytest.mark.parametrize("board", ON_EACH_BOARD, indirect=True)
def test_garbage_in_the_memory_for_records_is_nothing(board):
    """The memory has any bytes after power-on. A boot finds no record in them, and the next one finds its records."""
    board.begin()
    board.load()
    board.interrupt()
    board.console.execute(FILL)
    board.reset("reset")
    assert board.look() == NOTHING
    assert board.begin() == (True, "[] []")
    board.console.execute(WRITE)
    board.reset("reset")
    assert board.begin() == (False, "[] []")
    assert board.checksum() == zlib.crc32(CONTENT)


@pytest.mark.parametrize("board", ON_EACH_BOARD, indirect=True)
def test_soft_resets_stop_core_1_anywhere(board):
    """Ctrl-D ends core 1 wherever it is, even in the critical section. The next boot, which takes the lock, does not
    wait for it."""
    board.begin()
    board.console.execute(WRITE)
    for _ in range(RESETS):
        board.load()
        board.interrupt()
        board.console.soft_reset()
        assert board.begin() == (False, "[] []")
        assert board.checksum() == zlib.crc32(CONTENT)


@pytest.mark.parametrize("board", ON_EACH_BOARD, indirect=True)
def test_soft_reset_frees_a_lock_that_is_held(board):
    """Core 1 takes the lock and keeps it, until Ctrl-D stops it."""
    board.begin()
    board.console.execute(WRITE)
    board.console.execute(TAKE)
    # The states of all spin locks, one bit each: RP2040 datasheet 2.3.1.7 and RP2350 datasheet 3.1.11, SPINLOCK_ST.
    assert board.console.execute("print(machine.mem32[0xD000005C] >> 31 & 1)").strip() == "1"
    board.console.soft_reset()
    assert board.begin() == (False, "[] []")
    assert board.checksum() == zlib.crc32(CONTENT)
