"""`make flash` of an STM32 board writes the firmware and no more, to the right chip, by DFU or by ST-Link.

The programs dfu-util, st-info and st-flash are stand-ins that write to files. No chip is written to.
"""

import os
import shutil

import pytest

import flash
import flash_dfu
import flash_stlink
from harness.flash_programs import PluggedIn
from harness.small_firmware import ONE_PIECE, link_firmware, make_dfu
from stm32_chips import CHIPS, FLASH_START
from stm32_image import Image

F405 = CHIPS["STM32F405"]
F769 = CHIPS["STM32F769"]
FILE_SYSTEM = slice(0x4000, 0x20000)
UNWRITTEN = b"\xa5"
# Board -> how the small firmware differs from the pyboard's.
FIRMWARE = {"PYBV11": {}, "STM32F769DISC": ONE_PIECE}


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Return a folder with the firmware of two boards."""
    builds = tmp_path_factory.mktemp("build")
    for board, differences in FIRMWARE.items():
        folder = builds / board
        folder.mkdir()
        make_dfu(link_firmware(folder, **differences), folder)
    return builds


@pytest.fixture
def plugged_in(tmp_path, monkeypatch, builds):
    """Put the stand-ins first on PATH, and let scripts/flash.py take the firmware from *builds*."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(flash, "BUILD", builds)
    return PluggedIn(tmp_path)


def image_of(board):
    return Image(flash.BUILD / board / "firmware.elf")


def written(path, board):
    """Check that the flash in the file at *path* holds the firmware of *board* and is otherwise erased or as before."""
    content = bytearray(path.read_bytes())
    for address, piece in image_of(board).pieces:
        start = address - FLASH_START
        assert content[start : start + len(piece)] == piece
        content[start : start + len(piece)] = b"\xff" * len(piece)
    assert set(content) <= set(b"\xff\x00" + UNWRITTEN)  # tools/dfu.py ends a piece with zeros
    return content


def refusal(board, plugged_in, *arguments):
    """Return the sentence of flash.main, which must write nothing."""
    before = {path: path.read_bytes() for path in plugged_in.folder.glob("*.flash")}
    said = flash.main(board, *arguments)
    assert plugged_in.writes() == []
    assert {path: path.read_bytes() for path in plugged_in.folder.glob("*.flash")} == before
    assert said.startswith("physmem: ") and said.endswith(".") and "\n" not in said and ".." not in said
    return said


@pytest.mark.parametrize(
    ("board", "programmer"),
    [
        ("PYBV11", "dfu"),
        ("STM32F429DISC", "stlink"),
        ("STM32F769DISC", "stlink"),
        ("STM32H573I_DK", "stlink"),
        ("NUCLEO_H743ZI", "stlink"),
        ("WEACT_F411_BLACKPILL", "dfu"),
    ],
)
def test_boards_of_st_are_written_by_their_st_link(board, programmer):
    assert flash.default_programmer(board) == programmer


def test_dfu_writes_both_pieces_and_leaves_the_file_system(plugged_in, capsys):
    chip = plugged_in.plug_in("dfu", "377A36563235", sizes=F405.sectors)
    assert flash.main("PYBV11") == 0
    content = written(chip, "PYBV11")
    assert set(content[FILE_SYSTEM]) == set(UNWRITTEN)
    assert set(content[0x60000:]) == set(UNWRITTEN)  # what lies behind the last sector of the firmware
    (call,) = plugged_in.writes()
    assert call[:7] == ["dfu-util", "-d", "0483:df11", "-p", "1-1", "-a", "0"]
    said = capsys.readouterr().out
    assert "Wrote the firmware of PYBV11 to the chip 377A36563235. The board now restarts with it.\n" in said


@pytest.mark.parametrize("version", ["1.7.0", "1.8.0"])
def test_st_link_writes_both_pieces_and_leaves_the_file_system(plugged_in, version):
    plugged_in.version = version
    chip = plugged_in.plug_in("stlink", "066DFF485550755187121723", F405.device_id, F405.sectors)
    assert flash.main("PYBV11", programmer="stlink") == 0
    content = written(chip, "PYBV11")
    assert set(content[FILE_SYSTEM]) == set(UNWRITTEN)
    assert set(content[0x60000:]) == set(UNWRITTEN)


def test_st_link_writes_the_vector_table_last_and_resets_the_chip_then(plugged_in):
    plugged_in.plug_in("stlink", "066DFF", F405.device_id, F405.sectors)
    assert flash.main("PYBV11", programmer="stlink") == 0
    text, vector = plugged_in.writes()
    assert text[:4] == ["st-flash", "--serial", "066DFF", "write"] and text[-1] == "0x08020000"
    assert vector[:5] == ["st-flash", "--serial", "066DFF", "--reset", "write"] and vector[-1] == "0x08000000"


def test_firmware_in_one_piece_is_one_write(plugged_in):
    chip = plugged_in.plug_in("stlink", "066DFF", F769.device_id, F769.sectors)
    assert flash.main("STM32F769DISC") == 0
    written(chip, "STM32F769DISC")
    (call,) = plugged_in.writes()
    assert "--reset" in call and call[-1] == "0x08000000"


