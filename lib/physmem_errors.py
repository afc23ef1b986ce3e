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
        """Return the code in lower-case words, such as "not allocated". Needs heap."""
        expect_heap("as_str()")
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
    "NotPermitted",
)


def code_name(code):
    """Return the name of a negative code that a raw call returned, such as "OutOfMemory"; "unknown" for others."""
    integer(code, "code")
    return _CODES[-code] if -len(_CODES) < code < 0 else "unknown"


# Raised when the heap is locked or full, so that no message with numbers can be made. The first two say all there is to
# say. The others get their code when they are raised: for a mistake of the program, and for a mistake of an interrupt
# handler, which may occur before the program has read its own code.
_NEEDS_HEAP = PhysMemError(
    "NotPermitted", "this call needs heap, which is locked or full: call it from the program, later"
)
_NOT_SHARED = PhysMemError("NotPermitted", "interrupt handlers can use only SHARED regions")
_PREPARED_MISTAKES = (
    PhysMemError("", "no heap for a message; see .code"),
    PhysMemError("", "no heap for a message; see .code"),
)
_PREPARED_TYPE_ERROR = TypeError("an argument is of the wrong type; no heap for its name")
_PREPARED_EXHAUSTION = MemoryError("no free frames; no heap for more of a message")


def mistake(code, sentence, a=0, b=0, c=0, d=0):
    """Raise PhysMemError with `code` and the formatted `sentence`, or a prepared error if there is no heap for it."""
    try:
        error = PhysMemError(code, sentence.format(a, b, c, d))
    except MemoryError:
        error = _PREPARED_MISTAKES[1 if in_handler() else 0]
        error.code = code
    raise error


def exhausted(sentence, a=0, b=0, c=0, d=0, e=0):
    """Raise MemoryError with the formatted `sentence`, or a prepared error if there is no heap for it or no sentence
    is given."""
    try:
        error = MemoryError(sentence.format(a, b, c, d, e)) if sentence else _PREPARED_EXHAUSTION
    except MemoryError:
        error = _PREPARED_EXHAUSTION
    raise error


def not_permitted_in_handler():
    """Raise NotPermitted because an interrupt handler asked for memory that is not SHARED."""
    raise _NOT_SHARED


def needs_heap(call):
    """Raise NotPermitted because `call`, such as "map()", needs heap and there is none."""
    try:
        error = PhysMemError(
            "NotPermitted", "%s needs heap, which is locked or full: call it from the program, later" % call
        )
    except MemoryError:
        error = _NEEDS_HEAP
    raise error


def expect_heap(call):
    """Raise NotPermitted if the heap is locked or full; `call` needs it."""
    try:
        bytearray(1)
    except MemoryError:
        needs_heap(call)


_INTEGERS = (int, bool)  # MicroPython's bool is not an int


def integer(value, name):
    """Return `value` if it is an integer (bools are); otherwise raise a TypeError that calls it `name`."""
    if not isinstance(value, _INTEGERS):
        wrong_type(name, "an int", value)
    return value


def wrong_type(name, wanted, value):
    """Raise a TypeError: `value`, the argument `name`, must be `wanted`. Needs no heap; without it, it says less."""
    try:
        error = TypeError("%s must be %s, not %s" % (name, wanted, type(value).__name__))
    except MemoryError:
        error = _PREPARED_TYPE_ERROR
    raise error


def boolean(value, name):
    """Return `value` if it is a bool; otherwise raise a TypeError that calls it `name`."""
    if value is not True and value is not False:
        wrong_type(name, "a bool", value)
    return value


def try_two_calls():
    """Raise RuntimeError if the stack has no room for this call and one more.

    MicroPython checks the stack before the first line of a function, where the function cannot catch the error.
    """
    _one_call()


def _one_call():
    pass


def power_of_two(value):
    """Return whether the integer `value` is a power of two."""
    return value > 0 and not value & (value - 1)
