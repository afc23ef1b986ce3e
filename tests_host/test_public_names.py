"""The public names: each call of the contract with its parameters, and a docstring at each of them.

The names are those of tests_target/public_names.py, which tests_target/test_names.py holds against every runner, and
the parameters those of harness/contract.py.
"""

import ast
import importlib
import inspect

import physmem
import physmem_find
import pytest
import public_names
from harness.contract import ATTRIBUTES, CONSTRAINTS, DEFAULTS, FUNCTIONS, MARK, METHODS, ROWS
from layers import LIBRARY
from physmem_frames import new_frames

NAMES = public_names.TABLE + public_names.CHANGING + public_names.VOCABULARY


@pytest.fixture(scope="module")
def system():
    """Return a region and owned frames, to look at the attributes of instances."""
    region = physmem.Region("r", 0x1000_0000, 16 * 4096)
    return {
        "Region": region,
        "AllocatedFrames": new_frames(region, region.alloc(2), 2, None, 0),
        "DeferredAllocAction": physmem.DeferredAllocAction(),
        "Scope": physmem.scope(),
    }


def agrees(function, parameters):
    """Assert that `function` takes the parameters of the contract, in order, and that all others are optional.

    Those behind the parameter ``_by_name`` are for keywords only, too: the docstring has the signature with ``*``.
    """
    given = [parameter for parameter in inspect.signature(function).parameters.values() if parameter.name != "self"]
    names = [parameter.name for parameter in given]
    mark = names.index(MARK) if MARK in names else len(given)
    wanted, keywords = parameters.partition("*")[::2]
    wanted, keywords = wanted.split(), keywords.split()
    positional = [p for p in given[:mark] if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in positional[: len(wanted)]] == wanted
    only = [p for p in given if p.kind is p.KEYWORD_ONLY] + given[mark + 1 :]
    assert set(keywords) <= {p.name for p in only}, "keyword-only parameters"
    for parameter in [*positional[len(wanted) :], *only]:
        assert parameter.default is not parameter.empty, f"{parameter.name} is not in the contract and not optional"


def test_the_names_are_those_of_the_contract():
    """The module has no other public name, and no private one but Python's own."""
    assert public_names.without_dunders(dir(physmem)) == sorted(public_names.TABLE)


def test_every_function_has_its_parameters_in_the_contract():
    functions = [name for name in NAMES if inspect.isfunction(getattr(physmem, name))]
    assert sorted(functions) == sorted(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    agrees(getattr(physmem, name), FUNCTIONS[name])


@pytest.mark.parametrize("name", ["allocate_frames_deferred", "allocate_frames_by_bytes_deferred"])
def test_deferred_calls_take_all_constraints(name):
    """`...` in the contract stands for what allocate_frames takes."""
    agrees(getattr(physmem, name), f"{FUNCTIONS[name]} {CONSTRAINTS} unknown")


@pytest.mark.parametrize("owner, name", [(owner, name) for owner in METHODS for name in METHODS[owner]])
def test_methods(system, owner, name):
    agrees(getattr(system[owner], name), METHODS[owner][name])


@pytest.mark.parametrize("call", ["alloc", "alloc_aligned", "alloc_at", "free"])
def test_raw_calls_take_a_fixed_number_of_positional_arguments(system, call):
    for parameter in inspect.signature(getattr(system["Region"], call)).parameters.values():
        assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty


@pytest.mark.parametrize("owner", ATTRIBUTES)
def test_attributes(system, owner):
    for name in ATTRIBUTES[owner].split():
        assert not callable(getattr(system[owner], name)), name


@pytest.mark.parametrize("name", ROWS)
def test_rows(name):
    """The fields are there by name and by place."""
    row = {"allocations": physmem_find.Allocation, "find": physmem_find.Place}[name]
    assert " ".join(row._fields) == ROWS[name]


@pytest.mark.parametrize("name, parameter, default", DEFAULTS)
def test_defaults(name, parameter, default):
    function = physmem
    for part in name.split("."):
        function = getattr(function, part)
    assert inspect.signature(function).parameters[parameter].default == default


MARKED = [name for name in FUNCTIONS if MARK in inspect.signature(getattr(physmem, name)).parameters]
MARKED += [f"AllocatedFrames.{name}" for name in METHODS["AllocatedFrames"]]


@pytest.mark.parametrize("name", MARKED)
def test_what_is_to_be_given_by_name(name):
    """A value without a name is a TypeError that says so, also where it is the default of the first of them."""
    function = physmem
    for part in name.split("."):
        function = getattr(function, part)
    parameters = list(inspect.signature(function).parameters.values())
    names = [parameter.name for parameter in parameters]
    if MARK not in names:
        return
    place = names.index(MARK)
    for value in (parameters[place + 1].default, 1, None, False, "DMA"):
        with pytest.raises(TypeError, match="by name"):
            function(*[1] * place, value)
    with pytest.raises(TypeError):
        function(*[1] * place, bogus=1)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FUNCTIONS])
def test_constants_and_classes(name):
    assert hasattr(physmem, name)


def test_attributes_are_bits_of_their_own():
    bits = [getattr(physmem, name) for name in ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED")]
    assert all(bit > 0 and bit & (bit - 1) == 0 for bit in bits)
    assert len(set(bits)) == len(bits)


def test_errors():
    """Exhaustion is MemoryError; a mistake is a ValueError with `.code`."""
    assert issubclass(physmem.PhysMemError, ValueError)
    assert physmem.PhysMemError("InvalidArgument", "a sentence").code == "InvalidArgument"


def test_the_states_of_owners_are_five():
    states = [getattr(physmem, name) for name in ("ALLOCATED", "MAPPED", "UNMAPPED", "FREED", "MOVED")]
    assert len(set(states)) == 5


def public(tree, prefix=""):
    """Yield names and nodes of the public classes, functions and methods in the body of a module or class."""
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{prefix}{node.name}.")


def decorators(node):
    """Return the last name of each decorator of a class or function."""
    return [ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list]


MODULES = sorted(path.stem for path in LIBRARY.glob("physmem*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_docstrings(module):
    """Every module and every public class, function and method has one, except in assembler, which cannot have one."""
    tree = ast.parse((LIBRARY / f"{module}.py").read_text())
    assert ast.get_docstring(tree), "the module itself"
    python = [(name, node) for name, node in public(tree) if "asm_thumb" not in decorators(node)]
    assert [name for name, node in python if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("module", [module for module in MODULES if module not in ("physmem_direct", "physmem_thumb")])
def test_modules_import_by_themselves(module):
    """In any order, each by its own name, except the code that only Arm runs."""
    assert importlib.import_module(module).__name__ == module
