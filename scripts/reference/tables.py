"""The tables of the reference that are not of one name: of errors, of the three statistics, of how a call fails."""

from errors import guide
from reference.errors import CODES
from reference.markup import of_markdown

STATISTICS = (
    ("question", "ask", "returns"),
    (
        "How much is there, used and free, region by region?",
        ":py:obj:`stats() <physmem.stats>`",
        "a dict by region; always there, costs nothing before you ask",
    ),
    (
        "How often was each raw call made, with which outcome, for how many frames?",
        ":py:obj:`physmem_debug.statistics() <physmem_debug.statistics>`",
        "a dict by region; only while ``debug(statistics=True)`` is on",
    ),
    (
        "How many pages, splits and coalesces, in RuVix' words?",
        ":py:obj:`BuddyAllocator.stats() <physmem.BuddyAllocator.stats>`",
        "AllocatorStats of that allocator alone",
    ),
)
FAILURES = (
    ("you get", "from", "it means", "what to do"),
    (
        "``None``",
        "``find``, ``inspect_then_allocate``, and ``Option`` of RuVix and Theseus, such as ``alloc_pages``",
        "there is nothing of the kind: no mistake",
        "test for it",
    ),
    (
        "a negative integer",
        "the raw calls of a Region",
        "out of memory, or a mistake; nothing has changed",
        "test for ``< 0``; :py:obj:`code_name() <physmem.code_name>` has the name",
    ),
    (
        "``MemoryError``",
        "all calls that allocate by object; also when MicroPython's own heap is full",
        "no place is free; the message has what there was",
        "free something, or set a hook by :py:obj:`on_exhausted() <physmem.on_exhausted>`",
    ),
    (
        ":py:obj:`PhysMemError <physmem.PhysMemError>`",
        "all other calls",
        "a mistake in the call, or not here or now; nothing has changed",
        "read ``.code`` and the message",
    ),
)


def table(rows, kind=""):
    """Return *rows*, the first of which is the header, as reStructuredText. *kind* is its class in tables.css."""
    lines = [".. list-table::", "   :header-rows: 1", *([f"   :class: {kind}"] if kind else []), ""]
    for row in rows:
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def table_of_errors():
    """Return the table of error codes."""
    rows = [("code", "number", "constant", "what it means", "what to do")]
    for name, code in CODES.items():
        linked = f":py:obj:`{code.constant} <physmem.{code.constant}>`" if code.is_of_raw_calls else "\\-"
        error = guide.error(name)
        number = code.number if code.is_of_raw_calls else "\\-"
        label = f".. _error-{name}:\n\n       {name}"
        rows.append((label, number, linked, of_markdown(error.meaning), of_markdown(error.remedy)))
    return table(rows)
