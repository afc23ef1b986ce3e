"""Write the pages of the reference: the overview, one for each purpose, and the page that leads to all others."""

from packages.version import version
from reference.contents import PAGES
from reference.costs import BENCH, figures
from reference.entries import entry, links_of
from reference.examples import OVERVIEW
from reference.guide import README, groups
from reference.markup import code_block, markup
from reference.signatures import FACADE
from reference.tables import FAILURES, STATISTICS, table, table_of_errors
from stubs.docstrings import MODULE, docstrings
from stubs.places import library_of

IMPORT = "import physmem\n\n"
_ABOUT_ALL = """\
Numbers of frames are in frames, addresses and sizes in bytes. Parameters behind ``*`` are given by name. Each entry has
the *place* from which you may call it: a table with *works* or the error where the places differ. *Handler* is a hard
interrupt handler. *Cost* is in instructions, counted by ``make bench`` (:doc:`../bench`). In an example, a comment
``# ->`` has what the line prints.
"""
_OWN_MODULES = {"claim": "physmem_claim"}
"""Page -> the module that it is all about, whose docstring stands on it."""


def heading(text, mark="="):
    return f"{text}\n{mark * len(text)}\n"


def all_names():
    """Return the names of all entries, in the order of the pages."""
    return [name for page in PAGES.values() for name in page.names]


def _before(name, links):
    """Return what stands on the page *name* between its first sentences and its entries."""
    if name == "constants":
        parts = [heading("Four ways to fail", "-"), table(FAILURES), heading("Error codes", "-")]
        return "\n".join([*parts, table_of_errors(), heading("Names", "-")])
    if name == "watching":
        return heading("Which of the three statistics", "-") + "\n" + table(STATISTICS) + "\n" + heading("Calls", "-")
    if name in _OWN_MODULES:
        module = _OWN_MODULES[name]
        own = {public.rpartition(".")[2]: public for public in PAGES[name].names}
        return markup(docstrings(library_of(module))[MODULE], links | own) + "\n"
    return ""


def page(name, links, found):
    """Return the page *name* of the reference, with the figures *found*."""
    about = PAGES[name]
    parts = [heading(about.title), about.about and about.about + "\n", _before(name, links)]
    parts += [entry(public, links, found) for public in about.names]
    return "\n".join(part for part in parts if part)


def overview():
    """Return the page of the module."""
    pages = "\n".join(f"   {name}" for name in PAGES)
    return f"""\
{heading("The module physmem")}
.. py:module:: {FACADE}

Version {version()}. Frames of physical memory: contiguous, aligned, at an address, in a named kind of memory.

{code_block(IMPORT + OVERVIEW)}
{_ABOUT_ALL}
{heading("When a call fails", "-")}
{table(FAILURES)}
{heading("Reference", "-")}
.. toctree::
   :maxdepth: 1

{pages}
"""


def _contents(caption, lines, options=":maxdepth: 1"):
    """Return a part of the table of contents."""
    return "\n   ".join([".. toctree::", f":caption: {caption}", *options.split("\n"), "", *lines]) + "\n"


def index():
    """Return the first page of the site. Its contents are README's, and the reference."""
    start, *others = groups().items()
    parts = [_contents(start[0], [f"About physmem <{README}>", *start[1]])]
    parts.append(_contents("Reference", [f"reference/{FACADE}"], ":maxdepth: 2\n:titlesonly:"))
    parts += [_contents(caption, names) for caption, names in others]
    contents = "\n".join(parts)
    return f"""\
{heading("physmem")}
A physical memory frame allocator for MicroPython on ARM boards.

{code_block(IMPORT + OVERVIEW)}
{contents}"""


def write_pages(folder):
    """Write the pages of the reference, and the first of the site, into *folder*."""
    links = links_of(all_names())
    found = figures(BENCH.read_text(encoding="utf-8"))
    (folder / "reference").mkdir()
    for name in PAGES:
        (folder / "reference" / f"{name}.rst").write_text(page(name, links, found), encoding="utf-8")
    (folder / "reference" / f"{FACADE}.rst").write_text(overview(), encoding="utf-8")
    (folder / "index.rst").write_text(index(), encoding="utf-8")
