"""Bit arithmetic of one region: find, claim, release, measure, check.

A region of ``frames`` frames is one preallocated ``array('I')``, its *state*, that lies outside of the memory it
describes. Nothing here touches the managed memory, allocates heap (`new_state`, `raw_calls` and `check` excepted) or
raises for a request that cannot be met.

Words of a state, with W = ceil(frames / 32) and G = ceil(W / 32):

====================  ==========  ==========================================================================
word                  count       meaning
====================  ==========  ==========================================================================
0                     8           frames, free frames, fewest free frames ever, failed allocations, phase,
                                  classes in use, span, offset of the row of starts
8                     6           tops: word ``8 + c - 1``, bit j: a word of class c is in groups j << span ...
14                    8           32 bytes: position of the bit that a de Bruijn product isolates
22                    W + 1       row of free frames, one bit each, and a word of zeros
22 + W + 1            W + 1       row of starts: an allocation begins at this frame; bit ``frames`` is always set
22 + 2 * (W + 1)      3 * G       planes: bit i of the three words of group g spell the class of word 32 * g + i
====================  ==========  ==========================================================================

The *class* of a word of the row of free frames says how long the longest run of free frames is that begins in it and
may reach into the next word: 0 none, 1 one frame, 2 two or three, 3 four to seven, 4 eight to 15, 5 16 to 31, 6 32 or
more. It is all that a search for a power of two up to 32 needs, so that such a search costs the same in a region of 64
frames and in one of 32,768; above that a top bit stands for several groups (span).

The two rows are the truth; all other words derive from them and `rebuild` makes them anew.

Invariants (`check` names the one that is broken):

1. A frame is never both free and a start.
2. The first frame that is not free, and the first after a free one, is a start: each frame in use has one owner.
3. No bit past the last frame is set, except the start at ``frames`` that ends every measurement.
4. The count of free frames is the number of free bits, and was never less than the fewest.
5. The planes hold the class of each word.
6. Tops and classes in use say exactly which classes occur, and in which groups.

The code is viper's subset of Python and gives the same results with words of 32 bits (boards), 64 bits (unix port) and
Python integers (CPython): a left shift is always cut by ``&`` with a loaded word or by a store, a right shift of a
loaded word is always one of ``uint``.
"""

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
_CLASSES = const(5)
_SPAN = const(6)
_STARTS = const(7)
_TOPS = const(8)
_TABLE = const(14)
_ROW = const(22)
_BEFORE_ROW = const(21)  # last word of the table: its bit 31 is clear, as a frame in use before the first would be
_TABLE_BYTE = const(56)
_DE_BRUIJN = const(0x077CB531)

_CLASS_32 = const(6)
_SMALL_INT_BITS = const(30)

# An object, no constant: viper compares objects with objects. ``n >> _small_int_bits`` is 0 for no negative number and
# for none that is not small, which a conversion to a machine word would cut short in silence.
_small_int_bits = _SMALL_INT_BITS


def new_state(frames, first_number):
    """Return the state of a region of `frames` frames, all free. Allocates heap: 2 bits a frame, 3/32 of a bit a frame
    for the planes, each rounded up to words, and 96 bytes.

    `first_number` is the number of the region's first frame: its address divided by the frame size. It settles what
    *aligned* means; only its lower 30 bits count.
    """
    words = (frames + 31) >> 5
    groups = (words + 31) >> 5
    # Of a range, as an array of its length is made at once; zeros of a bytearray would need the heap twice.
    state = array("I", range(_ROW + 2 * (words + 1) + 3 * groups))
    for i in range(len(state)):
        state[i] = 0
    span = 0
    while groups > (32 << span):
        span += 1
    state[_FRAMES] = frames
    state[_PHASE] = first_number & ((1 << _SMALL_INT_BITS) - 1)
    state[_SPAN] = span
    starts = state[_STARTS] = _ROW + words + 1
    table = [0] * 32
    for position in range(32):
        table[(_DE_BRUIJN << position & 0xFFFFFFFF) >> 27] = position
    for i in range(8):
        state[_TABLE + i] = table[4 * i] | table[4 * i + 1] << 8 | table[4 * i + 2] << 16 | table[4 * i + 3] << 24
    for i in range(frames >> 5):
        state[_ROW + i] = 0xFFFFFFFF
    if frames & 31:
        state[_ROW + (frames >> 5)] = (1 << (frames & 31)) - 1
    state[starts + (frames >> 5)] = 1 << (frames & 31)
    rebuild(state)
    state[_FEWEST_FREE] = frames
    return state


