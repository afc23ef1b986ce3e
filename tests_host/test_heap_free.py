"""No public call of the library needs heap before its first line.

A function whose comprehension, lambda or inner function uses its names needs heap as soon as it is called: MicroPython
puts each such name into a cell. With the heap locked, the caller would then see MicroPython's MemoryError instead of
the sentence that the function has for this.
"""

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parent.parent / "lib"

MAY_NEED_HEAP = {
    "physmem_direct.raw_calls_of": "called when physmem_engine is loaded",
    "physmem_plan.plan": "called by init, which has asked for heap",
    "physmem_overview.attribute_names": "called where a sentence is made",
    "physmem_setup.enter": "called by init, which has asked for heap",
    "physmem_upkeep.check": "called by Region.check, which has asked for heap",
    "physmem_upkeep.merit": "called by init, which has asked for heap",
    "physmem_wrap.unwrap_calls": "called by on_low and debug, which have asked for heap",
    "physmem_requests.Request.free_bytes": "called by a hook, or where a MemoryError is expected",
    "physmem_requests.Request.may_be_met": "called where a MemoryError is expected",
    "physmem_requests.what_is_free": "called where a sentence is made and a MemoryError is expected",
    "physmem_requests.why_no_region_suits": "called where a sentence is made and a MemoryError is expected",
}


INNER = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda, ast.FunctionDef)


def names_in(node, context):
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name) and isinstance(child.ctx, context)}


def own_nodes(function):
    """Generate the nodes of a function's body, and the functions and comprehensions inside it without theirs."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, INNER):
            waiting.extend(ast.iter_child_nodes(node))
        elif not isinstance(node, (ast.Lambda, ast.FunctionDef)):
            waiting.append(node.generators[0].iter)  # it is evaluated outside


def free_names(inner):
    """Return the names that a function or comprehension uses and may have from outside."""
    if isinstance(inner, (ast.Lambda, ast.FunctionDef)):
        bound = {argument.arg for argument in ast.walk(inner.args) if isinstance(argument, ast.arg)}
        return names_in(inner, ast.Load) - bound - names_in(inner, ast.Store)
    outside = {id(node) for node in ast.walk(inner.generators[0].iter)}
    used = {node.id for node in ast.walk(inner) if isinstance(node, ast.Name) and id(node) not in outside}
    return used - names_in(inner, ast.Store)


def functions_with_cells(tree, prefix):
    """Generate the names of the functions that share names with functions and comprehensions inside them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from functions_with_cells(node, f"{prefix}.{node.name}")
        if isinstance(node, ast.FunctionDef):
            own = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
            inner = []
            for part in own_nodes(node):
                if isinstance(part, INNER):
                    inner.append(part)
                elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    own.add(part.id)
            if any(own & free_names(part) for part in inner):
                yield f"{prefix}.{node.name}"


def is_public(name):
    return not any(part.startswith(("_", "<")) for part in name.split(".")[1:])


@pytest.mark.parametrize("module", sorted(path.stem for path in LIBRARY.glob("*.py")))
def test_public_functions_have_no_cells(module):
    found = functions_with_cells(ast.parse((LIBRARY / f"{module}.py").read_text()), module)
    assert [name for name in found if is_public(name) and name not in MAY_NEED_HEAP] == []


CELLS = {
    "def f(a):\n    return [a for _ in b]": True,
    "def f(a):\n    return [b for b in a]": False,
    "def f(a):\n    return [b for c in a for b in c]": False,
    "def f(a):\n    c = a\n    return [b for b in a if b is c]": True,
    "def f(a):\n    return sorted(a, key=lambda b: b.a)": False,
    "def f(a):\n    return lambda b: b is a": True,
    "def f(a):\n    def g():\n        return a\n    return g": True,
}


@pytest.mark.parametrize("source", CELLS)
def test_cells_are_found(source):
    assert bool(list(functions_with_cells(ast.parse(source), "m"))) == CELLS[source]
