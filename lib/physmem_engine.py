"""Bit arithmetic of one region: find, allocate, release, measure, check, recover; and the words of records that
survive resets.

A region of ``frames`` frames is one preallocated ``array('I')``, its *state*, that lies outside of the memory it
describes. Nothing here touches the managed memory, allocates heap (`new_state`, `raw_calls` and `check` excepted) or
raises for a request that cannot be met. A request fails only if no place for it exists; else it gets the one with the
lowest address (address-ordered first fit: docs/placement.md says why).

Words of a state, with W = ceil(frames / 32), span as small as 32 << span groups of 32 words suffice, and
G = ceil(W / 32), rounded up to a multiple of 1 << span:

====================  ==========  ==========================================================================
word                  count       meaning
====================  ==========  ==========================================================================
0                     7           frames, free frames, fewest free frames ever, failed allocations, phase,
                                  version, offset of the planes in words
7                     1           lock: 0 if the region is not shared; else bit 0, and the address of the
                                  hardware spin lock that keeps the other core out, 0 if there is none
8                     6           tops: word ``8 + c - 1``, bit j: in the groups j << span to
                                  ((j + 1) << span) - 1 is a word of class c or above
14                    1           span; bit 31 is clear, as a frame in use before the first would be
15                    W + 1       row of free frames, one bit each, and a word of zeros
15 + W + 1            W + 1       row of starts: an allocation begins at this frame; bit ``frames`` is always set
15 + 2 * (W + 1)      6 * G       planes: bit i of word c - 1 of the six of group g: word 32 * g + i is of class c
                                  or above
====================  ==========  ==========================================================================

The *class* of a word of the row of free frames says how long the longest run of free frames is that begins in it and
may reach into the next word: 0 none, 1 one frame, 2 two or three, 3 four to seven, 4 eight to 15, 5 16 to 31, 6 32 or
more. It is all that a search for a power of two up to 32 needs, so that such a search costs the same in a region of 64
frames and in one of 32,768; above that a top bit stands for several groups (span).

The two rows are the truth; all other words derive from them and `rebuild` makes them anew. Stores are ordered so that
`recover` finds the rows of before or after a call, wherever between two stores the call ended.

Invariants (`check` names the one that is broken):

1. A frame is never both free and a start.
2. The first frame that is not free, and the first after a free one, is a start: each frame in use has one owner.
3. No bit past the last frame is set, except the start at ``frames`` that ends every measurement.
4. The count of free frames is the number of free bits, and was never less than the fewest.
5. The planes hold the class of each word.
6. The tops say exactly which classes occur, and in which groups.

A shared region's state is changed in a critical section of physmem_thumb alone: interrupts are masked, and the other
core is kept out if there is one, while the bits of one allocation change. Searching is done outside of it: `version`
counts the sections that have ended, so that a search that found nothing, or whose place is gone, knows whether the map
has changed meanwhile. Only then it is repeated, in a section of its own, so that whoever comes more often than a search
takes cannot keep it from ever coming to an end.

The functions `serve`, `count_failure`, `flip_start`, `hold`, `let_go` and `in_interrupt` exist twice: here in viper's
subset of Python, which gives the same results with words of 32 bits (boards), 64 bits (unix port) and Python integers
(CPython), and for ARM, equal word for word, in physmem_thumb. In viper a left shift is cut by ``&`` with a loaded word
or by a store, a right shift of a loaded word is always one of ``uint``. There are no interrupts and no second core
where the viper ones run: they take no lock.
"""

import sys
from array import array

import micropython
from micropython import const
from uctypes import addressof

try:  # CPython: the casts that viper has built in
    from micropython import ptr8, ptr32, uint
except ImportError:
    pass

# What the raw calls answer instead of a frame or a number of frames.
OUT_OF_MEMORY = const(-1)
ZERO_ALLOCATION = const(-2)
ALLOCATION_TOO_LARGE = const(-3)
UNALIGNED_ADDRESS = const(-4)
ADDRESS_OUT_OF_RANGE = const(-5)
NOT_ALLOCATED = const(-6)
ADDRESS_NOT_FREE = const(-7)

