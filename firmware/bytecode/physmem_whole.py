"""Keep the engine's calls whole as bytecode, which Ctrl-C, the scheduler and the collector can come into.

Machine code is one piece for them. Bytecode is not: a function that the scheduler runs, or a finalizer, may call the
engine in the middle of a call. There it counts as an interrupt handler, and is refused. What ends a call in its middle,
such as KeyboardInterrupt, leaves a state that `repair` brings to that of before or after the call.
"""

from physmem_words import memory_32

running = [0, 0]
"""Whether a call is under way; and the address of a state whose repair did not end, or 0."""
_small = 0x3FFFFFFF


def expect_stack(levels=12):
    """Raise RuntimeError or MemoryError, before anything has changed, if the stack has no room for `levels` more calls,
    more than a call of the engine and its repair make, or the heap has none for a word above the small integers."""
    return expect_stack(levels - 1) if levels else _small + 1


def in_interrupt():
    """Return 1 in the middle of a call, else 0: as bytecode there is no other handler."""
    return 1 if running[0] else 0


def repair(address, layout, reclass, count_free):
    """Bring the state at `address` to what it was before or after the call that did not end, as `physmem_state.recover`
    does. The others are the engine's. Needs heap only for words above the small integers."""
    running[1] = address
    state = address >> 2
    frames, free, fewest, _, _, _, planes, _, tops, span, row, classes = layout
    frames = memory_32[state + frames]
    starts = state + ((row + memory_32[state + planes]) >> 1)
    row += state
    before = 0
    frame = 0
    while frame < frames:
        word = frame >> 5
        bit = 1 << (frame & 31)
        is_free = memory_32[row + word] & bit
        if memory_32[starts + word] & bit:
            if is_free:
                memory_32[starts + word] ^= bit
        elif before and not is_free:
            is_free = bit
            memory_32[row + word] ^= bit
        before = is_free
        frame += 1
    groups = (frames + 1023) >> 10
    span = memory_32[state + span]
    groups += -groups & ((1 << span) - 1)
    word = state + memory_32[state + planes]
    end = word + classes * groups
    while word < end:
        memory_32[word] = 0
        word += 1
    word = state + tops
    end = word + classes
    while word < end:
        memory_32[word] = 0
        word += 1
    reclass(address, 0, (frames - 1) >> 5)
    free += state
    fewest += state
    memory_32[free] = count_free(address)
    if memory_32[fewest] > memory_32[free]:
        memory_32[fewest] = memory_32[free]
    running[1] = 0
