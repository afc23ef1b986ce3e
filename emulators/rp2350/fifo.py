"""The two FIFOs between the cores (RP2350 datasheet 3.1.5): 4 words each, with their interrupts."""

DEPTH = 4
VLD = 1  # FIFO_ST: there is a word to read
RDY = 2  # there is room to write
WOF = 4  # written while full
ROE = 8  # read while empty
INTERRUPT = 25  # SIO_IRQ_FIFO, of each core


class Fifos:
    """What each core reads from the other one."""

    def __init__(self, chip, interrupt):
        self._chip, self._interrupt = chip, interrupt
        self.words = [[], []]  # for core 0 and core 1 to read
        self._sticky = [0, 0]

    def status(self, core):
        """Return FIFO_ST as core number *core* sees it."""
        valid = VLD if self.words[core] else 0
        ready = RDY if len(self.words[1 - core]) < DEPTH else 0
        return valid | ready | self._sticky[core]

    def clear_sticky(self, core):
        """Clear WOF and ROE of *core*: any write to FIFO_ST does."""
        self._sticky[core] = 0
        self._update()

    def read(self, core):
        """Return the next word for *core*, 0 if there is none."""
        if not self.words[core]:
            self._sticky[core] |= ROE
            self._update()
            return 0
        word = self.words[core].pop(0)
        self._update()
        return word

    def write(self, core, word):
        """Send *word* from *core* to the other one, and an event: a write wakes a core that waits for one."""
        words = self.words[1 - core]
        if len(words) < DEPTH:
            words.append(word)
            self._chip.send_event()
        else:
            self._sticky[core] |= WOF
        self._update()

    def empty(self, core):
        """Forget what *core* has not read, as its reset does."""
        self.words[core].clear()
        self._sticky[core] = 0
        self._update()

    def _update(self):
        for core in (0, 1):
            self._interrupt(INTERRUPT, bool(self.words[core] or self._sticky[core]), cores=(core,))
