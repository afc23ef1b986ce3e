"""Find every sentence in which a target of make says that it failed, by reading its scripts.

Scripts of the shell call `fail`; the Makefile calls make's own error; programs in Python raise an error that their
`main` writes behind ``physmem:``, or return such a sentence. In a sentence, ``{}`` stands for a value. tool_files.py
says which files a target runs.
"""

import ast
import builtins
import re
from dataclasses import dataclass

from errors import tool_files
from layers import ROOT

VALUE = "{}"
SAYING = ("objection", "no_drive", "why_not")
"""Functions that return the sentence of an error that another file raises, or None."""
# A value may be what a command prints, with quotes of its own.
SHELL_VALUE = re.compile(r"\$\((?:[^()]|\([^()]*\))*\)|\$\{[^}]*\}|\$[\w*]+")
SHELL = re.compile(r'(?:\bfail|wrong_viper) "((?:\\"|[^"])*)"')
MAKE = re.compile(r"\$\(error physmem: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class ToolSite:
    """A sentence, the file that has it, and what you type to meet it."""

    target: str
    file: str
    sentence: str


def sites():
    """Return the ToolSite of each sentence, in the order of tool_files.files."""
    return [
        ToolSite(target, file, sentence)
        for file, target in tool_files.files((ROOT / "Makefile").read_text()).items()
        for sentence in dict.fromkeys(_sentences(file))
        if sentence.removeprefix("physmem: ").strip(VALUE + ".: ")  # otherwise it only hands on what another file says
    ]


def _sentences(file):
    text = (ROOT / file).read_text()
    if file.endswith(".py"):
        return _of_python(ast.parse(text))
    if file.endswith(".sh"):
        return [found.replace('\\"', '"') for found in SHELL.findall(SHELL_VALUE.sub(VALUE, text))]
    return [_of_make(found) for found in MAKE.findall(text)]


def _of_make(text):
    """Return the sentence at the start of *text*, which ends with the parenthesis of ``$(error``."""
    depth = 1
    for end, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return SHELL_VALUE.sub(VALUE, text[:end])
    raise ValueError(f"$(error physmem: {text} does not end: close its parenthesis in the same line")


def _name(node):
    """Return the name of the function that the call *node* calls, of a method the last part; "" if it has none."""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def _raised(tree):
    """Return what is given to the errors that the program raises: RuntimeError, and those of its project."""
    return [
        node.exc.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args
        if _name(node.exc) == "RuntimeError" or (_name(node.exc).endswith("Error") and not _is_of_python(node.exc))
    ]


def _is_of_python(call):
    """Return whether the class that is called is one of Python or of its libraries."""
    return isinstance(call.func, ast.Attribute) or hasattr(builtins, call.func.id)


def _of_python(tree):
    """Generate the sentences of a program."""
    functions = {
        child: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for child in ast.walk(node)
    }
    raised = _raised(tree)
    saying = {*SAYING, *(_name(node) for node in raised if isinstance(node, ast.Call))}
    for node in raised:
        yield from _texts(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):  # {"error": sentence}, for another process or a caller
            values = [value for key, value in zip(node.keys, node.values) if getattr(key, "value", "") == "error"]
            yield from [text for value in values for text in _texts(value) if " " in text]
        elif isinstance(node, ast.Return) and node.value is not None:
            texts = _texts(node.value)
            yield from [text for text in texts if functions[node].name in saying or text.startswith("physmem: ")]
        elif isinstance(node, ast.Call) and _name(node) in ("exit", "print"):
            yield from [text for argument in node.args for text in _texts(argument) if text.startswith("physmem: ")]


def _texts(node):
    """Return the sentence that the expression is, in a list; an empty list if it is none."""
    if isinstance(node, ast.Constant):
        return [node.value.strip()] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values).strip()]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    if isinstance(node, ast.BinOp):
        return [text + VALUE for text in _texts(node.left)]
    return []
