"""What the folders of boards/ say about the boards."""

import pathlib
import re

BOARDS = pathlib.Path(__file__).resolve().parent.parent / "boards"

# Name of the file that configures MicroPython for a board -> the port of MicroPython that the board is for.
PORTS = {"mpconfigboard.mk": "qemu", "mpconfigboard.cmake": "rp2"}


def _configuration(board):
    """The path of the file that configures MicroPython for *board*."""
    for name in PORTS:
        path = BOARDS / board / name
        if path.exists():
            return path
    raise ValueError(f"there is no board {board}")


def port(board):
    """The port of MicroPython that *board* is for."""
    return PORTS[_configuration(board).name]


def boards_of(*ports):
    """The names of the boards of these ports."""
    return sorted(path.parent.name for name in PORTS for path in BOARDS.glob(f"*/{name}") if PORTS[name] in ports)


def chip(board):
    """The chip of a *board* of rp2, as the SDK calls it: rp2040 or rp2350."""
    return re.search(r"set\(PICO_PLATFORM (\S+)\)", _configuration(board).read_text())[1]


def mpy_cross_option(board):
    """The option that tells mpy-cross of the machine code that *board* runs."""
    return re.search(r"-march=\w+", _configuration(board).read_text())[0]
