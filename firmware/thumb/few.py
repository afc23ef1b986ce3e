"""Allocate up to 32 frames anywhere: the call that is made most.

The top of class floor(log2 n) + 1 names the first group with words of that class or above, and the plane of the group
names the words: every run of n frames starts in one of them. The first of them has such a run if n is a power of two,
and often otherwise.
"""


def few():
    """FEW: r0: the state; r1: n; r2: n - 1. Ends the call, or goes on at NO_FEW, FEW_CHANGED or FEW_PLACE.

    r4: R of the first word of the group; r5: its words of the class, then the frames of the first of them; r6: the
    product and r7: the table for the positions of bits; r12: the other words; r14: n. On the stack: the planes of the
    group, the way into FEW_KEEP, n - 2 ** floor(log2 n), and, in the prologue's own word, the version.
    """
    label(FEW)
    ldr(r7, [r0, _VERSION])
    spill(r7, 0)
    mov(r7, pc)
    b(FEW_TABLES)
    # For n - 1: 16 * floor(log2 n) + n - 2 ** floor(log2 n).
    data(1, 0x00, 0x10, 0x11, 0x20, 0x21, 0x22, 0x23, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x40)
    data(1, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x50)
    # The positions, and the product by which the top five bits of (product << i) differ for each i.
    data(1, 0, 1, 28, 2, 29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4, 8)
    data(1, 31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6, 11, 5, 10, 9)
    data(2, 0xB531, 0x077C)
    label(FEW_TABLES)
    mov(r14, r1)
    add(r3, r7, r2)
    ldrb(r3, [r3, 0])
    # r2: offset of the class among the tops, and among the planes of a group.
    lsr(r2, r3, 4)
    lsl(r2, r2, 2)
    add(r4, r2, r0)
    ldr(r4, [r4, _TOPS])
    cmp(r4, 0)
    beq(FEW_NOTHING)
    lsl(r3, r3, 28)
    lsr(r3, r3, 28)
    add(r7, 32)
    ldrh(r5, [r7, _PRODUCT_LOW])
    ldrh(r6, [r7, _PRODUCT_HIGH])
    lsl(r6, r6, 16)
    orr(r6, r5)
    # r4: the first group with such words. A shift by a register uses only its lowest byte, the span.
    neg(r5, r4)
    and_(r5, r4)
    position_by_table(r4, r5)
    ldr(r5, [r0, _SPAN])
    lsl(r4, r5)
    planes_of_group(r5, r4, r1)
    mov(r1, r5)
    lsl(r4, r4, 7)
    add(r4, r4, r0)
    add(r4, _ROW)
    add(r5, r5, r2)
    ldr(r5, [r5, 0])
    # Each class below 6 skips two more instructions of FEW_KEEP.
    neg(r2, r2)
    add(r2, 18)
    push({r1, r2, r3})
    # r2: R of the first of them; r12: the others. There is none if the top bit stands for several groups.
    neg(r3, r5)
    and_(r3, r5)
    beq(FEW_NO_WORD)
    eor(r5, r3)
    mov(r12, r5)
    position_by_table(r2, r3)
    lsl(r2, r2, 2)
    add(r2, r2, r4)
    # r5: the frames of this word from which n frames of it are free.
    ldr(r5, [r2, 0])
    load_spilled(r3, 1)
    jump_by(r3)
    label(FEW_KEEP)
    keep(16, r5, r3)
    keep(8, r5, r3)
    keep(4, r5, r3)
    keep(2, r5, r3)
    keep(1, r5, r3)
    load_spilled(r3, 2)
    mov(r1, r5)
    lsr(r1, r3)
    and_(r5, r1)
    bne(FEW_FOUND)
    few_across()
    label(FEW_NOTHING)
    b(NO_FEW)


@holds("FEW")
def few_asked(at):
    at.that("n is 1 to 32", (at.n >= 1) & (at.n <= 32))
    at.that("any frame will do", at.align == 1)
    at.holds_state()
    at.at_most(210, *at.call.of_few(), (1, at.unlock))
    at.register(1, at.n)
    at.register(2, at.n - 1)
    at.stack()


@holds("FEW_FOUND")
def few_found(at):
    """r5: the frames of the word from which n frames of it are free: there are some."""
    word = at.word(2)
    at.at_most(60 + 139, (1, at.lock), (1, at.unlock))
    at.in_region(word)
    at.none_before(word)
    frames = at.number(5)
    at.that("there is a place", frames != 0)
    for place in range(32):
        at.that(f"frame {place}", frames.bit(place).same_as(at.call.fits(word, bits(place)) & (at.n + place <= 32)))
    at.holds_state()
    at.finds_positions()
    at.register(14, at.n)
    at.stack(at.region.planes_of(word >> 5), None, None)


