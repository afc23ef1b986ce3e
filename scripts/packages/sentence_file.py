"""Take the sentences of errors out of modules, into a file that is read when an error is made.

Most of what a module keeps in the heap besides its code is text that nobody reads before something goes wrong. In the
modules of a package a sentence is a number, where its line starts in physmem_sentences.txt. physmem_errors reads that
line when it makes the error. Without heap it raises one of its prepared errors, as it does for any sentence; so it does
on another core than the one that has imported it, which may be using the file system.
"""

import ast

FILE = "physmem_sentences.txt"
SENTENCES = {
    "mistake": (1,),
    "exhausted": (0,),
    "needs_heap": (0,),
    "expect_heap": (0,),
    "wrong_type": (1,),
    "load": (1,),
    "__load__": (1,),
    "__retained__": (1,),
    "_setup": (0,),
}
"""Function -> the places of those of its arguments that are sentences, or parts of one."""
READER_OF = {"mistake": "sentence", "exhausted": "sentence", "wrong_type": "wanted"}
"""Function of physmem_errors -> its argument that may be a number. It is used where MemoryError is caught."""
READER = f'''
try:
    from _thread import get_ident as _this_thread
    _reading_thread = _this_thread()
except ImportError:
    _this_thread = None

def _text(sentence):
    if not isinstance(sentence, int):
        return sentence
    if _this_thread is not None and _this_thread() != _reading_thread:
        raise MemoryError
    try:
        with open(__file__[: __file__.rfind("/") + 1] + "{FILE}", "rb") as file:
            file.seek(sentence)
            return str(file.readline()[:-1], "ascii")
    except OSError:
        return "no {FILE} beside the modules: install the package again"
'''
READ_BEFORE = """
try:
    call = _text(call)
except MemoryError:
    pass
"""
"""The start of `needs_heap`: without heap, the error that it raises says nothing of the call."""


class Sentences:
    """The file that is being made: `text` is what is in it so far."""

    def __init__(self):
        self.text = "\n"  # no sentence has the number 0, which is false
        self._numbers = {}

    def number(self, sentence):
        """Return the number of *sentence*, which is added if it is new."""
        if "\n" in sentence or not sentence.isascii():
            raise ValueError(f"a sentence must be one line of ASCII: {sentence!r}")
        if sentence not in self._numbers:
            self._numbers[sentence] = len(self.text)
            self.text += sentence + "\n"
        return self._numbers[sentence]


def _name(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)


def _places(tree):
    """Generate the arguments in *tree* that are sentences, as (list of arguments, index)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for place in SENTENCES.get(_name(node.func), ()):
                if place < len(node.args):
                    yield node.args, place


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 2


def take_out(tree, sentences):
    """Replace the sentences in *tree*, a module, by their numbers in *sentences*."""
    for arguments, place in _places(tree):
        if _is_text(arguments[place]):
            arguments[place] = ast.Constant(sentences.number(arguments[place].value))
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        _take_out_variables(function, sentences)


def _take_out_variables(function, sentences):
    """Do the same where a variable of *function* has the sentence, and is used for nothing else."""
    used = [arguments[place] for arguments, place in _places(function)]
    for name in {node.id for node in used if isinstance(node, ast.Name)}:
        nodes = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
        if any(isinstance(node.ctx, ast.Load) and not any(node is other for other in used) for node in nodes):
            continue
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign) or not _is_text(node.value):
                continue
            if any(getattr(target, "id", None) == name for target in node.targets):
                node.value = ast.Constant(sentences.number(node.value.value))


class _Reading(ast.NodeTransformer):
    """Have a function read its argument *name* where it uses it, except where it asks whether there is one."""

    def __init__(self, name):
        self.name = name
        self.found = 0

    def visit_If(self, node):
        node.body = [self.visit(child) for child in node.body]
        return node

    def visit_Name(self, node):
        if node.id != self.name or not isinstance(node.ctx, ast.Load):
            return node
        self.found += 1
        return ast.Call(ast.Name("_text", ast.Load()), [node], [])


def add_reader(tree):
    """Have physmem_errors, whose tree this is, read sentences. ValueError if its functions are not as known here."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name, argument in READER_OF.items():
        reading = _Reading(argument)
        functions[name].body = [reading.visit(child) for child in functions[name].body]
        if reading.found != 1:
            raise ValueError(f"physmem_errors.{name} does not use {argument} once")
    # What `load` hands on to physmem_install, which does not read.
    handed_on = [
        node for node in ast.walk(functions["load"]) if isinstance(node, ast.Call) and _name(node.func) == "missing"
    ]
    for node in handed_on:
        node.args[0] = ast.Call(ast.Name("_text", ast.Load()), [node.args[0]], [])
    if len(handed_on) != 1:
        raise ValueError("physmem_errors.load does not call physmem_install.missing once")
    needs_heap = functions["needs_heap"]
    needs_heap.body = ast.parse(READ_BEFORE).body + needs_heap.body
    tree.body += ast.parse(READER).body
