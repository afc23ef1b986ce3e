"""Where the sources of the stubs are: the types, written by hand, and the library, which has the docstrings."""

from layers import LIBRARY, ROOT

TYPINGS = ROOT / "typings"
MODULES = tuple(sorted(path.stem for path in TYPINGS.glob("*.pyi")))
"""The modules that have public names. The stub of one has the docstrings of the file of the same name in lib/."""


def types_of(module):
    """Return the hand-written types of *module*."""
    return (TYPINGS / f"{module}.pyi").read_text(encoding="utf-8")


def library_of(module):
    """Return the source of *module* in lib/."""
    return (LIBRARY / f"{module}.py").read_text(encoding="utf-8")
