"""Reject counted figures that have grown by more than 2 % over the committed baseline.

The counts are exact, but only for one compiler: another one compiles MicroPython itself to different machine code. So
the baseline holds a set of figures for each compiler.
"""

import json

from emulated_board import ROOT

BASELINE = ROOT / "benchmarks" / "baseline.json"
GROWTH_PERCENT = 2

NOT_COUNTED = ("garbage-collected heap", "stock", "granted", "refused", "bytes at most", "bits of metadata a frame")
"""Figures that are not costs of the library: the cost of other things, numbers of samples, bounds."""

_OF_THREE = ("mean", "p99", "maximum")


def counted(figures, path=""):
    """Return {path: figure} for the counted figures in the tree *figures*. A path is like "objects / frames.free()"."""
    found = {}
    for name, figure in figures.items():
        where = f"{path} / {name}" if path else name
        if name in NOT_COUNTED:
            continue
        if isinstance(figure, dict):
            found |= counted(figure, where)
        elif isinstance(figure, list):
            found |= {f"{where} / {part}": value for part, value in zip(_OF_THREE, figure)}
        elif isinstance(figure, (int, float)):
            found[where] = figure
    return found


def grown(before, after):
    """Return [(path, before, after)] of the figures that grew by more than GROWTH_PERCENT or that only one side has.

    None stands for the missing side. *before* and *after* are results of `counted`. The comparison is exact, in tenths.
    """
    found = []
    for path in before | after:
        old, new = before.get(path), after.get(path)
        if old is None or new is None or round(10 * new) * 100 > round(10 * old) * (100 + GROWTH_PERCENT):
            found.append((path, old, new))
    return sorted(found, key=lambda row: -growth(*row[1:]))


def growth(before, after):
    """Return the growth in percent; infinity if *before* is 0 or one of the two is None."""
    if not before or after is None:
        return float("inf")
    return (after - before) * 100 / before


def read_baseline():
    """Return {compiler: tree of figures}."""
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {}


def accept(figures):
    """Make *figures* the baseline for the compiler that they were measured with."""
    baseline = read_baseline()
    baseline[figures["compiler"]] = _without_what_is_not_counted(figures)
    BASELINE.write_text(json_text(baseline) + "\n")


def _without_what_is_not_counted(tree):
    if not isinstance(tree, dict):
        return tree
    return {name: _without_what_is_not_counted(part) for name, part in tree.items() if name not in NOT_COUNTED}


def json_text(tree, indent=""):
    """Return *tree* as JSON, with one line for each dict that contains no other dict."""
    if not isinstance(tree, dict) or not any(isinstance(part, dict) for part in tree.values()):
        return json.dumps(tree, ensure_ascii=False)
    parts = [f"{indent} {json.dumps(name)}: {json_text(part, indent + ' ')}" for name, part in tree.items()]
    return "{\n" + ",\n".join(parts) + "\n" + indent + "}"
