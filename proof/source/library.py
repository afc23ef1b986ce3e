"""Read the functions and constants of lib/, as syntax trees."""

import ast
from collections import Counter

from proof.machine.machine_code import ROOT

LIB = ROOT / "lib"

OPERATIONS = {  # of numbers, or of Bits without sign
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.BitAnd: lambda a, b: a & b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitXor: lambda a, b: a ^ b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
}


class NotUnderstood(Exception):
    """The source has something that the proof does not know."""


class Library:
    """The files of lib/; `texts`: {name: text} has other text for some of them."""

    def __init__(self, texts=None):
        self._texts = texts or {}
        self._sources = {}

    def source(self, name):
        """Return the Source of a module, or None if lib/ has no such file."""
        if name not in self._sources:
            path = LIB / f"{name}.py"
            if name not in self._texts and not path.exists():
                return None
            self._sources[name] = Source(self, name, self._texts.get(name) or path.read_text())
        return self._sources[name]

    def function(self, module, name):
        return self.source(module).functions[name]


class Source:
    """One file of lib/: `functions` by name, `constants` by name (ints, bytes, and tuples of ints), and `modules`: what
    its names of modules stand for. A name that is given a value at two places is none of these."""

    def __init__(self, library, name, text):
        self.name = name
        self._library = library
        self.functions, self.constants, self.modules = {}, {}, {}
        tree = ast.parse(text)
        stored = Counter(_names_of_module(tree))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and stored[node.name] == 1:
                self.functions[node.name] = Function(self, node)
            elif isinstance(node, ast.Import):
                self.modules.update({each.asname or each.name: each.name for each in node.names})
            elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                self._define(node.targets[0], self.constant(node.value), stored)

    def _define(self, target, value, stored):
        if value is None:
            return
        if isinstance(target, ast.Name):
            target, value = ast.Tuple([target]), (value,)
        if isinstance(target, ast.Tuple):
            for each, item in zip(target.elts, value, strict=True):
                if stored[each.id] == 1:
                    self.constants[each.id] = item

    def place(self, node):
        return f"lib/{self.name}.py:{node.lineno}"

    def constant(self, node, local=()):
        """Return the value of an expression of constants alone, or None if it has anything else, as a `local` name."""
        if isinstance(node, ast.Constant) and type(node.value) in (int, bytes):
            return node.value
        if isinstance(node, ast.Name) and node.id not in local:
            return self.constants.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.modules:
            other = self._library.source(self.modules[node.value.id])
            return other.constants.get(node.attr) if other else None
        if isinstance(node, ast.Tuple):
            items = [self.constant(each, local) for each in node.elts]
            return None if None in items else tuple(items)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "const":
            return self.constant(node.args[0], local)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert)):
            value = self.constant(node.operand, local)
            return None if value is None else -value if isinstance(node.op, ast.USub) else ~value
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            left, right = self.constant(node.left, local), self.constant(node.right, local)
            if type(left) is int and type(right) is int:
                return OPERATIONS[type(node.op)](left, right)
        return None


class Function:
    """A function of lib/. `loops`: {id of the node: number} of its while loops, from 0 in the order of the lines."""

    def __init__(self, source, node):
        self.source = source
        self.node = node
        self.name = node.name
        self.decorators = [ast.unparse(each) for each in node.decorator_list]
        self.is_viper = self.decorators == ["micropython.viper"]
        stored = [each for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        self.locals = {each.id for each in stored} | {each.arg for each in node.args.args}
        loops = sorted((each for each in ast.walk(node) if isinstance(each, ast.While)), key=lambda each: each.lineno)
        self.loops = {id(each): number for number, each in enumerate(loops)}

    @property
    def place(self):
        return self.source.place(self.node)

    def parameters(self):
        """Return [(name, type or None)]. Raise NotUnderstood if the function is of a kind that has others."""
        own = self.node.args
        if self.decorators and not self.is_viper:
            raise NotUnderstood(f"{self.place}: {self.name} is decorated with {', '.join(self.decorators)}")
        if own.posonlyargs or own.kwonlyargs or own.vararg or own.kwarg or own.defaults:
            raise NotUnderstood(f"{self.place}: {self.name} has parameters that the proof does not know")
        return [(each.arg, ast.unparse(each.annotation) if each.annotation else None) for each in own.args]


def _names_of_module(tree):
    """Yield each name that the module, or a function by ``global``, gives a value to: as often as it does."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
            for each in ast.walk(node):
                if isinstance(each, ast.Global):
                    yield from each.names
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        waiting += ast.iter_child_nodes(node)
