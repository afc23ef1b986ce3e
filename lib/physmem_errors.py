"""What is raised when something cannot be done, with or without heap to say why."""

from physmem_engine import in_handler


class PhysMemError(ValueError):
    """A mistake of the caller's; nothing was changed.

    `code` is one of RuVix' names: NotInitialized, ZeroAllocation, AllocationTooLarge, OutOfMemory, UnalignedAddress,
    AddressOutOfRange, NotAllocated, SizeMismatch, InvalidOrder, InternalCorruption; or one of what those lack:
    AddressNotFree (Theseus), InvalidArgument and NotPermitted (RuVix' kernel errors).
    """

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code

    def as_str(self):
        """The code as lower-case words."""
        text = ""
        for letter in self.code:
            text += " " + letter.lower() if "A" <= letter <= "Z" and text else letter.lower()
        return text

    def to_kernel_error(self):
        """The name of RuVix' kernel error that stands for the code."""
        if self.code in ("OutOfMemory", "AllocationTooLarge"):
            return "OutOfMemory"
        if self.code in ("NotInitialized", "NotPermitted"):
            return "NotPermitted"
        if self.code == "InternalCorruption":
            return "InternalError"
        return "InvalidArgument"


# The names of the codes that the raw calls answer, by -code.
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
    """The name of a negative code that a raw call answered, such as "OutOfMemory"."""
    return _CODES[-code] if -len(_CODES) < code < 0 else "unknown"


# Raised when the heap is locked or full: a sentence with numbers cannot be made then. The program's and that of
# handlers, which may come before the program has read the code.
_plain_mistakes = [PhysMemError("", "there is no heap to say more than .code does") for _ in range(2)]
_plain_exhaustion = MemoryError("no free frames; there is no heap to say more")


def mistake(code, sentence, a=0, b=0, c=0, d=0):
    """Raise PhysMemError."""
    try:
        error = PhysMemError(code, sentence.format(a, b, c, d))
    except MemoryError:
        error = _plain_mistakes[1 if in_handler() else 0]
        error.code = code
    raise error


def exhausted(sentence, a=0, b=0, c=0, d=0):
    """Raise MemoryError."""
    try:
        error = MemoryError(sentence.format(a, b, c, d))
    except MemoryError:
        error = _plain_exhaustion
    raise error


_INTEGERS = (int, bool)  # MicroPython's bool is no int


def integer(value, name):
    """Return `value` if it is an integer; TypeError with the `name` of what it should be if not."""
    if not isinstance(value, _INTEGERS):
        raise TypeError("%s must be an int, not %s" % (name, type(value).__name__))
    return value


def power_of_two(value):
    """Whether the integer `value` is 1, 2, 4, 8 and so on."""
    return value > 0 and not value & (value - 1)
