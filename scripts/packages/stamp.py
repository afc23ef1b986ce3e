"""Let the modules of a package for ARM import each other only if they are of the same package.

The short names differ from version to version, and so do the numbers of sentences; a raw package has
less in its modules. If an installation ends half-way, or a raw package is installed over a whole one, modules of two
packages lie beside each other: a call would find another function under its name, or none. So each module has a name
that is made of the whole package, its *stamp*. A module imports it from the first module of the library that it
imports; one that imports none defines it.
"""

import ast
import hashlib


def stamp_of(contents):
    """Return the stamp of a package with these *contents*, a list of text."""
    return f"__v{hashlib.sha256(chr(0).join(contents).encode()).hexdigest()[:7]}__"


def _first_import(body, modules):
    """Return the place of the first statement of *body* that imports one of the *modules*, and that module; or None."""
    for i, node in enumerate(body):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            return i, node.module
        if isinstance(node, ast.Import) and node.names[0].name in modules:
            return i, node.names[0].name
    return None


def add_stamp(tree, modules, stamp):
    """Have the module of *tree* import the *stamp* from one of the *modules* of the library, or define it."""
    found = _first_import(tree.body, modules)
    if not found:
        tree.body.insert(0, ast.Assign([ast.Name(stamp, ast.Store())], ast.Constant(0)))
        return
    place, module = found
    first = tree.body[0]
    if isinstance(first, ast.Try):  # the facade, which explains what goes wrong there
        tried = [ast.unparse(statement) for statement in first.body]
        (module,) = [name for name in modules if f"__import__('{name}')" in tried]
        first.body.append(ast.ImportFrom(module, [ast.alias(stamp)], 0))
    else:
        tree.body.insert(place + 1, ast.ImportFrom(module, [ast.alias(stamp)], 0))
