"""gc_heap.py: count what garbage collections cost with and without memory such as PSRAM in the heap.

Runs benchmarks/on_board/gc_collections.py with exact instruction counts, each figure on a freshly reset board: on
MPS2_AN505 under QEMU, which has the RP2350's core, and on PIMORONI_PICO_PLUS2 and RPI_PICO in the emulators of their
chips (gc_heap_rp2.py). For MPS2_AN505 it builds a second firmware. That firmware's collector is configured as the rp2
port does it for RP2350 boards with PSRAM, and it can give the heap a share of the board's psram (gc_share.c). For
PIMORONI_PICO_PLUS2 it builds two more, with all of the PSRAM in the heap and with none. Writes gc_heap.json beside this
file, and docs/gc_heap.md.
"""

import re
import subprocess
import sys

from elftools.elf.elffile import ELFFile
from rich.console import Console

from bench.board import BenchBoard, compile_modules
from bench.gate import json_text
from emulated_board import ROOT, firmware, memory_map
from markdown_table import markdown, number
from memory_map_header import write_if_changed
from studies import gc_variants
from studies.gc_heap_rp2 import (
    RP2040_BOARD,
    RP2040_HEAPS,
    RP2350_BOARD,
    RP2350_HEAPS,
    build_rp2350,
    counts_on_rp2040,
    counts_on_rp2350,
)

BOARD = "MPS2_AN505"
SPLIT_HEAP_BOARD = "MPS2_AN505_SPLIT_HEAP"
FIGURES = ROOT / "benchmarks" / "studies" / "gc_heap.json"
DOCUMENT = ROOT / "docs" / "gc_heap.md"
COMMAND = "make bench-heap"

MIB = 1 << 20
HALF = 8 * MIB
"""Bytes of half the board's 16 MiB of psram. The heap can have the first half; physmem has the other."""

HEAPS = {"as it is": None, "split": 0, "split, 7 MiB more": 7 * MIB, "split, 8 MiB more": 8 * MIB}
"""Name -> bytes of psram given to the heap; None for the board's own firmware."""
WITHOUT_PSRAM, WITH_PSRAM = "split", "split, 8 MiB more"

LOADS = {
    "next to nothing": None,
    "a list of 1,100 empty lists": "lists",
    "2,000 objects": "objects",
    "and a framebuffer of 150 KiB, in the heap": "framebuffer_in_heap",
    "and the same in frames": "framebuffer_in_frames",
    "and an array of 262,144 integers, in the heap": "array_in_heap",
    "and the same in frames ": "array_in_frames",
    "and a list of 10,000 tuples": "list_of_tuples",
}
"""Name -> name of a load in gc_loads."""

STATEMENTS = {
    "again": "`gc.collect()` after another",
    "full": "`gc.collect()` of a full heap",
    "end": "`gc.collect()` with a live object at the end of the heap",
    "free": "`gc.mem_free()`",
}

WAITING_WITH_PSRAM = 1024
"""Objects that can wait for the collector to scan them, as MicroPython's ports/rp2 has it for boards with PSRAM."""
PSRAM_CONFIGURATION = (
    f"-DMICROPY_GC_SPLIT_HEAP=1 -DMICROPY_ALLOC_GC_STACK_SIZE={WAITING_WITH_PSRAM} "
    "-DMICROPY_GC_STACK_ENTRY_TYPE=uint32_t"
)
"""What MicroPython's ports/rp2/mpconfigport.h sets only for boards with PSRAM."""

NANOSECONDS = 1 << 8
"""Emulated time of each instruction: the 30-bit counter wraps after 200 million instructions."""
COUNTING = ("-icount", f"shift={NANOSECONDS.bit_length() - 1},sleep=off")
CLOCK_HZ = 150_000_000
"""Clock of the RP2350 as the port sets it."""