STATE_FREE = const(1)
STATE_FEWEST_FREE = const(2)
STATE_FAILED = const(3)
_FRAMES = const(0)
_FREE = const(STATE_FREE)
_FEWEST_FREE = const(STATE_FEWEST_FREE)
_FAILED = const(STATE_FAILED)
_PHASE = const(4)
_VERSION = const(5)
_PLANES = const(6)
_LOCK = const(7)
_TOPS = const(8)
_SPAN = const(14)
_ROW = const(15)
_BEFORE_ROW = const(_SPAN)

_CLASSES = const(6)
_SMALL_INT_BITS = const(30)
_LARGEST_VERSION = const((1 << 30) - 1)
_NAME = const(7)  # first word of the name in a record

# ``_DE_BRUIJN << i`` has a value of its own in its top five bits for each i: this table names the i.
_DE_BRUIJN = const(0x077CB531)
_POSITIONS = (
    b"\x00\x01\x1c\x02\x1d\x0e\x18\x03\x1e\x16\x14\x0f\x19\x11\x04\x08"
    b"\x1f\x1b\x0d\x17\x15\x13\x10\x07\x1a\x0c\x12\x06\x0b\x05\x0a\x09"
)

# The CRC-32 of each four bits, lowest bit first.
_CRC_OF_FOUR_BITS = array("I", range(16))
for _i in range(16):
    _crc = _i
    for _ in range(4):
        _crc = _crc >> 1 ^ (0xEDB88320 if _crc & 1 else 0)
    _CRC_OF_FOUR_BITS[_i] = _crc


def new_state(frames, first_number, shared=False):
    """Return the state of a region of `frames` frames, all free. Allocates heap: 2 bits a frame, 3/16 of a bit a frame
    for the planes, rounded up to words and to groups of 1,024 frames, and 68 bytes.

    `first_number` is the number of the region's first frame: its address divided by the frame size. It settles what
    *aligned* means; only its lower 30 bits count.
    """
    words = (frames + 31) >> 5
    groups = (words + 31) >> 5
    span = 0
    while groups > (32 << span):
        span += 1
    groups = -(-groups >> span) << span
    # Of a range, as an array of its length is made at once; zeros of a bytearray would need the heap twice.
    state = array("I", range(_ROW + 2 * (words + 1) + _CLASSES * groups))
    for i in range(len(state)):
        state[i] = 0
    state[_FRAMES] = frames
    state[_PHASE] = first_number & ((1 << _SMALL_INT_BITS) - 1)
    state[_PLANES] = _ROW + 2 * (words + 1)
    state[_SPAN] = span
    state[_LOCK] = _lock_word if shared else 0
    for i in range(frames >> 5):
        state[_ROW + i] = 0xFFFFFFFF
    if frames & 31:
        state[_ROW + (frames >> 5)] = (1 << (frames & 31)) - 1
    state[_starts(state) + (frames >> 5)] = 1 << (frames & 31)
    rebuild(state)
    state[_FEWEST_FREE] = frames
    return state


def _starts(state):
    """Offset of the row of starts in words."""
    return (_ROW + state[_PLANES]) >> 1


def extended_state(state, frames):
    """Return a state with the rows and the history of `state` and more frames, `frames` in all. Allocates heap."""
    extended = new_state(frames, state[_PHASE], state[_LOCK] != 0)
    old_starts, starts = _starts(state), _starts(extended)
    old_frames = state[_FRAMES]
    for frame in range(old_frames):
        word, bit = frame >> 5, 1 << (frame & 31)
        if not state[_ROW + word] & bit:
            extended[_ROW + word] ^= bit
        if state[old_starts + word] & bit:
            extended[starts + word] ^= bit
    extended[_FEWEST_FREE] = state[_FEWEST_FREE] + frames - old_frames
    extended[_FAILED] = state[_FAILED]
    rebuild(extended)
    return extended


def empty(state):
    """Leave nothing in `state` that could be allocated or freed: no frame is free, none is a start."""
    frames = state[_FRAMES]
    for i in range(_ROW, state[_PLANES]):
        state[i] = 0
    state[_starts(state) + (frames >> 5)] = 1 << (frames & 31)
    rebuild(state)


def rebuild(state):
    """Make all derived words of `state` anew from its two rows. The fewest free frames ever, the count of failed
    allocations and the version are history, not derived: the first is only lowered to the number of free frames."""
    for i in range(state[_PLANES], len(state)):
        state[i] = 0
    for i in range(_TOPS, _TOPS + _CLASSES):
        state[i] = 0
    address = addressof(state)
    _reclass(address, 0, (state[_FRAMES] - 1) >> 5)
    state[_FREE] = free = _count_free(address)
    if state[_FEWEST_FREE] > free:
        state[_FEWEST_FREE] = free


