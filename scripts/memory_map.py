"""Writes a board's memory map for the C compiler and the linker, from the board's physmem_board.py.

memory_map.py PORT PHYSMEM_BOARD FOLDER makes memory_map.h in FOLDER, for a board of MicroPython's PORT, and
memory_map.ld if that is qemu; it leaves alone a file that says the same already.
"""

import pathlib
import runpy
import sys

# Port -> constants of physmem_board.py that the firmware's C files use, with the prefix PHYSMEM_ there.
C_CONSTANTS = {
    "qemu": (
        "GC_HEAP_SIZE",
        "STACK_SIZE",
        "UART_BASE",
        "UART_RECEIVE_INTERRUPT",
        "FPGAIO_BASE",
        "FPGAIO_COUNTER_HZ",
        "TIMER_BASE",
        "TIMER_INTERRUPT",
        "TIMER_HZ",
    ),
    "rp2": ("GC_HEAP_END", "SPIN_LOCK"),
}

# The same for constants that only some boards have.
OPTIONAL_C_CONSTANTS = ("PSRAM_GC_END",)

# Name of the linker's memory -> name of the occupied block in physmem_board.py.
LINKER_MEMORIES = {"CODE": "firmware", "RAM": "micropython"}


def c_header(port, board):
    """The text of memory_map.h for the constants *board*, a dict."""
    names = [*C_CONSTANTS[port], *(name for name in OPTIONAL_C_CONSTANTS if name in board)]
    return "".join(f"#define PHYSMEM_{name} {board[name]:#010x}\n" for name in names)


def linker_script(board):
    """The text of memory_map.ld for the constants *board*, a dict."""
    occupied = {name: (base, size) for name, base, size in board["OCCUPIED"]}
    lines = ["MEMORY", "{"]
    for memory, block in LINKER_MEMORIES.items():
        base, size = occupied[block]
        lines.append(f"    {memory} : ORIGIN = {base:#010x}, LENGTH = {size:#010x}")
    lines += ["}", f"physmem_stack_size = {board['STACK_SIZE']:#010x};", ""]
    return "\n".join(lines)


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(port, physmem_board, folder):
    board = runpy.run_path(physmem_board)
    write_if_changed(pathlib.Path(folder) / "memory_map.h", c_header(port, board))
    if port == "qemu":
        write_if_changed(pathlib.Path(folder) / "memory_map.ld", linker_script(board))


if __name__ == "__main__":
    main(*sys.argv[1:])
