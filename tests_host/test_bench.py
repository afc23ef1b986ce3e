"""The arithmetic of `make bench`: what its gate rejects, its tables and its plot, and how it counts masked stretches.

The counts themselves need the board.
"""

import json
from xml.etree import ElementTree

import pytest

from bench import board, bounds, gate, plot, report, trace


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
    pairs = {str(n): 1000 + n for n in sizes}
    load = {
        "operation": [700.0, 870, 950],
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
        "bytes of heap used by raw calls": 0,
        "mixed load": {"75 % used": dict(load), "95 % used": dict(load)},
        "worst of the maps tried": {"powers of two": {"instructions": 2222, "map": "a comb", "call": "alloc(8)"}},
        "raw calls by number of frames": by_size,
        "alloc_aligned(n, align)": {"0 % used, aged": {"16, 16": allocation(77)}},
        "alloc_at(frame, n)": {"0 % used, aged": {"1": allocation(88)}},
        "alloc and free by size of region": {
            str(frames): {name: dict(counts) for name, counts in requests.items()} for frames in (64, 2048, 32768)
        },
        "longest time masked": {"1": 155},
        "beside the raw calls": {"forget_fewest": 333},
        "objects": {"allocate_frames(1).free()": 5555},
        "objects by number of frames": by_size,
        "life of frames": {"frames.map()": 7777},
        "owners": {"find(addr)": 4444},
        "bytes of flash by module": {"physmem": 6543, "in all": 6543},
        "RAM by frames of a region": {
            "64": {
                "bytes of metadata": 104,
                "bytes at most": 112,
                "bits of metadata a frame": 13.0,
                "bytes of heap of the Region": 672,
            }
        },
        "garbage-collected heap": {
            bounds.HALF_FULL: {"bytearray(4096)": [60000.0, 1, 2], "allocate_frames(1).free()": [6000.0, 1, 2]}
        },
    }


def unmet(tree):
    return [row.measure for row in bounds.rows(tree) if not row.met]


def test_bounds_are_met_up_to_the_bound():
    tree = figures()
    assert unmet(tree) == []
    tree["free(alloc(n)) in an empty region"]["1"] = 1450
    assert unmet(tree) == []
    tree["free(alloc(n)) in an empty region"]["1"] = 1451
    assert unmet(tree) == ["free(alloc(1))"]


@pytest.mark.parametrize(
    ("path", "figure", "measure"),
    [
        (("free(alloc(n)) in an empty region", "17"), 1741, "n = 2..32"),
        (("free(alloc(n)) in an empty SHARED region", "1"), 2031, "SHARED"),
        (("mixed load", "75 % used", "operation"), [700.0, 871, 871], "99th percentile"),
        (("worst of the maps tried", "powers of two", "instructions"), 2501, "worst of the bitmaps"),
        (("alloc and free by size of region", "32768", "alloc(1)", "empty"), 1431, "32,768 frames"),
        (("mixed load", "95 % used", "refused although it could be met"), 1, "could be met"),
        (("garbage-collected heap", bounds.HALF_FULL, "allocate_frames(1).free()"), [6001.0, 1, 2], "half full"),
        (("bytes of heap used by raw calls",), 16, "bytes of heap"),
        (("RAM by frames of a region", "64", "bytes of metadata"), 116, "bytes of metadata"),
    ],
)
def test_each_bound_is_held_against_its_figure(path, figure, measure):
    tree = figures()
    part = tree
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = figure
    (missed,) = unmet(tree)
    assert measure in missed


def test_the_document_is_made_of_the_figures():
    tree = figures()
    text = report.document(tree)
    assert "| free(alloc(1)) | 1,001 | 1,450 (2.5 x floor) | met |" in text
    assert "| 33 | 2,033 / 2,034 / 2,035 |" in text
    assert "| 16, 16 | 0 % used, aged | 77 / 78 / 79 | 77 / 78 / 79 | 1 |" in text
    assert "| physmem | 6,543 |" in text
    assert "| `forget_fewest` | 333 |" in text
    tree["raw calls by number of frames"]["0 % used, fresh"]["33"]["alloc"] = [9876.0, 9876, 9876]
    tree["free(alloc(n)) in an empty region"]["1"] = 4321
    text = report.document(tree)
    assert "| free(alloc(1)) | 4,321 | 1,450 (2.5 x floor) | NOT met |" in text
    assert "| 33 | 9,876 |" in text


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
