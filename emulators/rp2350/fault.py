"""An error to which a Cortex-M33 reacts with an exception: its fault handler's, or HardFault."""

MEMORY, BUS, USAGE = 4, 5, 6
"""The exceptions MemManage, BusFault and UsageFault, which go to HardFault unless SHCSR enables them."""

# CFSR (Armv8-M manual, D1.2.32).
IACCVIOL = 1 << 0
IBUSERR, PRECISERR, UNSTKERR, STKERR, BFARVALID = 1 << 8, 1 << 9, 1 << 11, 1 << 12, 1 << 15
UNDEFINSTR, INVSTATE, INVPC, NOCP, STKOF, UNALIGNED = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 24

# HFSR (D1.2).
VECTTBL, FORCED, DEBUGEVT = 1 << 1, 1 << 30, 1 << 31


class Fault(Exception):
    """*address* is what was accessed, or None. *status* is the bits that the fault sets in CFSR, 0 for none.

    A fault with a *hard_status*, the bits that it sets in HFSR, is always HardFault's, and *kind* means nothing.
    """

    def __init__(self, what, address=None, kind=BUS, status=0, hard_status=0):
        super().__init__(what if address is None else f"{what} at {hex8(address)}")
        self.address, self.kind, self.status, self.hard_status = address, kind, status, hard_status


class Lockup(Exception):
    """A core's fault handler has faulted: only a reset starts the core again (Armv8-M manual, B3.33)."""


class UsbBoot(Exception):
    """The chip is in BOOTSEL mode and waits for a .uf2 file: nothing runs until the next reset."""


class Reset(Exception):
    """The chip resets itself."""


def hex8(number):
    """Return *number* as eight hexadecimal digits."""
    return f"{number & 0xFFFFFFFF:#010x}"