@holds("FEW_PLACE")
def few_placed(at):
    """The lowest place has been found."""
    word, place = at.word(2), at.number(4, "place")
    at.is_lowest(word, place)
    at.at_most(12, *at.call.taking((word << 5) + place).of_few(), (1, at.lock), (1, at.unlock))
    at.holds_state()
    at.register(5, bits(1) << place)
    at.register(14, at.n)
    at.stack(at.region.planes_of(word >> 5), None, None)


@holds("FEW_HELD")
def few_held(at):
    """r6: what LOCK returned, 0 if there is no lock. r2: R of the word of the first frame, r4; r5: its bit; r3: the
    planes of its group. The r1 frames from there on are free."""
    call, region = at.call, at.region
    at.at_most(0, *call.of_few(), (1, at.unlock))
    at.that("the frames are free", call.all_free)
    at.holds_state()
    at.register(1, at.n)
    at.register(2, region.R(call.first))
    at.register(3, region.planes_of(call.first >> 5))
    at.register(4, call.frame)
    at.register(5, bits(1) << call.position)
    at.in_section(6)
    at.stack()


@holds("FEW_OTHERS")
def few_not_first(at):
    """No place starts in the word or before it. r12: the words of the class behind it."""
    word = at.word(2)
    at.at_most(177, *at.call.of_others(word + 1, (word >> 5) + 1), (1, at.unlock))
    at.in_region(word)
    at.none_before(word + 1)
    at.holds_state()
    at.register(4, at.region.R(word & ~31))
    at.register(12, at.plane(word) & ~((bits(2) << (word & 31)) - 1))
    at.register(14, at.n)
    at.stack(at.region.planes_of(word >> 5), bits(18 - 4 * at.call.c), at.n - (1 << at.call.c))


def few_across():
    """Does the run that reaches the end of the word at r2 continue far enough at the start of the next? Then go to
    FEW_PLACE, else to FEW_OTHERS. Keeps r2, r4, r6, r7."""
    ldr(r5, [r2, 0])
    mvn(r5, r5)
    bmi(FEW_OTHERS)
    ldr(r3, [r2, 4])
    lsr(r1, r3, 1)
    bcc(FEW_OTHERS)
    # It has s frames here and p there: n fit if no frame in use is among the last n - p frames of this word. r3: the
    # bits from position p on.
    mov(r1, r14)
    neg(r1, r1)
    add(r1, 32)
    lsr(r5, r1)
    mvn(r3, r3)
    neg(r1, r3)
    orr(r3, r1)
    tst(r5, r3)
    bne(FEW_OTHERS)
    ldr(r5, [r2, 0])
    mvn(r5, r5)
    smear(r5, r3)
    add(r5, 1)
    position_by_table(r4, r5)
    b(FEW_PLACE)


def few_others():
    """FEW_OTHERS: the word at r2 does not have them; r4, r12, r14 and the stack as in FEW. FEW_NO_WORD: no word of the
    group is of the class. Goes on with the other words of the class as SHORT or HALF do, with the stack as in `search`,
    or at FEW_NOTHING with n in r1."""
    label(FEW_NO_WORD)
    mov(r12, r5)
    mov(r2, r4)
    label(FEW_OTHERS)
    mov(r6, r2)
    # r3: the planes of the group; r5: the way into FEW_KEEP; r7: n - 2 ** floor(log2 n).
    pop({r3, r5, r7})
    sub(r3, r3, r5)
    add(r3, 18)
    mov(r1, r14)
    ldr(r2, [r0, _FRAMES])
    cmp(r1, r2)
    bhi(FEW_NOTHING)
    mov(r14, r5)
    load_spilled(r5, 0)
    push({r5})
    mov(r2, 1)
    push({r1, r2})
    push({r0})
    row_end(r5)
    mov(r2, r4)
    push({r2, r3, r5})
    # r3: R of the next word; r5: the words from there on that are of the class.
    sub(r3, r6, r4)
    lsr(r3, r3, 2)
    mov(r5, r12)
    lsr(r5, r3)
    lsr(r5, r5, 1)
    add(r3, r6, 4)
    mov(r2, 0)
    mvn(r2, r2)
    cmp(r1, 16)
    bcs(FEW_HALF)
    mov(r6, 32)
    sub(r6, r6, r1)
    push({r6})
    mov(r1, r7)
    mov(r6, r14)
    sub(r6, 6)
    mov(r0, 0)
    mov(r12, r0)
    far(SHORT_BEGINS)
    label(FEW_HALF)
    half_numbers()
    far(HALF_OF_FEW)


