"""flash.py BOARD [PORT]: writes the firmware of a board with a chip of Raspberry Pi's over USB.

The chip's boot ROM shows itself as a drive (BOOTSEL mode) that takes a .uf2 file and restarts with it. With PORT, such
as /dev/ttyACM0, the board that runs MicroPython there is told to go into that mode; without, somebody has held its
BOOTSEL button while plugging it in.
"""

import os
import pathlib
import re
import struct
import subprocess
import sys
import time

from boards import port as port_of
from emulator import ROOT

SECONDS_TO_APPEAR = 20

# Family ID of a .uf2 file -> what the chips of the family answer as Board-ID in INFO_UF2.TXT, and the drive's label.
# Source: Microsoft's list of UF2 families; the chips' boot ROMs.
BOARD_IDS = {0xE48BFF56: "RPI-RP2", 0xE48BFF59: "RP2350"}

MOUNTS = pathlib.Path("/proc/mounts")
MOUNT_FOLDERS = ("/media/*", "/media/*/*", "/run/media/*/*", "/mnt", "/mnt/*", "/Volumes/*")
LABELS = pathlib.Path("/dev/disk/by-label")


class FlashError(Exception):
    """The firmware was not written; the text says why and what to do."""


def family(uf2):
    """The family ID that the .uf2 file at the path *uf2* says it is for."""
    return struct.unpack_from("<I", uf2.read_bytes(), 28)[0]


def mounted_folders(mounts=MOUNTS, patterns=MOUNT_FOLDERS):
    """Every folder where a drive may be mounted: those that Linux lists, and the customary ones."""
    found = []
    if mounts.exists():
        for line in mounts.read_text().splitlines():
            found.append(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[1]))
    for pattern in patterns:
        found += map(str, pathlib.Path("/").glob(pattern.lstrip("/")))
    return sorted({pathlib.Path(path) for path in found})


def board_id(folder):
    """What the boot ROM's drive mounted at *folder* answers as Board-ID; None if there is no such drive."""
    try:
        information = (folder / "INFO_UF2.TXT").read_text(errors="replace")
    except OSError:
        return None
    answer = re.search(r"^Board-ID:\s*(\S+)", information, re.MULTILINE)
    return answer[1] if answer else None


def choose_drive(folders, wanted):
    """The one of *folders* where a drive with the Board-ID *wanted* is mounted; None if no boot ROM's drive is."""
    drives = {folder: board_id(folder) for folder in folders if board_id(folder)}
    fitting = [folder for folder in drives if drives[folder] == wanted]
    if len(fitting) > 1:
        raise FlashError(f"there are {len(fitting)} boards in BOOTSEL mode that it fits: unplug all but one")
    if drives and not fitting:
        others = ", ".join(f"{folder} is a {drives[folder]}" for folder in drives)
        raise FlashError(f"it is for a board with Board-ID {wanted}, and {others}: give the BOARD that is plugged in")
    return fitting[0] if fitting else None


def wait_for_drive(wanted, seconds, folders=mounted_folders):
    """The same for the folders that *folders* answers, again and again until there is one or *seconds* are over."""
    deadline = time.monotonic() + seconds
    while True:
        drive = choose_drive(folders(), wanted)
        if drive or time.monotonic() > deadline:
            return drive
        time.sleep(0.2)


def no_drive(uf2, wanted, labels=LABELS):
    """What to say when no drive is mounted."""
    if (labels / wanted).exists():
        return f"the board's drive is there and not mounted: run 'udisksctl mount -b {labels / wanted}' and try again"
    return (
        f"no board in BOOTSEL mode is mounted as a drive (with INFO_UF2.TXT on it, Board-ID {wanted}): hold the BOOTSEL"
        f" button while you plug the board in, mount the drive if your system does not, and try again; or give PORT= of"
        f" a board that runs MicroPython; or run 'picotool load -x {uf2}'"
    )


def write(uf2, drive):
    """Copy the file at *uf2* to the *drive*. The boot ROM restarts the chip as soon as it has all of it."""
    with open(drive / uf2.name, "wb") as file:
        file.write(uf2.read_bytes())
        file.flush()
        try:
            os.fsync(file.fileno())
        except OSError:
            if board_id(drive):  # still there: this is not the restart
                raise


def enter_bootsel(port):
    """Have the MicroPython at the serial *port* restart its chip in BOOTSEL mode."""
    command = [sys.executable, "-m", "mpremote", "connect", port, "bootloader"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines() or ["mpremote failed"]
        raise FlashError(f"the board at {port} could not be told to restart in BOOTSEL mode: {said[-1].rstrip('.')}")


def flash(uf2, port=None, folders=mounted_folders):
    """Write the file at *uf2*: the drive that took it. Raises FlashError, OSError."""
    wanted = BOARD_IDS[family(uf2)]
    if port:
        enter_bootsel(port)
    drive = wait_for_drive(wanted, SECONDS_TO_APPEAR if port else 0, folders)
    if not drive:
        raise FlashError(no_drive(uf2, wanted))
    write(uf2, drive)
    return drive


def main(board, port=None):
    if port_of(board) != "rp2":
        return f"physmem: there is nothing to flash for {board}, which runs under QEMU: make run BOARD={board}."
    uf2 = ROOT / "build" / board / "firmware.uf2"
    try:
        drive = flash(uf2, port)
    except (FlashError, OSError) as problem:
        return f"physmem: the firmware of {board} was not written: {problem}."
    print(f"Wrote {uf2.relative_to(ROOT)} to {drive}: the board restarts with it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
