"""Read what the folders of boards/ tell about each board."""

import pathlib
import re

BOARDS = pathlib.Path(__file__).resolve().parent.parent / "boards"

# Name of the file that configures MicroPython for a board -> MicroPython port that the board belongs to.
PORTS = {"mpconfigboard.mk": "qemu", "mpconfigboard.cmake": "rp2"}


def _configuration(board):
    """Return the path of the file that configures MicroPython for *board*."""
    for name in PORTS:
        path = BOARDS / board / name
        if path.exists():
            return path
    raise ValueError(f"there is no board {board}")


def port_of(board):
    """Return the MicroPython port that *board* belongs to."""
    return PORTS[_configuration(board).name]


def boards_of(*ports):
    """Return the names of the boards that belong to *ports*."""
    return sorted(path.parent.name for name in PORTS for path in BOARDS.glob(f"*/{name}") if PORTS[name] in ports)


def chip(board):
    """Return the chip of an rp2 *board* by the SDK's name: rp2040 or rp2350."""
    return re.search(r"set\(PICO_PLATFORM (\S+)\)", _configuration(board).read_text())[1]


def mpy_cross_option(board):
    """Return the mpy-cross option for the machine code that *board* runs."""
    return re.search(r"-march=\w+", _configuration(board).read_text())[0]
