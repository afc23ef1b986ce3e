"""The entries of `serve`, and the direct calls: what makes numbers of the arguments, and objects of the results."""


def entries():
    """Here, behind the two bytes of the assembler's prologue, are the entries that `direct_calls` uses."""
    b(SERVE)
    b(ALLOC)
    b(ALLOC_ALIGNED)
    b(ALLOC_AT)


def one_number():
    """The beginning of a direct call with one argument.

    r0: the function object; r1, r2: the number of arguments, and of named ones; r3: address of the arguments, as
    objects. A small integer n is the object 2 * n + 1. A negative one is too large or out of range: further on it is
    compared as a number without sign. The assembler's prologue has not run. Return r0: the state, r1: the argument.
    """
    sub(r1, 1)
    orr(r1, r2)
    bne(ONE_NOT_GIVEN)
    ldr(r1, [r3, 0])
    asr(r1, r1, 1)
    bcc(CONVERT)
    open_call()


def two_numbers():
    """The same with two arguments, in r1 and r2."""
    sub(r1, 2)
    orr(r1, r2)
    bne(TWO_NOT_GIVEN)
    ldr(r1, [r3, 0])
    ldr(r2, [r3, 4])
    asr(r1, r1, 1)
    bcc(CONVERT_TWO)
    asr(r2, r2, 1)
    bcc(CONVERT_TWO)
    open_call()


def open_call():
    """Save what the assembler's prologue saves. r0 becomes the state."""
    push({r1, r4, r5, r6, r7, r14})
    ldr(r0, [r0, _STATE_OF_CALL])


def direct_free():
    """``free(frame)``."""
    label(FREE)
    one_number()
    b(RELEASE)


def direct_alloc_at():
    """``alloc_at(frame, n)``."""
    label(ALLOC_AT)
    two_numbers()
    ldr(r3, [r0, _FRAMES])
    cmp(r2, 0)
    blt(MORE_THAN_THERE_ARE)
    cmp(r1, 0)
    blt(PAST_THE_END)
    cmp(r2, 0)
    beq(NO_FRAMES)
    cmp(r2, r3)
    bhi(MORE_THAN_THERE_ARE)
    add(r4, r1, r2)
    cmp(r4, r3)
    bhi(PAST_THE_END)
    far(TAKE)
    label(MORE_THAN_THERE_ARE)
    b(TOO_LARGE)
    label(PAST_THE_END)
    b(OUT_OF_RANGE)
    label(NO_FRAMES)
    b(ZERO)


def conversions():
    """Arguments that are not small integers, or not as many as there should be.

    Convert them, which raises TypeError for what is not an integer, and call again with what that returns. r4: the
    function object; r5: address of the arguments. If the number of arguments is wrong, what converts the first
    complains in the usual words.
    """
    label(CONVERT)
    push({r4, r5, r6, r14})
    mov(r4, r0)
    mov(r1, 1)
    bl(CONVERT_FIRST)
    push({r0, r1})
    mov(r1, 1)
    b(AGAIN)
    label(CONVERT_TWO)
    push({r4, r5, r6, r14})
    mov(r4, r0)
    mov(r5, r3)
    mov(r1, 2)
    mov(r2, 0)
    bl(CONVERT_FIRST)
    push({r0, r1})
    mov(r1, 2)
    mov(r2, 0)
    mov(r3, r5)
    mov(r0, r4)
    conversions_of_call(r6)
    ldr(r0, [r0, 4])
    bl(CALL)
    mov(r1, r0)
    pop({r0, r2})
    push({r0, r1})
    mov(r1, 2)
    label(AGAIN)
    mov(r2, 0)
    stack_pointer(r3)
    mov(r0, r4)
    bl(CALL)
    pop({r1, r2})
    pop({r4, r5, r6, r15})
    label(TWO_NOT_GIVEN)
    add(r1, 1)
    label(ONE_NOT_GIVEN)
    add(r1, 1)
    push({r6, r14})
    bl(CONVERT_FIRST)
    pop({r6, r15})


def conversions_of_call(t):
    """r0: the function object of a direct call. It becomes the address of the two functions that convert the arguments;
    `t` is scratch.

    Call i of alloc, alloc_aligned, alloc_at and free has the code at ``start of serve + 4 + 2 * i``. What converts its
    arguments is in the words 2 * i and 2 * i + 1 of the conversions. Word 1 is `serve`, as alloc has one argument.
    """
    ldr(t, [r0, _CODE_OF_CALL])
    lsl(t, t, 2)
    ldr(r0, [r0, _CONVERSIONS_OF_CALL])
    add(t, t, r0)
    ldr(r0, [r0, _SERVE_IN_CONVERSIONS])
    ldr(r0, [r0, _CODE_OF_SERVE])
    lsl(r0, r0, 2)
    sub(r0, t, r0)
    sub(r0, 16)  # four times the distance of the first of these codes


def call():
    """CONVERT_FIRST: call what converts the first argument of the direct call r0. CALL: call the function object r0.
    Both use r6."""
    label(CONVERT_FIRST)
    conversions_of_call(r6)
    ldr(r0, [r0, 0])
    label(CALL)
    ldr(r6, [r0, _CODE_OF_CALL])
    lsr(r6, r6, 1)
    lsl(r6, r6, 1)
    add(r6, 1)
    bx(r6)


def dispatch():
    """``serve(address, what, how)``. r0: the state, r1: what, r2: how, as physmem_engine describes them."""
    label(SERVE)
    add(r2, 1)
    beq(ANYWHERE)
    cmp(r2, 1)
    bne(NO_RELEASE)
    b(RELEASE)
    label(NO_RELEASE)
    bgt(AT)
    sub(r2, 1)
    neg(r2, r2)
    far(SEARCH)
    label(AT)
    sub(r2, 1)
    b(TAKE)


def direct_alloc_aligned():
    """``alloc_aligned(n, align)``."""
    label(ALLOC_ALIGNED)
    two_numbers()
    cmp(r1, 0)
    blt(MORE_THAN_THERE_ARE)
    cmp(r2, 0)
    blt(UNALIGNED)
    cmp(r1, 0)
    beq(ZERO)
    sub(r3, r2, 1)
    bcc(UNALIGNED)
    beq(ANYWHERE)
    tst(r3, r2)
    bne(UNALIGNED)
    far(SEARCH)
    label(UNALIGNED)
    answer_error(4)  # UNALIGNED_ADDRESS


def direct_alloc():
    """``alloc(n)``."""
    label(ALLOC)
    one_number()


def anywhere():
    """Allocate r1 frames anywhere."""
    label(ANYWHERE)
    sub(r2, r1, 1)
    bcc(ZERO)
    cmp(r2, 32)
    bcc(FEW)
    mov(r2, 1)
    far(SEARCH)
    label(ZERO)
    answer_error(2)  # ZERO_ALLOCATION