def recover(state):
    """Bring `state` to what it was before or after the call that was under way when the power failed: an allocation
    that was not complete is undone, a release that had begun is completed. Returns the number of frames that became
    free again by it.

    A start that is free (invariant 1) says that such a call was under way; then it goes, and the frames in use that
    follow a free frame without being a start (invariant 2) are its frames. All derived words are made anew. A state
    that `empty` has emptied stays empty: no call leaves the first frame in use without being a start.
    """
    frames = state[_FRAMES]
    starts = _starts(state)
    orphans = 0
    before = 0
    for frame in range(frames):
        word, bit = frame >> 5, 1 << (frame & 31)
        free = state[_ROW + word] & bit
        if state[starts + word] & bit:
            if free:
                state[starts + word] ^= bit
        elif before and not free:
            free = bit
            state[_ROW + word] ^= bit
            orphans += 1
        before = free
    rebuild(state)
    return orphans


def raw_calls(state):
    """Return the functions ``alloc, alloc_aligned, alloc_at, free`` of the region that `state` describes.

    Each takes a fixed number of small integers and answers one. Guaranteed: no heap, no exception for any small
    integer, the state unchanged by a call that answers a negative code (but for the counted failures and versions), the
    state alive as long as one of them is. Excluded: a value that is no integer (TypeError), and an integer outside the
    small ones under a locked heap (MemoryError); both leave the state unchanged as well.
    """
    # What the inner functions use are names of this function, not of the module: a viper function that looks up a
    # global pays for a handler of exceptions at every call. No more than five with the arguments: the call of a closure
    # takes heap for more. The address is faster to pass than the array; the array is named wherever that costs nothing,
    # as what a closure names is what it keeps alive. Viper compares objects with objects only, so that the 30 is a name
    # as well: ``n >> small`` is 0 for no negative number and for none that is not small, which the conversion to a
    # machine word would cut short in silence.
    address = addressof(state)
    small = _SMALL_INT_BITS
    serve_call, aligned, at = _serve, _allocate_aligned, _allocate_at

    @micropython.viper
    def too_large() -> int:
        _ = state
        return ALLOCATION_TOO_LARGE

    @micropython.viper
    def alloc(n):
        if n >> small:
            return too_large()
        return serve_call(address, n, -1)

    @micropython.viper
    def alloc_aligned(n, align) -> int:
        _ = state
        return int(aligned(address, n, align))

    @micropython.viper
    def alloc_at(frame, n) -> int:
        _ = state
        return int(at(address, frame, n))

    @micropython.viper
    def out_of_range() -> int:
        _ = state
        return ADDRESS_OUT_OF_RANGE

    @micropython.viper
    def free(frame):
        if frame >> small:
            return out_of_range()
        return serve_call(address, frame, 0)

    return alloc, alloc_aligned, alloc_at, free


def _longer_ways(serve_call, small):
    """Return what `alloc_aligned` and `alloc_at` of all regions call: see `raw_calls`."""

    @micropython.viper
    def allocate_aligned(address, n, align) -> int:
        """Allocate `n` frames at a multiple of `align` frames."""
        if n >> small:
            return ALLOCATION_TOO_LARGE
        if align >> small:
            return UNALIGNED_ADDRESS
        m = int(n)
        a = int(align)
        if m == 0:
            return ZERO_ALLOCATION
        if a == 0 or a & (a - 1):
            return UNALIGNED_ADDRESS
        return int(serve_call(address, m, 0 - a))

    @micropython.viper
    def allocate_at(address, frame, n) -> int:
        """Allocate the `n` frames from `frame` on."""
        if n >> small:
            return ALLOCATION_TOO_LARGE
        if frame >> small:
            return ADDRESS_OUT_OF_RANGE
        f = int(frame)
        m = int(n)
        s = ptr32(address)
        if m == 0:
            return ZERO_ALLOCATION
        if m > s[_FRAMES]:
            return ALLOCATION_TOO_LARGE
        if f + m > s[_FRAMES]:
            return ADDRESS_OUT_OF_RANGE
        return int(serve_call(address, f, m))

    return allocate_aligned, allocate_at


