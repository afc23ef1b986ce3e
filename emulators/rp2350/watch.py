"""Watch core 0 instruction by instruction. It makes the emulator slower, so a chip is watched only on request."""

from native import NEVER

NO_STACK = 0xFFFFFFFF


class Watch:
    """What each_instruction.c, with its *state*, has seen of core 0 since the last reset: see `watch` of Board."""

    def __init__(self, state, address):
        self._state = state
        state.watched = address
        self.start()

    def start(self):
        """Forget what was seen: the chip has been reset."""
        self._state.reached = NEVER
        self.take_stack()

    def follow_stack(self, is_outside_handlers):
        """Take the stack pointer of the instructions to come into account, or not."""
        self._state.measures_stack = is_outside_handlers

    @property
    def reached(self):
        """The instructions before the watched one was first reached; None as long as it was not."""
        return None if self._state.reached == NEVER else self._state.reached

    def take_stack(self):
        """Return {lowest, highest} stack pointer outside handlers since the last call."""
        seen = {"lowest": self._state.lowest, "highest": self._state.highest}
        self._state.lowest, self._state.highest = NO_STACK, 0
        return seen
