"""packages.make BUILD: make in BUILD/dist what MicroPython installs: the packages for mip, each ready to be served
by HTTP as it is, and the folder that manifests require; and the stubs, which stay on the PC, for editors.

BUILD has mpy-cross, and the assembler in BUILD/thumb.
"""

import json
import pathlib
import shutil
import sys

from packages.contents import PACKAGES
from packages.manifest import write_manifest
from packages.modules import contents_of, sources_for_arm
from packages.version import version
from stubs.make import write_stubs


def description(files):
    """Return the text of package.json for files of those names: mip gets them from beside it."""
    lines = ",\n".join(f"    {json.dumps([name, name])}" for name in files)
    return f'{{\n  "urls": [\n{lines}\n  ],\n  "version": {json.dumps(version())}\n}}\n'


def write_package(folder, package, thumb, mpy_cross):
    """Write the files of *package* and its package.json into *folder*, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = contents_of(package, thumb, mpy_cross)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "package.json").write_text(description(files))


def write_packages(dist, thumb, mpy_cross):
    """Write all packages into the folder *dist*, from the assembler in *thumb*."""
    for name, package in PACKAGES.items():
        write_package(dist / "mip" / name, package, thumb, mpy_cross)
    names = sources_for_arm(thumb).names
    (dist / "names.txt").write_text("".join(f"{new} {old}\n" for old, new in names.items()))
    write_manifest(dist / "freeze" / "physmem", thumb)
    write_stubs(dist / "stubs")


def main(build):
    build = pathlib.Path(build)
    write_packages(build / "dist", build / "thumb", build / "mpy-cross" / "mpy-cross")


if __name__ == "__main__":
    main(*sys.argv[1:])
