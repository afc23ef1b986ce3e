"""bytecode_twins.py LIB HELPERS OUT: write, for each module of LIB with viper or native code, its twin in bytecode.

A MicroPython without a machine code emitter does not compile such a module: ``@micropython.viper`` is a SyntaxError
there. The twin is the same module without the decorators. Its pointers are numbers: what is ``s = ptr32(address);
s[i]`` in viper is ``s = place_of_32(address); memory_32[s + i]`` in the twin, with the names of physmem_words in
HELPERS.

Calls that machine code makes in one piece are in the twin refused while another one is under way, and repaired if they
do not end: HELPERS/physmem_whole.py says how, and WHOLE below which they are.
"""

import ast
import os
import pathlib
import re
import sys
import textwrap

POINTERS = {"ptr8": ("place_of_8", "memory_8"), "ptr32": ("place_of_32", "memory_32")}
NAMES = sorted(name for names in POINTERS.values() for name in names)
NAMES_OF_WHOLE = ("expect_stack", "repair", "running")
WHOLE = {
    "physmem_engine": ("serve", "flip_start", "allocate_within", "resize_allocation", "forget_fewest"),
    "physmem_records": ("add_record",),
}
"""Module -> the functions that are whole. Those of the engine have the address of a state as their first argument."""
HELPERS = ("physmem_whole", "physmem_words")
"""Modules that the twins import."""
ONLY_ARM = ("physmem_direct", "physmem_thumb")
"""Modules that only ARM's emitter has a use for."""
DECORATOR = re.compile(r"^ *@micropython\.(viper|native)$", re.MULTILINE)

STUB = '''"""Machine code or bytecode: physmem_emitter decides."""

import physmem_emitter

physmem_emitter.run(__file__, globals())
'''

INSTEAD = {
    ("physmem_engine", "in_interrupt"): "from physmem_whole import in_interrupt\n\n\n"
    # What the whole functions call: a test that pretends a handler replaces `in_handler`.
    "def _outer_handler():\n    return 0 if in_handler is in_interrupt else in_handler()",
    # MicroPython counts twenty times as slowly as machine code, but not as slowly as bytecode.
    ("physmem_collector", "_blocks_in_use"): "def _blocks_in_use(address, nbytes, used):\n"
    "    return gc.mem_alloc() // _BLOCK if address == _tables[0][0] else 0",
}
"""(module, function) -> what the twin has in place of the function."""

CALL_OF_STATE = """
def {name}({arguments}):
    if running[0]:
        return NOT_PERMITTED
    expect_stack()
    if running[1] == address:
        repair(address, LAYOUT, reclass, count_free)
    try:
        running[0] = 1
        try:
            return _{name}_itself({arguments})
        except BaseException:
            repair(address, LAYOUT, reclass, count_free)
            raise
    finally:
        running[0] = 0
"""
CALL = """
def {name}({arguments}):
    expect_stack()
    before = running[0]
    try:
        running[0] = 1
        return _{name}_itself({arguments})
    finally:
        running[0] = before
"""


class Twin(ast.NodeTransformer):
    """Changes one viper function, and those inside it, into bytecode."""

    def __init__(self, pointers=()):
        self._pointers = dict(pointers)

    @staticmethod
    def _kind(node):
        """Return the name of the cast to a pointer that *node* is, or None."""
        is_cast = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in POINTERS
        return node.func.id if is_cast else None

    def visit_FunctionDef(self, node):
        inner = Twin(self._pointers)
        casts = []
        node.decorator_list = [d for d in node.decorator_list if not ast.unparse(d).startswith("micropython.")]
        node.returns = None
        for argument in node.args.args:
            if argument.annotation is not None and ast.unparse(argument.annotation) in POINTERS:
                kind = ast.unparse(argument.annotation)
                inner._pointers[argument.arg] = kind
                casts.append(ast.parse(f"{argument.arg} = {POINTERS[kind][0]}({argument.arg})").body[0])
            argument.annotation = None
        for statement in ast.walk(node):
            if isinstance(statement, ast.Assign) and self._kind(statement.value):
                inner._pointers[statement.targets[0].id] = self._kind(statement.value)
        first = 1 if ast.get_docstring(node) is not None else 0
        node.body = [inner.visit(statement) for statement in node.body]
        node.body[first:first] = casts
        return node

    def visit_Subscript(self, node):
        kind = self._kind(node.value)
        if isinstance(node.value, ast.Name):
            kind = self._pointers.get(node.value.id)
        if kind is None:
            return self.generic_visit(node)
        place = self.visit(node.value)
        node.value = ast.Name(POINTERS[kind][1], ast.Load())
        index = self.visit(node.slice)
        is_zero = isinstance(index, ast.Constant) and index.value == 0
        node.slice = place if is_zero else ast.BinOp(place, ast.Add(), index)
        return node

    def visit_Compare(self, node):
        """Compare a word in memory with 0 without loading it, as it may be above the small integers."""
        self.generic_visit(node)
        is_word = ast.unparse(node.left).startswith("memory_32[") and isinstance(node.left, ast.Subscript)
        if is_word and isinstance(node.ops[0], ast.Eq) and ast.unparse(node.comparators[0]) == "0":
            return ast.Call(ast.Name("is_zero_32", ast.Load()), [node.left.slice], [])
        return node

    def visit_BinOp(self, node):
        """Shift only those bits of a word to the left, behind another word, that stay in 32 bits: the result is kept to
        these later, and would meanwhile be above the small integers, which takes heap."""
        self.generic_visit(node)
        if isinstance(node.op, ast.LShift) and ast.unparse(node.right).startswith("32 - "):
            node.left = (
                ast.parse(f"{ast.unparse(node.left)} & (1 << {ast.unparse(node.right.right)}) - 1").body[0].value
            )
        if (
            isinstance(node.op, ast.RShift)
            and isinstance(node.left, ast.Call)
            and ast.unparse(node.left.func) == "uint"
        ):
            return ast.Call(ast.Name("shifted_uint", ast.Load()), [node.left.args[0], node.right], [])
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        name = getattr(node.func, "id", None)
        if name == "int" and len(node.args) == 1:
            return node.args[0]  # the cast of an object, which is a number here
        if name == "uint" and isinstance(node.args[0], (ast.Constant, ast.Name, ast.Subscript)):
            return node.args[0]  # neither words nor the names of numbers without a sign are negative
        if name in POINTERS:
            node.func.id = POINTERS[name][0]
        return node


