"""Make the tables of `make bench` from the figures: docs/bench.md, README.md's table, and the terminal's."""

import textwrap

from rich.console import Console
from rich.table import Table

from bench import bounds, footprint
from bench.board import STM32_BOARD
from layers import ORDER
from markdown_table import markdown, number
from page_marks import between

COMMAND = "make bench"
MADE_BY = f"\nMade by `{COMMAND}`.\n"
README_START = "<!-- Written by make bench-accept. -->"
README_END = "<!-- End of what make bench-accept writes. -->"

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
    if row.bound is None:
        return ""
    return "met" if row.met else "NOT met"


def _amount(row, figure):
    """Format *figure* with the unit of *row*; instructions are the rule and go without."""
    if figure is None:
        return ""
    if row.unit == bounds.TIMES:
        return f"{figure:.2f} x"
    return number(figure) if row.unit in (bounds.INSTRUCTIONS, bounds.REQUESTS) else f"{number(figure)} {row.unit}"


def bounds_table(figures, part, title, otherwise):
    """Return the rows of one part of bounds.py as a Markdown table with these titles of its outer columns."""
    rows = [
        [row.measure, _amount(row, row.figure), _amount(row, row.bound), verdict(row), row.otherwise]
        for row in bounds.rows(figures)
        if row.part == part
    ]
    return markdown([title, "figure", "at most", "", otherwise], rows)


def print_bounds(figures):
    """Print the rows of bounds.py on the terminal."""
    table = Table(title=f"What it costs: instructions on {figures['board']}, unless a row says otherwise")
    table.add_column("measure")
    for name in ("figure", "at most"):
        table.add_column(name, justify="right")
    table.add_column("")
    before = None
    for row in bounds.rows(figures):
        if before not in (None, row.part):
            table.add_section()
        before = row.part
        style = None if row.met else "bold red"
        table.add_row(row.measure, _amount(row, row.figure), _amount(row, row.bound), verdict(row), style=style)
    Console().print(table)


def readme_table(figures):
    """Return the table of README.md."""
    found = {(row.part, row.measure): row for row in bounds.rows(figures)}

    def cost(part, *measures):
        return " / ".join(_amount(row, row.figure) for row in (found[part, measure] for measure in measures))

    def of_pico(name):
        kinds = figures["having physmem"]["RPI_PICO"]
        return f"{kinds['stock'][name]:,} / {kinds['with physmem'][name]:,}"

    heap = figures["garbage-collected heap"][bounds.HALF_FULL]
    rows = [
        ["`free(alloc(1))`, raw, with every check", cost(bounds.CALLS, "free(alloc(1))")],
        ["the same in a SHARED region", cost(bounds.CALLS, "free(alloc(1)) in a SHARED region")],
        [
            "interrupts masked in `alloc(1)`, at most, when nobody contends",
            cost(bounds.CALLS, "interrupts masked, n = 1"),
        ],
        [
            "a raw call of a mixed load, 75 % of 2,048 frames used: mean, 99th percentile",
            cost(bounds.CALLS, "a raw call of a mixed load, 75 % used: mean", "the same: 99th percentile"),
        ],
        ["`allocate_frames(1).free()`", cost(bounds.CALLS, "allocate_frames(1).free()")],
        ["the same in a half-full heap, collections included", number(heap["allocate_frames(1).free()"][0])],
        ["`bytearray(4096)`, dropped, in that heap", number(heap["bytearray(4096)"][0])],
        ["`frames.map()`, with its record that survives a reset", cost(bounds.CALLS, "frames.map()")],
        ["`retain(name, 4096)`, new", cost(bounds.CALLS, "retain(name, 4096), new")],
        ["`gc.collect()` at a Pico's prompt: stock, with physmem", of_pico("gc.collect() at the prompt")],
        ["start of a Pico: stock, with physmem", of_pico("start to the prompt")],
        ["bytes of heap in use at a Pico's prompt: stock, with physmem", of_pico("bytes of heap at the prompt")],
    ]
    return markdown(["", "instructions"], rows)


def with_table(text, table):
    """Return the *text* of README.md with *table* between the two comments that hold its place."""
    return between(text, README_START, README_END, f"\n\n{table}\n")


