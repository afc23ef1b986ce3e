"""The searches that look at word after word: for an alignment of at most 32 frames, or for none.

The words here, and what is on the stack, are those of the file search. Each room looks for the lowest
place and reads each word of the class once.
"""


def natural():
    """NATURAL: r0: the state; r1: n, of which no aligned run crosses the end of a word; r3: offset of the class; r5:
    the aligned frames. Goes on at PLACE or NONE_OF_GROUPS.

    In the loop: r1: n - 2 ** floor(log2 n); r2: the aligned frames; r3: R of the next word; r4: the frames of a word;
    r12: the way into NATURAL_KEEP: each class below 6 skips two more of its instructions.
    """
    label(NATURAL)
    push({r1})
    mov(r2, r5)
    lsr(r7, r3, 2)
    mov(r6, 1)
    lsl(r6, r7)
    sub(r1, r1, r6)
    mov(r6, 20)
    sub(r6, r6, r3)
    bl(NATURAL_WAY)
    label(NATURAL_KEEP)
    keep(16, r4, r7)
    keep(8, r4, r7)
    keep(4, r4, r7)
    keep(2, r4, r7)
    keep(1, r4, r7)
    mov(r7, r4)
    lsr(r7, r1)
    and_(r4, r7)
    and_(r4, r2)
    bne(NATURAL_FOUND)
    label(NATURAL_WORD)
    lsr(r5, r5, 1)
    bcs(NATURAL_CANDIDATE)
    beq(NATURAL_GROUP)
    add(r3, 4)
    b(NATURAL_WORD)
    label(NATURAL_CANDIDATE)
    load_next(r4, r3)
    jump_to(r12)
    label(NATURAL_WAY)
    mov(r7, r14)
    sub(r7, 1)
    add(r7, r7, r6)
    mov(r12, r7)
    next_group(NATURAL_NONE, NATURAL_GROUP)
    b(NATURAL_WORD)
    label(NATURAL_NONE)
    b(NONE_OF_GROUPS)
    label(NATURAL_FOUND)
    sub(r3, 4)
    position(r7, r4, r5)
    b(PLACE)


@holds("NATURAL_GROUP")
def natural_group(at):
    call, group = at.call, at.group_before()
    words, groups = (9 + 2 * call.c, call.left((group + 1) << 5)), (16, call.groups_from(group + 1))
    at.at_most(96, words, groups, (2, call.change), (1, at.settle), (1, at.unlock))
    at.natural(group)


@holds("NATURAL_WORD")
def natural_word(at):
    """No place starts before the word at r3. r5: the words of the class from it on."""
    call, word, group = at.call, at.word(3), at.group()
    words, groups = (9 + 2 * call.c, call.left(word)), (16, call.groups_from(group + 1))
    at.at_most(99, words, groups, (2, call.change), (1, at.settle), (1, at.unlock))
    at.that("the word is of the group, or behind it", (word - (group << 5)) <= 32)
    at.that("the group is in the region", group <= (at.region.words - 1) >> 5)
    at.none_before(word)
    at.register(5, at.plane(group << 5) >> (word - (group << 5)))
    at.natural(group)


