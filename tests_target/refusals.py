"""A call that is refused: what it raises, and that it changes nothing."""

from support import raises


def seen(physmem):
    """Return everything that is free and everything that is in use."""
    return [(region.name, region.base, region.end, list(region.runs())) for region in physmem.regions()]


def refused(physmem, code, function, *arguments, **keywords):
    """Check that `function` raises PhysMemError with that code and changes nothing."""
    before = seen(physmem)
    raises(physmem.PhysMemError, function, *arguments, code=code, **keywords)
    assert seen(physmem) == before
    assert physmem.check() == []
