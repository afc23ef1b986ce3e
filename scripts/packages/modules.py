"""Make the files of a package: source as it is shipped, or the .mpy files that mpy-cross makes of it."""

import ast
import functools
import pathlib
import subprocess
import tempfile

from bytecode_twins import HELPERS, files_of_source
from layers import LIBRARY
from packages.heap import shrunk, text_of
from packages.short_names import USERS
from packages.raw import changed, raw
from packages.stamp import add_stamp, stamp_of

ARCHITECTURE = "armv6m"
"""Machine code for it runs on every ARM core that MicroPython has an emitter for."""

EXPANDED = ("physmem_engine", "physmem_thumb")
"""Modules that scripts/expand_thumb.py makes for ARM."""

BYTECODE = LIBRARY.parent / "firmware" / "bytecode"
FOR_BYTECODE = ("physmem_emitter", *HELPERS)
"""Modules of packages of source, which choose between machine code and bytecode and which the latter needs."""


def source_of(module, thumb, compiled):
    """Return the path of the source of *module*. *thumb* is the folder that scripts/expand_thumb.py has written.

    What is *compiled* for ARM needs no twins of the assembler. Source may be imported on any machine.
    """
    expanded = EXPANDED if compiled else ("physmem_thumb",)
    folder = BYTECODE if module in FOR_BYTECODE else pathlib.Path(thumb) if module in expanded else LIBRARY
    return folder / f"{module}.py"


@functools.cache
def sources_for_arm(thumb):
    """Return the heap.Shrunk of the whole library."""
    paths = sorted(LIBRARY.glob("*.py"))
    return shrunk({path.stem: source_of(path.stem, thumb, True).read_text() for path in paths})


def compiled(module, text, mpy_cross):
    """Return the bytes of the .mpy file of *module*, whose source is *text*.

    -O3 leaves the line numbers out, and -s without ".py" gives the module and its file one string: both save heap.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, output = (pathlib.Path(folder) / f"{module}.{kind}" for kind in ("py", "mpy"))
        source.write_text(text)
        options = ["-O3", f"-march={ARCHITECTURE}", "-s", module]
        subprocess.run([mpy_cross, *options, "-o", output, source], check=True)
        return output.read_bytes()


def stamped(texts, files):
    """Return the modules *texts*, {module: text}, of a package that has the *files*, {name: text}, with its stamp."""
    trees = {module: ast.parse(text) for module, text in texts.items()}
    stamp = stamp_of([*texts.values(), *files.values()])
    for tree in trees.values():
        add_stamp(tree, trees, stamp)
    return {module: text_of(tree) for module, tree in trees.items()}


def contents_of(package, thumb, mpy_cross):
    """Return the files of *package*, {name: bytes}."""
    if package.compiled:
        made = sources_for_arm(thumb)
        texts = {module: made.sources[module] for module in package.modules}
        if package.is_raw:
            texts = {module: text_of(tree) for module, tree in raw(texts, made.names, USERS).items()}
        texts = stamped(texts, made.files)
        contents = {f"{module}.mpy": compiled(module, text, mpy_cross) for module, text in texts.items()}
        return contents | {name: text.encode() for name, text in made.files.items()}
    sources = {module: source_of(module, thumb, False).read_text() for module in package.modules}
    if package.is_raw:
        trees = raw(sources, {})
        sources |= {module: text_of(trees[module]) for module in changed(trees, sources)}
    sources |= {module: source_of(module, thumb, False).read_text() for module in FOR_BYTECODE}
    texts = {}
    for module, text in sources.items():
        texts |= files_of_source(module, text)
    return {name: text.encode() for name, text in texts.items()}