def short():
    """SHORT: r1: n, 2 to 15; r3: offset of the class; r4, r5, r14: as `units` returns them. Goes on at PLACE, ACROSS or
    NONE_OF_GROUPS. SHORT_BEGINS: the same from the word at r3, with r0 to r2, r5 and the stack as in the loop; r6:
    bytes of SHORT_KEEP to skip; r12: r14 of `units`.

    In the loop: r0: `units`; r1: n - 2 ** floor(log2 n); r2: the aligned frames; r3: R of the next word; r6: u; r12:
    the way into SHORT_KEEP. On the stack: 32 - n.
    """
    label(SHORT)
    mov(r6, 32)
    sub(r6, r6, r1)
    push({r6})
    mov(r0, r4)
    mov(r2, r5)
    lsr(r7, r3, 2)
    mov(r6, 1)
    lsl(r6, r7)
    sub(r1, r1, r6)
    mov(r6, 12)
    sub(r6, r6, r3)
    mov(r7, r14)
    mov(r12, r7)
    mov(r5, 0)
    label(SHORT_BEGINS)
    bl(SHORT_WAY)
    label(SHORT_KEEP)
    keep(4, r4, r7)
    keep(2, r4, r7)
    keep(1, r4, r7)
    mov(r7, r4)
    lsr(r7, r1)
    and_(r4, r7)
    and_(r4, r2)
    bne(SHORT_FOUND)
    ends(r4)
    bmi(SHORT_NONE_ACROSS)
    load_spilled(r7, 0)
    lsr(r4, r7)
    load_next(r6, r3)
    mvn(r6, r6)
    neg(r7, r6)
    orr(r7, r6)
    tst(r4, r7)
    beq(SHORT_ACROSS)
    label(SHORT_WORD)
    next_word(SHORT_CANDIDATE, SHORT_GROUP, SHORT_SKIP)
    label(SHORT_CANDIDATE)
    mvn(r4, r6)
    jump_to(r12)
    label(SHORT_NONE_ACROSS)
    load_next(r6, r3)
    mvn(r6, r6)
    b(SHORT_WORD)
    label(SHORT_ACROSS)
    b(ACROSS)
    label(SHORT_WAY)
    add_high(r6, r14)
    sub(r6, 1)
    mov(r7, r12)
    mov(r14, r7)
    mov(r12, r6)
    cmp(r5, 0)
    bne(SHORT_IN_GROUP)
    next_group(SHORT_NONE, SHORT_GROUP)
    label(SHORT_IN_GROUP)
    b(SHORT_SKIP)
    label(SHORT_NONE)
    b(NONE_OF_GROUPS)
    label(SHORT_FOUND)
    sub(r3, 4)
    position(r7, r4, r5)
    b(PLACE)


