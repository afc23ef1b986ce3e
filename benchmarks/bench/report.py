"""Make the tables of `make bench` from the figures: docs/bench.md, and the table of bounds on the terminal."""

from rich.console import Console
from rich.table import Table

from bench import bounds
from markdown_table import markdown, number

COMMAND = "make bench"
MADE_BY = f"\nMade by `{COMMAND}`.\n"

SHOWN = (1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 31, 32, 33, 48, 63, 64, 100, 128, 256, 512, 1024, 2048)
"""The numbers of frames shown by tables that have a row for each number of frames."""

RAW_STATEMENTS = {
    "alloc": "`frame = alloc(n)`, granted:",
    "free": "`n = free(frame)`:",
    "refusal": "`frame = alloc(n)`, refused:",
}
OBJECT_STATEMENTS = {"alloc": "`frames = allocate_frames(n)`:", "free": "`frames.free()`:"}


def of_three(figures):
    """Format "mean / 99th percentile / maximum", or a single figure if all three are equal."""
    if figures is None:
        return "-"
    return " / ".join(f"{figure:,.0f}" for figure in (figures if len(set(figures)) > 1 else figures[:1]))


def verdict(row):
    return "met" if row.met else "NOT met"


def _bound(row):
    return f"{number(row.bound)} ({row.rule})" if row.rule else number(row.bound)


def bounds_table(figures):
    """Return the rows of bounds.py as a Markdown table."""
    rows = [[row.measure, number(row.figure), _bound(row), verdict(row), row.peers] for row in bounds.rows(figures)]
    return markdown(["measure", "figure", "at most", "", "C modules called from Python on the same machine"], rows)


def print_bounds(figures):
    """Print the rows of bounds.py on the terminal."""
    table = Table(title=f"Instructions on {figures['board']}; the floor is {figures['floor']}")
    table.add_column("measure")
    for name in ("figure", "at most"):
        table.add_column(name, justify="right")
    table.add_column("made of")
    table.add_column("")
    for row in bounds.rows(figures):
        style = None if row.met else "bold red"
        table.add_row(row.measure, number(row.figure), number(row.bound), row.rule, verdict(row), style=style)
    Console().print(table)


def _counts_table(name, counts):
    """Return a table with one count for each name."""
    return markdown([name, "instructions"], [[f"`{key}`", number(count)] for key, count in counts.items()])


def _worst_table(figures):
    rows = [
        [name, entry["map"], f"`{entry['call']}`", number(entry["instructions"])]
        for name, entry in figures["worst of the maps tried"].items()
    ]
    return markdown(["of", "bitmap", "call", "instructions"], rows)


def _mixed_table(figures):
    rows = []
    for name, load in figures["mixed load"].items():
        counts = [of_three(load[kind]) for kind in ("operation", "alloc", "free", "refusal")]
        rows.append([name, *counts, load["refused"], load["refused although it could be met"]])
    header = ["bitmap", "any operation", "allocation", "free", "refusal", "refused", "although it could be met"]
    return markdown(header, rows)


