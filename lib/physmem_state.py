"""Make, check and recover the state of a region, in plain Python, where speed does not matter.

This module is loaded when it is needed, and `boot` drops it afterwards: what must stay is in physmem_engine.
physmem_engine defines the words of a state and numbers the invariants. It searches and changes what is made here.
"""

import sys
from array import array

import physmem_engine as engine
from micropython import const
from uctypes import addressof

# The words of a state, and the number of classes.
(
    STATE_FRAMES,
    STATE_FREE,
    STATE_FEWEST_FREE,
    STATE_FAILED,
    STATE_PHASE,
    STATE_VERSION,
    STATE_PLANES,
    STATE_LOCK,
    STATE_TOPS,
    STATE_SPAN,
    STATE_ROW,
    CLASSES,
) = engine.LAYOUT

_TWO_CORES = ("rp2",)  # platforms whose chips all have two cores
_REFUSES_HANDLERS = const(2)  # in the lock word of regions that are not shared


def use_spin_lock(register):
    """Make regions from now on use the spin lock at the address `register` to keep the other core out; 0 on a chip with
    one core, where only shared regions have a lock.

    Reading the register takes the lock, and returns 0 while it is taken. Writing to it gives the lock back. That is
    done here once, because a reset may have ended a core that had the lock.
    """
    if register:
        engine.free_spin_lock(register)
    engine.lock_word[0] = register | 1


def has_spin_lock():
    """Return whether regions have a spin lock, that is, whether the chip has two cores."""
    return engine.lock_word[0] != 1


def spin_lock():
    """Return the address of the spin lock that regions made from now on use; 0 if they have none."""
    return engine.lock_word[0] ^ 1


def lacks_spin_lock():
    """Return whether the chip has two cores, but no spin lock was named that keeps one of them out."""
    return engine.lock_word[0] == 1 and sys.platform in _TWO_CORES


def new_state(frames, first_number, shared=False):
    """Return the state of a region of `frames` frames, all free.

    Allocates heap: 2 bits a frame, 3/16 of a bit a frame for the planes, rounded up to words and to groups of 1,024
    frames, and 68 bytes. `first_number` is the number of the region's first frame: its address divided by the frame
    size. It decides which frames are aligned; only its lower 30 bits count.
    """
    row = STATE_ROW
    words = (frames + 31) >> 5
    groups = (words + 31) >> 5
    span = 0
    while groups > (32 << span):
        span += 1
    groups = -(-groups >> span) << span
    planes = row + 2 * (words + 1)
    # An array made from a range has its full length at once; a bytearray of zeros would take the heap twice.
    state = array("I", range(planes + CLASSES * groups))
    for i in range(len(state)):
        state[i] = 0
    state[STATE_FRAMES] = frames
    state[STATE_PHASE] = first_number & 0x3FFFFFFF
    state[STATE_PLANES] = planes
    state[STATE_SPAN] = span
    lock_word = engine.lock_word[0]
    if shared or lock_word != 1:
        state[STATE_LOCK] = lock_word if shared else lock_word | _REFUSES_HANDLERS
    for i in range(frames >> 5):
        state[row + i] = 0xFFFFFFFF
    if frames & 31:
        state[row + (frames >> 5)] = (1 << (frames & 31)) - 1
    state[starts_of(state) + (frames >> 5)] = 1 << (frames & 31)
    rebuild(state)
    state[STATE_FEWEST_FREE] = frames
    return state


def starts_of(state):
    """Return the offset of the row of starts, in words."""
    return (STATE_ROW + state[STATE_PLANES]) >> 1


def extended_state(state, frames):
    """Return a state of `frames` frames, more than `state` has, that keeps its rows and its history. Allocates heap."""
    row = STATE_ROW
    shared = state[STATE_LOCK] & (1 | _REFUSES_HANDLERS) == 1
    extended = new_state(frames, state[STATE_PHASE], shared)
    old_starts, starts = starts_of(state), starts_of(extended)
    old_frames = state[STATE_FRAMES]
    for frame in range(old_frames):
        word, bit = frame >> 5, 1 << (frame & 31)
        if not state[row + word] & bit:
            extended[row + word] ^= bit
        if state[old_starts + word] & bit:
            extended[starts + word] ^= bit
    extended[STATE_FEWEST_FREE] = state[STATE_FEWEST_FREE] + frames - old_frames
    extended[STATE_FAILED] = state[STATE_FAILED]
    rebuild(extended)
    return extended


def empty(state):
    """Empty `state`, so that nothing in it can be allocated or freed: no frame is free, and none is a start."""
    frames = state[STATE_FRAMES]
    for i in range(STATE_ROW, state[STATE_PLANES]):
        state[i] = 0
    state[starts_of(state) + (frames >> 5)] = 1 << (frames & 31)
    rebuild(state)


