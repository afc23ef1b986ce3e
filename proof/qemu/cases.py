"""Inputs for one instruction: a Case has all that it reads, and leaves nothing to chance about where it goes on.

A processor that executes a Case traps at the first instruction behind it, wherever that is: the *arena*, the memory of
the code, is full of instructions that are undefined. The words of a Case lie at MEMORY.
"""

import itertools

from proof.machine.forms import CONDITIONS, LR, PC, SP, decoded, instructions, listed

MEMORY = 0x20000900
MEMORY_WORDS = 96
DATA_WORDS = 32  # the first ones, for loads and stores
STACK_WORDS = range(56, 87)  # where the stack pointer is: the trap takes nine words below it, a push as many
FRAME = 44  # bytes that the trap destroys at most below the stack pointer
UNDEFINED = 0xDE00
MOST_HALVES = 4
EXCEPTIONS = range(16, 48)  # that both processors have
EDGES = (
    0, 1, 2, 31, 32, 33, 0xFF, 0x100, 0x101, 0x11F, 0x120, 0x121, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0x80000001,
    0xFFFFFF00, 0xFFFFFF20, 0xFFFFFFFE, 0xFFFFFFFF,
)  # fmt: skip
PAIRS = tuple(itertools.product(EDGES, EDGES))


class Case:
    """`halves`: the half words of the instruction, others before it included; `start`: the address of the first.

    `registers`: r0 to lr; `flags`: N, Z, C, V; `memory`: the words at MEMORY. `addresses`: the numbers of the registers
    that hold one, in which a symbol would be no use. `place`: which instruction of the firmware this is, if it is one.
    """

    def __init__(self, form, halves, texts, place):
        self.form = form
        self.halves = halves
        self.texts = texts
        self.place = place
        self.start = 0
        self.registers = []
        self.flags = ()
        self.is_masked = False
        self.exception = 0
        self.memory = []
        self.addresses = {SP}

    @property
    def end(self):
        return self.start + 2 * len(self.halves)

    def code(self):
        return b"".join(half.to_bytes(2, "little") for half in self.halves)

    def text(self):
        return "; ".join(self.texts)

    def inputs(self):
        """Return the inputs as text."""
        flags = "".join(name if flag else "-" for name, flag in zip("NZCV", self.flags))
        values = [f"r{number}={value:#x}" for number, value in enumerate(self.registers[:13])]
        values += [f"sp={self.registers[SP]:#x}", f"lr={self.registers[LR]:#x}", f"at={self.start:#x}", flags]
        values += [f"primask={self.is_masked:d}", f"exception={self.exception}"]
        return " ".join(values)


