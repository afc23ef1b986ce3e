"""The contracts of classes.py are true: what the subroutines of firmware/thumb/classes.py do in a region of any size.

They are called in the middle of calls. So no more is assumed of the words of a region than the contract needs, and
invariant 6: for each plane that is read, the bit of its top is set if it has a word; for the observed bit of each top
there is a group, the *holder*, whose plane has a word if the bit is set. Afterwards all that the contract says is true
for the observed group, which is any group, and invariant 6 for it and for the observed bit, which is any bit.

The caller's part of the stack is empty here, and the address to return to is one number. Neither matters, because the
code reads or writes no word there, and uses sp and lr only to push, to pop and to return: `_other_uses` looks.
"""

from functools import partial

from proof.any_size.classes import MOST, contracts, need
from proof.any_size.points import Assumed, Call, Result, quarter
from proof.contract.any_region import AnyRegion
from proof.contract.regions import BASE, HEADER, TOPS
from proof.contract.specification import CLASSES
from proof.logic.solver import Solver
from proof.logic.terms import any_of, bits, some, some_truth
from proof.machine.exploration import CODE, RETURN
from proof.machine.flow import registers_of
from proof.machine.thumb import LR, SP, Fault

_KEPT = (8, 9, 10, 11, 12)
_RETURN = RETURN & ~1


class MiddleOfCall(AnyRegion):
    """A region in the middle of a call: its words are any. Invariant 6 is known, of the planes and the top of the class
    `c`."""

    def __init__(self, solver, c):
        super().__init__(solver, some("lock"))
        self.c = c
        self.free, self.fewest, self.failed, self.phase, self.version = (some(f"{name} now") for name in HEADER[1:6])
        self.tops = [some(f"top {c} now") for c in range(CLASSES)]
        self.groups, used = some("groups"), (self.words + 31) >> 5
        for each in known_of_groups(self.groups, used, self.span):
            solver.assume(each)

    def know_classes(self, word, classes=()):
        """Nothing is known of them."""

    def know_order(self, group):
        """Nor of these."""

    def _of_row(self, index, word):
        pass

    _of_starts = _of_row

    def _of_planes(self, index, plane):
        """Invariant 6 of a plane that is read."""
        found = self.group_and_class(index)
        if found is None:
            raise Fault("reads a plane whose class is not known")
        group, c = found
        if c == self.c:
            in_top = self.tops[c].bit(group >> self.span)
            self.solver.assume(((group < self.groups) & (plane != 0)).implies(in_top))

    def plane(self, planes, group, c):
        """The plane of a group in an array of planes."""
        return planes.read(group * CLASSES + c)


def known_of_groups(groups, used, span):
    """Return what these proofs know of the number of groups: the lemma "groups" says so. `used`: those with words."""
    fits = (groups <= 1 << 20) & (groups >> span <= 32)
    return [fits, used <= groups, groups >> span << span == groups]


class _Stretch(Call):
    """What the stretches of this file have in common: the observed group, and what a subroutine keeps."""

    apart = ("FIRST", "RAISE_SEVERAL", "NEW_TOP", "LAST", "LAST_TOP", "LOWER_NEXT", "LOWER_SEVERAL")

    def __init__(self, code, solver, region, points=(), contracts=None):
        super().__init__(code, solver, region, points, contracts)
        self.masked = some_truth("interrupts are masked")
        self.observed = some("observed group")
        solver.assume(self.observed < region.groups)

    saved = ()

    def has_word(self, planes, other, group, c):
        """The bit of the top that stands for the group stands for the other, too, which has words of the class."""
        region = self.region
        is_of_top = (other < region.groups) & (other >> region.span == group >> region.span)
        return is_of_top & (region.plane(planes, other, c) != 0)

    def proven(self, state):
        """Return the Result of the stretch that begins with the state."""
        label = self.function.label_before(state.pc - CODE)
        try:
            result = self.stretch(label, state)
        except Fault as fault:
            return Result([(label, f"fault: {fault}", {})], [], 0, set(), 0, 0)
        result.failures += [(label, use, {}) for use in self._other_uses(result.executed)]
        return result

    def _other_uses(self, executed):
        """Return what the instructions do with the stack pointer and the address to return to, but push, pop and
        return."""
        uses = []
        for address in sorted(executed):
            first, second = (self.function.code[address + i] | self.function.code[address + i + 1] << 8 for i in (0, 2))
            is_return = first == 0x4770
            read, written = registers_of(first, second)
            of_stack = first >> 12 == 9 or first >> 8 == 0xB0
            if of_stack or not is_return and {SP, LR} & (read | written):
                uses.append(f"uses sp or lr: {self.function.place(address)}")
        return uses


