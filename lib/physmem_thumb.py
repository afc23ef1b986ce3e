"""The engine's calls in machine code for ARM: `serve`, `count_failure`, `flip_start`, `hold`, `let_go`, `in_interrupt`
and `fill` of physmem_engine, whose docstring has the layout of a state, the classes and the invariants. Equal to
the viper ones word for word, except for the version. Only these take the lock of a region.

The assembler is in firmware/thumb, as one function for each room and for each repeated piece; `firmware/thumb/serve.py`
has their order. scripts/expand_thumb.py puts them in the place of the line ROOMS when firmware is made, and writes a
listing, build/thumb/listing.txt.

`synchronize`, for physmem_cache, has no twin: it waits until all accesses to memory are complete (DSB, ISB).

They use Thumb-1 and barriers only (armv6m has nothing else), need no heap and call nothing else. Conventions: r0 is the
state throughout, and the result at the end; a room that uses it otherwise says so. r12 holds the version first; at the
end it holds what LOCK returned in r6, or 0 if there is no lock to give back. r14 is scratch where no subroutine is
called, because the assembler's own prologue has saved it. The prologue has saved r1 as well, at the end of the stack:
this word is free, and at ANSWER it is the result. R is the address of a word of the row of free frames. The *position*
of a frame is the number of its bit in the word.

The critical section masks interrupts before the first word changes, and takes the hardware spin lock if the lock word
names one. After the last word it gives the spin lock back, and enables interrupts unless they were masked when the call
came. A core waits for the spin lock no longer than one section of the other core takes.

Searches run before the section, over a bitmap that may change under them. Their result counts only if the version is
still the same once the lock is taken; otherwise they are repeated in the critical section. The version is incremented
at the end of a section, so a search that started in the middle of one on the other core sees it change.

The raw calls jump into `serve` at four entries; physmem_direct says how, and what they find in the registers.
"""

import micropython
from micropython import const

# Offsets in bytes of the words of a state. The inline assembler knows only the constants of its own file, so
# scripts/expand_thumb.py replaces the next line with those of physmem_engine: _FREE for _STATE_FREE and so on.
# LAYOUT
_TO_STARTS = const(_ROW >> 1)  # from R to its word of starts: 2 * planes - _TO_STARTS bytes
_TO_ROW_END = const((_ROW >> 1) - 4)  # from the state to the word of zeros behind the row: 2 * planes + _TO_ROW_END
_PRODUCT_LOW = const(32)  # behind the table of positions
_PRODUCT_HIGH = const(34)
_CONVERSIONS_OF_CALL = const(4)  # in the function object of a direct call: the address of the conversions,
_STATE_OF_CALL = const(8)  # of the state,
_CODE_OF_CALL = const(12)  # and of the code
_SERVE_IN_CONVERSIONS = const(4)
_CODE_OF_SERVE = const(8)


# ROOMS


# Increment this when the entries of `serve`, what they expect in registers, the words of a direct call, or the
# conversions change: physmem_direct must know it.
ENTRIES = 2
