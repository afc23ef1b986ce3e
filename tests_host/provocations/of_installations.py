"""Installations that lack something, and memory that cannot be claimed: what you are told."""

import gc
import sys
import types

from provocations.provocation import refused
from provocations.worlds import PAGE, SRAM, changed, module, system
from support import fresh_physmem

MICROPYTHON = (1, 25, 0)


def rows():
    yield from _installed()
    yield from _claimed()
    yield from _cut()


def _installed():
    fresh_physmem()
    install = module("physmem_install")
    with changed(gc, "mem_free", lambda: 4711):
        yield refused(install.tell, MemoryError(), "physmem.mpy", says=["4711 bytes", "import it before"])
        yield refused(install.tell, MemoryError(), "physmem.py", says=["4711 bytes", "package arm"])
    yield refused(install.tell, ImportError("no module named 'x'"), "physmem.mpy", says=["no module named 'x'"])
    yield refused(install.tell, ValueError("incompatible .mpy arch"), "physmem.mpy", says=[".mpy arch", sys.platform])
    p = fresh_physmem()
    lacks = changed(module("physmem_errors"), "__import__", _import_without_scope)
    yield refused(p.scope, within=lacks, says=["scope()", "physmem_scope"])


def _import_without_scope(name):
    if name == "physmem_scope":
        raise ImportError(f"no module named '{name}'")
    return __import__(name)


def _implementation(**parts):
    return changed(sys, "implementation", types.SimpleNamespace(**{**vars(sys.implementation), **parts}))


def _on_a_pico(machine="Raspberry Pi Pico with RP2040", version=MICROPYTHON):
    return _implementation(name="micropython", version=version, _machine=machine)


def _claimed():
    fresh_physmem()
    claim = module("physmem_claim")
    yield refused(claim.claim, PAGE, says=["cpython", sys.platform])
    with changed(sys, "platform", "rp2"):
        yield refused(claim.claim, PAGE, within=_on_a_pico("Pico with RP2041"), says=["RP2041", "RP2040"])
        yield refused(claim.claim, PAGE, within=_on_a_pico(version=(1, 24, 0)), says=["1.24", "1.25 to 1.29"])
    system()
    claim = module("physmem_claim")
    yield refused(claim.boot, PAGE, says=["regions already", "sram"])


def _cut():
    """The heap is numbers here: an area of 64 KiB at the end of SRAM, with its description at 0."""
    fresh_physmem()
    claim, cut = module("physmem_claim"), module("physmem_cut")

    def ask(nbytes=PAGE, found=0, areas=((0, 1, 1024),), heap=65536, end=0x20040000, mark=None):
        """Claim from a collector that is like this."""
        words = {3: end - 65536, 4: end}
        with (
            changed(gc, "mem_alloc", lambda: 0),
            changed(gc, "mem_free", lambda: heap),
            changed(cut.physmem_collector, "where_described", lambda live: list(areas)),
            changed(cut, "_word", lambda address, i: mark[i - 1] if address == end and mark else words[i]),
            changed(cut, "marked", lambda address: mark is not None),
            changed(cut, "_cut", lambda *arguments: found),
            changed(cut, "uncut", lambda *arguments: None),
            changed(cut, "_clear", lambda *arguments: None),
        ):
            return cut.claim(nbytes, 0x20042000, claim._refuse)

    yield refused(ask, -1, says=["positive number of bytes", "-1"])
    yield refused(ask, areas=(), says="structure was not found")
    yield refused(ask, heap=4711, says=["4711 bytes", "65536"])
    yield refused(ask, end=SRAM, says="no memory in SRAM")
    yield refused(ask, 40960, says=["65536 bytes", "40960", "32768"])
    yield refused(ask, end=0x20040010, says=[hex(0x20040010), "64"])
    for found, reason in ((1, "tables"), (2, "heap is in use"), (3, "finaliser"), (4, "has used memory")):
        yield refused(ask, found=found, says=["4096 bytes", reason])
    yield refused(ask, mark=(0x20030000, 8192), says=["8192 bytes", "not 4096"])