@micropython.viper
def allocate_within(address, n: int, align: int, boundary: int, low: int, high: int) -> int:
    """Allocate the frames that `search_within` finds and return the first; count the failure if there are none."""
    s = ptr32(address)
    if n > s[_FRAMES]:
        return ALLOCATION_TOO_LARGE
    version = s[_VERSION]
    frame = int(search_within(address, n, align, boundary, low, high))
    frame = int(_count_failure(address, version)) if frame < 0 else int(_serve(address, frame, n))
    if frame == ADDRESS_NOT_FREE:
        # The map has changed under the search: the next one is not to be disturbed.
        held = int(_hold(address))
        frame = int(search_within(address, n, align, boundary, low, high))
        frame = int(count_failure(address, 0)) if frame < 0 else int(serve(address, frame, n))
        s[_VERSION] = (s[_VERSION] + 1) & _LARGEST_VERSION
        _let_go(address, held)
    return frame


@micropython.viper
def enter(address, turn, who: int):
    """Take the turn, two words at `turn` that begin as zeros, for `who`, who may have it several times over; wait while
    somebody else has it. `address` is that of any shared state. Nothing interrupts between the taking and the return:
    Ctrl-C is noticed by the interpreter, which is not asked here."""
    t = ptr32(turn)
    entered = 0
    while not entered:
        held = int(_hold(address))
        if t[0] == 0 or t[0] == who:
            t[0] = who
            t[1] += 1
            entered = 1
        _let_go(address, held)


@micropython.viper
def leave(address, turn):
    """Give the turn back, once for each time that it was taken."""
    t = ptr32(turn)
    held = int(_hold(address))
    t[1] -= 1
    if t[1] == 0:
        t[0] = 0
    _let_go(address, held)


# What physmem_thumb has as well.


@micropython.viper
def serve(address, what: int, how: int) -> int:
    """Allocate or release, and return what the raw calls do.

    `how` < 0: allocate `what` frames anywhere, at a multiple of -`how` frames, a power of two; count the failure if
    there are none. `how` = 0: release the allocation that begins with the frame `what`. `how` > 0: allocate the `how`
    frames from the frame `what` on, which are all the region's. `what` >= 0, and >= 1 if `how` < -1.
    """
    s = ptr32(address)
    if how == 0:
        if what >= s[_FRAMES]:
            return ADDRESS_OUT_OF_RANGE
        how = int(count(address, what))
        if how == 0:
            return NOT_ALLOCATED
        _flip(address, what, how)
        return how
    if how > 0:
        if int(next_used(address, what)) < what + how:
            return ADDRESS_NOT_FREE
        _flip(address, what, how)
        return what
    if what == 0:
        return ZERO_ALLOCATION
    if what > s[_FRAMES]:
        return ALLOCATION_TOO_LARGE
    if what <= 32 and how == 0 - 1:
        frame = int(_lowest(address, what))
    else:
        frame = int(search_within(address, what, 0 - how, 0, 0, s[_FRAMES]))
    if frame < 0:
        s[_FAILED] += 1
    else:
        _flip(address, frame, what)
    return frame


@micropython.viper
def count_failure(address, version: int) -> int:
    """Count a failed allocation and return OUT_OF_MEMORY; but return ADDRESS_NOT_FREE if the map may have changed since
    its version was `version`."""
    s = ptr32(address)
    s[_FAILED] += 1
    return OUT_OF_MEMORY


@micropython.viper
def hold(address) -> int:
    """Take the lock of a shared region, for longer than one call: in between, only functions that take none are called.
    Return what `let_go` is to be given."""
    return 0


@micropython.viper
def let_go(address, held: int):
    """Give back the lock that `hold` has taken."""


@micropython.viper
def in_interrupt() -> int:
    """Return whether this runs in an interrupt handler: 0, or the number of its exception."""
    return 0


@micropython.viper
def flip_start(address, frame: int):
    """Split the allocation that `frame` lies in before it, or join the one that begins with it to the one before.
    Both are the caller's to be sure of: `frame` is in use, and to join, so is the frame before."""
    s = ptr32(address)
    i = (_ROW + s[_PLANES] >> 1) + (frame >> 5)
    h = s[i] ^ (1 << (frame & 31))
    s[i] = h