class TopOfGroup(_Stretch):
    """LAST_TOP, up to LOWER_NEXT, for the class `c`: what `Subroutine._top_of_group` says is true."""

    def __init__(self, code, c):
        solver = Solver()
        super().__init__(code, solver, MiddleOfCall(solver, c), ("OTHER_GROUP",))
        self.points["LOWER_NEXT"] = self._bit_is_right
        self.c, self.group = c, some("group")
        self.kept = {**{number: some(f"r{number} of the caller") for number in (5, *_KEPT)}, LR: bits(RETURN | 1)}
        solver.assume(self.group < self.region.groups)

    def at_room(self):
        """Return the state at LAST_TOP: a group's plane of the class has lost its last word."""
        at = Assumed(self, "LAST_TOP")
        self.registers(at)
        at.register(3, self.plane_in(self.group))
        at.stack()
        at.that("the plane has no word", self.region.plane(self.planes, self.group, self.c) == 0)
        at.at_most(MOST["LAST_TOP"])
        return at.finished()

    def at_point(self):
        """Return the state at OTHER_GROUP."""
        at = Assumed(self, "OTHER_GROUP")
        self.points["OTHER_GROUP"](at)
        return at.finished()

    @property
    def planes(self):
        return self.region.arrays()["planes"]

    def registers(self, at):
        """What the registers have throughout, but r3."""
        at.holds_state()
        at.register(4, self.group)
        at.register(6, self.region.planes_of(self.group))
        for number, value in self.kept.items():
            at.register(number, value)

    def plane_in(self, group):
        """The address of the plane of the class of a group."""
        return self.region.planes_of(group) + 4 * self.c

    def groups_of_top(self):
        """The first of the groups that the bit of the top stands for, and the group behind the last."""
        span = self.region.span
        first = self.group >> span << span
        return first, first + (bits(1) << span)

    def is_looked_at(self, other, following):
        """The other group is one of those before the following one, and has words of the class."""
        first, _ = self.groups_of_top()
        return (first <= other) & (other < following) & (self.region.plane(self.planes, other, self.c) != 0)

    def _bit_is_right(self, at):
        region, planes, group, c = self.region, self.planes, self.group, self.c
        at.at_most(0)
        self.registers(at)
        at.register(3, self.plane_in(group))
        at.stack()
        before, after = region.tops[c], at.state.arrays["header"].words[TOPS + c]
        at.array("header", region.arrays()["header"].written(bits(TOPS + c), after))
        bit = bits(1) << (group >> region.span)
        is_cleared = (after == before & ~bit) & ~self.has_word(planes, self.observed, group, c)

        def stays(other):
            return (after == before) & self.has_word(planes, other, group, c)

        _, behind = self.groups_of_top()
        at.exists("group with words", lambda other: is_cleared | stays(other), behind - 1)


