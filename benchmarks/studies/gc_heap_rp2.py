"""Count what garbage collections cost on boards of ports/rp2, in the emulators of their chips, by marks.

A program marks points in the emulator's count of instructions: see Rp2Emulator.marks.
"""

import ast
import contextlib
import tempfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

from emulated_board import ROOT, firmware, memory_map
from psram_chips import WINDOW
from rp2_emulator import Rp2Emulator
from studies import gc_variants

RP2040_BOARD = "RPI_PICO"
RP2040_HEAPS = {"as the port has it": True, "as it is": False}
"""Name -> whether the heap ends where the port would end it, instead of where the board's memory plan says."""

RP2350_BOARD = "PIMORONI_PICO_PLUS2"
RP2350_HEAPS = {"no PSRAM": 0, "1 MiB of PSRAM, as it is": None, "all 8 MiB of PSRAM": 8 << 20}
"""Name -> bytes of PSRAM in the heap; None for the board's own firmware."""
PSRAM = WINDOW.start

_COUNT_BY_MARKS = """
import micropython
@micropython.asm_thumb
def _mark():
    data(2, 0xBE50)

def _ticks(call):
    _mark()
    _mark()
    call()
    _mark()
"""
_PSRAM_COMES_LAST = """
def _place(piece):
    return addressof(piece) ^ 0x20000000
"""
"""The heap of an RP2350 starts in SRAM, at 0x20000000, and continues in PSRAM, at a lower address."""


@contextlib.contextmanager
def _changed_flash(board):
    """Have what is in the *board*'s flash as a bytearray to change; restart the board with it."""
    with tempfile.NamedTemporaryFile() as file:
        board.save_flash(file.name)
        image = bytearray(Path(file.name).read_bytes())
        yield image
        Path(file.name).write_bytes(image)
        board.load_flash(file.name)
    board.reset()


def give_back_what_is_kept(board):
    """Restart the RP2040 *board* with one constant of its firmware changed: the end of the heap in gc_init().

    The heap then extends to the port's end, over frames and records. That is harmless as long as none are used.
    """
    constants = memory_map(RP2040_BOARD)
    flash = next(base for name, base, *_ in constants["OCCUPIED"] if name == "firmware")
    with open(firmware(RP2040_BOARD), "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        symbols = {symbol.name: symbol.entry for symbol in table.iter_symbols()}
    function = symbols["__wrap_gc_init"]
    begin = (function["st_value"] & -4) - flash
    with _changed_flash(board) as image:
        end = constants["GC_HEAP_END"].to_bytes(4, "little")
        place = image.index(end, begin, begin + function["st_size"])
        image[place : place + 4] = symbols["__GcHeapEnd"]["st_value"].to_bytes(4, "little")


def build_rp2350(nbytes):
    """Build the firmware of RP2350_BOARD with that many bytes of PSRAM in the heap. Return the path of the image.

    The region psram has the rest. Nothing else differs from the board's own firmware.
    """
    variant = f"{RP2350_BOARD}_{nbytes >> 20}_MIB"
    constants = memory_map(RP2350_BOARD)
    end = PSRAM + nbytes
    regions = gc_variants.moved_start(RP2350_BOARD, "psram", end)
    occupied = [
        (name, PSRAM, nbytes, *rest) if name == "heap" else (name, base, size, *rest)
        for name, base, size, *rest in constants["OCCUPIED"]
    ]
    gc_variants.add_board(
        variant,
        RP2350_BOARD,
        ("mpconfigboard.cmake", "mpconfigboard.h", "pins.csv"),
        REGIONS=tuple(region for region in regions if region[2]),
        OCCUPIED=tuple(block for block in occupied if block[2]),
        PSRAM_GC_END=end,
    )
    return gc_variants.build(variant, (ROOT / "build" / "sdk").read_text().strip()) / "firmware.bin"


def _count(board, load, changes=""):
    """Return what gc_collections.counts counts: instructions of the four statements, bytes of the heap and bytes that
    live. *load* is the name of a load in gc_loads, or None. *changes* is source for the end of gc_collections."""
    sources = ROOT / "benchmarks" / "on_board"
    transport = board.connect()
    try:
        transport.exec((sources / "gc_loads.py").read_text())
        transport.exec((sources / "gc_collections.py").read_text() + _COUNT_BY_MARKS + changes)
        if load:
            transport.exec(f"make({load!r})")
        board.reset_statistics()
        heap, live = ast.literal_eval(transport.exec("print(counts()[1])").decode())
        marks = [mark["instructions"] for mark in board.marks()]
    finally:
        transport.close()
    ticks = [(marks[i + 2] - marks[i + 1]) - (marks[i + 1] - marks[i]) for i in range(0, len(marks), 3)]
    return ticks, heap, live


def counts_on_rp2040(load, heap_is_whole):
    """Count one of RP2040_HEAPS on a freshly reset board. Return what `_count` returns."""
    with Rp2Emulator(RP2040_BOARD, options=("--unpaced",)) as board:
        if heap_is_whole:
            give_back_what_is_kept(board)
        return _count(board, load)


def counts_on_rp2350(load, image=None):
    """Count on a freshly reset board with the firmware *image* of `build_rp2350`, or with its own. Return what `_count`
    returns."""
    with Rp2Emulator(RP2350_BOARD, options=("--unpaced",)) as board:
        if image:
            data = image.read_bytes()
            with _changed_flash(board) as flash:
                flash[: len(data)] = data
        return _count(board, load, _PSRAM_COMES_LAST)