def extended_state(state, frames):
    """Return a state with the rows and the history of `state` and more frames, `frames` in all. Allocates heap."""
    extended = new_state(frames, state[_PHASE])
    old_starts, starts = state[_STARTS], extended[_STARTS]
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
    frames, starts = state[_FRAMES], state[_STARTS]
    for i in range(_ROW, _ROW + 2 * (starts - _ROW)):
        state[i] = 0
    state[starts + (frames >> 5)] = 1 << (frames & 31)
    rebuild(state)


def rebuild(state):
    """Make all derived words of `state` anew from its two rows. The fewest free frames ever and the count of failed
    allocations are history, not derived: the first is only lowered to the number of free frames."""
    starts = state[_STARTS]
    words = starts - _ROW - 1
    for i in range(2 * starts - _ROW, len(state)):
        state[i] = 0
    for i in range(_TOPS, _TABLE):
        state[i] = 0
    state[_CLASSES] = 0
    address = addressof(state)
    _reclass(address, 0, words - 1)
    state[_FREE] = free = _count_free(address)
    if state[_FEWEST_FREE] > free:
        state[_FEWEST_FREE] = free


def raw_calls(state):
    """Return the functions ``alloc, alloc_aligned, alloc_at, free`` of the region that `state` describes.

    Each takes a fixed number of small integers and answers one. Guaranteed: no heap, no exception for any small
    integer, the state unchanged by a call that answers a negative code (but for the count of failed allocations), the
    state alive as long as one of them is. Excluded: a value that is no integer (TypeError), and an integer outside the
    small ones under a locked heap (MemoryError); both leave the state unchanged as well.
    """
    # Names of this function, not of the module: a viper function that looks up a global pays for a handler of
    # exceptions at every call. No more than five with the arguments: the call of a closure takes heap for more. The
    # address is faster than the array; the array is passed along wherever it costs nothing that counts, as what a
    # closure names is what it keeps alive.
    address = addressof(state)
    small = _small_int_bits
    anywhere, aligned, at, release = _allocate, _allocate_aligned, _allocate_at, _release

    @micropython.viper
    def alloc(n) -> int:
        if n >> small:
            return ALLOCATION_TOO_LARGE
        m = int(n)
        p = int(address)
        s = ptr32(p)
        if m == 0:
            return ZERO_ALLOCATION
        if m > 32:
            return int(anywhere(address, m, -1, state))
        k = 0
        while (1 << k) < m:
            k += 1
        # The smallest class that surely has m: what leaves the larger runs whole.
        x = s[_CLASSES] >> k
        if x == 0:
            if m == 1 << k or not s[_CLASSES] >> (k - 1):
                # No run is long enough.
                if m > s[_FRAMES]:
                    return ALLOCATION_TOO_LARGE
                s[_FAILED] += 1
                return OUT_OF_MEMORY
            return int(anywhere(address, m, -1, state))
        while not x & 1:
            x >>= 1
            k += 1
        # The first word of class k + 1, by its group.
        t = ptr8(p + _TABLE_BYTE)
        x = s[_TOPS + k]
        g = t[(x & (0 - x)) * _DE_BRUIJN >> 27 & 31] << s[_SPAN]
        i = 2 * s[_STARTS] - _ROW + 3 * g
        a = ((k + 1) & 1) - 1
        b = ((k + 1) >> 1 & 1) - 1
        c = ((k + 1) >> 2) - 1
        while True:
            x = (s[i] ^ a) & (s[i + 1] ^ b) & (s[i + 2] ^ c)
            if x:
                break
            i += 3
            g += 1
        w = (g << 5) + t[(x & (0 - x)) * _DE_BRUIJN >> 27 & 31]
        # The first run in it that is long enough: x keeps the frames that have m free ones from there on.
        c = s[_ROW + w]
        x = c
        a = s[_ROW + 1 + w]
        y = a
        i = m
        while i > 1:
            h = i >> 1
            x &= uint(x) >> h | y << (32 - h)
            y &= uint(y) >> h
            i -= h
        b = t[(x & (0 - x)) * _DE_BRUIJN >> 27 & 31]
        g = (w << 5) + b
        if b + m <= 32 and not (b == 0 and uint(s[_BEFORE_ROW + w]) >> 31):
            # No other word changes. Does this one keep its class?
            c &= (((1 << m) - 1) << b) ^ -1
            x = c
            h = 1
            while k:
                x &= uint(x) >> h | a << (32 - h)
                a &= uint(a) >> h
                h += h
                k -= 1
            if x:
                i = s[_STARTS] + w
                s[i] |= 1 << b
                s[_ROW + w] = c
                i = s[_FREE] - m
                s[_FREE] = i
                if i < s[_FEWEST_FREE]:
                    s[_FEWEST_FREE] = i
                return g
        return int(anywhere(address, m, g, state))

    @micropython.viper
    def alloc_aligned(n, align) -> int:
        return int(aligned(address, n, align, state))

    @micropython.viper
    def alloc_at(frame, n) -> int:
        return int(at(address, frame, n, state))

    @micropython.viper
    def free(frame) -> int:
        if frame >> small:
            return ADDRESS_OUT_OF_RANGE
        f = int(frame)
        p = int(address)
        s = ptr32(p)
        if f >= s[_FRAMES]:
            return ADDRESS_OUT_OF_RANGE
        w = f >> 5
        b = f & 31
        i = s[_STARTS]
        y = s[i + w]
        if not uint(y) >> b & 1:
            return NOT_ALLOCATED
        x = s[_ROW + w]
        h = (1 << b) - 1
        # What ends the allocation in this word: the next free frame or the next start.
        a = int(uint(x | y) >> b) >> 1
        if a and not (x & h == h and uint(s[_BEFORE_ROW + w]) >> 31):
            # No other word changes. Does this one keep its class?
            t = ptr8(p + _TABLE_BYTE)
            m = 1 + t[(a & (0 - a)) * _DE_BRUIJN >> 27 & 31]
            x |= ((1 << m) - 1) << b
            a = x
            p = 2 * i - _ROW + 3 * (w >> 5)
            h = w & 31
            k = int(uint(s[p]) >> h & 1 | (uint(s[p + 1]) >> h & 1) << 1 | (uint(s[p + 2]) >> h & 1) << 2)
            if k == _CLASS_32:
                a = 0
            else:
                p = s[_ROW + 1 + w]
                h = 1
                while k:
                    a &= uint(a) >> h | p << (32 - h)
                    p &= uint(p) >> h
                    h += h
                    k -= 1
            if a == 0:
                s[_ROW + w] = x
                s[i + w] = y ^ (1 << b)
                s[_FREE] += m
                return m
        return int(release(address, f, state))

    return alloc, alloc_aligned, alloc_at, free


