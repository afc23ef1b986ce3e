"""Make the modules of the raw packages, which have raw calls alone, of those of the whole library.

The facade has what the modules of the package serve. What it lacks, its `__getattr__` looks up in a module more,
physmem_lacks, which is loaded then, and says what to install. Nothing makes owners of frames, so there are neither
spare ones nor records of what is retained or mapped.
"""

import ast

FACADE = "physmem"
INSTALL = "physmem_install"
LACKING = "physmem_lacks"
LOADERS = ("__load__", "__retained__")
"""Functions whose first argument is the name of a module."""
FOR_ALLOCATIONS = {"physmem_region": {"Region": ("allocate_within",)}}
"""Methods that only allocations by object call: {module: {class: names}}."""
RECORDS = "getattr(board, 'RETAINED_RECORDS', None)"
"""What physmem_setup asks a memory plan for: without records there is none."""
LACKS = """
import physmem_install
def lacks(name):
    for line in {table!r}.split(","):  # one text, as each of the names would take heap by itself
        names = line.split()
        if name in names[1:]:
            try:
                __import__(names[0])
            except ImportError as error:
                try:
                    physmem_install.{missing}(name, error)
                except ImportError as told:  # dir(physmem) lets AttributeError pass alone
                    raise AttributeError(str(told))
"""
ASKING = f"__import__('{LACKING}').lacks(name)"


def _expressions(node):
    return {ast.unparse(part) for part in ast.walk(node) if isinstance(part, ast.expr)}


def _loaded(function):
    """Return the names of the modules that *function* has loaded on use."""
    return {
        call.args[0].value
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) in LOADERS and call.args
        if isinstance(call.args[0], ast.Constant)
    }


def _vocabulary(function):
    """Return {module: names} of the loop of the facade's `__getattr__`, and take the loop out."""
    (loop,) = [node for node in function.body if isinstance(node, ast.For)]
    function.body.remove(loop)
    return {module: tuple(names.split()) for module, names in ast.literal_eval(loop.iter)}


def _facade(tree, modules):
    """Leave in the facade *tree* what *modules* serve. Return {module: names} of the others."""
    lacking = {}
    for node in list(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module not in modules:
            lacking.setdefault(node.module, []).extend(alias.asname or alias.name for alias in node.names)
            tree.body.remove(node)
        elif isinstance(node, ast.FunctionDef) and node.name in LOADERS:
            tree.body.remove(node)
        elif isinstance(node, ast.FunctionDef) and (gone := sorted(_loaded(node) - set(modules))):
            lacking.setdefault(gone[0], []).append(node.name)
            tree.body.remove(node)
        elif isinstance(node, ast.Try):
            node.body[0].value.args[0] = ast.Constant("physmem_system")  # which imports all that there is
        elif ast.unparse(node) in ("__map__ = map", "del map"):
            tree.body.remove(node)
    (lookup,) = [node for node in tree.body if getattr(node, "name", None) == "__getattr__"]
    lookup.body = [node for node in lookup.body if "__map__" not in _expressions(node)]
    lacking |= _vocabulary(lookup)
    lookup.body.insert(-1, ast.parse(ASKING).body[0])
    return lacking


class _Without(ast.NodeTransformer):
    """Take out the statements that use modules that are not there, by the names that stand for them."""

    def __init__(self, names, modules):
        self.names = names
        self.modules = modules

    def _is_load(self, node):
        """Return whether the statement loads a module that is not there."""
        texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
        lacking = [text for text in texts if str(text).startswith(f"{FACADE}_") and text not in self.modules]
        return isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and bool(lacking)

    def _is_gone(self, node):
        return bool({part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & self.names)

    def visit_Expr(self, node):
        return None if self._is_gone(node) else node

    def visit_If(self, node):
        if any(map(self._is_load, node.body)) and any(map(self._is_gone, node.body)):
            return None
        return self.generic_visit(node)


def _without_imports(tree, modules):
    """Take the imports of other modules of the library at the top of *tree* out, and what uses them."""
    names = set()
    for node in list(tree.body):
        if isinstance(node, ast.Import):
            gone = [alias for alias in node.names if alias.name.startswith(FACADE) and alias.name not in modules]
            names |= {alias.asname or alias.name for alias in gone}
            node.names = [alias for alias in node.names if alias not in gone]
            if not node.names:
                tree.body.remove(node)
    if names:
        _Without(names, modules).visit(tree)
    left = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & names
    if left:
        raise ValueError(f"the raw packages lack {left}, which are used")


def _without_methods(tree, classes):
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            node.body = [child for child in node.body if getattr(child, "name", None) not in classes[node.name]]


class _NoRecords(ast.NodeTransformer):
    def __init__(self):
        self.found = 0

    def visit_Call(self, node):
        if ast.unparse(node) != RECORDS:
            return self.generic_visit(node)
        self.found += 1
        return ast.Constant(None)


def _spelled(tree):
    """Return what *tree* has as a name or as text anywhere but as the name of a function at its top."""
    found = set()
    for node in ast.walk(tree):
        found.update(getattr(node, field, None) for field in ("id", "attr", "asname", "arg"))
        if isinstance(node, ast.alias):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def _without_unused(trees, kept):
    """Take the functions at the top of *trees* out that nobody uses, except in the modules *kept*."""
    while True:
        spelled = set().union(*map(_spelled, trees.values()))
        unused = [
            (module, node)
            for module, tree in trees.items()
            if module not in kept
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name not in spelled
        ]
        for module, node in unused:
            trees[module].body.remove(node)
        for tree in trees.values():
            for node in list(tree.body):
                if isinstance(node, ast.ImportFrom) and node.module in trees:
                    own = {alias.asname or alias.name for alias in node.names}
                    used = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}
                    if tree is not trees[FACADE] and own - used:
                        node.names = [alias for alias in node.names if (alias.asname or alias.name) in used]
                        unused.append(node)
                        if not node.names:
                            tree.body.remove(node)
        if not unused:
            return


def raw(sources, names, users=None):
    """Return the trees of the modules of a raw package, {name: tree}, made of *sources*, which are those of the whole
    library, with the new *names*, {name: new one}, that short_names has given.

    If there are *users*, modules besides the facade that users import, functions that nobody uses are left out.
    """
    trees = {module: ast.parse(text) for module, text in sources.items()}
    lacking = _facade(trees[FACADE], trees)
    no_records = _NoRecords()
    for module, tree in trees.items():
        _without_imports(tree, trees)
        no_records.visit(tree)
        if users is not None:
            _without_methods(tree, FOR_ALLOCATIONS.get(module, {}))
    if no_records.found != 1:
        raise ValueError(f"physmem_setup does not have {RECORDS} once")
    if users is not None:
        _without_unused(trees, (FACADE, INSTALL, *users))
    table = ",".join(" ".join([module, *names]) for module, names in sorted(lacking.items()))
    trees[LACKING] = ast.parse(LACKS.format(table=table, missing=names.get("missing", "missing")))
    return trees


def changed(trees, sources):
    """Return the names of those of *trees* that are not what the text in *sources* says."""
    same = [module for module, text in sources.items() if ast.dump(trees[module]) == ast.dump(ast.parse(text))]
    return [module for module in trees if module not in same]
