"""board_memory.py: what each board of MicroPython's rp2 port has in memory, for docs/boards.md.

Reads boards/NAME/physmem_board.py and build/NAME/firmware.elf of the boards that the page has a part for, and writes
that part anew, between its two marks: the map, and the heap of the garbage collector as the port has it and as it is.
"""

import re
import sys

from elftools.elf.elffile import ELFFile

from bench_report import markdown, number
from emulator import ROOT, firmware, memory_map

DOCUMENT = ROOT / "docs" / "boards.md"
PART = re.compile(
    r"(?P<begin><!-- begin: memory of (?P<board>\w+), written by board_memory.py -->\n)"
    r"(?P<text>.*?)(?P<end><!-- end -->\n)",
    re.DOTALL,
)

WINDOW = 1 << 24
"""Bytes of the address space that flash and PSRAM have each: RP2350 datasheet, 4.4.1."""

USES = {"firmware": "flash: the firmware", "stack": "stack of core 0", "heap": "heap of the garbage collector"}


def symbols(board):
    """{name: value} of the board's firmware."""
    with open(firmware(board), "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def rows(constants, found):
    """(first address, bytes, what) of all that the map of a board names, in order; *found* are the image's symbols."""
    start = found["__GcHeapStart"]
    memory = [
        (base, size, f"region `{name}`: {size // frame_size:,} frames of {frame_size:,} bytes; {attributes}")
        for name, base, size, frame_size, attributes in constants["REGIONS"]
    ]
    base, size = constants["RETAINED_RECORDS"]
    memory.append((base, size, f"records of retained and mapped frames: {(size - 128) // 64}"))
    for name, base, size in constants["OCCUPIED"]:
        if name == "micropython":
            memory.append((base, start - base, "code that runs from RAM, `.data`, `.bss`"))
            memory.append((start, base + size - start, USES["heap"]))
        else:
            memory.append((base, size, USES[name]))
    return sorted(memory)


def heap_bytes(constants, found):
    """Bytes that the garbage collector has: ``((SRAM, PSRAM) as the port gives them, (SRAM, PSRAM) as they are)``."""
    start = found["__GcHeapStart"]
    psram = [base + size for name, base, size, *_ in constants["REGIONS"] if name == "psram"]
    window = psram[0] & -WINDOW if psram else 0
    ends = psram[0] if psram else 0, constants.get("PSRAM_GC_END", 0)
    return (found["__GcHeapEnd"] - start, ends[0] - window), (constants["GC_HEAP_END"] - start, ends[1] - window)


def part(board):
    """The part of the page about *board*."""
    constants, found = memory_map(board), symbols(board)
    lines = [[what, f"`{base:#010x}`", number(size)] for base, size, what in rows(constants, found)]
    table = markdown(["what", "first address", "bytes"], lines)
    (before, psram_before), (after, psram_after) = heap_bytes(constants, found)
    psram = ("", "") if not psram_before else (f" and {psram_before:,} of PSRAM", f" and {psram_after:,} of PSRAM")
    heap = f"Heap of the garbage collector: {before:,} bytes{psram[0]} as the port has it, {after:,}{psram[1]} here.\n"
    return f"\n{table}\n{heap}\n"


def main():
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(PART.sub(lambda found: found["begin"] + part(found["board"]) + found["end"], text))


if __name__ == "__main__":
    sys.exit(main())
