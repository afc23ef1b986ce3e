"""main.py [--accept]: count what physmem's calls cost on a board and compare the figures with the baseline.

Writes build/bench.json, docs/bench.md and docs/bench.svg. Prints each figure that has grown by more than 2 % over
benchmarks/baseline.json, is new or is gone, and then exits with status 1. With --accept, makes the figures the baseline
instead, and writes README.md's table of costs. It prints which bounds are not met, but does not fail for that.
"""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from bench import bounds, gate, measure, plot, report
from emulated_board import ROOT
from markdown_table import number

FIGURES = ROOT / "build" / "bench.json"
DOCUMENT = ROOT / "docs" / "bench.md"
PLOT = ROOT / "docs" / "bench.svg"
README = ROOT / "README.md"


def write(figures):
    """Write every file that is made from the figures."""
    FIGURES.write_text(gate.json_text(figures) + "\n")
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(report.document(figures))
    PLOT.write_text(plot.svg(figures))


def refusal(figures):
    """Print what has grown, is new or is gone. Return a sentence about that; None if nothing has."""
    compiler = figures["compiler"]
    baseline = gate.read_baseline()
    if compiler not in baseline:
        print(f"Not compared: there is no baseline for {compiler}. To make these figures one, run make bench-accept.")
        return None
    before, after = (gate.counted(tree) for tree in (baseline[compiler], figures))
    grown = gate.grown(before, after)
    if not grown:
        print(f"{len(after)} counted figures: none has grown by more than {gate.GROWTH_PERCENT} %.")
        return None
    table = Table(title="Grown, new or gone")
    table.add_column("figure")
    for name in ("before", "after", "growth"):
        table.add_column(name, justify="right")
    for path, old, new in grown:
        change = "gone" if new is None else "new" if old is None else f"{gate.growth(old, new):+.1f} %"
        table.add_row(path, number(old), number(new), change)
    Console().print(table)
    return (
        f"{len(grown)} of {len(after)} counted figures have grown by more than {gate.GROWTH_PERCENT} %, are new "
        "or are gone: find out why; if the change is intended, run make bench-accept."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accept", action="store_true", help="make this run's figures the baseline")
    accept = parser.parse_args().accept
    with Console().status("bench") as status:
        try:
            figures = measure.measure(status.update)
        except (OSError, RuntimeError) as problem:
            return f"physmem: the bench failed: {problem}"
    write(figures)
    report.print_bounds(figures)
    bounded = [row for row in bounds.rows(figures) if row.bound is not None]
    print(f"{sum(row.met for row in bounded)} of {len(bounded)} bounds are met.")
    print(f"All figures: {FIGURES.relative_to(ROOT)}, {DOCUMENT.relative_to(ROOT)}")
    problem = refusal(figures)
    if accept:
        gate.accept(figures)
        README.write_text(report.with_table(README.read_text(), report.readme_table(figures)))
        print(f"These figures are now the baseline: {gate.BASELINE.relative_to(ROOT)}")
        return 0
    return f"physmem: {problem}" if problem else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
