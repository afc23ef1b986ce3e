"""The arithmetic of `make bench`: what its gate rejects, its tables and its plot, and how it counts masked stretches.

The counts themselves need the board.
"""

import json
import re
import sys
from xml.etree import ElementTree

import pytest

from bench import board, bounds, footprint, gate, main, plot, report, trace
from bench.firmware import BenchFirmware
from bench.footprint import FIRST_REGION
from emulated_board import ROOT


REPORT = ROOT / "docs" / "bench.md"


def paths(before, after):
    return [path for path, _, _ in gate.grown(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (1000, 1021, True),
        (1000, 1020, False),
        (1000, 1019, False),
        (1000, 500, False),
        (100, 102.1, True),
        (100, 102.0, False),
        (0, 0, False),
        (0, 1, True),
        (1, 2, True),
    ],
)
def test_growth_beyond_two_percent_is_refused(before, after, refused):
    assert paths({"figure": before}, {"figure": after}) == ["figure"] * refused


def test_new_and_lost_figures_are_refused():
    assert sorted(paths({"kept": 1, "lost": 1}, {"kept": 1, "new": 1})) == ["lost", "new"]


def test_the_worst_growth_comes_first():
    assert paths({"a": 100, "b": 100, "c": 100}, {"a": 110, "b": 190, "c": 101}) == ["b", "a"]


def test_counted_figures_are_named_by_their_path():
    tree = {"floor": 580, "map": {"n": {"alloc": [1.5, 2, 3], "free": None, "granted": 7}}, "compiler": "GCC"}
    assert gate.counted(tree) == {
        "floor": 580,
        "map / n / alloc / mean": 1.5,
        "map / n / alloc / p99": 2,
        "map / n / alloc / maximum": 3,
    }


def test_what_others_cost_is_not_counted():
    assert gate.counted({"garbage-collected heap": {"half full": {"bytearray(4096)": [1, 2, 3]}}}) == {}


def test_json_text_is_the_tree():
    tree = {"a": {"b": {"c": [1, 2.5, None]}, "d": {}}, "e %": 'quoted "text"', "f": []}
    assert json.loads(gate.json_text(tree)) == tree


def test_accepted_figures_pass_and_those_of_another_compiler_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "BASELINE", tmp_path / "baseline.json")
    gate.accept({"compiler": "one", "floor": 580, "map": {"granted": 3, "alloc": [1, 2, 3]}})
    gate.accept({"compiler": "two", "floor": 600})
    baseline = gate.read_baseline()
    assert gate.counted(baseline["two"]) == {"floor": 600}
    kept = gate.counted(baseline["one"])
    assert kept["floor"] == 580
    assert gate.grown(kept, gate.counted({"floor": 580, "map": {"granted": 9, "alloc": [1, 2, 3]}})) == []


def allocation(first):
    counts = [first, first + 1, first + 2]
    return {"granted": 9, "refused": 1, "alloc": counts, "free": counts, "refusal": None}


