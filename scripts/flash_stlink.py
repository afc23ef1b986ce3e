"""Write the firmware of an STM32 with st-flash, through an ST-Link, the programmer on ST's own boards."""

import re
import subprocess
import tempfile
import typing

from flash_error import FlashError
from stm32_chips import CHIPS, sector_ranges
from stm32_image import write_pieces

PACKAGE = "stlink-tools:st-flash"  # Debian's package, and a program that it has

# One programmer in the list of `st-info --probe`.
_PROGRAMMER = re.compile(r"^ +serial: +(\S+)$.*?^ +chipid: +0x([0-9a-fA-F]+)$", re.MULTILINE | re.DOTALL)
_NO_PERMISSION = re.compile("access error|LIBUSB_ERROR_ACCESS")
_NO_CHIP = 0
_WRITTEN = "Flash written and verified"


class Programmer(typing.NamedTuple):
    """An ST-Link: its serial number and the device ID of the chip that it is connected to."""

    serial: str
    device_id: int


def list_programmers():
    """Return each ST-Link that is plugged in. Raise FlashError if you may not use one that is there."""
    done = subprocess.run(["st-info", "--probe"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if _NO_PERMISSION.search(done.stderr + done.stdout):
        raise FlashError(
            "an ST-Link is plugged in, but you have no permission to use it: unplug it and plug it in again, since the"
            " rule that gives permission came with the package stlink-tools; if that does not help, run make as root"
        )
    return [Programmer(serial, int(device_id, 16)) for serial, device_id in _PROGRAMMER.findall(done.stdout)]


def _sees(programmer):
    if programmer.device_id == _NO_CHIP:
        return f"the ST-Link {programmer.serial} sees no chip (does the board have power?)"
    known = [name for name, chip in CHIPS.items() if chip.device_id == programmer.device_id]
    return f"the ST-Link {programmer.serial} sees chip ID {programmer.device_id:#x}" + "".join(
        f", an {name}" for name in known
    )


def choose_programmer(programmers, image):
    """Return which of *programmers* is connected to the chip of *image*. Raise FlashError unless exactly one is."""
    wanted = CHIPS[image.chip].device_id
    fitting = [programmer for programmer in programmers if programmer.device_id == wanted]
    if len(fitting) > 1:
        raise FlashError(f"it fits the chips of {len(fitting)} ST-Links: unplug all but one and try again")
    if fitting:
        return fitting[0]
    if not programmers:
        raise FlashError(
            "no ST-Link was found ('st-info --probe' lists them): plug in the USB connector of the board's ST-Link, or"
            " connect an ST-Link to its SWD pins, and try again"
            + ("; or set PROGRAMMER=dfu" if image.has_full_speed_usb else "")
        )
    raise FlashError(
        f"it is for an {image.chip}, chip ID {wanted:#x}, but {', '.join(map(_sees, programmers))}: connect that board,"
        " or set BOARD= to the one that is connected"
    )


def _write_piece(programmer, address, path, *options):
    command = ["st-flash", "--serial", programmer.serial, *options, "write", str(path), f"{address:#010x}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode or _WRITTEN not in said:
        lines = said.strip().splitlines() or [f"status {done.returncode}"]
        raise FlashError(
            f"st-flash failed at {address:#x} ({lines[-1].rstrip('.')}): the firmware on the board is not complete now:"
            " check the cable, hold the reset button down until st-flash starts, and try again"
        )


def flash(image, programmers=list_programmers):
    """Write *image*. Return (where to, what to tell the user). Raise FlashError or ImageError if that fails.

    The pieces are written one by one because st-flash erases what a file covers, and of an Intel HEX file the gap as
    well, which is the file system. After each file st-flash starts the chip as if the file began with a vector table.
    So the piece that does is the last, and the chip is reset after it.
    """
    image.touched(sector_ranges(CHIPS[image.chip].sectors))
    programmer = choose_programmer(programmers(), image)
    print(
        f"Writing the flash with st-flash through the ST-Link {programmer.serial}; this takes half a minute.",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        first, *others = write_pieces(image, folder)
        for address, path in others:
            _write_piece(programmer, address, path)
        _write_piece(programmer, *first, "--reset")
    return f"the chip at the ST-Link {programmer.serial}", "The board now restarts with it."
