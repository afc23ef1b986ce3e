"""Proofs in stretches: what holds at a label is assumed there, and proven wherever the code comes to it.

The rooms of firmware/thumb have functions ``@holds("LABEL") def name(at)``: they say what holds at a *point*, a label,
in the words of `At`. Each is used twice: Assumed makes a state of which all of it is true, and knows nothing else;
Checked finds the Truths that a state must fulfil. A *ghost* is a number that a register stands for, such as the word
whose address it has: any number where it is assumed; where it is checked, the one that the register says.
"""

import ast
import time

from proof.contract.regions import BASE
from proof.contract.specification import CLASSES
from proof.logic.arrays import AnyArray, Content, KnownArray
from proof.logic.terms import FALSE, Bits, all_of, any_of, bits, joined, some, some_truth
from proof.machine.exploration import CODE, PRODUCT, RETURN, STACK, Exploration
from proof.machine.machine_code import ROOMS
from proof.machine.thumb import COST, SP, Fault, State

SAVED = (4, 5, 6, 7)
HIGH = (8, 9, 10, 11)  # what the caller wants back, too, and no call uses


def quarter(value):
    """Return a fourth of a number of bytes."""
    parts, number = value.parts()
    if number & 3 or any(factor & 3 for _, factor in parts.values()):
        return value >> 2
    total = bits((number - (number >> 31 << 32)) >> 2)
    for part, factor in parts.values():
        total = total + part * ((factor - (factor >> 31 << 32)) >> 2)
    return total


def _in_one(numbers):
    """Return one number of several, the first of which counts most: ints, or Bits of one width."""
    return joined([bits(number) for number in reversed(numbers)])


def position_behind(word):
    """Return the position behind the highest bit that is set, 0 if none is."""
    position = bits(0)
    for place in range(32):
        position = word.bit(place).choose(bits(place + 1), position)
    return position


