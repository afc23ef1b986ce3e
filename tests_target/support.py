"""What several test files share. Runs on CPython and on MicroPython."""

import gc
import sys


IS_BOARD = sys.platform in ("qemu", "rp2", "pyboard")  # "pyboard" is ports/stm32
IS_BYTECODE = "physmem_words" in sys.modules  # the engine is not machine code
IS_INSTALLED = sys.implementation.name == "micropython" and "/" in sys.modules["physmem_errors"].__file__
"""Whether the library is files, each of which MicroPython compiles whenever a test has it loaded again."""
IS_FAST = not IS_BOARD and not IS_BYTECODE and not IS_INSTALLED
IS_SLOW = sys.platform == "rp2"  # a twentieth as fast as a board under QEMU
HAS_SMALL_HEAP = sys.platform in ("rp2", "pyboard")  # a fourth of that of the MPS2 boards, or less


def scaled(many, few, fewest=None):
    """Return how often to try: `many` times on a PC, `few` on a board, without machine code or
    where the library is files, `fewest` on one with a
    small heap if it is given."""
    if IS_FAST:
        return many
    return fewest if HAS_SMALL_HEAP and fewest is not None else few


def sample(items, few):
    """Return all items of a sequence as a list; on a board with a small heap every `few`-th from the first on."""
    return [items[i] for i in range(0, len(items), few if HAS_SMALL_HEAP else 1)]


def raises(exception_type, function, *arguments, code=None, **keywords):
    """Call `function`, assert that it raises `exception_type` (with that `code`, if given), and return the error."""
    try:
        result = function(*arguments, **keywords)
    except exception_type as error:
        if code is not None:
            assert error.code == code, "code %r instead of %r: %s" % (error.code, code, error)
        assert str(error), "an error without a message"
        return error
    raise AssertionError("%r returned %r, did not raise %s" % (function, result, exception_type.__name__))


def fresh_physmem():
    """Import a fresh physmem, as after a reset: no system, no regions. The modules that depend on it are dropped as
    well."""
    for name in list(sys.modules):
        if name.startswith("physmem") and name != "physmem_board":
            del sys.modules[name]
    if HAS_SMALL_HEAP:
        from scheduled import forget_scheduled  # programs on other boards bring this file without that one

        forget_scheduled()
        gc.collect()  # what is left of the old one would lie in the way of large blocks
    import physmem
    import physmem_board
    import physmem_state

    # What `boot` does first: there are tests that make regions and have no board.
    physmem_state.use_spin_lock(getattr(physmem_board, "SPIN_LOCK", 0))
    return physmem


def interrupts_are_masked():
    """Return whether interrupts are masked on this board, and leave them as they are."""
    import machine

    before = machine.disable_irq()
    machine.enable_irq(before)
    return not before if sys.platform == "pyboard" else bool(before)  # ports/stm32 returns whether they were enabled


def spare_owners():
    """Return how many spare owners physmem has left. Needs no heap."""
    return sys.modules["physmem_frames"]._is_used.count(b"\0")


def without_a_system():
    """Forget the regions of physmem, as if neither `init` nor `boot` had been called.

    A fresh import for each of many cases takes too long on a board.
    """
    system = sys.modules["physmem_system"]
    system._initialized = False
    system._regions, system._blocks = (), ()
    del system.by_merit[:]


def state_module():
    """Return the module that makes states. The library drops it when it is not needed."""
    import physmem_state

    return physmem_state


def upkeep():
    """Return the part of physmem_region that is loaded on first use."""
    import physmem_upkeep

    return physmem_upkeep


def overview():
    """Return the part of physmem_system that is loaded on first use."""
    import physmem_overview

    return physmem_overview


def wrap():
    """Return the part of physmem_region that puts functions around calls."""
    import physmem_wrap

    return physmem_wrap


def wrapper_noting(asked):
    """Return a wrapper for `wrap_calls` that appends to the list `asked` what is asked of `alloc`."""

    def wrapper(region, state, calls):
        def alloc(n):
            asked.append(n)
            return calls[0](n)

        return (alloc,) + calls[1:]

    return wrapper


class InHandler:
    """Within ``with``, physmem believes that it runs in an interrupt handler."""

    def __enter__(self):
        self._asked = []  # the modules that ask, and what they ask
        for name, module in list(sys.modules.items()):
            if name.startswith("physmem") and hasattr(module, "in_handler"):
                self._asked.append((module, module.in_handler))
                module.in_handler = lambda: 1
        return self

    def __exit__(self, exception_type, exception, traceback):
        for module, in_handler in self._asked:
            module.in_handler = in_handler
