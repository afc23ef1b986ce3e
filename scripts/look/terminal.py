"""A snapshot as lines of a terminal: each region's frames as a map, its counters, and what a person may press."""

import sys
from dataclasses import dataclass, field

from rich.console import Group
from rich.text import Text

STATE_COLOURS = {
    "free": "#7a828c",
    "allocated": "#4477dd",
    "mapped": "#d55e00",
    "retained": "#009e73",
    "guard": "#a58bc4",
    "firmware": "#8b949e",
}
OWNER_COLOURS = ("#e69f00", "#56b4e9", "#cc79a7", "#f0e442", "#b08d57", "#7fc97f", "#b07aff")
"""As memory_map.css has them: those of Okabe and Ito, and a few that differ from them in lightness."""

FREE = "·"
LETTERS = {"mapped": "M", "retained": "R", "guard": "g", "firmware": "x"}
"""Shown on a background of the owner's or the state's colour, so that no state is told by colour alone."""
PARTS, FULL = "▁▂▃▄▅▆▇", "█"  # a cell that is allocated in part, by how large that is, and one that is as a whole
LAST = "▉"  # the last frame of an allocation, so that neighbours of one colour can be told apart
WIDEST_FRAME = 4  # in characters
MOST_ROWS = 8  # of a map
MOST_DETAILS = 12  # lines that list allocations
MARGIN = 2
KEYS = (("Tab ↑ ↓", "region"), ("space", "freeze"), ("m", "mark"), ("l", "leaks"), ("h", "help"), ("q", "quit"))
HELP = (
    "Tab, ↓ and j pick the next region, ↑ and k the one before: its allocations are",
    "  listed below its map.",
    "space stops looking at the board, or goes on. It is asked nothing meanwhile.",
    "m sets a mark on the board: physmem.mark(). If the debug tier `owners` is off,",
    "  this switches it on, which takes heap: press m twice. l lists what was",
    "  allocated since the mark and is not freed.",
    "q or Ctrl-C ends this. The board goes on, and the tier `owners` stays on.",
    "▄ part of these frames is allocated   █ all of them are   ▉ the last of a run",
)


@dataclass
class View:
    """What a person has picked, and what else to show."""

    title: str
    selected: str | None = None
    is_frozen: bool = False
    is_interactive: bool = False
    shows_help: bool = False
    mark: int | None = None
    leaks: list | None = None
    message: str = ""
    line_cost: tuple | None = None  # bytes sent and received by the last look
    owner_colours: dict = field(default_factory=dict)

    def colour(self, run):
        """Return the colour of `run`: of its owner if it has one, else of its state."""
        if run.owner is None:
            return STATE_COLOURS[run.state]
        return self.owner_colour(run.owner)

    def owner_colour(self, owner):
        """Return the colour of `owner`, which it keeps."""
        number = self.owner_colours.setdefault(owner, len(self.owner_colours))
        return OWNER_COLOURS[number % len(OWNER_COLOURS)]


def size(nbytes):
    """Return a number of bytes as text, with at most one digit behind the point."""
    units = ["B", "KiB", "MiB", "GiB"]
    while nbytes >= 1024 and len(units) > 1:
        nbytes /= 1024
        units.pop(0)
    return f"{nbytes:.1f}".removesuffix(".0") + f" {units[0]}"


