"""Three workers that allocate and free at once on a chip with two cores: a thread on core 1, the main program on core
0, and a hard interrupt on core 0. test_two_cores.py runs this on the board and calls `run`.

There are two regions, made of the frames of the board's first one. "sram" is SHARED: all three use it. "plain" is not:
the two cores use it, the handler is refused. All numbers of frames follow from QUARTER, a power of two: 3 * QUARTER
frames are "sram", and the rest are "plain". Most raw calls ask for up to QUARTER / 4 frames, so that regions of all
sizes are as full. None asks for more than 2 * QUARTER, and `alloc_at` asks for one of the first QUARTER, so that every
request lies in the region.

Each worker stamps the first word of its frames with its own number. A stamp that has changed, or an allocated frame
that still has one, is an overlap.

On MicroPython, a collection on one core does not stop the other. So the collector is switched off, no request runs it,
and core 0 collects only when the thread on core 1 has ended. The interrupt continues meanwhile.
"""

import _thread
import gc
import json
import sys
import time
from array import array

import machine
import micropython
import physmem_board
import rp2
from micropython import const

_, BASE, _SIZE, FRAME, _ = physmem_board.REGIONS[0]
FRAMES = _SIZE // FRAME
QUARTER = 1
while 6 * QUARTER < FRAMES:
    QUARTER *= 2
SHARED = 3 * QUARTER  # frames of "sram", to which those of "plain" adjoin

# Words of a worker's table.
_WHO = const(0)
_SEED = const(1)
_OPERATIONS = const(2)
_OVERLAPS = const(3)
_WRONG = const(4)  # answers
_OUT_OF_MEMORY = const(5)
_TAKEN = const(6)  # frames
_FREED = const(7)
_BASE = const(8)
_CALLS = const(9)  # of the interrupt handler
_OWNED = const(10)  # operations on AllocatedFrames
_RESIZED = const(11)
_SLOTS = const(12)  # eight pairs: first frame and count of a raw allocation; 0 is none
_SCATTERED = const(28)
_FREED_AT = const(29)
_IN_PLAIN = const(30)  # operations on AllocatedFrames of "plain"
_REFUSED = const(31)  # raw calls of "plain": NOT_PERMITTED
_SCATTERING = const(32)  # requests for scattered frames, granted or not
_WORDS = const(33)  # in a frame
_QUARTER = const(34)
_TABLE = const(35)

# Words of STATE.
_IS_ENDING = const(0)
_HAS_ENDED = const(1)

_STAGE = const(50000)  # operations between two collections


def begin():
    """Make a system of the two regions. The one that the board has booted with is dropped."""
    for name in list(sys.modules):
        if name.startswith("physmem") and name != "physmem_board":
            del sys.modules[name]
    gc.collect()
    import physmem

    physmem.init(
        [
            ("sram", BASE, SHARED * FRAME, FRAME, "DMA FAST SHARED"),
            ("plain", BASE + SHARED * FRAME, (FRAMES - SHARED) * FRAME, FRAME, "EXTERNAL"),
        ],
        spin_lock=physmem_board.SPIN_LOCK,
    )
    physmem.boot_complete()
    return physmem


physmem = begin()
region = physmem.region("sram")
plain = physmem.region("plain")
calls = region.alloc, region.alloc_aligned, region.alloc_at, region.free
COUNTS = {
    "who": _WHO,
    "operations": _OPERATIONS,
    "overlaps": _OVERLAPS,
    "wrong": _WRONG,
    "out_of_memory": _OUT_OF_MEMORY,
    "taken": _TAKEN,
    "freed": _FREED,
    "calls": _CALLS,
    "owned": _OWNED,
    "resized": _RESIZED,
    "scattered": _SCATTERED,
    "freed_at": _FREED_AT,
    "in_plain": _IN_PLAIN,
    "refused": _REFUSED,
    "scattering": _SCATTERING,
}


def worker(who):
    table = array("I", [0] * _TABLE)
    table[_WHO] = who
    table[_SEED] = 7919 * who
    table[_BASE] = region.base
    table[_WORDS] = FRAME // 4
    table[_QUARTER] = QUARTER
    return table


CORE_0, CORE_1, INTERRUPT = TABLES = worker(1), worker(2), worker(3)
OWNERS = {1: [None] * 4, 2: [None] * 4}
DEFERRED = [None]
STATE = array("I", [0] * 2)


