"""Words and truths, known or symbolic.

`Bits` has a width and is either a number or a term of the solver; `Truth` is either a bool or a term. Operators compute
with both and fold what is known, so the same code runs on numbers and on symbols. All arithmetic is modulo 2 ** width;
comparisons are those of numbers without sign. An int operand stands for the Bits of that width.
"""

import bitwuzla
from bitwuzla import Kind

MANAGER = bitwuzla.TermManager()
_sorts = {}
_BOOL = MANAGER.mk_bool_sort()
_TRUE, _FALSE = MANAGER.mk_true(), MANAGER.mk_false()


def _sort(width):
    if width not in _sorts:
        _sorts[width] = MANAGER.mk_bv_sort(width)
    return _sorts[width]


def _make(kind, operands, indices=()):
    return MANAGER.mk_term(kind, operands, indices) if indices else MANAGER.mk_term(kind, operands)


class Truth:
    """A condition: `known` is True, False, or None if only the solver knows; then `term` is its term."""

    __slots__ = ("known", "_term")

    def __init__(self, known, term=None):
        self.known = known
        self._term = term

    @property
    def term(self):
        if self._term is None:
            self._term = _TRUE if self.known else _FALSE
        return self._term

    def __and__(self, other):
        other = truth(other)
        if self.known is not None:
            return other if self.known else self
        if other.known is not None:
            return self if other.known else other
        if self._term == other._term:
            return self
        return Truth(None, _make(Kind.AND, [self._term, other._term]))

    __rand__ = __and__

    def __or__(self, other):
        other = truth(other)
        if self.known is not None:
            return self if self.known else other
        if other.known is not None:
            return other if other.known else self
        if self._term == other._term:
            return self
        return Truth(None, _make(Kind.OR, [self._term, other._term]))

    __ror__ = __or__

    def __invert__(self):
        if self.known is not None:
            return TRUE if not self.known else FALSE
        if self._term.kind() == Kind.NOT:
            return Truth(None, self._term.children()[0])
        return Truth(None, _make(Kind.NOT, [self._term]))

    def implies(self, other):
        return ~self | other

    def same_as(self, other):
        """Return the Truth that both are true or both are false."""
        other = truth(other)
        if self.known is not None:
            return other if self.known else ~other
        if other.known is not None:
            return self if other.known else ~self
        return TRUE if self._term == other._term else Truth(None, _make(Kind.EQUAL, [self._term, other._term]))

    def choose(self, then, otherwise):
        """Return `then` if this is true, else `otherwise`: two Bits of one width (one may be an int), or two Truths."""
        if self.known is not None:
            return then if self.known else otherwise
        if isinstance(then, (Truth, bool)):
            then, otherwise = truth(then), truth(otherwise)
            if then is otherwise or then.known is not None and then.known == otherwise.known:
                return then
            if then.known is not None or otherwise.known is not None:
                return (self & then) | (~self & otherwise)
            if then._term == otherwise._term:
                return then
            return Truth(None, _make(Kind.ITE, [self._term, then._term, otherwise._term]))
        width = then.width if isinstance(then, Bits) else otherwise.width
        then, otherwise = bits(then, width), bits(otherwise, width)
        if then.is_same(otherwise):
            return then
        return Bits(width, None, _make(Kind.ITE, [self._term, then.term, otherwise.term]))

    def as_bit(self):
        """Return Bits of width 1: 1 if this is true."""
        return self.choose(Bits(1, 1), Bits(1, 0))

    def __bool__(self):
        if self.known is None:
            raise TypeError("only the solver knows whether this is true: ask it, or use & | ~")
        return self.known


TRUE, FALSE = Truth(True), Truth(False)


def truth(value):
    """Return the Truth of a bool, or the Truth itself."""
    if isinstance(value, Truth):
        return value
    return TRUE if value else FALSE


def all_of(truths):
    """Return the Truth that all of them are true."""
    terms = []
    for each in truths:
        each = truth(each)
        if each.known is None:
            terms.append(each._term)
        elif not each.known:
            return FALSE
    if not terms:
        return TRUE
    return Truth(None, terms[0] if len(terms) == 1 else _make(Kind.AND, terms))


def any_of(truths):
    """Return the Truth that at least one of them is true."""
    terms = []
    for each in truths:
        each = truth(each)
        if each.known is None:
            terms.append(each._term)
        elif each.known:
            return TRUE
    if not terms:
        return FALSE
    return Truth(None, terms[0] if len(terms) == 1 else _make(Kind.OR, terms))


def some_truth(name):
    """Return a Truth that may be either."""
    return Truth(None, MANAGER.mk_const(_BOOL, name))