def _ports_table(figures):
    """Return the table of the calls that were counted on two ports."""
    ports = figures["the same calls on two ports"]
    on_first = next(iter(ports.values()))
    names = sorted(on_first, key=on_first.get)
    return markdown(
        ["", *ports], [[f"`{name}`", *(number(counts[name]) for counts in ports.values())] for name in names]
    )


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
    of_region = number(figures["bytes of heap of the modules that the first Region loads"])
    executed = figures["instructions in the machine code of the library"]
    of_alloc, of_free = (number(executed[f"{call} of 1 frame"]) for call in ("alloc", "free"))
    imported = figures["bytes of heap of an import from .mpy files"]
    loaded = imported["modules that boot() leaves loaded"].split(", ")
    modules = ", ".join(f"`{module}`" for module in reversed(ORDER) if module not in loaded)
    modules = textwrap.fill(f"Not loaded after `boot()`: {modules}.", 120, initial_indent="  ", subsequent_indent="  ")
    stack = figures["bytes of stack below the caller"]
    stack_rows = [[f"`{call}`", *(number(of.get(call)) for of in stack.values())] for call in stack["RPI_PICO"]]
    stack_table = markdown(["bytes of stack", *stack], stack_rows)
    return f"""# What the calls cost

<!-- Written by {COMMAND}: change benchmarks/bench/report.py, not this file. -->

Three questions: what does a call cost, what would you have otherwise, and what does it cost to have the library at all?
Figures are numbers of **instructions**, counted exactly, unless a unit stands behind them.

## What a call costs
{MADE_BY}
{bounds_table(figures, bounds.CALLS, "call", "C modules called from Python, or the heap")}
C modules do less: most of them check nothing, and none has kinds of memory, owners or records. Figures of the
garbage-collected heap are from a heap that is half full, with collections counted in: see *What you would do without
physmem*. A row without a bound has no aim yet.

## What it costs to have the library
{MADE_BY}
{bounds_table(figures, bounds.KEEPING, "measure", "for comparison")}
*Stock* is MicroPython's own board of the same name without physmem, built in the same run from the same tree with the
same compiler (`firmware/stock/`). Its RPI_PICO has the port's heap, which with physmem ends where the frames
start. Its MPS2_AN385 has a heap as large as that of this project's board, because the port's own of 143,360 bytes may
have no room for all of the library.

- *Heap in use*: `gc.collect(); gc.mem_alloc()` at the prompt after power-on. physmem has booted its memory plan.
- *gc.collect()*: a collection that follows another, with nothing but that prompt and the counting function alive.
- *Start*: from power-on to the first instruction of the prompt's C function, `{footprint.PROMPT}`. The Pico's file
  system exists already.
- *Stack*: what the call takes below its caller, a bytecode function, outside interrupt handlers. A call may schedule
  another function; MicroPython runs it at the next jump of the bytecode, inside the call, and its stack is included.
- *Package*: what `make dist` makes for `mpremote mip install`, imported on the stock firmware from files outside the
  heap: `docs/packages.md` says what is done to it. `boot_in_heap(16384)` is the first region of a program on stock
  firmware, counted without the memory of the region. `boot()` is given the board's memory plan, with 19 MiB of
  regions and 32 spare owners, whose pools are included. *Every other module* is each one that neither the import nor
  `boot()` has loaded: no program uses all of them. The *free heap* is the least, in KiB, with which a program can
  import it: the files are read and linked in between. The files of all modules have
  {number(imported["bytes of all files"])} bytes.
{modules}
- *Region*: the heap that a `Region` takes beside the blocks of 16 bytes that its metadata fills. The modules that make
  the first one stay loaded if your program makes it itself.

By this table a collection takes about nine instructions for each byte that the library has in the heap. Twice stock's
would leave 4 KB for it. The Pico boards compile the collector for speed, which saves an eighth; stock does not.

An import from .mpy files puts into the heap what firmware has in flash: code and constants, which *Memory* lists for
each module, and names, with MicroPython's table of them, which doubles when it is full. Most of the code is machine
code, and half of that the engine's. The rest of the heap is functions, classes, dictionaries, and what `boot()` makes.
`physmem_allocate` as bytecode would take less, but a KeyboardInterrupt could come between taking frames and making
their owner; machine code checks for none. Where heap is short, freeze the library.

## What must not get worse
{MADE_BY}
{bounds_table(figures, bounds.KEPT_PROMISES, "measure", "otherwise")}
## How it is counted

Instructions are not a time and not cycles. They were counted on {board} as {emulator}
models it, a Cortex-M3, and on RPI_PICO in this project's emulator of the RP2040, with MicroPython compiled by
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

## The same calls on two ports
{MADE_BY}
{_ports_table(figures)}
{STM32_BOARD} is a Cortex-M4 of MicroPython's stm32 port, as QEMU models it. Another timer counts there. The machine
code of the library is the same; the interpreter is compiled with other options. So the raw calls must all differ by the
same number, which checks both ways of counting (`tests_host/test_counting.py`).

## The worst bitmaps tried

Those that were made to be expensive, and those that `make adversary` has found: [worst_case.md](worst_case.md).
{MADE_BY}
{_worst_table(figures)}
## One operation after the other

The mix on an aged bitmap: below the occupancy a request, above it a free of an allocation picked at random. A model
that knows nothing of the engine checks refused requests.
{MADE_BY}
{_mixed_table(figures)}
## `free(alloc(n))` in an empty region
{MADE_BY}
{_pairs_table(figures)}
In the region that is not SHARED, the engine executes {of_alloc} of the instructions for n = 1 in `alloc` and {of_free}
in `free`. The others are the interpreter's: loads, two calls, a store.

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
boot makes all regions and pools again and takes back the retained frames. Its figures include a collection, but not the
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
metadata of a region beside its bound (2 bits a frame rounded up to words, 3/16 of a bit a frame rounded up to 1,024
frames, 68 bytes), and everything a `Region` takes in the heap, including its metadata, where another one has been made.
The first one that you make yourself loads {of_region} bytes of modules, which stay. `init`, `boot` and `add_region`
drop them when they have made their regions.
{MADE_BY}
{_memory_tables(figures)}
## Stack

A first call after power-on may load a module that later calls find loaded.
{MADE_BY}
{stack_table}
## What you would do without physmem

`bytearray(n)`, dropped at once, 64 times, collections included. `aligned_buffer(4096)`: a bytearray of twice the size,
the arithmetic on its address, a memoryview of the aligned part. Beside them physmem on the same heap, 5,000 times. The
half-full heaps contain small tuples. The heap of 128 KiB is the board's, cut when it was empty.
{MADE_BY}
{_heap_table(figures)}"""
