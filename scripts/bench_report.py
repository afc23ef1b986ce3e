"""The tables of `make bench`: docs/bench.md, and the cost table on the terminal, made from the figures."""

from rich.console import Console
from rich.table import Table

import bench_bounds

COMMAND = "make bench"
MADE_BY = f"\nMade by `{COMMAND}`.\n"

SHOWN = (1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 31, 32, 33, 48, 63, 64, 100, 128, 256, 512, 1024, 2048)
"""The numbers of frames that tables by number of frames show."""

RAW_STATEMENTS = {
    "alloc": "`frame = alloc(n)`, granted:",
    "free": "`n = free(frame)`:",
    "refusal": "`frame = alloc(n)`, refused:",
}
OBJECT_STATEMENTS = {"alloc": "`frames = allocate_frames(n)`:", "free": "`frames.free()`:"}


def number(figure):
    """A figure as it is printed; "-" where there is none, because every request was refused."""
    if figure is None:
        return "-"
    return f"{figure:,.0f}" if figure == round(figure) or figure >= 100 else f"{figure:,.3g}"


def of_three(figures):
    """Mean / 99th percentile / maximum, or the one figure that they all are."""
    if figures is None:
        return "-"
    return " / ".join(f"{figure:,.0f}" for figure in (figures if len(set(figures)) > 1 else figures[:1]))


def markdown(header, rows):
    """A table, the first column to the left, the others to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def verdict(row):
    return "met" if row.met else "NOT met"


def _bound(row):
    return f"{number(row.bound)} ({row.rule})" if row.rule else number(row.bound)


def bounds_table(figures):
    """The rows of bench_bounds in Markdown."""
    rows = [
        [row.measure, number(row.figure), _bound(row), verdict(row), row.peers] for row in bench_bounds.rows(figures)
    ]
    return markdown(["measure", "figure", "at most", "", "C modules called from Python on the same machine"], rows)


def print_bounds(figures):
    """The same on the terminal."""
    table = Table(title=f"Instructions on {figures['board']}; the floor is {figures['floor']}")
    table.add_column("measure")
    for name in ("figure", "at most"):
        table.add_column(name, justify="right")
    table.add_column("made of")
    table.add_column("")
    for row in bench_bounds.rows(figures):
        style = None if row.met else "bold red"
        table.add_row(row.measure, number(row.figure), number(row.bound), row.rule, verdict(row), style=style)
    Console().print(table)


def _counts_table(name, counts):
    """One count for each name."""
    return markdown([name, "instructions"], [[f"`{key}`", number(count)] for key, count in counts.items()])


def _worst_table(figures):
    rows = [
        [name, entry["map"], f"`{entry['call']}`", number(entry["instructions"])]
        for name, entry in figures["worst of the maps tried"].items()
    ]
    return markdown(["of", "map", "call", "instructions"], rows)


def _mixed_table(figures):
    rows = []
    for name, load in figures["mixed load"].items():
        counts = [of_three(load[kind]) for kind in ("operation", "alloc", "free", "refusal")]
        rows.append([name, *counts, load["refused"], load["refused although it could be met"]])
    header = ["map", "any operation", "allocation", "free", "refusal", "refused", "although it could be met"]
    return markdown(header, rows)


def _pairs_table(figures):
    """Both kinds of regions, every n."""
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
    """A table for each call: n against maps, without the n for which there is nothing to say."""
    names = list(maps)
    text = ""
    for call, title in calls.items():
        rows = [[n, *(of_three(maps[name][n].get(call)) for name in names)] for n in map(str, SHOWN)]
        rows = [row for row in rows if set(row[1:]) != {"-"}]
        text += f"\n{title}\n\n" + markdown(["n", *names], rows)
    return text


def _requests_table(maps, header):
    """Requests on several maps: the allocation, its free and the refusals."""
    rows = []
    for name, requests in maps.items():
        for request, counts in requests.items():
            rows.append([request, name, of_three(counts["alloc"]), of_three(counts["free"]), counts["refused"]])
    return markdown([header, "map", "allocation", "free", "refused"], rows)


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
    """docs/bench.md."""
    board, compiler = figures["board"], figures["compiler"]
    emulator = figures["emulator"].split(" (")[0]
    floor = number(figures["floor"])
    return f"""# What the calls cost

