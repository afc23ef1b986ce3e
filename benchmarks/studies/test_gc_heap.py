"""docs/gc_heap.md agrees with the figures that `make bench-heap` counted, and so does the firmware built by `make`."""

import json

from bench import board
from studies import gc_heap
import pytest
from emulated_board import firmware, memory_map

FIGURES = json.loads(gc_heap.FIGURES.read_text())
NOTHING, LISTS, OBJECTS, FRAMEBUFFER, FRAMEBUFFER_IN_FRAMES, ARRAY, ARRAY_IN_FRAMES, TUPLES = gc_heap.LOADS
TOLERANCE = 0.1


def of(load, heap, statement):
    return FIGURES["loads"][load][heap][statement]


def test_the_page_is_made_of_the_figures():
    assert gc_heap.DOCUMENT.read_text() == gc_heap.document(FIGURES)


def test_the_readme_has_the_figures_of_a_full_heap():
    """In millions."""
    readme = " ".join((gc_heap.ROOT / "README.md").read_text().split())
    small, large = (
        f"{of(OBJECTS, heap, 'full') / 1e6:.1f} million" for heap in (gc_heap.WITHOUT_PSRAM, gc_heap.WITH_PSRAM)
    )
    assert f"with 2,000 objects, {small} instructions; with 8 MiB of PSRAM in the heap, {large} " in readme


def test_there_is_a_figure_of_each_kind():
    """And there is room for every load, except for 1 MiB in the heap of 512 KiB."""
    assert list(FIGURES["loads"]) == list(gc_heap.LOADS)
    for load, heaps in FIGURES["loads"].items():
        assert list(heaps) == list(gc_heap.HEAPS)
        missing = [heap for heap, figures in heaps.items() if figures is None]
        assert missing == (["as it is", "split"] if load == ARRAY else [])
        assert all(set(gc_heap.STATEMENTS) < set(figures) for figures in heaps.values() if figures)


def test_what_the_page_says_is_so():
    """Check the statements of its sentences that have no figure."""
    small, seven, large = gc_heap.WITHOUT_PSRAM, "split, 7 MiB more", gc_heap.WITH_PSRAM
    for load in (NOTHING, OBJECTS, FRAMEBUFFER_IN_FRAMES):
        assert of(load, large, "again") < 1.25 * of(load, small, "again")
        assert of(load, large, "end") > 0.75 * of(load, large, "full") > 5 * of(load, small, "full")
    for load in (LISTS, TUPLES):
        assert of(load, large, "again") - of(load, seven, "again") > 600_000
    for heap in ("as it is", small):  # 1,100 lists make the collector read the tables once more, 2,000 objects do not
        of_lists, of_objects = (of(load, heap, "again") - of(NOTHING, heap, "again") for load in (LISTS, OBJECTS))
        assert of_lists > 2 * of_objects
    for load in (FRAMEBUFFER_IN_FRAMES, ARRAY_IN_FRAMES):
        assert of(load, large, "again") < 1.01 * of(OBJECTS, large, "again")
    assert of(NOTHING, large, "free") > 0.99 * of(OBJECTS, large, "free")
    for load, reads_all in ((LISTS, True), (OBJECTS, False)):
        whole, kept_back = (FIGURES["rp2040"]["loads"][load][heap] for heap in gc_heap.RP2040_HEAPS)
        blocks = (whole["bytes of the heap"] - kept_back["bytes of the heap"]) // 16
        assert (whole["again"] - kept_back["again"] > 10 * blocks) == reads_all  # the whole table, whose end is empty


def test_instructions_are_exact():
    """Whatever the phase of the counter at the start."""
    tick = 10**9 // memory_map(gc_heap.BOARD)["FPGAIO_COUNTER_HZ"]
    for count in (0, 1, 2, 3, 1000, 99_999, 123_456_789):
        for phase in range(tick):
            ticks = (phase + count * gc_heap.NANOSECONDS) // tick - phase // tick
            assert gc_heap.instructions(ticks) == count


def agree(counted, recorded, same_compiler):
    """Return whether the counted figures are the recorded ones; with another compiler, only roughly."""
    tolerance = TOLERANCE if same_compiler else 3 * TOLERANCE
    return counted == {name: pytest.approx(figure, rel=tolerance) for name, figure in recorded.items()}


@pytest.mark.parametrize("load", [NOTHING, FRAMEBUFFER, FRAMEBUFFER_IN_FRAMES])
def test_the_figures_are_those_of_the_firmware(load):
    """For the board's own firmware."""
    board.compile_modules()
    kernel = firmware(gc_heap.BOARD)
    counted = gc_heap.counts(load, kernel, None)
    assert agree(counted, FIGURES["loads"][load]["as it is"], gc_heap.compiler(kernel) == FIGURES["compiler"])


@pytest.mark.parametrize("heap", gc_heap.RP2040_HEAPS)
def test_the_figures_of_the_rp2040_are_those_of_the_firmware(heap):
    counted = gc_heap.with_names(gc_heap.counts_on_rp2040(gc_heap.LOADS[OBJECTS], gc_heap.RP2040_HEAPS[heap]))
    recorded = FIGURES["rp2040"]
    same_compiler = gc_heap.compiler(firmware(gc_heap.RP2040_BOARD)) == recorded["compiler"]
    assert agree(counted, recorded["loads"][OBJECTS][heap], same_compiler)


@pytest.mark.parametrize("load", gc_heap.RP2_LOADS)
def test_the_figures_of_the_rp2350_are_those_of_the_firmware(load):
    """For the board's own firmware, which has 1 MiB of PSRAM in the heap."""
    counted = gc_heap.with_names(gc_heap.counts_on_rp2350(gc_heap.LOADS[load]))
    recorded = FIGURES["rp2350"]
    same_compiler = gc_heap.compiler(firmware(gc_heap.RP2350_BOARD)) == recorded["compiler"]
    (own,) = (heap for heap, nbytes in gc_heap.RP2350_HEAPS.items() if nbytes is None)
    assert agree(counted, recorded["loads"][load][own], same_compiler)


def test_psram_costs_an_rp2350_what_it_costs_the_other_cortex_m33():
    """The same collector, compiled alike, with tables of 8 MiB more: within a tenth, whichever emulator counts."""
    for load in gc_heap.RP2_LOADS:
        none, _, all_of_it = (FIGURES["rp2350"]["loads"][load][heap] for heap in gc_heap.RP2350_HEAPS)
        for statement in ("full", "end", "free"):
            other = of(load, gc_heap.WITH_PSRAM, statement) - of(load, gc_heap.WITHOUT_PSRAM, statement)
            assert all_of_it[statement] - none[statement] == pytest.approx(other, rel=TOLERANCE)


def test_psram_in_the_heap_of_an_rp2350_has_the_size_that_its_name_says():
    """Each 16 bytes of an area of the heap take 2 bits and 1 bit in the collector's tables: MicroPython's py/gc.c."""
    none, one, all_of_it = (
        FIGURES["rp2350"]["loads"][NOTHING][heap]["bytes of the heap"] for heap in gc_heap.RP2350_HEAPS
    )
    for heap, mebibytes in ((one, 1), (all_of_it, 8)):
        assert heap - none == pytest.approx(mebibytes * gc_heap.MIB * 128 / 131, abs=256)