def test_the_chip_that_fits_is_chosen_of_several(plugged_in):
    other = plugged_in.plug_in("dfu", "OTHER", sizes=F769.sectors)
    keyboard = plugged_in.plug_in("dfu", "KEYBOARD", sizes=F405.sectors, usb_id="1209:db42")
    fitting = plugged_in.plug_in("dfu", "FITTING", sizes=F405.sectors)
    assert flash.main("PYBV11") == 0
    written(fitting, "PYBV11")
    assert set(other.read_bytes() + keyboard.read_bytes()) == set(UNWRITTEN)


def test_the_st_link_whose_chip_fits_is_chosen_of_several(plugged_in):
    other = plugged_in.plug_in("stlink", "0001", F769.device_id, F769.sectors)
    fitting = plugged_in.plug_in("stlink", "0002", F405.device_id, F405.sectors)
    assert flash.main("PYBV11", programmer="stlink") == 0
    written(fitting, "PYBV11")
    assert set(other.read_bytes()) == set(UNWRITTEN)


def test_no_board_in_dfu_mode_is_explained(plugged_in):
    plugged_in.plug_in("dfu", "KEYBOARD", sizes=F405.sectors, usb_id="1209:db42")
    said = refusal("PYBV11", plugged_in)
    for way in ("no board in DFU mode", "BOOT0", "PORT=", "PROGRAMMER=stlink"):
        assert way in said


def test_no_st_link_is_explained(plugged_in):
    said = refusal("STM32F769DISC", plugged_in)
    assert "no ST-Link was found" in said and "USB connector" in said
    assert "PROGRAMMER" not in said  # DFU is not at this board's USB connector
    assert "or set PROGRAMMER=dfu" in refusal("PYBV11", plugged_in, None, "stlink")


def test_two_boards_that_fit_are_refused(plugged_in):
    for serial in ("A", "B"):
        plugged_in.plug_in("dfu", serial, sizes=F405.sectors)
        plugged_in.plug_in("stlink", serial, F405.device_id, F405.sectors)
    assert "it fits 2 boards that are in DFU mode: unplug all but one" in refusal("PYBV11", plugged_in)
    assert "it fits the chips of 2 ST-Links: unplug all but one" in refusal("PYBV11", plugged_in, None, "stlink")


def test_wrong_chip_is_refused(plugged_in):
    plugged_in.plug_in("dfu", "377A", sizes=F769.sectors)
    plugged_in.plug_in("stlink", "066D", F769.device_id, F769.sectors)
    said = refusal("PYBV11", plugged_in)
    assert (
        "STM32F405, whose flash is 12 sectors, 1024 KiB, but the flash of the chip 377A is 12 sectors, 2048 KiB" in said
    )
    said = refusal("PYBV11", plugged_in, None, "stlink")
    assert "an STM32F405, chip ID 0x413, but the ST-Link 066D sees chip ID 0x451" in said and "BOARD=" in said


def test_st_link_without_a_chip_is_refused(plugged_in):
    plugged_in.plug_in("stlink", "066D", 0, F405.sectors)
    assert "the ST-Link 066D sees no chip" in refusal("PYBV11", plugged_in, None, "stlink")


def test_missing_permission_is_explained(plugged_in):
    plugged_in.fail("list", "dfu-util: Cannot open DFU device 0483:df11 found on devnum 12 (LIBUSB_ERROR_ACCESS)")
    assert "you have no permission to use it (USB 0483:df11)" in refusal("PYBV11", plugged_in)
    plugged_in.fail("list", "ERROR usb.c: Could not open USB device 0x0483:0x374b, access error.")
    assert "an ST-Link is plugged in, but you have no permission" in refusal("PYBV11", plugged_in, None, "stlink")


def test_missing_permission_for_another_device_does_not_matter(plugged_in):
    plugged_in.fail("list", "dfu-util: Cannot open DFU device 1209:db42 found on devnum 12 (LIBUSB_ERROR_ACCESS)")
    assert "no board in DFU mode" in refusal("PYBV11", plugged_in)


def test_failed_write_says_what_the_program_said(plugged_in):
    plugged_in.plug_in("dfu", "377A", sizes=F405.sectors)
    plugged_in.plug_in("stlink", "066D", F405.device_id, F405.sectors)
    plugged_in.fail("write", "dfu-util: Error during download get_status (LIBUSB_ERROR_IO)")
    said = flash.main("PYBV11")
    assert "not written: dfu-util failed (dfu-util: Error during download get_status (LIBUSB_ERROR_IO))" in said
    plugged_in.fail("write", "Failed to halt the core")
    said = flash.main("PYBV11", None, "stlink")
    assert "st-flash failed at 0x8020000 (Failed to halt the core)" in said and "not complete" in said


