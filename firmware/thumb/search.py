"""Allocate r1 frames: more than 32, or at a multiple of r2 frames. The rooms that look at word after word are in runs.

In these rooms u is a word with the bits of the frames in use. A word is cut into units of `align` frames, which start
at the aligned frames; the first and the last unit may be cut off by the ends of the word. The *ends* of a word are the
last frames of those units of it that have a frame in use: an aligned frame behind all of them starts a run that reaches
the end of the word.

On the stack, from SEARCH_BEGINS on: n, align, version; from `search_frame` on, in front of these: a number that the
search chooses, R of the first word of the group, the plane of the group, the end of the row, the state.
"""


def search():
    """SEARCH: r0: the state; r1: n, at least 1; r2: align, a power of two. Ends the call.

    The searches go on at LOWEST with the frame in r4 and the state in r0, or at NONE with the state in r0; the stack is
    that of SEARCH_BEGINS. At NONE_OF_GROUPS it is that of `search_frame`. SEARCH_LOCKED: start again, with the lock.
    """
    label(SEARCH)
    ldr(r3, [r0, _FRAMES])
    cmp(r1, r3)
    bls(POSSIBLE)
    b(TOO_LARGE)
    label(POSSIBLE)
    ldr(r7, [r0, _VERSION])
    label(SEARCH_BEGINS)
    push({r1, r2, r7})
    cmp(r2, 32)
    bls(PATTERN)
    b(STEP)
    label(SEARCH_LOCKED)
    # The bitmap has changed under a search. The next search takes the lock before it starts, so that a caller that
    # interrupts more often than one search takes cannot starve it. Bit 30 in the place of the version says so; bit 31
    # says that interrupts must be enabled at the end.
    ldr(r7, [r0, _VERSION])
    mov(r12, r7)
    ldr(r6, [r0, _LOCK])
    bl(LOCK)
    cmp(r7, 0)
    bne(SEARCH_LOCKED)
    lsl(r6, r6, 31)
    mov(r7, 1)
    lsl(r7, r7, 30)
    orr(r7, r6)
    b(SEARCH_BEGINS)
    label(NONE_OF_GROUPS)
    load_spilled(r0, 4)
    drop(5)
    label(NONE)
    pop({r1, r2, r7})
    ldr(r6, [r0, _LOCK])
    cmp(r6, 0)
    beq(NONE_HELD)
    bl(SETTLE)
    bne(SEARCH_LOCKED)
    b(FULL)
    label(NONE_HELD)
    b(FULL_HELD)
    label(LOWEST)
    # r4: the frame.
    pop({r1, r2, r7})
    ldr(r6, [r0, _LOCK])
    cmp(r6, 0)
    beq(LOWEST_HELD)
    bl(SETTLE)
    bne(SEARCH_LOCKED)
    b(LOWEST_PERMITTED)
    label(LOWEST_HELD)
    refuse_handlers(r6, LOWEST_PERMITTED)
    label(LOWEST_PERMITTED)
    mov(r2, r1)
    mov(r1, r4)
    b(FOUND)


@holds("POSSIBLE")
def search_asked(at):
    at.at_most(1, *at.call.of_search(), (1, at.settle), (1, at.unlock))
    at.possible()
    at.holds_state()
    at.register(1, at.n)
    at.register(2, at.align)
    at.stack()


@holds("SEARCH_BEGINS")
def search_begins(at):
    at.at_most(0, *at.call.of_search(), (1, at.settle), (1, at.unlock))
    at.possible()
    at.holds_state()
    at.register(1, at.n)
    at.register(2, at.align)
    at.register(7, at.version)
    at.stack()


@holds("SEARCH_LOCKED")
def search_again(at):
    """Others have changed the bitmap: what was found is forgotten."""
    at.possible()
    at.holds_state()
    at.register(1, at.n)
    at.register(2, at.align)
    at.stack()


@holds("LOWEST")
def lowest_found(at):
    """The lowest place has been found."""
    word = at.ghost("word", lambda registers, stack: registers[4] >> 5)
    place = at.ghost("place", lambda registers, stack: registers[4] & 31)
    at.register(4, (word << 5) + place)
    at.is_lowest(word, place)
    at.at_most(67, *at.call.taking(at.value(4)).of_taking(26, 5), (1, at.settle), (1, at.unlock))
    at.holds_state()
    at.stack(at.n, at.align, at.version)


@holds("NONE")
def none_found(at):
    """There is no place."""
    at.at_most(22, (1, at.settle), (1, at.unlock))
    at.possible()
    at.none_before(at.region.words)
    at.holds_state()
    at.stack(at.n, at.align, at.version)


def settle():
    """SETTLE: LOCK after a search. r6: the lock word; r7: the version when the search started. Set Z if it is still the
    same; return r6 as LOCK does. Uses r3, r5."""
    label(SETTLE)
    mov(r3, r14)
    lsl(r5, r7, 1)
    bmi(LOCKED)
    mov(r12, r7)
    bl(LOCK)
    cmp(r7, 0)
    bx(r3)
    label(LOCKED)
    lsr(r6, r7, 31)
    orr(r6, r0)
    cmp(r6, r6)
    bx(r3)


