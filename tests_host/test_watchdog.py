"""A watchdog that is not fed resets the board: retained frames are still there, mapped frames are in quarantine."""

import pytest

from qemu import Qemu

PROMPT = b"\r\n>>> "
SECONDS = 20

# The CMSDK watchdog of each QEMU machine: QEMU's hw/arm/mps2.c and hw/arm/armsse.c.
WATCHDOGS = {"MPS2_AN385": 0x40008000, "MPS2_AN500": 0x40008000, "MPS2_AN505": 0x50081000}

BEFORE = """
import physmem
log = physmem.retain("log", 5000, region="sram")
log.view[:] = bytes(i * 7 & 0xFF for i in range(log.nbytes))
ring = physmem.dma_ring(8192).map()
scratch = physmem.allocate_frames(30)
print((log.addr, ring.addr))
"""

# It counts down twice: first it raises NMI, whose handler prints the registers and waits; then it resets the board.
HANG = """
from machine import mem32
mem32[{base:#x} + 0xC00] = 0x1ACCE551
mem32[{base:#x}] = 250000
mem32[{base:#x} + 8] = 3
while True:
    pass
"""

AFTER = """
import physmem
wrong = physmem.check() + physmem.dropped()
held = physmem.quarantined()
used = physmem.stats()[None]["used"]
log = physmem.retain("log", 5000)
same = bytes(log.view) == bytes(i * 7 & 0xFF for i in range(log.nbytes))
print((wrong, log.fresh, same, log.addr, [frames.addr for frames in held], used))
"""


@pytest.mark.parametrize("board", WATCHDOGS)
def test_memory_over_a_watchdog_reset(board):
    with Qemu(board) as emulator:
        transport = emulator.connect()
        log, ring = eval(transport.exec(BEFORE))
        transport.exec_raw_no_follow(HANG.format(base=WATCHDOGS[board]))
        assert transport.read_until(1, PROMPT, SECONDS).endswith(PROMPT), "no reset"
        transport.enter_raw_repl(soft_reset=False)
        assert eval(transport.exec(AFTER)) == ([], False, True, log, [ring], 2 + 2)
        transport.close()
