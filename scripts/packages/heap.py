"""Make the modules of the packages for ARM take less heap than those of lib/: what is compiled is what this returns.

On a board with stock firmware all of a module lies in the heap: code, names, text, and an entry for each name. lib/ is
written to be read, and frozen it takes none of that. So the packages are made of other sources:

- the sentences of errors are in a file (sentence_file);
- names that only the library uses are short (short_names);
- machine code that only one module needs, which is loaded on use, is in that module (moves);
- functions whose machine code only saves time are bytecode, which takes a third (ONLY_FASTER).

Modules of two packages do not fit each other then, and do not import each other (stamp).
"""

import ast
from dataclasses import dataclass

from packages import moves, sentence_file, short_names
from layers import LAYERS

LOADED_FIRST = [
    "physmem",
    "physmem_thumb",
    "physmem_direct",
    "physmem_engine",
    "physmem_errors",
    "physmem_region",
    "physmem_frames",
    "physmem_system",
    "physmem_allocate",
    "physmem_setup",
    "physmem_state",
    "physmem_upkeep",
    "physmem_plan",
    "physmem_collector",
]
"""The names of these modules get shorter ones first."""

NATIVE = "micropython.native"
ONLY_FASTER = {
    "region": "it reads",
    "first": "it reads",
    "count": "it reads",
    "addr": "it reads",
    "nbytes": "it reads",
    "capacity": "it reads",
    "pending": "it reads",
    "_new_pair": "nobody has what it makes before it returns",
    "allocate_frames_by_bytes": "it does nothing between what `request` returns and its own return",
}
"""Function with the decorator `native` that becomes bytecode -> why that changes nothing but the time it takes.

MicroPython checks for a KeyboardInterrupt where bytecode jumps, and nowhere in machine code. In the other functions it
would come between frames and their owner, between a record and the state that it tells of, or between a lock and its
release; and `take_spare` and what it calls must be as deep in the stack as what the scheduler needs.
"""


@dataclass(frozen=True)
class Shrunk:
    """What packages for ARM are made of: `sources`, {module: text}; `files`, {name: text} of what is beside the
    modules; `names`, {name in lib/: name in the package}."""

    sources: dict
    files: dict
    names: dict


def _without_machine_code(tree):
    """Make bytecode of the functions in *tree* that are machine code to be faster alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in ONLY_FASTER:
            node.decorator_list = [part for part in node.decorator_list if ast.unparse(part) != NATIVE]


def _without_docstrings(tree):
    """Leave out the docstrings in *tree*, which the compiler would leave out as well."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]


class _Pairs(ast.NodeTransformer):
    """Replace assignments such as ``a, b = c, d`` by names, `texts` has the names with the text for them.

    Python itself would write ``a, b = (c, d)``, for which MicroPython makes a tuple: it needs heap.
    """

    def __init__(self):
        self.texts = {}

    def visit_Assign(self, node):
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Tuple) or not isinstance(node.value, ast.Tuple):
            return node
        name = f"PAIR_{len(self.texts)}_"
        left, right = (", ".join(map(ast.unparse, side.elts)) for side in (target, node.value))
        self.texts[name] = f"{left} = {right}"
        return ast.Expr(ast.Name(name, ast.Load()))


def text_of(tree):
    """Return the source of *tree*."""
    pairs = _Pairs()
    text = ast.unparse(ast.fix_missing_locations(pairs.visit(tree))) + "\n"
    for name, pair in pairs.texts.items():
        text = text.replace(name, pair)
    return text


def shrunk(sources):
    """Return the Shrunk of *sources*, {module: text} of the whole library, with the engine and the assembler that
    scripts/expand_thumb.py makes."""
    order = [module for module in LOADED_FIRST if module in sources]
    order += sorted(set(sources) - set(order))
    trees = {module: ast.parse(sources[module]) for module in order}
    moves.move(trees)
    sentences = sentence_file.Sentences()
    for module, tree in trees.items():
        _without_docstrings(tree)
        _without_machine_code(tree)
        sentence_file.take_out(tree, sentences)
        if module == "physmem_errors":
            sentence_file.add_reader(tree)
    names = short_names.shorter_names(trees, LAYERS["vocabulary"], LOADED_FIRST)
    renaming = short_names.Renaming(names)
    texts = {module: text_of(renaming.visit(tree)) for module, tree in trees.items()}
    return Shrunk(texts, {sentence_file.FILE: sentences.text}, names)