class At:
    """What the functions of points say it with. `call` has the arguments, `region` the state's symbols."""

    def __init__(self, call, state):
        self.call, self.region, self.state = call, call.region, state
        self.n, self.align, self.version = call.n, call.align, call.version or call.region.version
        self.masked = call.masked  # whether interrupts are masked

    def exists(self, name, condition, *witnesses):
        """There is a number of which the condition, a function of it, is true. `witnesses`: what it may be."""
        raise NotImplementedError

    def at_most(self, number, *terms):
        """From here to the end of the call the code executes at most `number` instructions, and `factor` for each of
        the pairs (factor, Bits or int), if nobody interferes. Only the proofs of the worst cases ask for it."""
        raise NotImplementedError

    def word_at(self, number, ahead=0):
        """Return the word whose R the register is said to have, or which is `ahead` words before."""
        return quarter(self.value(number) - self.region.R(bits(0))) - ahead

    # Terms of `at_most`: the instructions more that a lock takes. What does not know the lock has any number.

    @property
    def lock(self):
        """To take it."""
        return self.call.costs_of_lock["lock"]

    @property
    def settle(self):
        """To take it after a search."""
        return self.call.costs_of_lock["settle"]

    @property
    def unlock(self):
        """To give it back."""
        return self.call.costs_of_lock["unlock"]

    def holds_state(self, number=0):
        """The register has the address of the state."""
        self.register(number, bits(BASE))

    def word(self, number, ahead=0):
        """The register has R of a word, or of the word that is `ahead` words further on. Return the word."""
        region = self.region
        word = self.ghost("word", lambda registers, stack: quarter(registers[number] - region.R(bits(0))) - ahead)
        self.register(number, region.R(word + ahead))
        return word

    def number(self, number, name="number"):
        """The register has a number. Return it."""
        value = self.ghost(name, lambda registers, stack: registers[number])
        self.register(number, value)
        return value

    def value(self, number):
        """Return what has been said that the register has."""
        return self.state.registers[number]

    def finds_positions(self):
        """r6 and r7 are for `position_by_table`."""
        self.register(6, bits(PRODUCT))
        self.register(7, bits(CODE + self.call.function.labels["FEW"] + 40))

    def address(self, label):
        return bits(CODE + self.call.function.labels[label])

    def in_region(self, word):
        self.that("the word is in the region", word < self.region.words)

    def possible(self):
        self.that("n frames are no more than the region has", self.n <= self.region.frames)

    def none_before(self, word):
        """No place starts in a word before this one."""
        self.that("no place starts in a word before", self.call.no_place_before(word))

    def is_lowest(self, word, place):
        """The frames from `place` of the word on are a place, and the lowest. `place` is below 32."""
        self.in_region(word)
        self.that("the position is in the word", place < 32)
        self.that("the frames fit", self.call.fits(word, place))
        self.that("no lower place in the word", self.call.none_lower_in_word(word, place))
        self.none_before(word)

    def searches(self, group, first):
        """The stack of the searches by groups, as `search_frame` makes it: the room's own word is `first`."""
        region, call = self.region, self.call
        plane = region.planes_of(group) + 4 * call.c
        self.stack(first, region.R(group << 5), plane, region.row_end(), bits(BASE), self.n, self.align, self.version)
        self.possible()

    def searched(self):
        """The stack of the searches by groups, of which only what SEARCH has put there is needed further on."""
        self.stack(None, None, None, None, bits(BASE), self.n, self.align, self.version)

    def group_before(self):
        """The group that the stack names, which may be the one before the first, has been searched. Return it."""
        region = self.region
        group = self.ghost("group", lambda registers, stack: (quarter(stack(1) - region.R(bits(0))) + 32) >> 5) - 1
        self.that("the next group is there, or the region ends", group + 1 <= (region.words + 31) >> 5)
        self.none_before((group + 1) << 5)
        return group

    def group(self):
        """Return the group that the stack names."""
        return self.ghost("group", lambda registers, stack: quarter(stack(1) - self.region.R(bits(0))) >> 5)

    def words_left(self):
        """r3: R of the next word; r5: the words of the group from there on that are of the class; there are some. No
        place starts before. Return the group."""
        word = self.word(3)
        self.in_region(word)
        self.none_before(word)
        left = self.plane(word) >> (word & 31)
        self.register(5, left)
        self.that("there are words of the class", left != 0)
        return word >> 5

    def candidate(self):
        """r3: R of the word behind the one to look at; r6: that word's frames in use; r5: the words of the group behind
        it that are of the class. No place starts before. Return the group."""
        word = self.word(3, 1)
        self.in_region(word)
        self.none_before(word)
        self.register(6, ~self.region.row0.read(word))
        self.register(5, self.plane(word) >> (word & 31) >> 1)
        return word >> 5

    def natural(self, group):
        """What NATURAL has in all of its loops."""
        self.that("no aligned run crosses the end of a word", (self.call.aligned >> (33 - self.n)) == 0)
        self.register(1, self.n - (1 << self.call.c))
        self.register(2, self.call.aligned)
        self.register(12, self.address("NATURAL_KEEP") + (20 - 4 * self.call.c))
        self.searches(group, None)

    def short(self, group):
        """What SHORT has in all of its loops."""
        self.units(0, 2, 14)
        self.register(1, self.n - (1 << self.call.c))
        self.register(12, self.address("SHORT_KEEP") + (12 - 4 * self.call.c))
        self.searches(group, 32 - self.n)

    def half(self, group):
        """What HALF has in all of its loops."""
        lowest = (bits(1) << self.n) - 1
        self.units(0, None, 14)
        self.register(1, 32 - self.n)
        self.register(2, self.call.aligned << self.n)
        self.searches(group, lowest & ~((bits(1) << (31 - self.n)) - 1))

    def long(self):
        """What LONG has in all of its loops."""
        over = self.n - 32
        self.units(0, None, 14)
        self.register(1, (over < 63).choose(over, bits(63)))
        self.searches(bits(-1), (((self.n + 30) >> 5) << 2) + 4)

    def long_from(self, word):
        """Return the instructions from LONG_FROM to the next word of class 6 at most, but for those of the groups
        between, each of which has 27: LONG goes on at the word, or in a group behind its own."""
        is_there = self.plane(word) >> (word & 31) != 0
        return is_there.choose(bits(32), bits(0))

    def ends(self, word):
        """Return the ends of a word."""
        units, used = ~((self.call.aligned >> 1) | 1 << 31), ~self.region.row0.read(word)
        return ((used & units) + units + (bits(1) & ~self.call.aligned) | used) & ~units

    def long_run(self, word):
        """r4: the ends of the word, whose last frame is none. The run that starts behind them reaches the end of the
        word. No place starts before it."""
        ends = self.ends(word)
        start = self.ghost("start", lambda registers, stack: position_behind(ends))
        self.register(4, ends)
        self.that("the last frame is not an end", ~ends.bit(31))
        self.that("the run starts behind the ends", (ends >> start == 0) & ((start == 0) | ends.bit(start - 1)))
        self.none_before(word)
        end = (word << 5) + start + self.n
        self.that("no place ends before the run is long enough", self.call.none_ends_before(end))

    def step(self, word):
        """What STEP has in all of its loops, where it looks at the n frames from the aligned position of the word on.
        Return the frames of the first word that must be free, and the last word."""
        region, n, place = self.region, self.n, self.step_position()
        length = place + n
        is_inside = length < 32
        frames = is_inside.choose((bits(1) << n) - 1, bits(-1)) << place
        self.that("the position is aligned", self.call.is_aligned((word << 5) + place))
        self.possible()
        self.register(1, frames)
        self.register(2, (length >> 5) << 2)
        self.register(5, is_inside.choose(bits(0), (bits(1) << (length & 31)) - 1))
        self.register(12, bits(BASE))
        self.register(14, region.row_end())
        self.stack(self.align >> 3, n, self.align, self.version)
        return frames, word + (length >> 5)

    def step_position(self):
        """Return the position of the aligned frames in their words, if the alignment is more than 32 frames."""
        return -self.region.phase & 31

    def step_over(self):
        """r3: R of a word; r7: R of one behind it, with a frame in use. A run of n from the first word on would contain
        it, and one that starts between the two also: no place starts before the second."""
        word, used = self.word(3), self.word(7)
        self.step(word)
        self.that("the word with a frame in use lies behind the first", word < used)
        self.that("it is not beyond the row", used <= self.region.words)
        self.none_before(used)

    def free_between(self, first, current):
        """The words between these two, if there are any, are all free."""
        self.that("the words between are free", self.call.is_free_between(first, current))
        self.that("the current word lies behind the first", (first < current) & (current <= self.region.words))
        is_next = current == first + 1
        self.that("the words between are in the region", is_next | ((current << 5) <= self.region.frames))

    def units(self, whole, aligned, first):
        """The registers have what `units` returns. `whole`: all but the last frames of the units; `first`: plus 1 if
        the first unit has begun in the word before."""
        pattern = self.call.aligned
        units = ~((pattern >> 1) | 1 << 31)
        self.register(whole, units)
        self.register(first, units + (bits(1) & ~pattern))
        if aligned is not None:
            self.register(aligned, pattern)

    def in_section(self, number=12):
        """The register has what LOCK returned, 0 if there is no lock."""
        self.register(number, self.call.held)
        self.holds_lock()

    def holds_lock(self):
        """With a lock, interrupts are masked, and the spin lock is taken if the lock word names one."""
        self.that("the caller may take the lock", self.call.may_take_lock)
        self.masked = self.call.masked_in_section
        if self.region.spin_lock:
            self.array("spin lock", KnownArray([self.region.spin_lock_taken]))

    def located(self):
        """The registers that `locate` returns, but for r5: where the first frame is."""
        self.holds_state()
        self.register(3, self.call.position)
        self.register(4, self.region.R(self.call.first))

    def changed(self, name, content):
        """The row, the starts or the planes have changed: `content` is a function of the index."""
        array = self.region.arrays()[name]
        self.array(name, AnyArray(content, array.length, same=array.same))

    def plane(self, word):
        """The plane of the class that is searched, of the word's group."""
        return self.region.planes0.read(self.region.plane_index(word, self.call.c))


