"""Run functions of lib/ from their source, on numbers or symbols, along all paths at once.

This evaluates the subset of Python that these functions use. It refuses everything else, with the file and the line.
A statement runs under a path, the Truths that bring control there. An ``if`` whose condition is not known runs both
branches and merges them. A loop is unrolled for as long as the solver says that another turn is possible, so one that
may go on for ever fails. Or it is proven by an `Invariant`.

Viper functions compute with words of 32 bits, as on a board. The type of an operation is that of its left operand, int
(with sign) or uint, and a shift takes the lowest byte of its count, as the Thumb instructions LSL, LSR and ASR do.
Source: MicroPython 1.25, py/emitnative.c (emit_native_binary_op, emit_native_load_subscr), py/nativeglue.c. All other
functions compute with integers that have no largest one.

An access outside the state is a `Fault`, whatever the specification says.
"""

import ast

from proof.logic.terms import FALSE, TRUE, all_of, any_of, bits, some
from proof.machine.exploration import PRODUCT, position_of
from proof.machine.thumb import Fault
from proof.source import integers
from proof.source.integers import Integer, TooHard
from proof.source.library import OPERATIONS, NotUnderstood

MOST_TURNS = 2000  # of a loop
MOST_POSSIBLE_TURNS = 130  # of those that may be made or not
_SMALLEST, _LARGEST = -(1 << 30), (1 << 30) - 1  # small integers of a board: viper has no larger constants


class Word:
    """A word of viper: 32 bits, an int or a uint."""

    __slots__ = ("bits", "is_unsigned")

    def __init__(self, value, is_unsigned=False):
        self.bits = bits(value)
        self.is_unsigned = is_unsigned

    def type(self):
        return "uint" if self.is_unsigned else "int"


class Pointer:
    """The array of words of that name: its address, viper's pointer to it, or the array itself."""

    def __init__(self, name):
        self.name = name

    def type(self):
        return "pointer"


class Table:
    """Bytes that never change."""

    def __init__(self, content):
        self.content = content

    def type(self):
        return "table"


def _of_words(operation, left, right):
    """Return the Bits of an operation of viper on two Words."""
    if operation in (ast.LShift, ast.RShift):
        count = right.bits & 0xFF
        if operation is ast.LShift:
            return left.bits << count
        return left.bits >> count if left.is_unsigned else left.bits.shift_with_sign(count)
    return OPERATIONS[operation](left.bits, right.bits)


_COMPARISONS = {
    ast.Eq: lambda less, same: same,
    ast.NotEq: lambda less, same: ~same,
    ast.Lt: lambda less, same: less,
    ast.LtE: lambda less, same: less | same,
    ast.Gt: lambda less, same: ~(less | same),
    ast.GtE: lambda less, same: ~less,
}


class State:
    """Control is here if all Truths of `path` hold; then the names have these values, and the arrays this content."""

    __slots__ = ("path", "names", "arrays")

    def __init__(self, path, names, arrays):
        self.path = path
        self.names = names
        self.arrays = arrays

    def under(self, condition):
        """Return a copy for where the condition is true as well."""
        path = self.path if condition.known else (*self.path, condition)
        return State(path, dict(self.names), dict(self.arrays))


class _Call:
    """A call of a Function that is under way: where it returns, and where the loops end that control is in."""

    def __init__(self, function):
        self.function = function
        self.returned = []  # (State, value)
        self.breaks = []  # a list of States for each loop
        self.facts = 0  # loops that ended with what their invariants say
        self.types = {}

    def has_left(self):
        """Return what changes when paths get conditions that are not those of a branch."""
        return len(self.returned), sum(map(len, self.breaks)), self.facts


