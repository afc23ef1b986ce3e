"""What the emulator of the RP2350 has and that of the RP2040 has not: doubles, accesses at any address, PSRAM.

Numbers in the tests are sections of the RP2350 datasheet.
"""

import dataclasses
import pathlib
import re
import struct

import pytest

from harness import rp2_board
from harness.rp2_board import Rp2Board
from harness.rp2_chips import RP2350
from rp2_emulator import Rp2Emulator

chip, shared, board = rp2_board.chip, rp2_board.shared, rp2_board.board

PICO_PLUS_2 = dataclasses.replace(RP2350, board="PIMORONI_PICO_PLUS2", machine="Pimoroni Pico Plus 2 with RP2350")
PSRAM = 8 << 20  # bytes

pytestmark = pytest.mark.xdist_group("rp2350 emulator")

# ---- cores

# 3.6.2: the names of the instructions are the SDK's, in hardware_dcp's dcp_instr.inc.S.
ADD = """
@micropython.asm_thumb
def add(r0):
    ldr(r1, [r0, 0])
    ldr(r2, [r0, 4])
    ldr(r3, [r0, 8])
    ldr(r4, [r0, 12])
    data(2, 0xEC42, 0x1410)  # WXUP r1, r2
    data(2, 0xEC44, 0x3411)  # WYUP r3, r4
    data(2, 0xEE00, 0x0401)  # ADD0
    data(2, 0xEE10, 0x0401)  # ADD1
    data(2, 0xEE80, 0x0420)  # NRDD
    data(2, 0xEC52, 0x1410)  # RDDA r1, r2
    str(r1, [r0, 16])
    str(r2, [r0, 20])
"""
SUMS = [(0.1, 0.2), (1e300, -1e284), (1.0, 2**-53), (1.0, 2**-53 + 2**-105), (-5.5, 5.5), (3.0, float("inf"))]


@rp2_board.only(RP2350)
@pytest.mark.parametrize(("x", "y"), SUMS)
def test_coprocessor_adds_doubles(board, x, y):
    """It rounds as IEEE 754 says, to nearest even, which the host does too."""
    source = f"{ADD}\nwords = bytearray({struct.pack('<dd8x', x, y)!r})\nadd(words)\nprint(bytes(words[16:]))"
    assert board.run(source) == f"{struct.pack('<d', x + y)!r}\n"


@rp2_board.only(RP2350)
def test_each_core_has_its_coprocessor(board):
    source = f"""{ADD}
import _thread
one = bytearray({struct.pack("<dd8xd", 0.1, 0.2, 0.1 + 0.2)!r})
two = bytearray({struct.pack("<dd8xd", 1e9, 0.3, 1e9 + 0.3)!r})
results, mine = [], 0
@micropython.viper
def count_wrong(words, turns: int) -> int:
    w = ptr32(words)
    f = add
    wrong = 0
    for i in range(turns):
        f(words)
        if w[4] != w[6] or w[5] != w[7]:
            wrong += 1
        w[4] = 0
    return wrong
def core_1():
    results.append(count_wrong(one, 3000))
_thread.start_new_thread(core_1, ())
mine = count_wrong(two, 3000)
while not results:
    pass
print(mine, results)
"""
    assert board.run(source) == "0 [0]\n"


@rp2_board.only(RP2350)
def test_words_may_be_at_any_address(board):
    """ARMv8-M manual: loads and stores of single words need no alignment, unlike on the RP2040."""
    source = """
@micropython.viper
def f(p):
    words = ptr32(p)
    words[0] = 0x12345678
mem32[KEPT - 4] = mem32[KEPT] = 0
f(KEPT - 1)
print(hex(mem32[KEPT - 4]), hex(mem32[KEPT]))
"""
    assert board.run(source) == "0x78000000 0x123456\n"


# ---- PSRAM

AT = """
CACHED, UNCACHED = 0x11000000, 0x15000000  # 4.4.1
CACHE, INVALIDATE, CLEAN = 0x19000000, 2, 3  # 4.4.1.1: maintenance by address, of the chip at the second chip select
from machine import mem8
OFFSET = 0x00700000
"""


@pytest.fixture(scope="module")
def psram_board():
    """Yield a board with PSRAM that its firmware has set up."""
    with Rp2Emulator(PICO_PLUS_2.board) as emulator:
        board = Rp2Board(emulator, PICO_PLUS_2)
        yield board
        board.transport.close()


