"""Statements of a source file as text that does not depend on how they are laid out."""

import ast
import copy


def _without_blocks(node):
    """Return a copy of a statement that has no decorators, and no other statements in it than ``pass``."""
    node = copy.copy(node)
    for name in ("body", "orelse", "finalbody", "handlers", "decorator_list"):
        if getattr(node, name, None):
            setattr(node, name, [ast.Pass()] if name == "body" else [])
    if isinstance(node, ast.Try):
        node.finalbody = [ast.Pass()]
    return node


def by_row(source):
    """Return {row: statement} of the *source*, rows counted from 1.

    A row has the innermost statement that stands on it, as ast.unparse writes it: without comments, redundant
    parentheses and line breaks, ``elif`` as ``if``. Of a statement with a block there is the first line alone.
    """
    found = {}
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt | ast.excepthandler)]
    for node in sorted(nodes, key=lambda node: (node.lineno, -node.end_lineno)):
        text = ast.unparse(_without_blocks(node)).splitlines()[0]
        found.update(dict.fromkeys(range(node.lineno, node.end_lineno + 1), text))
    return found