<!-- Written by {COMMAND}: change scripts/bench_report.py, not this file. -->

Every figure but those of bytes is a number of **instructions**, exact, not a time and not cycles: {board} as
{emulator} models it, a Cortex-M3, MicroPython compiled by {compiler}. Two runs give the same figures to the last
digit, on any host; another compiler gives others. What is not in them: wait states of flash and memory, the latency of
PSRAM, caches, pipelines, interrupts. No call touches the memory that it hands out, so where that memory is does not
matter; where the metadata is does, and that is the heap.

Counted is a statement of a function in bytecode whose operands are local variables, methods bound once: the loads, the
call, what is called, what becomes of the answer. `benchmarks/on_board/instructions.py` says how. The **floor** is what
two calls cost of a function in machine code that does nothing, given an array and a number: {floor}. Three figures a /
b / c are the mean, the 99th percentile and the maximum, one figure stands for three that are equal, and "-" for
nothing to count. Not every n from 1 to 64 is shown; `build/bench.json` has all of them.

Regions have 2,048 frames unless it says otherwise. A *fresh* map was filled from empty; an *aged* one has been through
5,000 seeded operations after that. The mix of requests: seven of eight for 1 to 16 frames, one of eight for 17 to 64,
all equally likely; `benchmarks/on_board/maps.py` has it. For each n there is one sample of a fresh map, which is always
the same, and there are 100 of an aged one, which moves on between them (12 where objects are concerned).

`{COMMAND}` measures all of this anew, writes it to `build/bench.json` and here, and fails when a counted figure has
grown by more than 2 % over `benchmarks/baseline.json`; `make bench-accept` makes today's figures the baseline.

## Bounds
{MADE_BY}
{bounds_table(figures)}
The worst maps:

{_worst_table(figures)}
## One operation after the other

The mix on an aged map: requests until the occupancy is reached, frees of allocations picked at random above it.
Refused requests are held against a model that knows nothing of the engine.
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

An allocation and its free, added up.
{MADE_BY}
{_frames_table(figures)}
## The longest time with interrupts masked

In a SHARED region: what is executed from after the instruction that masks interrupts to the one that unmasks them, in
the longest such stretch of `alloc(n)`, `alloc_aligned(n, 4)`, `alloc_at(frame, n)` and `free`, granted or refused, in
an empty region and in one aged at 75 %. QEMU logged each instruction: `scripts/bench_trace.py`.
{MADE_BY}
{_counts_table("n", figures["longest time masked"])}
## Objects

`frames = allocate_frames(n)` and `frames.free()` in a system of one region, the collector switched off and the heap
without holes. (How long MicroPython looks for room in a heap with holes stands in the last table.)
{MADE_BY}
{_counts_table("statement", figures["objects"])}{_map_tables(figures["objects by number of frames"], OBJECT_STATEMENTS)}
## Over a reset

In the system that the board boots with, 768 and 4,096 frames, and room for 62 records, of which ten are of names. The
boot makes all regions and pools anew and takes back what is retained; the import of physmem itself is not in it, a
collection is.
{MADE_BY}
{_counts_table("statement", figures["life of frames"])}
## Memory

Flash: the frozen code and constants of each module; names and short texts that modules share are not in it. RAM: the
metadata of a region beside its bound (2 bits a frame rounded up to words, a quarter of a bit rounded up to 1,024
frames, 64 bytes), and all that a `Region` takes in the heap, metadata included.
{MADE_BY}
{_memory_tables(figures)}
## What one does without physmem

`bytearray(n)` dropped at once, 64 times, collections included, and `aligned_buffer(4096)`: a bytearray of twice the
size, the arithmetic on its address, a memoryview of the aligned part; beside them physmem on the same heap, 5,000
times. The half-full heaps hold small tuples; the heap of 128 KiB is the board's, cut when it was empty.
{MADE_BY}
{_heap_table(figures)}"""
