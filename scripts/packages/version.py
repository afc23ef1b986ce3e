"""The version of everything that `make dist` makes: physmem.__version__."""

import re

from layers import LIBRARY


def version():
    """Return physmem.__version__, read from its source without importing it."""
    return re.search(r'^__version__ = "(.*)"$', (LIBRARY / "physmem.py").read_text(), re.MULTILINE)[1]
