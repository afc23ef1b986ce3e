"""Read .uf2 files for the RP2350."""

import struct

from fault import hex8
from flash_chip import SIZE as FLASH_SIZE

BLOCK, DATA_AT = 512, 32
MAGICS = (0x0A324655, 0x9E5D5157)
NOT_FOR_FLASH, HAS_FAMILY = 1 << 0, 1 << 13
RP2350_ARM_SECURE, ABSOLUTE = 0xE48BFF59, 0xE48BFF57
"""Families (RP2350 datasheet 5.5.3). A block of the absolute family comes first in a file, because of erratum E10; the
boot ROM ignores it."""
FLASH = 0x10000000
"""Where the flash chip is. The emulator has the same one on every board."""


def flash_with_firmware(path):
    """Return the contents of an erased flash chip with the .uf2 file *path* written to it.

    Raise OSError if the file cannot be read, ValueError if it is not firmware for this chip.
    """
    with open(path, "rb") as stream:
        file = stream.read()
    if not file or len(file) % BLOCK:
        raise ValueError(f"{path} is not a .uf2 file: {len(file)} bytes")
    flash = bytearray(b"\xff" * FLASH_SIZE)
    is_empty = True
    for start in range(0, len(file), BLOCK):
        *magics, flags, address, size, _, _, family = struct.unpack_from("<8I", file, start)
        if tuple(magics) != MAGICS:
            raise ValueError(f"{path} is not a .uf2 file: there is no block at byte {start}")
        if flags & NOT_FOR_FLASH or flags & HAS_FAMILY and family == ABSOLUTE:
            continue
        if flags & HAS_FAMILY and family != RP2350_ARM_SECURE:
            wanted = hex8(RP2350_ARM_SECURE)
            raise ValueError(f"{path} is for another chip: family {hex8(family)}, and the RP2350's is {wanted}")
        offset = address - FLASH
        if not 0 <= offset <= FLASH_SIZE - size or size > BLOCK - DATA_AT:
            raise ValueError(f"{path} has data for {hex8(address)}, not in flash")
        flash[offset : offset + size] = file[start + DATA_AT : start + DATA_AT + size]
        is_empty = False
    if is_empty:
        raise ValueError(f"{path} has no data for the RP2350's flash")
    return flash
