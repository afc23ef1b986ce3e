"""Release the allocation that starts at frame r1."""


def release():
    """RELEASE: r0: the state, r1: the frame, compared without sign. Ends the call."""
    label(RELEASE)
    ldr(r6, [r0, _FRAMES])
    cmp(r1, r6)
    bcs(PAST_THE_LAST)
    ldr(r6, [r0, _LOCK])
    cmp(r6, 0)
    bne(RELEASE_LOCK)
    refuse_handlers(r6, RELEASE_HELD)
    label(PAST_THE_LAST)
    b(OUT_OF_RANGE)
    label(STARTS_NOT_HERE)
    b(NOT_ALLOCATED)
    label(RELEASE_LOCK)
    ldr(r7, [r0, _VERSION])
    mov(r12, r7)
    bl(LOCK)
    cmp(r7, 0)
    bne(RELEASE_LOCK)
    label(RELEASE_HELD)
    mov(r12, r6)
    locate(r1)
    ldr(r6, [r5, 0])
    mov(r2, 1)
    lsl(r2, r3)
    tst(r6, r2)
    beq(STARTS_NOT_HERE)
    # r7: what ends the allocation in this word: the next free frame or start, counted from the frame after its first.
    ldr(r1, [r4, 0])
    mov(r7, r6)
    orr(r7, r1)
    lsr(r7, r3)
    lsr(r7, r7, 1)
    beq(BEYOND)
    # Store the bits of the frames first, the start last. r7 ^ (r7 - 1) has the lowest n bits.
    bic(r6, r2)
    sub(r2, r7, 1)
    eor(r2, r7)
    lsl(r2, r3)
    orr(r1, r2)
    str(r1, [r4, 0])
    str(r6, [r5, 0])
    # r7: n.
    lsr(r6, r7, 1)
    bcs(ONE_FRAME)
    position(r1, r7, r2)
    add(r7, r1, 1)
    b(MEASURED)
    label(ONE_FRAME)
    mov(r7, 1)
    label(MEASURED)
    count_freed(r7, r6)
    spill(r7, 0)
    class_of_word_before(RAISE)
    mov(r1, r4)
    bl(RAISE)
    b(ANSWER)


@holds("RELEASE")
def release_begins(at):
    """r1: the frame."""
    at.holds_state()
    at.register(1, at.call.frame)
    at.stack()
    at.at_most(88, *at.call.of_held(), (1, at.lock), (1, at.unlock))


@holds("RELEASE_LOCK")
def release_with_lock(at):
    """r6: the lock word. Others may have changed the bitmap before: nothing is known of it."""
    at.holds_state()
    at.that("the frame is in the region", at.call.frame < at.region.frames)
    at.register(1, at.call.frame)
    at.that("r6 is the lock word", at.call.is_lock_word(at.number(6, "lock word")))
    at.stack()
    at.at_most(82, *at.call.of_held(), (1, at.lock), (1, at.unlock))


@holds("RELEASE_HELD")
def release_held(at):
    """r6: what LOCK returned, 0 if there is no lock. The frame r1 is in the region."""
    at.holds_state()
    at.that("the frame is in the region", at.call.frame < at.region.frames)
    at.register(1, at.call.frame)
    at.in_section(6)
    at.stack()
    at.at_most(79, *at.call.of_held(), (1, at.unlock))


def release_beyond():
    """The allocation continues in the words after the first. r3, r4, r5: as `locate` returns them."""
    label(BEYOND)
    # r7 becomes R of the word in which it ends; r1 becomes the bits that end it there.
    mov(r7, r4)
    mov(r2, r5)
    label(SEEK)
    add(r7, 4)
    add(r2, 4)
    ldr(r1, [r7, 0])
    ldr(r6, [r2, 0])
    orr(r1, r6)
    beq(SEEK)
    position(r2, r1, r6)
    # r2: its frames in the last word. Store the bits of the frames first, the start last.
    mov(r1, 0)
    mvn(r1, r1)
    mov(r6, r1)
    lsl(r1, r3)
    push({r5})
    ldr(r5, [r4, 0])
    orr(r5, r1)
    str(r5, [r4, 0])
    add(r5, r4, 4)
    label(FILL)
    cmp(r5, r7)
    beq(FILLED)
    str(r6, [r5, 0])
    add(r5, 4)
    b(FILL)
    label(FILLED)
    low_bits(r1, r2)
    ldr(r5, [r7, 0])
    orr(r5, r1)
    str(r5, [r7, 0])
    pop({r5})
    mov(r1, 1)
    lsl(r1, r3)
    ldr(r6, [r5, 0])
    bic(r6, r1)
    str(r6, [r5, 0])
    # r5: n, from 8 frames for each byte between R and R of the last word.
    sub(r5, r7, r4)
    lsl(r5, r5, 3)
    add(r5, r5, r2)
    sub(r5, r5, r3)
    count_freed(r5, r6)
    spill(r5, 0)
    classes_of_several(RAISE, RAISE_SEVERAL, 24)
    b(ANSWER)


@holds("SEEK")
def seek(at):
    """The allocation does not end in the words up to the one at r7. r2: its word of starts."""
    call, word = at.call, at.word(7)
    in_last = call.change + 2, call.ends_in_last
    classes = (2, call.change), in_last, *call.of_words_between(call.first + 1)
    at.at_most(83, (6, call.last - word), (5, call.last - call.first), *classes, (1, at.unlock))
    at.that("an allocation starts at the frame", call.is_start)
    at.that("the word is not before the first", call.first <= word)
    at.that("the allocation ends behind the word", word < call.last)
    at.advances(word)
    at.located()
    at.register(2, at.region.S(word))
    at.register(5, at.region.S(call.first))
    at.in_section()
    at.stack()


@holds("FILL")
def fill_words(at):
    """The frames in the first word, and those in the words between it and the one at r5, are free. r2: the frames in
    the last word; r7: its R; r6: all bits."""
    call, word = at.call, at.word(5)
    in_last = call.change + 2, call.ends_in_last
    classes = (2, call.change), in_last, *call.of_words_between(call.first + 1)
    at.at_most(59, (5, call.last - word), *classes, (1, at.unlock))
    at.that("an allocation starts at the frame", call.is_start)
    at.that("the word is behind the first", call.first < word)
    at.that("the word is not behind the last", word <= call.last)
    at.advances(word)
    at.located()
    at.register(2, call.end)
    at.register(6, bits(-1))
    at.register(7, at.region.R(call.last))
    at.in_section()
    at.stack(at.region.S(call.first))
    at.changed("row", call.row_with(lambda index: call.in_first_word(index) | call.words_between(index, word)))
