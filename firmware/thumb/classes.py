"""The class of a word: RAISE after frames of it have become free, LOWER after frames have been taken.

Both bring the planes and tops up to date for the word at R, in r1. Taking frames never raises the class of a word, and
freeing never lowers it. Both destroy r1 to r7 and keep r0 and r12.
"""


def word_in_planes():
    """r1: R. Return r2: the word; r3: the next one; r4: its group; r5: its bit in the planes; r6: those of the group.

    Destroys r1.
    """
    ldr(r2, [r1, 0])
    ldr(r3, [r1, 4])
    number_of_word(r1, r1)
    lsr(r4, r1, 5)
    neg(r1, r1)
    mov(r5, 1)
    ror(r5, r1)
    planes_of_group(r6, r4, r1)


def ladder(below_2, below_4, below_8, below_16, below_32):
    """Go to the label that says how long the longest run is that starts in a word and ends in it; 32 frames: go on.

    r2: the word, not 0; destroys r1 and r2.
    """
    keep(1, r2, r1)
    beq(below_2)
    keep(2, r2, r1)
    beq(below_4)
    keep(4, r2, r1)
    beq(below_8)
    keep(8, r2, r1)
    beq(below_16)
    keep(16, r2, r1)
    beq(below_32)


def keep_across(k, to):
    """Keep in r2 the frames with `k` more free frames behind those that they have, in r3 likewise; r3 is the next word,
    with zeros behind it. Go to the label if r2 becomes 0. Destroys r1 and r7."""
    lsr(r1, r2, k)
    lsl(r7, r3, 32 - k)
    orr(r1, r7)
    and_(r2, r1)
    beq(to)
    lsr(r7, r3, k)
    and_(r3, r7)


def ladder_across(in_word, all_classes, below_2, below_4, below_8, below_16, below_32):
    """The same if the last frame of the word is free: the run may continue in the next word, r3.

    Go to `in_word` if it does not, and to `all_classes` for 32 frames or more. Destroys r1, r2, r3 and r7.
    """
    lsr(r1, r3, 1)
    bcc(in_word)
    mvn(r1, r3)
    beq(all_classes)
    keep_across(1, below_2)
    keep_across(2, below_4)
    keep_across(4, below_8)
    keep_across(8, below_16)
    lsr(r1, r2, 16)
    lsl(r7, r3, 16)
    orr(r1, r7)
    and_(r2, r1)
    beq(below_32)
    b(all_classes)


def set_in_plane(offset, first_of_group):
    """Set the bit r5 in one plane of r6, and go on with the plane below; if it has the bit, so have those below."""
    ldr(r2, [r6, offset])
    tst(r2, r5)
    bne(RAISED)
    orr(r2, r5)
    cmp(r2, r5)
    beq(first_of_group)
    str(r2, [r6, offset])


def raise_class():
    """RAISE: r1: R of a word that is not 0."""
    label(RAISE)
    word_in_planes()
    cmp(r2, 0)
    bmi(RAISE_ACROSS)
    label(RAISE_IN_WORD)
    ladder(RAISE_1, RAISE_2, RAISE_3, RAISE_4, RAISE_5)
    label(RAISE_6)
    set_in_plane(20, FIRST_6)
    label(RAISE_5)
    set_in_plane(16, FIRST_5)
    label(RAISE_4)
    set_in_plane(12, FIRST_4)
    label(RAISE_3)
    set_in_plane(8, FIRST_3)
    label(RAISE_2)
    set_in_plane(4, FIRST_2)
    label(RAISE_1)
    set_in_plane(0, FIRST_1)
    label(RAISED)
    bx(lr)
    label(RAISE_ACROSS)
    ladder_across(RAISE_IN_WORD, RAISE_6, RAISE_1, RAISE_2, RAISE_3, RAISE_4, RAISE_5)
    # The plane had no word of the group yet. r3: offset of the plane behind it.
    label(FIRST_6)
    mov(r3, 24)
    b(FIRST)
    label(FIRST_5)
    mov(r3, 20)
    b(FIRST)
    label(FIRST_4)
    mov(r3, 16)
    b(FIRST)
    label(FIRST_3)
    mov(r3, 12)
    b(FIRST)
    label(FIRST_2)
    mov(r3, 8)
    b(FIRST)
    label(FIRST_1)
    mov(r3, 4)
    label(FIRST)
    add(r3, r3, r6)