def rebuild(state):
    """Rebuild all words of `state` that derive from its two rows.

    The fewest free frames ever, the count of failed allocations and the version are history: the first is lowered if it
    exceeds the number of free frames, the others stay.
    """
    for i in range(state[STATE_PLANES], len(state)):
        state[i] = 0
    for i in range(STATE_TOPS, STATE_TOPS + CLASSES):
        state[i] = 0
    address = addressof(state)
    engine.reclass(address, 0, (state[STATE_FRAMES] - 1) >> 5)
    state[STATE_FREE] = free = engine.count_free(address)
    if state[STATE_FEWEST_FREE] > free:
        state[STATE_FEWEST_FREE] = free


def recover(state):
    """Bring `state` to what it was before or after the call that was under way when the power failed. Return the number
    of frames that this freed.

    An incomplete allocation is undone; a release that had started is completed. A start that is free (invariant 1)
    shows that such a call was under way. It is removed, and its frames become free: those in use that follow a free
    frame and are not a start (invariant 2). All derived words are rebuilt. A state that `empty` has emptied stays
    empty: no call leaves the first frame in use and not a start.
    """
    row = STATE_ROW
    starts = starts_of(state)
    orphans = 0
    before = 0
    for frame in range(state[STATE_FRAMES]):
        word, bit = frame >> 5, 1 << (frame & 31)
        free = state[row + word] & bit
        if state[starts + word] & bit:
            if free:
                state[starts + word] ^= bit
        elif before and not free:
            free = bit
            state[row + word] ^= bit
            orphans += 1
        before = free
    rebuild(state)
    return orphans


def check(state):
    """Return a list of sentences, each with the number in physmem_engine of the broken invariant; empty if all hold.

    Reads frame by frame, without the engine's functions. Allocates heap.
    """
    frames, planes = state[STATE_FRAMES], state[STATE_PLANES]
    span = state[STATE_SPAN]
    row, classes = STATE_ROW, CLASSES
    words = (frames + 31) >> 5
    starts = row + words + 1
    groups = (words + 31) >> 5
    groups += -groups & ((1 << span) - 1)
    if planes != starts + words + 1 or len(state) != planes + classes * groups:
        return ["state: the layout does not fit %d frames" % frames]
    return _check_rows(state, frames, row, starts, words) + _check_classes(state, row, words, planes, groups, span)


def _check_rows(state, frames, row, starts, words):
    """Return what is wrong with the two rows and the counts: invariants 1 to 4."""
    wrong = []
    free_frames = 0
    before = 1
    # Half a word is a small integer everywhere.
    for half in range(2 * words + 2):
        free_bits = (state[row + (half >> 1)] >> (16 * (half & 1))) & 0xFFFF
        start_bits = (state[starts + (half >> 1)] >> (16 * (half & 1))) & 0xFFFF
        for frame in range(16 * half, 16 * half + 16):
            free = free_bits & 1
            start = start_bits & 1
            free_bits >>= 1
            start_bits >>= 1
            if frame >= frames:
                if free or start != (frame == frames):
                    wrong.append("invariant 3: bit %d past the last of %d frames is wrong" % (frame, frames))
                continue
            if free and start:
                wrong.append("invariant 1: frame %d is free and the start of an allocation" % frame)
            if before and not free and not start:
                wrong.append("invariant 2: frame %d is in use and belongs to no allocation" % frame)
            before = free
            free_frames += free
    counted, fewest = state[STATE_FREE], state[STATE_FEWEST_FREE]
    if free_frames != counted:
        wrong.append("invariant 4: %d frames are counted free, %d are" % (counted, free_frames))
    if fewest > counted:
        wrong.append("invariant 4: %d frames are free, fewer than the fewest, %d" % (counted, fewest))
    return wrong


def _check_classes(state, row, words, planes, groups, span):
    """Return what is wrong with the planes and the tops: invariants 5 and 6."""
    wrong = []
    classes = CLASSES
    tops = [0] * classes
    run = 0  # free frames from the current one on
    for word in range(32 * groups - 1, -1, -1):
        longest = 0
        for half in (1, 0):
            free_bits = (state[row + word] >> (16 * half)) & 0xFFFF if word < words else 0
            if not free_bits:  # also past the last word of the row
                run = 0
                continue
            for _ in range(16):
                run = run + 1 if free_bits & 0x8000 else 0
                free_bits <<= 1
                if run > longest:
                    longest = run
        for i in range(classes):
            is_in = longest >= 1 << i
            tops[i] |= is_in << (word >> 5 >> span)
            if (state[planes + classes * (word >> 5) + i] >> (word & 31)) & 1 != is_in:
                wrong.append("invariant 5: word %d has runs of %d frames: %s" % (word, 1 << i, is_in))
    for i in range(classes):
        if tops[i] != state[STATE_TOPS + i]:
            wrong.append("invariant 6: the top for runs of %d frames does not name their groups" % (1 << i))
    return wrong
