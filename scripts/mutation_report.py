"""What became of the mutants of lib/physmem_engine.py, as docs/mutation.md.

docs/mutation_reasons.toml explains the survivors. A survivor is known by the function, the line as it is written there
and the change, such as ``+ → |``; where it stands in the file does not matter.
"""

import tomllib
from collections import Counter, defaultdict

from cosmic_ray.work_item import TestOutcome

_SIGNS = {
    "Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**",
    "RShift": ">>", "LShift": "<<", "BitOr": "|", "BitAnd": "&", "BitXor": "^",
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not",
    "In": "in", "NotIn": "not in", "UAdd": "+", "USub": "-", "Invert": "~", "Not": "not",
}  # fmt: skip
_KINDS = {
    "ReplaceBinaryOperator": "arithmetic or bitwise operator by another",
    "ReplaceComparisonOperator": "comparison by another",
    "ReplaceUnaryOperator": "unary operator by another, or left out",
    "NumberReplacer": "number, one more or one less",
    "AddNot": "condition negated",
    "ReplaceAndWithOr": "`and` by `or`",
    "ReplaceOrWithAnd": "`or` by `and`",
    "ZeroIterationForLoop": "`for` loop without an iteration",
    "ReplaceTrueWithFalse": "`True` by `False`",
    "ReplaceFalseWithTrue": "`False` by `True`",
    "ReplaceBreakWithContinue": "`break` by `continue`",
    "ReplaceContinueWithBreak": "`continue` by `break`",
    "ExceptionReplacer": "class of an exception caught by another",
}


def change_of(mutation, lines):
    """``(kind, change)`` of one mutation of the source `lines`: the name of its kind, and what becomes of what."""
    kind, *signs = mutation.operator_name.removeprefix("core/").split("_")
    if kind == "NumberReplacer":
        (row, start), (_, end) = mutation.start_pos, mutation.end_pos
        number = lines[row - 1][start:end]
        return kind, f"{number} → {int(number, 0) + (-1 if mutation.occurrence % 2 else 1)}"
    if signs and signs[0] == "Delete":
        return kind, f"{_SIGNS[signs[1]]} left out"
    if len(signs) == 2:
        return kind, " → ".join(_SIGNS[sign] for sign in signs)
    return kind, kind


def explanations(path):
    """``(reasons, explained)``: sentences by name, and the name of the reason by (function, line, change)."""
    content = tomllib.loads(path.read_text())
    explained = {}
    for entry in content["survivor"]:
        for change in entry["changes"]:
            explained[entry["function"], entry["line"], change] = entry["reason"]
    return content["reasons"], explained


def escaped(text):
    return "`` " + text.replace("|", "\\|") + " ``"


def document(counts, survivors, reasons, explained, least):
    """The text of docs/mutation.md."""
    tried = sum(sum(by_outcome.values()) for by_outcome in counts.values())
    alive = sum(by_outcome[TestOutcome.SURVIVED] for by_outcome in counts.values())
    text = [
        "# Mutation of the engine",
        "",
        "`make mutation` changes one place of `lib/physmem_engine.py` at a time and runs `tests_host/test_engine.py`",
        "on the result, under CPython. A change that no test notices is a *survivor*. The mutants are all that Cosmic",
        "Ray makes, but for the removal of decorators: MicroPython's do nothing under CPython. The target writes this",
        f"page; it fails when less than {least:.0%} are killed, or when `docs/mutation_reasons.toml` leaves a survivor",
        "without a reason. A change that is listed as `` a → b `` turns the one sign or number of the line into the",
        "other.",
        "",
        f"**{tried:,} mutants, {tried - alive:,} killed ({(tried - alive) / tried:.2%}), {alive:,} survivors.**",
        "",
        "| what is changed | mutants | killed | survivors |",
        "|---|---|---|---|",
    ]
    for kind, by_outcome in sorted(counts.items(), key=lambda item: -sum(item[1].values())):
        total, survived = sum(by_outcome.values()), by_outcome[TestOutcome.SURVIVED]
        text.append(f"| {_KINDS[kind]} | {total:,} | {total - survived:,} | {survived:,} |")
    by_reason = defaultdict(lambda: defaultdict(list))
    for function, line, change in survivors:
        by_reason[explained.get((function, line, change))][function, line].append(change)
    for name, lines in sorted(by_reason.items(), key=lambda item: (item[0] is None, str(item[0]))):
        count = sum(len(changes) for changes in lines.values())
        text += ["", f"## {name or 'Not explained'} ({count})", "", reasons[name] if name else ""]
        text += ["", "| function | line | changes |", "|---|---|---|"]
        for (function, line), changes in lines.items():
            several = Counter(changes)
            shown = ", ".join(escaped(change) + (f" x {n}" if n > 1 else "") for change, n in several.items())
            text.append(f"| {function} | {escaped(line)} | {shown} |")
    return "\n".join(text) + "\n"


def write(root, engine, completed, least):
    """Write docs/mutation.md under the folder `root`; print what is wrong and return the status, 0 if nothing is."""
    lines = engine.read_text().splitlines()
    counts = defaultdict(Counter)
    survivors = []
    for item, result in sorted(completed, key=lambda pair: pair[0].mutations[0].start_pos):
        [mutation] = item.mutations
        kind, change = change_of(mutation, lines)
        counts[kind][result.test_outcome] += 1
        if result.test_outcome == TestOutcome.SURVIVED:
            function = mutation.definition_name or "(module)"
            survivors.append((function, lines[mutation.start_pos[0] - 1].strip(), change))
    reasons, explained = explanations(root / "docs" / "mutation_reasons.toml")
    (root / "docs" / "mutation.md").write_text(document(counts, survivors, reasons, explained, least))
    tried = sum(sum(by_outcome.values()) for by_outcome in counts.values())
    killed = 1 - len(survivors) / tried
    print(f"mutation: {tried:,} mutants, {killed:.2%} killed, {len(survivors)} survivors: docs/mutation.md")
    missing = sorted({survivor for survivor in survivors if survivor not in explained})
    for function, line, change in missing:
        print(f"not explained: {function}: {line}: {change}")
    for function, line, change in sorted(set(explained) - set(survivors)):
        print(f"explained, but no survivor: {function}: {line}: {change}")
    if killed < least:
        print(f"mutation: less than {least:.0%} are killed")
    return int(killed < least or bool(missing))
