"""The stubs: a type checker accepts what is right and reports what is wrong, they are as the run-time objects are, and
an editor shows the docstrings.
"""

import ast
import inspect
import re
import subprocess
import sys

import jedi
import pytest

import physmem
import public_names
from emulated_board import ROOT
from harness import type_checker
from harness.contract import ATTRIBUTES, FUNCTIONS, MARK, METHODS, ROWS
from harness.pages import SAMPLES
from packages.contents import PACKAGES
from stubs.docstrings import MODULE, docstrings, without_signature
from stubs.make import stub_of, write_stubs
from stubs.merge import HasDocstring, merged, parts
from stubs.places import MODULES, library_of, types_of

PROGRAMS = ROOT / "tests_host" / "typed_programs"
RIGHT, WRONG = "right_uses.py", "wrong_uses.py"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OF_README = [sample for sample in SAMPLES if sample.page.name == "README.md"]
EXPECTED = re.compile(r"# error: ([\w, -]+)$")


LACKING = {
    'No overload variant of "Timer" matches argument types "int", "Callable[[Any], Any]"',
    *(f'"DMA" has no attribute "{name}"' for name in ("channel", "read", "registers", "write")),
}
"""Errors in examples because MicroPython's stubs lack something."""


def sample_name(sample):
    return f"samples/line_{sample.line}.py"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return {file: errors} of all programs, from one run of mypy."""
    folder = tmp_path_factory.mktemp("types")
    type_checker.prepare(folder, ROOT / "boards" / "RPI_PICO" / "physmem_board.py")
    names = [RIGHT, WRONG]
    for name in names:
        (folder / name).write_bytes((PROGRAMS / name).read_bytes())
    for package in ("examples", "samples"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    for path in EXAMPLES:
        names.append(f"examples/{path.name}")
        (folder / names[-1]).write_bytes(path.read_bytes())
    for sample in OF_README:
        names.append(sample_name(sample))
        (folder / names[-1]).write_text("import physmem\n" + sample.source)
    stubs = [f"physmem/{module}.pyi" for module in MODULES]
    return type_checker.check(folder, [*names, *stubs])


def test_the_stubs_themselves_are_right(found):
    assert {name: errors for name, errors in found.items() if name.startswith("physmem/") and errors} == {}


def test_what_users_write_is_accepted(found):
    assert found[RIGHT] == []


def test_each_mistake_is_reported_and_nothing_else(found):
    expected = {}
    for line, text in enumerate((PROGRAMS / WRONG).read_text().splitlines(), 1):
        mark = EXPECTED.search(text)
        if mark:
            expected[line] = set(mark[1].split(", "))
    reported = {}
    for line, code, _ in found[WRONG]:
        reported.setdefault(line, set()).add(code)
    assert len(expected) > 50
    assert reported == expected, found[WRONG]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_accepted(found, path):
    assert [message for _, _, message in found[f"examples/{path.name}"] if message not in LACKING] == []


def test_what_the_stubs_of_micropython_lack(found):
    """If they get something of it, delete it from LACKING."""
    messages = {message for path in EXAMPLES for _, _, message in found[f"examples/{path.name}"]}
    assert messages >= LACKING


@pytest.mark.parametrize("sample", OF_README, ids=str)
def test_samples_of_the_readme_are_accepted(found, sample):
    assert found[sample_name(sample)] == []


# -- the run-time objects --


def declared(module):
    """Return {name: [nodes]} of what the types of *module* declare; methods with their class before a dot."""
    tree = ast.parse(types_of(module))
    names = {}
    for name, node in parts(tree):
        names.setdefault(name, []).append(node)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname: [(node.module, alias.name)] for alias in node.names if alias.asname}
    return names


DECLARED = {module: declared(module) for module in MODULES}


def of_facade(name):
    """Return the nodes that declare the public *name* of physmem, in its own stub or where that has it from."""
    head, _, rest = name.partition(".")
    nodes = DECLARED["physmem"][head]
    if isinstance(nodes[0], tuple):
        module, original = nodes[0]
        return DECLARED[module][f"{original}.{rest}" if rest else original]
    return DECLARED["physmem"][name]


NAMES = public_names.TABLE + public_names.CHANGING + public_names.VOCABULARY


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_declared(name):
    assert of_facade(name)


def test_no_other_name_is_declared():
    names = {name for name in DECLARED["physmem"] if "." not in name and not name.startswith("_")}
    assert names == set(NAMES)


def test_names_of_the_other_modules():
    assert {name for name in DECLARED["physmem_claim"] if name[0] != "_" and "." not in name} == {
        "ClaimError",
        "claim",
        "plan",
        "boot",
    }
    assert {name for name in DECLARED["physmem_debug"] if name[0] != "_" and "." not in name} == {
        "owner",
        "statistics",
        "untracked",
    }


def parameters_of(node):
    """Return [(name, kind, default as text or None)] of a declared function, without `self` and `cls`."""
    arguments = node.args
    found = []
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    for argument, default in zip(positional, defaults):
        kind = "positional only" if argument in arguments.posonlyargs else "positional"
        found.append((argument.arg, kind, default and ast.unparse(default)))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        found.append((argument.arg, "by name", default and ast.unparse(default)))
    return [part for part in found if part[0] not in ("self", "cls")]


def run_time_parameters(function):
    """Return the same of a run-time function: what stands behind `_by_name` is to be given by name."""
    found, by_name = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == MARK:
            by_name = True
        elif parameter.name not in ("self", "cls", "_memoryview", "_unwrapped"):
            kind = "by name" if by_name or parameter.kind is parameter.KEYWORD_ONLY else "positional"
            default = parameter.default
            text = None if default is parameter.empty else "print" if default is print else repr(default)
            found.append((parameter.name, kind, text))
    return found


OVERLOADED = {"add_region", "BuddyAllocator.__init__"}
"""Declared more than once: test_stubtest has their parameters, and right_uses.py what they return."""
OPTIONS = {"BuddyAllocator.new"}
"""Takes ``**options`` at run time, which are those of the class."""


CALLS = [*FUNCTIONS, *(f"{owner}.{name}" for owner in METHODS if owner != "Scope" for name in METHODS[owner])]
"""All calls of the contract. `Scope` is not a name of physmem; test_stubtest compares it."""


@pytest.fixture(scope="module")
def objects():
    """Return {class: an instance}, for calls that only instances have."""
    return {"Region": physmem.Region("r", 0x1000_0000, 16 * 4096)}


@pytest.mark.parametrize("name", CALLS)
def test_parameters_kinds_and_defaults_are_those_of_the_run_time(objects, name):
    owner, _, method = name.rpartition(".")
    nodes = of_facade(name)
    if name in OVERLOADED:
        assert len(nodes) == 2
        return
    function = getattr(objects.get(owner, getattr(physmem, owner)), method) if owner else getattr(physmem, name)
    expected = run_time_parameters(function)
    found = parameters_of(nodes[0])
    if any(kind == "positional only" for _, kind, _ in found):  # raw calls, which machine code serves on boards
        assert owner == "Region" and method in ("alloc", "alloc_aligned", "alloc_at", "free")
        found = [(part, "positional", default) for part, _, default in found]
    assert found == expected


@pytest.mark.parametrize("owner", ATTRIBUTES)
def test_attributes_of_the_contract_are_declared(owner):
    for name in ATTRIBUTES[owner].split():
        (node,) = of_facade(f"{owner}.{name}")
        is_property = isinstance(node, ast.FunctionDef) and ast.unparse(node.decorator_list[0]) == "property"
        assert is_property or isinstance(node, ast.AnnAssign), name


@pytest.mark.parametrize("function, row", [("allocations", "Allocation"), ("find", "Place")])
def test_rows_have_the_fields_of_the_contract(function, row):
    (node,) = DECLARED["physmem_find"][row]
    assert " ".join(part.target.id for part in node.body) == ROWS[function]


CONSTANTS = [name for name in NAMES if isinstance(getattr(physmem, name), (int, str)) and not name.islower()]


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_have_their_values(name):
    (node,) = of_facade(name)
    value = getattr(physmem, name)
    assert ast.literal_eval(node.value) == value if node.value else ast.unparse(node.annotation) == f"Literal[{value}]"


def marked(source, types):
    """Return *types* with `_by_name` where *source*, of the run time, has it: real parameters, as mypy's stubtest
    compares them."""
    functions = {name: node for name, node in parts(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    tree = ast.parse(types)
    for name, node in parts(tree):
        if name in functions and MARK in [argument.arg for argument in functions[name].args.args]:
            arguments = node.args
            arguments.args += [ast.arg(MARK, ast.Name("object")), *arguments.kwonlyargs]
            arguments.defaults += [ast.Constant(...), *arguments.kw_defaults]
            arguments.kwonlyargs, arguments.kw_defaults = [], []
    # A field `count` of a NamedTuple hides the method of tuple, which the stub says in a comment.
    return '# mypy: disable-error-code="assignment"\n' + ast.unparse(ast.fix_missing_locations(tree))


ALLOWED = """
# Each instance has its own: test_parameters_kinds_and_defaults_are_those_of_the_run_time compares them.
physmem_region.Region.alloc
physmem_region.Region.alloc_aligned
physmem_region.Region.alloc_at
physmem_region.Region.free
# At run time all but the first are optional, and a name alone is a TypeError.
physmem.add_region
# Only the library makes one.
physmem_requests.Request.__init__
"""


def test_stubtest(tmp_path):
    """mypy's own comparison of stubs with the run-time objects finds nothing, but for what ALLOWED says."""
    for module in MODULES:
        (tmp_path / f"{module}.pyi").write_text(marked(library_of(module), types_of(module)))
    (tmp_path / "allowed").write_text(ALLOWED)
    path = ":".join(str(ROOT / folder) for folder in ("lib", "tests_host/stubs", "boards/UNIX", "firmware"))
    options = ["--ignore-missing-stub", "--concise", "--allowlist", "allowed"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *options, *MODULES],
        cwd=tmp_path,
        env={"PYTHONPATH": path, "MYPYPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# -- docstrings --


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    """Return a folder with the finished stubs."""
    folder = tmp_path_factory.mktemp("stubs")
    write_stubs(folder)
    return folder


def shown(stubs, text):
    """Return what an editor shows of the name at the end of *text*: (its kinds, its signatures, its docstring)."""
    project = jedi.Project(stubs, sys_path=[str(stubs)], smart_sys_path=False)
    (name,) = jedi.Script(text, project=project).help()
    return name.type, [signature.to_string() for signature in name.get_signatures()], name.docstring(raw=True)


def test_an_editor_shows_the_docstring_and_the_signature(stubs):
    kind, signatures, text = shown(stubs, "import physmem\nphysmem.dma_ring")
    assert kind == "function"
    assert signatures == ["dma_ring(nbytes: int, *, owner: object=None, zero: bool=False) -> AllocatedFrames"]
    assert text == without_signature(inspect.getdoc(physmem.dma_ring))
    assert text.startswith("Allocate `nbytes` bytes that DMA reaches")


@pytest.mark.parametrize(
    "text, start",
    [
        ("physmem.region('sram').alloc", "Allocate n contiguous frames, the lowest that are free."),
        ("physmem.region('sram').alloc_aligned", "Allocate the lowest n that are free from an address on"),
        ("physmem.allocate_frames(1).split_at(1)[0].nbytes", "The number of bytes that you asked for."),
        ("physmem.PAGE_SIZE", "Bytes in a page."),
        ("physmem.find(0)", "Return where `thing` lies"),
        ("physmem.BuddyAllocator.new", "Return an allocator of `total_pages` pages"),
        ("physmem.PhysMemError", "A mistake in a call"),
    ],
)
def test_an_editor_follows_what_calls_return(stubs, text, start):
    assert shown(stubs, f"import physmem\n{text.removesuffix('(0)')}")[2].startswith(start)


def test_an_editor_completes_what_a_call_returns(stubs):
    project = jedi.Project(stubs, sys_path=[str(stubs)], smart_sys_path=False)
    names = {name.name for name in jedi.Script("import physmem\nphysmem.dma_ring(64).", project=project).complete()}
    assert names >= set(ATTRIBUTES["AllocatedFrames"].split()) | {"map", "unmap", "free"}


@pytest.mark.parametrize("module", MODULES)
def test_every_declared_function_has_a_docstring(module):
    texts = docstrings(library_of(module))
    for name, nodes in DECLARED[module].items():
        is_public = not any(part.startswith("_") for part in name.split("."))
        if isinstance(nodes[0], ast.FunctionDef) and is_public:
            assert texts.get(name), name


def is_text(node):
    """Return whether the statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_the_stubs_are_the_types_with_docstrings():
    """Without docstrings they are what stands in typings/."""
    for module in MODULES:
        tree = ast.parse(stub_of(module))
        for node in ast.walk(tree):
            if hasattr(node, "body") and isinstance(node.body, list):
                node.body = [part for part in node.body if not is_text(part)]
                if not node.body and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    node.body = [ast.Expr(ast.Constant(...))]
        assert ast.unparse(tree) == ast.unparse(ast.parse(types_of(module))), module


def test_signatures_of_docstrings_are_left_out():
    assert without_signature("``f(n, *, at=None)``: return n. More.") == "Return n. More."
    assert without_signature("``f(n,\n    at=(1, 2))``: make n.") == "Make n."
    assert without_signature("``f`` is a name.") == "``f`` is a name."
    for module in MODULES:
        assert "_by_name" not in stub_of(module).replace("`_by_name`", "")


@pytest.mark.parametrize(
    "types", ['"""text"""\n', 'def f() -> None:\n    """text"""\n', 'class C:\n    """text"""\n    x: int\n']
)
def test_docstrings_in_typings_are_refused(types):
    with pytest.raises(HasDocstring, match="write it in lib/ alone"):
        merged(types, {})


def test_text_that_ends_a_docstring_is_escaped():
    text = 'a \\ and """ and a quote"'
    tree = ast.parse(merged("def f() -> None: ...\n", {"f": text, MODULE: text}))
    assert ast.get_docstring(tree, clean=True).strip() == text
    assert ast.get_docstring(tree.body[1], clean=True).strip() == text


# -- the release --


def test_the_release_has_the_stubs_and_no_package_has(tmp_path):
    write_stubs(tmp_path / "stubs")
    made = ROOT / "build" / "dist"
    names = sorted(path.name for path in (made / "stubs").iterdir())
    assert names == [f"{module}.pyi" for module in MODULES]
    for name in names:
        assert (made / "stubs" / name).read_text() == (tmp_path / "stubs" / name).read_text()
    for package in PACKAGES:
        assert list((made / "mip" / package).rglob("*.pyi")) == []
        assert ".pyi" not in (made / "mip" / package / "package.json").read_text()
