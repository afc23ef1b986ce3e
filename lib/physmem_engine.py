"""Search and change the bits of one region: the raw calls, in viper's subset of Python.

`physmem_state` makes, checks and recovers what is described here. One region of ``frames`` frames is one preallocated
``array('I')``, its *state*. It lies outside the memory that it describes. Nothing in this file touches the managed
memory, uses heap (except `raw_calls`, which makes them) or raises for a request that cannot be met. A request fails
only if no place for it exists. Otherwise it gets the place with the lowest address (address-ordered first fit;
docs/placement.md says why).

Words of a state, with W = ceil(frames / 32), span the smallest for which 32 << span groups of 32 words suffice, and
G = ceil(W / 32), rounded up to a multiple of 1 << span:

====================  ==========  ==========================================================================
word                  count       meaning
====================  ==========  ==========================================================================
0                     7           frames, free frames, fewest free frames ever, failed allocations, phase,
                                  version, offset of the planes in words
7                     1           lock: 0 if no call takes one; else bit 0, and the address of the hardware spin
                                  lock that keeps the other core out, 0 if there is none; with bit 1 the calls
                                  refuse interrupt handlers, as they do without a lock
8                     6           tops: word ``8 + c - 1``, bit j: a word of class c or above is in the groups
                                  j << span to ((j + 1) << span) - 1
14                    1           span; bit 31 is clear, as it is for a frame in use before the first frame
15                    W + 1       row of free frames, one bit each, and a word of zeros
15 + W + 1            W + 1       row of starts: an allocation starts at this frame; bit ``frames`` is always set
15 + 2 * (W + 1)      6 * G       planes: bit i of word c - 1 of the six of group g: word 32 * g + i is of class c
                                  or above
====================  ==========  ==========================================================================

The *class* of a word of the row of free frames states the length of the longest run of free frames that starts in the
word; the run may reach into the next word. Class 0 means none, 1 one frame, 2 two or three, 3 four to seven, 4 eight to
15, 5 16 to 31, 6 32 or more. A search for a power of two up to 32 needs nothing else, so it costs the same in
a region of 64 frames and in one of 32,768. Above that, one top bit stands for several groups (span).

The two rows are the truth. `physmem_state.rebuild` derives all other words from them. Stores are ordered so that
`physmem_state.recover` finds the rows of before or after a call, between whichever two stores the call ended.

Invariants (`physmem_state.check` names the one that is broken):

1. A frame is never both free and a start.
2. The first frame is a start if it is in use, and so is a frame in use behind a free one: each frame in use has one
   owner.
3. No bit past the last frame is set, except the start at ``frames`` that ends every measurement.
4. The count of free frames is the number of free bits, and was never less than the fewest.
5. The planes hold the class of each word.
6. The tops state exactly which classes occur, and in which groups.

Only a critical section of physmem_thumb changes a state that has a lock: that of a shared region, and of any region on
a chip with two cores. It masks interrupts, and keeps the other core out if there is one, while the bits of one
allocation change. Calls on a region that is not shared return NOT_PERMITTED in an interrupt handler, which may have
come in the middle of another call; what is wrong with their arguments they may report first. A search runs outside the
section. `version` counts the sections that have ended, so a search that found nothing, or whose place is gone, can tell
whether the bitmap has changed meanwhile. Only then is it repeated, with the lock held, so that a caller that interrupts
more often than one search takes cannot starve it.

The functions `serve`, `count_failure`, `flip_start`, `hold`, `let_go`, `in_interrupt` and `fill` exist twice: here in
viper's subset of Python, which gives the same results with words of 32 bits (boards), 64 bits (unix port) and Python
integers (CPython); and for ARM in physmem_thumb, with the same effect word for word. In viper, ``&`` with a loaded
word, or a store, truncates a left shift, and a right shift of a loaded word always needs a ``uint``. The viper ones
take no lock: they run where there is no second core and no interrupt, except for one that a test pretends: they ask
`in_handler`.

In this file `x` is a word of the row of free frames, or what is left of it, and `y` the word behind it. ``x &= (x >> k)
| (y << (32 - k))`` keeps the frames of `x` with k more free ones behind them. ``(bit * _DE_BRUIJN >> 27) & 31`` is the
index in `_POSITIONS` of the position of a single `bit`; calling a function for it would cost more than the search.
"""

