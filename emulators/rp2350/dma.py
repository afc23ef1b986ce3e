"""The DMA (RP2350 datasheet 12.6): sixteen channels, four pacing timers, four interrupts.

An unpaced channel makes a transfer a cycle, whatever the other channels do; one that a pacing timer paces makes one at
each of the timer's requests. What is due is made when somebody looks at a register, when a channel comes to its end,
and every FRESH cycles. Within that, transfers of different channels are in the order of their channels' ends.

Not modelled: the requests of peripherals (DREQ), which never come; the sniffer; security and the memory protection
unit; priorities, because the channels do not slow one another. A channel with a count of 0 does not start.
"""

from block import BusError, Block
from dma_channel import (
    CHAIN_TO,
    CONTROL_BITS,
    COUNT,
    COUNT_BITS,
    CTRL,
    ENABLE,
    ERRORS,
    IRQ_QUIET,
    READ_ERROR,
    WRITE_ERROR,
    Channel,
)
from dma_mover import Mover

CHANNELS = 16
CHANNEL = 0x40  # bytes from one channel's registers to the next one's
CHANNELS_END = CHANNEL * CHANNELS
ALIAS_ORDERS = ((0, 1, 2, 3), (3, 0, 1, 2), (3, 2, 0, 1), (3, 1, 2, 0))
"""Of the four alias groups of a channel: which of READ, WRITE, COUNT, CTRL each register is. The last one triggers."""

INTR, INTE0, INTF0, INTS0, INTERRUPTS_END = 0x400, 0x404, 0x408, 0x40C, 0x440
INTERRUPT = 0x10  # bytes from one interrupt's registers to the next one's
INTERRUPTS = 4
FIRST_INTERRUPT = 10  # DMA_IRQ_0
TIMER0, MULTI_CHAN_TRIGGER, CHAN_ABORT, N_CHANNELS = 0x440, 0x450, 0x464, 0x468
DEBUG, DEBUG_RELOAD = 0x800, 0x4  # CHn_DBG_TCR at DEBUG + n * CHANNEL + 4
FIRST_TIMER, UNPACED = 59, 63  # of TREQ_SEL
FRESH = 10_000  # cycles after which a waking core sees in memory what channels have moved