class Bits:
    """`width` bits: `number`, or None if only the solver knows; then `term` is their term.

    `sum` is ({id: (Bits, factor)}, number) if this is a sum: of numbers of other Bits, and a number. It makes equal
    sums one term, so that addresses are recognised. `made` is the operation and the operands of a product, or of a
    right shift by a number, by which the interpreter recognises tables.
    """

    __slots__ = ("width", "number", "_term", "sum", "made")
    __hash__ = None

    def __init__(self, width, number, term=None, sum=None, made=None):
        self.width = width
        self.number = number
        self._term = term
        self.sum = sum
        self.made = made

    @property
    def term(self):
        if self._term is None:
            self._term = MANAGER.mk_bv_value(_sort(self.width), self.number)
        return self._term

    def __repr__(self):
        return f"{self.number:#x}" if self.number is not None else f"<{self.width} bits>"

    def is_same(self, other):
        """Return whether both are the same number or the same term, at first sight."""
        if self.number is not None or other.number is not None:
            return self.number == other.number
        return self is other or self._term == other._term

    def _known(self, number):
        return Bits(self.width, number & ((1 << self.width) - 1))

    def _made(self, kind, *operands):
        return Bits(self.width, None, _make(kind, [each.term for each in operands]))

    def parts(self):
        """Return ({id: (Bits, factor)}, number) whose sum this is."""
        if self.number is not None:
            return {}, self.number
        return self.sum or ({self._term.id(): (self, 1)}, 0)

    def _summed(self, other, factor):
        """Return this plus `factor` times another."""
        mask = (1 << self.width) - 1
        mine, number = self.parts()
        theirs, their_number = other.parts()
        parts = dict(mine)
        for key, (atom, times) in theirs.items():
            times = (times * factor + (parts[key][1] if key in parts else 0)) & mask
            if times:
                parts[key] = atom, times
            else:
                parts.pop(key, None)
        return self._of_parts(parts, (number + their_number * factor) & mask)

    def _of_parts(self, parts, number):
        if not parts:
            return self._known(number)
        if number == 0 and len(parts) == 1:
            ((atom, times),) = parts.values()
            if times == 1:
                return atom
        terms = [_multiple(*parts[key], self.width) for key in sorted(parts)]
        if number:
            terms.append(bits(number, self.width).term)
        total = terms[0]
        for each in terms[1:]:
            total = _make(Kind.BV_ADD, [total, each])
        return Bits(self.width, None, total, (parts, number))

    def __add__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return self._known(self.number + other.number)
        return self._summed(other, 1)

    __radd__ = __add__

    def __neg__(self):
        return self._known(0)._summed(self, -1)

    def __sub__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return self._known(self.number - other.number)
        return self._summed(other, -1)

    def __rsub__(self, other):
        return bits(other, self.width) - self

    def __and__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return self._known(self.number & other.number)
        for one, two in ((self, other), (other, self)):
            if one.number == 0:
                return one
            if one.number == (1 << self.width) - 1:
                return two
            if one.made and one.made[0] == "join" and two.number == (1 << one.made[1][0].width) - 1:
                return one.made[1][0].widened(self.width)
        return self if self.is_same(other) else self._made(Kind.BV_AND, self, other)

    __rand__ = __and__

    def __or__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return self._known(self.number | other.number)
        for one, two in ((self, other), (other, self)):
            if one.number == 0:
                return two
            if one.number == (1 << self.width) - 1:
                return one
        return self if self.is_same(other) else self._made(Kind.BV_OR, self, other)

    __ror__ = __or__

    def __xor__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return self._known(self.number ^ other.number)
        for one, two in ((self, other), (other, self)):
            if one.number == 0:
                return two
        return self._known(0) if self.is_same(other) else self._made(Kind.BV_XOR, self, other)

    __rxor__ = __xor__

    def __invert__(self):
        return self._known(~self.number) if self.number is not None else self._made(Kind.BV_NOT, self)

    def __mul__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return self._known(self.number * other.number)
        if self.number is not None:
            self, other = other, self
        if other.number is None:
            return self._made(Kind.BV_MUL, self, other)
        product = self._known(0)._summed(self, other.number)
        product.made = ("mul", self, other)
        return product

    def __lshift__(self, count):
        """Bits beyond the width are lost, however large `count`, a number without sign, is."""
        count = bits(count, self.width)
        if count.number is not None:
            if count.number >= self.width:
                return self._known(0)
            if count.number == 0:
                return self
            if self.number is not None:
                return self._known(self.number << count.number)
            return self._known(0)._summed(self, 1 << count.number)
        if self.number == 0:
            return self
        return self._made(Kind.BV_SHL, self, count)

    def __rlshift__(self, other):
        return bits(other, self.width) << self

    def __rshift__(self, count):
        """Zeros come in from above."""
        count = bits(count, self.width)
        if count.number is not None:
            if count.number >= self.width:
                return self._known(0)
            if count.number == 0:
                return self
        if self.number is not None and (count.number is not None or self.number == 0):
            return self if self.number == 0 else self._known(self.number >> count.number)
        if count.number is not None and self.made and self.made[0] == "join":
            low, high = self.made[1][0], self.made[1][1:]
            if low.width == count.number:
                return joined(high).widened(self.width)
        shifted = self._made(Kind.BV_SHR, self, count)
        if count.number is not None:
            shifted.made = ("shr", self, count)
        return shifted

    def __rrshift__(self, other):
        return bits(other, self.width) >> self

    def shift_with_sign(self, count):
        """Shift right; copies of the highest bit come in."""
        count = bits(count, self.width)
        if self.number is not None and count.number is not None:
            return self._known(self.signed() >> min(count.number, self.width))
        return self if count.number == 0 else self._made(Kind.BV_ASHR, self, count)

    def signed(self):
        """Return the number with its sign."""
        return self.number - ((self.number >> (self.width - 1)) << self.width)

    def __eq__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return TRUE if self.number == other.number else FALSE
        if self.is_same(other):
            return TRUE
        difference = (self - other).number
        if difference is not None:
            return TRUE if difference == 0 else FALSE
        return Truth(None, _make(Kind.EQUAL, [self.term, other.term]))

    def __ne__(self, other):
        return ~(self == other)

    def __lt__(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return TRUE if self.number < other.number else FALSE
        if other.number == 0 or self.is_same(other):
            return FALSE
        return Truth(None, _make(Kind.BV_ULT, [self.term, other.term]))

    def __le__(self, other):
        return ~(bits(other, self.width) < self)

    def __gt__(self, other):
        return bits(other, self.width) < self

    def __ge__(self, other):
        return ~(self < other)

    def less_with_sign(self, other):
        other = bits(other, self.width)
        if self.number is not None and other.number is not None:
            return TRUE if self.signed() < other.signed() else FALSE
        if self.is_same(other):
            return FALSE
        return Truth(None, _make(Kind.BV_SLT, [self.term, other.term]))

    def piece(self, lowest, width):
        """Return the `width` bits from bit `lowest` on."""
        if self.number is not None:
            return Bits(width, self.number >> lowest & ((1 << width) - 1))
        if lowest == 0 and width == self.width:
            return self
        return Bits(width, None, _make(Kind.BV_EXTRACT, [self.term], [lowest + width - 1, lowest]))

    def bit(self, position):
        """Return whether the bit at `position`, an int or Bits, is set. No bit beyond the width is."""
        if isinstance(position, int):
            if self.number is not None:
                return TRUE if self.number >> position & 1 else FALSE
            return Truth(None, _make(Kind.EQUAL, [self.piece(position, 1).term, bits(1, 1).term]))
        return (self >> position).bit(0)

    def widened(self, width):
        """Return the same number in `width` bits: no fewer."""
        if width == self.width:
            return self
        if self.number is not None:
            return Bits(width, self.number)
        return Bits(width, None, _make(Kind.BV_ZERO_EXTEND, [self.term], [width - self.width]))


def _multiple(bits, factor, width):
    """Return the term of a number of times some Bits."""
    if factor == 1:
        return bits.term
    if factor == (1 << width) - 1:
        return _make(Kind.BV_NEG, [bits.term])
    if factor & (factor - 1) == 0:
        return _make(Kind.BV_SHL, [bits.term, Bits(width, factor.bit_length() - 1).term])
    return _make(Kind.BV_MUL, [bits.term, Bits(width, factor).term])


def bits(value, width=32):
    """Return the Bits of that width for an int; a Bits must have the width."""
    if isinstance(value, Bits):
        if value.width != width:
            raise TypeError(f"{value.width} bits where {width} are needed: widen them, or take a piece")
        return value
    return Bits(width, value & ((1 << width) - 1))


def some(name, width=32):
    """Return Bits that may be any number."""
    return Bits(width, None, MANAGER.mk_const(_sort(width), name))


def joined(pieces):
    """Return the Bits of all pieces in a row, the first lowest."""
    pieces = list(pieces)
    if len(pieces) == 1:
        return pieces[0]
    width = sum(piece.width for piece in pieces)
    if all(piece.number is not None for piece in pieces):
        number = 0
        for piece in reversed(pieces):
            number = number << piece.width | piece.number
        return Bits(width, number)
    return Bits(width, None, _make(Kind.BV_CONCAT, [each.term for each in reversed(pieces)]), made=("join", pieces))
