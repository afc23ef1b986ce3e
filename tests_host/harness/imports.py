"""Which modules of a folder a module needs."""

import ast


def _imported(path):
    """The names of the modules that the module at *path* imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def needed(path, modules):
    """Those of *modules*, paths, that the module at *path* imports or that one of these imports, in the order given."""
    by_name = {module.stem: module for module in modules}
    found = set()
    waiting = [path]
    while waiting:
        names = set(_imported(waiting.pop())) & by_name.keys() - found
        found |= names
        waiting += [by_name[name] for name in names]
    return [module for module in modules if module.stem in found]