class Dma(Block):
    """*bus* has the registers that channels reach, *memory* the memory (memory.py)."""

    ACT_ON_ONES = frozenset(
        {MULTI_CHAN_TRIGGER, CHAN_ABORT} | {base + n * INTERRUPT for base in (INTR, INTS0) for n in range(INTERRUPTS)}
    )

    def __init__(self, chip, bus, memory, interrupt, wraps=True):
        """With *wraps* False, addresses never wrap: a fault on purpose."""
        self._chip, self._interrupt = chip, interrupt
        self._mover = Mover(bus, memory, wraps)
        self._now = None  # the cycle that is being worked on, while channels work
        super().__init__()

    def reset(self):
        super().reset()
        self._channels = [Channel() for _ in range(CHANNELS)]
        self._raised = 0
        self._ticked = self._chip.now  # cycle of the last look
        self._update()

    # ---- registers

    def peek(self, offset):
        if offset < CHANNELS_END:
            channel = self._channels[offset // CHANNEL]
            return channel.register(ALIAS_ORDERS[offset >> 4 & 3][offset >> 2 & 3])
        if offset < INTERRUPTS_END:
            kind, n = offset & 0xC, offset - INTR & ~0xC
            if kind == INTR & 0xC:
                return self._raised
            return self._status(n) if kind == INTS0 & 0xC else super().peek(offset)
        if offset >= DEBUG and offset % CHANNEL == DEBUG_RELOAD and offset < DEBUG + CHANNELS_END:
            return self._channels[(offset - DEBUG) // CHANNEL].reload
        if offset in (MULTI_CHAN_TRIGGER, CHAN_ABORT):
            return 0  # an abort completes at once
        return CHANNELS if offset == N_CHANNELS else super().peek(offset)

    def read(self, offset):
        self.tick()
        return self.peek(offset)

    def write(self, offset, value):
        self.tick()
        if offset < CHANNELS_END:
            self._write_channel(offset, value)
        elif INTR <= offset < INTERRUPTS_END and offset & 0xC in (INTR & 0xC, INTS0 & 0xC):
            self._raised &= ~value
        elif offset == MULTI_CHAN_TRIGGER:
            for n in _bits(value):
                self._trigger(n)
        elif offset == CHAN_ABORT:
            for n in _bits(value):
                self._channels[n].abort()
        else:
            super().write(offset, value)
            if TIMER0 <= offset < MULTI_CHAN_TRIGGER:
                self._pace_again()
        self._update()

    def _write_channel(self, offset, value):
        n = offset // CHANNEL
        channel, place = self._channels[n], offset >> 2 & 3
        which = ALIAS_ORDERS[offset >> 4 & 3][place]
        is_trigger = place == 3
        if is_trigger and not value and channel.control & IRQ_QUIET:
            self._raised |= 1 << n  # 12.6.3.2: a null trigger ends a chain of control blocks
        if which == COUNT:
            channel.reload = value
        elif which == CTRL:
            channel.control = value & CONTROL_BITS | channel.control & ~value & ERRORS
            self._pace(channel)
        else:
            channel.addresses[which] = value
        if is_trigger and value:
            self._trigger(n)

    def _trigger(self, n):
        channel = self._channels[n]
        if channel.control & ENABLE and not channel.remaining:
            channel.remaining = channel.reload & COUNT_BITS
            self._pace(channel)

    # ---- time

    @property
    def next(self):
        """The cycle at which a channel comes to its end or memory is to be fresh; None if no channel works."""
        working = [channel for channel in self._channels if channel.is_moving]
        if not working:
            return None
        end = min((channel.end for channel in working if not channel.is_endless), default=None)
        if all(core.is_held or core.waiting for core in self._chip.cores):
            return end  # nobody looks at memory
        fresh = self._ticked + FRESH
        return fresh if end is None else min(end, fresh)

    def tick(self):
        """Make the transfers that are due."""
        if self._now is not None:
            return  # a channel accesses the DMA's own registers
        now = self._ticked = self._chip.now
        working = True
        try:
            while working:
                ends = [(c.end, n) for n, c in enumerate(self._channels) if c.is_moving and not c.is_endless]
                self._now, ending = min(ends, default=(now, None))
                if self._now > now:
                    self._now, ending = now, None
                working = ending is not None
                for n, channel in enumerate(self._channels):
                    if channel.is_moving:
                        self._move(n, channel)
                if working:
                    self._finish(ending)
        finally:
            self._now = None

    def _move(self, n, channel):
        due = channel.due(self._now)
        if not due:
            return
        try:
            moved, error = self._mover.move(channel, due), 0
        except BusError as refused:
            moved, error = refused.moved, WRITE_ERROR if refused.is_write else READ_ERROR
        channel.advance(moved)
        if error:
            channel.control |= error
            channel.abort()
            self._raised |= 1 << n
            self._update()

    def _finish(self, n):
        """End the sequence of channel *n*: raise its interrupt, start the channels that it triggers."""
        channel = self._channels[n]
        if channel.remaining or not channel.was_started:
            return  # an error or an abort has ended it
        channel.was_started = False
        if not channel.control & IRQ_QUIET:
            self._raised |= 1 << n
        chained = channel.control >> CHAIN_TO & 15
        if channel.triggers_itself:
            self._trigger(n)
        if chained != n:
            self._trigger(chained)
        self._update()

    def _pace(self, channel):
        """Set the rate of *channel*, which counts from now."""
        request = channel.control >> 17 & 63
        rate = (1, 1) if request == UNPACED else (0, 1)
        if FIRST_TIMER <= request < UNPACED:
            fraction = super().peek(TIMER0 + 4 * (request - FIRST_TIMER))
            rate = fraction >> 16, fraction & 0xFFFF
        channel.pace(self._chip.now if self._now is None else self._now, *rate)
        if channel.is_moving and not channel.is_endless:
            self._chip.wake_at(channel.end)

    def _pace_again(self):
        for channel in self._channels:
            if channel.remaining:
                self._pace(channel)

    # ---- interrupts

    def _status(self, n):
        return self._raised & super().peek(INTE0 + n) | super().peek(INTF0 + n)

    def _update(self):
        for n in range(INTERRUPTS):
            self._interrupt(FIRST_INTERRUPT + n, self._status(n * INTERRUPT) != 0)


def _bits(value):
    return [n for n in range(CHANNELS) if value >> n & 1]
