"""What is called beside `serve`: parts of a longer critical section, memory that is filled, and a barrier."""


def unlock(end):
    """Give the lock back. r7: what `take_lock_word` left of the lock word. Goes to `end`, or on to it. Uses r6."""
    cmp(r7, 1)
    bcc(end)
    beq(_UNMASK)
    lsr(r6, r7, 2)
    lsl(r6, r6, 2)
    give_spin_lock(r6)
    lsr(r7, r7, 1)
    bcc(end)
    label(_UNMASK)
    cpsie("i")


def take_lock_word(t, alone):
    """Take the lock that the lock word in r7 describes, which is not 0. Return in r7 the lock word, with bit 0 clear if
    interrupts need not be enabled at the end. Goes to `alone`, or on to it, with the lock. Uses r6 and `t`."""
    read_primask(r6)
    cpsid("i")
    bic(r7, r6)
    lsr(r6, r7, 2)
    beq(alone)
    lsl(r6, r6, 2)
    wait_for_other_core(r6, t)


def failure():
    """``count_failure(address, version)``. r1: version."""
    ldr(r7, [r0, _LOCK])
    cmp(r7, 0)
    beq(HELD)
    take_lock_word(r2, ALONE)
    label(ALONE)
    ldr(r2, [r0, _VERSION])
    cmp(r1, r2)
    bne(CHANGED)
    label(HELD)
    ldr(r2, [r0, _FAILED])
    add(r2, 1)
    str(r2, [r0, _FAILED])
    mov(r0, 1)  # OUT_OF_MEMORY
    b(LEAVE)
    label(CHANGED)
    mov(r0, 7)  # ADDRESS_NOT_FREE
    label(LEAVE)
    neg(r0, r0)
    unlock(END)
    label(END)


def flip():
    """``flip_start(address, frame)``. r1: frame."""
    lsr(r2, r1, 5)
    lsl(r2, r2, 2)
    add(r2, r2, r0)
    ldr(r3, [r0, _PLANES])
    lsl(r3, r3, 1)
    add(r3, _TO_STARTS)
    add(r2, r2, r3)
    neg(r1, r1)
    mov(r3, 1)
    ror(r3, r1)
    ldr(r7, [r0, _LOCK])
    # Refuse a handler unless the lock word is odd and has bit 1 clear: a shared region.
    mov(r6, 3)
    and_(r6, r7)
    cmp(r6, 1)
    beq(PERMITTED)
    read_ipsr(r6)
    cmp(r6, 0)
    beq(PERMITTED)
    mov(r0, 8)  # NOT_PERMITTED
    neg(r0, r0)
    b(END)
    label(PERMITTED)
    cmp(r7, 0)
    beq(HELD)
    take_lock_word(r4, HELD)
    label(HELD)
    ldr(r4, [r2, 0])
    eor(r4, r3)
    str(r4, [r2, 0])
    mov(r0, 0)
    unlock(END)
    label(END)


def take_lock():
    """``hold(address)``."""
    ldr(r7, [r0, _LOCK])
    mov(r0, 0)
    cmp(r7, 0)
    beq(END)
    read_primask(r6)
    cpsid("i")
    mov(r0, 1)
    bic(r0, r6)
    lsr(r6, r7, 2)
    beq(END)
    lsl(r6, r6, 2)
    wait_for_other_core(r6, r2)
    label(END)


def give_lock():
    """``let_go(address, held)``. r1: what `hold` returned."""
    ldr(r7, [r0, _LOCK])
    lsr(r6, r7, 2)
    beq(ALONE)
    lsl(r6, r6, 2)
    give_spin_lock(r6)
    label(ALONE)
    cmp(r1, 0)
    beq(END)
    cpsie("i")
    label(END)


def store():
    """``fill(base, offset, nbytes, half)``. r1: offset in bytes, r2: bytes, r3: 16 bits."""
    add(r0, r0, r1)
    lsl(r4, r3, 16)
    orr(r3, r4)
    mov(r4, r3)
    mov(r5, r3)
    mov(r6, r3)
    cmp(r2, 0)
    beq(END)
    label(NEXT)
    store_four(r0)
    store_four(r0)
    sub(r2, 32)
    bne(NEXT)
    label(END)


def wait_for_memory():
    """``synchronize()``. All accesses to memory and to registers are complete before the next instruction is fetched.

    DMB, which `barrier` is, only puts them in order: a device is started by another access, which may come sooner.
    """
    complete_accesses()
    fetch_again()