@holds("SHORT_GROUP")
def short_group(at):
    call, group = at.call, at.group_before()
    words, groups = (23 + 2 * call.c, call.left((group + 1) << 5)), (21, call.groups_from(group + 1))
    at.at_most(121 - 2 * call.c, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.short(group)


@holds("SHORT_SKIP")
def short_skip(at):
    call, group = at.call, at.words_left()
    words, groups = (23 + 2 * call.c, call.left(at.word_at(3))), (21, call.groups_from(group + 1))
    at.at_most(129 - 2 * call.c, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.short(group)


@holds("NEAR_1")
def short_near(at):
    call, group = at.call, at.words_left()
    words, groups = (23 + 2 * call.c, call.left(at.word_at(3))), (21, call.groups_from(group + 1))
    at.at_most(127 - 2 * call.c, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.short(group)


@holds("SHORT_CANDIDATE")
def short_candidate(at):
    call, group = at.call, at.candidate()
    words, groups = (23 + 2 * call.c, call.left(at.word_at(3, 1))), (21, call.groups_from(group + 1))
    at.at_most(122 - 2 * call.c, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.short(group)


def half_numbers():
    """What HALF needs of n in r1 and the aligned frames in r2: r1, r2 and the first word on the stack. Uses r0, r4, r6,
    r7."""
    lsl(r2, r1)
    low_bits(r7, r1)
    mov(r6, 32)
    sub(r6, r6, r1)
    sub(r4, r6, 1)
    low_bits(r0, r4)
    bic(r7, r0)
    push({r7})
    mov(r1, r6)


def half():
    """HALF: r1: n, 16 to 32; r4, r5, r14: as `units` returns them. Goes on at PLACE, ACROSS or NONE_OF_GROUPS.
    HALF_OF_FEW: every frame is aligned; go on from the word at r3, with r1, r2, r5 and the stack as in the loop.

    In the loop: r0: `units`; r1: 32 - n; r2: the aligned frames, each in the place of the frame n behind it; r3: R of
    the next word; r6: u. On the stack: the frames that all runs of n have that start in a word before its last n
    frames.
    """
    label(HALF)
    mov(r2, r5)
    mov(r12, r4)
    half_numbers()
    mov(r0, r12)
    mov(r5, 0)
    b(HALF_BEGINS)
    label(HALF_OF_FEW)
    mov(r0, 0)
    mov(r14, r0)
    label(HALF_BEGINS)
    cmp(r5, 0)
    bne(HALF_IN_GROUP)
    next_group(HALF_NONE, HALF_GROUP)
    label(HALF_IN_GROUP)
    b(HALF_SKIP)
    label(HALF_CANDIDATE)
    load_spilled(r4, 0)
    tst(r6, r4)
    bne(HALF_END)
    # Rotated by n, the frames in use before those in the middle, which are free, lie above those behind them.
    mov(r7, r6)
    ror(r7, r1)
    # r4: the aligned frames from which the run ends before the first frame in use behind the middle.
    sub(r4, r7, 1)
    eor(r4, r7)
    lsl(r4, r1)
    and_(r4, r2)
    bic(r4, r7)
    # Does one of them lie behind the last frame in use before the middle?
    cmp(r4, r7)
    bhi(HALF_FOUND)
    label(HALF_END)
    ends(r4)
    bmi(HALF_NONE_ACROSS)
    lsr(r4, r1)
    load_next(r6, r3)
    mvn(r6, r6)
    neg(r7, r6)
    orr(r7, r6)
    tst(r4, r7)
    beq(ACROSS)
    label(HALF_WORD)
    next_word(HALF_CANDIDATE, HALF_GROUP, HALF_SKIP)
    label(HALF_NONE_ACROSS)
    load_next(r6, r3)
    mvn(r6, r6)
    b(HALF_WORD)
    label(HALF_NONE)
    b(NONE_OF_GROUPS)
    label(HALF_FOUND)
    smear(r7, r5)
    bic(r4, r7)
    position(r7, r4, r5)
    load_spilled(r5, 5)
    sub(r7, r7, r5)
    sub(r3, 4)
    b(PLACE)


@holds("HALF_GROUP")
def half_group(at):
    call, group = at.call, at.group_before()
    words, groups = (27, call.left((group + 1) << 5)), (21, call.groups_from(group + 1))
    at.at_most(116, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.half(group)


@holds("HALF_SKIP")
def half_skip(at):
    call, group = at.call, at.words_left()
    words, groups = (27, call.left(at.word_at(3))), (21, call.groups_from(group + 1))
    at.at_most(124, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.half(group)


@holds("NEAR_2")
def half_near(at):
    call, group = at.call, at.words_left()
    words, groups = (27, call.left(at.word_at(3))), (21, call.groups_from(group + 1))
    at.at_most(122, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.half(group)


@holds("HALF_CANDIDATE")
def half_candidate(at):
    call, group = at.call, at.candidate()
    words, groups = (27, call.left(at.word_at(3, 1))), (21, call.groups_from(group + 1))
    at.at_most(117, words, groups, (3, call.change), (1, at.settle), (1, at.unlock))
    at.half(group)


def across():
    """ACROSS: the run starts behind the ends of the word two before r3. ACROSS_FROM: of the word at r3. PLACE: at
    position r7 of the word at r3. The stack as in `search`; r0 and r14: `units`. Goes on at LOWEST."""
    label(ACROSS)
    sub(r3, 8)
    label(ACROSS_FROM)
    ldr(r6, [r3, 0])
    mvn(r6, r6)
    ends(r4)
    smear(r4, r5)
    add(r4, 1)
    position(r7, r4, r5)
    label(PLACE)
    load_spilled(r0, 4)
    drop(5)
    first_frame_of_word(r4, r3)
    add(r4, r4, r7)
    b(LOWEST)


@holds("PLACE")
def placed(at):
    """The lowest place has been found: at position r7 of the word at r3."""
    word, place = at.word(3), at.number(7, "place")
    taking = at.call.taking((word << 5) + place).of_taking(26, 5)
    at.at_most(74, *taking, (1, at.settle), (1, at.unlock))
    at.is_lowest(word, place)
    at.searched()


def long():
    """LONG: r0: the state; r1: n, more than 32, so that a run starts in a word of class 6; r4, r14: as `units` returns
    them. Goes on at ACROSS, ACROSS_FROM or NONE_OF_GROUPS.

    In the loop: r0: `units`; r1: n - 32, or 63 if that is less; r3: R of the next word; r4: the ends of a word; r6: u.
    On the stack: the bytes from R of the word in which the run starts to the word behind those in which it is surely
    long enough.
    """
    label(LONG)
    mov(r3, 20)
    search_frame()
    mov(r0, r4)
    mov(r6, r1)
    add(r6, 30)
    lsr(r6, r6, 5)
    lsl(r6, r6, 2)
    add(r6, 4)
    push({r6})
    sub(r1, 32)
    cmp(r1, 63)
    bls(LONG_START)
    mov(r1, 63)
    label(LONG_START)
    load_spilled(r3, 4)
    add(r3, _ROW)
    b(LONG_FROM)
    label(LONG_CANDIDATE)
    ends(r4)
    bmi(LONG_NONE_ACROSS)
    load_next(r6, r3)
    mvn(r6, r6)
    beq(LONG_FREE)
    # The run has s frames in the word before and p in this one, and is long enough if the frames in use of the word
    # before are less than 1 << (p - (n - 32)).
    neg(r7, r6)
    and_(r7, r6)
    lsr(r7, r1)
    cmp(r4, r7)
    bcc(ACROSS)
    label(LONG_WORD)
    next_word(LONG_CANDIDATE, LONG_GROUP, LONG_SKIP)
    label(LONG_NONE_ACROSS)
    load_next(r6, r3)
    mvn(r6, r6)
    b(LONG_WORD)
    label(LONG_FREE)
    # This word is all free. r2: R of the word in which the run starts; r7: where it is surely long enough.
    mov(r2, r3)
    sub(r2, 8)
    load_spilled(r7, 0)
    add(r7, r7, r2)
    label(LONG_FREE_WORD)
    cmp(r3, r7)
    bcs(LONG_ENOUGH)
    lsr(r5, r5, 1)
    load_next(r6, r3)
    mvn(r6, r6)
    beq(LONG_FREE_WORD)
    # r2: n - 32 * (words from the first to this one): the run is long enough if the frames in use of the first word are
    # less than 1 << (p - r2).
    mov(r12, r2)
    sub(r2, r3, r2)
    sub(r2, 4)
    lsl(r2, r2, 3)
    load_spilled(r7, 5)
    sub(r2, r7, r2)
    neg(r7, r6)
    and_(r7, r6)
    cmp(r2, 0)
    blt(LONG_MORE)
    cmp(r2, 31)
    bhi(LONG_WORD)
    lsr(r7, r2)
    cmp(r4, r7)
    bcc(LONG_FITS)
    b(LONG_WORD)
    label(LONG_MORE)
    neg(r2, r2)
    cmp(r2, 31)
    bhi(LONG_FITS)
    lsr(r4, r2)
    cmp(r4, r7)
    bcc(LONG_FITS)
    b(LONG_WORD)
    label(LONG_ENOUGH)
    mov(r12, r2)
    label(LONG_FITS)
    mov(r3, r12)
    b(ACROSS_FROM)


@holds("LONG")
def long_begins(at):
    """Nothing has been looked at."""
    at.at_most(206, *at.call.of_loop(bits(0)), (1, at.settle), (1, at.unlock))
    at.possible()
    at.holds_state()
    at.register(1, at.n)
    at.units(4, None, 14)
    at.stack(at.n, at.align, at.version)


@holds("LONG_WORD")
def long_word(at):
    """r3: R of the word behind the one to look at, before which no place starts; r6: its frames in use; r5: the words
    of the group from it on that are of the class, or 0 if it may be in another group."""
    word, left = at.word(3, 1), at.number(5, "words left")
    at.that("the word is not beyond the row", word <= at.region.words)
    at.none_before(word)
    at.register(6, ~at.region.row0.read(word))
    at.that("these are the words", (left == 0) | (left == at.plane(word) >> (word & 31)))
    at.advances(at.value(3) - 4, 0, within="LONG")
    at.long()
    next_word = (left == 0).choose(at.long_from(word), bits(5))
    at.at_most(147, (1, next_word), *at.call.of_loop(word), (1, at.settle), (1, at.unlock))


@holds("LONG_SKIP")
def long_skip(at):
    at.words_left()
    at.advances(at.value(3), 2, within="LONG")
    at.long()
    at.at_most(157, *at.call.of_loop(at.word_at(3)), (1, at.settle), (1, at.unlock))


@holds("NEAR_3")
def long_near(at):
    at.words_left()
    at.advances(at.value(3), 3, within="LONG")
    at.long()
    at.at_most(155, *at.call.of_loop(at.word_at(3)), (1, at.settle), (1, at.unlock))


@holds("LONG_CANDIDATE")
def long_candidate(at):
    at.candidate()
    at.advances(at.value(3) - 4, 4, within="LONG")
    at.long()
    at.at_most(150, *at.call.of_loop(at.word_at(3, 1)), (1, at.settle), (1, at.unlock))


@holds("LONG_FREE_WORD")
def long_free_word(at):
    """The run of the word at r2 goes on to the word before r3. r5: the words of the first word's group that are of the
    class, from the one before r3 on."""
    first, current = at.word(2), at.word(3)
    at.in_region(first)
    at.long_run(first)
    at.free_between(first, current)
    at.that("a word is between", first + 2 <= current)
    at.register(5, at.plane(first) >> (current - 1 - (first & ~31)))
    limit = at.region.R(first + ((at.n + 30) >> 5) + 1)
    at.register(7, limit)
    may_be_short = (current << 5) <= (first << 5) + at.n + 30
    at.that("the run may be too short before r7", (at.region.R(current) < limit).implies(may_be_short))
    at.advances(at.value(3) - 4, 5, within="LONG")
    at.long()
    at.at_most(171, *at.call.of_run(first, current), (1, at.settle), (1, at.unlock))


def long_group():
    """LONG_GROUP: go on from the word at r3 - 4, LONG_FROM: from that at r3, to the next of class 6: to LONG_SKIP or
    NONE_OF_GROUPS. Uses r2, r4 to r7."""
    label(LONG_GROUP)
    sub(r3, 4)
    label(LONG_FROM)
    load_spilled(r7, 3)
    cmp(r3, r7)
    bcs(LONG_NONE)
    load_spilled(r7, 4)
    sub(r6, r3, r7)
    sub(r6, _ROW)
    lsr(r2, r6, 7)
    lsr(r6, r6, 2)
    mov(r7, 31)
    and_(r6, r7)
    mov(r4, 24)
    mul(r4, r2)
    load_spilled(r7, 2)
    add(r4, r4, r7)
    ldr(r5, [r4, 24])
    lsr(r5, r6)
    bne(LONG_TO_SKIP)
    label(LONG_NEXT_GROUP)
    add(r2, 1)
    add(r4, 24)
    lsl(r3, r2, 7)
    load_spilled(r7, 4)
    add(r3, r3, r7)
    add(r3, _ROW)
    load_spilled(r7, 3)
    cmp(r3, r7)
    bcs(LONG_NONE)
    ldr(r5, [r4, 24])
    cmp(r5, 0)
    beq(LONG_NEXT_GROUP)
    label(LONG_TO_SKIP)
    b(LONG_SKIP)
    label(LONG_NONE)
    b(NONE_OF_GROUPS)


@holds("LONG_FROM")
def long_from(at):
    """No place starts before the word at r3, which may be the one behind the row."""
    word = at.word(3)
    at.that("the word is not beyond the row", word <= at.region.words)
    at.none_before(word)
    at.advances(at.value(3), 1, within="LONG")
    at.long()
    at.at_most(143, (1, at.long_from(word)), *at.call.of_loop(word), (1, at.settle), (1, at.unlock))


@holds("LONG_NEXT_GROUP")
def long_next_group(at):
    """r2: a group; r4: the plane of the one before. No place starts before the end of the group."""
    group = at.number(2, "group")
    at.that("the group is in the region", group <= (at.region.words - 1) >> 5)
    at.none_before((group + 1) << 5)
    at.register(4, at.region.planes_of(group - 1) + 4 * at.call.c)
    at.advances(at.region.R((group + 1) << 5), 0, within="LONG")
    at.long()
    at.at_most(170, *at.call.of_loop((group + 1) << 5), (1, at.settle), (1, at.unlock))
