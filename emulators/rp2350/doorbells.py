"""The doorbells (RP2350 datasheet 3.1.6): eight flags that each core can raise at the other one."""

OUT_SET, OUT_CLR, IN_SET, IN_CLR = 0x180, 0x184, 0x188, 0x18C
FLAGS = 0xFF
INTERRUPT = 26  # SIO_IRQ_BELL, of each core


class Doorbells:
    """The flags by the core that they ring at."""

    def __init__(self, interrupt):
        self._interrupt = interrupt
        self.reset()

    def reset(self):
        """Silence all of them."""
        self.rings = [0, 0]
        for core in (0, 1):
            self._interrupt(INTERRUPT, False, cores=(core,))

    def read(self, core, offset):
        """Return the flags that *core* has raised at the other one (OUT), or that ring at itself (IN)."""
        return self.rings[1 - core if offset in (OUT_SET, OUT_CLR) else core]

    def write(self, core, offset, flags):
        """Raise or clear *flags*, as *core*."""
        at = 1 - core if offset in (OUT_SET, OUT_CLR) else core
        flags &= FLAGS
        if offset in (OUT_SET, IN_SET):
            self.rings[at] |= flags
        else:
            self.rings[at] &= ~flags
        self._interrupt(INTERRUPT, self.rings[at] != 0, cores=(at,))
