"""Find which modules of a folder a module needs."""

import ast
import functools


@functools.cache
def _imported(path, changed):
    """Return the names of the modules that the module at *path* imports, anywhere in it. *changed* is its time."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def needed(path, modules):
    """Return which of the paths *modules* the module at *path* imports, directly or indirectly, in the order given."""
    by_name = {module.stem: module for module in modules}
    found = set()
    waiting = [path]
    while waiting:
        module = waiting.pop()
        names = _imported(module, module.stat().st_mtime_ns) & by_name.keys() - found
        found |= names
        waiting += [by_name[name] for name in names]
    return [module for module in modules if module.stem in found]
