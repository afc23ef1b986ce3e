"""Read the signatures of the public names from typings/."""

import ast
import re
from dataclasses import dataclass, field

from stubs.docstrings import docstrings
from stubs.places import MODULES, library_of, types_of

FACADE = "physmem"


@dataclass
class Thing:
    """What has an entry: its name, kind, signatures or type, docstring, and its members, if it is a class."""

    name: str
    kind: str
    signatures: list
    text: str
    value: str = ""
    members: list = field(default_factory=list)
    decorators: tuple = ()


_INTERNAL = {
    "_Statistics": "dict[str, int]",
    "_Counts": "dict[str, int | dict]",
    "_LeftOut": "dict[str, int]",
    "_Entry": "Region | tuple",
    "_MemoryPlan": "ModuleType",
    "_Plan": "object",
}
"""Names that only the stubs have -> what stands for them in a signature."""


def _shown(node):
    """Return the parameters and the result of a function as you write them."""
    arguments = node.args
    for group in (arguments.posonlyargs, arguments.args):
        if group and group[0].arg in ("self", "cls"):
            del group[0]
            break
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    text = f"({ast.unparse(arguments)}){result}"
    for name, shown in _INTERNAL.items():
        text = re.sub(rf"\b{name}\b", shown, text)
    return text


def _member(node, prefix, texts):
    name = prefix + (node.target.id if isinstance(node, ast.AnnAssign) else node.name)
    text = texts.get(name, "")
    if isinstance(node, ast.AnnAssign):
        value = ast.unparse(node.value) if node.value else ""
        return Thing(name, "attribute", [ast.unparse(node.annotation)], text, value)
    decorators = tuple(ast.unparse(part) for part in node.decorator_list)
    if "property" in decorators:
        return Thing(name, "property", [ast.unparse(node.returns)], text)
    return Thing(name, "method", [_shown(node)], text, decorators=decorators)


def _class(node, texts):
    bases = [ast.unparse(base) for base in node.bases]
    thing = Thing(
        node.name, "exception" if any("Error" in base for base in bases) else "class", [], texts.get(node.name, "")
    )
    for part in node.body:
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.AnnAssign)):
            continue
        member = _member(part, f"{node.name}.", texts)
        last = member.name.rpartition(".")[2]
        if last == "__init__":
            thing.signatures.append(member.signatures[0].removesuffix(" -> None"))
        elif not last.startswith("_"):
            thing.members.append(member)
    return thing


def _of_module(module):
    texts = docstrings(library_of(module))
    found = {}
    for node in ast.parse(types_of(module)).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = _class(node, texts)
        elif isinstance(node, ast.FunctionDef):
            thing = found.setdefault(node.name, Thing(node.name, "function", [], texts.get(node.name, "")))
            thing.signatures.append(_shown(node))
        elif isinstance(node, ast.AnnAssign):
            value = ast.unparse(node.value) if node.value else ""
            name = node.target.id
            found[name] = Thing(name, "data", [ast.unparse(node.annotation)], texts.get(name, ""), value)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.asname:
                    found[alias.asname] = (node.module, alias.name)
    return found


_MODULES = {module: _of_module(module) for module in MODULES}


def thing(name):
    """Return the Thing of a public name, or of ``module.name``."""
    module, _, last = name.rpartition(".")
    found = _MODULES[module or FACADE][last]
    if isinstance(found, tuple):
        found = _MODULES[found[0]][found[1]]
    return found