def test_chip_that_left_dfu_mode_too_early_is_written(plugged_in, capsys):
    chip = plugged_in.plug_in("dfu", "377A", sizes=F405.sectors)
    plugged_in.fail("leave", "dfu-util: Error during download get_status (LIBUSB_ERROR_NO_DEVICE)")
    assert flash.main("PYBV11") == 0
    written(chip, "PYBV11")
    assert "Press its reset button to start it.\n" in capsys.readouterr().out


def test_usb_away_from_the_boot_loaders_pins_is_refused(plugged_in):
    plugged_in.plug_in("dfu", "377A", sizes=F769.sectors)
    assert "not at PA11 and PA12" in refusal("STM32F769DISC", plugged_in, None, "dfu")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("STM32F769DISC", "/dev/ttyACM0"), "omit PORT=, or add PROGRAMMER=dfu"),
        (("PYBV11", "/dev/ttyACM0", "stlink"), "omit PORT=, or add PROGRAMMER=dfu"),
        (("PYBV11", None, "jtag"), "there is no programmer jtag: set PROGRAMMER= to one of dfu stlink"),
        (("RPI_PICO", None, "dfu"), "RPI_PICO has one way to be flashed: omit PROGRAMMER="),
        (("NETDUINO_PLUS_2", None, "dfu"), "use make run BOARD=NETDUINO_PLUS_2"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(plugged_in, arguments, sentence):
    plugged_in.plug_in("dfu", "377A", sizes=F405.sectors)
    assert sentence in refusal(arguments[0], plugged_in, *arguments[1:])
    assert plugged_in.calls() == []


def test_board_at_a_port_enters_dfu_mode_and_is_waited_for(plugged_in, monkeypatch):
    asked = []
    lists = [[], [], flash_dfu.list_devices]

    def devices():
        answer = lists.pop(0)
        return answer() if callable(answer) else answer

    def enter(port, mode):
        asked.append((port, mode))
        plugged_in.plug_in("dfu", "377A", sizes=F405.sectors)

    monkeypatch.setattr(flash_dfu, "enter_boot_loader", enter)
    image, dfu = image_of("PYBV11"), flash.BUILD / "PYBV11" / "firmware.dfu"
    assert flash_dfu.flash(image, dfu, "/dev/ttyACM3", devices)[0] == "the chip 377A"
    assert asked == [("/dev/ttyACM3", "DFU")] and lists == []
    written(plugged_in.folder / "377A.flash", "PYBV11")


def test_board_that_does_not_enter_dfu_mode_is_named(plugged_in):
    assert "the board at /dev/absent did not enter DFU mode: " in refusal("PYBV11", plugged_in, "/dev/absent")


@pytest.mark.parametrize("version", ["1.7.0", "1.8.0"])
def test_programmers_are_read_from_what_st_info_prints(plugged_in, version):
    plugged_in.version = version
    plugged_in.save()
    assert flash_stlink.list_programmers() == []
    plugged_in.plug_in("stlink", "066DFF48", 0x413, F405.sectors)
    assert flash_stlink.list_programmers() == [("066DFF48", 0x413)]
    plugged_in.plug_in("stlink", "066DFF49", 0, F405.sectors)
    assert flash_stlink.list_programmers() == [("066DFF48", 0x413), ("066DFF49", 0)]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        # As ST's boot loaders name their flash.
        ("@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg", F405.sectors),
        (
            "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg,04*016Kg,01*064Kg,07*128Kg",
            CHIPS["STM32F429"].sectors,
        ),
        ("@Internal Flash   /0x08000000/04*032Kg,01*128Kg,07*256Kg", F769.sectors),
        ("@Internal Flash   /0x08000000/16*128Kg", CHIPS["STM32H743"].sectors),
        ("@Internal Flash  /0x08000000/1*1Mg", (1024,)),
        ("@Option Bytes  /0x1FFFC000/01*016 e", ()),
        ("UNKNOWN", ()),
    ],
)
def test_sectors_are_read_from_the_boot_loaders_name(name, sizes):
    ranges = flash_dfu.sectors_of(name)
    assert [len(sector) for sector in ranges] == [size * 1024 for size in sizes]
    assert not ranges or ranges[0].start == 0x08000000


@pytest.mark.parametrize(("programmer", "package"), [("dfu", "dfu-util"), ("stlink", "stlink-tools")])
def test_missing_program_is_named_by_its_package(plugged_in, monkeypatch, capfd, programmer, package):
    """Without apt-get, nothing can be installed: the sentence names the package, and nothing else is tried."""
    bare = plugged_in.folder / "bare"
    bare.mkdir()
    for program in ("sh", "dirname", "id"):
        (bare / program).symlink_to(shutil.which(program))
    monkeypatch.setenv("PATH", str(bare))
    assert flash.main("PYBV11", programmer=programmer) == 1
    assert f"install {package} yourself and run make again." in capfd.readouterr().err


def test_chip_that_does_not_name_its_sectors_is_refused(plugged_in):
    plugged_in.plug_in("dfu", "377A", sizes=F405.sectors, layout="UNKNOWN")
    assert "but the flash of the chip 377A is 0 sectors, 0 KiB" in refusal("PYBV11", plugged_in)
