"""Find every place of lib/ that raises an error which you can meet, with its sentence, by reading the source.

A place is a call of a *maker*, which is a function that raises, such as `mistake`; or a ``raise`` with a sentence of
its own. In a *sentence*, ``{}`` stands for a value.
"""

import ast
import functools
import itertools
import re
from dataclasses import dataclass

from layers import library

ERRORS = "physmem_errors"
VALUE = "{}"
FIELD = re.compile(r"\{[^{}]*\}|%[#0-9]*[sdxr]")

MISTAKE, MEMORY, TYPE = "PhysMemError", "MemoryError", "TypeError"
NOT_PERMITTED = "NotPermitted"
# Maker -> the class of its error; its code, or the place of that in its arguments; and its sentence or the place of
# that. A number in a sentence is the place of an argument. None: the sentence stands in the maker.
MAKERS = {
    "mistake": (MISTAKE, 0, 1),
    "exhausted": (MEMORY, "", 0),
    "wrong_type": (TYPE, "", "{0} must be {1}, not {2}"),
    "integer": (TYPE, "", "{} must be an int, not {}"),
    "boolean": (TYPE, "", "{} must be a bool, not {}"),
    "given_by_position": (TYPE, "", None),
    "needs_heap": (MISTAKE, NOT_PERMITTED, None),
    "expect_heap": (MISTAKE, NOT_PERMITTED, None),
    "load": (MISTAKE, NOT_PERMITTED, None),
    "not_permitted_in_handler": (MISTAKE, NOT_PERMITTED, None),
}
CHECKS = ("integer", "boolean", "expect_heap", "load", "__load__", "__retained__", "_setup")
"""Makers that raise only if what they are given is wrong, or there is no heap."""
OF_A_MODULE = {
    ("physmem", "__load__"): MAKERS["load"],
    ("physmem", "__retained__"): MAKERS["load"],
    ("physmem_system", "_setup"): MAKERS["load"],
    ("physmem_tiers", "_differ"): (MISTAKE, "InternalCorruption", 0),
    ("physmem_claim", "_refuse"): ("ClaimError", "", 0),
    ("physmem_cut", "refuse"): ("ClaimError", "", 0),
}
"""Makers of one module, which hand on the sentence that they are given."""
CAUGHT = {("physmem_allocate", "_requests"): "its callers then raise an error without numbers"}
"""Functions that raise what never leaves physmem, and why."""
FINDERS = ("physmem_state", "physmem_poison", "physmem_guard", "physmem_tiers", "physmem_records", "physmem_recover")
"""Modules with what is found wrong."""
DROPPED = "record {} was dropped: "
"""What physmem_recover writes before the reason."""


@dataclass(frozen=True)
class Site:
    """A place that raises: module, function, line; the class of the error, its code if it has one, its sentence; and
    whether it is a check, one of CHECKS."""

    module: str
    function: str
    line: int
    error: str
    code: str
    sentence: str
    is_check: bool = False

    def __str__(self):
        return f"lib/{self.module}.py:{self.line} ({self.function}): {self.sentence}"

    def says(self, text):
        """Return whether *text* is the sentence with values in it."""
        return bool(pattern(self.sentence).fullmatch(text))


@functools.cache
def pattern(sentence):
    """Return the regular expression of what a sentence is with values in it."""
    return re.compile(".*".join(map(re.escape, sentence.split(VALUE))), re.DOTALL)