# The raw calls' longer ways. Their last argument is not used: see `raw_calls`.


@micropython.viper
def _allocate(address, n: int, frame: int, state) -> int:
    """Allocate `n` frames from `frame` on, which are free; anywhere if `frame` is negative."""
    s = ptr32(address)
    if frame < 0:
        return int(allocate_within(address, n, 1, 0, 0, s[_FRAMES]))
    _flip(address, frame, n)
    return frame


@micropython.viper
def _allocate_aligned(address, n, align, state) -> int:
    """Allocate `n` frames at a multiple of `align` frames."""
    if n >> _small_int_bits:
        return ALLOCATION_TOO_LARGE
    if align >> _small_int_bits:
        return UNALIGNED_ADDRESS
    m = int(n)
    a = int(align)
    if m == 0:
        return ZERO_ALLOCATION
    if a == 0 or a & (a - 1):
        return UNALIGNED_ADDRESS
    s = ptr32(address)
    return int(allocate_within(address, m, a, 0, 0, s[_FRAMES]))


@micropython.viper
def _allocate_at(address, frame, n, state) -> int:
    """Allocate the `n` frames from `frame` on."""
    if n >> _small_int_bits:
        return ALLOCATION_TOO_LARGE
    if frame >> _small_int_bits:
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
    if int(next_used(address, f)) < f + m:
        return ADDRESS_NOT_FREE
    _flip(address, f, m)
    return f