def _renamed(node, names):
    """Replace in the function *node* the global names of the dict *names*."""
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and child.id in names:
            child.id = names[child.id]


def _is_import_of_casts(node):
    """Return whether *node* imports the casts that only CPython has as functions."""
    return isinstance(node, ast.Try) and "ptr" in ast.unparse(node.body[0]) and isinstance(node.body[0], ast.ImportFrom)


def _outermost_viper(tree):
    """Generate the viper functions of *tree*, without those that are inside another one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and "micropython.viper" in map(ast.unparse, node.decorator_list):
            yield node
        else:
            yield from _outermost_viper(node)


def _function(module, node):
    """Return the twin of the viper function *node*; with what keeps it whole, if it is in WHOLE."""
    name, whole = node.name, WHOLE.get(module, ())
    if (module, name) in INSTEAD:
        return INSTEAD[module, name]
    arguments = ", ".join(argument.arg for argument in node.args.args)
    twin = Twin().visit(node)
    if name in whole:
        inside = {name: f"_{name}_itself" for name in whole}
        if module == "physmem_engine":
            inside |= {"serve_call": "_serve_itself", "in_handler": "_outer_handler"}
        _renamed(twin, inside)
        twin.name = inside[name]
    text = ast.unparse(ast.fix_missing_locations(twin))
    if name in whole:
        template = CALL_OF_STATE if module == "physmem_engine" else CALL
        text += f"\n\n{template.format(name=name, arguments=arguments)}"
    return text


def twin_of(module, source):
    """Return the source of the twin of *module*.

    All but its viper functions stays as it is written: MicroPython needs no heap for ``a, b = c, d``, but does for
    ``(a, b) = (c, d)``.
    """
    needed = ("is_zero_32", *NAMES, "shifted_uint", *(NAMES_OF_WHOLE if module in WHOLE else ()))
    if taken := [name for name in needed if re.search(rf"\b{name}\b", source)]:
        raise ValueError(f"{module} has a name that its twin needs, {taken[0]}: give it another one there")
    tree = ast.parse(source)
    viper = list(_outermost_viper(tree))
    missing = set(WHOLE.get(module, ())) - {node.name for node in viper}
    if missing:
        raise ValueError(f"{module} has no {', '.join(sorted(missing))}: correct WHOLE of scripts/bytecode_twins.py")
    imports = f"from physmem_words import {', '.join(('is_zero_32', *NAMES, 'shifted_uint', 'uint'))}"
    if module in WHOLE:
        imports += f"\nfrom physmem_whole import {', '.join(NAMES_OF_WHOLE)}"
    first = tree.body[0]
    replaced = {
        (first.lineno, first.end_lineno): f'"""The twin of lib/{module}.py, made by scripts/bytecode_twins.py."""'
    }
    replaced |= {(node.lineno, node.end_lineno): imports for node in tree.body if _is_import_of_casts(node)}
    for node in viper:
        place = node.decorator_list[0].lineno, node.end_lineno
        indent = " " * node.col_offset
        replaced[place] = textwrap.indent(_function(module, node), indent)
    lines = source.splitlines()
    for (start, end), text in sorted(replaced.items(), reverse=True):
        lines[start - 1 : end] = text.rstrip().splitlines()
    return "\n".join(line for line in lines if not DECORATOR.fullmatch(line)) + "\n"


def modules_with_machine_code(library):
    """Return {name: source} of the modules of the folder *library* that have twins."""
    sources = {path.stem: path.read_text() for path in sorted(pathlib.Path(library).glob("*.py"))}
    return {name: text for name, text in sources.items() if DECORATOR.search(text) and name not in ONLY_ARM}


def files_of_source(name, source):
    """Return {path: text} of the files that are in a package of source for a module: itself, or a stub and its two
    kinds of code."""
    if name in ONLY_ARM or not DECORATOR.search(source):
        return {f"{name}.py": source}
    twin = twin_of(name, source)
    return {f"{name}.py": STUB, f"physmem_viper/{name}.py": source, f"physmem_bytecode/{name}.py": twin}


def main(library, helpers, out):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files = {name: twin_of(name, source) for name, source in modules_with_machine_code(library).items()}
    for name in HELPERS:
        files[name] = (pathlib.Path(helpers) / f"{name}.py").read_text()
    for name, text in files.items():
        path = out / f"{name}.py"
        if not path.exists() or path.read_text() != text:  # make compares times
            part = out.parent / f"{name}.{os.getpid()}"
            part.write_text(text)
            part.replace(path)  # at once: the build of another product may read it


if __name__ == "__main__":
    main(*sys.argv[1:])
