"""adversary.py [--steps N] [--window N] [--only TEXT]: search for the most expensive raw calls.

Runs benchmarks/on_board/adversary_search.py on MPS2_AN385 under QEMU, where instructions are counted exactly. Starts
from the bitmaps in worst_maps.json, counts them again, and replaces those for which it finds a more expensive one. Then
writes the figures into docs/worst_case.md, between its two marks. It uses no clock and no randomness except its seeds:
the same firmware and the same file give the same bitmaps. Exits with status 1 if a figure exceeds its bound.

Each line of worst_maps.json is a row: `name`; `frames` of the region and whether it is `shared`; `used`, the
allocations on the bitmap as [first, count]; `call` and `arguments` of the raw call; `n`, the number of frames that it
allocates or frees; `instructions`, and whether they are `bounded`.
"""

import argparse
import json
import sys

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.board import BenchBoard, compile_modules
from emulated_board import ROOT
from page_marks import write_between

WORST_MAPS = ROOT / "benchmarks" / "studies" / "worst_maps.json"
DOCUMENT = ROOT / "docs" / "worst_case.md"
MARKS = "<!-- begin: written by make adversary -->\n", "<!-- end: written by make adversary -->\n"
FRAMES = 2048
MANY_FRAMES = 32768
POWERS = tuple(1 << order for order in range(12))
ANY = 0
"""Means any number of frames."""
SIZES = {
    "alloc": (*POWERS, ANY),
    "alloc_natural": POWERS[1:],
    "alloc_aligned": (*POWERS, ANY),
    "free": (*POWERS, ANY),
    "alloc_at": (*POWERS, ANY),
}
"""Call -> numbers of frames that have a row; alloc_natural is alloc_aligned(n, n)."""
SHARED_SIZES = {"alloc": (32, 64, ANY), "alloc_aligned": (32, ANY), "free": (2048, ANY), "alloc_at": (ANY,)}
MANY_FRAMES_SIZES = {"alloc": (32, 64, ANY), "alloc_natural": (32,), "alloc_aligned": (32, ANY), "free": (ANY,)}
REGIONS = (SIZES, FRAMES, False), (SHARED_SIZES, FRAMES, True), (MANY_FRAMES_SIZES, MANY_FRAMES, False)
TITLES = {
    "alloc": "`alloc(n)`",
    "alloc_natural": "`alloc_aligned(n, n)`",
    "alloc_aligned": "`alloc_aligned(n, any)`",
    "free": "`free` of n",
    "alloc_at": "`alloc_at` of n",
}
BOUND = 1900
"""Instructions of one alloc or free of a power of two of frames, in 2,048 frames."""
BOUND_OF_ANY = 2500
"""Instructions of any other raw call there. In larger regions there is no bound."""
BOUNDED_CALLS = ("alloc", "free")

STEPS = 2000
"""Steps of one climb, in 2,048 frames."""
BACKGROUNDS = range(4)  # adversary_search.BACKGROUNDS
CLIMBS_FROM_BEST = 2
WINDOW = 6
"""Width in frames of the windows in which every bitmap is tried."""
PLAINEST = {FRAMES: 1, MANY_FRAMES: 512}
"""Frames of the region -> the fewest frames that adversary_search.simplify changes at once."""
ODD_SIZES = (3, 15, 31, 33, 62, 65, 1023)


def kinds():
    """Yield ``(call, n, frames, shared)`` of every row of worst_maps.json, in its order."""
    return [(call, n, *region) for sizes, *region in REGIONS for call, numbers in sizes.items() for n in numbers]


def row_name(call, n, frames, shared):
    """Return the name of a row."""
    what = f"{n or 'any number of'} frame{'s' if n != 1 else ''}"
    if call == "alloc_natural":
        call, what = "alloc_aligned", f"{n} frames at a multiple of {n}"
    return f"{call} of {what}, {frames:,} frames{', shared' if shared else ''}"


def bound_of(row):
    """Return the most instructions that the call of a row may take; None if there is no bound."""
    if row["bounded"]:
        return BOUND
    return BOUND_OF_ANY if row["frames"] == FRAMES else None


def read_rows():
    """Return the rows of worst_maps.json."""
    return json.loads(WORST_MAPS.read_text()) if WORST_MAPS.exists() else []