class HeapBoard(BenchBoard):
    """A freshly reset board with the firmware at the path *kernel*; a context manager."""

    def __init__(self, kernel):
        super().__init__((*COUNTING, "-kernel", str(kernel)))  # of two -kernel options QEMU uses the last
        self.board = BOARD


def waiting(port):
    """Return how many objects can wait to be scanned on this project's boards of a port, "qemu" or "rp2", that have no
    PSRAM in the heap."""
    header = ROOT / "firmware" / port / "board_mpconfigport.h"
    (size,) = re.findall(r"^#define MICROPY_ALLOC_GC_STACK_SIZE \((\d+)\)$", header.read_text(), re.MULTILINE)
    return int(size)


def instructions(ticks):
    """Return how many instructions ran in that many ticks of the counter. An instruction takes several ticks."""
    return round(ticks * 10**9 / (memory_map(BOARD)["FPGAIO_COUNTER_HZ"] * NANOSECONDS))


def build():
    """Build the firmware with the split heap. Return its path.

    It is MPS2_AN505 with the changed configuration, where physmem's psram region lacks the half that the heap can have.
    """
    start = next(base for name, base, *_ in memory_map(BOARD)["REGIONS"] if name == "psram")
    regions = gc_variants.moved_start(BOARD, "psram", start + HALF)
    board = gc_variants.add_board(SPLIT_HEAP_BOARD, BOARD, REGIONS=regions)
    write_if_changed(
        board / "mpconfigboard.mk",
        f"include $(BOARD_DIR)/../{BOARD}/mpconfigboard.mk\n"
        f"CFLAGS += {PSRAM_CONFIGURATION}\n"
        f"SRC_C += {ROOT}/benchmarks/studies/gc_share.c\n",
    )
    return gc_variants.build(SPLIT_HEAP_BOARD) / "firmware.elf"


def counts(load, kernel, share):
    """Count one of LOADS in one of HEAPS, with the firmware at the path *kernel*.

    Return {statement: instructions}, with "bytes of the heap" and "bytes that live" added; None if the heap has no room
    for the load.
    """
    with HeapBoard(kernel) as board:
        if share:
            psram = next(base for name, base, *_ in memory_map(BOARD)["REGIONS"] if name == "psram")
            board.run("gc_collections.give", psram, share)
        if LOADS[load] and not board.run("gc_loads.make", LOADS[load]):
            return None
        ticks, (heap, live) = board.run("gc_collections.counts")
    counted = {name: instructions(call) - instructions(nothing) for name, (call, nothing) in zip(STATEMENTS, ticks)}
    return counted | {"bytes of the heap": heap, "bytes that live": live}


RP2_LOADS = ("next to nothing", "a list of 1,100 empty lists", "2,000 objects")
"""Those of LOADS that are counted on boards of ports/rp2."""


def with_names(counted):
    """Return what the functions of gc_heap_rp2 return in the form of `counts`."""
    count, heap, live = counted
    return dict(zip(STATEMENTS, count)) | {"bytes of the heap": heap, "bytes that live": live}


def compiler(path):
    """Return the compiler that the firmware at *path* was compiled with."""
    with open(path, "rb") as file:
        return ELFFile(file).get_section_by_name(".comment").data().split(b"\0")[0].decode()


def build_all_rp2350():
    """Return {name of RP2350_HEAPS: path of the firmware image, or None for the board's own}."""
    return {heap: None if nbytes is None else build_rp2350(nbytes) for heap, nbytes in RP2350_HEAPS.items()}


