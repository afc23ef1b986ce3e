"""Write docs/errors.md: every sentence of an error that you can meet, with what it means and what to do.

The sentences are those of the source (library_sites.py, tool_sites.py), the rest is from guide.py.
"""

import re
import sys
import textwrap

from errors import guide, tool_sites
from errors.library_sites import VALUE, Library
from layers import ROOT

DOCUMENT = ROOT / "docs" / "errors.md"
FEW = 8  # sentences that need no headings between them
MANY = "many calls"
SEVERAL = re.compile(r"…(?:[. ]?…)+")

INTRODUCTION = """# Errors

Search this page for some words of the message that you have met. Where a value stands in a message, here is `…`.

A message says what you asked for, what there was and what to do. A call that raises an error has changed nothing; only
the end of a scope first frees what it can. `make errors-page` writes this page from the source;
`tests_host/test_errors.py` provokes every error of the library.
"""
WITHOUT_HEAP = """
## Without heap for a message

Where the heap is locked or full, there is no room for numbers in a message. Then you get one of these, and `.code` says
which error it is.
"""
FINDINGS = """
## What check() and dropped() find

`physmem.check()` returns sentences. An *invariant* is one of the metadata of a region
([engine.md](engine.md) explains them): somebody has written into it, or a call was cut off. `region.recover()` repairs
that. The others tell of the tiers of `physmem.debug()` ([lifecycle.md](lifecycle.md)) and of damaged records.
`physmem.dropped()` says which records of retained frames a reset has not believed, and why: their frames are free.
"""
TOOLS = """
## What make says

Each of these sentences stands behind `physmem: ` or inside such a sentence. Most end with what to do. Where another
program has failed, its own words stand there, or in the log that is named: correct what they say and run make again. If
a board in an emulator does not start, run `make clean` before.
"""
OTHERS = """
## Other messages

The first two are of physmem, the others of MicroPython itself: a call of physmem lets these through, and has changed
nothing.

"""


def shown(sentence):
    """Return a sentence as the page has it."""
    text = SEVERAL.sub("…", sentence.replace(VALUE, "…")).replace("\n", " ").rstrip(".")
    mark = "``" if "`" in text else "`"
    return mark + text + mark


def bullets(sentences):
    """Return a list of sentences, each once."""
    return "".join(f"- {shown(sentence)}\n" for sentence in dict.fromkeys(sentences))


def area_of(site):
    """Return the area of the page that a place belongs to."""
    name = site.module.removeprefix("physmem_")
    return next(area for area, modules in guide.AREAS.items() if name in modules.split())


def by_area(sites):
    """Return the sentences of *sites* as lists, with a line of the area before each if they are many."""
    areas = {}
    for site in sites:
        areas.setdefault(site.sentence, set()).add(area_of(site))
    if len(areas) <= FEW:
        return f"\n{bullets(areas)}"
    lists = {MANY: [sentence for sentence, its in areas.items() if len(its) > 1]}
    lists |= {area: [sentence for sentence, its in areas.items() if its == {area}] for area in guide.AREAS}
    return "".join(f"\nOf {area}:\n\n{bullets(found)}" for area, found in lists.items() if found)


def raw_codes(library):
    """Return the table of what raw calls return."""
    lines = [
        "| returned | constant of `physmem` | `code_name()` | what it means, and what to do |",
        "|---|---|---|---|",
    ]
    for number, constant, name in library.raw_codes():
        lines.append(f"| {number} | `{constant}` | `{name}` | {guide.error(name).raw} |")
    return "\n".join(lines) + "\n"


def prose(words, indent=""):
    """Return a paragraph in lines of the width of the other pages, all but the first with an *indent*."""
    return textwrap.fill(words, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def text():
    """Return the page."""
    library = Library()
    prepared = [sentence for _, sentence in library.prepared()]
    sites = [site for site in library.sites() if site.sentence not in prepared]
    parts = [INTRODUCTION, "\n## What a raw call returns\n\n", raw_codes(library)]
    codes = [name for name in guide.ERRORS if not name.endswith("Error")]
    for name in ("MemoryError", None, *[name for name in guide.ERRORS if name.endswith("Error")][1:]):
        for key in codes if name is None else (name,):
            found = [site for site in sites if key == (site.code or site.error)]
            heading = f"### {key}" if name is None else f"## {key}"
            if name is None and key == codes[0]:
                parts.append("\n## PhysMemError\n\nIts `.code` is one of these; the message does not repeat it.\n")
            words = f"{guide.ERRORS[key].meaning} {guide.ERRORS[key].remedy}"
            parts.append(f"\n{heading}\n\n{prose(words)}\n{by_area(found)}")
    parts += [WITHOUT_HEAP, f"\n{bullets(prepared)}"]
    parts += [FINDINGS, f"\n{bullets(library.findings())}", TOOLS]
    tools = tool_sites.sites()
    for target in dict.fromkeys(site.target for site in tools):
        found = [site.sentence.removeprefix("physmem: ") for site in tools if site.target == target]
        parts.append(f"\nOf {target}:\n\n{bullets(found)}")
    others = [(words, meaning) for words, _, meaning in guide.ELSEWHERE] + list(guide.MICROPYTHON)
    parts += [OTHERS, *(prose(f"- `{words}`: {meaning}.", "  ") + "\n" for words, meaning in others)]
    return "".join(parts)


def main():
    DOCUMENT.write_text(text())
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
