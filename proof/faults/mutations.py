"""Machine code with one instruction changed: the mutants of a room.

Each change makes another instruction of a form that the interpreter executes, of the same size, so that no mutant is
noticed only because nobody has written down what it does. An instruction that is removed becomes ``mov r8, r8``.
"""

import functools
from dataclasses import dataclass

from proof.machine import forms
from proof.machine.machine_code import ROOMS, offsets

_NOTHING = (0x46C0,)  # mov r8, r8
_NEIGHBOURS = {
    "eq": ("ls",), "ne": ("hi",), "cs": ("hi",), "cc": ("ls",), "hi": ("cs", "ne"), "ls": ("cc", "eq"),
    "ge": ("gt",), "gt": ("ge",), "lt": ("le",), "le": ("lt",), "mi": ("lt",), "pl": ("ge",),
}  # fmt: skip
_EXCHANGED = {
    "and": ("orr", "bic", "eor"), "orr": ("and", "eor", "bic"), "bic": ("and", "eor", "orr"),
    "eor": ("orr", "and", "bic"),
    "lsl": ("lsr",), "lsr": ("lsl", "asr"), "asr": ("lsr",), "ror": ("lsr",), "rsb": ("mvn",), "mvn": ("rsb",),
    "tst": ("cmp",), "cmp": ("tst",),
    "add registers": ("sub registers",), "sub registers": ("add registers",),
    "add 3 bits": ("sub 3 bits",), "sub 3 bits": ("add 3 bits",),
    "add 8 bits": ("sub 8 bits",), "sub 8 bits": ("add 8 bits",),
    "lsl by a number": ("lsr by a number",), "lsr by a number": ("lsl by a number", "asr by a number"),
    "asr by a number": ("lsr by a number",), "cpsid": ("cpsie",), "cpsie": ("cpsid",),
}  # fmt: skip
_FORMS = {form.name: form for form in forms.FORMS}
KINDS = {
    "branch inverted": "a branch under the opposite condition",
    "branch removed": "a branch or call that is not made",
    "condition": "a branch under a condition that differs for one outcome of the comparison",
    "immediate": "a number that is one more or less, in an instruction or in a table",
    "shift": "a shift by one place more or less",
    "operation": "another operation",
    "register": "another register",
    "offset": "a load or store of the word before or behind it, or a stack that is one word off",
    "store removed": "a store, or a push or pop, that is not made",
    "barrier removed": "a barrier that is not there",
}


@dataclass(frozen=True)
class Mutant:
    """A change of one instruction: the room, its file and line, the address in the Function, the kind, both
    instructions as text, the bytes that are there instead, and the name of the Function."""

    room: str
    place: str
    address: int
    kind: str
    before: str
    after: str
    code: bytes
    function: str = "serve"

    def applied(self, function):
        """Return the Function with the change."""
        code = function.code
        return function.with_code(code[: self.address] + self.code + code[self.address + len(self.code) :])

    def __str__(self):
        return f"{self.address:#06x} ({self.place}): {self.before} becomes {self.after}"


@functools.cache
def rooms(name):
    """Return {name of a room: the Lines of it}, of a function of the assembler. A room starts at its first own line. A
    function that consists of instructions is its own room."""
    waiting = [statement.value.func.id for statement in ROOMS.functions[name].body]
    if not any(each in ROOMS.functions for each in waiting):
        waiting = [name]
    found = {}
    for line in ROOMS.lines(ROOMS.functions[name], offsets()):
        if waiting and _is_of(line, waiting[0]):
            found[waiting.pop(0)] = []
        found[list(found)[-1]].append(line)
    if waiting:
        raise SystemExit(f"proof: the room {waiting[0]} of {name} has no line of its own")
    return found


def _is_of(line, room):
    """Return whether a Line comes from the room's own statements."""
    file, number = line.where.split(":")
    node = ROOMS.functions[room]
    return ROOMS.files[room] == file and node.lineno <= int(number) <= node.end_lineno


def mutants(function):
    """Return {name of a room: its Mutants}, all that there are."""
    return {
        room: [
            mutant
            for line in lines
            if line.name != "label"
            for mutant in (_of_table(function, room, line) if forms.is_table(line) else _of_line(function, room, line))
        ]
        for room, lines in rooms(function.name).items()
    }


