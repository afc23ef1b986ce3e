"""Build firmware whose heap differs from that of a board of this project, for the study of garbage collections."""

import subprocess

from emulated_board import ROOT, memory_map
from memory_map_header import write_if_changed

BUILD = ROOT / "build" / "gc_heap"
_PROJECT = BUILD / "project"


def add_board(variant, board, files=(), **constants):
    """Add the board *variant* to a folder of links to this project. Return its folder there.

    It has the memory plan of *board* with other *constants*, and links to those *files* of *board*.
    """
    folder = _PROJECT / "boards" / variant
    folder.mkdir(parents=True, exist_ok=True)
    links = [(_PROJECT / name, ROOT / name) for name in ("firmware", "lib", "scripts", f"boards/{board}")]
    links += [(folder / name, ROOT / "boards" / board / name) for name in files]
    for link, target in (*links, (BUILD / "mpy-cross", ROOT / "build" / "mpy-cross")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    plan = (ROOT / "boards" / board / "physmem_board.py").read_text()
    changes = "".join(f"{name} = {value!r}\n" for name, value in constants.items())
    write_if_changed(folder / "physmem_board.py", f"{plan}\n{changes}")
    return folder


def build(variant, *sdk):
    """Build the firmware of a *variant* that `add_board` added. Return the folder with firmware.elf."""
    tree = (ROOT / "build" / "tree").read_text().strip()
    subprocess.run([_PROJECT / "scripts" / "build.sh", variant, tree, BUILD, *sdk], check=True)
    return BUILD / variant


def moved_start(board, name, start):
    """Return the REGIONS of the *board* with another first address of the region *name*; the end stays."""
    return tuple(
        (region, start, base + size - start, *rest) if region == name else (region, base, size, *rest)
        for region, base, size, *rest in memory_map(board)["REGIONS"]
    )
