"""bench.py [--accept]: counts what physmem's calls cost on a board and holds the figures against the baseline.

Writes build/bench.json, docs/bench.md and docs/bench.svg. Ends with status 1, naming each figure, when one has grown by
more than 2 % over benchmarks/baseline.json; with --accept the figures become the baseline instead.
"""

import argparse
import sys

from rich.console import Console
from rich.table import Table

import bench_bounds
import bench_gate
import bench_measure
import bench_plot
import bench_report
from emulator import ROOT

FIGURES = ROOT / "build" / "bench.json"
DOCUMENT = ROOT / "docs" / "bench.md"
PLOT = ROOT / "docs" / "bench.svg"


def write(figures):
    """Write all that is made of the figures."""
    FIGURES.write_text(bench_gate.json_text(figures) + "\n")
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(bench_report.document(figures))
    PLOT.write_text(bench_plot.svg(figures))


def refusal(figures):
    """Print what has grown, and return a sentence that says so or which bound is not met; None if all is well."""
    compiler = figures["compiler"]
    baseline = bench_gate.read_baseline()
    if compiler not in baseline:
        print(f"Nothing to hold them against: no figures of {compiler} were accepted (make bench-accept).")
        return None
    unmet = [row.measure for row in bench_bounds.rows(figures) if not row.met]
    if unmet:
        return f"a bound is not met: {'; '.join(unmet)}."
    before, after = (bench_gate.counted(tree) for tree in (baseline[compiler], figures))
    grown = bench_gate.grown(before, after)
    if not grown:
        print(f"{len(after)} counted figures: none has grown by more than {bench_gate.GROWTH_PERCENT} %.")
        return None
    table = Table(title="Grown, new or gone")
    table.add_column("figure")
    for name in ("before", "after", "growth"):
        table.add_column(name, justify="right")
    for path, old, new in grown:
        change = "gone" if new is None else "new" if old is None else f"{bench_gate.growth(old, new):+.1f} %"
        table.add_row(path, bench_report.number(old), bench_report.number(new), change)
    Console().print(table)
    return (
        f"{len(grown)} of {len(after)} counted figures have grown by more than {bench_gate.GROWTH_PERCENT} %, are new "
        "or are gone: find out why; if it is meant to be, make bench-accept."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accept", action="store_true", help="make this run's figures the baseline")
    accept = parser.parse_args().accept
    with Console().status("bench") as status:
        try:
            figures = bench_measure.measure(status.update)
        except (OSError, RuntimeError) as problem:
            return f"physmem: the bench did not finish: {problem}"
    write(figures)
    bench_report.print_bounds(figures)
    print(f"All figures: {FIGURES.relative_to(ROOT)}, {DOCUMENT.relative_to(ROOT)}")
    if accept:
        bench_gate.accept(figures)
        print(f"They are the baseline now: {bench_gate.BASELINE.relative_to(ROOT)}")
        return 0
    problem = refusal(figures)
    return f"physmem: {problem}" if problem else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
