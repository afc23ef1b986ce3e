"""`make flash` finds the drive of the board's boot ROM, writes to no other drive, and says what to do if it finds none.

The drives are folders made for the test: nothing here writes to a chip.
"""

import shutil
import struct
import subprocess
import sys

import pytest

import flash_rp2
import repl
from emulated_board import ROOT
from flash_error import FlashError

RP2040 = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
RP2350 = "UF2 Bootloader v1.0\r\nModel: Raspberry Pi RP2350\r\nBoard-ID: RP2350\r\n"


@pytest.fixture
def uf2(tmp_path):
    """Return the path of a .uf2 file with one block for the RP2040."""
    path = tmp_path / "firmware.uf2"
    path.write_bytes(struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x10000000, 256, 0, 1, 0xE48BFF56).ljust(512))
    return path


@pytest.fixture
def mount(tmp_path):
    """Return a function that makes a drive with a name and the text of INFO_UF2.TXT, and returns its folder.

    With None as the text it makes a drive that is not a boot ROM's.
    """

    def mount(name, information):
        folder = tmp_path / "media" / name
        folder.mkdir(parents=True)
        if information is not None:
            (folder / "INFO_UF2.TXT").write_text(information, newline="")
        return folder

    return mount


def flashed(uf2, *folders):
    return flash_rp2.flash(uf2, folders=lambda: list(folders))


def refusal(uf2, *folders):
    """Return the message of flash, which must write nothing."""
    before = [sorted(folder.iterdir()) for folder in folders]
    with pytest.raises(FlashError) as error:
        flashed(uf2, *folders)
    assert [sorted(folder.iterdir()) for folder in folders] == before
    return str(error.value)


def test_firmware_goes_to_the_boot_roms_drive(uf2, mount):
    stick, pico = mount("STICK", None), mount("RPI-RP2", RP2040)
    assert flashed(uf2, stick, pico) == pico
    assert (pico / "firmware.uf2").read_bytes() == uf2.read_bytes()
    assert list(stick.iterdir()) == []


def test_firmware_goes_to_the_chip_it_is_for(uf2, mount):
    pico2, pico = mount("RP2350", RP2350), mount("RPI-RP2", RP2040)
    assert flashed(uf2, pico2, pico) == pico
    assert not (pico2 / "firmware.uf2").exists()


def test_firmware_for_the_other_chip_is_taken_by_its_family(uf2, mount):
    uf2.write_bytes(uf2.read_bytes()[:28] + struct.pack("<I", 0xE48BFF59) + uf2.read_bytes()[32:])
    pico2 = mount("RP2350", RP2350)
    assert flashed(uf2, pico2) == pico2


def test_wrong_chip_is_refused(uf2, mount):
    said = refusal(uf2, mount("RP2350", RP2350))
    assert "RPI-RP2" in said and "is a RP2350" in said and "BOARD" in said


def test_two_boards_are_refused(uf2, mount):
    assert "unplug" in refusal(uf2, mount("RPI-RP2", RP2040), mount("RPI-RP21", RP2040))


@pytest.mark.parametrize("information", [None, "", "Model: a printer\n"])
def test_no_board_is_explained(uf2, mount, information):
    said = refusal(uf2, mount("STICK", information))
    for way in ("BOOTSEL", "mount the drive", "PORT=", f"picotool load -x {uf2}"):
        assert way in said


def test_drive_that_is_not_mounted_is_named(tmp_path, uf2):
    labels = tmp_path / "by-label"
    labels.mkdir()
    (labels / "RPI-RP2").write_text("")
    assert f"udisksctl mount -b {labels}/RPI-RP2" in flash_rp2.no_drive(uf2, "RPI-RP2", labels)
    assert "udisksctl" not in flash_rp2.no_drive(uf2, "RP2350", labels)


def test_drive_that_appears_late_is_waited_for(uf2, mount):
    answers = [[], [], [mount("RPI-RP2", RP2040)]]
    assert flash_rp2.wait_for_drive("RPI-RP2", 10, lambda: answers.pop(0)) is not None
    assert answers == []


def test_drive_that_does_not_appear_is_given_up():
    assert flash_rp2.wait_for_drive("RPI-RP2", 0.3, list) is None


