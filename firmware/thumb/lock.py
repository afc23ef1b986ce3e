"""The lock of a region, and the ends of a call."""


def lock():
    """Take the lock. r6: the lock word; r12: the version that the caller knows.

    Return r7: 0 if the version is still that; else 1, with the lock given back. Return r6: the state, with bit 0 set if
    interrupts must be enabled at the end. In an interrupt handler that the lock word refuses, end the call: nothing
    else may be on the stack here. Keeps all but r6, r7 and r14.
    """
    label(LOCK)
    read_primask(r7)
    cpsid("i")
    bic(r6, r7)
    push({r5})
    lsr(r7, r6, 2)
    bcs(ASK)
    beq(ALONE)
    label(ADMITTED)
    lsl(r7, r7, 2)
    wait_for_other_core(r7, r5)
    label(ALONE)
    mov(r7, r12)
    ldr(r5, [r0, _VERSION])
    sub(r7, r7, r5)
    bne(CHANGED)
    lsl(r6, r6, 31)
    lsr(r6, r6, 31)
    orr(r6, r0)
    pop({r5})
    bx(lr)
    label(CHANGED)
    lsr(r5, r6, 2)
    beq(NO_OTHER_CORE)
    lsl(r5, r5, 2)
    give_spin_lock(r5)
    label(NO_OTHER_CORE)
    lsr(r5, r6, 1)
    bcc(UNLOCKED)
    cpsie("i")
    label(UNLOCKED)
    mov(r7, 1)
    pop({r5})
    bx(lr)
    label(ASK)
    read_ipsr(r5)
    cmp(r5, 0)
    beq(ADMITTED)
    pop({r5})
    lsr(r6, r6, 1)
    bcc(NOT_PERMITTED)
    cpsie("i")
    label(NOT_PERMITTED)
    answer_error(8)  # NOT_PERMITTED


def leave():
    """The ends of a call. r0: the result, or at REFUSE the number of the error; r12: what LOCK returned in r6, 0 if
    there is no lock. At ANSWER the result is the first word on the stack. Gives the lock back and counts the version
    up. At OPEN there is no lock to give back.

    The result becomes an object. The prologue's registers are on the stack, its own or a direct call's.
    """
    label(OUT_OF_RANGE)
    answer_error(5)  # ADDRESS_OUT_OF_RANGE
    label(NOT_ALLOCATED)
    mov(r0, 6)  # NOT_ALLOCATED
    label(REFUSE)
    neg(r0, r0)
    b(LEAVE)
    label(ANSWER)
    load_spilled(r0, 0)
    label(LEAVE)
    mov(r1, r12)
    lsr(r2, r1, 1)
    beq(OPEN)
    lsl(r2, r2, 1)
    ldr(r3, [r2, _VERSION])
    add(r3, 1)
    lsl(r3, r3, 2)
    lsr(r3, r3, 2)
    str(r3, [r2, _VERSION])
    ldr(r3, [r2, _LOCK])
    lsr(r3, r3, 2)
    beq(UNMASK)
    lsl(r3, r3, 2)
    give_spin_lock(r3)
    label(UNMASK)
    lsr(r1, r1, 1)
    bcc(OPEN)
    cpsie("i")
    label(OPEN)
    lsl(r0, r0, 1)
    add(r0, 1)
    pop({r1, r4, r5, r6, r7, r15})


@holds("REFUSE")
def refuse(at):
    """The call is refused, and nothing has changed. r0: the number of the error."""
    at.that("the call is to be refused", at.call.is_refused())
    at.register(0, bits(at.call.error))
    at.in_section()
    at.stack()
    at.at_most(8, (1, at.unlock))


@holds("ANSWER")
def answer(at):
    """All but the version is as it must be at the end. The first word on the stack is the result."""
    at.at_most(7, (1, at.unlock))
    at.that("the call is not to be refused", at.call.is_done())
    at.in_section()
    at.stack(answer=at.call.answer)
    at.header(**at.call.counted())
    at.known("row", at.call.has_row)
    at.known("starts", at.call.has_starts)
    at.call.has_planes(at, bits(0), bits(0))
