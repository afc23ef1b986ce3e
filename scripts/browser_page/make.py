"""Make the page that runs physmem in a browser: one folder of static files, build/browser.

browser_page.make BUILD: needs what `make browser` installs and makes there: the package of source, MicroPython as
WebAssembly, and in BUILD/browser_tools what docs/browser/package.json names.
"""

import ast
import json
import os
import pathlib
import shutil
import subprocess
import sys

from layers import ROOT

PAGE = ROOT / "docs" / "browser"
LOOK = ROOT / "scripts" / "look"
MICROPYTHON = pathlib.Path("@micropython", "micropython-webassembly-pyscript")
BOARD = (PAGE / "physmem_board.py", PAGE / "session.py", LOOK / "on_board.py")
EXAMPLES = (
    PAGE / "examples" / "first_frames.py",
    PAGE / "examples" / "ring_and_pixels.py",
    PAGE / "examples" / "owners.py",
    PAGE / "examples" / "fragmentation.py",
    PAGE / "examples" / "coming_and_going.py",
    ROOT / "examples" / "demonstration.py",
)
"""The menu, from top to bottom; a line of it is the first one of the program's docstring."""


def title_of(program, name):
    """Return the first sentence of the docstring of *program*, without its full stop. ValueError if there is none."""
    docstring = ast.get_docstring(ast.parse(program))
    if not docstring:
        raise ValueError(f"{name} has no docstring: start it with one, whose first line the menu shows")
    return docstring.partition("\n")[0].partition(";")[0].removesuffix(".")


def files_of_the_board(library):
    """Return the file system of the board: {name: text}, with the modules of the folder *library*."""
    found = {str(path.relative_to(library)): path for path in sorted(library.rglob("*.py"))}
    if "physmem.py" not in found:
        raise ValueError(f"there is no physmem.py in {library}: run make mip")
    found.update((path.name, path) for path in BOARD)
    return {name: path.read_text(encoding="utf-8") for name, path in found.items()}


def menu():
    """Return the examples as the page has them: a list of {title, program}."""
    programs = [(path.name, path.read_text(encoding="utf-8")) for path in EXAMPLES]
    return [{"title": title_of(program, name), "program": program} for name, program in programs]


def licenses(packages):
    """Return the licenses of the npm packages in the folder *packages* whose code is in the page, as one text."""
    found = sorted(path for path in packages.rglob("LICENSE*") if "esbuild" not in path.parts)
    titles = [str(path.parent.relative_to(packages)) for path in found]
    return "\n".join(f"{title}\n\n{path.read_text(encoding='utf-8')}" for title, path in zip(titles, found))


def bundle(build, folder):
    """Make page.js and worker.js in *folder* from the modules of docs/browser and of npm's packages."""
    tools, webassembly = build / "browser_tools" / "node_modules", build / "webassembly" / "node_modules"
    # The last four are Node's: MicroPython asks for them there only.
    outside = [f"--external:{name}" for name in ("fs", "node:module", "path", "url")]
    subprocess.run(
        [tools / ".bin" / "esbuild", PAGE / "page.mjs", PAGE / "worker.mjs", f"--outdir={folder}", "--bundle"]
        + ["--format=esm", "--target=es2022", "--minify", "--log-level=warning", *outside],
        env={**os.environ, "NODE_PATH": os.pathsep.join(map(str, (tools, webassembly)))},
        check=True,
    )


def make(build):
    """Make the folder again."""
    folder = build / "browser"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    board = {"files": files_of_the_board(build / "dist" / "mip" / "source"), "examples": menu()}
    (folder / "files.json").write_text(json.dumps(board), encoding="utf-8")
    wasm = build / "webassembly" / "node_modules" / MICROPYTHON / "micropython.wasm"
    (folder / "licenses.txt").write_text(licenses(build / "browser_tools" / "node_modules"), encoding="utf-8")
    bundle(build, folder)
    # Make takes the last one as a sign that all are there.
    for path in (PAGE / "page.css", LOOK / "memory_map.css", wasm, PAGE / "index.html"):
        shutil.copy(path, folder)


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]))