@micropython.viper
def _lowest(address, n: int) -> int:
    """Return the lowest frame with `n` free frames from there on, or OUT_OF_MEMORY; 1 <= `n` <= 32. Looks only at words
    of the class of `n` or above; for a power of two the first of them has the frames."""
    s = ptr32(address)
    t = ptr8(_POSITIONS)
    c = 0
    while n >> c + 1:
        c += 1
    x = s[_TOPS + c]
    if x:
        g = t[(x & 0 - x) * _DE_BRUIJN >> 27 & 31] << s[_SPAN]
        plane = s[_PLANES] + _CLASSES * g + c
        w = g << 5
        while w << 5 < s[_FRAMES]:
            words = s[plane]
            while words:
                i = w + t[(words & 0 - words) * _DE_BRUIJN >> 27 & 31]
                words &= words - 1
                # x keeps the frames that have n free ones from there on.
                x = s[_ROW + i]
                y = s[_ROW + 1 + i]
                left = n
                while left > 1:
                    h = left >> 1
                    x &= uint(x) >> h | y << 32 - h
                    y &= uint(y) >> h
                    left -= h
                if x:
                    return (i << 5) + t[(x & 0 - x) * _DE_BRUIJN >> 27 & 31]
            w += 32
            plane += _CLASSES
    return OUT_OF_MEMORY


@micropython.viper
def search_within(address, n: int, align: int, boundary: int, low: int, high: int) -> int:
    """Return the lowest frame in [`low`, `high` - `n`] with `n` free frames from there on, or OUT_OF_MEMORY.

    The frame's number is a multiple of `align`, and the `n` frames do not cross a multiple of `boundary`; both are
    powers of two in frames, and `boundary` is at least `n`, or 0 for none. 1 <= `n`, 0 <= `low`, `high` <= frames.
    Reads each word of the row at most twice.
    """
    s = ptr32(address)
    t = ptr8(_POSITIONS)
    phase = s[_PHASE]
    w = low >> 5
    last = high - 1 >> 5
    start = low  # all frames from here to the word in hand are free
    pattern = 0  # the frames of a word that are aligned
    if align <= 32:
        pattern = 1 << (0 - phase & align - 1)
        h = align
        while h < 32:
            pattern |= pattern << h
            h += h
    while w <= last:
        x = s[_ROW + w]
        if w == low >> 5:
            x &= 0 - 1 << (low & 31)
        if w == high >> 5:
            x &= (1 << (high & 31)) - 1
        if n > 32:
            # The run that reaches this word from below ends at its first frame in use.
            one = 1
            y = x ^ (one << 32) - 1
            h = 32
            if y:
                h = t[(y & (0 - y)) * _DE_BRUIJN >> 27 & 31]
            end = (w << 5) + h
            frame = (start + phase + align - 1 & 0 - align) - phase
            if boundary:
                h = frame + phase & boundary - 1
                if h + n > boundary:
                    frame += boundary - h
            if frame + n <= end:
                return frame
            if y:
                # The next run begins after the last frame in use.
                y |= uint(y) >> 1
                y |= uint(y) >> 2
                y |= uint(y) >> 4
                y |= uint(y) >> 8
                y |= uint(y) >> 16
                y = y + 1 & (one << 32) - 1
                start = (w << 5) + 32
                if y:
                    start = (w << 5) + t[y * _DE_BRUIJN >> 27 & 31]
        elif x:
            y = s[_ROW + 1 + w]
            if high <= (w << 5) + 32:
                y = 0
            elif w + 1 == high >> 5:
                y &= (1 << (high & 31)) - 1
            i = n
            while i > 1:
                h = i >> 1
                x &= uint(x) >> h | y << 32 - h
                y &= uint(y) >> h
                i -= h
            if pattern:
                x &= pattern
            else:
                h = 0 - phase - (w << 5) & align - 1
                if h > 31:
                    x = 0
                else:
                    x &= 1 << h
            while x:
                h = t[(x & (0 - x)) * _DE_BRUIJN >> 27 & 31]
                frame = (w << 5) + h
                if not boundary:
                    return frame
                i = frame + phase & boundary - 1
                if i + n <= boundary:
                    return frame
                h += boundary - i
                if h > 31:
                    break
                x &= 0 - 1 << h
        w += 1
    return OUT_OF_MEMORY


