"""The table of docs/micropython_versions.md, which `make matrix` writes."""

import re

from emulated_board import ROOT
from markdown_table import markdown, number

PAGE = ROOT / "docs" / "micropython_versions.md"
PART = re.compile(r"(<!-- Written by make matrix\. -->\n).*?(<!-- End of what make matrix writes\. -->\n)", re.DOTALL)
HEAP_OF = ("RPI_PICO", "RPI_PICO2")


def _cell(result):
    if result is None:
        return "-"
    if result.state == "refused":
        return "refused"
    if not result.of:
        return "**not built**"
    return f"{result.tests}" if result.tests == result.of else f"**{result.tests} of {result.of}**"


def table(results, boards):
    """Return (header, rows): a row for each board, a column for each version, and the heap of the Picos below.

    *results* is {(name of the checkout, version, board): Result}.
    """
    columns = list(dict.fromkeys((name, version) for name, version, _ in results))
    header = ["tests passed", *(name.removeprefix("v") for name, _ in columns)]
    rows = [[f"`{board}`", *(_cell(results.get((*column, board))) for column in columns)] for board in boards]
    for board in HEAP_OF:
        found = [results.get((*column, board)) for column in columns]
        if any(result and result.heap_used for result in found):
            heap = [f"{number(r.heap_used)} / {number(r.heap_free)}" if r and r.heap_used else "-" for r in found]
            rows.append([f"heap at the prompt of `{board}`, used / free", *heap])
    return header, rows


def text(results, boards, selection):
    """Return what stands between the two marks of the page."""
    header, rows = table(results, boards)
    tests = "the target tests of `make test`" if not selection else f"of the target tests of `make test`: `{selection}`"
    refusals = dict.fromkeys(
        f"- {name.removeprefix('v')}: {result.why}\n"
        for (name, _, _), result in results.items()
        if result.state == "refused"
    )
    said = "\nRefused:\n\n" + "".join(refusals) if refusals else ""
    run = f"Run: {tests}; on each board also the examples, as `make run` does. Heap in bytes."
    return f"\n{run}\n\n{markdown(header, rows)}{said}\n"


def write(results, boards, selection):
    """Write the table into the page."""
    page = PAGE.read_text()
    PAGE.write_text(PART.sub(lambda marks: marks[1] + text(results, boards, selection) + marks[2], page))
