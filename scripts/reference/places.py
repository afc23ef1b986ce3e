"""From where you may call what: the rows of tests_target/call_places.py by the public name that each is about."""

import ast
from dataclasses import dataclass

import call_places
import public_names
from call_places import HANDLER, LOCKED, PROGRAM
from call_places_page import outcome

COLUMNS = ("call", "program, scheduled, other core", "heap locked", "handler, SHARED", "handler, other region")
EVERYWHERE = "in the program, with the heap locked, in scheduled functions, in interrupt handlers and on the other core"
CLASSES = {
    "region": "Region",
    "far": "Region",
    "frames": "AllocatedFrames",
    "single": "AllocatedFrame",
    "action": "DeferredAllocAction",
    "scope": "physmem_scope.Scope",
    "error": "PhysMemError",
    "buddy": "BuddyAllocator",
    "a": "PhysAddr",
    "f": "FrameRange",
    "o": "PageOrder",
}
"""A name in the rows -> the class of what it stands for."""
SPECIAL = {
    "bool(frames)": "AllocatedFrames.__bool__",
    "len(frames)": "AllocatedFrames.__len__",
    "next(iter(frames))": "AllocatedFrames.__iter__",
    "with frames: pass": "AllocatedFrames.__enter__",
    "a + 4096": "PhysAddr.__add__",
}
_CONSTANT, _VOCABULARY = "DMA", "PAGE_SIZE"
IN_THE_PROGRAM = "In the program. It has no row of its own in the table of places."

OF_MODULES = {
    "physmem_requests": "",
    "physmem_tiers": "",
    "physmem_claim": "In boot.py, before your program uses the end of the heap.",
}
"""Module -> where you may call its functions, for those that have no rows; "" for what you do not call."""


@dataclass(frozen=True)
class Row:
    """A row: the call, with when it is made, and what it does in each place."""

    call: str
    outcomes: tuple


def subject(call):
    """Return the public name that the row *call* is about."""
    if call in SPECIAL:
        return SPECIAL[call]
    for node in ast.walk(ast.parse(call)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "physmem":
                return node.attr
            if node.value.id.startswith("physmem_"):
                return f"{node.value.id}.{node.attr}"
            if node.value.id in CLASSES:
                return f"{CLASSES[node.value.id]}.{node.attr}"
    raise ValueError(f"no public name in the row {call!r} of call_places: add it to SPECIAL in scripts/reference")


def _row(call, kind, before):
    when = call_places.WHEN.get(before, "").replace("`", "")
    cells = [outcome(kind, PROGRAM, True), outcome(kind, LOCKED, True)]
    cells += [outcome(kind, HANDLER, is_shared) for is_shared in (True, False)]
    return Row(call + (f"  ({when})" if when else ""), tuple(cells))


def _all_rows():
    found = {}
    for call, kind, before, _ in call_places.OF_A_REGION + call_places.OF_THE_SYSTEM:
        found.setdefault(subject(call), []).append(_row(call, kind, before))
    return found


ROWS = _all_rows()


def rows_of(name):
    """Return (rows, a sentence) of the public *name*: its own, or those of what works as it does."""
    if name in ROWS:
        return ROWS[name], ""
    head = name.partition(".")[0]
    if "." not in name and name in public_names.VOCABULARY:
        return ROWS[_VOCABULARY], "Naming it loads its module, as naming each name of the vocabulary does:"
    if "." not in name and (name in public_names.TABLE or name in public_names.CHANGING):
        own = [row for key, rows in ROWS.items() if key.startswith(f"{name}.") for row in rows]
        if own:
            return [], "Each method below has its own row."
        if name.isupper() or name in ("direct_calls", "ATTRIBUTES"):
            return ROWS[_CONSTANT], "As each name that is only read:"
    return [], OF_MODULES.get(head, IN_THE_PROGRAM)