class Assumed(At):
    """A state in which everything holds that is said at a label."""

    def __init__(self, call, label):
        state = State()
        state.registers = [some(f"r{number} at {label}") for number in range(15)]
        state.flags = [some_truth(f"flag {number} at {label}") for number in range(4)]
        state.stack, state.arrays = {}, call.region.arrays()
        state.pc, state.path, state.steps, state.calls = CODE + call.function.labels[label], (), 0, ()
        state.masked, state.compared, state.notes = call.masked, None, {"started": state.pc}
        for number, word in call.untouched.items():
            state.registers[number] = word
        super().__init__(call, state)
        self.conditions = []

    def ghost(self, name, witness):
        return some(name)

    def at_most(self, number, *terms):
        self.call.limit = instructions(number, terms)

    def word(self, number, ahead=0):
        self.call.word = super().word(number, ahead)
        return self.call.word

    def register(self, number, value):
        self.state.registers[number] = value

    def stack(self, *words, answer=None):
        """From the top of the stack on, in front of what the prologue has saved, are these words. None is any word.
        `answer`: what is in the place of the prologue's r1."""
        words = [*words, *(self.call.saved if answer is None else (answer, *self.call.saved[1:]))]
        for place, word in enumerate(words):
            address = STACK - 4 * (len(words) - place)
            self.state.stack[address] = some(f"stack {place}") if word is None else word
        self.state.registers[SP] = bits(STACK - 4 * len(words))

    def that(self, name, condition):
        self.conditions.append(condition)

    def exists(self, name, condition, *witnesses):
        number = some(name)
        self.call.known.setdefault(name, []).append(number)
        self.that(name, condition(number))

    def advances(self, *numbers, within=None):
        """The numbers, the first of which counts most, are greater each time that a loop comes here again, or to
        another point that says so of the same loop, `within`. What else is said here gives them a limit: so the loop
        ends."""
        self.call.passed[within or self.state.pc] = _in_one(numbers)

    def array(self, name, array):
        """The array is no longer as it was at the call."""
        self.state.arrays[name] = array

    def header(self, **words):
        """These words of the header are no longer as they were at the call, nor are the tops, which are not
        followed."""
        tops = [some(f"top {c} later") for c in range(CLASSES)]
        self.array("header", KnownArray(self.region.header(tops=tops, **words)))

    def known(self, name, facts):
        """The array is no longer as it was at the call: of each of its words no more is known than the Truths that
        `facts(index, word)` returns."""
        solver = self.call.solver
        same = self.region.arrays()[name].same
        content = Content(f"{name} later", solver, lambda index, word: solver.assume(all_of(facts(index, word))), same)
        self.changed(name, content.read)

    def finished(self):
        self.state.masked = self.masked
        self.call.given = dict(self.state.arrays)
        self.state.path = tuple(each for each in self.conditions if each.known is not True)
        return self.state


