"""Write a .dfu file to an STM32 over USB with dfu-util, through the boot loader in the chip's system memory."""

import re
import subprocess
import typing

from boot_loader import SECONDS_TO_APPEAR, enter_boot_loader, wait_for
from flash_error import FlashError
from stm32_chips import CHIPS, sector_ranges

PACKAGE = "dfu-util"  # Debian's, with the program of that name

# USB's IDs of ST's boot loader. Source: ST, AN3156 and AN2606.
_USB_ID = "0483:df11"
# Line of `dfu-util -l` for one memory of a chip. ST's boot loader names each; number 0 is the flash.
_DEVICE = re.compile(r'^Found DFU: \[(\S+)\].* path="(.*?)", alt=(\d+), name="(.*?)", serial="(.*?)"$', re.MULTILINE)
_FLASH = "0"
# A name, such as "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg": 4 sectors of 16 KiB, 1 of 64, 7 of 128.
_LAYOUT = re.compile(r"/(0x[0-9a-fA-F]+)/([^/]+)")
_SECTORS = re.compile(r"(\d+)\*(\d+)([ BKM])")
_KIBIBYTES = {"K": 1, "M": 1024}
_NO_PERMISSION = "LIBUSB_ERROR_ACCESS"
_WRITTEN = "Done parsing DfuSe file"


class Device(typing.NamedTuple):
    """A chip in DFU mode: where it is plugged in, its serial number and the ranges of its flash sectors."""

    path: str
    serial: str
    sectors: list


def sectors_of(name):
    """Return the ranges of the sectors that the boot loader's *name* for a memory describes; [] if it has none."""
    layout = _LAYOUT.search(name)
    if not layout:
        return []
    sizes = []
    for number, size, unit in _SECTORS.findall(layout[2]):
        if unit not in _KIBIBYTES:
            return []
        sizes += int(number) * [int(size) * _KIBIBYTES[unit]]
    return sector_ranges(sizes, int(layout[1], 16))


def list_devices():
    """Return each STM32 that is in DFU mode. Raise FlashError if you may not use one that is there."""
    done = subprocess.run(["dfu-util", "-l"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if re.search(f"{_USB_ID}.*{_NO_PERMISSION}", done.stderr + done.stdout):
        raise FlashError(
            f"a board is in DFU mode, but you have no permission to use it (USB {_USB_ID}): unplug it and plug it in"
            " again, since the rule that gives permission came with the package dfu-util; if that does not help, run"
            " make as root"
        )
    return [
        Device(path, serial, sectors_of(name))
        for usb_id, path, memory, name, serial in _DEVICE.findall(done.stdout)
        if usb_id == _USB_ID and memory == _FLASH
    ]


def _flash_size(sectors):
    return f"{len(sectors)} sectors, {sum(map(len, sectors)) >> 10} KiB"


def choose_device(devices, chip):
    """Return the one of *devices* whose flash is that of *chip*; None if there are no devices.

    Raise FlashError if several fit, or if there are devices but none fits.
    """
    wanted = sector_ranges(CHIPS[chip].sectors)
    fitting = [device for device in devices if device.sectors == wanted]
    if len(fitting) > 1:
        raise FlashError(f"it fits {len(fitting)} boards that are in DFU mode: unplug all but one and try again")
    if devices and not fitting:
        others = ", ".join(
            f"the flash of the chip {device.serial} is {_flash_size(device.sectors)}" for device in devices
        )
        raise FlashError(
            f"it is for an {chip}, whose flash is {_flash_size(wanted)}, but {others}: set BOARD= to the board that is"
            " plugged in"
        )
    return fitting[0] if fitting else None


def wait_for_device(chip, seconds, devices=list_devices):
    """Call `choose_device` with what *devices* returns until it finds one or *seconds* have passed; return that."""
    return wait_for(lambda: choose_device(devices(), chip), seconds)


def write(dfu, device):
    """Write the file at *dfu* to *device* and start it. Return what to tell the user about the start."""
    command = ["dfu-util", "-d", _USB_ID, "-p", device.path, "-a", _FLASH, "-s", ":leave", "-D", str(dfu)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if _WRITTEN not in done.stdout:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise FlashError(f"dfu-util failed ({said[-1].rstrip('.')}): put the board into DFU mode again and try again")
    if done.returncode:  # some boot loaders are gone before dfu-util has asked how it went
        return "Press its reset button to start it."
    return "The board now restarts with it."


def flash(image, dfu, port=None, devices=list_devices):
    """Write the file at *dfu*, made from *image*. Return (where to, what to tell the user). Raise FlashError."""
    if not image.has_full_speed_usb:
        raise FlashError(
            "the board's USB connector is not at PA11 and PA12, the only pins where the chip's boot loader speaks DFU:"
            " set PROGRAMMER=stlink"
        )
    if port:
        enter_boot_loader(port, "DFU")
    device = wait_for_device(image.chip, SECONDS_TO_APPEAR if port else 0, devices)
    if not device:
        raise FlashError(
            f"no board in DFU mode was found (USB {_USB_ID} in the list of 'dfu-util -l'): connect its pin BOOT0 to"
            " 3.3 V, press its reset button and try again; or set PORT= to the serial port of a board that runs"
            " MicroPython; or set PROGRAMMER=stlink"
        )
    image.touched(device.sectors)
    print(f"Writing {dfu.name} to the chip {device.serial} with dfu-util; this takes half a minute.", flush=True)
    return f"the chip {device.serial}", write(dfu, device)
