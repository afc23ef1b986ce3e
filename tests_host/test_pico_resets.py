"""Retained frames of a Raspberry Pi Pico survive all its resets in the middle of a load on both cores, in the emulator.

The load makes raw calls on both cores and retains and maps frames on core 0, all of which a reset can leave half done.
The frames named "kept" have content that is written once, with a checksum.
"""

import time
import zlib

import pytest

from emulated_board import memory_map
from emulators import emulator_of
from harness.console import END, INTERRUPT, SECONDS, Console

RESETS = 10
BYTES = 3000

BEGIN = f"""
import physmem
kept = physmem.retain("kept", {BYTES})
print(kept.fresh, physmem.check(), physmem.dropped())
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

TAKE = f"""
import _thread, machine, time
def take():
    machine.mem32[{memory_map("RPI_PICO")["SPIN_LOCK"]}]
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
}

pytestmark = pytest.mark.xdist_group("pico_resets")


class Board:
    def __init__(self):
        self.emulator = emulator_of("RPI_PICO", options=("--unpaced",))

    def __enter__(self):
        self.emulator.start()
        self.connect()
        return self

    def __exit__(self, *exception):
        self.console.close()
        self.emulator.stop()

    def connect(self):
        self.console = Console(self.emulator)
        self.console.enter_raw_repl()

    def begin(self):
        """Ask for the kept frames. Return (fresh, what check and dropped return)."""
        fresh, _, rest = self.console.execute(BEGIN).strip().partition(" ")
        return fresh == "True", rest

    def checksum(self):
        return int(self.console.execute(CHECKSUM))


@pytest.fixture
def board():
    with Board() as board:
        yield board


def load(board):
    """Start the load, and let it run for some time."""
    board.console.begin(LOAD + "_thread.start_new_thread(core_1, ())\nprint('at it')\ncore_0()\n")
    board.console.read_until(b"at it")


def reset(board, way):
    if WAYS[way]:
        board.console.send(INTERRUPT)  # only core 0; core 1 continues
        board.console.end()
        before = board.emulator.statistics()["nanoseconds"]
        board.console.send(f"import machine\n{WAYS[way]}".encode() + END)
        deadline = time.monotonic() + SECONDS
        while board.emulator.statistics()["nanoseconds"] >= before:  # they count from the reset
            assert time.monotonic() < deadline, "there was no reset"
            time.sleep(0.01)
    else:
        board.emulator.reset()
    board.console.close()
    board.connect()


def test_power_on_is_fresh(board):
    fresh, rest = board.begin()
    assert fresh
    assert rest == "[] []"


@pytest.mark.parametrize("way", WAYS)
def test_kept_over_resets(board, way, amount):
    fresh, _ = board.begin()
    assert fresh
    board.console.execute(WRITE)
    assert amount > 0
    for _ in range(amount):
        load(board)
        reset(board, way)
        assert board.begin() == (False, "[] []")
        assert board.checksum() == zlib.crc32(CONTENT)


def test_soft_resets_stop_core_1_anywhere(board):
    """Ctrl-D ends core 1 wherever it is, even in the critical section. The next boot, which takes the lock, does not
    wait for it."""
    board.begin()
    board.console.execute(WRITE)
    for _ in range(RESETS):
        load(board)
        board.console.send(INTERRUPT)
        board.console.end()
        board.console.soft_reset()
        assert board.begin() == (False, "[] []")
        assert board.checksum() == zlib.crc32(CONTENT)


def test_soft_reset_frees_a_lock_that_is_held(board):
    """Core 1 takes the lock and keeps it, until Ctrl-D stops it."""
    board.begin()
    board.console.execute(WRITE)
    board.console.execute(TAKE)
    # The states of all spin locks, one bit each: RP2040 datasheet 2.3.1.7, SPINLOCK_ST.
    assert board.console.execute("print(machine.mem32[0xD000005C] >> 31 & 1)").strip() == "1"
    board.console.soft_reset()
    assert board.begin() == (False, "[] []")
    assert board.checksum() == zlib.crc32(CONTENT)
