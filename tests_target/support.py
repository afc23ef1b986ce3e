"""What several test files share; runs on CPython and on MicroPython."""

import gc
import sys

IS_FAST = sys.platform not in ("qemu", "rp2", "pyboard", "mimxrt")
IS_SLOW = sys.platform == "rp2"  # a twentieth as fast as a board under QEMU, with a fourth of its heap


def scaled(many, few, fewest=None):
    """How often to try: `many` times on a PC, `few` times on a board, `fewest` on a slow one if it is given."""
    if IS_FAST:
        return many
    return fewest if IS_SLOW and fewest is not None else few


def sample(items, few):
    """All of a sequence's items, as a list; on a slow board every `few`-th, from the first."""
    return [items[i] for i in range(0, len(items), few if IS_SLOW else 1)]


def raises(exception_type, function, *arguments, code=None, **keywords):
    """Call `function`, assert that it raises `exception_type` (with that `code`, if given), and return the error."""
    try:
        result = function(*arguments, **keywords)
    except exception_type as error:
        if code is not None:
            assert error.code == code, "code %r instead of %r: %s" % (error.code, code, error)
        assert str(error), "an error without a sentence"
        return error
    raise AssertionError("%r returned %r, did not raise %s" % (function, result, exception_type.__name__))


def fresh_physmem():
    """Import physmem anew, as after a reset: no system, no regions; the modules that depend on it come along."""
    for name in list(sys.modules):
        if name.startswith("physmem") and name != "physmem_board":
            del sys.modules[name]
    if IS_SLOW:
        gc.collect()  # what is left of it would lie in the way of large blocks
    import physmem

    return physmem
