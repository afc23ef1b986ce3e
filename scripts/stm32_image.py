"""stm32_image.py ELF FOLDER: write what ELF has for an STM32's flash as FOLDER/firmware_ADDRESS.bin, a file a piece.

Print these pieces as options of MicroPython's tools/dfu.py. Between two pieces lie the sectors of the file system,
which no piece touches.
"""

import pathlib
import re
import sys

from elftools.elf.elffile import ELFFile

from stm32_chips import CHIPS, FLASH_START

FLASH = range(FLASH_START, 0x08200000)
_ERASED = b"\xff"

# MicroPython's block device for the internal flash. The linker scripts have the symbols of its sectors even where the
# file system is elsewhere; this function is in the firmware only if it is here.
_BLOCK_DEVICE = "flash_bdev_ioctl"
_FILE_SYSTEMS = ("_micropy_hw_internal_flash_storage", "_micropy_hw_internal_flash_storage2")
# The state of the USB controller whose pins, PA11 and PA12, the chip's boot loader uses.
_FULL_SPEED_USB = "pcd_fs_handle"


class ImageError(Exception):
    """The ELF file cannot be written to an STM32; the message says why and what to do."""


class Image:
    """What an ELF file of MicroPython's stm32 port has for the flash.

    `pieces` are pairs (first address, bytes), ordered by address. `file_systems` are ranges of addresses. `chip` is a
    key of CHIPS. `has_full_speed_usb` tells whether USB is at the pins that the chip's boot loader uses.
    """

    def __init__(self, elf):
        with open(elf, "rb") as file:
            elf = ELFFile(file)
            symbols = {symbol.name: symbol["st_value"] for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
            segments = [
                (segment["p_paddr"], segment.data()) for segment in elf.iter_segments("PT_LOAD") if segment["p_filesz"]
            ]
        self.file_systems = [
            range(symbols[name + "_start"], symbols[name + "_end"])
            for name in _FILE_SYSTEMS
            if _BLOCK_DEVICE in symbols and name + "_start" in symbols
        ]
        self.has_full_speed_usb = _FULL_SPEED_USB in symbols
        self.pieces = _pieces(sorted(segments), self.file_systems)
        self.chip = _chip(self.pieces)

    def touched(self, sectors):
        """Return for each piece which of *sectors*, ranges of addresses, must be erased to write it.

        Raise ImageError if one of them holds a file system or belongs to two pieces, or if a piece is longer than they
        are.
        """
        found = []
        for address, content in self.pieces:
            last = address + len(content) - 1
            if not sectors or last not in range(sectors[0].start, sectors[-1].stop):
                raise ImageError(f"the piece at {address:#x} ends at {last:#x}, outside the chip's flash")
            found.append([sector for sector in sectors if sector.start <= last and address < sector.stop])
        every = [sector for piece in found for sector in piece]
        for sector in every:
            if any(_overlap(sector, file_system) for file_system in self.file_systems):
                raise ImageError(f"the sector at {sector.start:#x} has both firmware and the file system")
            if every.count(sector) > 1:
                raise ImageError(f"the sector at {sector.start:#x} has two pieces of the firmware")
        return found


def _overlap(one, other):
    return one.start < other.stop and other.start < one.stop


def _pieces(segments, file_systems):
    """Return the *segments*, ordered by address, with those joined that have no file system between them."""
    pieces = []
    for address, content in segments:
        end = address + len(content)
        if address not in FLASH or end - 1 not in FLASH:
            raise ImageError(
                f"{len(content)} bytes of it belong at {address:#x}, outside the chip's flash, where only a boot loader"
                " of your own, such as MicroPython's mboot, writes: build it for the internal flash"
            )
        for file_system in file_systems:
            if _overlap(range(address, end), file_system):
                raise ImageError(
                    f"the bytes from {address:#x} to {end - 1:#x} would overwrite the file system at"
                    f" {file_system.start:#x} to {file_system.stop - 1:#x}: correct LD_FILES in the board's"
                    " mpconfigboard.mk"
                )
        if pieces:
            before, joined = pieces[-1]
            gap = range(before + len(joined), address)
            if not any(_overlap(gap, file_system) for file_system in file_systems):
                pieces[-1] = (before, joined + _ERASED * len(gap) + content)
                continue
        pieces.append((address, content))
    return pieces


def _chip(pieces):
    """Return the chip that MicroPython's banner names, "BOARD with CHIP", in *pieces*."""
    for _, content in pieces:
        found = re.search(rb" with (STM32\w{4})", content)
        if found:
            chip = found[1].decode()
            if chip in CHIPS:
                return chip
            raise ImageError(f"it is for an {chip}: add that chip to scripts/stm32_chips.py, from its reference manual")
    raise ImageError("it names no STM32: let MICROPY_HW_MCU_NAME in the board's mpconfigboard.h start with one")


def write_pieces(image, folder):
    """Write each piece of *image* to a file in *folder*. Return pairs (first address, path), ordered by address."""
    written = []
    for address, content in image.pieces:
        path = pathlib.Path(folder) / f"firmware_{address:08x}.bin"
        path.write_bytes(content)
        written.append((address, path))
    return written


def main(elf, folder):
    try:
        pieces = write_pieces(Image(elf), folder)
    except ImageError as problem:
        return f"physmem: {elf} cannot be written to a chip: {problem}."
    print(" ".join(f"-b {address:#010x}:{path}" for address, path in pieces))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
