"""Write a .uf2 file to an RP2040 or RP2350 over USB.

In BOOTSEL mode the chip's boot ROM appears as a drive; copy a .uf2 file to it and the chip restarts with that firmware.
"""

import os
import pathlib
import re
import struct

from boot_loader import SECONDS_TO_APPEAR, enter_boot_loader, wait_for
from flash_error import FlashError

# Family ID of a .uf2 file -> the Board-ID in INFO_UF2.TXT on such a chip's drive, which is also the drive's label.
# Source: Microsoft's list of UF2 families; the chips' boot ROMs.
BOARD_IDS = {0xE48BFF56: "RPI-RP2", 0xE48BFF59: "RP2350"}

MOUNTS = pathlib.Path("/proc/mounts")
MOUNT_FOLDERS = ("/media/*", "/media/*/*", "/run/media/*/*", "/mnt", "/mnt/*", "/Volumes/*")
LABELS = pathlib.Path("/dev/disk/by-label")


def family(uf2):
    """Return the family ID in the .uf2 file at the path *uf2*."""
    return struct.unpack_from("<I", uf2.read_bytes(), 28)[0]


def mounted_folders(mounts=MOUNTS, patterns=MOUNT_FOLDERS):
    """Return every folder where a drive may be mounted: those that Linux lists, and the usual ones."""
    found = []
    if mounts.exists():
        for line in mounts.read_text().splitlines():
            found.append(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[1]))
    for pattern in patterns:
        found += map(str, pathlib.Path("/").glob(pattern.lstrip("/")))
    return sorted({pathlib.Path(path) for path in found})


def board_id(folder):
    """Return the Board-ID of the boot ROM's drive mounted at *folder*; None if it is not such a drive."""
    try:
        information = (folder / "INFO_UF2.TXT").read_text(errors="replace")
    except OSError:
        return None
    answer = re.search(r"^Board-ID:\s*(\S+)", information, re.MULTILINE)
    return answer[1] if answer else None


def choose_drive(folders, wanted):
    """Return which of *folders* is a drive with the Board-ID *wanted*; None if none is a boot ROM's drive.

    Raise FlashError if several drives fit, or if there are drives but none fits.
    """
    drives = {folder: board_id(folder) for folder in folders if board_id(folder)}
    fitting = [folder for folder in drives if drives[folder] == wanted]
    if len(fitting) > 1:
        raise FlashError(f"it fits {len(fitting)} boards that are in BOOTSEL mode: unplug all but one and try again")
    if drives and not fitting:
        others = ", ".join(f"{folder} is a {drives[folder]}" for folder in drives)
        raise FlashError(f"it is for Board-ID {wanted}, but {others}: set BOARD= to the board that is plugged in")
    return fitting[0] if fitting else None


def wait_for_drive(wanted, seconds, folders=mounted_folders):
    """Call `choose_drive` with what *folders* returns until it finds a drive or *seconds* have passed; return that."""
    return wait_for(lambda: choose_drive(folders(), wanted), seconds)


def no_drive(uf2, wanted, labels=LABELS):
    """Return the error text for when no drive is mounted."""
    if (labels / wanted).exists():
        return f"the board's drive is not mounted: run 'udisksctl mount -b {labels / wanted}' and try again"
    return (
        f"no board in BOOTSEL mode was found (a mounted drive with INFO_UF2.TXT, Board-ID {wanted}): hold the BOOTSEL"
        f" button while you plug the board in, mount the drive if your system does not, and try again; or set PORT= to"
        f" the serial port of a board that runs MicroPython; or run 'picotool load -x {uf2}'"
    )


def write(uf2, drive):
    """Copy the file at *uf2* to the *drive*. The boot ROM restarts the chip as soon as it has the whole file."""
    with open(drive / uf2.name, "wb") as file:
        file.write(uf2.read_bytes())
        file.flush()
        try:
            os.fsync(file.fileno())
        except OSError:
            if board_id(drive):  # the drive is still there, so the chip has not restarted
                raise


def flash(uf2, port=None, folders=mounted_folders):
    """Write the file at *uf2*. Return the drive it was written to. Raise FlashError or OSError if that fails."""
    wanted = BOARD_IDS[family(uf2)]
    if port:
        enter_boot_loader(port, "BOOTSEL")
    drive = wait_for_drive(wanted, SECONDS_TO_APPEAR if port else 0, folders)
    if not drive:
        raise FlashError(no_drive(uf2, wanted))
    write(uf2, drive)
    return drive
