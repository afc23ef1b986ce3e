"""The firmware of the boards with PSRAM, as it is shipped, on emulated boards with all of the PSRAM, less, and none."""

import ast
import functools
import time
import zlib

import pytest

from board_list import boards_of
from emulated_board import memory_map
from harness.console import END, SECONDS, Console
from rp2_emulator import Rp2Emulator

BASE = 0x11000000  # RP2350 datasheet, 2.2.2: the second 16 MiB of external memory
SIZES = (0, 1 << 20, 2 << 20, 4 << 20, 8 << 20)  # bytes of PSRAM that the port's driver can tell apart
SIZE_NAMES = [f"{size >> 20}_MiB" for size in SIZES]
PSRAM_BOARDS = [board for board in boards_of("rp2") if "PSRAM_GC_END" in memory_map(board)]
FRAMEBUFFERS = {"320x240": 320 * 240 * 2, "800x480": 800 * 480 * 2}  # bytes, of two a pixel
FILE = 50_000  # bytes: more than a dozen sectors of flash

WORD = 4
AREA = 256
"""More bytes than the collector's description of an area of the heap takes, and the rounding of its tables."""

pytestmark = pytest.mark.xdist_group("psram_boards")

# Each program prints one value.
MAP = """
import physmem
lines = []
physmem.map(lines.append)
print([line for line in lines if line[0] != " "])
"""

HEAP = """
import gc
gc.collect()
print(gc.mem_alloc() + gc.mem_free())
"""

# Fill the heap and print the lowest address, and the end, of what it has in PSRAM; 0 for either if there is none.
FILL_HEAP = """
import gc
from uctypes import addressof
def fill():
    first = end = 0
    held = None
    for nbytes in (16384, 1024, 64):
        try:
            while True:
                piece = bytearray(nbytes)
                held = held, piece
                at = addressof(piece)
                if 0x10000000 <= at < 0x20000000:
                    first = min(first or at, at)
                    end = max(end, at + nbytes)
        except MemoryError:
            pass
    return first, end
print(fill())
gc.collect()
"""

ERRORS = """
import physmem
def error_of(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except physmem.PhysMemError as error:
        return error.code, str(error)
print([
    error_of(physmem.region, "psram"),
    error_of(physmem.allocate_frames, 1, region="psram"),
    error_of(physmem.allocate_frames_by_bytes, 153600, require="EXTERNAL"),
    error_of(physmem.allocate_frames_at, 0x11100000, 1),
])
"""

# What a board does without its PSRAM.
ALL_ELSE = """
import physmem
with physmem.scope():
    for _ in range(3):
        ring = physmem.dma_ring(8192)
        ring.view[0] = 1
    rest = physmem.allocate_frames(physmem.region("sram").largest_free())
    counts = ring.addr % 8192, rest.count
log = physmem.retain("log", 100)
with open("file", "w") as file:
    file.write("content")
with open("file") as file:
    text = file.read()
print(counts + (text, physmem.release("log"), physmem.check(), physmem.stats()[None]["used"]))
"""

# What stands for the content of a picture, and how to write it and to look at it.
PICTURES = """
import binascii
import micropython
import physmem
@micropython.viper
def draw(view, nbytes: int, seed: int):
    at = ptr8(view)
    for i in range(nbytes):
        at[i] = (i * 31 + (i >> 8) * 7 + seed) & 255
def checksum(frames):
    return binascii.crc32(frames.view)
def frames_of(nbytes):
    return physmem.allocate_frames_by_bytes(nbytes, require="EXTERNAL", zero=True)
"""


def picture(nbytes, seed):
    """Return the checksum of what `draw` writes."""
    return zlib.crc32(bytes((i * 31 + (i >> 8) * 7 + seed) & 255 for i in range(nbytes)))


