"""A Cortex-M33 core: what it has beside unicorn's registers, and how it sleeps."""

from double_coprocessor import DoubleCoprocessor
from nvic import THREAD, Nvic
from private_bus import SEVONPEND, SystemControl
from registers import BASEPRI, FAULTMASK, PRIMASK, read_all

MASKS = (PRIMASK, FAULTMASK, BASEPRI)
FOR_INTERRUPT, FOR_EVENT = "WFI", "WFE"
"""What a sleeping core waits for: the instruction that put it to sleep."""


class Core:
    """Core *index* of *chip*. unicorn has one set of registers, that of the core that executes."""

    def __init__(self, chip, index):
        self.index, self.uc, self._chip, self._state = index, chip.uc, chip, chip.state
        self.is_held = False  # in reset, by the power-on state machine
        self.reset()

    def reset(self):
        """Reset this core only."""
        self.is_cold = True  # its registers have to be set before it executes
        self.nvic, self.scb, self.dcp = Nvic(), SystemControl(), DoubleCoprocessor()
        self.waiting = None  # FOR_INTERRUPT, FOR_EVENT, or None while awake
        self.masks = (0, 0, 0)  # while asleep
        self.event = False
        self.fault = None  # text of the fault that HardFault handles

    @property
    def memory(self):
        """Memory as the core reaches it without an instruction."""
        return self._chip.peripherals.memory

    @property
    def pc(self):
        """The address of the next instruction."""
        return self._state.next_pc[self.index]

    @pc.setter
    def pc(self, address):
        self._state.next_pc[self.index] = address & 0xFFFFFFFF

    @property
    def instructions(self):
        """The instructions that it has executed since the chip was reset."""
        return self._state.instructions[self.index]

    @instructions.setter
    def instructions(self, number):
        self._state.instructions[self.index] = number

    @property
    def event(self):
        """The event register."""
        return bool(self._state.events[self.index])

    @event.setter
    def event(self, is_set):
        self._state.events[self.index] = is_set

    @property
    def priority(self):
        """The priority at which the core executes now; only of the core that unicorn has the registers of."""
        primask, faultmask, basepri = read_all(self.uc, MASKS)
        limit = min(self.nvic.active_priority, self.nvic.group(basepri or THREAD))
        return min(limit, -1) if faultmask else min(limit, 0) if primask else limit

    def set_line(self, number, is_high):
        """Set the line of external interrupt *number*."""
        if self.nvic.set_line(number, is_high) and self.scb.scr & SEVONPEND:
            self.event = True

    def wanted(self):
        """Return the exception that the core takes before its next instruction, or None."""
        return self.nvic.wanted(*read_all(self.uc, MASKS)) if self.nvic.ready else None

    def sleep(self, waiting):
        """Sleep as *waiting* says; WFE clears the event register and does not sleep if that was set."""
        if waiting == FOR_EVENT and self.event:
            self.event = False
            return
        self.waiting = waiting
        self.masks = tuple(read_all(self.uc, MASKS))

    def is_awake(self):
        """Wake if there is a reason to. Return whether the core executes instructions (Armv8-M manual, B3.35)."""
        if self.waiting is None or self.is_held:
            return not self.is_held
        if self.waiting == FOR_EVENT and self.event:
            self.event = False
            self.waiting = None
        elif self.nvic.ready:
            primask, faultmask, basepri = self.masks
            if self.waiting == FOR_INTERRUPT:
                primask = 0  # WFI ends even if PRIMASK then keeps the handler from running
            if self.nvic.wanted(primask, faultmask, basepri) is not None:
                self.waiting = None
        return self.waiting is None