def windows(width):
    """Return the first frames of the windows.

    They lie at the start of the region, inside a word, across two words, across two groups of 1,024 frames, and at the
    end of the region.
    """
    return (0, 12, 32 - width // 2, 1024 - width // 2, FRAMES - width)


def window_name(first, width):
    """Return the name of a window."""
    return f"every bitmap of {width} frames from {first} on"


def allocations(letters):
    """Return [[first, count]] of the allocations on a bitmap in the letters of adversary_map."""
    found = []
    for frame, letter in enumerate(letters.decode()):
        if letter == "[":
            found.append([frame, 1])
        elif letter == "=":
            found[-1][1] += 1
    return found


def letters(row):
    """Return the bitmap of a row in letters."""
    drawn = bytearray(b"." * row["frames"])
    for first, count in row["used"]:
        drawn[first : first + count] = b"[" + b"=" * (count - 1)
    return bytes(drawn)


def regular_maps(call, n):
    """Return arguments of adversary_search.combs for n frames: offsets, holes, teeth, last frames, alignments.

    The holes are too short, or long enough but never aligned. With some of the teeth, the pattern repeats every word or
    every two words.
    """
    if call == "alloc":
        holes = {n - 1, n - 2, n - 8, 32, 33, 48} & set(range(1, n))
        return (0, 1, 5), sorted(holes), sorted({1, 2, 32 - n % 32, 65 - n % 64, 32}), (0, n, n + 1, n + 8), (2,)
    aligns = {2, 4, 32, 1024} | ({n} if n in POWERS[1:] else set())
    if call == "alloc_natural":
        aligns = {n}
    holes = {n - 1, n, n + 1} | {n + align - more for align in (2, 4, n) for more in (1, 2)}
    return (0, 1), sorted(holes - {-1, 0}), (1, 2, 3, 16, 32 - n % 32), (0, n), sorted(aligns)


class Search:
    """The board, and the rows found so far, by name."""

    def __init__(self, board, steps):
        self.board = board
        self.steps = steps
        self.rows = {row["name"]: row for row in read_rows()}

    def write(self):
        """Write worst_maps.json."""
        names = [name for name in (row_name(*kind) for kind in kinds()) if name in self.rows]
        WORST_MAPS.write_text("[\n" + ",\n".join(json.dumps(self.rows[name]) for name in names) + "\n]\n")

    def note(self, kind, found):
        """Make *found* the row of that kind if it costs more than the present row."""
        instructions, arguments, drawn = found
        call, _, frames, shared = kind
        name = row_name(*kind)
        if instructions <= self.rows.get(name, {"instructions": 0})["instructions"]:
            return
        used = allocations(drawn)
        n = {"alloc_at": arguments[-1], "free": dict(used).get(arguments[0], 0)}.get(call, arguments[0])
        self.rows[name] = {
            "name": name,
            "frames": frames,
            "shared": shared,
            "call": "alloc_aligned" if call == "alloc_natural" else call,
            "arguments": list(arguments),
            "n": n,
            "instructions": instructions,
            "bounded": frames == FRAMES and call in BOUNDED_CALLS and n & (n - 1) == 0,
            "used": used,
        }

    def start(self, name):
        """Return the starting point with which adversary_search continues from a row."""
        row = self.rows[name]
        return row["instructions"], tuple(row["arguments"]), letters(row)

    def replace(self, function, kind):
        """Replace the row of that kind by what the function makes of it."""
        start = self.start(row_name(*kind))
        call, n, frames, shared = kind
        arguments = (0, 0, start) if function == "climb" else (start, PLAINEST[frames])
        del self.rows[row_name(*kind)]
        self.note(kind, self.board.run(f"adversary_search.{function}", (call, n), frames, shared, *arguments))

    def climb(self, kind, seed, start, steps):
        """Climb with that many steps in 2,048 frames, and with fewer steps in larger regions."""
        call, n, frames, shared = kind
        steps = steps * FRAMES // frames
        self.note(kind, self.board.run("adversary_search.climb", (call, n), frames, shared, seed, steps, start))

    def relatives(self, kind):
        """Return the names of the other rows of this kind, including those in regions that are not SHARED."""
        call, n, frames, shared = kind
        related = [(call, n, frames, False)] if shared else []
        if call == "alloc_aligned":
            related.append(("alloc_natural", n, frames, shared))
        if n == ANY:
            related += [(call, power, frames, shared) for power in POWERS]
        return [row_name(*other) for other in related if row_name(*other) in self.rows]

    def search(self, kind):
        """Search one kind: try its present row, its relatives and regular bitmaps, then climb from the backgrounds and
        from the most expensive bitmap so far."""
        call, n, frames, shared = kind
        name = row_name(*kind)
        if name in self.rows:
            self.replace("climb", kind)
        before = self.rows.get(name)
        for relative in self.relatives(kind):
            self.climb(kind, 0, self.start(relative), 0)
        if call.startswith("alloc") and call != "alloc_at":
            sizes = (n,) if n else ODD_SIZES
            if frames != FRAMES:
                sizes = (self.rows[row_name(call, n, FRAMES, False)]["n"],)
            for size in sizes:
                maps = regular_maps(call, size)
                if size < frames:
                    found = self.board.run("adversary_search.combs", (call, size), frames, shared, *maps)
                    self.note(kind, found)
        for number in BACKGROUNDS:
            self.climb(kind, number + 1, number, self.steps)
        for seed in range(CLIMBS_FROM_BEST):
            self.climb(kind, len(BACKGROUNDS) + 1 + seed, self.start(name), self.steps)
        if self.rows[name] is not before:
            self.replace("simplify", kind)

    def exhaust(self, first, width, number):
        """Try every bitmap of a window. Return how many bitmaps and calls there were."""
        maps, calls, best = self.board.run("adversary_search.exhaustive", FRAMES, False, first, width, number)
        for (call, n), found in best.items():
            if n in SIZES[call]:
                self.note((call, n, FRAMES, False), found)
        return maps, calls


def figures(rows):
    """Return a Markdown table of the figures, with a line for each number of frames in each kind of region."""
    instructions = {row["name"]: f"{row['instructions']:,}" for row in rows}
    lines = ["| region | frames | " + " | ".join(TITLES.values()) + " |", "|---|---|" + "---|" * len(TITLES)]
    for _, frames, shared in REGIONS:
        for n in (*POWERS, ANY):
            cells = [instructions.get(row_name(call, n, frames, shared), "") for call in TITLES]
            if any(cells):
                region = f"{frames:,}{', SHARED' if shared else ''}"
                lines.append(f"| {region} | {f'{n:,}' if n else 'any'} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_document(rows):
    """Write the figures into docs/worst_case.md."""
    write_between(DOCUMENT, *MARKS, figures(rows))


def table(rows):
    """Return a table of the rows for the terminal."""
    made = Table(title="The most expensive raw calls found, MPS2_AN385")
    made.add_column("what")
    made.add_column("call")
    for title in ("allocations", "instructions", "bound"):
        made.add_column(title, justify="right")
    for row in rows:
        call = f"{row['call']}({', '.join(map(str, row['arguments']))})"
        bound = bound_of(row)
        style = "red" if bound and row["instructions"] > bound else None
        cells = str(len(row["used"])), f"{row['instructions']:,}", f"{bound:,}" if bound else ""
        made.add_row(row["name"], call, *cells, style=style)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="changes that a climb tries at 2,048 frames")
    parser.add_argument("--only", default="", help="search only the rows whose names contain this text")
    parser.add_argument("--window", type=int, default=WINDOW, help="frames of which every bitmap is tried")
    options = parser.parse_args()
    console = Console()
    compile_modules()
    maps = calls = 0
    with BenchBoard() as board, Progress(console=console) as progress:
        search = Search(board, options.steps)
        chosen = [kind for kind in kinds() if options.only in row_name(*kind)]
        places = [(first, number) for first in windows(options.window) for number in BACKGROUNDS]
        places = [place for place in places if options.only in window_name(place[0], options.window)]
        task = progress.add_task("", total=len(chosen) + len(places))
        for kind in chosen:
            progress.update(task, description=row_name(*kind))
            search.search(kind)
            search.write()
            progress.advance(task)
        for first, number in places:
            progress.update(task, description=window_name(first, options.window))
            tried = search.exhaust(first, options.window, number)
            maps, calls = maps + tried[0], calls + tried[1]
            progress.advance(task)
        search.write()
    write_document(read_rows())
    console.print(table(read_rows()))
    print(f"Windows of {options.window} frames: {len(places)}; bitmaps tried: {maps:,}, calls: {calls:,}.")
    return any((bound_of(row) or row["instructions"]) < row["instructions"] for row in read_rows())


if __name__ == "__main__":
    sys.exit(main())