def _called(node):
    """Return the name of the function that a call calls."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class _Module:
    """One module: its tree, what is around its nodes, and what its variables stand for."""

    def __init__(self, name, source):
        self.name = name
        self.tree = ast.parse(source)
        self.nodes = list(ast.walk(self.tree))
        self._parents = {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}
        self.constants = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def around(self, node):
        """Generate the nodes around *node*, from the inside."""
        while node in self._parents:
            node = self._parents[node]
            yield node

    def function(self, node):
        """Return the function around *node*, or None."""
        return next((found for found in self.around(node) if isinstance(found, ast.FunctionDef)), None)

    def name_of_function(self, node):
        """Return the name of the function around *node* with that of its class, or "" at the top."""
        names = [found.name for found in self.around(node) if isinstance(found, (ast.FunctionDef, ast.ClassDef))]
        return ".".join(reversed(names))

    def _block(self, statement):
        """Return the list of statements that *statement* stands in."""
        values = [value for _, value in ast.iter_fields(self._parents[statement])]
        return next(value for value in values if isinstance(value, list) and statement in value)

    def assigned(self, name, node):
        """Return what the local variable *name* may be at *node*: a list of expressions, all of which are added up, for
        each assignment that may be the last."""
        around = [found for found in (node, *self.around(node)) if isinstance(found, ast.stmt)]
        function = self.function(node)
        certain = [self._block(found) for found in around[: around.index(function)]] if function else []
        found = []
        for statement in ast.walk(function) if function else ():
            if isinstance(statement, (ast.Assign, ast.AugAssign)) and statement.lineno < node.lineno:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                if name in [getattr(target, "id", None) for target in targets]:
                    found.append(statement)
        values = []
        for statement in sorted(found, key=lambda statement: statement.lineno):
            if not any(statement in block for block in certain):
                values.append([statement.value])
            elif isinstance(statement, ast.AugAssign):
                values = [[*value, statement.value] for value in values]
            else:
                values = [[statement.value]]
        return values


class Library:
    """All modules of *sources*, {name: source}: by default those of lib/."""

    def __init__(self, sources=None):
        self._modules = {name: _Module(name, source) for name, source in (sources or library()).items()}

    def sites(self):
        """Return the Site of every place that raises, one for each of its sentences. ValueError if a place has no
        sentence that can be told from the source."""
        found = []
        for module in self._modules.values():
            for node, error, code, sentences in self._raising(module):
                function = module.name_of_function(node)
                is_maker = module.name == ERRORS and function in MAKERS
                if is_maker or (module.name, function) in CAUGHT:
                    continue
                where = f"lib/{module.name}.py:{node.lineno}"
                if not sentences:
                    raise ValueError(f"{where}: the sentence of this error cannot be told: write it where it is raised")
                is_check = isinstance(node, ast.Call) and _called(node) in CHECKS
                for text in sentences:
                    for one in self._codes(module, node, code, text):
                        plain = FIELD.sub(VALUE, text)
                        found.append(Site(module.name, function, node.lineno, error, one, plain, is_check))
        return found

    def findings(self):
        """Return the sentences that `physmem.check` and `physmem.dropped` return, sorted."""
        found = []
        for name in FINDERS:
            module = self._modules[name]
            for node in module.nodes:
                texts = []
                if isinstance(node, ast.Call) and _called(node) == "append":
                    texts = self._texts(module, node.args[0])
                elif name == "physmem_recover" and isinstance(node, ast.Call) and _called(node) == "_drop":
                    texts = [f"{DROPPED}{reason}" for reason in self._texts(module, node.args[1])]
                elif isinstance(node, ast.Return) and module.function(node).name == "_finding":
                    texts = self._texts(module, node.value)
                found += [FIELD.sub(VALUE, text) for text in texts if text]
        return sorted(set(found) - {f"{DROPPED}{VALUE}"})

    def raw_codes(self):
        """Return (number, constant of physmem, name) of each code that a raw call returns."""
        constants = {
            name: -node.args[0].operand.value
            for name, node in self._modules["physmem_engine"].constants.items()
            if isinstance(node, ast.Call) and isinstance(node.args[0], ast.UnaryOp)
        }
        (names,) = [
            [part.value for part in node.value.elts]
            for node in ast.walk(self._modules[ERRORS].tree)
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "names"
        ]
        return [(number, name, names[-number - 1]) for name, number in constants.items()]

    def prepared(self):
        """Return the errors that are raised without heap, (class, sentence), in the order of their table."""
        (table,) = [
            node.value
            for node in self._modules[ERRORS].tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", None) == "_prepared"
        ]
        return [(call.func.id, call.args[-1].value) for call in table.elts]

    def _maker(self, module, call):
        """Return what is known of the function that is called; None if it makes no error."""
        name = _called(call)
        function = module.function(call)
        if function is not None and (module.name, function.name) in OF_A_MODULE:
            return None  # its callers are the places
        return OF_A_MODULE.get((module.name, name)) or MAKERS.get(name)

    def _raising(self, module):
        """Generate (node, class of the error, code, sentences) of what raises in the module. The code is text, or an
        expression for it."""
        for node in module.nodes:
            if isinstance(node, ast.Call) and self._maker(module, node):
                error, code, sentence = self._maker(module, node)
                if code == 0:
                    code = node.args[0]
                yield node, error, code, self._sentences(module, node, sentence)
            elif isinstance(node, ast.Raise) and isinstance(node.exc, (ast.Call, ast.Name)):
                error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                function = module.function(node)
                is_maker = function is not None and (module.name, function.name) in OF_A_MODULE
                if not is_maker and getattr(error, "id", "a")[0].isupper():
                    arguments = getattr(node.exc, "args", None)
                    yield node, error.id, "", self._texts(module, arguments[0]) if arguments else []

    def _sentences(self, module, call, sentence):
        """Return the sentences of a call of a maker, whose table has *sentence*."""
        if sentence is None:
            return [self._own_sentence(_called(call))]
        if isinstance(sentence, int):
            texts = self._texts(module, call.args[sentence])
            return [row for text in texts for row in self._with_texts(module, call.args[sentence + 1 :], text)]
        named = [self._texts(module, argument) or [VALUE] for argument in call.args[:2]]
        return [sentence.format(*row, VALUE) for row in itertools.product(*named)] if "{0}" in sentence else [sentence]

    def _own_sentence(self, name):
        """Return the sentence of a maker that has it itself."""
        functions = {node.name: node for node in self._modules[ERRORS].tree.body if isinstance(node, ast.FunctionDef)}
        if name == "not_permitted_in_handler":
            return self.prepared()[1][1]
        if name == "given_by_position":
            (raised,) = [node for node in ast.walk(functions[name]) if isinstance(node, ast.Raise)]
            return raised.exc.args[0].value
        (call,) = [node for node in ast.walk(functions["needs_heap"]) if isinstance(node, ast.Call)]
        return call.args[1].value

    def _with_texts(self, module, values, text):
        """Return the sentence *text* with what its *values* may say, where they are sentences themselves."""
        if text is None:  # without heap
            return [self.prepared()[3][1]]
        if text == VALUE:
            return [row for said in self._texts(module, values[0]) for row in self._with_texts(module, [], said)]
        if values and isinstance(values[-1], ast.Subscript) and text.endswith(VALUE):
            return [text[: -len(VALUE)] + reason for reason in self._texts(module, values[-1])]
        return [text]

    def _codes(self, module, node, code, sentence):
        """Return the codes that an error with that sentence may have."""
        if isinstance(code, str):
            return [code]
        if isinstance(code, ast.Name) and not module.assigned(code.id, node):
            for table in module.constants.values():  # {code: sentence}
                if isinstance(table, ast.Dict):
                    found = [key.value for key, value in zip(table.keys, table.values) if value.value == sentence]
                    if found:
                        return found
            for test in [found.test for found in module.around(node) if isinstance(found, ast.If)]:
                if isinstance(test, ast.Compare) and getattr(test.left, "id", None) == code.id:
                    return [test.comparators[0].value]
        found = self._texts(module, code)
        if not found:
            raise ValueError(
                f"lib/{module.name}.py:{node.lineno}: the code of this error cannot be told from the source"
            )
        return found

    def _texts(self, module, node):
        """Return the texts that the expression *node* may be, an empty list if that is not known. None is a text."""
        if isinstance(node, ast.Constant):
            return [node.value] if node.value is None or isinstance(node.value, str) else []
        if isinstance(node, ast.Name):
            found = []
            for parts in module.assigned(node.id, node):
                rows = itertools.product(*[self._texts(module, part) for part in parts])
                found += ["".join(row) if len(row) > 1 else row[0] for row in rows]
            return found
        if isinstance(node, ast.IfExp):
            return self._texts(module, node.body) + self._texts(module, node.orelse)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):  # sentence and "{}"
            return [None, *self._texts(module, node.values[-1])]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._texts(module, node.left)
        if isinstance(node, ast.BinOp):
            both = itertools.product(self._texts(module, node.left), self._texts(module, node.right))
            return [left + right for left, right in both]
        if isinstance(node, ast.Subscript):
            table = module.constants.get(getattr(node.value, "id", None))
            values = table.values if isinstance(table, ast.Dict) else getattr(table, "elts", [])
            return [text for value in values for text in self._texts(module, value) if text]
        if isinstance(node, ast.Attribute):  # of a class, such as kind._wanted
            return [text for value in self._of_classes(node.attr) for text in self._texts(module, value)]
        if isinstance(node, ast.Call) and _called(node) == "format":
            return self._texts(module, node.func.value)
        if isinstance(node, ast.Call):
            return [text for other, value in self._returned(_called(node)) for text in self._texts(other, value)]
        return []

    def _of_classes(self, attribute):
        """Generate what the classes of the library have as that attribute."""
        for module in self._modules.values():
            for found in module.nodes:
                if isinstance(found, ast.ClassDef):
                    for node in found.body:
                        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == attribute:
                            yield node.value

    def _returned(self, name):
        """Generate (module, value) of each return of the functions of that name."""
        for module in self._modules.values():
            for node in module.nodes:
                function = module.function(node) if isinstance(node, ast.Return) else None
                if function is not None and function.name == name and node.value:
                    yield module, node.value
