"""Programs that are deep in calls: where the stack has no room for one more, on CPython and on MicroPython."""


def deep(n, function):
    """Call ``function()`` n calls deeper than the caller."""
    if n:
        deep(n - 1, function)
    else:
        function()


def wide(n, function, a=0, b=0, c=0, d=0, e=0):
    """Do as `deep` does, with another amount of stack."""
    if n:
        deep(n - 1, function)
    else:
        function()


def can(walk, n, function):
    """Return whether ``walk(n, function)`` finds room on the stack."""
    try:
        walk(n, function)
    except RuntimeError:  # CPython's RecursionError is one
        return False
    return True


def nothing():
    pass


def deepest(walk):
    """Return the largest n for which `walk` can call a function that does nothing."""
    n = 8
    while can(walk, n, nothing):
        n += 8
    while not can(walk, n, nothing):
        n -= 1
    return n
