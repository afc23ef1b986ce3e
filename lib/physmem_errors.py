"""The errors, and how to raise them with or without heap for a message."""

from physmem_engine import in_handler


class PhysMemError(ValueError):
    """A mistake in a call, which has changed nothing; but the end of a scope first frees what it can.

    `code` is one of RuVix' names: NotInitialized, ZeroAllocation, AllocationTooLarge, OutOfMemory, UnalignedAddress,
    AddressOutOfRange, NotAllocated, SizeMismatch, InvalidOrder, InternalCorruption; or one that RuVix lacks:
    AddressNotFree (Theseus), InvalidArgument and NotPermitted (RuVix' kernel errors).
    """

    del __module__, __qualname__  # noqa: F821  (they would make the table of the class larger: heap)

    _prepared = ()

    def __init__(self, code, sentence):
        super(PhysMemError, self).__init__(sentence)  # without the names it would be a closure: heap
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


def code_name(code):
    """Return the name of a negative code that a raw call returned, such as "OutOfMemory"; "unknown" for others."""
    integer(code, "code")
    names = (  # of -1, -2 and so on
        "OutOfMemory",
        "ZeroAllocation",
        "AllocationTooLarge",
        "UnalignedAddress",
        "AddressOutOfRange",
        "NotAllocated",
        "AddressNotFree",
        "NotPermitted",
    )
    return names[-code - 1] if -len(names) <= code < 0 else "unknown"


# Raised when the heap is locked or full, so that no message with numbers can be made. The first two get their code when
# they are raised: one in the program, one in interrupt handlers, which may fail before the program has read the code of
# its own. They are an attribute of the class because one more name would make the table of this module larger.
PhysMemError._prepared = (
    PhysMemError(
        "", "see .code; NotPermitted: this call needs heap, which is locked or full: call it from the program, later"
    ),
    PhysMemError(
        "",
        "see .code; NotPermitted: call it from the program, as interrupt handlers have no heap and only SHARED regions",
    ),
    TypeError("an argument is of the wrong type; no heap for its name: call this from the program to read it"),
    MemoryError("no free frames: free some; no heap for more of a message"),
)


def mistake(code, sentence, a=0, b=0, c=0, d=0):
    """Raise PhysMemError with `code` and the formatted `sentence`, or a prepared error if there is no heap for it."""
    try:
        error = PhysMemError(code, sentence.format(a, b, c, d))
    except MemoryError:
        error = PhysMemError._prepared[1 if in_handler() else 0]
        error.code = code
    raise error


def exhausted(sentence, a, b=0, c=0, d=0, e=0):
    """Raise MemoryError with the formatted `sentence`, or a prepared error if there is no heap for it or no sentence
    is given."""
    error = PhysMemError._prepared[3]
    try:
        if sentence:
            error = MemoryError(sentence.format(a, b, c, d, e))
    except MemoryError:
        pass
    raise error


def not_permitted_in_handler():
    """Raise NotPermitted because an interrupt handler asked for memory that is not SHARED."""
    error = PhysMemError._prepared[1]
    error.code = "NotPermitted"
    raise error


def needs_heap(call):
    """Raise NotPermitted because `call`, such as "map()", needs heap and there is none."""
    mistake("NotPermitted", "{} needs heap, which is locked or full: call it from the program, later", call)


def expect_heap(call):
    """Raise NotPermitted if the heap is locked or full; `call` needs it."""
    try:
        bytearray(1)
    except MemoryError:
        needs_heap(call)


def _turn():
    """Return what `load` keeps the other threads out with, which are cores on some boards: a lock, the function that
    tells threads apart, and the thread that has the lock. None where there are no threads."""
    try:
        from _thread import allocate_lock, get_ident
    except ImportError:
        return None
    return [allocate_lock(), get_ident, None]


def load(module, call, modules=__import__("sys").modules, turn=_turn()):  # noqa: B008
    """Return the module of that name, loading it on first use. Loading needs heap: NotPermitted, which names `call`, if
    that is locked or full.

    Nothing half loaded is left after an error: MicroPython would crash on it, or never load it again. Nor does another
    thread see any: it waits. A function that the scheduler runs meanwhile, or a module that is being loaded, does not
    wait for the thread that it runs in. An interrupt handler must not wait for any.
    """
    is_mine = False
    if turn is not None and not in_handler():
        lock, get_ident, holder = turn
        me = get_ident()
        if holder != me:
            lock.acquire()
            turn[2] = me
            is_mine = True
    try:
        if module in modules:
            return modules[module]
        expect_heap(call)
        before = None
        try:
            before = list(modules)
            return __import__(module)
        except BaseException as error:
            half = before
            while half:
                half = None
                for name in modules:
                    if name.startswith("physmem") and name not in before:
                        half = name
                if half:
                    modules.pop(half, None)  # an entry that never got its module has no value
            if isinstance(error, MemoryError):
                needs_heap(call)
            if isinstance(error, ImportError):
                __import__("physmem_install").missing(call, error)
            raise
    finally:
        if is_mine:
            turn[2] = None
            lock.release()


del _turn


def integer(value, name):
    """Return `value` if it is an integer (bools are); otherwise raise a TypeError that calls it `name`."""
    if not isinstance(value, int) and value is not True and value is not False:  # MicroPython's bool is not an int
        wrong_type(name, "an int", value)
    return value


def wrong_type(name, wanted, value):
    """Raise a TypeError: `value`, the argument `name`, must be `wanted`. Needs no heap; without it, it says less."""
    try:
        error = TypeError("%s must be %s, not %s" % (name, wanted, type(value).__name__))
    except MemoryError:
        error = PhysMemError._prepared[2]
    raise error


def given_by_position():
    """Raise a TypeError: an argument that is to be given by name was given by its position.

    Python's own ``*`` does the same, but then MicroPython looks up the default of each argument at each call. Functions
    that are called often have a parameter `_by_name` there instead, and call this if it is anything but its default.
    """
    raise TypeError("too many arguments without a name: give the others by name, such as owner=")


def boolean(value, name):
    """Return `value` if it is a bool; otherwise raise a TypeError that calls it `name`."""
    if value is not True and value is not False:
        wrong_type(name, "a bool", value)
    return value


def try_two_calls():
    """Raise RuntimeError if the stack has no room for this call and one more.

    MicroPython checks the stack before the first line of a function, where the function cannot catch the error.
    """
    power_of_two(1)


def power_of_two(value):
    """Return whether the integer `value` is a power of two."""
    return value > 0 and not value & (value - 1)
