"""Integers of Python, known or symbolic: they have no largest one, so each has as many bits as its bounds need."""

from proof.logic.terms import Bits, bits, truth


class TooHard(Exception):
    """An operation that this file does not know for such numbers."""


def _width(low, high):
    return max(high, ~low if low < 0 else 0).bit_length() + 1


class Integer:
    """A number from `low` to `high`; `bits` has it with its sign, and is as wide as these two need."""

    __slots__ = ("low", "high", "bits")
    __hash__ = None

    def __init__(self, low, high, bits):
        self.low = low
        self.high = high
        self.bits = bits.piece(0, _width(low, high)) if bits.number is None else bits
        if bits.number is not None:
            self.low = self.high = bits.signed()
            self.bits = Bits(_width(self.low, self.low), self.low & ((1 << _width(self.low, self.low)) - 1))

    @property
    def number(self):
        """Return the int, or None if only the solver knows it."""
        return self.low if self.bits.number is not None else None

    def widened(self, width):
        """Return the same number, with its sign, in `width` bits: no fewer than it has."""
        if self.bits.number is not None:
            return bits(self.low, width)
        wide = self.bits.widened(width)
        if self.low >= 0 or width == self.bits.width:
            return wide
        sign = 1 << (self.bits.width - 1)
        return (wide ^ sign) - sign

    def lowest_bits(self, width):
        """Return the `width` lowest bits, as a cast to a word does."""
        return self.widened(max(width, self.bits.width)).piece(0, width)

    def _with(self, other, low, high, operation):
        """Return the Integer from `low` to `high` that an operation on two Bits of one sufficient width gives."""
        width = max(_width(low, high), self.bits.width, other.bits.width)
        return Integer(low, high, operation(self.widened(width), other.widened(width)))

    def __add__(self, other):
        return self._with(other, self.low + other.low, self.high + other.high, lambda a, b: a + b)

    def __sub__(self, other):
        return self._with(other, self.low - other.high, self.high - other.low, lambda a, b: a - b)

    def __and__(self, other):
        bounds = [each.high for each in (self, other) if each.low >= 0]
        if not bounds:
            raise TooHard("& of two numbers that may be negative")
        return self._with(other, 0, min(bounds), lambda a, b: a & b)

    def __or__(self, other):
        return self._with(other, 0, self._ones(other), lambda a, b: a | b)

    def __xor__(self, other):
        return self._with(other, 0, self._ones(other), lambda a, b: a ^ b)

    def _ones(self, other):
        if self.low < 0 or other.low < 0:
            raise TooHard("| or ^ of a number that may be negative")
        return (1 << max(self.high, other.high).bit_length()) - 1

    def __lshift__(self, count):
        if count.low < 0 or count.high > 64:
            raise TooHard(f"<< by a number from {count.low} to {count.high}")
        low, high = min(self.low << count.high, self.low), max(self.high << count.high, self.high)
        return self._with(count, low, high, lambda a, b: a << b)

    def __rshift__(self, count):
        if count.low < 0:
            raise TooHard(f">> by a number from {count.low} to {count.high}")
        low, high = min(self.low, self.low >> count.low), max(self.high, self.high >> count.low)
        if self.low >= 0:
            low = self.low >> count.high
        if count.low == count.high:
            low, high = self.low >> count.low, self.high >> count.low
        return self._with(count, low, high, lambda a, b: a.shift_with_sign(b))

    def __neg__(self):
        return known(0) - self

    def _compared(self, other, operation):
        width = max(self.bits.width, other.bits.width)
        return operation(self.widened(width), other.widened(width))

    def __eq__(self, other):
        return self._compared(other, lambda a, b: a == b)

    def __ne__(self, other):
        return ~(self == other)

    def __lt__(self, other):
        if self.high < other.low or self.low >= other.high:
            return truth(self.high < other.low)
        return self._compared(other, lambda a, b: a.less_with_sign(b))

    def __le__(self, other):
        return ~(other < self)

    def __gt__(self, other):
        return other < self

    def __ge__(self, other):
        return ~(self < other)


def known(number):
    """Return the Integer of an int."""
    width = _width(number, number)
    return Integer(number, number, bits(number, width))


def unsigned(word):
    """Return the Integer of Bits without sign."""
    return Integer(0, (1 << word.width) - 1, word.widened(word.width + 1))


def signed(word):
    """Return the Integer of Bits with sign."""
    half = 1 << (word.width - 1)
    return Integer(-half, half - 1, word)


def chosen(condition, then, otherwise):
    """Return `then` if the Truth is true, else `otherwise`: two Integers."""
    if condition.known is not None:
        return then if condition.known else otherwise
    width = max(then.bits.width, otherwise.bits.width)
    value = condition.choose(then.widened(width), otherwise.widened(width))
    return Integer(min(then.low, otherwise.low), max(then.high, otherwise.high), value)
