"""Timers that interrupt after a number of instructions, on QEMU's boards with ``-icount shift=10``: an instruction is
1,024 ns."""

import physmem_board

TICK_HZ = 25000000
LEAST_DURING = 100  # instructions; a raw call takes more
MARGIN = 5  # interrupts after the call
STRIDE = 50  # instructions: so fast goes the search for the last interrupt before the call
# One board is interrupted at every instruction, the others, where the same instructions run, at every third.
STEP = 1 if physmem_board.NAME == "MPS2_AN385" else 3


def ticks_of(instructions):
    """The period, in ticks of TICK_HZ, of a one-shot timer that is to interrupt after so many of them."""
    return 2 + instructions * 128 // 5  # 5 * 1,024 ns are 128 ticks of 40 ns