class Checked(At):
    """A state of which everything must be true that is said at a label: `conditions`, Truths by name."""

    def __init__(self, call, state):
        super().__init__(call, state)
        self.conditions = {}
        self.most = None  # instructions from here on
        self._arrays = call.region.arrays()

    def at_most(self, number, *terms):
        self.most = instructions(number, terms)

    def ghost(self, name, witness):
        return witness(
            self.state.registers, lambda place: self.state.stack[self.state.registers[SP].number + 4 * place]
        )

    def register(self, number, value):
        self.conditions[f"r{number}"] = self.state.registers[number] == value

    def stack(self, *words, answer=None):
        words = [*words, *(self.call.saved if answer is None else (answer, *self.call.saved[1:]))]
        self.conditions["depth of the stack"] = self.state.registers[SP] == STACK - 4 * len(words)
        for place, word in enumerate(words):
            if word is not None:
                here = self.state.stack.get(STACK - 4 * (len(words) - place))
                self.conditions[f"word {place} of the stack"] = FALSE if here is None else here == word

    def that(self, name, condition):
        self.conditions[name] = condition

    def exists(self, name, condition, *witnesses):
        self.that(name, any_of(condition(each) for each in (*witnesses, *self.call.known.get(name, ()))))

    def advances(self, *numbers, within=None):
        before = self.call.passed.get(within or self.state.pc)
        if before is not None:
            self.that("the loop goes on", before < _in_one(numbers))

    def array(self, name, array):
        self._arrays[name] = array

    def header(self, **words):
        self.array("header", KnownArray(self.region.header(tops=[None] * CLASSES, **words)))

    def known(self, name, facts):
        for what, index in self.call.any_indexes(name).items():
            for number, condition in enumerate(facts(index, self.state.arrays[name].read(index))):
                self.conditions[f"{what}, fact {number + 1}"] = condition
        del self._arrays[name]

    def finished(self):
        self.conditions["interrupts"] = self.state.masked.same_as(self.masked)
        for number, word in self.call.untouched.items():
            self.conditions.setdefault(f"r{number}", self.state.registers[number] == word)
        for name, array in self._arrays.items():
            self.conditions.update(self.call.equal_arrays(name, array, self.state.arrays[name]))
        return self.conditions


