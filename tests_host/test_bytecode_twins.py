"""The twins of lib/'s machine code are bytecode that does the same, and a package of source has both."""

import ast
import platform

import bytecode_twins
import pytest
from board_list import boards_of
from bytecode_twins import ONLY_ARM, files_of_source, twin_of
from emulated_board import ROOT
from harness import needs, runners

LIBRARY = ROOT / "lib"
SOURCES = {path.stem: path.read_text() for path in sorted(LIBRARY.glob("*.py"))}
WITH_TWIN = bytecode_twins.modules_with_machine_code(LIBRARY)


def decorators(source):
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return {ast.unparse(decorator) for node in nodes for decorator in node.decorator_list}


def functions(source):
    return {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}


def machine_code(source):
    return decorators(source) & {"micropython.viper", "micropython.native", "micropython.asm_thumb"}


def test_each_module_with_machine_code_has_a_twin_without():
    """With all of its functions."""
    assert set(WITH_TWIN) == {name for name, source in SOURCES.items() if machine_code(source)} - set(ONLY_ARM)
    assert len(WITH_TWIN) > 5
    for name, source in WITH_TWIN.items():
        twin = twin_of(name, source)
        assert not machine_code(twin), name
        assert functions(source) <= functions(twin) | {"in_interrupt"}, name
        assert not {"ptr8", "ptr16", "ptr32"} & {node.id for node in ast.walk(ast.parse(twin)) if hasattr(node, "id")}


def test_what_is_not_viper_is_unchanged():
    """MicroPython takes heap for parentheses round the tuples of an assignment, which ast would add."""
    source = "import micropython\n\n\n@micropython.native\ndef f(a, b):\n    a, b = b, a  # why\n    return a\n"
    assert twin_of("m", f'"""M."""\n{source}').endswith("\n\n\ndef f(a, b):\n    a, b = b, a  # why\n    return a\n")


HEAD = (
    '"""M."""\nimport micropython\ntry:\n    from micropython import ptr8, ptr32, uint\nexcept ImportError:\n    pass\n'
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s = ptr32(a)\ns[i + 1] += s[0]", "s = place_of_32(a)\nmemory_32[s + (i + 1)] += memory_32[s]"),
        ("return ptr8(a)[2]", "return memory_8[place_of_8(a) + 2]"),
        ("return int(ptr32(a)[0] & uint(15))", "return memory_32[place_of_32(a)] & 15"),
        ("x = uint(a - i) >> 3", "x = shifted_uint(a - i, 3)"),
        ("x &= i << (32 - a)", "x &= (i & (1 << a) - 1) << 32 - a"),
        ("return ptr32(a)[i] == 0", "return is_zero_32(place_of_32(a) + i)"),
    ],
)
def test_pointers_are_numbers(body, expected):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    twin = twin_of("m", f"{HEAD}\n\n@micropython.viper\ndef f(a, i: int) -> int:\n{lines}\n")
    function = next(node for node in ast.parse(twin).body if isinstance(node, ast.FunctionDef))
    assert "\n".join(map(ast.unparse, function.body)) == expected


@pytest.mark.parametrize(
    ("module", "taken"),
    [
        ("m", "memory_32 = 1"),
        ("m", "def shifted_uint():\n    pass"),
        ("physmem_records", "def expect_stack():\n    pass"),
        ("physmem_engine", "running = 1"),
    ],
)
def test_a_name_that_the_twin_needs_is_refused(module, taken):
    """The module's own would replace what the twin imports."""
    with pytest.raises(ValueError, match="that its twin needs"):
        twin_of(module, f"{HEAD}\n{taken}\n")


def test_a_twin_defines_no_name_that_it_imports():
    """Its own would replace what it imports, and nothing would say so."""
    seen = set()
    for name, source in WITH_TWIN.items():
        tree = ast.parse(twin_of(name, source))
        own = {"physmem_words", "physmem_whole"}
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module in own]
        imported = {alias.asname or alias.name for node in imports for alias in node.names}
        assert not imported & {getattr(node, "name", None) for node in tree.body}, name
        seen |= imported
    assert {"memory_32", "expect_stack"} <= seen


def test_a_whole_function_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="add_record"):
        twin_of("physmem_records", HEAD)


def test_a_package_of_source_has_both_kinds_of_code():
    for name, source in SOURCES.items():
        files = files_of_source(name, source)
        if name in WITH_TWIN:
            assert files[f"physmem_viper/{name}.py"] == source
            assert not machine_code(files[f"{name}.py"]) and not machine_code(files[f"physmem_bytecode/{name}.py"])
        else:
            assert files == {f"{name}.py": source}


@pytest.mark.parametrize(("machine", "stock"), [("x86_64", True), ("aarch64", False)])
def test_runners_of_a_host(monkeypatch, machine, stock):
    """PyPI has the stock unix port for x86-64 alone; WebAssembly runs on every host, and so do the boards."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    names = set(runners.all_runners())
    assert ("STOCK_UNIX" in names) == stock == (runners.missing() == "")
    assert {"UNIX", "UNIX_BYTECODE", "WEBASSEMBLY", *boards_of("qemu")} <= names
    assert needs.has("UNIX_BYTECODE", ("bytecode",)) and not needs.has("MPS2_AN385", ("bytecode",))
