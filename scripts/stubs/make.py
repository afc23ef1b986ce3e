"""stubs.make FOLDER: write the finished stubs into FOLDER, and nothing else: types with the docstrings of lib/."""

import pathlib
import shutil
import sys

from stubs.docstrings import docstrings
from stubs.merge import merged
from stubs.places import MODULES, library_of, types_of


def stub_of(module):
    """Return the text of the stub of *module*."""
    return merged(types_of(module), docstrings(library_of(module)))


def write_stubs(folder):
    """Write the stubs of all modules that have public names into *folder*, and nothing else."""
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for module in MODULES:
        (folder / f"{module}.pyi").write_text(stub_of(module), encoding="utf-8")


def main(folder):
    write_stubs(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
