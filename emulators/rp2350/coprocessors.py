"""Execute a coprocessor instruction, which unicorn does not (Armv8-M manual, C2.4; RP2350 datasheet 3.6): coprocessor 0
reaches the pins, 4 computes with doubles. Others fault."""

from fault import NOCP, USAGE, Fault
from registers import GENERAL, XPSR

PINS, DOUBLES = 0, 4
MCRR, MRRC = 0xEC40, 0xEC50
FLAGS_SHIFT, NO_FLAGS = 28, 0x0FFFFFFF
PC_AS_FLAGS = 15  # the register number that stands for the flags


def execute(uc, first, second, pins, doubles):
    """Execute the instruction with the halves *first* and *second*. Raise Fault if there is none such."""
    number = second >> 8 & 15
    unit = {PINS: pins, DOUBLES: doubles}.get(number)
    if unit is None:
        raise Fault(f"instruction for coprocessor {number}, which the chip lacks", None, USAGE, NOCP)
    kind, target, register = first & 0xEFF0, second >> 12, second & 15
    is_double = number == DOUBLES
    if kind == MCRR:
        unit.write(second >> 4 & 15, register, uc.reg_read(GENERAL[target]), uc.reg_read(GENERAL[first & 15]))
    elif kind == MRRC:
        low, high = unit.read2(second >> 4 & 15, register)
        uc.reg_write(GENERAL[target], low)
        uc.reg_write(GENERAL[first & 15], high)
    elif is_double and first & 0xFF00 == 0xEE00 and not second & 16:  # CDP
        unit.compute(first >> 4 & 15, second >> 5 & 7)
    elif is_double and kind & 0xFF10 == 0xEE10 and target == PC_AS_FLAGS:  # MRC
        flags = (
            unit.engaged_flags() if first >> 12 == 15 else unit.read(register, second >> 5 & 7) >> FLAGS_SHIFT
        )  # MRC2 or MRC
        uc.reg_write(XPSR, uc.reg_read(XPSR) & NO_FLAGS | flags << FLAGS_SHIFT)
    elif is_double and kind & 0xFF10 == 0xEE10:  # MRC
        uc.reg_write(GENERAL[target], unit.read(register, second >> 5 & 7))
    elif not is_double and kind & 0xFF10 == 0xEE00:  # MCR
        unit.write_one(first >> 5 & 7, register, uc.reg_read(GENERAL[target]))
    elif kind & 0xFF10 == 0xEE10:  # MRC of the pins
        uc.reg_write(GENERAL[target], unit.read(register, first >> 5 & 7))
    else:
        raise Fault(f"the emulator lacks instruction {first:04x} {second:04x} of coprocessor {number}", None, USAGE)
