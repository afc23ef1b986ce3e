"""Write docs/mutation.md: what happened to the mutants of the engine.

docs/mutation_reasons.toml explains the survivors. A survivor is identified by the function, the statement as
statements.py writes it and the change, such as ``+ → |``. Its position, layout and file do not matter.
"""

import re
import tomllib
from collections import Counter, defaultdict

from campaigns import statements
from cosmic_ray.work_item import TestOutcome

_SIGNS = {
    "Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**",
    "RShift": ">>", "LShift": "<<", "BitOr": "|", "BitAnd": "&", "BitXor": "^",
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not",
    "In": "in", "NotIn": "not in", "UAdd": "+", "USub": "-", "Invert": "~", "Not": "not",
}  # fmt: skip
_KINDS = {
    "ReplaceBinaryOperator": "arithmetic or bitwise operator replaced",
    "ReplaceComparisonOperator": "comparison replaced",
    "ReplaceUnaryOperator": "unary operator replaced or left out",
    "NumberReplacer": "number one higher or lower",
    "AddNot": "condition negated",
    "ReplaceAndWithOr": "`and` replaced by `or`",
    "ReplaceOrWithAnd": "`or` replaced by `and`",
    "ZeroIterationForLoop": "`for` loop without an iteration",
    "ReplaceTrueWithFalse": "`True` replaced by `False`",
    "ReplaceFalseWithTrue": "`False` replaced by `True`",
    "ReplaceBreakWithContinue": "`break` replaced by `continue`",
    "ReplaceContinueWithBreak": "`continue` replaced by `break`",
    "ExceptionReplacer": "class of a caught exception replaced",
}


def change_of(mutation, lines):
    """Return ``(kind, change)`` of one mutation of the source `lines`: the name of its kind, a text like "+ → |"."""
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
    """Return ``(reasons, explained)``: {name: sentences}, and {(function, statement, change): name of the reason}."""
    content = tomllib.loads(path.read_text())
    explained = {}
    for entry in content["survivor"]:
        for change in entry["changes"]:
            explained[entry["function"], entry["statement"], change] = entry["reason"]
    return content["reasons"], explained


def digest_on_page(root):
    """Return the digest of the engine that docs/mutation.md under the folder `root` is of; None if it has none."""
    found = re.search(
        r"^Of the engine with the digest `(\w+)`", (root / "docs" / "mutation.md").read_text(), re.MULTILINE
    )
    return found and found[1]


def escaped(text):
    return "`` " + text.replace("|", "\\|") + " ``"


def document(digest, counts, survivors, reasons, explained, least):
    """Return the text of docs/mutation.md."""
    tried = sum(sum(by_outcome.values()) for by_outcome in counts.values())
    alive = sum(by_outcome[TestOutcome.SURVIVED] for by_outcome in counts.values())
    text = [
        "# Mutation of the engine",
        "",
        "`make mutation` changes one place of the engine at a time and runs `tests_host/test_engine.py` on the",
        "result, under CPython. A change that no test notices is a *survivor*. The mutants are all that Cosmic Ray",
        "makes, except for the removal of decorators: MicroPython's do nothing under CPython. The target writes this",
        f"page; it fails when less than {least:.0%} are killed, or when `docs/mutation_reasons.toml` leaves a survivor",
        "without a reason. Statements are listed without comments, redundant parentheses and blocks. A change that is",
        "listed as `` a → b `` turns one sign or number of the statement into the other.",
        "",
        f"Of the engine with the digest `{digest}`; `make mutation MUTATION_ARGS=--status` says whether that is",
        "today's.",
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
    for function, statement, change in survivors:
        by_reason[explained.get((function, statement, change))][function, statement].append(change)
    for name, lines in sorted(by_reason.items(), key=lambda item: (item[0] is None, str(item[0]))):
        count = sum(len(changes) for changes in lines.values())
        text += ["", f"## {name or 'Not explained'} ({count})", "", reasons[name] if name else ""]
        text += ["", "| function | statement | changes |", "|---|---|---|"]
        for (function, statement), changes in lines.items():
            several = Counter(changes)
            shown = ", ".join(escaped(change) + (f" x {n}" if n > 1 else "") for change, n in several.items())
            text.append(f"| {function} | {escaped(statement)} | {shown} |")
    return "\n".join(text) + "\n"


def _place(mutation):
    return mutation.module_path, mutation.start_pos


def write(root, digest, completed, least):
    """Write docs/mutation.md under the folder `root`. Print what is wrong; return the exit status, 0 if nothing is."""
    lines, by_row = {}, {}
    counts = defaultdict(Counter)
    survivors = []
    for item, result in sorted(completed, key=lambda pair: _place(*pair[0].mutations)):
        [mutation] = item.mutations
        path = mutation.module_path
        if path not in lines:
            lines[path], by_row[path] = path.read_text().splitlines(), statements.by_row(path.read_text())
        kind, change = change_of(mutation, lines[path])
        counts[kind][result.test_outcome] += 1
        if result.test_outcome == TestOutcome.SURVIVED:
            function = mutation.definition_name or "(module)"
            survivors.append((function, by_row[path][mutation.start_pos[0]], change))
    reasons, explained = explanations(root / "docs" / "mutation_reasons.toml")
    (root / "docs" / "mutation.md").write_text(document(digest, counts, survivors, reasons, explained, least))
    tried = sum(sum(by_outcome.values()) for by_outcome in counts.values())
    killed = 1 - len(survivors) / tried
    print(f"mutation: {tried:,} mutants, {killed:.2%} killed, {len(survivors)} survivors: docs/mutation.md")
    missing = sorted({survivor for survivor in survivors if survivor not in explained})
    stale = sorted(set(explained) - set(survivors))
    for function, statement, change in missing:
        print(f"not explained: {function}: {statement}: {change}")
    for function, statement, change in stale:
        print(f"explained, but no survivor: {function}: {statement}: {change}")
    if killed < least:
        print(f"mutation: less than {least:.0%} are killed")
    return int(killed < least or bool(missing or stale))
