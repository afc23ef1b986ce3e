"""expand_thumb.py LIB OUT: writes what firmware with Thumb code freezes in place of two files of LIB.

OUT/physmem_thumb.py is the assembler with the layout of a state: its line ``# LAYOUT`` becomes the offsets, in bytes,
of the words that LIB/physmem_engine.py names. ``STATE_FREE = const(1)`` there is ``_FREE = const(4)`` here.

OUT/physmem_engine.py is the engine without the twins of the assembler, which nothing calls there.

OUT/viper_engine.py is the whole engine under another name, for tests on boards that compare the twins.
"""

import pathlib
import re
import sys

LAYOUT = "# LAYOUT\n"
TWINS = re.compile(r"^# TWINS: .*?^# END OF TWINS\.\n+", re.MULTILINE | re.DOTALL)
WORD_SIZE = 4


def layout(engine):
    """Return the lines that define the offsets, from the source of physmem_engine."""
    words = re.findall(r"^STATE_(\w+) = const\((\d+)\)$", engine, re.MULTILINE)
    return "".join(f"_{name} = const({WORD_SIZE * int(number)})\n" for name, number in words)


def with_layout(thumb, engine):
    """Return the source of physmem_thumb with the layout in it. ValueError if one of the files has no place for it."""
    lines = layout(engine)
    if thumb.count(LAYOUT) != 1 or not lines:
        raise ValueError(f"physmem_thumb.py needs {LAYOUT.strip()!r} once, physmem_engine.py STATE_... = const(n)")
    return thumb.replace(LAYOUT, lines)


def without_twins(engine):
    """Return the source of physmem_engine without what only other machines call. ValueError if that is not marked."""
    source, number = TWINS.subn("", engine)
    if number != 1:
        raise ValueError("physmem_engine.py needs '# TWINS: ...' and '# END OF TWINS.' once, in lines of their own")
    return source


def main(library, out):
    library, out = pathlib.Path(library), pathlib.Path(out)
    thumb, engine = ((library / f"{name}.py").read_text() for name in ("physmem_thumb", "physmem_engine"))
    out.mkdir(parents=True, exist_ok=True)
    for name, source in (
        ("physmem_thumb", with_layout(thumb, engine)),
        ("physmem_engine", without_twins(engine)),
        ("viper_engine", engine),
    ):
        target = out / f"{name}.py"
        if not target.exists() or target.read_text() != source:  # make compares the times
            target.write_text(source)


if __name__ == "__main__":
    main(*sys.argv[1:])