@micropython.viper
def _release(address, frame: int, state) -> int:
    """Free the allocation that begins with `frame`."""
    n = int(count(address, frame))
    _flip(address, frame, n)
    return n


@micropython.viper
def allocate_within(address, n: int, align: int, boundary: int, low: int, high: int) -> int:
    """Allocate the frames that `search` finds and return the first; count the failure if there are none."""
    s = ptr32(address)
    if n > s[_FRAMES]:
        return ALLOCATION_TOO_LARGE
    frame = int(search(address, n, align, boundary, low, high))
    if frame < 0:
        s[_FAILED] += 1
        return OUT_OF_MEMORY
    _flip(address, frame, n)
    return frame


@micropython.viper
def search(address, n: int, align: int, boundary: int, low: int, high: int) -> int:
    """Return the lowest frame in [`low`, `high` - `n`] with `n` free frames from there on, or OUT_OF_MEMORY.

    The frame's number is a multiple of `align`, and the `n` frames do not cross a multiple of `boundary`; both are
    powers of two in frames, and `boundary` is at least `n`, or 0 for none. 1 <= `n`, 0 <= `low`, `high` <= frames.
    Reads each word of the row at most twice.
    """
    s = ptr32(address)
    t = ptr8(int(address) + _TABLE_BYTE)
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
    i = s[_STARTS] + w
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
    """Bring classes, tops and classes in use up to date for the words `first` to `last` of the row."""
    s = ptr32(address)
    planes = 2 * s[_STARTS] - _ROW
    w = first
    while w <= last:
        x = s[_ROW + w]
        y = s[_ROW + 1 + w]
        new = 0
        h = 1
        while x:
            new += 1
            if new == _CLASS_32:
                break
            x &= uint(x) >> h | y << (32 - h)
            y &= uint(y) >> h
            h += h
        b = w & 31
        g = w >> 5
        i = planes + 3 * g
        old = int(uint(s[i]) >> b & 1 | (uint(s[i + 1]) >> b & 1) << 1 | (uint(s[i + 2]) >> b & 1) << 2)
        if old != new:
            x = old ^ new
            s[i] ^= (x & 1) << b
            s[i + 1] ^= (x >> 1 & 1) << b
            s[i + 2] ^= (x >> 2) << b
            span = s[_SPAN]
            g >>= span
            if new:
                s[_TOPS - 1 + new] |= 1 << g
                s[_CLASSES] |= 1 << (new - 1)
            if old:
                # Is there another word of the old class behind the same top bit?
                i = planes + 3 * (g << span)
                h = i + (3 << span)
                if h > planes + 3 * (s[_STARTS] - _ROW - 1 + 31 >> 5):
                    h = planes + 3 * (s[_STARTS] - _ROW - 1 + 31 >> 5)
                y = 0
                while i < h:
                    y |= (s[i] ^ (old & 1) - 1) & (s[i + 1] ^ (old >> 1 & 1) - 1) & (s[i + 2] ^ (old >> 2) - 1)
                    i += 3
                if y == 0:
                    x = s[_TOPS - 1 + old] & (1 << g ^ -1)
                    s[_TOPS - 1 + old] = x
                    if x == 0:
                        s[_CLASSES] &= 1 << (old - 1) ^ -1
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
    t = ptr8(int(address) + _TABLE_BYTE)
    return frame + t[int(x & (0 - x)) * _DE_BRUIJN >> 27 & 31]