def raise_several():
    """RAISE_SEVERAL: r5: words of the group r4; r6: its planes; r3: the plane behind the highest that gets them all.

    Destroys r1, r2, r3, r7.
    """
    label(RAISE_SEVERAL)
    cmp(r3, r6)
    beq(SEVERAL_RAISED)
    sub(r3, 4)
    ldr(r2, [r3, 0])
    mov(r1, r2)
    and_(r1, r5)
    cmp(r1, r5)
    beq(SEVERAL_RAISED)
    cmp(r2, 0)
    beq(NEW_TOP)
    orr(r2, r5)
    str(r2, [r3, 0])
    b(RAISE_SEVERAL)
    label(NEW_TOP)
    str(r5, [r3, 0])
    mov(r1, r4)
    ldr(r2, [r0, _SPAN])
    lsr(r1, r2)
    mov(r7, 1)
    lsl(r7, r1)
    sub(r1, r3, r6)
    add(r1, r1, r0)
    ldr(r2, [r1, _TOPS])
    orr(r2, r7)
    str(r2, [r1, _TOPS])
    b(RAISE_SEVERAL)
    label(SEVERAL_RAISED)
    bx(lr)


def clear_in_plane(offset, last_of_group):
    """Clear the bit r5 in one plane of r6, and go on with the plane above; if it lacks the bit, so do those above."""
    ldr(r2, [r6, offset])
    tst(r2, r5)
    beq(LOWERED)
    bic(r2, r5)
    str(r2, [r6, offset])
    beq(last_of_group)


def lower_class():
    """LOWER: r1: R. LOWER_WORD: with what `word_in_planes` returns."""
    label(LOWER)
    word_in_planes()
    label(LOWER_WORD)
    cmp(r2, 0)
    beq(LOWER_0)
    bmi(LOWER_ACROSS)
    label(LOWER_IN_WORD)
    ladder(LOWER_1, LOWER_2, LOWER_3, LOWER_4, LOWER_5)
    label(LOWERED)
    bx(lr)
    label(LOWER_0)
    clear_in_plane(0, LAST_1)
    label(LOWER_1)
    clear_in_plane(4, LAST_2)
    label(LOWER_2)
    clear_in_plane(8, LAST_3)
    label(LOWER_3)
    clear_in_plane(12, LAST_4)
    label(LOWER_4)
    clear_in_plane(16, LAST_5)
    label(LOWER_5)
    clear_in_plane(20, LAST_6)
    bx(lr)
    label(LOWER_ACROSS)
    ladder_across(LOWER_IN_WORD, LOWERED, LOWER_1, LOWER_2, LOWER_3, LOWER_4, LOWER_5)
    # The plane has no word of the group any more. r3: its offset.
    label(LAST_1)
    mov(r3, 0)
    b(LAST)
    label(LAST_2)
    mov(r3, 4)
    b(LAST)
    label(LAST_3)
    mov(r3, 8)
    b(LAST)
    label(LAST_4)
    mov(r3, 12)
    b(LAST)
    label(LAST_5)
    mov(r3, 16)
    b(LAST)
    label(LAST_6)
    mov(r3, 20)
    label(LAST)
    add(r3, r3, r6)
    b(LAST_TOP)


def lower_several():
    """LOWER_SEVERAL: r5: words of the group r4; r6: its planes; r3: the lowest plane that loses them all.

    At LAST_TOP this plane has lost its last word: no word of the group is of its class or above. Clear the top bit,
    unless it stands for another group too. Destroys r1, r2, r3, r7.
    """
    label(LOWER_SEVERAL)
    ldr(r2, [r3, 0])
    tst(r2, r5)
    beq(SEVERAL_LOWERED)
    bic(r2, r5)
    str(r2, [r3, 0])
    bne(LOWER_NEXT)
    label(LAST_TOP)
    mov(r1, r4)
    ldr(r7, [r0, _SPAN])
    lsr(r1, r7)
    cmp(r7, 0)
    beq(SOLE)
    push({r1, r3, r4})
    lsl(r1, r7)
    sub(r1, r4, r1)
    mov(r2, 24)
    mul(r1, r2)
    sub(r3, r3, r1)
    mov(r1, 1)
    lsl(r1, r7)
    mov(r2, 0)
    label(OTHER_GROUP)
    ldr(r7, [r3, 0])
    orr(r2, r7)
    add(r3, 24)
    sub(r1, 1)
    bne(OTHER_GROUP)
    pop({r1, r3, r4})
    cmp(r2, 0)
    bne(LOWER_NEXT)
    label(SOLE)
    mov(r7, 1)
    lsl(r7, r1)
    sub(r1, r3, r6)
    add(r1, r1, r0)
    ldr(r2, [r1, _TOPS])
    bic(r2, r7)
    str(r2, [r1, _TOPS])
    label(LOWER_NEXT)
    add(r3, 4)
    sub(r1, r3, r6)
    cmp(r1, 24)
    bne(LOWER_SEVERAL)
    label(SEVERAL_LOWERED)
    bx(lr)


