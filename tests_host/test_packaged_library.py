"""The library as the packages for ARM have it, with short names and sentences in a file: the target tests pass."""

import ast
import re

import pytest

from packages import moves, sentence_file, short_names
from emulated_board import ROOT
from harness import target_files
from harness.packaged_board import BOARD, THUMB, PackagedMps2, StockMps2, renamed, stock_with
from harness.runners import RunnerDown
from layers import LAYERS, LIBRARY
from packages.contents import PACKAGES
from packages.heap import shrunk, text_of
from packages.modules import source_of, sources_for_arm, stamped
from packages.raw import raw
from reference.pages import all_names

FILES = [file for file in target_files.test_files() if file.is_for(BOARD)]
LIBRARY_MODULES = {path.stem for path in LIBRARY.glob("*.py")}
MOST_HEAP = {"arm-raw": 30 * 1024, "arm": 60 * 1024}
"""Bytes of heap that a package may take once there is a region, without the memory of the region."""
MADE_BY_CALLS = {"Scope", "Transfer"}
"""Classes that no program names."""
RAW_CALLS = """
taken = in_use() - before
alloc = found.alloc
first, second, third = alloc(3), found.alloc_aligned(4, 4), found.alloc_at(12, 2)
print(first, 3 <= second <= 6, found.addr(second) % (found.addr(4) - found.addr(0)), third)
print(found.free(0), physmem.code_name(found.free(1)))
print(physmem.stats()[found.name]["used"], physmem.check(), physmem.booted, physmem.direct_calls)
physmem.add_region("more", None, 8192, 1024)
print(physmem.region("more").alloc(9) == physmem.ALLOCATION_TOO_LARGE, physmem.region("more").alloc(8))
physmem.region("more").free(0)
physmem.remove_region("more")
try:
    found.addr(-1)
except physmem.PhysMemError as error:
    print(error)
for name in "dma_ring", "retain":
    try:
        getattr(physmem, name)
    except AttributeError as error:
        print(error)
print(taken)
"""
IN_USE = """
import gc
def in_use():
    gc.collect()
    return gc.mem_alloc()
before = in_use()
before = in_use()
import physmem
"""
FOR_EACH_PART = (
    "test_bus_masters",
    "test_cache_care",
    "test_constraints",
    "test_debug_memory",
    "test_ended_owners",
    "test_find",
    "test_frame_range",
    "test_map",
    "test_names",
    "test_quarantine",
    "test_recover",
    "test_requests",
    "test_resize",
    "test_retained_modules",
    "test_ruvix_scenarios",
    "test_scattered",
    "test_scope",
    "test_statistics",
)
"""A file for each part of the library that is loaded when it is used."""
ON_STOCK = ("test_allocated_frames", "test_boot", "test_deferred", "test_hooks", "test_raw_calls", "test_requests")
"""Files that need no timers and no interrupts: stock firmware of MPS2_AN385 has none. Not test_collector: that firmware
has its heap below 0x10000000, where physmem_collector expects code, and so believes in one area there and no more. No
firmware has two there, which test_collector makes in the heap."""


@pytest.fixture(scope="module")
def made():
    """Return the heap.Shrunk of the library."""
    return sources_for_arm(THUMB)


@pytest.fixture(scope="module")
def other():
    """Return the Shrunk of a library that has one name more."""
    sources = {path.stem: source_of(path.stem, THUMB, True).read_text() for path in LIBRARY.glob("*.py")}
    sources["physmem_errors"] += "\n\ndef one_more(value):\n    return value\n"
    sources["physmem_map"] += "\n\nfrom physmem_errors import one_more\n"
    return shrunk(sources)


@pytest.fixture(scope="module")
def stock():
    """Yield the board with stock firmware."""
    board = StockMps2("stock")
    yield board
    board.stop()


@pytest.fixture(scope="module")
def packaged():
    """Yield the board with the project's firmware, which imports the package."""
    board = PackagedMps2("packaged")
    yield board
    board.stop()


def run(board, file):
    """Run the tests of the TargetFile *file* on *board*; all must pass."""
    failed = []
    for test in file.tests:
        try:
            passed, output = board.run(file, test)
        except RunnerDown as error:
            passed, output = False, str(error)
        if not passed:
            failed.append(f"{test}: {output}")
    assert not failed, "\n".join(failed)


@pytest.mark.xdist_group("stock MPS2_AN385")
@pytest.mark.parametrize(
    "file", [file for file in FILES if file.path.stem in ON_STOCK], ids=lambda file: file.path.stem
)
def test_on_stock_firmware(stock, file):
    run(stock, file)


@pytest.mark.xdist_group("packaged MPS2_AN385")
@pytest.mark.parametrize(
    "file", [file for file in FILES if file.path.stem in FOR_EACH_PART], ids=lambda file: file.path.stem
)
def test_a_file_for_each_part(packaged, file):
    run(packaged, file)


