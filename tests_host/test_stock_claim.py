"""Memory that physmem_claim takes from the collector, on stock firmware of the Pico and the Pico 2 in their emulators.

Nothing is frozen: the package is in the file system, and boot.py has one line. The claimed memory is the top of the
port's heap: RP2040 0x20040000 and RP2350 0x2007F000 in ports/rp2/memmap_mp_rp2040.ld and memmap_mp_rp2350.ld.
"""

import functools
import json
import pathlib
import subprocess
import tempfile

import pytest

from bench.footprint import MARKED_COLLECTION
from board_list import chip
from emulated_board import ROOT
from harness.stock_board import BOARDS, StockBoard

CLAIMED = 64 * 1024
HEAP_END = {"RPI_PICO": 0x20040000, "RPI_PICO2": 0x2007F000}
RECORDS = 1024
MARK = 64
RUN_LOSES_SRAM = ("rp2350",)  # datasheet 7.3.1 and 6.5.5
BOOT = f"import physmem_claim\nphysmem_claim.boot({CLAIMED})\n"
WITHOUT_BOOT = "# nothing is claimed"

NUMBERS = """
import gc, physmem
gc.collect()
region = physmem.region("sram")
print([gc.mem_alloc() + gc.mem_free(), region.base, region.end, region.attrs])
"""
HEAP_BYTES = "import gc\ngc.collect()\nprint(gc.mem_alloc() + gc.mem_free())"

LEAVE = """
import physmem
log = physmem.retain("log", 3000)
for i in range(3000):
    log.view[i] = (i * 31 + (i >> 7)) & 255
ring = physmem.dma_ring(4096).map()
ring.fill(0x3C)
print([log.addr, ring.addr, log.fresh])
"""
FIND = """
import physmem
log = physmem.retain("log", 3000)
held = [[frames.addr, frames.nbytes, bytes(frames.view).count(b"\\x3c")] for frames in physmem.quarantined()]
wrong = 0
for i in range(3000):
    wrong += log.view[i] != (i * 31 + (i >> 7)) & 255
print(str([log.addr, int(log.fresh), wrong, held, physmem.check(), physmem.dropped()]).replace("'", '"'))
"""

TAKE_ALL = """
taken = []
try:
    while True:
        taken.append(physmem.allocate_frames(1).addr)
except MemoryError:
    pass
"""

# Way -> what resets the chip; None: otherwise.
WAYS = {
    "Ctrl-D": None,
    "machine.reset": "import machine\nmachine.reset()",
    "watchdog": "import machine\nmachine.WDT(timeout=20)\nwhile True: pass",
    "RUN": None,
}

# Fill the region with addresses of an object that is then lost, and the heap with objects whose content says which they
# are; collect; compare.
FULL = """
import gc, physmem
from uctypes import addressof
region = physmem.region("sram")
frames = physmem.allocate_frames(region.frames)
view = frames.view
word = addressof(bytearray(1000)).to_bytes(4, "little")
view[0:4] = word
n = 4
while n < frames.nbytes:
    m = min(n, frames.nbytes - n)
    view[n:n + m] = view[0:m]
    n += m
objects = []
count = wrong = inside = same = number = made = start = 0  # a new name may need heap for the table of names
size = 1000
while size > 20:
    try:
        while True:
            objects.append(bytearray(bytes((len(objects) & 255,)) * size))
    except MemoryError:
        size //= 3
gc.collect()
for number, made in enumerate(objects):
    start = addressof(made)
    inside += region.base - 64 < start + len(made) and start < region.end + 1024
    wrong += made.count(bytes((number & 255,))) != len(made)
count = len(objects)
objects = made = None
gc.collect()
for n in range(0, frames.nbytes, 4096):
    same += view[n:n + 4] == word and bytes(view[n:n + 1024]) == bytes(view[0:1024])
frames.free()
print([count, inside, wrong, same, len(physmem.check())])
"""


