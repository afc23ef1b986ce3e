"""Print what a board is and what physmem has there, as a dict, whatever MicroPython it is.

Runs on the board, for tests_host/harness/serial_board.py. Importing what it looks for takes heap: reset afterwards.
"""

import gc
import sys


def module(name):
    """Return the module of that name; None if it cannot be imported."""
    try:
        return __import__(name)
    except Exception:  # whatever prevents it
        return None


def has_in_one_piece(nbytes):
    try:
        return bool(bytearray(nbytes))
    except MemoryError:
        return False


def claimed_plan(physmem):
    """Return the constants of the memory plan that physmem_claim.boot has made in boot.py, with 1 KiB of records."""
    region = physmem.region("sram")
    plan = sys.modules["physmem_claim"].plan(region.base, region.end - region.base + 1024)
    return {name: getattr(plan, name) for name in dir(plan) if name == name.upper()}


def of_physmem(physmem, found):
    """Add what physmem has."""
    errors = sys.modules["physmem_errors"]
    found["physmem"] = physmem.__version__
    found["package"] = "/" in errors.__file__ and errors.__file__[: errors.__file__.rfind("/")]
    found["short_names"] = any(name.startswith("__v") for name in dir(errors))
    found["is_whole"] = "allocate_scattered" in dir(physmem)
    plan = module("physmem_board")
    found["is_booted"] = bool(physmem.regions())
    if plan and not found["is_booted"]:
        physmem.boot()
        physmem.boot_complete()
    found["board"] = plan and plan.NAME
    found["constants"] = [name for name in dir(plan) if name == name.upper()] if plan else []
    found["claimed"] = None
    if not plan and "physmem_claim" in sys.modules:
        found["claimed"] = claimed_plan(physmem)
        found["board"] = found["claimed"]["NAME"]
    found["regions"] = [
        (region.name, region.frames, region.frame_size)
        for region in physmem.regions()
        if not region.attrs & physmem.RESERVED
    ]
    found["machine_code"] = module("physmem_thumb") is not None
    found["bytecode"] = "physmem_words" in sys.modules
    if found["is_whole"]:
        found["kept"] = [(kept[7] or "frames", kept[3], kept[4]) for kept in physmem.allocations()]


def facts():
    gc.collect()
    found = {"heap": gc.mem_free(), "large": has_in_one_piece(200 << 10), "heap_at": id([])}
    found["version"] = sys.implementation[1][:3]
    found["machine"] = getattr(sys.implementation, "_machine", "")
    found["build"] = getattr(sys.implementation, "_build", "")
    found["mpy"] = getattr(sys.implementation, "_mpy", 0)
    found["platform"] = sys.platform
    found["heap_locked"] = hasattr(module("micropython"), "heap_locked")
    asyncio = module("asyncio")
    found["asyncio_run"] = asyncio is None or hasattr(asyncio, "run")
    found["threads"] = module("_thread") is not None
    found["dma"] = hasattr(module("rp2"), "DMA")
    found["mounts"] = hasattr(module("os"), "mount") and module("select") is not None
    try:
        import physmem
    except Exception as error:
        found["physmem"] = None
        found["reason"] = "%s: %s" % (type(error).__name__, error)
    else:
        of_physmem(physmem, found)
    return found


print(facts())
