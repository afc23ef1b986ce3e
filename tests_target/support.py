"""What several test files share; runs on CPython and on MicroPython."""

import sys

IS_FAST = sys.platform not in ("qemu", "rp2", "pyboard", "mimxrt")


def scaled(many, few):
    """How often to try: `many` times on a PC, `few` times on a board."""
    return many if IS_FAST else few


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
    import physmem

    return physmem
