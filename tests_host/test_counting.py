"""Two boards whose timers and interpreters differ count the same machine code: they must agree."""

import pytest

from bench.board import BOARD, COUNTING, COUNTING_STM32, STM32_BOARD, BenchBoard, compile_modules

FRAMES = 2048


def counted(name, options):
    with BenchBoard(options, name) as board:
        return board.run("raw_calls.pairs", FRAMES)


@pytest.mark.xdist_group("counting")
def test_raw_calls_differ_by_what_the_interpreter_takes():
    """The difference between the boards is the same for each call: all of it is the interpreter's."""
    compile_modules()
    of_qemu_port, of_stm32_port = counted(BOARD, COUNTING), counted(STM32_BOARD, COUNTING_STM32)
    assert len(of_qemu_port) == len(set(of_qemu_port.values())) == 10
    differences = {call: count - of_stm32_port[call] for call, count in of_qemu_port.items()}
    assert len(set(differences.values())) == 1, differences


@pytest.mark.xdist_group("counting")
def test_the_stm32_timer_counts_every_instruction():
    """Each turn of a loop of machine code takes the same number of ticks: three instructions a turn are three ticks."""
    with BenchBoard(COUNTING_STM32, STM32_BOARD) as board:
        board.run("floor.run")  # has the counter imported
        source = """
import instructions
from instructions import second, of_call
@micropython.asm_thumb
def turns(r0):
    label(AGAIN)
    sub(r0, r0, 1)
    cmp(r0, 0)
    bne(AGAIN)
print([second(of_call, turns, n) - second(of_call, turns, 1) for n in (2, 3, 100, 10000)])
"""
        output, error = board.transport.exec_raw("import micropython\n" + source)
    assert not error and output.decode().strip() == str([3, 6, 297, 29997])
