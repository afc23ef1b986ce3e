"""The encodings of the Thumb instructions that the assembler may use: what their bits are, and what they work on.

A *form* is one encoding of the manual. Its *fields* are what may differ between two instructions of one form: numbers
of registers, immediates, distances and lists. Nothing here says what an instruction does, and thumb.py, which does, is
written without this file.

Source: Arm v6-M Architecture Reference Manual (DDI 0419), A5.2, A5.3 and A6.7.
"""

import functools

SP, LR, PC = 13, 14, 15
CONDITIONS = ("eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
_DATA_PROCESSING = {
    "and": 0, "eor": 1, "lsl": 2, "lsr": 3, "asr": 4, "ror": 7, "tst": 8, "rsb": 9, "cmp": 10, "orr": 12, "mul": 13,
    "bic": 14, "mvn": 15,
}  # fmt: skip
_EDGES = (0, 1, 2, 3, 15, 16, 30, 31, 63, 64, 126, 127, 128, 254, 255, 1023, 1024, 2047)


class Form:
    """One encoding.

    `pattern` has a character for each bit, the highest first: 0, 1, or the letter of the field that the bit belongs to.
    The letters of registers are d (written, and read unless there is an n), n and m (read), b (an address) and j (where
    to go on); i is an immediate, r a list of registers.
    `kind` says what else it works on: "registers" for nothing, or else the memory that it accesses or the way it goes.
    `unit`: the bytes of one step of the immediate. `allows(fields)` tells the instructions of the form from those of
    other forms, and from those whose effect the manual leaves open.
    """

    def __init__(self, name, pattern, text, kind="registers", unit=1, allows=None):
        self.name = name
        self.pattern = pattern.replace(" ", "")
        self.kind = kind
        self.unit = unit
        self.size = len(self.pattern) // 8
        self.letters = tuple(sorted(set(self.pattern) - {"0", "1"}))
        self._text = text
        self._allows = allows
        self._fixed = int("".join("1" if digit in "01" else "0" for digit in self.pattern), 2)
        self._bits = int("".join(digit if digit in "01" else "0" for digit in self.pattern), 2)

    def width(self, letter):
        return self.pattern.count(letter)

    def fields(self, halves):
        """Return {letter: number} of an instruction, from its half words; None if it is not of this form."""
        number = 0
        for half in halves:
            number = number << 16 | half
        if 2 * len(halves) != self.size or number & self._fixed != self._bits:
            return None
        values = dict.fromkeys(self.letters, 0)
        for place, letter in enumerate(self.pattern):
            if letter in values:
                values[letter] = values[letter] << 1 | number >> (8 * self.size - 1 - place) & 1
        return values if self.allowed(values) else None

    def allowed(self, fields):
        return self._allows is None or self._allows(**fields)

    def halves(self, fields):
        """Return the half words of the instruction with these fields."""
        left = dict(fields)
        number = 0
        for place, is_or_letter in enumerate(reversed(self.pattern)):
            if is_or_letter in left:
                digit = left[is_or_letter] & 1
                left[is_or_letter] >>= 1
            else:
                digit = int(is_or_letter)
            number |= digit << place
        return tuple(number >> shift & 0xFFFF for shift in range(8 * self.size - 16, -1, -16))

    def random_fields(self, random, reach):
        """Return fields that the form allows, edge values among them. A branch goes no further than `reach` bytes."""
        while True:
            fields = {}
            for letter in self.letters:
                most = (1 << self.width(letter)) - 1
                fields[letter] = random.randint(0, most)
                if letter in "ir" and random.random() < 0.6:
                    edges = [number for number in _EDGES if number <= most]
                    fields[letter] = random.choice((0, 0, most, random.choice(edges)))
            if self.name == "bl":
                near = random.choice((reach, min(reach, 4096)))
                fields = fields_of_call(random.randrange(-near, near, 2))
            if self.allowed(fields) and (self.kind != "branch" or abs(self.distance(fields)) <= reach):
                return fields

    def distance(self, fields):
        """Return by how many bytes a branch jumps, from its own address plus 4."""
        if self.name == "bl":
            return distance_of_call(**fields)
        width = self.width("i")
        return 2 * (fields["i"] - ((fields["i"] >> (width - 1)) << width))

    def text(self, fields):
        """Return the instruction as a person writes it."""
        values = {letter: _name(value) if letter in "dnmbj" else value for letter, value in fields.items()}
        if "r" in fields:
            values["r"] = ", ".join(_name(number) for number in listed(fields))
        if "i" in fields:
            values["i"] = fields["i"] * self.unit
        if self.kind == "branch":
            values["distance"] = f"{self.distance(fields):+} bytes"
        return self._text.format(**values).replace("{, ", "{")


def _name(register):
    return {SP: "sp", LR: "lr", PC: "pc"}.get(register, f"r{register}")


def listed(fields):
    """Return the numbers of the low registers in the list of an instruction."""
    return [number for number in range(8) if fields["r"] >> number & 1]


def distance_of_call(s, x, k, h, t):
    """Return the distance of BL (T1): I1 = NOT(J1 EOR S), I2 = NOT(J2 EOR S), imm32 = S:I1:I2:imm10:imm11:0."""
    first, second = (x ^ s) ^ 1, (k ^ s) ^ 1
    digits = f"{s:b}{first:b}{second:b}{h:010b}{t:011b}0"
    return int(digits, 2) - (s << len(digits))


def fields_of_call(distance):
    """Return the fields of BL (T1) for an even distance of less than 16 MiB."""
    digits = f"{distance & 0x1FFFFFF:025b}"
    sign, first, second = (int(digit) for digit in digits[:3])
    return {
        "s": sign,
        "x": first ^ 1 ^ sign,
        "k": second ^ 1 ^ sign,
        "h": int(digits[3:13], 2),
        "t": int(digits[13:24], 2),
    }


def _is_ordinary(**register):
    """Return whether a register is neither the stack pointer nor the program counter."""
    (number,) = register.values()
    return number not in (SP, PC)


def _can_be_stored(b, r):
    return r > 0 and (not r >> b & 1 or r & ((1 << b) - 1) == 0)


def _all_forms():
    """Return the Forms: those that thumb.py executes."""
    forms = [
        Form("lsl by a number", "00000iiiiimmmddd", "lsls {d}, {m}, {i}"),
        Form("lsr by a number", "00001iiiiimmmddd", "lsrs {d}, {m}, {i}"),
        Form("asr by a number", "00010iiiiimmmddd", "asrs {d}, {m}, {i}"),
        Form("add registers", "0001100mmmnnnddd", "adds {d}, {n}, {m}"),
        Form("sub registers", "0001101mmmnnnddd", "subs {d}, {n}, {m}"),
        Form("add 3 bits", "0001110iiinnnddd", "adds {d}, {n}, {i}"),
        Form("sub 3 bits", "0001111iiinnnddd", "subs {d}, {n}, {i}"),
        Form("mov 8 bits", "00100dddiiiiiiii", "movs {d}, {i}"),
        Form("cmp 8 bits", "00101nnniiiiiiii", "cmp {n}, {i}"),
        Form("add 8 bits", "00110dddiiiiiiii", "adds {d}, {i}"),
        Form("sub 8 bits", "00111dddiiiiiiii", "subs {d}, {i}"),
        Form("add any register", "01000100dmmmmddd", "add {d}, {m}", allows=lambda d, m: d not in (SP, PC)),
        Form("add to pc", "010001001jjjj111", "add pc, {j}", "jump by", allows=_is_ordinary),
        Form(
            "cmp any register",
            "01000101nmmmmnnn",
            "cmp {n}, {m}",
            allows=lambda n, m: (n > 7 or m > 7) and PC not in (n, m),
        ),
        Form("mov any register", "01000110dmmmmddd", "mov {d}, {m}", allows=lambda d, m: d not in (SP, PC)),
        Form("mov to pc", "010001101jjjj111", "mov pc, {j}", "jump to", allows=_is_ordinary),
        Form("bx", "010001110jjjj000", "bx {j}", "exchange", allows=_is_ordinary),
        Form("str", "01100iiiiibbbnnn", "str {n}, [{b}, {i}]", "memory", 4),
        Form("ldr", "01101iiiiibbbddd", "ldr {d}, [{b}, {i}]", "memory", 4),
        Form("ldrb", "01111iiiiibbbddd", "ldrb {d}, [{b}, {i}]", "memory", 1),
        Form("ldrh", "10001iiiiibbbddd", "ldrh {d}, [{b}, {i}]", "memory", 2),
        Form("str to the stack", "10010nnniiiiiiii", "str {n}, [sp, {i}]", "stack", 4),
        Form("ldr from the stack", "10011dddiiiiiiii", "ldr {d}, [sp, {i}]", "stack", 4),
        Form("add to sp", "101100000iiiiiii", "add sp, {i}", "stack pointer", 4),
        Form("push", "10110100rrrrrrrr", "push {{{r}}}", "push", allows=lambda r: r > 0),
        Form("push with lr", "10110101rrrrrrrr", "push {{{r}, lr}}", "push"),
        Form("pop", "10111100rrrrrrrr", "pop {{{r}}}", "pop", allows=lambda r: r > 0),
        Form("pop with pc", "10111101rrrrrrrr", "pop {{{r}, pc}}", "pop pc"),
        Form("cpsid", "1011011001110010", "cpsid i"),
        Form("cpsie", "1011011001100010", "cpsie i"),
        # If a list contains the base, ldm does not write it back, and stm stores an unknown word unless it comes first.
        Form("stm", "11000bbbrrrrrrrr", "stm {b}!, {{{r}}}", "multiple", allows=_can_be_stored),
        Form("ldm", "11001bbbrrrrrrrr", "ldm {b}!, {{{r}}}", "multiple", allows=lambda b, r: r and not r >> b & 1),
        Form("b", "11100iiiiiiiiiii", "b {distance}", "branch"),
        Form("bl", "11110shhhhhhhhhh 11x1kttttttttttt", "bl {distance}", "branch"),
        Form("mrs primask", "1111001111101111 1000dddd00010000", "mrs {d}, primask", allows=_is_ordinary),
        Form("mrs ipsr", "1111001111101111 1000dddd00000101", "mrs {d}, ipsr", allows=_is_ordinary),
        Form("dsb", "1111001110111111 1000111101001111", "dsb"),
        Form("dmb", "1111001110111111 1000111101011111", "dmb"),
        Form("isb", "1111001110111111 1000111101101111", "isb"),
    ]
    for number, name in enumerate(CONDITIONS):
        forms.append(Form(f"b{name}", f"1101{number:04b}iiiiiiii", f"b{name} {{distance}}", "branch"))
    for name, number in _DATA_PROCESSING.items():
        first, text = ("n", name) if name in ("tst", "cmp") else ("d", f"{name}s")
        forms.append(Form(name, f"010000{number:04b}mmm{first * 3}", f"{text} {{{first}}}, {{m}}"))
    return forms


FORMS = _all_forms()


class Instruction:
    """An instruction of a Function: its address, its half words, its Form, and where it comes from."""

    def __init__(self, address, halves, form, place):
        self.address = address
        self.halves = halves
        self.form = form
        self.place = place


@functools.cache
def decoded(halves):
    """Return (Form, fields) of an instruction, from its half words; (None, None) if it is of no form."""
    for form in FORMS:
        fields = form.fields(halves)
        if fields is not None:
            return form, fields
    return None, None


def size_of(first):
    """Return how many bytes an instruction has whose first half word is given. Source: A5.1."""
    return 4 if first >> 11 in (0b11101, 0b11110, 0b11111) else 2


def instructions(function):
    """Return the Instructions of a Function, the assembler's own first and last one among them, and no tables.

    Raise SystemExit for an instruction of no form.
    """
    found = []
    places = {0: "the prologue", **{address: line.where for address, line in function.lines.items()}}
    tables = {address for address, line in function.lines.items() if is_table(line)}
    places[max(address + line.size() for address, line in function.lines.items())] = "the epilogue"
    for address in sorted(places.keys() - tables):
        end = address + (function.lines[address].size() if address in function.lines else 2)
        while address < end:
            first = int.from_bytes(function.code[address : address + 2], "little")
            size = size_of(first)
            code = function.code[address : address + size]
            halves = tuple(int.from_bytes(code[at : at + 2], "little") for at in range(0, size, 2))
            form, _ = decoded(halves)
            place = f"{function.name} {address:#06x}, {places.get(address)}"
            if form is None:
                raise SystemExit(
                    f"proof: {place}: {code.hex(' ')} is an instruction of no form: add its encoding to "
                    "proof/machine/forms.py, and what it does to proof/machine/thumb.py"
                )
            found.append(Instruction(address, halves, form, place))
            address += size
    return found


def is_table(line):
    """Return whether a Line is data that a room itself has: the data that stand for an instruction have no place in its
    source."""
    return line.name == "data" and hasattr(line.call, "lineno")
