"""Find the memory that the garbage collector has, so that no region is laid over it.

MicroPython keeps its state in one static structure, ``mp_state_ctx``. ``sys.modules`` is a dict inside it, so ``id()``
tells where to search, and a few hundred bytes behind that dict stands what describes the collector's memory,
``mp_state_mem_area_t`` (py/mpstate.h):

====================  ==================================================================================================
word                  meaning
====================  ==================================================================================================
-1                    address of the next area, 0 in the last one; only in ports that can have several areas
0                     address of the allocation table, with which the area starts: 2 bits a block
1                     bytes of that table
2 to 4                addresses of up to two more tables, and of the pool of blocks behind them
the one behind        end of the pool, where the area ends
====================  ==================================================================================================

A block has four words, so ``pool end - pool start`` is ``16 * bytes of the table`` words. That is how the search knows
the area. The proof is the table: it must say of a block that is known to be allocated that an allocation starts there.
Where the search finds nothing that passes, the addresses of live objects say where the collector has memory.

Layouts of MicroPython 1.25 to 1.29. CPython's memory is not of this kind: nothing is found there.
"""

import gc
import sys

import micropython
from micropython import const
from uctypes import addressof

try:  # CPython: the casts that viper has built in
    from micropython import ptr8, ptr32, uint
except ImportError:
    pass

_SEARCHED = const(2048)  # bytes behind sys.modules: several times what any port has there
_LARGEST_TABLE = const(1 << 24)  # bytes: a heap of 1 GiB; less than the addresses of RAM, which the search thus skips
# Words of an area's description and the two stacks behind it, with some to spare: of 64 entries each on hosts, of up to
# 1,024 on boards (rp2).
_NOTED_64 = const(160)
_NOTED_32 = const(2080)
# On Cortex-M memory for code lies below the first address, the processor's registers from the second on: no heap. All
# memory of WebAssembly lies below the first.
_CODE = const(0x10000000)
_SYSTEM = 0xE0000000
_MOST_AREAS = const(64)
_HEAD = const(1)  # in the allocation table: an allocation starts with this block
_SHARES = (2, 4, 8, 64, 1024)  # of the free memory, which are allocated to see where they are
_USED = b"\0\1\1\1\1\2\2\2\1\2\2\2\1\2\2\2"  # of the two blocks that half a byte of the table describes
_BLOCK = 16 if sys.maxsize >> 31 == 0 else 32  # bytes

# Of each area that the last search found: address and bytes of its allocation table, where word 0 of its description
# stands, and the number of tables behind the first.
_tables = []


@micropython.viper
def _find_area(address: int, end: int, halves: int, low: int) -> int:
    """Return where word 0 of an area stands, between these addresses, plus the number of tables behind the first; or 0.

    A word is `halves` times 32 bits. Addresses are compared by their lower 32 bits, which are set in `low`: an area may
    lie across a multiple of 4 GiB.
    """
    while address != end:
        s = ptr32(address)
        size = ptr32(address + 4 * halves)[0]
        if size > 0 and size < _LARGEST_TABLE:
            tables = 0
            while tables < 3:
                i = (2 + tables) * halves
                start = s[i]
                if (s[i + halves] - start) & low == (size << 6) * halves:
                    before = (start - s[0]) & low
                    # Twice as much at most, unless the area was cut (physmem_claim), which leaves the pool where it is.
                    if before >= size and before <= 64 * size + 256:
                        return address + tables
                tables += 1
        address += 4 * halves
    return 0


@micropython.viper
def _word(address: int, halves: int) -> uint:
    """Return the word of `halves` times 32 bits at `address`."""
    s = ptr32(address)
    word = uint(s[0])
    if halves == 2:
        word |= uint(s[1]) << 32
    return word


@micropython.viper
def _byte(address: int) -> int:
    return ptr8(address)[0]


@micropython.viper
def _holds(address: int, end: int, halves: int, one: int, other: int) -> int:
    """Return whether a word between these addresses is `one` or `other`, by its lower 32 bits."""
    while address != end:
        word = ptr32(address)[0]
        if word == one:
            return 1
        if word == other:
            return 1
        address += 4 * halves
    return 0


