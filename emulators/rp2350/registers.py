"""unicorn's names of a core's registers, and fast ways to read and write many of them."""

from unicorn import arm_const

R0_TO_R12 = tuple(getattr(arm_const, f"UC_ARM_REG_R{n}") for n in range(13))
S0_TO_S15 = tuple(getattr(arm_const, f"UC_ARM_REG_S{n}") for n in range(16))
SP, LR, PC = arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_PC
XPSR, CONTROL, FPSCR = arm_const.UC_ARM_REG_XPSR, arm_const.UC_ARM_REG_CONTROL, arm_const.UC_ARM_REG_FPSCR
PRIMASK, FAULTMASK, BASEPRI = (
    arm_const.UC_ARM_REG_PRIMASK,
    arm_const.UC_ARM_REG_FAULTMASK,
    arm_const.UC_ARM_REG_BASEPRI,
)
GENERAL = (*R0_TO_R12, SP, LR, PC)
"""r0 to pc by their numbers in instructions."""

CALLER_SAVED = (*R0_TO_R12[:4], R0_TO_R12[12], LR)
"""What an exception saves before the return address, in the order of its frame."""

# Fields of XPSR and CONTROL (Armv8-M manual, D1.2.281, D1.2.29).
THUMB, ALIGNED, IPSR = 1 << 24, 1 << 9, 0x1FF
IT_STATE = 0x0600FC00
SPSEL, FPCA = 1 << 1, 1 << 2


def read_all(uc, names):
    """Return the values of the registers *names*."""
    return uc.reg_read_batch(names)


def write_all(uc, names, values):
    """Set the registers *names* to *values*."""
    uc.reg_write_batch(list(zip(names, values, strict=True)))
