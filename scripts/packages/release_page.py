"""Make the page of a release: what is new, from the CHANGELOG, and what the packages hold."""

import re

from layers import ROOT
from markdown_table import markdown, number
from packages.contents import PACKAGES
from packages.version import version

CHANGELOG = ROOT / "CHANGELOG.md"

_INSTALL = """\
## Install it

On stock MicroPython, from the folder of this release, with the board connected:

    mpremote mip install mip/arm/package.json

or from a server: `mpremote mip install http://.../mip/arm`. Boards that are not ARM take `source`.

For a firmware that you build, put this into the manifest of your board; `thumb=True` is for ARM:

    add_library("physmem", ".../freeze")
    require("physmem", thumb=True)

`docs/index.html` is the manual, with a reference of each public name.

`stubs/` is for the editor on your PC: signatures, types and docstrings. Nothing of it goes onto a board.

The files in `firmware/` are MicroPython with physmem frozen into it. `SHA256SUMS` has the checksums of all files:
`sha256sum -c SHA256SUMS`.
"""


def changes(wanted):
    """Return what CHANGELOG.md has of the version *wanted*, without the heading. ValueError if it has no such part."""
    for part in re.split(r"^## ", CHANGELOG.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        if heading.split(" ")[0] == wanted:
            return text.strip() + "\n"
    raise ValueError(f"CHANGELOG.md has no part for {wanted}: add one with the heading '## {wanted} - unreleased'")


def contents(dist):
    """Return a table of the packages in the folder *dist*: what each holds, its files and their bytes."""
    rows = []
    for name, package in PACKAGES.items():
        files = [path for path in (dist / "mip" / name).rglob("*.*") if path.name != "package.json"]
        size = sum(path.stat().st_size for path in files)
        rows.append((f"`{name}`", package.what, len(files), number(size)))
    return markdown(("package", "holds", "files", "bytes"), rows)


def page(dist):
    """Return the text of the page for what lies in the folder *dist*."""
    new = changes(version())
    packages = f"## Packages\n\n{contents(dist)}"
    return f"# physmem {version()}\n\n{_INSTALL}\n{packages}\n## What is new\n\n{new}"
