"""The PSRAM of an emulated board is what its memory plan says, unless somebody asks for another chip."""

import pytest

from emulators import EMULATED_BOARDS, emulator_of, notice
from psram_chips import PSRAM_BOARDS, SIZES, objection, psram_of
from rp2_emulator import RP2_BOARDS

MIB = 1024 * 1024


def test_boards_with_psram_have_what_their_makers_say():
    """8 MB each, on the pages of Pimoroni and SparkFun."""
    assert {board: psram_of(board) for board in RP2_BOARDS} == {
        "PIMORONI_PICO_PLUS2": 8 * MIB,
        "RPI_PICO": 0,
        "RPI_PICO2": 0,
        "SPARKFUN_PROMICRO_RP2350": 8 * MIB,
    }
    assert PSRAM_BOARDS == ("PIMORONI_PICO_PLUS2", "SPARKFUN_PROMICRO_RP2350")


def test_an_emulated_board_has_its_psram_or_what_was_asked_for():
    for board in RP2_BOARDS:
        assert emulator_of(board).psram == psram_of(board)
    assert [emulator_of("RPI_PICO2", psram=size).psram for size in SIZES.values()] == [0, 2 * MIB, 4 * MIB, 8 * MIB]
    for board, reason in (("RPI_PICO", "has an RP2040"), ("MPS2_AN505", "runs under QEMU")):
        with pytest.raises(ValueError, match=f"{board} {reason}.*: omit psram"):
            emulator_of(board, psram=0)


@pytest.mark.parametrize("board", PSRAM_BOARDS)
def test_sizes_that_can_be_asked_for(board):
    assert all(objection(board, size) is None for size in (None, *SIZES))
    for size in ("", "1M", "16M", "2m", "2097152", "-1"):
        assert repr(size) in objection(board, size)


def test_psram_is_for_boards_that_have_it():
    for board in EMULATED_BOARDS:
        assert objection(board, None) is None
        if board not in PSRAM_BOARDS:
            assert all(board in objection(board, size) for size in SIZES)


def test_an_emulated_chip_says_that_it_is_one():
    for board in RP2_BOARDS:
        assert "not a real board" in notice(board)
    assert notice("RPI_PICO2").startswith("An emulated RP2350") and "emulators/rp2350/README.md" in notice("RPI_PICO2")
    assert notice("RPI_PICO").startswith("An emulated RP2040") and "docs/boards.md" in notice("RPI_PICO")
