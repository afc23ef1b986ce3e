"""expand_thumb.py LIB ROOMS OUT: writes what firmware with Thumb code freezes in place of two files of LIB.

OUT/physmem_thumb.py is the assembler. Its line ``# LAYOUT`` becomes the offsets, in bytes, of the words that
LIB/physmem_engine.py names: ``_STATE_FREE = const(1)`` there is ``_FREE = const(4)`` here. `LAYOUT` is the layout that
the engine compares with its own. Its line ``# ROOMS`` becomes the functions of the files in ROOMS,
which thumb_rooms.py puts together.

OUT/listing.txt is the assembler for reading: addresses, instructions, and how far branches go.

OUT/physmem_engine.py is the engine without the twins of the assembler, which nothing calls there.

OUT/viper_engine.py is the whole engine under another name, for tests on boards that compare the twins.
"""

import ast
import os
import pathlib
import re
import sys

from thumb_rooms import Rooms, listing, source

LAYOUT = "# LAYOUT\n"
ROOMS = "# ROOMS\n"
TWINS = re.compile(r"^# TWINS: .*?^# END OF TWINS\.\n+", re.MULTILINE | re.DOTALL)
WORD_SIZE = 4


def layout(engine):
    """Return the lines that define the offsets, from the source of physmem_engine."""
    words = re.findall(r"^_(STATE_\w+|CLASSES) = const\((\d+)\)$", engine, re.MULTILINE)
    offsets = [(name[5:], WORD_SIZE * int(value)) for name, value in words if name != "CLASSES"]
    numbers = ", ".join(value for _, value in words)
    return "".join(f"{name} = const({value})\n" for name, value in offsets) + f"LAYOUT = ({numbers})\n"


def with_layout(thumb, engine):
    """Return the source of physmem_thumb with the layout in it. ValueError if one of the files has no place for it."""
    lines = layout(engine)
    if thumb.count(LAYOUT) != 1 or not lines.startswith("_"):
        raise ValueError(f"physmem_thumb.py needs {LAYOUT.strip()!r} once, physmem_engine.py _STATE_... = const(n)")
    return thumb.replace(LAYOUT, lines)


def constants(thumb):
    """Return the names at the top of a source that are assigned const(...), with their values."""
    values = {}
    for node in ast.parse(thumb).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("const("):
            code = compile(ast.Expression(node.value), "physmem_thumb", "eval")
            values[node.targets[0].id] = eval(code, {"const": lambda value: value}, dict(values))
    return values


def with_rooms(thumb, folder):
    """Return the source of physmem_thumb, which has the layout, with the functions made of the rooms in the folder; and
    the listing of the functions. ValueError if something does not fit."""
    if thumb.count(ROOMS) != 1:
        raise ValueError(f"physmem_thumb.py needs {ROOMS.strip()!r} once")
    rooms = Rooms(folder)
    known = constants(thumb)
    functions = [(function, rooms.lines(function, known)) for function in rooms.assembled()]
    sources = "\n\n".join(source(function, lines) for function, lines in functions)
    return thumb.replace(ROOMS, sources), "\n\n".join(listing(function, lines) for function, lines in functions)


def without_twins(engine):
    """Return the source of physmem_engine without what only other machines call. ValueError if that is not marked."""
    source, number = TWINS.subn("", engine)
    if number != 1:
        raise ValueError("physmem_engine.py needs '# TWINS: ...' and '# END OF TWINS.' once, in lines of their own")
    return source


def main(library, folder, out):
    library, out = pathlib.Path(library), pathlib.Path(out)
    thumb, engine = ((library / f"{name}.py").read_text() for name in ("physmem_thumb", "physmem_engine"))
    thumb, listed = with_rooms(with_layout(thumb, engine), folder)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("physmem_thumb.py", thumb),
        ("listing.txt", listed),
        ("physmem_engine.py", without_twins(engine)),
        ("viper_engine.py", engine),
    ):
        target = out / name
        if not target.exists() or target.read_text() != text:  # make compares the times
            part = out / f"{name}.{os.getpid()}"
            part.write_text(text)
            part.replace(target)  # at once: the build of another product may read it


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ValueError as mistake:
        sys.exit(f"expand_thumb.py: {mistake}")
