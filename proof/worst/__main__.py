"""Write what is proven of the most expensive calls into docs/worst_case.md, beside what a search has found.

``make proof`` proves the limits; this only looks for the greatest of each row. It takes a minute.
"""

from proof.machine import machine_code
from proof.machine.exploration import SUBROUTINES
from proof.machine.flow import Flow
from proof.worst import rows
from proof.worst.limits import Limits
from proof.worst.rows import ANY
from page_marks import write_between

PAGE = machine_code.ROOT / "docs" / "worst_case.md"
FIRST, LAST = "<!-- begin: written by make proof-limits -->\n", "<!-- end: written by make proof-limits -->\n"
COLUMNS = {
    ("alloc", False): "`alloc(n)`",
    ("alloc_aligned", True): "`alloc_aligned(n, n)`",
    ("alloc_aligned", False): "`alloc_aligned(n, any)`",
    ("free", False): "`free` of n",
    ("alloc_at", False): "`alloc_at` of n",
}


def cell(row, proven):
    """Return what the table says of a row: what was found, what is proven, and the gap."""
    return f"{row.found:,} to {proven:,}: {100 * (proven - row.found) / row.found:.0f} %"


def table(found, proven):
    """Return the lines of the table. `found`: the Rows; `proven`: {name: limit}."""
    cells = {}
    for row in found:
        place, column = row.key()
        cells.setdefault(place, {})[column] = cell(row, proven[row.name])
    lines = [f"| region | frames | {' | '.join(COLUMNS.values())} |", "|---|---|" + "---|" * len(COLUMNS)]
    for (size, is_shared, frames), own in cells.items():
        region = f"{size:,}{', SHARED' if is_shared else ''}"
        words = " | ".join(own.get(column, "") for column in COLUMNS)
        lines.append(f"| {region} | {'any' if frames == ANY else f'{frames:,}'} | {words} |")
    return lines


def main():
    serve = machine_code.functions()["serve"]
    found = rows.read()
    constants = rows.constants(serve, found)
    limits = Limits((serve, Flow(serve, SUBROUTINES)))
    proven = {}
    for row in found:
        limit = limits.of(row)
        proven[row.name] = limit + constants[len(row.arguments)]
        print(f"{row.name}: {cell(row, proven[row.name])}", flush=True)
    around = f"{constants[1]} instructions with one argument, and {constants[2]} with two"
    head = f"MicroPython's part of each figure is {around}."
    write_between(PAGE, FIRST, LAST, "\n" + "\n".join([head, "", *table(found, proven)]) + "\n\n")


if __name__ == "__main__":
    main()
