"""What the RP2350 emulator takes for firmware: .uf2 blocks of 512 bytes (RP2350 datasheet 5.5)."""

import struct

import pytest

from uf2 import FLASH_SIZE, flash_with_firmware

RP2040, RP2350_ARM_SECURE, ABSOLUTE = 0xE48BFF56, 0xE48BFF59, 0xE48BFF57
NOT_FOR_FLASH, HAS_FAMILY = 1, 0x2000


def block(address, data, family=RP2350_ARM_SECURE, flags=HAS_FAMILY):
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, flags, address, len(data), 0, 1, family)
    return (head + data).ljust(508, b"\0") + struct.pack("<I", 0x0AB16F30)


@pytest.fixture
def file(tmp_path):
    """Return a function that makes a file of *blocks* and returns its path."""

    def make(*blocks):
        path = tmp_path / "firmware.uf2"
        path.write_bytes(b"".join(blocks))
        return path

    return make


def test_blocks_are_where_they_say(file):
    path = file(block(0x10000000, b"first"), block(0x10000100, b"second"))
    flash = flash_with_firmware(path)
    assert (flash[:5], flash[5:256], flash[256:262]) == (b"first", b"\xff" * 251, b"second")
    assert len(flash) == FLASH_SIZE and set(flash[262:]) == {0xFF}


def test_blocks_that_the_boot_rom_ignores(file):
    path = file(
        block(0x10FFFF00, b"E10", ABSOLUTE), block(0x10000000, b"no", flags=NOT_FOR_FLASH), block(0x10000000, b"yes")
    )
    flash = flash_with_firmware(path)
    assert flash[:3] == b"yes" and flash[0xFFFF00:0xFFFF03] == b"\xff" * 3


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([], "is not a .uf2 file: 0 bytes"),
        ([b"x" * 100], "is not a .uf2 file: 100 bytes"),
        ([block(0x10000000, b"good"), b"x" * 512], "is not a .uf2 file: there is no block at byte 512"),
        (
            [block(0x10000000, b"data", RP2040)],
            "is for another chip: family 0xe48bff56, and the RP2350's is 0xe48bff59",
        ),
        ([block(0x20000000, b"data")], "has data for 0x20000000, not in flash"),
        ([block(0x10FFFFFF, b"data")], "has data for 0x10ffffff, not in flash"),
        ([block(0x10FFFF00, b"E10", ABSOLUTE)], "has no data for the RP2350's flash"),
    ],
)
def test_a_file_that_is_not_firmware_for_this_chip(file, blocks, message):
    with pytest.raises(ValueError, match="firmware.uf2 " + message):
        flash_with_firmware(file(*blocks))
