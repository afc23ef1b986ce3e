"""Write into docs/where_to_call.md what each public call does in each place.

The table is tests_target/call_places.py, of which tests_target/test_call_places.py tries every cell on every board.
"""

import re
import sys

import call_places
from call_places import HANDLER, LOCKED, OTHER_CORE, PROGRAM, SCHEDULED, expected
from emulated_board import ROOT
from markdown_table import markdown, number

DOCUMENT = ROOT / "docs" / "where_to_call.md"
PART = re.compile(
    r"<!-- begin: (?P<name>\w+), written by make call-places-page -->\n(?P<text>.*?)<!-- end -->\n", re.DOTALL
)

RUNNERS = {
    "CPython": (PROGRAM, SCHEDULED),
    "unix port": (PROGRAM, LOCKED, SCHEDULED),
    "boards under QEMU, each": (PROGRAM, LOCKED, SCHEDULED, HANDLER),
    "RPI_PICO or RPI_PICO2, with PIMORONI_PICO_PLUS2": call_places.PLACES,
}


def outcome(kind, place, is_shared):
    """Return what the page says of a cell, for boards of 32 bits."""
    one, two = [expected(kind, place, is_shared, has_two_cores, is_64_bit=False) for has_two_cores in (False, True)]
    text = "NOT_PERMITTED" if one == call_places.NOT_PERMITTED else str(one)
    return text if one == two else f"{text}; on two cores {two}"


def table_of(rows):
    """Return the table of these rows, with a column for each place in which they may differ."""
    lines = []
    for call, kind, before, _ in rows:
        when = call_places.WHEN.get(before, "")
        cells = [outcome(kind, PROGRAM, True), outcome(kind, LOCKED, True)]
        cells += [outcome(kind, HANDLER, is_shared) for is_shared in (True, False)]
        lines.append([f"`{call}`".replace("|", "\\|") + (f" ({when})" if when else ""), *cells])
    header = [
        "call",
        "program, scheduled function, other core",
        "heap locked",
        "handler, SHARED",
        "handler, other region",
    ]
    return markdown(header, lines)


def counts():
    """Return the table of how many cells are tried on each runner."""
    lines = []
    for runner, places in RUNNERS.items():
        found = [call_places.count(place, OTHER_CORE in places, HANDLER not in places) for place in places]
        cells = sum(cells for cells, _ in found)
        refused = sum(refused for _, refused in found)
        lines.append([runner, len(places), *map(number, (cells, refused, cells - refused))])
    return markdown(["runner", "places", "tried", "refused", "worked"], lines)


def part(name):
    """Return that part of the page."""
    if name == "counts":
        calls = len({row[0] for row in call_places.TABLE})
        return f"\n{calls} calls:\n\n{counts()}\n"
    rows = {
        "regions": call_places.OF_A_REGION,
        "without_records": call_places.WITHOUT_RECORDS,
        "system": call_places.OF_THE_SYSTEM,
    }[name]
    return f"\n{table_of(rows)}\n"


def written(text):
    """Return the page *text* with its parts as the table has them now."""

    def marked(found):
        name = found["name"]
        return f"<!-- begin: {name}, written by make call-places-page -->\n{part(name)}<!-- end -->\n"

    return PART.sub(marked, text)


def main():
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