def figures():
    """Return a tree of invented figures in the form that bench/measure.py makes."""
    sizes = [*range(1, 65), 100, 128, 256, 512, 1024, 2048]
    pairs = {str(n): 400 + n for n in sizes}
    load = {
        "operation": [345.4, 740, 950],
        "alloc": [1, 2, 3],
        "free": [1, 2, 3],
        "refusal": None,
        "refused": 4,
        "refused although it could be met": 0,
    }
    by_size = {"0 % used, fresh": {str(n): allocation(2000 + n) for n in sizes}}
    requests = {name: {"empty": 1300, "75 % used, aged": [1400.0, 1500, 1600]} for name in plot.SERIES}
    return {
        "board": "BOARD",
        "compiler": "COMPILER",
        "emulator": "QEMU (of somebody)",
        "floor": 580,
        "free(alloc(n)) in an empty region": dict(pairs),
        "free(alloc(n)) in an empty SHARED region": dict(pairs),
        "raw calls that are closures": {"free(alloc(1))": 777},
        "bytes of heap used by raw calls": 0,
        "mixed load": {"75 % used": dict(load), "95 % used": dict(load)},
        "worst of the maps tried": {
            "powers of two": {"instructions": 1555, "map": "a comb", "call": "alloc(8)", "of": "alloc, free"},
            "aligned": {"instructions": 2222, "map": "found", "call": "alloc_aligned(3, 2)", "of": "alloc_aligned"},
            "any number": {"instructions": 9999, "map": "found", "call": "alloc(31)", "of": "alloc"},
        },
        "raw calls by number of frames": by_size,
        "alloc_aligned(n, align)": {"0 % used, aged": {"16, 16": allocation(77)}},
        "alloc_at(frame, n)": {"0 % used, aged": {"1": allocation(88)}},
        "alloc and free by size of region": {
            str(frames): {name: dict(counts) for name, counts in requests.items()} for frames in (64, 2048, 32768)
        },
        "longest time masked": {"1": 141, "32": 242, "2048": 1243},
        "instructions in the machine code of the library": {"alloc of 1 frame": 171, "free of 1 frame": 131},
        "beside the raw calls": {"forget_fewest": 333},
        "objects": {"allocate_frames(1).free()": 3555, "dma_ring(4096).free()": 6777},
        "objects by number of frames": by_size,
        "life of frames": {
            "frames.map()": 11777,
            "frames.unmap()": 7777,
            "allocate_frames_deferred(1)": 9888,
            'retain("crash log", 4096), new': 28888,
            'retain("crash log", 4096), asked for again': 24444,
            'release("crash log")': 23333,
        },
        "the same calls on two ports": {
            "BOARD": {"free(alloc(1))": 1234, "free(alloc(8))": 1290},
            "OTHER": {"free(alloc(1))": 1222, "free(alloc(8))": 1278},
        },
        "owners": {
            "find(addr)": 4444,
            "free_at(addr)": 4555,
            "frames.resize(64), from 1": 4666,
            "with scope(): allocate_frames(1)": 4777,
            "allocate_scattered(8)": 4888,
            "frames.fill(), 4 KiB": 4999,
        },
        "bytes of flash by module": {"physmem": 6543, "in all": 6543},
        "RAM by frames of a region": {
            "64": {
                "bytes of metadata": 104,
                "bytes at most": 108,
                "bits of metadata a frame": 13.0,
                "bytes of heap of the Region": 352,
            }
        },
        "bytes of heap of the modules that the first Region loads": 567,
        "garbage-collected heap": {
            bounds.HALF_FULL: {
                "bytearray(4096)": [60000.0, 1, 2],
                "aligned_buffer(4096)": [90000.0, 1, 2],
                "allocate_frames(1).free()": [6000.0, 1, 2],
            }
        },
        "having physmem": {
            board: {
                kind: {
                    "bytes of heap at the prompt": 4000 * times,
                    "gc.collect() at the prompt": 30000 * times,
                    "start to the prompt": 3000000 * times,
                }
                for kind, times in (("stock", 1), ("with physmem", 2))
            }
            for board in ("RPI_PICO", "MPS2_AN385")
        },
        "bytes of stack below the caller": {
            board: {
                "allocate_frames(1)": 501,
                "allocate_frames_deferred(1)": 1001,
                "retain(name, 1024), new": 1201,
            }
            for board in ("RPI_PICO", "MPS2_AN385")
        },
        "bytes of heap of an import from .mpy files": {
            "arm-raw": {"import physmem_region": 11111, "import physmem": 22222, FIRST_REGION: 29999},
            "arm": {
                "import physmem_region": 33333,
                "import physmem": 44444,
                FIRST_REGION: 59999,
                "import physmem; physmem.boot()": 66666,
                "the same and every other module": 99999,
                "free heap that import physmem needs": 55555,
            },
            "modules that boot() leaves loaded": "physmem, physmem_engine",
            "bytes of all files": 88888,
        },
    }


def unmet(tree):
    return [row.measure for row in bounds.rows(tree) if not row.met]


def test_bounds_are_met_up_to_the_bound():
    tree = figures()
    assert unmet(tree) == []
    tree["free(alloc(n)) in an empty region"]["1"] = 468
    assert unmet(tree) == []
    tree["free(alloc(n)) in an empty region"]["1"] = 469
    assert unmet(tree) == ["free(alloc(1))"]


