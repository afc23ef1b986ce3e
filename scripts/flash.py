"""flash.py BOARD [PORT] [--programmer PROGRAMMER]: write the firmware of BOARD to the board that is plugged in.

With PORT, such as /dev/ttyACM0, this program tells the MicroPython running there to enter the chip's boot loader.
Without PORT, you do: RP2040 and RP2350 boards have a button for BOOTSEL mode, STM32 boards a pin or a button for DFU
mode. PROGRAMMER is for STM32 boards: dfu, or stlink, which needs no boot loader.
"""

import argparse
import re
import subprocess
import sys

import flash_dfu
import flash_rp2
import flash_stlink
from board_list import port_of, runs_in_qemu
from emulated_board import ROOT
from flash_error import FlashError
from stm32_image import Image, ImageError

# MicroPython's names of ST's own boards, which have an ST-Link: Nucleo boards and Discovery boards.
ST_BOARD = re.compile(r"NUCLEO_|STM32.*(DISC|_DK)$")
BUILD = ROOT / "build"
PACKAGES = {"dfu": flash_dfu.PACKAGE, "stlink": flash_stlink.PACKAGE}


def default_programmer(board):
    """Return how the STM32 *board* is written unless you say otherwise: "stlink" if it has one, "dfu" if not."""
    return "stlink" if ST_BOARD.match(board) else "dfu"


def objection(board, port, programmer):
    """Return why *board* cannot be flashed in that way, and what to do; None if it can."""
    if runs_in_qemu(board):
        return f"{board} cannot be flashed because its firmware runs under QEMU: use make run BOARD={board}"
    if port_of(board) != "stm32":
        return f"{board} has one way to be flashed: omit PROGRAMMER=" if programmer else None
    if programmer not in (None, *PACKAGES):
        return f"there is no programmer {programmer}: set PROGRAMMER= to one of {' '.join(PACKAGES)}"
    if port and (programmer or default_programmer(board)) == "stlink":
        return f"an ST-Link writes {board} without its serial port: omit PORT=, or add PROGRAMMER=dfu"
    return None


def flash_stm32(board, port, programmer):
    """Write the firmware of *board*. Return (where to, what to tell the user)."""
    folder = BUILD / board
    image = Image(folder / "firmware.elf")
    if programmer == "stlink":
        return flash_stlink.flash(image)
    return flash_dfu.flash(image, folder / "firmware.dfu", port)


def main(board, port=None, programmer=None):
    problem = objection(board, port, programmer)
    if problem:
        return f"physmem: {problem}."
    try:
        if port_of(board) == "rp2":
            where = flash_rp2.flash(BUILD / board / "firmware.uf2", port)
            said = "The board now restarts with it."
        else:
            programmer = programmer or default_programmer(board)
            install = [ROOT / "scripts" / "install_packages.sh", BUILD / "packages.log", PACKAGES[programmer]]
            if subprocess.call(install):
                return 1
            where, said = flash_stm32(board, port, programmer)
    except (FlashError, ImageError, OSError) as problem:
        return f"physmem: the firmware of {board} was not written: {problem}."
    print(f"Wrote the firmware of {board} to {where}. {said}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board")
    parser.add_argument("port", nargs="?")
    parser.add_argument("--programmer")
    arguments = parser.parse_args()
    sys.exit(main(arguments.board, arguments.port, arguments.programmer))