@micropython.viper
def stamp(table, first: int, n: int, mark: int):
    """Stamp frames that have been allocated."""
    t = ptr32(table)
    m = ptr32(t[_BASE])
    t[_TAKEN] += n
    words = t[_WORDS]
    i = first * words
    end = i + n * words
    while i < end:
        if m[i]:
            t[_OVERLAPS] += 1
        m[i] = mark
        i += words


@micropython.viper
def unstamp(table, first: int, n: int, mark: int):
    """Check and clear the stamps of frames that are about to be freed."""
    t = ptr32(table)
    m = ptr32(t[_BASE])
    t[_FREED] += n
    words = t[_WORDS]
    i = first * words
    end = i + n * words
    while i < end:
        if m[i] != mark:
            t[_OVERLAPS] += 1
        m[i] = 0
        i += words


@micropython.viper
def random(table) -> int:
    t = ptr32(table)
    t[_SEED] = (t[_SEED] * 1664525 + 1013904223) & 0x3FFFFFFF
    return t[_SEED]


@micropython.viper
def raw(raw_calls, table, operations: int):
    """Make raw calls of all kinds.

    The code of `stamp` and `unstamp` is repeated here: calling them would take as long as the raw calls.
    """
    alloc = raw_calls[0]
    alloc_aligned = raw_calls[1]
    alloc_at = raw_calls[2]
    free = raw_calls[3]
    t = ptr32(table)
    m = ptr32(t[_BASE])
    words = t[_WORDS]
    quarter = t[_QUARTER]
    while operations and t[_OVERLAPS] + t[_WRONG] == 0:
        operations -= 1
        t[_OPERATIONS] += 1
        x = (t[_SEED] * 1664525 + 1013904223) & 0x3FFFFFFF
        t[_SEED] = x
        slot = _SLOTS + 2 * (x >> 27 & 7)
        mark = t[_WHO] << 8 | slot
        n = t[slot + 1]
        if n:
            first = t[slot]
            t[slot + 1] = 0
            t[_FREED] += n
            i = first * words
            end = i + n * words
            while i < end:
                if m[i] != mark:
                    t[_OVERLAPS] += 1
                m[i] = 0
                i += words
            if int(free(first)) != n:
                t[_WRONG] += 1
            continue
        n = 1 + (x >> 20 & (quarter >> 2) - 1)
        if x >> 22 & 7 == 0:
            n = 1 + (x >> 17 & 2 * quarter - 1)
        kind = x >> 14 & 7
        if kind < 5:
            first = int(alloc(n))
        elif kind < 7:
            align = 1 << (x >> 12 & 3)
            first = int(alloc_aligned(n, align))
            if first > 0 and first & align - 1:
                t[_WRONG] += 1
        else:
            at = x >> 8 & quarter - 1
            first = int(alloc_at(at, n))
            if first >= 0 and first != at:
                t[_WRONG] += 1
        if first >= 0:
            t[slot] = first
            t[slot + 1] = n
            t[_TAKEN] += n
            i = first * words
            end = i + n * words
            while i < end:
                if m[i]:
                    t[_OVERLAPS] += 1
                m[i] = mark
                i += words
        elif first == -1 and kind < 7:
            t[_OUT_OF_MEMORY] += 1
        elif first != -7 or kind < 7:
            t[_WRONG] += 1


@micropython.viper
def found() -> bool:
    """Return whether something is wrong. Then all stop: on a broken bitmap calls can write anywhere. Uses no heap."""
    t = ptr32(CORE_0)
    findings = t[_OVERLAPS] | t[_WRONG]
    t = ptr32(CORE_1)
    findings |= t[_OVERLAPS] | t[_WRONG]
    t = ptr32(INTERRUPT)
    findings |= t[_OVERLAPS] | t[_WRONG]
    return findings != 0


def place(frames):
    """Return the number of the first frame, counted from the base of "sram"."""
    return frames.first + (SHARED if frames.region is plain else 0)