class Machine(Console):
    """A board at its prompt, with that many bytes of PSRAM; a context manager."""

    def __init__(self, board, psram=8 << 20, options=()):
        self.emulator = Rp2Emulator(board, options=("--unpaced", *options), psram=psram)
        self.emulator.start()
        try:
            super().__init__(self.emulator)
            self.enter_raw_repl()
        except BaseException:
            self.emulator.stop()
            raise

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.emulator.stop()

    def value(self, source):
        """Execute *source*. Return the value that it prints."""
        return ast.literal_eval(self.execute(source))

    def reset(self, source):
        """Have the board reset itself by *source*, and come back to its prompt."""
        before = self.emulator.statistics()["nanoseconds"]
        self.send(source.encode() + END)
        deadline = time.monotonic() + SECONDS
        while self.emulator.statistics()["nanoseconds"] >= before:  # they count from the reset
            assert time.monotonic() < deadline, "there was no reset"
            time.sleep(0.01)
        self.close()
        super().__init__(self.emulator)
        self.enter_raw_repl()


@pytest.fixture(scope="module", params=PSRAM_BOARDS)
def board(request):
    return request.param


@pytest.fixture(scope="module", params=SIZES, ids=SIZE_NAMES)
def size(request):
    return request.param


@pytest.fixture(scope="module")
def machine(board, size):
    """A board with that much PSRAM, for several tests."""
    with Machine(board, size) as machine:
        yield machine


@functools.cache
def heap_in_sram(board):
    """Return the bytes of the heap of a *board* without PSRAM."""
    with Machine(board, 0) as machine:
        return machine.value(HEAP)


def missing(size):
    """Return what a board with *size* bytes of PSRAM lacks, in the words that it prints; "" if nothing."""
    if size == 8 << 20:
        return ""
    if size == 0:
        return "8 MiB of PSRAM expected, none found: no region psram, no block heap"
    return f"8 MiB of PSRAM expected, {size >> 20} MiB found: no region psram"


def test_the_board_says_at_the_start_what_it_lacks(machine, size):
    _, _, said = machine.soft_reset().partition("MPY: soft reboot\r\n")
    assert said == (f"physmem: {missing(size)}\r\n" if missing(size) else "")


def test_the_map_has_what_there_is_and_nothing_else(machine, board, size):
    plan = memory_map(board)
    expected = {("records", *plan["RETAINED_RECORDS"])}
    expected |= {entry[:3] for entry in (*plan["REGIONS"], *plan["OCCUPIED"])}
    expected = {
        entry for entry in expected if not BASE <= entry[1] < BASE + (16 << 20) or sum(entry[1:]) <= BASE + size
    }
    found = set()
    for line in machine.value(MAP):
        name, place, *_ = line.split()
        start, end = (int(address, 16) for address in place.split(".."))
        found.add((name, start, end - start))
    assert found == expected


def test_the_collector_has_its_share_of_what_there_is_and_no_more(machine, board, size):
    """Each 16 bytes of an area of the heap take 2 bits and 1 bit in the collector's tables: MicroPython's py/gc.c."""
    end = memory_map(board)["PSRAM_GC_END"]
    share = min(size, end - BASE)
    objects = machine.value(HEAP) - heap_in_sram(board)
    first_used, end_used = machine.value(FILL_HEAP)
    assert machine.value(HEAP) - heap_in_sram(board) == objects
    assert share * 128 // 131 - AREA < objects <= share * 128 // 131
    if share:
        assert BASE <= first_used < BASE + share // 8
        assert BASE + share - 2048 < end_used <= BASE + share
    else:
        assert first_used == end_used == 0


@pytest.mark.parametrize("size", SIZES[:-1], ids=SIZE_NAMES[:-1], indirect=True)
def test_a_request_for_what_is_not_there_is_refused_and_says_why(machine, size):
    named, in_region, external, at = machine.value(ERRORS)
    assert [code for code, _ in (named, in_region, external, at)] == ["InvalidArgument"] * 3 + ["AddressOutOfRange"]
    for _, sentence in (named, in_region, external):
        assert sentence.endswith(f"; {missing(size)}")
    assert "there is no region of the name 'psram': give one of " in named[1]
    assert "there is no region psram to allocate from: give one of sram; " in in_region[1]
    assert "require EXTERNAL, forbid nothing, region any; there are sram: DMA FAST RETAINED SHARED; " in external[1]


