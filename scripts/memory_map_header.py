"""memory_map_header.py PORT PHYSMEM_BOARD FOLDER: write a board's memory plan for the C compiler and the linker.

PHYSMEM_BOARD is the path of the board's physmem_board.py and PORT its MicroPython port. Writes memory_map.h in FOLDER,
and memory_map.ld if PORT is qemu. Does not touch a file that is already up to date.
"""

import pathlib
import runpy
import sys

# Port -> constants of physmem_board.py that the firmware's C files use; there they have the prefix PHYSMEM_.
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
    "stm32": ("GC_HEAP_END",),
}

# More such constants, which only some boards have.
OPTIONAL_C_CONSTANTS = ("PSRAM_GC_END", "MORE_HEAP", "TIM2_BASE")

# Start of their names: addresses that a board's own C file makes uncached.
UNCACHED = "UNCACHED_"

# Name of the memory in the linker script -> name of the occupied block in physmem_board.py.
LINKER_MEMORIES = {"CODE": "firmware", "RAM": "micropython"}


def c_header(port, board):
    """Return the text of memory_map.h for *board*, the dict of the board's constants."""
    names = [*C_CONSTANTS[port], *(name for name in OPTIONAL_C_CONSTANTS if name in board)]
    names += sorted(name for name in board if name.startswith(UNCACHED))
    return "".join(f"#define PHYSMEM_{name} {board[name]:#010x}\n" for name in names)


def linker_script(board):
    """Return the text of memory_map.ld for *board*, the dict of the board's constants."""
    occupied = {name: (base, size) for name, base, size, *_ in board["OCCUPIED"]}
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