import sys

import micropython
from micropython import const
from uctypes import addressof

try:  # CPython: the casts that viper has built in
    from micropython import ptr8, ptr32, uint
except ImportError:
    pass

# What the raw calls return instead of a frame or a number of frames.
OUT_OF_MEMORY = const(-1)
ZERO_ALLOCATION = const(-2)
ALLOCATION_TOO_LARGE = const(-3)
UNALIGNED_ADDRESS = const(-4)
ADDRESS_OUT_OF_RANGE = const(-5)
NOT_ALLOCATED = const(-6)
ADDRESS_NOT_FREE = const(-7)
NOT_PERMITTED = const(-8)

# The layout of a state, in words. These names take no heap, as they start with an underscore.
_STATE_FRAMES = const(0)
_STATE_FREE = const(1)
_STATE_FEWEST_FREE = const(2)
_STATE_FAILED = const(3)
_STATE_PHASE = const(4)
_STATE_VERSION = const(5)
_STATE_PLANES = const(6)
_STATE_LOCK = const(7)
_STATE_TOPS = const(8)
_STATE_SPAN = const(14)
_STATE_ROW = const(15)
_CLASSES = const(6)

# What physmem_state takes them from; the other files have those that they need as constants of their own, which a test
# compares. physmem_thumb has the layout that it was built with.
LAYOUT = (
    _STATE_FRAMES,
    _STATE_FREE,
    _STATE_FEWEST_FREE,
    _STATE_FAILED,
    _STATE_PHASE,
    _STATE_VERSION,
    _STATE_PLANES,
    _STATE_LOCK,
    _STATE_TOPS,
    _STATE_SPAN,
    _STATE_ROW,
    _CLASSES,
)

_BEFORE_ROW = const(_STATE_ROW - 1)
_LARGEST_SMALL = const((1 << 30) - 1)  # the largest small integer of a board
_LARGEST_VERSION = const((1 << 30) - 1)

# The top five bits of ``_DE_BRUIJN << i`` differ for each i: this table maps them to i.
_DE_BRUIJN = const(0x077CB531)
_POSITIONS = (
    b"\x00\x01\x1c\x02\x1d\x0e\x18\x03\x1e\x16\x14\x0f\x19\x11\x04\x08"
    b"\x1f\x1b\x0d\x17\x15\x13\x10\x07\x1a\x0c\x12\x06\x0b\x05\x0a\x09"
)


def _small_integer(value, name, type_of=type, integer=int):
    """Return `value` if it is a small integer and not negative, and -1 for all other integers; bools are integers.

    Raise a TypeError that calls it `name` for what is not an integer.
    """
    if type_of(value) is integer:
        return value if 0 <= value <= _LARGEST_SMALL else -1
    if value is True or value is False:
        return 1 if value else 0
    try:
        sentence = "%s must be an integer, not %s: give a number of frames" % (name, type_of(value).__name__)
    except MemoryError:
        sentence = "an argument is not an integer: give a number of frames"
    raise TypeError(sentence)