@micropython.viper
def _flip(address, frame: int, n: int):
    """Make an allocation of the `n` free frames from `frame` on, or end the allocation of these `n` frames.

    The start is the first store of an allocation and the last of a release, and the word that it lies in changes next
    to it: a start that is free (invariant 1) says that what is in use up to the next start was on its way.
    """
    s = ptr32(address)
    w = frame >> 5
    b = frame & 31
    h = (1 << b) - 1
    first = w
    if s[_ROW + w] & h == h and uint(s[_BEFORE_ROW + w]) >> 31:
        first -= 1  # a run begins in the word before and reaches into this one
    begin = _ROW + w
    i = (_ROW + s[_PLANES] >> 1) + w
    start = s[i] ^ (1 << b)
    taken = uint(start) >> b & 1
    h = 32 - b
    if h > n:
        h = n
    x = s[begin] ^ ((1 << h) - 1) << b
    if taken:
        s[i] = start
    else:
        s[begin] = x
    left = n - h
    while left > 0:
        w += 1
        h = left
        if h > 32:
            h = 32
        s[_ROW + w] ^= (1 << h) - 1
        left -= h
    if taken:
        s[begin] = x
        i = s[_FREE] - n
        s[_FREE] = i
        if i < s[_FEWEST_FREE]:
            s[_FEWEST_FREE] = i
    else:
        s[i] = start
        s[_FREE] += n
    _reclass(address, first, w)


@micropython.viper
def _reclass(address, first: int, last: int):
    """Bring planes and tops up to date for the words `first` to `last` of the row."""
    s = ptr32(address)
    span = s[_SPAN]
    w = first
    while w <= last:
        x = s[_ROW + w]
        y = s[_ROW + 1 + w]
        g = w >> 5
        bit = 1 << (w & 31)
        i = s[_PLANES] + _CLASSES * g
        top = _TOPS
        h = 1
        while top < _TOPS + _CLASSES:
            # x: where runs of h frames begin. Is the word of this class or above?
            if x:
                s[i] |= bit
                s[top] |= 1 << (g >> span)
            elif s[i] & bit:
                s[i] &= bit ^ -1
                # Is there another word of this class behind the same top bit?
                j = i - _CLASSES * (g & (1 << span) - 1)
                k = j + (_CLASSES << span)
                others = 0
                while j < k:
                    others |= s[j]
                    j += _CLASSES
                if others == 0:
                    s[top] &= (1 << (g >> span)) ^ -1
            else:
                break
            x &= uint(x) >> h | y << 32 - h
            y &= uint(y) >> h
            h += h
            i += 1
            top += 1
        w += 1


@micropython.viper
def frame_of(addr, base, shift: int) -> int:
    """Return ``(addr - base) >> shift``, a small integer, without heap, also where the addresses are none."""
    return int(uint(int(addr) - int(base)) >> shift)


@micropython.viper
def offset_in_frame(addr, frame_size: int) -> int:
    """Return ``addr & (frame_size - 1)`` without heap, also where the address is no small integer."""
    return int(addr) & (frame_size - 1)


@micropython.viper
def next_used(address, frame: int) -> int:
    """Return the first frame from `frame` on that is not free; the number of frames if there is none."""
    s = ptr32(address)
    one = 1
    w = frame >> 5
    x = uint(s[_ROW + w] ^ (one << 32) - 1) >> (frame & 31)
    if not x:
        frame &= 31 ^ -1
        while not x:
            frame += 32
            w += 1
            x = uint(s[_ROW + w] ^ (one << 32) - 1)
    t = ptr8(_POSITIONS)
    return frame + t[int(x & (0 - x)) * _DE_BRUIJN >> 27 & 31]


@micropython.viper
def count(address, frame: int) -> int:
    """Return how many frames the allocation has that begins with `frame`, one of the region's; 0 if none does."""
    s = ptr32(address)
    i = _ROW + s[_PLANES] >> 1
    w = frame >> 5
    b = frame & 31
    x = uint(s[i + w]) >> b
    if not x & uint(1):
        return 0
    # The next free frame or the next start, at the latest the one past the last frame, ends it.
    x = (x | uint(s[_ROW + w]) >> b) >> 1
    n = 1
    if not x:
        n = 32 - b
        while True:
            w += 1
            x = uint(s[i + w] | s[_ROW + w])
            if x:
                break
            n += 32
    t = ptr8(_POSITIONS)
    return n + t[int(x & (0 - x)) * _DE_BRUIJN >> 27 & 31]