def measure(split_heap_firmware, rp2350_images, progress):
    """Measure all figures. Return them as a tree of dicts. *rp2350_images* is what `build_all_rp2350` returns."""
    compile_modules()
    version = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True, check=True).stdout
    figures = {
        "compiler": compiler(split_heap_firmware),
        "emulator": version.splitlines()[0].split(" (")[0],
        "loads": {},
    }
    for load in LOADS:
        figures["loads"][load] = {}
        for heap, share in HEAPS.items():
            progress(f"{load}; heap: {heap}")
            kernel = firmware(BOARD) if share is None else split_heap_firmware
            figures["loads"][load][heap] = counts(load, kernel, share)
    for chip, board, heaps, count in (
        ("rp2350", RP2350_BOARD, rp2350_images, counts_on_rp2350),
        ("rp2040", RP2040_BOARD, RP2040_HEAPS, counts_on_rp2040),
    ):
        figures[chip] = {"compiler": compiler(firmware(board)), "loads": {}}
        for load in RP2_LOADS:
            figures[chip]["loads"][load] = {}
            for heap, which in heaps.items():
                progress(f"{board}; {load}; heap: {heap}")
                figures[chip]["loads"][load][heap] = with_names(count(LOADS[load], which))
    return figures


def milliseconds(count):
    """Format the milliseconds of that many instructions at one a cycle and CLOCK_HZ."""
    return f"{count / CLOCK_HZ * 1000:,.1f}"


def _rp2_table(figures, chip):
    """Return a table of loads and heaps against statements."""
    rows = []
    for load, heaps in figures[chip]["loads"].items():
        for heap, counted in heaps.items():
            rows.append([f"{load}; {heap}", *(number(counted[name]) for name in STATEMENTS)])
    return markdown(["what lives; heap", *STATEMENTS.values()], rows)


def _by_heap(figures, figure):
    """Return a table of loads against heaps."""
    rows = []
    for load, heaps in figures["loads"].items():
        rows.append([load.strip(), *("no room" if of is None else number(of[figure]) for of in heaps.values())])
    return markdown(["what lives", *HEAPS], rows)


def _milliseconds_table(figures):
    """Return a table for the 2,000 objects: statements against the heap without and with the 8 MiB."""
    heaps = figures["loads"]["2,000 objects"]
    rows = [
        [title, *(milliseconds(heaps[heap][name]) for heap in (WITHOUT_PSRAM, WITH_PSRAM))]
        for name, title in STATEMENTS.items()
    ]
    return markdown(["milliseconds", WITHOUT_PSRAM, WITH_PSRAM], rows)


def a_mib_more(figures, load):
    """Return the instructions that the eighth MiB of psram in the heap adds to a collection that follows another."""
    heaps = figures["loads"][load]
    return heaps[WITH_PSRAM]["again"] - heaps["split, 7 MiB more"]["again"]


def added(figures, load, before, heap):
    """Return how many instructions more than the load *before* the load *load* costs at each collection."""
    loads = figures["loads"]
    return loads[load][heap]["again"] - loads[before][heap]["again"]