@pytest.mark.xdist_group("packaged MPS2_AN385")
@pytest.mark.parametrize(
    "file", [file for file in FILES if file.path.stem not in FOR_EACH_PART], ids=lambda file: file.path.stem
)
def test_the_other_files(packaged, file):
    run(packaged, file)


@pytest.mark.parametrize(
    "make, own",
    [
        ("physmem.boot()\nphysmem.boot_complete()\nfound = physmem.region('psram')", 0),
        ("found = physmem.boot_in_heap(16384)", 16384 + 4096),
        ("physmem.init([('heap', None, 16384, 1024)])\nfound = physmem.region('heap')", 16384 + 1024),
    ],
    ids=["boot", "boot_in_heap", "init"],
)
def test_raw_package_on_stock_firmware(make, own):
    """The raw calls, what makes regions, the errors; and the heap that is taken, without `own` bytes of the region."""
    with stock_with("arm-raw") as execute:
        lines = execute(IN_USE + make + RAW_CALLS).splitlines()
    assert lines[:4] == ["0 True 0 12", "3 NotAllocated", "6 [] %s True" % ("init" not in make), "True 0"]
    assert lines[4].startswith("there is no frame -1 in ")
    for name, module, line in zip(("dma_ring", "retain"), ("physmem_allocate", "physmem_retained"), lines[5:7]):
        assert line.startswith(f"{name} needs more than is installed (no module named '{module}'): install the package")
    assert 10_000 < int(lines[7]) - own <= MOST_HEAP["arm-raw"]


def test_heap_of_the_whole_package():
    with stock_with("arm") as execute:
        made = execute(IN_USE + "physmem.boot_in_heap(16384)\nprint(in_use() - before)")
    assert 30_000 < int(made) - (16384 + 4096) <= MOST_HEAP["arm"]


