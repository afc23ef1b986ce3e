"""boards_page.py: write into docs/boards.md what each board that you can flash has in memory.

Reads boards/NAME/physmem_board.py and build/NAME/firmware.elf of each board that the page has a part for, and rewrites
that part, between its two marks: the memory plan, and the garbage-collected heap with and without physmem. Leaves a
part as it is if its board has no firmware: that of the stm32 boards is only built from a checkout with lib/stm32lib.
"""

import re
import sys

from elftools.elf.elffile import ELFFile

from board_list import boards_of, port_of, runs_in_qemu
from emulated_board import ROOT, firmware, memory_map
from markdown_table import markdown, number

DOCUMENT = ROOT / "docs" / "boards.md"
PART = re.compile(
    r"<!-- begin: memory of (?P<board>\w+), written by .*? -->\n(?P<text>.*?)<!-- end -->\n",
    re.DOTALL,
)

WINDOW = 1 << 24
"""Bytes of address space for flash, and as many for PSRAM: RP2350 datasheet, 4.4.1."""

USES = {
    "firmware": "flash: the firmware",
    "heap": "heap of the garbage collector",
    "filesystem_cache": "cache of the file system in flash",
    "ethernet": "Ethernet's descriptors and buffers",
}
STACKS = {"rp2": "stack of core 0", "stm32": "stack"}

HEAP_SYMBOLS = {"rp2": ("__GcHeapStart", "__GcHeapEnd"), "stm32": ("_heap_start", "_heap_end")}
"""Port -> symbols of the heap in SRAM: where it starts, and where it would end without physmem."""


def flashable_boards():
    """Return the names of the boards that the page has a part for."""
    return [board for board in boards_of("rp2", "stm32") if not runs_in_qemu(board)]


def symbols(board):
    """Return {name: value} of the symbols in the board's firmware."""
    with open(firmware(board), "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def rows(board, constants, found):
    """Return [(first address, bytes, what)] of everything in the memory plan of *board*, by address.

    *constants* is the board's memory plan; *found* are the symbols of its firmware.
    """
    start = found[HEAP_SYMBOLS[port_of(board)][0]]
    stack = STACKS[port_of(board)]
    memory = [
        (base, size, f"region `{name}`: {size // frame_size:,} frames of {frame_size:,} bytes; {attributes}")
        for name, base, size, frame_size, attributes in constants["REGIONS"]
    ]
    base, size = constants["RETAINED_RECORDS"]
    memory.append((base, size, f"records of retained and mapped frames: {(size - 128) // 64}"))
    for name, base, size, *_ in constants["OCCUPIED"]:
        if name == "micropython":
            end = constants["GC_HEAP_END"]
            memory.append((base, start - base, "code that runs from RAM, `.data`, `.bss`"))
            memory.append((start, end - start, USES["heap"]))
            if end < base + size:
                memory.append((end, base + size - end, stack))
        else:
            memory.append((base, size, stack if name == "stack" else USES[name]))
    return sorted(memory)


def heap_bytes(board, constants, found):
    """Return the bytes of the garbage-collected heap: ((SRAM, PSRAM) in the stock port, (SRAM, PSRAM) with physmem)."""
    start, end = (found[symbol] for symbol in HEAP_SYMBOLS[port_of(board)])
    psram = [base + size for name, base, size, *_ in constants["REGIONS"] if name == "psram"]
    window = psram[0] & -WINDOW if psram else 0
    ends = psram[0] if psram else 0, constants.get("PSRAM_GC_END", 0)
    return (end - start, ends[0] - window), (constants["GC_HEAP_END"] - start, ends[1] - window)


def part(board):
    """Return the part of the page about *board*."""
    constants, found = memory_map(board), symbols(board)
    lines = [[what, f"`{base:#010x}`", number(size)] for base, size, what in rows(board, constants, found)]
    table = markdown(["what", "first address", "bytes"], lines)
    (before, psram_before), (after, psram_after) = heap_bytes(board, constants, found)
    psram = ("", "") if not psram_before else (f" and {psram_before:,} of PSRAM", f" and {psram_after:,}")
    stock = "as the port has it" if port_of(board) == "rp2" else "up to the stack"
    heap = f"Heap of the garbage collector: {stock} {before:,} bytes{psram[0]}, here {after:,}{psram[1]}.\n"
    return f"\n{table}\n{heap}\n"


def marked(board):
    """The same between its marks."""
    return f"<!-- begin: memory of {board}, written by make boards-page -->\n{part(board)}<!-- end -->\n"


def main():
    absent = [board for board in flashable_boards() if not firmware(board).exists()]
    text = PART.sub(lambda part: part[0] if part["board"] in absent else marked(part["board"]), DOCUMENT.read_text())
    DOCUMENT.write_text(text)
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")
    for board in absent:
        print(f"Left as it was: {board}, which has no firmware. Set MICROPYTHON_DIR to a checkout with lib/stm32lib.")


if __name__ == "__main__":
    sys.exit(main())
