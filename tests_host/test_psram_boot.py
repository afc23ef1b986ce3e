"""A board whose PSRAM is smaller than its memory plan says, or missing, boots with what there is, and says so.

Here with sizes that no chip has, and plans that no board has. test_psram_boards.py boots the real firmware.
"""

import runpy
import sys
import types

import pytest

from board_list import boards_of
from emulated_board import ROOT, memory_map

BASE = 0x11000000
UNCACHED = 0x15000000  # another address of the same memory: RP2350 datasheet, 4.4.1
KIB, MIB = 1 << 10, 1 << 20
PSRAM_BOARDS = [board for board in boards_of("rp2") if "PSRAM_GC_END" in memory_map(board)]


class Physmem(types.ModuleType):
    """Stands for the library: notes the memory plan that it boots with, and that the early phase ends."""

    def boot(self, board):
        self.board = board
        self.phases = ["early"]

    def boot_complete(self):
        self.phases.append("booted")


class Boot:
    """What a boot with a plan came to: `regions` and `blocks`, {name: (base, size)}; `missing`,
    what errors say; `is_own`, whether the library was given the plan itself."""

    def __init__(self, monkeypatch, plan, found):
        board = types.ModuleType("physmem_board")
        vars(board).update(plan)
        psram = types.ModuleType("physmem_psram")
        psram.BASE, psram.LIMIT = BASE, BASE + 16 * MIB
        psram.end = lambda: BASE + found
        system = types.ModuleType("physmem_system")
        system.what_is_missing = ""
        micropython = types.ModuleType("micropython")
        micropython.const = lambda value: value
        physmem = Physmem("physmem")
        for module in (board, psram, system, micropython, physmem):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        runpy.run_path(str(ROOT / "firmware" / "rp2" / "physmem_boot_psram.py"))
        assert physmem.phases == ["early", "booted"]
        # All else is as in the board's memory plan, which stays as it is; boot() asks for names that need not be there.
        for name, value in plan.items():
            assert name in ("REGIONS", "OCCUPIED") or getattr(physmem.board, name) == value
        assert getattr(physmem.board, "NO_SUCH_NAME", None) is None
        assert {name: getattr(board, name) for name in plan} == plan
        self.is_own = physmem.board is board
        self.missing = system.what_is_missing
        self.regions, self.blocks = (
            {name: (base, size) for name, base, size, *_ in entries}
            for entries in (physmem.board.REGIONS, physmem.board.OCCUPIED)
        )
        # What an entry has behind its size stays.
        for before, after in ((plan["REGIONS"], physmem.board.REGIONS), (plan["OCCUPIED"], physmem.board.OCCUPIED)):
            rest = {entry[0]: entry[3:] for entry in before}
            assert all(rest[entry[0]] == entry[3:] for entry in after)


@pytest.fixture(params=PSRAM_BOARDS)
def plan(request):
    return {name: value for name, value in memory_map(request.param).items() if name.isupper()}


@pytest.fixture
def boot(plan, monkeypatch, capsys):
    """Call it with the bytes of PSRAM that the port's driver has found, and with constants to change in the plan: a
    Boot, and what was printed."""

    def boot(found, **changes):
        result = Boot(monkeypatch, plan | changes, found)
        said = capsys.readouterr().out
        assert said == (f"physmem: {result.missing[2:]}\n" if result.missing else "")
        assert result.missing[:2] in ("", "; ")
        return result, result.missing[2:]

    return boot


def outside(entries):
    """Return the names of what is not in PSRAM."""
    return {name for name, base, *_ in entries if not BASE <= base & ~0x0C000000 < BASE + 16 * MIB}


@pytest.mark.parametrize("found", [8 * MIB, 16 * MIB])
def test_the_plan_is_used_as_it_is_if_all_of_it_is_there(boot, found):
    """It takes no heap then."""
    result, said = boot(found)
    assert result.is_own and said == ""


@pytest.mark.parametrize(
    ("found", "text"), [(2 * MIB, "2 MiB"), (8 * MIB - 1, "8191 KiB"), (MIB, "1 MiB"), (MIB + 4 * KIB, "1028 KiB")]
)
def test_a_region_is_left_out_if_the_chip_is_smaller(boot, plan, found, text):
    """The heap's block is all there, also if the PSRAM ends where it does."""
    result, said = boot(found)
    assert said == f"8 MiB of PSRAM expected, {text} found: no region psram"
    assert set(result.regions) == outside(plan["REGIONS"])
    assert result.blocks == {name: (base, size) for name, base, size, *_ in plan["OCCUPIED"]}


@pytest.mark.parametrize("found", [512 * KIB, MIB - 4 * KIB, 4 * KIB])
def test_a_block_ends_where_the_psram_ends(boot, plan, found):
    """As the collector's share does."""
    result, said = boot(found)
    kib = found // KIB
    assert said == f"8 MiB of PSRAM expected, {kib} KiB found: no region psram, block heap has {kib} KiB"
    assert set(result.regions) == outside(plan["REGIONS"])
    assert result.blocks["heap"] == (BASE, found)
    assert set(result.blocks) == {"heap"} | outside(plan["OCCUPIED"])


def test_nothing_in_psram_is_left_if_there_is_no_chip(boot, plan):
    result, said = boot(0)
    assert said == "8 MiB of PSRAM expected, none found: no region psram, no block heap"
    assert set(result.regions) == outside(plan["REGIONS"])
    assert set(result.blocks) == outside(plan["OCCUPIED"])


@pytest.mark.parametrize(
    ("found", "left", "said"),
    [
        (8 * MIB, {"low", "middle", "high"}, ""),
        (6 * MIB, {"low", "middle"}, "8 MiB of PSRAM expected, 6 MiB found: no region high"),
        (4 * MIB, {"low"}, "8 MiB of PSRAM expected, 4 MiB found: no region middle, no region high"),
        (MIB, set(), "8 MiB of PSRAM expected, 1 MiB found: no region low, no region middle, no region high"),
    ],
)
def test_each_region_is_looked_at_by_itself_and_at_uncached_addresses_too(boot, plan, found, left, said):
    regions = tuple(region for region in plan["REGIONS"] if region[0] in outside(plan["REGIONS"]))
    regions += tuple(
        (name, base, 2 * MIB, 4096, "DMA EXTERNAL")
        for name, base in (("low", BASE + MIB), ("middle", UNCACHED + 4 * MIB), ("high", BASE + 6 * MIB))
    )
    result, sentence = boot(found, REGIONS=regions)
    assert sentence == said
    assert set(result.regions) == left | outside(plan["REGIONS"])