@holds("OTHER_GROUP")
def other_group(at):
    """r3: the plane of the next of the groups that the top bit stands for; r1: how many are left; r2: the planes that
    were looked at, in one word. On the stack: the bit's position, the plane that has lost its last word, its group."""
    call, region = at.call, at.region
    first, behind = call.groups_of_top()
    group = at.ghost("next group", lambda registers, stack: behind - registers[1])
    at.that("it is of this top", (first <= group) & (group < behind))
    at.that("it is in the region", group < region.groups)
    call.registers(at)
    at.register(1, behind - group)
    at.register(3, call.plane_in(group))
    seen = at.number(2, "planes")
    at.that("no group has words", (seen == 0).implies(~call.is_looked_at(call.observed, group)))
    at.exists("group with words", lambda other: (seen == 0) | call.is_looked_at(other, group), group - 1)
    at.stack(call.group >> region.span, call.plane_in(call.group), call.group)


def class_of_word_before(change):
    """If a run from the word before reaches the frame at position r3 of the word at r4, the class of that word changes
    too. `change`: RAISE or LOWER. Keeps r4 only."""
    ldr(r1, [r4, 0])
    mvn(r1, r1)
    mov(r2, 32)
    sub(r2, r2, r3)
    lsl(r1, r2)
    bne(_NONE_BEFORE)
    sub(r1, r4, 4)
    ldr(r2, [r1, 0])
    cmp(r2, 0)
    bpl(_NONE_BEFORE)
    push({r4})
    bl(change)
    pop({r4})
    label(_NONE_BEFORE)


def classes_of_several(change, change_several, planes_to_skip):
    """The classes of all words of an allocation that continues in a further word.

    r4, r3: R of the first word, and the position in it; r7: R of the last word; r2: the frames in it. `change` and
    `change_several`: both RAISE or both LOWER. `planes_to_skip`: offset of what `change_several` expects in r3.
    """
    push({r2, r4, r7})
    class_of_word_before(change)
    mov(r1, r4)
    bl(change)
    load_spilled(r2, 0)
    cmp(r2, 0)
    beq(_NONE_IN_LAST)
    load_spilled(r1, 2)
    bl(change)
    label(_NONE_IN_LAST)
    pop({r2, r4, r7})
    # r1, r2: numbers of the next of the words between, and of the last word.
    number_of_word(r1, r4)
    add(r1, 1)
    number_of_word(r2, r7)
    label(_BETWEEN)
    cmp(r1, r2)
    bcs(_ALL)
    lsr(r4, r1, 5)
    mov(r5, 0)
    mvn(r5, r5)
    mov(r6, 31)
    and_(r6, r1)
    lsl(r5, r6)
    # r3: the first word behind the group, or behind the words between.
    add(r3, r4, 1)
    lsl(r3, r3, 5)
    cmp(r3, r2)
    bls(_TO_END_OF_GROUP)
    mov(r3, r2)
    mov(r6, 31)
    and_(r6, r2)
    low_bits(r1, r6)
    and_(r5, r1)
    label(_TO_END_OF_GROUP)
    planes_of_group(r6, r4, r1)
    push({r2, r3})
    mov(r3, r6)
    add(r3, planes_to_skip)
    bl(change_several)
    pop({r2, r3})
    mov(r1, r3)
    b(_BETWEEN)
    label(_ALL)


@holds("BETWEEN_1", "BETWEEN_2")
def between(at):
    """r1: the next of the words between, r2: the last word. The words from the next one up to the last are in the
    planes as they were at the call, and all others as they must be."""
    call, word = at.call, at.number(1, "word")
    at.at_most(10, *call.of_words_between(word), (1, at.unlock))
    call.has_changed(at)
    at.that("the word is behind the first", call.first < word)
    at.that("the word is not behind the last", word <= call.last)
    at.advances(word)
    at.register(2, call.last)
    at.stack(answer=call.answer)
    call.has_planes(at, word, call.last)


@holds("NONE_BEFORE_1", "NONE_BEFORE_3")
def before_is_right(at):
    """The frames are in one word, R of which is r4, and have changed. The word is in the planes as it was at the call,
    and all others as they must be."""
    call = at.call
    at.at_most(10, (1, call.change), (1, at.unlock))
    at.that("the frames are in one word", call.position + call.n <= 32)
    call.has_changed(at)
    at.register(4, at.region.R(call.first))
    at.stack(answer=call.answer)
    call.has_planes(at, call.first, call.first + 1)


@holds("NONE_BEFORE_2", "NONE_BEFORE_4")
def before_several_is_right(at):
    """The frames have changed. The words from the first, r4, to the last are in the planes as they were at the call,
    and all others as they must be. On the stack: the frames in the last word, R of the first and of the last."""
    call, region = at.call, at.region
    in_last = call.change + 2, call.ends_in_last
    at.at_most(23, (1, call.change), in_last, *call.of_words_between(call.first + 1), (1, at.unlock))
    at.that("the last word is another", call.first < call.last)
    call.has_changed(at)
    at.register(4, region.R(call.first))
    at.stack(call.end, region.R(call.first), region.R(call.last), answer=call.answer)
    call.has_planes(at, call.first, call.last + 1)
