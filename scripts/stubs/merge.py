"""Put the docstrings of lib/ into the hand-written types."""

import ast

from stubs.docstrings import MODULE

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class HasDocstring(ValueError):
    """The types have a docstring, which must stand in lib/ alone: the two would drift apart."""


def _quoted(text, indent):
    """Return the lines of *text* as a docstring, each behind *indent*."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    end = "\n" if "\n" in text or text.endswith('"') else ""
    lines = f'"""{text}{end}"""'.split("\n")
    return [indent + line if line else "" for line in lines]


def parts(node, prefix=""):
    """Generate the names and nodes of what can have a docstring in the module or class *node*: its classes, functions
    and annotated names, and those of its classes, with the class before a dot."""
    for part in node.body:
        if isinstance(part, (*_FUNCTION, ast.ClassDef)):
            yield prefix + part.name, part
            if isinstance(part, ast.ClassDef):
                yield from parts(part, f"{prefix}{part.name}.")
        elif isinstance(part, ast.AnnAssign):
            yield prefix + part.target.id, part


def _insert(lines, node, text):
    """Put the docstring *text* to *node*, whose last line is the last of *lines* that is touched."""
    indent = " " * node.col_offset
    if isinstance(node, ast.AnnAssign):
        lines[node.end_lineno : node.end_lineno] = _quoted(text, indent)
        return
    if isinstance(node, ast.ClassDef) and node.body[0].lineno != node.lineno:
        first = node.body[0]
        start = min([first.lineno, *(part.lineno for part in getattr(first, "decorator_list", ()))]) - 1
        lines[start:start] = [*_quoted(text, indent + "    "), ""]
        return
    last = lines[node.end_lineno - 1]
    if not last.endswith(": ..."):
        raise ValueError(f"the body of {node.name} is not '...': {last!r}")
    lines[node.end_lineno - 1 : node.end_lineno] = [last.removesuffix(" ..."), *_quoted(text, indent + "    ")]


def merged(types, texts):
    """Return the stub: the *types* of a module with *texts*, {name: docstring}; HasDocstring if they have some."""
    tree = ast.parse(types)
    lines = types.rstrip("\n").split("\n")
    nodes = list(parts(tree))
    for name, node in nodes:
        if not isinstance(node, ast.AnnAssign) and ast.get_docstring(node) is not None:
            raise HasDocstring(f"typings: {name} has a docstring: write it in lib/ alone")
    if ast.get_docstring(tree) is not None:
        raise HasDocstring("typings: the module has a docstring: write it in lib/ alone")
    # From the end, so that the numbers of the lines before stay right; what is inside a class comes before the class.
    for name, node in sorted(nodes, key=lambda part: (part[1].lineno, part[1].col_offset), reverse=True):
        if name in texts:
            _insert(lines, node, texts[name])
    if texts.get(MODULE):
        lines[:0] = [*_quoted(texts[MODULE], ""), ""]
    return "\n".join(lines) + "\n"