class Evaluator:
    """Calls functions of a Library.

    `contracts`: {name: function(evaluator, state, arguments) -> value} of the functions that the library's functions
    call by this name, in the place of their source. The arguments are Integers and Pointers, as the value is; a
    contract may give ``state.arrays`` other content.
    `invariants`: {(name of a function, number of its loop, from 0): `Invariant`}: such a loop is not unrolled.
    `executed` has (name of the file, line) of each statement that was.
    `on_store(state, name, places)`, if there is one, is called behind each store, which was into one of the places,
    [(index, Truth that it is this one)], of the array of that name.
    """

    def __init__(self, library, solver, contracts=None, invariants=None):
        self.library = library
        self.solver = solver
        self.contracts = contracts or {}
        self.invariants = invariants or {}
        self.executed = set()
        self.on_store = None
        self._asked = {}

    def ends(self, module, name, arguments, arrays):
        """Call a function with Integers and Pointers. Return [(path, value, arrays)]: where and how it returns."""
        state = State((), {}, dict(arrays))
        call = self._run(self.library.function(module, name), arguments, state)
        return [(each.path, self._object(value), each.arrays) for each, value in call.returned]

    def call(self, module, name, arguments, arrays):
        """Call a function with Integers and Pointers. Return (value, arrays): what it returns and leaves."""
        state = State((), {}, dict(arrays))
        value = self.called(self.library.function(module, name), arguments, state)
        return value, state.arrays

    # Calls.

    def _run(self, function, arguments, state):
        """Return the _Call of a function, with all States in which it returns."""
        parameters = function.parameters()
        if len(parameters) != len(arguments):
            raise NotUnderstood(f"{function.name} takes {len(parameters)} arguments, not {len(arguments)}")
        call = _Call(function)
        inner = State(state.path, {}, dict(state.arrays))
        for (name, kind), value in zip(parameters, arguments):
            if function.is_viper and kind in ("int", "uint"):
                value = Word(value.lowest_bits(32), kind == "uint")
            self._assign(call, inner, name, value, function.node)
        end = self._block(call, function.node.body, inner)
        if end:
            call.returned.append((end, None))
        place = function.place
        if not call.returned:
            raise self._fault(f"{place}: {function.name} does not return", state.path)
        kind = "int" if function.is_viper and function.node.returns else None
        if kind and ast.unparse(function.node.returns) != kind:
            raise NotUnderstood(f"{place}: {function.name} returns neither int nor an object")
        for _, value in call.returned:
            if (value.type() if isinstance(value, Word) else None) != kind:
                raise NotUnderstood(f"{place}: {function.name} returns what its first line does not say")
        return call

    def called(self, function, arguments, state):
        """Return what a function returns; change the state as it does."""
        call = self._run(function, arguments, state)
        merged = self._merged([each for each, _ in call.returned], None if call.facts else state.path)
        known = len(state.path)
        state.arrays, state.path = merged.arrays, merged.path
        values = [value for _, value in call.returned]
        if all(value is None for value in values):
            return None
        if any(value is None for value in values):
            raise NotUnderstood(f"{function.name} returns a value at some places only")
        result = self._object(values[-1])
        for (each, _), value in zip(call.returned[-2::-1], values[-2::-1]):
            result = integers.chosen(all_of(each.path[known:]), self._object(value), result)
        return result

    def _fault(self, message, *conditions):
        """Return a Fault that happens if all conditions hold: Truths, or paths of them."""
        fault = Fault(message)
        fault.conditions = [each for one in conditions for each in (one if isinstance(one, tuple) else (one,))]
        return fault

    # Statements: each takes a State, which it may change, and returns the one behind it, or None if there is none.

    def _block(self, call, statements, state):
        for statement in statements:
            if state is None:
                return None
            self.executed.add((call.function.source.name, statement.lineno))
            action = self._STATEMENTS.get(type(statement))
            if action is None:
                self._refuse(call, statement, "is a statement that this evaluator does not know")
            try:
                state = action(self, call, statement, state)
            except TooHard as error:
                self._refuse(call, statement, str(error))
        return state

    def _refuse(self, call, node, why):
        raise NotUnderstood(f"{call.function.source.place(node)}: {ast.unparse(node)[:80]!r}: {why}")

    def _expression_statement(self, call, statement, state):
        if isinstance(statement.value, ast.Call):
            self._call(call, statement.value, state)
        elif not (isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)):
            self._refuse(call, statement, "has no effect")
        return state

    def _pass(self, call, statement, state):
        return state

    def _assignment(self, call, statement, state):
        values = statement.value
        for target in statement.targets:
            if isinstance(target, ast.Tuple) != isinstance(values, ast.Tuple):
                self._refuse(call, statement, "has tuples on one side only")
        if isinstance(values, ast.Tuple):
            found = [self._value(call, each, state) for each in values.elts]
            for target in statement.targets:
                for each, value in zip(target.elts, found, strict=True):
                    self._store(call, each, value, state)
        else:
            value = self._value(call, values, state)
            for target in statement.targets:
                self._store(call, target, value, state)
        return state

    def _augmented(self, call, statement, state):
        target = statement.target
        if isinstance(target, ast.Subscript):
            array, index = self._element(call, target, state)
            left = self._loaded(call, target, state, array, index)
            value = self._operated(call, statement, left, self._value(call, statement.value, state))
            self._stored(call, target, state, array, index, value)
        else:
            left = self._value(call, ast.Name(target.id, ast.Load(), lineno=target.lineno), state)
            value = self._operated(call, statement, left, self._value(call, statement.value, state))
            self._store(call, target, value, state)
        return state

    def _store(self, call, target, value, state):
        if isinstance(target, ast.Name):
            self._assign(call, state, target.id, value, target)
        elif isinstance(target, ast.Subscript):
            array, index = self._element(call, target, state)
            self._stored(call, target, state, array, index, value)
        else:
            self._refuse(call, target, "is a target that this evaluator does not know")

    def _assign(self, call, state, name, value, node=None):
        kind = None if isinstance(value, Integer) else value.type()
        # In viper, a local has the type of what is stored there first.
        if call.function.is_viper and call.types.setdefault(name, kind) != kind:
            self._refuse(call, node, f"{name} is {call.types[name]}, and this is {kind}")
        state.names[name] = value

    def _return(self, call, statement, state):
        value = None if statement.value is None else self._value(call, statement.value, state)
        call.returned.append((state, value))
        return None

    def _break(self, call, statement, state):
        call.breaks[-1].append(state)
        return None

    def _if(self, call, statement, state):
        condition = self._condition(call, statement.test, state)
        # Viper's branches have loops and accesses, which cost more than a question; the others have none.
        known = self._decided(state, condition) if call.function.is_viper else condition.known
        if known is not None:
            return self._block(call, statement.body if known else statement.orelse, state)
        before = call.has_left()
        first, second = state.under(condition), state.under(~condition)
        ends = [self._block(call, statement.body, first), self._block(call, statement.orelse, second)]
        ends = [end for end in ends if end]
        return self._merged(ends, state.path if call.has_left() == before else None)

    def _while(self, call, statement, state):
        if statement.orelse:
            self._refuse(call, statement, "has an else")
        number = call.function.loops[id(statement)]
        invariant = self.invariants.get((call.function.name, number))
        if invariant:
            return self._kept(call, statement, state, invariant)
        return self._loop(call, statement, state, lambda state, _: self._condition(call, statement.test, state))

    def _for(self, call, statement, state):
        arguments = statement.iter.args if isinstance(statement.iter, ast.Call) else ()
        is_range = len(arguments) in (1, 2) and ast.unparse(statement.iter.func) == "range"
        if not is_range or statement.orelse or call.function.is_viper:
            self._refuse(call, statement.iter, "is not range(end) or range(start, end)")
        bounds = [self._value(call, each, state) for each in arguments]
        start, end = bounds if len(bounds) == 2 else (integers.known(0), bounds[0])
        if start.number is None:
            self._refuse(call, statement.iter, "starts at a number that only the solver knows")

        def number(turn):
            return integers.known(start.number + turn)

        def begin(state, turn):
            self._store(call, statement.target, number(turn), state)

        return self._loop(call, statement, state, lambda _, turn: number(turn) < end, begin)

    def _loop(self, call, statement, state, condition, begin=None):
        """Unroll a loop; `condition(state, turn)` is whether that turn, from 0, is made, and `begin` begins it."""
        path, left = state.path, call.has_left()
        call.breaks.append([])
        ends = []
        for turn in range(MOST_TURNS):
            goes_on = condition(state, turn)
            known = self._decided(state, goes_on)
            if known is False:
                ends.append(state)
                break
            if known is None:
                ends.append(state.under(~goes_on))
                state = state.under(goes_on)
            if len(ends) > MOST_POSSIBLE_TURNS:
                raise self._endless(call, statement, state, turn)
            if begin:
                begin(state, turn)
            before = call.has_left()
            state = self._block(call, statement.body, state)
            if state is None or (call.has_left() != before and not self._can_be(*state.path)):
                break
        else:
            raise self._endless(call, statement, state, MOST_TURNS)
        ends += call.breaks.pop()
        return self._merged(ends, path if call.has_left() == left else None)

    def _endless(self, call, statement, state, turns):
        place = call.function.source.place(statement)
        return self._fault(f"{place}: a loop makes {turns} turns, and may go on", state.path)

    def _kept(self, call, statement, state, invariant):
        """Prove a loop by an Invariant: it holds at first, and each turn keeps it, and makes its measure smaller.

        The end, and each return in the loop, has the invariant on its path. So the paths are no longer all that can be:
        those on which the loop goes on end here.
        """
        place = call.function.source.place(statement)
        if self._decided(state, self._condition(call, statement.test, state)) is False:
            return state
        entry = state.names
        self._expect(state, invariant.holds(entry, entry), f"{place}: does not hold before the loop:")
        names = [each for each in ast.walk(statement) if isinstance(each, ast.Name)]
        stored = {each.id for each in names if isinstance(each.ctx, ast.Store)}
        turn = State(state.path, dict(entry), dict(state.arrays))
        for name in stored & set(entry):
            turn.names[name] = Word(some(f"{name} in a turn"), entry[name].is_unsigned)
        for condition in invariant.holds(entry, turn.names).values():
            turn = turn.under(condition)
        goes_on = self._condition(call, statement.test, turn)
        end, start = turn.under(~goes_on), turn.under(goes_on)
        measure = invariant.measure(start.names)
        call.breaks.append([])
        call.facts += 1
        after = self._block(call, statement.body, start)
        ends = [end, *call.breaks.pop()]
        states = [*ends, *([after] if after else [])]
        if any(array is not state.arrays[name] for each in states for name, array in each.arrays.items()):
            self._refuse(call, statement, "changes memory in a loop that an invariant describes")
        if after:
            self._expect(after, invariant.holds(entry, after.names), f"{place}: a turn does not keep it:")
            smaller = {"measure": invariant.measure(after.names) < measure}
            self._expect(after, smaller, f"{place}: the loop may go on for ever:")
        return self._merged(ends, None)

    def _expect(self, state, conclusions, otherwise):
        for name, conclusion in conclusions.items():
            if self._can_be(*state.path, ~conclusion):
                raise self._fault(f"{otherwise} {name}", state.path, ~conclusion)

    _STATEMENTS = {
        ast.Expr: _expression_statement,
        ast.Pass: _pass,
        ast.Assign: _assignment,
        ast.AugAssign: _augmented,
        ast.Return: _return,
        ast.Break: _break,
        ast.If: _if,
        ast.While: _while,
        ast.For: _for,
    }

    # What the solver is asked.

    def _can_be(self, *conditions):
        """Return whether all conditions can be true. What is known to be true is not asked: it is possible."""
        if any(each.known is False for each in conditions):
            return False
        asked = [each for each in conditions if each.known is None]
        key = frozenset(each.term.id() for each in asked)
        if asked and key not in self._asked:
            # the conditions are kept, so that no other term gets their numbers
            self._asked[key] = self.solver.can_be(*asked), asked
        return self._asked[key][0] if asked else True

    def _decided(self, state, condition):
        """Return whether the condition is true here, or None if it may be either."""
        if condition.known is not None:
            return condition.known
        if not self._can_be(*state.path, condition):
            return False
        return None if self._can_be(*state.path, ~condition) else True

    def _example(self, value, conditions):
        """Return a number that the Bits can be where the conditions hold, or None if there is none."""
        key = value.term.id(), frozenset(each.term.id() for each in conditions)
        if key not in self._asked:
            number = self.solver.value(value) if self.solver.can_be(*conditions) else None
            self._asked[key] = number, (value, conditions)
        return self._asked[key][0]

    def _merged(self, states, path):
        """Return one State for states of which one is true at most, or None for none. `path`: that of all together, if
        it is known."""
        if not states:
            return None
        common = 0
        shortest = min(len(each.path) for each in states)
        while common < shortest and all(each.path[common] is states[0].path[common] for each in states):
            common += 1
        guards = [all_of(each.path[common:]) for each in states]
        last = states[-1]
        names, arrays = dict(last.names), dict(last.arrays)
        for guard, other in zip(guards[-2::-1], states[-2::-1]):
            names = {
                name: self._chosen(guard, other.names[name], value)
                for name, value in names.items()
                if name in other.names
            }
            arrays = {
                name: array if array is other.arrays[name] else array.merged([guard], [other.arrays[name]])
                for name, array in arrays.items()
            }
        if path is None:
            either = any_of(guards)
            path = (*last.path[:common], *(() if either.known else (either,)))
        return State(path, names, arrays)

    def _chosen(self, condition, then, otherwise):
        if then is otherwise:
            return then
        if isinstance(then, Integer) and isinstance(otherwise, Integer):
            return integers.chosen(condition, then, otherwise)
        if isinstance(then, Word) and isinstance(otherwise, Word) and then.type() == otherwise.type():
            return Word(condition.choose(then.bits, otherwise.bits), then.is_unsigned)
        if isinstance(then, Pointer) and isinstance(otherwise, Pointer) and then.name == otherwise.name:
            return then
        raise NotUnderstood("a name has values of two types: viper has one type for each")

    # Expressions: each returns a Word, Integer, Pointer or Table.

    def _value(self, call, node, state):
        is_viper = call.function.is_viper
        constant = call.function.source.constant(node, call.function.locals)
        if type(constant) is int:
            if not is_viper:
                return integers.known(constant)
            if not _SMALLEST <= constant <= _LARGEST:
                self._refuse(call, node, "is too large for a small integer: viper takes it as an object")
            return Word(constant)
        action = self._EXPRESSIONS.get(type(node))
        if action is None:
            self._refuse(call, node, "is an expression that this evaluator does not know")
        return action(self, call, node, state)

    def _name(self, call, node, state):
        if node.id not in state.names:
            self._refuse(call, node, "has no value here, at least not on every path")
        return state.names[node.id]

    def _unary(self, call, node, state):
        if not isinstance(node.op, ast.USub):
            self._refuse(call, node, "is an operation that this evaluator does not know")
        value = self._value(call, node.operand, state)
        return Word(-value.bits, value.is_unsigned) if isinstance(value, Word) else -value

    def _binary(self, call, node, state):
        return self._operated(call, node, self._value(call, node.left, state), self._value(call, node.right, state))

    def _operated(self, call, node, left, right):
        kind = type(node.op)
        if kind not in OPERATIONS:
            self._refuse(call, node, "is an operation that this evaluator does not know")
        if isinstance(left, Word) and isinstance(right, Word):
            return Word(_of_words(kind, left, right), left.is_unsigned)
        if call.function.is_viper or not (isinstance(left, Integer) and isinstance(right, Integer)):
            self._refuse(call, node, "is not an operation on two numbers of one kind: viper would compute with objects")
        if kind is ast.Mult:
            self._refuse(call, node, "is an operation that this evaluator does not know")
        return OPERATIONS[kind](left, right)

    def _call(self, call, node, state):
        if node.keywords:
            self._refuse(call, node, "has arguments by name")
        name = ast.unparse(node.func)
        if name in ("int", "uint", "ptr32", "ptr8", "addressof", "len"):
            return self._built_in(call, node, name, state)
        module, _, plain_name = name.rpartition(".")
        source = call.function.source
        if module:
            source = self.library.source(source.modules.get(module))
        if plain_name in call.function.locals:
            self._refuse(call, node, "calls a local name")
        arguments = [self._object(self._value(call, each, state)) for each in node.args]
        if plain_name in self.contracts:
            return self.contracts[plain_name](self, state, arguments)
        if source is None or plain_name not in source.functions:
            self._refuse(call, node, "calls a function that has neither source nor contract")
        return self.called(source.functions[plain_name], arguments, state)

    def _if_else(self, call, node, state):
        condition = self._condition(call, node.test, state)
        known = self._decided(state, condition)
        if known is not None:
            return self._value(call, node.body if known else node.orelse, state)
        states = state.under(condition), state.under(~condition)
        values = [self._value(call, each, one) for each, one in zip((node.body, node.orelse), states)]
        state.arrays = self._merged(states, state.path).arrays
        return self._chosen(condition, *values)

    def _object(self, value):
        """Return what a call passes: viper makes integers of its words."""
        if isinstance(value, Word):
            return integers.unsigned(value.bits) if value.is_unsigned else integers.signed(value.bits)
        return value

    def _built_in(self, call, node, name, state):
        (argument,) = node.args
        is_viper = call.function.is_viper
        if name == "ptr8":
            if type(call.function.source.constant(argument)) is bytes:
                return Table(call.function.source.constant(argument))
            self._refuse(call, node, "is not a table")
        value = self._value(call, argument, state)
        if name in ("int", "uint") and is_viper and isinstance(value, Word):
            return Word(value.bits, name == "uint")
        if name in ("int", "uint") and is_viper and isinstance(value, Integer):
            return Word(value.lowest_bits(32), name == "uint")
        if name == ("ptr32" if is_viper else "addressof") and isinstance(value, Pointer):
            return value
        if name == "len" and not is_viper and isinstance(value, Pointer):
            return integers.known(len(state.arrays[value.name].words))
        self._refuse(call, node, "is a cast that this evaluator does not know")

    # Memory.

    def _element(self, call, node, state):
        """Return (Pointer or Table, index) of a subscript."""
        array = self._value(call, node.value, state)
        if isinstance(array, Table):
            return array, None
        if not isinstance(array, Pointer):
            self._refuse(call, node, "is not an element of a state")
        index = self._value(call, node.slice, state)
        return array, self._places(call, node, state, array, index)

    def _places(self, call, node, state, array, index):
        """Return [(int, Truth)] of the elements that an index may mean. Fault if it may be outside the array."""
        value, length = index.bits, len(state.arrays[array.name].words)
        places, excluded = [], []
        while True:
            number = value.number
            if number is None:
                number = self._example(value, [*state.path, *excluded])
                if number is None:
                    return places
            if isinstance(index, Integer):
                number = bits(number, value.width).signed()
            if not 0 <= number < length:
                message = f"accesses word {number:#x} of {array.name}, which has {length}"
                raise self._fault(f"{call.function.source.place(node)}: {message}", state.path, value == number)
            if value.number is not None:
                return [(number, TRUE)]
            places.append((number, value == number))
            excluded.append(value != number)

    def _subscript(self, call, node, state):
        array, index = self._element(call, node, state)
        return self._loaded(call, node, state, array, index)

    def _loaded(self, call, node, state, array, places):
        if isinstance(array, Table):
            return Word(self._entry(call, node, state, array))
        words = state.arrays[array.name].words
        value = words[places[-1][0]]
        for number, is_here in places[-2::-1]:
            value = is_here.choose(words[number], value)
        return Word(value) if call.function.is_viper else integers.unsigned(value)

    def _stored(self, call, node, state, array, places, value):
        if isinstance(array, Table):
            self._refuse(call, node, "stores into a table")
        if isinstance(value, Integer):
            if call.function.is_viper:
                self._refuse(call, node, "stores an object")
            self._is_word(call, node, state, value)
            value = value.lowest_bits(32)
        else:
            value = value.bits
        content = state.arrays[array.name]
        for number, is_here in places:
            content = content.written(bits(number), is_here.choose(value, content.words[number]))
        state.arrays[array.name] = content
        if self.on_store:
            self.on_store(state, array.name, places)

    def _is_word(self, call, node, state, value):
        """Fault if a number to be stored may be negative or longer than a word, which MicroPython would cut."""
        is_outside = (value < integers.known(0)) | (value > integers.known(0xFFFFFFFF))
        if self._can_be(*state.path, is_outside):
            raise self._fault(f"{call.function.source.place(node)}: stores what is not a word", state.path, is_outside)

    def _entry(self, call, node, state, table):
        """Return the byte of a table: if it has positions, that of a single bit, which is easier to prove."""
        bit = self._single_bit(call, node.slice, state)
        content = table.content
        is_positions = len(content) == 32 and all(
            content[(PRODUCT << place & 0xFFFFFFFF) >> 27] == place for place in range(32)
        )
        if bit is not None and is_positions and content[0] == 0:
            is_single = (bit & (bit - 1)) == 0
            if not self._can_be(~is_single) or not self._can_be(*state.path, ~is_single):
                return position_of(bit)
        index = self._value(call, node.slice, state).bits
        is_outside = index >= len(content)
        if self._can_be(*state.path, is_outside):
            message = f"reads behind a table of {len(content)} bytes"
            raise self._fault(f"{call.function.source.place(node)}: {message}", state.path, is_outside)
        if index.number is not None:
            return bits(content[index.number])
        value = bits(content[-1])
        for number in range(len(content) - 2, -1, -1):
            value = (index == number).choose(bits(content[number]), value)
        return value

    def _single_bit(self, call, node, state):
        """Return the Bits of x if the expression is ``(x * PRODUCT >> 27) & 31``, else None."""
        for operation, number in ((ast.BitAnd, 31), (ast.RShift, 27), (ast.Mult, PRODUCT)):
            if not isinstance(node, ast.BinOp) or type(node.op) is not operation:
                return None
            if call.function.source.constant(node.right, call.function.locals) != number:
                return None
            node = node.left
        value = self._value(call, node, state)
        return value.bits if isinstance(value, Word) else None

    # Conditions.

    def _condition(self, call, node, state):
        """Return the Truth of an expression."""
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return TRUE if node.value else FALSE
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self._condition(call, node.operand, state)
        if isinstance(node, ast.BoolOp):
            return self._connected(call, node, state)
        if isinstance(node, ast.Compare):
            return self._compared(call, node, state)
        value = self._value(call, node, state)
        if isinstance(value, (Word, Integer)):
            return value.bits != 0
        self._refuse(call, node, "is not a number")

    def _connected(self, call, node, state):
        """``a and b``, ``a or b``: b is evaluated only where a does not decide."""
        is_and = isinstance(node.op, ast.And)
        result = self._condition(call, node.values[0], state)
        for each in node.values[1:]:
            if result.known is not None and result.known != is_and:
                return result
            inner = state.under(result if is_and else ~result)
            other = self._condition(call, each, inner)
            if any(array is not state.arrays[name] for name, array in inner.arrays.items()):
                self._refuse(call, each, "changes memory in a part of a condition")
            result = result & other if is_and else result | other
        return result

    def _compared(self, call, node, state):
        values = [self._value(call, each, state) for each in (node.left, *node.comparators)]
        if len(values) != 2:
            self._refuse(call, node, "compares more than two")
        left, right = values
        kind = type(node.ops[0])
        if kind not in _COMPARISONS or type(left) is not type(right) or not isinstance(left, (Word, Integer)):
            self._refuse(call, node, "is a comparison that this evaluator does not know")
        if isinstance(left, Integer):
            return _COMPARISONS[kind](left < right, left == right)
        if left.is_unsigned != right.is_unsigned:
            self._refuse(call, node, "compares an int with a uint, which viper refuses")
        less = left.bits < right.bits if left.is_unsigned else left.bits.less_with_sign(right.bits)
        return _COMPARISONS[kind](less, left.bits == right.bits)

    _EXPRESSIONS = {
        ast.Name: _name,
        ast.UnaryOp: _unary,
        ast.BinOp: _binary,
        ast.IfExp: _if_else,
        ast.Call: _call,
        ast.Subscript: _subscript,
    }


class Invariant:
    """What is true before each turn of a loop: `holds(entry, now)` returns it as {name: Truth}.

    Both arguments are {name: value} of the function's names, when the loop is reached and now. `measure(now)` returns
    Bits that each turn makes smaller. The loop changes no memory.
    """

    def __init__(self, holds, measure):
        self.holds = holds
        self.measure = measure