def document(figures):
    """Return the text of docs/gc_heap.md."""
    nothing, lists, objects, framebuffer, framebuffer_in_frames, array, array_in_frames, _ = LOADS
    loads = figures["loads"]
    sizes = " / ".join(number(loads[nothing][heap]["bytes of the heap"]) for heap in HEAPS)
    tables = "\n".join(f"{title}:\n\n{_by_heap(figures, name)}" for name, title in STATEMENTS.items())
    (again_without, full_without, end_without), (again_with, full_with, end_with) = (
        [loads[objects][heap][statement] for statement in ("again", "full", "end")]
        for heap in (WITHOUT_PSRAM, WITH_PSRAM)
    )
    tables_read = loads[lists][WITH_PSRAM]["again"] - loads[lists][WITHOUT_PSRAM]["again"]
    array_costs = number(added(figures, array, array_in_frames, WITH_PSRAM))
    frames_cost = number(added(figures, framebuffer_in_frames, objects, WITHOUT_PSRAM))
    rp2040_whole, rp2040_small = (
        number(figures["rp2040"]["loads"][nothing][heap]["bytes of the heap"]) for heap in RP2040_HEAPS
    )
    framebuffer_costs = number(added(figures, framebuffer, framebuffer_in_frames, WITHOUT_PSRAM))
    rp_none, rp_own, rp_all = RP2350_HEAPS
    rp_sram, rp_one, rp_eight = (
        number(figures["rp2350"]["loads"][nothing][heap]["bytes of the heap"]) for heap in RP2350_HEAPS
    )
    full = [figures["rp2350"]["loads"][objects][heap]["full"] for heap in RP2350_HEAPS]
    rp_full_none, rp_full_own, rp_full_all = map(number, full)
    rp_factor_own, rp_factor_all = full[1] / full[0], full[2] / full[0]
    return f"""# What PSRAM in the heap costs

<!-- Written by {COMMAND}: change benchmarks/studies/gc_heap.py, not this file. -->

On a board with 8 MiB of PSRAM you can give it to MicroPython's garbage-collected heap, as the port of the RP2350 does,
or keep it for frames. What does the garbage collector cost in either case?

Every figure in the tables is an exact number of **instructions**, not a time and not cycles, counted on MPS2_AN505 as
{figures["emulator"]} models it: a Cortex-M33, like the RP2350's cores. Compiler: {figures["compiler"]}.
The figures do not include wait states, caches, and the latency of PSRAM, in which the garbage collector keeps the
tables for what it has there. [The firmware of a board with PSRAM](#on-an-rp2350-with-psram) was counted too, in the
emulator of its chip. No figure is from a real chip. `{COMMAND}` counts all of it again, in a few minutes.

## In short

With 2,000 objects in a heap of 512 KiB of SRAM (`{WITHOUT_PSRAM}`), or with 8 MiB more (`{WITH_PSRAM}`):

- A collection of a full heap, started by an allocation that finds no room, costs {number(full_without)}
  or {number(full_with)} instructions: {full_with / full_without:.0f} times as many. It happens less often,
  because there is more room.
- The sweep goes up to the last block in use. So a collection when little has been in use costs {number(again_without)}
  or {number(again_with)}. But one live object at the end of the heap makes every collection sweep the whole heap:
  {number(end_without)} or {number(end_with)}.
- When more than {number(WAITING_WITH_PSRAM)} objects wait to be scanned, the garbage collector reads its tables of the
  whole heap once more, whatever is in it: {number(a_mib_more(figures, lists))} for each MiB given to the heap, at every
  collection. A list of 1,100 empty lists is enough for that.
- The garbage collector looks at each word of a buffer in the heap, because it might be a reference. A framebuffer of
  150 KiB costs {framebuffer_costs} at every collection, an array of 1 MiB {array_costs}. In frames the same
  framebuffer costs {frames_cost}, for the object that owns the frames.
- `gc.mem_free()`, which programs call to watch their memory, always reads all tables:
  {number(loads[objects][WITHOUT_PSRAM]["free"])} or {number(loads[objects][WITH_PSRAM]["free"])}.

## What was counted

Three kinds of heap:

- `as it is`: 512 KiB of SRAM, as in this project's firmware, which has room for {number(waiting("qemu"))} objects that
  wait to be scanned;
- `split`: the same, able to have several areas, and with room for {number(WAITING_WITH_PSRAM)} such objects, as
  MicroPython configures it for RP2350 boards with PSRAM;
- `split, 7 MiB more` and `split, 8 MiB more`: 7 or 8 MiB of the board's psram added by gc_add() after start-up.

What lives, besides the modules of the measurement: next to nothing; a list of 1,100 empty lists; or 2,000 objects,
which are 50 lists of 19 tuples each and 50 dicts of 19 floats each. With the 2,000 objects: a bytearray of 320 x 240
pixels of two bytes that contains a gradient; or an `array` of 1 MiB; or a list of 10,000 tuples. "In frames" means the
same bytes in frames of physmem's psram, and the owner of the frames in the heap.

- *after another*: there is nothing to free. (The room for waiting objects is exceeded in `as it is` and in `split` by
  the list of 1,100 empty lists and that of 10,000 tuples, and in neither by the 2,000 objects.)
- *of a full heap*: everything that was free is garbage, in blocks of 64 KiB and of 1 KiB.
- *with a live object at the end of the heap*: of that garbage the block at the highest address is kept. It stands for
  anything that was allocated while the heap was nearly full.

## Instructions

Made by `{COMMAND}`.

{tables}
Bytes that live, of {sizes} bytes for objects:

{_by_heap(figures, "bytes that live")}
## Milliseconds, with care

The same, with 2,000 objects alive, at one instruction a cycle and {CLOCK_HZ // 1_000_000} MHz, the RP2350's clock. This
is not a measurement. A Cortex-M33 issues some pairs of short instructions at once. But an access to PSRAM that is not
in the cache of 16 KiB waits for tens of cycles, and the garbage collector reads every byte of its table of 8 MiB, which
has 125 KiB: expect more.

Made by `{COMMAND}`.

{_milliseconds_table(figures)}
## On an RP2350 with PSRAM

The firmware of the Pimoroni Pico Plus 2 in the emulator of the RP2350, which runs all of it: the port finds the PSRAM
and adds it to the heap itself. Instructions are exact here too. If you repeat the count, a figure may differ by some
twenty: when the bytes of the program arrive over USB decides a little of what is in memory. Cycles, the cache and the
latency of PSRAM are not modelled.

- `{rp_none}`: the heap is in SRAM, {rp_sram} bytes for objects;
- `{rp_own}`: the .uf2 file as it is shipped. The memory plan adds 1 MiB of PSRAM, which makes
  {rp_one} bytes for objects;
- `{rp_all}`: as much as MicroPython's own firmware of the board adds, which makes {rp_eight}.

For the first and the last, the same firmware is built with another PSRAM_GC_END in the memory plan. All three have room
for {number(WAITING_WITH_PSRAM)} objects that wait. The live object at the end of the heap is in PSRAM if the heap has
some.

With 2,000 objects alive, a collection of a full heap costs {rp_full_none} instructions without PSRAM,
{rp_full_own} with 1 MiB ({rp_factor_own:.1f} times as many) and {rp_full_all} with 8 MiB
({rp_factor_all:.1f} times as many).

Made by `{COMMAND}`.

{_rp2_table(figures, "rp2350")}
## On an RP2040

The Pico's firmware, the .uf2 file as it is shipped, in the emulator of the RP2040. The heap is as in the board's memory
plan, {rp2040_small} bytes for objects, or as the port would have it, {rp2040_whole}. There is room for
{number(waiting("rp2"))} objects that wait. A smaller heap makes collections cheaper and more frequent.

Made by `{COMMAND}`.

{_rp2_table(figures, "rp2040")}
## In the field

- The second reading of the tables on an RP2350: about 4 ms with 500 kB of SRAM in the heap, about 70 ms with 8 MB of
  PSRAM (a comment of SparkFun's, 2 December 2024, in micropython/micropython pull 15620; at that time it happened when
  more than 64 objects waited). Here the 8 MiB add {number(tables_read)} instructions to such a collection,
  {milliseconds(tables_read)} ms at one a cycle.
- Until MicroPython 1.19 every collection swept the whole heap, whatever was in use: 20 ms with 2 MB of PSRAM on an
  ESP32-S3, then less than 1 (micropython/micropython pull 10235).

## What follows

Give the heap of a board with PSRAM as much of it as your program's objects need and no more, and keep buffers in
frames. [boards.md](boards.md) lists what this project's boards give. Change it in a board's `physmem_board.py`.
"""


def main():
    try:
        split_heap_firmware = build()
        rp2350_images = build_all_rp2350()
        with Console().status("collections") as status:
            figures = measure(split_heap_firmware, rp2350_images, status.update)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as problem:
        return f"physmem: counting the collections failed: {problem}"
    FIGURES.write_text(json_text(figures) + "\n")
    DOCUMENT.write_text(document(figures))
    print(f"Figures: {FIGURES.relative_to(ROOT)}, {DOCUMENT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