def _closures(serve_call, small_integer):
    """Return `closure_calls`."""
    # The inner functions use names of this function, not of the module: a viper function that looks up a global pays
    # for an exception handler at every call. Calling a closure takes heap if it has more than five names and arguments.
    # The address is faster to pass than the array. Each closure of a region names the array, because it keeps alive
    # only what it names.
    zero = 0
    largest = _LARGEST_SMALL

    @micropython.viper
    def checked(value, name) -> int:
        # As `small_integer`, but at once for what is an integer and no bool. `int` alone would cut a large one.
        if value.__class__ is largest.__class__:
            if value >= zero and value <= largest:
                return int(value)
            return 0 - 1
        return int(small_integer(value, name))

    @micropython.viper
    def aligned(address, n, align_frames) -> int:
        m = int(checked(n, "n"))
        a = int(checked(align_frames, "align_frames"))
        if m < 0:
            return ALLOCATION_TOO_LARGE
        if a < 0:
            return UNALIGNED_ADDRESS
        if m == 0:
            return ZERO_ALLOCATION
        if a == 0 or a & (a - 1):
            return UNALIGNED_ADDRESS
        return int(serve_call(address, m, 0 - a))

    @micropython.viper
    def at(address, frame, n) -> int:
        f = int(checked(frame, "frame"))
        m = int(checked(n, "n"))
        s = ptr32(address)
        if m < 0:
            return ALLOCATION_TOO_LARGE
        if f < 0:
            return ADDRESS_OUT_OF_RANGE
        if m == 0:
            return ZERO_ALLOCATION
        if m > s[_STATE_FRAMES]:
            return ALLOCATION_TOO_LARGE
        if f + m > s[_STATE_FRAMES]:
            return ADDRESS_OUT_OF_RANGE
        return int(serve_call(address, f, m))

    def closure_calls(state):
        """Return the functions ``alloc, alloc_aligned, alloc_at, free`` of the region that `state` describes.

        Each takes a fixed number of integers and returns one. Guaranteed: no heap; no exception for any integer; a call
        that returns a negative code leaves the state unchanged, except for the count of failures and the version; the
        state lives as long as one of the functions does. What is not an integer is a TypeError that names the argument,
        and leaves the state unchanged.
        """
        address = addressof(state)

        @micropython.viper
        def alloc(n) -> int:
            _ = state
            m = int(checked(n, "n"))
            if m < 0:
                return ALLOCATION_TOO_LARGE
            return int(serve_call(address, m, -1))

        @micropython.viper
        def alloc_aligned(n, align_frames):
            _ = state
            return aligned(address, n, align_frames)

        @micropython.viper
        def alloc_at(frame, n):
            _ = state
            return at(address, frame, n)

        @micropython.viper
        def free(frame) -> int:
            _ = state
            f = int(checked(frame, "frame"))
            if f < 0:
                return ADDRESS_OUT_OF_RANGE
            return int(serve_call(address, f, 0))

        return alloc, alloc_aligned, alloc_at, free

    return closure_calls


@micropython.viper
def allocate_within(address, n: int, align: int, boundary: int, low: int, high: int) -> int:
    """Allocate the frames that `search_within` finds and return the first; count the failure if there are none.

    The search runs without the lock, unless the bitmap changes meanwhile.
    """
    s = ptr32(address)
    if n > s[_STATE_FRAMES]:
        return ALLOCATION_TOO_LARGE
    if s[_STATE_LOCK] & 3 != 1 and int(in_handler()):
        return NOT_PERMITTED
    version = s[_STATE_VERSION]
    frame = int(search_within(address, n, align, boundary, low, high))
    lock = s[_STATE_LOCK]
    if lock == 0:
        return int(_count_failure(address, version)) if frame < 0 else int(serve_call(address, frame, n))
    _flip(address, 0, 0)  # if the stack has no room for it, raise now
    held = int(hold_lock(address))
    if s[_STATE_VERSION] != version:
        # The bitmap has changed under the search: what was found may be gone, and a lower place free.
        frame = int(search_within(address, n, align, boundary, low, high))
    if frame < 0:
        s[_STATE_FAILED] += 1
        frame = OUT_OF_MEMORY
    elif lock >> 2 == 0:
        # No other core. With interrupts masked, physmem_thumb takes the lock once more, and counts the version.
        frame = int(serve_call(address, frame, n))
        give_lock(address, held)
        return frame
    else:
        _flip(address, frame, n)
    s[_STATE_VERSION] = (s[_STATE_VERSION] + 1) & _LARGEST_VERSION
    give_lock(address, held)
    return frame


