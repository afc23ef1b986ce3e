"""A board whose PSRAM is smaller than its memory plan says, or missing, boots without the region, and says so."""

import runpy
import sys
import types

import pytest

from board_list import boards_of
from emulated_board import ROOT, memory_map

BASE = 0x11000000
PSRAM_BOARDS = [board for board in boards_of("rp2") if "PSRAM_GC_END" in memory_map(board)]


class Physmem(types.ModuleType):
    """Stands for the library: notes the memory plan that it boots with, and that the early phase ends."""

    def boot(self, board):
        self.board = board
        self.phases = ["early"]

    def boot_complete(self):
        self.phases.append("booted")


@pytest.fixture(params=PSRAM_BOARDS)
def boot(request, monkeypatch, tmp_path):
    """Call it with the bytes of PSRAM that the port's driver has found: the names of the regions that the library is
    given for a board with PSRAM."""

    def boot(found):
        plan = {name: value for name, value in memory_map(request.param).items() if name.isupper()}
        board = types.ModuleType("physmem_board")
        vars(board).update(plan)
        psram = types.ModuleType("physmem_psram")
        psram.BASE, psram.LIMIT = BASE, BASE + (16 << 20)
        psram.end = lambda: BASE + found
        physmem = Physmem("physmem")
        for name, module in (("physmem_board", board), ("physmem_psram", psram), ("physmem", physmem)):
            monkeypatch.setitem(sys.modules, name, module)
        runpy.run_path(str(ROOT / "firmware" / "rp2" / "physmem_boot_psram.py"))
        assert physmem.phases == ["early", "booted"]
        # All else is as in the board's memory plan, which stays as it is; boot() asks for names that need not be there.
        for name, value in plan.items():
            assert name == "REGIONS" or getattr(physmem.board, name) == value
        assert getattr(physmem.board, "NO_SUCH_NAME", None) is None
        assert {name: getattr(board, name) for name in plan} == plan
        return [region[0] for region in physmem.board.REGIONS]

    return boot


def test_region_is_there_if_all_of_its_memory_is(boot, capsys):
    assert boot(8 << 20) == ["sram", "psram"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("found", [2 << 20, (8 << 20) - 1])
def test_region_is_left_out_if_the_chip_is_smaller(boot, capsys, found):
    assert boot(found) == ["sram"]
    assert capsys.readouterr().out == (
        f"physmem: there is no region psram: it needs PSRAM up to 0x11800000, which ends at {BASE + found:#x}\n"
    )


def test_region_is_left_out_if_there_is_no_chip(boot, capsys):
    assert boot(0) == ["sram"]
    assert "it needs PSRAM up to 0x11800000, which was not found" in capsys.readouterr().out