def of_boards(*values):
    """Return the decorator of a test on each board, one xdist group for each; with *values* for each of these."""
    cases = [
        pytest.param(board, *value, marks=pytest.mark.xdist_group(f"stock-{board}"), id="-".join((board, *value)))
        for board in BOARDS
        for value in (values or ((),))
    ]
    names = ["board", "way"] if values else ["board"]
    return pytest.mark.parametrize(names, cases, indirect=["board"])


@pytest.fixture(scope="module")
def boards():
    """Yield a function that returns the StockBoard of that name, with the package installed: one for all tests."""
    running = {}

    def board_of(name):
        if name not in running:
            running[name] = StockBoard(name)
            running[name].__enter__()
            running[name].install()
        return running[name]

    yield board_of
    for board in running.values():
        board.__exit__()


@pytest.fixture
def board(request, boards):
    """Return the board after a hard reset by its program, with the memory claimed by boot.py and nothing in it."""
    board = boards(request.param)
    board.write({"boot.py": BOOT.encode()})
    board.reset_by(WAYS["machine.reset"])
    board.run("import physmem\nfor frames in physmem.quarantined():\n    frames.unmap().free()")
    board.run("for kept in physmem.retained():\n    physmem.release(kept.name)")
    return board


@pytest.fixture
def bare(request, boards):
    """Return the board after a hard reset, with nothing claimed."""
    board = boards(request.param)
    board.write({"boot.py": WITHOUT_BOOT.encode()})
    board.reset_by(WAYS["machine.reset"])
    return board


def of_bare_boards():
    cases = [pytest.param(board, marks=pytest.mark.xdist_group(f"stock-{board}")) for board in BOARDS]
    return pytest.mark.parametrize("bare", cases, indirect=True)


@functools.cache
def plain_modules():
    """Return {name: content} of what claims memory, with its private names as in lib/, which a package shortens."""
    contents = {}
    for module in ("physmem_claim", "physmem_cut", "physmem_collector"):
        with tempfile.TemporaryDirectory() as folder:
            output = f"{folder}/{module}.mpy"
            options = ["-march=armv6m", "-o", output, ROOT / "lib" / f"{module}.py"]
            subprocess.run([ROOT / "build" / "mpy-cross" / "mpy-cross", *options], check=True)
            contents[f"{module}.mpy"] = pathlib.Path(output).read_bytes()
    return contents


def refusal(board, source):
    """Return the sentence of the ClaimError that *source* raises, and check that nothing has changed."""
    before = int(board.run(HEAP_BYTES))
    with pytest.raises(RuntimeError, match="ClaimError") as error:
        board.run(source)
    assert int(board.run(HEAP_BYTES)) == before
    return str(error.value).rpartition("ClaimError: ")[2]


@of_boards()
def test_claimed_in_boot_py(board):
    """The region ends at the records, which end where the heap did; the heap is smaller by all that and the mark; and
    that is the same after Ctrl-D."""
    end = HEAP_END[board.name]
    for _ in range(2):
        nbytes, base, stop, attrs = json.loads(board.run(NUMBERS))
        assert (base, stop + RECORDS) == (end - CLAIMED, end)
        assert board.run("import physmem_claim\nprint(physmem_claim.claim(64 * 1024))") == str((base, CLAIMED))
        assert board.run("print(physmem_claim.boot(64 * 1024) is physmem.region('sram'))") == "True"
        assert board.run(f"print(physmem.check(), {attrs} == physmem.DMA | physmem.FAST | physmem.RETAINED | 32)") == (
            "[] True"
        )
        assert "Error" not in board.soft_reset()
    board.write({"boot.py": WITHOUT_BOOT.encode()})
    board.reset_by(WAYS["machine.reset"])
    assert int(board.run(HEAP_BYTES)) == nbytes + CLAIMED + MARK