@micropython.viper
def resize_allocation(address, first: int, old: int, n: int) -> int:
    """Make the allocation of `old` frames that starts at the frame `first` one of `n` frames, in place. Return `n`.

    Return NOT_ALLOCATED if no allocation of `old` frames starts there; ADDRESS_OUT_OF_RANGE if the region ends sooner;
    ADDRESS_NOT_FREE if a frame that it would get is in use; ZERO_ALLOCATION, NOT_PERMITTED. `first`, `old` and `n` are
    small integers.

    One store makes the change: that of the first word with frames that change. Growing, it comes last. Until then the
    new frames behind it are in use behind a free one, and belong to nobody. Shrinking, it comes first. From then on
    the frames still to be freed are such. `physmem_state.recover` frees both.
    """
    s = ptr32(address)
    if s[_STATE_LOCK] & 3 != 1 and int(in_handler()):
        return NOT_PERMITTED
    if n < 1:
        return ZERO_ALLOCATION
    if first < 0 or first >= s[_STATE_FRAMES] or old < 1:
        return NOT_ALLOCATED
    begin = first + old
    end = first + n
    if n < old:
        begin = end
        end = first + old
    word = begin >> 5
    last = (end - 1) >> 5
    one = 1
    all_32 = (one << 32) - 1
    in_first = all_32 + 1 - (1 << (begin & 31))  # the frames that change in the first word, and in the last
    in_last = all_32
    if end & 31:
        in_last = (1 << (end & 31)) - 1
    if last == word:
        in_first &= in_last
    result = n
    reclass(address, 1, 0)  # if the stack has no room for it, raise now
    # Are the frames behind free? This is asked without the lock, and with it if the bitmap changes meanwhile.
    version = s[_STATE_VERSION]
    held = 0
    asked = 0
    while asked < 2:
        if asked == 1:
            held = int(hold_lock(address))
            if s[_STATE_VERSION] == version:
                break
        result = n
        if n > old:
            if first + n > s[_STATE_FRAMES]:
                result = ADDRESS_OUT_OF_RANGE
            elif s[_STATE_ROW + word] & in_first != in_first:
                result = ADDRESS_NOT_FREE
            elif last > word:
                w = _STATE_ROW + word + 1
                end = _STATE_ROW + last
                if s[end] & in_last != in_last:
                    result = ADDRESS_NOT_FREE
                while w < end:
                    if s[w] & all_32 != all_32:
                        result = ADDRESS_NOT_FREE
                        break
                    w += 1
        asked += 1
    if int(count(address, first)) != old:
        result = NOT_ALLOCATED
    if result == n and n != old:
        x = s[_STATE_ROW + word] ^ in_first
        whole = 0  # the words between
        if n < old:
            whole = all_32
            s[_STATE_ROW + word] = x
        if last > word:
            w = _STATE_ROW + word + 1
            end = _STATE_ROW + last
            while w < end:
                s[w] = whole
                w += 1
            s[end] ^= in_last
        if n > old:
            s[_STATE_ROW + word] = x
        free = s[_STATE_FREE] + old - n
        s[_STATE_FREE] = free
        if free < s[_STATE_FEWEST_FREE]:
            s[_STATE_FEWEST_FREE] = free
        # The frame before the first that changes is in use, so no run reaches this word from the one before.
        reclass(address, word, word)
        if last > word:
            reclass(address, last, last)
            _reclass_whole(address, word + 1, last - 1)
    s[_STATE_VERSION] = (s[_STATE_VERSION] + 1) & _LARGEST_VERSION
    give_lock(address, held)
    return result


@micropython.viper
def _reclass_whole(address, first: int, last: int):
    """Bring planes and tops up to date for the words `first` to `last` of the row, whose frames have all become free,
    or have all been free and are in use. Calls nothing, as the lock is held and the stack may be short."""
    s = ptr32(address)
    span = s[_STATE_SPAN]
    one = 1
    while first <= last:
        group = first >> 5
        words = (one << 32) - (1 << (first & 31))
        if last >> 5 == group:
            words &= (2 << (last & 31)) - 1
        plane = s[_STATE_PLANES] + _CLASSES * group
        top = _STATE_TOPS
        while top < _STATE_TOPS + _CLASSES:
            if s[_STATE_ROW + first]:
                s[plane] |= words
                s[top] |= 1 << (group >> span)
            else:
                s[plane] &= words ^ ((one << 32) - 1)
                # Is there another word of this class behind the same top bit?
                other = plane - _CLASSES * (group & ((1 << span) - 1))
                end = other + (_CLASSES << span)
                others = 0
                while other < end:
                    others |= s[other]
                    other += _CLASSES
                if others == 0:
                    s[top] &= (1 << (group >> span)) ^ -1
            plane += 1
            top += 1
        first = (group + 1) << 5


@micropython.viper
def forget_fewest(address) -> int:
    """Make the fewest free frames ever those that are free now. Return 0, or NOT_PERMITTED."""
    s = ptr32(address)
    if s[_STATE_LOCK] & 3 != 1 and int(in_handler()):
        return NOT_PERMITTED
    held = int(hold_lock(address))
    s[_STATE_FEWEST_FREE] = s[_STATE_FREE]
    give_lock(address, held)
    return 0