def arguments(function):
    return [argument.arg for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


def test_names_of_the_contract_stay(made):
    """What a program can write: the names of the reference, of methods and attributes, of arguments."""
    written = {part for name in all_names() for part in name.split(".")} - MADE_BY_CALLS
    for module in ("physmem", "physmem_frames", "physmem_region", "physmem_errors", *LAYERS["vocabulary"]):
        tree = ast.parse((LIBRARY / f"{module}.py").read_text())
        if module == "physmem" or module in LAYERS["vocabulary"]:
            functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            written |= {node.name for node in functions}.union(*map(arguments, functions))
        for node in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
            methods = [child for child in node.body if isinstance(child, ast.FunctionDef)]
            public = [method for method in methods if not method.name.startswith("_") or method.name == "__init__"]
            written |= {node.name} | {method.name for method in public}.union(*map(arguments, public))
    requests = ast.parse((LIBRARY / "physmem_allocate.py").read_text()).body
    named = [node for node in requests if isinstance(node, ast.FunctionDef) and node.name.startswith("allocate_frames")]
    written = {name for name in written.union(*map(arguments, named)) if not name.startswith("_")}
    assert len(written) > 150
    assert written & set(made.names) == set()


def stamped_sources(made, package):
    """Return {module: text} of what the *package* is compiled of, if the library is *made*."""
    texts = {module: made.sources[module] for module in PACKAGES[package].modules}
    if package.endswith("-raw"):
        texts = {module: text_of(tree) for module, tree in raw(texts, made.names, short_names.USERS).items()}
    return stamped(texts, made.files)


def names_in(tree):
    """Return every name in *tree*, whatever it stands for."""
    fields = ("id", "attr", "name", "asname", "arg")
    nodes = list(ast.walk(tree))
    return {getattr(node, field) for node in nodes for field in fields if isinstance(getattr(node, field, None), str)}


def test_no_name_hides_another(made):
    """A new name is none that the library has; and the names of one module have as many new ones."""
    trees = {path.stem: ast.parse(source_of(path.stem, THUMB, True).read_text()) for path in LIBRARY.glob("*.py")}
    moves.move(trees)
    library = {module: names_in(tree) for module, tree in trees.items()}
    assert set(made.names.values()).isdisjoint(set().union(*library.values()))
    for module, names in library.items():
        shortened = names & set(made.names)
        assert len({made.names[name] for name in shortened}) == len(shortened), module
        assert not names_in(ast.parse(made.sources[module])) & (shortened - set(made.names.values())), module


@pytest.mark.parametrize("package", ["arm", "arm-raw"])
def test_modules_of_two_versions_do_not_import_each_other(made, other, package):
    """A name more in the library shifts the short names of others, so that they have another meaning. So each module
    imports, from the first module of the library that it imports, a name that the other version does not have."""
    shifted = [name for name, new in made.names.items() if other.names[name] != new]
    assert len(shifted) > 50
    sources = stamped_sources(made, package)
    others = stamped_sources(other, package)
    for module, source in sources.items():
        body = ast.parse(source).body
        there = names_in(ast.parse(others[module]))
        of_library = [
            node
            for node in body
            if (isinstance(node, ast.ImportFrom) and node.module in LIBRARY_MODULES)
            or (isinstance(node, ast.Import) and node.names[0].name in LIBRARY_MODULES)
        ]
        stamps = {name for name in names_in(ast.parse(source)) if re.fullmatch("__v[0-9a-f]{7}__", name)}
        assert len(stamps) == 1 and not stamps & there, module
        if module == "physmem":
            of_library = body[0].body
        elif not of_library:
            assert ast.unparse(body[0]) == f"{stamps.pop()} = 0"
            continue
        assert ast.unparse(of_library[1]).endswith(f" import {stamps.pop()}"), module


def test_modules_of_the_two_packages_do_not_import_each_other(made):
    """A raw package may be installed over a whole one, whose other modules stay."""
    whole, raw_one = (stamped_sources(made, package)["physmem_region"] for package in ("arm", "arm-raw"))
    stamp = re.compile("__v[0-9a-f]{7}__")
    assert stamp.findall(whole) != stamp.findall(raw_one)


def test_sentences_are_where_their_numbers_say(made):
    """Each sentence of the library is in the file once, at the start of a line."""
    text = made.files[sentence_file.FILE]
    sentences = sentence_file.Sentences()
    tree = ast.parse((LIBRARY / "physmem_region.py").read_text())
    sentence_file.take_out(tree, sentences)
    found = sentences.text.splitlines()[1:]
    assert "there is no frame {} in {}: give 0 to {}" in found
    assert all(text.splitlines().count(sentence) == 1 for sentence in found)
    for sentence in found:
        number = sentences.number(sentence)
        assert sentences.text[number:].splitlines()[0] == sentence
    assert not set(found) & set(re.findall(r"'([^'\n]*)'", made.sources["physmem_region"]))


def test_a_sentence_in_a_variable():
    """It is taken out if the variable is used as a sentence alone."""
    sentences = sentence_file.Sentences()
    tree = ast.parse(
        "def f(a):\n    text = 'one {}'\n    if a:\n        text = 'two {}'\n    mistake('Code', text, a)\n"
        "def g(a):\n    text = 'three {}'\n    mistake('Code', text, a)\n    return text\n"
    )
    sentence_file.take_out(tree, sentences)
    assert sentences.text == "\none {}\ntwo {}\n"
    assert "three {}" in ast.unparse(tree) and "one {}" not in ast.unparse(tree)


def test_pairs_are_assigned_without_a_tuple():
    """In lib/, and so in the packages: MicroPython makes a tuple, which needs heap, only if there are parentheses."""
    sources = {path.stem: path.read_text() for path in LIBRARY.glob("*.py")}
    pairs = sum(len(re.findall(r"^ +\w+, \w+ = [^(\n]+, .*[^)\n]$", text, re.MULTILINE)) for text in sources.values())
    made = shrunk(sources).sources
    assert pairs > 20
    assert sum(len(re.findall(r"^ +\w+, \w+ = \(", text, re.MULTILINE)) for text in made.values()) == sum(
        len(re.findall(r"^ +\w+, \w+ = \(", text, re.MULTILINE)) for text in sources.values()
    )


def test_tests_are_renamed_as_the_library_is():
    """What they take from modules has the name that it has there; their own names stay."""
    source = (
        "from physmem_guard import GUARD, _sides as sides\nimport physmem_frames as f\nGUARD = f._spares + f.count\n"
        "setattr(f, '_spares', GUARD)\nclass A:\n    def _spares(self):\n        _spares = 1\n"
    )
    made = renamed(source, {"_spares": "argv", "GUARD": "tan", "_sides": "cos"})
    assert ast.unparse(ast.parse(made)) == (
        "from physmem_guard import tan as GUARD, cos as sides\nimport physmem_frames as f\nGUARD = f.argv + f.count\n"
        "setattr(f, 'argv', GUARD)\n\nclass A:\n\n    def argv(self):\n        _spares = 1"
    )


def test_keywords_that_are_names_are_renamed():
    """Those that a function or a class takes as ``**names``, for setattr; others are arguments."""
    source = "def f(first, **names):\n    pass\nclass A:\n    def __init__(self, **names):\n        pass\n"
    source += "def g(_works):\n    pass\nf(first=1, _works=2)\nA(_works=3)\ng(_works=4)\n"
    made = ast.unparse(ast.parse(renamed(source, {"_works": "argv", "first": "tan"})))
    assert made.splitlines()[-3:] == ["f(first=1, argv=2)", "A(argv=3)", "g(_works=4)"]


def test_names_that_micropython_has():
    """Those of ALREADY_THERE are in the firmware of a stock Pico and of stock MPS2_AN385."""
    for board in ("RPI_PICO", "MPS2_AN385"):
        (path,) = (ROOT / "build" / "stock" / board).rglob("qstrdefs.generated.h")
        there = set(re.findall(r'"(\w+)"\)$', path.read_text(), re.MULTILINE))
        assert set(short_names.ALREADY_THERE) <= there, board
    assert len(set(short_names.ALREADY_THERE)) == len(short_names.ALREADY_THERE)