@micropython.viper
def _blocks_in_use(address: int, nbytes: int, used: ptr8) -> int:
    """Return how many blocks are in use by the allocation table at `address`."""
    blocks = 0
    end = address + nbytes
    while address < end:
        if address & 3 == 0 and address + 4 <= end and ptr32(address)[0] == 0:
            address += 4
        else:
            four = ptr8(address)[0]
            if four:
                blocks += used[four & 15] + used[four >> 4]
            address += 1
    return blocks


def bytes_in_use():
    """Return the bytes of heap in use, as ``gc.mem_alloc`` does, which takes twenty times as long. Needs no heap.

    Only after `memory_of_the_collector`; 0 on CPython.
    """
    if not _tables:
        return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    blocks = 0
    for table, nbytes, _, _ in _tables:
        blocks += _blocks_in_use(table, nbytes, _USED)
    return blocks * _BLOCK


def memory_of_the_collector(live):
    """Return the memory that the collector has: a list of ``(start, end)``; on CPython an empty one.

    `live` is the address of something that the collector has allocated, such as the content of an array. Where the
    collector's structure is not found, the list has what live objects tell: all that lies between the outermost ones,
    or each by itself if they are further apart than the collector has memory.
    """
    if sys.implementation.name != "micropython":
        return []
    return _areas(id(sys.modules), live) or _around_objects(live)


def where_described(live):
    """Return where the collector's areas are described: a list of tuples, the address of word 0, the number of tables
    behind the allocation table, the bytes of that. It is empty if they are not found and proven.

    `live` is as for `memory_of_the_collector`.
    """
    if sys.implementation.name != "micropython":
        return []
    _areas(id(sys.modules), live)
    return [(area, tables, nbytes) for _, nbytes, area, tables in _tables]


def _areas(address, live):
    """Return the areas whose description stands behind `address`, or an empty list if none of them proves to have the
    allocation at `live`."""
    halves = 1 if sys.maxsize >> 31 == 0 else 2
    size = 4 * halves  # of a word, in bytes
    first = _find_area(address, address + _SEARCHED, halves, 0xFFFFFFFF)
    tables = first & 3
    first -= tables
    areas = []
    del _tables[:]
    proven = False
    if first:
        area, following = first, _word(first - size, halves)
        # In a port that has one area only, that word is something else. The others note which area had a free block
        # last.
        if following & (size - 1) or following == first - size or not _notes(first, size, halves, following):
            following = 0
        while True:
            start = _word(area, halves)
            pool, end = [_word(area + (2 + tables + i) * size, halves) for i in range(2)]
            if area != first and not 0 < start - area <= 16 * size:
                break  # it was not the address of an area after all
            if pool <= live < end:
                block = (live - pool) // (4 * size)
                proven = (_byte(start + (block >> 2)) >> (2 * (block & 3))) & 3 == _HEAD
            areas.append((start if area == first else area - size, end))
            _tables.append((start, _word(area + size, halves), area, tables))
            if not following or len(areas) == _MOST_AREAS:
                break
            area = following + size
            following = _word(following, halves)
    if not proven:
        del _tables[:]
    return areas if proven else []


def _notes(first, size, halves, following):
    """Return whether the words behind an area's description name that area or the `following` one."""
    if sys.platform != "webassembly" and (following < _CODE or (halves == 1 and following >= _SYSTEM)):
        return False
    end = first + size * (_NOTED_32 if halves == 1 else _NOTED_64)
    low = 0xFFFFFFFF
    return _holds(first, end, halves, (first - size) & low, following & low)


def _around_objects(live):
    """Return what the addresses of live objects tell of the collector's memory."""
    found = [(live, live + 1)]
    for name, module in list(sys.modules.items()):
        if name.startswith("physmem"):  # a module in C is not the collector's
            found.append((id(module), id(module) + 1))
    contents = []
    for share in _SHARES:
        try:
            contents.append(bytearray(gc.mem_free() // share))
        except MemoryError:
            continue
        found.append((addressof(contents[-1]), addressof(contents[-1]) + len(contents[-1])))
        found.append((id(contents[-1]), id(contents[-1]) + 1))
    low = min([start for start, _ in found])
    high = max([end for _, end in found])
    return [(low, high)] if high - low <= gc.mem_alloc() + gc.mem_free() else found
