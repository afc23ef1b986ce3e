"""Memory outside of the collector's heap, on stock MicroPython of a Raspberry Pi Pico or Pico 2. In boot.py:

    import physmem_claim
    physmem_claim.boot(96 * 1024)

ports/rp2 gives all SRAM that the firmware does not use to the garbage collector. This module moves the end of the heap
down, as long as nothing is allocated above: it changes the two words that say where the heap ends. What is above is
then neither scanned nor handed out, and a soft reset leaves it alone, so `physmem.retain` and the quarantine work
there. The port makes its heap once after each hard reset, so boot.py claims the same memory again, with its content.

Before anything is changed, `claim` checks what it relies on, and raises ClaimError with the reason if it does not hold:

1. The port is rp2, on the ARM cores of an RP2040 or RP2350, with MicroPython 1.25 to 1.29. In these the port makes its
   heap before the loop of soft resets, and the structures below are as physmem_collector knows them.
2. The collector's structure is found and proven (physmem_collector), and one area of the heap lies in SRAM.
3. The blocks that all areas have are as many as ``gc.mem_alloc() + gc.mem_free()`` says.
4. The area's tables follow each other as MicroPython lays them out: allocation table, a byte of zeros, finaliser table,
   in some builds a table of weak references, pool. The new end is a whole byte of the allocation table.
5. Above the new end no block is allocated, no finaliser is noted, and the collector's notes on where to search do not
   point there.
6. At least 32 KiB of heap are left.

Interrupts are masked while 5 is checked and the two words change; afterwards 3 must hold with the claimed memory less.
Do not call this while a thread runs on the other core. A *mark* below the claimed memory tells later calls, after a
soft reset, that it is claimed already. Source: MicroPython 1.25 to 1.29, py/gc.c, py/mpstate.h, ports/rp2/main.c and
ports/rp2/memmap_mp_rp2040.ld, memmap_mp_rp2350.ld.
"""

import gc
import sys

from micropython import const

_OLDEST, _NEWEST = (1, 25), (1, 29)  # versions of MicroPython
_CHIPS = {"RP2040": 0x20042000, "RP2350": 0x20082000}  # the end of SRAM, with the stack at its top
_SRAM = const(0x20000000)
_FRAME_SIZE = const(1024)
_RECORDS = const(1024)  # bytes at the end of the claimed memory, for 14 records
_SPARE_OWNERS = const(8)
_initialized = False  # whether the regions that there are come from `boot`
_OFTEN = const(16384)  # bytes allocated between two collections while modules are loaded, so that they leave no holes


class ClaimError(RuntimeError):
    """Memory could not be claimed; the message says why. Nothing has changed."""


def _refuse(sentence, *arguments):
    raise ClaimError(sentence.format(*arguments))


def _end_of_sram():
    """Return the address where the chip's SRAM ends. ClaimError if this is not a board that is known."""
    name, version = sys.implementation.name, sys.implementation.version
    if name != "micropython" or sys.platform != "rp2":
        _refuse(
            "memory can be claimed on ports/rp2 of MicroPython only, this is {} on {}: use physmem.boot_in_heap() or a "
            "memory plan",
            name,
            sys.platform,
        )
    machine = getattr(sys.implementation, "_machine", "")
    top = _CHIPS.get(machine.split(" ")[-1], 0)
    if not top:
        _refuse(
            "the chip must be an RP2040 or an RP2350 with its ARM cores, this is {!r}: use physmem.boot_in_heap()",
            machine,
        )
    if not _OLDEST <= tuple(version[:2]) <= _NEWEST:
        text = "MicroPython {}.{} is not known here, only {}.{} to {}.{}: install a later physmem"
        _refuse(text, version[0], version[1], *(_OLDEST + _NEWEST))
    return top


def claim(nbytes):
    """Claim `nbytes` bytes, rounded up to 4 KiB, at the top of the heap, and return ``(base, size)`` in bytes.

    After a soft reset, or in the same run, it finds what was claimed. After a hard reset the same memory is claimed
    again, with its content: the same as long as the number of bytes and the firmware are the same. Otherwise, or if the
    collector has used some of it meanwhile, its content is zeros.

    ClaimError, and nothing has changed, if that cannot be done: see the module. Needs little heap.
    """
    top = _end_of_sram()
    import physmem_cut

    try:
        return physmem_cut.claim(nbytes, top, _refuse)
    finally:
        for name in ("physmem_cut", "physmem_collector"):
            sys.modules.pop(name, None)  # they take heap


class _Plan:
    """A memory plan, as `physmem.boot` takes it."""

    SPARE_OWNERS = _SPARE_OWNERS


def plan(base, size):
    """Return the memory plan of what `claim` returned: a region "sram" in frames of 1,024 bytes, and at its end 1 KiB
    for 14 records of what is retained and mapped.

    An RP2350 switches its SRAM off while its RUN pin is low: then nothing is kept.
    """
    import physmem_chip

    top = _end_of_sram()
    made = _Plan()
    made.NAME = getattr(sys.implementation, "_machine", "")
    made.REGIONS = (("sram", base, size - _RECORDS, _FRAME_SIZE, "DMA FAST RETAINED SHARED"),)
    made.OCCUPIED = (
        ("micropython", _SRAM, base - _SRAM, "DMA FAST"),  # .data, .bss, the GC heap
        ("stack", base + size, top - base - size, "DMA FAST"),
    )
    made.RETAINED_RECORDS = (base + size - _RECORDS, _RECORDS)
    made.SPIN_LOCK = physmem_chip.spin_lock()
    return made


def boot(nbytes):
    """Claim `nbytes` bytes, boot physmem with the `plan` of them, and return the region "sram". A second call in the
    same run returns the region too.

    ClaimError as for `claim`, also if physmem has other regions already.
    """
    global _initialized
    system = sys.modules.get("physmem_system")
    there = system.each_region() if system else ()
    if there and not _initialized:
        _refuse(
            "physmem has regions already, {}: use them, or claim memory before firmware or program boots physmem",
            there[0].name,
        )
    base, size = claim(nbytes)
    before = gc.threshold()
    gc.threshold(_OFTEN)
    try:
        import physmem

        if not there:
            physmem.boot(plan(base, size))
            _initialized = True
            physmem.boot_complete()
    finally:
        gc.threshold(before)
    return physmem.region("sram")