class Subroutine(_Stretch):
    """A subroutine with a contract, from its label to its return. `given`: {number: what the register has}; the others
    have any word. `group` is the group whose planes may change."""

    def __init__(self, code, label, region, given, group):
        super().__init__(code, region.solver, region, (), {"LAST_TOP": self._top_of_group})
        self.label, self.group = label, group
        self.c, self.given = region.c, given
        self.top_bit, holder = some("observed bit"), some("holder")
        self.holders = [holder, group]  # perhaps of the bit of the top, in the end
        is_held = self._is_holder(region.arrays()["planes"], holder)
        self.solver.assume(region.tops[self.c].bit(self.top_bit).implies(is_held))

    def _is_holder(self, planes, group):
        region = self.region
        is_of_top = (group < region.groups) & (group >> region.span == self.top_bit)
        return is_of_top & (region.plane(planes, group, self.c) != 0)

    def prove(self, contract):
        """Return the Result for all states in which the contract may be applied: what it needs is assumed."""
        at = Assumed(self, self.label)
        for number, value in self.given.items():
            at.register(number, value)
        at.register(LR, bits(RETURN | 1))
        at.stack()
        at.at_most(MOST[self.label])
        state = at.finished()
        state.calls = (_RETURN,)
        needed = _Needed(self.region)
        (self.wanted,) = contract(needed, state.copy())
        self.before = state.copy()
        state.path = tuple(each for each in needed.conditions if each.known is not True)
        return self.proven(state)

    def at_the_end(self, end):
        before, wanted, region = self.before, self.wanted, self.region
        truths = {
            f"r{number}": end.registers[number] == wanted.registers[number]
            for number in range(15)
            if wanted.registers[number].is_same(before.registers[number])
        }
        truths["interrupts"] = end.masked.same_as(wanted.masked)
        header = end.arrays["header"].words
        for number, (one, two) in enumerate(zip(header, wanted.arrays["header"].words)):
            if not TOPS <= number < TOPS + CLASSES:
                truths[f"header {number}"] = one == two
        for name in ("row", "starts"):
            truths[name] = bits(0) == len(end.arrays[name].changes)
        # What is proven of the observed group holds of all: so all planes are as wanted, and read as such.
        planes, top = wanted.arrays["planes"], header[TOPS + self.c]
        plane = region.plane(planes, self.observed, self.c)
        is_held = any_of(self._is_holder(planes, each) for each in self.holders)
        return {
            **truths,
            "plane": region.plane(end.arrays["planes"], self.observed, self.c) == plane,
            "the top has the group": (plane == 0) | top.bit(self.observed >> region.span),
            "a group has the bit of the top": top.bit(self.top_bit).implies(is_held),
        }

    def _top_of_group(self, exploration, state):
        """The contract of LAST_TOP: r4: a group; r6: its planes; r3: one of them, which has lost its last word. The bit
        of the top stands for the groups whose numbers are the same but for the last `span` bits. It is cleared unless
        one of them has a word of the class. Destroys r1, r2, r7, and the flags."""
        region, registers, planes = self.region, state.registers, state.arrays["planes"]
        group, offset = registers[4], (registers[3] - registers[6]).number
        if offset is None or offset not in range(0, 4 * CLASSES, 4):
            raise Fault("r3 is not one plane of the group at LAST_TOP")
        c = offset // 4
        as_needed = [registers[0] == BASE, registers[6] == region.planes_of(group), group < region.groups]
        need(exploration, state, "LAST_TOP", [*as_needed, region.plane(planes, group, c) == 0])
        is_cleared = some_truth("the bit is cleared")
        if c == self.c:
            other = some("other group")
            self.holders.append(other)
            self.solver.assume(is_cleared.implies(~self.has_word(planes, self.observed, group, c)))
            self.solver.assume(is_cleared | self.has_word(planes, other, group, c))
        header = state.arrays["header"]
        top = header.words[TOPS + c]
        top = is_cleared.choose(top & ~(bits(1) << (group >> region.span)), top)
        state.arrays["header"] = header.written(bits(TOPS + c), top)
        for number in (1, 2, 7):
            registers[number] = some(f"r{number} behind LAST_TOP")
        state.flags = [some_truth(f"flag {number} behind LAST_TOP") for number in range(4)]
        state.compared = None
        state.pc = CODE + self.function.labels["LOWER_NEXT"]
        return [state]


class _Needed:
    """Stands for the Exploration when a contract is applied to a state: `conditions` are the Truths that it needs."""

    def __init__(self, region):
        self._region = region
        self.solver = self
        self.conditions = []

    def holds(self, conclusion, *premises):
        self.conditions.append(conclusion)
        return True

    def located(self, state, address):
        """A word of the row: nothing else is asked for."""
        word = quarter(address - self._region.R(bits(0)))
        self.conditions.append(address == self._region.R(word))
        self.conditions.append(word < self._region.words)
        return [(state, "row", word)]


def _of_one_word(code, label, c):
    """RAISE, LOWER or LOWER_WORD of any word."""
    solver = Solver()
    region, word = MiddleOfCall(solver, c), some("word")
    group, row = word >> 5, region.arrays()["row"]
    given = {0: bits(BASE), 1: region.R(word)}
    if label == "LOWER_WORD":
        bit, planes = bits(1) << (word & 31), region.planes_of(group)
        given = {0: bits(BASE), 2: row.read(word), 3: row.read(word + 1), 4: group, 5: bit, 6: planes}
    call = Subroutine(code, label, region, given, group)
    return call.prove(contracts(region, lambda: word)[label])


def _of_several(code, label, c):
    """RAISE_SEVERAL or LOWER_SEVERAL of any group."""
    solver = Solver()
    region, group = MiddleOfCall(solver, c), some("group")
    planes = region.planes_of(group)
    behind = 4 * CLASSES if label == "RAISE_SEVERAL" else 0
    given = {0: bits(BASE), 3: planes + behind, 4: group, 5: some("words of the group"), 6: planes}
    call = Subroutine(code, label, region, given, group)
    return call.prove(contracts(region)[label])


def _top(code, label, c):
    call = TopOfGroup(code, c)
    return call.proven(call.at_room() if label == "LAST_TOP" else call.at_point())


def stretches(code):
    """Yield (name, function that returns the Result) for each stretch. `code`: (Function, Flow)."""
    for c in range(CLASSES):
        for label in ("LAST_TOP", "OTHER_GROUP"):
            yield f"{label}, plane {c}", partial(_top, code, label, c)
    for label in ("RAISE", "LOWER", "LOWER_WORD"):
        for c in range(CLASSES):
            yield f"{label}, plane {c}", partial(_of_one_word, code, label, c)
    for label in ("RAISE_SEVERAL", "LOWER_SEVERAL"):
        for c in range(CLASSES):
            yield f"{label}, plane {c}", partial(_of_several, code, label, c)
