"""Move the end of the collector's heap down: what `physmem_claim.claim` does. Loaded for that, and dropped afterwards.

`refuse` raises ClaimError. The conditions are numbered in physmem_claim. An area's description is at `area`, with
`tables` tables behind its allocation table, as physmem_collector has them. The viper functions use no heap. Words have
32 bits.
"""

import gc

import micropython
import physmem_collector
from micropython import const
from uctypes import addressof

try:  # CPython: the casts that viper has built in
    from micropython import ptr8, ptr32
except ImportError:
    pass

_SRAM = 0x20000000
_PAGE = const(4096)
_LEAST_HEAP = const(32768)
_MARK_BYTES = const(64)
_BYTES_OF_ENTRY = const(64)  # of the heap, for each byte of the allocation table
_MAGIC = const(0x314C4350)  # "PCL1"

# What `_cut` and `what_forbids` return: 0, or which condition does not hold. Or the area is cut, but the mark of an
# earlier claim of the same memory was not there. The collector fills from below and clears what it hands out, so the
# mark is lost before the memory above it is used.
_CUT_ANEW = const(-1)
_NOT_IN_LINE = const(1)
_IN_USE = const(2)
_FINALISER = const(3)
_NOTED = const(4)
_REASONS = (
    "",
    "the tables of the collector's memory do not lie as expected: use physmem.boot_in_heap()",
    "heap is in use above the new end: claim at the start of boot.py, or claim less",
    "an object with a finaliser is noted above the new end: claim at the start of boot.py, or claim less",
    "the collector has used memory above the new end: claim at the start of boot.py, or claim less",
)


@micropython.viper
def what_forbids(area: int, tables: int, blocks: int) -> int:
    """Return 0 if the area may end behind its first `blocks` blocks, otherwise which condition does not hold."""
    s = ptr32(area)
    nbytes = s[1]
    address = s[0] + nbytes
    size = (nbytes + 1) >> 1  # of the other tables: a bit a block
    if blocks & 3 or blocks <= 0 or blocks >= nbytes << 2 or ptr8(address)[0]:
        return _NOT_IN_LINE
    address += 1
    i = 0
    while i < tables:
        if s[2 + i] != address:
            return _NOT_IN_LINE
        address += size
        i += 1
    pool = s[2 + tables]
    if pool < address or pool - address > 256 or s[3 + tables] - pool != nbytes << 6:
        return _NOT_IN_LINE
    address = s[0] + (blocks >> 2)
    end = s[0] + nbytes
    while address < end:
        if ptr8(address)[0]:
            return _IN_USE
        address += 1
    i = 0
    while i < tables:
        address = s[2 + i] + (blocks >> 3)
        end = s[2 + i] + size
        if address < end and ptr8(address)[0] >> (blocks & 7):
            return _FINALISER
        address += 1
        while address < end:
            if ptr8(address)[0]:
                return _FINALISER
            address += 1
        i += 1
    if s[4 + tables] > blocks >> 2 or s[5 + tables] >= blocks:
        return _NOTED
    return 0


@micropython.viper
def marked(end: int) -> int:
    """Return whether the mark of a claim stands at `end`, where the collector's area ends."""
    m = ptr32(end)
    if m[0] != _MAGIC or m[4] != m[0] ^ m[1] ^ m[2] ^ m[3]:
        return 0
    return 1 if m[1] - end == _MARK_BYTES and m[1] + m[2] <= m[3] else 0


@micropython.viper
def cut(area: int, tables: int, blocks: int, base: int, size: int) -> int:
    """Have the area end behind its first `blocks` blocks, and mark the memory from `base` on as claimed, unless
    `what_forbids` returns something: return that. Return 0 if the same mark was there already, so that the content is
    what it was."""
    found = int(what_forbids(area, tables, blocks))
    if found == 0:
        s = ptr32(area)
        before = s[3 + tables]
        end = s[2 + tables] + (blocks << 4)
        s[1] = blocks >> 2
        s[3 + tables] = end
        m = ptr32(end)
        if m[1] != base or m[2] != size or m[3] != before or int(marked(end)) == 0:
            found = _CUT_ANEW
        m[0] = _MAGIC
        m[1] = base
        m[2] = size
        m[3] = before
        m[4] = _MAGIC ^ base ^ size ^ before
    return found