def _of_table(function, room, line):
    """Return the Mutants of a table: each has one entry that is one more or less."""
    width, first = line.call.args[0].value, line.address
    found = []
    for place, entry in enumerate(line.call.args[1:]):
        for value in (entry.value + 1, entry.value - 1):
            if 0 <= value < 1 << 8 * width:
                texts = f"entry {place} of the table, {entry.value:#x},", f"{value:#x}"
                code = value.to_bytes(width, "little")
                at = first + width * place
                found.append(Mutant(room, line.where, at, "immediate", *texts, code, function.name))
    return found


def halves_at(function, address):
    """Return the half words of the instruction at an address."""
    code = function.code[address : address + 4]
    first = int.from_bytes(code[:2], "little")
    return (first, int.from_bytes(code[2:], "little")) if forms.size_of(first) == 4 else (first,)


def text_at(function, address):
    """Return the instruction at an address as text."""
    form, fields = forms.decoded(halves_at(function, address))
    return form.text(fields)


def nothing(size):
    """Return the bytes of instructions that do nothing."""
    return _as_bytes(_NOTHING * (size // 2))


def _as_bytes(halves):
    return b"".join(half.to_bytes(2, "little") for half in halves)


def _of_line(function, room, line):
    halves = halves_at(function, line.address)
    form, fields = forms.decoded(halves)
    found = []
    for kind, other, changed in _changes(form, fields):
        if other is None:
            after, text = _NOTHING * len(halves), "nothing"
        elif not other.allowed(changed):
            continue
        else:
            after, text = other.halves(changed), other.text(changed)
        if after != halves and forms.decoded(after[:1] if other is None else after)[0]:
            texts = form.text(fields), text
            found.append(Mutant(room, line.where, line.address, kind, *texts, _as_bytes(after), function.name))
    return found


def _changes(form, fields):
    """Yield (kind, form, fields) of the instructions that one becomes; the form is None if it is removed."""
    if form.kind == "branch":
        yield "branch removed", None, None
        condition = form.name[1:]
        if condition in forms.CONDITIONS:
            opposite = forms.CONDITIONS[forms.CONDITIONS.index(condition) ^ 1]
            yield "branch inverted", _FORMS[f"b{opposite}"], fields
            for other in _NEIGHBOURS.get(condition, ()):
                yield "condition", _FORMS[f"b{other}"], fields
        return
    if form.name in ("dmb", "dsb", "isb"):
        yield "barrier removed", None, None
    if form.kind in ("memory", "stack", "stack pointer", "multiple", "push", "pop"):
        if form.name.startswith(("str", "stm", "push", "pop")):
            yield "store removed", None, None
        if "i" in fields:
            for step in (1, -1):
                if 0 <= fields["i"] + step < 1 << form.width("i"):
                    yield "offset", form, {**fields, "i": fields["i"] + step}
    elif "i" in fields:
        kind = "shift" if form.name.endswith("by a number") else "immediate"
        for step in (1, -1):
            if 0 <= fields["i"] + step < 1 << form.width("i"):
                yield kind, form, {**fields, "i": fields["i"] + step}
    for name in _EXCHANGED.get(form.name, ()):
        other = _FORMS[name]
        if other.letters == form.letters:
            yield "operation", other, fields
        else:  # the register that is compared is written instead, or the other way round
            yield "operation", other, dict(zip(sorted(other.letters), (fields[each] for each in sorted(fields))))
    for letter in "dnmbj":
        if letter in fields:
            for other in _others(fields[letter]):
                yield "register", form, {**fields, letter: other}


def _others(register):
    """Return the registers whose number differs in one bit."""
    return [register ^ 1, register ^ 2, register ^ 4] if register < 8 else []


def chosen(mutants, count, random):
    """Return `count` of a room's Mutants, of as many kinds and at as many addresses as there are."""
    kinds = sorted({mutant.kind for mutant in mutants})
    random.shuffle(kinds)
    found, left = [], list(mutants)
    while len(found) < count and left:
        for kind in kinds:
            of_kind = [mutant for mutant in left if mutant.kind == kind]
            if of_kind and len(found) < count:
                found.append(random.choice(of_kind))
                left = [mutant for mutant in left if mutant.address != found[-1].address]
    return found
