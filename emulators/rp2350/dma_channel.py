"""One channel of the DMA (RP2350 datasheet 12.6.3): its registers, and how far it has come."""

READ, WRITE, COUNT, CTRL = range(4)

# CTRL
ENABLE = 1 << 0
SIZE_LSB = 2
INCR_READ, INCR_READ_REV, INCR_WRITE, INCR_WRITE_REV = 1 << 4, 1 << 5, 1 << 6, 1 << 7
RING_SIZE_LSB, RING_SEL, CHAIN_TO = 8, 1 << 12, 13
IRQ_QUIET, BSWAP, BUSY = 1 << 23, 1 << 24, 1 << 26
WRITE_ERROR, READ_ERROR, AHB_ERROR = 1 << 29, 1 << 30, 1 << 31
ERRORS = WRITE_ERROR | READ_ERROR
CONTROL_BITS = (1 << 26) - 1

# TRANS_COUNT
COUNT_BITS = (1 << 28) - 1
MODE_LSB, TRIGGER_SELF, ENDLESS = 28, 0x1, 0xF


class Channel:
    """`addresses` are the next ones, `reload` what was last written to TRANS_COUNT, `remaining` transfers to make."""

    def __init__(self):
        self.addresses = [0, 0]
        self.reload = self.control = self.remaining = 0
        self.was_started = False  # since it last came to its end
        self._since = self._made = 0  # cycle from which the rate counts, and transfers made since then
        self._x, self._y = 0, 1  # X / Y transfers a cycle

    def register(self, which):
        """Return READ_ADDR, WRITE_ADDR, TRANS_COUNT or CTRL."""
        if which == COUNT:
            return self.reload & ~COUNT_BITS | self.remaining
        if which == CTRL:
            busy = BUSY if self.remaining else 0
            return self.control | busy | (AHB_ERROR if self.control & ERRORS else 0)
        return self.addresses[which]

    @property
    def is_endless(self):
        return self.reload >> MODE_LSB == ENDLESS

    @property
    def triggers_itself(self):
        return self.reload >> MODE_LSB == TRIGGER_SELF

    @property
    def is_moving(self):
        """Whether it makes transfers: it is busy, not paused, and requests come."""
        return self.remaining > 0 and self.control & ENABLE != 0 and self._x > 0

    @property
    def end(self):
        """The cycle of the last transfer of its sequence. Only while it `is_moving`."""
        return self._since + -(-(self._made + self.remaining) * self._y // self._x)

    def pace(self, cycle, x, y):
        """Make *x* / *y* transfers a cycle from *cycle* on; *x* 0: none (12.6.8)."""
        self.was_started = self.remaining > 0
        self._since, self._made = cycle, 0
        self._x, self._y = x, max(x, y)  # a timer makes at most one request a cycle

    def due(self, cycle):
        """Return how many transfers are to be made up to and with *cycle*."""
        made = (cycle - self._since) * self._x // self._y
        due = max(0, made - self._made)
        return due if self.is_endless else min(due, self.remaining)

    def advance(self, transfers):
        """Count *transfers* that were made."""
        self._made += transfers
        if not self.is_endless:
            self.remaining = max(0, self.remaining - transfers)  # one of them may have been an abort

    def abort(self):
        """End the sequence: no interrupt, no other channel (12.6.8.3)."""
        self.remaining = 0
        self.was_started = False
