"""A core's exceptions: which are pending, enabled and active, and which one it takes next (Armv8-M manual, B3)."""

NMI, HARD_FAULT, SVCALL, PENDSV, EXTERNAL = 2, 3, 11, 14, 16
EXCEPTIONS = EXTERNAL + 52
"""Numbers of exceptions; the RP2350 has 52 external interrupts (datasheet 3.2), whose exceptions start at EXTERNAL."""
ALL = (1 << EXCEPTIONS) - 1
PRIORITY_BITS = 0xF0
THREAD = 256  # lower than the priority of any exception
FIXED = {1: -4, NMI: -2, HARD_FAULT: -1}


class Nvic:
    """Sets of exceptions are integers with a bit for each number."""

    def __init__(self):
        self.pending = 0
        self.lines = 0  # the external interrupts whose line is high
        self.enabled = (1 << EXTERNAL) - 1
        self.priorities = [0] * EXCEPTIONS
        for number, priority in FIXED.items():
            self.priorities[number] = priority
        self.active = []  # the last one is running
        self.prigroup = 0  # AIRCR.PRIGROUP: the number of the highest bit of a sub-priority

    @property
    def running(self):
        """The number of the exception whose handler runs; 0 in thread mode."""
        return self.active[-1] if self.active else 0

    def group(self, priority):
        """Return *priority* without its sub-priority, which orders those that wait, and interrupts nothing (B3.12)."""
        return priority if priority < 0 else priority & -(2 << self.prigroup)

    @property
    def active_priority(self):
        """The priority at which the core executes, without its masks."""
        return min([THREAD, *(self.group(self.priorities[number]) for number in self.active)])

    @property
    def ready(self):
        """The exceptions that wait to be taken: a line that stays high after its handler has run counts again."""
        ready = (self.pending | self.lines) & self.enabled
        for number in self.active:
            ready &= ~(1 << number)
        return ready

    @property
    def first(self):
        """The exception that comes first of those that wait, whatever masks them; 0 if none waits."""
        ready, best = self.ready, 0
        while ready:
            number = (ready & -ready).bit_length() - 1
            ready &= ready - 1
            if not best or self.priorities[number] < self.priorities[best]:
                best = number
        return best

    def set_line(self, number, is_high):
        """Set the line of external interrupt *number*. Return whether that has made it pending."""
        bit = 1 << number + EXTERNAL
        rises = bool(is_high) and not self.lines & bit
        self.lines = self.lines | bit if is_high else self.lines & ~bit
        if rises:
            self.pending |= bit
        return rises

    def wanted(self, primask=0, faultmask=0, basepri=0):
        """Return the exception that interrupts the core now, by its priority, or None."""
        if not self.ready:
            return None
        limit = self.active_priority
        if faultmask:
            limit = min(limit, -1)
        elif primask:
            limit = min(limit, 0)
        if basepri:
            limit = min(limit, self.group(basepri))
        first = self.first
        return first if self.group(self.priorities[first]) < limit else None
