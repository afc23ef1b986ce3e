"""The placement study: which of several free runs should a request use? Run it with `make placement`.

Runs every policy of placement_policies.py over every trace of placement_traces.py. Writes the tables into
docs/placement.md, between its two marks, and the plot to docs/placement.svg. The results are deterministic: it uses no
clock, and no seeds except those in the source. It runs models of the policies, not the engine.
"""

import sys
from functools import partial
from pathlib import Path

from page_marks import write_between
from studies.placement_bounds import (
    best_place,
    hybrid_place,
    hybrid_place_from_top,
    fewest_frames,
    first_place,
    frames_by_count,
    frames_by_first_fit,
    frames_of_any,
)
from studies.placement_figure import draw
from studies.placement_policies import POLICIES, Hybrid
from studies.placement_traces import all_traces, peak

SEEDS = (1, 2, 3, 4)
POINTS = 60  # points of a line in the plot
SAMPLES = 600  # samples of the bitmap over a trace
MOST_PERCENT = 1000  # no policy needs more than ten times the peak
DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- begin: written by make placement -->", "<!-- end: written by make placement -->"


def run(allocator, frames, trace, stop=False):
    """Run a trace. Return (failed requests, shares).

    A share is the largest request that would be met, divided by the number of frames that the program does not hold,
    sampled over time. After a failure the trace continues, without the free of the failed request. With `stop` the
    first failure ends the run, and the result is ``(1, None)``.
    """
    placed, sizes, shares = [], [], []
    failed = live = 0
    every = max(len(trace) // SAMPLES, 1)
    for step, (n, number) in enumerate(trace):
        if n:
            place = allocator.allocate(n, number)
            placed.append(place)
            sizes.append(n)
            if place >= 0:
                live += n
            elif stop:
                return 1, None
            else:
                failed += 1
        elif placed[number] >= 0:
            allocator.free(placed[number])
            live -= sizes[number]
        if not stop and step % every == 0:
            shares.append(allocator.largest() / (frames - live) if frames > live else 1.0)
    return failed, shares


def region_for(trace, percent):
    """Return the number of frames of a region that the trace fills to `percent` percent at its peak."""
    return -(-peak(trace) * 100 // percent)


def fewest_percent(policy, trace):
    """Return the smallest region in which the trace never fails, in percent of the peak.

    The search goes up in steps of one percent: a region may fail although a smaller one did not, except with first fit.
    """
    most = peak(trace)
    for percent in range(100, MOST_PERCENT):
        frames = most * percent // 100
        if not run(policy(frames), frames, trace, stop=True)[0]:
            return percent
    raise AssertionError("%s still fails with %d %% of the peak" % (policy.__name__, MOST_PERCENT))


def mean(values):
    """Return the mean of a list."""
    return sum(values) / len(values)


def settled(shares):
    """Return the shares without the first quarter, during which the region fills."""
    return shares[len(shares) // 4 :]


def measure(policy, traces):
    """Return ``(share, failed, fewest)`` of a policy, each the mean over `traces`.

    They are the mean share in a region filled to 75 %, the number of requests that fail in one filled to 90 %, and the
    fewest frames in which nothing fails, as a multiple of the peak.
    """
    shares, failed, fewest = [], [], []
    for trace in traces:
        frames = region_for(trace, 75)
        shares.append(mean(settled(run(policy(frames), frames, trace)[1])))
        frames = region_for(trace, 90)
        failed.append(run(policy(frames), frames, trace)[0])
        fewest.append(fewest_percent(policy, trace) / 100)
    return mean(shares), mean(failed), mean(fewest)


def line(policy, trace):
    """Return the line of a plot: mean shares of equal parts of the trace in a region filled to 75 %."""
    frames = region_for(trace, 75)
    shares = run(policy(frames), frames, trace)[1]
    bounds = [len(shares) * i // POINTS for i in range(POINTS + 1)]
    return [mean(shares[low:high]) for low, high in zip(bounds, bounds[1:])]


def table(head, rows):
    """Return a Markdown table with text in the first column and numbers in the others."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def tables_of_policies(results, names):
    """Return three tables, one for each measure, of ``{policy: {trace: (share, failed, fewest)}}``."""
    texts = []
    for i, (title, form) in enumerate(
        (
            ("Largest request that would be met / frames not held, mean over time, region filled to 75 %", "%.2f"),
            ("Failed requests, region filled to 90 %", "%.0f"),
            ("Smallest region in which nothing fails / peak of the frames held", "%.2f"),
        )
    ):
        rows = [
            [policy] + [form % of[name][i] for name in names] + [form % mean([of[name][i] for name in names])]
            for policy, of in results.items()
        ]
        texts.append("**%s**\n\n%s" % (title, table(["policy", *names, "mean"], rows)))
    return texts


def table_of_thresholds(traces, measured):
    """Return a table of thresholds: requests of up to that many frames go to the lowest address.

    `measured` is as in `tables_of_policies`.
    """
    rows = []
    for title, few in (
        ("none: best fit", "best fit"),
        ("4", 4),
        ("8", 8),
        ("16", 16),
        ("%d: hybrid" % Hybrid.few, "hybrid"),
        ("64", 64),
        ("all: first fit", "first fit"),
    ):
        if few in measured:
            results = list(measured[few].values())
        else:
            policy = type("Hybrid%d" % few, (Hybrid,), {"few": few})
            results = [measure(policy, of_one_kind) for of_one_kind in traces.values()]
        rows.append([title] + [form % mean(column) for form, column in zip(("%.3f", "%.1f", "%.3f"), zip(*results))])
    head = ["first fit up to n =", "share at 75 %", "failed at 90 %", "smallest region / peak"]
    return "**The threshold, means over all traces**\n\n" + table(head, rows)


def table_of_worst_cases():
    """Return a table of the smallest regions in which nothing can fail, found by trying all sequences."""
    rows = []
    for live, n in ((6, 2), (8, 2), (6, 3), (8, 3), (6, 4), (8, 4)):
        places = (first_place, best_place, partial(hybrid_place, few=2), partial(hybrid_place_from_top, few=2))
        fewest = [fewest_frames(place, live, n) for place in places]
        bounds = [frames_by_first_fit(live, n), frames_by_count(live, n)]
        rows.append(["%d" % number for number in (live, n, *fewest, *bounds)])
    head = [
        "M",
        "n",
        "first fit",
        "best fit",
        "hybrid, first fit to 2",
        "hybrid, top, first fit to 2",
        "bound 4",
        "bound 3",
    ]
    return "**Smallest region in which no sequence of requests fails, all sequences tried**\n\n" + table(head, rows)


def table_of_sizes():
    """Return a table of the frames that the bounds require for a few programs."""
    rows = []
    for live, n, allocations in ((64, 8, None), (256, 32, None), (1024, 32, None), (456, 38, 12), (600, 150, 6)):
        rows.append(
            [
                "%d" % live,
                "%d" % n,
                "any" if allocations is None else "%d" % allocations,
                "%d" % frames_by_count(live, n, allocations),
                "%d" % frames_by_first_fit(live, n),
                "%d" % frames_of_any(live, n) if n & n - 1 == 0 and allocations is None else "",
            ]
        )
    head = [
        "M",
        "n",
        "A",
        "enough by bound 3, any exact policy",
        "enough by bound 4, first fit",
        "any allocator needs at least, by bound 5",
    ]
    return "**Frames a region must have so that nothing can ever fail**\n\n" + table(head, rows)


def main():
    traces = all_traces(SEEDS)
    results, panels = {policy: {} for policy in POLICIES}, {}
    for name, of_one_kind in traces.items():
        panels[name] = {title: line(policy, of_one_kind[0]) for title, policy in POLICIES.items()}
        for title, policy in POLICIES.items():
            results[title][name] = measure(policy, of_one_kind)
            print("%-18s %-10s share %.2f, failed %5.1f, needs %.2f" % (name, title, *results[title][name]))
            sys.stdout.flush()
    title = "Largest request that would be met, of the frames that the program does not hold; region filled to 75 %"
    (DOCS / "placement.svg").write_text(draw(title, panels), encoding="utf-8")
    texts = [
        *tables_of_policies(results, list(traces)),
        table_of_thresholds(traces, results),
        table_of_worst_cases(),
        table_of_sizes(),
    ]
    write_between(DOCS / "placement.md", BEGIN, END, "\n\n" + "\n\n".join(texts) + "\n\n")
    print("written: docs/placement.md, docs/placement.svg")


if __name__ == "__main__":
    main()