def cells(region, frames_per_cell):
    """Return for each `frames_per_cell` frames (the Run that has most of those that are taken, or None if all are free;
    the number that is taken; the number there is; whether the last of them is the last frame of its run)."""
    found = []
    for start in range(0, region.frames, frames_per_cell):
        found.append([None, 0, 0, min(frames_per_cell, region.frames - start), False])
    for run in region.runs:
        first, end = run.first, run.first + run.count
        while run.state != "free" and first < end:
            cell = found[first // frames_per_cell]
            stop = min(end, (first // frames_per_cell + 1) * frames_per_cell)
            if stop - first > cell[1]:
                cell[:2] = run, stop - first
            cell[2] += stop - first
            cell[4] = stop == end
            first = stop
    return [(run, taken, there, is_last) for run, _, taken, there, is_last in found]


def _append_cell(line, view, cell, width):
    run, taken, there, is_last = cell
    if run is None:
        line.append(FREE.ljust(width, FREE), STATE_COLOURS["free"])
        return
    colour = view.colour(run)
    if run.state in LETTERS:
        line.append(LETTERS[run.state] * width, f"black on {colour}")
        return
    if taken < there:
        line.append(PARTS[taken * len(PARTS) // there] * width, colour)
    else:
        line.append(FULL * (width - 1) + (LAST if is_last else FULL), colour)


def map_lines(region, view, columns, rows):
    """Return (lines, frames in a cell) of the map of `region`, at most `columns` wide and `rows` high."""
    frames_per_cell = -(-region.frames // (columns * rows))
    width = max(1, min(WIDEST_FRAME, columns // region.frames)) if frames_per_cell == 1 else 1
    in_a_row = columns // width
    found, lines = cells(region, frames_per_cell), []
    for start in range(0, len(found), in_a_row):
        line = Text(" " * MARGIN)
        for cell in found[start : start + in_a_row]:
            _append_cell(line, view, cell, width)
        lines.append(line)
    return lines, frames_per_cell


def _packed(pieces, width):
    """Return lines of at most `width` columns, if that is possible, with the `pieces` of Text in them."""
    lines = []
    for piece in pieces:
        if not lines or lines[-1].cell_len + 2 + piece.cell_len > width:
            lines.append(Text(" " * MARGIN))
        else:
            lines[-1].append("  ")
        lines[-1].append(piece)
    return lines


def _facts(region, history, width, frames_per_cell):
    """Return lines with the counters of `region`."""
    fragmentation = region.fragmentation()
    pieces = []

    def add(name, value, style=""):
        pieces.append(Text().append(f"{name} ", "dim").append(value, style))

    add("used", f"{region.used:,} ({size(region.used * region.frame_size)})", "bold")
    add("free", f"{region.free:,} ({size(region.free * region.frame_size)})", "bold")
    add("peak", f"{region.peak:,}")
    add("failed", f"{region.failed:,}")
    add("largest free", f"{region.largest:,} ({size(region.largest * region.frame_size)})")
    add("fragmented", "-" if fragmentation is None else f"{100 * fragmentation:.0f} %")
    if frames_per_cell > 1:
        add("a cell", f"{frames_per_cell} frames")
    if rates := history.rates(region.name):
        style = "bold" if any(rates) else "dim"
        add("came", f"{rates.allocated:.1f}/s ({rates.frames_allocated:.0f} frames/s)", style)
        add("went", f"{rates.freed:.1f}/s ({rates.frames_freed:.0f} frames/s)", style)
    lines = _packed(pieces, width)
    if not region.is_of_one_moment:
        lines.append(Text(" " * MARGIN + "a handler allocated during the look", "yellow"))
    return lines


def _in_a_line(text):
    """Return `text` as it may stand in a line of a terminal: line feeds and control characters are escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _heading(region, is_selected):
    line = Text().append("▶ " if is_selected else "  ")
    is_bold = is_selected or not region.is_of_the_firmware
    line.append(_in_a_line(region.name), "bold reverse" if is_selected else "bold" if is_bold else "dim")
    where = f"  {region.base:#010x}..{region.end:#010x}  {region.frames:,} frames of {size(region.frame_size)}"
    line.append(where, "" if is_bold else "dim")
    line.append("  in use by the firmware" if region.is_of_the_firmware else f"  {region.attributes}", "dim")
    return line


def _details(region, view, most):
    """Return lines that list the allocations of `region`, at most `most`."""
    taken = [run for run in region.runs if run.state != "free"]
    lines = []
    for run in taken[: most if len(taken) <= most else most - 1]:
        line = Text("    ")
        line.append("█ ", view.colour(run))
        line.append(f"{region.address(run.first):#010x}  {run.count:>6} frames  ")
        line.append(f"{size(run.count * region.frame_size):>10}  {run.state}")
        for word, value in (("owner", run.owner), ("name", run.name)):
            if value is not None:
                line.append(f"  {word} ", "dim").append(_in_a_line(value))
        lines.append(line)
    if len(taken) > most:
        lines.append(Text(f"    and {len(taken) - most + 1} more", "dim"))
    return lines or [Text("    nothing is allocated", "dim")]


def _legend(snapshot, view, width):
    """Return lines that tell what the colours and the letters mean."""
    states = {run.state for region in snapshot.regions if not region.is_of_the_firmware for run in region.runs}
    signs = {"free": FREE, "allocated": FULL, **LETTERS}
    pieces = []
    for state, sign in signs.items():
        if state in ("free", "allocated") or state in states:
            colour = STATE_COLOURS[state]
            style = f"black on {colour}" if state in LETTERS else colour
            pieces.append(Text().append(sign, style).append(f" {state}", "dim"))
    for owner in snapshot.owners():
        pieces.append(Text().append(f"{FULL} ", view.owner_colour(owner)).append(_in_a_line(owner)))
    return _packed(pieces, width)


def _cost(history, view):
    snapshot, words = history.latest, []
    if snapshot.us is not None:
        words.append(f"{snapshot.us / 1000:,.1f} ms on the board")
    if snapshot.heap is not None and snapshot.heap >= 0:
        words.append(f"{snapshot.heap:,} bytes of heap")
    if view.line_cost:
        words.append("{:,} bytes sent, {:,} received".format(*view.line_cost))
    line = Text(f"{' ' * MARGIN}Look {len(history.looks)} at {history.looks[-1].seconds:.1f} s: ", "dim")
    line.append(", ".join(words))
    if history.restarts:
        times = "once" if history.restarts == 1 else f"{history.restarts} times"
        line.append(f", restarted {times}", "yellow")
    return line


def _leak_lines(view, snapshot, most):
    lines = [Text(f"  {len(view.leaks)} allocated since mark {view.mark} and not freed:", "bold yellow")]
    for name, first, count, owner in view.leaks[:most]:
        line = Text(f"    {_in_a_line(name)}  {snapshot.place(name, first)}  {count} frames  ")
        whose = "no owner" if owner is None else f"owner {_in_a_line(owner)}"
        lines.append(line.append(whose, "" if owner else "dim"))
    if len(view.leaks) > most:
        lines.append(Text(f"    and {len(view.leaks) - most} more", "dim"))
    return lines


def _foot(view):
    if view.message:
        yield Text("  " + _in_a_line(view.message), "bold yellow")
    if view.shows_help:
        yield from (Text("  " + sentence) for sentence in HELP)
    if view.is_interactive:
        line = Text("  ")
        for key, meaning in KEYS:
            line.append(key, "bold").append(f" {meaning}   ", "dim")
        yield line


def _rows(regions, lines_left):
    """Return how many rows the map of each of `regions` may have: large regions get more."""
    rows = [1] * len(regions)
    lines_left -= len(regions)
    while lines_left > 0 and any(row < MOST_ROWS for row in rows):
        candidates = [i for i, row in enumerate(rows) if row < MOST_ROWS]
        most = max(candidates, key=lambda i: regions[i].frames / rows[i])
        rows[most] += 1
        lines_left -= 1
    return rows


def _that_fit(lines, first, room):
    """Return `room` of the `lines`, from the one with the index `first` on or from before it, and say how many are left
    out."""
    if len(lines) <= room:
        return lines
    room = max(1, room - 1)
    first = min(first, len(lines) - room)
    left_out = Text(" " * MARGIN + f"… {len(lines) - room} lines do not fit: make the terminal higher", "dim")
    return [*lines[first : first + room], left_out]


def picture(history, view, width, height=None):
    """Return the picture of the latest look, for rich to print: at most `height` lines. If that is not enough for each
    region's shortest, regions are left out: those in front of the selected one, and the last ones."""
    snapshot = history.latest
    head = Text()
    if view.is_frozen:
        head.append(" FROZEN ", "black on yellow").append(" ")
    head.append(_in_a_line(f"physmem {snapshot.version} on {view.title}"), "bold")
    foot = [*_legend(snapshot, view, width), _cost(history, view), *_foot(view)]
    regions = [region for region in snapshot.regions if not region.is_of_the_firmware]
    of_the_firmware = [region for region in snapshot.regions if region.is_of_the_firmware]
    counters = sum(len(_facts(region, history, width, region.frames)) for region in regions)
    lines_left = sys.maxsize
    if height is not None:
        lines_left = height - 1 - len(snapshot.regions) - counters - len(foot)
    is_short = lines_left < 2 * len(regions) + 6 and len(of_the_firmware) > 1
    if is_short:
        lines_left += len(of_the_firmware) - 1
    details, leaks = [], []
    if view.leaks is not None:
        leaks = _leak_lines(view, snapshot, max(1, min(len(view.leaks), lines_left - len(regions) - 2)))
        lines_left -= len(leaks)
    if selected := snapshot.region(view.selected):
        details = _details(selected, view, max(2, min(MOST_DETAILS, (lines_left - len(regions)) // 2)))
        lines_left -= len(details)
    rows = dict(zip([region.name for region in regions], _rows(regions, lines_left)))
    lines, first = [], 0
    if is_short:
        names = ", ".join(_in_a_line(region.name) for region in of_the_firmware)
        lines.append(Text(" " * MARGIN + f"in use by the firmware: {names}", "dim"))
    for region in regions if is_short else snapshot.regions:
        first = len(lines) if region is selected else first
        lines.append(_heading(region, region.name == view.selected))
        if not region.is_of_the_firmware:
            found, frames_per_cell = map_lines(region, view, width - 2 * MARGIN, rows[region.name])
            lines += [*found, *_facts(region, history, width, frames_per_cell)]
        if region is selected:
            lines += details
    lines += leaks
    if height is not None:
        lines = _that_fit(lines, first, height - 1 - len(foot))
    lines = [head, *lines, *foot]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)
