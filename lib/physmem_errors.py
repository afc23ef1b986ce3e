"""The errors, and how to raise them with or without heap for a message."""

from physmem_engine import in_handler


class PhysMemError(ValueError):
    """A mistake in a call, which has changed nothing.

    `code` is one of RuVix' names: NotInitialized, ZeroAllocation, AllocationTooLarge, OutOfMemory, UnalignedAddress,
    AddressOutOfRange, NotAllocated, SizeMismatch, InvalidOrder, InternalCorruption; or one that RuVix lacks:
    AddressNotFree (Theseus), InvalidArgument and NotPermitted (RuVix' kernel errors).
    """

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code

    def as_str(self):
        """Return the code in lower-case words, such as "not allocated"."""
        text = ""
        for letter in self.code:
            text += " " + letter.lower() if "A" <= letter <= "Z" and text else letter.lower()
        return text

    def to_kernel_error(self):
        """Return the name of the RuVix kernel error that the code maps to."""
        if self.code in ("OutOfMemory", "AllocationTooLarge"):
            return "OutOfMemory"
        if self.code in ("NotInitialized", "NotPermitted"):
            return "NotPermitted"
        if self.code == "InternalCorruption":
            return "InternalError"
        return "InvalidArgument"


# The names of the negative codes that the raw calls return; index -code.
_CODES = (
    "",
    "OutOfMemory",
    "ZeroAllocation",
    "AllocationTooLarge",
    "UnalignedAddress",
    "AddressOutOfRange",
    "NotAllocated",
    "AddressNotFree",
)


def code_name(code):
    """Return the name of a negative code that a raw call returned, such as "OutOfMemory"; "unknown" for others."""
    return _CODES[-code] if -len(_CODES) < code < 0 else "unknown"


# Raised when the heap is locked or full, so that no message with numbers can be made: for a mistake of the program; for
# a mistake of an interrupt handler, which may occur before the program has read its own code; and for exhaustion.
_PREPARED_MISTAKES = (
    PhysMemError("", "no heap for a message; see .code"),
    PhysMemError("", "no heap for a message; see .code"),
)
_PREPARED_EXHAUSTION = MemoryError("no free frames; no heap for more of a message")


def mistake(code, sentence, a=0, b=0, c=0, d=0):
    """Raise PhysMemError with `code` and the formatted `sentence`, or a prepared error if there is no heap for it."""
    try:
        error = PhysMemError(code, sentence.format(a, b, c, d))
    except MemoryError:
        error = _PREPARED_MISTAKES[1 if in_handler() else 0]
        error.code = code
    raise error


def exhausted(sentence, a=0, b=0, c=0, d=0):
    """Raise MemoryError with the formatted `sentence`, or a prepared error if there is no heap for it."""
    try:
        error = MemoryError(sentence.format(a, b, c, d))
    except MemoryError:
        error = _PREPARED_EXHAUSTION
    raise error


_INTEGERS = (int, bool)  # MicroPython's bool is not an int


def integer(value, name):
    """Return `value` if it is an integer (bools are); otherwise raise a TypeError that calls it `name`."""
    if not isinstance(value, _INTEGERS):
        raise TypeError("%s must be an int, not %s" % (name, type(value).__name__))
    return value


def power_of_two(value):
    """Return whether the integer `value` is a power of two."""
    return value > 0 and not value & (value - 1)
