"""The functions, made of rooms in this order: a room may go on into the next one.

The branches decide the order: a conditional one reaches 256 bytes, any other 2,048.
"""


@micropython.asm_thumb
def serve(r0, r1, r2) -> object:
    entries()
    direct_free()
    direct_alloc_at()
    conversions()
    call()
    dispatch()
    direct_alloc_aligned()
    direct_alloc()
    anywhere()
    few()
    few_others()
    few_place()
    no_few()
    lock()
    release()
    leave()
    release_beyond()
    raise_class()
    raise_several()
    lower_class()
    lower_several()
    take()
    take_many()
    search()
    settle()
    units()
    choose_search()
    natural()
    short()
    half()
    across()
    long()
    long_group()
    step()


@micropython.asm_thumb
def count_failure(r0, r1):
    failure()


@micropython.asm_thumb
def flip_start(r0, r1):
    flip()


@micropython.asm_thumb
def hold(r0):
    take_lock()


@micropython.asm_thumb
def let_go(r0, r1):
    give_lock()


@micropython.asm_thumb
def in_interrupt():
    read_ipsr(r0)


@micropython.asm_thumb
def fill(r0, r1, r2, r3):
    store()


@micropython.asm_thumb
def synchronize():
    wait_for_memory()
