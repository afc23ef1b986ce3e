"""Refuses a counted figure that has grown by more than 2 % over the committed baseline.

The counts are exact, but for one compiler: another one makes other machine code of MicroPython itself. So the baseline
has the figures of each compiler they were accepted with.
"""

import json

from emulator import ROOT

BASELINE = ROOT / "benchmarks" / "baseline.json"
GROWTH_PERCENT = 2

NOT_COUNTED = ("garbage-collected heap", "granted", "refused", "bytes at most", "bits of metadata a frame")
"""What is no figure of the library's cost: what others cost, how many samples there were, bounds."""

_OF_THREE = ("mean", "p99", "maximum")


def counted(figures, path=""):
    """{path: figure} of all counted figures in the tree *figures*; a path such as "objects / dma_ring(4096).free()"."""
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
    """[(path, before, after)] of the figures that grew by more than GROWTH_PERCENT, and of those that only one of the
    two has, with None for the other. *before* and *after* are dicts of `counted`; compared in tenths, exactly."""
    found = []
    for path in before | after:
        old, new = before.get(path), after.get(path)
        if old is None or new is None or round(10 * new) * 100 > round(10 * old) * (100 + GROWTH_PERCENT):
            found.append((path, old, new))
    return sorted(found, key=lambda row: -growth(*row[1:]))


def growth(before, after):
    """Growth in percent; infinite from nothing, or where one of the two is not there."""
    if not before or after is None:
        return float("inf")
    return (after - before) * 100 / before


def read_baseline():
    """{compiler: tree of figures}."""
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {}


def accept(figures):
    """Make *figures* the baseline of the compiler they were measured with."""
    baseline = read_baseline()
    baseline[figures["compiler"]] = _without_what_is_not_counted(figures)
    BASELINE.write_text(json_text(baseline) + "\n")


def _without_what_is_not_counted(tree):
    if not isinstance(tree, dict):
        return tree
    return {name: _without_what_is_not_counted(part) for name, part in tree.items() if name not in NOT_COUNTED}


def json_text(tree, indent=""):
    """JSON with a line for each dict that holds no other dict."""
    if not isinstance(tree, dict) or not any(isinstance(part, dict) for part in tree.values()):
        return json.dumps(tree, ensure_ascii=False)
    parts = [f"{indent} {json.dumps(name)}: {json_text(part, indent + ' ')}" for name, part in tree.items()]
    return "{\n" + ",\n".join(parts) + "\n" + indent + "}"
