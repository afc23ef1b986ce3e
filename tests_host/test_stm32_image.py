"""The .dfu file of an STM32 board has every byte of the ELF file at its address, and nothing in the file system."""

import struct
import zlib

import pytest
from elftools.elf.elffile import ELFFile

from board_list import boards_of, runs_in_qemu
from emulated_board import ROOT
from harness.small_firmware import ONE_PIECE, link_firmware, make_dfu
from harness.stm32_port import has_chip_headers
from stm32_chips import CHIPS, sector_ranges
from stm32_image import Image, ImageError, main

BLOCK = 1024
# Boards whose firmware make build makes if the MicroPython checkout has ST's drivers.
BUILT = [board for board in boards_of("stm32") if not runs_in_qemu(board) and has_chip_headers()]


@pytest.fixture(params=["two pieces", "one piece", *BUILT])
def files(request, tmp_path):
    """Return the paths of an ELF file and of the .dfu file made from it as scripts/build.sh does."""
    if request.param in BUILT:
        folder = ROOT / "build" / request.param
        return folder / "firmware.elf", folder / "firmware.dfu"
    elf = link_firmware(tmp_path, **ONE_PIECE if request.param == "one piece" else {})
    return elf, make_dfu(elf, tmp_path)


def parse_dfu(data):
    """Return the elements, pairs (address, bytes), of a DfuSe file. Source: ST, UM0391."""
    signature, version, size, targets = struct.unpack_from("<5sBIB", data)
    assert (signature, version, size, targets) == (b"DfuSe", 1, len(data) - 16, 1)
    signature, setting, named, name, size, number = struct.unpack_from("<6sBI255s2I", data, 11)
    assert (signature, setting, size) == (b"Target", 0, len(data) - 16 - 11 - 274)
    assert named and name.startswith(b"ST...\0")
    elements = []
    place = 11 + 274
    for _ in range(number):
        address, size = struct.unpack_from("<2I", data, place)
        elements.append((address, data[place + 8 : place + 8 + size]))
        place += 8 + size
    assert place == len(data) - 16
    device, product, vendor, dfu, mark, length, crc = struct.unpack_from("<4H3sBI", data, place)
    assert (device, product, vendor, dfu, mark, length) == (0, 0xDF11, 0x0483, 0x011A, b"UFD", 16)
    assert crc == zlib.crc32(data[:-4]) ^ 0xFFFFFFFF
    return elements


def loaded(elf):
    """Return {address in the flash: byte} of all sections of the ELF file that are loaded with content."""
    content = {}
    with open(elf, "rb") as file:
        elf = ELFFile(file)
        for section in elf.iter_sections():
            if section["sh_flags"] & 2 and section["sh_type"] not in ("SHT_NOBITS", "SHT_NULL") and section["sh_size"]:
                (segment,) = (
                    segment
                    for segment in elf.iter_segments("PT_LOAD")
                    if segment["p_filesz"] and segment.section_in_segment(section)
                )
                base = section["sh_addr"] - segment["p_vaddr"] + segment["p_paddr"]
                content.update(enumerate(section.data(), base))
    return content


def test_dfu_file_is_the_elf_file_block_by_block(files):
    elf, dfu = files
    wanted = loaded(elf)
    found = 0
    for address, content in parse_dfu(dfu.read_bytes()):
        for offset in range(0, len(content), BLOCK):
            block = content[offset : offset + BLOCK]
            there = [wanted.get(address + offset + i) for i in range(len(block))]
            # Between sections and at the end there is padding, of less than one vector table.
            assert all(byte in (None, block[i]) for i, byte in enumerate(there)), f"at {address + offset:#x}"
            assert there.count(None) < 512
            found += len(block) - there.count(None)
    assert found == len(wanted)


def test_no_element_touches_a_sector_of_the_file_system(files):
    elf, dfu = files
    image = Image(elf)
    for address, content in parse_dfu(dfu.read_bytes()):
        for sector in sector_ranges(CHIPS[image.chip].sectors):
            if sector.start < address + len(content) and address < sector.stop:
                for file_system in image.file_systems:
                    assert sector.stop <= file_system.start or file_system.stop <= sector.start