PICO = ("having physmem", "RPI_PICO", "with physmem")
LIFE, STACK = "life of frames", "bytes of stack below the caller"
IMPORT = "bytes of heap of an import from .mpy files"
BEYOND = [
    (("free(alloc(n)) in an empty region", "1"), 469, "free(alloc(1))"),
    (("free(alloc(n)) in an empty SHARED region", "1"), 536, "SHARED"),
    (("free(alloc(n)) in an empty region", "17"), 681, "n of 2 to 32"),
    (("mixed load", "75 % used", "operation"), [396, 740, 871], "mixed load, 75 % used: mean"),
    (("mixed load", "75 % used", "operation"), [395.4, 746, 871], "99th percentile"),
    (("worst of the maps tried", "powers of two", "instructions"), 1901, "power of two"),
    (("worst of the maps tried", "aligned", "instructions"), 2501, "alloc_aligned"),
    (("longest time masked", "1"), 151, "masked, n = 1"),
    (("longest time masked", "32"), 301, "masked, n = 32"),
    (("longest time masked", "2048"), 1301, "masked, n = 2,048"),
    (("objects", "allocate_frames(1).free()"), 4001, "allocate_frames(1).free()"),
    (("objects", "dma_ring(4096).free()"), 7001, "dma_ring"),
    ((LIFE, "allocate_frames_deferred(1)"), 10001, "deferred"),
    ((LIFE, "frames.map()"), 12001, "frames.map()"),
    ((LIFE, "frames.unmap()"), 8001, "frames.unmap()"),
    ((LIFE, 'retain("crash log", 4096), new'), 30001, "retain(name, 4096), new"),
    ((LIFE, 'retain("crash log", 4096), asked for again'), 25001, "asked for again"),
    ((LIFE, 'release("crash log")'), 25001, "release(name)"),
    ((*PICO, "bytes of heap at the prompt"), 4000 + 10 * 1024 + 1, "RPI_PICO: heap in use"),
    ((*PICO, "gc.collect() at the prompt"), 60001, "RPI_PICO: gc.collect()"),
    ((*PICO, "start to the prompt"), 7000001, "RPI_PICO: start"),
    ((STACK, "RPI_PICO", "allocate_frames(1)"), 513, "stack of allocate_frames(1)"),
    ((STACK, "RPI_PICO", "allocate_frames_deferred(1)"), 1025, "stack of allocate_frames_deferred(1)"),
    ((STACK, "RPI_PICO", "retain(name, 1024), new"), 1229, "stack of retain"),
    ((IMPORT, "arm-raw", FIRST_REGION), 30 * 1024 + 1, "boot_in_heap(16384), from the package `arm-raw`"),
    ((IMPORT, "arm", FIRST_REGION), 60 * 1024 + 1, "boot_in_heap(16384), from the package `arm`"),
    (("RAM by frames of a region", "64", "bytes of heap of the Region"), 112 + 251, "beside its metadata"),
    (("alloc and free by size of region", "32768", "alloc(1)", "empty"), 1431, "32,768 frames"),
    (("mixed load", "95 % used", "refused although it could be met"), 1, "could be met"),
    (("garbage-collected heap", bounds.HALF_FULL, "allocate_frames(1).free()"), [6001.0, 1, 2], "half full"),
    (("bytes of heap used by raw calls",), 16, "used by the raw calls"),
    (("RAM by frames of a region", "64", "bytes of metadata"), 109, "metadata, 64 frames"),
]
"""(path of a figure, a value just beyond its bound, part of the name of the row that it breaks)."""


def changed(path, figure):
    """Return the invented figures with one of them changed."""
    tree = figures()
    part = tree
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = figure
    return tree


@pytest.mark.parametrize(("path", "figure", "measure"), BEYOND)
def test_each_bound_is_held_against_its_figure(path, figure, measure):
    (missed,) = unmet(changed(path, figure))
    assert measure in missed


def test_each_row_with_a_bound_is_tried_beyond_it():
    with_bound = [row.measure for row in bounds.rows(figures()) if row.bound is not None]
    tried = [measure for path, figure, _ in BEYOND for measure in unmet(changed(path, figure))]
    assert sorted(tried) == sorted(with_bound)


def test_a_row_without_a_bound_is_never_missed():
    tree = changed(("owners", "find(addr)"), 10**9)
    (row,) = (row for row in bounds.rows(tree) if row.measure == "find(addr)")
    assert (row.figure, row.met, report.verdict(row)) == (10**9, True, "")