@micropython.viper
def uncut(area: int, tables: int):
    """Undo `cut`."""
    s = ptr32(area)
    m = ptr32(s[3 + tables])
    m[0] = 0
    s[3 + tables] = m[3]
    s[1] = (m[3] - s[2 + tables]) >> 6


@micropython.viper
def _word(address: int, i: int) -> int:
    return ptr32(address + 4 * i)[0]


@micropython.viper
def _clear(address: int, end: int):
    while address < end:
        ptr32(address)[0] = 0
        address += 4


def _area_in_sram(top, refuse):
    """Return the description of the collector's area in SRAM, proven, and the number of its tables."""
    live = bytearray(1)
    areas = physmem_collector.where_described(addressof(live))
    if not areas:
        refuse("the collector's structure was not found in this MicroPython: use physmem.boot_in_heap()")
    _expect_bytes(sum([nbytes for _, _, nbytes in areas]) * _BYTES_OF_ENTRY, refuse)
    found = [area[:2] for area in areas if _SRAM <= _word(area[0], 3 + area[1]) <= top]
    if not found:
        refuse("the collector has no memory in SRAM, only PSRAM: name the SRAM in a memory plan")
    return found[0]


def _expect_bytes(nbytes, refuse):
    counted = gc.mem_alloc() + gc.mem_free()
    if counted != nbytes:
        refuse(
            "the collector counts {} bytes of heap, its structure has {}: use physmem.boot_in_heap()", counted, nbytes
        )


def claim(nbytes, top, refuse):
    """Do what `physmem_claim.claim` does; `top` is where SRAM ends."""
    if not isinstance(nbytes, int) or nbytes <= 0:
        refuse("nbytes must be a positive number of bytes, not {!r}", nbytes)
    size = nbytes + -nbytes % _PAGE
    area, tables = _area_in_sram(top, refuse)
    pool, end = _word(area, 2 + tables), _word(area, 3 + tables)
    if end + _MARK_BYTES < top and marked(end):
        base, before = _word(end, 1), _word(end, 2)
        if before != size:
            text = (
                "{} bytes have been claimed since the last hard reset, not {}: reset the board, as machine.reset() does"
            )
            refuse(text, before, size)
        return base, size
    base = (end - size) & -_PAGE
    blocks = (base - _MARK_BYTES - pool) >> 6 << 2
    if blocks << 4 < _LEAST_HEAP:
        text = "of {} bytes of heap {} are left if {} are claimed: claim less, at least {} must be left"
        refuse(text, end - pool, max(0, blocks << 4), size, _LEAST_HEAP)
    if pool + (blocks << 4) + _MARK_BYTES != base:
        refuse("the heap ends at {:#x}, at no multiple of {}: use physmem.boot_in_heap()", end, _MARK_BYTES)
    nbytes = gc.mem_alloc() + gc.mem_free()
    found = _cut(area, tables, blocks, base, size)
    if found > _NOT_IN_LINE:
        gc.collect()
        found = _cut(area, tables, blocks, base, size)
    if found > 0:
        refuse("{} bytes cannot be claimed: {}", size, _REASONS[found])
    try:
        _expect_bytes(nbytes - (end - pool - (blocks << 4)), refuse)
    except RuntimeError:
        uncut(area, tables)
        raise
    if found == _CUT_ANEW:
        _clear(base, base + size)
    return base, size


def _cut(area, tables, blocks, base, size):
    from machine import disable_irq, enable_irq

    masked = disable_irq()
    found = cut(area, tables, blocks, base, size)
    enable_irq(masked)
    return found