@micropython.viper
def _count_free(address) -> int:
    """Return the number of free bits."""
    s = ptr32(address)
    n = 0
    w = _ROW
    while w < _ROW + s[_PLANES] >> 1:
        x = s[w]
        while x:
            x &= x - 1
            n += 1
        w += 1
    return n


def largest_free(state, align):
    """Return the largest n for which allocation of n frames at a multiple of `align` frames would succeed."""
    address = addressof(state)
    low, high = 0, state[_FREE]
    while low < high:
        middle = (low + high + 1) >> 1
        if search_within(address, middle, align, 0, 0, state[_FRAMES]) < 0:
            high = middle - 1
        else:
            low = middle
    return low


# Records that survive resets: see physmem_retained, which says what the words mean. None of these functions uses heap,
# all words that they take or answer have 30 bits at most, and an address is of bytes, a multiple of 4.


@micropython.viper
def load_word(address, i: int) -> int:
    """Return the lower 30 bits of the word `i` at `address`."""
    return ptr32(address)[i] & 0x3FFFFFFF


@micropython.viper
def store_word(address, i: int, value: int):
    """Store `value` in the word `i` at `address`: one store, done or not."""
    s = ptr32(address)
    s[i] = value


@micropython.viper
def find_record(address, first: int, end: int, i: int, other, n: int) -> int:
    """Return the first of the records `first` to `end` - 1 at `address`, of 16 words each, whose `n` words from the
    word `i` on are those at `other`; -1 if there is none."""
    s = ptr32(address)
    t = ptr32(other)
    while first < end:
        begin = (first << 4) + i
        k = 0
        while k < n and s[begin + k] == t[k]:
            k += 1
        if k == n:
            return first
        first += 1
    return 0 - 1


@micropython.viper
def put_text(address, n: int, text, length: int) -> int:
    """Put the `length` bytes of `text` into the `n` words at `address`, with zeros behind; return 1, or 0 and leave the
    words as they are if one of the bytes is not ASCII."""
    s = ptr32(address)
    t = ptr8(text)
    i = 0
    while i < length:
        if t[i] & 0x80:
            return 0
        i += 1
    i = 0
    word = 0
    while i < n << 2:
        if i < length:
            word |= t[i] << ((i & 3) << 3)
        i += 1
        if i & 3 == 0:
            s[(i >> 2) - 1] = word
            word = 0
    return 1


@micropython.viper
def checksum(address, n: int, store: int) -> int:
    """Return 1 if the word behind the `n` words at `address` is their CRC-32 (IEEE 802.3, of the bytes in order of
    address), else 0; with `store` 1, make it so first. For 14 words it tells any four flipped bits or fewer."""
    s = ptr32(address)
    t = ptr32(_CRC_OF_FOUR_BITS)
    one = 1
    x = uint((one << 32) - 1)
    i = 0
    while i < n:
        x ^= uint(s[i])
        bits = 32
        while bits:
            x = x >> 4 ^ uint(t[int(x & uint(15))])
            bits -= 4
        i += 1
    x ^= uint((one << 32) - 1)
    if store:
        s[n] = int(x)
    if uint(s[n]) == x:
        return 1
    return 0


@micropython.viper
def write_record(address, source, n: int):
    """Make the record at `address` of the `n` words at `source`: the first is not 0 and is stored last, what it
    replaces is made 0 first, and the last becomes the checksum of those between."""
    s = ptr32(address)
    t = ptr32(source)
    s[0] = 0
    i = 1
    while i < n - 1:
        s[i] = t[i]
        i += 1
    checksum(int(address) + 4, n - 2, 1)
    s[0] = t[0]


@micropython.viper
def find_name(address, first: int, end: int, scratch, text, length: int) -> int:
    """Return the first of the records `first` to `end` - 1 at `address` whose name is the `length` bytes of `text`; -1
    if there is none, -2 if the text is not ASCII. Works in the 8 words at `scratch`."""
    if int(put_text(scratch, 8, text, length)) == 0:
        return 0 - 2
    return int(find_record(address, first, end, _NAME, scratch, 8))