class Maker:
    """Makes Cases at random. `arena`: the addresses where their code may lie."""

    def __init__(self, random, arena):
        self._random = random
        self._arena = arena
        self._before = self._compare = ()  # what may come before a conditional branch

    def cases(self, functions, cases_per_form):
        """Return Cases of each form of the Functions: each instruction as it occurs, and `cases_per_form` others."""
        occurring = {}  # form -> {half words: place}
        for function in functions:
            for each in instructions(function):
                occurring.setdefault(each.form, {}).setdefault(each.halves, each.place)
        first = [(form, list(places)) for form, places in occurring.items() if _may_come_first(form)]
        self._before = [halves for _, several in first for halves in several]
        self._compare = [halves for form, several in first if _compares(form) for halves in several]
        cases = []
        for form, places in occurring.items():
            for halves, place in places.items():
                cases.append(self._case(form, form.fields(halves), place, self._pair()))
            pairs = self._random.sample(PAIRS, len(PAIRS))
            for number in range(cases_per_form):
                fields = self._fields(form)
                pair = pairs[number] if number < len(pairs) else self._pair()
                cases.append(self._case(form, fields, None, pair))
        return cases

    def _fields(self, form):
        """Return fields with which a branch does not go back into its own Case."""
        while True:
            fields = form.random_fields(self._random, len(self._arena) - 64)
            if form.kind != "branch" or not -2 * MOST_HALVES <= form.distance(fields) < 0:
                return fields

    def _word(self):
        kind = self._random.random()
        if kind < 0.3:
            return self._random.choice(EDGES)
        if kind < 0.4:
            return self._random.randrange(300)
        if kind < 0.5:
            return (1 << self._random.randrange(32)) + self._random.randint(-1, 0)
        return self._random.getrandbits(32)

    def _pair(self):
        """Return two words, now and then such that a comparison comes out equal, or nearly so."""
        one, two = self._word(), self._word()
        return (one, one ^ self._random.choice((0, 1, 0x80000000))) if self._random.random() < 0.2 else (one, two)

    def _case(self, form, fields, place, pair):
        random = self._random
        first = [] if place else self._first(form)
        halves = (*itertools.chain(*first), *form.halves(fields))
        texts = [each.text(others) for each, others in map(decoded, first)] + [form.text(fields)]
        case = Case(form, halves, texts, place)
        case.memory = [random.getrandbits(32) for _ in range(MEMORY_WORDS)]
        if first:  # the comparisons come out equal now and then
            few = [self._word() for _ in range(3)]
            case.registers = [random.choice(few) for _ in range(15)]
        else:
            case.registers = [self._word() for _ in range(15)]
        case.registers[SP] = MEMORY + 4 * random.choice(STACK_WORDS)
        case.flags = tuple(random.random() < 0.5 for _ in range(4))
        case.is_masked = random.random() < 0.5
        case.exception = random.choice(EXCEPTIONS) if random.random() < 0.3 else 0
        case.start = random.randrange(self._arena.start, self._arena.stop - 2 * MOST_HALVES, 2)
        self._set_operands(case, fields, pair)
        self._SET_UP[form.kind](self, case, fields)
        return case

    def _first(self, form):
        """Return the half words of up to two instructions that come before a conditional branch.

        The interpreter remembers what the last one has compared, and must forget it when another one sets the flags.
        """
        if form.kind != "branch" or form.name[1:] not in CONDITIONS:
            return []
        any_of_them, compare = self._before, self._compare or self._before
        several = self._random.choice(((), (any_of_them,), (compare,), (compare, any_of_them), (compare, any_of_them)))
        return [self._random.choice(halves) for halves in several if halves]

    def _set_operands(self, case, fields, pair):
        """Put a pair of words into the registers that are read, or a word that is near the immediate."""
        one, two = pair
        if "i" in fields and "m" not in fields and self._random.random() < 0.25:
            one = fields["i"] + self._random.randint(-1, 1) & 0xFFFFFFFF
        for number, word in ((fields.get("n", fields.get("d", SP)), one), (fields.get("m", SP), two)):
            if number not in (SP, PC):
                case.registers[number] = word

    # What the kinds of forms need.

    def _set_registers(self, case, fields):
        pass

    def _set_memory(self, case, fields):
        unit = case.form.unit
        target = MEMORY + unit * self._random.randrange(4 * DATA_WORDS // unit)
        case.registers[fields["b"]] = target - unit * fields["i"]
        case.addresses.add(fields["b"])

    def _set_multiple(self, case, fields):
        words = self._random.randrange(DATA_WORDS - len(listed(fields)) + 1)
        case.registers[fields["b"]] = MEMORY + 4 * words
        case.addresses.add(fields["b"])

    def _set_stack(self, case, fields):
        target = self._random.randrange(STACK_WORDS.start, MEMORY_WORDS)
        case.registers[SP] = MEMORY + 4 * (target - fields["i"])

    def _set_stack_pointer(self, case, fields):
        case.registers[SP] -= 4 * fields["i"]

    def _set_pop_pc(self, case, fields):
        word = (case.registers[SP] - MEMORY) // 4 + len(listed(fields))
        case.memory[word] = self._target(case) | self._thumb()

    def _set_exchange(self, case, fields):
        case.registers[fields["j"]] = self._target(case) | self._thumb()

    def _set_jump_to(self, case, fields):
        case.registers[fields["j"]] = self._target(case) | self._random.getrandbits(1)

    def _set_jump_by(self, case, fields):
        to = self._target(case) | self._random.getrandbits(1)
        case.registers[fields["j"]] = to - (case.start + 4) & 0xFFFFFFFF

    def _set_branch(self, case, fields):
        """Let the branch start where its target is in the arena, and not in the Case itself: it would not end."""
        distance = case.form.distance(fields)
        of_branch = 2 * len(case.halves) - case.form.size
        to = of_branch + 4 + distance  # from the start of the Case
        if 0 <= to < 2 * len(case.halves):
            raise SystemExit(f"proof: {case.place}: {case.text()} jumps to itself, which cannot be compared")
        lowest = self._arena.start + max(0, -to)
        highest = self._arena.stop - max(2 * MOST_HALVES, to + 2)
        case.start = self._random.randrange(lowest, highest, 2)

    def _thumb(self):
        """Return bit 0 of an address to go on at: now and then it is clear, which is a fault."""
        return int(self._random.random() < 0.9)

    def _target(self, case):
        while True:
            to = self._random.randrange(self._arena.start, self._arena.stop - 2, 2)
            if not case.start <= to < case.end:
                return to

    _SET_UP = {
        "registers": _set_registers,
        "memory": _set_memory,
        "multiple": _set_multiple,
        "stack": _set_stack,
        "stack pointer": _set_stack_pointer,
        "push": _set_registers,
        "pop": _set_registers,
        "pop pc": _set_pop_pc,
        "exchange": _set_exchange,
        "jump to": _set_jump_to,
        "jump by": _set_jump_by,
        "branch": _set_branch,
    }


def _may_come_first(form):
    return form.kind == "registers" and form.size == 2


def _compares(form):
    return form.name.startswith(("cmp", "sub", "rsb"))
