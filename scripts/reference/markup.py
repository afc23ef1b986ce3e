"""Turn docstrings, which are text for a prompt, into reStructuredText."""

import re
import textwrap

_CODE = re.compile(r"``[^`]+``|`([^`\n]+)`", re.DOTALL)
_BEFORE_CODE = re.compile(r":\n\n(?= {4}\S)")
_SOURCE = re.compile(r"(?:^|(?<=[.)]\s))Sources?: .*?(?<=[^.]{4}\.)(?=\s|$)", re.DOTALL)
_PAGE = re.compile(r"\[[^\]]+\]\((\w+)\.md(?:#[^)]*)?\)")
_WHITE = re.compile(r"\s+")


def source_in(text):
    """Return the sentence of the docstring *text* that says where it is from, or "", and the rest."""
    found = _SOURCE.search(text)
    if not found:
        return "", text
    sentence = _WHITE.sub(" ", found[0]).partition(": ")[2]
    return sentence, (text[: found.start()].rstrip() + text[found.end() :]).strip()


def markup(text, links):
    """Return the docstring *text* as reStructuredText; *links* is {name: what it links to}."""

    def code(found):
        if found[1] is None:
            return found[0]
        target = links.get(found[1])
        return f":py:obj:`{found[1]} <{target}>`" if target else f"``{found[1]}``"

    return _BEFORE_CODE.sub("::\n\n", _CODE.sub(code, text))


def of_markdown(text):
    """Return the Markdown *text* of a page of docs/ as reStructuredText of a page of the reference."""
    return _PAGE.sub(r":doc:`\1 <../\1>`", markup(text, {}))


def code_block(source):
    """Return the Python *source* as reStructuredText."""
    return ".. code-block:: python\n\n" + textwrap.indent(source, "   ")