@of_boards(*[(way,) for way in WAYS])
def test_kept_over(board, way):
    """A retained log has its content and a mapped ring is quarantined, both where they were; but RUN switches the SRAM
    of an RP2350 off: then all is new."""
    log, ring, fresh = json.loads(board.run(LEAVE).replace("True", "1"))
    assert fresh
    if way == "Ctrl-D":
        assert "Error" not in board.soft_reset()
    elif way == "RUN":
        board.reset_by_run()
    else:
        board.reset_by(WAYS[way])
    found, is_fresh, wrong, held, check, dropped = json.loads(board.run(FIND))
    if way == "RUN" and chip(board.name) in RUN_LOSES_SRAM:
        assert (is_fresh, held, check, dropped) == (1, [], [], [])
        return
    assert (found, is_fresh, wrong, held, check, dropped) == (log, 0, 0, [[ring, 4096, 4096]], [], [])
    board.run(TAKE_ALL)
    taken = json.loads(board.run("print(taken)"))
    assert taken and not [addr for addr in taken if ring <= addr < ring + 4096 or log <= addr < log + 3072]
    assert len(taken) == (CLAIMED - RECORDS - 4096 - 3072) // 1024


@of_boards()
def test_full_heap_beside_the_region(board):
    """No object lies in the region, none changes, and the collector takes no content of it for an object."""
    count, inside, wrong, same, faults = json.loads(board.run(FULL, 240))
    assert count > 20 and (inside, wrong, faults) == (0, 0, 0)
    assert same == -(-(CLAIMED - RECORDS) // 4096)


@of_boards()
def test_a_collection_is_cheaper_than_with_a_region_in_the_heap(board):
    """A collection looks at every word of a region of the heap: at least an instruction for each."""

    def instructions():
        board.run(MARKED_COLLECTION + "collection()")
        board.emulator.reset_statistics()
        board.run("collection()")
        _, first, second = (mark["instructions"] for mark in board.emulator.marks())
        return second - first

    nbytes = 16 * 1024
    claimed = instructions()
    board.run(f"kept = bytearray({nbytes})\nfor i in range(0, {nbytes}, 4):\n    kept[i + 3] = 0x20")
    assert instructions() - claimed > nbytes // 4


@of_boards()
def test_heap_that_is_used_above(board):
    """An object above the new end is a refusal. Once it is garbage the memory can be claimed, but nothing in it is
    believed, because the object may have overwritten it."""
    board.run(LEAVE)
    board.write({"boot.py": WITHOUT_BOOT.encode()})
    board.reset_by(WAYS["machine.reset"])
    board.run("import gc, physmem_claim\ngc.collect()\nlow = bytearray(gc.mem_free() - 30000)\nhigh = bytearray(8000)")
    board.run("low = None")
    assert "in use above the new end" in refusal(board, f"physmem_claim.claim({CLAIMED})")
    board.run("high = None")
    base = HEAP_END[board.name] - CLAIMED
    assert board.run(f"print(physmem_claim.claim({CLAIMED}))") == str((base, CLAIMED))
    assert board.run(f"print(sum(__import__('uctypes').bytearray_at({base}, {CLAIMED})))") == "0"
    board.run(f"physmem_claim.boot({CLAIMED})")
    _, is_fresh, _, held, check, dropped = json.loads(board.run(FIND))
    assert (is_fresh, held, check, dropped) == (1, [], [], [])


@of_boards()
def test_heap_that_was_used_above_and_collected(board):
    """Content that the heap has overwritten is not believed, though nothing above the new end is in use any more."""
    board.run(LEAVE)
    board.write({"boot.py": WITHOUT_BOOT.encode()})
    board.reset_by(WAYS["machine.reset"])
    board.run("import gc\ngc.collect()\nlow = bytearray(gc.mem_free() - 30000)")
    board.run("for i in range(1, 40000):\n    low[-i] = 170")
    board.run("low = None\ngc.collect()\nimport physmem_claim")
    board.run(f"physmem_claim.boot({CLAIMED})")
    _, is_fresh, _, held, check, dropped = json.loads(board.run(FIND))
    assert (is_fresh, held, check, dropped) == (1, [], [], [])


@of_bare_boards()
def test_what_is_refused(bare):
    """Each refusal says why, and leaves the heap as it was; after all of them the memory can be claimed."""
    bare.write(plain_modules())
    bare.run("import physmem_claim")
    heap = int(bare.run(HEAP_BYTES))
    claim = "physmem_claim.claim(4096)"
    assert f"of {heap} bytes of heap" in refusal(bare, f"physmem_claim.claim({heap - 20000})")
    assert "at least 32768" in refusal(bare, "physmem_claim.claim(1 << 28)")
    for value in ("0", "-4096", "1.5", "'4096'", "None"):
        assert "nbytes" in refusal(bare, f"physmem_claim.claim({value})")
    for change, undo, reason in (
        (
            "newest, claim._NEWEST = claim._NEWEST, (1, 24)",
            "claim._NEWEST = newest",
            "not known here, only 1.25 to 1.24",
        ),
        ("chips, claim._CHIPS = claim._CHIPS, {}", "claim._CHIPS = chips", "must be an RP2040 or an RP2350"),
        ("cut._SRAM = 0x30000000", "", "the collector has no memory in SRAM"),
        ("collector._areas = lambda address, live: None", "", "structure was not found"),
        (
            "all = collector.where_described\n"
            "collector.where_described = lambda at: [(a, t, n + 4) for a, t, n in all(at)]",
            "",
            "its structure has",
        ),
    ):
        # What claim() loads each time is loaded before, to be changed.
        bare.run("claim = physmem_claim\nimport physmem_collector as collector\nimport physmem_cut as cut")
        bare.run(change)
        assert reason in refusal(bare, claim), change
        bare.run(undo or "pass")
    bare.run(f"import os\nfor name in {list(plain_modules())}:\n    os.remove(name)")
    bare.soft_reset()
    bare.run("import physmem_claim")
    base = HEAP_END[bare.name] - CLAIMED
    assert bare.run(f"print(physmem_claim.claim({CLAIMED - 100}))") == str((base, CLAIMED))
    assert f"{CLAIMED} bytes have been claimed" in refusal(bare, "physmem_claim.claim(4096)")
    assert f"{CLAIMED} bytes have been claimed" in refusal(bare, f"physmem_claim.claim({2 * CLAIMED})")
    bare.soft_reset()
    assert "not 8192" in refusal(bare, "import physmem_claim\nphysmem_claim.boot(8192)")
    bare.run("import physmem\nphysmem.boot_in_heap(1024)")
    assert "regions already, heap" in refusal(bare, f"physmem_claim.boot({CLAIMED})")


@of_bare_boards()
def test_a_wrong_memory_plan_is_refused(bare):
    """The plan of this project's firmware for the board has its region in the heap of stock firmware; and neither the
    stack nor MicroPython's own state can be regions."""
    plan = (ROOT / "boards" / bare.name / "physmem_board.py").read_bytes()
    bare.write({"physmem_board.py": plan})
    try:
        with pytest.raises(RuntimeError, match="at 0x20.* lies in the garbage collector's memory"):
            bare.run("import physmem\nphysmem.boot()")
    finally:
        bare.run("import os\nos.remove('physmem_board.py')")
    top = {"RPI_PICO": 0x20042000, "RPI_PICO2": 0x20082000}[bare.name]
    for base, what in (
        (top - 1024, "the stack"),
        ("id(sys.modules) & -1024", "MicroPython's own state"),
    ):
        with pytest.raises(RuntimeError, match=f"lies in {what}"):
            bare.run(f"import sys\nphysmem.init([('wrong', {base}, 1024, 1024)])")
    assert bare.run("print(physmem.regions())") == "[]"
    assert bare.run("print(physmem.boot_in_heap(4096).used_frames)") == "0"


@of_bare_boards()
def test_boot_in_heap(bare):
    """On the chip itself: DMA FAST SHARED and not CACHED; Ctrl-D gives the memory back to the collector."""
    bare.run("import physmem\nregion = physmem.boot_in_heap(16384)")
    assert bare.run(
        "print(region.attrs == physmem.DMA | physmem.FAST | physmem.SHARED, physmem.dma_ring(8192).addr % 4096)"
    ) == ("True 0")
    before = int(bare.run(HEAP_BYTES))
    bare.soft_reset()
    assert int(bare.run(HEAP_BYTES)) == before
    assert bare.run("import sys\nprint('physmem' in sys.modules)") == "False"