def instructions(number, terms):
    """Return `number` plus the factor times the number of each pair in `terms`, of which the lowest 12 bits count: a
    region of up to 32 groups has no more words, and the solver is much faster with few bits."""
    total = bits(number, COST)
    most = number
    for factor, each in terms:
        total = total + bits(each).piece(0, 12).widened(COST) * factor
        most += factor << 12
    if most >> (COST - 1):
        raise Fault(f"{most} instructions do not fit in {COST} bits")
    return total


class Result:
    """What became of a stretch: `failures` are (label, what fails, example); empty if it is proven. `begins`: its
    label; `reached`: those where it ends, "end" being the end of the call."""

    begins = None

    def __init__(self, failures, reached, steps, executed, seconds, questions):
        self.failures, self.reached, self.steps = failures, reached, steps
        self.executed, self.seconds, self.questions = executed, seconds, questions


class Call:
    """A call of `serve` on a region of any size: what it is given, what it must keep, and the points on its way.

    `points`: the labels of `rooms` where paths end and begin. `spare` is what the word says that the prologue has saved
    for r1, if it says anything. `given`: the arrays where the stretch begins, by name.
    """

    n = align = c = version = None
    masked = FALSE
    exception = bits(0)  # the number of the exception that the processor handles
    on_store = None  # function(exploration, state, name, index, array before)
    apart = ()
    exact = True
    counting = None  # what counts the instructions; then nothing else is proven. See worst.counting
    limit = None  # of the instructions since the stretch began, 64 bits

    def __init__(self, code, solver, region, points, contracts=None):
        self.function, self.flow = code
        self.solver, self.region = solver, region
        self.points = {label: point(label) for label in points}
        self.contracts = contracts or {}
        self.known = {}  # name -> numbers that are known to exist
        self.passed = {}  # loop, or address of the point where the stretch begins -> what `advances` there
        self.kept = {number: some(f"r{number} of the caller") for number in SAVED}
        self.untouched = {number: some(f"r{number} of the caller") for number in HIGH}
        self.spare = None
        self.any_index, self.any_group = some("any index"), some("any group")
        self.costs_of_lock = {name: some(f"instructions to {name}") for name in ("lock", "settle", "unlock")}
        self._unknown = some("instructions")
        if self.counting:
            self.counting.begin(self)
        solver.assume((self.any_index <= region.words) & (self.any_group < region.groups))

    def of_search(self):
        """What the instructions of a search, and of what comes after it, depend on: terms of `At.at_most`. Calls that
        know which search it is say more."""
        return [(1, self._unknown)]

    of_few = of_search

    @property
    def saved(self):
        return [self.spare, *(self.kept[number] for number in SAVED), bits(RETURN | 1)]

    def equal_arrays(self, name, wanted, array):
        """Return the Truths that an array is as it should be, at an index that may be any one."""
        if isinstance(wanted, KnownArray):
            pairs = zip(wanted.words, array.words)
            return {f"{name} {i}": a == b for i, (a, b) in enumerate(pairs) if a is not None}
        if wanted.content == array.content and not wanted.changes and not array.changes:
            return {}
        return {what: wanted.read(index) == array.read(index) for what, index in self.any_indexes(name).items()}

    def any_indexes(self, name):
        """Return {name: index} of words of the array, which may be any of its words."""
        if name == "planes":
            return {f"{name}, class {c + 1}": self.any_group * CLASSES + c for c in range(CLASSES)}
        return {name: self.any_index}

    def start(self, label, **registers):
        """Return a state at the label, as it is behind the prologue. `registers`: r0 and so on."""
        at = Assumed(self, label)
        for name, value in registers.items():
            at.register(int(name[1:]), value)
        spare, self.spare = self.spare, None
        at.stack()
        self.spare = spare
        return at.finished()

    def stretch(self, label, state=None):
        """Prove what the code does from a point on, or from a state there, to the next points and to the ends."""
        begun, asked = time.perf_counter(), self.solver.questions
        if state is None:
            at = Assumed(self, label)
            self.points[label](at)
            state = at.finished()
        else:
            state.notes["started"] = state.pc
        path = state.path
        if not self.solver.can_be(*path):
            return Result([(label, "nothing fulfils what is said there", {})], [], 0, set(), 0, 0)
        contracts, counting = self.contracts, self.counting
        if counting:
            contracts = {name: counting.counted(self, name, each) for name, each in contracts.items()}
        exploration = Exploration(
            self.function,
            self.flow,
            self.solver,
            self.region.segments(),
            contracts,
            tuple(self.points),
            self.apart,
            bool(counting) and self.exact,
        )
        exploration.exception_number, exploration.on_store = self.exception, self.on_store
        exploration.run([state])
        failures, ends = [], [*exploration.ended, *(end for _, end in exploration.cut)]
        for where, end in exploration.cut:
            at = Checked(self, end)
            self.points[where](at)
            conditions = counting.conditions(self, where, end, at) if counting else at.finished()
            failures += self._wrong(where, end, conditions)
        for end in exploration.ended:
            conditions = counting.at_the_end(self, end) if counting else self.at_the_end(end)
            failures += self._wrong("the end of the call", end, conditions)
        if not counting and not self.solver.holds(any_of(all_of(end.path) for end in ends), *path):
            failures.append((label, "some paths have been lost", {}))
        reached = sorted({where for where, _ in exploration.cut}) + ["end"] * bool(exploration.ended)
        if not self.solver.can_be(*path):
            failures.append((label, "what has been assumed on the way contradicts itself", {}))
        result = Result(
            failures,
            reached,
            max(end.steps for end in ends),
            exploration.executed,
            time.perf_counter() - begun,
            self.solver.questions - asked,
        )
        result.begins = label
        return result

    def _wrong(self, where, state, conditions):
        wrong = []
        for name, condition in conditions.items():
            if condition.known is not True and self.solver.can_be(*state.path, ~condition):
                wrong.append((where, name, self.example(state)))
        return wrong

    def example(self, state):
        """Return the numbers of the example that the solver has found, by name."""
        named = {"frames": self.region.frames, "n": self.n, "align": self.align, "r0": state.registers[0]}
        return {name: self.solver.value(value) for name, value in named.items() if isinstance(value, Bits)}


def point(label):
    """Return the function that says what holds at a label, from the rooms. Raise SystemExit if none does."""
    node = ROOMS.points.get(label)
    if node is None:
        raise SystemExit(f"proof: no function with @holds({label!r}) is in firmware/thumb: write one, or leave it out")
    bare = ast.FunctionDef(node.name, node.args, node.body, [], None, None)
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(bare, node)], []))
    names = {}
    exec(compile(module, f"firmware/thumb, {node.name}", "exec"), {"bits": bits}, names)
    return names[node.name]