def test_mounted_folders_are_those_of_linux_and_the_customary_ones(tmp_path):
    (tmp_path / "Volumes" / "RP2350").mkdir(parents=True)
    mounts = tmp_path / "mounts"
    mounts.write_text("sysfs /sys sysfs rw 0 0\n/dev/sdb1 /media/some\\040one/RPI-RP2 vfat rw 0 0\n")
    found = {str(path) for path in flash_rp2.mounted_folders(mounts, [f"{tmp_path}/Volumes/*"])}
    assert found == {"/sys", "/media/some one/RPI-RP2", f"{tmp_path}/Volumes/RP2350"}
    assert flash_rp2.mounted_folders(tmp_path / "absent", []) == []


def test_full_drive_is_reported(uf2, mount, monkeypatch):
    pico = mount("RPI-RP2", RP2040)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(flash_rp2.os, "fsync", full)
    with pytest.raises(OSError):
        flashed(uf2, pico)


def test_chip_that_restarts_before_the_drive_is_told_so_is_no_error(uf2, mount, monkeypatch):
    pico = mount("RPI-RP2", RP2040)

    def restart(_):
        shutil.rmtree(pico)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(flash_rp2.os, "fsync", restart)
    assert flashed(uf2, pico) == pico


def run(script, *arguments):
    """Run scripts/*script*. Return (status, what it printed)."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, *arguments], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("flash.py", "MPS2_AN385"), "MPS2_AN385 cannot be flashed because its firmware runs under QEMU"),
        (("flash.py", "NETDUINO_PLUS_2"), "NETDUINO_PLUS_2 cannot be flashed because its firmware runs under QEMU"),
        (("flash.py", "RPI_PICO", "--programmer=dfu"), "omit PROGRAMMER="),
        (("flash.py", "RPI_PICO", "/dev/absent"), "the board at /dev/absent did not enter BOOTSEL mode"),
        (("repl.py", "PYBV11"), "there is no emulator for PYBV11: set PORT= to the serial port of a real one."),
        (("run.py", "PYBV11"), "there is no emulator for PYBV11: set BOARD= to one of MPS2_AN385 "),
        (("repl.py", "MPS2_AN385", "/dev/ttyACM0"), "omit PORT="),
        (("repl.py", "NETDUINO_PLUS_2", "/dev/ttyACM0"), "omit PORT="),
        (("repl.py", "PIMORONI_PICO_PLUS2", "/dev/ttyACM0", "--psram=0"), "omit one of them"),
        (("repl.py", "PIMORONI_PICO_PLUS2", "--psram=3M"), "'3M' bytes: set PSRAM= to one of 0 2M 4M 8M."),
        (("run.py", "SPARKFUN_PROMICRO_RP2350", "--psram=8"), "'8' bytes: set PSRAM= to one of 0 2M 4M 8M."),
        (("run.py", "RPI_PICO2", "--psram=8M"), "the memory plan of RPI_PICO2, an RP2350, has no PSRAM: omit PSRAM="),
        (("run.py", "RPI_PICO", "--example=none.py"), "there is no file none.py: set EXAMPLE= to a Python program"),
        (("repl.py", "RPI_PICO", "--psram=0"), "the memory plan of RPI_PICO, an RP2040, has no PSRAM: omit PSRAM="),
        (("run.py", "MPS2_AN505", "--psram=2M"), "set BOARD= to one of PIMORONI_PICO_PLUS2 SPARKFUN_PROMICRO_RP2350."),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(arguments, sentence):
    status, said = run(*arguments)
    assert status == 1
    assert said.startswith("physmem: ") and said.endswith(".\n") and said.count("\n") == 1
    assert sentence in said


@pytest.mark.parametrize("board", ["RPI_PICO2", "PYBV11"])
def test_repl_goes_to_the_port_that_was_given(monkeypatch, board):
    calls = []
    monkeypatch.setattr(repl.signal, "signal", lambda *_: None)
    monkeypatch.setattr(repl.subprocess, "call", lambda command: calls.append(command) or 0)
    assert repl.main(board, "/dev/ttyACM7") == 0
    assert calls[0][2:] == ["mpremote", "connect", "/dev/ttyACM7", "resume", "repl"]