def test_all_else_works(machine, board):
    frames = next(entry[2] // entry[3] for entry in memory_map(board)["REGIONS"] if entry[0] == "sram")
    aligned, rest, text, released, check, used = machine.value(ALL_ELSE)
    rings = 3 * 8192 // 4096  # frames, of the 30 of a region that starts where a ring can
    assert (aligned, rest, text, released, check, used) == (0, frames - rings, "content", 1, [], 0)


def test_a_program_can_add_what_there_is_of_a_smaller_chip(board):
    """The GC's share ends at 0x11100000; with 2 MiB there is 1 MiB behind it."""
    first = memory_map(board)["PSRAM_GC_END"]
    nbytes = BASE + (2 << 20) - first
    with Machine(board, 2 << 20) as machine:
        machine.execute(PICTURES + f"physmem.add_region('psram', {first}, {nbytes}, 4096, 'DMA EXTERNAL SHARED')")
        assert machine.value(f"""
frames = physmem.allocate_frames_by_bytes({nbytes}, region="psram")
draw(frames.view, {nbytes}, 1)
print((frames.addr, checksum(frames), frames.free(), physmem.check()))
""") == (first, picture(nbytes, 1), nbytes // 4096, [])


@pytest.mark.parametrize("name", FRAMEBUFFERS)
def test_a_framebuffer_is_written_and_read(board, name):
    """It starts as zeros, whatever was there before."""
    nbytes = FRAMEBUFFERS[name]
    frames = -(-nbytes // 4096)
    with Machine(board) as machine:
        machine.execute(PICTURES)
        machine.execute("""
whole = physmem.allocate_frames(physmem.region("psram").frames, region="psram")
whole.fill(0xA5)
whole.free()
""")
        zeros, region, count, drawn, left = machine.value(f"""
frames = frames_of({nbytes})
other = frames_of({nbytes})
zeros = checksum(frames)
draw(frames.view, {nbytes}, 3)
draw(other.view, {nbytes}, 4)
print((zeros, frames.region.name, frames.count, (checksum(frames), checksum(other)),
    physmem.region("psram").free_frames))
""")
        assert machine.value("print((frames.free(), other.free(), physmem.region('psram').used_frames))") == (
            frames,
            frames,
            0,
        )
    assert (zeros, region, count) == (zlib.crc32(bytes(nbytes)), "psram", frames)
    assert drawn == (picture(nbytes, 3), picture(nbytes, 4))
    assert left == (7 << 20) // 4096 - 2 * frames


@pytest.mark.parametrize("is_sound", [True, False])
def test_a_broken_set_up_of_psram_is_found(board, is_sound):
    """If what makes PSRAM writable has no effect, a frame does not keep what is written to it. (The collector's share
    is not written either, so the program is short.)"""
    with Machine(board, options=() if is_sound else ("--fault=psram-set-up",)) as machine:
        found = machine.value("""
import physmem
view = physmem.allocate_frames(1, region="psram").view
view[0:3] = b"\\1\\2\\3"
print(list(view[0:3]))
""")
    assert (found == [1, 2, 3]) == is_sound


# DMA's control bits are those of the RP2350 datasheet, 12.6.10: CH0_CTRL_TRIG.
EN, WORDS, INCR_READ, INCR_WRITE, PERMANENT_REQUEST = 1 << 0, 2 << 2, 1 << 4, 1 << 6, 0x3F << 17
COPY = EN | WORDS | INCR_READ | INCR_WRITE | PERMANENT_REQUEST
BUSY = 1 << 26


def test_dma_copies_from_sram_to_psram_and_back(board):
    nbytes = 60 * 1024
    with Machine(board) as machine:
        machine.execute(PICTURES)
        sent, cleared, received = machine.value(f"""
import rp2
source = physmem.allocate_frames_by_bytes({nbytes}, require="FAST")
target = frames_of({nbytes})
dma = rp2.DMA()
def copy(read, write):
    dma.config(read=read.addr, write=write.addr, count={nbytes // WORD},
        ctrl={COPY} | dma.channel << 13, trigger=True)  # chained to itself: to none
    while dma.ctrl & {BUSY}:
        pass
draw(source.view, {nbytes}, 5)
copy(source, target)
sent = checksum(target)
source.fill(0)
cleared = checksum(source)
copy(target, source)
print((sent, cleared, checksum(source)))
dma.close()
""")
    assert (sent, cleared, received) == (picture(nbytes, 5), zlib.crc32(bytes(nbytes)), picture(nbytes, 5))


def keeps_psram_while_flash_is_written(machine):
    """Return whether frames in PSRAM, and objects in the heap's share, have their content after a file was written to
    flash, and whether frames can be written then."""
    nbytes = FRAMEBUFFERS["800x480"]
    machine.execute(PICTURES)
    found = machine.value(f"""
from uctypes import addressof
frames = frames_of({nbytes})
draw(frames.view, {nbytes}, 6)
objects = []
while not objects or addressof(objects[-1]) >> 24 != 0x11:
    objects.append(bytearray(8192))
draw(objects[-1], 8192, 7)
data = bytearray({FILE})
draw(data, {FILE}, 8)
with open("file", "wb") as file:
    file.write(data)
kept = checksum(frames), binascii.crc32(objects[-1])
draw(frames.view, {nbytes}, 9)
with open("file", "rb") as file:
    print((kept, checksum(frames), binascii.crc32(file.read())))
""")
    return found == ((picture(nbytes, 6), picture(8192, 7)), picture(nbytes, 9), picture(FILE, 8))


def test_psram_keeps_its_content_while_flash_is_written(board):
    with Machine(board) as machine:
        assert keeps_psram_while_flash_is_written(machine)


REFUSED = """
import physmem
def sentence(**where):
    try:
        physmem.retain("pictures", 4096, **where)
    except physmem.PhysMemError as error:
        return error.code, str(error)
print([sentence(region="psram"), sentence(require="EXTERNAL")])
"""

WAYS = {
    "reset": "import machine\nmachine.reset()",
    "watchdog": "import machine\nmachine.WDT(timeout=20)\nwhile True: pass",
    "soft": None,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_retained_is_in_sram_and_survives_a_reset(board, way):
    """In PSRAM it is refused, because PSRAM is not RETAINED. That changes nothing, also after the reset."""
    nbytes = 5000
    log = f"log = physmem.retain('log', {nbytes})\n"
    with Machine(board) as machine:
        machine.execute(PICTURES + log + f"draw(log.view, {nbytes}, 10)")
        for fresh in (True, False):
            by_region, by_attribute = machine.value(REFUSED)
            assert by_region[0] == by_attribute[0] == "InvalidArgument"
            assert "require RETAINED, forbid nothing, region psram; " in by_region[1]
            assert "require EXTERNAL RETAINED, forbid nothing, region any; " in by_attribute[1]
            for _, text in (by_region, by_attribute):
                assert "psram: DMA EXTERNAL SHARED, sram: DMA FAST RETAINED SHARED" in text
            assert machine.value("print((log.fresh, checksum(log), log.region.name))") == (
                fresh,
                picture(nbytes, 10),
                "sram",
            )
            assert machine.value(
                "print([kept.name for kept in physmem.retained()], physmem.dropped(), physmem.check(), sep=',')"
            ) == (["log"], [], [])
            if fresh:
                if WAYS[way]:
                    machine.reset(WAYS[way])
                else:
                    machine.soft_reset()
                machine.execute(PICTURES + log)
