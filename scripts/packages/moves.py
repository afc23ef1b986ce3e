"""Move functions of the engine that only one module calls, seldom, into that module: it is loaded when they are needed.

In lib/ all machine code of the engine is in one file, and frozen that costs nothing.
"""

import ast

MOVES = {"enter": "physmem_records", "leave": "physmem_records", "count_free": "physmem_state"}
"""Function of physmem_engine -> the only module that calls it."""
ENGINE = "physmem_engine"


def _names(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _assigned(node):
    return {part for target in getattr(node, "targets", ()) for part in _names(target)}


class _Direct(ast.NodeTransformer):
    """Replace ``engine.name`` by ``name``."""

    def __init__(self, name):
        self.name = name

    def visit_Attribute(self, node):
        if node.attr == self.name and isinstance(node.value, ast.Name) and node.value.id == "engine":
            return ast.Name(self.name, ast.Load())
        return self.generic_visit(node)


def _expect_only_user(trees, name, user):
    """Raise ValueError if another module than *user* imports *name* from the engine, or uses ``engine.name``."""
    for module, tree in trees.items():
        for node in ast.walk(tree):
            imported = isinstance(node, ast.ImportFrom) and node.module == ENGINE
            found = imported and name in [alias.name for alias in node.names]
            found = found or (isinstance(node, ast.Attribute) and ast.unparse(node) == f"engine.{name}")
            if found and module != user:
                raise ValueError(
                    f"{module} uses {name} of the engine: take it out of MOVES in scripts/packages/moves.py"
                )


def move(trees):
    """Move the functions in *trees*, {module: tree}, with the constants that they use."""
    engine = trees[ENGINE].body
    constants = {name: node for node in engine for name in _assigned(node) if ast.unparse(node).find(" = const(") > 0}
    functions = {node.name: node for node in engine if isinstance(node, ast.FunctionDef)}
    for name, module in MOVES.items():
        _expect_only_user(trees, name, module)
        function = functions[name]
        if any(name in _names(node) for node in engine if node is not function):
            raise ValueError(f"the engine itself uses {name}: take it out of MOVES in scripts/packages/moves.py")
        engine.remove(function)
        body = _Direct(name).visit(trees[module]).body
        for node in body:
            if isinstance(node, ast.ImportFrom) and node.module == ENGINE:
                node.names = [alias for alias in node.names if alias.name != name]
        there = set().union(*map(_assigned, body))
        last = max(i for i, node in enumerate(body) if isinstance(node, (ast.Import, ast.ImportFrom, ast.Try)))
        added = [constants[used] for used in sorted(_names(function) & set(constants)) if used not in there]
        others = sorted(_names(function) & {"hold_lock", "give_lock"})
        if others:
            added.append(ast.ImportFrom(ENGINE, [ast.alias(other) for other in others], 0))
        if "import micropython" not in map(ast.unparse, body):
            added.append(ast.Import([ast.alias("micropython")]))
        body[last + 1 : last + 1] = [*added, function]