def step():
    """STEP: r0: the state; r1: n; r2: align, more than 32. Look at one aligned frame after another. All lie at the same
    position of their words. Goes on at LOWEST or NONE.

    In the loop: r1: the frames of the first word that must be free; r2: the bytes from R to the last word; r3: R; r5:
    the frames of the last word that must be free; r12: the state; r14: the end of the row; on the stack: the bytes from
    one place to the next.
    """
    label(STEP)
    ldr(r4, [r0, _PHASE])
    neg(r4, r4)
    sub(r3, r2, 1)
    and_(r4, r3)
    # r4: the first aligned frame.
    mov(r7, 31)
    and_(r7, r4)
    lsr(r3, r4, 5)
    lsl(r3, r3, 2)
    add(r3, r3, r0)
    add(r3, _ROW)
    lsr(r4, r2, 3)
    add(r6, r7, r1)
    mov(r12, r0)
    row_end(r2)
    mov(r14, r2)
    mov(r5, 0)
    lsr(r2, r6, 5)
    lsl(r2, r2, 2)
    beq(STEP_IN_WORD)
    mov(r1, 31)
    and_(r6, r1)
    low_bits(r5, r6)
    mov(r1, 32)
    label(STEP_IN_WORD)
    low_bits(r0, r1)
    lsl(r0, r7)
    mov(r1, r0)
    push({r4})
    b(STEP_PLACE)
    label(STEP_NEXT)
    load_spilled(r4, 0)
    add(r3, r3, r4)
    label(STEP_PLACE)
    mov(r4, r14)
    cmp(r3, r4)
    bcs(STEP_NONE)
    label(STEP_FIRST_WORD)
    ldr(r6, [r3, 0])
    mov(r7, r1)
    bic(r7, r6)
    bne(STEP_NEXT)
    add(r7, r3, r2)
    add(r4, r3, 4)
    label(STEP_WORD)
    cmp(r4, r7)
    bcs(STEP_LAST_WORD)
    load_next(r6, r4)
    add(r6, 1)
    beq(STEP_WORD)
    sub(r7, r4, 4)
    b(STEP_MISSED)
    label(STEP_LAST_WORD)
    ldr(r6, [r7, 0])
    mov(r4, r5)
    bic(r4, r6)
    beq(STEP_FOUND)
    label(STEP_MISSED)
    # A frame is in use in the word at r7. The next place starts there or behind it.
    load_spilled(r4, 0)
    label(STEP_OVER)
    add(r3, r3, r4)
    cmp(r3, r7)
    bcc(STEP_OVER)
    b(STEP_PLACE)
    label(STEP_NONE)
    drop(1)
    mov(r0, r12)
    b(NONE)
    label(STEP_FOUND)
    # r4: the first frame, from the position of the lowest of the frames in r1.
    drop(1)
    mov(r0, r12)
    position(r7, r1, r5)
    first_frame_of_word(r4, r3)
    add(r4, r4, r7)
    b(LOWEST)


@holds("STEP")
def step_begins(at):
    """Nothing has been looked at."""
    at.possible()
    at.at_most(123, *at.call.of_loop(bits(0), bits(0)), (1, at.settle), (1, at.unlock))
    at.holds_state()
    at.register(1, at.n)
    at.register(2, at.align)
    at.stack(at.n, at.align, at.version)


@holds("STEP_PLACE")
def step_place(at):
    """No place starts before the word at r3, which may be behind the row."""
    word = at.word(3)
    at.step(word)
    at.at_most(88, *at.call.of_loop(word, word), (1, at.settle), (1, at.unlock))
    at.that("the word is less than a step behind the row", word < at.region.words + (at.align >> 5))
    at.none_before(word)
    at.advances(at.value(3), 0, within="STEP")


@holds("STEP_WORD")
def step_word(at):
    """The frames that must be free in the words from that at r3 to the one before r4 are. r7: the last word."""
    first, current = at.word(3), at.word(4)
    frames, last = at.step(first)
    at.at_most(100, *at.call.of_loop(current, first + (at.align >> 5)), (1, at.settle), (1, at.unlock))
    at.in_region(first)
    at.none_before(first)
    at.that("the frames of the first word are free", frames & ~at.region.row0.read(first) == 0)
    at.free_between(first, current)
    end = (first << 5) + at.step_position() + at.n
    at.that("no place ends before this one", at.call.none_ends_before(end))
    at.that("it is not behind the last", (current <= last) | (current == first + 1))
    at.register(7, at.region.R(last))
    at.advances(at.value(3), at.value(4), within="STEP")


