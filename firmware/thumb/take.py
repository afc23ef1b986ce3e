"""Allocate the r2 frames from frame r1 on."""


def take():
    """TAKE: r0: the state; r1: the frame, r2: n; the frames are in the region, but perhaps not free. FOUND: they are
    free, and r6 is what LOCK returned, 0 if there is no lock. Ends the call."""
    label(TAKE)
    ldr(r6, [r0, _LOCK])
    cmp(r6, 0)
    bne(TAKE_LOCK)
    refuse_handlers(r6, TAKE_HELD)
    label(TAKE_LOCK)
    ldr(r7, [r0, _VERSION])
    mov(r12, r7)
    bl(LOCK)
    cmp(r7, 0)
    bne(TAKE_LOCK)
    label(TAKE_HELD)
    mov(r12, r6)
    locate(r1)
    spill(r1, 0)
    are_free()
    label(FOUND)
    mov(r12, r6)
    locate(r1)
    spill(r1, 0)
    label(SURE)
    add(r6, r3, r2)
    cmp(r6, 32)
    bhi(MANY)
    low_bits(r7, r2)
    lsl(r7, r3)
    ldr(r6, [r4, 0])
    # Store the start first, then the bits of the frames.
    mov(r1, 1)
    lsl(r1, r3)
    bic(r6, r7)
    ldr(r7, [r5, 0])
    orr(r7, r1)
    str(r7, [r5, 0])
    str(r6, [r4, 0])
    count_taken(r2, r5, r6)
    class_of_word_before(LOWER)
    mov(r1, r4)
    bl(LOWER)
    b(ANSWER)


@holds("TAKE")
def take_begins(at):
    """r1: the frame, r2: n."""
    at.holds_state()
    at.register(1, at.call.frame)
    at.register(2, at.n)
    at.stack()
    at.at_most(73, *at.call.of_taking(37, 10), (1, at.lock), (1, at.unlock))


@holds("TAKE_LOCK")
def take_with_lock(at):
    """r6: the lock word. Others may have changed the bitmap before: nothing is known of it."""
    at.holds_state()
    at.register(1, at.call.frame)
    at.register(2, at.n)
    at.that("r6 is the lock word", at.call.is_lock_word(at.number(6, "lock word")))
    at.stack()
    at.at_most(70, *at.call.of_taking(37, 10), (1, at.lock), (1, at.unlock))


@holds("TAKE_HELD")
def take_held(at):
    """r6: what LOCK returned, 0 if there is no lock. Nothing is known yet of the frames."""
    at.holds_state()
    at.register(1, at.call.frame)
    at.register(2, at.n)
    at.in_section(6)
    at.stack()
    at.at_most(67, *at.call.of_taking(37, 10), (1, at.unlock))


@holds("FOUND")
def found(at):
    """The same, but the frames are free."""
    at.that("the frames are free", at.call.all_free)
    at.holds_state()
    at.register(1, at.call.frame)
    at.register(2, at.n)
    at.in_section(6)
    at.stack()
    at.at_most(57, *at.call.of_taking(26, 5), (1, at.unlock))


@holds("SURE")
def sure(at):
    """The r2 frames from position r3 of the word at r4 on are free. r5: its word of starts."""
    at.that("the frames are free", at.call.all_free)
    at.located()
    at.register(2, at.n)
    at.register(5, at.region.S(at.call.first))
    at.in_section()
    at.stack(answer=at.call.frame)
    at.at_most(45, *at.call.of_taking(26, 5), (1, at.unlock))