@pytest.mark.parametrize("path", [path for path, _, _ in BEYOND])
def test_there_is_no_page_without_each_figure(path):
    tree = changed(path, 1)
    part = tree
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    with pytest.raises(KeyError, match=re.escape(repr(path[-1]))):
        report.document(tree)


def test_the_document_is_made_of_the_figures():
    tree = figures()
    text = report.document(tree)
    assert "| free(alloc(1)) | 401 | 468 | met |" in text
    collections = "against stock | 2.00 x | 2.00 x | met | stock 30,000, with physmem 60,000 |"
    assert f"| RPI_PICO: gc.collect() at the prompt, {collections}" in text
    assert "| RPI_PICO: heap in use at the prompt, over stock | 4,000 bytes | 10,240 bytes | met |" in text
    assert "| find(addr) | 4,444 |  |  |" in text
    assert "| heap of the modules that the first Region(...) of a program loads | 567 bytes |  |  |" in text
    assert "loads 567 bytes of modules, which stay." in text
    assert "| 33 | 2,033 / 2,034 / 2,035 |" in text
    assert "| 16, 16 | 0 % used, aged | 77 / 78 / 79 | 77 / 78 / 79 | 1 |" in text
    assert "| physmem | 6,543 |" in text
    assert "| `forget_fewest` | 333 |" in text
    assert "the engine executes 171 of the instructions for n = 1 in `alloc` and 131\nin `free`" in text
    tree["raw calls by number of frames"]["0 % used, fresh"]["33"]["alloc"] = [9876.0, 9876, 9876]
    tree["free(alloc(n)) in an empty region"]["1"] = 4321
    text = report.document(tree)
    assert "| free(alloc(1)) | 4,321 | 468 | NOT met |" in text
    assert "| 33 | 9,876 |" in text


def test_the_table_of_the_readme_is_replaced_and_nothing_else():
    table = report.readme_table(figures())
    assert "| `free(alloc(1))`, raw, with every check | 401 |" in table
    assert "| `gc.collect()` at a Pico's prompt: stock, with physmem | 30,000 / 60,000 |" in table
    text = f"before\n{report.README_START}\nan old table\n{report.README_END}\nafter\n"
    once = report.with_table(text, table)
    assert once == f"before\n{report.README_START}\n\n{table}\n{report.README_END}\nafter\n"
    assert report.with_table(once, table) == once
    with pytest.raises(ValueError, match="Written by make bench-accept. --> or <!-- End .*: put both back"):
        report.with_table("a text without the comments", table)


def test_the_readme_has_a_place_for_its_table():
    text = (ROOT / "README.md").read_text()
    assert report.with_table(text, "a table") != text


@pytest.fixture
def run_main(tmp_path, monkeypatch):
    """Return a function of (figures, whether to accept them) that returns the status of bench.main, in a folder."""
    monkeypatch.setattr(gate, "BASELINE", tmp_path / "baseline.json")
    monkeypatch.setattr(main, "ROOT", tmp_path)
    for name in ("FIGURES", "DOCUMENT", "PLOT", "README"):
        monkeypatch.setattr(main, name, tmp_path / name)
    (tmp_path / "README").write_text(f"{report.README_START}\n{report.README_END}\n")

    def run(tree, accept=False):
        monkeypatch.setattr(sys, "argv", ["main", "--accept"] if accept else ["main"])
        monkeypatch.setattr(main.measure, "measure", lambda progress: tree)
        return main.main()

    return run


def test_the_bench_accepts_new_rows_and_then_holds_them(run_main, capsys):
    tree = changed(("owners", "find(addr)"), 10000)
    assert run_main(tree, accept=True) == 0
    assert run_main(tree) == 0
    assert run_main(changed(("owners", "find(addr)"), 10200)) == 0
    capsys.readouterr()
    assert "1 of" in run_main(changed(("owners", "find(addr)"), 10210))
    assert "owners / find(addr)" in capsys.readouterr().out
    tree["owners"]["a new call"] = 7
    assert "1 of" in run_main(tree)
    assert run_main(tree, accept=True) == 0
    assert run_main(tree) == 0
    del tree["owners"]["a new call"]
    capsys.readouterr()
    assert "1 of" in run_main(tree)
    assert "gone" in capsys.readouterr().out
    assert run_main(tree, accept=True) == 0
    assert run_main(tree) == 0