@micropython.viper
def enter(address, turn, who: int):
    """Take the turn for `who`, and wait while another has it. `who` may take it several times.

    The turn is two words at `turn`, zeros at first; `address` is that of any shared state. KeyboardInterrupt cannot
    come between taking the turn and the return, as only the interpreter checks for it.
    """
    t = ptr32(turn)
    entered = 0
    while not entered:
        held = int(hold_lock(address))
        if t[0] == 0 or t[0] == who:
            t[0] = who
            t[1] += 1
            entered = 1
        give_lock(address, held)


@micropython.viper
def leave(address, turn):
    """Give the turn back; call this once for each `enter`."""
    t = ptr32(turn)
    held = int(hold_lock(address))
    t[1] -= 1
    if t[1] == 0:
        t[0] = 0
    give_lock(address, held)


# TWINS: the functions that physmem_thumb has too, and what only they call. Firmware with Thumb code leaves out all up
# to the end of the twins (scripts/expand_thumb.py).


@micropython.viper
def serve(address, what: int, how: int) -> int:
    """Allocate or release, and return as the raw calls do.

    `how` < 0: allocate `what` frames anywhere, at a multiple of -`how` frames, a power of two; count the failure if
    there are none. `how` = 0: release the allocation that starts at the frame `what`. `how` > 0: allocate the `how`
    frames from the frame `what` on, all of which are in the region. `what` >= 0, and >= 1 if `how` < -1.
    """
    s = ptr32(address)
    if how < 0:
        if what == 0:
            return ZERO_ALLOCATION
        if what > s[_STATE_FRAMES]:
            return ALLOCATION_TOO_LARGE
    elif how == 0 and what >= s[_STATE_FRAMES]:
        return ADDRESS_OUT_OF_RANGE
    if s[_STATE_LOCK] & 3 != 1 and int(in_handler()):
        return NOT_PERMITTED
    if how == 0:
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
    if what <= 32 and how == 0 - 1:
        frame = int(_lowest(address, what))
    else:
        frame = int(search_within(address, what, 0 - how, 0, 0, s[_STATE_FRAMES]))
    if frame < 0:
        s[_STATE_FAILED] += 1
    else:
        _flip(address, frame, what)
    return frame


@micropython.viper
def count_failure(address, version: int) -> int:
    """Count a failed allocation and return OUT_OF_MEMORY. If the bitmap may have changed since its version was
    `version`, physmem_thumb's counts nothing and returns ADDRESS_NOT_FREE instead."""
    s = ptr32(address)
    s[_STATE_FAILED] += 1
    return OUT_OF_MEMORY


@micropython.viper
def hold(address) -> int:
    """Take the lock of a region, if it has one, for longer than one call, and return what to pass to `let_go`. Until
    then call only functions that take no lock."""
    return 0


@micropython.viper
def let_go(address, held: int):
    """Give back the lock that `hold` took; `held` is what it returned."""


@micropython.viper
def in_interrupt() -> int:
    """Return the exception number of the interrupt handler that this runs in; 0 if it runs in none."""
    return 0


@micropython.viper
def fill(base, offset: int, nbytes: int, half: int):
    """Store `half`, 16 bits, in each half of the words in the `nbytes` bytes that are `offset` bytes behind the address
    `base`; all three are multiples of 32. Needs no heap: the sum of the two need not be a small integer."""
    s = ptr32(int(base) + offset)
    word = half | half << 16
    words = nbytes >> 2
    i = 0
    while i < words:
        s[i] = word
        i += 1


@micropython.viper
def flip_start(address, frame: int) -> int:
    """Split the allocation that contains `frame` just before it, or join the one that starts there to the one before.
    Return 0, or NOT_PERMITTED. The caller makes sure that `frame` is in use and, to join, that the frame before it is
    too."""
    s = ptr32(address)
    if s[_STATE_LOCK] & 3 != 1 and int(in_handler()):
        return NOT_PERMITTED
    word = ((_STATE_ROW + s[_STATE_PLANES]) >> 1) + (frame >> 5)
    starts = s[word] ^ (1 << (frame & 31))
    s[word] = starts
    return 0


