"""boards_page.py: write into docs/boards.md what each board of MicroPython's rp2 port has in memory.

Reads boards/NAME/physmem_board.py and build/NAME/firmware.elf of each board that the page has a part for, and rewrites
that part, between its two marks: the memory plan, and the garbage-collected heap with and without physmem.
"""

import re
import sys

from elftools.elf.elffile import ELFFile

from emulated_board import ROOT, firmware, memory_map
from markdown_table import markdown, number

DOCUMENT = ROOT / "docs" / "boards.md"
PART = re.compile(
    r"<!-- begin: memory of (?P<board>\w+), written by .*? -->\n(?P<text>.*?)<!-- end -->\n",
    re.DOTALL,
)

WINDOW = 1 << 24
"""Bytes of address space for flash, and as many for PSRAM: RP2350 datasheet, 4.4.1."""

USES = {"firmware": "flash: the firmware", "stack": "stack of core 0", "heap": "heap of the garbage collector"}


def symbols(board):
    """Return {name: value} of the symbols in the board's firmware."""
    with open(firmware(board), "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def rows(constants, found):
    """Return [(first address, bytes, what)] of everything in a board's memory plan, by address.

    *constants* is the board's memory plan; *found* are the symbols of its firmware.
    """
    start = found["__GcHeapStart"]
    memory = [
        (base, size, f"region `{name}`: {size // frame_size:,} frames of {frame_size:,} bytes; {attributes}")
        for name, base, size, frame_size, attributes in constants["REGIONS"]
    ]
    base, size = constants["RETAINED_RECORDS"]
    memory.append((base, size, f"records of retained and mapped frames: {(size - 128) // 64}"))
    for name, base, size, *_ in constants["OCCUPIED"]:
        if name == "micropython":
            memory.append((base, start - base, "code that runs from RAM, `.data`, `.bss`"))
            memory.append((start, base + size - start, USES["heap"]))
        else:
            memory.append((base, size, USES[name]))
    return sorted(memory)


def heap_bytes(constants, found):
    """Return the bytes of the garbage-collected heap: ((SRAM, PSRAM) in the stock port, (SRAM, PSRAM) with physmem)."""
    start = found["__GcHeapStart"]
    psram = [base + size for name, base, size, *_ in constants["REGIONS"] if name == "psram"]
    window = psram[0] & -WINDOW if psram else 0
    ends = psram[0] if psram else 0, constants.get("PSRAM_GC_END", 0)
    return (found["__GcHeapEnd"] - start, ends[0] - window), (constants["GC_HEAP_END"] - start, ends[1] - window)


def part(board):
    """Return the part of the page about *board*."""
    constants, found = memory_map(board), symbols(board)
    lines = [[what, f"`{base:#010x}`", number(size)] for base, size, what in rows(constants, found)]
    table = markdown(["what", "first address", "bytes"], lines)
    (before, psram_before), (after, psram_after) = heap_bytes(constants, found)
    psram = ("", "") if not psram_before else (f" and {psram_before:,} of PSRAM", f" and {psram_after:,}")
    heap = f"Heap of the garbage collector: as the port has it {before:,} bytes{psram[0]}, here {after:,}{psram[1]}.\n"
    return f"\n{table}\n{heap}\n"


def marked(board):
    """The same between its marks."""
    return f"<!-- begin: memory of {board}, written by make boards-page -->\n{part(board)}<!-- end -->\n"


def main():
    DOCUMENT.write_text(PART.sub(lambda found: marked(found["board"]), DOCUMENT.read_text()))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
