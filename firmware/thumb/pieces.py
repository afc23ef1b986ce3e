"""Pieces: what several rooms need. `expand_thumb` puts a copy of a piece in the place of each call."""


def far(to):
    """Go to a label that a branch does not reach; r14 is scratch there."""
    bl(to)


def keep(k, x, t):
    """Keep in `x` the frames with `k` more free frames behind those that they have; `t` is scratch."""
    lsr(t, x, k)
    and_(x, t)


def smear(x, t):
    """Set all bits below the highest bit of `x` that is set; `t` is scratch."""
    lsr(t, x, 1)
    orr(x, t)
    lsr(t, x, 2)
    orr(x, t)
    lsr(t, x, 4)
    orr(x, t)
    lsr(t, x, 8)
    orr(x, t)
    lsr(t, x, 16)
    orr(x, t)


def position(into, x, t):
    """Put the position of the lowest bit of `x` that is set into `into`, by halving. Destroys `x` and `t`."""
    mov(into, 0)
    lsl(t, x, 16)
    bne(_HALF)
    add(into, 16)
    lsr(x, x, 16)
    label(_HALF)
    lsl(t, x, 24)
    bne(_QUARTER)
    add(into, 8)
    lsr(x, x, 8)
    label(_QUARTER)
    lsl(t, x, 28)
    bne(_EIGHTH)
    add(into, 4)
    lsr(x, x, 4)
    label(_EIGHTH)
    lsl(t, x, 30)
    bne(_SIXTEENTH)
    add(into, 2)
    lsr(x, x, 2)
    label(_SIXTEENTH)
    lsr(x, x, 1)
    bcs(_POSITIONED)
    add(into, 1)
    label(_POSITIONED)


def position_by_table(into, bit):
    """Put the position of the single `bit` into `into`. r6: the product, r7: the table of positions."""
    mov(into, bit)
    mul(into, r6)
    lsr(into, into, 27)
    add(into, into, r7)
    ldrb(into, [into, 0])


def low_bits(into, count):
    """Set the lowest `count` bits of `into`, 0 to 32 of them, and no other."""
    mov(into, 1)
    lsl(into, count)
    sub(into, 1)


def number_of_word(word, R):
    """Put the number of the word at `R` into `word`."""
    sub(word, R, r0)
    sub(word, _ROW)
    lsr(word, word, 2)


def first_frame_of_word(frame, R):
    """Put the number of the first frame of the word at `R` into `frame`."""
    sub(frame, R, r0)
    sub(frame, _ROW)
    lsl(frame, frame, 3)


def row_end(into):
    """Put the address of the word of zeros behind the row into `into`."""
    ldr(into, [r0, _PLANES])
    lsl(into, into, 1)
    add(into, into, r0)
    add(into, _TO_ROW_END)


def first_planes(into):
    """Put the address of the planes of the first group into `into`."""
    ldr(into, [r0, _PLANES])
    lsl(into, into, 2)
    add(into, into, r0)


def planes_of_group(into, group, t):
    """Put the address of the planes of a group into `into`; `t` is scratch."""
    first_planes(into)
    mov(t, 24)
    mul(t, group)
    add(into, into, t)


def word_of_starts(into, R):
    """Put the address of the word of starts that belongs to the word at `R` into `into`."""
    ldr(into, [r0, _PLANES])
    lsl(into, into, 1)
    sub(into, _TO_STARTS)
    add(into, into, R)


def locate(frame):
    """Return r4: R of the frame; r3: its position there; r5: its word of starts."""
    lsr(r4, frame, 5)
    lsl(r4, r4, 2)
    add(r4, r4, r0)
    add(r4, _ROW)
    mov(r3, 31)
    and_(r3, frame)
    word_of_starts(r5, r4)


def count_freed(n, t):
    """Count `n` more free frames; `t` is scratch."""
    ldr(t, [r0, _FREE])
    add(t, t, n)
    str(t, [r0, _FREE])


def count_taken(n, t, u):
    """Count `n` fewer free frames; `t` and `u` are scratch."""
    ldr(t, [r0, _FREE])
    sub(t, t, n)
    str(t, [r0, _FREE])
    ldr(u, [r0, _FEWEST_FREE])
    cmp(u, t)
    bls(_COUNTED)
    str(t, [r0, _FEWEST_FREE])
    label(_COUNTED)


def refuse_handlers(t, permitted):
    """Without a lock: go on at `permitted`, but end the call in an interrupt handler."""
    read_ipsr(t)
    cmp(t, 0)
    beq(permitted)
    b(NOT_PERMITTED)


def wait_for_other_core(register, t):
    """Take the hardware spin lock whose register is at that address; `t` is scratch."""
    label(_OTHER_CORE)
    ldr(t, [register, 0])
    cmp(t, 0)
    beq(_OTHER_CORE)
    barrier()


def give_spin_lock(register):
    """Give the hardware spin lock back: any value does."""
    barrier()
    str(register, [register, 0])


def answer_error(code):
    """Let the call return an error, whose number is -`code`, without a lock to give back."""
    mov(r0, code)
    neg(r0, r0)
    b(OPEN)