@micropython.viper
def _lowest(address, n: int) -> int:
    """Return the lowest frame with `n` free frames from there on, or OUT_OF_MEMORY; 1 <= `n` <= 32. Looks only at words
    of the class of `n` or above; if `n` is a power of two, the first of them has the frames."""
    s = ptr32(address)
    t = ptr8(_POSITIONS)
    c = 0
    while n >> (c + 1):
        c += 1
    tops = s[_STATE_TOPS + c]
    if tops:
        group = t[((tops & (0 - tops)) * _DE_BRUIJN >> 27) & 31] << s[_STATE_SPAN]
        plane = s[_STATE_PLANES] + _CLASSES * group + c
        w = group << 5
        while w << 5 < s[_STATE_FRAMES]:
            words = s[plane]
            while words:
                i = w + t[((words & (0 - words)) * _DE_BRUIJN >> 27) & 31]
                words &= words - 1
                # x keeps the frames from which n frames are free.
                x = s[_STATE_ROW + i]
                y = s[_STATE_ROW + 1 + i]
                left = n
                while left > 1:
                    half = left >> 1
                    x &= (uint(x) >> half) | (y << (32 - half))
                    y &= uint(y) >> half
                    left -= half
                if x:
                    return (i << 5) + t[((x & (0 - x)) * _DE_BRUIJN >> 27) & 31]
            w += 32
            plane += _CLASSES
    return OUT_OF_MEMORY


# END OF TWINS.


@micropython.viper
def search_within(address, n: int, align: int, boundary: int, low: int, high: int) -> int:
    """Return the lowest frame in [`low`, `high` - `n`] with `n` free frames from there on, or OUT_OF_MEMORY.

    The frame's number is a multiple of `align`, and the `n` frames do not cross a multiple of `boundary`; both are
    powers of two in frames, and `boundary` is at least `n`, or 0 for none. 1 <= `n`, 0 <= `low`, `high` <= frames.
    Reads each word of the row at most twice.
    """
    s = ptr32(address)
    t = ptr8(_POSITIONS)
    phase = s[_STATE_PHASE]
    w = low >> 5
    last = (high - 1) >> 5
    start = low  # all frames from here to the current word are free
    pattern = 0  # the frames of a word that are aligned
    if align <= 32:
        pattern = 1 << ((0 - phase) & (align - 1))
        distance = align
        while distance < 32:
            pattern |= pattern << distance
            distance += distance
    while w <= last:
        x = s[_STATE_ROW + w]
        if w == low >> 5:
            x &= (0 - 1) << (low & 31)
        if w == high >> 5:
            x &= (1 << (high & 31)) - 1
        if n > 32:
            # The run that reaches this word from below ends at its first frame in use.
            one = 1
            y = x ^ ((one << 32) - 1)
            free_below = 32
            if y:
                free_below = t[((y & (0 - y)) * _DE_BRUIJN >> 27) & 31]
            end = (w << 5) + free_below
            frame = ((start + phase + align - 1) & (0 - align)) - phase
            if boundary:
                offset = (frame + phase) & (boundary - 1)
                if offset + n > boundary:
                    frame += boundary - offset
            if frame + n <= end:
                return frame
            if y:
                # The next run starts after the last frame in use.
                y |= uint(y) >> 1
                y |= uint(y) >> 2
                y |= uint(y) >> 4
                y |= uint(y) >> 8
                y |= uint(y) >> 16
                y = (y + 1) & ((one << 32) - 1)
                start = (w << 5) + 32
                if y:
                    start = (w << 5) + t[(y * _DE_BRUIJN >> 27) & 31]
        elif x:
            y = s[_STATE_ROW + 1 + w]
            if high <= (w << 5) + 32:
                y = 0
            elif w + 1 == high >> 5:
                y &= (1 << (high & 31)) - 1
            left = n
            while left > 1:
                half = left >> 1
                x &= (uint(x) >> half) | (y << (32 - half))
                y &= uint(y) >> half
                left -= half
            if pattern:
                x &= pattern
            else:
                bit = (0 - phase - (w << 5)) & (align - 1)
                if bit > 31:
                    x = 0
                else:
                    x &= 1 << bit
            while x:
                bit = t[((x & (0 - x)) * _DE_BRUIJN >> 27) & 31]
                frame = (w << 5) + bit
                if not boundary:
                    return frame
                offset = (frame + phase) & (boundary - 1)
                if offset + n <= boundary:
                    return frame
                bit += boundary - offset
                if bit > 31:
                    break
                x &= (0 - 1) << bit
        w += 1
    return OUT_OF_MEMORY