def test_a_board_with_psram_is_told_from_one_without(psram_board):
    said = psram_board.run("import sys, physmem_psram; print(sys.implementation._machine, hex(physmem_psram.end()))")
    assert said == f"{PICO_PLUS_2.machine} {0x11000000 + PSRAM:#x}\n"


def test_the_core_writes_psram_through_the_cache(psram_board):
    """4.4.1: a line that was cleaned is in the chip, where an access past the cache sees it."""
    source = """
mem32[CACHED + OFFSET] = 0x600DCAFE
mem8[CACHE + OFFSET + CLEAN] = 0
print(hex(mem32[UNCACHED + OFFSET]))
"""
    assert psram_board.run(AT + source) == "0x600dcafe\n"


def test_the_cache_must_forget_what_was_written_past_it(psram_board):
    source = """
mem32[CACHED + OFFSET] = 0x11111111
mem8[CACHE + OFFSET + CLEAN] = 0
mem32[UNCACHED + OFFSET] = 0x22222222
mem8[CACHE + OFFSET + INVALIDATE] = 0
print(hex(mem32[CACHED + OFFSET]))
"""
    assert psram_board.run(AT + source) == "0x22222222\n"


SET_UP = """
GPIO0_CTRL, QMI, M1, XIP_CTRL = 0x40028004, 0x400D0000, 0x400D0020, 0x400C8000  # 9.11.1, 12.14.6, 4.4.5
XIP_CS1, DIRECT, NOPUSH, QPI_ENABLE, WRITABLE_M1 = 9, 1 | 1 << 7, 1 << 20, 0x35, 1 << 11
# TIMING, RFMT, RCMD, WFMT, WCMD: 75 MHz, selected for 7.7 us at most; EBh and 38h, all on four lines
WINDOW = 0x61A48102, 0x000612AA, 0xEB, 0x000012AA, 0x38
def is_written():
    wanted = mem32[UNCACHED + OFFSET] ^ 0x12345678  # mem32 reads a word as signed
    mem32[UNCACHED + OFFSET] = wanted
    return mem32[UNCACHED + OFFSET] == wanted
"""


def test_psram_that_no_firmware_has_set_up_cannot_be_written():
    """4.4.5: XIP_CTRL.WRITABLE_M1 is 0 after a reset. The firmware of RPI_PICO2 knows nothing of PSRAM.

    The same program can write it once it has set up the window, as the APS6404L's datasheet says, and WRITABLE_M1.
    """
    with Rp2Emulator(RP2350.board, psram=PSRAM) as emulator:
        board = Rp2Board(emulator, RP2350)
        source = """
print(is_written())
mem32[GPIO0_CTRL] = XIP_CS1
mem32[QMI] = DIRECT
mem32[QMI + 4] = NOPUSH | QPI_ENABLE
mem32[QMI] = 0
for i in range(5):
    mem32[M1 + 4 * i] = WINDOW[i]
print(is_written())
mem32[XIP_CTRL] |= WRITABLE_M1
print(is_written())
"""
        assert board.run(AT + SET_UP + source) == "False\nFalse\nTrue\n"
        board.transport.close()


# ---- the program


@pytest.mark.parametrize("size", ["abc", "3", "-1"])
def test_a_size_of_psram_that_no_chip_has(size):
    message = rf"'{size}' is not the size of a PSRAM chip: set one of 0, .*, 8388608 bytes"
    with pytest.raises(RuntimeError, match=message):
        Rp2Emulator(RP2350.board, options=(f"--psram={size}",)).start()


MORE_MACHINE_CODE = """
from uctypes import addressof
@micropython.asm_thumb
def call(r0):
    data(2, 0x4780)  # BLX r0
nops = b"\\x00\\xbf" * 2048
code = bytearray(len(nops) * 16 + 2)
for _ in range(60):
    for at in range(0, len(code) - 2, len(nops)):
        code[at : at + len(nops)] = nops
    code[-2:] = b"\\x70\\x47" # BX lr
    call(addressof(code) | 1)
"""
"""Each call executes 32,768 instructions that unicorn has to translate once more, as their memory was written to."""
MOST = 200 << 10  # KiB: SRAM, flash, Python and 64 MiB of code that unicorn has translated


def test_new_machine_code_takes_no_more_and_more_of_the_hosts_memory():
    with Rp2Emulator(RP2350.board, options=("--unpaced",)) as emulator:
        board = Rp2Board(emulator, RP2350)
        board.run(MORE_MACHINE_CODE)
        status = (pathlib.Path("/proc") / str(emulator.process.pid) / "status").read_text()
        assert int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) < MOST
        board.transport.close()
