"""The registers that each core has for itself at 0xe0000000: NVIC, system control block, cycle counter (RP2350
datasheet 3.7.5; Armv8-M manual, D1.1). Others read as zero and ignore writes, as reserved ones do."""

from fault import Fault
from nvic import ALL, EXTERNAL, NMI, PENDSV, PRIORITY_BITS

BASE, SIZE = 0xE0000000, 0x100000
DWT_CTRL, DWT_CYCCNT = 0x1000, 0x1004
CYCCNTENA = 1 << 0
SCS = 0xE000
ICTR, SYST_CSR = SCS + 0x004, SCS + 0x010
ISER, ICER, ISPR, ICPR, IABR, IPR = (SCS + offset for offset in (0x100, 0x180, 0x200, 0x280, 0x300, 0x400))
SET_SIZE, IPR_SIZE = 0x40, 0x1F0
CPUID, ICSR, VTOR, AIRCR, SCR, CCR = (SCS + 0xD00 + 4 * i for i in range(6))
SHPR1, SHPR_END, SHCSR, CFSR, HFSR = (SCS + 0xD00 + i for i in (0x18, 0x24, 0x24, 0x28, 0x2C))
MMFAR, BFAR = SCS + 0xD34, SCS + 0xD38
CPACR, MPU_TYPE, MPU_CTRL, SAU_CTRL = SCS + 0xD88, SCS + 0xD90, SCS + 0xD94, SCS + 0xDD0
DEMCR, STIR = SCS + 0xDFC, SCS + 0xF00
FPCCR, FPCAR, FPDSCR = SCS + 0xF34, SCS + 0xF38, SCS + 0xF3C
TRCENA = 1 << 24
ENABLE = 1 << 0

CPUID_VALUE = 0x411FD210  # Cortex-M33 r1p0
ICTR_VALUE = 1  # up to 64 external interrupts
MPU_TYPE_VALUE = 8 << 8  # regions
CCR_RESET, FPCCR_RESET = 0x00000201, 0xC0000004
CCR_CACHES = 3 << 16  # DC and IC, which stay 0: the core has no caches (Armv8-M manual, D1.2, CCR)
AIRCR_READ, AIRCR_KEY, SYSRESETREQ = 0xFA050000, 0x05FA, 1 << 2
PRIGROUP, PRIGROUP_MASK = 8, 7  # PRIGROUP is a shift
NMIPENDSET, PENDSVSET, PENDSVCLR = 1 << 31, 1 << 28, 1 << 27
INTID = 0x1FF  # of STIR
VECTPENDING, RETTOBASE = 12, 1 << 11  # VECTPENDING is a shift
SLEEPONEXIT, SEVONPEND = 1 << 1, 1 << 4
ABSENT = {
    SYST_CSR: "SysTick timer",
    MPU_CTRL: "memory protection unit",
    SAU_CTRL: "security attribution unit",
}
"""What the chip has and the emulator lacks: enabling it is an error, as the program would not get what it wants."""


class SystemControl:
    """The registers of a core's system control block that the emulator reacts to."""

    def __init__(self):
        self.vtor = 0
        self.scr = self.shcsr = self.cfsr = self.hfsr = self.mmfar = self.bfar = 0
        self.stored = {CCR: CCR_RESET, FPCCR: FPCCR_RESET}
        self.cycles_from = 0  # when DWT_CYCCNT was 0, while it counts
        self.cycles = 0  # its value, while it does not


STORED = (CPACR, DEMCR, FPCCR, FPCAR, FPDSCR, DWT_CTRL)
BY_NAME = {SCR: "scr", SHCSR: "shcsr", CFSR: "cfsr", HFSR: "hfsr", MMFAR: "mmfar", BFAR: "bfar"}
CLEARED_BY_ONES = (CFSR, HFSR)