def few_place():
    """FEW_FOUND: r2: R; r5: the frames of its word from which n frames are free; r14: n; the stack as in FEW.

    FEW_PLACE: r5: the bit of the first frame; r4: its position. Ends the call, or goes on at FEW_CHANGED.
    """
    label(FEW_FOUND)
    neg(r4, r5)
    and_(r5, r4)
    position_by_table(r4, r5)
    label(FEW_PLACE)
    pop({r3, r6, r7})
    mov(r1, r14)
    # r3: the planes of the group; r4: the number of the first frame.
    first_frame_of_word(r6, r2)
    add(r4, r4, r6)
    ldr(r6, [r0, _LOCK])
    cmp(r6, 0)
    bne(FEW_LOCK)
    refuse_handlers(r6, FEW_HELD)
    label(FEW_LOCK)
    load_spilled(r7, 0)
    mov(r12, r7)
    bl(LOCK)
    cmp(r7, 0)
    beq(FEW_HELD)
    b(FEW_CHANGED)
    label(FEW_HELD)
    mov(r12, r6)
    spill(r4, 0)
    # The start changes first.
    word_of_starts(r6, r2)
    ldr(r7, [r6, 0])
    orr(r7, r5)
    str(r7, [r6, 0])
    # r6: the frames in this word, (bit << n) - bit. bit << n is 0 if they reach the end of the word or cross it.
    mov(r6, r5)
    lsl(r6, r1)
    bne(FEW_INSIDE)
    bcs(FEW_INSIDE)
    mov(r6, 31)
    and_(r6, r4)
    add(r6, r6, r1)
    sub(r6, 32)
    low_bits(r7, r6)
    ldr(r6, [r2, 4])
    bic(r6, r7)
    str(r6, [r2, 4])
    ldr(r7, [r2, 0])
    neg(r5, r5)
    bic(r7, r5)
    str(r7, [r2, 0])
    count_taken(r1, r6, r7)
    push({r2})
    mov(r1, r2)
    bl(LOWER)
    pop({r1})
    add(r1, 4)
    bl(LOWER)
    b(ANSWER)
    label(FEW_INSIDE)
    sub(r6, r6, r5)
    ldr(r7, [r2, 0])
    bic(r7, r6)
    str(r7, [r2, 0])
    count_taken(r1, r6, r5)
    mov(r6, r3)
    ldr(r3, [r2, 4])
    mov(r2, r7)
    lsr(r1, r4, 5)
    lsr(r4, r1, 5)
    neg(r1, r1)
    mov(r5, 1)
    ror(r5, r1)
    bl(LOWER_WORD)
    b(ANSWER)


def no_few():
    """NO_FEW: there was no place for r1 frames, 1 to 32. FULL: count the failure and end the call; r6: what LOCK
    returned, 0 if there is no lock."""
    label(NO_FEW)
    ldr(r2, [r0, _FRAMES])
    cmp(r1, r2)
    bhi(TOO_LARGE)
    ldr(r6, [r0, _LOCK])
    cmp(r6, 0)
    bne(FULL_LOCK)
    label(FULL_HELD)
    refuse_handlers(r6, FULL)
    label(FULL_LOCK)
    load_spilled(r7, 0)
    mov(r12, r7)
    bl(LOCK)
    cmp(r7, 0)
    beq(FULL)
    label(FEW_CHANGED)
    mov(r2, 1)
    b(SEARCH_LOCKED)
    label(FULL)
    mov(r12, r6)
    ldr(r2, [r0, _FAILED])
    add(r2, 1)
    str(r2, [r0, _FAILED])
    mov(r0, 1)  # OUT_OF_MEMORY
    b(REFUSE)
    label(TOO_LARGE)
    answer_error(3)  # ALLOCATION_TOO_LARGE


@holds("NO_FEW")
def no_place_for_few(at):
    """There is no place for r1 frames, or they are more than the region has."""
    at.that("there is no place", (at.n > at.region.frames) | at.call.no_place_before(at.region.words))
    at.holds_state()
    at.at_most(23, (1, at.lock), (1, at.unlock))
    at.register(1, at.n)
    at.stack()
