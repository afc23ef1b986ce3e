"""Make the entry of a public name: what it is, from where you may call it, what it costs, its errors and its source."""

import re

from errors import guide
from reference.costs import cost_of
from reference.errors import CODES, code_of, errors_in
from reference.examples import EXAMPLES
from reference.markup import code_block, markup, of_markdown, source_in
from reference.places import COLUMNS, EVERYWHERE, rows_of
from reference.signatures import FACADE, thing
from reference.tables import table

_PARAMETER = re.compile(r"(\w+):")
_DIRECTIVES = {"function": "function", "class": "class", "exception": "exception", "data": "data"}


def _indented(text, depth):
    return "\n".join(" " * depth + line if line else "" for line in text.split("\n"))


def _places(rows):
    """Return the table of places."""
    return table([COLUMNS, *((f"``{row.call}``", *row.outcomes) for row in rows)], "places").rstrip("\n")


def _errors(text):
    """Return the list of errors that the docstring *text* speaks of."""
    parts = []
    for name in errors_in(text):
        known = CODES.get(name)
        number = f" ({known.number})" if known and known.is_of_raw_calls else ""
        parts.append(f":ref:`{name} <error-{name}>`{number}" if known else f"``{name}``")
    return f":Errors: {', '.join(parts)}" if parts else ""


def _body(name, found, links, figures, with_places=True):
    """Return what stands in the entry below its signature."""
    parameters = _PARAMETER.findall(" ".join(found.signatures))
    links = {short: target for short, target in links.items() if short not in parameters}
    source, text = source_in(found.text)
    if not text and found.value.startswith("-"):
        code = code_of(name)
        raised = guide.OF_RAW_CALLS.get(code, code)
        text = f"A raw call returns it where others raise :ref:`{raised} <error-{code}>`: "
        text += of_markdown(guide.error(code).raw) + "."
        links = {}
    parts = [markup(text, links) if links else text] if text else []
    if name in EXAMPLES:
        parts.append(code_block(EXAMPLES[name]))
    facts = [_errors(found.text)]
    cost = cost_of(name, figures)
    facts += [f":Cost: {cost}" if cost else "", f":Source: {markup(source, links)}" if source else ""]
    facts = "\n".join(fact for fact in facts if fact)
    if facts:
        parts.append(facts)
    rows, sentence = rows_of(name) if with_places else ([], "")
    if rows and {outcome for row in rows for outcome in row.outcomes} == {"works"}:
        parts.append(f":Place: Everywhere: {EVERYWHERE}.")
    elif rows or sentence:
        parts.append(f":Place: {sentence or 'See the table.'}")
        parts.append(_places(rows) if rows else "")
    return "\n\n".join(part for part in parts if part)


def _signed(short, signatures):
    """Return the signatures under each other, as a directive takes them."""
    return signatures and [short + signature for signature in signatures] or [short]


def _directive(kind, signatures, options, body):
    head = f".. py:{kind}:: "
    lines = [head + ("\n" + " " * len(head)).join(signatures)]
    lines += [f"   :{key}:{' ' + value if value else ''}" for key, value in options.items()]
    return "\n".join(lines) + "\n\n" + _indented(body, 3) + "\n"


def _options(found):
    options = {}
    if found.kind in ("data", "attribute", "property"):
        annotation = found.signatures[0]
        if not annotation.startswith(("Final", "ClassVar")):
            options["type"] = annotation
        elif annotation.startswith("ClassVar"):
            options["type"] = annotation[len("ClassVar[") : -1]
        if found.value:
            options["value"] = found.value
    options |= {decorator: "" for decorator in found.decorators if decorator in ("staticmethod", "classmethod")}
    return options


def _member(owner, found, links, figures):
    short = found.name.rpartition(".")[2]
    full = f"{owner}.{short}"
    is_value = found.kind in ("attribute", "property")
    signatures = [short] if is_value else _signed(short, found.signatures)
    rows, _ = rows_of(full)
    return _directive(found.kind, signatures, _options(found), _body(full, found, links, figures, bool(rows)))


def _near(name, found, links):
    """Return *links* as the docstring of *name* means them: names of its own class and module come before others."""
    module = name.rpartition(".")[0]
    of_module = {key.rpartition(".")[2]: target for key, target in links.items() if module and key == target}
    of_module = {short: target for short, target in of_module.items() if target == f"{module}.{short}"}
    full = name if module else f"{FACADE}.{name}"
    shorts = [member.name.rpartition(".")[2] for member in found.members]
    return links | of_module | {short: f"{full}.{short}" for short in shorts}


def entry(name, links, figures):
    """Return the entry of a public *name*, or of ``module.name``, as reStructuredText."""
    found = thing(name)
    links = _near(name, found, links)
    module, _, short = name.rpartition(".")
    body = _body(name, found, links, figures)
    for member in found.members:
        body += "\n\n" + _member(name, member, links, figures)
    is_value = found.kind == "data"
    signatures = [short] if is_value else _signed(short, found.signatures)
    return f".. py:currentmodule:: {module or FACADE}\n\n" + _directive(
        _DIRECTIVES[found.kind], signatures, _options(found), body
    )


def links_of(names):
    """Return {name: what it links to} of the public *names* and, with their class, of their members."""
    links = {}
    for name in names:
        full = name if "." in name else f"{FACADE}.{name}"
        links[name] = links[f"physmem.{name}"] = full
        links.setdefault(name.rpartition(".")[2], full)
        for member in thing(name).members:
            short = member.name.rpartition(".")[2]
            links[f"{name}.{short}"] = links[f"{name.rpartition('.')[2]}.{short}"] = f"{full}.{short}"
    return links
