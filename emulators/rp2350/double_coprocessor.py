"""The double-precision coprocessor, number 4 (RP2350 datasheet 3.6.2), by what its sequences of instructions compute.

A sequence writes the operands X and Y, works on mantissas and reads a result, and the instruction that reads says of
which operation (hardware_dcp's dcp_canned.inc.S in the SDK has the sequences). So the emulator keeps X and Y, and the
host's doubles compute the result, rounded to nearest even. The mantissas in between read as 0, and what is written to
them is ignored: a program that uses them in another way than the SDK's sequences gets wrong results.

Denormals are zeros of their sign, as operands and as results: the SDK's double_fma_dcp.S works around that. A NaN that
is a result is always the same one. Not emulated: the classification of operands (RXVD), which is a fault.
"""

import math
import struct
import sys

from fault import USAGE, Fault

SMALLEST_DOUBLE, SMALLEST_SINGLE = sys.float_info.min, 2.0**-126
NAN, SINGLE_NAN = (0, 0x7FF80000), 0x7FC00000

# MCRR: (opcode, register) -> how the two words become operands
WRITE_SAVED_X, WRITE_SAVED_Y, WRITE_SAVED_FLAGS = (0, 0), (0, 1), (0, 2)
WRITE_X, WRITE_Y, WRITE_X_TO_CONVERT = (1, 0), (1, 1), (8, 0)
WRITE_SINGLES, WRITE_SINGLE_TO_CONVERT = (1, 2), (9, 2)
WRITE_UNSIGNED, WRITE_SIGNED = (6, 0), (7, 0)

# MRRC: registers
RESULT, SAVED_X, SAVED_Y, SAVED_FLAGS = 0, 8, 9, 10

# MRC: registers, and opcodes of the first and the last one
COMPARISON, SINGLE_RESULT, INTEGER_RESULT = 0, 2, 3
COMPARE, TO_SIGNED = 1, 0

# CDP: the opcodes of the two roundings before a conversion to an integer
NORMALISE, TRUNCATE, ROUND = 8, 2, 3

NEGATIVE, ZERO_CARRY, CARRY, OVERFLOW = 8, 6, 2, 1  # flags: less, equal, greater, unordered
ENGAGED = 8


def add(x, y):
    """Return x + y."""
    return x + y


def subtract(x, y):
    """Return x - y."""
    return x - y


def multiply(x, y):
    """Return x * y."""
    return x * y


def divide(x, y):
    """Return x / y, also by zero."""
    if y:
        return x / y
    if not x or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1, y)


def root(x, y):
    """Return the square root of x."""
    return math.sqrt(x) if x >= 0 else math.nan


def same(x, y):
    """Return x."""
    return x


OPERATIONS = (add, subtract, multiply, divide, root, same)
"""By the opcode of the instruction that reads the result."""


class DoubleCoprocessor:
    """That of one core. `write`, `read2`, `read` and `compute` are MCRR, MRRC, MRC and CDP."""

    def __init__(self):
        self._x = self._y = 0.0
        self._truncates = False
        self._is_engaged = False  # in a sequence, which an interrupt handler has to save

    def write(self, opcode, register, low, high):
        """Write two words: operands, or what was saved."""
        self._is_engaged = True
        what = opcode, register
        if what in (WRITE_SAVED_X, WRITE_X, WRITE_X_TO_CONVERT):
            self._x = double(low, high)
        elif what in (WRITE_SAVED_Y, WRITE_Y):
            self._y = double(low, high)
        elif what == WRITE_SINGLES:
            self._x, self._y = single(low), single(high)
        elif what == WRITE_SINGLE_TO_CONVERT:
            self._x = single(low)
        elif what in (WRITE_UNSIGNED, WRITE_SIGNED):
            self._x = float(low - (1 << 32) if what == WRITE_SIGNED and low >> 31 else low)
        elif what == WRITE_SAVED_FLAGS:
            self._truncates = bool(low)
        if what in (WRITE_SIGNED, WRITE_UNSIGNED):
            self._y = 0.0  # the sequence subtracts it

    def read2(self, opcode, register):
        """Return two words: a result, or what is to be saved."""
        if register == SAVED_X:
            return double_words(self._x)
        if register == SAVED_Y:
            return double_words(self._y)
        if register == SAVED_FLAGS:
            self._is_engaged = False
            return int(self._truncates), 0
        if register == RESULT:
            return double_words(self._result(opcode >> 1))
        return 0, 0  # mantissas

    def read(self, register, opcode):
        """Return a word: a comparison as flags in bits 28 to 31, a single, or an integer."""
        if register == SINGLE_RESULT:
            return single_word(self._result(opcode))
        self._is_engaged = False
        if register == INTEGER_RESULT:
            return self._integer(opcode == TO_SIGNED)
        if (register, opcode) == (COMPARISON, COMPARE):
            return self._comparison() << 28
        raise Fault(
            f"the emulator's double coprocessor cannot read register {register} by opcode {opcode}", None, USAGE
        )

    def compute(self, opcode, opcode_2):
        """Note how the conversion to an integer that follows rounds."""
        if opcode == NORMALISE and opcode_2 in (TRUNCATE, ROUND):
            self._truncates = opcode_2 == TRUNCATE

    def engaged_flags(self):
        """Return the flags that tell whether a sequence is under way: N if it is."""
        return ENGAGED if self._is_engaged else 0

    def _result(self, operation):
        self._is_engaged = False
        return OPERATIONS[operation](self._x, self._y)

    def _integer(self, is_signed):
        low, high = (-(1 << 31), (1 << 31) - 1) if is_signed else (0, (1 << 32) - 1)
        x = self._x
        if math.isnan(x):
            return 0
        if math.isinf(x):
            return (high if x > 0 else low) & 0xFFFFFFFF
        return min(high, max(low, math.trunc(x) if self._truncates else round(x))) & 0xFFFFFFFF

    def _comparison(self):
        x, y = self._x, self._y
        if math.isnan(x) or math.isnan(y):
            return OVERFLOW
        return ZERO_CARRY if x == y else NEGATIVE if x < y else CARRY


def double(low, high):
    """Return the double with the words *low* and *high*."""
    return _without_denormals(struct.unpack("<d", struct.pack("<II", low, high))[0], SMALLEST_DOUBLE)


def double_words(x):
    """Return the words of *x* as a double, low one first."""
    if math.isnan(x):
        return NAN
    return struct.unpack("<II", struct.pack("<d", _without_denormals(x, SMALLEST_DOUBLE)))


def single(word):
    """Return the single *word* as a number."""
    return _without_denormals(struct.unpack("<f", struct.pack("<I", word))[0], SMALLEST_SINGLE)


def single_word(x):
    """Return *x* as a single, rounded to nearest even."""
    if math.isnan(x):
        return SINGLE_NAN
    try:
        packed = struct.pack("<f", x)
    except OverflowError:
        packed = struct.pack("<f", math.copysign(math.inf, x))
    if abs(struct.unpack("<f", packed)[0]) < SMALLEST_SINGLE:
        packed = struct.pack("<f", math.copysign(0.0, x))
    return struct.unpack("<I", packed)[0]


def _without_denormals(x, smallest):
    return math.copysign(0.0, x) if abs(x) < smallest else x
