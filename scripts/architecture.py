"""architecture.py [--check]: draw docs/architecture.svg, the layers of lib/, from the imports there.

Needs npm's @hpcc-js/wasm-graphviz in build/architecture, where `make architecture` puts it. An import that another one
implies is not drawn. With --check it only compares the picture with the imports, and needs nothing.
"""

import ast
import pathlib
import re
import subprocess
import sys

import layers

PICTURE = layers.ROOT / "docs" / "architecture.svg"
GRAPHVIZ = layers.ROOT / "build" / "architecture"
PROGRAM = """
import {{ Graphviz }} from "{package}";
let text = "";
for await (const chunk of process.stdin) text += chunk;
process.stdout.write((await Graphviz.load()).layout(text, "svg", "dot"));
"""
COLOURS = {
    "stock": "#f4e3d3",
    "facade": "#fde9c9",
    "vocabulary": "#e6e0f3",
    "extras": "#dcecf7",
    "system": "#d9efdb",
    "objects": "#f7dfe3",
    "engine": "#e9e4da",
    "board": "#e4e4e4",
}


def reduced(edges):
    """Return *edges* without those that other edges imply."""
    below = {}
    for importer, imported in edges:
        below.setdefault(importer, set()).add(imported)

    def reaches(start, target):
        return any(step == target or reaches(step, target) for step in below.get(start, ()))

    return {
        (importer, imported)
        for importer, imported in edges
        if not any(step != imported and reaches(step, imported) for step in below[importer])
    }


def drawn_edges():
    """Return the edges to draw. The board is not a module of lib/; the vocabulary is loaded on first use."""
    return reduced(layers.edges())


def first_use_edges():
    """Return {(module, what it loads on first use)}, without the board."""
    return {
        (module, name)
        for module, source in layers.library().items()
        for _, name, inside in layers.imports(ast.parse(source))
        if inside
    }


def what_it_is(module):
    """Return the start of the module's docstring, up to a colon or full stop."""
    text = ast.get_docstring(ast.parse((layers.LIBRARY / f"{module}.py").read_text()))
    return re.split(r"[:.](?:\s|$)", " ".join(text.split()), maxsplit=1)[0]


def label(module, width=26):
    """Return the text of a box: the module's name, and what it is in lines of about *width* characters."""
    lines = [module, ""]
    what = "The board's memory plan" if module in layers.LAYERS["board"] else what_it_is(module)
    for word in what.replace("`", "").split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\\n".join(lines)


def graph():
    """Return the picture in Graphviz' language: each layer a row, the facade on top."""
    lines = [
        "digraph layers {",
        'rankdir=TB; ranksep=0.55; nodesep=0.2; newrank=true; fontname="Helvetica,Arial,sans-serif";',
        'node [shape=box style="filled,rounded" fontname="Helvetica,Arial,sans-serif" fontsize=9];',
        'node [color="#888888" fillcolor="white" margin="0.25,0.08"];',
        'edge [color="#777777" arrowsize=0.5];',
    ]
    for layer, modules in layers.LAYERS.items():
        lines.append(f"subgraph cluster_{layer} {{")
        lines.append(f'rank=same; label="{layer}"; labeljust=l; fontsize=13; style=filled; color="{COLOURS[layer]}";')
        lines += [f'{module} [label="{label(module)}"];' for module in modules]
        lines.append("}")
    lines += [f"{importer} -> {imported};" for importer, imported in sorted(drawn_edges())]
    lines += [f"{importer} -> {name} [style=dashed constraint=false];" for importer, name in sorted(first_use_edges())]
    # The layers below one another, also where no import says so.
    rows = list(layers.LAYERS.values())
    lines += [f"{upper[0]} -> {lower[0]} [style=invis weight=8];" for upper, lower in zip(rows, rows[1:])]
    return "\n".join([*lines, "}"])


def edges_of_picture(svg):
    """Return {(importer, imported)} of the arrows in *svg*."""
    return set(re.findall(r"<title>(\w+)&#45;&gt;(\w+)</title>\s*<path", svg))


def difference():
    """Return a sentence if the picture is not of today's imports, else None."""
    wanted = drawn_edges() | first_use_edges()
    found = edges_of_picture(PICTURE.read_text()) if PICTURE.exists() else set()
    if wanted == found:
        return None
    changed = ", ".join(f"{importer} -> {imported}" for importer, imported in sorted(wanted ^ found))
    return f"docs/architecture.svg is not of today's imports ({changed}): run make architecture."


def main(*options):
    if "--check" in options:
        problem = difference()
        return f"physmem: {problem}" if problem else 0
    package = pathlib.Path(GRAPHVIZ, "node_modules", "@hpcc-js", "wasm-graphviz", "dist", "index.js")
    node = ["node", "--input-type=module", "-e", PROGRAM.format(package=package)]
    svg = subprocess.run(node, input=graph(), capture_output=True, text=True, check=True).stdout
    PICTURE.write_text(svg[svg.index("<svg") :].rstrip() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