def test_a_bound_that_is_not_met_is_printed_and_no_failure(run_main, capsys):
    tree = changed((*PICO, "bytes of heap at the prompt"), 40000)
    assert run_main(tree, accept=True) == 0
    capsys.readouterr()
    assert run_main(tree) == 0
    assert "NOT met" in capsys.readouterr().out


def test_what_stock_firmware_costs_is_not_counted():
    counted = gate.counted(figures())
    assert counted["having physmem / RPI_PICO / with physmem / start to the prompt"] == 6000000
    assert not [path for path in counted if "stock" in path.split(" / ")]


def test_the_plot_has_a_line_for_each_figure_there_is():
    tree = figures()
    region = tree["alloc and free by size of region"]["64"]
    region["alloc(64)"] = {"empty": 1300, "75 % used, aged": None}
    root = ElementTree.fromstring(plot.svg(tree))
    lines = [line.get("points").split() for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert sorted(map(len, lines)) == [2, 2] + [3] * 10


CPSID, CPSIE, NOP, BLX = 0xB672, 0xB662, 0xBF00, 0x4798
MSR_PRIMASK = (0xF387, 0x8810)


def masked(executed, code):
    """Return longest_masked for the *executed* addresses and the *code*, address -> halfword."""
    return trace.longest_masked(executed, code.__getitem__)


def test_masked_instructions_are_counted_to_the_one_that_unmasks():
    code = {0: NOP, 2: CPSID, 4: NOP, 6: NOP, 8: CPSIE, 10: NOP}
    assert masked([0, 2, 4, 6, 8, 10], code) == 3
    assert masked([0, 2, 4, 6, 4, 6, 8, 10], code) == 5
    assert masked([0, 10], code) == 0


def test_the_longest_of_several_stretches_counts():
    code = {0: CPSID, 2: NOP, 4: CPSIE}
    assert masked([0, 4, 0, 2, 2, 4, 0, 2, 4], code) == 3


def test_writing_primask_unmasks_and_masking_twice_is_one_stretch():
    code = {0: CPSID, 2: CPSID, 4: MSR_PRIMASK[0], 6: MSR_PRIMASK[1], 8: NOP}
    assert masked([0, 2, 4, 8], code) == 2


def test_what_cannot_be_followed_is_refused():
    code = {0: CPSID, 2: BLX, 4: CPSIE, 20: NOP}
    assert masked([0, 2, 20, 4], code) == 3
    with pytest.raises(RuntimeError, match="cannot be followed"):
        masked([0, 2, 4], code)
    with pytest.raises(RuntimeError, match="still masked"):
        masked([0, 2, 20], code)


def test_modules_come_with_what_they_import():
    names = board.needed_by("mixed_load")
    assert names[-1] == "mixed_load"
    assert set(names) == {"instructions", "random_numbers", "maps", "mixed_load"}
    assert names.index("random_numbers") < names.index("maps")


@pytest.mark.xdist_group("footprint")
def test_what_the_pico_takes_at_its_prompt_is_what_the_baseline_says():
    compiler = BenchFirmware().compiler
    before = {
        built_by: figures["having physmem"]["RPI_PICO"]["with physmem"]
        for built_by, figures in gate.read_baseline().items()
    }
    counted = footprint.pico("RPI_PICO")
    heap = "bytes of heap at the prompt"
    assert not gate.grown({heap: max(taken[heap] for taken in before.values())}, {heap: counted[heap]})
    if compiler in before:
        assert not gate.grown(before[compiler], counted)


def test_the_heap_on_the_page_of_packages_is_what_the_bench_has_counted():
    """docs/packages.md puts the figures of docs/bench.md into one table."""
    counted = re.findall(
        r"^\| heap of (.*), from the package `(.*)` \| ([\d,]+) bytes", REPORT.read_text(), re.MULTILINE
    )
    page = (ROOT / "docs" / "packages.md").read_text()
    for package in ("arm-raw", "arm"):
        figures = [figure for what, of, figure in counted if of == package and not what.endswith("physmem.boot()")]
        row = re.search(rf"^\| `{package}` \|([ \d,|]+)\|$", page, re.MULTILINE)[1]
        assert figures and figures == re.findall(r"[\d,]+", row)
