"""A board whose PSRAM is smaller than its map says, or not there, comes up without the region, and says so."""

import runpy
import sys
import types

import pytest

from boards import boards_of
from emulator import ROOT, memory_map

BASE = 0x11000000
PSRAM_BOARDS = [board for board in boards_of("rp2") if "PSRAM_GC_END" in memory_map(board)]
BOOT_STAGE = "import physmem_board\nSEEN = [region[0] for region in physmem_board.REGIONS]\n"


@pytest.fixture(params=PSRAM_BOARDS)
def boot(request, monkeypatch, tmp_path):
    """Call it with the bytes of PSRAM that the port's driver has found: the names of the regions that the boot stage
    finds in the map of a board with PSRAM."""

    def boot(found):
        board = types.ModuleType("physmem_board")
        vars(board).update(memory_map(request.param))
        monkeypatch.setitem(sys.modules, "physmem_board", board)
        psram = types.ModuleType("physmem_psram")
        psram.BASE, psram.LIMIT = BASE, BASE + (16 << 20)
        psram.end = lambda: BASE + found
        monkeypatch.setitem(sys.modules, "physmem_psram", psram)
        (tmp_path / "physmem_boot.py").write_text(BOOT_STAGE)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "physmem_boot", raising=False)
        runpy.run_path(str(ROOT / "firmware" / "rp2" / "physmem_boot_psram.py"))
        return sys.modules["physmem_boot"].SEEN

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
