"""Read what the folders of boards/ tell about each board."""

import pathlib
import re

BOARDS = pathlib.Path(__file__).resolve().parent.parent / "boards"

# The file that configures MicroPython for a board includes firmware/PORT/board.mk or .cmake.
CONFIGURATIONS = ("mpconfigboard.mk", "mpconfigboard.cmake")
INCLUDE = re.compile(r"^\s*include\b.*/firmware/(\w+)/board\.", re.MULTILINE)


def _configuration(board):
    """Return the text of the file that configures MicroPython for *board*."""
    for name in CONFIGURATIONS:
        path = BOARDS / board / name
        if path.exists():
            return path.read_text()
    raise ValueError(f"there is no board {board}")


def port_of(board):
    """Return the MicroPython port that *board* belongs to. ValueError if its configuration names none."""
    found = INCLUDE.search(_configuration(board))
    if not found:
        raise ValueError(f"boards/{board} includes no firmware/PORT/board.mk or .cmake, which would tell its port")
    return found[1]


def boards_of(*ports):
    """Return the names of the boards that belong to *ports*."""
    boards = sorted(path.parent.name for name in CONFIGURATIONS for path in BOARDS.glob(f"*/{name}"))
    return [board for board in boards if port_of(board) in ports]


def runs_in_qemu(board):
    """Return whether the firmware of *board* is made to run under QEMU: on no chip then."""
    return port_of(board) == "qemu" or "/firmware/stm32/stand_ins/" in _configuration(board)


def chip(board):
    """Return the chip of an rp2 *board* by the SDK's name: rp2040 or rp2350."""
    return re.search(r"set\(PICO_PLATFORM (\S+)\)", _configuration(board))[1]


def mpy_cross_option(board):
    """Return the mpy-cross option for the machine code that *board* runs."""
    if port_of(board) == "stm32":
        return "-march=armv7m"  # that of the port for the F4, F7 and H7
    return re.search(r"-march=\w+", _configuration(board))[0]