@holds("STEP_MISSED")
def step_missed(at):
    at.step_over()
    at.at_most(93, *at.call.of_loop(at.word_at(7), at.word_at(3) + (at.align >> 5)), (1, at.settle), (1, at.unlock))
    at.advances(at.value(3), -2, within="STEP")


@holds("STEP_OVER")
def step_over(at):
    at.step_over()
    at.at_most(92, *at.call.of_loop(at.word_at(7), at.word_at(3) + (at.align >> 5)), (1, at.settle), (1, at.unlock))
    at.register(4, at.align >> 3)
    at.advances(at.value(3), -1, within="STEP")


@holds("STEP_FOUND")
def step_found(at):
    """The lowest place has been found: in the word at r3."""
    word = at.word(3)
    at.step(word)
    taking = at.call.taking((word << 5) + at.step_position()).of_taking(26, 5)
    at.at_most(94, *taking, (1, at.settle), (1, at.unlock))
    at.is_lowest(word, at.step_position())


def units():
    """PATTERN: align is at most 32. r0: the state; r1: n; r2: align.

    Return r5: the aligned frames of a word; r4: all but the last frames of the units (the last unit's is the last of
    the word even if it continues in the next word); r14: r4, plus 1 if the first unit has begun in the word before.
    """
    label(PATTERN)
    ldr(r3, [r0, _PHASE])
    neg(r3, r3)
    sub(r4, r2, 1)
    and_(r4, r3)
    mov(r5, 1)
    lsl(r5, r4)
    label(DOUBLE)
    cmp(r2, 32)
    beq(DOUBLED)
    mov(r4, r5)
    lsl(r4, r2)
    orr(r5, r4)
    lsl(r2, r2, 1)
    b(DOUBLE)
    label(DOUBLED)
    lsr(r4, r5, 1)
    mov(r6, 1)
    lsl(r6, r6, 31)
    orr(r4, r6)
    mvn(r4, r4)
    mov(r6, 1)
    bic(r6, r5)
    add(r6, r6, r4)
    mov(r14, r6)


def class_of_few():
    """Return r3: offset in the planes of the class of r1 frames, at most 32. Uses r6."""
    mov(r3, 0)
    lsr(r6, r1, 1)
    beq(CLASSED)
    label(CLASS)
    add(r3, 4)
    lsr(r6, r6, 1)
    bne(CLASS)
    label(CLASSED)


def search_frame():
    """Make the part of the stack that the searches by groups share, except for its first word. r3: offset of the class
    in the planes. `next_group` goes from the group before the first to the first. Uses r6."""
    push({r0})
    row_end(r6)
    push({r6})
    first_planes(r6)
    add(r6, r6, r3)
    sub(r6, 24)
    push({r6})
    mov(r6, r0)
    sub(r6, 128)
    add(r6, _ROW)
    push({r6})


def next_group(none, again):
    """Go on to the next group that has words of the class, or to the label `none`. Return r3: R of its first word; r5:
    its words of the class. Uses r4, r7."""
    label(again)
    load_spilled(r3, 1)
    add(r3, 128)
    spill(r3, 1)
    load_spilled(r7, 2)
    add(r7, 24)
    spill(r7, 2)
    load_spilled(r4, 3)
    cmp(r3, r4)
    bcs(none)
    ldr(r5, [r7, 0])
    cmp(r5, 0)
    beq(again)


def next_word(candidate, group, skip):
    """Go to `candidate` if the word u in r6, whose R is r3 - 4, is of the class, else to the next word that is; to
    `group` if the group has none. r5: the words of the group from this one on that are of the class.

    Entry `skip`: r3 and r5 are those of the next word.
    """
    lsr(r5, r5, 1)
    bcs(candidate)
    beq(group)
    label(skip)
    lsl(r6, r5, 28)
    bne(_NEAR)
    lsr(r5, r5, 4)
    add(r3, 16)
    b(skip)
    label(_AFTER)
    add(r3, 4)
    label(_NEAR)
    lsr(r5, r5, 1)
    bcc(_AFTER)
    load_next(r6, r3)
    mvn(r6, r6)
    b(candidate)


def ends(into):
    """Put the ends of the word u in r6 into `into`. N says whether the last frame is one. r0, r14: `units`."""
    mov(into, r6)
    and_(into, r0)
    add_high(into, r14)
    orr(into, r6)
    bic(into, r0)


def choose_search():
    """Choose between the searches. r0: the state; r1: n; r4, r5, r14: what `units` returns. Uses r3, r6, r7."""
    cmp(r1, 32)
    bls(AT_MOST_A_WORD)
    b(LONG)
    label(AT_MOST_A_WORD)
    class_of_few()
    search_frame()
    # Does an aligned run of n frames cross the end of a word?
    mov(r6, 33)
    sub(r6, r6, r1)
    mov(r7, r5)
    lsr(r7, r6)
    beq(NATURAL)
    cmp(r1, 16)
    bcs(HALF_A_WORD)
    b(SHORT)
    label(HALF_A_WORD)
    b(HALF)