class PrivateBus:
    """The private peripheral bus of whichever core of *chip* executes."""

    def __init__(self, chip):
        self.chip = chip
        chip.uc.mmio_map(BASE, SIZE, self._read, None, self._write, None)

    def _read(self, _uc, offset, size, _data):
        return self.read(offset & ~3) >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def _write(self, _uc, offset, size, value, _data):
        word = offset & ~3
        shift = 8 * (offset & 3)
        value <<= shift
        if size < 4 and (IPR <= word < IPR + IPR_SIZE or SHPR1 <= word < SHPR_END):
            value |= self.read(word) & ~((1 << 8 * size) - 1 << shift)
        self.write(word, value)

    def read(self, offset):
        """Return the register at *offset* from BASE."""
        core = self.chip.core
        nvic, scb = core.nvic, core.scb
        bank = offset & SET_SIZE - 1
        if ISER <= offset < ISER + SET_SIZE or ICER <= offset < ICER + SET_SIZE:
            return _word(nvic.enabled, bank)
        if ISPR <= offset < ISPR + SET_SIZE or ICPR <= offset < ICPR + SET_SIZE:
            return _word(nvic.pending | nvic.lines, bank)
        if IABR <= offset < IABR + SET_SIZE:
            return _word(sum(1 << number for number in nvic.active), bank)
        if IPR <= offset < IPR + IPR_SIZE:
            return _priorities(nvic, EXTERNAL + offset - IPR)
        if SHPR1 <= offset < SHPR_END:
            return _priorities(nvic, 4 + offset - SHPR1)
        if offset == ICSR:
            return self._icsr(nvic)
        if offset == DWT_CYCCNT:
            return self._cycles(scb)
        if offset in BY_NAME:
            return getattr(scb, BY_NAME[offset])
        fixed = {CPUID: CPUID_VALUE, ICTR: ICTR_VALUE, MPU_TYPE: MPU_TYPE_VALUE, VTOR: scb.vtor}
        fixed[AIRCR] = AIRCR_READ | nvic.prigroup << PRIGROUP
        return fixed[offset] if offset in fixed else scb.stored.get(offset, 0)

    def write(self, offset, value):
        """Write the register at *offset* from BASE."""
        core = self.chip.core
        nvic, scb = core.nvic, core.scb
        bits = value << EXTERNAL + 8 * (offset & SET_SIZE - 1) & ALL  # others are reserved
        if ISER <= offset < ISER + SET_SIZE:
            nvic.enabled |= bits
        elif ICER <= offset < ICER + SET_SIZE:
            nvic.enabled &= ~bits
        elif ISPR <= offset < ISPR + SET_SIZE:
            nvic.pending |= bits
        elif ICPR <= offset < ICPR + SET_SIZE:
            nvic.pending &= ~bits
        elif IPR <= offset < IPR + IPR_SIZE:
            _set_priorities(nvic, EXTERNAL + offset - IPR, value)
        elif SHPR1 <= offset < SHPR_END:
            _set_priorities(nvic, 4 + offset - SHPR1, value)
        elif offset == STIR:
            nvic.pending |= 1 << EXTERNAL + (value & INTID) & ALL
        elif offset == ICSR:
            self._write_icsr(nvic, value)
        elif offset == VTOR:
            scb.vtor = value & ~0x7F
        elif offset == AIRCR:
            self._write_aircr(core, value)
        elif offset == DWT_CYCCNT:
            scb.cycles, scb.cycles_from = value, self.chip.now - value
        elif offset in CLEARED_BY_ONES:
            setattr(scb, BY_NAME[offset], getattr(scb, BY_NAME[offset]) & ~value)
        elif offset in BY_NAME:
            setattr(scb, BY_NAME[offset], value)
        elif offset in ABSENT and value & ENABLE:
            self.chip.refuse(Fault(f"the emulator has no {ABSENT[offset]}: it was enabled"))
        elif offset in (DEMCR, DWT_CTRL):
            cycles = self._cycles(scb)
            scb.stored[offset] = value
            scb.cycles, scb.cycles_from = cycles, self.chip.now - cycles
        elif offset == CCR:
            scb.stored[CCR] = value & ~CCR_CACHES
        elif offset in STORED:
            scb.stored[offset] = value
        self.chip.stop()  # an exception may have become ready

    def _cycles(self, scb):
        counts = scb.stored.get(DEMCR, 0) & TRCENA and scb.stored.get(DWT_CTRL, 0) & CYCCNTENA
        return (self.chip.now - scb.cycles_from if counts else scb.cycles) & 0xFFFFFFFF

    @staticmethod
    def _icsr(nvic):
        at_base = RETTOBASE if len(nvic.active) == 1 else 0
        pending = (PENDSVSET if nvic.pending >> PENDSV & 1 else 0) | (NMIPENDSET if nvic.pending >> NMI & 1 else 0)
        return nvic.running | at_base | nvic.first << VECTPENDING | pending

    @staticmethod
    def _write_icsr(nvic, value):
        if value & NMIPENDSET:
            nvic.pending |= 1 << NMI
        if value & PENDSVSET:
            nvic.pending |= 1 << PENDSV
        elif value & PENDSVCLR:
            nvic.pending &= ~(1 << PENDSV)

    def _write_aircr(self, core, value):
        if value >> 16 != AIRCR_KEY:
            return
        core.nvic.prigroup = value >> PRIGROUP & PRIGROUP_MASK
        if value & SYSRESETREQ:
            self.chip.stop("core reset")


def _word(bits, bank):
    return bits >> EXTERNAL + 8 * bank & 0xFFFFFFFF


def _priorities(nvic, number):
    return int.from_bytes(bytes(priority & 0xFF for priority in nvic.priorities[number : number + 4]), "little")


def _set_priorities(nvic, number, value):
    for i in range(number, min(number + 4, len(nvic.priorities))):
        nvic.priorities[i] = value & PRIORITY_BITS
        value >>= 8