def _pairs_table(figures):
    """Return a table of `free(alloc(n))` for every n, in a plain region and in a SHARED one."""
    empty = figures["free(alloc(n)) in an empty region"]
    shared = figures["free(alloc(n)) in an empty SHARED region"]
    names = list(empty)
    columns = 4
    height = -(-len(names) // columns)
    rows = []
    for line in range(height):
        cells = []
        for name in names[line::height]:
            cells += [name, number(empty[name]), number(shared[name])]
        rows.append(cells + [""] * (3 * columns - len(cells)))
    return markdown(["n", "", "SHARED"] * columns, rows)


def _map_tables(maps, calls):
    """Return a table for each call: a row for each n that has figures, a column for each bitmap."""
    names = list(maps)
    text = ""
    for call, title in calls.items():
        rows = [[n, *(of_three(maps[name][n].get(call)) for name in names)] for n in map(str, SHOWN)]
        rows = [row for row in rows if set(row[1:]) != {"-"}]
        text += f"\n{title}\n\n" + markdown(["n", *names], rows)
    return text


def _requests_table(maps, header):
    """Return a table of requests on several bitmaps: the allocation, its free and the refusals."""
    rows = []
    for name, requests in maps.items():
        for request, counts in requests.items():
            rows.append([request, name, of_three(counts["alloc"]), of_three(counts["free"]), counts["refused"]])
    return markdown([header, "bitmap", "allocation", "free", "refused"], rows)


def _frames_table(figures):
    by_frames = figures["alloc and free by size of region"]
    requests = list(next(iter(by_frames.values())))
    header = ["frames"] + [f"{name}, {kind}" for name in requests for kind in ("empty", "75 % used")]
    rows = []
    for frames, counts in by_frames.items():
        cells = [number(int(frames))]
        for name in requests:
            cells += [number(counts[name]["empty"]), of_three(counts[name]["75 % used, aged"])]
        rows.append(cells)
    return markdown(header, rows)


def _memory_tables(figures):
    flash = figures["bytes of flash by module"]
    ram = figures["RAM by frames of a region"]
    names = list(next(iter(ram.values())))
    return (
        markdown(["module", "bytes of flash"], [[name, number(size)] for name, size in flash.items()])
        + "\n"
        + markdown(
            ["frames", *names],
            [[number(int(frames)), *(number(row[name]) for name in names)] for frames, row in ram.items()],
        )
    )


def _heap_table(figures):
    heaps = figures["garbage-collected heap"]
    rows = [
        [f"`{name}`", *(of_three(heap[name]) for heap in heaps.values())] for name in sorted(next(iter(heaps.values())))
    ]
    return markdown(["statement", *heaps], rows)


def document(figures):
    """Return the text of docs/bench.md."""
    board, compiler = figures["board"], figures["compiler"]
    emulator = figures["emulator"].split(" (")[0]
    floor = number(figures["floor"])
    return f"""# What the calls cost

<!-- Written by {COMMAND}: change benchmarks/bench/report.py, not this file. -->

Figures are exact numbers of **instructions**, not a time and not cycles, unless they are bytes. They were counted on
{board} as {emulator} models it, a Cortex-M3, with MicroPython compiled by
{compiler}. Two runs give the same figures to the last digit, on any host. Another compiler
gives others. The figures do not include wait states of flash and memory, the latency of PSRAM, caches, pipelines and
interrupts. No call touches the memory it hands out, so it does not matter where that memory is. It does matter where
the metadata is: in the heap.

Each figure is for a statement of a bytecode function whose operands are local variables, with methods bound once. It
covers the loads, the call, what is called, and what becomes of the result; `benchmarks/on_board/instructions.py` shows
how. The **floor** is the cost of two calls of a machine-code function that does nothing, given an array and a number:
{floor}. Three figures a / b / c are the mean, the 99th percentile and the maximum. One figure stands for three that are
equal, and "-" for nothing to count. Not every n from 1 to 64 is shown; `build/bench.json` has all of them.

Regions have 2,048 frames unless the text says otherwise. A *fresh* bitmap was filled from empty. An *aged* one has been
through 5,000 seeded operations after that. The mix of requests: seven of eight are for 1 to 16 frames, one of eight is
for 17 to 64, all equally likely; `benchmarks/on_board/maps.py` defines it. For each n there is one sample of a fresh
bitmap, which is always the same, and there are 100 of an aged one, which moves on between them (12 for objects).

`{COMMAND}` measures all of this again, writes it to `build/bench.json` and to this page, and fails when a counted
figure has grown by more than 2 % over `benchmarks/baseline.json`. `make bench-accept` makes today's figures the
baseline.

## Bounds
{MADE_BY}
{bounds_table(figures)}
The worst bitmaps:

{_worst_table(figures)}
## One operation after the other

The mix on an aged bitmap: below the occupancy a request, above it a free of an allocation picked at random. A model
that knows nothing of the engine checks refused requests.
{MADE_BY}
{_mixed_table(figures)}
## `free(alloc(n))` in an empty region
{MADE_BY}
{_pairs_table(figures)}
## Raw calls by the number of frames
{MADE_BY}{_map_tables(figures["raw calls by number of frames"], RAW_STATEMENTS)}
## Alignment and place
{MADE_BY}
{_requests_table(figures["alloc_aligned(n, align)"], "`alloc_aligned` n, align")}
{_requests_table(figures["alloc_at(frame, n)"], "`alloc_at` n")}
## Cost against the number of frames of the region

![cost against number of frames](bench.svg)

The sum of an allocation and its free.
{MADE_BY}
{_frames_table(figures)}
## The longest time with interrupts masked

In a SHARED region: the instructions after the one that masks interrupts, up to the one that unmasks them, in the
longest such stretch of `alloc(n)`, `alloc_aligned(n, 4)`, `alloc_at(frame, n)` and `free`, granted or refused, in an
empty region and in one aged at 75 %. QEMU logs each instruction: `benchmarks/bench/trace.py`.
{MADE_BY}
{_counts_table("n", figures["longest time masked"])}
## Beside the raw calls

The functions of the engine that the library calls with the address of the metadata, or of frames: a change of size in
place, a new start for the peak, filling. Each row is one statement on a region that is not SHARED.
{MADE_BY}
{_counts_table("call", figures["beside the raw calls"])}
## Objects

`frames = allocate_frames(n)` and `frames.free()` in a system of one region, with the garbage collector switched off and
a heap without holes. (The last table has what it costs when MicroPython must look for room in a heap with holes.)
{MADE_BY}
{_counts_table("statement", figures["objects"])}{_map_tables(figures["objects by number of frames"], OBJECT_STATEMENTS)}
## Over a reset

In the system that the board boots with: 768 and 4,096 frames, and room for 62 records, of which ten are of names. The
boot makes all regions and pools again and takes back the retained frames. The figure includes a collection, but not the
import of physmem itself.
{MADE_BY}
{_counts_table("statement", figures["life of frames"])}
## What owners do

Changing the size of frames where they are, filling them, a scope around one allocation, and what finds frames that lost
their owner. The region has 768 frames of 4 KiB and one allocation.
{MADE_BY}
{_counts_table("statement", figures["owners"])}
## Memory

Flash: the frozen code and constants of each module, without the names and short texts that modules share. RAM: the
metadata of a region beside its bound (2 bits a frame rounded up to words, a quarter of a bit rounded up to 1,024
frames, 64 bytes), and everything a `Region` takes in the heap, including its metadata. The metadata itself takes 2 3/16
bits a frame, the 3/16 for 1,024 frames at a time, and 68 bytes.
{MADE_BY}
{_memory_tables(figures)}
## What you would do without physmem

`bytearray(n)`, dropped at once, 64 times, collections included. `aligned_buffer(4096)`: a bytearray of twice the size,
the arithmetic on its address, a memoryview of the aligned part. Beside them physmem on the same heap, 5,000 times. The
half-full heaps contain small tuples. The heap of 128 KiB is the board's, cut when it was empty.
{MADE_BY}
{_heap_table(figures)}"""