def test_pieces_are_those_on_both_sides_of_the_file_system(tmp_path):
    image = Image(link_firmware(tmp_path))
    assert image.file_systems == [range(0x08004000, 0x08020000)]
    (vector, vector_bytes), (text, _) = image.pieces
    assert (vector, text) == (0x08000000, 0x08020000)
    words = (0x20020000, 0x08020001, *range(0xA0000000, 0xA0000000 + 96))
    assert vector_bytes == struct.pack("<98I", *words)
    assert image.pieces[1][1].endswith(struct.pack("<13I", *range(0xD0000000, 0xD0000000 + 13)))
    assert image.chip == "STM32F405" and image.has_full_speed_usb


def test_file_system_elsewhere_leaves_one_piece(tmp_path):
    image = Image(link_firmware(tmp_path, **ONE_PIECE))
    assert [address for address, _ in image.pieces] == [0x08000000]
    assert image.pieces[0][1].endswith(b"\xff" * 24 + struct.pack("<13I", *range(0xD0000000, 0xD0000000 + 13)))
    assert image.file_systems == []
    assert image.chip == "STM32F769" and not image.has_full_speed_usb


def test_pieces_erase_the_sectors_that_they_cover(tmp_path):
    image = Image(link_firmware(tmp_path))
    # 200,000 bytes of text from sector 5: two sectors of 128 KiB.
    vector, text = image.touched(sector_ranges(CHIPS["STM32F405"].sectors))
    assert vector == [range(0x08000000, 0x08004000)]
    assert text == [range(0x08020000, 0x08040000), range(0x08040000, 0x08060000)]


@pytest.mark.parametrize(
    ("differences", "sentence"),
    [
        ({"text": "0x08010000"}, "would overwrite the file system at 0x8004000 to 0x801ffff"),
        ({"vector_words": 4096}, "the bytes from 0x8000000 to 0x8004007 would overwrite the file system"),
        ({"external_bytes": 64}, "64 bytes of it belong at 0x90000000, outside the chip's flash"),
        ({"text": "0x081FFFF0"}, "outside the chip's flash"),
        ({"banner": "board with STM32L476RG"}, "it is for an STM32L476: add that chip to scripts/stm32_chips.py"),
        ({"banner": "board"}, "MICROPY_HW_MCU_NAME"),
    ],
)
def test_image_that_does_not_fit_is_refused(tmp_path, differences, sentence):
    elf = link_firmware(tmp_path, **differences)
    with pytest.raises(ImageError, match=sentence):
        Image(elf)
    said = main(elf, tmp_path)
    assert said.startswith(f"physmem: {elf} cannot be written to a chip: ") and said.endswith(".")
    assert list(tmp_path.glob("*.bin")) == []


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        # The F769's sectors of 32 KiB: the first has the vector table and the start of this file system.
        (CHIPS["STM32F769"].sectors, "the sector at 0x8000000 has both firmware and the file system"),
        ((16, 16, 16, 16, 64, 128), "the piece at 0x8020000 ends at 0x8050"),
        ((), "outside the chip's flash"),
    ],
)
def test_sectors_that_do_not_fit_are_refused(tmp_path, sizes, sentence):
    with pytest.raises(ImageError, match=sentence):
        Image(link_firmware(tmp_path)).touched(sector_ranges(sizes))


def test_sector_of_two_pieces_is_refused(tmp_path):
    image = Image(link_firmware(tmp_path, file_system_start="0x08001000", file_system_end="0x08002000"))
    image.file_systems = []
    with pytest.raises(ImageError, match="the sector at 0x8000000 has two pieces"):
        image.touched(sector_ranges((512,)))


@pytest.mark.parametrize(("chip", "kibibytes"), [("STM32F405", 1024), ("STM32F429", 2048), ("STM32H743", 2048)])
def test_sectors_follow_each_other_over_the_whole_flash(chip, kibibytes):
    sectors = sector_ranges(CHIPS[chip].sectors)
    assert sectors[0].start == 0x08000000 and sectors[-1].stop == 0x08000000 + kibibytes * 1024
    assert all(one.stop == other.start for one, other in zip(sectors, sectors[1:]))