@micropython.viper
def _flip(address, frame: int, n: int):
    """Make an allocation of the `n` free frames from `frame` on, or end the allocation of these `n` frames. With an `n`
    of 0, only raise RuntimeError if the stack has no room for that.

    The start is the first store of an allocation and the last of a release. The free bits of the word that it lies in
    are stored last in an allocation and first in a release. So a start that is free (invariant 1) says that the frames
    in use up to the next start belong to an unfinished call.
    """
    s = ptr32(address)
    reclass(address, 1, 0)  # of no words: MicroPython checks the stack at each call, and later would be too late
    if n == 0:
        return
    word = frame >> 5
    bit = frame & 31
    below = (1 << bit) - 1
    first = word
    if s[_STATE_ROW + word] & below == below and uint(s[_BEFORE_ROW + word]) >> 31:
        first -= 1  # a run starts in the word before and reaches into this one
    free_word = _STATE_ROW + word
    start_word = ((_STATE_ROW + s[_STATE_PLANES]) >> 1) + word
    starts = s[start_word] ^ (1 << bit)
    taken = (uint(starts) >> bit) & 1
    frames = 32 - bit
    if frames > n:
        frames = n
    free = s[free_word] ^ (((1 << frames) - 1) << bit)
    if taken:
        s[start_word] = starts
    else:
        s[free_word] = free
    left = n - frames
    while left > 0:
        word += 1
        frames = left
        if frames > 32:
            frames = 32
        s[_STATE_ROW + word] ^= (1 << frames) - 1
        left -= frames
    if taken:
        s[free_word] = free
        still_free = s[_STATE_FREE] - n
        s[_STATE_FREE] = still_free
        if still_free < s[_STATE_FEWEST_FREE]:
            s[_STATE_FEWEST_FREE] = still_free
    else:
        s[start_word] = starts
        s[_STATE_FREE] += n
    reclass(address, first, word)


@micropython.viper
def reclass(address, first: int, last: int):
    """Bring planes and tops up to date for the words `first` to `last` of the row."""
    s = ptr32(address)
    span = s[_STATE_SPAN]
    w = first
    while w <= last:
        x = s[_STATE_ROW + w]
        y = s[_STATE_ROW + 1 + w]
        group = w >> 5
        bit = 1 << (w & 31)
        plane = s[_STATE_PLANES] + _CLASSES * group
        top = _STATE_TOPS
        run = 1
        while top < _STATE_TOPS + _CLASSES:
            # x: the frames where runs of `run` frames start. Is the word of this class or above?
            if x:
                s[plane] |= bit
                s[top] |= 1 << (group >> span)
            elif s[plane] & bit:
                s[plane] &= bit ^ -1
                # Is there another word of this class behind the same top bit?
                other = plane - _CLASSES * (group & ((1 << span) - 1))
                end = other + (_CLASSES << span)
                others = 0
                while other < end:
                    others |= s[other]
                    other += _CLASSES
                if others == 0:
                    s[top] &= (1 << (group >> span)) ^ -1
            else:
                break
            x &= (uint(x) >> run) | (y << (32 - run))
            y &= uint(y) >> run
            run += run
            plane += 1
            top += 1
        w += 1


@micropython.viper
def frame_of(addr, base, shift: int) -> int:
    """Return ``(addr - base) >> shift``, a small integer, without heap, even if the addresses are not small."""
    return int(uint(int(addr) - int(base)) >> shift)


@micropython.viper
def offset_in_frame(addr, frame_size: int) -> int:
    """Return ``addr & (frame_size - 1)`` without heap, even if the address is not a small integer."""
    return int(addr) & (frame_size - 1)


