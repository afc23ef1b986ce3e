"""layers.py: check that the modules of lib/ import, and reach into, only what their layer allows.

LAYERS is the one list. A module may import only modules that stand behind it in the list, so that no import goes up or
round; that holds inside functions as well. Only what ON_FIRST_USE names may be imported inside a function.
"""

import ast
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "lib"

LAYERS = {
    "stock": ("physmem_claim", "physmem_cut"),
    "facade": ("physmem",),
    "vocabulary": ("physmem_buddy", "physmem_pages", "physmem_range"),
    "extras": (
        "physmem_heap",
        "physmem_kept",
        "physmem_recover",
        "physmem_retained",
        "physmem_records",
        "physmem_scope",
        "physmem_runs",
        "physmem_find",
        "physmem_low",
        "physmem_map",
        "physmem_debug",
        "physmem_tiers",
        "physmem_guard",
        "physmem_poison",
    ),
    "system": (
        "physmem_allocate",
        "physmem_requests",
        "physmem_overview",
        "physmem_setup",
        "physmem_system",
        "physmem_plan",
    ),
    "objects": (
        "physmem_frames",
        "physmem_mapped",
        "physmem_upkeep",
        "physmem_cache",
        "physmem_wrap",
        "physmem_region",
        "physmem_errors",
        "physmem_install",
    ),
    "engine": (
        "physmem_collector",
        "physmem_state",
        "physmem_engine",
        "physmem_direct",
        "physmem_thumb",
        "physmem_chip",
    ),
    "board": ("physmem_board",),
}
ORDER = [module for modules in LAYERS.values() for module in modules]

ON_FIRST_USE = {
    **dict.fromkeys(LAYERS["vocabulary"], "the two systems' words: any module may load them when they are first used"),
    **dict.fromkeys(
        (
            "physmem_kept",
            "physmem_retained",
            "physmem_records",
            "physmem_runs",
            "physmem_scope",
            "physmem_find",
            "physmem_low",
            "physmem_debug",
            "physmem_map",
        ),
        "what you can do without takes no heap until you use it",
    ),
    "physmem": "what claims memory for it must take little heap before that",
    "physmem_chip": "only a memory plan for claimed memory needs it there",
    "physmem_tiers": "the tiers of debugging take heap only once one is switched on",
    "physmem_requests": "only a request that fails, with heap to say why, needs it",
    "physmem_wrap": "nobody needs it before a region is watched",
    "physmem_mapped": "only boards and systems without records need it",
    "physmem_cache": "only regions behind a data cache need it",
    "physmem_board": "boot() may be given another board",
    "physmem_install": "only an installation that lacks something needs it",
    "physmem_plan": "a memory plan without overlaps needs none",
    "physmem_state": "what makes a state is loaded when it is needed: boot() drops it, so that it takes no heap",
}

PARTS = {
    "physmem_upkeep": "physmem_region",
    "physmem_wrap": "physmem_region",
    "physmem_setup": "physmem_system",
    "physmem_heap": "physmem_system",
    "physmem_cut": "physmem_claim",
    "physmem_recover": "physmem_setup",
    "physmem_records": "physmem_frames",
    "physmem_overview": "physmem_system",
}
"""Module -> the module that it is a part of. That one, or the facade, loads the part on first use, to save heap,
although the part stands above its whole. A part may use, and replace, the private names of its whole."""

STORES = ("setattr", "set_attribute")  # the latter is what physmem_frames has for setattr

SHARED_PRIVATE = {
    (
        "physmem_allocate",
        "_held",
    ): "the shortest way of allocate_frames makes the owner itself: a call costs 400 instructions",
}


def imports(tree):
    """Generate (node, name of the module, whether inside a function) for each import of a module of ORDER."""

    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            names = ()
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                names = [child.module]
            elif isinstance(child, ast.Constant) and isinstance(child.value, str):
                names = [child.value] if child.value in LAYERS["vocabulary"] else ()  # __import__(name)
            elif _is_load(child):
                names = [child.args[0].value]
            yield from ((child, name, inside) for name in names if name in ORDER)
            yield from walk(child, inside or isinstance(child, (ast.FunctionDef, ast.Lambda)))

    yield from walk(tree, False)


def _is_load(node):
    """Return whether *node* is ``load("module", ...)`` of physmem_errors, which physmem calls ``__load__``."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return name in ("load", "__load__")


def import_faults(module, tree):
    """Generate (line, sentence) for each import of *module* that its place in ORDER does not allow."""
    for node, name, inside in imports(tree):
        if inside and PARTS.get(name) == module:
            continue
        if inside and name not in ON_FIRST_USE and name not in PARTS:
            yield node.lineno, f"{name} is imported inside a function: import it at the top"
        elif not (inside and name in LAYERS["vocabulary"]) and ORDER.index(name) <= ORDER.index(module):
            yield node.lineno, f"{name} stands above {module} in the layers, which must not import it"


def _own_private_names(tree, owners=("self", "twin")):
    """Return the private names that a module defines: functions, attributes of *owners*, globals."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id in owners
        ):
            names.add(node.attr)
    return {name for name in names if name.startswith("_")}


def seam_faults(tree, module="", parts=()):
    """Generate (line, sentence) for each private name of another module that is used, and each of its names that is
    replaced. *parts* are the trees of the parts of *module*."""
    own = _own_private_names(tree).union(*[_own_private_names(part, ("region",)) for part in parts])
    whole = PARTS.get(module)
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name in ORDER}
        elif isinstance(node, ast.ImportFrom) and node.module in ORDER:
            for alias in node.names:
                if alias.name.startswith("_"):
                    yield node.lineno, f"{alias.name} is private to {node.module}: give it a public name there"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in STORES:
            name = getattr(node.args[1], "value", "")
            if name.startswith("_") and name not in own and (module, name) not in SHARED_PRIVATE:
                yield node.lineno, f"{name} is private to another module: give it a public name there"
        if not isinstance(node, ast.Attribute):
            continue
        of_module = isinstance(node.value, ast.Name) and node.value.id in modules
        if whole and (not of_module or node.value.id == whole):
            continue
        if of_module and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.lineno, f"{node.value.id}.{node.attr} is replaced: have that module offer a function"
        is_private = node.attr.startswith("_") and not node.attr.startswith("__")
        if (module, node.attr) in SHARED_PRIVATE:
            continue
        if is_private and (of_module or node.attr not in own) and not node.attr.startswith("_mpy"):
            yield node.lineno, f"{ast.unparse(node)} is private to another module: give it a public name there"


def faults(sources):
    """Return a sentence for each fault in *sources*, {module: source}."""
    found = [f"lib/{module}.py is in no layer: put it into LAYERS of scripts/layers.py" for module in sources]
    found = [fault for module, fault in zip(sources, found) if module not in ORDER]
    for module in sorted(set(sources) & set(ORDER)):
        tree = ast.parse(sources[module])
        parts = [ast.parse(sources[part]) for part, whole in PARTS.items() if whole == module and part in sources]
        for line, sentence in sorted([*import_faults(module, tree), *seam_faults(tree, module, parts)]):
            found.append(f"lib/{module}.py:{line}: {sentence}")
    return found


def library():
    """Return {module: source} of lib/."""
    return {path.stem: path.read_text() for path in sorted(LIBRARY.glob("*.py"))}


def edges():
    """Return {(importer, imported)} of lib/, without what is loaded on first use."""
    return {
        (module, name)
        for module, source in library().items()
        for _, name, inside in imports(ast.parse(source))
        if not inside
    }


def main():
    found = faults(library())
    print("\n".join(found) or "Every import goes down.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