def allocate(table, x, constrained):
    """Return an AllocatedFrames. Raise MemoryError if there is no room."""
    kind = x >> 14 & 7
    n = 1 + (x >> 20 & 3)
    target = plain if x >> 18 & 1 else region
    if kind < 2:
        return physmem.allocate_frames(n, region=target)
    if kind < 4:
        ring = physmem.dma_ring(FRAME << (x >> 20 & 3))
        if ring.addr & (ring.nbytes - 1):
            table[_WRONG] += 1
        return ring
    if kind < 6:
        frames, action = physmem.allocate_frames_deferred(n, region=target)
        action.commit()
        return frames
    if not constrained:
        return physmem.allocate_frames_by_bytes(n * FRAME - 1, region=target, owner="two cores")
    low, high = QUARTER // 2, SHARED
    frames = physmem.allocate_frames(
        n, boundary=4 * FRAME, low=BASE + low * FRAME, high=BASE + high * FRAME, region=region
    )
    if frames.first < low or frames.first + n > high or frames.first & 3 > 4 - n:
        table[_WRONG] += 1
    return frames


def scatter(table, x, mark):
    """Allocate frames in several pieces and free them. They are stamped meanwhile."""
    n = 2 + (x >> 20 & 7)
    table[_SCATTERING] += 1
    try:
        pieces = physmem.allocate_scattered(n, region=plain if x >> 18 & 1 else region)
    except MemoryError:
        return  # there are not so many, or the other workers took them: no search need have failed
    for frames in pieces:
        stamp(table, place(frames), frames.count, mark)
        n -= frames.count
    if n:
        table[_WRONG] += 1
    for frames in pieces:
        free(table, frames, mark)
    table[_SCATTERED] += 1


def resize(table, frames, n, mark):
    """Make `frames` `n` frames, or leave them if those behind are in use."""
    count = frames.count
    if n < count:
        unstamp(table, place(frames) + n, count - n, mark)
    try:
        frames.resize(n)
    except MemoryError:
        if n < count or frames.count != count:
            table[_WRONG] += 1
        return
    if n > count:
        stamp(table, place(frames) + count, n - count, mark)
    if frames.count != n:
        table[_WRONG] += 1
    table[_RESIZED] += 1


def free(table, frames, mark):
    count = frames.count
    unstamp(table, place(frames), count, mark)
    try:
        if frames.free() != count:
            table[_WRONG] += 1
    except physmem.PhysMemError:  # InternalCorruption: the allocation has another number of frames
        table[_WRONG] += 1


def free_at(table, frames, mark):
    """Free by the address. The owner forgets its frames."""
    count = frames.count
    unstamp(table, place(frames), count, mark)
    try:
        if physmem.free_at(frames.addr) != count:
            table[_WRONG] += 1
    except physmem.PhysMemError:
        table[_WRONG] += 1
    table[_FREED_AT] += 1


def owned(table, operations, constrained):
    """Do operations of all kinds on AllocatedFrames."""
    owners = OWNERS[table[_WHO]]
    while operations > 0 and not found():
        x = random(table)
        i = x >> 27 & 3
        mark = table[_WHO] << 8 | i
        frames = owners[i]
        operations -= 1
        table[_OPERATIONS] += 1
        table[_OWNED] += 1
        if frames is None:
            if x >> 24 & 7 == 0:
                scatter(table, x, 0x80 | mark)
                continue
            try:
                frames = allocate(table, x, constrained)
            except MemoryError:
                table[_OUT_OF_MEMORY] += 1
                continue
            stamp(table, place(frames), frames.count, mark)
            if frames.region is plain:
                table[_IN_PLAIN] += 1
            owners[i] = frames
        elif x >> 24 & 3 == 0:
            resize(table, frames, 1 + (x >> 20 & 3), mark)
        elif frames.count == 1 or x >> 22 & 1:
            owners[i] = None
            if x >> 24 & 3 == 1:
                free_at(table, frames, mark)
            else:
                free(table, frames, mark)
        else:
            low, high = frames.split_at(1)
            if x >> 23 & 1:
                owners[i] = low.merge(high)
            else:
                owners[i] = high
                free(table, low, mark)
            operations -= 1
            table[_OPERATIONS] += 1
            table[_OWNED] += 1


def interrupt(channel):
    """Work in the hard handler, without using the heap."""
    if found():
        return
    raw(calls, INTERRUPT, 8)
    if plain.alloc(1) == physmem.NOT_PERMITTED:
        INTERRUPT[_REFUSED] += 1
    else:
        INTERRUPT[_WRONG] += 1
    INTERRUPT[_CALLS] += 1
    if INTERRUPT[_CALLS] & 7 == 0:
        INTERRUPT[_OPERATIONS] += 1
        INTERRUPT[_OWNED] += 1
        frames = DEFERRED[0]
        if frames is None:
            try:
                frames, _ = physmem.allocate_frames_deferred(2, region=region)
            except MemoryError:
                INTERRUPT[_OUT_OF_MEMORY] += 1
            if frames:
                stamp(INTERRUPT, place(frames), 2, 0x3FF)
                DEFERRED[0] = frames
        else:
            DEFERRED[0] = None
            free(INTERRUPT, frames, 0x3FF)
    channel.active(1)


