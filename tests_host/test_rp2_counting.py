"""The emulators of both RP2 chips count instructions exactly, and watch a core and its stack."""

import rp2_emulator

from harness import rp2_board
from harness.rp2_board import Rp2Board
from harness.rp2_chips import RP2040
from rp2_emulator import Rp2Emulator

chip, shared, board = rp2_board.chip, rp2_board.shared, rp2_board.board

MARKS = """
@micropython.asm_thumb
def one():
    data(2, 0xBE50)
    data(2, 0xBE50)
@micropython.asm_thumb
def seven():
    data(2, 0xBE50)
    nop()
    nop()
    nop()
    nop()
    nop()
    nop()
    nop()
    data(2, 0xBE50)
@micropython.asm_thumb
def loop(r0):
    data(2, 0xBE50)
    label(AGAIN)
    sub(r0, 1)
    bne(AGAIN)
    data(2, 0xBE50)
one(); seven(); loop(1000)
"""


def test_marks_count_instructions_exactly(chip, board):
    board.emulator.reset_statistics()
    board.run(MARKS)
    marks = board.emulator.marks()
    assert [mark["core"] for mark in marks] == [0] * 6
    counts = [
        after["instructions"] - before["instructions"] for before, after in zip(marks[::2], marks[1::2], strict=True)
    ]
    assert counts == [0, 7, 2000]
    cycles = [after["cycles"] - before["cycles"] for before, after in zip(marks[::2], marks[1::2], strict=True)]
    assert cycles == [0, 7, 1000 + 999 * chip.branch_cycles + 1]
    assert all("lowest" not in mark for mark in marks)


STACK = """
@micropython.asm_thumb
def push():
    data(2, 0xBE50)
    push({r0, r1, r2, r3, r4})
    pop({r0, r1, r2, r3, r4})
    data(2, 0xBE50)
    push({r0})
    pop({r0})
    data(2, 0xBE50)
    nop()
    data(2, 0xBE50)
push()
"""
NEVER = 0x10FFFFFE


def test_a_watched_core_tells_when_it_reached_an_address_and_the_bounds_of_its_stack(chip):
    with Rp2Emulator(chip.board, options=("--unpaced",)) as emulator:
        reset_handler = int.from_bytes(rp2_emulator.boot_rom(emulator.chip).read_bytes()[4:8], "little") & ~1
        emulator.watch(reset_handler)
        assert emulator.reached() == 0
        emulator.watch(NEVER)
        board = Rp2Board(emulator, chip)
        emulator.reset_statistics()
        board.run("import micropython" + STACK)
        _, *marks = emulator.marks()
        assert [mark["highest"] - mark["lowest"] for mark in marks] == [5 * 4, 4, 0]
        assert emulator.reached() is None
        board.transport.close()


def test_watching_starts_with_the_power_off(chip):
    read = "print(hex(mem32[KEPT]))"
    with Rp2Emulator(chip.board, options=("--unpaced",)) as emulator:
        board = Rp2Board(emulator, chip)
        board.run("mem32[KEPT] = 0x12345678")
        board.reset_by("import machine; machine.reset()")
        assert board.run(read) == "0x12345678\n"
        if chip.run_keeps_sram:
            board.restart()
            assert board.run(read) == "0x12345678\n"
        emulator.watch(NEVER)
        board.transport.close()
        board.transport = emulator.connect()
        found = board.run(read)
        assert found != "0x12345678\n"
        if chip is RP2040:  # whose emulator has zeros then; that of the RP2350 has random bits
            assert found == "0x0\n"
        board.transport.close()