def are_free():
    """Go to SURE if the r2 frames from position r3 of the word at r4 on are free, else refuse the call. Uses r1, r6,
    r7."""
    add(r6, r3, r2)
    cmp(r6, 32)
    bhi(MANY_ARE_FREE)
    low_bits(r7, r2)
    lsl(r7, r3)
    ldr(r6, [r4, 0])
    bic(r7, r6)
    beq(SURE)
    label(NOT_FREE)
    mov(r0, 7)  # ADDRESS_NOT_FREE
    b(REFUSE)
    label(MANY_ARE_FREE)
    # r7: R of the last word; r6: the frames in it.
    lsr(r7, r6, 5)
    lsl(r7, r7, 2)
    add(r7, r7, r4)
    mov(r1, 0)
    mvn(r1, r1)
    lsl(r1, r3)
    push({r2})
    ldr(r2, [r4, 0])
    bic(r1, r2)
    bne(NOT_ALL)
    add(r1, r4, 4)
    label(LOOK)
    cmp(r1, r7)
    beq(LAST_OF_MANY)
    load_next(r2, r1)
    add(r2, 1)
    beq(LOOK)
    b(NOT_ALL)
    label(LAST_OF_MANY)
    mov(r1, 31)
    and_(r6, r1)
    low_bits(r1, r6)
    ldr(r2, [r7, 0])
    bic(r1, r2)
    label(NOT_ALL)
    pop({r2})
    bne(NOT_FREE)
    b(SURE)


@holds("LOOK")
def look(at):
    """The frames before the word at r1 are free. r7: R of the last word; r6: the frames from the start of the first
    word to the end."""
    call, word = at.call, at.word(1)
    at.at_most(57, (5, call.last - word), *call.of_taking(26, 5), (1, at.unlock))
    at.that("the word is behind the first", call.first < word)
    at.that("the word is not behind the last", word <= call.last)
    at.advances(word)
    at.that("the frames before the word are free", call.free_before(word))
    at.located()
    at.register(5, at.region.S(call.first))
    at.register(6, call.position + at.n)
    at.register(7, at.region.R(call.last))
    at.in_section()
    at.stack(at.n, answer=call.frame)


def take_many():
    """The frames end in a further word. r2: their number; r3, r4, r5: as `locate` returns them; r6: the frames from the
    start of the first word to the end."""
    label(MANY)
    # r7: R of the last word; r6: the frames in it.
    lsr(r7, r6, 5)
    lsl(r7, r7, 2)
    add(r7, r7, r4)
    mov(r1, 31)
    and_(r6, r1)
    push({r2})
    # Store the start first, then the bits of the frames, those in its own word last.
    mov(r1, 1)
    lsl(r1, r3)
    ldr(r2, [r5, 0])
    orr(r2, r1)
    str(r2, [r5, 0])
    mov(r2, 0)
    add(r1, r4, 4)
    label(CLEAR)
    cmp(r1, r7)
    beq(CLEARED)
    str(r2, [r1, 0])
    add(r1, 4)
    b(CLEAR)
    label(CLEARED)
    low_bits(r1, r6)
    ldr(r2, [r7, 0])
    bic(r2, r1)
    str(r2, [r7, 0])
    low_bits(r1, r3)
    ldr(r2, [r4, 0])
    and_(r2, r1)
    str(r2, [r4, 0])
    pop({r1})
    count_taken(r1, r2, r5)
    mov(r2, r6)
    classes_of_several(LOWER, LOWER_SEVERAL, 0)
    b(ANSWER)


@holds("CLEAR")
def clear(at):
    """The words between the first and the one at r1 are 0, and the start is stored. r2: 0; r6: the frames in the last
    word; r7: its R."""
    call, word = at.call, at.word(1)
    in_last = call.change + 2, call.ends_in_last
    classes = (2, call.change), in_last, *call.of_words_between(call.first + 1)
    at.at_most(60, (5, call.last - word), *classes, (1, at.unlock))
    at.that("the frames are free", call.all_free)
    at.that("the word is behind the first", call.first < word)
    at.that("the word is not behind the last", word <= call.last)
    at.advances(word)
    at.located()
    at.register(2, bits(0))
    at.register(6, call.end)
    at.register(7, at.region.R(call.last))
    at.in_section()
    at.stack(at.n, answer=call.frame)
    at.changed("starts", call.changed_starts)
    at.changed("row", call.row_with(lambda index: call.words_between(index, word)))
