"""The assembler that is frozen into firmware has the layout of a state that the engine has, in bytes; the engine there
lacks the assembler's twins, and nothing else."""

import ast
import re

import expand_thumb
import physmem_engine
import pytest
from emulated_board import ROOT

LIBRARY = ROOT / "lib"
THUMB = (LIBRARY / "physmem_thumb.py").read_text()
ENGINE = (LIBRARY / "physmem_engine.py").read_text()


def constants(source):
    """Return the names at the top of `source` that are assigned const(...), with their values."""
    values = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("const("):
            code = compile(ast.Expression(node.value), "physmem_thumb", "eval")
            values[node.targets[0].id] = eval(code, {"const": lambda value: value}, dict(values))
    return values


def test_the_layout_is_that_of_the_engine():
    """Each word of a state is there, at four times its number, and nothing of the assembler is changed or missing."""
    source = expand_thumb.with_layout(THUMB, ENGINE)
    words = {name: value for name, value in vars(physmem_engine).items() if name.startswith("STATE_")}
    assert len(words) > 8
    offsets = constants(source)
    for name, number in words.items():
        assert offsets[name.removeprefix("STATE")] == 4 * number, name
    before, after = THUMB.split(expand_thumb.LAYOUT)
    assert source.startswith(before) and source.endswith(after)


def test_every_constant_of_the_assembler_is_known():
    """The assembler's operands with a name of a constant all have one: the inline assembler knows no other names."""
    source = expand_thumb.with_layout(THUMB, ENGINE)
    used = set(re.findall(r"(?<![\w\"])_[A-Z][A-Z_]+\b", re.sub(r"#.*|\"\"\"[\s\S]*?\"\"\"", "", source)))
    assert used <= set(constants(source))


def test_a_missing_mark_is_an_error():
    """As are two of them, and an engine without words."""
    for thumb, engine in (
        (THUMB.replace(expand_thumb.LAYOUT, ""), ENGINE),
        (THUMB + expand_thumb.LAYOUT, ENGINE),
        (THUMB, "STATE_FREE = 1\n"),
    ):
        with pytest.raises(ValueError, match="# LAYOUT"):
            expand_thumb.with_layout(thumb, engine)


def functions(source, decorator=""):
    """Return the names of the functions at the top of `source`: of all, or of those that `decorator` makes."""
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in found if decorator in "".join(map(ast.unparse, node.decorator_list))]


def test_the_engine_without_twins_lacks_what_only_they_are():
    """The twins are left out, and what only they call; the rest is as it was, and refers to none of them where Thumb
    code runs."""
    source = expand_thumb.without_twins(ENGINE)
    left_out = [name for name in functions(ENGINE) if name not in functions(source)]
    assert sorted(left_out) == sorted([*functions(THUMB, "asm_thumb"), "_lowest"])
    assert [line for line in source.splitlines() if line not in ENGINE.splitlines()] == []
    tree = ast.parse(source)
    choices = [node for node in tree.body if isinstance(node, ast.If) and "physmem_thumb" in ast.unparse(node)]
    assert len(choices) == 1
    choices[0].orelse = []
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used.isdisjoint(left_out)


def test_missing_marks_of_the_twins_are_an_error():
    for engine in (ENGINE.replace("# END OF TWINS.", ""), ENGINE.replace("# TWINS: ", ""), "X = 1\n"):
        with pytest.raises(ValueError, match="TWINS"):
            expand_thumb.without_twins(engine)


def test_the_file_is_written_when_it_has_changed(tmp_path):
    """So that nothing is built again that is the same."""
    out = tmp_path / "thumb"
    expand_thumb.main(LIBRARY, out)
    target = out / "physmem_thumb.py"
    assert target.read_text() == expand_thumb.with_layout(THUMB, ENGINE)
    assert (out / "physmem_engine.py").read_text() == expand_thumb.without_twins(ENGINE)
    assert (out / "viper_engine.py").read_text() == ENGINE
    before = target.stat().st_mtime_ns
    expand_thumb.main(LIBRARY, out)
    assert target.stat().st_mtime_ns == before
    target.write_text("")
    expand_thumb.main(LIBRARY, out)
    assert target.read_text() == expand_thumb.with_layout(THUMB, ENGINE)