@micropython.viper
def next_used(address, frame: int) -> int:
    """Return the first frame from `frame` on that is not free; the number of frames if there is none."""
    s = ptr32(address)
    one = 1
    w = frame >> 5
    x = uint(s[_STATE_ROW + w] ^ ((one << 32) - 1)) >> (frame & 31)
    if not x:
        frame &= 31 ^ -1
        while not x:
            frame += 32
            w += 1
            x = uint(s[_STATE_ROW + w] ^ ((one << 32) - 1))
    t = ptr8(_POSITIONS)
    return frame + t[(int(x & (0 - x)) * _DE_BRUIJN >> 27) & 31]


@micropython.viper
def count(address, frame: int) -> int:
    """Return the number of frames in the allocation that starts at `frame`, in the region; 0 if none does."""
    s = ptr32(address)
    starts = (_STATE_ROW + s[_STATE_PLANES]) >> 1
    w = frame >> 5
    b = frame & 31
    x = uint(s[starts + w]) >> b
    if not x & uint(1):
        return 0
    # The next free frame or the next start ends it, at the latest the start past the last frame.
    x = (x | (uint(s[_STATE_ROW + w]) >> b)) >> 1
    n = 1
    if not x:
        n = 32 - b
        while True:
            w += 1
            x = uint(s[starts + w] | s[_STATE_ROW + w])
            if x:
                break
            n += 32
    t = ptr8(_POSITIONS)
    return n + t[(int(x & (0 - x)) * _DE_BRUIJN >> 27) & 31]


@micropython.viper
def count_free(address) -> int:
    """Return the number of free bits."""
    s = ptr32(address)
    n = 0
    w = _STATE_ROW
    while w < (_STATE_ROW + s[_STATE_PLANES]) >> 1:
        x = s[w]
        while x:
            x &= x - 1
            n += 1
        w += 1
    return n


def largest_free(state, align):
    """Return the largest n for which allocating n frames at a multiple of `align` frames would succeed."""
    address = addressof(state)
    low, high = 0, state[_STATE_FREE]
    while low < high:
        middle = (low + high + 1) >> 1
        if search_within(address, middle, align, 0, 0, state[_STATE_FRAMES]) < 0:
            high = middle - 1
        else:
            low = middle
    return low


# The lock word of shared regions made from now on: bit 0, and the address of the chip's spin lock if it has one.
# physmem_state sets it; that module is not kept.
lock_word = [1]


@micropython.viper
def free_spin_lock(register):
    """Give back the hardware spin lock whose register is at the address `register`, no matter which core has it."""
    ptr32(register)[0] = 1


# The functions that the calls above use: those of physmem_thumb if the machine runs Thumb code, that is, if MicroPython
# accepts machine code for armv6m to armv7emdp.
if 4 <= ((getattr(sys.implementation, "_mpy", 0) >> 10) & 15) <= 8:
    import physmem_direct
    import physmem_thumb

    if getattr(physmem_thumb, "LAYOUT", None) != LAYOUT:
        raise ImportError("physmem_thumb is of another version than physmem_engine: install both from one release")
    serve_call = physmem_thumb.serve
    _count_failure = physmem_thumb.count_failure
    join_or_split = physmem_thumb.flip_start
    hold_lock = physmem_thumb.hold
    give_lock = physmem_thumb.let_go
    in_handler = physmem_thumb.in_interrupt
    fill_memory = physmem_thumb.fill
    # A state of one frame: its row of free frames is 1, and the start behind the last frame is bit 1.
    state = bytearray(4 * (_STATE_ROW + 4 + _CLASSES))
    state[4 * _STATE_FRAMES] = state[4 * _STATE_FREE] = state[4 * _STATE_TOPS] = 1
    state[4 * _STATE_ROW] = state[4 * _STATE_ROW + 16] = 1
    state[4 * _STATE_ROW + 8] = 2
    state[4 * _STATE_PLANES] = _STATE_ROW + 4
    raw_calls = physmem_direct.raw_calls_of(physmem_thumb, state, _small_integer)
    calls_are_direct = raw_calls is not None
    # Nothing needs these any more, and they take heap.
    del sys.modules["physmem_direct"], sys.modules["physmem_thumb"], physmem_direct, physmem_thumb, state
else:
    serve_call, _count_failure, join_or_split = serve, count_failure, flip_start
    hold_lock, give_lock, in_handler, fill_memory = hold, let_go, in_interrupt, fill
    calls_are_direct = False

if not calls_are_direct:
    raw_calls = _closures(serve_call, _small_integer)
del _closures, _small_integer