def start_interrupt():
    """Call `interrupt` every 16,384 cycles, by a DMA channel that moves a word at the pace of a DMA timer.

    The timer's register is X << 16 | Y (RP2040 datasheet 2.5.7, RP2350 datasheet 12.6.10: TIMER0).

    Return the channel and the word. Keep the word: DMA writes to its address, and rp2.DMA holds no reference to it.
    """
    machine.mem32[physmem_board.DMA_TIMER0] = 1 << 16 | 16384
    channel = rp2.DMA()
    word = array("I", [0, 0])
    # MicroPython 1.25 has the RP2040's places for what these two are by default, on the RP2350 too.
    own = {"chain_to": channel.channel, "ring_size": 0}
    control = channel.pack_ctrl(size=2, inc_read=False, inc_write=False, treq_sel=59, irq_quiet=False, **own)
    channel.config(read=word, write=memoryview(word)[1:], count=1, ctrl=control)
    channel.irq(interrupt, hard=True)
    channel.active(1)
    return channel, word


def work(table, constrained):
    if not found():
        raw(calls, table, 500)
        owned(table, 5, constrained)


def core_1(constrained):
    while not STATE[_IS_ENDING]:
        work(CORE_1, constrained)
    STATE[_HAS_ENDED] = 1


def stage(operations, constrained):
    """Let the two cores work until that many operations are done, then end the thread."""
    STATE[_IS_ENDING] = STATE[_HAS_ENDED] = 0
    _thread.start_new_thread(core_1, (constrained,))
    while done() < operations and not found():
        work(CORE_0, constrained)
    STATE[_IS_ENDING] = 1
    while not STATE[_HAS_ENDED]:
        pass
    time.sleep_ms(2)  # until MicroPython itself has ended the thread


def give_back():
    for table in TABLES:
        for slot in range(_SLOTS, _SLOTS + 16, 2):
            if table[slot + 1]:
                unstamp(table, table[slot], table[slot + 1], table[_WHO] << 8 | slot)
                if region.free(table[slot]) != table[slot + 1]:
                    table[_WRONG] += 1
                table[slot + 1] = 0
    for table in (CORE_0, CORE_1):
        owners = OWNERS[table[_WHO]]
        for i in range(len(owners)):
            if owners[i]:
                free(table, owners[i], table[_WHO] << 8 | i)
                owners[i] = None
    if DEFERRED[0]:
        free(INTERRUPT, DEFERRED[0], 0x3FF)
        DEFERRED[0] = None


def done():
    return CORE_0[_OPERATIONS] + CORE_1[_OPERATIONS] + INTERRUPT[_OPERATIONS]


def run(operations, constrained, is_locked=True):
    """Let the three workers work until that many operations are done, free everything, and print the result."""
    if not is_locked:
        from physmem_state import STATE_LOCK

        region._state[STATE_LOCK] = 1  # masks interrupts, and does not keep the other core out
    physmem.on_exhausted(None)
    gc.collect()
    gc.disable()
    failed = region.failed + plain.failed
    for target in (region, plain):
        for frame in range(target.frames):
            machine.mem32[target.addr(frame)] = 0
    for table in TABLES:
        for i in COUNTS.values():
            if i != _WHO:
                table[i] = 0
    least_heap = gc.mem_free()
    begin = time.ticks_ms()
    _thread.stack_size(8192)
    channel, word = start_interrupt()
    while done() < operations and not found():
        stage(min(done() + _STAGE, operations), constrained)
        least_heap = min(least_heap, gc.mem_free())
        gc.collect()
    channel.active(0)
    channel.irq(None)
    channel.close()
    del word
    milliseconds = time.ticks_diff(time.ticks_ms(), begin)
    if not found():
        give_back()
    gc.enable()
    result = {
        "workers": [{name: table[i] for name, i in COUNTS.items()} for table in TABLES],
        "free": region.free_frames + plain.free_frames,
        "failed": region.failed + plain.failed - failed,
        "check": physmem.check(),
        "least_heap": least_heap,
        "milliseconds": milliseconds,
    }
    print(json.dumps(result))
