"""What to say where the library does not fit what it is installed on. Loaded when that is found, and not before.

The packages that the sentences name are those of `make dist`: `arm` and `arm-raw` are .mpy files for ARM, `source` and
`source-raw` are for other machines; the raw ones lack modules.
"""

import gc
import sys


def tell(error, file):
    """Raise an error that says why the import of the facade in the file `file` failed with `error`, and what to do."""
    sys.modules.pop("physmem_install", None)  # nothing of physmem is loaded then
    if isinstance(error, MemoryError):
        gc.collect()
        text = "import physmem needs more heap than the %d bytes that are free" % gc.mem_free()
        if file.endswith(".mpy"):
            raise MemoryError(text + ": import it before your program takes heap, or build firmware that has it")
        text += " to compile source: on ARM delete lib/physmem*.py, which go before .mpy files, and install the package"
        raise MemoryError(text + " arm; elsewhere build firmware with it")
    if isinstance(error, ImportError):
        text = "physmem is not installed completely (%s): install its package again; if you build firmware for ARM"
        raise ImportError((text + ", write require('physmem', thumb=True) in its manifest") % error)
    text = (
        "this physmem has machine code for ARM, which MicroPython on %s does not run (%s): install the package source"
    )
    raise ImportError(text % (sys.platform, error))


def missing(call, error):
    """Raise ImportError: `call`, such as "retain()", needs a module that is not installed, as `error` says."""
    text = "%s needs more than is installed (%s): install the package arm, or source if this is not ARM"
    raise ImportError(text % (call, error))


def no_plan(error):
    """Raise ImportError: `boot` has no memory plan, as `error` says."""
    text = "boot() needs a memory plan (%s): call physmem.boot_in_heap(nbytes), or on a Pico physmem_claim.boot(nbytes)"
    raise ImportError((text + ", or write physmem_board.py as docs/add_a_board.md shows") % error)
