"""Read the docstrings of a module of lib/: by the names of its functions, classes and methods, joined by dots."""

import ast
import inspect
import re
import textwrap

_SIGNATURE = re.compile(r"``\w+\(.*?\)``: (?=\w)", re.DOTALL)
_CALL = re.compile(r"- ``(\w+)\([^`]*\)`` (.*?)(?=\n- |\n\n|\Z)", re.DOTALL)
_STATE = re.compile(r"^- ([A-Z]+(?:, [A-Z]+)*)(?: \(([^)]*)\))?: (.*?)(?=\n- |\n\n|\Z)", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^([A-Z_]+) = [^#\n]*  # (.*)$", re.MULTILINE)
_WHITE = re.compile(r"\s+")
MODULE = ""
"""The name that stands for the module itself."""
BASES = {"Region": "Region."}
"""Class whose docstring lists calls that are no methods of it, because each instance has its own."""


def without_signature(text):
    """Return the docstring *text* without the signature that stands before its first sentence.

    That is there because the signature that Python shows has `_by_name`; stubs and the reference have the real one.
    """
    found = _SIGNATURE.match(text)
    if not found:
        return text
    rest = text[found.end() :]
    return rest[0].upper() + rest[1:]


def _calls_in(text):
    """Return {name: docstring} of the calls that the docstring *text* lists as items, each with the paragraph behind
    the list, which is about all of them.

    An item says "allocates ..."; its docstring says "Allocate ...", and instead of "the same" what the item before
    does, up to its first comma.
    """
    items = [(found[1], _WHITE.sub(" ", found[2]), found.end()) for found in _CALL.finditer(text)]
    if not items:
        return {}
    about_all = text[items[-1][2] :].strip().split("\n\n")[0]
    found = {}
    before = ""
    for name, what, _ in items:
        what = what.replace("does the same", before)
        before = what.partition(",")[0]
        verb, _, rest = what.partition(" ")
        found[name] = f"{verb.removesuffix('s').capitalize()} {rest}\n\n{about_all}"
    return found


def _sentence(text):
    """Return *text*, white space joined, as a sentence."""
    text = _WHITE.sub(" ", text).strip()
    return textwrap.fill(text[0].upper() + text[1:].removesuffix(".") + ".", 115)


def _constants(source, found):
    """Return {name: what it means} of constants: of a comment behind it, or of an item in a docstring of a class."""
    texts = {name: _sentence(text) for name, text in _COMMENT.findall(source)}
    for text in [text for name, text in found.items() if name[:1].isupper()]:
        for names, of_the_last, meaning in _STATE.findall(text):
            *others, last = names.split(", ")
            for name in others:
                texts.setdefault(name, _sentence(meaning))
            texts.setdefault(last, _sentence(f"{of_the_last}: {meaning}" if of_the_last else meaning))
    return texts


def _docstring_behind(body, place):
    """Return the text that stands behind an assignment and describes it, or None."""
    if place + 1 < len(body) and isinstance(body[place + 1], ast.Expr):
        value = body[place + 1].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return inspect.cleandoc(value.value)
    return None


def _collect(node, prefix, found):
    for place, part in enumerate(node.body):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            text = ast.get_docstring(part)
            if text:
                found[prefix + part.name] = without_signature(text)
            if isinstance(part, ast.ClassDef):
                _collect(part, f"{prefix}{part.name}.", found)
        elif isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            text = _docstring_behind(node.body, place)
            if text:
                found[prefix + part.targets[0].id] = text


def docstrings(source):
    """Return {name: docstring} of the module with that *source*; MODULE stands for the module."""
    tree = ast.parse(source)
    found = {MODULE: ast.get_docstring(tree)}
    _collect(tree, "", found)
    found = _constants(source, found) | found
    for name, prefix in BASES.items():
        if name in found:
            found |= {prefix + call: text for call, text in _calls_in(found[name]).items()}
    return found