@micropython.viper
def count(address, frame: int) -> int:
    """Return how many frames the allocation has that begins with `frame`, one of the region's; 0 if none does."""
    s = ptr32(address)
    i = s[_STARTS]
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
    t = ptr8(int(address) + _TABLE_BYTE)
    return n + t[int(x & (0 - x)) * _DE_BRUIJN >> 27 & 31]


@micropython.viper
def flip_start(address, frame: int):
    """Split the allocation that `frame` lies in before it, or join the one that begins with it to the one before.
    Both are the caller's to be sure of: `frame` is in use, and to join, so is the frame before."""
    s = ptr32(address)
    i = s[_STARTS] + (frame >> 5)
    h = s[i] ^ (1 << (frame & 31))
    s[i] = h


@micropython.viper
def _count_free(address) -> int:
    """Return the number of free bits."""
    s = ptr32(address)
    last = s[_STARTS] - 1
    n = 0
    w = _ROW
    while w < last:
        x = s[w]
        while x:
            x &= x - 1
            n += 1
        w += 1
    return n


def largest_free(state, align):
    """Return the largest n for which `align`-aligned allocation of n frames would succeed; `align` as in `search`."""
    address = addressof(state)
    low, high = 0, state[_FREE]
    while low < high:
        middle = (low + high + 1) >> 1
        if search(address, middle, align, 0, 0, state[_FRAMES]) < 0:
            high = middle - 1
        else:
            low = middle
    return low


def check(state):
    """Return a list of sentences, one for each broken invariant found; empty if all hold. Reads frame by frame, without
    the functions above. Allocates heap."""
    frames, starts = state[_FRAMES], state[_STARTS]
    words = (frames + 31) >> 5
    groups = (words + 31) >> 5
    planes = starts + words + 1
    if starts != _ROW + words + 1 or len(state) != planes + 3 * groups:
        return ["state: the layout does not fit %d frames" % frames]
    wrong = []
    free_frames = 0
    before = 1
    for frame in range(32 * words + 32):
        free = state[_ROW + (frame >> 5)] >> (frame & 31) & 1
        start = state[starts + (frame >> 5)] >> (frame & 31) & 1
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
    tops = [0] * 7
    for word in range(words):
        longest = run = 0
        for frame in range(32 * word, 32 * word + 64):
            free = frame < 32 * words and state[_ROW + (frame >> 5)] >> (frame & 31) & 1
            run = run + 1 if free and (run or frame < 32 * word + 32) else 0
            longest = max(longest, run)
        length_class = 0
        while length_class < _CLASS_32 and 1 << length_class <= longest:
            length_class += 1
        plane = planes + 3 * (word >> 5)
        kept = 0
        for i in range(3):
            kept |= (state[plane + i] >> (word & 31) & 1) << i
        if kept != length_class:
            wrong.append("invariant 5: word %d is of class %d, not %d" % (word, length_class, kept))
        tops[length_class] |= 1 << (word >> 5 >> state[_SPAN])
    classes = 0
    for length_class in range(1, 7):
        classes |= bool(tops[length_class]) << (length_class - 1)
        if tops[length_class] != state[_TOPS + length_class - 1]:
            wrong.append("invariant 6: the top of class %d does not name its groups" % length_class)
    if classes != state[_CLASSES]:
        wrong.append("invariant 6: classes in use are %d, not %d" % (classes, state[_CLASSES]))
    return wrong