@micropython.viper
def add_record(
    address,
    end: int,
    draft,
    generation: int,
    number: int,
    number_high: int,
    count: int,
    slack: int,
    kind: int,
    text,
    length: int,
) -> int:
    """Write a record in place of the first of the `end` records at `address` that begins with 0, and return which it
    is; -1 if there is none. The 17 words at `draft` begin with the magic and end with 0; those between are worked in.

    One call, so that nothing that the scheduler runs comes between the search and the end of the writing.
    """
    d = ptr32(draft)
    place = int(find_record(address, 0, end, 0, int(draft) + 64, 1))
    if place < 0:
        return place
    d[1] = generation
    d[2] = number
    d[3] = number_high
    d[4] = count
    d[5] = slack
    d[6] = kind
    put_text(int(draft) + 4 * _NAME, 8, text, length)
    write_record(int(address) + (place << 6), draft, 16)
    return place


def check(state):
    """Return a list of sentences, one for each broken invariant found; empty if all hold. Reads frame by frame, without
    the functions above. Allocates heap."""
    frames, planes = state[_FRAMES], state[_PLANES]
    span = state[_SPAN]
    words = (frames + 31) >> 5
    starts = _ROW + words + 1
    groups = (words + 31) >> 5
    groups += -groups & ((1 << span) - 1)
    if planes != starts + words + 1 or len(state) != planes + _CLASSES * groups:
        return ["state: the layout does not fit %d frames" % frames]
    wrong = []
    free_frames = 0
    before = 1
    # Half a word at a time is a small integer everywhere.
    for half in range(2 * words + 2):
        free_bits = state[_ROW + (half >> 1)] >> 16 * (half & 1) & 0xFFFF
        start_bits = state[starts + (half >> 1)] >> 16 * (half & 1) & 0xFFFF
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
    if free_frames != state[_FREE]:
        wrong.append("invariant 4: %d frames are counted free, %d are" % (state[_FREE], free_frames))
    if state[_FEWEST_FREE] > state[_FREE]:
        wrong.append("invariant 4: %d frames are free, fewer than the fewest, %d" % (state[_FREE], state[_FEWEST_FREE]))
    tops = [0] * _CLASSES
    run = 0  # free frames from the one in hand on
    for word in range(32 * groups - 1, -1, -1):
        longest = 0
        for half in (1, 0):
            free_bits = state[_ROW + word] >> 16 * half & 0xFFFF if word < words else 0
            if not free_bits:  # as all of those that fill up a group
                run = 0
                continue
            for _ in range(16):
                run = run + 1 if free_bits & 0x8000 else 0
                free_bits <<= 1
                if run > longest:
                    longest = run
        for i in range(_CLASSES):
            is_in = longest >= 1 << i
            tops[i] |= is_in << (word >> 5 >> span)
            if state[planes + _CLASSES * (word >> 5) + i] >> (word & 31) & 1 != is_in:
                wrong.append("invariant 5: word %d has runs of %d frames: %s" % (word, 1 << i, is_in))
    for i in range(_CLASSES):
        if tops[i] != state[_TOPS + i]:
            wrong.append("invariant 6: the top for runs of %d frames does not name their groups" % (1 << i))
    return wrong


# The functions that the calls above use: those of physmem_thumb where the machine has Thumb code (the architecture of
# machine code that MicroPython accepts is armv6m to armv7emdp).
if 4 <= (getattr(sys.implementation, "_mpy", 0) >> 10 & 15) <= 8:
    from physmem_thumb import count_failure as _count_failure
    from physmem_thumb import flip_start as split_or_join
    from physmem_thumb import hold as _hold
    from physmem_thumb import in_interrupt as in_handler
    from physmem_thumb import let_go as _let_go
    from physmem_thumb import serve as _serve
else:
    _serve, _count_failure, split_or_join = serve, count_failure, flip_start
    _hold, _let_go, in_handler = hold, let_go, in_interrupt

_allocate_aligned, _allocate_at = _longer_ways(_serve, _SMALL_INT_BITS)

# On a chip with two cores the board's map names the hardware spin lock that keeps the other one out: the address of a
# register that reads as 0 while somebody has the lock, else takes it, and is free again when it is written to. A reset
# may have ended a core that had it.
try:
    from physmem_board import SPIN_LOCK
except ImportError:
    SPIN_LOCK = 0
else:
    store_word(SPIN_LOCK, 0, 1)
_lock_word = SPIN_LOCK | 1
