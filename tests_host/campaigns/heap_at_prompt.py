"""heap_at_prompt.py BOARD: print the bytes of heap that are used and free at the prompt of BOARD after a collection."""

import os
import subprocess
import sys

from board_list import runs_in_qemu
from emulated_board import BOOT_SECONDS, BUILD
from harness.console import Console
from qemu import Qemu
from rp2_emulator import RP2_BOARDS, Rp2Emulator

SOURCE = "import gc; gc.collect(); gc.collect(); print(gc.mem_alloc(), gc.mem_free())"


def at_prompt(board):
    """Return the two numbers as text."""
    if board == "UNIX":
        command = [BUILD / "UNIX" / "micropython", "-c", SOURCE]
        return subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True).stdout
    assert board in RP2_BOARDS or runs_in_qemu(board)
    emulator = Rp2Emulator(board, options=("--unpaced",)) if board in RP2_BOARDS else Qemu(board)
    with emulator, Console(emulator) as console:
        console.enter_raw_repl(BOOT_SECONDS)
        return console.execute(SOURCE)


if __name__ == "__main__":
    print(at_prompt(sys.argv[1]))
